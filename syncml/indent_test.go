package syncml_test

import (
	"errors"
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

// TestIndentKeepsTexts: white space counts wherever an element holds characters.
func TestIndentKeepsTexts(t *testing.T) {
	parts := []string{" ", "\n", "x", "<![CDATA[ y ]]>", "<![CDATA[]]>", "<!-- c -->", "<?p i?>", "&#32;", "&lt;", "<e/>", "<e> z <f/></e>"}
	for _, a := range parts {
		for _, b := range parts {
			for _, c := range parts {
				s := a + b + c
				indentKeeps(t, []byte(item(`<Target><LocURI>`+s+`</LocURI><LocName>`+s+`</LocName></Target>`+
					`<Meta><EMI xmlns="syncml:metinf">`+s+`</EMI><Type>`+s+`</Type></Meta><Data>`+s+`</Data>`)), nil)
			}
		}
	}
	for _, in := range []string{
		"\uFEFF" + `<?xml version="1.0"?> ` + message(``),
		message(`<Exec><CmdID>1</CmdID><Correlator> <!--c-->b</Correlator><Item/></Exec>`),
		message(`<Get><CmdID>1</CmdID> a <Item/> b </Get>`) + "\n\x00",
	} {
		indentKeeps(t, []byte(in), nil)
	}
	utf16 := append([]byte("\xFF\xFE"), "<\x00a\x00>\x00 \x00<\x00"...)
	require.Equal(t, utf16, syncml.Indent(nil, utf16, " "))
}

func TestIndentGenerated(t *testing.T) {
	for seed := range uint64(400) {
		out, err := syncml.Append(nil, wild(seed).message(), &syncml.EncoderOptions{AsIs: true})
		if errors.Is(err, syncml.ErrBadChar) {
			continue
		}
		require.NoError(t, err)
		indentKeeps(t, out, nil)
	}
}

// FuzzIndent: a message that can be read reads the same when it is laid out.
func FuzzIndent(f *testing.F) {
	f.Add([]byte(message("")))
	f.Add(corpus.Get("pkg1").XML)
	for _, v := range corpus.Vectors() {
		f.Add(v.XML)
	}
	f.Add([]byte(item(`<Target><LocName> <![CDATA[x]]> <!--c-->b <?p?>&#32;</LocName></Target><Data> <a> <b/></a><!--c--> </Data>`)))
	f.Fuzz(func(t *testing.T, in []byte) {
		indentKeeps(t, in, &syncml.DecoderOptions{Encoding: syncml.XML})
	})
}

// indentKeeps fails if what can be read says something else when it is laid out.
func indentKeeps(t *testing.T, in []byte, opts *syncml.DecoderOptions) {
	t.Helper()
	once := syncml.Indent(nil, in, "  ")
	want, err := syncml.Unmarshal(in, opts)
	if err != nil {
		return
	}
	got, err := syncml.Unmarshal(once, opts)
	if errors.Is(err, syncml.ErrTooLarge) {
		return // white space counts for the limit of messages
	}
	require.NoError(t, err, "%q\nbecomes\n%q", in, once)
	require.Empty(t, syncml.Diff(want, got, nil), "%q\nbecomes\n%q", in, once)
}
