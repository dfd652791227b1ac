package syncml_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/omadm-sdk/omadm/internal/corpus"
	"github.com/omadm-sdk/omadm/syncml"
	"github.com/stretchr/testify/require"
)

func TestConvert(t *testing.T) {
	for _, v := range corpus.Vectors() {
		t.Run(v.Name, func(t *testing.T) {
			x, err := syncml.ToXML(v.WBXML)
			require.NoError(t, err)
			if v.Name == "message" || v.Name == "tnds" {
				require.Equal(t, string(v.XML), string(x))
			}
			if v.Name != "tnds" {
				_, err = syncml.ToWBXML(x)
				require.ErrorIs(t, err, syncml.ErrNoToken, "messages are for encoders")
				return
			}
			b, err := syncml.ToWBXML(x)
			require.NoError(t, err)
			require.Equal(t, v.WBXML, b)
		})
	}
	for _, doc := range []string{
		`<MgmtTree xmlns="syncml:dmddf1.2"><Odd><Node/>x</Odd><Even/></MgmtTree>`,
		`<DevInf xmlns="syncml:devinf"><X-Own>1</X-Own><UTC/></DevInf>`,
	} {
		b, err := syncml.ToWBXML([]byte(doc))
		require.NoError(t, err)
		x, err := syncml.ToXML(b)
		require.NoError(t, err)
		require.Equal(t, doc, string(x), "names that no page has are literal tags")
	}
}

func TestConvertRefuses(t *testing.T) {
	for _, c := range []struct {
		name, in string
		err      error
	}{
		{"nothing", ``, io.ErrUnexpectedEOF},
		{"cut", `02 A4 01 6A 00 6D`, io.ErrUnexpectedEOF},
		{"more behind", `02 A4 01 6A 00 2D 2D`, syncml.ErrSyntax},
		{"another character set", `02 A4 01 04 00 2D`, syncml.ErrSyntax},
		{"a character that XML does not have", `02 A4 01 6A 00 6D 03 01 00 01`, syncml.ErrBadChar},
		{"depth", `02 A4 01 6A 00 ` + strings.Repeat("45 ", 65), syncml.ErrTooDeep},
	} {
		_, err := syncml.ToXML(octets(c.in))
		require.ErrorIs(t, err, c.err, c.name)
		var se *syncml.SyntaxError
		require.ErrorAs(t, err, &se, c.name)
	}
	for _, in := range []string{``, `x`, `<MgmtTree>`, `<MgmtTree/><MgmtTree/>`, `<MgmtTree>&nbsp;</MgmtTree>`, strings.Repeat("<MgmtTree>", 100)} {
		_, err := syncml.ToWBXML([]byte(in))
		require.Error(t, err, in)
	}
}

func ExampleToWBXML() {
	b, err := syncml.ToWBXML([]byte(`<MgmtTree xmlns="syncml:dmddf1.2"><VerDTD>1.2</VerDTD></MgmtTree>`))
	fmt.Printf("%x %v\n", b, err)
	x, err := syncml.ToXML(b)
	fmt.Printf("%s %v\n", x, err)
	// Output:
	// 0200006a1b2d2f2f4f4d412f2f4454442d444d2d44444620312e322f2f454e000002607703312e32000101 <nil>
	// <MgmtTree xmlns="syncml:dmddf1.2"><VerDTD>1.2</VerDTD></MgmtTree> <nil>
}
