package session_test

import (
	"crypto/sha256"
	"strings"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/syncml"
)

// copies returns a Handler that reads nodes when a session opens, and writes each value that it gets to the node's twin.
func copies(nodes ...dmtree.URI) session.Handler {
	return session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
		if r.First {
			for _, u := range nodes {
				w.Get(u)
			}
		}
		for _, res := range r.Results {
			if v, err := res.Value(); res.Command == "Get" && err == nil {
				w.Replace(dmtree.URI("./Twin").Join(res.URI.Name()), v)
			}
		}
		return nil
	})
}

// pull has the server send what it has in chunks, and answers the last.
func pull(d *sessiontest.Device, m *syncml.Message) *syncml.Message {
	for !m.Final {
		m = d.SendPart(pulled(d, m)...)
	}
	return d.Send(ok(d, m)...)
}

// pulled accepts a chunk.
func pulled(d *sessiontest.Device, m *syncml.Message) []syncml.Command {
	return []syncml.Command{d.Status(sessiontest.Commands(m)[0], 213), alert(1222)}
}

// objectConversations are those on large objects.
func objectConversations() []conversation {
	long := dmtree.String(strings.Repeat("0123456789", 300)).WithType("application/x-profile")
	octets := make([]byte, 0, 2500)
	for sum := sha256.Sum256(nil); len(octets) < 2500; sum = sha256.Sum256(sum[:]) {
		octets = append(octets, sum[:]...)
	}
	return []conversation{
		{name: "large-command", shows: "L01 L02 L03 L18", profile: session.OMA, meta: syncml.Meta{MaxMsgSize: 2048}, handler: asks(nil, func(w *session.Writer) {
			w.Replace("./A", long)
			w.Replace("./B", dmtree.String("short"))
		}), talk: func(_ *transcript, d *sessiontest.Device) {
			m := pull(d, d.Open())
			d.Send(ok(d, m)...)
		}},
		{name: "large-results", shows: "L04 L05 L12", handler: copies("./A"), talk: func(_ *transcript, d *sessiontest.Device) {
			m := d.Open()
			c := sessiontest.Commands(m)[0]
			m = d.SendPart(get(c, 200), chunk(c, "./A", 10, "0123", true))
			m = d.SendPart(append(answerAll(d, m, 200), chunk(c, "./A", 0, "456", true))...)
			m = d.Send(append(answerAll(d, m, 200), chunk(c, "./A", 0, "789", false))...)
			d.Send(ok(d, m)...)
		}},
		// Octets go out as base64 in XML, as they are in WBXML, and come back as base64 that is cut inside of a group.
		{name: "large-octets", shows: "L11 L14 L15", profile: session.OMA, meta: syncml.Meta{MaxMsgSize: 2048},
			handler: session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
				if r.First {
					w.Replace("./A", dmtree.Bytes(octets[:2500]))
				}
				for _, res := range r.Results {
					if res.URI == "./A" && res.Command == "Replace" {
						w.Get("./A")
					} else if v, err := res.Value(); err == nil && res.Command == "Get" {
						w.Replace("./B", v)
					}
				}
				return nil
			}), talk: func(_ *transcript, d *sessiontest.Device) {
				m := pull(d, d.Open())
				get := d.Status(sessiontest.Commands(m)[0], 200)
				part := func(size int64, data string, more bool) *syncml.Results {
					return &syncml.Results{MsgRef: get.MsgRef, CmdRef: get.CmdRef, Items: []syncml.Item{{
						Source: syncml.Location{URI: "./A"}, Meta: syncml.Meta{Format: "b64", Size: size}, Data: syncml.Text(data), MoreData: more,
					}}}
				}
				m = d.SendPart(get, part(8, "AAE", true))
				m = d.Send(append(answerAll(d, m, 200), part(0, "CAw==", false))...)
				d.Send(ok(d, m)...)
			}},
		{name: "large-refused", shows: "S10 L06 L16", handler: copies("./Whole", "./Short", "./NoSize", "./TooLarge"),
			change: func(s *session.Server) { s.Limits.Object = 1000 }, talk: func(_ *transcript, d *sessiontest.Device) {
				c := sessiontest.Commands(d.Open())
				m := d.SendPart(get(c[0], 200), chunk(c[0], "./Whole", 0, "whole", false), get(c[1], 200), chunk(c[1], "./Short", 10, "01234", true))
				m = d.SendPart(append(answerAll(d, m, 200), chunk(c[1], "./Short", 0, "567", false), get(c[2], 200), chunk(c[2], "./NoSize", 0, "01234", true))...)
				m = d.SendPart(append(answerAll(d, m, 200), get(c[3], 200), chunk(c[3], "./TooLarge", 1001, "01234", true))...)
				m = d.Send(answerAll(d, m, 200)...)
				d.Send(ok(d, m)...)
			}},
		{name: "large-results-interrupted", shows: "L07", handler: copies("./A", "./B"), talk: func(_ *transcript, d *sessiontest.Device) {
			c := sessiontest.Commands(d.Open())
			m := d.SendPart(get(c[0], 200), chunk(c[0], "./A", 10, "01234", true))
			m = d.Send(append(answerAll(d, m, 200), get(c[1], 200), chunk(c[1], "./B", 0, "b", false))...)
			d.Send(ok(d, m)...)
		}},
		{name: "large-results-given-up", shows: "L07", handler: copies("./A"), talk: func(_ *transcript, d *sessiontest.Device) {
			c := sessiontest.Commands(d.Open())
			m := d.SendPart(get(c[0], 200), chunk(c[0], "./A", 10, "01234", true))
			m = d.Send(answerAll(d, m, 200)...)
			d.Send(ok(d, m)...)
		}},
		{name: "large-command-interrupted", shows: "L07", profile: session.OMA, meta: syncml.Meta{MaxMsgSize: 2048}, handler: asks(nil, func(w *session.Writer) {
			w.Replace("./A", long)
		}), talk: func(_ *transcript, d *sessiontest.Device) {
			m := d.Open()
			d.SendPart(pulled(d, m)...)
			m = d.Send(alert(1225, syncml.Item{Target: syncml.Location{URI: "./A"}}))
			pull(d, m)
		}},
		// The device takes small objects first, and then large ones.
		{name: "large-limits", shows: "L08 L09", meta: syncml.Meta{MaxObjSize: 100}, handler: session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
			if r.First || len(r.Results) > 0 && r.Results[0].Status == 413 {
				w.Replace("./A", dmtree.String(strings.Repeat("x", 101)))
				w.Replace("./B", dmtree.String(strings.Repeat("x", 100)))
			}
			return nil
		}), talk: func(_ *transcript, d *sessiontest.Device) {
			m := d.Open()
			d.Meta.MaxObjSize = 101
			m = d.Send(ok(d, m)...)
			d.Send(ok(d, m)...)
		}},
		{name: "large-aborted", shows: "L17", handler: copies("./A"), talk: func(_ *transcript, d *sessiontest.Device) {
			c := sessiontest.Commands(d.Open())[0]
			d.SendPart(get(c, 200), chunk(c, "./A", 10, "01234", true))
			d.Send(alert(1223))
			c = sessiontest.Commands(d.Open())[0]
			m := d.Send(get(c, 200), chunk(c, "./A", 0, "56789", false))
			d.Send(ok(d, m)...)
		}},
	}
}
