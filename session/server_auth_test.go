package session_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/internal/testca"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/syncml"
)

var (
	deviceCred = auth.Credential{Name: "Bruce2", Secret: auth.Plain("OhBehave")}
	serverCred = auth.Credential{Name: "mgmtsrv", Secret: auth.Plain("s3rver-Pw")}
	nonceKey   = []byte("0123456789abcdef")
)

func deviceCredentials(_ context.Context, peer string) ([]auth.Credential, error) {
	if peer != "device-1" {
		return nil, auth.ErrUnknown
	}
	return []auth.Credential{deviceCred}, nil
}

// TestRefused: a device that has not proved itself is told so for each command, and nothing is executed or kept.
func TestRefused(t *testing.T) {
	basic := func(password string) *syncml.Cred {
		return &syncml.Cred{
			Meta: syncml.Meta{Type: syncml.AuthBasic, Format: "b64"},
			Data: base64.StdEncoding.EncodeToString([]byte("Bruce2:" + password)),
		}
	}
	tests := []struct {
		name   string
		auth   auth.Authenticator
		device string
		cred   *syncml.Cred
		want   string
	}{
		{"nobody is let in without an Authenticator", nil, "device-1", nil, `
			Status 1 1/0 SyncHdr 401
			Status 2 1/1 Alert 401
			Status 3 1/2 Replace 401
			Status 4 1/3 Alert 401
			Final`},
		{"S03 A05 A06 no credentials", &auth.Password{Scheme: auth.Basic, Credentials: deviceCredentials}, "device-1", nil, `
			Status 1 1/0 SyncHdr 407 chal syncml:auth-basic
			Status 2 1/1 Alert 407
			Status 3 1/2 Replace 407
			Status 4 1/3 Alert 407
			Final`},
		{"A05 A06 wrong credentials", &auth.Password{Scheme: auth.Basic, Credentials: deviceCredentials}, "device-1", basic("no"), `
			Status 1 1/0 SyncHdr 401 chal syncml:auth-basic
			Status 2 1/1 Alert 401
			Status 3 1/2 Replace 401
			Status 4 1/3 Alert 401
			Final`},
		{"an unknown device is answered as a known one", &auth.Password{Scheme: auth.Basic, Credentials: deviceCredentials}, "device-2", basic("no"), `
			Status 1 1/0 SyncHdr 401 chal syncml:auth-basic
			Status 2 1/1 Alert 401
			Status 3 1/2 Replace 401
			Status 4 1/3 Alert 401
			Final`},
		{"credentials of another scheme than the one demanded", &auth.Password{Scheme: auth.MD5, Credentials: deviceCredentials}, "device-1", basic("OhBehave"), `
			Status 1 1/0 SyncHdr 401 chal syncml:auth-md5
			Status 2 1/1 Alert 401
			Status 3 1/2 Replace 401
			Status 4 1/3 Alert 401
			Final`},
		{"A02 right credentials", &auth.Password{Scheme: auth.Basic, Credentials: deviceCredentials}, "device-1", basic("OhBehave"), `
			Status 1 1/0 SyncHdr 200
			Status 2 1/1 Alert 200
			Status 3 1/2 Replace 200
			Status 4 1/3 Alert 200
			Final`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, enc syncml.Encoding) {
				called := false
				s := newServer(t, session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
					called = true
					return nil
				}))
				store := new(session.MemoryStore)
				s.Auth, s.Store = tt.auth, store
				d := sessiontest.NewDevice(t, s)
				d.Encoding, d.ID, d.Cred, d.User = enc, tt.device, tt.cred, "Bruce2"
				m := d.Open(alert(1226, event("com.example.x", "chr", "x")))
				want(t, m, tt.want)
				accepted := sessiontest.StatusOf(m, "0") == 200
				require.Equal(t, accepted, called)
				r, err := store.Load(t.Context(), tt.device, time.Now(), 1)
				require.NoError(t, err)
				require.Equal(t, accepted, r.Rev > 0, "a stranger leaves no trace")
			})
		})
	}
}

// md5Cred returns the credentials of device-1 for a nonce.
func md5Cred(t *testing.T, nonce []byte) *syncml.Cred { return proofOf(t, deviceCred, nonce) }

// proofOf returns what c proves with a nonce.
func proofOf(t *testing.T, c auth.Credential, nonce []byte) *syncml.Cred {
	digest, err := c.Digest(nonce)
	require.NoError(t, err)
	return &syncml.Cred{
		Meta: syncml.Meta{Type: syncml.AuthMD5, Format: "b64"},
		Data: base64.StdEncoding.EncodeToString(digest[:]),
	}
}

// TestChallengeThenSession: the first message is refused, its repeat under the next number opens the session (A07).
func TestChallengeThenSession(t *testing.T) {
	each(t, func(t *testing.T, enc syncml.Encoding) {
		s := newServer(t, asks(nil, func(w *session.Writer) { w.Get("./A") }))
		s.Auth = &auth.Password{Scheme: auth.MD5, Credentials: deviceCredentials, Key: nonceKey}
		d := sessiontest.NewDevice(t, s)
		d.Encoding, d.User = enc, "Bruce2"
		digest := func(m *syncml.Message) { d.Cred = md5Cred(t, nextNonce(t, m)) }
		m := d.Open()
		require.EqualValues(t, 407, sessiontest.StatusOf(m, "0"))
		digest(m)
		m = d.Send(d.Hello()...)
		require.EqualValues(t, 200, sessiontest.StatusOf(m, "0"), sessiontest.Outline(m)) // A10, A12
		get := sessiontest.Commands(m)
		require.Len(t, get, 1)

		// In the middle of the session a digest is wrong: that message does nothing, its repeat does.
		answers := ok(d, m)
		bad := d.Send(answers...)
		require.EqualValues(t, 401, sessiontest.StatusOf(bad, "0"), "A12: a nonce is good once")
		digest(bad)
		m = d.Send(answers...)
		want(t, m, `
			Status 1 4/0 SyncHdr 200 chal syncml:auth-md5
			Final`)
	})
}

func TestTooManyAttempts(t *testing.T) {
	s := newServer(t, idle)
	s.Auth = &auth.Password{Scheme: auth.MD5, Credentials: deviceCredentials, Key: nonceKey}
	d := sessiontest.NewDevice(t, s)
	d.Cred = md5Cred(t, []byte("wrong"))
	var got []string
	for _, m := range []func() *syncml.Message{
		func() *syncml.Message { return d.Open() },
		func() *syncml.Message { return d.Send(d.Hello()...) }, // A13: once more, with a new nonce
		func() *syncml.Message { return d.Send(d.Hello()...) }, // A14: that was enough
	} {
		line, _, _ := strings.Cut(sessiontest.Outline(m()), "\n")
		got = append(got, line)
	}
	require.Equal(t, []string{
		"Status 1 1/0 SyncHdr 401 chal syncml:auth-md5",
		"Status 1 2/0 SyncHdr 401 chal syncml:auth-md5",
		"Status 1 3/0 SyncHdr 401",
	}, got)
}

// TestSchemes runs whole sessions in which both ends prove themselves.
func TestSchemes(t *testing.T) {
	tests := []struct {
		name   string
		device auth.Authenticator // what the server demands
		scheme auth.Scheme
		server auth.Authenticator // what the device demands; nil: nothing
	}{
		{"Basic", &auth.Password{Scheme: auth.Basic, Credentials: deviceCredentials}, auth.Basic, nil},
		{"A09 MD5 for the whole session", &auth.Password{Scheme: auth.MD5, Credentials: deviceCredentials, WholeSession: true}, auth.MD5, nil},
		{"A10 A12 MD5 for each message", &auth.Password{Scheme: auth.MD5, Credentials: deviceCredentials}, auth.MD5, nil},
		{"A24 A25 HMAC", &auth.Password{Scheme: auth.HMAC, Credentials: deviceCredentials}, auth.HMAC, nil},
		{"MD5 in both directions", &auth.Password{Scheme: auth.MD5, Credentials: deviceCredentials}, auth.MD5,
			&auth.Password{Scheme: auth.MD5, Credentials: auth.Only("https://dm.example/dm", serverCred)}},
		{"HMAC in both directions", &auth.Password{Scheme: auth.HMAC, Credentials: deviceCredentials}, auth.HMAC,
			&auth.Password{Scheme: auth.HMAC, Credentials: auth.Only("https://dm.example/dm", serverCred)}},
		{"only the server proves itself", trusting, auth.MD5,
			&auth.Password{Scheme: auth.MD5, Credentials: auth.Only("https://dm.example/dm", serverCred)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, enc syncml.Encoding) {
				synctest.Test(t, func(t *testing.T) {
					tree := new(dmtree.Memory)
					tree.Set("./DevDetail/SwV", dmtree.String("10.0"))
					var got []session.Result
					p := sessiontest.New(t, session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
						got = append(got, r.Results...)
						if r.First || len(r.Results) > 0 && len(got) < 3 {
							w.Get("./DevDetail/SwV")
						}
						return nil
					}), tree)
					p.Server.Auth = tt.device
					p.Client.Encoding = enc
					p.Client.Sign = &auth.PasswordSigner{Scheme: tt.scheme, Credentials: auth.Only("", deviceCred)}
					if tt.server != nil {
						p.Client.Auth = tt.server
						p.Server.Sign = &auth.PasswordSigner{Scheme: tt.scheme, Credentials: auth.Only("", serverCred)}
					}
					for i := range 3 {
						got = nil
						sum := p.Run(t.Context())
						require.Len(t, got, 3, "session %d\n%s", i, p.Trace())
						require.Zero(t, sum.Failed)
					}
				})
			})
		})
	}

	t.Run("wrong password of the server", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			tree := new(dmtree.Memory)
			tree.Set("./A", dmtree.Int(1))
			p := sessiontest.New(t, asks(nil, func(w *session.Writer) { w.Replace("./A", dmtree.Int(2)) }), tree)
			p.Server.Sign = &auth.PasswordSigner{Scheme: auth.MD5, Credentials: auth.Only("", auth.Credential{Name: "mgmtsrv", Secret: auth.Plain("no")})}
			p.Client.Auth = &auth.Password{Scheme: auth.MD5, Credentials: auth.Only("https://dm.example/dm", serverCred)}
			_, err := p.Client.Run(t.Context(), nil)
			require.Error(t, err, p.Trace())
			v, err := tree.Get(t.Context(), "./A")
			require.NoError(t, err)
			require.Equal(t, dmtree.Int(1), v, "nothing runs before the server has proved itself")
		})
	})
}

// TestServerIsChallenged: commands that the device has not executed, because it wants other credentials first, are sent
// again with them.
func TestServerIsChallenged(t *testing.T) {
	each(t, func(t *testing.T, enc syncml.Encoding) {
		var got []session.Result
		s := newServer(t, asks(&got, func(w *session.Writer) { w.Exec("./A", dmtree.Null) }))
		s.Sign = &auth.PasswordSigner{Scheme: auth.MD5, Credentials: auth.Only("device-1", serverCred)}
		d := sessiontest.NewDevice(t, s)
		d.Encoding = enc
		m := d.Open()
		chal := &syncml.Chal{Meta: syncml.Meta{Format: "b64", Type: syncml.AuthMD5, NextNonce: "AAECAwQFBgcICQoLDA0ODw=="}}
		m = d.Send(
			&syncml.Status{MsgRef: "1", CmdRef: "0", Cmd: "SyncHdr", Code: 407, Chal: chal},
			d.Status(sessiontest.Commands(m)[0], 407),
		)
		require.Equal(t, []string{"Exec ./A"}, sent(m))
		require.NotNil(t, m.Header.Cred)
		require.Equal(t, "C8pAwhDoisoDIat285dqcg==", m.Header.Cred.Data, "vector 5 of DM Security")
		require.Equal(t, "mgmtsrv", m.Header.Source.Name) // A04
		require.Empty(t, got)
		m = d.Send(&syncml.Status{MsgRef: "2", CmdRef: "0", Cmd: "SyncHdr", Code: 212}, d.Status(sessiontest.Commands(m)[0], 200))
		require.Empty(t, sent(m))
		require.Len(t, got, 1)
		require.NoError(t, got[0].Err())
	})

	t.Run("A14 not for ever", func(t *testing.T) {
		s := newServer(t, asks(nil, func(w *session.Writer) { w.Get("./A") }))
		s.Sign = &auth.PasswordSigner{Scheme: auth.MD5, Credentials: auth.Only("device-1", serverCred)}
		d := sessiontest.NewDevice(t, s)
		m := d.Open()
		for range 4 {
			c := sessiontest.Commands(m)[0]
			if a, isAlert := c.(*syncml.Alert); isAlert {
				require.EqualValues(t, 1223, a.Code)
				return
			}
			m = d.Send(&syncml.Status{MsgRef: m.Header.MsgID, CmdRef: "0", Cmd: "SyncHdr", Code: 401,
				Chal: &syncml.Chal{Meta: syncml.Meta{Format: "b64", Type: syncml.AuthMD5, NextNonce: "AAECAwQFBgcICQoLDA0ODw=="}}},
				d.Status(c, 401))
		}
		t.Fatal("the session goes on")
	})
}

// TestRepeatNeedsProof: what was answered before is answered again only to whom it was answered.
func TestRepeatNeedsProof(t *testing.T) {
	good := true
	s := newServer(t, asks(nil, func(w *session.Writer) { w.Get("./Secret") }))
	s.Auth = auth.AuthenticatorFunc(func(_ context.Context, r *auth.Request) (*auth.Result, error) {
		if !good {
			return &auth.Result{Reason: auth.ErrCertificate}, nil
		}
		return &auth.Result{Identity: &auth.Identity{Device: r.Message.Source.URI}}, nil
	})
	d := sessiontest.NewDevice(t, s)
	require.Len(t, sent(d.Open()), 1)
	good = false
	m := d.Repeat()
	require.Empty(t, sent(m))
	require.EqualValues(t, 401, sessiontest.StatusOf(m, "0"))
}

func TestAuthenticatorCannotDecide(t *testing.T) {
	s := newServer(t, idle)
	s.Auth = auth.AuthenticatorFunc(func(context.Context, *auth.Request) (*auth.Result, error) {
		return nil, errors.New("directory is away")
	})
	d := sessiontest.NewDevice(t, s)
	body, err := syncml.Append(nil, &syncml.Message{Header: syncml.Header{
		SessionID: "1", MsgID: "1", Target: syncml.Location{URI: "x"}, Source: syncml.Location{URI: "device-1"},
	}, Commands: []syncml.Command{&syncml.Alert{CmdID: "1", Code: 1201}}, Final: true}, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusInternalServerError, d.Post(syncml.TypeXML, body).StatusCode)
}

// TestCertificates: who may speak for whom. The connections are those a TLS server has seen.
func TestCertificates(t *testing.T) {
	ca, other := testca.New(t), testca.New(t)
	conn := func(c tls.Certificate) *tls.ConnectionState {
		leaf, err := x509.ParseCertificate(c.Certificate[0])
		require.NoError(t, err)
		return &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{leaf}}
	}
	tests := []struct {
		name string
		tls  *tls.ConnectionState
		want syncml.StatusCode
	}{
		{"no TLS", nil, 407},
		{"no client certificate", &tls.ConnectionState{HandshakeComplete: true}, 407},
		{"certificate from another CA", conn(other.Device("device-1")), 401},
		{"certificate of another device than the Source", conn(ca.Device("device-2")), 401},
		{"certificate of an unknown device", conn(ca.Device("stranger")), 401},
		{"certificate that has expired", conn(ca.Expired("device-1")), 401},
		{"the device's certificate", conn(ca.Device("device-1")), 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, enc syncml.Encoding) {
				s := newServer(t, idle)
				s.Auth = &auth.ClientCert{Roots: ca.Pool(), Device: func(_ context.Context, c *x509.Certificate) (string, error) {
					if c.Subject.CommonName == "stranger" {
						return "", auth.ErrUnknown
					}
					return c.Subject.CommonName, nil
				}}
				d := sessiontest.NewDevice(t, s)
				d.Encoding, d.TLS = enc, tt.tls
				require.Equal(t, tt.want, sessiontest.StatusOf(d.Open(), "0"))
				d.TLS = conn(ca.Device("device-1"))
				require.EqualValues(t, 200, sessiontest.StatusOf(d.Open(), "0"), "the device itself is not locked out")
			})
		})
	}
}
