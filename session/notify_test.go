package session_test

import (
	"bytes"
	"encoding/hex"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

var serverSecret = auth.Plain("s3rver-Pw")

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

// The worked examples of DM Notification.
func TestNotificationVectors(t *testing.T) { // N01 N02 N03 N04
	nonce := unhex(t, "000102030405060708090a0b0c0d0e0f")
	a := session.Notification{UIMode: session.UIBackground, SessionID: 0x1234, Server: "com.mgmtsrv.manage"}
	b := session.Notification{UIMode: session.UIInteraction, FromAdmin: true, SessionID: 0xAB, Server: "srv1", Body: []byte{0xde, 0xad}}
	for _, test := range []struct {
		name  string
		n     session.Notification
		nonce []byte
		want  string
		id    string
	}{
		{"A", a, nonce, "2a68371a89284b9b7f6235c12e7da718" + "02d0000000123412636f6d2e6d676d747372762e6d616e616765", "1234"},
		{"A under the default nonce", a, nil, "ee72465289fec9042884f936887f6c85" + "02d0000000123412636f6d2e6d676d747372762e6d616e616765", "1234"},
		{"A under the default nonce as text", a, []byte("0x00000000"),
			"69f304670195dd2704cc6ddf0258b1f6" + "02d0000000123412636f6d2e6d676d747372762e6d616e616765", "1234"},
		{"B N10: with a body", b, nonce, "20ff92ecf9cb285b009131de9bd01964" + "02f800000000ab0473727631dead", "AB"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.n.Append([]byte("x"), serverSecret, test.nonce)
			require.NoError(t, err)
			require.Equal(t, "x", string(got[:1]))
			require.Equal(t, test.want, hex.EncodeToString(got[1:]))
			require.Equal(t, test.id, test.n.ID()) // N07

			n, err := session.VerifyNotification(got[1:], serverSecret, nonce)
			require.NoError(t, err)
			want := test.n
			want.Default = string(test.nonce) != string(nonce) // N06
			require.Equal(t, &want, n)
		})
	}
	require.Equal(t, "1", (&session.Notification{SessionID: 1}).ID()) // N07
	require.Equal(t, "FFFF", (&session.Notification{SessionID: 0xFFFF}).ID())
}

func TestNotificationRefused(t *testing.T) {
	nonce := []byte("nonce")
	good, err := (&session.Notification{SessionID: 7, Server: "srv1", Body: []byte("body")}).Append(nil, serverSecret, nonce)
	require.NoError(t, err)
	change := func(i int, b byte) []byte {
		c := append([]byte(nil), good...)
		c[i] = b
		return c
	}
	for _, test := range []struct {
		name string
		data []byte
		want error
	}{
		{"N11: nothing", nil, session.ErrNotification},
		{"N11: truncated", good[:24], session.ErrNotification},
		{"N11: no server", change(23, 0), session.ErrNotification},
		{"N11: a server longer than the rest", change(23, 9), session.ErrNotification},
		{"another version", change(16, 0xff), session.ErrNotification},
		{"session 0", change(22, 0), session.ErrNotification},
		{"N05: digest", change(0, good[0]+1), session.ErrDigest},
		{"N05: session", change(22, 8), session.ErrDigest},
		{"N10 N05: body", change(len(good)-1, 'x'), session.ErrDigest},
		{"N05: body cut off", good[:len(good)-4], session.ErrDigest},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := session.VerifyNotification(test.data, serverSecret, nonce)
			require.ErrorIs(t, err, test.want)
		})
	}
	_, err = session.VerifyNotification(good, auth.Plain("other"), nonce)
	require.ErrorIs(t, err, session.ErrDigest)
	_, err = session.VerifyNotification(good, serverSecret, []byte("old"))
	require.ErrorIs(t, err, session.ErrDigest)

	for _, n := range []session.Notification{{SessionID: 1}, {Server: "s"}, {SessionID: 1, Server: string(make([]byte, 256))}, {SessionID: 1, Server: "s", UIMode: 4}} {
		_, err := n.Append(nil, serverSecret, nonce)
		require.ErrorIs(t, err, session.ErrNotification)
	}
}

func FuzzNotification(f *testing.F) {
	good, _ := (&session.Notification{SessionID: 7, Server: "srv1", Body: []byte("body")}).Append(nil, serverSecret, nil)
	f.Add(good)
	f.Add(good[:25])
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := session.ParseNotification(data)
		if err != nil {
			require.ErrorIs(t, err, session.ErrNotification)
			return
		}
		again, err := n.Append(nil, serverSecret, nil)
		require.NoError(t, err)
		m, err := session.VerifyNotification(again, serverSecret, []byte("other"))
		require.NoError(t, err)
		require.True(t, m.Default)
		m.Default = false
		require.Equal(t, n, m)
	})
}

// A server that has the device call, and those who only try.
func TestNotified(t *testing.T) {
	credentials := auth.Only("https://mdm.example.com/dm", auth.Credential{Name: "mgmtsrv", Secret: auth.Plain("other")})
	store := new(session.MemoryClientStore)
	newClient := func() *session.Client {
		return &session.Client{
			Server: "srv1", Tree: deviceTree(), Store: store, Profile: session.OMA,
			Auth: &auth.Password{Credentials: credentials, Scheme: auth.Basic, WholeSession: true},
		}
	}
	c := newClient()
	sign := func(n session.Notification, nonce []byte) []byte {
		data, err := n.Append(nil, serverSecret, nonce)
		require.NoError(t, err)
		return data
	}
	trigger := sign(session.Notification{SessionID: 0xAB, Server: "srv1"}, nil)
	datagram := bytes.Clone(trigger)
	n, err := c.Notified(t.Context(), start, datagram, serverSecret)
	require.NoError(t, err)
	require.True(t, n.Default)
	clear(datagram) // the buffer takes the next one
	s := begin(t, c, syncml.XML, &session.RunOptions{Notification: n})
	require.Equal(t, "AB", s.got.Header.SessionID) // C03
	require.Contains(t, spell(s.got), "Alert 1200")
	s.d.Close(t.Context())

	c = newClient()
	for _, later := range []time.Duration{time.Minute, 2 * time.Hour} {
		_, err = c.Notified(t.Context(), start.Add(later), trigger, serverSecret)
		require.ErrorIs(t, err, session.ErrStale, "N09: one session for one trigger, also after a restart")
	}
	_, err = c.Notified(t.Context(), start.Add(time.Minute), sign(session.Notification{SessionID: 2, Server: "srv1"}, nil), serverSecret)
	require.ErrorIs(t, err, session.ErrDigest, "N06: the default nonce does for one session in an hour")
	_, err = c.Notified(t.Context(), start.Add(2*time.Hour), sign(session.Notification{SessionID: 3, Server: "srv1"}, nil), serverSecret)
	require.NoError(t, err)
	_, err = c.Notified(t.Context(), start.Add(2*time.Hour), sign(session.Notification{SessionID: 3, Server: "srv2"}, nil), serverSecret)
	require.ErrorIs(t, err, session.ErrNotification, "another server")
	c.URL, c.ID = serverURL, "device-1"
	_, err = c.Run(t.Context(), &session.RunOptions{Notification: new(session.Notification)})
	require.ErrorIs(t, err, session.ErrNotification, "no session has the ID 0")
}

// What was recorded is not believed again, however much has come since.
func TestNotificationReplayed(t *testing.T) { // N09
	const others = 100
	for _, test := range []struct {
		name  string
		nonce []byte
		each  time.Duration // between two
	}{
		{"server's nonce", []byte("n0"), time.Second},
		{"default nonce", nil, time.Hour},
		{"empty nonce", []byte{}, time.Hour},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := &session.Client{Server: "srv1", Tree: deviceTree(), Store: new(session.MemoryClientStore), Profile: session.OMA}
			session.HandOut(c, test.nonce)
			now := start
			var first []byte
			for i := range others + 1 {
				data := notification(t, uint16(1+i), test.nonce)
				n, err := c.Notified(t.Context(), now, data, serverSecret)
				require.NoError(t, err, "notification %d", i)
				require.Equal(t, len(test.nonce) == 0, n.Default)
				session.Act(c, n, now)
				if i == 0 {
					first = data
				}
				if now = now.Add(test.each); n.Default {
					_, err = c.Notified(t.Context(), now.Add(-time.Second), notification(t, 0xFFFF, test.nonce), serverSecret)
					require.ErrorIs(t, err, session.ErrDigest, "N06: one an hour")
				}
			}
			_, err := c.Notified(t.Context(), now, first, serverSecret)
			require.ErrorIs(t, err, session.ErrStale)
		})
	}
}

// A nonce is used up before it is forgotten what it has signed, and another one is good for as many.
func TestNotificationNonceUsedUp(t *testing.T) {
	c := &session.Client{Server: "srv1", Tree: deviceTree(), Profile: session.OMA}
	for _, nonce := range []string{"n0", "n1"} {
		session.HandOut(c, []byte(nonce))
		var used uint16
		for {
			n, err := c.Notified(t.Context(), start, notification(t, 1+used, []byte(nonce)), serverSecret)
			if err != nil {
				require.ErrorIs(t, err, session.ErrStale)
				break
			}
			session.Act(c, n, start)
			used++
		}
		require.EqualValues(t, 256, used)
		_, err := c.Notified(t.Context(), start, notification(t, 1, []byte(nonce)), serverSecret)
		require.ErrorIs(t, err, session.ErrStale)
		_, err = c.Notified(t.Context(), start, notification(t, 1, nil), serverSecret)
		require.NoError(t, err, "N06")
	}
	_, err := c.Notified(t.Context(), start, notification(t, 1, []byte("n0")), serverSecret)
	require.ErrorIs(t, err, session.ErrDigest)
}

func notification(t *testing.T, id uint16, nonce []byte) []byte {
	t.Helper()
	data, err := (&session.Notification{SessionID: id, Server: "srv1"}).Append(nil, serverSecret, nonce)
	require.NoError(t, err)
	return data
}

func TestDefaultNonceInTheSession(t *testing.T) { // N06
	withNonce := bruce
	withNonce.Nonce = []byte("first")
	c := &session.Client{Tree: deviceTree(), Profile: session.OMA, Sign: signer(auth.MD5, withNonce)}
	n := &session.Notification{SessionID: 5, Server: "srv1", Default: true}
	s := begin(t, c, syncml.XML, &session.RunOptions{Notification: n})
	require.Equal(t, "md5 \x00\x00\x00\x00", s.proof(bruce, "first", "\x00\x00\x00\x00"))
	s.say(headerStatus("1", "212", syncml.AuthMD5, "n1") + finalXML)
	require.NoError(t, s.err)
	s = begin(t, c, syncml.XML, nil)
	require.Equal(t, "md5 n1", s.proof(bruce, "first", "n1"))
}
