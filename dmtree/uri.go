package dmtree

import (
	"fmt"
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A URI addresses a node, such as ./Device/Vendor/MSFT/WiFi/Profile/Office,
// or one of its properties (./DevInfo?prop=Name) or a list of what is below
// it (./DevInfo?list=Struct).
//
// Any string converts; Valid tells whether it is well formed, and whatever
// receives a URI in this package checks it. Several spellings address one
// node; Canonical picks one of them:
//
//	Vendor/MSFT   ./Vendor/MSFT   ./Device/Vendor/MSFT   ./device/Vendor/MSFT
//
// What is accepted: segments of any printable characters, raw or escaped,
// with an optional leading "./". What is refused, because DM TND or
// Windows forbid it: an empty URI, a leading or trailing slash, empty
// segments, the names ".", ".." and "*" (escaped or not), control characters,
// text that is not UTF-8, broken escapes, and a query other than prop= and
// list=.
type URI string

// Root is the URI of the root node.
const Root URI = "."

// ParseURI returns the canonical form of s, or an *Error that wraps ErrURI
// and tells what is wrong with s.
func ParseURI(s string) (URI, error) {
	u := URI(s)
	canonical, reason := u.scan()
	switch {
	case reason != "":
		return "", &Error{URI: u, Err: fmt.Errorf("%w: %s", ErrURI, reason)}
	case canonical:
		return u, nil
	}
	return u.rewrite(false), nil
}

// Valid reports whether u is well formed. It says nothing about whether the
// node exists, and nothing about the limits of a device (see [Limits]).
func (u URI) Valid() bool {
	_, reason := u.scan()
	return reason == ""
}

// isCanonical reports whether u is valid and its own canonical form.
func (u URI) isCanonical() bool {
	canonical, reason := u.scan()
	return canonical && reason == ""
}

// Canonical returns the one spelling that all spellings of u share: it starts
// with "./" (the root is "."), the scopes are written ./Device and ./User,
// ./Vendor becomes ./Device/Vendor, and exactly the characters that need it
// are escaped, with upper-case digits. The case of all other names is kept.
// A URI that is not valid is returned unchanged.
func (u URI) Canonical() URI {
	canonical, reason := u.scan()
	if canonical || reason != "" {
		return u
	}
	return u.rewrite(false)
}

// Fold returns the canonical form in lower case: two URIs that Windows holds
// to be the same have the same Fold. Use it as a key, never on the wire.
func (u URI) Fold() URI {
	if !u.Valid() {
		return u
	}
	node, _ := u.Split()
	if node == Root {
		return u
	}
	for i := 0; i < len(node); i++ {
		if c := node[i]; c == '%' || c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return u.rewrite(true)
		}
	}
	if canonical, _ := u.scan(); canonical {
		return u
	}
	return u.rewrite(true)
}

// EqualFold reports whether u and v address the same node without regard to
// case. Without EqualFold, compare canonical forms with ==.
func (u URI) EqualFold(v URI) bool { return u.Fold() == v.Fold() }

// Split cuts u into the node and the query after the first question mark,
// which is empty for a plain URI.
func (u URI) Split() (node URI, query string) {
	before, after, _ := strings.Cut(string(u), "?")
	return URI(before), after
}

// Prop returns the property that u asks for with ?prop=, or "".
func (u URI) Prop() string {
	_, q := u.Split()
	if name, ok := strings.CutPrefix(q, "prop="); ok {
		return name
	}
	return ""
}

// List returns what u asks for with ?list=, such as Struct or TNDS+ACL, or "".
func (u URI) List() string {
	_, q := u.Split()
	if what, ok := strings.CutPrefix(q, "list="); ok {
		return what
	}
	return ""
}

// WithProp returns the URI of a property of the node u.
func (u URI) WithProp(name string) URI {
	node, _ := u.Split()
	return node + URI("?prop="+name)
}

// IsRoot reports whether u is the root of the tree.
func (u URI) IsRoot() bool { return u == Root }

// Join returns the URI of a node below u. Each name is escaped as needed, so
// any text that can be a name may be given, such as "Café 5/7" or
// "{4D8E…}". A name that can be no name (see [URI]) makes a URI that is not
// valid. The query of u, if any, is dropped.
func (u URI) Join(names ...string) URI {
	node, _ := u.Split()
	b := make([]byte, 0, len(node)+16*len(names))
	b = append(b, node...)
	if node == Root && len(names) == 0 {
		return Root
	}
	for _, name := range names {
		if len(b) > 0 {
			b = append(b, '/')
		}
		b = appendEscaped(b, name)
	}
	return URI(b)
}

// Name returns the last name of u, unescaped, or "" for the root.
func (u URI) Name() string {
	node, _ := u.Split()
	if node == Root {
		return ""
	}
	return unescape(string(node[strings.LastIndexByte(string(node), '/')+1:]))
}

// Parent returns the URI of the node above u; the root is its own parent.
func (u URI) Parent() URI {
	node, _ := u.Split()
	if i := strings.LastIndexByte(string(node), '/'); i > 0 {
		return node[:i]
	}
	return Root
}

// Names iterates over the names from the root to u, unescaped, as they are
// spelled in u. The leading "./" is no name.
func (u URI) Names() iter.Seq[string] {
	return func(yield func(string) bool) {
		for rest := u.path(); rest != ""; {
			var seg string
			seg, rest, _ = strings.Cut(rest, "/")
			if !yield(unescape(seg)) {
				return
			}
		}
	}
}

// Depth returns the number of names in u; the root has none.
func (u URI) Depth() int {
	p := u.path()
	if p == "" {
		return 0
	}
	return strings.Count(p, "/") + 1
}

// Within reports whether u is root or a node below it, comparing canonical
// forms. To compare without case, use Fold on both.
func (u URI) Within(root URI) bool {
	node, _ := u.Canonical().Split()
	root, _ = root.Canonical().Split()
	if root == Root {
		return true
	}
	rest, ok := strings.CutPrefix(string(node), string(root))
	return ok && (rest == "" || rest[0] == '/')
}

// path is the node part without the leading "./"; "" for the root.
func (u URI) path() string {
	node, _ := u.Split()
	if node == Root {
		return ""
	}
	return strings.TrimPrefix(string(node), "./")
}

// scan checks u and tells whether it is in canonical form already. It does
// not allocate. A reason other than "" says why u is not valid.
func (u URI) scan() (canonical bool, reason string) {
	node, query := u.Split()
	if reason := checkQuery(string(u), query); reason != "" {
		return false, reason
	}
	switch {
	case node == Root:
		return true, ""
	case node == "":
		return false, "it is empty"
	case node[0] == '/':
		return false, "it starts with a slash"
	}
	p, canonical := strings.CutPrefix(string(node), "./")
	first := true
	for more := true; more; first = false {
		n := 0
		for n < len(p) && plain(p[n]) { // nearly every byte
			n++
		}
		seg, same, reason := p[:n], true, ""
		if n == len(p) || p[n] == '/' {
			p, more = p[n:], n < len(p)
			if more {
				p = p[1:]
			}
			reason = checkName(seg)
		} else {
			seg, p, more = strings.Cut(p, "/")
			same, reason = scanSegment(seg)
		}
		switch {
		case reason != "":
			return false, reason
		case !same:
			canonical = false
		case first:
			canonical = canonical && scopeIsCanonical(seg, p)
		}
	}
	return canonical, ""
}

func checkQuery(u, query string) string {
	if query == "" {
		if strings.HasSuffix(u, "?") {
			return "its query is empty"
		}
		return ""
	}
	value, ok := strings.CutPrefix(query, "prop=")
	if !ok {
		value, ok = strings.CutPrefix(query, "list=")
	}
	if !ok || value == "" {
		return "its query is neither prop= nor list= with a value"
	}
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		case (c == '+' || c == '-') && query[0] == 'l':
		default:
			return "its query holds a character that no property has"
		}
	}
	return ""
}

// checkName returns what is wrong with a name whose characters are sound.
func checkName(name string) (reason string) {
	switch name {
	case "":
		return "a segment is empty"
	case ".", "..":
		return "a segment is . or .."
	case "*":
		return "a segment is just *"
	}
	return ""
}

// scanSegment checks one segment and tells whether it is spelled canonically.
func scanSegment(seg string) (same bool, reason string) {
	same = true
	for i := 0; i < len(seg); {
		if plain(seg[i]) {
			i++
			continue
		}
		r, size := decodeChar(seg[i:])
		switch {
		case size == 0 && seg[i] == '%':
			return false, "a % is not followed by two hexadecimal digits of a UTF-8 character"
		case size == 0:
			return false, "it is not UTF-8"
		case unicode.IsControl(r):
			return false, "it holds a control character"
		}
		if same {
			var buf [12]byte
			same = string(appendEscapedRune(buf[:0], r)) == seg[i:i+size]
		}
		i += size
	}
	if len(seg) > len("%2E%2E") {
		return same, "" // no need to unescape what is neither . nor .. nor *
	}
	return same, checkName(unescape(seg))
}

// scopeIsCanonical tells whether the first segment, followed by rest, needs
// no rewriting of the scope.
func scopeIsCanonical(first, rest string) bool {
	switch {
	case len(first) == 6 && strings.EqualFold(first, "Vendor"):
		return false
	case len(first) == 6 && strings.EqualFold(first, "Device"):
		if first != "Device" {
			return false
		}
	case len(first) == 4 && strings.EqualFold(first, "User"):
		if first != "User" {
			return false
		}
	default:
		return true
	}
	second, _, _ := strings.Cut(rest, "/")
	return second == "Vendor" || !strings.EqualFold(unescape(second), "Vendor")
}

// rewrite returns the canonical form of a valid URI, in lower case if fold.
func (u URI) rewrite(fold bool) URI {
	node, query := u.Split()
	b := make([]byte, 0, len(u)+9)
	b = append(b, '.')
	i, scoped := 0, false
	for name := range node.Names() {
		switch {
		case i == 0 && strings.EqualFold(name, "Device"):
			name, scoped = "Device", true
		case i == 0 && strings.EqualFold(name, "User"):
			name, scoped = "User", true
		case i == 0 && strings.EqualFold(name, "Vendor"):
			name = "Vendor"
			if fold {
				b = append(b, "/device"...)
			} else {
				b = append(b, "/Device"...)
			}
		case i == 1 && scoped && strings.EqualFold(name, "Vendor"):
			name = "Vendor"
		}
		if fold {
			name = strings.Map(foldRune, name)
		}
		b = append(b, '/')
		b = appendEscaped(b, name)
		i++
	}
	if query != "" {
		b = append(append(b, '?'), query...)
	}
	return URI(b)
}
