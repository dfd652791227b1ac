package csp

import (
	"fmt"
	"slices"
	"strings"

	"github.com/omadm-sdk/omadm/dmtree"
)

// Correct returns a copy of s with corrections over it. Each line of errata is
// a URI, as [Node.URI] gives it (a last name of * stands for all fixed names
// at that place), and after tabs the fields of the text form
// that replace those of the node, "-x" to remove field x, "head" and a space
// before other commands or another format, and last "# " with the source of
// the correction:
//
//	./DevDetail/Ext/VoLTEServiceSetting	head int G 1p	-d	# the device answers 405 to Replace
//
// Lines that start with # and empty lines say nothing. A line about a node
// that s has not is an error.
func (s *Schema) Correct(errata string) (*Schema, error) {
	c := &Schema{shared: s.shared, index: s.index, stems: s.stems, policies: s.policies, nodes: slices.Clone(s.nodes)}
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
		nodes := s.at(uri)
		if len(nodes) == 0 {
			return &TextError{number, fmt.Sprintf("there is no node %s to correct", uri)}
		}
		for _, n := range nodes {
			if wrong := n.change(fields[:last]); wrong != "" {
				return &TextError{number, wrong}
			}
		}
	}
	return nil
}

// at returns the described nodes that uri names, spelled as URI spells it; a
// last name of * stands for all fixed names.
func (s *Schema) at(uri string) []*Node {
	above, all := strings.CutSuffix(uri, "/*")
	i := int32(0)
	for seg := range segments(dmtree.URI(above)) {
		if i = s.labelled(i, seg); i < 0 {
			return nil
		}
	}
	var nodes []*Node
	if n := &s.nodes[i]; !all {
		nodes = append(nodes, n)
	} else {
		for c := range n.Children() {
			if !c.Dynamic() {
				nodes = append(nodes, c)
			}
		}
	}
	return slices.DeleteFunc(nodes, func(n *Node) bool { return !n.Described() })
}

// labelled returns the child of node i that is shown as label, or -1.
func (s *Schema) labelled(i int32, label string) int32 {
	name, dynamic := strings.CutPrefix(label, "{")
	if !dynamic {
		return s.find(i, dmtree.URI(label).Name())
	}
	name = strings.TrimSuffix(name, "}")
	for c := s.nodes[i].dynamic; c > 0; c = s.nodes[c].next {
		if n := &s.nodes[c]; n.Dynamic() && n.Name == name {
			return c
		}
	}
	return -1
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
