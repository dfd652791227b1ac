package admx_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/csp/admx"
)

// file makes an ADMX file of these parts, in the namespace Contoso.Test; its
// category is Cat.
func file(t testing.TB, name, using, categories, policies string) *admx.File {
	t.Helper()
	return parse(t, name, []byte(`<policyDefinitions><policyNamespaces><target prefix="t" namespace="Contoso.Test"/>`+using+`</policyNamespaces>
<categories><category name="Cat"/>`+categories+`</categories><policies>`+policies+`</policies></policyDefinitions>`))
}

// policy makes a policy P of category Cat.
func policy(key, elements string) string {
	return `<policy name="P" class="Machine" key="` + key + `"><parentCategory ref="Cat"/><elements>` + elements + `</elements></policy>`
}

func TestSampleIsFine(t *testing.T) {
	require.Empty(t, editor(t).Check())
}

func TestCheck(t *testing.T) {
	const key = `Software\Policies\Contoso`
	tests := []struct {
		name                        string
		using, categories, policies string
		want                        string // file, where and text
		fatal                       bool
	}{
		{"element id twice", "", "", policy(key, `<text id="A"/><list id="A"/>`),
			"policy P: two elements have the id A", true},
		{"element without id", "", "", policy(key, `<text/>`), "policy P, text : it has no id", true},
		{"element of another kind", "", "", policy(key, `<slider id="A"/>`), "policy P, slider A: this kind of element is not known", true},
		{"limit that is no number", "", "", policy(key, `<decimal id="A" maxValue="wide"/>`),
			`policy P, decimal A: maxValue "wide" is no number from 0 to 4294967295`, true},
		{"limit beyond a DWORD", "", "", policy(key, `<decimal id="A" maxValue="4294967296"/>`), "policy P, decimal A: maxValue", true},
		{"length that is no number", "", "", policy(key, `<text id="A" maxLength="-1"/>`), "policy P, text A: maxLength", true},
		{"limits the wrong way round", "", "", policy(key, `<decimal id="A" minValue="5" maxValue="4"/>`), "minValue 5 is above maxValue 4", true},
		{"item without value", "", "", policy(key, `<enum id="A"><item><value><decimal value="1"/></value></item><item/></enum>`), "policy P, enum A: item 2 has no value", true},
		{"enum of nothing", "", "", policy(key, `<enum id="A"/>`), "it has no items", true},
		{"two items of one value", "", "", policy(key, strings.Replace(`<enum id="A">%</enum>`, "%", strings.Repeat(`<item><value><string>x</string></value></item>`, 2), 1)),
			`item 2 has the value of one before it: "x"`, false},
		{"policy twice", "", "", policy(key, "") + policy(key, ""), "policy P: there are two of this name", true},
		{"policy of no class", "", "", `<policy name="P" key="x"/>`, `policy P: class is "", want Machine, User or Both`, true},
		{"policy without key", "", "", policy("", ""), "policy P: it has no registry key", true},
		{"policy without name", "", "", `<policy class="User"/>`, "policies: number 1 has no name", true},
		{"policy without category", "", "", `<policy name="P" class="User" key="x"/>`, "policy P: it has no parentCategory", true},
		{"policy of a category that is not there", "", "", `<policy name="P" class="User" key="x"><parentCategory ref="Dog"/></policy>`, "policy P: there is no parent category Dog", true},
		{"category twice", "", `<category name="cat"/>`, "", "category cat: there are two of this name", true},
		{"category name that breaks the URI", "", `<category name="a~b"/>`, "", "category a~b: a name that is part of a URI", true},
		{"category in a circle", "", `<category name="A"><parentCategory ref="B"/></category><category name="B"><parentCategory ref="t:A"/></category>`,
			`<policy name="P" class="User" key="x"><parentCategory ref="A"/></policy>`, "policy P: its category is below itself", true},
		{"prefix that is not declared", "", `<category name="A"><parentCategory ref="windows:System"/></category>`, "", "prefix of parent category windows:System is not declared", true},
		{"parent in a file that is not here", `<using prefix="windows" namespace="Microsoft.Policies.Windows"/>`, `<category name="A"><parentCategory ref="windows:System"/></category>`, "",
			"parent category windows:System is of Microsoft.Policies.Windows, which is not among the files", false},
		{"prefix declared twice", strings.Repeat(`<using prefix="w" namespace="W"/>`, 2), "", "", "prefix w is declared twice", true},
		{"using without namespace", `<using prefix="w"/>`, "", "", "using needs prefix and namespace", true},

		{"reserved: System", "", "", policy(`SYSTEM\CurrentControlSet\Control`, ""), "below system", true},
		{"reserved: the key itself", "", "", policy(`Software\Microsoft`, ""), `below software\microsoft`, true},
		{"reserved: policies of Microsoft", "", "", policy(`Software\Policies\Microsoft\Windows\Update`, ""), `below software\policies\microsoft`, true},
		{"reserved: in an element alone", "", "", policy(key, `<list id="L" key="Software\Microsoft\Windows"/>`), `writes to Software\Microsoft\Windows`, true},
		{"Edge is listed without Policies", "", "", policy(`Software\Policies\Microsoft\Edge`, ""), "list of exceptions names this product", false},
		{"exception: Office", "", "", policy(`SOFTWARE\Policies\Microsoft\Office\16.0\Word`, ""), "", false},
		{"exception: Explorer", "", "", policy(`Software\Microsoft\Windows\CurrentVersion\Explorer\Advanced`, ""), "", false},
		{"exception: OneDrive", "", "", policy(`Software\Microsoft\OneDrive`, ""), "", false},
		{"a name that only begins like a reserved one", "", "", policy(`Software\MicrosoftFriends\X`, ""), "", false},
		{"same name for a user and for the device", "", "", policy(key, "") + strings.Replace(policy(key, ""), "Machine", "User", 1), "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := &admx.Ingestion{App: "App", Files: []*admx.File{file(t, "t.admx", tt.using, tt.categories, tt.policies)}}
			got := in.Check()
			if tt.want == "" {
				require.Empty(t, got)
				return
			}
			require.Len(t, got, 1, "%v", got)
			require.Contains(t, got[0].Error(), "admx: t.admx: ")
			require.Contains(t, got[0].Error(), tt.want)
			require.Equal(t, tt.fatal, got[0].Fatal)
			for p := range in.Policies() { // of any file, however wrong
				require.True(t, p.URI.Valid())
			}
		})
	}
}

func TestCheckOfSeveralFiles(t *testing.T) {
	a, b := file(t, "a.admx", "", "", policy("x", "")), file(t, "b.admx", "", "", policy("x", ""))
	require.Equal(t, []admx.Problem{
		{File: "b.admx", Where: "policyNamespaces", Text: "namespace Contoso.Test is that of a.admx", Fatal: true},
		{File: "b.admx", Where: "policy P", Text: "a.admx has a policy of this name in the same categories", Fatal: true},
	}, (&admx.Ingestion{App: "App", Files: []*admx.File{a, b}}).Check())

	for _, in := range []*admx.Ingestion{{}, {App: "a/b"}, {App: "a~b"}, {App: "App", Setting: "Preferences"}} {
		got := in.Check()
		require.Len(t, got, 1, "%v", in)
		require.True(t, got[0].Fatal)
	}
	noTarget := parse(t, "n.admx", []byte("<policyDefinitions/>"))
	require.Equal(t, "admx: n.admx: policyNamespaces: want a target with prefix and namespace", noTarget.Problems[0].Error())
}

// FuzzParse: whatever can be read has policies whose nodes a schema knows, if
// nothing is wrong with it.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"editor.admx", "company.admx", "editor.adml"} {
		f.Add(sample(f, name))
	}
	f.Add([]byte(`<policyDefinitions><policies><policy name="P" class="Both" key="x"/></policies></policyDefinitions>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		opts := &admx.Options{MaxBytes: 1 << 16, MaxElements: 2000}
		if s, err := admx.ParseADML("x.adml", data, opts); err == nil {
			require.Equal(t, "no reference", s.Text("no reference"))
		}
		file, err := admx.Parse("x.admx", data, opts)
		if err != nil {
			require.ErrorContains(t, err, "admx: x.admx: ")
			return
		}
		in := &admx.Ingestion{App: "App", Files: []*admx.File{file}}
		policies := slices.Collect(in.Policies())
		for _, problem := range in.Check() {
			require.NotEmpty(t, problem.Text)
			if problem.Fatal {
				return
			}
		}
		if len(policies) == 0 {
			return
		}
		s, err := in.Schema()
		require.NoError(t, err)
		for _, p := range policies {
			require.True(t, p.URI.Valid(), "%s", p.URI)
			n, ok := s.Lookup(p.URI)
			require.True(t, ok, "%s", p.URI)
			got, ok := s.Policy(n.Allowed().ADMX)
			require.True(t, ok)
			require.Equal(t, strings.ToLower(p.Name), strings.ToLower(got.Name))
		}
	})
}
