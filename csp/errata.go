package csp

import (
	"fmt"
	"slices"
	"strings"

	"github.com/omadm-sdk/omadm/dmtree"
)

// Correct returns a copy of s with corrections over it. Each line of errata is
// a URI, as [Node.URI] gives it, and after tabs the fields of the text form
// that replace those of the node, "-x" to remove field x, "head" and a space
// before other commands or another format, and last "# " with the source of
// the correction:
//
//	./DevDetail/Ext/VoLTEServiceSetting	head int G 1p	-d	# the device answers 405 to Replace
//
// Lines that start with # and empty lines say nothing. A line about a node
// that s has not is an error.
func (s *Schema) Correct(errata string) (*Schema, error) {
	c := &Schema{shared: s.shared, index: s.index, stems: s.stems, nodes: slices.Clone(s.nodes)}
	for i := range c.nodes {
		c.nodes[i].s = c
	}
	if err := c.correct(errata); err != nil {
		return nil, err
	}
	return c, nil
}

// correct is Correct for a schema that nobody else has yet.
func (s *Schema) correct(errata string) error {
	number := 0
	for line := range strings.Lines(errata) {
		number++
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		uri, changes, _ := strings.Cut(line, "\t")
		fields := strings.Split(changes, "\t")
		last := len(fields) - 1
		if !strings.HasPrefix(fields[last], "# ") || last == 0 {
			return &TextError{number, "want a URI, corrections, and # with their source, with tabs between them"}
		}
		n := s.at(dmtree.URI(uri))
		if n == nil || !n.Described() {
			return &TextError{number, fmt.Sprintf("there is no node %s to correct", uri)}
		}
		if wrong := n.change(fields[:last]); wrong != "" {
			return &TextError{number, wrong}
		}
	}
	return nil
}

// at returns the node whose URI is u, spelled as URI spells it.
func (s *Schema) at(u dmtree.URI) *Node {
	i := int32(0)
	for seg := range segments(u) {
		if label, ok := strings.CutPrefix(seg, "{"); ok {
			label = strings.TrimSuffix(label, "}")
			c := s.nodes[i].dynamic
			for c > 0 && (!s.nodes[c].Dynamic() || s.nodes[c].Name != label) {
				c = s.nodes[c].next
			}
			if c <= 0 {
				return nil
			}
			i = c
		} else if i = s.find(i, dmtree.URI(seg).Name()); i < 0 {
			return nil
		}
	}
	return &s.nodes[i]
}

// change replaces fields of n.
func (n *Node) change(changes []string) (wrong string) {
	head, rest, _ := strings.Cut(n.line, "\t")
	fields := strings.Split(rest, "\t")
	for _, c := range changes {
		if h, ok := strings.CutPrefix(c, "head "); ok {
			head = h
			continue
		}
		letter, remove := strings.CutPrefix(c, "-")
		if letter == "" || strings.IndexByte("p=+!?t", letter[0]) >= 0 {
			return fmt.Sprintf("cannot correct %q", c)
		}
		fields = slices.DeleteFunc(fields, func(f string) bool { return f == "" || f[0] == letter[0] })
		if !remove {
			fields = append([]string{c}, fields...)
		}
	}
	m := Node{s: n.s, parent: n.parent, next: n.next, child: n.child, dynamic: n.dynamic, depth: n.depth}
	line := head
	for _, f := range fields {
		if f != "" {
			line += "\t" + f
		}
	}
	if wrong := m.read(encodeName(n.Name, n.Dynamic()), line); wrong != "" {
		return wrong
	}
	*n = m
	return ""
}
