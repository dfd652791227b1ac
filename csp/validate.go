package csp

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/omadm-sdk/omadm/dmtree"
)

// Validate tells whether n takes v: nil if it does, a [*ValueError] if it does
// not, or an error that wraps [ErrUndecidable]. A node without a description
// of its values takes every value of its format.
//
// A value that is taken costs no allocation, but for XML and JSON documents.
func (n *Node) Validate(v dmtree.Value) error {
	if want := n.wrongFormat(v); want != "" {
		return n.valueError(v, want, dmtree.ErrFormat)
	}
	a := n.allowed('v')
	if a.kind <= KindNone || n.Format == dmtree.FormatNode {
		return nil // what describes an interior node describes its names
	}
	want, err := a.check(n.Format, v.Text())
	if want != "" {
		return n.valueError(v, want, dmtree.ErrValue)
	}
	return err
}

// wrongFormat tells what format n takes if v has another.
func (n *Node) wrongFormat(v dmtree.Value) string {
	f := v.Format()
	if f == n.Format {
		return ""
	}
	switch n.Format {
	case dmtree.FormatNode, dmtree.FormatNull:
		// Such nodes have no value; text without content is what an Item
		// without Meta and with empty Data is.
		if f == dmtree.FormatNull || f == dmtree.FormatChr && v.Text() == "" {
			return ""
		}
		return "no value: format " + n.Format.String()
	case dmtree.FormatXML:
		if f == dmtree.FormatChr {
			return "" // XML documents travel as text in CDATA just as well
		}
	case dmtree.FormatB64, dmtree.FormatBin:
		if f == dmtree.FormatB64 || f == dmtree.FormatBin {
			return "" // the same bytes; which one it is depends on the transport
		}
	case dmtree.FormatFloat:
		if f == dmtree.FormatInt {
			return ""
		}
	}
	return fmt.Sprintf("format %s, not %s", n.Format, f)
}

// check tells what is wanted if text is not one of the values of a, or that
// nobody can tell.
func (a *allowed) check(f dmtree.Format, text string) (want string, err error) {
	if a.delim == "" {
		return a.checkOne(f, text)
	}
	if a.kind == KindRegEx {
		// Some patterns of lists describe the whole list.
		if want, err := a.checkOne(f, text); want == "" && err == nil {
			return "", nil
		}
	}
	if text == "" {
		return "", nil // an empty list
	}
	for rest, more := text, true; more; {
		var item string
		item, rest, more = strings.Cut(rest, a.delim)
		if item == "" && !more {
			break // a delimiter at the end
		}
		w, e := a.checkOne(f, item)
		if w != "" {
			return fmt.Sprintf("a list of which each item, with %s between them, is %s; %s is not", delimText(a.delim), w, shorten(item)), nil
		}
		if e != nil {
			err = e
		}
	}
	return "", err
}

func delimText(d string) string {
	if d == "\uF000" {
		return "U+F000"
	}
	return d
}

func (a *allowed) checkOne(f dmtree.Format, text string) (want string, err error) {
	switch a.kind {
	case KindAny, KindNone:
		return "", nil
	case KindEnum:
		return a.checkEnum(f, text), nil
	case KindFlag:
		return a.checkFlag(text)
	case KindRange:
		return a.checkRange(text)
	case KindRegEx:
		return a.checkRegExp(text)
	case KindXSD:
		return a.checkXSD(text)
	case KindADMX:
		return a.checkADMX(text)
	case KindJSON:
		// The one instance of this kind holds an example, not a JSON schema.
		if !json.Valid([]byte(text)) {
			return "a JSON document", nil
		}
		return "", nil
	case KindSDDL:
		if err := checkSDDL(text); err != nil {
			return "a security descriptor in SDDL: " + err.Error(), nil
		}
		return "", nil
	}
	return "", undecidable("values of an unknown kind")
}

func (a *allowed) checkEnum(f dmtree.Format, text string) (want string) {
	for rest, more := a.rest, a.rest != ""; more; {
		var v string
		if v, rest, more = a.cut(rest); sameScalar(f, v, text) {
			return ""
		}
	}
	return a.want()
}

// want says in words what a takes, for kinds that are lists.
func (a *allowed) want() string {
	const most = 24
	var list []string
	more := 0
	for v := range a.s.values(a.rest) {
		if v == "" {
			v = "nothing"
		}
		if len(list) < most {
			list = append(list, v)
		} else {
			more++
		}
	}
	switch {
	case more > 0:
		return fmt.Sprintf("one of %s and %d more", strings.Join(list, ", "), more)
	case len(list) > 3:
		return "one of " + strings.Join(list, ", ")
	}
	return strings.Join(list, " or ")
}

// sameScalar tells whether two spellings are one value: 1 and 0x1 as int, True
// and 1 as bool.
func sameScalar(f dmtree.Format, a, b string) bool {
	if a == b {
		return true
	}
	switch f {
	case dmtree.FormatInt:
		x, okX := parseInt(a)
		y, okY := parseInt(b)
		return okX && okY && x == y
	case dmtree.FormatBool:
		x, okX := parseBool(a)
		y, okY := parseBool(b)
		return okX && okY && x == y
	case dmtree.FormatChr:
		_, word := parseBool(a)
		return word && strings.EqualFold(a, b)
	}
	return false
}

// checkFlag takes any combination of the listed bits and masks; nothing set
// only where 0 is listed.
func (a *allowed) checkFlag(text string) (want string, err error) {
	value, ok := parseInt(text)
	var sum int64
	for rest, more := a.rest, a.rest != ""; more; {
		var v string
		v, rest, more = a.cut(rest)
		bits, good := parseInt(v)
		if !good {
			return "", undecidable("%q is not a number of bits", v)
		}
		if ok && bits == value {
			return "", nil
		}
		if ok && bits&value == bits {
			sum |= bits
		}
	}
	if ok && value != 0 && sum == value {
		return "", nil
	}
	return a.want() + ", or several of them combined", nil
}

func (a *allowed) checkRange(text string) (want string, err error) {
	r, _ := a.first()
	value, isInt := parseInt(text)
	in, ok := inRange(r, value)
	switch {
	case !ok:
		return "", undecidable("the range %q cannot be read", r)
	case !in || !isInt:
		return rangeWords(r), nil
	}
	return "", nil
}

// inRange reads a range: [0-5], [(-1)-5], [3], [6,17], and tells whether v is
// in it.
func inRange(r string, v int64) (in, ok bool) {
	if len(r) < 2 || r[0] != '[' || r[len(r)-1] != ']' {
		return false, false
	}
	for rest, more := r[1:len(r)-1], true; more; {
		var part string
		part, rest, more = strings.Cut(rest, ",")
		lo, hi, ok := cutRange(part)
		if !ok {
			return false, false
		}
		in = in || lo <= v && v <= hi
	}
	return in, true
}

func cutRange(part string) (lo, hi int64, ok bool) {
	lo, tail, ok := cutInt(part)
	if tail == "" {
		return lo, lo, ok
	}
	hi, tail, okHi := cutInt(strings.TrimPrefix(tail, "-"))
	return lo, hi, ok && okHi && tail == "" && lo <= hi
}

func rangeWords(r string) string {
	var parts []string
	for part := range strings.SplitSeq(r[1:len(r)-1], ",") {
		if lo, hi, _ := cutRange(part); lo == hi {
			parts = append(parts, strconv.FormatInt(lo, 10))
		} else {
			parts = append(parts, fmt.Sprintf("from %d to %d", lo, hi))
		}
	}
	return "a number " + strings.Join(parts, " or ")
}

// cutInt cuts a number off the start of s: 5, or (-1).
func cutInt(s string) (v int64, rest string, ok bool) {
	s = strings.TrimSpace(s)
	if inner, found := strings.CutPrefix(s, "("); found {
		num, tail, closed := strings.Cut(inner, ")")
		v, ok = parseInt(num)
		return v, tail, ok && closed
	}
	end := 0
	for end < len(s) && '0' <= s[end] && s[end] <= '9' {
		end++
	}
	v, ok = parseInt(s[:end])
	return v, s[end:], ok
}

// parseInt reads decimal and 0x hexadecimal numbers without allocating.
func parseInt(s string) (v int64, ok bool) {
	s = strings.Trim(s, " \t\r\n")
	negative := false
	if s != "" && (s[0] == '-' || s[0] == '+') {
		negative = s[0] == '-'
		s = s[1:]
	}
	base := uint64(10)
	if len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x' {
		s, base = s[2:], 16
	}
	if s == "" || len(s) > 18 {
		return 0, false
	}
	var u uint64
	for i := 0; i < len(s); i++ {
		d := uint64(255)
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			d = uint64(c - '0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			d = uint64(c|0x20-'a') + 10
		}
		if d >= base || u > (1<<63-1-d)/base {
			return 0, false
		}
		u = u*base + d
	}
	if negative {
		return -int64(u), true
	}
	return int64(u), true
}

func parseBool(s string) (v, ok bool) {
	switch s = strings.Trim(s, " \t\r\n"); {
	case s == "1" || strings.EqualFold(s, "true"):
		return true, true
	case s == "0" || strings.EqualFold(s, "false"):
		return false, true
	}
	return false, false
}
