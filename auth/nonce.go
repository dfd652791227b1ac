package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/omadm-sdk/omadm/syncml"
)

// nonceSize is the length of the nonces that we make, in octets: 128 bits, as OMA-TS-DM_Security recommends at least.
const nonceSize = 16

// challengeLife is how long the nonce of a challenge holds at least; at most it holds twice as long.
const challengeLife = 5 * time.Minute

// newNonce returns a nonce that nobody can foretell.
func newNonce() []byte {
	n := make([]byte, nonceSize)
	rand.Read(n) // never fails
	return n
}

// challengeNonce returns the nonce that goes with the refusal of message msg and is good for the message after it.
//
// It is computed, not stored, so that a refusal leaves no trace: strangers cannot fill the store with challenges, nor
// replace the nonce that a device is about to use. It is good once all the same, since it depends on next, the nonce
// that every accepted message replaces.
func challengeNonce(key []byte, peer, session string, msg uint64, period int64, next []byte) []byte {
	h := hmac.New(sha256.New, key)
	var b []byte
	b = appendText(b, peer)
	b = appendText(b, session)
	b = binary.AppendUvarint(b, msg)
	b = binary.AppendVarint(b, period)
	b = appendText(b, string(next))
	h.Write(b)
	return h.Sum(nil)[:nonceSize]
}

// period numbers the stretches of time of which a challenge's nonce bears one.
func period(t time.Time) int64 { return t.Unix() / int64(challengeLife/time.Second) }

// challenge returns the Chal for a scheme; a nil nonce is left out, and Basic has none.
func challenge(s Scheme, nonce []byte) *syncml.Chal {
	c := &syncml.Chal{Meta: syncml.Meta{Format: "b64", Type: s.String()}}
	if s != Basic && nonce != nil {
		c.Meta.NextNonce = base64.StdEncoding.EncodeToString(nonce)
	}
	return c
}

// appendText appends s behind its length.
func appendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// A reader takes apart what the append functions of this package put together. It reads zeros once anything is wrong.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		*r = reader{bad: true}
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		*r = reader{bad: true}
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}
