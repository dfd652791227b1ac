package tnds_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/dmtree/tnds"
)

func sample() *dmtree.Memory {
	m := new(dmtree.Memory)
	m.Set("./Apps/Net", dmtree.Interior().WithType("com.example/1.0/Net"))
	m.Set("./Apps/Net/Host", dmtree.String("a<b&c"))
	m.Set("./Apps/Net/Port", dmtree.Int(443))
	m.Set("./Apps/Net/Key 1", dmtree.Bytes([]byte{0, 1, 255}).WithType("application/octet-stream"))
	m.Set("./Apps/Net/None", dmtree.Null)
	m.Set("./Apps/Net/Password", dmtree.String("hunter2").Secret())
	m.Set("./Apps/Net/Sub/Empty", dmtree.Interior())
	return m
}

func diff(t *testing.T, a, b dmtree.Provider, root dmtree.URI) []dmtree.Change {
	t.Helper()
	changes, err := dmtree.Diff(t.Context(), a, b, root)
	require.NoError(t, err)
	return changes
}

func TestRoundTrip(t *testing.T) {
	m := sample()
	for name, wbxml := range map[string]bool{"XML": false, "WBXML": true} {
		t.Run(name, func(t *testing.T) {
			doc, err := tnds.Marshal(t.Context(), m, "./Apps/Net", &tnds.Options{WBXML: wbxml, Secrets: true})
			require.NoError(t, err)
			back, err := tnds.Unmarshal(doc, "./Apps")
			require.NoError(t, err)
			require.Empty(t, diff(t, m, back, "./Apps/Net"), "O07, O08 %s", doc)
			converted, err := tnds.Convert(doc, !wbxml)
			require.NoError(t, err)
			back, err = tnds.Unmarshal(converted, "./Apps")
			require.NoError(t, err)
			require.Empty(t, diff(t, m, back, "./Apps/Net"), "converted")
			again, err := tnds.Convert(converted, wbxml)
			require.NoError(t, err)
			twice, err := tnds.Convert(again, !wbxml)
			require.NoError(t, err)
			require.Equal(t, string(converted), string(twice))
		})
	}
}

func TestSecretsStayAtHome(t *testing.T) {
	for _, wbxml := range []bool{false, true} {
		doc, err := tnds.Marshal(t.Context(), sample(), "./Apps", &tnds.Options{WBXML: wbxml})
		require.NoError(t, err)
		require.NotContains(t, string(doc), "hunter2")
		require.Contains(t, string(doc), "Password")
	}
}

func TestWithout(t *testing.T) {
	doc, err := tnds.Marshal(t.Context(), sample(), "./Apps/Net/Port", &tnds.Options{Without: []string{"Format", "VerNo"}})
	require.NoError(t, err)
	require.Equal(t, `<MgmtTree xmlns="syncml:dmddf1.2"><VerDTD>1.2</VerDTD><Node><NodeName>Port</NodeName>`+
		`<RTProperties><Type><MIME>text/plain</MIME></Type></RTProperties><Value>443</Value></Node></MgmtTree>`, string(doc), "O08")
	_, err = tnds.Marshal(t.Context(), sample(), "./Apps", &tnds.Options{Without: []string{"Colour"}})
	require.ErrorIs(t, err, dmtree.ErrUnsupported)
}

func TestWithRights(t *testing.T) {
	tree := &dmtree.Tree{Provider: sample()}
	ctx := t.Context()
	require.NoError(t, dmtree.SetProperty(ctx, tree, "./Apps/Net", "ACL", "Get=srv"))
	doc, err := tnds.Marshal(ctx, tree, "./Apps", nil)
	require.NoError(t, err)
	back, err := tnds.Unmarshal(doc, ".")
	require.NoError(t, err)
	acl, err := dmtree.Property(ctx, &dmtree.Tree{Provider: back}, "./Apps/Net", "ACL")
	require.NoError(t, err)
	require.Equal(t, "Get=srv", acl, "O07 ACL")
	other := dmtree.WithCall(ctx, dmtree.NewCall("other", ""))
	doc, err = tnds.Marshal(other, tree, "./Apps", nil)
	require.NoError(t, err)
	require.NotContains(t, string(doc), "Host")
}

func TestPaths(t *testing.T) {
	nested := `<MgmtTree xmlns="syncml:dmddf1.2"><VerDTD>1.2</VerDTD><Node><NodeName>A</NodeName><Node><NodeName>B</NodeName><Value>1</Value></Node></Node></MgmtTree>`
	paths := `<MgmtTree><VerDTD>1.2</VerDTD><Node><NodeName>A</NodeName></Node><Node><NodeName>B</NodeName><Path>A</Path><Value>1</Value></Node></MgmtTree>`
	a, err := tnds.Unmarshal([]byte(nested), "./X")
	require.NoError(t, err)
	b, err := tnds.Unmarshal([]byte(paths), "./X")
	require.NoError(t, err)
	require.Empty(t, diff(t, a, b, "."), "O09")
	v, err := dmtree.Get(t.Context(), b, "./X/A/B")
	require.NoError(t, err)
	require.Equal(t, "1", v.Text())
}

func TestRefused(t *testing.T) {
	for name, test := range map[string]struct {
		doc  string
		want error
	}{
		"no document":         {"hello", dmtree.ErrSyntax},
		"too deep":            {"<MgmtTree>" + strings.Repeat("<Node><NodeName>a</NodeName>", 600) + strings.Repeat("</Node>", 600) + "</MgmtTree>", dmtree.ErrTooLarge},
		"value does not fit":  {"<MgmtTree><Node><NodeName>a</NodeName><RTProperties><Format><int/></Format></RTProperties><Value>x</Value></Node></MgmtTree>", dmtree.ErrFormat},
		"name that is none":   {"<MgmtTree><Node><NodeName>a</NodeName><Node><NodeName>..</NodeName></Node></Node></MgmtTree>", dmtree.ErrURI},
		"path to somewhere":   {"<MgmtTree><Node><NodeName>a</NodeName></Node><Node><NodeName>b</NodeName><Path>/../..</Path></Node></MgmtTree>", dmtree.ErrURI},
		"interior with value": {"<MgmtTree><Node><NodeName>a</NodeName><RTProperties><Format><node/></Format></RTProperties><Value>x</Value></Node></MgmtTree>", dmtree.ErrFormat},
	} {
		_, err := tnds.Unmarshal([]byte(test.doc), "./X")
		require.ErrorIs(t, err, test.want, name)
	}
	_, err := tnds.Unmarshal([]byte("<MgmtTree/>"), "./X/..")
	require.ErrorIs(t, err, dmtree.ErrURI)
}

// What reads writes, and reads back to the same nodes, in both spellings.
func FuzzUnmarshal(f *testing.F) {
	for _, wbxml := range []bool{false, true} {
		doc, err := tnds.Marshal(context.Background(), sample(), "./Apps/Net", &tnds.Options{WBXML: wbxml, Secrets: true})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(doc)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		m, err := tnds.Unmarshal(data, "./X/Y")
		if err != nil {
			if _, typed := errors.AsType[*dmtree.Error](err); !typed {
				t.Fatalf("error without a place: %v", err)
			}
			return
		}
		v, err := dmtree.Get(t.Context(), m, "./X/Y")
		if err != nil || !v.IsInterior() {
			return // the document's root took the place
		}
		doc, err := tnds.Marshal(t.Context(), m, "./X/Y", &tnds.Options{WBXML: true})
		if err != nil {
			t.Fatal(err)
		}
		back, err := tnds.Unmarshal(doc, "./X")
		if lossy(t, m) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if changes, err := dmtree.Diff(t.Context(), m, back, "./X/Y"); err != nil || len(changes) > 0 {
			t.Fatalf("%v %v\n%q", changes, err, doc)
		}
	})
}

// lossy reports whether m holds what XML cannot carry.
func lossy(t *testing.T, m *dmtree.Memory) bool {
	for e, err := range dmtree.Walk(t.Context(), m, ".") {
		if err != nil {
			t.Fatal(err)
		}
		text := e.URI.Name() + e.Value.Type()
		if e.Value.Format() != dmtree.FormatNode {
			text += e.Value.Text()
		}
		if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\r\n", r) || r >= 0xfffd && r <= 0xffff }) ||
			strings.TrimSpace(e.URI.Name()) != e.URI.Name() || strings.TrimSpace(e.Value.Type()) != e.Value.Type() {
			return true
		}
	}
	return false
}

func Example() {
	device := new(dmtree.Memory)
	device.Set("./Vendor/Example/Interval", dmtree.Int(30))

	doc, err := tnds.Marshal(context.Background(), device, "./Vendor/Example", &tnds.Options{Without: []string{"VerNo", "TStamp"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(doc))

	copied, err := tnds.Unmarshal(doc, "./Vendor/Backup")
	if err != nil {
		fmt.Println(err)
		return
	}
	v, err := dmtree.Get(context.Background(), copied, "./Vendor/Backup/Example/Interval")
	fmt.Println(v, err)
	// Output:
	// <MgmtTree xmlns="syncml:dmddf1.2"><VerDTD>1.2</VerDTD><Node><NodeName>Example</NodeName><RTProperties><Format><node/></Format><Type><DDFName/></Type></RTProperties><Node><NodeName>Interval</NodeName><RTProperties><Format><int/></Format><Type><MIME>text/plain</MIME></Type></RTProperties><Value>30</Value></Node></Node></MgmtTree>
	// 30 <nil>
}
