package csp

import "strings"

func (n *Node) ownApplicability() (a Applicability, ok bool) {
	f, ok := n.field('b')
	if !ok {
		return a, false
	}
	for b := range strings.FieldsSeq(n.s.atom(f)) {
		if build, err := ParseBuild(b); err == nil {
			a.Builds = append(a.Builds, build)
		}
	}
	f, _ = n.field('s')
	a.CSPVersion = n.s.atom(f)
	if f, ok := n.field('e'); ok {
		a.Editions = []Edition{}
		for e := range strings.FieldsSeq(n.s.atom(f)) {
			if edition, ok := EditionOf("0x" + e); ok {
				a.Editions = append(a.Editions, edition)
			}
		}
	}
	_, a.EntraJoin = n.field('j')
	return a, true
}
