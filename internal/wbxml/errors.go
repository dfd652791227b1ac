package wbxml

import (
	"errors"
	"fmt"
)

// Causes that an [Error] wraps. A document that ends too early is io.ErrUnexpectedEOF.
var (
	ErrSyntax   = errors.New("malformed")
	ErrTooDeep  = errors.New("nested deeper than the limit")
	ErrTooLarge = errors.New("larger than the limit")
)

// An Error says what is wrong with a document, and at which byte of the input.
type Error struct {
	Offset int64
	Err    error
}

func (e *Error) Error() string { return fmt.Sprintf("wbxml: offset %d: %v", e.Offset, e.Err) }

// Unwrap returns e.Err.
func (e *Error) Unwrap() error { return e.Err }

// A CharsetError reports a document in a character set other than UTF-8 and US-ASCII.
type CharsetError struct {
	MIB uint32 // its number in the registry of IANA
}

func (e *CharsetError) Error() string {
	if name := e.Name(); name != "" {
		return fmt.Sprintf("character set %s (%d), want UTF-8", name, e.MIB)
	}
	return fmt.Sprintf("character set %d, want UTF-8 (106)", e.MIB)
}

// Name returns what the character set is called, or "" where that is not known.
func (e *CharsetError) Name() string { return charsets[e.MIB] }

// Is makes every CharsetError an ErrSyntax too.
func (e *CharsetError) Is(target error) bool { return target == ErrSyntax }

// charsets are the names of those that old devices announce.
var charsets = map[uint32]string{
	4:    "ISO-8859-1",
	5:    "ISO-8859-2",
	8:    "ISO-8859-5",
	12:   "ISO-8859-9",
	17:   "Shift_JIS",
	18:   "EUC-JP",
	38:   "EUC-KR",
	113:  "GBK",
	1000: "ISO-10646-UCS-2",
	1015: "UTF-16",
	2025: "GB2312",
	2026: "Big5",
	2252: "windows-1252",
}
