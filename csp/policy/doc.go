// Package policy is the Policy CSP, for both ends: what a server wants of a device ([Policies.Source], Config), what
// the device makes of the wishes of all who may have one (Result), and the settings that servers write most.
//
// # On the device
//
// A [Policies] evaluates the values of all sources that configure a device: the management server, Exchange
// ActiveSync, a provisioning package. Each source sees its own values under Config, and under Result what holds for
// the device. An [Enforcer], which the author of the agent supplies, makes effective values true on the host.
//
//	p := policy.New(csp.Windows(), enforcer)
//	source := p.Source(new(dmtree.Memory))
//	mux.Handle("./Device/Vendor/MSFT/Policy", source)
//	mux.Handle("./User/Vendor/MSFT/Policy", source)
//
// Wrap the tree in [csp.Guard], which refuses policies that do not exist and values that they do not allow.
//
// # On the server
//
// [DeviceLock], [AllowStorageCard], [RequireDeviceEncryption] and [Config] write into a batch. Read Result to learn
// what a device enforces: a write to Config succeeds even where the value of another source wins.
package policy
