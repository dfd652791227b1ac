package session_test

import (
	"bytes"
	"errors"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/syncml"
)

// FuzzDeviceMessage gives a server in the middle of a session whatever a device may send. Whatever it is, the answer is
// an HTTP error, or a message that can be read, begins with the Status of the SyncHdr and answers commands that were sent,
// within what the device takes. The same octets get the same answer, and others are served as before.
func FuzzDeviceMessage(f *testing.F) {
	second := func(body string) []byte {
		return bytes.Replace([]byte(message(body)), []byte("<MsgID>1<"), []byte("<MsgID>2<"), 1)
	}
	seeds := [][]byte{
		[]byte(message(`<Alert><CmdID>1</CmdID><Data>1201</Data></Alert>`)),
		second(`<Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd><Data>200</Data></Status>` +
			`<Status><CmdID>2</CmdID><MsgRef>1</MsgRef><CmdRef>4</CmdRef><Cmd>Get</Cmd><Data>200</Data></Status>` +
			`<Results><CmdID>3</CmdID><MsgRef>1</MsgRef><CmdRef>4</CmdRef><Item><Source><LocURI>./A</LocURI></Source><Data>1</Data></Item></Results>`),
		second(`<Results><CmdID>3</CmdID><MsgRef>1</MsgRef><CmdRef>4</CmdRef><Item><Meta><Size xmlns="syncml:metinf">9</Size></Meta><Data>1</Data><MoreData/></Item></Results>`),
		second(`<Status><CmdID>2</CmdID><MsgRef>1</MsgRef><CmdRef>5</CmdRef><Cmd>Atomic</Cmd><Data>507</Data></Status>` +
			`<Status><CmdID>3</CmdID><MsgRef>1</MsgRef><CmdRef>6</CmdRef><Cmd>Replace</Cmd><Data>404</Data></Status><Alert><CmdID>4</CmdID><Data>1222</Data></Alert>`),
		second(`<Alert><CmdID>1</CmdID><Data>1226</Data><Item><Meta><Type>x</Type><Format>int</Format></Meta><Data>z</Data></Item></Alert><Alert><CmdID>1</CmdID><Data>1223</Data></Alert>`),
	}
	for _, s := range seeds {
		f.Add(s, false)
		if m, err := syncml.Unmarshal(s, nil); err == nil {
			if b, err := syncml.Append(nil, m, &syncml.EncoderOptions{Encoding: syncml.WBXML, AsIs: true}); err == nil {
				f.Add(b, true)
			}
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, wbxml bool) {
		s := &session.Server{ID: "https://dm.example/dm", Auth: sessiontest.Trust{}, Logger: quiet(), Profile: session.OMA}
		s.Handler = session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
			for _, res := range r.Results {
				if _, err := res.Value(); err == nil && res.Err() != nil {
					t.Errorf("%s has a value and fails: %v", res.URI, res.Err())
				}
			}
			if r.First {
				w.Get("./A")
				w.Atomic(func(b *session.Batch) { b.Replace("./B", dmtree.Int(1)) })
				w.Set("./C", dmtree.String(string(bytes.Repeat([]byte("x"), 5000))))
			}
			return nil
		})
		exchange := func(enc syncml.Encoding, body []byte) *session.Reply {
			r, err := s.Exchange(t.Context(), start, &session.Exchange{HTTP: http.Header{"Content-Type": {enc.ContentType()}}, Body: body})
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		if r := exchange(syncml.XML, []byte(message(`<Alert><CmdID>1</CmdID><Data>1201</Data></Alert>`))); r.Status != 200 {
			t.Fatal(r.Status)
		}
		enc := syncml.XML
		if wbxml {
			enc = syncml.WBXML
		}
		r := exchange(enc, body)
		if r.Status != 200 {
			return
		}
		// A session keeps the id that its device gave it, even one of more than four octets.
		sent, err := syncml.Unmarshal(body, &syncml.DecoderOptions{Encoding: enc})
		if err != nil {
			t.Fatalf("accepted what cannot be read: %v", err)
		}
		reply, err := syncml.Unmarshal(r.Body, &syncml.DecoderOptions{Encoding: enc, Strict: len(sent.Header.SessionID) <= 4})
		if err != nil {
			t.Fatalf("%v\n%s", err, r.Body)
		}
		if st, ok := reply.Commands[0].(*syncml.Status); !ok || st.CmdRef != "0" {
			t.Fatalf("no Status of the SyncHdr:\n%s", sessiontest.Outline(reply))
		}
		if limit := sent.Header.Meta.MaxMsgSize; limit > 2048 && int64(len(r.Body)) > limit {
			t.Fatalf("%d bytes, want at most %d", len(r.Body), limit)
		}
		if again := exchange(enc, body); again.Status == 200 && sessiontest.StatusOf(reply, "0") < 300 && !bytes.Equal(again.Body, r.Body) {
			t.Fatalf("answered differently:\n%s\n%s", r.Body, again.Body)
		}
		other := bytes.Replace([]byte(message(`<Alert><CmdID>1</CmdID><Data>1201</Data></Alert>`)), []byte("device-1"), []byte("device-x"), 1)
		if r := exchange(syncml.XML, other); r.Status != 200 {
			t.Fatal("others are not served any more")
		}
	})
}

// FuzzStoredState gives a server records that a store has damaged: an error, or a session, and never a panic or memory
// without end.
func FuzzStoredState(f *testing.F) {
	record := func(body string) *session.Record {
		store := new(session.MemoryStore)
		s := &session.Server{ID: "x", Auth: sessiontest.Trust{}, Store: store, Logger: quiet(), Profile: session.OMA}
		s.Handler = session.Handlers{
			"a": session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
				if len(r.Alerts) > 0 {
					return errors.New("not now")
				}
				w.Get("./A").Label("a")
				w.Sequence(func(b *session.Batch) { b.Copy("./A", "./B"); b.Alert(1101, nil, "Sure?") })
				w.Exec("./C", dmtree.Bytes([]byte{0, 1})).Probe("./D").Correlator("7")
				return nil
			}),
		}
		_, err := s.Exchange(f.Context(), start, &session.Exchange{HTTP: http.Header{"Content-Type": {syncml.TypeXML}}, Body: []byte(message(body))})
		if err != nil {
			f.Fatal(err)
		}
		r, err := store.Load(f.Context(), "device-1", start, 1)
		if err != nil {
			f.Fatal(err)
		}
		return r
	}
	f.Add(record(`<Alert><CmdID>1</CmdID><Data>1201</Data></Alert>`).State)
	f.Add(record(`<Alert><CmdID>1</CmdID><Data>1226</Data><Item><Meta><Type>x</Type></Meta><Data>z</Data></Item></Alert>`).State)
	f.Add(searching(f))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, state []byte) {
		store := new(session.MemoryStore)
		if err := store.Commit(t.Context(), "device-1", 0, &session.Change{State: state, Reply: state}); err != nil {
			t.Fatal(err)
		}
		s := &session.Server{ID: "x", Auth: sessiontest.Trust{}, Handler: idle, Store: store, Logger: quiet()}
		for i := range 2 {
			body := bytes.Replace([]byte(message(`<Alert><CmdID>1</CmdID><Data>1201</Data></Alert>`)), []byte("<MsgID>1<"), []byte("<MsgID>"+strconv.Itoa(i+1)+"<"), 1)
			r, err := s.Exchange(t.Context(), start.Add(time.Minute), &session.Exchange{HTTP: http.Header{"Content-Type": {syncml.TypeXML}}, Body: body})
			// The state may say that this very message has opened a session before.
			late := err == nil && r.Status == http.StatusServiceUnavailable && r.HTTP.Get("Retry-After") != ""
			if err == nil && r.Status != 200 && !late {
				t.Fatalf("HTTP %d", r.Status)
			}
		}
	})
}

// searching returns the state of a device that is asked which command of an Atomic is to blame.
func searching(t testing.TB) []byte {
	store := new(session.MemoryStore)
	s := &session.Server{ID: "x", Auth: sessiontest.Trust{}, Store: store, Logger: quiet()}
	s.Handler = asks(nil, func(w *session.Writer) { four(&w.Batch).FindCulprit() })
	d := sessiontest.NewDevice(t, s)
	m := d.Open()
	d.Send(answerAtomic(d, sessiontest.Commands(m)[0].(*syncml.Atomic), 507, 216, 216, 216, 216)...)
	r, err := store.Load(t.Context(), "device-1", time.Now(), 1)
	if err != nil {
		t.Fatal(err)
	}
	return r.State
}
