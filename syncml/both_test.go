package syncml_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/omadm-sdk/omadm/internal/wbxml"
	"github.com/omadm-sdk/omadm/syncml"
	"github.com/stretchr/testify/require"
)

// encodings are those that every test of the codec runs in.
var encodings = []syncml.Encoding{syncml.XML, syncml.WBXML}

// pages are the code pages of a message as the specification lists them, from token 05 on; "-" is reserved. The tests
// have their own copy, so that a slip of the package's tables shows.
var pages = []string{
	`Add Alert Archive Atomic Chal Cmd CmdID CmdRef Copy Cred Data Delete Exec Final
	Get Item Lang LocName LocURI Map MapItem Meta MsgID MsgRef NoResp NoResults Put Replace
	RespURI Results Search Sequence SessionID SftDel Source SourceRef Status Sync SyncBody SyncHdr SyncML Target
	TargetRef - VerDTD VerProto NumberOfChanges MoreData Field Filter Record FilterType SourceParent TargetParent Move Correlator`,

	`Anchor EMI Format FreeID FreeMem Last Mark MaxMsgSize Mem MetInf Next NextNonce SharedMem Size Type Version MaxObjSize FieldLevel`,

	`AccessType ACL Add b64 bin bool chr CaseSense CIS Copy CS date DDFName DefaultValue
	Delete Description DFFormat DFProperties DFTitle DFType Dynamic Exec float Format Get int Man MgmtTree
	MIME Mod Name Node node NodeName null Occurrence One OneOrMore OneOrN Path Permanent Replace
	RTProperties Scope Size time Title TStamp Type Value VerDTD VerNo xml ZeroOrMore ZeroOrN ZeroOrOne`,
}

const tableDevInf = `CTCap CTType DataStore DataType DevID DevInf DevTyp DisplayName DSMem Ext FwV HwV
	Man MaxGUIDSize MaxID MaxMem Mod OEM ParamName PropName Rx Rx-Pref SharedMem MaxSize
	SourceRef SwV SyncCap SyncType Tx Tx-Pref ValEnum VerCT VerDTD XNam XVal UTC
	SupportNumberOfChanges SupportLargeObjs Property PropParam MaxOccur NoTruncate - Filter-Rx FilterCap FilterKeyword FieldLevel SupportHierarchicalSync`

// tagOf finds an element of a message.
func tagOf(name string) (wbxml.Tag, bool) {
	for page, list := range pages[:2] {
		for i, s := range strings.Fields(list) {
			if s == name {
				return wbxml.Tag{Page: byte(page), Token: byte(5 + i)}, true
			}
		}
	}
	return wbxml.Tag{}, false
}

func nameOf(t wbxml.Tag) string {
	if list := strings.Fields(pages[t.Page]); t.Token >= 5 && int(t.Token)-5 < len(list) {
		return list[t.Token-5]
	}
	return fmt.Sprintf("page-%d-token-%02X", t.Page, t.Token)
}

// An element is XML as encoding/xml reads it.
type element struct {
	name     string
	text     string
	raw      string // what stands between the tags
	whole    string // from tag to tag
	original string // the attribute originalerror
	children []*element
}

func parse(in string) *element {
	d := xml.NewDecoder(strings.NewReader(in))
	var root *element
	var open []*element
	var begin, inside []int64
	for {
		at := d.InputOffset()
		tok, err := d.Token()
		if err == io.EOF {
			return root
		} else if err != nil {
			return nil
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			e := &element{name: tok.Name.Local}
			for _, a := range tok.Attr {
				if a.Name.Local == "originalerror" {
					e.original = a.Value
				}
			}
			if len(open) > 0 {
				parent := open[len(open)-1]
				parent.children = append(parent.children, e)
			} else {
				root = e
			}
			open, begin, inside = append(open, e), append(begin, at), append(inside, d.InputOffset())
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].text += string(tok)
			}
		case xml.EndElement:
			n := len(open) - 1
			open[n].raw = in[inside[n]:max(inside[n], at)]
			open[n].whole = in[begin[n]:d.InputOffset()]
			open, begin, inside = open[:n], begin[:n], inside[:n]
		}
	}
}

// wbxmlOf spells a message in XML as WBXML without any code of package syncml, or returns nil where encoding/xml does not
// read it. What no page has becomes a literal tag; texts come as inline strings, as references and as opaque data in
// turn; markup in Data becomes text.
func wbxmlOf(in string) []byte {
	root := parse(in)
	if root == nil {
		return nil
	}
	h := wbxml.Header{PublicID: 0x1201}
	at := make(map[string]uint32)
	intern := func(s string) uint32 {
		if _, ok := at[s]; !ok {
			at[s] = uint32(len(h.Table))
			h.Table = append(append(h.Table, s...), 0)
		}
		return at[s]
	}
	var w wbxml.Writer
	var body func(e *element)
	turn := 0
	body = func(e *element) {
		tag, known := tagOf(e.name)
		if known {
			w.Start(tag)
		} else {
			w.Literal(intern(e.name))
		}
		defer w.End()
		if e.name == "Data" && len(e.children) > 0 {
			w.Text(e.raw)
			return
		}
		if len(e.children) == 0 && e.text != "" {
			// Data alone tells text from opaque data.
			switch turn++; {
			case turn%3 == 1 && len(e.text) < 20 && !strings.Contains(e.text, "\x00"):
				reference(&w, intern(e.text))
			case turn%3 == 2 && e.name != "Data":
				w.Opaque([]byte(e.text))
			default:
				w.Text(e.text)
			}
		}
		for _, c := range e.children {
			body(c)
		}
		if len(e.children) > 0 && strings.TrimSpace(e.text) != "" {
			w.Text(e.text)
		}
	}
	body(root)
	var out wbxml.Writer
	out.Header(h)
	return append(out.Bytes(), w.Bytes()...)
}

// reference writes a reference to the string table.
func reference(w *wbxml.Writer, index uint32) {
	var n wbxml.Writer
	n.Literal(index)
	*w.Buffer() = append(append(w.Bytes(), 0x83), n.Bytes()[1:]...)
}

// xmlOf spells a message in WBXML as XML, without namespaces, by the tables above.
func xmlOf(t *testing.T, in []byte) string {
	t.Helper()
	var r wbxml.Reader
	r.ResetBytes(in, wbxml.Limits{})
	_, err := r.Header()
	require.NoError(t, err)
	var b strings.Builder
	var open []string
	for {
		empty := r.Empty()
		k, err := r.Next()
		if err == io.EOF {
			return b.String()
		}
		require.NoError(t, err)
		switch k {
		case wbxml.Start:
			open = append(open, nameOf(r.Tag()))
			b.WriteString("<" + open[len(open)-1])
			if r.Empty() {
				b.WriteByte('/')
			}
			b.WriteByte('>')
		case wbxml.End:
			if !empty {
				b.WriteString("</" + open[len(open)-1] + ">")
			}
			open = open[:len(open)-1]
		default:
			require.NoError(t, xml.EscapeText(&b, r.Bytes()))
		}
	}
}

// decodeBinary decodes what decode has decoded from XML once more, from WBXML, and fails where the two differ in more
// than in how they are spelled.
func decodeBinary(t *testing.T, in string, want *syncml.Message, opts *syncml.DecoderOptions) {
	t.Helper()
	data := wbxmlOf(in)
	if data == nil {
		return
	}
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"whole": func(r io.Reader) io.Reader { return r },
		"bytes": iotest.OneByteReader,
		"data":  iotest.DataErrReader,
	} {
		got, err := collect(syncml.NewDecoder(wrap(bytes.NewReader(data)), opts))
		require.NoError(t, err, "WBXML, reader %s", name)
		for _, d := range syncml.Diff(want, got, nil) {
			switch {
			case strings.HasSuffix(d.Path, "@originalerror"): // an attribute
			case strings.Contains(d.A, "<") && strings.HasSuffix(d.Path, "/Data"): // markup with the prefixes of what is around it
			case strings.HasSuffix(d.Path, "]") && strings.Contains(d.A, "<"): // an element that was kept, with its attributes
			default:
				t.Errorf("WBXML, reader %s: %v", name, d)
			}
		}
	}
}
