// Package plan turns what the owners of a device want into the commands that
// bring it there: the fewest that are safe, in an order that works, and the
// commands that take them back.
//
//	p := plan.New(plan.Input{
//		Owners:  []plan.Owner{{Name: "baseline", Settings: settings}},
//		Known:   lastKnown,  // what the device was seen to hold
//		Managed: managed,    // what earlier plans wrote
//		Target:  target,     // its build and edition
//	})
//	fmt.Print(p)             // for the one who approves it
//	p.Fill(batch)            // for the device
//
// The schema decides what can be done: Add, Replace or both, as the node takes
// them and as it is known to be there or not; Delete for what nobody wants any
// more, or its default where it takes none. Nodes that others depend on come
// first, instances before what is in them. An Atomic goes only around what
// asks for one. What cannot work is in Refused, what two owners do not agree on
// in Conflicts and left as it is, what needs a user who is not signed in in
// Held.
//
// New is a pure function: the same input makes the same plan. A device that
// was known when the plan was made, and has run it, gets an empty plan the
// next time; after Undo it holds what it held before, but for what CannotUndo
// lists.
package plan
