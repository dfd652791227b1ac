package sessiontest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

// ClientOptions say what is known of a device under test.
type ClientOptions struct {
	// Root is an interior node of the device below which leaves of format chr may be added, read, replaced and deleted by
	// the server. It is empty at the start of each session.
	Root dmtree.URI

	// Profile is whose reading the device follows.
	Profile session.Profile

	// Serve starts a server on a network for h, with a certificate that the device trusts, say. Nil: plain HTTP on the
	// loopback interface.
	Serve func(h http.Handler) *httptest.Server

	// What the device does without; the cases about it are skipped.
	NoAtomic, NoLargeObjects bool
}

// RunClient checks the device's side of the protocol. Each case is one session, in which the suite plays the server: run
// holds one session of a device with the server at url, to its end, and returns. The names of the cases begin with the
// numbers of the statements that they check. Nothing but the messages counts, so the device may be any program. What
// run has to say of a session's end is for logs: in some cases the suite wants it to fail.
//
// The options must name a Root. The device's ./DevInfo must be complete.
func RunClient(t *testing.T, o *ClientOptions, run func(t *testing.T, url string)) {
	if o == nil || !o.Root.Valid() || o.Root.IsRoot() {
		t.Fatalf("sessiontest: RunClient wants ClientOptions with a Root, got %+v", o)
	}
	for _, c := range clientCases {
		t.Run(c.name, func(t *testing.T) {
			if c.atomic && o.NoAtomic || c.large && o.NoLargeObjects {
				t.Skip("the device does without")
			}
			p := &player{t: t, o: o, in: make(chan *http.Request), out: make(chan []byte), gone: make(chan struct{}), end: make(chan struct{})}
			serve := httptest.NewServer
			if o.Serve != nil {
				serve = o.Serve
			}
			srv := serve(p)
			defer srv.Close()
			go func() {
				defer close(p.end)
				c.play(p)
			}()
			run(t, srv.URL)
			close(p.gone)
			<-p.end
			if t.Failed() {
				t.Log(p.trace.String())
			}
		})
	}
}

// A player plays the server of one session. Its script runs on a goroutine of its own and takes turns with the device.
type player struct {
	t     *testing.T
	o     *ClientOptions
	in    chan *http.Request // messages of the device
	out   chan []byte        // the answers
	gone  chan struct{}      // closed when the device has ended
	end   chan struct{}      // closed when the script has ended
	trace strings.Builder

	got  *syncml.Message // the last message of the device
	size int             // of it, in bytes
	enc  syncml.Encoding
	sent int   // MsgID of our last message
	max  int64 // MaxMsgSize that we announce; 0: none
	mute bool  // the last message waits for no answer any more
}

// ServeHTTP hands a message to the script, and its answer to the device.
func (p *player) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	select {
	case p.in <- r:
	case <-p.end:
		p.t.Errorf("the device goes on after the end of the session: %s", body)
		return
	}
	select {
	case b := <-p.out:
		w.Header().Set("Content-Type", p.enc.ContentType())
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
		w.Write(b)
	case <-p.end:
	}
}

// fail ends the script.
func (p *player) fail(format string, args ...any) {
	p.t.Helper()
	p.t.Errorf(format, args...)
	runtime.Goexit()
}

// hear waits for the next message of the device.
func (p *player) hear() *syncml.Message {
	p.t.Helper()
	var r *http.Request
	select {
	case r = <-p.in:
	case <-p.gone:
		p.fail("the device says no more, want a message")
	}
	p.mute = false
	body, _ := io.ReadAll(r.Body)
	enc, ok := syncml.EncodingOf(r.Header.Get("Content-Type"))
	if !ok {
		p.fail("Content-Type is %q", r.Header.Get("Content-Type"))
	}
	m, err := syncml.Unmarshal(body, &syncml.DecoderOptions{Encoding: enc, Strict: true})
	if err != nil {
		p.fail("the device's message is malformed: %v\n%q", err, body)
	}
	p.enc, p.size = enc, len(body)
	fmt.Fprintf(&p.trace, "device: message %s, %d bytes\n%s", m.Header.MsgID, len(body), Outline(m))
	if n := strconv.Itoa(p.sent + 1); m.Header.MsgID != n {
		p.t.Errorf("MsgID is %s, want %s", m.Header.MsgID, n)
	}
	if p.max > 0 && int64(len(body)) > p.max {
		p.t.Errorf("C23: the message has %d bytes, MaxMsgSize is %d", len(body), p.max)
	}
	if p.got != nil {
		if m.Header.SessionID != p.got.Header.SessionID {
			p.t.Errorf("SessionID is %q in a session %q", m.Header.SessionID, p.got.Header.SessionID)
		}
		if st, ok := m.Commands[0].(*syncml.Status); !ok || st.CmdRef != "0" || st.Cmd != "SyncHdr" || st.MsgRef != strconv.Itoa(p.sent) {
			p.t.Errorf("C05: the message does not begin with the Status of our SyncHdr")
		}
	}
	p.got = m
	return m
}

// say answers the device's last message.
func (p *player) say(final bool, cmds ...syncml.Command) {
	p.sent++
	m := &syncml.Message{
		Header: syncml.Header{
			SessionID: p.got.Header.SessionID, MsgID: strconv.Itoa(p.sent), Target: p.got.Header.Source, Source: p.got.Header.Target,
			Meta: syncml.Meta{MaxMsgSize: p.max},
		},
		Commands: []syncml.Command{&syncml.Status{MsgRef: p.got.Header.MsgID, CmdRef: "0", Cmd: "SyncHdr", Code: syncml.StatusOK}},
		Final:    final,
	}
	for _, c := range p.got.Commands {
		switch c := c.(type) {
		case *syncml.Alert, *syncml.Replace:
			m.Commands = append(m.Commands, &syncml.Status{MsgRef: p.got.Header.MsgID, CmdRef: c.ID(), Cmd: c.Name(), Code: syncml.StatusOK})
		case *syncml.Results:
			if len(c.Items) > 0 && c.Items[len(c.Items)-1].MoreData {
				m.Commands = append(m.Commands, &syncml.Status{MsgRef: p.got.Header.MsgID, CmdRef: c.CmdID, Cmd: "Results", Code: syncml.StatusChunkAccepted})
			}
		}
	}
	for i, c := range m.Commands {
		c.SetID("s" + strconv.Itoa(i))
	}
	m.Commands = append(m.Commands, cmds...)
	b, err := syncml.Append(nil, m, &syncml.EncoderOptions{Encoding: p.enc, AsIs: true})
	if err != nil {
		p.fail("%v", err)
	}
	fmt.Fprintf(&p.trace, "server: message %d\n%s", p.sent, Outline(m))
	p.mute = true
	p.out <- b
}

// over closes our package without a command, and waits for the device to say no more.
func (p *player) over() {
	p.t.Helper()
	if !p.mute {
		p.say(true)
	}
	select {
	case r := <-p.in:
		body, _ := io.ReadAll(r.Body)
		p.fail("C18: the device answers a message that asks for nothing: %s", body)
	case <-p.gone:
	}
}

// want checks the Status of the command with this CmdID in our last message.
func (p *player) want(cmdID string, codes ...syncml.StatusCode) {
	p.t.Helper()
	n := 0
	for _, c := range p.got.Commands {
		st, ok := c.(*syncml.Status)
		if !ok || st.CmdRef != cmdID || st.MsgRef != strconv.Itoa(p.sent) {
			continue
		}
		n++
		ok = false
		for _, code := range codes {
			ok = ok || st.Code == code
		}
		if !ok {
			p.t.Errorf("Status of command %q is %v, want %v", cmdID, st.Code, codes)
		}
	}
	if n != 1 {
		p.t.Errorf("C07: %d Statuses for command %q, want one", n, cmdID)
	}
}

// value returns what Results bring for a Get of our last message.
func (p *player) value(cmdID string) (string, bool) {
	for _, c := range p.got.Commands {
		if r, ok := c.(*syncml.Results); ok && r.CmdRef == cmdID && len(r.Items) == 1 {
			return r.Items[0].Data.String(), true
		}
	}
	return "", false
}

// holds checks with a Get that a node below Root has this value; "-" says that it does not exist.
func (p *player) holds(name, want string) {
	p.t.Helper()
	p.say(true, p.get("get", name))
	p.hear()
	if want == "-" {
		p.want("get", syncml.StatusNotFound)
		return
	}
	p.want("get", syncml.StatusOK)
	if got, _ := p.value("get"); got != want {
		p.t.Errorf("%s is %q, want %q", name, got, want)
	}
}

// Commands on nodes below Root.

func (p *player) uri(name string) syncml.Location {
	return syncml.Location{URI: string(p.o.Root.Join(name))}
}

func (p *player) get(id, name string) *syncml.Get {
	return &syncml.Get{CmdID: id, Items: []syncml.Item{{Target: p.uri(name)}}}
}

func (p *player) add(id, name, value string) *syncml.Add {
	return &syncml.Add{CmdID: id, Items: []syncml.Item{p.item(name, value)}}
}

func (p *player) replace(id, name, value string) *syncml.Replace {
	return &syncml.Replace{CmdID: id, Items: []syncml.Item{p.item(name, value)}}
}

func (p *player) remove(id, name string) *syncml.Delete {
	return &syncml.Delete{CmdID: id, Items: []syncml.Item{{Target: p.uri(name)}}}
}

func (p *player) item(name, value string) syncml.Item {
	return syncml.Item{Target: p.uri(name), Meta: syncml.Meta{Format: "chr", Type: "text/plain"}, Data: syncml.Text(value)}
}

// chunk is a piece of a Replace.
func (p *player) chunk(name, piece string, size int64, more bool) *syncml.Replace {
	r := p.replace("chunk", name, piece)
	r.Items[0].Meta.Size, r.Items[0].MoreData = size, more
	return r
}
