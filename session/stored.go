package session

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strconv"
	"sync"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/syncml"
)

// Commands, results and session state are stored in a form of their own rather than as SyncML: it keeps what SyncML has no
// word for (labels, Set, probes), is the same for XML and WBXML, and costs a copy. Numbers are varints, texts and lists
// are preceded by their length. Each blob begins with a version.

const storedVersion = 1

// errStored is what is wrong with a blob from a store that cannot be read.
var errStored = errors.New("stored form damaged, or of a later version")

// An appender writes a stored form.
type appender struct{ b []byte }

// appenders holds those that are not in use, so that a stored form costs one piece of memory of its size.
var appenders = sync.Pool{New: func() any { return new(appender) }}

// newAppender returns an appender that has written the version.
func newAppender() *appender {
	a := appenders.Get().(*appender)
	a.b = append(a.b[:0], storedVersion)
	return a
}

// done returns what was written. a must not be used any more.
func (a *appender) done() []byte {
	b := bytes.Clone(a.b)
	if cap(a.b) <= maxPooled {
		appenders.Put(a)
	}
	return b
}

func (a *appender) uint(v uint64) { a.b = binary.AppendUvarint(a.b, v) }
func (a *appender) int(v int64)   { a.b = binary.AppendVarint(a.b, v) }
func (a *appender) byte(v byte)   { a.b = append(a.b, v) }
func (a *appender) str(s string)  { a.b = append(binary.AppendUvarint(a.b, uint64(len(s))), s...) }
func (a *appender) blob(b []byte) { a.b = append(binary.AppendUvarint(a.b, uint64(len(b))), b...) }
func (a *appender) strs(l []string) {
	a.uint(uint64(len(l)))
	for _, s := range l {
		a.str(s)
	}
}

// A parser reads a stored form. Texts share the memory of the whole. After the first mistake it yields zeros.
type parser struct {
	s   string
	bad bool
}

func (p *parser) fail() {
	p.bad = true
	p.s = ""
}

func (p *parser) uint() uint64 {
	var v uint64
	for i := 0; i < len(p.s) && i < binary.MaxVarintLen64; i++ {
		c := p.s[i]
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			p.s = p.s[i+1:]
			return v
		}
	}
	p.fail()
	return 0
}

// fixed64 reads a number of eight octets.
func (p *parser) fixed64() uint64 {
	if len(p.s) < 8 {
		p.fail()
		return 0
	}
	v := binary.LittleEndian.Uint64([]byte(p.s[:8]))
	p.s = p.s[8:]
	return v
}

func (p *parser) int() int64 {
	u := p.uint()
	v := int64(u >> 1)
	if u&1 != 0 {
		v = ^v
	}
	return v
}

func (p *parser) byte() byte {
	if p.s == "" {
		p.fail()
		return 0
	}
	c := p.s[0]
	p.s = p.s[1:]
	return c
}

func (p *parser) str() string {
	n := p.uint()
	if n > uint64(len(p.s)) {
		p.fail()
		return ""
	}
	s := p.s[:n]
	p.s = p.s[n:]
	return s
}

// blob returns a copy, nil if it is empty.
func (p *parser) blob() []byte {
	s := p.str()
	if s == "" {
		return nil
	}
	return []byte(s)
}

// count reads the length of a list whose elements take a byte each at least.
func (p *parser) count() int {
	n := p.uint()
	if n > uint64(len(p.s)) {
		p.fail()
		return 0
	}
	return int(n)
}

func (p *parser) strs() []string {
	n := p.count()
	if n == 0 {
		return nil
	}
	l := make([]string, n)
	for i := range l {
		l[i] = p.str()
	}
	return l
}

// end reports what is wrong with the whole.
func (p *parser) end() error {
	if p.bad || p.s != "" {
		return errStored
	}
	return nil
}

// Which of the optional parts of an Entry follow.
const (
	hasValue = 1 << iota
	hasAs
	hasLabel
	hasCorrelator
	hasProbe
	hasFrom
	hasCulprit // which is all of it
)

func (a *appender) entry(e *Entry) {
	m := e.rare()
	a.byte(byte(e.kind))
	var has byte
	set := func(bit byte, ok bool) {
		if ok {
			has |= bit
		}
	}
	set(hasValue, !e.value.IsNull() || e.value.Type() != "")
	set(hasAs, e.as != 0)
	set(hasLabel, e.label != "")
	set(hasCorrelator, m.correlator != "")
	set(hasProbe, m.probe != "")
	set(hasFrom, m.from != "")
	set(hasCulprit, e.find)
	a.byte(has)
	a.str(string(e.uri))
	if has&hasValue != 0 {
		a.value(e.value)
	}
	if has&hasAs != 0 {
		a.byte(byte(e.as))
	}
	if has&hasLabel != 0 {
		a.str(e.label)
	}
	if has&hasCorrelator != 0 {
		a.str(m.correlator)
	}
	if has&hasProbe != 0 {
		a.str(string(m.probe))
	}
	if has&hasFrom != 0 {
		a.str(string(m.from))
	}
	switch e.kind {
	case kindAlert:
		a.uint(uint64(m.alert))
		a.strs(m.texts)
	case kindAtomic, kindSequence:
		a.uint(uint64(len(e.children())))
		for _, c := range e.children() {
			a.entry(c)
		}
	}
}

// entry reads an Entry; containers hold no containers.
func (p *parser) entry(e *Entry, inside bool) {
	e.kind = kind(p.byte())
	has := p.byte()
	e.find = has&hasCulprit != 0
	e.uri = dmtree.URI(p.str())
	if has&hasValue != 0 {
		e.value = p.value()
	}
	if has&hasAs != 0 {
		e.as = syncml.DataKind(p.byte())
	}
	if has&hasLabel != 0 {
		e.label = p.str()
	}
	if has&hasCorrelator != 0 {
		e.own().correlator = p.str()
	}
	if has&hasProbe != 0 {
		e.own().probe = dmtree.URI(p.str())
	}
	if has&hasFrom != 0 {
		e.own().from = dmtree.URI(p.str())
	}
	switch {
	case e.kind == 0 || e.kind >= kindEnd:
		p.fail()
	case e.kind == kindAlert:
		m := e.own()
		m.alert, m.texts = syncml.AlertCode(p.uint()), p.strs()
	case e.kind == kindAtomic || e.kind == kindSequence:
		if inside {
			p.fail()
		}
		n := p.count()
		block := make([]Entry, n)
		children := make([]*Entry, n)
		for i := range children {
			children[i] = &block[i]
			p.entry(&block[i], true)
		}
		e.own().children = children
	}
}

// value writes format, type and text; octets as they are.
func (a *appender) value(v dmtree.Value) {
	f := byte(v.Format()) << 1
	if v.IsSecret() {
		f |= 1
	}
	a.byte(f)
	a.str(v.Type())
	if v.Format() == dmtree.FormatBin {
		b, _ := v.Bytes()
		a.blob(b)
		return
	}
	a.str(v.Text())
}

func (p *parser) value() dmtree.Value {
	f := p.byte()
	mime, text := p.str(), p.str()
	var v dmtree.Value
	switch format := dmtree.Format(f >> 1); format {
	case dmtree.FormatBin:
		v = dmtree.Bytes([]byte(text))
	case dmtree.FormatChr:
		v = dmtree.String(text)
	case dmtree.FormatXML:
		v = dmtree.XML(text)
	default:
		var err error
		if v, err = dmtree.Parse(format, text); err != nil {
			p.fail()
			return dmtree.Null
		}
	}
	v = v.WithType(mime)
	if f&1 != 0 {
		v = v.Secret()
	}
	return v
}

// storeEntry returns the stored form of one command.
func storeEntry(e *Entry) []byte {
	a := newAppender()
	a.entry(e)
	return a.done()
}

func parseEntry(body string) (*Entry, error) {
	p := parser{s: body}
	if p.byte() != storedVersion {
		return nil, errStored
	}
	e := new(Entry)
	p.entry(e, false)
	if err := p.end(); err != nil {
		return nil, err
	}
	return e, nil
}

const (
	resultUnknown = 1 << iota
	resultBlamed
	resultAlone
)

func (a *appender) result(r *Result) {
	a.str(r.ID)
	a.str(r.Label)
	a.str(r.Command)
	a.str(string(r.URI))
	a.uint(uint64(r.Status))
	var flags byte
	if r.Unknown {
		flags |= resultUnknown
	}
	if r.Blamed {
		flags |= resultBlamed
	}
	if r.Alone {
		flags |= resultAlone
	}
	a.byte(flags)
	a.str(r.OriginalError)
	a.strs(r.Answers)
	a.nodes(r.nodes)
	a.uint(uint64(len(r.Children)))
	for i := range r.Children {
		a.result(&r.Children[i])
	}
}

func (p *parser) result(depth int) Result {
	r := Result{ID: p.str(), Label: p.str(), Command: p.str(), URI: dmtree.URI(p.str()), Status: syncml.StatusCode(p.uint())}
	flags := p.byte()
	r.Unknown, r.Blamed, r.Alone = flags&resultUnknown != 0, flags&resultBlamed != 0, flags&resultAlone != 0
	r.OriginalError = p.str()
	r.Answers = p.strs()
	r.nodes = p.nodes()
	n := p.count()
	if n > 0 && depth == 0 {
		p.fail()
		return r
	}
	for range n {
		r.Children = append(r.Children, p.result(depth-1))
	}
	return r
}

func (a *appender) nodes(l []node) {
	a.uint(uint64(len(l)))
	for i := range l {
		n := &l[i]
		a.str(string(n.uri))
		a.str(n.format)
		a.str(n.mime)
		a.str(n.text)
		a.bool(n.binary)
	}
}

func (p *parser) nodes() []node {
	n := p.count()
	if n == 0 {
		return nil
	}
	l := make([]node, n)
	for i := range l {
		l[i] = node{uri: dmtree.URI(p.str()), format: p.str(), mime: p.str(), text: p.str(), binary: p.bool()}
	}
	return l
}

func (a *appender) bool(v bool) {
	if v {
		a.byte(1)
	} else {
		a.byte(0)
	}
}

func (p *parser) bool() bool { return p.byte() != 0 }

// storeResult returns the stored form of a result: the Outcome of queued work.
func storeResult(r *Result) []byte {
	a := newAppender()
	a.result(r)
	return a.done()
}

func parseResult(b []byte) (*Result, error) {
	p := parser{s: string(b)}
	if p.byte() != storedVersion {
		return nil, errStored
	}
	r := p.result(1)
	if err := p.end(); err != nil {
		return nil, err
	}
	return &r, nil
}

// equalUint reports whether s is the decimal form of n.
func equalUint(s string, n uint64) bool {
	v, err := strconv.ParseUint(s, 10, 64)
	return err == nil && v == n
}
