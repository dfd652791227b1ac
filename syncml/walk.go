package syncml

import (
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/omadm-sdk/omadm/internal/wbxml"
)

// A Note says what some octets of a document in WBXML mean.
type Note struct {
	Offset  int64  // in the input
	Bytes   []byte // part of the input
	Depth   int    // of the element they stand in
	Meaning string // such as <Replace>, "./DevDetail/SwV", switch to code page 1
}

// String returns the note in one line: offset, octets (the first twelve of many) and, indented by depth, the meaning.
func (n Note) String() string {
	const show = 12
	octets := fmt.Sprintf("% x", n.Bytes[:min(len(n.Bytes), show)])
	if len(n.Bytes) > show {
		octets += " ..."
	}
	return strings.TrimRight(fmt.Sprintf("%06x  %-40s %s%s", n.Offset, octets, strings.Repeat("  ", n.Depth), n.Meaning), " ")
}

// Walk explains a capture in WBXML octet by octet: one message or several, and trees and DevInf documents, alone or within
// messages. It asks for nothing but WBXML, so it also explains what a [Decoder] refuses.
//
// It shows what is there, credentials included. It goes on to the last token that is whole. Where the input is cut or damaged, a last note holds what is left, and an
// error follows that says where, and why.
func Walk(data []byte) iter.Seq2[Note, error] {
	return func(yield func(Note, error) bool) {
		more := true
		err := wbxml.Walk(data, wbxml.Limits{}, tagNames, func(n wbxml.Note) bool {
			more = yield(Note(n), nil)
			return more
		})
		if err != nil && more {
			s := &SyntaxError{Path: "/", Err: err}
			var at *wbxml.Error
			if errors.As(err, &at) {
				s.Offset, s.Err = at.Offset, at.Err
			}
			yield(Note{}, s)
		}
	}
}

// tagNames returns how the tags of a document are called.
func tagNames(h wbxml.Header) func(wbxml.Tag) string {
	v := embedded(h)
	return func(t wbxml.Tag) string {
		name, _ := v.nameOf(t)
		return name
	}
}
