package syncml_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/omadm-sdk/omadm/internal/corpus"
	"github.com/omadm-sdk/omadm/internal/interop"
	"github.com/omadm-sdk/omadm/syncml"
	"github.com/stretchr/testify/require"
)

// A generator makes messages that use all of the types, with texts that libwbxml carries; see TestLibWBXML for others.
type generator struct {
	*rand.Rand
	id int
}

func (g *generator) pick(from ...string) string { return from[g.IntN(len(from))] }
func (g *generator) some() bool                 { return g.IntN(3) == 0 }

func (g *generator) message() *syncml.Message {
	m := &syncml.Message{Final: g.IntN(2) == 0, Header: syncml.Header{
		VerDTD: "1.2", VerProto: "DM/1.2", SessionID: syncml.ID(g.IntN(256)), MsgID: syncml.ID(1 + g.IntN(9)),
		Target: g.location(), Source: g.location(),
	}}
	if g.some() {
		m.Header.RespURI = "https://dm.example/next?a=1&b=" + g.word()
	}
	if g.some() {
		m.Header.Cred = &syncml.Cred{Meta: syncml.Meta{Type: syncml.AuthMD5, Format: "b64"}, Data: "LAK2i25Fh0nxxGGaAzRRpg=="}
	}
	if g.some() {
		m.Header.Meta = syncml.Meta{MaxMsgSize: g.Int64N(1 << 20), MaxObjSize: g.Int64N(1 << 30)}
	}
	for range 1 + g.IntN(6) {
		m.Commands = append(m.Commands, g.command(0))
	}
	return m
}

func (g *generator) word() string {
	return g.pick("a", "SwV", "AllowCamera", "Grüße", "世界", "\U0001F600", "a&b", "<c>", `"d"`, "e'f", "1")
}

func (g *generator) location() syncml.Location {
	l := syncml.Location{URI: "./" + g.word() + "/" + g.word()}
	if g.some() {
		l.Name = g.word()
	}
	return l
}

func (g *generator) meta() (m syncml.Meta) {
	if g.some() {
		m.Format = g.pick("chr", "int", "bool", "node", "null", "xml")
	}
	if g.some() {
		m.Type = g.pick("text/plain", "application/octet-stream", "com.microsoft/MDM/LoginStatus")
	}
	if g.some() {
		m.Mark = g.pick("fatal", "informational")
	}
	if g.some() {
		m.Size = g.Int64N(1 << 40)
	}
	return m
}

func (g *generator) items(n int) (list []syncml.Item) {
	for range n {
		it := syncml.Item{Meta: g.meta()}
		if g.some() {
			it.Source = g.location()
		} else {
			it.Target = g.location()
		}
		switch g.IntN(5) {
		case 0:
		case 1:
			it.Data = syncml.Empty()
		case 2:
			it.Data = syncml.CDATA("<enabled/><data id='" + g.word() + "'/>")
		default:
			it.Data = syncml.Text(strings.Repeat(g.word()+" ", g.IntN(40)) + g.word())
		}
		it.MoreData = !it.Data.IsAbsent() && g.IntN(9) == 0
		list = append(list, it)
	}
	return list
}

func (g *generator) command(depth int) syncml.Command {
	g.id++
	id := fmt.Sprint(g.id)
	some := g.items(1 + g.IntN(3))
	kinds := 11
	if depth > 0 {
		kinds = 6
	}
	switch g.IntN(kinds) {
	case 0:
		return &syncml.Add{CmdID: id, Meta: g.meta(), Items: some}
	case 1:
		return &syncml.Replace{CmdID: id, Meta: g.meta(), NoResp: g.some(), Items: some}
	case 2:
		return &syncml.Delete{CmdID: id, Items: some}
	case 3:
		return &syncml.Get{CmdID: id, Items: some}
	case 4:
		return &syncml.Copy{CmdID: id, Items: some}
	case 5:
		return &syncml.Exec{CmdID: id, Correlator: g.word(), Items: some[:1]}
	case 6:
		return &syncml.Alert{CmdID: id, Code: syncml.AlertGeneric, Items: some}
	case 7:
		s := &syncml.Status{CmdID: id, MsgRef: "1", CmdRef: "2", Cmd: "Get", Code: 200, Items: some[1:], TargetRefs: []string{g.word()}}
		if g.some() {
			s.Code = 407
			s.Chal = &syncml.Chal{Meta: syncml.Meta{Type: syncml.AuthMD5, Format: "b64", NextNonce: "Tm9uY2U="}}
		}
		return s
	case 8:
		return &syncml.Results{CmdID: id, MsgRef: "1", CmdRef: "2", SourceRef: g.word(), Items: some}
	}
	var inside []syncml.Command
	for range 1 + g.IntN(3) {
		inside = append(inside, g.command(depth+1))
	}
	if g.some() {
		return &syncml.Sequence{CmdID: id, Commands: inside}
	}
	return &syncml.Atomic{CmdID: id, Meta: g.meta(), Commands: inside}
}

// generated returns n messages, the same each time.
func generated(n int) (all []*syncml.Message) {
	g := &generator{Rand: rand.New(rand.NewPCG(1, 2))}
	for range n {
		g.id = 0
		all = append(all, g.message())
	}
	return all
}

// Both directions of libwbxml agree with ours, except that
//   - its encoder writes CDATA, and most Data of Add and Replace, as opaque data, where we write inline strings, which are
//     no longer (three octets shorter, at best) and cannot be taken for bytes;
//   - its decoder writes bytes under Format bin as they are into a CDATA section, which is not XML if they are no characters;
//   - a carriage return and "]]>" in text it writes as they are, which changes the value or ends the XML early;
//   - an element without a token it writes through the string table, or not at all; attributes it drops, as we do;
//   - it takes a tree that stands in line on code page 2 for unknown elements; we never write that form.
func TestLibWBXML(t *testing.T) {
	lib := interop.NewLibWBXML(t)
	messages := make(map[string]*syncml.Message)
	for _, c := range corpus.All() {
		m, err := syncml.Unmarshal(c.XML, nil)
		require.NoError(t, err)
		messages[c.Name] = m
	}
	for _, v := range corpus.Vectors() {
		if v.Name != "tnds" {
			m, err := syncml.Unmarshal(v.WBXML, nil)
			require.NoError(t, err)
			messages[v.Name] = m
		}
	}
	for i, m := range generated(60) {
		messages[fmt.Sprint("generated ", i)] = m
	}
	for name, m := range messages {
		t.Run(name, func(t *testing.T) {
			x, err := syncml.Append(nil, m, nil)
			require.NoError(t, err)
			ours, err := syncml.Append(nil, m, &syncml.EncoderOptions{Encoding: syncml.WBXML})
			require.NoError(t, err)

			if name != "binary" { // which it makes no XML of
				theirs, err := lib.ToXML(ours)
				require.NoError(t, err)
				back, err := syncml.Unmarshal(theirs, nil)
				require.NoError(t, err)
				require.Empty(t, syncml.Diff(m, back, nil), "their XML of our WBXML")
			}

			theirs, err := lib.ToWBXML(x, false)
			require.NoError(t, err)
			require.LessOrEqual(t, len(ours), len(theirs))
			if name != "binary" { // in XML it is base64, and stays so
				require.Equal(t, xmlOf(t, theirs), xmlOf(t, ours), "the same tokens, inline strings and opaque data alike")
			}
			if name != "inventory" { // a string table of which takes it 19 seconds
				table, err := lib.ToWBXML(x, true)
				require.NoError(t, err)
				back, err := syncml.Unmarshal(table, nil)
				require.NoError(t, err)
				want, err := syncml.Unmarshal(x, nil)
				require.NoError(t, err)
				require.Empty(t, syncml.Diff(want, back, nil), "their WBXML with a string table")
			}
		})
	}
}

// The documents that messages carry, alone.
func TestLibWBXMLDocuments(t *testing.T) {
	lib := interop.NewLibWBXML(t)
	for _, doc := range []string{
		`<MgmtTree xmlns="syncml:dmddf1.2"><VerDTD>1.2</VerDTD><Node><NodeName>A &amp; B</NodeName><RTProperties><Format><chr/></Format>` +
			`<Type><MIME>text/plain</MIME></Type></RTProperties><Value>v</Value></Node></MgmtTree>`,
		`<DevInf xmlns="syncml:devinf"><VerDTD>1.2</VerDTD><Man>Contoso</Man><DevID>1</DevID><DevTyp>phone</DevTyp><UTC/><DataStore>` +
			`<SourceRef>./c</SourceRef><Rx-Pref><CTType>text/vcard</CTType><VerCT>3.0</VerCT></Rx-Pref><SyncCap><SyncType>1</SyncType></SyncCap></DataStore></DevInf>`,
	} {
		ours, err := syncml.ToWBXML([]byte(doc))
		require.NoError(t, err)
		theirs, err := lib.ToWBXML([]byte(doctypes[doc[:7]]+doc), false)
		require.NoError(t, err)
		require.Equal(t, theirs, ours)
		x, err := lib.ToXML(ours)
		require.NoError(t, err)
		require.Equal(t, doc, string(x[strings.Index(string(x), doc[:7]):]))
	}
}

// libwbxml tells documents by their DOCTYPE.
var doctypes = map[string]string{
	"<MgmtTr": `<!DOCTYPE MgmtTree PUBLIC "-//OMA//DTD-DM-DDF 1.2//EN" "http://www.openmobilealliance.org/tech/DTD/dm_ddf-v1_2.dtd">`,
	"<DevInf": `<!DOCTYPE DevInf PUBLIC "-//SYNCML//DTD DevInf 1.2//EN" "http://www.openmobilealliance.org/tech/DTD/OMA-TS-SyncML_DevInf_DTD-V1_2.dtd">`,
}
