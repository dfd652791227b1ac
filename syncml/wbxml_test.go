package syncml_test

import (
	"testing"

	"github.com/omadm-sdk/omadm/internal/corpus"
	"github.com/omadm-sdk/omadm/syncml"
	"github.com/stretchr/testify/require"
)

// W05, W14, W15, W16: the worked examples are the same messages in both encodings, octet for octet.
func TestVectors(t *testing.T) {
	opaque := make(map[string][]byte)
	for _, v := range corpus.Vectors() {
		opaque[v.Name] = v.WBXML
	}
	for _, v := range corpus.Vectors() {
		if v.Name == "tnds" {
			continue // not a message
		}
		t.Run(v.Name, func(t *testing.T) {
			m, err := syncml.Unmarshal(v.WBXML, nil)
			require.NoError(t, err)
			x, err := syncml.Append(nil, m, &syncml.EncoderOptions{Encoding: syncml.XML})
			require.NoError(t, err)
			require.Equal(t, string(v.XML), string(x))

			want := v.WBXML
			if v.Name == "tnds-inline" {
				want = opaque["tnds-opaque"] // both forms are read, one is written
			}
			b, err := syncml.Append(nil, m, &syncml.EncoderOptions{Encoding: syncml.WBXML})
			require.NoError(t, err)
			require.Equal(t, want, b)

			fromXML, err := syncml.Unmarshal(v.XML, nil)
			require.NoError(t, err)
			if v.Name == "binary" {
				return // base64 stays base64: whether it is the value or its spelling, only the tree can tell
			}
			require.Equal(t, m, fromXML)
			b, err = syncml.Append(nil, fromXML, &syncml.EncoderOptions{Encoding: syncml.WBXML})
			require.NoError(t, err)
			require.Equal(t, want, b)
		})
	}
}

// What the corpus holds survives XML to WBXML to XML and back.
func TestCorpusInBothEncodings(t *testing.T) {
	for _, c := range corpus.All() {
		t.Run(c.Name, func(t *testing.T) {
			m, err := syncml.Unmarshal(c.XML, nil)
			require.NoError(t, err)
			b, err := syncml.Append(nil, m, &syncml.EncoderOptions{Encoding: syncml.WBXML})
			require.NoError(t, err)
			back, err := syncml.Unmarshal(b, nil)
			require.NoError(t, err)
			x, err := syncml.Append(nil, back, nil)
			require.NoError(t, err)
			again, err := syncml.Unmarshal(x, nil)
			require.NoError(t, err)
			require.Equal(t, back, again)
			b2, err := syncml.Append(nil, again, &syncml.EncoderOptions{Encoding: syncml.WBXML})
			require.NoError(t, err)
			require.Equal(t, b, b2)
		})
	}
}
