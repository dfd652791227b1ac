package auth

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/omadm-sdk/omadm/syncml"
)

// Limits on what a peer presents before anything is known of it, in bytes. Names and digests are far shorter.
const (
	maxCred = 4 << 10 // Data of a Cred
	maxMAC  = 2 << 10 // x-syncml-hmac, all of its lines
)

// headerMAC is the HTTP header of HMAC (OMA-TS-DM_Security, "Integrity").
const headerMAC = "X-Syncml-Hmac"

// errNoDigest is a Secret that is empty, or kept as a hash of its own.
var errNoDigest = errors.New("auth: no digest can be made of an empty or hashed secret")

// Digest returns the digest of the scheme [MD5]: MD5(B64(MD5(name:password)):nonce). The nonce is octets, not base64.
func (c Credential) Digest(nonce []byte) ([md5.Size]byte, error) {
	inner, ok := c.Secret.inner(c.Name)
	if !ok {
		return [md5.Size]byte{}, errNoDigest
	}
	b := make([]byte, 0, len(inner)+1+len(nonce))
	b = append(b, inner...)
	b = append(b, ':')
	return md5.Sum(append(b, nonce...)), nil
}

// MAC returns the code of the scheme [HMAC] over the octets of a body: MD5(B64(MD5(name:password)):nonce:B64(MD5(body))).
// It is no HMAC of RFC 2104, whatever its name says. The digest of a notification (package 0) is the same code, over its
// trigger.
func (c Credential) MAC(nonce, body []byte) ([md5.Size]byte, error) {
	sum := md5.Sum(body)
	return c.mac(nonce, base64.StdEncoding.EncodeToString(sum[:]))
}

// mac is MAC over a body whose hash is known.
func (c Credential) mac(nonce []byte, hash string) ([md5.Size]byte, error) {
	inner, ok := c.Secret.inner(c.Name)
	if !ok {
		return [md5.Size]byte{}, errNoDigest
	}
	b := make([]byte, 0, len(inner)+len(nonce)+len(hash)+2)
	b = append(b, inner...)
	b = append(b, ':')
	b = append(b, nonce...)
	b = append(b, ':')
	return md5.Sum(append(b, hash...)), nil
}

// cred returns the Cred of the scheme Basic or MD5.
func (c Credential) cred(s Scheme, nonce []byte) (*syncml.Cred, error) {
	out := &syncml.Cred{Meta: syncml.Meta{Format: "b64", Type: s.String()}}
	if s == Basic {
		if c.Secret.kind != secretPlain {
			return nil, errors.New("auth: Basic needs the password itself: want a secret made by Plain")
		}
		out.Data = base64.StdEncoding.EncodeToString([]byte(c.Name + ":" + c.Secret.text))
		return out, nil
	}
	d, err := c.Digest(nonce)
	if err != nil {
		return nil, err
	}
	out.Data = base64.StdEncoding.EncodeToString(d[:])
	return out, nil
}

// readBasic returns the name and password of a Cred of the scheme Basic.
func readBasic(c *syncml.Cred) (name, password string, err error) {
	b, err := decode(c)
	if err != nil {
		return "", "", err
	}
	name, password, ok := strings.Cut(string(b), ":")
	if !ok {
		return "", "", fmt.Errorf("%w: want a name, a colon and a password", ErrMalformed)
	}
	return name, password, nil
}

// readDigest returns the digest in a Cred of the scheme MD5.
func readDigest(c *syncml.Cred) (d [md5.Size]byte, err error) {
	b, err := decode(c)
	if err != nil {
		return d, err
	}
	if len(b) != md5.Size {
		return d, fmt.Errorf("%w: want a digest of %d octets, got %d", ErrMalformed, md5.Size, len(b))
	}
	return md5Array(b), nil
}

func md5Array(b []byte) (d [md5.Size]byte) {
	copy(d[:], b)
	return d
}

// decode returns the octets of a Cred. Its Format need not be given: everybody sends base64.
func decode(c *syncml.Cred) ([]byte, error) {
	if len(c.Data) > maxCred {
		return nil, fmt.Errorf("%w: %d bytes of Cred, want at most %d", ErrMalformed, len(c.Data), maxCred)
	}
	if c.Meta.Format == "bin" {
		return []byte(c.Data), nil
	}
	b, err := decodeBase64(c.Data)
	if err != nil {
		return nil, fmt.Errorf("%w: want base64 in Cred", ErrMalformed)
	}
	return b, nil
}

// decodeBase64 reads base64 with or without padding, and with white space around and in it, as XML may have it.
func decodeBase64(s string) ([]byte, error) {
	s = strings.TrimRight(strings.Join(strings.Fields(s), ""), "=")
	return base64.RawStdEncoding.DecodeString(s)
}

// A macHeader is the content of x-syncml-hmac.
type macHeader struct {
	username string
	mac      [md5.Size]byte
}

// String returns the header value, in the order in which the specification shows it.
func (m macHeader) String() string {
	q := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(m.username)
	return `algorithm=MD5, username="` + q + `", mac=` + base64.StdEncoding.EncodeToString(m.mac[:])
}

// readMAC returns what the header of HMAC says; ok is false where there is none.
func readMAC(h http.Header) (m macHeader, ok bool, err error) {
	lines := h.Values(headerMAC)
	if len(lines) == 0 {
		return m, false, nil
	}
	m, err = parseMAC(strings.Join(lines, ","))
	return m, true, err
}

// parseMAC reads a list of parameters in any order, with white space where HTTP allows it. Without an algorithm it is
// MD5; username and mac must be there, each parameter once.
func parseMAC(s string) (m macHeader, err error) {
	bad := func(what string) (macHeader, error) {
		return macHeader{}, fmt.Errorf("%w: %s: %s", ErrMalformed, headerMAC, what)
	}
	if len(s) > maxMAC {
		return bad(fmt.Sprintf("%d bytes, want at most %d", len(s), maxMAC))
	}
	seen := map[string]bool{}
	for s = strings.TrimLeft(s, " \t,"); s != ""; s = strings.TrimLeft(s, " \t,") {
		key, rest, ok := strings.Cut(s, "=")
		key = strings.ToLower(strings.TrimRight(key, " \t"))
		if !ok || strings.ContainsAny(key, `," `) {
			return bad("want name=value")
		}
		if seen[key] {
			return bad("a parameter comes twice")
		}
		seen[key] = true
		var value string
		if value, s, ok = cutValue(strings.TrimLeft(rest, " \t")); !ok {
			return bad("want a comma between parameters, and quotes closed")
		}
		switch key {
		case "algorithm":
			if !strings.EqualFold(value, "MD5") {
				return bad("want algorithm MD5")
			}
		case "username":
			m.username = value
		case "mac":
			b, err := decodeBase64(value)
			if len(b) == 2*md5.Size {
				// The specification's own sample is base64 of hexadecimal digits; some peers follow it.
				b, err = hex.DecodeString(string(b))
			}
			if err != nil || len(b) != md5.Size {
				return bad(fmt.Sprintf("want base64 of %d octets in mac", md5.Size))
			}
			m.mac = md5Array(b)
		}
	}
	if !seen["username"] || !seen["mac"] {
		return bad("want username and mac")
	}
	return m, nil
}

// cutValue takes a token or a quoted string from s, up to the comma after it.
func cutValue(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		value, rest, _ = strings.Cut(s, ",")
		value = strings.TrimRight(value, " \t")
		return value, rest, !strings.ContainsAny(value, "\" \t")
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			if i++; i < len(s) {
				b.WriteByte(s[i])
			}
		case '"':
			rest = strings.TrimLeft(s[i+1:], " \t")
			return b.String(), rest, rest == "" || rest[0] == ','
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", false
}
