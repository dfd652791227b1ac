package session

import (
	"log/slog"

	"github.com/omadm-sdk/omadm/auth"
)

// Server is an http.Handler that runs the server side of OMA DM. Fields must not change after the first request; all of
// them but ID and Auth may be left alone.
//
// It is safe for concurrent use, and starts no goroutines: a message is handled on the goroutine of its request, and
// between two messages a session exists in the Store only.
type Server struct {
	ID      string             // this server's address, as devices know it
	Handler Handler            // nil: only what is queued is sent
	Auth    auth.Authenticator // nil: every device is refused
	Sign    auth.Signer        // nil: replies carry no credentials of the server's
	Store   Store              // nil: memory
	Profile Profile            // Windows unless said otherwise
	Limits  Limits             // zero fields: the defaults
	Trace   *Trace             // nil: nobody watches
	Logger  *slog.Logger       // nil: slog.Default()
}
