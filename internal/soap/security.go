package soap

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/beevik/etree"
)

// Security is the WS-Security header.
type Security struct {
	Username  *UsernameToken
	Token     *BinaryToken
	Timestamp *Timestamp

	signature *etree.Element
}

// Signed tells whether there is a signature; [Message.Verify] checks it.
func (s *Security) Signed() bool { return s.signature != nil }

// A UsernameToken is a user name and a password in clear text.
type UsernameToken struct {
	Name, Password string
	Type           string // of the password; empty where it was not said
}

// A BinaryToken is a BinarySecurityToken. Data is base64 as it was or will be written; see [Decode].
type BinaryToken struct {
	ValueType, Data string
	ID              string
}

// A Timestamp is when a message was made and until when it counts. A zero time was absent or unreadable.
type Timestamp struct{ Created, Expires time.Time }

func readSecurity(el *etree.Element) *Security {
	s := new(Security)
	if t := Find(el, NSSecurity, "UsernameToken"); t != nil {
		s.Username = &UsernameToken{Name: Text(Find(t, NSSecurity, "Username"))}
		if p := Find(t, NSSecurity, "Password"); p != nil {
			s.Username.Password = rawText(p) // a password may begin or end with a space
			s.Username.Type = Attr(p, "Type")
		}
	}
	if t := Find(el, NSSecurity, "BinarySecurityToken"); t != nil {
		s.Token = ReadBinaryToken(t)
	}
	if t := Find(el, NSUtility, "Timestamp"); t != nil {
		s.Timestamp = &Timestamp{Created: readTime(Find(t, NSUtility, "Created")), Expires: readTime(Find(t, NSUtility, "Expires"))}
	}
	s.signature = Find(el, NSSignature, "Signature")
	return s
}

// ReadBinaryToken reads a BinarySecurityToken, which also carries requests and documents in the body of messages.
func ReadBinaryToken(el *etree.Element) *BinaryToken {
	// One documented sample escapes the hash sign of the types.
	return &BinaryToken{ValueType: strings.ReplaceAll(strings.TrimSpace(Attr(el, "ValueType")), `\#`, "#"), Data: rawText(el), ID: Attr(el, "Id")}
}

func readTime(el *etree.Element) time.Time {
	t, err := time.Parse(time.RFC3339Nano, Text(el))
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

var errBase64 = errors.New("not base64")

// Decode decodes base64 as devices write it: in lines or not, of either alphabet, with or without padding.
func Decode(data string) ([]byte, error) {
	var b strings.Builder
	b.Grow(len(data))
	for _, c := range []byte(data) {
		switch c {
		case ' ', '\t', '\r', '\n', '=':
		case '-':
			b.WriteByte('+')
		case '_':
			b.WriteByte('/')
		default:
			b.WriteByte(c)
		}
	}
	out, err := base64.RawStdEncoding.DecodeString(b.String())
	if err != nil {
		return nil, fmt.Errorf("%w: %v", errBase64, err)
	}
	return out, nil
}

// Encode encodes data as one line of base64.
func Encode(data []byte) string { return base64.StdEncoding.EncodeToString(data) }
