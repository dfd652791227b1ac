package csp

import (
	"iter"
	"strings"
)

// allowed is the field that describes values, in its text form.
type allowed struct {
	s     *Schema
	n     *Node // whose values these are; nil for those of a dependency
	kind  Kind
	delim string
	rest  string // atoms
}

func (n *Node) allowed(letter byte) allowed {
	f, _ := n.field(letter)
	a := n.s.allowed(f)
	a.n = n
	return a
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

// cut cuts the first value off rest, which starts as a.rest. Iterators would
// allocate here.
func (a *allowed) cut(rest string) (value, tail string, more bool) {
	value, tail, more = strings.Cut(rest, "|")
	return a.s.atom(value), tail, more
}

// first returns the only value of kinds that have one.
func (a *allowed) first() (value string, ok bool) {
	if a.rest == "" {
		return "", false
	}
	value, _, _ = a.cut(a.rest)
	return value, true
}

func (s *Schema) values(atoms string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for v := range eachAtom(atoms) {
			if !yield(s.atom(v)) {
				return
			}
		}
	}
}

func (a *allowed) decode() Allowed {
	d := Allowed{Kind: a.kind, Delimiter: a.delim}
	if a.kind == KindADMX {
		var x [3]string
		a.s.atoms(a.rest, x[:])
		d.ADMX = ADMX{x[0], x[1], x[2]}
		return d
	}
	for v := range a.s.values(a.rest) {
		d.Values = append(d.Values, v)
	}
	return d
}
