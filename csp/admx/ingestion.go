package admx

import (
	"iter"
	"strings"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/dmtree"
)

// A Setting tells in what sense an ingested file's policies are meant. What
// difference it makes to Windows is not documented.
type Setting string

// The kinds of settings.
const (
	SettingPolicy     Setting = "Policy"
	SettingPreference Setting = "Preference"
)

// An Ingestion is what a device is given of one application: all its ADMX
// files, as categories of one may be below those of another.
type Ingestion struct {
	App     string  // the server's name for it: part of the URI of each policy
	Setting Setting // empty: SettingPolicy
	Files   []*File
}

func (in *Ingestion) setting() string {
	if in.Setting == "" {
		return string(SettingPolicy)
	}
	return string(in.Setting)
}

const (
	install = dmtree.URI("./Device/Vendor/MSFT/Policy/ConfigOperations/ADMXInstall")
	config  = "/Vendor/MSFT/Policy/Config"
)

// URI returns where the text of a file is to be added, as format chr and type
// text/plain; uid is the server's name for the file. A device answers 418 if
// it has a file there, and takes a Replace since the updates of 2019. Who
// deletes the node deletes every policy that is set from the file.
func (in *Ingestion) URI(uid string) dmtree.URI {
	return install.Join(in.App, in.setting(), uid)
}

// An Ingested is a policy on a device that has ingested its file.
type Ingested struct {
	*Policy
	URI  dmtree.URI
	Area string // the name of the area that it is in: Editor~Policy~Contoso~Editor
}

// Policies iterates over all policies of the files, in their order, with the URIs of
// their nodes. A policy of class Both is there twice, below ./Device and below
// ./User. Categories go from the outermost to the policy's own; a category
// whose parent is in none of the files is taken for an outermost one.
func (in *Ingestion) Policies() iter.Seq[Ingested] {
	return func(yield func(Ingested) bool) {
		r := in.resolver()
		for _, f := range in.Files {
			for _, p := range f.Policies {
				area := r.area(f, p.Category).name
				for _, scope := range scopes(p.Class) {
					if !yield(Ingested{p, dmtree.URI("./"+scope+config).Join(area, p.Name), area}) {
						return
					}
				}
			}
		}
	}
}

func scopes(c csp.Class) []string {
	switch c {
	case csp.Machine:
		return []string{"Device"}
	case csp.User:
		return []string{"User"}
	}
	return []string{"Device", "User"}
}

// Trees returns definitions of the nodes that a device has for the policies,
// for schemas that hold others too.
func (in *Ingestion) Trees() []csp.Tree {
	type place struct{ file, scope, area string }
	var order []place
	areas := map[place]*csp.Def{}
	for p := range in.Policies() {
		scope := "./Device"
		if strings.HasPrefix(string(p.URI), "./User/") {
			scope = "./User"
		}
		at := place{p.File, scope, p.Area}
		area, ok := areas[at]
		if !ok {
			area = &csp.Def{Name: p.Area, Access: csp.OpAdd | csp.OpDelete | csp.OpGet, Format: dmtree.FormatNode,
				Occurs: csp.OccursZeroOrOne}
			areas[at], order = area, append(order, at)
		}
		area.Children = append(area.Children, &csp.Def{
			Name: p.Name, Access: csp.OpAdd | csp.OpDelete | csp.OpGet | csp.OpReplace, Format: dmtree.FormatChr,
			Occurs: csp.OccursZeroOrOne, Types: []string{"text/plain"}, Conflict: csp.LastWrite,
			Allowed: csp.Allowed{Kind: csp.KindADMX, ADMX: csp.ADMX{File: p.File, Name: p.Name, Area: p.Area}},
		})
	}
	trees := make([]csp.Tree, len(order))
	for i, at := range order {
		trees[i] = csp.Tree{File: at.file, Path: at.scope + config, Root: areas[at]}
	}
	return trees
}

// Schema returns a schema of the nodes that a device has for the policies. It
// knows what each of them takes.
func (in *Ingestion) Schema() (*csp.Schema, error) {
	var all []*csp.ADMXPolicy
	for _, f := range in.Files {
		for _, p := range f.Policies {
			all = append(all, &p.ADMXPolicy)
		}
	}
	return csp.NewWithPolicies(all, in.Trees()...)
}
