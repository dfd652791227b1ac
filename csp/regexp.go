package csp

import (
	"regexp"
	"strings"
)

// A pattern is a regular expression of a description file, twice: as it is,
// and for the whole value.
type pattern struct {
	text        string // as the file gives it
	part, whole *regexp.Regexp
	anchored    bool
	err         error
}

// pattern returns the pattern that a gives, compiled once for each node; nil if
// it gives none.
func (a *allowed) pattern() *pattern {
	if a.n == nil {
		return a.compile()
	}
	if p, ok := a.n.s.patterns.Load(a.n); ok {
		return p.(*pattern)
	}
	p, _ := a.n.s.patterns.LoadOrStore(a.n, a.compile())
	return p.(*pattern)
}

// compile reads a pattern. Description files use the dialect of .NET; Go's
// differs in what it lacks (look-around, back references: none of Windows'
// patterns has them; those that do are not decidable) and in that $ does not
// match before a line feed at the end.
func (a *allowed) compile() *pattern {
	text, ok := a.first()
	if !ok {
		return nil
	}
	// One file writes a JavaScript literal.
	expr := text
	if len(expr) > 2 && expr[0] == '/' && expr[len(expr)-1] == '/' {
		expr = expr[1 : len(expr)-1]
	}
	p := &pattern{text: text, anchored: strings.Contains(expr, "^") && strings.Contains(expr, "$")}
	if p.part, p.err = regexp.Compile(expr); p.err == nil {
		p.whole, p.err = regexp.Compile(`\A(?:` + expr + `)\z`)
	}
	if p.err != nil {
		p.err = undecidable("the pattern %s is not one that Go can read: %v", text, p.err)
	}
	return p
}

// nameFits tells whether name can be the name of the dynamic node n.
func (n *Node) nameFits(name string) bool {
	a := n.allowed('v')
	p := a.pattern()
	return p == nil || p.err != nil || p.whole.MatchString(name)
}

// checkRegExp takes what matches as a whole. Patterns without anchors are
// meant for the whole value in most files, and for one of several parts of it
// in some (PassportForWork/DeviceUnlock): a match of a part decides nothing.
func (a *allowed) checkRegExp(text string) (want string, err error) {
	p := a.pattern()
	switch {
	case p == nil:
		return "", undecidable("the description gives no pattern")
	case p.err != nil:
		return "", p.err
	case p.whole.MatchString(text):
		return "", nil
	case !p.anchored && p.part.MatchString(text):
		return "", undecidable("a part of the value matches %s, and the description does not say whether that is enough", p.text)
	}
	return "text that matches " + p.text, nil
}
