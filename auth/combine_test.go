package auth_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/internal/testca"
	"github.com/omadm-sdk/omadm/syncml"
)

// verdict is an Authenticator that has made up its mind.
func verdict(res *auth.Result, err error) auth.Authenticator {
	return auth.AuthenticatorFunc(func(context.Context, *auth.Request) (*auth.Result, error) { return res, err })
}

func TestAuthenticateHoldsTheRules(t *testing.T) {
	chal := &syncml.Chal{}
	for _, tt := range []struct {
		name string
		auth auth.Authenticator
		want auth.Result
	}{
		{"nil refuses everybody", nil, auth.Result{Status: 401}},
		{"no verdict", verdict(nil, nil), auth.Result{Status: 401}},
		{"an empty verdict", verdict(&auth.Result{}, nil), auth.Result{Status: 401}},
		{"refused, and state that is not to be kept", verdict(&auth.Result{Status: 407, Challenge: chal, State: []byte("x")}, nil),
			auth.Result{Status: 407, Challenge: chal}},
		{"accepted", verdict(&auth.Result{Identity: &auth.Identity{Device: device}, State: []byte("x")}, nil),
			auth.Result{Identity: &auth.Identity{Device: device}, Status: 200, State: []byte("x")}},
		{"accepted as somebody else", verdict(&auth.Result{Identity: &auth.Identity{Device: "other"}, Status: 212, Challenge: chal, State: []byte("x")}, nil),
			auth.Result{Status: 401}},
		{"all of nothing", auth.All(), auth.Result{Status: 401}},
		{"any of nothing", auth.Any(), auth.Result{Status: 401}},
		{"all of nil", auth.All(nil), auth.Result{Status: 401}},
		{"any of nil", auth.Any(nil), auth.Result{Status: 401}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := ask(t, tt.auth, device, "1", nil)
			require.Equal(t, res.Identity == nil, res.Reason != nil || tt.name == "an empty verdict" || res.Challenge != nil)
			res.Reason = nil
			require.Equal(t, &tt.want, res)
		})
	}

	down := errors.New("database is down")
	for _, a := range []auth.Authenticator{verdict(nil, down), auth.All(verdict(nil, down)), auth.Any(verdict(nil, down))} {
		_, err := auth.Authenticate(t.Context(), a, &auth.Request{Message: &syncml.Header{}})
		require.ErrorIs(t, err, down)
	}
	res, err := auth.Authenticate(t.Context(), verdict(&auth.Result{Identity: new(auth.Identity)}, nil), new(auth.Request))
	require.NoError(t, err)
	require.Nil(t, res.Identity, "no header, no claim")
}

// TestAll wants a certificate and a digest of the same device.
func TestAll(t *testing.T) {
	ca := testca.New(t)
	other := testca.New(t).Device(device).Leaf
	l := pair(t, auth.MD5)
	password := &auth.Password{WholeSession: true, Credentials: auth.Only(device, bruce)}
	l.check = auth.All(&auth.ClientCert{Roots: ca.Pool(), Device: byName}, password)
	own := over("", ca.Device(device).Leaf).TLS
	with := func(r *auth.Request) { r.TLS = own }

	res, err := l.deliver(nil)
	require.ErrorIs(t, err, auth.ErrRefused)
	require.Equal(t, syncml.StatusCredentialsRequired, res.Status)
	require.Nil(t, res.Challenge, "without a certificate there is nothing to try")

	l.open("2")
	res, err = l.deliver(with)
	require.NoError(t, err)
	require.Equal(t, syncml.StatusCredentialsRequired, res.Status)
	require.NotEmpty(t, nonceOf(res))

	res, err = l.deliver(with)
	require.NoError(t, err)
	require.Equal(t, syncml.StatusAuthenticated, res.Status)
	require.Equal(t, device, res.Identity.Device)
	require.Equal(t, "Bruce2", res.Identity.User)
	require.NotNil(t, res.Identity.Certificate)

	res, err = l.deliver(with)
	require.NoError(t, err)
	require.Equal(t, syncml.StatusOK, res.Status)

	for name, leaf := range map[string]*auth.Request{"no certificate": over(""), "of another authority": over("", other)} {
		res, _ = l.deliver(func(r *auth.Request) { r.TLS = leaf.TLS })
		require.Nil(t, res.Identity, "%s, after 212: the certificate counts for each message", name)
	}
}

// TestAny has devices that came by different ways.
func TestAny(t *testing.T) {
	ca := testca.New(t)
	with := func(r *auth.Request) { r.TLS = over("", ca.Device(device).Leaf).TLS }
	new := func() *lane {
		l := pair(t, auth.HMAC)
		l.check = auth.Any(
			&auth.ClientCert{Roots: ca.Pool(), Device: byName},
			&auth.Password{Scheme: auth.MD5, Credentials: auth.Only(device, bruce)},
			&auth.Password{Scheme: auth.HMAC, Credentials: auth.Only(device, bruce)},
		)
		return l
	}

	t.Run("by certificate", func(t *testing.T) {
		l := new()
		l.sign = nil
		res, _ := l.deliver(with)
		require.Equal(t, syncml.StatusOK, res.Status)
		require.NotNil(t, res.Identity.Certificate)
		require.Nil(t, res.Challenge)
	})

	t.Run("by digest, which the first challenge asks for", func(t *testing.T) {
		l := new()
		l.sign = &auth.PasswordSigner{Scheme: auth.MD5, Credentials: auth.Only(server, bruce)}
		l.want(407)
		for range 3 {
			l.want(200)
		}
		l.open("2")
		l.want(200)
	})

	t.Run("A15 not by another in the same session", func(t *testing.T) {
		l := new()
		l.sign = &auth.PasswordSigner{Scheme: auth.MD5, Credentials: auth.Only(server, bruce)}
		l.want(407)
		l.want(200)
		res, _ := l.deliver(func(r *auth.Request) { r.Message.Cred = nil; with(r) })
		require.Nil(t, res.Identity)
		l.open("2")
		res, _ = l.deliver(with)
		require.NotNil(t, res.Identity)
		require.NotNil(t, res.Identity.Certificate)
	})

	t.Run("state of another configuration", func(t *testing.T) {
		l := new()
		l.sign = &auth.PasswordSigner{Scheme: auth.MD5, Credentials: auth.Only(server, bruce)}
		l.want(407)
		l.want(200)
		l.check = auth.Any(&auth.Password{Scheme: auth.MD5, Credentials: auth.Only(device, bruce)})
		l.open("2")
		l.want(401)
		l.want(200)
	})
}
