package syncml_test

import (
	"strings"
	"testing"

	"github.com/omadm-sdk/omadm/syncml"
	"github.com/stretchr/testify/require"
)

// TestStrict lists what lenient reading forgives and tells, and strict reading refuses.
func TestStrict(t *testing.T) {
	get := `<Get><CmdID>1</CmdID><Item><Target><LocURI>./a</LocURI></Target></Item></Get>`
	tests := []struct {
		name string
		in   string
		tell string
		path string
	}{
		{"X10 order", item(`<Data>x</Data><Target><LocURI>./a</LocURI></Target>`), "Target behind Data", "/SyncML/SyncBody/Replace/Item/Target"},
		{"Correlator before Data", message(`<Alert><CmdID>1</CmdID><Correlator>c</Correlator><Data>1226</Data></Alert>`), "Data behind Correlator", "/SyncML/SyncBody/Alert/Data"},
		{"twice", item(`<Data>x</Data><Data>y</Data>`), "Data twice", "/SyncML/SyncBody/Replace/Item/Data"},
		{"two headers", strings.Replace(message(get), hdr, hdr+hdr, 1), "SyncHdr twice", "/SyncML/SyncHdr"},
		{"two bodies", strings.Replace(message(get), "</SyncML>", "<SyncBody/></SyncML>", 1), "SyncBody twice", "/SyncML/SyncBody"},
		{"missing", message(`<Get><CmdID>1</CmdID></Get>`), "Get without Item", "/SyncML/SyncBody"},
		{"missing in the header", strings.Replace(message(get), "<MsgID>2</MsgID>", "", 1), "SyncHdr without MsgID", "/SyncML"},
		{"X01 VerDTD of nothing", strings.Replace(message(get), "<VerDTD>1.2", "<VerDTD>", 1), "VerDTD is empty", "/SyncML/SyncHdr"},
		{"X01 VerProto of nothing", strings.Replace(message(get), "<VerProto>DM/1.2", "<VerProto>", 1), "VerProto is empty", "/SyncML/SyncHdr"},
		{"LocURI of nothing", strings.Replace(message(get), "<LocURI>IMEI:1", "<LocURI>", 1), "LocURI is empty", "/SyncML/SyncHdr/Source"},
		{"no command", message(``), "SyncBody without command", "/SyncML"},
		{"no body", `<SyncML xmlns="SYNCML:SYNCML1.2">` + hdr + `</SyncML>`, "SyncML without SyncBody", "/"},
		{"unknown child", item(`<Odd/>`), "Odd does not belong into Item", "/SyncML/SyncBody/Replace/Item/Odd"},
		{"unknown command", message(`<Odd/>`), "Odd does not belong into SyncBody", "/SyncML/SyncBody/Odd"},
		{"text between elements", message(get + "x"), "text where only elements belong", "/SyncML/SyncBody"},
		{"CDATA between elements", message(get + "<![CDATA[x]]>"), "text where only elements belong", "/SyncML/SyncBody"},
		{"element in text", message(strings.Replace(get, "1<", "1<b/><", 1)), "element where only text belongs", "/SyncML/SyncBody/Get/CmdID/b"},
		{"text in a flag", item(`<MoreData>true</MoreData>`), "text where nothing belongs", "/SyncML/SyncBody/Replace/Item"},
		{"]]> in text", item(`<Data>]]></Data>`), "]]> in text", "/SyncML/SyncBody/Replace/Item/Data"},
		{"no namespace", strings.Replace(message(get), ` xmlns="SYNCML:SYNCML1.2"`, "", 1), "not in a namespace of SyncML", "/SyncML"},
		{"another namespace", strings.Replace(message(get), "SYNCML:SYNCML1.2", "urn:x", 1), "not in a namespace of SyncML", "/SyncML"},
		{"Type without its namespace", item(`<Meta><Type>a/b</Type></Meta>`), "Type is not in its namespace", "/SyncML/SyncBody/Replace/Item/Meta/Type"},
		{"child in the wrong namespace", item(`<Target><LocURI xmlns="urn:x">./a</LocURI></Target>`), "LocURI is not in its namespace", "/SyncML/SyncBody/Replace/Item/Target/LocURI"},
		{"prefix that is not declared", item(`<p:Data>x</p:Data>`), "not declared", "/SyncML/SyncBody/Replace/Item/Data"},
		{"prefix of an attribute that is not declared", item(`<Data p:x="1">x</Data>`), "prefix of p:x is not declared", "/SyncML/SyncBody/Replace/Item/Data"},
		{"attribute twice, by its namespace", item(`<Data xmlns:p="u" xmlns:q="u" p:x="1" q:x="2">x</Data>`), "attribute q:x is there twice", "/SyncML/SyncBody/Replace/Item/Data"},
		{"prefix without a namespace", item(`<Data xmlns:p="">x</Data>`), "xmlns:p declares no namespace", "/SyncML/SyncBody/Replace/Item/Data"},
		{"prefix that is reserved", item(`<Data xmlns:xml="u">x</Data>`), "xmlns:xml is reserved", "/SyncML/SyncBody/Replace/Item/Data"},
		{"prefix of declarations", item(`<Data xmlns:xmlns="u">x</Data>`), "xmlns:xmlns is reserved", "/SyncML/SyncBody/Replace/Item/Data"},
		{"instruction with a colon", item(`<?a:b c?><Data>x</Data>`), "processing instruction a:b", "/SyncML/SyncBody/Replace/Item"},
		{"X12 no CmdID", message(strings.Replace(get, "1", "", 1)), "CmdID", "/SyncML/SyncBody/Get"},
		{"X12 CmdID 0", message(strings.Replace(get, "1", "0", 1)), "CmdID", "/SyncML/SyncBody/Get"},
		{"X12 CmdID twice", message(get + get), "CmdID", "/SyncML/SyncBody/Get[2]"},
		{"X13 MsgID 0", strings.Replace(message(get), "<MsgID>2", "<MsgID>0", 1), "MsgID", "/SyncML/SyncHdr"},
		{"X13 MsgID", strings.Replace(message(get), "<MsgID>2", "<MsgID>two", 1), "MsgID", "/SyncML/SyncHdr"},
		{"X14 SessionID", strings.Replace(message(get), "<SessionID>7", "<SessionID>12345", 1), "SessionID", "/SyncML/SyncHdr"},
		{"Size", item(`<Meta><Size xmlns="syncml:metinf">big</Size></Meta>`), "not a number", "/SyncML/SyncBody/Replace/Item/Meta"},
		{"alert code", message(`<Alert><CmdID>1</CmdID><Data>abc</Data></Alert>`), "not a code", "/SyncML/SyncBody/Alert"},
		{"status code", message(`<Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>1</CmdRef><Cmd>Get</Cmd><Data>42</Data></Status>`), "no status code", "/SyncML/SyncBody/Status"},
		{"encoding", `<?xml version="1.0" encoding="ISO-8859-1"?>` + message(get), "only UTF-8", "/"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := syncml.Unmarshal([]byte(test.in), nil)
			require.NoError(t, err, "lenient, and not asking")

			var told []*syncml.SyntaxError
			_, err = syncml.Unmarshal([]byte(test.in), &syncml.DecoderOptions{Forgiven: func(e *syncml.SyntaxError) { told = append(told, e) }})
			require.NoError(t, err)
			require.NotEmpty(t, told)
			require.ErrorContains(t, told[0], test.tell)
			require.Equal(t, test.path, told[0].Path)

			_, err = decode(t, test.in, &syncml.DecoderOptions{Strict: true})
			require.ErrorIs(t, err, syncml.ErrSyntax)
			require.Equal(t, told[0].Error(), err.Error())

			switch test.name {
			case "]]> in text", "no namespace", "another namespace", "Type without its namespace", "child in the wrong namespace",
				"prefix that is not declared", "prefix of an attribute that is not declared", "attribute twice, by its namespace",
				"prefix without a namespace", "prefix that is reserved", "prefix of declarations", "instruction with a colon", "encoding":
				return // there is none of this in WBXML
			}
			var binary []*syncml.SyntaxError
			_, err = syncml.Unmarshal(wbxmlOf(test.in), &syncml.DecoderOptions{Forgiven: func(e *syncml.SyntaxError) { binary = append(binary, e) }})
			require.NoError(t, err, "WBXML")
			require.Len(t, binary, len(told), "WBXML")
			for i := range told {
				require.Equal(t, told[i].Path, binary[i].Path, "WBXML")
				require.Equal(t, told[i].Err.Error(), binary[i].Err.Error(), "WBXML")
			}
			_, err = syncml.Unmarshal(wbxmlOf(test.in), &syncml.DecoderOptions{Strict: true})
			require.ErrorIs(t, err, syncml.ErrSyntax, "WBXML")
			require.Equal(t, binary[0].Error(), err.Error(), "WBXML")
		})
	}
	t.Run("NUL behind the message", func(t *testing.T) {
		_, err := syncml.Unmarshal([]byte(message(get)+"\x00\r\n"), nil)
		require.NoError(t, err)
		_, err = syncml.Unmarshal([]byte(message(get)+"\x00"), &syncml.DecoderOptions{Strict: true})
		require.ErrorIs(t, err, syncml.ErrSyntax)
	})
	t.Run("nothing to forgive", func(t *testing.T) {
		_, err := syncml.Unmarshal([]byte(message(get)), &syncml.DecoderOptions{
			Forgiven: func(e *syncml.SyntaxError) { t.Error(e) }})
		require.NoError(t, err)
	})
}
