// Package inventory tells what a device is: the DevInfo and DevDetail objects of OMA DM and Microsoft's DeviceStatus
// CSP, for both ends.
//
// # On the device
//
// [Mount] adds the three subtrees to a tree. They read from a [Host]: [Local] is the machine that the program runs on,
// and a [*Device] is a host that always answers the same, for simulators and tests.
//
//	mux := new(dmtree.Mux)
//	inventory.Mount(mux, inventory.Local("4F1C0DA2B7E84D0F9C3E8A55D10B6C21"))
//
// # On the server
//
// [Ask] adds the Gets to a batch; [Device.Read] takes the answers.
//
// A node that a device does not have is a nil pointer in [Device], and 404 on the wire.
package inventory
