package csp

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/omadm-sdk/omadm/dmtree"
)

// A NotFoundError tells why a URI leads to no node, and where the caller may
// have wanted to go. It wraps [dmtree.ErrNotFound].
type NotFoundError struct {
	URI     dmtree.URI
	Reason  string
	Similar []dmtree.URI // the best first; dynamic names as in URI, or in braces
}

// Error implements error.
func (e *NotFoundError) Error() string {
	s := fmt.Sprintf("csp: %s: %s", e.URI, e.Reason)
	if len(e.Similar) > 0 {
		s += fmt.Sprintf("; did you mean %s?", e.Similar[0])
	}
	return s
}

// Unwrap returns the cause.
func (e *NotFoundError) Unwrap() error { return dmtree.ErrNotFound }

// Find is Lookup for people: where it finds nothing, the error is a
// [*NotFoundError] that says what is wrong with u.
func (s *Schema) Find(u dmtree.URI) (*Node, error) {
	if _, err := dmtree.ParseURI(string(u)); err != nil {
		return nil, err
	}
	if n, ok := s.Lookup(u); ok {
		return n, nil
	}
	node, _ := u.Split()
	f := finder{s: s, names: slices.Collect(node.Canonical().Names())}
	i := int32(0)
	for at, name := range f.names {
		next := s.step(i, dmtree.Escape(name))
		if next < 0 {
			f.at = at
			break
		}
		i = next
	}
	f.above = &s.nodes[i]
	return nil, &NotFoundError{URI: u, Reason: f.reason(), Similar: f.similar()}
}

// A finder knows where the way to a URI ends.
type finder struct {
	s     *Schema
	names []string
	at    int   // the first name that leads nowhere
	above *Node // what the names before it lead to
	scope []dmtree.URI
}

func (f *finder) reason() string {
	name := f.names[f.at]
	f.scope = f.elsewhere()
	switch {
	case len(f.scope) > 0 && isScope(f.names[0]) && f.names[0] != firstName(f.scope[0]) && isScope(firstName(f.scope[0])):
		return fmt.Sprintf("it has no ./%s twin", f.names[0])
	case f.above.child == 0:
		return fmt.Sprintf("%s is a leaf, and nothing is below it", f.above.URI())
	}
	for c := range f.above.Children() {
		if c.Dynamic() && c.Pattern() != "" {
			return fmt.Sprintf("%s is not below %s, and is no name for {%s}, which matches %s", name, f.above.URI(), c.Name, c.Pattern())
		}
	}
	return fmt.Sprintf("%s is not below %s", name, f.above.URI())
}

func isScope(name string) bool { return name == "Device" || name == "User" }

func firstName(u dmtree.URI) string {
	for name := range u.Names() {
		return name
	}
	return ""
}

// elsewhere looks for the same names in the other scope, and with the
// beginning that many forget.
func (f *finder) elsewhere() []dmtree.URI {
	rest := f.names
	for _, head := range []string{"Device", "User", "Vendor", "MSFT"} {
		if len(rest) > 0 && strings.EqualFold(rest[0], head) {
			rest = rest[1:]
		}
	}
	if len(rest) == 0 {
		return nil
	}
	var found []dmtree.URI
	for _, head := range []dmtree.URI{"./Device/Vendor/MSFT", "./User/Vendor/MSFT", "."} {
		u := head.Join(rest...)
		if _, ok := f.s.Lookup(u); ok {
			found = append(found, u)
		}
	}
	return found
}

// similar proposes at most five nodes.
func (f *finder) similar() []dmtree.URI {
	const most = 5
	list := f.scope
	list = append(list, f.misspelled()...)
	if len(list) == 0 {
		list = f.namesakes()
	}
	seen := make(map[dmtree.URI]bool)
	list = slices.DeleteFunc(list, func(u dmtree.URI) bool {
		again := seen[u]
		seen[u] = true
		return again
	})
	return list[:min(most, len(list))]
}

// misspelled looks for siblings with a similar name, below which the rest of
// the names leads somewhere.
func (f *finder) misspelled() []dmtree.URI {
	type candidate struct {
		uri      dmtree.URI
		distance int
	}
	var list []candidate
	name := strings.ToLower(f.names[f.at])
	for c := range f.above.Children() {
		if c.Dynamic() {
			continue
		}
		limit := max(2, len(name)/3)
		d := distance(name, strings.ToLower(c.Name), limit)
		if d > limit {
			continue
		}
		names := slices.Clone(f.names)
		names[f.at] = c.Name
		u := dmtree.Root.Join(names...)
		if _, ok := f.s.Lookup(u); !ok {
			// A second mistake further down, or nothing to go to.
			u = dmtree.Root.Join(names[:f.at+1]...)
			d += 10
		}
		list = append(list, candidate{u, d})
	}
	slices.SortStableFunc(list, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	uris := make([]dmtree.URI, len(list))
	for i, c := range list {
		uris[i] = c.uri
	}
	return uris
}

// namesakes looks for nodes of the same name elsewhere: a policy under the
// wrong area.
func (f *finder) namesakes() []dmtree.URI {
	last := f.names[len(f.names)-1]
	if len(last) < 5 {
		return nil // names such as Name and Id are everywhere
	}
	var list []dmtree.URI
	for u, n := range f.s.All() {
		if n.Described() && !n.Dynamic() && foldEqual(n.Name, last) {
			list = append(list, u)
		}
	}
	if len(list) > 20 {
		return nil
	}
	// Those that share more names with what was asked for come first.
	common := func(u dmtree.URI) (k int) {
		for name := range u.Names() {
			if slices.ContainsFunc(f.names, func(s string) bool { return foldEqual(s, name) }) {
				k++
			}
		}
		return k
	}
	slices.SortStableFunc(list, func(a, b dmtree.URI) int { return cmp.Compare(common(b), common(a)) })
	return list
}

// distance is the number of insertions, deletions, replacements and swaps of
// neighbours between a and b; above limit it may be any number above limit.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	before, row, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next[0] = i
		best := i
		for j := 1; j <= len(b); j++ {
			c := 1
			if a[i-1] == b[j-1] {
				c = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+c)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
			best = min(best, next[j])
		}
		if best > limit {
			return limit + 1
		}
		before, row, next = row, next, before
	}
	return row[len(b)]
}
