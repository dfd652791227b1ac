// Package filestore keeps a management tree in a file, for an agent's own
// nodes: what servers have set there survives restarts, crashes and power
// cuts.
//
//	store, err := filestore.Open("/var/lib/agent/tree", nil)
//	if err != nil {
//		return err
//	}
//	defer store.Close()
//	mux.Handle("./Device/Vendor/Example", store)
//
// A [Store] is a [dmtree.Memory] with a log: reads are served from memory, and
// each change or transaction is written to the file and synchronised with the
// disk before it counts. So when a call returns nil, its changes are there
// after whatever happens; when the process dies during the call, all of its
// changes are there or none. The properties that a [dmtree.Tree] keeps (ACLs,
// titles, time stamps) lie in the same file and change in the same transaction.
//
// The log is written anew when it has grown far beyond what it holds; the new
// file takes the place of the old in one step. A record that was cut off by a
// crash is dropped when the file is opened, and [Store.Recovered] tells. Damage
// anywhere else is an error: acknowledged changes are never dropped in silence.
//
// Values are in the file as they are, secret ones too; only the owner may read
// it. One process at a time may have a store open.
package filestore
