package session_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/syncml"
)

// TestRulesBrokenByDevice holds what a device may do wrong in the middle of a session, by the sections of the reference of
// OMA DM: how the message is answered, what becomes of the Get and the Exec that were out, and that the session, or another
// one, can go on. What is no message at all is in TestBadRequests, wrong commands are in TestBadCommands, chunks in
// TestLargeResults, first messages in TestOpeningsBrokenByDevice, and proofs (section 6) in TestProofsBrokenByDevice.
func TestRulesBrokenByDevice(t *testing.T) {
	const (
		hdr     = `<Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd><Data>200</Data></Status>`
		got     = `<Status><CmdID>2</CmdID><MsgRef>1</MsgRef><CmdRef>4</CmdRef><Cmd>Get</Cmd><Data>200</Data></Status>`
		results = `<Results><CmdID>3</CmdID><MsgRef>1</MsgRef><CmdRef>4</CmdRef><Item><Source><LocURI>./A</LocURI></Source><Data>a</Data></Item></Results>`
		ran     = `<Status><CmdID>4</CmdID><MsgRef>1</MsgRef><CmdRef>5</CmdRef><Cmd>Exec</Cmd><Data>200</Data></Status>`
		all     = hdr + got + results + ran
		fine    = "Get 200 a, Exec 200"
		nothing = "Get 0, Exec 0"
		refused = "out" // the commands are still out
		final   = `<Final/>`
		done    = "Final"
		next    = "Alert 1222" // of the server
	)
	replace := strings.Replace
	piece := func(id, meta, data, more string) string {
		return `<Results><CmdID>` + id + `</CmdID><MsgRef>1</MsgRef><CmdRef>4</CmdRef><Item><Source><LocURI>./A</LocURI></Source>` +
			meta + `<Data>` + data + `</Data>` + more + `</Item></Results>`
	}
	size := func(s string) string { return `<Meta><Size xmlns="syncml:metinf">` + s + `</Size></Meta>` }
	const more = `<MoreData/>`
	event := func(code, items string) string {
		return `<Alert><CmdID>9</CmdID><Data>` + code + `</Data>` + items + `</Alert>`
	}
	for _, test := range []struct {
		name   string
		header func(h string) string // of the XML of the SyncHdr
		body   string
		want   string // Statuses but that of the header, "; " between them, and how the message ends
		status int    // of the header; 0: 200
		got    string
	}{
		{"none broken", nil, all + final, done, 0, fine},

		{"1.3 elements in another order", nil, hdr + `<Status><Data>200</Data><Cmd>Get</Cmd><CmdRef>4</CmdRef><MsgRef>1</MsgRef><CmdID>2</CmdID></Status>` +
			results + ran + final, done, 0, fine},
		{"1.3 an element nobody knows", nil, replace(all, "<MsgRef>1</MsgRef>", "<Colour>red</Colour><MsgRef>1</MsgRef>", -1) + final, done, 0, fine},
		{"1.3 a child twice", nil, replace(all, "<CmdRef>4</CmdRef><Cmd>", "<CmdRef>4</CmdRef><CmdRef>9</CmdRef><Cmd>", 1) + final, done, 0, "Get 0, Exec 200"},
		{"1.3 children of data synchronisation", nil, replace(all, "<Source><LocURI>./A</LocURI></Source>",
			"<Target><LocURI>./Z</LocURI><Filter/></Target><Source><LocURI>./A</LocURI></Source><SourceParent><LocURI>./Y</LocURI></SourceParent>", 1) + final, done, 0, fine},
		{"1.3 Cred in a Status", nil, replace(all, "<Cmd>Exec</Cmd>", "<Cmd>Exec</Cmd><Cred><Data>x</Data></Cred>", 1) + final, done, 0, fine},
		{"1.4 NoResp in a command", nil, all + replace(event("1222", ""), "<Data>", "<NoResp/><Data>", 1) + final, "Alert 200; Final", 0, fine},
		{"1.4 NoResp in the header", func(h string) string { return h + "<NoResp/>" }, all + event("1222", "") + final, "Alert 200; Final", 0, fine},
		{"1.4 Cred in a command", nil, all + replace(event("1222", ""), "<Data>", "<Cred><Data>x</Data></Cred><Data>", 1) + final, "Alert 200; Final", 0, fine},
		{"1.4 no versions", func(h string) string {
			return replace(h, "<VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>", "", 1)
		}, all + final, done, 0, fine},
		{"1.4 another server's address", func(h string) string { return replace(h, "dm.example", "mdm.example", 1) }, all + final, done, 0, fine},
		{"1.4 MsgID that is no number", func(h string) string { return replace(h, "<MsgID>2<", "<MsgID>two<", 1) }, all + final, done, 400, refused},
		{"1.4 MsgID 0", func(h string) string { return replace(h, "<MsgID>2<", "<MsgID>0<", 1) }, all + final, done, 400, refused},
		{"1.4 MsgID below 0", func(h string) string { return replace(h, "<MsgID>2<", "<MsgID>-2<", 1) }, all + final, done, 400, refused},
		{"1.4 MsgID without measure", func(h string) string { return replace(h, "<MsgID>2<", "<MsgID>99999999999999999999<", 1) }, all + final, done, 400, refused},
		{"1.4 another SessionID", func(h string) string { return replace(h, "<SessionID>1<", "<SessionID>2<", 1) }, all + final, done, 400, refused},
		{"1.4 another device", func(h string) string { return replace(h, "device-1", "device-9", 1) }, all + final, done, 400, refused},
		{"1.4 a Status without a code", nil, hdr + replace(got, "<Data>200</Data>", "", 1) + ran + final, done, 0, "Get 0, Exec 200"},
		{"1.4 a Status without MsgRef", nil, replace(all, "<MsgRef>1</MsgRef><CmdRef>5", "<CmdRef>5", 1) + final, done, 0, "Get 200 a, Exec 0 fails"},
		{"1.4 a Status without CmdRef", nil, replace(all, "<CmdRef>5</CmdRef>", "", 1) + final, done, 0, "Get 200 a, Exec 0 fails"},
		{"1.4 a Status without Cmd", nil, replace(all, "<Cmd>Exec</Cmd>", "", 1) + final, done, 0, fine},
		{"1.4 a Status without CmdID", nil, replace(all, "<CmdID>4</CmdID>", "", 1) + final, done, 0, fine},
		{"1.4 a Status of CmdID 0", nil, replace(all, "<CmdID>4</CmdID>", "<CmdID>0</CmdID>", 1) + final, done, 0, fine},
		{"1.4 Results without CmdRef", nil, replace(all, "<CmdRef>4</CmdRef><Item>", "<Item>", 1) + final, done, 0, "Get 200 no value, Exec 200"},
		{"1.4 Results without CmdID", nil, replace(all, "<CmdID>3</CmdID>", "", 1) + final, "Results 400; Final", 0, "Get 200 no value, Exec 200"},
		{"1.4 Results without Data", nil, replace(all, "<Data>a</Data>", "", 1) + final, done, 0, "Get 200 , Exec 200"},
		{"1.4 markup that is not escaped", nil, replace(all, "<Data>a</Data>", "<Data><b>c</b></Data>", 1) + final, done, 0, "Get 200 <b>c</b>, Exec 200"},
		{"1.4 RespURI that is no address", func(h string) string { return h + "<RespURI>over there</RespURI>" }, all + final, done, 0, fine},
		{"1.4 a correlator that nobody gave", nil, all + replace(event("1226", `<Item><Meta><Type xmlns="syncml:metinf">com.example.x</Type></Meta><Data>1</Data></Item>`), "</Data><Item>", "</Data><Correlator>c</Correlator><Item>", 1) + final,
			"Alert 200; Final", 0, fine},
		{"1.4 Results without an item", nil, hdr + got + `<Results><CmdID>3</CmdID><MsgRef>1</MsgRef><CmdRef>4</CmdRef></Results>` + ran + final, done, 0, "Get 200 no value, Exec 200"},
		{"1.4 Results that name no node", nil, replace(all, "<Source><LocURI>./A</LocURI></Source>", "", 1) + final, done, 0, fine},
		{"1.4 Results without MsgRef", nil, replace(all, "<CmdID>3</CmdID><MsgRef>1</MsgRef>", "<CmdID>3</CmdID>", 1) + final, done, 0, fine},

		{"1.5 MaxMsgSize in which nothing fits", func(h string) string {
			return h + `<Meta><MaxMsgSize xmlns="syncml:metinf">1</MaxMsgSize></Meta>`
		}, all + final, done, 0, fine},
		{"1.5 MaxMsgSize that is no size", func(h string) string {
			return h + `<Meta><MaxMsgSize xmlns="syncml:metinf">large</MaxMsgSize><MaxObjSize xmlns="syncml:metinf">-7</MaxObjSize></Meta>`
		}, all + final, done, 0, fine},
		{"1.5 a value of an unknown format", nil, replace(all, "<Data>a</Data>", `<Meta><Format xmlns="syncml:metinf">blob</Format></Meta><Data>a</Data>`, 1) + final,
			done, 0, "Get 200 value of wrong format, Exec 200"},
		{"1.5 a value that is not of its format", nil, replace(all, "<Data>a</Data>", `<Meta><Format xmlns="syncml:metinf">int</Format></Meta><Data>a</Data>`, 1) + final,
			done, 0, "Get 200 value of wrong format, Exec 200"},

		{"1.5 unknown children of Meta", nil, replace(all, "<Data>a</Data>", `<Meta><EMI xmlns="syncml:metinf">e</EMI><Colour xmlns="syncml:metinf">red</Colour></Meta><Data>a</Data>`, 1) + final, done, 0, fine},
		{"1.5 MaxObjSize beyond all measure", func(h string) string {
			return h + `<Meta><MaxObjSize xmlns="syncml:metinf">99999999999999999999</MaxObjSize></Meta>`
		}, all + final, done, 0, fine},
		{"1.6 a CmdID without end", nil, all + replace(event("1222", ""), "<CmdID>9<", "<CmdID>"+strings.Repeat("9", 5000)+"<", 1) + final, "Alert 200; Final", 0, fine},
		{"1.6 a node without end", nil, replace(all, "./A<", "./"+strings.Repeat("A", 100_000)+"<", 1) + final, done, 0, fine},
		{"1.7 base64 that is none", nil, replace(all, "<Data>a</Data>", `<Meta><Format xmlns="syncml:metinf">b64</Format></Meta><Data>%%%</Data>`, 1) + final,
			done, 0, "Get 200 value of wrong format, Exec 200"},
		{"1.7 blanks around what is no value", nil, replace(replace(all, "<CmdRef>5<", "<CmdRef> 5 <", 1), "<Data>200<", "<Data> 200\n<", -1) + final, done, 0, fine},
		{"1.8 a command of a server", nil, all + `<Get><CmdID>9</CmdID><Item><Target><LocURI>./A</LocURI></Target></Item></Get>` + final, "Get 405; Final", 0, fine},
		{"2.1 an unknown code of success", nil, replace(all, "<Cmd>Exec</Cmd><Data>200", "<Cmd>Exec</Cmd><Data>299", 1) + final, done, 0, "Get 200 a, Exec 299"},
		{"2.1 an unknown code of failure", nil, replace(all, "<Cmd>Exec</Cmd><Data>200", "<Cmd>Exec</Cmd><Data>799", 1) + final, done, 0, "Get 200 a, Exec 799 fails"},
		{"2.1 a code that is none", nil, replace(all, "<Cmd>Exec</Cmd><Data>200", "<Cmd>Exec</Cmd><Data>fine", 1) + final, done, 0, "Get 200 a, Exec 0 fails"},
		{"2.1 a code below 0", nil, replace(all, "<Cmd>Exec</Cmd><Data>200", "<Cmd>Exec</Cmd><Data>-200", 1) + final, done, 0, "Get 200 a, Exec 0 fails"},
		{"2.1 nothing but work in progress", nil, replace(all, "<Cmd>Exec</Cmd><Data>200", "<Cmd>Exec</Cmd><Data>101", 1) + final, done, 0, "Get 200 a, Exec 101 fails"},

		{"2.1 work in progress, and then its end", nil, hdr + got + results + replace(ran, "200", "101", 1) + replace(ran, "<CmdID>4<", "<CmdID>5<", 1) + final, done, 0, fine},
		{"2.1 a redirection", nil, replace(all, "<Cmd>Exec</Cmd><Data>200", "<Cmd>Exec</Cmd><Data>302", 1) + final, done, 0, "Get 200 a, Exec 302 fails"},
		{"2.1 a code of data synchronisation", nil, replace(all, "<Cmd>Exec</Cmd><Data>200", "<Cmd>Exec</Cmd><Data>208", 1) + final, done, 0, "Get 200 a, Exec 208"},
		{"2.2 a code of another command", nil, replace(all, "<Cmd>Exec</Cmd><Data>200", "<Cmd>Exec</Cmd><Data>418", 1) + final, done, 0, "Get 200 a, Exec 418 fails"},
		{"2.2 a chunk accepted that was none", nil, replace(all, "<Cmd>Exec</Cmd><Data>200", "<Cmd>Exec</Cmd><Data>213", 1) + final, done, 0, "Get 200 a, Exec 213 fails"},

		{"3.1 an alert for the start of a session", nil, all + event("1201", "") + final, "Alert 200; Final", 0, fine},
		{"3.1 a reserved alert", nil, all + event("1230", "") + final, "Alert 406; Final", 0, fine},
		{"3.1 a request with items", nil, all + event("1222", "<Item><Data>please</Data></Item>") + final, "Alert 200; Final", 0, fine},
		{"3.1 no end of data, of nothing", nil, all + event("1225", "<Item><Target><LocURI>./A</LocURI></Target></Item>") + final, "Alert 200; Final", 0, fine},
		{"3.1 the device asks twice", nil, all + event("1222", "") + replace(event("1222", ""), "<CmdID>9<", "<CmdID>10<", 1) + final, "Alert 200; Alert 200; Final", 0, fine},
		{"3.2 a question to the user", nil, all + event("1101", "<Item/><Item><Data>Sure?</Data></Item>") + final, "Alert 406; Final", 0, fine},
		{"3.6 an event of no type", nil, all + event("1224", "<Item><Data>x</Data></Item>") + final, "Alert 412; Final", 0, fine},
		{"3.6 an event without items", nil, all + event("1224", "") + final, "Alert 412; Final", 0, fine},
		{"3.6 an event of no format", nil, all + event("1224", `<Item><Meta><Type xmlns="syncml:metinf">com.example.x</Type></Meta><Data>1</Data></Item>`) + final, "Alert 200; Final", 0, fine},
		{"3.6 an event without data", nil, all + event("1224", `<Item><Meta><Type xmlns="syncml:metinf">com.example.x</Type></Meta></Item>`) + final, "Alert 200; Final", 0, fine},
		{"3.7 a prefix without a type", nil, all + event("1226", `<Item><Meta><Type xmlns="syncml:metinf">Content-Type: </Type></Meta><Data>1</Data></Item>`) + final, "Alert 412; Final", 0, fine},
		{"3.7 an unknown mark", nil, all + event("1226", `<Item><Meta><Type xmlns="syncml:metinf">com.example.x</Type><Mark xmlns="syncml:metinf">loud</Mark></Meta><Data>1</Data></Item>`) + final, "Alert 200; Final", 0, fine},
		{"3.7 a value that is not of its format", nil, all + event("1226", `<Item><Meta><Format xmlns="syncml:metinf">int</Format><Type xmlns="syncml:metinf">com.example.x</Type></Meta><Data>one</Data></Item>`) + final, "Alert 200; Final", 0, fine},
		{"3.7 a generic alert without item", nil, all + event("1226", "") + final, "Alert 412; Final", 0, fine},
		{"3.7 a type without prefix", nil, all + event("1226", `<Item><Meta><Type xmlns="syncml:metinf">com.example.x</Type></Meta><Data>1</Data></Item>`) + final, "Alert 200; Final", 0, fine},

		{"4.1 the first message once more", nil, all + event("1201", "") + `<Replace><CmdID>10</CmdID><Item><Source><LocURI>./DevInfo/Man</LocURI></Source><Data>Other</Data></Item></Replace>` + final,
			"Alert 200; Replace 200; Final", 0, fine},
		{"4.3 a package without Status", nil, hdr + final, done, 0, nothing},
		{"4.4 Final in front", nil, final + all, done, 0, fine},
		{"4.4 Final twice", nil, final + all + final, done, 0, fine},
		{"4.4 no Final", nil, all, next, 0, "Get out, Exec 200"}, // more Results may come for the Get
		{"4.4 a message of nothing", nil, "", next, 0, refused},
		{"4.5 the next message asked for, and Final", nil, all + event("1222", "") + final, "Alert 200; Final", 0, fine},
		{"4.6 no Status for the header", nil, got + results + ran + final, done, 0, fine},
		{"4.6 the Status of the header at the end", nil, got + results + ran + hdr + final, done, 0, fine},
		{"4.6 a Status of a command 0", nil, all + `<Status><CmdID>8</CmdID><MsgRef>1</MsgRef><CmdRef>0</CmdRef><Cmd>Add</Cmd><Data>407</Data></Status>` + final, done, 0, fine},
		{"4.6 a Status for a header that never was", nil, hdr + got + results + ran + `<Status><CmdID>8</CmdID><MsgRef>9</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd><Data>407</Data></Status>` + final, done, 0, fine},
		{"4.6 the header refused for its contents", nil, replace(all, "SyncHdr</Cmd><Data>200", "SyncHdr</Cmd><Data>400", 1) + final, done, 0, fine},
		{"4.6 a Status that names another node", nil, replace(all, "<Cmd>Exec</Cmd>", "<Cmd>Exec</Cmd><TargetRef>./Z</TargetRef>", 1) + final, done, 0, fine},
		{"4.6 a Status for a Status", nil, all + `<Status><CmdID>8</CmdID><MsgRef>1</MsgRef><CmdRef>1</CmdRef><Cmd>Status</Cmd><Data>200</Data></Status>` + final, done, 0, fine},
		{"4.6 a Status twice", nil, all + replace(replace(ran, "200", "500", 1), "<CmdID>4<", "<CmdID>5<", 1) + final, done, 0, fine},
		{"4.6 a Status that calls the command another", nil, replace(all, "<Cmd>Exec</Cmd>", "<Cmd>Delete</Cmd>", 1) + final, done, 0, fine},
		{"4.6 Results before the Status", nil, hdr + results + got + ran + final, done, 0, fine},
		{"4.6 Results twice", nil, all + replace(results, "<CmdID>3<", "<CmdID>6<", 1) + final, done, 0, "Get 200 2 values, Exec 200"},
		{"4.6 Results of what is no Get", nil, all + replace(replace(results, "<CmdID>3<", "<CmdID>6<", 1), "<CmdRef>4<", "<CmdRef>5<", 1) + final, done, 0, fine},
		{"4.6 Results of another node", nil, replace(all, "./A<", "./Z<", 1) + final, done, 0, fine},
		{"4.6 Results of a Get that failed", nil, replace(all, "<Cmd>Get</Cmd><Data>200", "<Cmd>Get</Cmd><Data>404", 1) + final, done, 0, "Get 404 fails, Exec 200"},
		{"4.8 an abort without Final", nil, all + event("1223", ""), "Alert 200; Final", 0, fine},

		{"4.8 an abort that goes on", nil, hdr + event("1223", "") + got + results + ran + final, "Alert 200; Final", 0, fine},

		{"5.2 two pieces in one message", nil, hdr + got + piece("3", size("2"), "a", more) + piece("5", "", "b", "") + ran + final, "Results 213; Final", 0, "Get 200 ab, Exec 200"},
		{"5.2 another Size behind the first piece", nil, hdr + got + piece("3", size("2"), "a", more) + piece("5", size("3"), "b", "") + ran + final,
			"Results 213; Results 424; Final", 0, "Get 200 no value, Exec 200"},
		{"5.2 Size that is no size", nil, hdr + got + piece("3", size("some"), "a", more) + ran + final, "Results 411; Final", 0, "Get 200 no value, Exec 200"},
		{"5.2 Size below 0", nil, hdr + got + piece("3", size("-2"), "a", more) + ran + final, "Results 411; Final", 0, "Get 200 no value, Exec 200"},
		{"5.2 the same Size in each piece", nil, hdr + got + piece("3", size("2"), "a", more) + piece("5", size("2"), "b", "") + ran + final, "Results 213; Final", 0, "Get 200 ab, Exec 200"},
		{"5.2 pieces of nothing", nil, hdr + got + piece("3", size("2"), "", more) + piece("5", "", "", more) + piece("6", "", "ab", "") + ran + final, "Results 213; Results 213; Final", 0, "Get 200 ab, Exec 200"},
		{"5.2 another format behind the first piece", nil, hdr + got + piece("3", size("2"), "1", more) + piece("5", `<Meta><Format xmlns="syncml:metinf">int</Format></Meta>`, "2", "") + ran + final, "Results 213; Final", 0, "Get 200 12, Exec 200"},
		{"5.2 an event between two pieces", nil, hdr + got + piece("3", size("2"), "a", more) + event("1224", `<Item><Meta><Type xmlns="syncml:metinf">com.example.x</Type></Meta><Data>1</Data></Item>`) + piece("5", "", "b", "") + ran + final, "Results 213; Alert 200; Results 424; 1225 ./A; Final", 0, "Get 200 no value, Exec 200"},
		{"5.2 a piece of another node", nil, hdr + got + piece("3", size("2"), "a", more) + replace(piece("5", "", "b", ""), "./A", "./Z", 1) + ran + final, "Results 213; 1225 ./A; Final", 0, "Get 200 b, Exec 200"},
		{"5.2 pieces without MsgRef", nil, hdr + got + replace(piece("3", size("2"), "a", more)+piece("5", "", "b", ""), "<MsgRef>1</MsgRef>", "", -1) + ran + final, "Results 213; Final", 0, "Get 200 ab, Exec 200"},
		{"5.3 Size of the octets, not of their base64", nil, hdr + got + piece("3", `<Meta><Format xmlns="syncml:metinf">b64</Format><Size xmlns="syncml:metinf">4</Size></Meta>`, "AAE", more) + piece("5", `<Meta><Format xmlns="syncml:metinf">b64</Format></Meta>`, "CAw==", "") + ran + final,
			"Results 213; Results 424; Final", 0, "Get 200 no value, Exec 200"},
		{"5.2 MoreData and Final", nil, hdr + got + piece("3", size("2"), "a", more) + ran + final, "Results 213; 1225 ./A; Final", 0, "Get 200 no value, Exec 200"},
		{"5.3 Size of what is whole", nil, hdr + got + piece("3", size("77"), "a", "") + ran + final, done, 0, fine},
		{"5.5 a piece of Results that nobody asked for", nil, all + replace(replace(piece("7", size("2"), "a", more), "<CmdRef>4<", "<CmdRef>9<", 1), "./A", "./Z", 1) + final, "Results 213; 1225 ./Z; Final", 0, fine},
		{"5.5 an object over the limit, and its rest", nil, hdr + got + piece("3", size("99999999"), "a", more) + piece("5", "", "b", more) + piece("6", "", "c", "") + ran + final,
			"Results 413; Results 424; Results 424; Final", 0, "Get 413 fails, Exec 200"},
		{"5.5 an object without Size, and its rest", nil, hdr + got + piece("3", "", "a", more) + piece("5", "", "b", "") + ran + final,
			"Results 411; Results 424; Final", 0, "Get 200 no value, Exec 200"},
		{"5.5 more than was announced, and its rest", nil, hdr + got + piece("3", size("2"), "a", more) + piece("5", "", "bcd", more) + piece("6", "", "e", "") + ran + final,
			"Results 213; Results 424; Results 424; Final", 0, "Get 200 no value, Exec 200"},
		{"5.5 who the device is, in pieces", nil, all + `<Replace><CmdID>10</CmdID><Item><Source><LocURI>./DevInfo/Man</LocURI></Source><Data>Oth</Data><MoreData/></Item></Replace>` + final,
			"Replace 406; Final", 0, fine},
	} {
		t.Run(test.name, func(t *testing.T) {
			each(t, func(t *testing.T, enc syncml.Encoding) {
				var heard []session.Result
				s := newServer(t, asks(&heard, func(w *session.Writer) {
					if len(heard) == 0 {
						w.Get("./A")
						w.Exec("./B", dmtree.Null)
					}
				}))
				d := sessiontest.NewDevice(t, s)
				d.Encoding = enc
				d.Open()
				h := `<VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>1</SessionID><MsgID>2</MsgID>` +
					`<Target><LocURI>https://dm.example/dm</LocURI></Target><Source><LocURI>device-1</LocURI></Source>`
				if test.header != nil {
					h = test.header(h)
				}
				body := encoded(t, enc, h, test.body)
				require.Equal(t, 200, d.Post(enc.ContentType(), body).StatusCode, "%s", d.Body())
				m, err := syncml.Unmarshal(d.Body(), &syncml.DecoderOptions{Strict: true})
				require.NoError(t, err)
				status, want := sessiontest.StatusOf(m, "0"), max(test.status, 200)
				require.EqualValues(t, want, status)
				if test.status == 0 {
					require.Equal(t, test.want, spellAnswer(m))
				}
				require.Equal(t, test.got, spellResults(heard))

				d.MsgID = 1
				if test.status != 0 { // as if it had not come
					d.SessionID = "1"
					m = d.Send()
					require.EqualValues(t, 200, sessiontest.StatusOf(m, "0"))
				}
				require.EqualValues(t, 200, sessiontest.StatusOf(d.Open(), "0"))
			})
		})
	}
}

// encoded returns a message of the given header and body, which are XML, in an encoding.
func encoded(t *testing.T, enc syncml.Encoding, header, body string) []byte {
	b := []byte(`<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr>` + header + `</SyncHdr><SyncBody>` + body + `</SyncBody></SyncML>`)
	if enc == syncml.XML {
		return b
	}
	m, err := syncml.Unmarshal(b, &syncml.DecoderOptions{KeepUnknown: true})
	require.NoError(t, err)
	b, err = syncml.Append(nil, m, &syncml.EncoderOptions{Encoding: enc, AsIs: true})
	require.NoError(t, err)
	return b
}

// TestOpeningsBrokenByDevice is the same for the first message of a session.
func TestOpeningsBrokenByDevice(t *testing.T) {
	const (
		alert   = `<Alert><CmdID>1</CmdID><Data>1201</Data></Alert>`
		devInfo = `<Replace><CmdID>2</CmdID><Item><Source><LocURI>./DevInfo/Man</LocURI></Source><Data>Contoso</Data></Item></Replace>`
		generic = `<Alert><CmdID>3</CmdID><Data>1226</Data><Item><Meta><Type xmlns="syncml:metinf">com.example.x</Type></Meta><Data>1</Data></Item></Alert>`
		final   = `<Final/>`
	)
	for _, test := range []struct {
		name   string
		header [2]string // what stands in the SyncHdr, and what comes in its place
		body   string
		want   string
		begins bool // the server goes on with its Get
		status int  // of the header; 0: 200
	}{
		{"none broken", [2]string{}, alert + devInfo + final, "Alert 200; Replace 200; Final", true, 0},
		{"1.4 a SessionID of ten bytes", [2]string{"<SessionID>1<", "<SessionID>1234567890<"}, alert + devInfo + final, "Alert 200; Replace 200; Final", true, 0},
		{"1.4 it is the second", [2]string{"<MsgID>1<", "<MsgID>2<"}, alert + devInfo + final, "Alert 200; Replace 200; Final", true, 0}, // the first may have been refused
		{"1.4 it is the ninth", [2]string{"<MsgID>1<", "<MsgID>9<"}, alert + devInfo + final, "Final", false, 400},
		{"1.4 it has number 0", [2]string{"<MsgID>1<", "<MsgID>0<"}, alert + devInfo + final, "Final", false, 400},
		{"3.7 a generic alert in front", [2]string{}, generic + alert + devInfo + final, "Alert 200; Alert 200; Replace 200; Final", true, 0},
		{"4.1 no alert", [2]string{}, devInfo + final, "Replace 200; Final", true, 0},
		{"4.1 both alerts", [2]string{}, alert + devInfo + strings.NewReplacer("1201", "1200", ">1<", ">3<").Replace(alert) + final, "Alert 200; Replace 200; Alert 200; Final", true, 0},
		{"4.1 no DevInfo", [2]string{}, alert + final, "Alert 200; Final", true, 0},
		{"4.1 DevInfo by Target", [2]string{}, alert + strings.ReplaceAll(devInfo, "Source>", "Target>") + final, "Alert 200; Replace 405; Final", true, 0},
		{"4.1 nothing", [2]string{}, final, "Final", true, 0},
		{"4.4 no Final", [2]string{}, alert + devInfo, "Alert 200; Replace 200; Alert 1222", false, 0},
		{"4.6 a Status of a command", [2]string{}, alert + devInfo + `<Status><CmdID>3</CmdID><MsgRef>1</MsgRef><CmdRef>1</CmdRef><Cmd>Get</Cmd><Data>200</Data></Status>` + final,
			"Alert 200; Replace 200; Final", true, 0},
		{"4.6 a Status of a header", [2]string{}, alert + devInfo + `<Status><CmdID>3</CmdID><MsgRef>1</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd><Data>401</Data></Status>` + final,
			"Alert 200; Replace 200; Final", true, 0},
		{"4.8 an abort", [2]string{}, alert + devInfo + strings.NewReplacer("1201", "1223", ">1<", ">3<").Replace(alert) + final, "Alert 200; Replace 200; Alert 200; Final", false, 0},
		{"5.2 the end of an object", [2]string{}, alert + devInfo + `<Results><CmdID>3</CmdID><MsgRef>1</MsgRef><CmdRef>4</CmdRef><Item><Source><LocURI>./A</LocURI></Source><Data>a</Data></Item></Results>` + final,
			"Alert 200; Replace 200; Final", true, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			each(t, func(t *testing.T, enc syncml.Encoding) {
				var heard []session.Result
				d := sessiontest.NewDevice(t, newServer(t, asks(&heard, func(w *session.Writer) { w.Get("./A") })))
				d.Encoding = enc
				h := `<VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>1</SessionID><MsgID>1</MsgID>` +
					`<Target><LocURI>https://dm.example/dm</LocURI></Target><Source><LocURI>device-1</LocURI></Source>`
				h = strings.Replace(h, test.header[0], test.header[1], 1)
				require.Equal(t, 200, d.Post(enc.ContentType(), encoded(t, enc, h, test.body)).StatusCode, "%s", d.Body())
				m, err := syncml.Unmarshal(d.Body(), nil)
				require.NoError(t, err)
				require.EqualValues(t, max(test.status, 200), sessiontest.StatusOf(m, "0"))
				require.Equal(t, test.want, spellAnswer(m))
				require.Equal(t, test.begins, slices.Contains(sent(m), "Get ./A"))
				require.Empty(t, heard)
				require.Contains(t, sent(d.Open()), "Get ./A")
			})
		})
	}
}

// spellAnswer writes down what a message answers, but for its header, and what it says itself.
func spellAnswer(m *syncml.Message) string {
	var l []string
	for _, c := range m.Commands {
		switch c := c.(type) {
		case *syncml.Status:
			if c.CmdRef != "0" {
				l = append(l, c.Cmd+" "+fmt.Sprint(int(c.Code)))
			}
		case *syncml.Alert:
			if c.Code == syncml.AlertNoEndOfData {
				l = append(l, "1225 "+c.Items[0].Source.URI)
			} else {
				l = append(l, fmt.Sprintf("Alert %d", int(c.Code)))
			}
		}
	}
	if m.Final {
		l = append(l, "Final")
	}
	return strings.Join(l, "; ")
}

// spellResults writes down what a Handler has heard of the Get and the Exec.
func spellResults(heard []session.Result) string {
	if len(heard) == 0 {
		return "out"
	}
	l := make([]string, 2)
	l[0], l[1] = "Get out", "Exec out"
	for i := range heard {
		r := &heard[i]
		s := fmt.Sprintf("%s %d", r.Command, int(r.Status))
		n := 0
		for range r.Values() {
			n++
		}
		v, err := r.Value()
		switch {
		case r.Err() != nil && r.Status != 0 || r.Err() != nil && r.Command == "Exec" && len(heard) > 1 && heard[0].Status != 0:
			s += " fails"
		case r.Command != "Get" || r.Status == 0:
		case err == nil:
			s += " " + v.Text()
		case n == 0:
			s += " no value"
		case n > 1:
			s += fmt.Sprintf(" %d values", n)
		default:
			s += " value of wrong format"
		}
		if r.Command == "Get" {
			l[0] = s
		} else {
			l[1] = s
		}
	}
	return strings.Join(l, ", ")
}
