package session_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/syncml"
)

// The nonces that the device hands out.
const (
	firstNonce  = "AAECAwQFBgcICQoLDA0ODw==" // with it the server's credentials are vector 5 of DM Security
	secondNonce = "Tm9uY2U="
)

// demands has the server want credentials of its devices.
func demands(scheme auth.Scheme, wholeSession bool) func(s *session.Server) {
	return func(s *session.Server) {
		s.Auth = &auth.Password{Scheme: scheme, Credentials: deviceCredentials, WholeSession: wholeSession, Key: nonceKey}
	}
}

// proves has the server prove itself to device-1.
func proves(scheme auth.Scheme) func(s *session.Server) {
	return func(s *session.Server) {
		s.Sign = &auth.PasswordSigner{Scheme: scheme, Credentials: auth.Only("device-1", serverCred)}
	}
}

// judges is the device's Status of the header of the server's message msg, with a challenge where it has a nonce.
func judges(msg string, code syncml.StatusCode, scheme auth.Scheme, nonce string) *syncml.Status {
	st := &syncml.Status{MsgRef: msg, CmdRef: "0", Cmd: "SyncHdr", Code: code}
	if nonce != "" {
		st.Chal = &syncml.Chal{Meta: syncml.Meta{Format: "b64", Type: scheme.String(), NextNonce: nonce}}
	}
	return st
}

// nextNonce returns the nonce with which the server's message m challenges the device.
func nextNonce(t *testing.T, m *syncml.Message) []byte {
	t.Helper()
	chal := m.Commands[0].(*syncml.Status).Chal
	require.NotNil(t, chal, sessiontest.Outline(m))
	return decode64(t, chal.Meta.NextNonce)
}

// sealed proves the octets of the device's next messages. The form has its name and the code.
func (l *transcript) sealed(nonce []byte, form string) {
	l.seal = func(h http.Header, body []byte) {
		mac, err := deviceCred.MAC(nonce, body)
		require.NoError(l.t, err)
		h.Set(session.HeaderHMAC, fmt.Sprintf(form, deviceCred.Name, base64.StdEncoding.EncodeToString(mac[:])))
	}
}

// wantSealed checks what proves the octets of the server's last message.
func (l *transcript) wantSealed(c auth.Credential, nonce string) {
	l.t.Helper()
	mac, err := c.MAC(decode64(l.t, nonce), l.reply.Body)
	require.NoError(l.t, err)
	require.Equal(l.t, fmt.Sprintf(`algorithm=MD5, username="%s", mac=%s`, c.Name, base64.StdEncoding.EncodeToString(mac[:])),
		l.reply.HTTP.Get(session.HeaderHMAC))
}

// proofConversations are those in which either end proves who it is.
func proofConversations() []conversation {
	const (
		usual  = `algorithm=MD5, username="%s", mac=%s`
		short  = `mac=%[2]s, username="%[1]s"`
		spaced = ` ,username = "%s" , algorithm = MD5 ,	mac = %s`
	)
	basic := &syncml.Cred{Meta: syncml.Meta{Format: "b64", Type: syncml.AuthBasic}, Data: "QnJ1Y2UyOk9oQmVoYXZl"} // vector 1
	value := item("./A", "", "a")
	readsA := asks(nil, func(w *session.Writer) { w.Get("./A") })
	readsAB := follow("./A", func(w *session.Writer, _ dmtree.Value) { w.Get("./B") }, "./A")

	return []conversation{
		// Of the three answers to the Get the second is under a nonce that is used up.
		{name: "md5", shows: "S03 A03 A04 A05 A06 A10 A12", handler: readsA, change: demands(auth.MD5, false), talk: func(l *transcript, d *sessiontest.Device) {
			d.User = "Bruce2"
			m := d.Open(alert(1226, event("com.example.x", "chr", "x")))
			d.Cred = md5Cred(l.t, nextNonce(l.t, m))
			m = d.Send(d.Hello()...)
			says := answerAll(d, m, 0, value)
			m = d.Send(says...)
			d.Cred = md5Cred(l.t, nextNonce(l.t, m))
			d.Send(says...)
		}},
		{name: "md5-for-the-session", shows: "A09 A11", handler: readsA, change: demands(auth.MD5, true), talk: func(l *transcript, d *sessiontest.Device) {
			d.User = "Bruce2"
			d.Cred = md5Cred(l.t, nextNonce(l.t, d.Open()))
			m := d.Send(d.Hello()...)
			d.Cred = nil
			d.Send(answerAll(d, m, 0, value)...)
			d.Cred = md5Cred(l.t, nextNonce(l.t, m))
			d.Open()
		}},
		{name: "basic", shows: "A02 A05 A10", handler: readsA, change: demands(auth.Basic, false), talk: func(_ *transcript, d *sessiontest.Device) {
			d.Cred = basic
			says := answerAll(d, d.Open(), 0, value)
			d.Cred = nil
			d.Send(says...)
			d.Cred = basic
			d.Send(says...)
		}},
		{name: "wrong-password", shows: "A05 A13 A14", handler: readsA, change: demands(auth.MD5, false), talk: func(l *transcript, d *sessiontest.Device) {
			d.User = "Bruce2"
			wrong := auth.Credential{Name: "Bruce2", Secret: auth.Plain("wrong")}
			d.Cred = proofOf(l.t, wrong, nextNonce(l.t, d.Open()))
			d.Cred = proofOf(l.t, wrong, nextNonce(l.t, d.Send(d.Hello()...)))
			m := d.Send(d.Hello()...)
			require.Nil(l.t, m.Commands[0].(*syncml.Status).Chal)
		}},
		// A password that is right, in another form than the one demanded, or the one used before.
		{name: "another-scheme", shows: "A15 A16", handler: readsA, change: demands(auth.MD5, false), talk: func(l *transcript, d *sessiontest.Device) {
			d.User = "Bruce2"
			d.Open()
			d.Cred = basic
			d.Send(d.Hello()...)
			d.Cred = nil
			d.Cred = md5Cred(l.t, nextNonce(l.t, d.Open()))
			m := d.Send(d.Hello()...)
			d.Cred = basic
			d.Send(answerAll(d, m, 0, value)...)
		}},
		{name: "hmac", shows: "A22 A24 A25 A26 A27", handler: readsA, change: func(s *session.Server) {
			demands(auth.HMAC, false)(s)
			proves(auth.HMAC)(s)
		}, talk: func(l *transcript, d *sessiontest.Device) {
			d.User = "Bruce2"
			l.sealed(nextNonce(l.t, d.Open()), short)
			m := d.Send(d.Hello()...)
			l.sealed(nextNonce(l.t, m), spaced)
			m = d.Send(judges("2", 407, auth.HMAC, firstNonce), d.Status(sessiontest.Commands(m)[0], 407))
			l.wantSealed(serverCred, firstNonce)
			l.sealed(nextNonce(l.t, m), usual)
			d.Send(append([]syncml.Command{judges("3", 200, auth.HMAC, secondNonce)}, answerAll(d, m, 0, value)...)...)
			l.wantSealed(serverCred, secondNonce)
		}},
		// What arrives has an octet less than was sent, then lacks the code, and then has another proof beside it.
		{name: "hmac-violated", shows: "A23 A25 A26", handler: readsAB, change: demands(auth.HMAC, false), talk: func(l *transcript, d *sessiontest.Device) {
			d.User = "Bruce2"
			l.sealed(nextNonce(l.t, d.Open()), usual)
			m := d.Send(d.Hello()...)
			says := answerAll(d, m, 0, value)
			l.sealed(nextNonce(l.t, m), usual)
			whole := l.seal
			l.seal = func(h http.Header, body []byte) { whole(h, append(body, '\n')) }
			m = d.Send(says...)
			l.sealed(nextNonce(l.t, m), usual)
			m = d.Send(says...)
			l.seal = nil
			d.Send(answerAll(d, m, 0)...)

			m = d.Open()
			l.sealed(nextNonce(l.t, m), usual)
			d.Cred = md5Cred(l.t, nextNonce(l.t, m))
			d.Send(d.Hello()...)
		}},
		{name: "server-challenged", shows: "A04 A09 A11", handler: readsAB, change: proves(auth.MD5), talk: func(l *transcript, d *sessiontest.Device) {
			m := d.Open()
			m = d.Send(judges("1", 407, auth.MD5, firstNonce), d.Status(sessiontest.Commands(m)[0], 407))
			require.Equal(l.t, proofOf(l.t, serverCred, decode64(l.t, firstNonce)), m.Header.Cred)
			m = d.Send(append([]syncml.Command{judges("2", 212, auth.MD5, secondNonce)}, answerAll(d, m, 0, value)...)...)
			require.Nil(l.t, m.Header.Cred)
			m = d.Send(answerAll(d, m, 0, value)...)
			require.Nil(l.t, m.Header.Cred)
			m = d.Open()
			require.Equal(l.t, proofOf(l.t, serverCred, decode64(l.t, secondNonce)), m.Header.Cred)
		}},
		{name: "server-challenged-for-each-message", shows: "A10 A12", handler: readsAB, change: proves(auth.MD5), talk: func(l *transcript, d *sessiontest.Device) {
			m := d.Open()
			m = d.Send(judges("1", 407, auth.MD5, firstNonce), d.Status(sessiontest.Commands(m)[0], 407))
			m = d.Send(append([]syncml.Command{judges("2", 200, auth.MD5, secondNonce)}, answerAll(d, m, 0, value)...)...)
			require.Equal(l.t, proofOf(l.t, serverCred, decode64(l.t, secondNonce)), m.Header.Cred)
			m = d.Send(append([]syncml.Command{judges("3", 200, auth.MD5, "")}, answerAll(d, m, 0, value)...)...)
			require.Equal(l.t, proofOf(l.t, serverCred, decode64(l.t, secondNonce)), m.Header.Cred, "the same where no nonce came")
		}},
		{name: "server-refused", shows: "A13 A14", handler: readsA, change: proves(auth.MD5), talk: func(l *transcript, d *sessiontest.Device) {
			m := d.Open()
			m = d.Send(judges("1", 407, auth.MD5, firstNonce), d.Status(sessiontest.Commands(m)[0], 407))
			m = d.Send(judges("2", 401, auth.MD5, secondNonce), d.Status(sessiontest.Commands(m)[0], 401))
			require.Equal(l.t, proofOf(l.t, serverCred, decode64(l.t, secondNonce)), m.Header.Cred)
			d.Send(judges("3", 401, auth.MD5, firstNonce), d.Status(sessiontest.Commands(m)[0], 401))
		}},
		{name: "server-asked-for-another-scheme", shows: "A15", handler: readsAB, change: proves(auth.MD5), talk: func(l *transcript, d *sessiontest.Device) {
			m := d.Open()
			m = d.Send(judges("1", 407, auth.MD5, firstNonce), d.Status(sessiontest.Commands(m)[0], 407))
			m = d.Send(append([]syncml.Command{judges("2", 200, auth.MD5, secondNonce)}, answerAll(d, m, 0, value)...)...)
			d.Send(judges("3", 407, auth.HMAC, firstNonce), d.Status(sessiontest.Commands(m)[0], 407))
		}},
		// The same name and the same nonce, and yet other credentials.
		{name: "server-passwords", shows: "A21", handler: readsA, change: func(s *session.Server) {
			s.Sign = &auth.PasswordSigner{Credentials: func(_ context.Context, device string) ([]auth.Credential, error) {
				return []auth.Credential{{Name: "mgmtsrv", Secret: auth.Plain("s3rver-Pw for " + device)}}, nil
			}}
		}, talk: func(l *transcript, d *sessiontest.Device) {
			var got []*syncml.Cred
			for _, d := range []*sessiontest.Device{d, l.device("device-2")} {
				m := d.Open()
				m = d.Send(judges("1", 407, auth.MD5, firstNonce), d.Status(sessiontest.Commands(m)[0], 407))
				got = append(got, m.Header.Cred)
			}
			require.NotEqual(l.t, got[0].Data, got[1].Data)
		}},
		// The password changes while a session is open, which goes on with the old one.
		{name: "server-password-changes", shows: "A28", handler: readsA, talk: func(l *transcript, d *sessiontest.Device) {
			before := serverCred
			before.Nonce = decode64(l.t, firstNonce)
			known := []auth.Credential{before}
			l.server.Sign = &auth.PasswordSigner{Scheme: auth.HMAC, Credentials: func(context.Context, string) ([]auth.Credential, error) { return known, nil }}
			m := d.Open()
			l.wantSealed(before, firstNonce)
			after := auth.Credential{Name: "mgmtsrv", Secret: auth.Plain("changed")}
			known = []auth.Credential{after, before}
			d.Send(append([]syncml.Command{judges("1", 200, auth.HMAC, secondNonce)}, answerAll(d, m, 0, value)...)...)
			l.wantSealed(before, secondNonce)
			d.Open()
			l.wantSealed(after, secondNonce)
		}},
		// Between two sessions of the device, somebody else hands out a nonce in its name. The server gives a stranger no
		// credentials, so it has no use for it either.
		{name: "nonce-of-a-stranger", shows: "A17", handler: readsA, change: func(s *session.Server) {
			demands(auth.Basic, false)(s)
			proves(auth.MD5)(s)
		}, talk: func(l *transcript, d *sessiontest.Device) {
			d.Cred = basic
			m := d.Open()
			m = d.Send(judges("1", 407, auth.MD5, firstNonce), d.Status(sessiontest.Commands(m)[0], 407))
			d.Send(append([]syncml.Command{judges("2", 212, auth.MD5, secondNonce)}, answerAll(d, m, 0, value)...)...)

			d.Cred = &syncml.Cred{Meta: basic.Meta, Data: "QnJ1Y2UyOndyb25n"}
			m = d.Open(judges("1", 401, auth.MD5, "c3RyYW5nZXI="))
			require.Nil(l.t, m.Header.Cred)
			d.Cred = basic
			m = d.Open()
			require.Equal(l.t, proofOf(l.t, serverCred, decode64(l.t, secondNonce)), m.Header.Cred)
		}},
	}
}
