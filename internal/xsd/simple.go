package xsd

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

func (s *Schema) simpleType(n *node) (*simple, error) {
	if s.depth++; s.depth > 50 {
		return nil, errors.New("xsd: types are nested too deep")
	}
	defer func() { s.depth-- }()
	for _, c := range n.children {
		switch c.name {
		case "restriction":
			return s.restriction(c)
		case "union":
			t := new(simple)
			for name := range strings.FieldsSeq(c.attr("memberTypes")) {
				m, err := s.simpleNamed(c, name)
				if err != nil {
					return nil, err
				}
				t.union = append(t.union, m)
			}
			for _, m := range c.children {
				if m.name == "simpleType" {
					st, err := s.simpleType(m)
					if err != nil {
						return nil, err
					}
					t.union = append(t.union, st)
				}
			}
			return t, nil
		case "list":
			var item *simple
			var err error
			if name := c.attr("itemType"); name != "" {
				item, err = s.simpleNamed(c, name)
			} else if m := c.child("simpleType"); m != nil {
				item, err = s.simpleType(m)
			} else {
				err = errors.New("xsd: a list has no item type")
			}
			return &simple{list: item}, err
		}
	}
	return nil, errors.New("xsd: a simple type says nothing")
}

func (s *Schema) simpleNamed(n *node, name string) (*simple, error) {
	t, err := s.typeOf(n, name)
	if err != nil {
		return nil, err
	}
	if t.simple == nil {
		return &simple{foreign: true}, nil
	}
	return t.simple, nil
}

func (s *Schema) restriction(n *node) (*simple, error) {
	t := &simple{minLen: -1, maxLen: -1}
	var err error
	if base := n.attr("base"); base != "" {
		t.base, err = s.simpleNamed(n, base)
	} else if c := n.child("simpleType"); c != nil {
		t.base, err = s.simpleType(c)
	} else {
		err = errors.New("xsd: a restriction has no base")
	}
	if err != nil {
		return nil, err
	}
	for _, c := range n.children {
		v := c.attr("value")
		switch c.name {
		case "enumeration":
			t.enum = append(t.enum, v)
		case "pattern":
			// The dialect of schemas has few things that Go's has not, and is
			// always anchored.
			re, err := regexp.Compile(`\A(?:` + v + `)\z`)
			if err != nil {
				return nil, fmt.Errorf("%w: the pattern %s", ErrUnknown, v)
			}
			t.patterns = append(t.patterns, re)
		case "length", "minLength", "maxLength":
			i, err := strconv.ParseUint(v, 10, 31)
			if err != nil {
				return nil, fmt.Errorf("xsd: %s is %q", c.name, v)
			}
			if c.name != "maxLength" {
				t.minLen = int(i)
			}
			if c.name != "minLength" {
				t.maxLen = int(i)
			}
		case "minInclusive", "maxInclusive", "minExclusive", "maxExclusive":
			f, err := strconv.ParseFloat(v, 64)
			if err != nil {
				return nil, fmt.Errorf("%w: %s %s", ErrUnknown, c.name, v)
			}
			if strings.HasPrefix(c.name, "min") {
				t.low, t.lowStrict = &f, strings.HasSuffix(c.name, "Exclusive")
			} else {
				t.high, t.highStrict = &f, strings.HasSuffix(c.name, "Exclusive")
			}
		case "simpleType", "annotation", "whiteSpace":
		default:
			return nil, fmt.Errorf("%w: %s", ErrUnknown, c.name)
		}
	}
	return t, nil
}

// check tells what is wanted if text is not of type t, or returns ErrUnknown.
func (t *simple) check(text string) (want string, err error) {
	switch {
	case t.foreign:
		return "", ErrUnknown
	case t.builtin != "":
		return checkBuiltin(t.builtin, text)
	case t.list != nil:
		for item := range strings.FieldsSeq(text) {
			if want, err := t.list.check(item); want != "" || err != nil {
				return want, err
			}
		}
		return "", nil
	case t.union != nil:
		var wants []string
		for _, m := range t.union {
			want, err := m.check(text)
			if want == "" {
				return "", err
			}
			wants = append(wants, want)
		}
		return strings.Join(wants, ", or "), nil
	case t.base == nil:
		return "", ErrUnknown // a type that is part of itself
	}
	if want, err := t.base.check(text); want != "" || err != nil {
		return want, err
	}
	if t.enum != nil && !slices.Contains(t.enum, text) {
		return "one of " + strings.Join(t.enum, ", "), nil
	}
	for i, re := range t.patterns {
		if re.MatchString(text) {
			break
		}
		if i == len(t.patterns)-1 {
			p := re.String()
			return "text that matches " + p[len(`\A(?:`):len(p)-len(`)\z`)], nil
		}
	}
	n := utf8.RuneCountInString(text)
	switch {
	case t.minLen >= 0 && n < t.minLen:
		return fmt.Sprintf("at least %d characters", t.minLen), nil
	case t.maxLen >= 0 && n > t.maxLen:
		return fmt.Sprintf("at most %d characters", t.maxLen), nil
	}
	if t.low == nil && t.high == nil {
		return "", nil
	}
	f, ferr := strconv.ParseFloat(strings.TrimSpace(text), 64)
	switch {
	case ferr != nil:
		return "", ErrUnknown // a bound of a date
	case t.low != nil && (f < *t.low || t.lowStrict && f == *t.low):
		return fmt.Sprintf("at least %v", *t.low), nil
	case t.high != nil && (f > *t.high || t.highStrict && f == *t.high):
		return fmt.Sprintf("at most %v", *t.high), nil
	}
	return "", nil
}

// The integer types, with the number of bits and whether they have a sign.
var integers = map[string]struct {
	bits     int
	unsigned bool
}{
	"byte": {8, false}, "short": {16, false}, "int": {32, false}, "long": {64, false},
	"unsignedByte": {8, true}, "unsignedShort": {16, true}, "unsignedInt": {32, true}, "unsignedLong": {64, true},
}

var (
	integerForm = regexp.MustCompile(`\A[+-]?[0-9]+\z`)
	decimalForm = regexp.MustCompile(`\A[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)\z`)
	nameForm    = regexp.MustCompile(`\A[\pL_:][\pL\pN\pM._:\-·]*\z`)
)

// Layouts of the date types; each with and without a zone.
var layouts = map[string][]string{
	"dateTime": {"2006-01-02T15:04:05.999999999", "2006-01-02T15:04:05.999999999Z07:00"},
	"date":     {"2006-01-02", "2006-01-02Z07:00"},
	"time":     {"15:04:05.999999999", "15:04:05.999999999Z07:00"},
}

func checkBuiltin(name, text string) (want string, err error) {
	if name == "string" || name == "normalizedString" || name == "token" || name == "anySimpleType" || name == "anyURI" {
		return "", nil
	}
	text = strings.Trim(text, " \t\r\n")
	ok := true
	if t, found := integers[name]; found {
		if t.unsigned {
			_, err = strconv.ParseUint(strings.TrimPrefix(text, "+"), 10, t.bits)
		} else {
			_, err = strconv.ParseInt(text, 10, t.bits)
		}
		if err != nil {
			return "a number of type " + name, nil
		}
		return "", nil
	}
	if forms, found := layouts[name]; found {
		for _, f := range forms {
			if _, err := time.Parse(f, text); err == nil {
				return "", nil
			}
		}
		return "a " + name + " such as " + time.Date(2026, 1, 31, 22, 0, 0, 0, time.UTC).Format(forms[0]), nil
	}
	switch name {
	case "boolean":
		ok = text == "true" || text == "false" || text == "1" || text == "0"
		want = "true or false"
	case "decimal":
		ok, want = decimalForm.MatchString(text), "a number"
	case "integer", "nonNegativeInteger", "positiveInteger", "nonPositiveInteger", "negativeInteger":
		ok, want = integerForm.MatchString(text), "a number of type "+name
		negative := strings.HasPrefix(text, "-")
		zero := strings.Trim(text, "+-0") == ""
		switch name {
		case "nonNegativeInteger":
			ok = ok && (!negative || zero)
		case "positiveInteger":
			ok = ok && !negative && !zero
		case "nonPositiveInteger":
			ok = ok && (negative || zero)
		case "negativeInteger":
			ok = ok && negative && !zero
		}
	case "float", "double":
		_, perr := strconv.ParseFloat(text, 64)
		ok = text == "INF" || text == "-INF" || text == "NaN" || perr == nil && !strings.ContainsAny(text, "xXpP_iI")
		want = "a number"
	case "NMTOKEN", "NCName", "Name", "ID", "IDREF", "language", "QName":
		ok, want = nameForm.MatchString(text) || name == "NMTOKEN" && nameForm.MatchString("_"+text), "a name"
	case "base64Binary":
		_, perr := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
		ok, want = perr == nil, "base64"
	case "hexBinary":
		_, perr := hex.DecodeString(text)
		ok, want = perr == nil, "hexadecimal digits"
	default:
		return "", ErrUnknown
	}
	if ok {
		return "", nil
	}
	return want, nil
}
