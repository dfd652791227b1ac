package admx_test

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/csp/admx"
	"github.com/omadm-sdk/omadm/dmtree"
)

func sample(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return data
}

func parse(t testing.TB, name string, data []byte) *admx.File {
	t.Helper()
	f, err := admx.Parse(name, data, nil)
	require.NoError(t, err)
	return f
}

func editor(t testing.TB) *admx.Ingestion {
	t.Helper()
	return &admx.Ingestion{App: "Editor", Files: []*admx.File{
		parse(t, "editor.admx", sample(t, "editor.admx")), parse(t, "company.admx", sample(t, "company.admx")),
	}}
}

func TestParse(t *testing.T) {
	f := parse(t, "editor.admx", sample(t, "editor.admx"))
	require.Empty(t, f.Problems)
	require.Equal(t, "editor", f.Prefix)
	require.Equal(t, "Contoso.Policies.Editor", f.Namespace)
	require.Equal(t, map[string]string{"contoso": "Contoso.Policies"}, f.Using)
	require.Equal(t, []admx.Category{
		{Name: "Editor", Parent: "contoso:Contoso", Display: "$(string.Editor)"},
		{Name: "Files", Parent: "Editor", Display: "$(string.Files)"},
	}, f.Categories)
	require.Len(t, f.Policies, 4)

	n := func(i int64) *int64 { return &i }
	policies := []csp.ADMXPolicy{
		{File: "editor.admx", Name: "Telemetry", Class: csp.Machine},
		{File: "editor.admx", Name: "StartPage", Class: csp.Both, Elements: []csp.Element{
			{ID: "Address", Type: csp.ElementText, Required: true, MaxLength: 200},
			{ID: "Locked", Type: csp.ElementBoolean},
		}},
		{File: "editor.admx", Name: "AutoSave", Class: csp.User, Elements: []csp.Element{
			{ID: "Minutes", Type: csp.ElementDecimal, Required: true, Min: n(1), Max: n(60)},
			{ID: "Quota", Type: csp.ElementDecimal, Min: n(1), Max: n(1<<63 - 1)},
			{ID: "Where", Type: csp.ElementEnum, Required: true, Values: []string{"1", "cloud", ""}},
			{ID: "Folders", Type: csp.ElementMultiText, MaxLength: 100, MaxStrings: 3},
		}},
		{File: "editor.admx", Name: "Extensions", Class: csp.Machine, Elements: []csp.Element{
			{ID: "Numbered", Type: csp.ElementList, Prefixed: true},
			{ID: "Named", Type: csp.ElementList, Explicit: true, Additive: true},
			{ID: "Bare", Type: csp.ElementList},
			{ID: "Prefixed", Type: csp.ElementList, Explicit: true},
		}},
	}
	for i, want := range policies {
		require.Equal(t, want, f.Policies[i].ADMXPolicy)
	}
	require.Equal(t, "editor:SUPPORTED_1", f.Policies[0].Supported)
	require.Equal(t, []string{`Software\Policies\Contoso\Editor`, `Software\Policies\Contoso\Editor\Numbered`, `Software\Policies\Contoso\Editor\Named`,
		`Software\Policies\Contoso\Editor\Bare`, `Software\Policies\Contoso\Editor\Prefixed`}, f.Policies[3].Keys)
}

func TestTexts(t *testing.T) {
	s, err := admx.ParseADML("editor.adml", sample(t, "editor.adml"), nil)
	require.NoError(t, err)
	p := parse(t, "editor.admx", sample(t, "editor.admx")).Policies
	require.Equal(t, "Page to start with", s.Text(p[1].Display))
	require.Equal(t, "The editor opens this page first.", s.Text(p[1].Explain))
	require.Equal(t, "Extensions", s.Text(p[3].Display), "a text, not a reference")
	require.Equal(t, "$(string.AutoSave)", s.Text(p[2].Display), "no such string")
	require.Equal(t, "Address of the page:", s.Label(p[1], "Address"))
	require.Equal(t, "Users cannot change it", s.Label(p[1], "Locked"))
	require.Equal(t, "Minutes", s.Label(p[2], "Minutes"), "no presentation")
	var none *admx.Texts
	require.Equal(t, "$(string.Editor)", none.Text("$(string.Editor)"))
	require.Equal(t, "Address", none.Label(p[1], "Address"))
}

// TestUTF16: editors on Windows save so.
func TestUTF16(t *testing.T) {
	text := strings.Replace(string(sample(t, "editor.admx")), "utf-8", "utf-16", 1)
	little, big := []byte("\xFF\xFE"), []byte("\xFE\xFF")
	for _, u := range utf16.Encode([]rune(text)) {
		little, big = append(little, byte(u), byte(u>>8)), append(big, byte(u>>8), byte(u))
	}
	want := parse(t, "editor.admx", sample(t, "editor.admx"))
	require.Equal(t, want, parse(t, "editor.admx", little))
	require.Equal(t, want, parse(t, "editor.admx", big))
	require.Equal(t, want, parse(t, "editor.admx", append([]byte("\xEF\xBB\xBF"), sample(t, "editor.admx")...)))
}

func TestRefused(t *testing.T) {
	deep := strings.Repeat("<a>", 40) + strings.Repeat("</a>", 40)
	tests := []struct {
		name, text string
		opts       *admx.Options
		want       error
	}{
		{"another document", "<html/>", nil, admx.ErrNotADMX},
		{"nothing", "", nil, admx.ErrNotADMX},
		{"entities", `<!DOCTYPE x [<!ENTITY a "aaaa">]><policyDefinitions/>`, nil, admx.ErrDTD},
		{"a DTD elsewhere", `<!DOCTYPE x SYSTEM "http://dtd.example.com/x"><policyDefinitions/>`, nil, admx.ErrDTD},
		{"too deep", "<policyDefinitions>" + deep + "</policyDefinitions>", nil, admx.ErrTooDeep},
		{"depth allowed", "<policyDefinitions>" + deep + "</policyDefinitions>", &admx.Options{MaxDepth: 41}, nil},
		{"too many bytes", "<policyDefinitions/>", &admx.Options{MaxBytes: 19}, admx.ErrTooLarge},
		{"name that would be in many URIs", `<policyDefinitions><a name="` + strings.Repeat("x", 256) + `"/></policyDefinitions>`, nil, admx.ErrTooLarge},
		{"too many elements", "<policyDefinitions><a/><a/></policyDefinitions>", &admx.Options{MaxElements: 2}, admx.ErrTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := admx.Parse("x.admx", []byte(tt.text), tt.opts)
			require.ErrorIs(t, err, tt.want)
			if tt.want != nil {
				require.ErrorContains(t, err, "admx: x.admx: ")
			}
		})
	}
	_, err := admx.Parse("x.admx", []byte("<policyDefinitions>\n<a></b></policyDefinitions>"), nil)
	var syntax *xml.SyntaxError
	require.ErrorAs(t, err, &syntax)
	require.Equal(t, 2, syntax.Line)
	_, err = admx.ParseADML("x.adml", sample(t, "editor.admx"), nil)
	require.ErrorIs(t, err, admx.ErrNotADML)
}

func TestURIs(t *testing.T) {
	in := editor(t)
	require.Equal(t, dmtree.URI("./Device/Vendor/MSFT/Policy/ConfigOperations/ADMXInstall/Editor/Policy/v1"), in.URI("v1"))
	n, ok := csp.Windows().Lookup(in.URI("v1"))
	require.True(t, ok)
	require.Equal(t, "AdmxFileId", n.Name)
	var got []string
	for p := range in.Policies() {
		got = append(got, string(p.URI))
	}
	require.Equal(t, []string{
		"./Device/Vendor/MSFT/Policy/Config/Editor~Policy~Contoso~Editor/Telemetry",
		"./Device/Vendor/MSFT/Policy/Config/Editor~Policy~Contoso~Editor/StartPage",
		"./User/Vendor/MSFT/Policy/Config/Editor~Policy~Contoso~Editor/StartPage",
		"./User/Vendor/MSFT/Policy/Config/Editor~Policy~Contoso~Editor~Files/AutoSave",
		"./Device/Vendor/MSFT/Policy/Config/Editor~Policy~Contoso~Editor~Files/Extensions",
	}, got)

	in.Setting, in.Files = admx.SettingPreference, in.Files[:1]
	require.Equal(t, dmtree.URI("./Device/Vendor/MSFT/Policy/Config/Editor~Preference~Editor/Telemetry"), slices.Collect(in.Policies())[0].URI,
		"the path begins below a parent that is not there")
}

func TestSchema(t *testing.T) {
	in := editor(t)
	s, err := in.Schema()
	require.NoError(t, err)
	for p := range in.Policies() {
		n, ok := s.Lookup(p.URI)
		require.True(t, ok, p.URI)
		require.Equal(t, csp.KindADMX, n.Allowed().Kind)
	}
	tests := []struct {
		name, policy, payload string
		want                  error
	}{
		{"all that is needed", "Editor/StartPage", `<enabled/><data id="Address" value="https://start.example.com"/>`, nil},
		{"disabled", "Editor/StartPage", `<disabled/>`, nil},
		{"required one missing", "Editor/StartPage", `<enabled/>`, dmtree.ErrValue},
		{"another id", "Editor/StartPage", `<enabled/><data id="Address" value="x"/><data id="Adress" value="x"/>`, dmtree.ErrValue},
		{"names with a prefix", "Editor~Files/Extensions", `<enabled/><data id="Prefixed" value="ext1&#xF000;a&#xF000;ext2&#xF000;b"/>`, nil},
		{"names not numbered", "Editor~Files/Extensions", `<enabled/><data id="Numbered" value="a&#xF000;a"/>`, dmtree.ErrValue},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, ok := s.Lookup(dmtree.URI("./Device/Vendor/MSFT/Policy/Config/Editor~Policy~Contoso~" + tt.policy))
			require.True(t, ok)
			require.ErrorIs(t, n.Validate(dmtree.String(tt.payload)), tt.want)
		})
	}
}
