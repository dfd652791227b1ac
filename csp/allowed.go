package csp

import (
	"iter"
	"strings"
)

// allowed is the field that describes values, in its text form.
type allowed struct {
	s     *Schema
	kind  Kind
	delim string
	rest  string // atoms
}

func (n *Node) allowed(letter byte) allowed {
	f, _ := n.field(letter)
	return n.s.allowed(f)
}

func (s *Schema) allowed(f string) allowed {
	a := allowed{s: s}
	if f == "" {
		return a
	}
	a.kind = Kind(letterOf(kindLetters, f))
	a.delim, a.rest, _ = strings.Cut(f[1:], ":")
	a.delim = unescapeField(a.delim)
	return a
}

func (a allowed) values() iter.Seq[string] {
	return func(yield func(string) bool) {
		for v := range eachAtom(a.rest) {
			if !yield(a.s.atom(v)) {
				return
			}
		}
	}
}

func (a allowed) decode() Allowed {
	d := Allowed{Kind: a.kind, Delimiter: a.delim}
	if a.kind == KindADMX {
		var x [3]string
		a.s.atoms(a.rest, x[:])
		d.ADMX = ADMX{x[0], x[1], x[2]}
		return d
	}
	for v := range a.values() {
		d.Values = append(d.Values, v)
	}
	return d
}
