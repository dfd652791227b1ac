package sessiontest_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/syncml"
)

// device is one to be checked. Its Exec of ./Slow lasts until a message has said that it does.
type device struct {
	*dmtree.Memory
	waiting chan struct{}
}

func newDevice() *device {
	d := &device{Memory: new(dmtree.Memory), waiting: make(chan struct{}, 1)}
	for _, name := range []string{"DevId", "Man", "Mod", "DmV", "Lang"} {
		d.Set(dmtree.URI("./DevInfo").Join(name), dmtree.String("x"))
	}
	d.Set("./Vendor/Test", dmtree.Interior())
	return d
}

func (d *device) Exec(ctx context.Context, _ dmtree.URI, _ dmtree.Value) error {
	select {
	case <-d.waiting:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// RoundTrip sends a message of the device.
func (d *device) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if bytes.Contains(body, []byte("requestpending")) {
		select {
		case d.waiting <- struct{}{}:
		default:
		}
	}
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	return http.DefaultTransport.RoundTrip(r)
}

// client is the one that has a session with the server at url in a case.
func (d *device) client(url, name string, profile session.Profile, e syncml.Encoding) *session.Client {
	c := &session.Client{
		URL: url, ID: "x", Tree: d, Profile: profile, Encoding: e, HTTP: &http.Client{Transport: d}, Logger: slog.New(slog.DiscardHandler),
		Limits: session.Limits{Backoff: time.Millisecond},
	}
	if strings.HasPrefix(name, "A") { // it takes anybody's word for the rest
		c.Sign = &auth.PasswordSigner{Scheme: auth.MD5, Credentials: auth.Only(url, credential)}
	}
	if strings.Contains(name, "requestpending") {
		c.KeepAlive = time.Millisecond
	}
	return c
}

var credential = auth.Credential{Name: "x user", Secret: auth.Plain("secret")}

func options(profile session.Profile) *sessiontest.ClientOptions {
	o := &sessiontest.ClientOptions{Root: "./Vendor/Test", Profile: profile, Credential: &credential}
	if profile == session.Windows {
		o.Slow = "./Slow"
	}
	return o
}

// Our own client passes its suite, under both profiles and in both encodings.
func TestRunClient(t *testing.T) {
	for _, profile := range []session.Profile{session.Windows, session.OMA} {
		for _, e := range []syncml.Encoding{syncml.XML, syncml.WBXML} {
			t.Run(profile.String()+" "+e.String(), func(t *testing.T) {
				d := newDevice()
				sessiontest.RunClient(t, options(profile), func(t *testing.T, url string) {
					name := t.Name()[strings.LastIndex(t.Name(), "/")+1:]
					d.client(url, name, profile, e).Run(t.Context(), nil) // how it ends is for the suite to judge
				})
			})
		}
	}
}

// A liar is a device whose messages are changed on their way.
type liar struct {
	d    *device
	n    int // messages that it has sent
	seen map[string]bool
	lie  func(l *liar, r *http.Request, m *syncml.Message)
}

func (l *liar) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	m, err := syncml.Unmarshal(body, nil)
	if err != nil {
		return nil, err
	}
	l.n++
	r = r.Clone(r.Context())
	l.lie(l, r, m)
	l.seen[m.Header.MsgID] = true
	if body, err = syncml.Append(nil, m, &syncml.EncoderOptions{AsIs: true}); err != nil {
		return nil, err
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return l.d.RoundTrip(r)
}

// blind proves itself in one way, whatever it is asked for.
type blind struct{}

func (blind) Sign(_ context.Context, m *auth.Outgoing) error {
	m.Header.Cred = &syncml.Cred{Meta: syncml.Meta{Format: "b64", Type: syncml.AuthBasic}, Data: "eDp5"}
	return nil
}

// Each case finds what it is there for: a device that does it wrong fails.
func TestRunClientFinds(t *testing.T) {
	type lie = func(l *liar, r *http.Request, m *syncml.Message)
	statuses := func(m *syncml.Message, ref string) (l []*syncml.Status) {
		for _, c := range m.Commands {
			if st, ok := c.(*syncml.Status); ok && st.CmdRef == ref {
				l = append(l, st)
			}
		}
		return l
	}
	// code has a command answered otherwise.
	code := func(ref string, code syncml.StatusCode) lie {
		return func(_ *liar, _ *http.Request, m *syncml.Message) {
			for _, st := range statuses(m, ref) {
				st.Code = code
			}
		}
	}
	// without leaves commands out, from the second message on.
	without := func(is func(c syncml.Command) bool) lie {
		return func(l *liar, _ *http.Request, m *syncml.Message) {
			if l.n > 1 {
				m.Commands = slices.DeleteFunc(m.Commands, is)
			}
		}
	}
	alert := func(code syncml.AlertCode) func(c syncml.Command) bool {
		return func(c syncml.Command) bool { a, ok := c.(*syncml.Alert); return ok && a.Code == code }
	}
	// values changes what Results bring.
	values := func(change func(it *syncml.Item)) lie {
		return func(_ *liar, _ *http.Request, m *syncml.Message) {
			for _, c := range m.Commands {
				if r, ok := c.(*syncml.Results); ok {
					change(&r.Items[0])
				}
			}
		}
	}
	value := func(s string) lie { return values(func(it *syncml.Item) { it.Data = syncml.Text(s) }) }
	// first changes the first message.
	first := func(change func(m *syncml.Message)) lie {
		return func(l *liar, _ *http.Request, m *syncml.Message) {
			if l.n == 1 {
				change(m)
			}
		}
	}
	pending := func(change func(m *syncml.Message, a *syncml.Alert)) lie {
		return func(_ *liar, _ *http.Request, m *syncml.Message) {
			for _, c := range slices.Clone(m.Commands) {
				if a, ok := c.(*syncml.Alert); ok && a.Code == syncml.AlertClientEvent && strings.HasSuffix(a.Items[0].Meta.Type, "requestpending") {
					change(m, a)
				}
			}
		}
	}
	cred := func(change func(h *syncml.Header)) lie {
		return func(_ *liar, _ *http.Request, m *syncml.Message) {
			if m.Header.Cred != nil {
				change(&m.Header)
			}
		}
	}
	var digest *syncml.Cred // the first one
	// Devices that are wrong by themselves.
	twice := func(c *session.Client) { c.Run(t.Context(), nil) } // goes on after the end
	fewer := func(c *session.Client) { c.Limits.Attempts = 1 }
	stubborn := func(c *session.Client) { c.Sign, c.Limits.Attempts = blind{}, -1 }

	const (
		opening, answers, open, splits = "C01 C02 C04 the first message", "C06 C07 C08 C11 C12 C14 answers in order", "C15 C17 a package that is open", "C16 C23 C26 a reply in several messages"
		atomicFails, large             = "Q08 Q09 Q10 an Atomic that fails", "L01 L02 L03 L13 a large object from the device"
		chunks, cut                    = "L04 L05 a large object from the server", "L06 L07 a large object that is not completed"
		items, challenge, each         = "C09 C10 commands of several items", "A03 A04 A07 A09 a challenge", "A10 A12 credentials in each message"
		busy, refused                  = "windows requestpending", "A13 A14 credentials that are refused"
	)
	found := make(map[string]bool)
	for _, test := range []struct {
		name string // of the case
		lie  any    // a lie, or what is done to the client before the session
		want string // in what it says
	}{
		{opening, first(func(m *syncml.Message) { m.Commands[0].(*syncml.Alert).Code = 1202 }), "C01"},
		{opening, first(func(m *syncml.Message) { it := m.Commands[2].(*syncml.Replace); it.Items = it.Items[1:] }), "C02: ./DevInfo/DevId"},
		{opening, first(func(m *syncml.Message) {
			it := &m.Commands[2].(*syncml.Replace).Items[0]
			it.Target, it.Source = it.Source, it.Target
		}), "C02: DevInfo is addressed"},
		{opening, first(func(m *syncml.Message) {
			m.Commands = append(m.Commands, &syncml.Get{CmdID: "9", Items: []syncml.Item{{}}})
		}), "C04"},
		{opening, first(func(m *syncml.Message) { m.Final = false }), "C16"},
		{opening, first(func(m *syncml.Message) { m.Header.MsgID = "2" }), "MsgID"},
		{answers, func(_ *liar, _ *http.Request, m *syncml.Message) {
			if st, ok := m.Commands[0].(*syncml.Status); ok {
				st.TargetRefs = nil
			}
		}, "C06"},
		{answers, without(func(c syncml.Command) bool { st, ok := c.(*syncml.Status); return ok && st.CmdRef == "0" }), "C05"},
		{answers, without(func(c syncml.Command) bool { st, ok := c.(*syncml.Status); return ok && st.CmdRef == "d" }), "C07"},
		{answers, func(l *liar, _ *http.Request, m *syncml.Message) {
			if l.n > 1 {
				m.Commands[1], m.Commands[2] = m.Commands[2], m.Commands[1]
			}
		}, "C08"},
		{answers, func(l *liar, _ *http.Request, m *syncml.Message) {
			if l.n > 1 {
				m.Commands[2], m.Commands[3] = m.Commands[3], m.Commands[2]
			}
		}, "C11"},
		{answers, values(func(it *syncml.Item) { it.Source.URI = "" }), "C12"},
		{answers, func(l *liar, _ *http.Request, m *syncml.Message) {
			if l.n > 1 {
				m.Commands = append(m.Commands, &syncml.Results{CmdID: "99", MsgRef: "1", CmdRef: "c", Items: []syncml.Item{{Source: syncml.Location{URI: "./x"}}}})
			}
		}, "C14"},
		{answers, func(l *liar, _ *http.Request, m *syncml.Message) {
			if l.n > 1 {
				m.Header.SessionID = "FFFF"
			}
		}, "SessionID"},
		{open, func(_ *liar, _ *http.Request, m *syncml.Message) { m.Final = true }, "C15"},
		{open, without(alert(1222)), "C17"},
		{open, func(l *liar, _ *http.Request, m *syncml.Message) { m.Final = l.n == 1 }, "C16"},
		{"C18 nothing is asked for", twice, "C18"},
		{"C20 abort", twice, "C18"},
		{splits, func(l *liar, _ *http.Request, m *syncml.Message) {
			if l.n == 2 {
				m.Commands[0].(*syncml.Status).SourceRefs = []string{strings.Repeat("x", 3000)}
			}
		}, "C23"},
		{splits, func(l *liar, _ *http.Request, m *syncml.Message) { m.Final = m.Final || l.n == 2 }, "Statuses and"},
		{"Q01 Q02 Q03 a Sequence", code("s", 500), `"s"`},
		{"Q01 Q02 Q03 a Sequence", code("c", 215), `"c"`},
		{"Q01 Q02 Q03 a Sequence", value("1"), "Q01"},
		{"Q07 an Atomic that succeeds", code("s", 507), `"s"`},
		{"Q07 an Atomic that succeeds", value("1"), "y is"},
		{atomicFails, code("a", 200), `"a"`},
		{atomicFails, code("d", 404), `"d"`},
		{atomicFails, value("new"), "x is"},
		{"Q12 Q13 what an Atomic must not hold", code("b", 200), `"b"`},
		{"Q12 Q13 what an Atomic must not hold", code("u", 507), `"u"`},
		{"commands that are wrong", code("twice", 200), "twice"},
		{"commands that are wrong", code("put", 200), "put"},
		{"commands that are wrong", code("", 200), "no CmdID"},
		{chunks, code("chunk", 200), "chunk"},
		{chunks, without(alert(1222)), "L04"},
		{chunks, value("one, "), "x is"},
		{cut, code("chunk", 200), "chunk"},
		{cut, without(alert(1225)), "L07"},
		{cut, value("one, "), "L05"},
		{large, values(func(it *syncml.Item) { it.Meta.Size = 6000 }), "L03"},
		{large, values(func(it *syncml.Item) { it.MoreData = false }), "L02"},
		{large, values(func(it *syncml.Item) { it.Data = syncml.Text("0") }), "bytes came"},
		{large, func(_ *liar, _ *http.Request, m *syncml.Message) {
			for _, c := range m.Commands {
				if r, ok := c.(*syncml.Results); ok && r.Items[0].MoreData {
					m.Final = true
				}
			}
		}, "L13"},
		{large, func(l *liar, _ *http.Request, m *syncml.Message) {
			if l.n == 4 {
				m.Commands = append(m.Commands, &syncml.Alert{CmdID: "99", Code: 1222})
			}
		}, "L01"},
		{"windows C31 who is signed in", first(func(m *syncml.Message) { m.Commands = slices.Delete(m.Commands, 1, 2) }), "LoginStatus"},
		{"windows C31 who is signed in", first(func(m *syncml.Message) { m.Commands[0], m.Commands[1] = m.Commands[1], m.Commands[0] }), "C31"},
		{"windows C31 who is signed in", func(_ *liar, r *http.Request, _ *syncml.Message) { r.URL.RawQuery = "" }, "Platform"},
		{busy, pending(func(m *syncml.Message, _ *syncml.Alert) { m.Final = true }), "Final"},
		{busy, pending(func(_ *syncml.Message, a *syncml.Alert) { a.Items[0].Data = syncml.Text("0") }), "Data 1"},
		{busy, pending(func(m *syncml.Message, a *syncml.Alert) {
			m.Commands = append(m.Commands, syncml.Clone(a))
			m.Commands[len(m.Commands)-1].SetID("9")
		}), "at a time"},
		{busy, pending(func(m *syncml.Message, a *syncml.Alert) { a.Items[0].Meta.Type = "com.microsoft.mdm.requestpending" }), "Type"},
		{busy, without(func(c syncml.Command) bool { r, ok := c.(*syncml.Results); return ok && r.CmdRef == "b" }), "behind what took long"},
		{busy, without(func(c syncml.Command) bool { st, ok := c.(*syncml.Status); return ok && st.CmdRef == "slow" }), "C07"},
		{items, func(_ *liar, _ *http.Request, m *syncml.Message) {
			for _, st := range statuses(m, "differ") {
				st.TargetRefs = nil
			}
		}, "C09"},
		{items, code("differ", 200), "C09"},
		{items, func(_ *liar, _ *http.Request, m *syncml.Message) {
			for _, st := range statuses(m, "same") {
				st.TargetRefs = []string{"./Vendor/Test/x"}
			}
		}, "C10"},
		{"C13 an interior node", values(func(it *syncml.Item) { it.Meta.Format = "" }), "C13"},
		{"C13 an interior node", value(""), "its value"},
		{"C22 another address", func(_ *liar, r *http.Request, _ *syncml.Message) { r.URL.Path, r.URL.RawQuery = "/", "" }, "C22"},
		{"C24 U15 a question without items", code("a", 200), `"a"`},
		{"C27 an answer that has come before", func(l *liar, _ *http.Request, m *syncml.Message) {
			if l.seen[m.Header.MsgID] {
				m.Header.MsgID = "3"
			}
		}, "C27"},
		{"418 and 404", code("b", 200), `"b"`},
		{"418 and 404", value("2"), "Add has made"},
		{"418 and 404", code("d", 200), `"d"`},
		{"L08 L09 more than the server takes", func(_ *liar, _ *http.Request, m *syncml.Message) {
			if st := statuses(m, "b"); len(st) > 0 {
				m.Commands = append(m.Commands, &syncml.Results{CmdID: "99", MsgRef: st[0].MsgRef, CmdRef: "b", Items: []syncml.Item{{Source: syncml.Location{URI: "./x"}}}})
			}
		}, "L08"},
		{"L08 L09 more than the server takes", value(""), "L09"},
		{"L16 a chunk without Size", code("chunk", 213), "chunk"},
		{challenge, cred(func(h *syncml.Header) { h.Cred = nil }), "A07"},
		{challenge, cred(func(h *syncml.Header) { h.Cred.Data = "AAAA" }), "A03"},
		{challenge, cred(func(h *syncml.Header) { h.Cred.Meta.Type = syncml.AuthBasic }), "A16"},
		{challenge, cred(func(h *syncml.Header) { h.Source.Name = "" }), "A04"},
		{challenge, without(alert(1201)), "A07: the first message"},
		{challenge, func(l *liar, _ *http.Request, m *syncml.Message) {
			if l.n == 3 {
				m.Header.Cred = &syncml.Cred{Data: "AAAA"}
			}
		}, "A09"},
		{each, func(_ *liar, _ *http.Request, m *syncml.Message) { // the first digest, each time
			if m.Header.Cred != nil {
				if digest == nil {
					digest = m.Header.Cred
				}
				m.Header.Cred = digest
			}
		}, "A12"},
		{each, func(l *liar, _ *http.Request, m *syncml.Message) {
			if l.n > 2 {
				m.Header.Cred = nil
			}
		}, "A10"},
		{refused, cred(func(h *syncml.Header) { h.Cred.Data = "AAAA" }), "A03 A12"},
		{refused, fewer, "A13"},
		{refused, stubborn, "A14"},
		{"A16 a challenge that nobody can meet", stubborn, "A16"},
	} {
		t.Run(test.name+" "+test.want, func(t *testing.T) {
			found[test.name] = true
			profile := session.Windows
			d := newDevice()
			wrong := sessiontest.CheckClient(test.name, options(profile), func(url string) {
				c := d.client(url, test.name, profile, syncml.XML)
				switch wrong := test.lie.(type) {
				case lie:
					c.HTTP = &http.Client{Transport: &liar{d: d, lie: wrong, seen: make(map[string]bool)}}
				case func(c *session.Client):
					wrong(c)
				}
				c.Run(t.Context(), nil)
			})
			if len(wrong) == 0 || !strings.Contains(strings.Join(wrong[:max(0, len(wrong)-1)], "\n"), test.want) {
				t.Errorf("nothing of %q is found, but %q", test.want, wrong)
			}
		})
	}
	for _, name := range sessiontest.ClientCases() {
		if !found[name] {
			t.Errorf("no device fails %q", name)
		}
	}
}
