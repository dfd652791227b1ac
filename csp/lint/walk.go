package lint

import (
	"errors"
	"fmt"
	"strings"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/syncml"
)

// commands checks the commands directly below an Atomic or Sequence, or the
// body.
func (l *linter) commands(commands []syncml.Command, path string, atomic syncml.Command) {
	count := make(map[string]int)
	for _, c := range commands {
		name := c.Name()
		count[name]++
		where := fmt.Sprintf("%s%s[%d]", path, name, count[name])
		l.nextCommand()
		l.cmdID(c, where)
		switch c := c.(type) {
		case *syncml.Atomic:
			switch {
			case atomic != nil:
				l.find(Error, RuleAtomic, where, "", nil, "an Atomic inside an Atomic: the device answers 500 to this one and 507 to the outer one")
			case len(c.Commands) == 0:
				l.find(Warning, RuleAtomic, where, "", nil, "the Atomic is empty")
			}
			l.commands(c.Commands, where+"/", c)
		case *syncml.Sequence:
			if atomic != nil {
				l.find(Error, RuleAtomic, where, "", nil, "a Sequence inside an Atomic, which takes only Add, Replace, Delete and Exec")
			}
			l.commands(c.Commands, where+"/", atomic)
		case *syncml.Add:
			l.items(c.Items, c.Meta, csp.OpAdd, where, atomic)
		case *syncml.Replace:
			l.items(c.Items, c.Meta, csp.OpReplace, where, atomic)
		case *syncml.Delete:
			l.items(c.Items, c.Meta, csp.OpDelete, where, atomic)
		case *syncml.Exec:
			l.items(c.Items, c.Meta, csp.OpExec, where, atomic)
		case *syncml.Get:
			if atomic != nil {
				l.find(Error, RuleAtomic, where, "", nil, "a Get inside an Atomic: the device answers 500, and 507 to the Atomic")
			}
			l.items(c.Items, c.Meta, csp.OpGet, where, atomic)
		case *syncml.Copy:
			l.find(Error, RuleCommand, where, "", nil, "Windows does not know Copy")
		case *syncml.Unknown:
			l.find(Error, RuleCommand, where, "", nil, "%s is no command of OMA DM", name)
		}
	}
}

func (l *linter) cmdID(c syncml.Command, where string) {
	switch id := c.ID(); {
	case l.profile && id == "":
	case id == "":
		l.find(Error, RuleCmdID, where, "", nil, "the command has no CmdID; the device answers 400")
	case id == "0":
		l.find(Error, RuleCmdID, where, "", nil, "a CmdID must not be 0")
	case l.ids[id] && !l.profile:
		l.find(Error, RuleCmdID, where, "", nil, "another command has the CmdID %s already", id)
	default:
		l.ids[id] = true
	}
}

func (l *linter) items(items []syncml.Item, meta syncml.Meta, op csp.Op, where string, atomic syncml.Command) {
	if len(items) == 0 {
		l.find(Error, RuleCommand, where, "", nil, "the command has no Item")
	}
	if op == csp.OpExec && len(items) > 1 {
		l.find(Error, RuleCommand, where, "", nil, "an Exec has one Item, this one has %d", len(items))
	}
	for i := range items {
		at := where
		if len(items) > 1 {
			at = fmt.Sprintf("%s/Item[%d]", where, i+1)
		}
		if i < len(l.itemLines) {
			l.line = l.itemLines[i]
		}
		l.item(&items[i], meta, op, at, atomic)
	}
}

func (l *linter) item(item *syncml.Item, meta syncml.Meta, op csp.Op, where string, atomic syncml.Command) {
	s := step{op: op, where: where, line: l.line, atomic: atomic}
	u, err := dmtree.ParseURI(item.Target.URI)
	switch {
	case item.Target.URI == "" && item.Source.URI != "" && op == csp.OpReplace:
		return // a device tells what it is: DevInfo in its first message
	case item.Target.URI == "":
		l.find(Error, RuleURI, where, "", nil, "the Item has no Target/LocURI")
		return
	case err != nil:
		l.find(Error, RuleURI, where, dmtree.URI(item.Target.URI), err, "%s", reasonOf(err))
		return
	}
	s.uri, _ = u.Split()
	n, err := l.Schema.Find(u)
	if err != nil {
		text := err.Error()
		if miss := new(csp.NotFoundError); errors.As(err, &miss) {
			text = miss.Reason
			if len(miss.Similar) > 0 {
				text += fmt.Sprintf("; did you mean %s?", miss.Similar[0])
			}
		}
		l.find(Error, RuleNode, where, s.uri, err, "%s", text)
		return
	}
	s.node = n
	if !n.Allows(op) {
		l.find(Error, RuleVerb, where, s.uri, nil, "it does not take %s, only %s", opName(op), opNames(n.Access()))
	}
	if op == csp.OpAdd && n.Permanent() {
		l.find(Warning, RuleVerb, where, s.uri, nil, "it is always there, so an Add is answered with 418; use Replace")
	}
	if n.Allows(op) {
		l.data(item, meta, &s)
	}
	l.applies(&s)
	l.steps = append(l.steps, s)
}

// data checks the value of an item.
func (l *linter) data(item *syncml.Item, meta syncml.Meta, s *step) {
	m := item.Meta.Or(meta)
	switch s.op {
	case csp.OpGet, csp.OpDelete:
		if item.Data.Len() > 0 {
			l.find(Warning, RuleData, s.where, s.uri, nil, "%s takes no Data; it is ignored", opName(s.op))
		}
		return
	case csp.OpExec:
		if item.Data.Len() == 0 || s.node.Format == dmtree.FormatNull {
			return
		}
	}
	if item.MoreData {
		l.find(Note, RuleUnknown, s.where, s.uri, nil, "the value comes in several messages, of which this is one")
		return
	}
	interior := s.node.Format == dmtree.FormatNode || s.node.Format == dmtree.FormatNull
	if item.Data.IsAbsent() && !interior {
		l.find(Error, RuleData, s.where, s.uri, nil, "there is no Data; it takes format %s", s.node.Format)
		return
	}
	format, ok := dmtree.FormatOf(m.Format)
	if !ok {
		l.find(Error, RuleFormat, s.where, s.uri, nil, "Meta/Format %q is none of OMA DM's; it takes %s", m.Format, s.node.Format)
		return
	}
	text := item.Data.String()
	v, err := dmtree.Parse(format, text)
	if err != nil {
		// The schema knows better what should be there: say that, if the text
		// alone shows it.
		if w := s.node.Validate(dmtree.String(text)); format != s.node.Format && w != nil {
			err = w
		}
		l.find(Error, RuleFormat, s.where, s.uri, err, "%s, in format %s", reasonOf(err), format)
		return
	}
	err = s.node.Validate(v)
	value := new(csp.ValueError)
	switch {
	case err == nil:
	case errors.Is(err, csp.ErrUndecidable):
		l.find(Note, RuleUnknown, s.where, s.uri, err, "%s", reasonOf(err))
	case errors.As(err, &value) && errors.Is(err, dmtree.ErrFormat):
		hint := ""
		if m.Format == "" {
			hint = "; Meta/Format is missing, which means chr"
		}
		l.find(Error, RuleFormat, s.where, s.uri, err, "got %s, want %s%s", value.Value, value.Want, hint)
		return
	case errors.As(err, &value):
		l.find(Error, RuleValue, s.where, s.uri, err, "got %s, want %s", value.Value, value.Want)
		return
	}
	s.value, s.valid = v, true
}

func (l *linter) applies(s *step) {
	if d, ok := s.node.Deprecated(); ok && (l.Target.Build == csp.Build{} || l.Target.Build.Compare(d.Since) >= 0) {
		since := ""
		if d.Since != (csp.Build{}) {
			since = " since " + d.Since.String()
		}
		l.find(Warning, RuleDeprecated, s.where, s.uri, nil, "it is deprecated%s", since)
	}
	if l.Target == (csp.Target{}) {
		return
	}
	err := s.node.Applies(l.Target)
	no := new(csp.TargetError)
	switch {
	case errors.As(err, &no):
		l.find(Error, RuleTarget, s.where, s.uri, err, "%s", no.Reason)
	case err != nil && l.Target.Build != (csp.Build{}) && l.Target.Edition != 0:
		l.find(Note, RuleUnknown, s.where, s.uri, err, "%s", reasonOf(err))
	}
}

// reasonOf returns the text of err without package and place, which the
// finding says itself.
func reasonOf(err error) string {
	if value := new(csp.ValueError); errors.As(err, &value) {
		return fmt.Sprintf("got %s, want %s", value.Value, value.Want)
	}
	if tree := new(dmtree.Error); errors.As(err, &tree) {
		return tree.Err.Error()
	}
	text := err.Error()
	text = strings.TrimPrefix(text, csp.ErrUndecidable.Error()+": ")
	return text
}

// opName returns the name of a single command.
func opName(op csp.Op) string {
	for _, o := range ops {
		if o.op == op {
			return o.name
		}
	}
	return "the command"
}

// opNames lists commands.
func opNames(set csp.Op) string {
	var names []string
	for _, o := range ops {
		if set&o.op != 0 {
			names = append(names, o.name)
		}
	}
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}

var ops = [...]struct {
	op   csp.Op
	name string
}{
	{csp.OpAdd, "Add"}, {csp.OpCopy, "Copy"}, {csp.OpDelete, "Delete"}, {csp.OpExec, "Exec"}, {csp.OpGet, "Get"}, {csp.OpReplace, "Replace"},
}
