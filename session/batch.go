package session

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/syncml"
)

// A Batch is a list of commands with typed values. The zero Batch is empty and ready to use. It must not be copied, nor
// used concurrently.
//
// The first mistake (a malformed URI, a Get inside an Atomic) is kept and reported by Err; what follows it is ignored.
type Batch struct {
	entries []*Entry
	block   []Entry // unused entries, so that a long batch costs few allocations
	inside  kind    // the container that is being filled: 0, kindAtomic or kindSequence
	err     error
}

// Get asks for the value of a node, for the names of its children where it is an interior one, for one of its properties
// (u.WithProp) or for a whole subtree (a URI that ends in ?list=).
func (b *Batch) Get(u dmtree.URI) *Entry { return b.add(kindGet, u) }

// Add creates a node, which must not exist: 418. The value of an interior node is dmtree.Interior().
func (b *Batch) Add(u dmtree.URI, v dmtree.Value) *Entry { return b.put(kindAdd, u, v) }

// Replace sets the value of a node that exists. Many nodes of Windows are created by it as well.
func (b *Batch) Replace(u dmtree.URI, v dmtree.Value) *Entry { return b.put(kindReplace, u, v) }

// Set gives a node a value, whether it exists or not: Replace or Add, whichever works. A wrong first choice costs one
// more message and shows nowhere; it is Add for a node that the results which a Handler has just seen say is not there.
// Inside an Atomic it is a Replace.
func (b *Batch) Set(u dmtree.URI, v dmtree.Value) *Entry {
	if b.inside == kindAtomic {
		return b.put(kindReplace, u, v)
	}
	return b.put(kindSet, u, v)
}

// Delete removes a node with everything below it.
func (b *Batch) Delete(u dmtree.URI) *Entry { return b.add(kindDelete, u) }

// Exec starts what a node stands for. arg may be [dmtree.Null].
//
// When a session dies before the outcome is known, an Exec is not sent again: see [Result.Unknown] and [Entry.Probe].
func (b *Batch) Exec(u dmtree.URI, arg dmtree.Value) *Entry { return b.put(kindExec, u, arg) }

// Copy copies the node from to the node to. Few devices support it.
func (b *Batch) Copy(from, to dmtree.URI) *Entry {
	e := b.add(kindCopy, to)
	if b.check(from) {
		e.own().from = from
	}
	return e
}

// AlertOptions say how a question to the user is presented. Zero fields are not sent.
type AlertOptions struct {
	MinDisplay, MaxDisplay time.Duration // hints, in whole seconds; after MaxDisplay the device answers 408 or the default
	Default                string        // what is preset: "0" or "1", a text, a number, or numbers joined by "-"
	MaxLen                 int           // of a text, in characters
	Input                  byte          // kind of a text: 'A' any, 'N' number, 'D' date, 'T' time, 'P' phone, 'I' IP address
	Masked                 bool          // a text is not shown while it is typed
}

// Alert asks the user of the device: code is one of 1100 (display) to 1104 (multiple choice). What the user said comes
// in the Result: its Status, which is 200 for a yes and 304 for a no, and [Result.Answers]. Windows does not support it,
// and answers 406.
func (b *Batch) Alert(code syncml.AlertCode, opts *AlertOptions, text string, choices ...string) *Entry {
	e := b.add(kindAlert, "")
	list := code == syncml.AlertSingleChoice || code == syncml.AlertMultipleChoice
	switch {
	case code < syncml.AlertDisplay || code > syncml.AlertMultipleChoice:
		b.fail(fmt.Errorf("session: alert %d: want one of 1100 to 1104", code))
	case list && len(choices) == 0:
		b.fail(fmt.Errorf("session: alert %d: want choices", code))
	case !list && len(choices) > 0:
		b.fail(fmt.Errorf("session: alert %d: has no choices", code))
	}
	if b.err != nil {
		return e
	}
	m := e.own()
	m.alert = code
	m.texts = append([]string{opts.encode(), text}, choices...)
	return e
}

// encode returns the optional parameters as one string (DM Protocol, alerts).
func (o *AlertOptions) encode() string {
	if o == nil {
		return ""
	}
	var p []string
	add := func(name, value string) { p = append(p, name+"="+url.QueryEscape(value)) }
	if o.MinDisplay > 0 {
		add("MINDT", strconv.Itoa(seconds(o.MinDisplay)))
	}
	if o.MaxDisplay > 0 {
		add("MAXDT", strconv.Itoa(seconds(o.MaxDisplay)))
	}
	if o.Default != "" {
		add("DR", o.Default)
	}
	if o.MaxLen > 0 {
		add("MAXLEN", strconv.Itoa(o.MaxLen))
	}
	if o.Input != 0 {
		add("IT", string(rune(o.Input)))
	}
	if o.Masked {
		add("ET", "P")
	}
	return strings.Join(p, "&")
}

func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// Atomic adds commands that are done all or not at all. It may hold Add, Replace, Delete, Copy and Alert, and on Windows
// Exec; not Get, and no other container. See [Entry.FindCulprit] for devices that do not tell which of them has failed.
func (b *Batch) Atomic(fill func(*Batch)) *Entry { return b.container(kindAtomic, fill) }

// Sequence adds commands that are done in order; one that fails does not stop the others. It may hold everything but
// containers.
func (b *Batch) Sequence(fill func(*Batch)) *Entry { return b.container(kindSequence, fill) }

// Err returns the first mistake, or else what a command has that it cannot have.
func (b *Batch) Err() error {
	if b.err != nil {
		return b.err
	}
	return misuse(b.entries)
}

// misuse returns what is wrong with commands that were chained to what is not for them.
func misuse(entries []*Entry) error {
	for _, e := range entries {
		switch e.as {
		case 0, syncml.DataText, syncml.DataCDATA, syncml.DataMarkup:
		default:
			return fmt.Errorf("session: %s %s: as %s: want text, CDATA or markup", e.kind, e.uri, e.as)
		}
		m := e.more
		if m == nil {
			continue
		}
		switch exec := e.kind == kindExec; {
		case m.probe != "" && !exec:
			return fmt.Errorf("session: %s %s: only an Exec has a probe", e.kind, e.uri)
		case m.correlator != "" && !exec:
			return fmt.Errorf("session: %s %s: only an Exec has a correlator", e.kind, e.uri)
		case m.probe != "":
			if _, err := dmtree.ParseURI(string(m.probe)); err != nil {
				return fmt.Errorf("session: probe of %s %s: %w", e.kind, e.uri, err)
			}
		}
		if err := misuse(m.children); err != nil {
			return err
		}
	}
	return nil
}

// Len returns the number of commands; a container counts as one.
func (b *Batch) Len() int { return len(b.entries) }

func (b *Batch) container(k kind, fill func(*Batch)) *Entry {
	e := b.add(k, "")
	inner := Batch{inside: k, err: b.err}
	fill(&inner)
	if b.err = inner.err; b.err == nil && len(inner.entries) == 0 {
		b.fail(fmt.Errorf("session: %s: nothing was added to the Batch that the function is given", k))
	}
	e.own().children = inner.entries
	return e
}

func (b *Batch) put(k kind, u dmtree.URI, v dmtree.Value) *Entry {
	e := b.add(k, u)
	e.value = v
	return e
}

// add returns a new entry. After a mistake that is one of no batch, so that calls may be chained all the same.
func (b *Batch) add(k kind, u dmtree.URI) *Entry {
	if b.err != nil || !b.allowed(k) || k.hasURI() && !b.check(u) {
		return &Entry{kind: k}
	}
	if len(b.block) == 0 {
		n := min(len(b.entries)+4, 64)
		b.block, b.entries = make([]Entry, n), slices.Grow(b.entries, n)
	}
	e := &b.block[0]
	b.block = b.block[1:]
	e.kind, e.uri = k, u
	b.entries = append(b.entries, e)
	return e
}

func (b *Batch) allowed(k kind) bool {
	switch {
	case b.inside == 0:
		return true
	case k == kindAtomic || k == kindSequence:
		b.fail(fmt.Errorf("session: %s inside %s", k, b.inside))
		return false
	case b.inside == kindAtomic && k == kindGet:
		b.fail(errors.New("session: Get inside Atomic: devices answer 500"))
		return false
	}
	return true
}

func (b *Batch) check(u dmtree.URI) bool {
	if _, err := dmtree.ParseURI(string(u)); err != nil {
		b.fail(fmt.Errorf("session: %w", err))
		return false
	}
	return true
}

func (b *Batch) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// kind is what an Entry does. The values are part of the stored form.
type kind uint8

const (
	kindGet kind = iota + 1
	kindAdd
	kindReplace
	kindSet
	kindDelete
	kindExec
	kindCopy
	kindAlert
	kindAtomic
	kindSequence
	kindEnd // first invalid one
)

var kindNames = [...]string{"", "Get", "Add", "Replace", "Set", "Delete", "Exec", "Copy", "Alert", "Atomic", "Sequence"}

func (k kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "kind " + strconv.Itoa(int(k))
}

func (k kind) hasURI() bool { return k != kindAlert && k != kindAtomic && k != kindSequence }

// An Entry is one command of a [Batch]. Its methods return it, so that they can be chained.
type Entry struct {
	kind  kind
	as    syncml.DataKind
	find  bool // of an Atomic: see FindCulprit
	uri   dmtree.URI
	value dmtree.Value // of Add, Replace, Set and Exec
	label string
	more  *entryMore // nil: none of it
}

// entryMore is what few commands have.
type entryMore struct {
	children   []*Entry   // of Atomic and Sequence
	from       dmtree.URI // of Copy
	correlator string
	probe      dmtree.URI
	alert      syncml.AlertCode
	texts      []string // of Alert: parameters, text, choices
}

// rare returns what few commands have, to be read.
func (e *Entry) rare() *entryMore {
	if e.more == nil {
		return new(entryMore)
	}
	return e.more
}

// own returns it to be written.
func (e *Entry) own() *entryMore {
	if e.more == nil {
		e.more = new(entryMore)
	}
	return e.more
}

// children returns the commands inside an Atomic or Sequence.
func (e *Entry) children() []*Entry {
	if e.more == nil {
		return nil
	}
	return e.more.children
}

// Label names the command. The name comes back in its Result, even if that arrives in another process. Labels need not
// be unique.
func (e *Entry) Label(s string) *Entry {
	e.label = s
	return e
}

// As says how the value is spelled in XML: as escaped text, which is the default, in a CDATA section, or as markup. Any
// other kind is a mistake.
func (e *Entry) As(k syncml.DataKind) *Entry {
	e.as = k
	return e
}

// Correlator marks an Exec: the alert that reports its end, after status 202, carries the same. Windows does not
// support it.
func (e *Entry) Correlator(s string) *Entry {
	e.own().correlator = s
	return e
}

// Probe names a node that tells whether an Exec has been done. Should its outcome get lost, the node is read in the next
// session, and what it holds comes in the Result: Unknown is true and Values has the node.
func (e *Entry) Probe(u dmtree.URI) *Entry {
	e.own().probe = u
	return e
}

// size returns the number of CmdIDs that the entry takes. Containers hold no containers.
func (e *Entry) size() int { return 1 + len(e.children()) }
