package session_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/syncml"
)

// message is a first message of device-1, in XML, with the given body.
func message(body string) string {
	return `<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>1</SessionID>` +
		`<MsgID>1</MsgID><Target><LocURI>https://dm.example/dm</LocURI></Target><Source><LocURI>device-1</LocURI></Source></SyncHdr>` +
		`<SyncBody>` + body + `<Final/></SyncBody></SyncML>`
}

// TestBadRequests holds what is no message: an HTTP error, and nothing else has happened.
func TestBadRequests(t *testing.T) {
	good := message(`<Alert><CmdID>1</CmdID><Data>1201</Data></Alert>`)
	tests := []struct {
		name string
		typ  string
		body string
		want int
	}{
		{"good", syncml.TypeXML, good, 200},
		{"good, with charset", syncml.TypeXML + "; charset=utf-8", good, 200},
		{"another charset, of which nothing is used", syncml.TypeXML + "; charset=iso-8859-1", good, 200},
		{"another charset", syncml.TypeXML + "; charset=iso-8859-1", strings.Replace(good, "device-1", "ger\xe4t", 1), 400},
		{"good, generic type", "application/vnd.syncml+xml", good, 200},
		{"wrong content type", "application/json", good, 415},
		{"no content type", "", good, 415},
		{"XML said to be WBXML", syncml.TypeWBXML, good, 400},
		{"WBXML said to be XML", syncml.TypeXML, "\x03\xa4\x01\x6a\x00", 400},
		{"empty", syncml.TypeXML, "", 400},
		{"malformed XML", syncml.TypeXML, strings.Replace(good, "</Alert>", "", 1), 400},
		{"cut off", syncml.TypeXML, good[:len(good)-20], 400},
		{"other XML", syncml.TypeXML, `<html/>`, 400},
		{"no SessionID", syncml.TypeXML, strings.Replace(good, "<SessionID>1</SessionID>", "", 1), 400},
		{"internal DTD subset", syncml.TypeXML, `<!DOCTYPE SyncML [<!ENTITY a "aaaa">]>` + good, 400},
		{"external entity", syncml.TypeXML, `<!DOCTYPE SyncML [<!ENTITY a SYSTEM "file:///etc/passwd">]>` + strings.Replace(good, "1201", "&a;", 1), 400},
		{"DOCTYPE without internal subset", syncml.TypeXML, `<!DOCTYPE SyncML PUBLIC "-//SYNCML//DTD SyncML 1.2//EN" "x.dtd">` + good, 200},
		{"10,000 elements deep", syncml.TypeXML, message(`<Alert><CmdID>1</CmdID><Data>1226</Data><Item><Data>` +
			strings.Repeat("<a>", 10_000) + strings.Repeat("</a>", 10_000) + `</Data></Item></Alert>`), 400},
		{"Atomics 10,000 deep", syncml.TypeXML, message(strings.Repeat("<Atomic><CmdID>1</CmdID>", 10_000) + strings.Repeat("</Atomic>", 10_000)), 400},
		{"more items than the limit", syncml.TypeXML, message(strings.Repeat("<Alert/>", 20_000)), 413},
		{"body over the limit", syncml.TypeXML, message(`<Alert><CmdID>1</CmdID><Data>` + strings.Repeat(" ", session.DefaultMessage) + `1201</Data></Alert>`), 413},
		{"no Source", syncml.TypeXML, strings.Replace(good, "<LocURI>device-1</LocURI>", "", 1), 400},
		{"endless Source", syncml.TypeXML, strings.Replace(good, "device-1", strings.Repeat("x", 1000), 1), 400},
		{"endless SessionID", syncml.TypeXML, strings.Replace(good, "<SessionID>1<", "<SessionID>"+strings.Repeat("1", 1000)+"<", 1), 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			store := new(session.MemoryStore)
			s := newServer(t, idle)
			s.Store = store
			d := sessiontest.NewDevice(t, s)
			res := d.Post(tt.typ, []byte(tt.body))
			require.Equal(t, tt.want, res.StatusCode, "%.200s", d.Body())
			require.Equal(t, "no-store", res.Header.Get("Cache-Control"))
			require.NotEmpty(t, res.Header.Get("Content-Length"))
			d.ID = "device-2"
			require.EqualValues(t, 200, sessiontest.StatusOf(d.Open(), "0"), "others are served as before")
		})
	}

	t.Run("not POST", func(t *testing.T) {
		rec := httptest.NewRecorder()
		newServer(t, idle).ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/dm", nil))
		require.Equal(t, 405, rec.Code)
		require.Equal(t, "POST", rec.Header().Get("Allow"))
	})
	t.Run("compressed", func(t *testing.T) {
		req := httptest.NewRequest(http.MethodPost, "/dm", strings.NewReader(good))
		req.Header.Set("Content-Type", syncml.TypeXML)
		req.Header.Set("Content-Encoding", "gzip")
		rec := httptest.NewRecorder()
		newServer(t, idle).ServeHTTP(rec, req)
		require.Equal(t, 415, rec.Code)
	})
	t.Run("an announced body over the limit is not read", func(t *testing.T) {
		req := httptest.NewRequest(http.MethodPost, "/dm", unreadable{t})
		req.ContentLength = 1 << 40
		req.Header.Set("Content-Type", syncml.TypeXML)
		rec := httptest.NewRecorder()
		newServer(t, idle).ServeHTTP(rec, req)
		require.Equal(t, 413, rec.Code)
	})
	t.Run("an endless body is read up to the limit", func(t *testing.T) {
		body := &bottomless{}
		req := httptest.NewRequest(http.MethodPost, "/dm", body)
		req.ContentLength = -1
		req.Header.Set("Content-Type", syncml.TypeXML)
		rec := httptest.NewRecorder()
		newServer(t, idle).ServeHTTP(rec, req)
		require.Equal(t, 413, rec.Code)
		require.Less(t, body.n, 2*session.DefaultMessage)
	})
}

type unreadable struct{ t *testing.T }

func (r unreadable) Read([]byte) (int, error) {
	r.t.Error("the body is read")
	return 0, http.ErrBodyReadAfterClose
}

type bottomless struct{ n int }

func (r *bottomless) Read(b []byte) (int, error) {
	r.n += len(b)
	return copy(b, bytes.Repeat([]byte(" "), len(b))), nil
}

// TestBadCommands holds messages that are readable, and wrong in one command: that one is answered, the rest is served,
// and the session goes on.
func TestBadCommands(t *testing.T) {
	tests := []struct {
		name    string
		profile session.Profile
		body    string
		want    string
	}{
		{"no CmdID", session.Windows, `<Alert><Data>1224</Data></Alert>`, `Status 3 1/ Alert 400`},
		{"CmdID 0", session.Windows, `<Alert><CmdID>0</CmdID><Data>1224</Data></Alert>`, `Status 3 1/ Alert 400`},
		{"CmdID twice", session.Windows, `<Alert><CmdID>1</CmdID><Data>1224</Data></Alert>`, `Status 3 1/1 Alert 400`},
		{"CmdIDs that are no numbers", session.Windows, `<Alert><CmdID>a-b</CmdID><Data>1222</Data></Alert><Alert><CmdID>a-b</CmdID><Data>1222</Data></Alert>`, `
			Status 3 1/a-b Alert 200
			Status 4 1/a-b Alert 400`},
		{"unknown command, Windows", session.Windows, `<Frobnicate><CmdID>7</CmdID></Frobnicate>`, `Status 3 1/7 Frobnicate 400`},
		{"unknown command, OMA", session.OMA, `<Frobnicate><CmdID>7</CmdID></Frobnicate>`, `Status 3 1/7 Frobnicate 406`},
		{"command of data synchronisation", session.OMA, `<Put><CmdID>7</CmdID></Put>`, `Status 3 1/7 Put 406`},
		{"alert without a code", session.Windows, `<Alert><CmdID>7</CmdID></Alert>`, `Status 3 1/7 Alert 412`},
		{"alert whose code is no number", session.Windows, `<Alert><CmdID>7</CmdID><Data>soon</Data></Alert>`, `Status 3 1/7 Alert 412`},
		{"Replace without items", session.Windows, `<Replace><CmdID>7</CmdID></Replace>`, `Status 3 1/7 Replace 412`},
		{"LocURI that holds ..", session.Windows, `<Replace><CmdID>7</CmdID><Item><Source><LocURI>./DevInfo/../Secret</LocURI></Source><Data>x</Data></Item></Replace>`, `Status 3 1/7 Replace 400`},
		{"LocURI that starts with /", session.Windows, `<Replace><CmdID>7</CmdID><Item><Source><LocURI>/DevInfo/Man</LocURI></Source><Data>x</Data></Item></Replace>`, `Status 3 1/7 Replace 400`},
		{"DevInfo that is none", session.Windows, `<Replace><CmdID>7</CmdID><Item><Source><LocURI>./DevInformation/Man</LocURI></Source><Data>x</Data></Item></Replace>`, `Status 3 1/7 Replace 405`},
		{"Get inside Atomic, from a client", session.Windows, `<Atomic><CmdID>7</CmdID><Get><CmdID>8</CmdID><Item><Target><LocURI>./A</LocURI></Target></Item></Get></Atomic>`, `
			Status 3 1/7 Atomic 405
			Status 4 1/8 Get 405`},
		{"S21 CmdID 0 inside Sequence", session.Windows, `<Sequence><CmdID>7</CmdID><Add><CmdID>0</CmdID></Add></Sequence>`, `
			Status 3 1/7 Sequence 405
			Status 4 1/ Add 400`},
		{"S21 Atomic inside Sequence", session.Windows, `<Sequence><CmdID>7</CmdID><Atomic><CmdID>8</CmdID><Add><CmdID>9</CmdID></Add></Atomic></Sequence>
			<Alert><CmdID>9</CmdID><Data>1222</Data></Alert>`, `
			Status 3 1/7 Sequence 405
			Status 4 1/8 Atomic 405
			Status 5 1/9 Add 405
			Status 6 1/9 Alert 400`},
		{"Status of nothing at all", session.Windows, `<Status><CmdID>7</CmdID></Status>`, ``},
		{"Results without reference", session.Windows, `<Results><CmdID>7</CmdID><Item><Data>x</Data></Item></Results>`, ``},
		{"numbers out of range", session.Windows, `<Status><CmdID>7</CmdID><MsgRef>99999999999999999999999</MsgRef><CmdRef>-1</CmdRef><Cmd>Get</Cmd><Data>200</Data></Status>`, ``},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t, asks(nil, func(w *session.Writer) { w.Get("./A") }))
			s.Profile = tt.profile
			d := sessiontest.NewDevice(t, s)
			res := d.Post(syncml.TypeXML, []byte(message(`<Alert><CmdID>1</CmdID><Data>1201</Data></Alert>`+tt.body)))
			require.Equal(t, 200, res.StatusCode, "%s", d.Body())
			m, err := syncml.Unmarshal(d.Body(), nil)
			require.NoError(t, err)
			outline := sessiontest.Outline(m)
			outline, _, ok := strings.Cut(outline, "\nGet ")
			require.True(t, ok, "the session goes on")
			require.Equal(t, lines(`
				Status 1 1/0 SyncHdr 200
				Status 2 1/1 Alert 200
				`+tt.want), lines(outline))
			d.SessionID, d.MsgID = "1", 1
			require.EqualValues(t, 200, sessiontest.StatusOf(d.Send(), "0"))
		})
	}
}

func lines(s string) (l []string) {
	for s := range strings.Lines(s) {
		if s = strings.TrimSpace(s); s != "" {
			l = append(l, s)
		}
	}
	return l
}

// TestBadURIs: what a Handler gets wrong never reaches a device.
func TestBadURIs(t *testing.T) {
	for _, u := range []string{"", "/A", "./A/", "./A/../B", "./A//B", "./*", "./A%zz", "./A?x=1"} {
		b := new(session.Batch)
		b.Get("./Good")
		b.Get(dmtree.URI(u)).Label("chained all the same").As(syncml.DataCDATA)
		b.Get("./Good")
		require.Error(t, b.Err(), "%q", u)
		require.Equal(t, 1, b.Len())
	}
}

// TestBatchMistakes: what a command cannot have is said by Err, and not left out in silence.
func TestBatchMistakes(t *testing.T) {
	for _, tt := range []struct {
		name string
		fill func(b *session.Batch)
		want string
	}{
		{"a probe of another command", func(b *session.Batch) { b.Get("./A").Probe("./B") }, "Get ./A: only an Exec has a probe"},
		{"a probe that is no node", func(b *session.Batch) { b.Exec("./A", dmtree.Null).Probe("./B/") }, "probe of Exec ./A: dmtree: ./B/: malformed URI"},
		{"a correlator of another command", func(b *session.Batch) { b.Add("./A", dmtree.Null).Correlator("c") }, "Add ./A: only an Exec has a correlator"},
		{"octets", func(b *session.Batch) { b.Set("./A", dmtree.Bytes([]byte{0})).As(syncml.DataOpaque) }, "Set ./A: as opaque: want text, CDATA or markup"},
		{"in a container", func(b *session.Batch) {
			b.Sequence(func(b *session.Batch) { b.Get("./A").Probe("./B") })
		}, "Get ./A: only an Exec has a probe"},
		{"an empty container", func(b *session.Batch) {
			b.Atomic(func(*session.Batch) { b.Get("./A") })
		}, "Atomic: nothing was added to the Batch that the function is given"},
		{"no alert", func(b *session.Batch) { b.Alert(syncml.AlertGeneric, nil, "x") }, "alert 1226: want one of 1100 to 1104"},
		{"no choices", func(b *session.Batch) { b.Alert(syncml.AlertSingleChoice, nil, "which?") }, "alert 1103: want choices"},
		{"a choice of one", func(b *session.Batch) { b.Alert(syncml.AlertConfirm, nil, "which?", "this") }, "alert 1101: has no choices"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := new(session.Batch)
			tt.fill(b)
			require.ErrorContains(t, b.Err(), tt.want)
			_, err := new(session.Server).Queue().Enqueue(t.Context(), "device-1", b, nil)
			require.ErrorContains(t, err, tt.want)
		})
	}
	b := new(session.Batch)
	b.Exec("./A", dmtree.String("x")).As(syncml.DataMarkup).Correlator("c").Probe("./B").Label("l")
	b.Alert(syncml.AlertMultipleChoice, nil, "which?", "this", "that")
	require.NoError(t, b.Err())
}

// TestNegativeLimits: a size that was meant to be no limit is not one that nothing fits into.
func TestNegativeLimits(t *testing.T) {
	s := newServer(t, nil)
	s.Limits = session.Limits{Message: -1, Object: -1, Depth: -1, Items: -1, Answers: -1}
	require.EqualValues(t, 200, sessiontest.StatusOf(sessiontest.NewDevice(t, s).Open(), "0"))
}
