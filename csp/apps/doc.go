// Package apps is the application CSPs, for both ends: EnterpriseModernAppManagement, which installs, lists and removes
// packaged apps, EnterpriseDesktopAppManagement, which does so with MSI products, and EnterpriseAppManagement, which
// holds the enterprise token of older and IoT editions.
//
// # On the device
//
// A [Manager] serves the three subtrees. Installing goes on after the answer: the Exec is answered 202, the package is
// fetched over HTTPS, its hash is held against what the server said, and the [Host] installs it; then an alert tells the
// server how it ended. [Dir] is a host that keeps packages in a directory.
//
//	m := &apps.Manager{Host: apps.Dir("/var/lib/agent/apps"), Raise: agent.Raise}
//	m.Mount(mux)
//	defer m.Close() // waits for what runs
//
// # On the server
//
// [InstallHosted], [InstallMSI], [Uninstall], [SetToken] and [AskInventory] write into a batch. An install is over when
// its alert has come ([Finished]); a server that missed it asks for the status ([AskStatus]).
package apps
