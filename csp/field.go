package csp

import (
	"iter"
	"strings"
)

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
