package session

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/syncml"
)

// Server is an http.Handler that runs the server side of OMA DM. Fields must not change after the first request; all of
// them but ID and Auth may be left alone.
//
// It is safe for concurrent use, and starts no goroutines: a message is handled on the goroutine of its request, and
// between two messages a session exists in the Store only.
type Server struct {
	ID      string             // this server's address, as devices know it; empty: as each device addresses it
	Handler Handler            // nil: only what is queued is sent
	Auth    auth.Authenticator // nil: every device is refused
	Sign    auth.Signer        // nil: replies carry no credentials of the server's
	Store   Store              // nil: memory
	Profile Profile            // Windows unless said otherwise
	Limits  Limits             // zero fields: the defaults
	Trace   *Trace             // nil: nobody watches
	Logger  *slog.Logger       // nil: slog.Default()

	engine engine
}

// ServeHTTP answers one message. What goes wrong below the protocol is an HTTP status: 400 for what is no message, 405,
// 413 and 415; 500 asks the device to try again. A device that is refused gets its answer in a message, with HTTP
// status 200: Windows takes a 401 of HTTP for the end of its enrollment.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	reply := s.serve(r)
	h := w.Header()
	for name, values := range reply.HTTP {
		h[name] = values
	}
	h.Set("Content-Length", strconv.Itoa(len(reply.Body)))
	w.WriteHeader(reply.Status)
	w.Write(reply.Body)
}

func (s *Server) serve(r *http.Request) *Reply {
	if r.Method != http.MethodPost {
		reply := plainReply(http.StatusMethodNotAllowed, "want POST")
		reply.HTTP.Set("Allow", http.MethodPost)
		return reply
	}
	limit := s.Limits.withDefaults().Message
	body, err := readBody(r.Body, r.ContentLength, limit)
	if errors.Is(err, syncml.ErrTooLarge) {
		return plainReply(http.StatusRequestEntityTooLarge, "want at most "+strconv.FormatInt(limit, 10)+" bytes")
	} else if err != nil {
		return plainReply(http.StatusBadRequest, "the body ended early")
	}
	remote, _ := netip.ParseAddrPort(r.RemoteAddr)
	reply, err := s.Exchange(r.Context(), time.Now(), &Exchange{
		URL: r.URL.String(), HTTP: r.Header, Body: body, TLS: r.TLS, Remote: remote,
	})
	if err != nil {
		l := s.logger()
		if e, ok := errors.AsType[*exchangeError](err); ok {
			l, err = l.With("device", e.device, "session", e.session, "msg", e.msg), e.err
		}
		l.ErrorContext(r.Context(), "message not handled", "remote", r.RemoteAddr, "err", err)
		return plainReply(http.StatusInternalServerError, "try again later")
	}
	return reply
}

// Shutdown lets no more messages in, which are answered 503, and waits until those that are being handled have been
// answered, or until ctx ends. Sessions go on with another server, or this one's successor, over the same Store.
func (s *Server) Shutdown(ctx context.Context) error { return s.engine.shutdown(ctx) }

func (s *Server) logger() *slog.Logger {
	if s.Logger == nil {
		return slog.Default()
	}
	return s.Logger
}

func (s *Server) store() Store {
	if s.Store != nil {
		return s.Store
	}
	s.engine.mu.Lock()
	defer s.engine.mu.Unlock()
	if s.engine.memory == nil {
		s.engine.memory = new(MemoryStore)
	}
	return s.engine.memory
}
