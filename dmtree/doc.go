// Package dmtree is the management tree of OMA Device Management: addresses,
// typed values, providers that serve parts of a tree, and what joins them.
//
// # Addresses
//
// A [URI] names a node. Any of ./Vendor/MSFT, ./Device/Vendor/MSFT and
// Vendor/MSFT is the same node; [URI.Canonical] picks one spelling, and
// [URI.Fold] one without regard to case, as Windows compares. Names may hold
// anything printable; [URI.Join] escapes them:
//
//	dmtree.URI("./Device/Vendor/MSFT/WiFi/Profile").Join("Café 5/7", "WlanXml")
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
// [Replacer], [Deleter], [Execer] and so on beside it; callers go through the
// functions of the same names, which check the URI and answer for what is
// missing. A provider returns the errors of this package, whose comments tell
// the status that each becomes, and leaves operation and URI to the caller.
//
// # Transactions
//
// A provider that implements [Beginner] can take part in an Atomic command. A
// [Tx] is a provider whose changes count only after Commit.
package dmtree
