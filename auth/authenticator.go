package auth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/omadm-sdk/omadm/syncml"
)

// An Authenticator decides who sent a message. The server's engine asks one about each message of a device, the
// client's engine about each message of a server; peer means the other side in both cases.
//
// The error is for an authenticator that cannot decide, because the records it needs are out of reach, say; the engine
// then answers 500 and keeps what it had. A peer that is refused is a [Result] without Identity and no error.
// Authenticate may be called concurrently. It must not change r, nor keep it. Engines call it through [Authenticate].
type Authenticator interface {
	Authenticate(ctx context.Context, r *Request) (*Result, error)
}

// An AuthenticatorFunc is a function used as an [Authenticator].
type AuthenticatorFunc func(ctx context.Context, r *Request) (*Result, error)

// Authenticate calls f.
func (f AuthenticatorFunc) Authenticate(ctx context.Context, r *Request) (*Result, error) {
	return f(ctx, r)
}

// A Request is what a peer presented with one message.
type Request struct {
	// Message is the SyncHdr of the message. Its Source is who the peer claims to be, its Cred the proof, if any.
	Message *syncml.Header

	// HTTP holds the header fields the message came with; nil over a transport without any.
	HTTP http.Header

	// Body is the message as it came, before decoding: the octets that an HMAC covers.
	Body []byte

	// TLS is the connection the message came over; nil without TLS.
	TLS *tls.ConnectionState

	// Remote is the other end of that connection, which may be a proxy's. The zero value is no address.
	Remote netip.AddrPort

	// First says that no message of this session has been accepted yet. Messages that were refused do not count.
	First bool

	// State is what this authenticator returned with the last message that it accepted from this peer, in this or an
	// earlier session; nil at first. An engine that gets the octets of an accepted message again, and will answer with
	// the reply it kept, has them judged anew on the State of the first time, and keeps nothing of the result.
	State []byte

	// Now is the time at which the message is judged. The zero value means the present.
	Now time.Time
}

// now returns r.Now, or the present.
func (r *Request) now() time.Time {
	if r.Now.IsZero() {
		return time.Now()
	}
	return r.Now
}

// A Result is the verdict on one message. The engine puts Status and Challenge into the Status of the SyncHdr and needs
// to know no scheme for it:
//
//   - With an Identity the message is accepted. Status is 200 or, where the peer need not send its credentials again in
//     this session, 212. The engine commits State together with the outcome of the message.
//   - Without Identity and with a Challenge the message is refused: each of its commands is answered with Status, none
//     is executed, and the peer may try again in the next message of the session.
//   - Without either the session is over, after the same answer.
//
// A message that is refused changes nothing that is stored, so nobody can use up the nonce or the attempts of another.
type Result struct {
	Identity  *Identity         // who sent the message; nil: refused
	Status    syncml.StatusCode // zero: 200 with an Identity, 401 without
	Challenge *syncml.Chal      // what the peer should prove itself with, next time or again; nil: nothing
	State     []byte            // replaces Request.State once the message has been dealt with
	Reason    error             // why it was refused, for the log; never sent to the peer
}

// An Identity is a peer that has proved itself.
type Identity struct {
	Device      string            // its ID, equal to the Source of its messages; on a device: the server's ID
	User        string            // the user name of its credentials, or what a token said; often empty
	Certificate *x509.Certificate // its certificate, if that was a proof
}

// Authenticate asks a, and holds every authenticator to the rules that [Result] states: nil, as well as one that
// answers nothing, refuses everybody, an Identity must be the one that the message claims, a missing Status is filled
// in, and State counts only for a message that was accepted.
func Authenticate(ctx context.Context, a Authenticator, r *Request) (*Result, error) {
	if a == nil {
		return refuse(errors.New("no authenticator is configured")), nil
	}
	if r.Message == nil {
		return refuse(errors.New("the message has no header")), nil
	}
	res, err := a.Authenticate(ctx, r)
	if err != nil {
		return nil, err
	}
	if res == nil {
		return refuse(fmt.Errorf("%T gave no verdict", a)), nil
	}
	out := *res
	if id := out.Identity; id != nil && id.Device != r.Message.Source.URI {
		out = *refuse(fmt.Errorf("%w: it is %q and claims to be %q", ErrDevice, id.Device, r.Message.Source.URI))
	}
	if out.Identity == nil {
		out.State = nil
	}
	if out.Status == 0 {
		out.Status = syncml.StatusInvalidCredentials
		if out.Identity != nil {
			out.Status = syncml.StatusOK
		}
	}
	return &out, nil
}

// refuse returns the verdict that ends the session.
func refuse(reason error) *Result {
	return &Result{Status: syncml.StatusInvalidCredentials, Reason: reason}
}
