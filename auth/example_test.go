package auth_test

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"net/netip"
	"strings"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/internal/testca"
	"github.com/omadm-sdk/omadm/syncml"
)

// A device whose message comes with the certificate that it got at its enrollment, and one that claims to be another.
func ExampleClientCert() {
	ca := testca.New(nil)
	check := &auth.ClientCert{
		Roots: ca.Pool(),
		Device: func(_ context.Context, cert *x509.Certificate) (string, error) {
			return cert.Subject.CommonName, nil
		},
	}
	for _, claim := range []string{"device-1", "device-2"} {
		res, err := auth.Authenticate(context.Background(), check, over(claim, ca.Device("device-1").Leaf))
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(res.Status, res.Identity != nil)
	}
	// Output:
	// 200 OK true
	// 401 Invalid credentials false
}

// Behind a proxy that ends TLS the certificate comes in a header, which counts on connections from the proxy only.
func ExampleProxyHeader() {
	check := &auth.ClientCert{
		Roots:  x509.NewCertPool(),
		Device: func(_ context.Context, cert *x509.Certificate) (string, error) { return cert.Subject.CommonName, nil },
		// nginx: proxy_set_header X-Client-Cert $ssl_client_escaped_cert;
		Proxy: &auth.ProxyHeader{
			Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.7/32")},
			Format:  auth.PEM,
			Name:    "X-Client-Cert",
		},
	}
	res, err := auth.Authenticate(context.Background(), check, over("device-1"))
	fmt.Println(res.Status, res.Reason, err)
	// Output: 407 Authentication required auth: no credentials: no client certificate <nil>
}

// A session with MD5: the first message is challenged, the second proves the password, the third proves it again.
func ExamplePassword() {
	ctx := context.Background()
	password := rand.Text()
	check := &auth.Password{ // the server's
		Scheme:      auth.MD5,
		Credentials: auth.Only("device-1", auth.Credential{Name: "bruce", Secret: auth.Digested("bruce", password)}),
	}
	sign := &auth.PasswordSigner{ // the device's
		Scheme:      auth.MD5,
		Credentials: auth.Only("https://mdm.example.com/dm", auth.Credential{Name: "bruce", Secret: auth.Plain(password)}),
	}

	var sent, seen []byte // what the engines of both ends store
	for n := 1; n <= 3; n++ {
		m := &auth.Outgoing{First: n == 1, State: sent, Header: &syncml.Header{
			SessionID: "1", MsgID: fmt.Sprint(n),
			Source: syncml.Location{URI: "device-1"},
			Target: syncml.Location{URI: "https://mdm.example.com/dm"},
		}}
		if err := sign.Sign(ctx, m); err != nil {
			fmt.Println(err)
			return
		}
		res, err := auth.Authenticate(ctx, check, &auth.Request{Message: m.Header, First: seen == nil, State: seen})
		if err != nil {
			fmt.Println(err)
			return
		}
		if res.Identity != nil {
			seen = res.State
		}
		sent, err = sign.Judge(ctx, &auth.Verdict{Peer: "https://mdm.example.com/dm", State: m.State, Trusted: true,
			Status: &syncml.Status{Code: res.Status, Chal: res.Challenge}})
		fmt.Println(m.Header.Cred != nil, res.Status, err)
	}
	// Output:
	// false 407 Authentication required <nil>
	// true 200 OK <nil>
	// true 200 OK <nil>
}

// A token in the Authorization header, checked beside the certificate.
func ExampleAuthenticatorFunc() {
	tokens := map[string]string{"0123456789abcdef": "ada@example.com"}
	byToken := auth.AuthenticatorFunc(func(_ context.Context, r *auth.Request) (*auth.Result, error) {
		user, ok := tokens[strings.TrimPrefix(r.HTTP.Get("Authorization"), "Bearer ")]
		if !ok {
			return &auth.Result{Reason: auth.ErrMissing}, nil
		}
		return &auth.Result{Identity: &auth.Identity{Device: r.Message.Source.URI, User: user}}, nil
	})

	ca := testca.New(nil)
	check := auth.All(&auth.ClientCert{Roots: ca.Pool(), Device: byName}, byToken)
	r := over("device-1", ca.Device("device-1").Leaf)
	r.HTTP = map[string][]string{"Authorization": {"Bearer 0123456789abcdef"}}
	res, err := auth.Authenticate(context.Background(), check, r)
	fmt.Println(res.Identity.Device, res.Identity.User, err)
	// Output: device-1 ada@example.com <nil>
}

// Secrets at rest, bound to their device.
func ExampleVault() {
	key := make([]byte, 32)
	rand.Read(key) // once; then kept with the server's keys, apart from the database
	vault, err := auth.NewVault(key)
	if err != nil {
		fmt.Println(err)
		return
	}
	sealed, err := vault.Seal("device-1", auth.Digested("bruce", rand.Text()))
	fmt.Println(strings.HasPrefix(sealed, "{vault1}"), err)

	secret, err := vault.Open("device-1", sealed)
	fmt.Println(secret, err)
	_, err = vault.Open("device-2", sealed)
	fmt.Println(err)
	// Output:
	// true <nil>
	// Secret(hidden) <nil>
	// auth: sealed secret of "device-2": another key, another owner, or damaged
}
