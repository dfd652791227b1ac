package csp

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/omadm-sdk/omadm/dmtree"
)

// An ADMXPolicy is what an ADMX file says about one Group Policy.
type ADMXPolicy struct {
	File, Name string
	Class      Class
	Elements   []Element // its inputs, in the order of the file; many have none
}

// Class tells whose policy it is.
type Class uint8

// The classes of ADMX.
const (
	Machine Class = iota + 1 // below ./Device
	User                     // below ./User
	Both
)

var classNames = [...]string{"", "Machine", "User", "Both"}

// String returns the name that ADMX files use.
func (c Class) String() string { return nameOf(classNames[:], c) }

// ClassOf returns the class of that name.
func ClassOf(name string) (Class, bool) { return indexOf[Class](classNames[:], name) }

const classLetters = "-MUB"

// An Element is one input of a Group Policy. In a payload it is one piece of
// data, under its ID.
type Element struct {
	ID       string
	Type     ElementType
	Required bool

	Min, Max   *int64   // of decimal; nil: no bound but that of a DWORD
	MaxLength  int      // of text and of each string of multiText, in characters; 0: no limit
	MaxStrings int      // of multiText; 0: no limit
	Values     []string // of enum: the values, not their display names

	// Explicit, of list: the administrator names each value. Otherwise the
	// names must be 1, 2, 3 and so on if Prefixed is set, and equal to the
	// values if not: the policy manager of Windows does not make them.
	Explicit, Prefixed bool
	Additive           bool // of list: kept beside what other sources have set
}

// ElementType is the kind of an [Element].
type ElementType uint8

// The kinds of ADMX elements.
const (
	ElementBoolean   ElementType = iota + 1 // "true" or "false"
	ElementDecimal                          // a number
	ElementEnum                             // one of Values
	ElementText                             //
	ElementMultiText                        // strings; see JoinStrings
	ElementList                             // pairs of names and values; see JoinPairs
)

var elementNames = [...]string{"", "boolean", "decimal", "enum", "text", "multiText", "list"}

const elementLetters = "-bdetml"

// String returns the name that ADMX files use.
func (t ElementType) String() string { return nameOf(elementNames[:], t) }

// ElementTypeOf returns the type of that name.
func ElementTypeOf(name string) (ElementType, bool) {
	return indexOf[ElementType](elementNames[:], name)
}

// NewWithPolicies is [New] for trees that have nodes of [KindADMX]: the schema
// knows what the policies behind them take. It keeps policies; do not change
// them. Of two with the same file and name the later one counts.
func NewWithPolicies(policies []*ADMXPolicy, trees ...Tree) (*Schema, error) {
	s, err := New(trees...)
	if err != nil {
		return nil, err
	}
	s.policies = &policySet{set: make(map[string]*ADMXPolicy, len(policies))}
	s.policies.once.Do(func() {
		for _, p := range policies {
			s.policies.set[policyKey(p.File, p.Name)] = p
		}
	})
	return s, nil
}

// Policy returns what the ADMX file says about a policy that nodes of the
// schema stand for: see [Allowed]. Names are compared without case.
func (s *Schema) Policy(ref ADMX) (*ADMXPolicy, bool) {
	if s.policies == nil {
		return nil, false
	}
	p, ok := s.policies.get()[policyKey(ref.File, ref.Name)]
	return p, ok
}

// Check tells whether a device would take the payload for p: nil, or an error
// that says what is wanted and wraps [dmtree.ErrValue].
func (p *ADMXPolicy) Check(pl *Payload) error {
	if want := p.check(pl); want != "" {
		return fmt.Errorf("csp: policy %s: %w: want %s", p.Name, dmtree.ErrValue, want)
	}
	return nil
}

// check returns what is wanted of a payload that the policy does not take.
func (p *ADMXPolicy) check(pl *Payload) string {
	if !pl.Enabled {
		return ""
	}
	for i := range p.Elements {
		e := &p.Elements[i]
		value, ok := pl.Data[e.ID]
		switch {
		case !ok && e.Required:
			return fmt.Sprintf("%s, enabled, with data id %s: %s", p.Name, e.ID, e.wants())
		case !ok:
			continue
		}
		if !e.takes(value) {
			return fmt.Sprintf("data id %s of %s to be %s, not %s", e.ID, p.Name, e.wants(), shorten(value))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(pl.Data)) {
		if !slices.ContainsFunc(p.Elements, func(e Element) bool { return e.ID == id }) {
			return fmt.Sprintf("no data id %s: %s has %s", shorten(id), p.Name, p.ids())
		}
	}
	return ""
}

func (p *ADMXPolicy) ids() string {
	if len(p.Elements) == 0 {
		return "none, <enabled/> alone"
	}
	ids := make([]string, len(p.Elements))
	for i, e := range p.Elements {
		ids[i] = e.ID
	}
	return strings.Join(ids, ", ")
}

// wants says in words what the element takes.
func (e *Element) wants() string {
	switch e.Type {
	case ElementBoolean:
		return "true or false"
	case ElementDecimal:
		low, high := e.bounds()
		return fmt.Sprintf("a number from %d to %d", low, high)
	case ElementEnum:
		quoted := make([]string, len(e.Values))
		for i, v := range e.Values {
			if quoted[i] = v; v == "" {
				quoted[i] = "the empty string"
			}
		}
		return "one of " + strings.Join(quoted, ", ")
	case ElementList:
		switch {
		case e.Explicit:
			return "names and values in turn, with U+F000 between them"
		case e.Prefixed:
			return "numbers from 1 on and values in turn, with U+F000 between them"
		}
		return "each value twice, as its own name, with U+F000 between them"
	}
	want := "a text"
	if e.Type == ElementMultiText {
		want = "strings with U+F000 between them"
		if e.MaxStrings > 0 {
			want += fmt.Sprintf(", at most %d", e.MaxStrings)
		}
	}
	if e.Required {
		want += ", not empty"
	}
	if e.MaxLength > 0 {
		want += fmt.Sprintf(", of at most %d characters", e.MaxLength)
	}
	return want
}

// bounds are those of a decimal element; a DWORD without others.
func (e *Element) bounds() (low, high int64) {
	low, high = 0, 1<<32-1
	if e.Min != nil {
		low = *e.Min
	}
	if e.Max != nil {
		high = *e.Max
	}
	return low, high
}

func (e *Element) takes(value string) bool {
	switch e.Type {
	case ElementBoolean:
		return strings.EqualFold(value, "true") || strings.EqualFold(value, "false")
	case ElementDecimal:
		n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		low, high := e.bounds()
		return err == nil && low <= n && n <= high
	case ElementEnum:
		return slices.Contains(e.Values, value)
	case ElementList:
		return e.takesList(strings.Split(value, ListSeparator))
	case ElementMultiText:
		list := strings.Split(value, ListSeparator)
		if e.MaxStrings > 0 && len(list) > e.MaxStrings || e.Required && value == "" {
			return false
		}
		return !slices.ContainsFunc(list, func(s string) bool { return e.tooLong(s) })
	}
	return (value != "" || !e.Required) && !e.tooLong(value)
}

func (e *Element) tooLong(s string) bool {
	return e.MaxLength > 0 && utf8.RuneCountInString(s) > e.MaxLength
}

func (e *Element) takesList(parts []string) bool {
	if len(parts) == 1 && parts[0] == "" {
		return !e.Required
	}
	if len(parts)%2 != 0 {
		return false
	}
	for i := 0; i < len(parts); i += 2 {
		name, value := parts[i], parts[i+1]
		switch {
		case e.Explicit:
			if name == "" {
				return false
			}
		case e.Prefixed:
			if name != strconv.Itoa(i/2+1) {
				return false
			}
		case name != value:
			return false
		}
	}
	return true
}

func policyKey(file, name string) string {
	return strings.ToLower(file) + "/" + strings.ToLower(name)
}

// policySet is the policies of a schema, read when they are first asked for.
type policySet struct {
	text string
	once sync.Once
	set  map[string]*ADMXPolicy
}

func (p *policySet) get() map[string]*ADMXPolicy {
	p.once.Do(func() {
		list, err := ParsePolicies(p.text)
		if err != nil {
			panic(err) // the file is part of this package, and a test reads it
		}
		p.set = make(map[string]*ADMXPolicy, len(list))
		for _, policy := range list {
			p.set[policyKey(policy.File, policy.Name)] = policy
		}
	})
	return p.set
}

// policiesHeader begins the text form of policies.
const policiesHeader = "omadm-admx 1"

// AppendPolicies appends the text form of policies to b: a line for each file,
// and, indented by one blank, a line for each policy in it, its elements with
// tabs between them. Policies of one file must follow each other. Names hold
// neither white space nor control characters, values no tab, bar or line feed.
func AppendPolicies(b []byte, policies []*ADMXPolicy) []byte {
	b = append(b, policiesHeader+"\n"...)
	file := ""
	for _, p := range policies {
		if p.File != file {
			file = p.File
			b = fmt.Appendf(b, "%s\n", file)
		}
		b = fmt.Appendf(b, " %s %c", p.Name, classLetters[p.Class])
		for i := range p.Elements {
			e := &p.Elements[i]
			b = fmt.Appendf(b, "\t%s %c", e.ID, elementLetters[e.Type])
			if e.Required {
				b = append(b, '!')
			}
			b = append(b, ' ')
			b = e.appendLimits(b)
		}
		b = append(b, '\n')
	}
	return b
}

func (e *Element) appendLimits(b []byte) []byte {
	switch e.Type {
	case ElementDecimal:
		if e.Min != nil {
			b = strconv.AppendInt(b, *e.Min, 10)
		}
		b = append(b, ',')
		if e.Max != nil {
			b = strconv.AppendInt(b, *e.Max, 10)
		}
	case ElementEnum:
		b = append(b, strings.Join(e.Values, "|")...)
	case ElementText, ElementMultiText:
		b = fmt.Appendf(b, "%d,%d", e.MaxLength, e.MaxStrings)
	case ElementList:
		for _, flag := range []struct {
			set    bool
			letter byte
		}{{e.Explicit, 'x'}, {e.Prefixed, 'p'}, {e.Additive, 'a'}} {
			if flag.set {
				b = append(b, flag.letter)
			}
		}
	}
	return b
}

// ParsePolicies reads what [AppendPolicies] wrote. The error is a [*TextError].
func ParsePolicies(text string) ([]*ADMXPolicy, error) {
	var out []*ADMXPolicy
	file, number := "", 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSuffix(line, "\n")
		switch {
		case number == 1:
			if line != policiesHeader {
				return nil, &TextError{number, "want " + policiesHeader}
			}
		case !strings.HasPrefix(line, " "):
			file = line
		case file == "":
			return nil, &TextError{number, "want the name of a file before its policies"}
		default:
			p, wrong := parsePolicy(line[1:])
			if wrong != "" {
				return nil, &TextError{number, wrong}
			}
			p.File = file
			out = append(out, p)
		}
	}
	if number == 0 {
		return nil, &TextError{1, "want " + policiesHeader}
	}
	return out, nil
}

func parsePolicy(line string) (p *ADMXPolicy, wrong string) {
	head, rest, more := strings.Cut(line, "\t")
	name, class, _ := strings.Cut(head, " ")
	c := strings.Index(classLetters, class)
	if name == "" || len(class) != 1 || c < 1 {
		return nil, "want a policy and the letter of its class"
	}
	p = &ADMXPolicy{Name: name, Class: Class(c)}
	for more {
		var field string
		field, rest, more = strings.Cut(rest, "\t")
		parts := strings.SplitN(field, " ", 3)
		if len(parts) != 3 || parts[0] == "" || parts[1] == "" {
			return nil, "want an element: id, type, limits"
		}
		t := strings.IndexByte(elementLetters, parts[1][0])
		if t < 1 {
			return nil, "want the letter of an element's type"
		}
		e := Element{ID: parts[0], Type: ElementType(t), Required: parts[1][1:] == "!"}
		if !e.readLimits(parts[2]) {
			return nil, "the limits of element " + e.ID + " cannot be read"
		}
		p.Elements = append(p.Elements, e)
	}
	return p, ""
}

func (e *Element) readLimits(s string) bool {
	a, b, _ := strings.Cut(s, ",")
	switch e.Type {
	case ElementDecimal:
		return readBound(a, &e.Min) && readBound(b, &e.Max)
	case ElementEnum:
		e.Values = strings.Split(s, "|")
	case ElementText, ElementMultiText:
		var errA, errB error
		e.MaxLength, errA = strconv.Atoi(a)
		e.MaxStrings, errB = strconv.Atoi(b)
		return errA == nil && errB == nil
	case ElementList:
		e.Explicit, e.Prefixed, e.Additive = strings.Contains(s, "x"), strings.Contains(s, "p"), strings.Contains(s, "a")
	}
	return true
}

func readBound(s string, to **int64) bool {
	if s == "" {
		return true
	}
	n, err := strconv.ParseInt(s, 10, 64)
	*to = &n
	return err == nil
}
