package session_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/internal/golden"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/syncml"
)

// transcript writes down what passes through a server.
type transcript struct {
	bytes.Buffer
	h http.Handler
	d *sessiontest.Device
	e syncml.Encoding
}

func (l *transcript) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec := httptest.NewRecorder()
	l.h.ServeHTTP(rec, r)
	l.WriteString("client →\n")
	write(&l.Buffer, l.e, l.d.Sent())
	fmt.Fprintf(l, "server → %d\n", rec.Code)
	write(&l.Buffer, l.e, rec.Body.Bytes())
	for name, values := range rec.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(rec.Code)
	w.Write(rec.Body.Bytes())
}

// Whole conversations, octet for octet: the files under testdata/server show what a server says, in both encodings.
func TestServerConversations(t *testing.T) {
	for _, c := range []struct {
		name    string // of the file
		profile session.Profile
		handler session.Handler
		meta    syncml.Meta // of the device
		talk    func(d *sessiontest.Device)
	}{
		{name: "inventory-S01-S02-S06-S07", handler: asks(nil, func(w *session.Writer) {
			w.Get("./DevDetail/SwV").Label("build")
			w.Get("./Nope")
		}), talk: func(d *sessiontest.Device) {
			c := sessiontest.Commands(d.Open(alert(1224, event("com.microsoft/MDM/LoginStatus", "", "user"))))
			d.Send(d.Status(c[0], 200), d.Results(c[0], "10.0.26100.1"), d.Status(c[1], 404))
		}},
		{name: "every-command", handler: asks(nil, func(w *session.Writer) {
			w.Add("./A", dmtree.Interior())
			w.Add("./A/int", dmtree.Int(-7))
			w.Replace("./A/bool", dmtree.Bool(true))
			w.Replace("./A/bin", dmtree.Bytes([]byte{0, 1, 0xfe}))
			w.Replace("./A/xml", dmtree.XML("<a b=\"c\">&amp;</a>")).As(syncml.DataCDATA)
			w.Replace("./A/type", dmtree.String("{}").WithType("application/json"))
			w.Replace("./A/empty", dmtree.String(""))
			w.Delete("./B")
			w.Exec("./C", dmtree.String("now")).Correlator("op-77")
			w.Copy("./D", "./E")
			w.Alert(1104, &session.AlertOptions{Default: "1-2", MinDisplay: 5e9}, "Which ones?", "News & more", "Sport")
			w.Sequence(func(b *session.Batch) { b.Get("./F?list=StructData") })
		}), profile: session.OMA, talk: func(d *sessiontest.Device) { d.Send(ok(d, d.Open())...) }},
		{name: "set-add-after-404", handler: asks(nil, func(w *session.Writer) { w.Set("./A", dmtree.Int(1)) }),
			talk: func(d *sessiontest.Device) {
				m := d.Open()
				m = d.Send(d.Status(sessiontest.Commands(m)[0], 404))
				d.Send(ok(d, m)...)
			}},
		{name: "next-message-S05-S16", handler: asks(nil, func(w *session.Writer) {
			w.Get("./A")
			w.Get("./B")
		}), talk: func(d *sessiontest.Device) {
			c := sessiontest.Commands(d.Open())
			answers := []syncml.Command{d.Status(c[0], 200), d.Results(c[0], "a"), d.Status(c[1], 200), d.Results(c[1], "b")}
			d.SendPart(answers[:2]...)
			d.Send(answers[2:]...)
		}},
		{name: "keep-alive", handler: asks(nil, func(w *session.Writer) { w.Exec("./Slow", dmtree.Null) }), talk: func(d *sessiontest.Device) {
			answers := ok(d, d.Open())
			d.SendPart(alert(1224, event("Reversed-Domain-Name:com.microsoft.mdm.requestpending", "", "1")))
			d.Send(answers...)
		}},
		{name: "culprit", handler: asks(nil, func(w *session.Writer) { four(&w.Batch).FindCulprit() }), talk: func(d *sessiontest.Device) {
			m := d.Open()
			m = d.Send(answerAtomic(d, sessiontest.Commands(m)[0].(*syncml.Atomic), 507, 216, 216, 216, 216)...)
			for _, code := range []syncml.StatusCode{200, 405} {
				m = d.Send(d.Status(sessiontest.Commands(m)[0], code))
			}
		}},
		{name: "abort-S08", handler: asks(nil, func(w *session.Writer) { w.Get("./A") }), talk: func(d *sessiontest.Device) {
			d.Open()
			d.Send(alert(1223))
		}},
		{name: "abort-S09", handler: session.HandlerFunc(func(w *session.Writer, r *session.Request) error { w.Abort(); return nil }),
			talk: func(d *sessiontest.Device) { d.Open() }},
		{name: "alerts-S11-S12-S13-S14", handler: idle, talk: func(d *sessiontest.Device) {
			d.Open(alert(1226, event("Reversed-Domain-Name: com.example.done", "int", "0")), alert(1226, event("com.example.x", "blob", "?")),
				alert(1224, event("com.example.event", "chr", "x")), alert(1101, syncml.Item{}, event("", "", "Sure?")), alert(1221))
		}},
		{name: "strange-commands-S17-S21", handler: idle, talk: func(d *sessiontest.Device) {
			d.Open(&syncml.Get{Items: []syncml.Item{{Target: syncml.Location{URI: "./A"}}}},
				&syncml.Status{MsgRef: "9", CmdRef: "9", Cmd: "Get", Code: 200})
		}},
		{name: "out-of-order-S19", handler: asks(nil, func(w *session.Writer) { w.Get("./A") }), talk: func(d *sessiontest.Device) {
			d.Open()
			d.MsgID = 6
			d.Send()
		}},
		{name: "repeat-S18", handler: asks(nil, func(w *session.Writer) { w.Get("./A") }), talk: func(d *sessiontest.Device) {
			d.Open()
			d.Repeat()
		}},
		{name: "packed-S15", meta: syncml.Meta{MaxMsgSize: 2048}, handler: asks(nil, func(w *session.Writer) {
			for i := range 6 {
				w.Replace(dmtree.URI("./A").Join(fmt.Sprint(i)), dmtree.String(strings.Repeat("x", 300)))
			}
		}), talk: func(d *sessiontest.Device) {
			m := d.Open()
			for len(sessiontest.Commands(m)) > 0 {
				m = d.Send(ok(d, m)...)
			}
		}},
		{name: "large-results-L04-L12", handler: asks(nil, func(w *session.Writer) { w.Get("./A") }), talk: func(d *sessiontest.Device) {
			c := sessiontest.Commands(d.Open())[0]
			d.SendPart(get(c, 200), chunk(c, "./A", 10, "01234", true))
			d.Send(chunk(c, "./A", 0, "56789", false))
		}},
		{name: "large-command-L01-L02-L03", profile: session.OMA, meta: syncml.Meta{MaxMsgSize: 2048}, handler: asks(nil, func(w *session.Writer) {
			w.Replace("./A", dmtree.String(strings.Repeat("0123456789", 300)))
		}), talk: func(d *sessiontest.Device) {
			m := d.Open()
			for !m.Final {
				m = d.SendPart(d.Status(sessiontest.Commands(m)[0], 213), alert(1222))
			}
			d.Send(ok(d, m)...)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			each(t, func(t *testing.T, e syncml.Encoding) {
				s := newServer(t, c.handler)
				s.Profile = c.profile
				log := &transcript{h: s, e: e}
				log.d = sessiontest.NewDevice(t, log)
				log.d.Encoding, log.d.Meta = e, c.meta
				c.talk(log.d)
				golden.Check(t, filepath.Join("testdata", "server", c.name+"."+strings.ToLower(e.String())+".txt"), log.Bytes())
			})
		})
	}
}
