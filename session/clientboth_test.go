package session_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/syncml"
)

// Device and server prove themselves to each other in every scheme, in one session after the other, with a device that
// forgets all but its store in between.
func TestCredentialsBothEnds(t *testing.T) {
	device := auth.Credential{Name: "Bruce2", Secret: auth.Plain("OhBehave")}
	server := auth.Credential{Name: "mgmtsrv", Secret: auth.Plain("s3rver-Pw")}
	for _, scheme := range []auth.Scheme{auth.Basic, auth.MD5, auth.HMAC} {
		for _, whole := range []bool{true, false} {
			t.Run(scheme.String(), func(t *testing.T) {
				each(t, func(t *testing.T, e syncml.Encoding) {
					got := 0
					p := sessiontest.New(t, session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
						for _, res := range r.Results {
							if _, err := res.Value(); err == nil {
								got++
							}
						}
						if r.First || len(r.Results) > 0 && r.Results[0].Label == "first" {
							label := map[bool]string{true: "first", false: "second"}[r.First]
							w.Get("./DevDetail/SwV").Label(label)
						}
						return nil
					}), deviceTree())
					id := p.Server.ID
					p.Server.Auth = &auth.Password{Scheme: scheme, WholeSession: whole, Credentials: auth.Only("device-1", device)}
					p.Server.Sign = &auth.PasswordSigner{Scheme: scheme, Credentials: auth.Only("device-1", server)}
					store := new(session.MemoryClientStore)
					verify := &auth.Password{Scheme: scheme, WholeSession: whole, Credentials: auth.Only(id, server), Key: make([]byte, 16)}
					for n := range 3 {
						c := &session.Client{
							URL: id, ID: "device-1", Tree: deviceTree(), Encoding: e, HTTP: &http.Client{Transport: p}, Store: store,
							Sign: &auth.PasswordSigner{Scheme: scheme, Credentials: auth.Only(id, device)}, Auth: verify, Logger: testLogger(t),
						}
						sum, err := c.Run(t.Context(), nil)
						require.NoError(t, err, "session %d\n%s", n+1, p.Trace())
						require.Equal(t, 2, sum.Commands, p.Trace())
						require.Equal(t, 2*(n+1), got, p.Trace())
						if n > 0 && scheme == auth.MD5 && whole {
							require.Equal(t, 3, sum.Messages, "the nonces of the last session do\n%s", p.Trace()) // A11
						}
					}

					wrong := &session.Client{
						URL: id, ID: "device-1", Tree: deviceTree(), Encoding: e, HTTP: &http.Client{Transport: p}, Logger: testLogger(t),
						Sign: &auth.PasswordSigner{Scheme: scheme, Credentials: auth.Only(id, auth.Credential{Name: "Bruce2", Secret: auth.Plain("guess")})},
					}
					_, err := wrong.Run(t.Context(), nil)
					require.ErrorIs(t, err, auth.ErrRefused)

					tree := deviceTree()
					doubting := &session.Client{
						URL: id, ID: "device-1", Tree: tree, Encoding: e, HTTP: &http.Client{Transport: p}, Logger: testLogger(t),
						Sign: &auth.PasswordSigner{Scheme: scheme, Credentials: auth.Only(id, device)},
						Auth: &auth.Password{Scheme: scheme, Credentials: auth.Only(id, auth.Credential{Name: "mgmtsrv", Secret: auth.Plain("other")})},
					}
					_, err = doubting.Run(t.Context(), nil)
					var se *session.StatusError
					require.ErrorAs(t, err, &se)
				})
			})
		}
	}
}

// Objects that are larger than any message travel both ways between real ends.
func TestLargeObjectsBothEnds(t *testing.T) {
	each(t, func(t *testing.T, e syncml.Encoding) {
		down, up := randomText(300_000), randomText(200_000)
		var got string
		p := sessiontest.New(t, session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
			if r.First {
				w.Replace("./A/x", dmtree.String(down))
				w.Get("./A/up")
			}
			for _, res := range r.Results {
				if res.Command == "Get" {
					v, err := res.Value()
					if err != nil {
						return err
					}
					got = v.Text()
				}
			}
			return nil
		}), nil)
		tree := deviceTree()
		tree.Set("./A/up", dmtree.String(up))
		p.Client.Tree, p.Client.Encoding = tree, e
		p.Client.Profile, p.Server.Profile = session.OMA, session.OMA
		p.Client.Limits.Message, p.Server.Limits.Message = 20_000, 15_000
		sum := p.Run(t.Context())
		require.Zero(t, sum.Failed)
		require.True(t, got == up, "%d bytes came", len(got))
		require.True(t, nodeValue(t, tree, "./A/x") == down)
		require.Greater(t, sum.Messages, 25)
	})
}

// randomText returns n bytes that need escapes here and there.
func randomText(n int) string {
	const alphabet = "abc<d&>\"' \nZoë"
	b := make([]byte, 0, n)
	for i := 0; len(b) < n; i++ {
		b = append(b, alphabet[(i*7+i/13)%9])
	}
	return string(b)
}
