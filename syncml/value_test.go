package syncml_test

import (
	"testing"

	"github.com/omadm-sdk/omadm/internal/corpus"
	"github.com/omadm-sdk/omadm/syncml"
	"github.com/stretchr/testify/require"
)

func TestValue(t *testing.T) {
	octets := []byte{0, 1, 255}
	for _, c := range []struct {
		name, command, format string
		data                  syncml.Data
		want                  []byte
	}{
		{"W14 bin in WBXML", "", "bin", syncml.Opaque(octets), octets},
		{"W14 bin by the command", "bin", "", syncml.Opaque(octets), octets},
		{"X23 b64 in XML", "", "b64", syncml.Text("AAH/"), octets},
		{"X23 b64 by the command, in lines", "b64", "", syncml.Text("\nAA\r\n H/\n"), octets},
		{"b64 in a section", "", "b64", syncml.CDATA("AAH/"), octets},
		{"b64 as opaque data", "", "b64", syncml.Opaque([]byte("AAH/")), octets},
		{"bin as characters", "", "bin", syncml.Text("AAH/"), octets},
		{"characters", "", "chr", syncml.Text("AAH/"), []byte("AAH/")},
		{"characters by default", "", "", syncml.Text("AAH/"), []byte("AAH/")},
		{"characters although the command says otherwise", "b64", "chr", syncml.Text("AAH/"), []byte("AAH/")},
		{"opaque characters", "", "xml", syncml.Opaque([]byte("<a/>")), []byte("<a/>")},
		{"empty", "", "b64", syncml.Empty(), nil},
		{"absent", "", "b64", syncml.Data{}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			it := syncml.Item{Meta: syncml.Meta{Format: c.format}, Data: c.data}
			got, err := it.Value(syncml.Meta{Format: c.command})
			require.NoError(t, err)
			require.Equal(t, c.want, got)

			// It is the same at the other end, whichever way it went.
			m := replace(it)
			m.Commands[0].(*syncml.Replace).Meta.Format = c.command
			for _, enc := range encodings {
				out, err := syncml.Append(nil, m, &syncml.EncoderOptions{Encoding: enc})
				require.NoError(t, err)
				back, err := syncml.Unmarshal(out, nil)
				require.NoError(t, err)
				r := back.Commands[0].(*syncml.Replace)
				got, err := r.Items[0].Value(r.Meta)
				require.NoError(t, err)
				require.Equal(t, c.want, got, "%v: %s", enc, out)
			}
		})
	}
	it := syncml.Item{Target: syncml.Location{URI: "./a"}, Meta: syncml.Meta{Format: "b64"}, Data: syncml.Text("AAH")}
	_, err := it.Value(syncml.Meta{})
	require.ErrorContains(t, err, "./a")
}

// Some peers send octets as they are in WBXML and still say b64.
func TestRawOctetsUnderB64(t *testing.T) {
	for _, c := range []struct{ name, in, format string }{
		{"format of the item", `5A 00 01 47 03 "b64" 00 01 01 00 00 4F C3 03 00 01 FF 01`, "bin"},
		{"base64 all the same", `5A 00 01 47 03 "b64" 00 01 01 00 00 4F C3 04 "AAH/" 01`, "b64"},
		{"Data first", `4F C3 03 00 01 FF 01 5A 00 01 47 03 "b64" 00 01 01 00 00`, "bin"},
	} {
		m, err := syncml.Unmarshal(octets(binItem+c.in+binEnd), nil)
		require.NoError(t, err, c.name)
		it := m.Commands[0].(*syncml.Replace).Items[0]
		require.Equal(t, c.format, it.Meta.Format, c.name)
		b, err := it.Value(syncml.Meta{})
		require.NoError(t, err)
		require.Equal(t, []byte{0, 1, 255}, b, c.name)
		x, err := syncml.Append(nil, m, nil)
		require.NoError(t, err)
		require.Contains(t, string(x), `<Format xmlns="syncml:metinf">b64</Format></Meta><Data>AAH/</Data>`, c.name)
	}
	var binary []byte
	for _, v := range corpus.Vectors() {
		if v.Name == "binary" {
			for _, in := range [][]byte{v.XML, v.WBXML} {
				m, err := syncml.Unmarshal(in, nil)
				require.NoError(t, err)
				binary, err = m.Commands[0].(*syncml.Replace).Items[0].Value(syncml.Meta{})
				require.NoError(t, err)
				require.Equal(t, []byte{0, 1, 255}, binary, "12.10")
			}
		}
	}
	require.NotNil(t, binary)
}
