package syncml

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
)

// command writes c, which is in the Atomic or Sequence in, if that is not nil.
func (e *Encoder) command(c, in Command) {
	if e.fault != nil {
		return
	}
	switch c := c.(type) {
	case *Add:
		e.node(elAdd, (*Replace)(c))
	case *Copy:
		e.node(elCopy, (*Replace)(c))
	case *Delete:
		e.node(elDelete, (*Replace)(c))
	case *Get:
		e.node(elGet, (*Replace)(c))
	case *Replace:
		e.node(elReplace, c)
	case *Alert:
		e.alert(c)
	case *Exec:
		e.out.open(elExec)
		e.cmdID(c.CmdID)
		e.flag(elNoResp, c.NoResp)
		e.meta(&c.Meta, "", "")
		e.optional(elCorrelator, c.Correlator)
		if len(c.Items) != 1 {
			e.wrong("%d items, want one", len(c.Items))
		}
		e.items(c.Items, &c.Meta)
		e.unknown(c.Unknown)
		e.out.close(elExec)
	case *Status:
		e.status(c)
		if in != nil {
			e.wrong("inside %s", in.Name())
		}
	case *Results:
		e.results(c)
		if in != nil {
			e.wrong("inside %s", in.Name())
		}
	case *Atomic:
		e.group(elAtomic, (*Sequence)(c), c)
	case *Sequence:
		e.group(elSequence, c, c)
		if _, nested := in.(*Sequence); nested {
			e.wrong("inside Sequence")
		}
	case *Unknown:
		if c.Element.XML == "" {
			e.failf("its element was not kept: see DecoderOptions.KeepUnknown")
		}
		e.wrong("not a command of device management")
		e.unknown([]Element{c.Element})
	default:
		e.fault = fmt.Errorf("syncml: %T is no command", c)
		return
	}
	if e.fault != nil && !errors.As(e.fault, new(*commandError)) {
		e.fault = &commandError{cmd: c.Name(), id: c.ID(), item: e.item, err: e.fault}
	}
}

// A commandError says which command could not be written.
type commandError struct {
	cmd, id string
	item    int
	err     error
}

func (e *commandError) Error() string {
	s := "syncml: " + cmp.Or(e.cmd, "Unknown")
	if e.id != "" {
		s += " with CmdID " + e.id
	}
	if e.item > 0 {
		s += fmt.Sprintf(", item %d", e.item)
	}
	return s + ": " + e.err.Error()
}

func (e *commandError) Unwrap() error { return e.err }

func (e *Encoder) node(id elem, c *Replace) {
	e.out.open(id)
	e.cmdID(c.CmdID)
	e.flag(elNoResp, c.NoResp)
	e.meta(&c.Meta, "", "")
	if len(c.Items) == 0 {
		e.wrong("no item")
	}
	e.items(c.Items, &c.Meta)
	e.unknown(c.Unknown)
	e.out.close(id)
}

func (e *Encoder) alert(c *Alert) {
	e.out.open(elAlert)
	e.cmdID(c.CmdID)
	e.flag(elNoResp, c.NoResp)
	if c.Code != 0 {
		e.out.number(elData, int64(c.Code))
	} else {
		e.wrong("no code")
	}
	e.optional(elCorrelator, c.Correlator)
	e.items(c.Items, nil)
	e.unknown(c.Unknown)
	e.out.close(elAlert)
}

func (e *Encoder) results(c *Results) {
	e.out.open(elResults)
	e.cmdID(c.CmdID)
	if c.MsgRef == "" {
		e.wrong("no MsgRef")
	}
	e.optional(elMsgRef, c.MsgRef)
	e.leaf(elCmdRef, c.CmdRef)
	e.meta(&c.Meta, "", "")
	e.optional(elTargetRef, c.TargetRef)
	e.optional(elSourceRef, c.SourceRef)
	if len(c.Items) == 0 {
		e.wrong("no item")
	}
	e.items(c.Items, &c.Meta)
	e.unknown(c.Unknown)
	e.out.close(elResults)
}

func (e *Encoder) status(c *Status) {
	switch {
	case c.MsgRef == "":
		e.wrong("no MsgRef")
	case c.Cmd == "":
		e.wrong("no Cmd")
	case c.Code.Class() == 0:
		e.wrong("code %d", int(c.Code))
	}
	e.out.open(elStatus)
	e.cmdID(c.CmdID)
	e.leaf(elMsgRef, c.MsgRef)
	e.leaf(elCmdRef, c.CmdRef)
	e.leaf(elCmd, c.Cmd)
	for _, ref := range c.TargetRefs {
		e.leaf(elTargetRef, ref)
	}
	for _, ref := range c.SourceRefs {
		e.leaf(elSourceRef, ref)
	}
	if c.Cred != nil {
		e.wrong("Cred in a command")
		e.cred(c.Cred)
	}
	if c.Chal != nil {
		e.chal(c.Chal)
	}
	switch {
	case c.OriginalError != "":
		if err := e.out.data(Text(c.Code.digits()), false, c.OriginalError); err != nil {
			e.failf("Data: %w", err)
		}
	case c.Code != 0:
		e.out.number(elData, int64(c.Code))
	}
	e.items(c.Items, nil)
	e.unknown(c.Unknown)
	e.out.close(elStatus)
}

func (c StatusCode) digits() string {
	if c == 0 {
		return ""
	}
	return ID(int(c))
}

func (e *Encoder) group(id elem, c *Sequence, self Command) {
	e.out.open(id)
	e.cmdID(c.CmdID)
	e.flag(elNoResp, c.NoResp)
	e.meta(&c.Meta, "", "")
	if len(c.Commands) == 0 {
		e.wrong("no command inside")
	}
	for _, child := range c.Commands {
		e.command(child, self)
	}
	e.unknown(c.Unknown)
	e.out.close(id)
}

func (e *Encoder) items(items []Item, command *Meta) {
	for i := range items {
		if e.fault != nil {
			return
		}
		e.item = i + 1
		e.writeItem(&items[i], command)
	}
	if e.fault == nil {
		e.item = 0
	}
}

func (e *Encoder) writeItem(it *Item, command *Meta) {
	e.out.open(elItem)
	e.location(elTarget, &it.Target)
	e.location(elSource, &it.Source)
	d, format, typ, bytes := it.Data, "", "", false
	switch {
	case d.kind == DataMarkup:
		if typ = it.Meta.Type; typ == "" && command != nil {
			typ = command.Type
		}
		if t := e.out.document(d, typ); t != typ {
			typ = t
		} else {
			typ = ""
		}
	case d.kind == DataOpaque:
		f := it.Meta.Format
		if f == "" && command != nil {
			f = command.Format
		}
		if bytes = f == "bin" || f == "b64" && !isBase64(d); bytes {
			format = e.out.binaryFormat()
		}
	case d.kind != DataAbsent && e.opts.BadChar == BadCharBase64 && !e.out.carries(d):
		format = "b64"
		d = Text(base64.StdEncoding.EncodeToString(d.Bytes()))
	}
	e.meta(&it.Meta, format, typ)
	if d.kind != DataAbsent {
		if err := e.out.data(d, bytes, ""); err != nil {
			e.failf("Data of %.200q: %w", it.where(), err)
		}
	}
	e.flag(elMoreData, it.MoreData)
	e.unknown(it.Unknown)
	e.out.close(elItem)
}
