package csp

import (
	"regexp"
	"strings"
)

// A pattern is a regular expression of a description file, twice: as it is,
// and for the whole value.
type pattern struct {
	part, whole *regexp.Regexp
	anchored    bool
}

// pattern compiles a pattern once. Description files use the dialect of .NET;
// Go's differs in what it lacks (look-around, back references: none of
// Windows' patterns has them; those that do are not decidable) and in that $
// does not match before a line feed at the end.
func (s *Schema) pattern(text string) (*pattern, error) {
	if v, ok := s.regexps.Load(text); ok {
		if p, ok := v.(*pattern); ok {
			return p, nil
		}
		return nil, v.(error)
	}
	// One file writes a JavaScript literal.
	expr := text
	if len(expr) > 2 && expr[0] == '/' && expr[len(expr)-1] == '/' {
		expr = expr[1 : len(expr)-1]
	}
	p := &pattern{anchored: strings.Contains(expr, "^") && strings.Contains(expr, "$")}
	var err error
	if p.part, err = regexp.Compile(expr); err == nil {
		p.whole, err = regexp.Compile(`\A(?:` + expr + `)\z`)
	}
	if err != nil {
		err = undecidable("the pattern %s is not one that this program can read: %v", text, err)
		s.regexps.Store(text, err)
		return nil, err
	}
	s.regexps.Store(text, p)
	return p, nil
}

// nameFits tells whether name can be the name of the dynamic node n.
func (n *Node) nameFits(name string) bool {
	text := n.Pattern()
	if text == "" {
		return true
	}
	p, err := n.s.pattern(text)
	return err != nil || p.whole.MatchString(name)
}

// checkRegExp takes what matches as a whole. Patterns without anchors are
// meant for the whole value in most files, and for one of several parts of it
// in some (PassportForWork/DeviceUnlock): a match of a part decides nothing.
func (a allowed) checkRegExp(text string) (want string, err error) {
	for expr := range a.values() {
		p, err := a.s.pattern(expr)
		switch {
		case err != nil:
			return "", err
		case p.whole.MatchString(text):
			return "", nil
		case !p.anchored && p.part.MatchString(text):
			return "", undecidable("a part of the value matches %s, and the description does not say whether that is enough", expr)
		}
		return "text that matches " + expr, nil
	}
	return "", undecidable("the description gives no pattern")
}
