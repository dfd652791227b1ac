package csp_test

import (
	"os"
	"testing"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/stretchr/testify/require"
)

// TestWindowsCounts counts what came in from Microsoft's files. The numbers
// are those of the published snapshot; see data/NOTICE.
func TestWindowsCounts(t *testing.T) {
	text, err := os.ReadFile("data/windows.txt") // without the corrections
	require.NoError(t, err)
	s, err := csp.ParseText(string(text))
	require.NoError(t, err)
	files, trees, nodes, dynamic := map[string]bool{}, map[string]bool{}, 0, 0
	formats := map[dmtree.Format]int{}
	kinds := map[csp.Kind]int{}
	ops := map[csp.Op]int{}
	counts := map[string]int{}
	count := func(what string, is bool) {
		if is {
			counts[what]++
		}
	}
	for u, n := range s.All() {
		if !n.Described() {
			continue
		}
		nodes++
		d := n.Def()
		count("dynamic", d.Dynamic)
		formats[d.Format]++
		if d.Dynamic {
			dynamic++
		}
		kinds[n.Allowed().Kind]++
		for _, op := range []csp.Op{csp.OpAdd, csp.OpCopy, csp.OpDelete, csp.OpExec, csp.OpGet, csp.OpReplace} {
			if n.Allows(op) {
				ops[op]++
			}
		}
		file, path := n.Source()
		files[file] = true
		if p := n.Parent(); !p.Described() {
			trees[file+path] = true
		} else if f, pp := p.Source(); f != file || pp != path {
			trees[file+path] = true
		}
		require.NotEmpty(t, file, u)
		count("default", d.Default != nil)
		count("permanent", d.Permanent)
		count("applies", d.Applies != nil)
		count("conflict", d.Conflict != csp.NoMerge)
		count("group policy", d.GroupPolicy != nil)
		count("group policy element", d.GroupPolicy != nil && d.GroupPolicy.Element != "")
		count("deprecated", d.Deprecated != nil)
		count("deprecated since", d.Deprecated != nil && d.Deprecated.Since != csp.Build{})
		count("atomic", d.Atomic)
		count("reboot", d.Reboot != csp.RebootNone)
		count("depends", len(d.Dependencies) > 0)
		for _, g := range d.Dependencies {
			count("changed", g.Changed != nil)
			counts["groups"]++
			for _, c := range g.Conditions {
				counts["conditions"]++
				count("not", c.Not)
			}
		}
		count("case", d.Case != csp.CaseUnknown)
		count("case sensitive", d.Case == csp.CaseSensitive)
		count("ddf name", d.Object != nil)
		count("list", d.Allowed.Delimiter != "")
		count("list U+F000", d.Allowed.Delimiter == "\uF000")
		count("no edition", d.Applies != nil && d.Applies.Editions != nil && len(d.Applies.Editions) == 0)
		if len(d.Types) == 1 {
			counts["type "+d.Types[0]]++
		}
	}
	require.Len(t, files, 309)
	require.Len(t, trees, 396)
	require.Equal(t, 5815, nodes)
	require.Equal(t, 5815, s.Len())
	require.Equal(t, 129, dynamic)
	require.Equal(t, map[dmtree.Format]int{
		dmtree.FormatChr: 3436, dmtree.FormatInt: 1300, dmtree.FormatNode: 790, dmtree.FormatBool: 207,
		dmtree.FormatB64: 28, dmtree.FormatNull: 28, dmtree.FormatXML: 21, dmtree.FormatBin: 3, dmtree.FormatTime: 2,
	}, formats)
	require.Equal(t, map[csp.Kind]int{
		csp.KindADMX: 2501, csp.KindEnum: 1138, csp.KindNone: 481, csp.KindRange: 201,
		csp.KindRegEx: 32, csp.KindXSD: 18, csp.KindFlag: 11, csp.KindJSON: 1, csp.KindSDDL: 1,
		csp.KindAny: 5815 - 4384,
	}, kinds)
	require.Equal(t, map[csp.Op]int{
		csp.OpGet: 5768, csp.OpReplace: 4555, csp.OpAdd: 4481, csp.OpDelete: 4405, csp.OpExec: 61,
	}, ops)
	require.Equal(t, map[string]int{
		"dynamic": 129, "default": 1266, "permanent": 772, "applies": 4027, "conflict": 3629,
		"group policy": 842, "group policy element": 316, "deprecated": 30, "deprecated since": 23,
		"atomic": 20, "reboot": 18, "depends": 116, "groups": 117, "conditions": 118, "not": 1, "changed": 6,
		"case": 145, "case sensitive": 3, "ddf name": 423, "no edition": 21,
		"list": 194, "list U+F000": 62,
		"type text/plain": 3615, "type ": 1443, "type com.microsoft/11/MDM/Policy": 334,
	}, counts)
}

// TestErrata: the corrections are in the schema, and each has a source.
func TestErrata(t *testing.T) {
	text, err := os.ReadFile("data/windows.txt")
	require.NoError(t, err)
	raw, err := csp.ParseText(string(text))
	require.NoError(t, err)
	changed := 0
	for c := range csp.Changes(raw, csp.Windows()) {
		require.NotEmpty(t, c.What, c.URI)
		changed++
	}
	require.Greater(t, changed, 300)

	area, ok := csp.Windows().Lookup("./Vendor/MSFT/Policy/Config/Camera")
	require.True(t, ok)
	require.True(t, area.Allows(csp.OpAdd|csp.OpDelete))
	expected, ok := csp.Windows().Lookup("./Vendor/MSFT/NodeCache/P/Nodes/1/ExpectedValue")
	require.True(t, ok)
	require.True(t, expected.Allows(csp.OpReplace))
	password, ok := csp.Windows().Lookup("./Vendor/MSFT/ClientCertificateInstall/PFXCertInstall/1/PFXCertPassword")
	require.True(t, ok)
	require.True(t, password.Secret())
	require.NotContains(t, password.Validate(dmtree.Bytes([]byte("hunter2"))).Error(), "aHVudGVyMg")
}
