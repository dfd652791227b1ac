package csp

import (
	"cmp"
	"slices"
	"strings"
)

// Search returns the nodes that have all words of query in their URI, in the
// name or path of their Group Policy setting, or in the name or file of their
// ADMX policy, in any case; the best first, at most limit of them, or all if
// limit is 0. Words are parts of names: "camera lock" finds
// PreventLockScreenCamera.
func (s *Schema) Search(query string, limit int) []*Node {
	words := strings.Fields(strings.ToLower(query))
	if len(words) == 0 {
		return nil
	}
	type hit struct {
		n     *Node
		score int
	}
	var hits []hit
	for u, n := range s.All() {
		if !n.Described() {
			continue
		}
		name, uri := strings.ToLower(n.Name), strings.ToLower(string(u))
		policy, rest := n.policyText()
		score := 0
		for _, w := range words {
			best := 0
			switch {
			case name == w:
				best = 10
			case strings.Contains(name, w):
				best = 6
			case strings.Contains(policy, w):
				best = 5
			case strings.Contains(uri, w):
				best = 3
			case strings.Contains(rest, w):
				best = 1
			}
			if best == 0 {
				score = 0
				break
			}
			score += best
		}
		if score == 0 {
			continue
		}
		if policy == strings.Join(words, " ") || name == strings.Join(words, "") {
			score += 100
		}
		hits = append(hits, hit{n, score})
	}
	slices.SortStableFunc(hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(len(a.n.Name), len(b.n.Name)))
	})
	if limit > 0 && len(hits) > limit {
		hits = hits[:limit]
	}
	found := make([]*Node, len(hits))
	for i, h := range hits {
		found[i] = h.n
	}
	return found
}

// policyText returns the names of the Group Policy setting that n stands for,
// and where it is found, both in lower case.
func (n *Node) policyText() (name, rest string) {
	if g, ok := n.GroupPolicy(); ok {
		name, rest = g.Name, g.Area+" "+g.Element
	}
	if a := n.allowed('v'); a.kind == KindADMX {
		x := a.decode().ADMX
		if name == "" {
			name = x.Name
		}
		rest += " " + x.Name + " " + x.File + " " + x.Area
	}
	return strings.ToLower(name), strings.ToLower(rest)
}
