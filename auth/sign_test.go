package auth_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/syncml"
)

// A turn is one message of a device: the verdict on the message before, and what the message then has.
type turn struct {
	status  syncml.StatusCode // 0: the message opens a session
	demand  string            // the scheme of a challenge; empty: none
	nonce   string            // base64
	trusted bool
	want    string // the scheme that was used; empty: none; "refused": Judge says so
}

// TestSchemes is what PasswordSigner does about the verdicts and demands of servers.
func TestSchemes(t *testing.T) {
	const md5, basic, mac = syncml.AuthMD5, syncml.AuthBasic, syncml.AuthMAC
	const n1, n2 = "Tm9uY2U=", "LG3iZQhhdmKNHg=="
	digests := map[string]string{n1: "Zz6EivR3yeaaENcRN6lpAQ==", n2: "LAK2i25Fh0nxxGGaAzRRpg=="} // vectors 2 and 3
	for _, tt := range []struct {
		name   string
		scheme auth.Scheme
		turns  []turn
	}{
		{"A20 md5 on demand, nothing before a nonce is known", auth.MD5, []turn{
			{want: ""}, {status: 407, demand: md5, nonce: n1, want: md5}, {status: 212, want: ""}, {status: 200, want: ""}}},
		{"Basic at once", auth.Basic, []turn{{want: basic}, {status: 200, want: basic}, {status: 212, want: ""}}},
		{"a stronger scheme than its own", auth.Basic, []turn{{want: basic}, {status: 401, demand: md5, nonce: n1, want: md5}}},
		{"stronger still", auth.MD5, []turn{{want: ""}, {status: 407, demand: mac, nonce: n1, want: mac}, {status: 200, demand: mac, nonce: n2, want: mac}}},
		{"the name of HMAC in another case", auth.MD5, []turn{{want: ""}, {status: 407, demand: "syncml:auth-mac", nonce: n1, want: mac}}},
		{"never a weaker one: Basic", auth.MD5, []turn{{want: ""}, {status: 407, demand: basic, want: "refused"}}},
		{"never a weaker one: MD5", auth.HMAC, []turn{{want: ""}, {status: 407, demand: md5, nonce: n1, want: "refused"}}},
		{"A16 one that it does not have", auth.MD5, []turn{{want: ""}, {status: 407, demand: "syncml:auth-X509", want: "refused"}}},
		{"no challenge", auth.MD5, []turn{{want: ""}, {status: 401, want: "refused"}}},
		{"A15 the same scheme after success", auth.MD5, []turn{
			{want: ""}, {status: 407, demand: md5, nonce: n1, want: md5}, {status: 200, demand: md5, nonce: n2, want: md5},
			{status: 401, demand: mac, nonce: n1, want: "refused"}}},
		{"A15 but a new session is free", auth.MD5, []turn{
			{want: ""}, {status: 407, demand: md5, nonce: n1, want: md5}, {status: 200, demand: md5, nonce: n2, trusted: true, want: md5},
			{want: md5}, {status: 401, demand: mac, nonce: n1, want: mac}}},
		{"the same digest again when no nonce came with 200", auth.MD5, []turn{
			{want: ""}, {status: 407, demand: md5, nonce: n1, want: md5}, {status: 200, want: md5}}},
		{"a challenge without nonce", auth.MD5, []turn{{want: ""}, {status: 407, demand: md5, want: md5}}},
		{"A11 the next session begins with the nonce of 212", auth.MD5, []turn{
			{want: ""}, {status: 407, demand: md5, nonce: n1, trusted: true, want: md5}, {status: 212, demand: md5, nonce: n2, trusted: true, want: ""},
			{want: md5}}},
		{"A17 a nonce from a server that is not authenticated ends with the session", auth.MD5, []turn{
			{want: ""}, {status: 407, demand: md5, nonce: n1, want: md5}, {status: 212, demand: md5, nonce: n2, want: ""},
			{want: ""}}},
		{"A24 HMAC and no nonce", auth.HMAC, []turn{{want: ""}, {status: 407, demand: mac, nonce: n1, want: mac}, {status: 200, want: "refused"}}},
		{"A24 HMAC and 212", auth.HMAC, []turn{{want: ""}, {status: 407, demand: mac, nonce: n1, want: mac}, {status: 212, demand: mac, nonce: n2, want: "refused"}}},
		{"A25 HMAC to the end", auth.HMAC, []turn{
			{want: ""}, {status: 407, demand: mac, nonce: n1, want: mac}, {status: 200, demand: mac, nonce: n2, want: mac},
			{status: 200, demand: mac, nonce: n1, want: mac}}},
		{"a nonce that is not base64", auth.MD5, []turn{{want: ""}, {status: 407, demand: md5, nonce: "?", want: "refused"}}},
		{"a nonce without end", auth.MD5, []turn{{want: ""}, {status: 407, demand: md5, nonce: strings.Repeat("A", 1000), want: "refused"}}},
		{"other statuses are not about credentials", auth.Basic, []turn{{want: basic}, {status: 513, want: basic}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &auth.PasswordSigner{Scheme: tt.scheme, Credentials: auth.Only(server, bruce)}
			var state []byte
			for i, turn := range tt.turns {
				if turn.status != 0 {
					st := &syncml.Status{Code: turn.status}
					if turn.demand != "" {
						st.Chal = &syncml.Chal{Meta: syncml.Meta{Type: turn.demand, NextNonce: turn.nonce}}
					}
					var err error
					state, err = auth.Judge(t.Context(), s, &auth.Verdict{Peer: server, Status: st, State: state, Trusted: turn.trusted})
					if turn.want == "refused" {
						require.ErrorIs(t, err, auth.ErrRefused, "turn %d", i)
						return
					}
					require.NoError(t, err, "turn %d", i)
				}
				m := &auth.Outgoing{Header: &syncml.Header{Target: syncml.Location{URI: server}}, HTTP: http.Header{}, First: turn.status == 0, State: state}
				require.NoError(t, s.Sign(t.Context(), m))
				state = m.State
				require.Equal(t, turn.want, schemeIn(t, m), "turn %d", i)
				if turn.want == md5 && turn.nonce != "" {
					require.Equal(t, digests[turn.nonce], m.Header.Cred.Data, "turn %d: the nonce that came last", i)
				}
			}
		})
	}
}

// schemeIn returns the scheme whose proof a message has.
func schemeIn(t *testing.T, m *auth.Outgoing) string {
	t.Helper()
	switch {
	case m.Header.Cred != nil && m.Seal == nil:
		return m.Header.Cred.Meta.Type
	case m.Header.Cred == nil && m.Seal != nil:
		require.NoError(t, m.Seal([]byte("body")))
		require.Contains(t, m.HTTP.Get("x-syncml-hmac"), `username="Bruce2"`)
		return syncml.AuthMAC
	}
	require.Nil(t, m.Header.Cred)
	require.Nil(t, m.Seal)
	return ""
}

// plainSigner adds a token and does not ask what became of it.
type plainSigner struct{}

func (plainSigner) Sign(_ context.Context, m *auth.Outgoing) error {
	m.HTTP.Set("Authorization", "Bearer token")
	return nil
}

func TestJudgeOfPlainSigners(t *testing.T) {
	for _, s := range []auth.Signer{nil, plainSigner{}} {
		state, err := auth.Judge(t.Context(), s, &auth.Verdict{Status: &syncml.Status{Code: 401}, State: []byte("kept")})
		require.NoError(t, err)
		require.Equal(t, "kept", string(state))
	}
	state, err := auth.Judge(t.Context(), new(auth.PasswordSigner), &auth.Verdict{State: []byte("kept")})
	require.NoError(t, err)
	require.Equal(t, "kept", string(state), "no Status is no verdict")
}
