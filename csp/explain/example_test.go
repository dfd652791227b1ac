package explain_test

import (
	"fmt"
	"log"

	"github.com/omadm-sdk/omadm/csp/explain"
)

// What Intune shows where a device answered 404.
func ExampleNumber() {
	e, err := explain.Number("-2016345708")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(e)
	// Output:
	// 0x87D10194 (-2016345708)
	//   0x87D1....  Intune: the lower half is a status of SyncML, below 600
	//   0x....0194  404 Not found
	// The device has no node at this URI.
	// Next: the URI: its spelling, its scope (./Device or ./User), escapes in names
	// Next: whether this build and edition of Windows has the node: see its description
	// Next: whether nodes above it must be added first
	// Next: msft:originalerror on the Data of the Status: the HRESULT behind it (Windows 10 1809 and later)
}

// What an enrollment shows that got an answer it cannot use.
func ExampleNumber_http() {
	e, err := explain.Number("0x801900c8")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(e.HTTP, e.Meaning)
	// Output: 200 The server answered with success, and the device cannot use the body.
}

// The same code means something else by the command that it answers.
func ExampleStatus() {
	fmt.Println(explain.Status(404, "Delete").Meaning)
	fmt.Println(explain.Status(404, "Get").Meaning)
	// Output:
	// The node is not there: what was to be deleted is gone, or never was.
	// The device has no such node: nothing is set there, or the URI is wrong.
}
