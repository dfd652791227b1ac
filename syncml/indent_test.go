package syncml_test

import (
	"testing"

	"github.com/omadm-sdk/omadm/internal/corpus"
	"github.com/omadm-sdk/omadm/syncml"
	"github.com/stretchr/testify/require"
)

func TestIndent(t *testing.T) {
	in := `<?xml version="1.0"?><SyncML xmlns="SYNCML:SYNCML1.2"> <SyncHdr><VerDTD>1.2</VerDTD><!-- c --><Source/></SyncHdr>` +
		`<SyncBody><Add a=">"><CmdID> 1 </CmdID><Item><Data> <a> <b/></a> </Data><Data></Data><Data><![CDATA[ <x> ]]></Data></Item></Add><Final/></SyncBody></SyncML>`
	want := `<?xml version="1.0"?>
<SyncML xmlns="SYNCML:SYNCML1.2">
  <SyncHdr>
    <VerDTD>1.2</VerDTD>
    <!-- c -->
    <Source/>
  </SyncHdr>
  <SyncBody>
    <Add a=">">
      <CmdID> 1 </CmdID>
      <Item>
        <Data> <a> <b/></a> </Data>
        <Data></Data>
        <Data><![CDATA[ <x> ]]></Data>
      </Item>
    </Add>
    <Final/>
  </SyncBody>
</SyncML>`
	require.Equal(t, want, string(syncml.Indent(nil, []byte(in), "  ")))
	require.Equal(t, want, string(syncml.Indent(nil, []byte(want), "  ")), "again")
	for cut := range in {
		syncml.Indent(nil, []byte(in[:cut]), "  ")
		syncml.Indent(nil, []byte(in[cut:]), "  ")
	}
}

func TestIndentKeepsMeaning(t *testing.T) {
	for _, m := range corpus.All() {
		want, err := syncml.Unmarshal(m.XML, nil)
		require.NoError(t, err)
		pretty := syncml.Indent(nil, m.XML, "\t")
		got, err := decode(t, string(pretty), &syncml.DecoderOptions{Strict: m.Name != "pkg1"})
		require.NoError(t, err)
		require.Empty(t, syncml.Diff(want, got, nil), m.Name)
	}
}
