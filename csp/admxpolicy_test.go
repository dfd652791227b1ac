package csp_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/dmtree"
)

func policyOf(t *testing.T, file, name string) *csp.ADMXPolicy {
	t.Helper()
	p, ok := csp.Windows().Policy(csp.ADMX{File: file, Name: name})
	require.True(t, ok, "%s of %s", name, file)
	return p
}

// TestEveryPolicyOfTheSchemaIsKnown counts what came in.
func TestEveryPolicyOfTheSchemaIsKnown(t *testing.T) {
	nodes, unknown := 0, map[string]bool{}
	for _, n := range csp.Windows().All() {
		a := n.Allowed()
		if a.Kind != csp.KindADMX || n.Dynamic() { // dynamic: of files that a server ingests
			continue
		}
		nodes++
		if _, ok := csp.Windows().Policy(a.ADMX); !ok {
			unknown[a.ADMX.File+" "+a.ADMX.Name] = true
		}
	}
	require.Equal(t, 2501, nodes)
	require.Empty(t, unknown)
}

func TestPayloads(t *testing.T) {
	const zones, zoneFile = "AxISURLZonePolicies", "ActiveXInstallService.admx"
	full := map[string]string{"InstallTrustedOCX": "2", "InstallSignedOCX": "1", "InstallUnSignedOCX": "0", "IgnoreUnknownCA": "true"}
	with := func(id, value string) map[string]string {
		m := map[string]string{}
		for k, v := range full {
			m[k] = v
		}
		m[id] = value
		return m
	}
	without := with("x", "")
	delete(without, "x")
	delete(without, "InstallTrustedOCX")
	tests := []struct {
		name string
		file string
		of   string
		p    csp.Payload
		want string // empty: it is taken
	}{
		{"disabled takes nothing", zoneFile, zones, csp.Payload{}, ""},
		{"all that is needed", zoneFile, zones, csp.Payload{Enabled: true, Data: full}, ""},
		{"a required one is missing", zoneFile, zones, csp.Payload{Enabled: true, Data: without},
			"AxISURLZonePolicies, enabled, with data id InstallTrustedOCX: one of 0, 1, 2"},
		{"another value", zoneFile, zones, csp.Payload{Enabled: true, Data: with("InstallTrustedOCX", "3")},
			"data id InstallTrustedOCX of AxISURLZonePolicies to be one of 0, 1, 2, not 3"},
		{"no truth", zoneFile, zones, csp.Payload{Enabled: true, Data: with("IgnoreUnknownCA", "1")},
			"data id IgnoreUnknownCA of AxISURLZonePolicies to be true or false, not 1"},
		{"an id that is not there", zoneFile, zones, csp.Payload{Enabled: true, Data: with("Colour", "red")}, "no data id Colour"},
		{"a policy without inputs", "AddRemovePrograms.admx", "NoAddPage", csp.Payload{Enabled: true}, ""},
		{"an input for it", "AddRemovePrograms.admx", "NoAddPage", csp.Payload{Enabled: true, Data: map[string]string{"x": "1"}},
			"no data id x: NoAddPage has none, <enabled/> alone"},
		{"a required text", "AddRemovePrograms.admx", "DefaultCategory", csp.Payload{Enabled: true, Data: map[string]string{"DefaultCategoryBox": ""}}, "a text, not empty"},
		{"a list with names", zoneFile, "ApprovedActiveXInstallSites",
			csp.Payload{Enabled: true, Data: map[string]string{"ApprovedActiveXInstallSiteslist": csp.JoinPairs([2]string{"https://a", "2,2,0,0"}, [2]string{"https://b", "1,1,1,0"})}}, ""},
		{"half a pair", zoneFile, "ApprovedActiveXInstallSites",
			csp.Payload{Enabled: true, Data: map[string]string{"ApprovedActiveXInstallSiteslist": "https://a"}}, "names and values in turn, with U+F000 between them"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := policyOf(t, tt.file, tt.of).Check(&tt.p)
			if tt.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tt.want)
			}
			// What is written is read back.
			again, err := csp.ParsePayload(tt.p.String())
			require.NoError(t, err)
			require.Equal(t, tt.p.Enabled, again.Enabled)
			if tt.p.Enabled && len(tt.p.Data) > 0 {
				require.Equal(t, tt.p.Data, again.Data)
			}
		})
	}
}

func TestPayloadIsEscapedOnce(t *testing.T) {
	p := csp.Payload{Enabled: true, Data: map[string]string{"Lines": csp.JoinStrings(`a "b"`, "c<d>&\n"), "A": "1"}}
	require.Equal(t, `<enabled/><data id="A" value="1"/><data id="Lines" value="a &quot;b&quot;&#xF000;c&lt;d>&amp;&#xA;"/>`, p.String())
	again, err := csp.ParsePayload(p.String())
	require.NoError(t, err)
	require.Equal(t, p.Data, again.Data)
	require.Equal(t, "<disabled/>", (&csp.Payload{}).String())
	_, err = csp.ParsePayload("&lt;enabled/&gt;")
	require.ErrorIs(t, err, dmtree.ErrValue)
}

// TestNodesKnowTheirPolicies validates through the schema.
func TestNodesKnowTheirPolicies(t *testing.T) {
	n, ok := csp.Windows().Lookup("./Device/Vendor/MSFT/Policy/Config/ADMX_ActiveXInstallService/AxISURLZonePolicies")
	require.True(t, ok)
	require.NoError(t, n.Validate(dmtree.String("<disabled/>")))
	require.ErrorContains(t, n.Validate(dmtree.String("<enabled/>")),
		"want AxISURLZonePolicies, enabled, with data id InstallTrustedOCX: one of 0, 1, 2")
}

func TestListNames(t *testing.T) {
	list := func(e csp.Element, data string) error {
		e.ID, e.Type = "L", csp.ElementList
		return (&csp.ADMXPolicy{Name: "P", Elements: []csp.Element{e}}).Check(&csp.Payload{Enabled: true, Data: map[string]string{"L": data}})
	}
	numbered := csp.JoinPairs([2]string{"1", "USB\\A"}, [2]string{"2", "USB\\B"})
	same := csp.JoinPairs([2]string{"http://a", "http://a"})
	require.NoError(t, list(csp.Element{Prefixed: true}, numbered))
	require.Error(t, list(csp.Element{Prefixed: true}, same))
	require.NoError(t, list(csp.Element{}, same))
	require.Error(t, list(csp.Element{}, numbered))
	require.NoError(t, list(csp.Element{Explicit: true}, numbered))
}

func TestPoliciesText(t *testing.T) {
	low := int64(-1)
	policies := []*csp.ADMXPolicy{
		{File: "A.admx", Name: "P", Class: csp.Both, Elements: []csp.Element{
			{ID: "D", Type: csp.ElementDecimal, Required: true, Min: &low},
			{ID: "E", Type: csp.ElementEnum, Values: []string{"", "a b"}},
			{ID: "T", Type: csp.ElementMultiText, MaxLength: 5, MaxStrings: 7},
			{ID: "L", Type: csp.ElementList, Explicit: true, Additive: true},
		}},
		{File: "A.admx", Name: "Q", Class: csp.User},
		{File: "B.admx", Name: "P", Class: csp.Machine},
	}
	text := string(csp.AppendPolicies(nil, policies))
	again, err := csp.ParsePolicies(text)
	require.NoError(t, err)
	require.Equal(t, policies, again)
	for _, bad := range []string{"", "omadm-admx 2\n", "omadm-admx 1\n P M\n", "omadm-admx 1\nA\n P\n", "omadm-admx 1\nA\n P X\n",
		"omadm-admx 1\nA\n P M\tE\n", "omadm-admx 1\nA\n P M\tE z \n", "omadm-admx 1\nA\n P M\tE d x,\n"} {
		_, err := csp.ParsePolicies(bad)
		require.Error(t, err, strings.ReplaceAll(bad, "\n", "|"))
	}
}

// TestPoliciesOfOthers: a schema knows what it is told, and nothing of Windows.
func TestPoliciesOfOthers(t *testing.T) {
	first := &csp.ADMXPolicy{File: "oem.admx", Name: "Keys", Class: csp.Machine}
	second := &csp.ADMXPolicy{File: "OEM.admx", Name: "keys", Class: csp.Machine,
		Elements: []csp.Element{{ID: "Layout", Type: csp.ElementText, Required: true}}}
	node := &csp.Def{Name: "Keys", Access: csp.OpReplace, Format: dmtree.FormatChr,
		Allowed: csp.Allowed{Kind: csp.KindADMX, ADMX: csp.ADMX{File: "oem.admx", Name: "Keys"}}}
	tree := csp.Tree{Path: "./Vendor/OEM", Root: node}
	s, err := csp.NewWithPolicies([]*csp.ADMXPolicy{first, second}, tree)
	require.NoError(t, err)
	n, ok := s.Lookup("./Vendor/OEM/Keys")
	require.True(t, ok)
	require.NoError(t, n.Validate(dmtree.String(`<enabled/><data id="Layout" value="de"/>`)))
	require.ErrorIs(t, n.Validate(dmtree.String(`<enabled/>`)), dmtree.ErrValue, "the later one counts")
	_, ok = s.Policy(csp.ADMX{File: "ActiveXInstallService.admx", Name: "AxISURLZonePolicies"})
	require.False(t, ok)

	_, err = csp.NewWithPolicies(nil, csp.Tree{Path: "no URI//"})
	require.Error(t, err)
}
