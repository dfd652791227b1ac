package explain

import (
	"fmt"
	"strings"

	"github.com/omadm-sdk/omadm/syncml"
)

// An Explanation says what a number is made of and what it means.
type Explanation struct {
	// Code is the HRESULT, or the status itself if Bare is set.
	Code uint32
	Bare bool // a status code of SyncML, not an HRESULT

	Name    string // as in Microsoft's headers; empty for numbers that have none or are not known
	Success bool   // nothing has failed

	// Parts is what the number is made of, from its upper end to its lower.
	Parts []Part

	// Status and HTTP are the status codes of SyncML and of HTTP that are in the
	// number; 0: none.
	Status syncml.StatusCode
	HTTP   int

	// Known tells whether this package knows the number, not just its parts.
	Known   bool
	Meaning string   // a sentence, for a number that is not known on what its parts say
	Next    []string // what to look at next, most promising first; may be empty
}

// A Part is one piece of a number.
type Part struct {
	Bits    string // the piece in its place: 0x87D1....
	Meaning string
}

// String returns some lines for a terminal, without a line feed at the end.
func (e *Explanation) String() string {
	var b strings.Builder
	if e.Bare {
		fmt.Fprintf(&b, "%s", syncml.StatusCode(e.Code))
	} else {
		fmt.Fprintf(&b, "0x%08X (%d)", e.Code, int32(e.Code))
		if e.Name != "" {
			b.WriteString(" " + e.Name)
		}
		for _, p := range e.Parts {
			fmt.Fprintf(&b, "\n  %s  %s", p.Bits, p.Meaning)
		}
	}
	b.WriteString("\n" + e.Meaning)
	for _, n := range e.Next {
		b.WriteString("\nNext: " + n)
	}
	return b.String()
}
