package syncml

import (
	"bytes"
	"io"
	"sync"
)

// readers are Decoders for Unmarshal.
var readers = sync.Pool{New: func() any { return &Decoder{fresh: true} }}

// Unmarshal reads the one message that data holds. The result does not refer to data and lasts as long as the caller
// wants; it takes a handful of allocations, whatever the number of commands. Nil options mean the defaults.
func Unmarshal(data []byte, opts *DecoderOptions) (*Message, error) {
	d := readers.Get().(*Decoder)
	defer d.release()
	d.configure(opts)
	d.ResetBytes(data)
	// Texts cannot be longer than what stands outside the tags, and no tag is shorter than <a>.
	room := max(0, len(data)-3*bytes.Count(data, lessThan))
	d.texts.room(int(min(int64(room), d.xml.max)))
	m, err := d.Message()
	if err == io.EOF {
		err = &SyntaxError{Line: 1, Column: 1, Path: "/", Err: io.ErrUnexpectedEOF}
	}
	if err == nil {
		err = d.src.close()
	}
	if err != nil {
		return nil, err
	}
	return detach(m), nil
}

var lessThan = []byte{'<'}

// release gives a Decoder back for the next Unmarshal, unless it has grown much.
func (d *Decoder) release() {
	const most = 1 << 10
	if cap(d.items) > most || len(d.nodes.mem) > most || len(d.results.mem) > most || len(d.statuses.mem) > most {
		return
	}
	d.ResetBytes(nil)
	const much = 1 << 20
	if cap(d.xml.scratch) > much {
		d.xml.scratch = nil
	}
	if cap(d.xml.mem) > much {
		d.xml.mem = nil
	}
	d.texts, d.head, d.cred, d.msg.Header = textBlock{}, Header{}, Cred{}, Header{}
	d.forgiven, d.xml.forgiven, d.bin.forgiven = nil, nil, nil
	readers.Put(d)
}

// A stock holds the parts of a message, each kind in one piece.
type stock struct {
	commands []Command
	nodes    []Replace
	groups   []Sequence
	alerts   []Alert
	execs    []Exec
	results  []Results
	statuses []Status
	unknowns []Unknown
	chals    []Chal
	items    []Item
	refs     []string
}

// detach copies m out of a Decoder's memory. Strings and what hangs below Extra and Unknown are not a Decoder's.
func detach(m *Message) *Message {
	n := new(need)
	n.count(m.Commands)
	s := stock{
		commands: take[Command](n.commands), nodes: take[Replace](n.nodes), groups: take[Sequence](n.groups),
		alerts: take[Alert](n.alerts), execs: take[Exec](n.execs), results: take[Results](n.results),
		statuses: take[Status](n.statuses), unknowns: take[Unknown](n.unknowns), chals: take[Chal](n.chals),
		items: take[Item](n.items), refs: take[string](n.refs),
	}
	out := &Message{Header: m.Header, Final: m.Final}
	if c := m.Header.Cred; c != nil {
		out.Header.Cred = &Cred{Meta: c.Meta, Data: c.Data}
	}
	out.Commands = s.copy(m.Commands)
	return out
}

func take[T any](n int) []T {
	if n == 0 {
		return nil
	}
	return make([]T, 0, n)
}

// put appends v, for which there is room, and returns where it stands.
func put[T any](list *[]T, v *T) *T {
	*list = append(*list, *v)
	return &(*list)[len(*list)-1]
}

// move appends all of from and returns them where they stand now.
func move[T any](list *[]T, from []T) []T {
	if len(from) == 0 {
		return nil
	}
	n := len(*list)
	*list = append(*list, from...)
	return (*list)[n:len(*list):len(*list)]
}

// A need counts the parts of a message.
type need struct {
	commands, nodes, groups, alerts, execs, results, statuses, unknowns, chals, items, refs int
}

func (n *need) count(cmds []Command) {
	n.commands += len(cmds)
	for _, c := range cmds {
		switch c := c.(type) {
		case *Status:
			n.statuses++
			n.items += len(c.Items)
			n.refs += len(c.TargetRefs) + len(c.SourceRefs)
			if c.Chal != nil {
				n.chals++
			}
		case *Results:
			n.results++
			n.items += len(c.Items)
		case *Replace:
			n.node(c)
		case *Add:
			n.node((*Replace)(c))
		case *Copy:
			n.node((*Replace)(c))
		case *Delete:
			n.node((*Replace)(c))
		case *Get:
			n.node((*Replace)(c))
		case *Alert:
			n.alerts++
			n.items += len(c.Items)
		case *Exec:
			n.execs++
			n.items += len(c.Items)
		case *Atomic:
			n.groups++
			n.count(c.Commands)
		case *Sequence:
			n.groups++
			n.count(c.Commands)
		case *Unknown:
			n.unknowns++
		}
	}
}

func (n *need) node(c *Replace) {
	n.nodes++
	n.items += len(c.Items)
}

func (s *stock) copy(cmds []Command) []Command {
	out := move(&s.commands, cmds)
	for i, c := range cmds {
		switch c := c.(type) {
		case *Status:
			d := put(&s.statuses, c)
			d.Items = move(&s.items, c.Items)
			d.TargetRefs, d.SourceRefs = move(&s.refs, c.TargetRefs), move(&s.refs, c.SourceRefs)
			if c.Chal != nil {
				d.Chal = put(&s.chals, c.Chal)
			}
			if c.Cred != nil {
				d.Cred = &Cred{Meta: c.Cred.Meta, Data: c.Cred.Data}
			}
			out[i] = d
		case *Results:
			d := put(&s.results, c)
			d.Items = move(&s.items, c.Items)
			out[i] = d
		case *Replace:
			out[i] = s.node(c)
		case *Add:
			out[i] = (*Add)(s.node((*Replace)(c)))
		case *Copy:
			out[i] = (*Copy)(s.node((*Replace)(c)))
		case *Delete:
			out[i] = (*Delete)(s.node((*Replace)(c)))
		case *Get:
			out[i] = (*Get)(s.node((*Replace)(c)))
		case *Alert:
			d := put(&s.alerts, c)
			d.Items = move(&s.items, c.Items)
			out[i] = d
		case *Exec:
			d := put(&s.execs, c)
			d.Items = move(&s.items, c.Items)
			out[i] = d
		case *Atomic:
			d := put(&s.groups, (*Sequence)(c))
			d.Commands = s.copy(c.Commands)
			out[i] = (*Atomic)(d)
		case *Sequence:
			d := put(&s.groups, c)
			d.Commands = s.copy(c.Commands)
			out[i] = d
		case *Unknown:
			out[i] = put(&s.unknowns, c)
		}
	}
	return out
}

func (s *stock) node(c *Replace) *Replace {
	d := put(&s.nodes, c)
	d.Items = move(&s.items, c.Items)
	return d
}
