package auth

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"golang.org/x/crypto/bcrypt"

	"github.com/omadm-sdk/omadm/syncml"
)

// A Scheme is a way to prove knowledge of a password. The zero Scheme is [MD5].
type Scheme uint8

const (
	MD5   Scheme = iota // digest of name, password and a nonce, in the SyncHdr
	Basic               // name and password as they are, in the SyncHdr; only over TLS
	HMAC                // digest that also covers the message, in the HTTP header x-syncml-hmac
)

// schemes holds the names by which Meta.Type of Cred and Chal knows the schemes.
var schemes = [...]string{MD5: syncml.AuthMD5, Basic: syncml.AuthBasic, HMAC: syncml.AuthMAC}

// String returns the name on the wire, such as "syncml:auth-md5".
func (s Scheme) String() string {
	if int(s) < len(schemes) {
		return schemes[s]
	}
	return fmt.Sprintf("Scheme(%d)", uint8(s))
}

// schemeOf returns the scheme with the given name. Peers differ in the case of "auth-MAC".
func schemeOf(name string) (Scheme, bool) {
	for s, n := range schemes {
		if strings.EqualFold(n, name) {
			return Scheme(s), true
		}
	}
	return 0, false
}

// A Credential is a user name and what is known of its password. It prints as its name only.
type Credential struct {
	Name   string
	Secret Secret

	// Nonce is the first nonce, where the peer was told one together with the password: AAUTHDATA of a Windows
	// enrollment, decoded. Empty: there is none, and the first digest follows a challenge.
	Nonce []byte
}

// Format implements [fmt.Formatter]: the name alone, whatever the verb.
func (c Credential) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "Credential(%s)", c.Name) }

// LogValue implements [slog.LogValuer]: the name alone.
func (c Credential) LogValue() slog.Value { return slog.StringValue("Credential(" + c.Name + ")") }

// Credentials looks up what is known of a peer, by the URI that its messages bear as their Source: the ID of a device,
// or of a server. It returns ErrUnknown, or an error that wraps it, for a peer that is not known or no longer welcome.
//
// The first credential is the one to use. Others are old ones that are accepted still, while a change of the password
// is on its way: whichever a session began with serves it to its end. The schemes of OMA DM want every device to have a
// password of its own, in each direction.
type Credentials func(ctx context.Context, peer string) ([]Credential, error)

// Only returns the Credentials of one peer: a device has those of its server. With an empty peer they hold for any.
func Only(peer string, c ...Credential) Credentials {
	return func(_ context.Context, p string) ([]Credential, error) {
		if peer != "" && peer != p {
			return nil, ErrUnknown
		}
		return c, nil
	}
}

// tagSize is the length of the tag of a credential, in octets.
const tagSize = 8

// tag tells the credentials of one peer apart in stored state: the beginning of a hash of what the digests are made of.
// It gives nobody a digest, but lets who reads it test guesses of a password, as who overhears a digest can.
func (c Credential) tag() (t [tagSize]byte) {
	h := sha256.New()
	h.Write([]byte("omadm credential\x00"))
	h.Write(appendText(nil, c.Name))
	if inner, ok := c.Secret.inner(c.Name); ok {
		h.Write([]byte(inner))
	} else {
		h.Write([]byte(c.Secret.text))
	}
	copy(t[:], h.Sum(nil))
	return t
}

// A Secret is what is known of a password. The zero Secret matches nothing. It never prints its content.
type Secret struct {
	kind secretKind
	text string // password, digest or hash, by kind
}

type secretKind uint8

const (
	secretNone secretKind = iota
	secretPlain
	secretDigest // MD5(name ":" password), which is as good as the password in the schemes that use it
	secretBcrypt // serves Basic alone
)

// Plain returns the Secret of a password as it is. It serves every scheme.
func Plain(password string) Secret { return Secret{secretPlain, password} }

// Digested returns the Secret that MD5 and HMAC need: MD5 of name, a colon and password. It also serves to check
// Basic, but not to send it.
func Digested(name, password string) Secret {
	sum := md5.Sum([]byte(name + ":" + password))
	return Secret{secretDigest, string(sum[:])}
}

// Hashed returns a Secret from which nobody gets the password back, by bcrypt. It can check Basic and nothing else, and
// takes some 50 ms of a processor for each message that it checks. Passwords end at 72 bytes.
func Hashed(password string) (Secret, error) {
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.DefaultCost)
	if err != nil {
		return Secret{}, fmt.Errorf("auth: hash a password: %w", err)
	}
	return Secret{secretBcrypt, string(h)}, nil
}

// The marks of stored secrets.
const (
	markDigest = "{md5}"
	markBcrypt = "{bcrypt}"
)

// Stored returns the form in which a Secret goes into a database: "{bcrypt}" and a hash, for one made by [Hashed], or
// "{md5}" and base64 of 16 octets. The latter does not show the password, but is all that MD5 and HMAC need: who reads
// it can pose as the peer. Use a [Vault] around it. One made by [Plain] has no stored form.
func (s Secret) Stored() (string, error) {
	switch s.kind {
	case secretDigest:
		return markDigest + base64.StdEncoding.EncodeToString([]byte(s.text)), nil
	case secretBcrypt:
		return markBcrypt + s.text, nil
	}
	return "", errors.New("auth: store a secret: want one made by Digested or Hashed")
}

// ParseSecret reads what [Secret.Stored] returned.
func ParseSecret(stored string) (Secret, error) {
	if h, ok := strings.CutPrefix(stored, markBcrypt); ok {
		if _, err := bcrypt.Cost([]byte(h)); err != nil {
			return Secret{}, fmt.Errorf("auth: stored secret: %w", err)
		}
		return Secret{secretBcrypt, h}, nil
	}
	if d, ok := strings.CutPrefix(stored, markDigest); ok {
		b, err := base64.StdEncoding.DecodeString(d)
		if err != nil || len(b) != md5.Size {
			return Secret{}, fmt.Errorf("auth: stored secret: want base64 of %d octets after %s", md5.Size, markDigest)
		}
		return Secret{secretDigest, string(b)}, nil
	}
	return Secret{}, fmt.Errorf("auth: stored secret: want one that begins with %s or %s", markDigest, markBcrypt)
}

// Format implements [fmt.Formatter]: nothing of the secret, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, "Secret(hidden)") }

// LogValue implements [slog.LogValuer]: nothing of the secret.
func (s Secret) LogValue() slog.Value { return slog.StringValue("Secret(hidden)") }

// inner returns base64 of MD5(name ":" password), from which every digest starts, if s can give it.
func (s Secret) inner(name string) (string, bool) {
	switch s.kind {
	case secretPlain:
		sum := md5.Sum([]byte(name + ":" + s.text))
		return base64.StdEncoding.EncodeToString(sum[:]), true
	case secretDigest:
		return base64.StdEncoding.EncodeToString([]byte(s.text)), true
	}
	return "", false
}

// is reports whether s is the secret of password.
func (s Secret) is(name, password string) bool {
	switch s.kind {
	case secretPlain:
		return equal(s.text, password)
	case secretDigest:
		sum := md5.Sum([]byte(name + ":" + password))
		return equal(s.text, string(sum[:]))
	case secretBcrypt:
		// The hash sees 72 bytes only: a longer password would match by its beginning.
		return len(password) <= 72 && bcrypt.CompareHashAndPassword([]byte(s.text), []byte(password)) == nil
	}
	return false
}

// equal compares in a time that does not depend on where a and b differ.
func equal(a, b string) bool {
	return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
