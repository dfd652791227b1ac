package sessiontest

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/omadm-sdk/omadm/auth"
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

	// Slow is a node whose Exec takes the device longer than it lets a server wait without a word, so that it says so
	// meanwhile (MS-MDM, requestpending). A device may do that in any case, and then has to do it right. Empty: no case
	// makes it.
	Slow dmtree.URI

	// Credential is what the device proves itself by, with an MD5 digest, when it is asked to. Nil: it does not, and the
	// cases about it are skipped. Its Nonce is of no interest.
	Credential *auth.Credential
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
	for i := range clientCases {
		c := &clientCases[i]
		t.Run(c.name, func(t *testing.T) {
			if why := c.without(o); why != "" {
				t.Skip(why)
			}
			if trace := c.run(t, o, func(url string) { run(t, url) }); t.Failed() {
				t.Log(trace)
			}
		})
	}
}

// without says why the case is not for a device, if it is not.
func (c *clientCase) without(o *ClientOptions) string {
	switch {
	case c.atomic && o.NoAtomic:
		return "the device has no Atomic"
	case c.large && o.NoLargeObjects:
		return "the device takes no large objects"
	case c.proof && o.Credential == nil:
		return "the device has no credentials"
	case c.windows && o.Profile != session.Windows:
		return "the device is none of Windows"
	}
	return ""
}

// run plays the case with a device, reports to t what is wrong, and returns what was said.
func (c *clientCase) run(t reporter, o *ClientOptions, device func(url string)) (trace string) {
	p := &player{t: t, o: o, in: make(chan *http.Request), out: make(chan []byte), gone: make(chan struct{}), end: make(chan struct{})}
	serve := httptest.NewServer
	if o.Serve != nil {
		serve = o.Serve
	}
	srv := serve(p)
	defer srv.Close()
	p.url = srv.URL
	go func() {
		defer close(p.end)
		c.play(p)
	}()
	device(srv.URL)
	close(p.gone)
	<-p.end
	return p.trace.String()
}

// reporter is what a case needs of a test.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
}

// A player plays the server of one session. Its script runs on a goroutine of its own and takes turns with the device.
type player struct {
	t     reporter
	o     *ClientOptions
	url   string             // of the server
	in    chan *http.Request // messages of the device
	out   chan []byte        // the answers
	gone  chan struct{}      // closed when the device has ended
	end   chan struct{}      // closed when the script has ended
	trace strings.Builder

	got   *syncml.Message // the last message of the device
	at    string          // the path and query that it went to
	enc   syncml.Encoding
	sent  int         // MsgID of our last message
	asked int         // MsgID of the last one that does not only have the device go on
	said  []byte      // our last message
	meta  syncml.Meta // what we announce: MaxMsgSize, MaxObjSize
	mute  bool        // the last message waits for no answer any more

	ready *http.Request // a message that has come, and is not read yet

	// Of the next message only.
	resp    string         // RespURI
	verdict *syncml.Status // on the device's header; nil: 200
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

// hear waits for the next message of the device. While it says that it needs longer, it is let go on.
func (p *player) hear() *syncml.Message {
	p.t.Helper()
	m := p.next()
	for l := pendings(m); len(l) > 0; l = pendings(m) {
		if len(l) > 1 || len(l[0].Items) != 1 {
			p.t.Errorf("requestpending: want one alert of one item at a time, got %d", len(l))
		}
		if m.Final {
			p.t.Errorf("requestpending: Final in a message that says that the answers are yet to come")
		}
		for _, a := range l {
			if it := &a.Items[0]; it.Meta.Type != "Reversed-Domain-Name:"+typePending || it.Data.String() != "1" {
				p.t.Errorf("requestpending: want Type %q and Data 1, got %q and %q", "Reversed-Domain-Name:"+typePending, it.Meta.Type, it.Data.String())
			}
		}
		asked := p.asked
		p.say(false) // Statuses alone
		p.asked = asked
		m = p.next()
	}
	return m
}

// hears is hear where the device may as well have ended the session.
func (p *player) hears() (*syncml.Message, bool) {
	p.t.Helper()
	select {
	case p.ready = <-p.in:
		return p.hear(), true
	case <-p.gone:
		return nil, false
	}
}

// next waits for a message.
func (p *player) next() *syncml.Message {
	p.t.Helper()
	r := p.ready
	if p.ready = nil; r == nil {
		select {
		case r = <-p.in:
		case <-p.gone:
			p.fail("the device says no more, want a message")
		}
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
	p.enc, p.at = enc, r.URL.RequestURI()
	if r.Method != http.MethodPost {
		p.t.Errorf("the message comes by %s, want POST", r.Method)
	}
	fmt.Fprintf(&p.trace, "device: message %s, %d bytes\n%s", m.Header.MsgID, len(body), Outline(m))
	if n := strconv.Itoa(p.sent + 1); m.Header.MsgID != n {
		p.t.Errorf("MsgID is %s, want %s", m.Header.MsgID, n)
	}
	if max := p.meta.MaxMsgSize; max > 0 && int64(len(body)) > max {
		p.t.Errorf("C23: the message has %d bytes, MaxMsgSize is %d", len(body), max)
	}
	if p.got != nil {
		if m.Header.SessionID != p.got.Header.SessionID {
			p.t.Errorf("SessionID is %q in a session %q", m.Header.SessionID, p.got.Header.SessionID)
		}
		if len(m.Commands) == 0 {
			p.fail("C05: the message is empty")
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
	p.asked = p.sent
	verdict, code := p.verdict, syncml.StatusOK
	if verdict == nil {
		verdict = &syncml.Status{Code: syncml.StatusOK}
	} else if !verdict.Code.Success() {
		code = verdict.Code
	}
	verdict.MsgRef, verdict.CmdRef, verdict.Cmd = p.got.Header.MsgID, "0", "SyncHdr"
	m := &syncml.Message{
		Header: syncml.Header{
			SessionID: p.got.Header.SessionID, MsgID: strconv.Itoa(p.sent), Target: syncml.Location{URI: p.got.Header.Source.URI},
			Source: p.got.Header.Target, RespURI: p.resp, Meta: p.meta,
		},
		Commands: []syncml.Command{verdict},
		Final:    final,
	}
	p.resp, p.verdict = "", nil
	for _, c := range p.got.Commands {
		switch c := c.(type) {
		case *syncml.Alert, *syncml.Replace:
			m.Commands = append(m.Commands, &syncml.Status{MsgRef: p.got.Header.MsgID, CmdRef: c.ID(), Cmd: c.Name(), Code: code})
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
	p.said = b
	p.repeat()
}

// repeat answers the device's last message with our last one, which may be one that it has had.
func (p *player) repeat() {
	p.mute = true
	p.out <- p.said
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
		if !ok || st.CmdRef != cmdID || st.MsgRef != strconv.Itoa(p.asked) {
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

// clear removes nodes below Root.
func (p *player) clear(names ...string) {
	p.t.Helper()
	var cmds []syncml.Command
	for i, name := range names {
		cmds = append(cmds, p.remove("clear"+strconv.Itoa(i), name))
	}
	p.say(true, cmds...)
	p.hear()
}

// refuse has the next message say that the device has to prove itself under nonce.
func (p *player) refuse(code syncml.StatusCode, nonce string) {
	p.verdict = &syncml.Status{Code: code, Chal: &syncml.Chal{Meta: syncml.Meta{
		Format: "b64", Type: syncml.AuthMD5, NextNonce: base64.StdEncoding.EncodeToString([]byte(nonce)),
	}}}
}

// accept has it say that it did; code says for how long, and nonce, if it is not empty, is the one to use then.
func (p *player) accept(code syncml.StatusCode, nonce string) {
	if p.refuse(code, nonce); nonce == "" {
		p.verdict.Chal = nil
	}
}

// proved checks that the last message proves the device under nonce.
func (p *player) proved(nonce string) {
	p.t.Helper()
	c := p.got.Header.Cred
	want, err := p.o.Credential.Digest([]byte(nonce))
	switch {
	case err != nil:
		p.fail("%v", err)
	case c == nil:
		p.t.Errorf("A07 A10: message %s has no Cred", p.got.Header.MsgID)
	case strings.TrimSpace(c.Meta.Type) != syncml.AuthMD5 || strings.TrimSpace(c.Meta.Format) != "b64":
		p.t.Errorf("A07 A16: Cred of Type %q and Format %q, want %q and b64", c.Meta.Type, c.Meta.Format, syncml.AuthMD5)
	case strings.TrimSpace(c.Data) != base64.StdEncoding.EncodeToString(want[:]):
		p.t.Errorf("A03 A12: the digest is not the one under the nonce of the last challenge")
	case p.got.Header.Source.Name != p.o.Credential.Name:
		p.t.Errorf("A04: LocName of the Source is %q, want the user name %q", p.got.Header.Source.Name, p.o.Credential.Name)
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
