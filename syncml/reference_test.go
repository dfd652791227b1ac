package syncml_test

import (
	"strconv"
	"strings"

	"github.com/omadm-sdk/omadm/syncml"
)

// This is a second decoder, on top of encoding/xml and in the most obvious manner, for the one of the package to be
// compared with. It knows elements by their local names and is as forgiving as the package says it is.

// byStandardLibrary returns what encoding/xml reads in a message, or nil where it reads none.
func byStandardLibrary(in string) *syncml.Message {
	root := parse(in)
	if root == nil || root.name != "SyncML" {
		return nil
	}
	m := new(syncml.Message)
	seen := make(map[string]bool)
	root.each(func(e *element) bool {
		// Of two the first counts: the package hands out what it has read before it sees the second.
		switch first := !seen[e.name]; {
		case e.name == "SyncHdr" && first:
			m.Header = e.header()
		case e.name == "SyncBody" && first:
			e.each(func(e *element) bool {
				if e.name == "Final" {
					m.Final = true
				} else {
					m.Commands = append(m.Commands, e.command())
				}
				return true
			})
		}
		seen[e.name] = true
		return true
	})
	return m
}

// each calls f with the children one by one, and returns those that f does not know.
func (e *element) each(f func(*element) bool) (unknown []syncml.Element) {
	for _, c := range e.children {
		if !f(c) {
			unknown = append(unknown, syncml.Element{Name: c.name, XML: c.whole})
		}
	}
	return unknown
}

func (e *element) field() string { return strings.Trim(e.text, " \t\r\n") }

// number returns a number of digits alone; what is none counts as 0.
func (e *element) number() int64 {
	n, err := strconv.ParseUint(e.field(), 10, 63)
	if err != nil || len(e.field()) > 18 {
		return 0
	}
	return int64(n)
}

func (e *element) code() int {
	if n := e.number(); n <= 99999 {
		return int(n)
	}
	return 0
}

func (e *element) header() (h syncml.Header) {
	h.Unknown = e.each(func(e *element) bool {
		switch e.name {
		case "VerDTD":
			h.VerDTD = e.field()
		case "VerProto":
			h.VerProto = e.field()
		case "SessionID":
			h.SessionID = e.field()
		case "MsgID":
			h.MsgID = e.field()
		case "Target":
			e.location(&h.Target)
		case "Source":
			e.location(&h.Source)
		case "RespURI":
			h.RespURI = e.field()
		case "NoResp":
			h.NoResp = true
		case "Cred":
			h.Cred = e.cred()
		case "Meta":
			e.meta(&h.Meta)
		default:
			return false
		}
		return true
	})
	return h
}

func (e *element) location(l *syncml.Location) {
	e.each(func(e *element) bool {
		switch e.name {
		case "LocURI":
			l.URI = e.field()
		case "LocName":
			l.Name = e.text
		}
		return true
	})
}

func (e *element) cred() *syncml.Cred {
	c := new(syncml.Cred)
	e.each(func(e *element) bool {
		switch e.name {
		case "Meta":
			e.meta(&c.Meta)
		case "Data":
			c.Data = e.field()
		}
		return true
	})
	return c
}

func (e *element) meta(m *syncml.Meta) {
	e.each(func(e *element) bool {
		if e.name == "MetInf" {
			e.meta(m)
		} else if !e.metaChild(m) {
			if m.Extra == nil {
				m.Extra = new(syncml.MetaExtra)
			}
			m.Extra.Unknown = append(m.Extra.Unknown, syncml.Element{Name: e.name, XML: e.whole})
		}
		return true
	})
}

func (e *element) metaChild(m *syncml.Meta) bool {
	switch e.name {
	case "Format":
		m.Format = e.field()
	case "Type":
		m.Type = e.field()
	case "Mark":
		m.Mark = e.field()
	case "Size":
		m.Size = e.number()
	case "NextNonce":
		m.NextNonce = e.field()
	case "MaxMsgSize":
		m.MaxMsgSize = e.number()
	case "MaxObjSize":
		m.MaxObjSize = e.number()
	case "FieldLevel", "Version", "EMI", "Anchor", "Mem":
		if m.Extra == nil {
			m.Extra = new(syncml.MetaExtra)
		}
		e.metaExtra(m.Extra)
	default:
		return false
	}
	return true
}

func (e *element) metaExtra(x *syncml.MetaExtra) {
	switch e.name {
	case "FieldLevel":
		x.FieldLevel = true
	case "Version":
		x.Version = e.field()
	case "EMI":
		x.EMI = append(x.EMI, e.text)
	case "Anchor":
		x.Anchor = new(syncml.Anchor)
		e.each(func(e *element) bool {
			switch e.name {
			case "Last":
				x.Anchor.Last = e.field()
			case "Next":
				x.Anchor.Next = e.field()
			}
			return true
		})
	case "Mem":
		x.Mem = new(syncml.Mem)
		e.each(func(e *element) bool {
			switch e.name {
			case "SharedMem":
				x.Mem.SharedMem = true
			case "FreeMem":
				x.Mem.FreeMem = e.number()
			case "FreeID":
				x.Mem.FreeID = e.number()
			}
			return true
		})
	}
}

func (e *element) item() (it syncml.Item) {
	it.Unknown = e.each(func(e *element) bool {
		switch e.name {
		case "Target":
			e.location(&it.Target)
		case "Source":
			e.location(&it.Source)
		case "Meta":
			e.meta(&it.Meta)
		case "Format", "Type", "Mark", "Size":
			e.metaChild(&it.Meta)
		case "Data":
			it.Data = syncml.Empty()
			if len(e.children) > 0 {
				it.Data = syncml.Markup(e.raw)
			} else if e.text != "" {
				it.Data = syncml.Text(e.text)
			}
		case "MoreData":
			it.MoreData = true
		default:
			return false
		}
		return true
	})
	return it
}

// A body holds the children that commands have. Each type has some of them; what it has not is unknown there.
type body struct {
	id, msgRef, cmdRef, cmd, correlator string
	noResp                              bool
	meta                                syncml.Meta
	code                                int
	targets, sources                    []string
	chal                                *syncml.Chal
	cred                                *syncml.Cred
	items                               []syncml.Item
	commands                            []syncml.Command
	unknown                             []syncml.Element
}

// body reads the children of a command. Of may, those are known whose names stand in it.
func (e *element) body(may string) (b body) {
	may = " CmdID " + may + " "
	group := strings.Contains(may, " Commands ")
	b.unknown = e.each(func(c *element) bool {
		if !strings.Contains(may, " "+c.name+" ") {
			if group {
				b.commands = append(b.commands, c.command())
			}
			return group
		}
		switch c.name {
		case "CmdID":
			b.id = c.field()
		case "MsgRef":
			b.msgRef = c.field()
		case "CmdRef":
			b.cmdRef = c.field()
		case "Cmd":
			b.cmd = c.field()
		case "Correlator":
			b.correlator = c.text
		case "NoResp":
			b.noResp = true
		case "Meta":
			c.meta(&b.meta)
		case "Data":
			b.code = c.code()
		case "TargetRef":
			b.targets = append(b.targets, c.field())
		case "SourceRef":
			b.sources = append(b.sources, c.field())
		case "Chal":
			b.chal = new(syncml.Chal)
			c.each(func(e *element) bool {
				if e.name == "Meta" {
					e.meta(&b.chal.Meta)
				}
				return true
			})
		case "Cred":
			b.cred = c.cred()
		case "Item":
			b.items = append(b.items, c.item())
		}
		return true
	})
	return b
}

func (e *element) command() syncml.Command {
	switch e.name {
	case "Add":
		return (*syncml.Add)(e.node())
	case "Replace":
		return e.node()
	case "Copy":
		return (*syncml.Copy)(e.node())
	case "Delete":
		return (*syncml.Delete)(e.node())
	case "Get":
		return (*syncml.Get)(e.node())
	case "Exec":
		b := e.body("NoResp Meta Correlator Item")
		return &syncml.Exec{CmdID: b.id, NoResp: b.noResp, Meta: b.meta, Correlator: b.correlator, Items: b.items, Unknown: b.unknown}
	case "Alert":
		b := e.body("NoResp Data Correlator Item")
		return &syncml.Alert{CmdID: b.id, NoResp: b.noResp, Code: syncml.AlertCode(b.code), Correlator: b.correlator, Items: b.items, Unknown: b.unknown}
	case "Results":
		b := e.body("MsgRef CmdRef Meta TargetRef SourceRef Item")
		return &syncml.Results{CmdID: b.id, MsgRef: b.msgRef, CmdRef: b.cmdRef, Meta: b.meta, TargetRef: last(b.targets), SourceRef: last(b.sources),
			Items: b.items, Unknown: b.unknown}
	case "Status":
		b := e.body("MsgRef CmdRef Cmd Data TargetRef SourceRef Chal Cred Item")
		return &syncml.Status{CmdID: b.id, MsgRef: b.msgRef, CmdRef: b.cmdRef, Cmd: b.cmd, Code: syncml.StatusCode(b.code), TargetRefs: b.targets,
			SourceRefs: b.sources, Chal: b.chal, Cred: b.cred, OriginalError: e.originalError(), Items: b.items, Unknown: b.unknown}
	case "Atomic":
		return (*syncml.Atomic)(e.group())
	case "Sequence":
		return e.group()
	}
	u := &syncml.Unknown{Element: syncml.Element{Name: e.name, XML: e.whole}}
	e.each(func(e *element) bool {
		if e.name == "CmdID" {
			u.CmdID = e.field()
		}
		return true
	})
	return u
}

func (e *element) node() *syncml.Replace {
	b := e.body("NoResp Meta Item")
	return &syncml.Replace{CmdID: b.id, NoResp: b.noResp, Meta: b.meta, Items: b.items, Unknown: b.unknown}
}

func (e *element) group() *syncml.Sequence {
	b := e.body("NoResp Meta Commands")
	return &syncml.Sequence{CmdID: b.id, NoResp: b.noResp, Meta: b.meta, Commands: b.commands}
}

// originalError returns the attribute of that name of the element or of the last below it that has it.
func (e *element) originalError() string {
	found := e.original
	for _, c := range e.children {
		if s := c.originalError(); s != "" {
			found = s
		}
	}
	return found
}

func last(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[len(list)-1]
}
