package csp

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/omadm-sdk/omadm/dmtree"
)

// textHeader is the first line of the text form, with its version.
const textHeader = "omadm-schema 1\n"

// AppendText appends the schema in its text form, which [ParseText] reads
// back: one line per node in tree order, indented by depth, after the texts
// that many nodes share. Equal schemas have equal texts.
func (s *Schema) AppendText(b []byte) ([]byte, error) {
	b = append(b, textHeader...)
	for _, id := range slices.Sorted(maps.Keys(s.shared)) {
		b = append(append(append(append(b, '$'), id...), '\t'), s.shared[id]...)
		b = append(b, '\n')
	}
	b = append(b, '\n')
	for i := 1; i < len(s.nodes); i++ {
		n := &s.nodes[i]
		b = append(b, strings.Repeat(" ", int(n.depth)-1)...)
		b = append(b, encodeName(n.Name, n.Dynamic())...)
		b = append(append(append(b, '\t'), n.line...), '\n')
	}
	return b, nil
}

// MarshalText returns the schema in its text form.
func (s *Schema) MarshalText() ([]byte, error) { return s.AppendText(nil) }

// A textWriter writes the text form. It runs twice over the nodes: once to
// learn which texts are worth sharing, once to write.
type textWriter struct {
	strings.Builder
	uses map[string]int
	ids  map[string]string
}

func encodeText(root *place) string {
	w := &textWriter{uses: make(map[string]int)}
	w.tree(root)
	w.share()
	w.Reset()
	w.WriteString(textHeader)
	for _, text := range slices.SortedFunc(maps.Keys(w.ids), func(a, b string) int {
		return strings.Compare(w.ids[a], w.ids[b])
	}) {
		fmt.Fprintf(w, "$%s\t%s\n", w.ids[text], escapeField(text))
	}
	w.WriteByte('\n')
	w.tree(root)
	return w.String()
}

// share gives a short name to each text that is cheaper to name than to
// repeat. Names are made from the text itself: a new text does not rename the
// others, so that the difference between two snapshots stays small.
func (w *textWriter) share() {
	const alphabet = "0123456789abcdefghijklmnopqrstuv"
	w.ids = make(map[string]string)
	taken := make(map[string]bool)
	for _, text := range slices.Sorted(maps.Keys(w.uses)) {
		const ref = 4 // "$abc"
		if n := w.uses[text]; n < 3 || n*(len(text)-ref) <= len(text)+ref+2 {
			continue
		}
		sum := sha256.Sum256([]byte(text))
		id := base32.NewEncoding(alphabet).EncodeToString(sum[:15])
		for n := 3; ; n++ {
			if !taken[id[:n]] {
				taken[id[:n]] = true
				w.ids[text] = id[:n]
				break
			}
		}
	}
	w.uses = nil
}

// tree writes what is below p.
func (w *textWriter) tree(p *place) {
	for _, c := range p.children {
		w.node(c)
		w.tree(c)
	}
}

func (w *textWriter) node(p *place) {
	for q := p.parent; q != nil && q.parent != nil; q = q.parent {
		w.WriteByte(' ')
	}
	w.WriteString(encodeName(p.name, p.dynamic))
	w.WriteByte('\t')
	if p.def == nil {
		w.WriteString("-\n")
		return
	}
	w.def(p.def)
	if p.tree != nil {
		w.field('t', p.tree.File, p.tree.Path)
	}
	w.WriteByte('\n')
}

// def writes the flags of a node and its fields, in the order in which they
// are asked for most.
func (w *textWriter) def(d *Def) {
	w.WriteString(d.Format.String())
	w.WriteByte(' ')
	for i, name := range opNames {
		if d.Access&(1<<i) != 0 {
			w.WriteByte(name[0])
		}
	}
	w.WriteByte(' ')
	w.WriteByte(occursLetters[d.Occurs])
	if d.MaxOccurs != 0 {
		w.WriteString(strconv.Itoa(d.MaxOccurs))
	}
	if d.Permanent {
		w.WriteByte('p')
	}
	switch d.Case {
	case CaseInsensitive:
		w.WriteByte('i')
	case CaseSensitive:
		w.WriteByte('c')
	}
	if d.Atomic {
		w.WriteByte('a')
	}
	if d.Replace == ReplaceAppends {
		w.WriteByte('x')
	}
	if d.Allowed.Kind != KindAny {
		w.allowed('v', &d.Allowed)
	}
	if d.Default != nil {
		w.field('d', *d.Default)
	}
	if d.Secret {
		w.field('k')
	}
	if d.Naming != NamingNone {
		w.field('n', namingLetters[d.Naming:d.Naming+1])
	}
	if a := d.Applies; a != nil {
		w.applies(a)
	}
	if d.Conflict != NoMerge {
		w.field('c', conflictLetters[d.Conflict:d.Conflict+1])
	}
	if d.Object != nil {
		w.field('M', *d.Object)
	} else if !isDefaultType(d.Types, d.Format) {
		w.field('m', d.Types...)
	}
	if d.Reboot != RebootNone {
		w.field('r', rebootLetters[d.Reboot:d.Reboot+1])
	}
	if g := d.GroupPolicy; g != nil {
		w.field('g', g.Name, g.Area, g.Element)
	}
	if d.Deprecated != nil {
		since := ""
		if d.Deprecated.Since != (Build{}) {
			since = d.Deprecated.Since.String()
		}
		w.field('o', since)
	}
	for _, p := range d.Dependencies {
		w.field('p', p.Name)
		if p.Changed != nil {
			w.allowed('=', p.Changed)
		}
		for _, c := range p.Conditions {
			sign := byte('+')
			if c.Not {
				sign = '!'
			}
			w.field(sign, string(c.URI))
			w.allowed('?', &c.Allowed)
		}
	}
}

func (w *textWriter) applies(a *Applicability) {
	builds := make([]string, len(a.Builds))
	for i, b := range a.Builds {
		builds[i] = b.String()
	}
	w.field('b', strings.Join(builds, " "))
	if a.CSPVersion != "" {
		w.field('s', a.CSPVersion)
	}
	if a.Editions != nil {
		editions := make([]string, len(a.Editions))
		for i, e := range a.Editions {
			editions[i] = fmt.Sprintf("%X", uint32(e))
		}
		w.field('e', strings.Join(editions, " "))
	}
	if a.EntraJoin {
		w.field('j')
	}
}

func (w *textWriter) allowed(letter byte, a *Allowed) {
	w.WriteByte('\t')
	w.WriteByte(letter)
	w.WriteByte(kindLetters[a.Kind])
	w.WriteString(strings.ReplaceAll(escapeField(a.Delimiter), ":", `\c`))
	w.WriteByte(':')
	if a.Kind == KindADMX {
		w.atoms(a.ADMX.File, a.ADMX.Name, a.ADMX.Area)
		return
	}
	w.atoms(a.Values...)
}

func (w *textWriter) field(letter byte, atoms ...string) {
	w.WriteByte('\t')
	w.WriteByte(letter)
	w.atoms(atoms...)
}

func (w *textWriter) atoms(atoms ...string) {
	for i, a := range atoms {
		if i > 0 {
			w.WriteByte('|')
		}
		w.atom(a)
	}
}

func (w *textWriter) atom(a string) {
	if w.uses != nil {
		w.uses[a]++
	}
	if id, ok := w.ids[a]; ok {
		w.WriteByte('$')
		w.WriteString(id)
		return
	}
	w.WriteString(escapeField(a))
}

// isDefaultType tells what most nodes have and the text leaves out.
func isDefaultType(types []string, f dmtree.Format) bool {
	return len(types) == 0 || len(types) == 1 && types[0] == defaultType(f)
}

func defaultType(f dmtree.Format) string {
	if f == dmtree.FormatNode {
		return ""
	}
	return "text/plain"
}

var fieldEscaper = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`, "|", `\p`)

// escapeField writes s so that it holds no character that ends an atom, and
// does not look like the name of a shared text.
func escapeField(s string) string {
	if strings.ContainsAny(s, "\\\t\n\r|") {
		s = fieldEscaper.Replace(s)
	}
	if strings.HasPrefix(s, "$") {
		s = `\d` + s[1:]
	}
	return s
}

func encodeName(name string, dynamic bool) string {
	name = escapeField(name)
	switch {
	case dynamic:
		return "{" + name + "}"
	case strings.HasPrefix(name, "{") || strings.HasPrefix(name, " "):
		return `\` + name
	}
	return name
}
