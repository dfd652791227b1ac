// Package lint checks whole messages and profiles against a schema before they
// go to a device: each command by itself (does the node exist, does it take
// the command, the format, the value, is it on that build and edition), and
// all of them together (what must or must not be in an Atomic, dependencies,
// two commands for one node, children before their parent, what cannot be
// taken back).
//
//	for _, f := range lint.Message(profile, &lint.Options{Target: target}) {
//		fmt.Println(f) // line 12: Replace[3]: error: ./Device/…/AllowCamera: got 7, want 0 or 1 (value)
//	}
//
// An Error is what a device refuses, a Warning what does not do what it seems
// to do or cannot be taken back, a Note what cannot be told or is good to know.
// Without findings, nothing is known to be wrong; the schema says what is
// possible, not what is wise.
package lint
