package dmtree

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Limits are the lengths that a device takes in URIs, as it tells in
// ./DevDetail/URI. Zero means no limit.
type Limits struct {
	MaxDepth  int // names in a URI; the leading "." is not counted
	MaxTotLen int // characters in a whole URI as it was sent, with its query
	MaxSegLen int // characters in one segment as it was sent
}

// Check returns an *Error that wraps ErrTooLong if u exceeds a limit.
func (l Limits) Check(u URI) error {
	tooLong := func(what string, n, limit int) error {
		return &Error{URI: u[:min(len(u), 64)], Err: fmt.Errorf("%w: %s %d, at most %d are taken", ErrTooLong, what, n, limit)}
	}
	if n := utf8.RuneCountInString(string(u)); l.MaxTotLen > 0 && n > l.MaxTotLen {
		return tooLong("characters:", n, l.MaxTotLen)
	}
	if n := u.Depth(); l.MaxDepth > 0 && n > l.MaxDepth {
		return tooLong("segments:", n, l.MaxDepth)
	}
	if l.MaxSegLen > 0 {
		for seg := range strings.SplitSeq(u.path(), "/") {
			if n := utf8.RuneCountInString(seg); n > l.MaxSegLen {
				return tooLong("characters in a segment:", n, l.MaxSegLen)
			}
		}
	}
	return nil
}
