package csp

import (
	"iter"
	"strings"
)

// The text form of a schema, line by line:
//
//	omadm-schema 1
//	$3k7<tab>10.0.22000 10.0.19043.1202      texts that nodes share, by name
//	(an empty line)
//	Device<tab>-                             a node that no file describes
//	 Vendor<tab>-                            one space more: a child
//	    AllowCamera<tab>int ADGR ?<tab>vE:0|1<tab>d1
//	    {SSID}<tab>node ADG *<tab>nS         a name chosen at run time
//
// After the name stand the format, the letters of the commands, and the
// occurrence (1 ? * + n N, with a number) with flags: p permanent, c or i for
// the case of the name, a Atomic required, x Replace appends. Then come fields,
// a letter and atoms with | between them; an atom is text, or $ and the name of
// a shared one. Inside texts, \\ \t \n \r \p \c \d stand for backslash, tab,
// line feed, carriage return, | : and $.
//
//	v  values: the kind (N E F R X S A J D), the delimiter of a list, a colon, atoms
//	d  default          k  holds a credential     n  naming: C S U
//	b  builds           s  CSP version            e  editions, hexadecimal
//	j  Entra join       c  conflict: w l h L H    m  MIME types      M  DDFName
//	r  restart: A S     g  Group Policy           o  deprecated since
//	t  top of a tree: file, path
//	p  a group of dependencies, then: = the values it changes to,
//	   + or ! a node, ? the values it must or must not have

// field returns the field of n that starts with letter.
func (n *Node) field(letter byte) (string, bool) {
	for rest := n.line; ; {
		i := strings.IndexByte(rest, '\t')
		if i < 0 {
			return "", false
		}
		if rest = rest[i+1:]; rest == "" || rest[0] != letter {
			continue
		}
		if i = strings.IndexByte(rest, '\t'); i >= 0 {
			rest = rest[:i]
		}
		return rest[1:], true
	}
}

// eachField iterates over the fields of a line.
func eachField(f string) iter.Seq2[byte, string] {
	return func(yield func(byte, string) bool) {
		_, f, _ = strings.Cut(f, "\t")
		for one := range strings.SplitSeq(f, "\t") {
			if one != "" && !yield(one[0], one[1:]) {
				return
			}
		}
	}
}

// eachAtom iterates over the parts of a field, still escaped.
func eachAtom(f string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for f != "" {
			i := strings.IndexByte(f, '|')
			if i < 0 {
				yield(f)
				return
			}
			if !yield(f[:i]) {
				return
			}
			f = f[i+1:]
			if f == "" {
				yield("")
			}
		}
	}
}

// atom returns the text that a part of a field stands for.
func (s *Schema) atom(a string) string {
	if strings.HasPrefix(a, "$") {
		a = s.shared[a[1:]]
	}
	return unescapeField(a)
}

// atoms fills to with the parts of a field.
func (s *Schema) atoms(f string, to []string) {
	i := 0
	for a := range eachAtom(f) {
		if i == len(to) {
			return
		}
		to[i] = s.atom(a)
		i++
	}
}

func letterOf(letters, f string) int {
	if f == "" {
		return 0
	}
	return max(0, strings.IndexByte(letters, f[0]))
}

var fieldUnescaper = strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n", `\r`, "\r", `\p`, "|", `\c`, ":", `\d`, "$", `\{`, "{", `\ `, " ")

// unescapeField undoes escapeField. It allocates only where there is an escape.
func unescapeField(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	return fieldUnescaper.Replace(s)
}
