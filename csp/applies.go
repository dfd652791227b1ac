package csp

import (
	"fmt"
	"slices"
	"strings"

	"github.com/omadm-sdk/omadm/dmtree"
)

// A Target is a device, as far as it is known: zero fields are not known.
type Target struct {
	Build   Build
	Edition Edition
	Join    Join
}

// Join tells whether a device is joined to Entra (Azure AD).
type Join uint8

// What is known about the join state of a device.
const (
	JoinUnknown Join = iota
	JoinEntra
	JoinNone // not joined, or to a domain only
)

// A TargetError tells why a node does not exist on a device.
type TargetError struct {
	URI    dmtree.URI
	Target Target
	Reason string
}

// Error implements error.
func (e *TargetError) Error() string { return fmt.Sprintf("csp: %s: %s", e.URI, e.Reason) }

// Applies tells whether n exists on a device: nil if it does, a [*TargetError]
// that says why not, or an error that wraps [ErrUndecidable] and says what is
// not known. A deprecated node still exists; see [Node.Deprecated].
func (n *Node) Applies(t Target) error {
	var unknown error
	a := n.Applicability()
	for _, check := range []func(*Applicability, Target) (string, error){onEdition, onBuild, onJoin} {
		no, err := check(&a, t)
		if no != "" {
			return &TargetError{URI: n.URI(), Target: t, Reason: no}
		}
		if unknown == nil {
			unknown = err
		}
	}
	return unknown
}

// Applicability tells where n exists. What n does not say itself, the nearest
// node above that says something says for it.
func (n *Node) Applicability() Applicability {
	for m := n; m != nil; m = m.Parent() {
		if a, ok := m.ownApplicability(); ok {
			return a
		}
	}
	return Applicability{}
}

func (n *Node) ownApplicability() (a Applicability, ok bool) {
	f, ok := n.field('b')
	if !ok {
		return a, false
	}
	for b := range strings.FieldsSeq(n.s.atom(f)) {
		if build, err := ParseBuild(b); err == nil {
			a.Builds = append(a.Builds, build)
		}
	}
	f, _ = n.field('s')
	a.CSPVersion = n.s.atom(f)
	if f, ok := n.field('e'); ok {
		a.Editions = []Edition{}
		for e := range strings.FieldsSeq(n.s.atom(f)) {
			if edition, ok := EditionOf("0x" + e); ok {
				a.Editions = append(a.Editions, edition)
			}
		}
	}
	_, a.EntraJoin = n.field('j')
	return a, true
}

func onEdition(a *Applicability, t Target) (no string, err error) {
	switch {
	case a.Editions == nil:
		return "", nil
	case len(a.Editions) == 0:
		return "no edition of Windows has it", nil
	case t.Edition == 0:
		return "", undecidable("the edition of the device is not known")
	case slices.Contains(a.Editions, t.Edition):
		return "", nil
	}
	const most = 6
	names := make([]string, 0, most+1)
	for i, e := range a.Editions {
		if i == most {
			names = append(names, fmt.Sprintf("%d more", len(a.Editions)-most))
			break
		}
		names = append(names, e.String())
	}
	return fmt.Sprintf("edition %s does not have it; %s do", t.Edition, strings.Join(names, ", ")), nil
}

// onBuild reads a list of builds as Microsoft's schema explains it: the entry
// without a revision is the first release that has the node, all later ones
// have it too; an entry with a revision is an update that brought it to that
// one build.
func onBuild(a *Applicability, t Target) (no string, err error) {
	if len(a.Builds) == 0 {
		return "", nil
	}
	if t.Build == (Build{}) {
		return "", undecidable("the build of the device is not known")
	}
	var first, newest Build
	related := Build{} // an update for a build that shares its updates with the target's
	for _, b := range a.Builds {
		switch {
		case !b.Released():
			continue
		case b.Revision == 0 && (first == Build{} || b.Compare(first) < 0):
			first = b
		case b.Build == t.Build.Build && b.Major == t.Build.Major:
			if t.Build.Revision >= b.Revision {
				return "", nil
			}
			if t.Build.Revision == 0 {
				return "", undecidable("%s has it from revision %d on, and the revision of the device is not known", t.Build, b.Revision)
			}
			return fmt.Sprintf("build %s does not have it; it came with %s", t.Build, b), nil
		case family(b.Build) == family(t.Build.Build):
			related = b
		}
		if b.Compare(newest) > 0 {
			newest = b
		}
	}
	switch {
	case first != Build{} && t.Build.Compare(first) >= 0:
		return "", nil
	case newest == Build{}:
		return "it is not in any released build", nil
	case related != Build{}:
		return "", undecidable("%s has it, and build %d shares its updates with that one, but is not named", related, t.Build.Build)
	case first == Build{} && t.Build.Compare(newest) > 0 && allReleased(a.Builds):
		return "", undecidable("it came to older builds with updates, the last of them %s; later builds are not named", newest)
	}
	return fmt.Sprintf("build %s does not have it; %s", t.Build, since(a.Builds)), nil
}

func allReleased(builds []Build) bool {
	return !slices.ContainsFunc(builds, func(b Build) bool { return !b.Released() })
}

// since says in words which builds have a node: the release that brought it
// first, then the updates of older ones.
func since(builds []Build) string {
	var releases, updates []string
	for _, b := range builds {
		switch name := b.Release(); {
		case !b.Released():
		case b.Revision != 0:
			updates = append(updates, b.String())
		case name != "":
			releases = append(releases, fmt.Sprintf("%s (%s)", b, name))
		default:
			releases = append(releases, b.String())
		}
	}
	switch {
	case len(updates) == 0:
		return "it came with " + strings.Join(releases, ", ")
	case len(releases) == 0:
		return "it came with the updates " + strings.Join(updates, ", ")
	}
	return "it came with " + strings.Join(releases, ", ") + ", and to older builds with " + strings.Join(updates, ", ")
}

func onJoin(a *Applicability, t Target) (no string, err error) {
	switch {
	case !a.EntraJoin || t.Join == JoinEntra:
		return "", nil
	case t.Join == JoinUnknown:
		return "", undecidable("it needs a device that is joined to Entra, and whether this one is, is not known")
	}
	return "only devices joined to Entra have it", nil
}
