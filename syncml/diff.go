package syncml

import (
	"fmt"
	"strconv"
	"strings"
)

// DiffOptions say what a [Diff] does not look at. How a message was spelled (prefixes, order of children, CDATA, white
// space between elements) never counts, since the types do not hold it.
type DiffOptions struct {
	IgnoreCmdIDs     bool // of commands; references to the peer's commands still count
	IgnoreWhitespace bool // at the ends of Data, and runs of it within
	IgnoreMeta       bool // of commands and items; absent Format and Type never differ from chr and text/plain
	IgnoreSession    bool // SessionID and MsgID of the header, MsgRef of Status and Results
}

// A Difference is a place where two messages do not say the same. "(none)" stands for what is not there.
type Difference struct {
	Path string // such as SyncBody/Replace[2]/Item[1]/Data
	A, B string
}

// String returns the difference in one line, long values cut.
func (d Difference) String() string {
	return fmt.Sprintf("%s: %s, %s", d.Path, quoted(d.A), quoted(d.B))
}

const none = "(none)"

func quoted(s string) string {
	if s == none {
		return s
	}
	if len(s) > 200 {
		s = s[:200] + "..."
	}
	return strconv.Quote(s)
}

// Diff tells where two messages mean different things. Nil options mean that everything counts. Credentials differ
// without being shown.
func Diff(a, b *Message, opts *DiffOptions) []Difference {
	if opts == nil {
		opts = &DiffOptions{}
	}
	x, y := flatten(a, opts), flatten(b, opts)
	var diffs []Difference
	for _, p := range x.order {
		if v, ok := y.values[p]; !ok {
			diffs = append(diffs, Difference{p, x.values[p], none})
		} else if v != x.values[p] {
			diffs = append(diffs, Difference{p, x.values[p], v})
		}
	}
	for _, p := range y.order {
		if _, ok := x.values[p]; !ok {
			diffs = append(diffs, Difference{p, none, y.values[p]})
		}
	}
	for i := range diffs {
		if p := diffs[i].Path; strings.HasSuffix(p, "Cred/Data") || strings.HasSuffix(p, "NextNonce") {
			hide(&diffs[i])
		}
	}
	return diffs
}

// hide takes the secrets out of a difference, and leaves what is absent.
func hide(d *Difference) {
	shown := "(secret)"
	if d.A != none {
		d.A, shown = shown, "(another secret)"
	}
	if d.B != none {
		d.B = shown
	}
}

// A flat holds the values of a message by their paths.
type flat struct {
	opts   *DiffOptions
	order  []string
	values map[string]string
}

func flatten(m *Message, opts *DiffOptions) *flat {
	f := &flat{opts: opts, values: make(map[string]string)}
	h := &m.Header
	f.text("SyncHdr/VerDTD", h.VerDTD)
	f.text("SyncHdr/VerProto", h.VerProto)
	if !opts.IgnoreSession {
		f.text("SyncHdr/SessionID", h.SessionID)
		f.text("SyncHdr/MsgID", h.MsgID)
	}
	f.location("SyncHdr/Target", h.Target)
	f.location("SyncHdr/Source", h.Source)
	f.text("SyncHdr/RespURI", h.RespURI)
	f.flag("SyncHdr/NoResp", h.NoResp)
	f.cred("SyncHdr/Cred", h.Cred)
	f.meta("SyncHdr/Meta", h.Meta)
	f.unknown("SyncHdr", h.Unknown)
	f.commands("SyncBody", m.Commands)
	f.flag("SyncBody/Final", m.Final)
	return f
}

func (f *flat) set(path, v string) {
	f.order = append(f.order, path)
	f.values[path] = v
}

func (f *flat) text(path, v string) {
	if v != "" {
		f.set(path, v)
	}
}

func (f *flat) flag(path string, v bool) {
	if v {
		f.set(path, "")
	}
}

func (f *flat) number(path string, n int64) {
	if n != 0 {
		f.set(path, strconv.FormatInt(n, 10))
	}
}

func (f *flat) location(path string, l Location) {
	f.text(path+"/LocURI", l.URI)
	f.text(path+"/LocName", l.Name)
}

func (f *flat) cred(path string, c *Cred) {
	if c != nil {
		f.meta(path+"/Meta", c.Meta)
		f.set(path+"/Data", c.Data)
	}
}

func (f *flat) meta(path string, m Meta) {
	if m.Format != FormatChr {
		f.text(path+"/Format", m.Format)
	}
	if m.Type != "text/plain" {
		f.text(path+"/Type", m.Type)
	}
	f.text(path+"/Mark", m.Mark)
	f.number(path+"/Size", m.Size)
	f.text(path+"/NextNonce", m.NextNonce)
	f.number(path+"/MaxMsgSize", m.MaxMsgSize)
	f.number(path+"/MaxObjSize", m.MaxObjSize)
	x := m.Extra
	if x == nil {
		return
	}
	f.flag(path+"/FieldLevel", x.FieldLevel)
	if x.Anchor != nil {
		f.set(path+"/Anchor", "")
		f.text(path+"/Anchor/Last", x.Anchor.Last)
		f.text(path+"/Anchor/Next", x.Anchor.Next)
	}
	f.text(path+"/Version", x.Version)
	for i, e := range x.EMI {
		f.set(nth(path+"/EMI", i), e)
	}
	if x.Mem != nil {
		f.set(path+"/Mem", fmt.Sprint(x.Mem.SharedMem, x.Mem.FreeMem, x.Mem.FreeID))
	}
	f.unknown(path, x.Unknown)
}

func (f *flat) unknown(path string, list []Element) {
	for i, u := range list {
		f.set(nth(path+"/"+u.Name, i), u.XML)
	}
}

func (f *flat) items(path string, items []Item) {
	for i := range items {
		it, at := &items[i], nth(path+"/Item", i)
		f.set(at, "")
		f.location(at+"/Target", it.Target)
		f.location(at+"/Source", it.Source)
		if !f.opts.IgnoreMeta {
			f.meta(at+"/Meta", it.Meta)
		}
		if !it.Data.IsAbsent() {
			v := it.Data.String()
			if f.opts.IgnoreWhitespace {
				v = strings.Join(strings.Fields(v), " ")
			}
			f.set(at+"/Data", v)
		}
		f.flag(at+"/MoreData", it.MoreData)
		f.unknown(at, it.Unknown)
	}
}

func (f *flat) commands(path string, cmds []Command) {
	for i, c := range cmds {
		at := nth(path+"/"+c.Name(), i)
		if f.opts.IgnoreCmdIDs {
			f.set(at, "")
		} else {
			f.set(at, "CmdID "+c.ID())
		}
		f.command(at, c)
	}
}

func (f *flat) command(at string, c Command) {
	switch c := c.(type) {
	case *Add:
		f.node(at, (*Replace)(c))
	case *Copy:
		f.node(at, (*Replace)(c))
	case *Delete:
		f.node(at, (*Replace)(c))
	case *Get:
		f.node(at, (*Replace)(c))
	case *Replace:
		f.node(at, c)
	case *Exec:
		f.node(at, &Replace{NoResp: c.NoResp, Meta: c.Meta, Items: c.Items, Unknown: c.Unknown})
		f.text(at+"/Correlator", c.Correlator)
	case *Alert:
		f.number(at+"/Data", int64(c.Code))
		f.node(at, &Replace{NoResp: c.NoResp, Items: c.Items, Unknown: c.Unknown})
		f.text(at+"/Correlator", c.Correlator)
	case *Atomic:
		f.group(at, (*Sequence)(c))
	case *Sequence:
		f.group(at, c)
	case *Results:
		f.answer(at, c.MsgRef, c.CmdRef)
		f.text(at+"/TargetRef", c.TargetRef)
		f.text(at+"/SourceRef", c.SourceRef)
		f.node(at, &Replace{Meta: c.Meta, Items: c.Items, Unknown: c.Unknown})
	case *Status:
		f.answer(at, c.MsgRef, c.CmdRef)
		f.text(at+"/Cmd", c.Cmd)
		for i, r := range c.TargetRefs {
			f.set(nth(at+"/TargetRef", i), r)
		}
		for i, r := range c.SourceRefs {
			f.set(nth(at+"/SourceRef", i), r)
		}
		f.cred(at+"/Cred", c.Cred)
		if c.Chal != nil {
			f.set(at+"/Chal", "")
			f.meta(at+"/Chal/Meta", c.Chal.Meta)
		}
		f.number(at+"/Data", int64(c.Code))
		f.text(at+"/Data/@originalerror", c.OriginalError)
		f.node(at, &Replace{Items: c.Items, Unknown: c.Unknown})
	case *Unknown:
		f.text(at+"/XML", c.Element.XML)
	}
}

func (f *flat) answer(at, msgRef, cmdRef string) {
	if !f.opts.IgnoreSession {
		f.text(at+"/MsgRef", msgRef)
	}
	f.text(at+"/CmdRef", cmdRef)
}

func (f *flat) node(at string, c *Replace) {
	f.flag(at+"/NoResp", c.NoResp)
	if !f.opts.IgnoreMeta {
		f.meta(at+"/Meta", c.Meta)
	}
	f.items(at, c.Items)
	f.unknown(at, c.Unknown)
}

func (f *flat) group(at string, c *Sequence) {
	f.flag(at+"/NoResp", c.NoResp)
	if !f.opts.IgnoreMeta {
		f.meta(at+"/Meta", c.Meta)
	}
	f.commands(at, c.Commands)
	f.unknown(at, c.Unknown)
}

// nth numbers a child, from 1, among all its siblings.
func nth(path string, i int) string { return path + "[" + strconv.Itoa(i+1) + "]" }
