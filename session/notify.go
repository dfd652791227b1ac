package session

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/omadm-sdk/omadm/auth"
)

// NotificationType is the media type of a [Notification] (package #0).
const NotificationType = "application/vnd.syncml.notification"

// Errors of notifications. Whatever is wrong with one, the device ignores it (DM Notification).
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
	// first credentials are to be made with it as well (DM Notification).
	Default bool

	digest []byte // as it came; nil if it was not checked by a client
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

// Append appends the notification to dst, signed with the secret by which the server proves itself to this device, and the
// nonce that the device handed out last. The name that goes with the secret is the server's ID, not the user name of its
// credentials, so one of [auth.Digested] must have been made with that. An empty nonce stands for the default one, which
// devices believe in rarely: a [Client] once an hour.
func (n *Notification) Append(dst []byte, secret auth.Secret, nonce []byte) ([]byte, error) {
	switch {
	case len(n.Server) == 0 || len(n.Server) > 255:
		return dst, fmt.Errorf("%w: want a server ID of 1 to 255 octets, not %d", ErrNotification, len(n.Server))
	case n.SessionID == 0:
		return dst, fmt.Errorf("%w: want a session ID from 1 to 65535", ErrNotification)
	case n.UIMode > UIInteraction:
		return dst, fmt.Errorf("%w: want a UI mode from 0 to 3, not %d", ErrNotification, n.UIMode)
	}
	if len(nonce) == 0 {
		nonce = []byte(defaultNonces[0])
	}
	trigger := n.trigger(make([]byte, 0, triggerHeader+len(n.Server)+len(n.Body)))
	digest, err := sign(n.Server, secret, string(nonce), trigger)
	if err != nil {
		return dst, fmt.Errorf("session: sign notification: %w", err)
	}
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

// sign returns the digest of a trigger (DM Notification). The user part is the server's ID.
func sign(server string, secret auth.Secret, nonce string, trigger []byte) ([md5.Size]byte, error) {
	return auth.Credential{Name: server, Secret: secret}.MAC([]byte(nonce), trigger)
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

// VerifyNotification reads a notification and checks that the server whose secret this is has sent it, under the nonce
// that was handed out to that server last; see [Notification.Append] for both. An empty nonce says that none was. It falls back on the default nonce, and then
// says so in Default; callers should let that happen rarely. [Client.Notified] does all of it for a Client.
func VerifyNotification(data []byte, secret auth.Secret, nonce []byte) (*Notification, error) {
	n, err := ParseNotification(data)
	if err != nil {
		return nil, err
	}
	for i, try := range [...]string{string(nonce), defaultNonces[0], defaultNonces[1]} {
		if try == "" {
			continue // anyone may have recorded what was signed with it, as with the default ones
		}
		want, err := sign(n.Server, secret, try, data[md5.Size:])
		if err != nil {
			return nil, fmt.Errorf("session: verify notification: %w", err)
		}
		if subtle.ConstantTimeCompare(want[:], data[:md5.Size]) == 1 {
			n.Default = i > 0
			return n, nil
		}
	}
	return nil, ErrDigest
}

// defaultInterval is how long a notification under the default nonce is not believed after another one was: whoever
// recorded the first could send it again.
const defaultInterval = time.Hour

// keptDigests is how many notifications a client remembers to have acted on: under the nonce that the server has, which is
// used up with the last of them, and under the default nonces, of which there is one an hour at most.
const keptDigests = 256

// Notified checks a notification that has arrived at the time now over any bearer: it must come from this client's server,
// be signed with the secret that the server proves itself by, under the nonce that the server was given last, and must
// not have led to a session before ([ErrStale]). A nonce is good for 256 of them; till the server has been given another,
// it is left with the default one. One under the default nonce counts once an hour; it is an [ErrDigest] till
// then. Give the notification to Run, in [RunOptions]; whatever is wrong with it, ignore it.
func (c *Client) Notified(ctx context.Context, now time.Time, data []byte, secret auth.Secret) (*Notification, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.loadState(ctx); err != nil {
		return nil, err
	}
	n, err := VerifyNotification(data, secret, c.state.ServerNonce)
	switch {
	case err != nil:
		return nil, err
	case n.Server != c.server():
		return nil, fmt.Errorf("%w: it is from server %q, want %q", ErrNotification, n.Server, c.server())
	}
	n.digest = bytes.Clone(data[:md5.Size]) // the caller reads the next datagram into data
	switch {
	case c.state.acted(n):
		return nil, ErrStale
	case !n.Default && len(c.state.Digests) >= keptDigests:
		return nil, fmt.Errorf("%w: its nonce has led to %d sessions, want another one", ErrStale, keptDigests)
	case n.Default && now.Sub(c.state.Default) < defaultInterval:
		return nil, ErrDigest
	}
	return n, nil
}

// acted reports whether a session was opened for n.
func (st *clientState) acted(n *Notification) bool {
	same := func(d []byte) bool { return bytes.Equal(d, n.digest) }
	return n.digest != nil && (slices.ContainsFunc(st.Digests, same) || slices.ContainsFunc(st.Defaults, same))
}

// act notes that a session is opened for n.
func (st *clientState) act(n *Notification, now time.Time) {
	if n.Default {
		st.Default = now
	}
	switch {
	case n.digest == nil:
	case n.Default:
		st.Defaults = append(st.Defaults[max(0, len(st.Defaults)-keptDigests+1):], n.digest)
	default:
		st.Digests = append(st.Digests, n.digest)
	}
}

// give notes the nonce that the server is given. What was signed under the one before is not believed any more.
func (st *clientState) give(nonce []byte) {
	if !bytes.Equal(nonce, st.ServerNonce) {
		st.ServerNonce, st.Digests = nonce, nil
	}
}
