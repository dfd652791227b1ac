package csp

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/omadm-sdk/omadm/dmtree"
)

// ErrUndecidable means that the schema does not say enough to tell yes from
// no. Errors that wrap it tell what is missing.
var ErrUndecidable = errors.New("csp: the schema cannot tell")

// A ValueError tells that a node does not take a value. It wraps
// [dmtree.ErrFormat] if the format is wrong, else [dmtree.ErrValue].
type ValueError struct {
	URI   dmtree.URI // the node; dynamic names in braces
	Value string     // what came, shortened; "[secret]" for a secret value
	Want  string     // what the node takes: "0 or 1", "a number from 30 to 1440"
	Err   error
}

// Error implements error.
func (e *ValueError) Error() string {
	return fmt.Sprintf("csp: %s: %s: want %s", e.URI, e.Value, e.Want)
}

// Unwrap returns the cause.
func (e *ValueError) Unwrap() error { return e.Err }

func (n *Node) valueError(v dmtree.Value, want string, err error) error {
	if v.IsSecret() || n.Secret() {
		// What is wanted may repeat a part of the value, such as an item of a list.
		if err == dmtree.ErrValue {
			want = "a value that its description allows"
		}
		v = v.Secret()
	}
	return &ValueError{URI: n.URI(), Value: shorten(v.String()), Want: want, Err: err}
}

// shorten makes a value fit into a line.
func shorten(s string) string {
	const limit = 80
	if s == "" {
		return "empty value"
	}
	if len(s) > limit {
		cut := limit
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "…"
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7F || r == 0xF000 }) {
		return fmt.Sprintf("%q", s)
	}
	return s
}

func undecidable(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrUndecidable}, args...)...)
}
