// Package dmtree is the management tree of OMA Device Management: addresses,
// typed values, providers that serve parts of a tree, and what joins them. A
// device mounts its providers and gets a tree that behaves as the specification
// and Windows say; a server uses the same types to model, compare and export
// what a device holds.
//
// # Addresses
//
// A [URI] names a node. ./Vendor/MSFT, ./Device/Vendor/MSFT and Vendor/MSFT are
// the same node; [URI.Canonical] picks one spelling, and [URI.Fold] one without
// regard to case, as Windows compares. Names may hold anything printable;
// [URI.Join] escapes them:
//
//	dmtree.URI("./Device/Vendor/MSFT/WiFi/Profile").Join("Café 5/7", "WlanXml")
//
// What comes from a peer goes through [ParseURI], or through any function here:
// dots, empty segments, control characters and broken escapes stop there, in
// every spelling.
//
// # Values
//
// A [Value] is text with a [Format] and a MIME type. An interior node has a
// value too: the names of its children. [Parse] reads what a peer sent and
// checks it against the format; [Value.Text] is what goes out. [Value.Secret]
// marks what no log may show.
//
// # Providers
//
// A [Provider] has one method, Get. It offers more by implementing [Adder],
// [Replacer], [Deleter], [Execer] and so on beside it. Callers go through the
// functions [Get], [Add], [Replace], [Delete], [Exec], [Copy] and [Rename], which
// check the URI and answer for what is missing. A provider returns the errors of
// this package, whose comments tell the status that each becomes on the wire,
// and leaves operation and URI to the caller, who wraps them in an [*Error].
//
// [Leaf] makes a provider of two functions, [Memory] keeps nodes, [Users] has a
// subtree for each user, filestore keeps nodes over restarts. [Mux] joins them
// by patterns:
//
//	mux := new(dmtree.Mux)
//	mux.Handle("./DevDetail/SwV", dmtree.Leaf(version, nil))
//	mux.Handle("./Device/Vendor/MSFT/WiFi/Profile/{SSID}", wifi)
//
// # Rights and properties
//
// Around all of it goes a [Tree]. It has what OMA DM demands of every node: an
// [ACL] with inheritance, the properties that ?prop= addresses, the lists of
// ?list=, whole subtrees in one TNDS document. It checks each command before a
// provider sees it: limits, existence, access type, ACL, in this order. On
// behalf of whom is in the context, see [Call]. For Windows, where there are no
// ACLs, set its field Open.
//
// # Transactions
//
// A provider that implements [Beginner] can take part in an Atomic command: a
// [Tx] is a provider whose changes count only after Commit. Prepare judges what
// is valid only as a whole. The transaction of a Mux reaches each provider with
// the first write to it, prepares all before it commits the first, and says so
// if that was not enough: an error that wraps [ErrRollback] means that changes
// remain which should not. A provider without transactions answers a write in
// one with [ErrUnsupported]; [Undoable] gives it transactions that read before
// they write.
//
// # Comparing, exporting, watching
//
// [Walk] iterates over a subtree, [Snapshot] copies one, [Diff] tells the changes
// from one tree to another and [Apply] makes them. [WriteJSON] exports for
// people and programs, package tnds for other devices and servers. [Watch]
// collects changes until somebody asks.
//
// Package treetest checks providers and stores of your own.
package dmtree
