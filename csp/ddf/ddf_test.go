package ddf_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/csp/ddf"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/stretchr/testify/require"
)

// file wraps nodes in a document as Microsoft writes it: byte-order mark,
// internal subset, OMA's elements in no namespace.
func file(nodes string) []byte {
	return []byte("\xEF\xBB\xBF" + `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE MgmtTree PUBLIC " -//OMA//DTD-DM-DDF 1.2//EN" "http://www.openmobilealliance.org/tech/DTD/DM_DDF-V1_2.dtd"
  [<?oma-dm-ddf-ver supported-versions="1.2"?>]>
<MgmtTree xmlns:MSFT="http://schemas.microsoft.com/MobileDevice/DM"><VerDTD>1.2</VerDTD>` + nodes + `</MgmtTree>`)
}

// leaf is a node with the properties that each needs, and more.
func leaf(name, format, more string) string {
	return `<Node><NodeName>` + name + `</NodeName><Path>./Vendor/OEM</Path><DFProperties><AccessType><Get/><Replace/></AccessType><DFFormat><` +
		format + `/></DFFormat><Occurrence><One/></Occurrence><Scope><Permanent/></Scope><DFType><MIME>text/plain</MIME></DFType>` + more + `</DFProperties></Node>`
}

const full = `<Node><NodeName>Contoso</NodeName><Path>./Vendor/OEM</Path>
<DFProperties>
  <AccessType><Get/></AccessType><Description>All of Contoso.</Description><DFFormat><node/></DFFormat>
  <Occurrence><One/></Occurrence><Scope><Permanent/></Scope><DFType><DDFName/></DFType>
  <MSFT:Applicability>
    <MSFT:OsBuildVersion>10.0.22000, 10.0.19044.1806</MSFT:OsBuildVersion><MSFT:CspVersion>1.4</MSFT:CspVersion>
    <MSFT:EditionAllowList>0x30;0x88;0x88*;</MSFT:EditionAllowList><MSFT:RequiresAzureAd/>
  </MSFT:Applicability>
  <MSFT:AtomicRequired/>
</DFProperties>
<Node><NodeName/>
  <DFProperties>
    <AccessType><Add/><Delete/><Get/></AccessType><DFFormat><node/></DFFormat><Occurrence><OneOrN>5</OneOrN></Occurrence>
    <Scope><Dynamic/></Scope><DFTitle>Profile Name</DFTitle><DFType><DDFName>com.contoso/1.0/Profile</DDFName></DFType><CaseSense><CS/></CaseSense>
    <MSFT:DynamicNodeNaming><MSFT:UniqueName>Anything but a slash.</MSFT:UniqueName></MSFT:DynamicNodeNaming>
    <MSFT:AllowedValues ValueType="RegEx"><MSFT:Value>^[^/]*$</MSFT:Value></MSFT:AllowedValues>
  </DFProperties>
  <Node><NodeName>Mode</NodeName>
    <DFProperties>
      <AccessType><Add/><Copy/><Delete/><Exec/><Get/><Replace/></AccessType>
      <DFFormat><int/></DFFormat><Occurrence><ZeroOrOne/></Occurrence><Scope><Dynamic/></Scope>
      <DFType><MIME>text/plain</MIME><MIME>text/x-mode</MIME></DFType><DefaultValue>1</DefaultValue>
      <MSFT:AllowedValues ValueType="ENUM">
        <MSFT:Enum><MSFT:Value>0</MSFT:Value><MSFT:ValueDescription>Off.</MSFT:ValueDescription></MSFT:Enum>
        <MSFT:Enum><MSFT:Value>1</MSFT:Value></MSFT:Enum><MSFT:List Delimiter="\xF000"/>
      </MSFT:AllowedValues>
      <MSFT:ReplaceBehavior>Append</MSFT:ReplaceBehavior><MSFT:RebootBehavior>ServerInitiated</MSFT:RebootBehavior>
      <MSFT:GpMapping GpEnglishName="Contoso | mode" GpAreaPath="Contoso~AT~System" GpElement="Mode"/>
      <MSFT:Deprecated OsBuildDeprecated="10.0.26100"/>
      <MSFT:DependencyBehavior><MSFT:DependencyGroup FriendlyId="On">
        <MSFT:DependencyChangedAllowedValues ValueType="Range"><MSFT:Value>[(-1)-5]</MSFT:Value></MSFT:DependencyChangedAllowedValues>
        <MSFT:Dependency Type="Not"><MSFT:DependencyUri>Vendor/OEM/Contoso/[ProfileName]/State</MSFT:DependencyUri>
          <MSFT:DependencyAllowedValue ValueType="ENUM"><MSFT:Enum><MSFT:Value>off</MSFT:Value></MSFT:Enum></MSFT:DependencyAllowedValue></MSFT:Dependency>
      </MSFT:DependencyGroup></MSFT:DependencyBehavior>
      <MSFT:ConflictResolution>HighestValueMostSecureZeroHasNoLimits</MSFT:ConflictResolution>
    </DFProperties>
  </Node>
  <Node><NodeName>State</NodeName>
    <DFProperties><AccessType><Get/></AccessType><DFFormat><chr/></DFFormat><Occurrence><One/></Occurrence><Scope><Permanent/></Scope>
      <DFType><MIME/></DFType>
      <MSFT:AllowedValues ValueType="ADMX"><MSFT:AdmxBacked Area="contoso~AT~System" Name="State" File="contoso.admx"/></MSFT:AllowedValues></DFProperties>
  </Node>
</Node></Node>`

// TestParse reads a file that has everything DDF v2 can say, and everything
// is in the schema made of it.
func TestParse(t *testing.T) {
	texts := map[dmtree.URI]ddf.Text{}
	f, err := ddf.Parse("Contoso", file(full), &ddf.Options{Text: func(u dmtree.URI, s ddf.Text) { texts[u] = s }})
	require.NoError(t, err)
	require.Empty(t, f.Odd)
	require.Equal(t, "1.2", f.Version)
	require.Len(t, f.Trees, 1)

	s, err := csp.New(f.Trees...)
	require.NoError(t, err)
	require.Equal(t, 4, s.Len())
	str := func(s string) *string { return &s }

	n, ok := s.Lookup("./Device/Vendor/OEM/Contoso")
	require.True(t, ok)
	require.Equal(t, csp.Def{
		Name: "Contoso", Access: csp.OpGet, Format: dmtree.FormatNode, Permanent: true, Object: str(""), Atomic: true,
		Applies: &csp.Applicability{
			Builds:     []csp.Build{{Major: 10, Build: 22000}, {Major: 10, Build: 19044, Revision: 1806}},
			CSPVersion: "1.4", Editions: []csp.Edition{0x30, 0x88}, EntraJoin: true,
		},
	}, n.Def())
	name, path := n.Source()
	require.Equal(t, []string{"Contoso", "./Vendor/OEM"}, []string{name, path})

	n, ok = s.Lookup("./Vendor/OEM/Contoso/My%20profile")
	require.True(t, ok)
	require.Equal(t, csp.Def{
		Name: "ProfileName", Dynamic: true, Naming: csp.NamingRule, Access: csp.OpAdd | csp.OpDelete | csp.OpGet,
		Format: dmtree.FormatNode, Occurs: csp.OccursOneOrN, MaxOccurs: 5, Case: csp.CaseSensitive,
		Object:  str("com.contoso/1.0/Profile"),
		Allowed: csp.Allowed{Kind: csp.KindRegEx, Values: []string{"^[^/]*$"}},
	}, n.Def())
	require.Equal(t, "^[^/]*$", n.Pattern())

	n, ok = s.Lookup("./Vendor/OEM/Contoso/My%20profile/mode")
	require.True(t, ok)
	require.Equal(t, csp.Def{
		Name: "Mode", Access: csp.OpAdd | csp.OpCopy | csp.OpDelete | csp.OpExec | csp.OpGet | csp.OpReplace,
		Format: dmtree.FormatInt, Occurs: csp.OccursZeroOrOne, Types: []string{"text/plain", "text/x-mode"}, Default: str("1"),
		Allowed: csp.Allowed{Kind: csp.KindEnum, Values: []string{"0", "1"}, Delimiter: "\uF000"},
		Replace: csp.ReplaceAppends, Reboot: csp.RebootByServer, Conflict: csp.HighestMostSecureZeroUnlimited,
		GroupPolicy: &csp.GroupPolicy{Name: "Contoso | mode", Area: "Contoso~AT~System", Element: "Mode"},
		Deprecated:  &csp.Deprecation{Since: csp.Build{Major: 10, Build: 26100}},
		Dependencies: []csp.Dependency{{
			Name: "On", Changed: &csp.Allowed{Kind: csp.KindRange, Values: []string{"[(-1)-5]"}},
			Conditions: []csp.Condition{{
				URI: "./Vendor/OEM/Contoso/[ProfileName]/State", Not: true,
				Allowed: csp.Allowed{Kind: csp.KindEnum, Values: []string{"off"}},
			}},
		}},
	}, n.Def())
	require.True(t, n.Atomic(), "the node above says so")
	require.Equal(t, "1.4", n.Applicability().CSPVersion, "the node above says so")

	n, ok = s.Lookup("./Vendor/OEM/Contoso/x/State")
	require.True(t, ok)
	require.Equal(t, csp.Allowed{Kind: csp.KindADMX, ADMX: csp.ADMX{File: "contoso.admx", Name: "State", Area: "contoso~AT~System"}}, n.Allowed())

	require.Equal(t, map[dmtree.URI]ddf.Text{
		"./Device/Vendor/OEM/Contoso":                    {Description: "All of Contoso."},
		"./Device/Vendor/OEM/Contoso/{ProfileName}":      {Title: "Profile Name", NamingRule: "Anything but a slash."},
		"./Device/Vendor/OEM/Contoso/{ProfileName}/Mode": {Values: map[string]string{"0": "Off."}},
	}, texts)
}

// TestOdd: what does not follow the schema is reported, and reading goes on.
func TestOdd(t *testing.T) {
	for _, tt := range []struct {
		name, nodes string
		want        []string
	}{
		{"unknown element", leaf("A", "int", "<Colour/>"), []string{"element Colour is not known"}},
		{"unknown format", leaf("A", "colour", ""), []string{`format "colour" is not known; read as chr`}},
		{"unknown kind", leaf("A", "int", `<MSFT:AllowedValues ValueType="Colour"/>`), []string{`ValueType "Colour" is not known; read as None`}},
		{"twice", leaf("A", "int", "<DefaultValue>1</DefaultValue><DefaultValue>2</DefaultValue>"), []string{"element DefaultValue is there twice"}},
		{"default of another format", leaf("A", "int", "<DefaultValue>one</DefaultValue>"), []string{`the default "one" does not fit the format int`}},
		{"default not among the values", leaf("A", "int", `<DefaultValue>3</DefaultValue><MSFT:AllowedValues ValueType="ENUM"><MSFT:Enum><MSFT:Value>0</MSFT:Value></MSFT:Enum></MSFT:AllowedValues>`), []string{`the default "3" is not one of its values`}},
		{"enum of nothing", leaf("A", "int", `<MSFT:AllowedValues ValueType="ENUM"/>`), []string{"ENUM without values"}},
		{"pattern missing", leaf("A", "chr", `<MSFT:AllowedValues ValueType="RegEx"/>`), []string{"RegEx without a Value"}},
		{"bad build", leaf("A", "int", `<MSFT:Applicability><MSFT:OsBuildVersion>next</MSFT:OsBuildVersion></MSFT:Applicability>`), []string{`"next" is not a build of Windows`}},
		{"bad edition", leaf("A", "int", `<MSFT:Applicability><MSFT:EditionAllowList>Deluxe;</MSFT:EditionAllowList></MSFT:Applicability>`), []string{`"Deluxe" is not the number of an edition`}},
		{"white space", leaf("A ", "int", ""), []string{`there is white space around the name "A "`}},
		{"impossible name", leaf("A", "int", "") + leaf("..", "int", ""), []string{`".." cannot be the name of a node`}},
		{"trailing slash", strings.Replace(leaf("A", "int", ""), "/OEM", "/OEM/", 1), []string{"the path ends with a slash"}},
		{"impossible path", leaf("A", "int", "") + strings.Replace(leaf("B", "int", ""), "./Vendor", "./../Vendor", 1), []string{"is no URI; the tree is left out"}},
		{"no path", strings.Replace(leaf("A", "int", ""), "<Path>./Vendor/OEM</Path>", "", 1), []string{"has no Path"}},
		{"no properties", leaf("A", "int", "") + "<Node><NodeName>B</NodeName><Path>.</Path></Node>", []string{"DFProperties is missing"}},
		{"no access", strings.Replace(leaf("A", "int", ""), "<Get/><Replace/>", "", 1), []string{"AccessType allows no command"}},
		{"no naming", leaf("", "node", ""), []string{"has no fixed name, and nothing says how to name it"}},
		{"naming of a fixed name", leaf("A", "int", "<MSFT:DynamicNodeNaming><MSFT:ClientInventory/></MSFT:DynamicNodeNaming>"), []string{"has a rule for names, but a fixed name"}},
		{"broken XML schema", leaf("A", "chr", `<MSFT:AllowedValues ValueType="XSD"><MSFT:Value>&lt;xs:schema</MSFT:Value></MSFT:AllowedValues>`), []string{"the XML schema of the values is malformed"}},
		{"unknown dependency", leaf("A", "int", `<MSFT:DependencyBehavior><MSFT:DependencyGroup FriendlyId="x"><MSFT:Dependency Type="Perhaps"/></MSFT:DependencyGroup></MSFT:DependencyBehavior>`), []string{`Dependency of type "Perhaps"`, "a Dependency names no node"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, err := ddf.Parse("OEM", file(tt.nodes), nil)
			require.NoError(t, err)
			require.Len(t, f.Odd, len(tt.want), "%v", f.Odd)
			for i, want := range tt.want {
				require.Contains(t, f.Odd[i].String(), want)
			}
			require.NotEmpty(t, f.Trees)
			_, err = csp.New(f.Trees...)
			require.NoError(t, err)
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct {
		name string
		data []byte
		opts *ddf.Options
		want error // nil: any
	}{
		{"nothing", nil, nil, nil},
		{"another document", []byte("<Policy/>"), nil, ddf.ErrNotDDF},
		{"malformed", []byte("<MgmtTree>"), nil, nil},
		{"entities", []byte(`<!DOCTYPE MgmtTree [<!ENTITY a "b">]><MgmtTree>&a;</MgmtTree>`), nil, ddf.ErrEntity},
		{"unknown entity", []byte(`<MgmtTree>&a;</MgmtTree>`), nil, nil},
		{"deep", []byte(strings.Repeat("<Node>", 65)), nil, ddf.ErrTooDeep},
		{"wide", file(strings.Repeat("<Node/>", 100)), &ddf.Options{MaxElements: 50}, ddf.ErrTooLarge},
		{"large", bytes.Repeat([]byte(" "), 1000), &ddf.Options{MaxBytes: 999}, ddf.ErrTooLarge},
		{"strange encoding", []byte(`<?xml version="1.0" encoding="ebcdic"?><MgmtTree/>`), nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ddf.Parse("OEM", tt.data, tt.opts)
			require.Error(t, err)
			if tt.want != nil {
				require.ErrorIs(t, err, tt.want)
			}
			require.Contains(t, err.Error(), "OEM")
		})
	}
}

func TestEncodings(t *testing.T) {
	data := append([]byte(`<?xml version="1.0" encoding="windows-1252"?><MgmtTree><VerDTD>1.2</VerDTD>`),
		strings.Replace(leaf("A", "chr", "<DefaultValue>\x80 \xE4</DefaultValue>"), "MSFT:", "", -1)...)
	f, err := ddf.Parse("OEM", append(data, "</MgmtTree>"...), nil)
	require.NoError(t, err)
	require.Equal(t, "€ ä", *f.Trees[0].Root.Default)
}

// FuzzParse: whatever comes, Parse ends with an error or with trees that make a
// schema, and the schema's text reads back to the same text.
func FuzzParse(f *testing.F) {
	f.Add(file(full))
	f.Add(file(leaf("A", "int", "<DefaultValue>$1\\|</DefaultValue>")))
	f.Add([]byte("<MgmtTree><Node><NodeName>{a</NodeName></Node></MgmtTree>"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := ddf.Parse("fuzz", data, &ddf.Options{MaxBytes: 1 << 16})
		if err != nil {
			return
		}
		s, err := csp.New(file.Trees...)
		if err != nil {
			var text *csp.TextError
			if errors.As(err, &text) {
				t.Fatalf("wrote what it cannot read: %v", err)
			}
			return
		}
		text, err := s.MarshalText()
		require.NoError(t, err)
		again, err := csp.ParseText(string(text))
		require.NoError(t, err)
		text2, err := again.MarshalText()
		require.NoError(t, err)
		require.Equal(t, string(text), string(text2))
		for u, n := range s.All() {
			_ = n.Def()
			if !n.Dynamic() {
				continue
			}
			_ = n.Pattern()
			require.NotEmpty(t, u)
		}
	})
}
