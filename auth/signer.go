package auth

import (
	"context"
	"net/http"

	"github.com/omadm-sdk/omadm/syncml"
)

// A Signer adds proof of who we are to the messages that we send: a device's to its server, or a server's to a device.
// Sign may be called concurrently for different peers. An engine without Signer sends no credentials of its own and
// relies on what the connection proves. A message that refuses its recipient is not signed: nobody but the peer itself
// should get material to guess passwords from.
//
// A Signer that needs to know how its credentials were received, because the peer hands out nonces, is also a [Judged].
type Signer interface {
	Sign(ctx context.Context, m *Outgoing) error
}

// Outgoing is a message on its way out. The engine fills it in and calls Sign before the message is encoded, then Seal,
// if Sign left one, with the encoded octets, and then sends those octets unchanged together with HTTP. A message that
// must be sent again goes out with the same octets and the same HTTP fields.
type Outgoing struct {
	// Header is the SyncHdr to be sent, complete but for what a Signer may set: Cred and Source.Name.
	// Its Target is the peer.
	Header *syncml.Header

	// HTTP takes header fields that accompany the message. It must not be nil.
	HTTP http.Header

	// First says that this is our first message of the session.
	First bool

	// State is what the Signer left here the last time for this peer, in this or an earlier session; nil at first.
	// The engine commits it with the message.
	State []byte

	// Seal adds what covers the whole message, to HTTP. Nil if there is nothing of the kind.
	Seal func(body []byte) error
}

// Judged is a [Signer] that wants to know how the peer received its credentials.
type Judged interface {
	Signer

	// Judge is called with the Status of our last SyncHdr, once it has arrived, and returns the new State. An error
	// that is [ErrRefused] says that repeating the message would be of no use; the session is to be ended.
	Judge(ctx context.Context, v *Verdict) (state []byte, err error)
}

// A Verdict is a peer's answer to the credentials of our last message.
type Verdict struct {
	Peer   string         // who answered, as in the Source of its message
	Status *syncml.Status // the Status of our SyncHdr, with its Chal
	State  []byte         // as in Outgoing

	// Trusted says that the peer has itself been authenticated, by its credentials or by the connection. A nonce from
	// a peer that is not trusted is used, but does not outlive the session (OMA-TS-DM_Security, "Authentication").
	Trusted bool
}

// Judge tells s how its credentials were received, and returns the State to commit: v.State if s is not a [Judged], or
// is nil. A peer that keeps refusing what a plain Signer adds is told apart by the engine's own limit on attempts.
func Judge(ctx context.Context, s Signer, v *Verdict) (state []byte, err error) {
	if j, ok := s.(Judged); ok {
		return j.Judge(ctx, v)
	}
	return v.State, nil
}
