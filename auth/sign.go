package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/omadm-sdk/omadm/syncml"
)

// PasswordSigner signs by name and password: a device for its server, or a server for its devices.
//
// It sends a digest when it knows a nonce: one that the peer sent last, or the Nonce of the [Credential]. Without one it
// waits for the challenge. Two messages in a row that are refused with credentials in them are the end (see [ErrRefused]).
// It is a [Judged], and safe for concurrent use.
type PasswordSigner struct {
	// Scheme is the one to use until the peer demands another. It is also the weakest to be given away: a peer that
	// demands Basic of a device that is set to MD5 gets nothing. From weak to strong they are Basic, MD5, HMAC.
	Scheme Scheme

	// Credentials looks up what to use for a peer. If nil, or where it knows none, nothing is added to the message.
	Credentials Credentials
}

// Sign implements [Signer].
func (p *PasswordSigner) Sign(ctx context.Context, m *Outgoing) error {
	var s sent
	s.read(m.State)
	if m.First {
		s = sent{next: s.next}
	}
	c, err := p.lookUp(ctx, m.Header.Target.URI, &s)
	if err != nil {
		return err
	}
	s.signed = false
	if c != nil && !s.whole {
		err = p.add(m, c, &s)
	}
	m.State = s.append(nil)
	return err
}

// lookUp returns the credential that the session began with, or else the current one; nil if there is none.
func (p *PasswordSigner) lookUp(ctx context.Context, peer string, s *sent) (*Credential, error) {
	if p.Credentials == nil {
		return nil, nil
	}
	creds, err := p.Credentials(ctx, peer)
	switch {
	case errors.Is(err, ErrUnknown):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("auth: credentials for %q: %w", peer, err)
	}
	for i := range creds {
		if creds[i].tag() == s.tag {
			return &creds[i], nil
		}
	}
	if len(creds) == 0 {
		return nil, nil
	}
	return &creds[0], nil
}

// add adds what c proves to the message.
func (p *PasswordSigner) add(m *Outgoing, c *Credential, s *sent) error {
	scheme := p.Scheme
	if s.asked {
		scheme = s.scheme
	}
	nonce := s.nonce
	if len(nonce) == 0 {
		nonce = s.next
	}
	if len(nonce) == 0 {
		nonce = c.Nonce
	}
	if scheme != Basic {
		m.Header.Source.Name = c.Name
		if len(nonce) == 0 && !s.asked {
			return nil // a digest without nonce would be the same each time
		}
	}
	s.scheme, s.signed, s.tag = scheme, true, c.tag()
	s.tries++
	if scheme != HMAC {
		cred, err := c.cred(scheme, nonce)
		if err != nil {
			return fmt.Errorf("auth: sign for %q: %w", m.Header.Target.URI, err)
		}
		m.Header.Cred = cred
		return nil
	}
	if strings.ContainsFunc(c.Name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fmt.Errorf("auth: sign for %q: a user name with control characters does not fit into an HTTP header",
			m.Header.Target.URI)
	}
	h, name, credential := m.HTTP, c.Name, *c
	m.Seal = func(body []byte) error {
		mac, err := credential.MAC(nonce, body)
		if err != nil {
			return err
		}
		h.Set(headerMAC, macHeader{name, mac}.String())
		return nil
	}
	return nil
}

// Judge implements [Judged].
func (p *PasswordSigner) Judge(_ context.Context, v *Verdict) ([]byte, error) {
	var s sent
	s.read(v.State)
	if v.Status == nil {
		return v.State, nil
	}
	var nonce []byte
	if c := v.Status.Chal; c != nil {
		n, err := decodeBase64(c.Meta.NextNonce)
		if err != nil || len(n) > maxNonce {
			return v.State, fmt.Errorf("%w: NextNonce is not base64 of at most %d octets", ErrRefused, maxNonce)
		}
		nonce = n
	}
	var err error
	switch v.Status.Code {
	case syncml.StatusOK, syncml.StatusAuthenticated:
		err = s.accepted(v, nonce)
	case syncml.StatusInvalidCredentials, syncml.StatusCredentialsRequired:
		err = p.refused(v, nonce, &s)
	default:
		return v.State, nil
	}
	if err != nil {
		return v.State, err
	}
	return s.append(nil), nil
}

// maxNonce limits the nonces that we take, in octets. Those in use have 10 to 32.
const maxNonce = 256

// accepted notes that the peer was content.
func (s *sent) accepted(v *Verdict, nonce []byte) error {
	if s.signed && s.scheme == HMAC && (v.Status.Code != syncml.StatusOK || len(nonce) == 0) {
		return fmt.Errorf("%w: want status 200 and a nonce after HMAC, got %d", ErrRefused, v.Status.Code)
	}
	s.tries = 0
	s.proved = s.proved || s.signed
	s.whole = s.whole || s.signed && v.Status.Code == syncml.StatusAuthenticated
	if len(nonce) == 0 {
		return nil
	}
	s.nonce = nonce
	if v.Trusted {
		s.next = nonce
	}
	return nil
}

// refused notes what the peer demands, if there is any use in trying again.
func (p *PasswordSigner) refused(v *Verdict, nonce []byte, s *sent) error {
	chal := v.Status.Chal
	if chal == nil {
		return fmt.Errorf("%w: status %d without challenge", ErrRefused, v.Status.Code)
	}
	scheme, ok := schemeOf(strings.TrimSpace(chal.Meta.Type))
	switch {
	case !ok:
		return fmt.Errorf("%w: it demands %q", ErrRefused, chal.Meta.Type)
	case scheme.strength() < p.Scheme.strength():
		return fmt.Errorf("%w: it demands %s, want %s or better", ErrRefused, scheme, p.Scheme)
	case s.proved && scheme != s.scheme:
		return fmt.Errorf("%w: it demands %s after it has accepted %s in this session", ErrRefused, scheme, s.scheme)
	case s.signed && scheme == Basic && s.scheme == Basic:
		return fmt.Errorf("%w: it does not accept name and password", ErrRefused)
	case s.tries >= attempts:
		return fmt.Errorf("%w: %d attempts have failed", ErrRefused, s.tries)
	}
	s.asked, s.scheme, s.whole = true, scheme, false
	if len(nonce) > 0 {
		s.nonce = nonce
		if v.Trusted {
			s.next = nonce
		}
	}
	return nil
}

// strength orders the schemes.
func (s Scheme) strength() int {
	switch s {
	case Basic:
		return 0
	case MD5:
		return 1
	default:
		return 2
	}
}

// sent is what PasswordSigner keeps between two messages. What is not next ends with the session.
type sent struct {
	scheme Scheme
	asked  bool // scheme is what the peer demands
	signed bool // the last message had credentials
	proved bool // some of them were accepted
	whole  bool // by 212: no more are needed
	tries  uint64
	tag    [tagSize]byte
	nonce  []byte // for the next message
	next   []byte // for the next session; from peers that are trusted only
}

const sentVersion = 1

func (s *sent) append(b []byte) []byte {
	var flags byte
	for i, f := range []bool{s.asked, s.signed, s.proved, s.whole} {
		if f {
			flags |= 1 << i
		}
	}
	b = append(b, sentVersion, byte(s.scheme), flags, byte(min(s.tries, 255)))
	b = append(b, s.tag[:]...)
	b = appendText(b, string(s.nonce))
	return appendText(b, string(s.next))
}

func (s *sent) read(b []byte) {
	if len(b) < 4+tagSize || b[0] != sentVersion || int(b[1]) >= len(schemes) {
		return
	}
	r := reader{b: b[4+tagSize:]}
	v := sent{
		scheme: Scheme(b[1]), tries: uint64(b[3]),
		asked: b[2]&1 != 0, signed: b[2]&2 != 0, proved: b[2]&4 != 0, whole: b[2]&8 != 0,
		tag: [tagSize]byte(b[4:]), nonce: r.bytes(), next: r.bytes(),
	}
	if !r.bad {
		*s = v
	}
}
