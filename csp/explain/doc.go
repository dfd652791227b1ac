// Package explain says in words what the numbers of device management mean:
// status codes of SyncML, HRESULTs of Windows, and the numbers that a console
// such as Intune's shows instead of them.
//
//	e, err := explain.Number("-2016345708")
//	fmt.Println(e)
//
// prints
//
//	0x87D10194 (-2016345708)
//	  0x87D1....  Intune: the lower half is a status of SyncML, below 600
//	  0x....0194  404 Not found
//	The device has no node at this URI.
//	Next: the URI: its spelling, its scope (./Device or ./User), escapes in names
//	Next: whether this build and edition of Windows has the node: see its description
//	…
//
// [Number] reads any number as people find it: 0x86000002, -2016345708, 507.
// [Status] explains a status code where the command that it answers is known,
// which often decides what it means: 404 to a Delete is no failure.
//
// Most HRESULTs are composed: the upper half says who failed, the lower half
// holds an error of Win32, a status of HTTP or one of SyncML. What a number is
// made of is certain, and is in [Explanation.Parts] even for numbers that this
// package does not know. What it means here is what operators have found it to
// mean, which is no promise of Windows; [Explanation.Next] says where the proof
// is found.
package explain
