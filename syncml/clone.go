package syncml

import (
	"bytes"
	"slices"
)

// Clone returns a deep copy of c, which lasts as long as the caller wants.
func Clone(c Command) Command {
	switch c := c.(type) {
	case *Add:
		return (*Add)(cloneNodeCommand((*Replace)(c)))
	case *Copy:
		return (*Copy)(cloneNodeCommand((*Replace)(c)))
	case *Delete:
		return (*Delete)(cloneNodeCommand((*Replace)(c)))
	case *Get:
		return (*Get)(cloneNodeCommand((*Replace)(c)))
	case *Replace:
		return cloneNodeCommand(c)
	case *Alert:
		n := *c
		n.Items, n.Unknown = cloneItems(c.Items), slices.Clone(c.Unknown)
		return &n
	case *Exec:
		n := *c
		n.Meta, n.Items, n.Unknown = c.Meta.clone(), cloneItems(c.Items), slices.Clone(c.Unknown)
		return &n
	case *Results:
		n := *c
		n.Meta, n.Items, n.Unknown = c.Meta.clone(), cloneItems(c.Items), slices.Clone(c.Unknown)
		return &n
	case *Status:
		n := *c
		n.TargetRefs, n.SourceRefs = slices.Clone(c.TargetRefs), slices.Clone(c.SourceRefs)
		n.Cred, n.Items, n.Unknown = c.Cred.clone(), cloneItems(c.Items), slices.Clone(c.Unknown)
		if c.Chal != nil {
			n.Chal = &Chal{Meta: c.Chal.Meta.clone()}
		}
		return &n
	case *Atomic:
		n := *c
		n.Meta, n.Commands, n.Unknown = c.Meta.clone(), cloneCommands(c.Commands), slices.Clone(c.Unknown)
		return &n
	case *Sequence:
		n := *c
		n.Meta, n.Commands, n.Unknown = c.Meta.clone(), cloneCommands(c.Commands), slices.Clone(c.Unknown)
		return &n
	case *Unknown:
		n := *c
		return &n
	}
	return nil
}

// Clone returns a deep copy of m.
func (m *Message) Clone() *Message {
	return &Message{Header: *m.Header.Clone(), Commands: cloneCommands(m.Commands), Final: m.Final}
}

// Clone returns a deep copy of h.
func (h *Header) Clone() *Header {
	n := *h
	n.Cred, n.Meta, n.Unknown = h.Cred.clone(), h.Meta.clone(), slices.Clone(h.Unknown)
	return &n
}

func (c *Cred) clone() *Cred {
	if c == nil {
		return nil
	}
	return &Cred{Meta: c.Meta.clone(), Data: c.Data}
}

func (m Meta) clone() Meta {
	if m.Extra == nil {
		return m
	}
	x := *m.Extra
	x.EMI, x.Unknown = slices.Clone(x.EMI), slices.Clone(x.Unknown)
	if x.Anchor != nil {
		a := *x.Anchor
		x.Anchor = &a
	}
	if x.Mem != nil {
		mem := *x.Mem
		x.Mem = &mem
	}
	m.Extra = &x
	return m
}

// cloneNodeCommand serves the five commands that have the same fields.
func cloneNodeCommand(c *Replace) *Replace {
	n := *c
	n.Meta, n.Items, n.Unknown = c.Meta.clone(), cloneItems(c.Items), slices.Clone(c.Unknown)
	return &n
}

func cloneItems(items []Item) []Item {
	n := slices.Clone(items)
	for i := range n {
		n[i].Meta = n[i].Meta.clone()
		n[i].Data.b = bytes.Clone(n[i].Data.b)
		n[i].Unknown = slices.Clone(n[i].Unknown)
	}
	return n
}

func cloneCommands(cmds []Command) []Command {
	n := slices.Clone(cmds)
	for i := range n {
		n[i] = Clone(n[i])
	}
	return n
}
