package session

import (
	"crypto/md5"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// NotificationType is the media type of a [Notification] (package #0).
const NotificationType = "application/vnd.syncml.notification"

// Errors of notifications. Whatever is wrong with one, the device ignores it (oma-dm 7.5).
var (
	ErrNotification = errors.New("session: malformed notification")
	ErrDigest       = errors.New("session: digest of the notification does not match")
	ErrStale        = errors.New("session: notification has been acted on already")
)

// A Notification asks a device to open a session with a server (package #0, OMA-TS-DM_Notification). It reaches the
// device over any bearer, and is believed because of its digest.
type Notification struct {
	UIMode    UIMode
	FromAdmin bool   // the initiator bit: the server, and not the user, is the cause
	SessionID uint16 // 1 to 65535; the session that follows bears it
	Server    string // the server's ID, 1 to 255 octets
	Body      []byte // the vendor's; covered by the digest

	// Default says that the digest was made with the default nonce, because the server's had got lost: the session's
	// first credentials are to be made with it as well (oma-dm 7.6).
	Default bool
}

// UIMode says whether the user should notice a notification.
type UIMode uint8

const (
	UINotSpecified UIMode = iota // as the device likes
	UIBackground                 // silently
	UIInformative                // tell the user
	UIInteraction                // ask the user first
)

// defaultNonces are what "0x00000000" has been taken for. The first is what we send.
var defaultNonces = [...]string{"\x00\x00\x00\x00", "0x00000000"}

const (
	triggerVersion = 11 // of the format, "1.1"; the same for DM 1.2
	triggerHeader  = 8  // octets
)

// ID returns the SessionID of the session that n asks for: upper-case hexadecimal without leading zeros.
func (n *Notification) ID() string {
	return strings.ToUpper(strconv.FormatUint(uint64(n.SessionID), 16))
}

// Append appends the notification to dst, signed with the server's password for this device and the nonce that the
// device handed out last. A nil nonce stands for the default one.
func (n *Notification) Append(dst []byte, password string, nonce []byte) ([]byte, error) {
	switch {
	case len(n.Server) == 0 || len(n.Server) > 255:
		return dst, fmt.Errorf("%w: want a server ID of 1 to 255 octets, not %d", ErrNotification, len(n.Server))
	case n.SessionID == 0:
		return dst, fmt.Errorf("%w: want a session ID from 1 to 65535", ErrNotification)
	case n.UIMode > UIInteraction:
		return dst, fmt.Errorf("%w: want a UI mode from 0 to 3, not %d", ErrNotification, n.UIMode)
	}
	if nonce == nil {
		nonce = []byte(defaultNonces[0])
	}
	trigger := n.trigger(make([]byte, 0, triggerHeader+len(n.Server)+len(n.Body)))
	digest := triggerDigest(n.Server, password, nonce, trigger)
	dst = append(dst, digest[:]...)
	return append(dst, trigger...), nil
}

// trigger appends what the digest covers: header, server ID and body.
func (n *Notification) trigger(dst []byte) []byte {
	header := uint64(triggerVersion)<<54 | uint64(n.UIMode)<<52 | uint64(n.SessionID)<<8 | uint64(len(n.Server))
	if n.FromAdmin {
		header |= 1 << 51
	}
	dst = binary.BigEndian.AppendUint64(dst, header)
	dst = append(dst, n.Server...)
	return append(dst, n.Body...)
}

// triggerDigest is H(B64(H(id:password)):nonce:B64(H(trigger))).
func triggerDigest(id, password string, nonce, trigger []byte) [md5.Size]byte {
	b64 := base64.StdEncoding.EncodeToString
	inner, outer := md5.Sum([]byte(id+":"+password)), md5.Sum(trigger)
	return md5.Sum([]byte(b64(inner[:]) + ":" + string(nonce) + ":" + b64(outer[:])))
}

// ParseNotification reads a notification without believing it: nothing says yet that the server sent it. See
// [VerifyNotification].
func ParseNotification(data []byte) (*Notification, error) {
	if len(data) < md5.Size+triggerHeader+1 {
		return nil, fmt.Errorf("%w: %d octets, want at least %d", ErrNotification, len(data), md5.Size+triggerHeader+1)
	}
	header := binary.BigEndian.Uint64(data[md5.Size:])
	rest := data[md5.Size+triggerHeader:]
	n := &Notification{
		UIMode:    UIMode(header >> 52 & 3),
		FromAdmin: header>>51&1 == 1,
		SessionID: uint16(header >> 8),
	}
	length := int(header & 0xff)
	switch version := header >> 54; {
	case version != triggerVersion:
		return nil, fmt.Errorf("%w: version %d, want %d", ErrNotification, version, triggerVersion)
	case length == 0:
		return nil, fmt.Errorf("%w: no server ID", ErrNotification)
	case length > len(rest):
		return nil, fmt.Errorf("%w: a server ID of %d octets where %d are left", ErrNotification, length, len(rest))
	case n.SessionID == 0:
		return nil, fmt.Errorf("%w: session ID 0", ErrNotification)
	}
	n.Server = string(rest[:length])
	if len(rest) > length {
		n.Body = append([]byte(nil), rest[length:]...)
	}
	return n, nil
}

// VerifyNotification reads a notification and checks that the server with this password sent it, under the nonce that
// was handed out to that server last. It falls back on the default nonce, and then says so in Default; callers should
// let that happen rarely.
func VerifyNotification(data []byte, password string, nonce []byte) (*Notification, error) {
	n, err := ParseNotification(data)
	if err != nil {
		return nil, err
	}
	matches := func(nonce []byte) bool {
		want := triggerDigest(n.Server, password, nonce, data[md5.Size:])
		return subtle.ConstantTimeCompare(want[:], data[:md5.Size]) == 1
	}
	if matches(nonce) {
		return n, nil
	}
	for _, d := range defaultNonces {
		if matches([]byte(d)) {
			n.Default = true
			return n, nil
		}
	}
	return nil, ErrDigest
}
