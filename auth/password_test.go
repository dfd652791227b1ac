package auth_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/syncml"
)

// TestChallenge is the refusal of a first message, told by the credentials in it.
func TestChallenge(t *testing.T) {
	basic := func(text string) *syncml.Cred {
		return &syncml.Cred{Meta: syncml.Meta{Format: "b64", Type: syncml.AuthBasic},
			Data: base64.StdEncoding.EncodeToString([]byte(text))}
	}
	digest := func(data string) *syncml.Cred {
		return &syncml.Cred{Meta: syncml.Meta{Format: "b64", Type: syncml.AuthMD5}, Data: data}
	}
	for _, tt := range []struct {
		name   string
		scheme auth.Scheme
		cred   *syncml.Cred
		code   syncml.StatusCode
		reason error
	}{
		{"A05 none, MD5 demanded", auth.MD5, nil, 407, auth.ErrMissing},
		{"A05 none, Basic demanded", auth.Basic, nil, 407, auth.ErrMissing},
		{"A05 none, HMAC demanded", auth.HMAC, nil, 407, auth.ErrMissing},
		{"A05 a wrong digest", auth.MD5, digest("Zz6EivR3yeaaENcRN6lpAQ=="), 401, auth.ErrMismatch},
		{"the digest of the empty nonce", auth.MD5, digest("lEf25jyjHbCcTbj4p/1pUw=="), 401, auth.ErrMismatch},
		{"a digest that is too short", auth.MD5, digest("Zz6EivR3yeaaENcRN6lp"), 401, auth.ErrMalformed},
		{"no base64", auth.MD5, digest("<>"), 401, auth.ErrMalformed},
		{"too long", auth.MD5, digest(strings.Repeat("A", 8<<10)), 401, auth.ErrMalformed},
		{"another scheme", auth.MD5, basic("Bruce2:OhBehave"), 401, auth.ErrScheme},
		{"a scheme nobody knows", auth.MD5, &syncml.Cred{Meta: syncml.Meta{Type: "syncml:auth-X509"}}, 401, auth.ErrScheme},
		{"Cred where HMAC is demanded", auth.HMAC, digest("Zz6EivR3yeaaENcRN6lpAQ=="), 401, auth.ErrScheme},
		{"A05 a wrong password", auth.Basic, basic("Bruce2:OhBehav"), 401, auth.ErrMismatch},
		{"a wrong name", auth.Basic, basic("Bruce:OhBehave"), 401, auth.ErrMismatch},
		{"no colon", auth.Basic, basic("Bruce2"), 401, auth.ErrMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &auth.Password{Scheme: tt.scheme, Credentials: auth.Only(device, bruce)}
			first := ask(t, p, device, "1", tt.cred)
			require.Nil(t, first.Identity)
			require.Nil(t, first.State, "a refusal leaves nothing behind")
			require.Equal(t, tt.code, first.Status)
			require.ErrorIs(t, first.Reason, tt.reason)

			require.NotNil(t, first.Challenge)
			require.Equal(t, tt.scheme.String(), first.Challenge.Meta.Type)
			require.Equal(t, "b64", first.Challenge.Meta.Format)
			nonce, err := base64.StdEncoding.DecodeString(nonceOf(first))
			require.NoError(t, err)
			if tt.scheme == auth.Basic {
				require.Empty(t, nonce)
			} else {
				require.Len(t, nonce, 16)
				require.NotEqual(t, nonceOf(first), nonceOf(ask(t, p, device, "2", tt.cred)), "each challenge has its own nonce")
			}

			// Somebody who is not known gets the same answer, but for the octets of the nonce.
			stranger := ask(t, p, "urn:uuid:unknown", "1", tt.cred)
			stranger.Challenge.Meta.NextNonce = first.Challenge.Meta.NextNonce
			require.Equal(t, first.Status, stranger.Status)
			require.Equal(t, first.Challenge, stranger.Challenge)
			require.Nil(t, stranger.State)
		})
	}
}

// ask authenticates a first message of session 1.
func ask(t *testing.T, a auth.Authenticator, peer, msg string, cred *syncml.Cred) *auth.Result {
	t.Helper()
	res, err := auth.Authenticate(t.Context(), a, &auth.Request{
		Message: &syncml.Header{SessionID: "1", MsgID: msg, Source: syncml.Location{URI: peer}, Cred: cred},
		First:   true,
	})
	require.NoError(t, err)
	return res
}

func TestWholeSession(t *testing.T) {
	for _, s := range []auth.Scheme{auth.MD5, auth.Basic} {
		t.Run("A09 "+s.String(), func(t *testing.T) {
			l := pair(t, s)
			l.check.(*auth.Password).WholeSession = true
			if s == auth.MD5 {
				l.want(407)
			}
			res := l.want(212)
			require.Equal(t, &auth.Identity{Device: device, User: "Bruce2"}, res.Identity)
			require.Equal(t, s == auth.MD5, nonceOf(res) != "")
			for range 3 {
				res = l.want(200)
				require.Nil(t, l.last.Message.Cred, "no credentials after 212")
				require.Nil(t, res.Challenge)
				require.Equal(t, "Bruce2", res.Identity.User)
			}

			l.open("2")
			l.want(212)
			require.NotNil(t, l.last.Message.Cred, "each session anew")
		})
	}

	t.Run("a session that was accepted does not vouch for another", func(t *testing.T) {
		l := pair(t, auth.MD5)
		l.check.(*auth.Password).WholeSession = true
		l.want(407)
		l.want(212)
		res, _ := l.deliver(func(r *auth.Request) { r.Message.SessionID = "9" })
		require.Equal(t, syncml.StatusCredentialsRequired, res.Status)
		l.open("1") // the same number, a new session
		l.sign = nil
		l.want(407)
	})

	t.Run("A24 HMAC never has 212", func(t *testing.T) {
		l := pair(t, auth.HMAC)
		l.check.(*auth.Password).WholeSession = true
		l.want(407)
		l.want(200)
	})
}

func TestEachMessage(t *testing.T) {
	t.Run("A10 A12 MD5", func(t *testing.T) {
		l := pair(t, auth.MD5)
		l.want(407)
		seen := map[string]bool{}
		for range 5 {
			l.want(200)
			require.NotNil(t, l.last.Message.Cred)
			require.False(t, seen[l.last.Message.Cred.Data], "a new digest in each message")
			seen[l.last.Message.Cred.Data] = true
		}
		l.open("2")
		l.want(200) // with the last nonce of the session before
	})
	t.Run("A10 Basic", func(t *testing.T) {
		l := pair(t, auth.Basic)
		for range 3 {
			l.want(200)
			require.Equal(t, "QnJ1Y2UyOk9oQmVoYXZl", l.last.Message.Cred.Data)
		}
	})
	t.Run("A24 HMAC", func(t *testing.T) {
		l := pair(t, auth.HMAC)
		nonces := map[string]bool{nonceOf(l.want(407)): true}
		for i := range 5 {
			res := l.want(200)
			require.Nil(t, l.last.Message.Cred)
			require.NotEmpty(t, nonceOf(res))
			require.False(t, nonces[nonceOf(res)])
			nonces[nonceOf(res)] = true
			require.Len(t, nonces, i+2)
		}
	})
	t.Run("A10 a message without credentials after 200", func(t *testing.T) {
		l := pair(t, auth.MD5)
		l.want(407)
		l.want(200)
		res, err := l.deliver(func(r *auth.Request) { r.Message.Cred = nil })
		require.NoError(t, err)
		require.Equal(t, syncml.StatusCredentialsRequired, res.Status)
		l.want(200)
	})
}

// TestHMACCovers changes what the code covers, and what it must not be without.
func TestHMACCovers(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*auth.Request)
		again  bool // a challenge comes with the refusal
	}{
		{"A23 one bit of the body", func(r *auth.Request) { r.Body[3] ^= 1 }, true},
		{"A23 an octet more", func(r *auth.Request) { r.Body = append(r.Body, '\n') }, true},
		{"A25 header is missing", func(r *auth.Request) { r.HTTP.Del("x-syncml-hmac") }, false},
		{"A26 Cred beside it", func(r *auth.Request) {
			r.Message.Cred = &syncml.Cred{Meta: syncml.Meta{Type: syncml.AuthMD5}}
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := pair(t, auth.HMAC)
			l.want(407)
			l.want(200)
			res, _ := l.deliver(tt.change)
			require.Nil(t, res.Identity)
			require.Equal(t, tt.again, res.Challenge != nil, "%v", res.Reason)
		})
	}
}

func TestNonces(t *testing.T) {
	t.Run("A11 the nonce of 212 is for the next session", func(t *testing.T) {
		l := pair(t, auth.MD5)
		l.check.(*auth.Password).WholeSession = true
		l.want(407)
		l.want(212)
		l.open("2")
		l.want(212)
		l.open("3")
		l.want(212)
	})

	t.Run("the nonce that came with the password", func(t *testing.T) {
		l := pair(t, auth.MD5)
		told := bruce
		told.Nonce = []byte("of the enrollment")
		l.sign = &auth.PasswordSigner{Credentials: auth.Only(server, told)}
		l.check = &auth.Password{Credentials: auth.Only(device, told)}
		l.want(200)

		// A device that is reset to that state cannot use it again, and recovers.
		l.sent = nil
		l.open("2")
		l.want(401)
		l.want(200)
	})

	t.Run("good once", func(t *testing.T) {
		l := pair(t, auth.MD5)
		l.want(407)
		l.want(200)
		old := l.last
		l.want(200)
		for _, first := range []bool{true, false} {
			replay := old
			replay.State, replay.First = l.seen, first
			res, err := auth.Authenticate(t.Context(), l.check, &replay)
			require.NoError(t, err)
			require.Nil(t, res.Identity)
		}
	})

	t.Run("a challenge is good for one message, one session and one peer", func(t *testing.T) {
		l := pair(t, auth.MD5)
		l.want(407)
		for _, change := range []func(*auth.Request){
			func(r *auth.Request) { r.Message.MsgID = "3" },
			func(r *auth.Request) { r.Message.MsgID = "1" },
			func(r *auth.Request) { r.Message.SessionID = "2" },
		} {
			sent, msg := l.sent, l.msg
			res, _ := l.deliver(change)
			require.Nil(t, res.Identity)
			l.sent, l.msg = sent, msg
		}
		l.want(200)
	})

	t.Run("a challenge ends", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := pair(t, auth.MD5)
			l.want(407)
			time.Sleep(5 * time.Minute)
			l.want(200)
			l.sent, l.seen = nil, nil
			l.open("2")
			l.want(407)
			time.Sleep(11 * time.Minute)
			l.want(401)
		})
	})

	t.Run("refused strangers change nothing", func(t *testing.T) {
		l := pair(t, auth.MD5)
		l.want(407)
		stranger := &lane{t: t, from: device, to: server, check: l.check, seen: l.seen}
		for i := range 20 {
			stranger.open(fmt.Sprint(i))
			stranger.want(407)
			stranger.want(407)
			require.Empty(t, stranger.seen)
		}
		l.want(200)
	})

	t.Run("a message that is repeated is judged as it was", func(t *testing.T) {
		for _, s := range []auth.Scheme{auth.MD5, auth.Basic, auth.HMAC} {
			l := pair(t, s)
			if s != auth.Basic {
				l.want(407)
			}
			l.want(200)
			again := l.last // with the state that the message was judged on
			res, err := auth.Authenticate(t.Context(), l.check, &again)
			require.NoError(t, err)
			require.NotNil(t, res.Identity, "%s: %v", s, res.Reason)
		}
	})
}

func TestAttempts(t *testing.T) {
	wrong := auth.Credential{Name: "Bruce2", Secret: auth.Plain("wrong")}

	t.Run("A13 A14 a wrong password", func(t *testing.T) {
		l := pair(t, auth.MD5)
		l.sign = &auth.PasswordSigner{Credentials: auth.Only(server, wrong)}
		first := l.want(407)
		second := l.want(401)
		require.NotEqual(t, nonceOf(first), nonceOf(second), "a fresh nonce")
		res, err := l.deliver(nil)
		require.Equal(t, syncml.StatusInvalidCredentials, res.Status)
		require.Nil(t, res.Challenge, "the session is over")
		require.ErrorIs(t, err, auth.ErrRefused)
	})

	t.Run("A13 a nonce out of date", func(t *testing.T) {
		l := pair(t, auth.MD5)
		l.want(407)
		l.want(200)
		l.seen = nil // the server has lost its records
		l.open("2")
		l.want(401)
		l.want(200)
	})

	t.Run("A14 the device stops after two attempts, whatever the server says", func(t *testing.T) {
		l := pair(t, auth.MD5)
		l.sign = &auth.PasswordSigner{Credentials: auth.Only(server, bruce)}
		l.check = auth.AuthenticatorFunc(func(context.Context, *auth.Request) (*auth.Result, error) {
			chal := &syncml.Chal{Meta: syncml.Meta{Type: syncml.AuthMD5, NextNonce: "Tm9uY2U="}}
			return &auth.Result{Challenge: chal}, nil
		})
		l.want(401) // without credentials
		l.want(401)
		_, err := l.deliver(nil)
		require.ErrorIs(t, err, auth.ErrRefused)
		require.ErrorContains(t, err, "2 attempts")
	})

	t.Run("a password is tried once", func(t *testing.T) {
		l := pair(t, auth.Basic)
		l.sign = &auth.PasswordSigner{Scheme: auth.Basic, Credentials: auth.Only(server, wrong)}
		_, err := l.deliver(nil)
		require.ErrorIs(t, err, auth.ErrRefused)
	})

	t.Run("in the middle of a session", func(t *testing.T) {
		l := pair(t, auth.MD5)
		l.want(407)
		for range 4 {
			l.want(200)
		}
		spoil := func(r *auth.Request) { r.Message.Cred.Data = "Zz6EivR3yeaaENcRN6lpAQ==" }
		res, err := l.deliver(spoil)
		require.NoError(t, err)
		require.NotNil(t, res.Challenge)
		l.want(200)
		for i := range 3 {
			res, _ = l.deliver(spoil)
			require.Equal(t, i < 2, res.Challenge != nil)
		}
	})

	t.Run("A16 another scheme than the one demanded", func(t *testing.T) {
		l := pair(t, auth.MD5)
		l.want(407)
		res, err := l.deliver(func(r *auth.Request) {
			r.Message.Cred = &syncml.Cred{Meta: syncml.Meta{Type: syncml.AuthBasic}, Data: "QnJ1Y2UyOk9oQmVoYXZl"}
		})
		require.Nil(t, res.Challenge, "right credentials, and the session is over")
		require.ErrorIs(t, res.Reason, auth.ErrScheme)
		require.ErrorIs(t, err, auth.ErrRefused)
	})
}

// TestChange is a password that changes while both the old and the new one are about.
func TestChange(t *testing.T) {
	old := bruce
	new := auth.Credential{Name: "Bruce2", Secret: auth.Plain("changed")}
	var onDevice, onServer []auth.Credential
	use := func(c *[]auth.Credential) auth.Credentials {
		return func(context.Context, string) ([]auth.Credential, error) { return *c, nil }
	}
	for _, s := range []auth.Scheme{auth.MD5, auth.HMAC} {
		t.Run("A28 "+s.String(), func(t *testing.T) {
			l := &lane{t: t, from: device, to: server,
				sign: &auth.PasswordSigner{Scheme: s, Credentials: use(&onDevice)}, check: &auth.Password{Scheme: s, Credentials: use(&onServer)}}
			onDevice, onServer = []auth.Credential{old}, []auth.Credential{old}
			l.open("1")
			l.want(407)
			l.want(200)

			onServer = []auth.Credential{new, old} // on its way to the device
			l.want(200)
			onDevice = []auth.Credential{new, old} // has arrived
			l.want(200)
			onServer = []auth.Credential{old} // in this session the device stays with the old one
			l.want(200)

			onServer = []auth.Credential{new}
			l.open("2")
			l.want(200)
		})
	}
}

// TestBothWays authenticates a server to its devices, each with a password of the server's own.
func TestBothWays(t *testing.T) {
	secrets := map[string]string{"device-1": "s3rver-Pw", "device-2": "another"}
	forDevice := func(_ context.Context, id string) ([]auth.Credential, error) {
		if pw, ok := secrets[id]; ok {
			return []auth.Credential{{Name: "mgmtsrv", Secret: auth.Plain(pw)}}, nil
		}
		return nil, auth.ErrUnknown
	}
	sign := &auth.PasswordSigner{Credentials: forDevice}
	for id, pw := range secrets {
		t.Run("A21 "+id, func(t *testing.T) {
			l := &lane{t: t, from: server, to: id, sign: sign,
				check: &auth.Password{Credentials: auth.Only(server, auth.Credential{Name: "mgmtsrv", Secret: auth.Plain(pw)})}}
			l.open("1")
			l.want(407)
			res := l.want(200)
			require.Equal(t, &auth.Identity{Device: server, User: "mgmtsrv"}, res.Identity)

			l.check = &auth.Password{Credentials: auth.Only(server, auth.Credential{Name: "mgmtsrv", Secret: auth.Plain("wrong")})}
			l.want(401)
		})
	}

	l := &lane{t: t, from: server, to: "device-3", sign: sign, check: &auth.Password{}}
	l.open("1")
	res, err := l.deliver(nil)
	require.NoError(t, err)
	require.Nil(t, res.Identity)
	require.Nil(t, l.last.Message.Cred, "a signer without credentials adds none")
}

// TestLookUp is what becomes of a look-up that fails.
func TestLookUp(t *testing.T) {
	down := errors.New("database is down")
	p := &auth.Password{Credentials: func(context.Context, string) ([]auth.Credential, error) { return nil, down }}
	_, err := auth.Authenticate(t.Context(), p, &auth.Request{Message: &syncml.Header{}})
	require.ErrorIs(t, err, down)

	s := &auth.PasswordSigner{Credentials: p.Credentials}
	require.ErrorIs(t, s.Sign(t.Context(), &auth.Outgoing{Header: &syncml.Header{}, First: true}), down)

	p = &auth.Password{Credentials: func(context.Context, string) ([]auth.Credential, error) {
		return nil, fmt.Errorf("%w: no row", auth.ErrUnknown)
	}}
	require.Equal(t, syncml.StatusCredentialsRequired, ask(t, p, device, "1", nil).Status)
	require.Equal(t, syncml.StatusCredentialsRequired, ask(t, new(auth.Password), device, "1", nil).Status)

	none := auth.Only(device, auth.Credential{Name: "Bruce2"}) // a zero Secret
	basic := &syncml.Cred{Meta: syncml.Meta{Type: syncml.AuthBasic}, Data: base64.StdEncoding.EncodeToString([]byte("Bruce2:"))}
	require.Nil(t, ask(t, &auth.Password{Scheme: auth.Basic, Credentials: none}, device, "1", basic).Identity)
}

// TestStoredState gives Password and PasswordSigner state that they did not write: they begin anew.
func TestStoredState(t *testing.T) {
	l := pair(t, auth.MD5)
	l.want(407)
	l.want(200)
	seen, sent := l.seen, l.sent
	for n := range max(len(seen), len(sent)) {
		l.seen, l.sent = seen[:min(n, len(seen))], sent[:min(n, len(sent))]
		l.open(fmt.Sprint("cut at ", n))
		for res := l.next(); res.Identity == nil; res = l.next() {
			require.LessOrEqual(t, l.msg, 2, "cut at %d: %v", n, res.Reason)
		}
	}
	l.seen, l.sent = []byte("{\"version\":2}"), []byte("anything else that is long enough")
	l.open("9")
	l.want(407)
	l.want(200)
}

func (l *lane) next() *auth.Result {
	l.t.Helper()
	res, err := l.deliver(nil)
	require.NoError(l.t, err)
	return res
}
