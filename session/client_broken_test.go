package session_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

// TestRulesBrokenByServer holds what a server may do wrong in a message, by the sections of the reference of OMA DM: what
// the device answers, what has been done to ./A/x, and that the session can go on where it is not over. Wrong commands are
// in TestBadOrders, messages that are none in TestBadMessages, versions in TestWrongVersion, chunks in
// TestLargeObjectFromServer, answers that come twice in TestStaleAnswers, and section 6 is in TestSecurityBrokenByServer.
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
		{"1.3 a Meta in a MetInf", "", replace(all, "<Data>9", `<Meta><MetInf xmlns="syncml:metinf"><Format>chr</Format></MetInf></Meta><Data>9`), done, "9", ""},
		{"1.3 a Status without CmdID", "", replace(hdr, "<CmdID>1</CmdID>", "") + order + finalXML, done, "9", ""},
		{"1.3 a Status without Data", "", replace(all, "<Cmd>Alert</Cmd><Data>200</Data>", "<Cmd>Alert</Cmd>"), done, "9", ""},
		{"1.3 nothing but Final", "", finalXML, "over", "1", ""},
		{"1.3 nothing at all", "", "", "over", "1", ""},
		{"1.3 an empty Sequence", "", replace(all, order, order+`<Sequence><CmdID>6</CmdID></Sequence>`), replace(done, "Final", "Status 1/6 Sequence 200\nFinal"), "9", ""},
		{"1.3 a Sequence in a Sequence", "", replace(all, order, order+groupCmd("Sequence", "6", groupCmd("Sequence", "7", deleteCmd("8", "./A/x")))),
			replace(done, "Final", "Status 1/6 Sequence 200\nStatus 1/7 Sequence 500\nStatus 1/8 Delete 215 ./A/x\nFinal"), "9", ""},
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
		{"1.4 no Target and no Source", vers + `<SessionID>1</SessionID><MsgID>1</MsgID>`, all, done, "9", ""},
		{"1.4 no SessionID", replace(vers+head, "<SessionID>1</SessionID>", ""), all, "over", "1", "session"},
		{"1.4 no MsgID", replace(vers+head, "<MsgID>1</MsgID>", ""), all, "over", "1", "MsgID"},
		{"1.4 a Chal in the Status of a command", "", replace(all, "<Cmd>Alert</Cmd>", `<Cmd>Alert</Cmd><Chal><Meta><Type xmlns="syncml:metinf">syncml:auth-md5</Type></Meta></Chal>`), done, "9", ""},
		{"1.4 a Correlator in a Replace", "", replace(all, "<CmdID>5</CmdID>", "<CmdID>5</CmdID><Correlator>c</Correlator>"), done, "9", ""},
		{"1.4 a LocURI that is empty", "", replace(all, order, order+replaceCmd("6", "", "8")), replace(done, "Final", "Status 1/6 Replace 412\nFinal"), "9", ""},
		{"1.4 Cred that nobody asked for", vers + head + `<Cred><Meta><Type xmlns="syncml:metinf">syncml:auth-basic</Type></Meta><Data>$$$</Data></Cred>`, all, done, "9", ""},

		{"1.5 sizes that are none", meta(`<MaxMsgSize xmlns="syncml:metinf">large</MaxMsgSize><MaxObjSize xmlns="syncml:metinf">-7</MaxObjSize>`), all, done, "9", ""},
		{"1.5 a format nobody knows", "", replace(all, "<Data>9", `<Meta><Format xmlns="syncml:metinf">blob</Format></Meta><Data>9`), replace(done, "200 ./A/x", "415 ./A/x"), "1", ""},
		{"1.5 what only data synchronisation has", meta(`<Anchor xmlns="syncml:metinf"><Next>1</Next></Anchor><Version xmlns="syncml:metinf">2</Version><FieldLevel xmlns="syncml:metinf"/>`), all, done, "9", ""},
		{"1.5 a Size without need, and wrong", "", replace(all, "<Data>9", `<Meta><Size xmlns="syncml:metinf">100</Size></Meta><Data>9`), done, "9", ""},
		{"1.5 a Mark nobody knows, and a NextNonce", "", replace(all, "<Data>9", `<Meta><Mark xmlns="syncml:metinf">loud</Mark><NextNonce xmlns="syncml:metinf">AAAA</NextNonce></Meta><Data>9`), done, "9", ""},
		{"1.5 a Format without namespace", "", replace(all, "<Data>9", `<Meta><Format>int</Format></Meta><Data>9`), done, "9", ""},
		{"1.7 blanks around what is compared", replace(vers+head, "<MsgID>1<", "<MsgID> 1 <"), strings.NewReplacer("<CmdID>5<", "<CmdID> 5 <", "./A/x", " ./A/x ", ">200<", "> 200 <").Replace(all), done, "9", ""},

		{"2.1 a Status of an unknown code", "", replace(all, "<Cmd>Alert</Cmd><Data>200", "<Cmd>Alert</Cmd><Data>799"), done, "9", ""},
		{"2.1 a Status whose code is none", "", replace(all, "<Cmd>Alert</Cmd><Data>200", "<Cmd>Alert</Cmd><Data>fine"), done, "9", ""},
		{"2.1 a Status that data synchronisation has", "", replace(all, "<Cmd>Alert</Cmd><Data>200", "<Cmd>Alert</Cmd><Data>207"), done, "9", ""},
		{"2.1 the header of ours is in progress", "", replace(all, "<Cmd>SyncHdr</Cmd><Data>200", "<Cmd>SyncHdr</Cmd><Data>101"), "over", "1", "101"},
		{"2.1 the header of ours is answered with nonsense", "", replace(all, "<Cmd>SyncHdr</Cmd><Data>200", "<Cmd>SyncHdr</Cmd><Data>799"), "over", "1", "799"},

		{"3.1 an alert for the start of a session", "", replace(all, order, order+alertCmd("6", 1200)), replace(done, "Final", "Status 1/6 Alert 406\nFinal"), "9", ""},
		{"3.1 a request with items", "", replace(all, order, order+alertCmd("6", 1222, dataXML("please"))), replace(done, "Final", "Status 1/6 Alert 200\nFinal"), "9", ""},
		{"3.1 reserved alerts", "", replace(all, order, order+alertCmd("6", 1105)+alertCmd("7", 1221)), replace(done, "Final", "Status 1/6 Alert 406\nStatus 1/7 Alert 406\nFinal"), "9", ""},
		{"3.1 the end of an object that nobody sends", "", replace(all, order, order+alertCmd("6", 1225)), replace(done, "Final", "Status 1/6 Alert 200\nFinal"), "9", ""},

		{"4.1 DevInfo of a server", "", replace(all, order, order+`<Replace><CmdID>6</CmdID><Item><Source><LocURI>./DevInfo/Man</LocURI></Source><Data>8</Data></Item></Replace>`),
			replace(done, "Final", "Status 1/6 Replace 412 ./DevInfo/Man\nFinal"), "9", ""},
		{"4.4 Final in front", "", finalXML + hdr + order, done, "9", ""},
		{"4.4 Final twice", "", all + finalXML, done, "9", ""},
		{"4.4 no Final", "", hdr + order, replace(done, "Final", "Alert 1222"), "9", ""},
		{"4.6 no Status at all", "", order + finalXML, done, "9", ""},
		{"4.6 the Status of the header at the end", "", order + hdr + finalXML, done, "9", ""},
		{"4.6 the Status of the header twice", "", hdr + replace(hdr, "<CmdID>1<", "<CmdID>9<") + order + finalXML, done, "9", ""},
		{"4.6 Statuses out of order", "", hdr + `<Status><CmdID>3</CmdID><MsgRef>1</MsgRef><CmdRef>4</CmdRef><Cmd>Replace</Cmd><Data>200</Data></Status>` + alerts + order + finalXML, done, "9", ""},
		{"4.6 a Status twice", "", hdr + alerts + replace(alerts, "200", "406") + order + finalXML, done, "9", ""},
		{"4.6 a Status of another command's name", "", replace(all, "<Cmd>Alert", "<Cmd>Get"), done, "9", ""},
		{"4.6 a Status behind the commands", "", hdr + order + alerts + finalXML, done, "9", ""},
		{"4.6 a Status of a command 0", "", replace(all, alerts, alerts+`<Status><CmdID>3</CmdID><MsgRef>1</MsgRef><CmdRef>0</CmdRef><Cmd>Add</Cmd><Data>400</Data></Status>`), done, "9", ""},
		{"4.6 a Status of nothing", "", replace(all, "<CmdRef>2<", "<CmdRef>77<"), done, "9", ""},
		{"4.6 a Status of another message", "", replace(hdr, "<MsgRef>1<", "<MsgRef>7<") + order + finalXML, done, "9", ""},
		{"4.6 Results", "", hdr + `<Results><CmdID>3</CmdID><MsgRef>1</MsgRef><CmdRef>4</CmdRef><Item><Data>x</Data></Item></Results>` + order + finalXML,
			replace(done, "Status 1/5", "Status 1/3 Results 405\nStatus 1/5"), "9", ""},
		{"4.8 an abort without Final", "", hdr + order + alertCmd("6", 1223), "over", "1", "aborted"},
		{"4.8 an abort with commands behind it", "", hdr + alertCmd("6", 1223) + order + finalXML, "over", "1", "aborted"},
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
				if test.want == "over" {
					return
				}
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

// TestTurnsBrokenByServer has a server say something else than "go on" while the device's answers are in several messages: none
// of them gets lost, and what is asked meanwhile is answered behind them.
func TestTurnsBrokenByServer(t *testing.T) {
	const first = "1/1 Get 200 ./A/x, 1/1 \"1\", 1/2 Get 200 ./A/y, 1/2 \"2\", 1/3 Get 200 ./A/z, 1/3 \"3\""
	replace := replaceCmd("7", "./A/x", "9")
	for _, test := range []struct {
		name string
		say  string // in answer to the first part
		want string // Statuses and Results, in the order in which they come
	}{
		{"none broken", alertCmd("7", 1222), first},
		{"4.3 commands in place of a request", replace + finalXML, first + ", 2/7 Replace 200 ./A/x"},
		{"4.3 commands and a request", replace + alertCmd("8", 1222), first + ", 2/7 Replace 200 ./A/x"},
		{"4.3 a chunk in place of a request", chunkCmd("7", "./A/x", "", "9", 2, true), first + ", 2/7 Replace 213 ./A/x"},
		{"4.5 neither a request nor Final", "", first},
		{"4.5 Final in place of a request", finalXML, first},
		{"4.5 a request and Final", alertCmd("7", 1222) + finalXML, first},
		{"4.5 two requests", alertCmd("7", 1222) + alertCmd("8", 1222), first},
		{"4.6 a Status for Results", `<Status><CmdID>7</CmdID><MsgRef>2</MsgRef><CmdRef>3</CmdRef><Cmd>Results</Cmd><Data>200</Data></Status>` + alertCmd("8", 1222), first},
		{"4.6 a Status for a Status", `<Status><CmdID>7</CmdID><MsgRef>2</MsgRef><CmdRef>2</CmdRef><Cmd>Status</Cmd><Data>200</Data></Status>` + alertCmd("8", 1222), first},
		{"4.6 Results are refused", `<Status><CmdID>7</CmdID><MsgRef>2</MsgRef><CmdRef>3</CmdRef><Cmd>Results</Cmd><Data>500</Data></Status>` + alertCmd("8", 1222), first},
		{"4.6 a Status of what has not been said", `<Status><CmdID>7</CmdID><MsgRef>9</MsgRef><CmdRef>9</CmdRef><Cmd>Alert</Cmd><Data>200</Data></Status>` + alertCmd("8", 1222), first},
	} {
		t.Run(test.name, func(t *testing.T) {
			each(t, func(t *testing.T, e syncml.Encoding) {
				s := begin(t, &session.Client{Tree: deviceTree(), Profile: session.OMA}, e, nil)
				small := func(h *syncml.Header) {
					h.Meta.MaxMsgSize = int64(map[syncml.Encoding]int{syncml.XML: 1100, syncml.WBXML: 360}[e])
				}
				s.header = small
				s.say(getCmd("1", "./A/x") + getCmd("2", "./A/y") + getCmd("3", "./A/z") + finalXML)
				require.False(t, s.got.Final, "it takes one message: %s", spell(s.got))
				var got []string
				for n := 0; s.got != nil; n++ {
					require.Less(t, n, 20, "no end of it")
					for _, line := range splitLines(spell(s.got)) {
						name, rest, _ := strings.Cut(line, " ")
						switch {
						case name == "Results":
							rest = strings.NewReplacer("[./A/x ", "", "[./A/y ", "", "[./A/z ", "", "]", "").Replace(rest)
							fallthrough
						case name == "Status" && !strings.Contains(rest, "SyncHdr") && !strings.Contains(rest, "Alert"):
							got = append(got, rest)
						}
					}
					if s.got.Final {
						break
					}
					a, asks := s.got.Commands[len(s.got.Commands)-1].(*syncml.Alert)
					s.header = small
					switch {
					case n == 0:
						s.say(test.say)
					case asks && a.Code == syncml.AlertNextMessage:
						s.say(finalXML)
					default:
						s.say(alertCmd("7", 1222))
					}
				}
				require.NoError(t, s.err)
				require.Equal(t, test.want, strings.Join(got, ", "))
			})
		})
	}
}

// TestSecurityBrokenByServer holds what a server may do wrong where one end has to prove itself to the other: what the device
// answers, and what has been done to ./A/x. What it does with servers that do it right is in TestClientCredentials and
// TestServerCredentials.
func TestSecurityBrokenByServer(t *testing.T) {
	const again = "again" // the first message, behind the Status of the header
	const hello = "Alert 1201\nReplace [./DevInfo/DevId \"device-1\"] [./DevInfo/Man \"Acme\"] [./DevInfo/Mod \"M1\"] [./DevInfo/DmV \"1.3\"] [./DevInfo/Lang \"en-US\"]\nFinal"
	type turn struct {
		set   func(c *clientTalk) // changes the message
		say   string
		want  string // that the device says
		proof string // that it gives, see script.proof
	}
	chal := func(msg, code, meta string) string {
		return strings.Replace(headerStatus(msg, code, "x", ""), `<Meta><Format xmlns="syncml:metinf">b64</Format><Type xmlns="syncml:metinf">x</Type></Meta>`, `<Meta>`+meta+`</Meta>`, 1)
	}
	const md5 = `<Type xmlns="syncml:metinf">syncml:auth-md5</Type>`
	nonce := func(n string) string { return `<NextNonce xmlns="syncml:metinf">` + n + `</NextNonce>` }
	// cred proves the server's message by what make makes of the nonce.
	cred := func(name string, make func(c *clientTalk, right auth.Credential) *syncml.Cred) func(c *clientTalk) {
		return func(c *clientTalk) {
			cr := make(c, auth.Credential{Name: "mgmtsrv", Secret: serverSecret})
			c.header = func(h *syncml.Header) { h.Source.Name, h.Cred = name, cr }
		}
	}
	digest := func(change func(string) string) func(c *clientTalk) {
		return cred("mgmtsrv", func(c *clientTalk, right auth.Credential) *syncml.Cred {
			d, err := right.Digest(c.nonce())
			require.NoError(c.t, err)
			return &syncml.Cred{Meta: syncml.Meta{Format: "b64", Type: syncml.AuthMD5}, Data: change(base64.StdEncoding.EncodeToString(d[:]))}
		})
	}
	basic := func(data string) func(c *clientTalk) {
		return cred("mgmtsrv", func(*clientTalk, auth.Credential) *syncml.Cred {
			return &syncml.Cred{Meta: syncml.Meta{Format: "b64", Type: syncml.AuthBasic}, Data: data}
		})
	}
	hmac := func(format string) func(c *clientTalk) { return func(c *clientTalk) { c.hmac(format, nil) } }
	var old []byte
	const mac = `algorithm=MD5, username="mgmtsrv", mac=%s`
	order := replaceCmd("1", "./A/x", "9") + finalXML
	done := func(n string) string {
		return "Status " + n + "/0 SyncHdr 200\nStatus " + n + "/1 Replace 200 ./A/x\nFinal"
	}
	refused := func(n, code, kind string) string {
		return strings.TrimSpace("Status "+n+"/0 SyncHdr "+code+" "+kind) + "\nStatus " + n + "/1 Replace " + code + "\nFinal"
	}
	// first is a message that proves nothing; wrong is that, one with a proof that is none, and one that is right.
	first := func(kind string) turn { return turn{nil, order, refused("1", "407", kind), ""} }
	wrong := func(kind string, set func(c *clientTalk)) []turn {
		turns := []turn{first(kind), {set, order, refused("2", "401", kind), ""}}
		switch kind {
		case syncml.AuthMD5:
			return append(turns, turn{digest(strings.TrimSpace), order, strings.Replace(done("3"), "200", "212 "+kind, 1), ""})
		case syncml.AuthMAC:
			return append(turns, turn{hmac(mac), order, strings.Replace(done("3"), "200", "200 "+kind, 1), ""})
		}
		return append(turns, turn{basic("bWdtdHNydjpzM3J2ZXItUHc="), order, strings.Replace(done("3"), "200", "212", 1), ""})
	}
	for _, test := range []struct {
		name  string
		sign  *auth.PasswordSigner // the device's
		auth  auth.Authenticator   // what it wants of the server
		turns []turn
		x     string
		err   string // what the session ends with
	}{
		// How it answers what the device proves.
		{"6.1 another scheme after success", signer(auth.MD5, withNonce("n0")), nil, []turn{
			{nil, headerStatus("1", "200", syncml.AuthMD5, "n1") + order, done("1"), "md5 n1"},
			{nil, headerStatus("2", "401", syncml.AuthMAC, "n2") + order, "over", ""}}, "9", "after it has accepted"},
		{"6.1 a weaker scheme", signer(auth.MD5, bruce), nil, []turn{{nil, headerStatus("1", "407", syncml.AuthBasic, "") + order, "over", ""}}, "1", "or better"},
		{"6.4 212 for an HMAC", signer(auth.HMAC, withNonce("n0")), nil, []turn{{nil, headerStatus("1", "212", syncml.AuthMAC, "n1") + order, "over", ""}}, "1", "want status 200"},
		{"6.4 no nonce after an HMAC", signer(auth.HMAC, withNonce("n0")), nil, []turn{{nil, headerStatus("1", "200", "", "") + order, "over", ""}}, "1", "want status 200 and a nonce"},
		{"6.5 a nonce that is no base64", signer(auth.MD5, bruce), nil, []turn{{nil, chal("1", "407", md5+nonce("$$$")) + finalXML, "over", ""}}, "1", "NextNonce"},
		{"6.5 a nonce without measure", signer(auth.MD5, bruce), nil, []turn{
			{nil, chal("1", "407", md5+nonce(strings.Repeat("A", 1000))) + finalXML, "over", ""}}, "1", "NextNonce"},
		{"6.5 no nonce", signer(auth.MD5, bruce), nil, []turn{
			{nil, chal("1", "407", md5) + finalXML, again, "md5 "}, {nil, headerStatus("2", "212", "", "") + order, done("2"), ""}}, "9", ""},
		{"6.5 the nonce of the last challenge", signer(auth.MD5, bruce), nil, []turn{
			{nil, headerStatus("1", "407", syncml.AuthMD5, "n1") + finalXML, again, "md5 n1"},
			{nil, headerStatus("2", "401", syncml.AuthMD5, "n1") + finalXML, "Status 2/0 SyncHdr 200\n" + hello, "md5 n1"},
			{nil, headerStatus("3", "401", syncml.AuthMD5, "n1") + finalXML, "over", ""}}, "1", "attempts"},
		{"6.6 407 without challenge", signer(auth.MD5, bruce), nil, []turn{{nil, headerStatus("1", "407", "", "") + order, "over", ""}}, "1", "407"},
		{"6.6 401 where nothing was proved", signer(auth.MD5, bruce), nil, []turn{
			{nil, headerStatus("1", "401", syncml.AuthMD5, "n1") + finalXML, again, "md5 n1"}, {nil, headerStatus("2", "212", "", "") + order, done("2"), ""}}, "9", ""},
		{"6.6 407 where something was", signer(auth.MD5, withNonce("n0")), nil, []turn{
			{nil, headerStatus("1", "407", syncml.AuthMD5, "n1") + finalXML, again, "md5 n1"}, {nil, headerStatus("2", "212", "", "") + order, done("2"), ""}}, "9", ""},
		{"6.6 commands with the challenge", signer(auth.MD5, bruce), nil, []turn{
			{nil, headerStatus("1", "407", syncml.AuthMD5, "n1") + order, strings.Replace(done("1"), "Status 1/1", strings.TrimSuffix(hello, "Final")+"Status 1/1", 1), "md5 n1"},
			{nil, headerStatus("2", "212", "", "") + finalXML, "over", ""}}, "9", ""},
		{"6.6 a challenge of nothing known", signer(auth.MD5, bruce), nil, []turn{{nil, headerStatus("1", "407", "syncml:auth-X509", "") + finalXML, "over", ""}}, "1", "demands"},
		{"6.6 a challenge of nothing", signer(auth.MD5, bruce), nil, []turn{{nil, chal("1", "407", nonce("AAAA")) + finalXML, "over", ""}}, "1", "demands"},
		{"6.6 a command refused, and not the message", signer(auth.MD5, withNonce("n0")), nil, []turn{
			{nil, headerStatus("1", "212", "", "") +
				strings.NewReplacer("<CmdRef>0<", "<CmdRef>2<", "<Cmd>SyncHdr<", "<Cmd>Replace<").Replace(headerStatus("1", "401", syncml.AuthMD5, "n1")) + order, done("1"), ""}}, "9", ""},
		{"6.7 212 where nothing was proved", signer(auth.MD5, bruce), nil, []turn{{nil, headerStatus("1", "212", "", "") + order, done("1"), ""}}, "9", ""},
		{"6.7 credentials after 212", signer(auth.MD5, withNonce("n0")), nil, []turn{
			{nil, headerStatus("1", "212", "", "") + order, done("1"), ""},
			{nil, headerStatus("2", "401", syncml.AuthMD5, "n1") + finalXML, strings.Replace(done("1"), "Status 1/0", "Status 2/0", 1), "md5 n1"},
		}, "9", ""},
		{"6.8 a challenge without Format", signer(auth.MD5, bruce), nil, []turn{
			{nil, chal("1", "407", md5+nonce("bjE=")) + finalXML, again, "md5 n1"}, {nil, headerStatus("2", "212", "", "") + order, done("2"), ""}}, "9", ""},
		{"6.8 a nonce for Basic", signer(auth.Basic, bruce), nil, []turn{
			{nil, headerStatus("1", "200", syncml.AuthBasic, "n1") + order, done("1"), "basic QnJ1Y2UyOk9oQmVoYXZl"}}, "9", ""},

		// What it proves.
		{"6.2 Basic that is no base64", nil, proved(auth.Basic), wrong(syncml.AuthBasic, basic("$$$")), "9", ""},
		{"6.2 Basic without a password", nil, proved(auth.Basic), wrong(syncml.AuthBasic, basic("bWdtdHNydg==")), "9", ""},
		{"6.3 a digest that is no base64", nil, proved(auth.MD5), wrong(syncml.AuthMD5, digest(func(string) string { return "$$$" })), "9", ""},
		{"6.3 a digest cut off", nil, proved(auth.MD5), wrong(syncml.AuthMD5, digest(func(s string) string { return s[:12] })), "9", ""},
		{"6.3 a digest under the nonce's base64", nil, proved(auth.MD5), wrong(syncml.AuthMD5, cred("mgmtsrv", func(c *clientTalk, right auth.Credential) *syncml.Cred {
			d, err := right.Digest([]byte(base64.StdEncoding.EncodeToString(c.nonce())))
			require.NoError(c.t, err)
			return &syncml.Cred{Meta: syncml.Meta{Format: "b64", Type: syncml.AuthMD5}, Data: base64.StdEncoding.EncodeToString(d[:])}
		})), "9", ""},
		{"6.3 a digest under no nonce", nil, proved(auth.MD5), wrong(syncml.AuthMD5, cred("mgmtsrv", func(c *clientTalk, right auth.Credential) *syncml.Cred {
			d, err := right.Digest(nil)
			require.NoError(c.t, err)
			return &syncml.Cred{Meta: syncml.Meta{Format: "b64", Type: syncml.AuthMD5}, Data: base64.StdEncoding.EncodeToString(d[:])}
		})), "9", ""},
		{"6.4 no mac", nil, proved(auth.HMAC), wrong(syncml.AuthMAC, hmac(`username="mgmtsrv", mac%.0s`)), "9", ""},
		{"6.4 no user name", nil, proved(auth.HMAC), wrong(syncml.AuthMAC, hmac(`mac=%s`)), "9", ""},
		{"6.4 a user name that is not the LocName", nil, proved(auth.HMAC), wrong(syncml.AuthMAC, hmac(`username="root", mac=%s`)), "9", ""},
		{"6.4 an algorithm nobody knows", nil, proved(auth.HMAC), wrong(syncml.AuthMAC, hmac(`algorithm=ROT13, username="mgmtsrv", mac=%s`)), "9", ""},
		{"6.4 HMAC and Cred", nil, proved(auth.HMAC), []turn{first(syncml.AuthMAC), {func(c *clientTalk) {
			c.hmac(mac, nil)
			set := c.header
			c.header = func(h *syncml.Header) {
				set(h)
				h.Cred = &syncml.Cred{Meta: syncml.Meta{Format: "b64", Type: syncml.AuthMD5}, Data: "AAAA"}
			}
		}, order, refused("2", "401", ""), ""}, {nil, order, "over", ""}}, "1", "Cred"},
		{"6.4 no HMAC any more", nil, proved(auth.HMAC), []turn{first(syncml.AuthMAC), {hmac(mac), order, strings.Replace(done("2"), "200", "200 "+syncml.AuthMAC, 1), ""},
			{nil, deleteCmd("1", "./A/x") + finalXML, strings.Replace(refused("3", "407", ""), "Replace", "Delete", 1), ""}, {nil, order, "over", ""}}, "9", "no credentials"},
		{"6.5 a nonce used twice", nil, proved(auth.HMAC), []turn{first(syncml.AuthMAC), {func(c *clientTalk) {
			old = c.nonce()
			c.hmac(mac, nil)
		}, order, strings.Replace(done("2"), "200", "200 "+syncml.AuthMAC, 1), ""},
			{func(c *clientTalk) { c.hmacUnder(old, mac, nil) }, deleteCmd("1", "./A/x") + finalXML, strings.Replace(refused("3", "401", syncml.AuthMAC), "Replace", "Delete", 1), ""}}, "9", ""},
		{"6.6 another scheme than demanded", nil, proved(auth.MD5), []turn{first(syncml.AuthMD5), {basic("bWdtdHNydjpzM3J2ZXItUHc="), order, refused("2", "401", ""), ""},
			{digest(strings.TrimSpace), order, "over", ""}}, "1", "want syncml:auth-md5"},
		{"6.6 no credentials, again and again", nil, proved(auth.MD5), []turn{first(syncml.AuthMD5), {nil, order, refused("2", "407", syncml.AuthMD5), ""},
			{nil, order, refused("3", "407", ""), ""}, {nil, order, "over", ""}}, "1", "no credentials"},
	} {
		t.Run(test.name, func(t *testing.T) {
			each(t, func(t *testing.T, e syncml.Encoding) {
				c := &clientTalk{t: t, e: e, tree: deviceTree()}
				c.client = &session.Client{Tree: c.tree, Profile: session.OMA, Auth: test.auth}
				if test.sign != nil {
					c.client.Sign = test.sign
				}
				c.open(nil)
				for i, turn := range test.turns {
					if turn.set != nil {
						turn.set(c)
					}
					c.say(turn.say)
					if turn.want == again {
						turn.want = "Status 1/0 SyncHdr 200\n" + hello
					}
					require.Equal(t, turn.want, strings.TrimSpace(spell(c.got)), "turn %d, %v", i+1, c.err)
					if c.got != nil {
						require.Equal(t, turn.proof, c.proof(bruce, "", "n0", "n1", "n2"), "turn %d", i+1)
					}
				}
				require.Equal(t, test.x, nodeValue(t, c.tree, "./A/x"))
				if test.err == "" {
					require.NoError(t, c.err)
				} else {
					require.ErrorContains(t, c.err, test.err)
				}
			})
		})
	}
}
