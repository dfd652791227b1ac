package mgmttree_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/internal/mgmttree"
)

// Example B of WBXML.
const exampleB = `02 00 00 6a 1b 2d 2f 2f 4f 4d 41 2f 2f 44 54 44 2d 44 4d 2d 44 44 46 20 31 2e 32 2f 2f 45 4e 00
00 02 60 77 03 31 2e 32 00 01 64 66 03 41 00 01 6f 5c 25 01 75 51 03 78 2f 31 2e 30 2f 79 00 01
01 01 64 66 03 42 00 01 6f 5c 0b 01 75 61 03 74 65 78 74 2f 70 6c 61 69 6e 00 01 01 01 76 03 76
00 01 01 01 01`

const exampleBXML = `<MgmtTree xmlns="syncml:dmddf1.2"><VerDTD>1.2</VerDTD><Node><NodeName>A</NodeName>` +
	`<RTProperties><Format><node/></Format><Type><DDFName>x/1.0/y</DDFName></Type></RTProperties>` +
	`<Node><NodeName>B</NodeName><RTProperties><Format><chr/></Format><Type><MIME>text/plain</MIME></Type></RTProperties>` +
	`<Value>v</Value></Node></Node></MgmtTree>`

func TestSpellingsAgree(t *testing.T) {
	raw, err := hex.DecodeString(strings.Join(strings.Fields(exampleB), ""))
	require.NoError(t, err)
	fromXML, err := mgmttree.Read([]byte(exampleBXML), mgmttree.Limits{})
	require.NoError(t, err)
	fromWBXML, err := mgmttree.Read(raw, mgmttree.Limits{})
	require.NoError(t, err)
	require.Equal(t, fromXML, fromWBXML)
	require.Equal(t, exampleBXML, string(mgmttree.AppendXML(nil, fromWBXML.Element())))
	require.Equal(t, hex.EncodeToString(raw), hex.EncodeToString(mgmttree.AppendWBXML(nil, fromXML.Element())))
}

func TestBinaryValueStaysOpaque(t *testing.T) {
	tree := &mgmttree.Tree{Nodes: []*mgmttree.Node{{Name: "A", Value: &mgmttree.Text{Text: "\x00\x01\xff", Binary: true}}}}
	back, err := mgmttree.Read(mgmttree.AppendWBXML(nil, tree.Element()), mgmttree.Limits{})
	require.NoError(t, err)
	require.Equal(t, tree.Nodes[0].Value, back.Nodes[0].Value)
}

// wrap puts properties into the one node of a description.
func describe(properties string) string {
	return `<?xml version="1.0"?><!DOCTYPE MgmtTree PUBLIC " -//OMA//DTD-DM-DDF 1.2//EN" "http://x/DM_DDF-V1_2.dtd" [<?oma-dm-ddf-ver supported-versions="1.2"?>]>` +
		`<MgmtTree xmlns:MSFT="http://schemas.microsoft.com/MobileDevice/DM"><VerDTD>1.2</VerDTD><MSFT:Diagnostics/>` +
		`<Node><NodeName>N</NodeName><Path>./Vendor</Path><DFProperties>` + properties + `</DFProperties></Node></MgmtTree>`
}

func TestDescription(t *testing.T) {
	for _, test := range []struct {
		name, in string
		want     func(t *testing.T, df *mgmttree.DFProperties)
	}{
		{"O10 nothing said: once, dynamic", ``, func(t *testing.T, df *mgmttree.DFProperties) {
			require.Equal(t, mgmttree.Occurrence{Min: 1, Max: 1}, df.Occurrence)
			require.False(t, df.Permanent)
		}},
		{"O10 permanent is said", `<Scope><Permanent/></Scope>`, func(t *testing.T, df *mgmttree.DFProperties) {
			require.True(t, df.Permanent)
		}},
		{"O11 ZeroOrN 2", `<Occurrence><ZeroOrN>2</ZeroOrN></Occurrence>`, func(t *testing.T, df *mgmttree.DFProperties) {
			require.Equal(t, mgmttree.Occurrence{Min: 0, Max: 2}, df.Occurrence)
		}},
		{"O11 OneOrN 65536", `<Occurrence><OneOrN> 65536 </OneOrN></Occurrence>`, func(t *testing.T, df *mgmttree.DFProperties) {
			require.Equal(t, mgmttree.Occurrence{Min: 1, Max: 65536}, df.Occurrence)
		}},
		{"OneOrN without number", `<Occurrence><OneOrN/></Occurrence>`, func(t *testing.T, df *mgmttree.DFProperties) {
			require.Equal(t, mgmttree.Occurrence{Min: 1}, df.Occurrence)
		}},
		{"O12 several types", `<DFType><MIME>text/plain</MIME><MIME>text/xml</MIME></DFType>`, func(t *testing.T, df *mgmttree.DFProperties) {
			require.Equal(t, []string{"text/plain", "text/xml"}, df.Type.MIME)
		}},
		{"O13 foreign elements are kept", `<MSFT:AllowedValues ValueType="ENUM"><MSFT:Enum/></MSFT:AllowedValues><AccessType><MSFT:X/><Get/></AccessType>`,
			func(t *testing.T, df *mgmttree.DFProperties) {
				require.Len(t, df.Foreign, 1)
				require.Equal(t, "AllowedValues", df.Foreign[0].Name)
				require.Equal(t, "ENUM", df.Foreign[0].Attr[0].Value)
				require.Equal(t, []string{"Get"}, df.Access)
			}},
		{"value as it stands", `<DefaultValue> x </DefaultValue><Description> a </Description>`, func(t *testing.T, df *mgmttree.DFProperties) {
			require.Equal(t, " x ", *df.DefaultValue)
			require.Equal(t, "a", *df.Description)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			tree, err := mgmttree.Read([]byte(describe(test.in)), mgmttree.Limits{})
			require.NoError(t, err)
			require.Equal(t, "./Vendor", tree.Nodes[0].Path)
			test.want(t, tree.Nodes[0].DF)
		})
	}
}

func TestRefused(t *testing.T) {
	deep := strings.Repeat("<Node>", 600) + strings.Repeat("</Node>", 600)
	for _, test := range []struct {
		name, in string
		want     error
	}{
		{"empty", "", mgmttree.ErrSyntax},
		{"another document", "<a/>", mgmttree.ErrSyntax},
		{"foreign root", `<MgmtTree xmlns="urn:x"><Node/></MgmtTree>`, mgmttree.ErrSyntax},
		{"no node", "<MgmtTree/>", mgmttree.ErrSyntax},
		{"cut off", "<MgmtTree><Node>", mgmttree.ErrSyntax},
		{"two documents", "<MgmtTree><Node/></MgmtTree><MgmtTree><Node/></MgmtTree>", mgmttree.ErrSyntax},
		{"value and nodes", "<MgmtTree><Node><Value/><Node/></Node></MgmtTree>", mgmttree.ErrSyntax},
		{"entity of a DTD", `<!DOCTYPE x [<!ENTITY e "boom">]><MgmtTree><Node><NodeName>&e;</NodeName></Node></MgmtTree>`, mgmttree.ErrSyntax},
		{"O11 ZeroOrN 1", describe("<Occurrence><ZeroOrN>1</ZeroOrN></Occurrence>"), mgmttree.ErrSyntax},
		{"O11 OneOrN 65537", describe("<Occurrence><OneOrN>65537</OneOrN></Occurrence>"), mgmttree.ErrSyntax},
		{"unknown occurrence", describe("<Occurrence><Twice/></Occurrence>"), mgmttree.ErrSyntax},
		{"too deep", "<MgmtTree>" + deep + "</MgmtTree>", mgmttree.ErrTooLarge},
		{"too long", "<MgmtTree>" + strings.Repeat(" ", 9<<20), mgmttree.ErrTooLarge},
		{"broken WBXML", "\x02\x00\x00\x6a\x00\x60", mgmttree.ErrSyntax},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := mgmttree.Read([]byte(test.in), mgmttree.Limits{})
			require.ErrorIs(t, err, test.want)
		})
	}
	_, err := mgmttree.Read([]byte(exampleBXML), mgmttree.Limits{Elements: 5})
	require.ErrorIs(t, err, mgmttree.ErrTooLarge)
}

// What reads, writes and reads back to the same, in both spellings.
func FuzzRead(f *testing.F) {
	f.Add([]byte(exampleBXML))
	raw, _ := hex.DecodeString(strings.Join(strings.Fields(exampleB), ""))
	f.Add(raw)
	f.Add([]byte(describe("<DFType><MIME/></DFType>")))
	f.Fuzz(func(t *testing.T, data []byte) {
		tree, err := mgmttree.Read(data, mgmttree.Limits{Bytes: 1 << 16, Elements: 1000})
		if err != nil {
			if !errors.Is(err, mgmttree.ErrSyntax) && !errors.Is(err, mgmttree.ErrTooLarge) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		plain := tree.Element()
		for name, spelled := range map[string][]byte{"XML": mgmttree.AppendXML(nil, plain), "WBXML": mgmttree.AppendWBXML(nil, plain)} {
			back, err := mgmttree.Read(spelled, mgmttree.Limits{})
			if err != nil {
				t.Fatalf("%s %q does not read back: %v", name, spelled, err)
			}
			again := mgmttree.AppendXML(nil, back.Element())
			if want := mgmttree.AppendXML(nil, plain); !bytes.Equal(again, want) && xmlSafe(plain) {
				t.Fatalf("%s reads back as\n%s, want\n%s", name, again, want)
			}
		}
	})
}

// xmlSafe reports whether XML can carry all the text, which WBXML can.
func xmlSafe(e *mgmttree.Element) bool {
	if strings.ContainsFunc(e.Text, func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffd || r == 0xfffe || r == 0xffff
	}) {
		return false
	}
	for _, c := range e.Children {
		if !xmlSafe(c) {
			return false
		}
	}
	return true
}

func ExampleRead() {
	tree, err := mgmttree.Read([]byte(exampleBXML), mgmttree.Limits{})
	if err != nil {
		fmt.Println(err)
		return
	}
	n := tree.Nodes[0]
	fmt.Println(n.Name, n.RT.Format, n.RT.Type.DDFName, n.Nodes[0].Value.Text)
	// Output: A node x/1.0/y v
}
