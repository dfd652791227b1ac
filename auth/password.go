package auth

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/omadm-sdk/omadm/syncml"
)

// Password authenticates by name and password, in one of the [Scheme]s: a server its devices, or a device its server.
//
// A peer without credentials is answered 407, one with wrong ones 401, both with a challenge whose nonce is new; known
// and unknown peers cannot be told apart by it. It may try again twice in a session, counted from the last message that
// was accepted. A nonce is good for one message.
//
// Fields must not change after the first call. Password is safe for concurrent use.
type Password struct {
	// Scheme is the one demanded; others are refused even where the credentials are right.
	Scheme Scheme

	// Credentials looks peers up. If nil, everybody is refused.
	Credentials Credentials

	// WholeSession answers 212: the peer proves itself once, and its later messages in the session need no
	// credentials. Whoever knows its ID and the session's can then speak for it, so this is for connections that prove
	// the device by themselves (see [All]). It does not apply to HMAC. If false, each message needs credentials.
	WholeSession bool

	// Key makes the nonces of challenges: 16 octets or more, the same on every node that may get the next message. If
	// nil, it is made at the first use and known to this process only: a device that is being challenged while the
	// process restarts is then challenged once more.
	Key []byte

	once   sync.Once
	key    []byte
	nobody Credential             // what unknown peers are compared with
	slow   atomic.Pointer[Secret] // a secret made by Hashed that a lookup returned: comparing with it takes time
}

// setUp makes what the fields leave out.
func (p *Password) setUp() {
	p.key = p.Key
	if p.key == nil {
		p.key = newNonce()
	}
	p.nobody = Credential{Name: rand.Text(), Secret: Plain(rand.Text())}
}

// attempts is how many messages in a row may be refused with a challenge: the one that carried no credentials or
// a nonce out of date, and one more, for which OMA-TS-DM_Security wants a nonce that is fresh.
const attempts = 2

// Authenticate implements [Authenticator].
func (p *Password) Authenticate(ctx context.Context, r *Request) (*Result, error) {
	p.once.Do(p.setUp)
	peer := r.Message.Source.URI
	creds, err := p.lookUp(ctx, peer)
	if err != nil && !errors.Is(err, ErrUnknown) {
		return nil, fmt.Errorf("auth: credentials of %q: %w", peer, err)
	}
	known := len(creds) > 0
	if !known {
		creds = []Credential{p.nobody}
	}

	v := &visit{Password: p, r: r}
	v.last.read(r.State)
	v.msg, _ = strconv.ParseUint(r.Message.MsgID, 10, 32)
	v.going = !r.First && len(r.State) > 0 && v.last.session == r.Message.SessionID

	if known && v.going && v.last.whole {
		// Answered 212 before. Credentials that come nevertheless prove nothing more.
		id := &Identity{Device: peer, User: v.last.user}
		return &Result{Identity: id, Status: syncml.StatusOK, State: r.State}, nil
	}
	found, err := v.match(creds)
	switch {
	case err != nil:
		return v.refuse(err), nil
	case !known:
		return v.refuse(ErrUnknown), nil
	case found == nil:
		return v.refuse(ErrMismatch), nil
	}
	return v.accept(found, creds[0].Nonce), nil
}

// lookUp asks for the credentials of a peer and takes note of what comparing with them costs.
func (p *Password) lookUp(ctx context.Context, peer string) ([]Credential, error) {
	if p.Credentials == nil {
		return nil, ErrUnknown
	}
	creds, err := p.Credentials(ctx, peer)
	if err != nil {
		return nil, err
	}
	for i := range creds {
		if s := creds[i].Secret; s.kind == secretBcrypt && p.slow.Load() == nil {
			p.slow.Store(&s)
		}
	}
	return creds, nil
}

// A visit is one message on its way through Password.
type visit struct {
	*Password
	r     *Request
	last  seen
	msg   uint64 // the message's number; 0: none that counts
	going bool   // the session has had a message accepted
}

// match returns the credential that the message proves; nil if it is none of creds.
func (v *visit) match(creds []Credential) (*Credential, error) {
	cred := v.r.Message.Cred
	mac, hasMAC, macErr := readMAC(v.r.HTTP)
	if v.Scheme == HMAC {
		switch {
		case !hasMAC && cred == nil:
			return nil, ErrMissing
		case !hasMAC:
			return nil, ErrScheme
		case cred != nil:
			return nil, fmt.Errorf("%w: %s together with Cred", ErrScheme, headerMAC)
		case macErr != nil:
			return nil, macErr
		case mac.username != v.r.Message.Source.Name:
			return nil, fmt.Errorf("%w: username of %s is not the LocName of the Source", ErrMismatch, headerMAC)
		}
		sum := md5.Sum(v.r.Body)
		hash := base64.StdEncoding.EncodeToString(sum[:])
		return v.matchDigest(creds, mac.mac, func(c Credential, nonce []byte) ([md5.Size]byte, error) {
			d, err := c.mac(nonce, hash)
			if c.Name != mac.username {
				err = ErrMismatch
			}
			return d, err
		}), nil
	}
	if cred == nil {
		return nil, ErrMissing
	}
	if s, ok := schemeOf(strings.TrimSpace(cred.Meta.Type)); !ok || s != v.Scheme {
		return nil, fmt.Errorf("%w: want %s", ErrScheme, v.Scheme)
	}
	if v.Scheme == Basic {
		name, password, err := readBasic(cred)
		if err != nil {
			return nil, err
		}
		return v.matchBasic(creds, name, password), nil
	}
	d, err := readDigest(cred)
	if err != nil {
		return nil, err
	}
	return v.matchDigest(creds, d, Credential.Digest), nil
}

// matchBasic compares with each of creds, whichever matches.
func (v *visit) matchBasic(creds []Credential, name, password string) (found *Credential) {
	hashed := false
	for i := range creds {
		c := &creds[i]
		hashed = hashed || c.Secret.kind == secretBcrypt
		if c.Secret.is(c.Name, password) && equal(c.Name, name) && found == nil {
			found = c
		}
	}
	if slow := v.slow.Load(); slow != nil && !hashed {
		slow.is(name, password) // so that unknown peers take as long as known ones
	}
	return found
}

// matchDigest compares got with the digest of each of creds under each nonce that is good, whichever matches.
func (v *visit) matchDigest(creds []Credential, got [md5.Size]byte,
	digest func(Credential, []byte) ([md5.Size]byte, error)) (found *Credential) {
	nonces := v.nonces(creds[0].Nonce)
	for i := range creds {
		c := &creds[i]
		for _, n := range nonces {
			// An absent nonce is compared like any other, so that the time tells nothing of a peer's history.
			d, err := digest(*c, n)
			same := subtle.ConstantTimeCompare(d[:], got[:]) == 1
			if same && err == nil && len(n) > 0 && found == nil {
				found = c
			}
		}
	}
	return found
}

// nonces returns the nonces that are good for the message, the absent ones empty. first is the one that the peer got
// with its password; it holds until a message has been accepted.
func (v *visit) nonces(first []byte) [4][]byte {
	if bytes.Equal(first, v.last.first) {
		first = nil
	}
	now := period(v.r.now())
	return [4][]byte{v.last.next, first, v.challengeNonce(v.msg-1, now), v.challengeNonce(v.msg-1, now-1)}
}

func (v *visit) challengeNonce(msg uint64, period int64) []byte {
	return challengeNonce(v.key, v.r.Message.Source.URI, v.r.Message.SessionID, msg, period, v.last.next)
}

// accept returns the verdict on a message that c proves; first is as in nonces, and over.
func (v *visit) accept(c *Credential, first []byte) *Result {
	res := &Result{
		Identity: &Identity{Device: v.r.Message.Source.URI, User: c.Name},
		Status:   syncml.StatusOK,
	}
	whole := v.WholeSession && v.Scheme != HMAC
	if whole {
		res.Status = syncml.StatusAuthenticated
	}
	s := seen{session: v.r.Message.SessionID, msg: v.msg, whole: whole, user: c.Name, first: first}
	if v.Scheme != Basic {
		s.next = newNonce()
		res.Challenge = challenge(v.Scheme, s.next)
	}
	res.State = s.append(nil)
	return res
}

// refuse returns the verdict on a message that proves nothing, with a challenge if the peer may try again.
func (v *visit) refuse(reason error) *Result {
	res := refuse(reason)
	if errors.Is(reason, ErrMissing) {
		res.Status = syncml.StatusCredentialsRequired
	}
	before := uint64(0) // number of the last message that was accepted in the session
	if v.going {
		before = v.last.msg
	}
	nth := v.msg - before // it is the nth in a row; huge if the numbers make no sense
	switch {
	case nth == 0, nth > attempts:
		return res
	case errors.Is(reason, ErrScheme) && (nth > 1 || v.going):
		return res // the scheme had been demanded (OMA-TS-DM_Security, "Authentication")
	case v.Scheme == HMAC && v.going && errors.Is(reason, ErrMissing):
		return res // once used it must be used to the end of the session (OMA-TS-DM_Security, "Integrity")
	}
	res.Challenge = challenge(v.Scheme, v.challengeNonce(v.msg, period(v.r.now())))
	return res
}

// seen is what Password keeps of a peer between two messages.
type seen struct {
	session string // in which the last message was accepted
	msg     uint64 // its number
	whole   bool   // the rest of the session needs no credentials
	user    string // that it proved to be
	first   []byte // nonce that came with the password, no longer good
	next    []byte // nonce for the next message, or the next session's first
}

const seenVersion = 1

// append appends the stored form: a version, a flag, and the rest in this order.
func (s *seen) append(b []byte) []byte {
	b = append(b, seenVersion)
	if s.whole {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	b = appendText(b, s.session)
	b = binary.AppendUvarint(b, s.msg)
	b = appendText(b, s.user)
	b = appendText(b, string(s.first))
	return appendText(b, string(s.next))
}

// read reads the stored form. Of anything else it makes the state of a peer that was never seen.
func (s *seen) read(b []byte) {
	if len(b) < 2 || b[0] != seenVersion {
		return
	}
	r := reader{b: b[2:]}
	v := seen{whole: b[1] == 1, session: string(r.bytes()), msg: r.uvarint(), user: string(r.bytes())}
	v.first, v.next = r.bytes(), r.bytes()
	if !r.bad {
		*s = v
	}
}
