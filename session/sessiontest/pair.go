package sessiontest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

// A Pair is a server and one device of its own, joined without sockets. Both may be changed before the first Run.
type Pair struct {
	Server *session.Server
	Client *session.Client

	// Handler, if not nil, gets the messages in place of Server: a proxy, or several servers in turn.
	Handler http.Handler

	// Fault, if not nil, is asked about each message that the device sends, counted from 1 over the life of the Pair.
	Fault func(n int) Fault

	t     testing.TB
	mu    sync.Mutex
	n     int
	trace strings.Builder
	watch *watch
}

// A Fault is what happens to a message, or to its answer, on the way.
type Fault int

const (
	None        Fault = iota // the message and its answer arrive
	LoseRequest              // the server does not get the message
	LoseReply                // the device does not get the answer
	Double                   // the server gets the message twice, the device the second answer
	CutReply                 // the device gets the first half of the answer
)

// New returns a server with the handler h and a device with the given tree, "device-1", which trust each other. The
// test fails when either end breaks the protocol.
func New(t testing.TB, h session.Handler, tree dmtree.Provider) *Pair {
	t.Helper()
	p := &Pair{t: t}
	p.watch = newWatch(func(format string, args ...any) {
		t.Helper()
		t.Errorf("sessiontest: "+format+"\n%s", append(args, p.trace.String())...)
	})
	log := slog.New(slog.NewTextHandler(traceWriter{p}, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
	p.Server = &session.Server{ID: "https://dm.example/dm", Handler: h, Auth: Trust{}, Logger: log}
	p.Client = &session.Client{
		URL:    p.Server.ID,
		ID:     "device-1",
		Tree:   tree,
		HTTP:   &http.Client{Transport: p},
		Logger: log,
	}
	return p
}

// Trust is an Authenticator that takes every device for what it claims to be. It is for tests only.
type Trust struct{}

// Authenticate accepts the message.
func (Trust) Authenticate(_ context.Context, r *auth.Request) (*auth.Result, error) {
	return &auth.Result{Identity: &auth.Identity{Device: r.Message.Source.URI}}, nil
}

// Run holds a session that the device starts. The test fails if it ends with an error.
func (p *Pair) Run(ctx context.Context) *session.Summary {
	p.t.Helper()
	sum, err := p.Client.Run(ctx, nil)
	if err != nil {
		p.t.Errorf("sessiontest: session: %v\n%s", err, p.Trace())
	}
	return sum
}

// Trace returns what was said so far, one line per command, with what both ends logged.
func (p *Pair) Trace() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.trace.String()
}

type traceWriter struct{ p *Pair }

func (w traceWriter) Write(b []byte) (int, error) {
	w.p.mu.Lock()
	defer w.p.mu.Unlock()
	w.p.trace.WriteString("log " + string(b))
	return len(b), nil
}

// RoundTrip carries a message to the server and the answer back.
func (p *Pair) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.n++
	n := p.n
	p.mu.Unlock()
	fault := None
	if p.Fault != nil {
		fault = p.Fault(n)
	}
	var h http.Handler = p.Server
	if p.Handler != nil {
		h = p.Handler
	}
	p.note("device", req.Header, body)
	if fault == LoseRequest {
		p.noteText("lost\n")
		return nil, errors.New("sessiontest: message lost")
	}
	var res *http.Response
	for range 1 + btoi(fault == Double) {
		again := req.Clone(req.Context())
		again.Body = io.NopCloser(strings.NewReader(string(body)))
		again.RequestURI = req.URL.RequestURI()
		res = serve(h, again)
	}
	reply := readAll(res)
	if res.StatusCode == http.StatusOK {
		p.note("server", res.Header, reply)
	} else {
		p.noteText("server: HTTP " + strconv.Itoa(res.StatusCode) + " " + string(reply))
	}
	switch fault {
	case LoseReply:
		p.noteText("lost\n")
		return nil, errors.New("sessiontest: answer lost")
	case CutReply:
		p.noteText("cut\n")
		res.Body = io.NopCloser(io.MultiReader(strings.NewReader(string(reply[:len(reply)/2])), failingReader{}))
	}
	return res, nil
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (p *Pair) noteText(s string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trace.WriteString(s)
}

// note adds a message to the trace, and has it judged.
func (p *Pair) note(from string, h http.Header, body []byte) {
	enc, _ := syncml.EncodingOf(h.Get("Content-Type"))
	m, err := syncml.Unmarshal(body, &syncml.DecoderOptions{Encoding: enc, Strict: true})
	p.mu.Lock()
	if err != nil {
		p.trace.WriteString(from + ": " + err.Error() + "\n" + string(body) + "\n")
	} else {
		p.trace.WriteString(from + ": session " + m.Header.SessionID + " message " + m.Header.MsgID + ", " +
			strconv.Itoa(len(body)) + " bytes of " + enc.String() + "\n")
		for l := range strings.Lines(Outline(m)) {
			p.trace.WriteString("  " + l)
		}
	}
	p.mu.Unlock()
	switch {
	case err != nil:
		p.watch.fail("%s: %v", from, err)
	case from == "device":
		p.watch.device(m, body)
	default:
		p.watch.server(m, body)
	}
}
