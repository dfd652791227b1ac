package session_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

// TestRulesBrokenByServer holds what a server may do wrong in a message, by the sections of the reference of OMA DM: what
// the device answers, what has been done to ./A/x, and that the session can go on where it is not over. Wrong commands are
// in TestBadOrders, messages that are none in TestBadMessages, chunks in TestLargeObjectFromServer, and what servers cannot
// prove in TestServerCredentials.
func TestRulesBrokenByServer(t *testing.T) {
	const (
		head   = `<SessionID>1</SessionID><MsgID>1</MsgID><Target><LocURI>device-1</LocURI></Target><Source><LocURI>https://mdm.example.com/dm</LocURI></Source>`
		vers   = `<VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>`
		hdr    = `<Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd><Data>200</Data></Status>`
		alerts = `<Status><CmdID>2</CmdID><MsgRef>1</MsgRef><CmdRef>2</CmdRef><Cmd>Alert</Cmd><Data>200</Data></Status>`
		order  = `<Replace><CmdID>5</CmdID><Item><Target><LocURI>./A/x</LocURI></Target><Data>9</Data></Item></Replace>`
		all    = hdr + alerts + order + finalXML
		done   = "Status 1/0 SyncHdr 200\nStatus 1/5 Replace 200 ./A/x\nFinal"
	)
	replace := func(s, old, new string) string { return strings.Replace(s, old, new, 1) }
	meta := func(s string) string { return vers + head + "<Meta>" + s + "</Meta>" }
	for _, test := range []struct {
		name   string
		header string // empty: as it should be
		body   string
		want   string
		x      string // the value of ./A/x after it
		err    string // what the session ends with
	}{
		{"none broken", "", all, done, "9", ""},

		{"1.3 elements in another order", "", hdr + `<Replace><Item><Data>9</Data><Target><LocURI>./A/x</LocURI></Target></Item><CmdID>5</CmdID></Replace>` + finalXML, done, "9", ""},
		{"1.3 an element nobody knows", "", replace(all, "<CmdID>5</CmdID>", "<CmdID>5</CmdID><Colour>red</Colour>"), done, "9", ""},
		{"1.4 NoResp in a command", "", replace(all, "<CmdID>5</CmdID>", "<CmdID>5</CmdID><NoResp/>"), done, "9", ""},
		{"1.4 NoResp in the header", vers + head + "<NoResp/>", all, done, "9", ""},
		{"1.4 Cred in a command", "", replace(all, "<CmdID>5</CmdID>", "<CmdID>5</CmdID><Cred><Data>x</Data></Cred>"), done, "9", ""},
		{"1.4 no versions", head, all, done, "9", ""},
		{"1.4 for another device", replace(vers+head, "device-1", "device-2"), all, done, "9", ""},
		{"1.4 from another address", replace(vers+head, "mdm.example.com", "other.example.com"), all, done, "9", ""},
		{"1.4 MsgID that jumps ahead", replace(vers+head, "<MsgID>1<", "<MsgID>7<"), all, strings.ReplaceAll(done, "1/", "7/"), "9", ""},
		{"1.4 MsgID without measure", replace(vers+head, "<MsgID>1<", "<MsgID>99999999999999999999<"), all, "over", "1", "MsgID"},
		{"1.4 RespURI that is none", vers + head + "<RespURI>%zz</RespURI>", all, done, "9", ""},
		{"1.4 an Alert of the device's", "", replace(all, order, order+alertCmd("6", 1224, dataXML("x"))), replace(done, "Final", "Status 1/6 Alert 406\nFinal"), "9", ""},

		{"1.5 sizes that are none", meta(`<MaxMsgSize xmlns="syncml:metinf">large</MaxMsgSize><MaxObjSize xmlns="syncml:metinf">-7</MaxObjSize>`), all, done, "9", ""},
		{"1.5 a format nobody knows", "", replace(all, "<Data>9", `<Meta><Format xmlns="syncml:metinf">blob</Format></Meta><Data>9`), replace(done, "200 ./A/x", "415 ./A/x"), "1", ""},

		{"2.1 a Status of an unknown code", "", replace(all, "<Cmd>Alert</Cmd><Data>200", "<Cmd>Alert</Cmd><Data>799"), done, "9", ""},
		{"2.1 a Status whose code is none", "", replace(all, "<Cmd>Alert</Cmd><Data>200", "<Cmd>Alert</Cmd><Data>fine"), done, "9", ""},
		{"2.1 the header of ours is answered with nonsense", "", replace(all, "<Cmd>SyncHdr</Cmd><Data>200", "<Cmd>SyncHdr</Cmd><Data>799"), "over", "1", "799"},

		{"3.1 an alert for the start of a session", "", replace(all, order, order+alertCmd("6", 1200)), replace(done, "Final", "Status 1/6 Alert 406\nFinal"), "9", ""},
		{"3.1 a request with items", "", replace(all, order, order+alertCmd("6", 1222, dataXML("please"))), replace(done, "Final", "Status 1/6 Alert 200\nFinal"), "9", ""},

		{"4.4 Final in front", "", finalXML + hdr + order, done, "9", ""},
		{"4.4 Final twice", "", all + finalXML, done, "9", ""},
		{"4.4 no Final", "", hdr + order, replace(done, "Final", "Alert 1222"), "9", ""},
		{"4.6 no Status at all", "", order + finalXML, done, "9", ""},
		{"4.6 the Status of the header at the end", "", order + hdr + finalXML, done, "9", ""},
		{"4.6 the Status of the header twice", "", hdr + replace(hdr, "<CmdID>1<", "<CmdID>9<") + order + finalXML, done, "9", ""},
		{"4.6 a Status of nothing", "", replace(all, "<CmdRef>2<", "<CmdRef>77<"), done, "9", ""},
		{"4.6 a Status of another message", "", replace(hdr, "<MsgRef>1<", "<MsgRef>7<") + order + finalXML, done, "9", ""},
		{"4.6 Results", "", hdr + `<Results><CmdID>3</CmdID><MsgRef>1</MsgRef><CmdRef>4</CmdRef><Item><Data>x</Data></Item></Results>` + order + finalXML,
			replace(done, "Status 1/5", "Status 1/3 Results 405\nStatus 1/5"), "9", ""},
		{"4.8 an abort without Final", "", hdr + order + alertCmd("6", 1223), "over", "1", "aborted"},
		{"4.9 commands behind the end", "", hdr + finalXML + order, done, "9", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			each(t, func(t *testing.T, e syncml.Encoding) {
				tree := deviceTree()
				s := begin(t, &session.Client{Tree: tree}, e, nil)
				header := test.header
				if header == "" {
					header = vers + head
				}
				header = strings.ReplaceAll(header, "<SessionID>1<", "<SessionID>"+s.got.Header.SessionID+"<")
				body := []byte(`<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr>` + header + `</SyncHdr><SyncBody>` + test.body + `</SyncBody></SyncML>`)
				if e == syncml.WBXML {
					m, err := syncml.Unmarshal(body, &syncml.DecoderOptions{KeepUnknown: true})
					require.NoError(t, err)
					body, err = syncml.Append(nil, m, &syncml.EncoderOptions{Encoding: e, AsIs: true})
					require.NoError(t, err)
				}
				s.take(s.d.Next(t.Context(), start, &session.Reply{Status: 200, HTTP: http.Header{"Content-Type": {e.ContentType()}}, Body: body}))
				s.expect(test.want)
				require.Equal(t, test.x, nodeValue(t, tree, "./A/x"))
				if test.err != "" {
					require.ErrorContains(t, s.err, test.err)
					return
				}
				require.NoError(t, s.err)
				s.msgID = 10
				s.say(getCmd("1", "./A/y") + finalXML)
				require.Contains(t, spell(s.got), "Results 11/1 [./A/y \"2\"]")
				s.say(finalXML)
				require.Nil(t, s.got)
				require.NoError(t, s.err)
			})
		})
	}
}
