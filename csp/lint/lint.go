package lint

import (
	"fmt"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/syncml"
)

// Severity tells what a finding means for the device.
type Severity uint8

// The severities, the worst first.
const (
	Error   Severity = iota // the device will refuse it
	Warning                 // it will not do what it seems to do, or cannot be taken back
	Note                    // it cannot be told, or is good to know
)

// String implements [fmt.Stringer].
func (s Severity) String() string {
	return [...]string{"error", "warning", "note"}[min(s, Note)]
}

// A Rule names what a finding is about. Rules are stable: use them to ignore
// findings.
type Rule string

// The rules.
const (
	RuleSyntax     Rule = "syntax"      // not SyncML
	RuleCommand    Rule = "command"     // no command of OMA DM, or one that cannot stand there
	RuleCmdID      Rule = "cmdid"       // missing, 0, or twice
	RuleURI        Rule = "uri"         // malformed or missing
	RuleNode       Rule = "node"        // no such node
	RuleVerb       Rule = "verb"        // the node does not take the command
	RuleFormat     Rule = "format"      // the wrong format
	RuleValue      Rule = "value"       // the wrong value
	RuleData       Rule = "data"        // a value where none belongs, or none where one does
	RuleTarget     Rule = "target"      // not on this build or edition
	RuleDeprecated Rule = "deprecated"  // should not be used any more
	RuleDependency Rule = "dependency"  // means something only with other values
	RuleAtomic     Rule = "atomic"      // what must or must not be in an Atomic
	RuleTwice      Rule = "twice"       // two commands for one node
	RuleOrder      Rule = "order"       // in an order that does not work
	RuleUndo       Rule = "undo"        // cannot be taken back
	RuleRestart    Rule = "restart"     // takes effect after a restart
	RuleUnknown    Rule = "undecidable" // the schema cannot tell
)

// A Finding is one remark.
type Finding struct {
	Severity Severity
	Rule     Rule
	Line     int        // in the text of the message, from 1; 0 if not known
	Where    string     // the command: Atomic[1]/Replace[2], with Item[3] if it has several
	URI      dmtree.URI // the node, canonical; may be empty
	Text     string     // for people, without the URI
	Err      error      // what package csp said, if it comes from there
}

// String returns the finding as a line: where, severity, node, text.
func (f Finding) String() string {
	s := f.Where
	if f.Line > 0 {
		s = fmt.Sprintf("line %d: %s", f.Line, f.Where)
	}
	if s != "" {
		s += ": "
	}
	s += f.Severity.String() + ": "
	if f.URI != "" {
		s += string(f.URI) + ": "
	}
	return s + f.Text + " (" + string(f.Rule) + ")"
}

// Options tells what is known about the devices that are to get a message.
// Nil options are empty ones.
type Options struct {
	Schema *csp.Schema // nil: csp.Windows()
	Target csp.Target  // zero fields are not known, and not checked
	// Values returns what a node of the device holds now: false if that is not
	// known, Null if it is not set. It may be nil. What the message itself
	// writes goes before it.
	Values func(dmtree.URI) (dmtree.Value, bool)
}

// Commands checks commands as they would be sent in one message, and returns
// what it finds in their order.
func Commands(commands []syncml.Command, opts *Options) []Finding {
	l := newLinter(opts)
	l.commands(commands, "", nil)
	l.together()
	return l.sorted()
}

// A linter walks over the commands of one message.
type linter struct {
	Options
	findings []located
	steps    []step
	ids      map[string]bool
	profile  bool // commands without envelope, which get their CmdIDs later

	places    []place // of the commands to come
	line      int
	itemLines []int // of the present command
}

// located is a finding with the step that it is about, to sort by.
type located struct {
	Finding
	step int
}

// A step is one command on one node.
type step struct {
	op     csp.Op
	uri    dmtree.URI // canonical
	node   *csp.Node
	value  dmtree.Value
	valid  bool           // value is one
	atomic syncml.Command // the Atomic around it
	where  string
	line   int
}

func newLinter(opts *Options) *linter {
	l := &linter{ids: make(map[string]bool)}
	if opts != nil {
		l.Options = *opts
	}
	if l.Schema == nil {
		l.Schema = csp.Windows()
	}
	return l
}

// find adds a finding about the step that comes next.
func (l *linter) find(sev Severity, rule Rule, where string, u dmtree.URI, err error, format string, args ...any) {
	l.findings = append(l.findings, located{Finding{
		Severity: sev, Rule: rule, Line: l.line, Where: where, URI: u, Err: err, Text: fmt.Sprintf(format, args...),
	}, len(l.steps)})
}

// about adds a finding about a step that has been read.
func (l *linter) about(i int, sev Severity, rule Rule, err error, format string, args ...any) {
	s := &l.steps[i]
	l.findings = append(l.findings, located{Finding{
		Severity: sev, Rule: rule, Line: s.line, Where: s.where, URI: s.uri, Err: err, Text: fmt.Sprintf(format, args...),
	}, i})
}
