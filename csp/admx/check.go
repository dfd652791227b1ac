package admx

import (
	"fmt"
	"strings"
)

// Check returns what is wrong with an ingestion, before a device finds out:
//
//   - the problems of each file (see [File.Problems])
//   - names that cannot be part of the URI
//   - two files of one namespace, or two policies at one URI
//   - categories that are not there, or below themselves
//   - policies that write where Windows lets no ingested policy write
func (in *Ingestion) Check() []Problem {
	c := &checker{resolver: in.resolver(), at: map[node]string{}}
	if in.App == "" || strings.ContainsAny(in.App, "~/") {
		c.add("", "", true, "App is %q, want a name without ~ and /", in.App)
	}
	if s := in.setting(); s != string(SettingPolicy) && s != string(SettingPreference) {
		c.add("", "", true, "Setting is %q, want Policy or Preference", s)
	}
	for _, f := range in.Files {
		c.out = append(c.out, f.Problems...)
		if other := c.byNamespace[f.Namespace]; other != nil && other != f {
			c.add(f.Name, "policyNamespaces", true, "namespace %s is that of %s", f.Namespace, other.Name)
		}
		for _, cat := range f.Categories {
			c.parent(f, "category "+cat.Name, cat.Parent)
		}
		for _, p := range f.Policies {
			c.policy(f, p)
		}
	}
	return c.out
}

type checker struct {
	*resolver
	at  map[node]string // the file of a policy
	out []Problem
}

// A node is where a policy is, without case.
type node struct{ scope, area, policy string }

func (c *checker) add(file, where string, fatal bool, format string, args ...any) {
	c.out = append(c.out, Problem{file, where, fmt.Sprintf(format, args...), fatal})
}

func (c *checker) parent(f *File, where, ref string) {
	if ref == "" {
		return
	}
	if _, cat, wrong, fatal := c.find(f, ref); cat == nil {
		c.add(f.Name, where, fatal, "%s", wrong)
	}
}

func (c *checker) policy(f *File, p *Policy) {
	where := "policy " + p.Name
	if p.Category == "" {
		c.add(f.Name, where, true, "it has no parentCategory")
	}
	c.parent(f, where, p.Category)
	area := c.area(f, p.Category)
	if area.deep {
		c.add(f.Name, where, true, "its category is below itself, or below more than %d others", maxCategories)
	}
	for _, scope := range scopes(p.Class) {
		at := node{scope, area.folded, strings.ToLower(p.Name)}
		other, taken := c.at[at]
		if taken && other != f.Name { // within one file, Parse has said so
			c.add(f.Name, where, true, "%s has a policy of this name in the same categories", other)
			break
		}
		c.at[at] = f.Name
	}
	for _, key := range p.Keys {
		area := reservedArea(key)
		switch {
		case area == "":
		case listedElsewhere(key):
			c.add(f.Name, where, false, `it writes to %s: Windows reserves %s, and its list of exceptions names this product without Policies\`, key, area)
		default:
			c.add(f.Name, where, true, "it writes to %s: Windows lets no ingested policy write below %s, but for some keys that are not this one", key, area)
		}
	}
}
