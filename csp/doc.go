// Package csp knows what the configuration service providers (CSPs) of Windows
// allow: which nodes there are, which commands they take and which values, and
// on which devices they exist. It answers before a byte goes to a device.
//
// # Schemas
//
// A [Schema] is a tree of node definitions. [Windows] returns the one that
// Microsoft publishes, which is part of this package; package
// [github.com/omadm-sdk/omadm/csp/ddf] reads description files of your own
// hardware or of other releases, [New] makes schemas of them, and [Schema.With]
// puts them beside others. [Schema.Correct] lays corrections over a schema,
// [Changes] tells what differs between two.
//
//	n, ok := csp.Windows().Lookup("./Vendor/MSFT/Policy/Config/Camera/AllowCamera")
//
// Lookup takes a URI in any spelling. A name that is chosen at run time, such
// as the SSID of a Wi-Fi profile, matches the dynamic node that stands for it;
// [Node.Bindings] gives such names back. Where Lookup finds nothing,
// [Schema.Find] says why and what may have been meant; [Schema.Search] finds
// nodes by words and by the names of Group Policy settings.
//
// # Checking
//
// What can be asked of a node:
//
//	n.Allows(csp.OpReplace)       // may a server replace it?
//	n.Validate(dmtree.Int(7))     // does it take the value?
//	n.Applies(csp.Target{…})      // does it exist on that build and edition?
//	n.Equal(want, got)            // do two values mean the same?
//
// Answers are yes (nil), no (an error for people: "want 0 or 1"), or
// [ErrUndecidable] where the description does not say enough. It is never
// silent about that. Not decidable are
//
//   - what data a Group Policy needs, in a schema that does not come with the
//     facts of its ADMX file, as [Windows] does (the form is always checked);
//   - XML documents with parts of schemas that Microsoft does not publish;
//   - values of which a pattern without anchors describes only a part;
//   - builds and editions that are not known, or not named although they share
//     their updates with one that is.
//
// A node whose description says nothing about its values takes every value of
// its format. That a value is valid does not mean that it is sensible, nor that
// this device takes it: descriptions are sometimes wrong. Corrections that are
// known are in data/errata.txt, with their sources.
//
// # On a device
//
// [Guard] puts a schema in front of a [dmtree.Provider]: unknown nodes,
// forbidden commands, wrong formats and wrong values do not reach it.
//
// # Cost
//
// The data of Windows is text, 0.6 MB; nodes point into it and read their line
// when they are asked. The first call of Windows takes a few milliseconds. Look-up
// and validation do not allocate. A program that does not call Windows does not
// carry the data.
package csp
