package syncml

import (
	"errors"
	"fmt"

	"github.com/omadm-sdk/omadm/internal/wbxml"
)

// Causes that callers may test for with [errors.Is].
var (
	ErrTooLarge = wbxml.ErrTooLarge                            // a message, a text or a number of items
	ErrTooDeep  = wbxml.ErrTooDeep                             // elements in elements
	ErrFull     = errors.New("syncml: no room in the message") // of Encoder.Encode: the command would exceed MaxMessage
	ErrSyntax   = wbxml.ErrSyntax                              // not XML, not WBXML, or not SyncML
	ErrBadChar  = errors.New("character that XML cannot carry")
)

// A SyntaxError says what is wrong with a message, and where.
type SyntaxError struct {
	Offset       int64  // in bytes, from the start of the message
	Line, Column int    // from 1, columns in bytes; 0 for WBXML, which has no lines
	Path         string // the element, such as /SyncML/SyncBody/Replace[2]/Item
	Err          error  // wraps one of the errors above, or the reader's
}

// Error implements error.
func (e *SyntaxError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("syncml: line %d, column %d (offset %d), in %s: %v", e.Line, e.Column, e.Offset, e.Path, e.Err)
	}
	return fmt.Sprintf("syncml: offset %d, in %s: %v", e.Offset, e.Path, e.Err)
}

// Unwrap returns e.Err.
func (e *SyntaxError) Unwrap() error { return e.Err }
