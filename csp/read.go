package csp

import (
	"fmt"
	"math/bits"
	"strings"

	"github.com/omadm-sdk/omadm/dmtree"
)

// A TextError tells what is wrong with the text form of a schema.
type TextError struct {
	Line   int
	Reason string
}

// Error implements error.
func (e *TextError) Error() string { return fmt.Sprintf("csp: schema line %d: %s", e.Line, e.Reason) }

// ParseText reads the text form that [Schema.MarshalText] writes. The schema
// keeps text and points into it. The fields of a node are read when they are
// asked for; what is wrong in them then reads as not given.
func ParseText(text string) (*Schema, error) {
	rest, ok := strings.CutPrefix(text, textHeader)
	if !ok {
		return nil, &TextError{1, "want " + strings.TrimSpace(textHeader)}
	}
	s := &Schema{shared: make(map[string]string)}
	line := 1
	for {
		var l string
		if l, rest, ok = strings.Cut(rest, "\n"); !ok {
			return nil, &TextError{line, "the text ends before the nodes"}
		}
		line++
		if l == "" {
			break
		}
		if l[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(l, "\t")
		id, named := strings.CutPrefix(name, "$")
		if !ok || !named || id == "" {
			return nil, &TextError{line, "want a shared text: $name, a tab, the text"}
		}
		s.shared[id] = value
	}
	count := strings.Count(rest, "\n")
	s.nodes = make([]Node, 1, count+1)
	s.nodes[0] = Node{Format: dmtree.FormatNode, access: OpGet, s: s, parent: -1}
	s.index = make([]entry, 1<<bits.Len(uint(2*count+1)))
	if err := s.readNodes(rest, line); err != nil {
		return nil, err
	}
	for _, text := range commonStems {
		if i := s.lookup(text[:len(text)-1]); i >= 0 {
			s.stems = append(s.stems, stem{text, i})
		}
	}
	return s, nil
}

func (s *Schema) readNodes(rest string, line int) error {
	var last [maxDepth + 1]int32 // at each depth, the node that was read last
	mask := uint32(len(s.index) - 1)
	for rest != "" {
		line++
		end := strings.IndexByte(rest, '\n')
		if end < 0 {
			return &TextError{line, "the line does not end"}
		}
		l := rest[:end]
		rest = rest[end+1:]
		depth := 0
		for depth < len(l) && l[depth] == ' ' {
			depth++
		}
		depth++
		tab := strings.IndexByte(l, '\t')
		switch {
		case tab < depth:
			return &TextError{line, "want a name and a tab"}
		case depth > maxDepth:
			return &TextError{line, fmt.Sprintf("deeper than %d", maxDepth)}
		case depth > 1 && last[depth-1] == 0:
			return &TextError{line, "more than one deeper than the line before"}
		}
		prev := last[depth]
		clear(last[depth:])
		i := int32(len(s.nodes))
		n := Node{s: s, parent: last[depth-1], depth: uint8(depth)}
		if err := n.read(l[depth-1:tab], l[tab+1:]); err != "" {
			return &TextError{line, err}
		}
		p := &s.nodes[n.parent]
		if n.flags&flagDynamic != 0 {
			if p.dynamic == 0 {
				p.dynamic = i
			}
		} else {
			if s.find(n.parent, n.Name) >= 0 {
				return &TextError{line, n.Name + " is there already"}
			}
			e := entry{hashName(n.parent, n.Name), i}
			h := e.hash & mask
			for s.index[h].node != 0 {
				h = (h + 1) & mask
			}
			s.index[h] = e
		}
		if prev != 0 {
			s.nodes[prev].next = i
		} else {
			p.child = i
		}
		last[depth] = i
		s.nodes = append(s.nodes, n)
	}
	return nil
}
