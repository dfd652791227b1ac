package enroll_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"math/big"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omadm-sdk/omadm/auth/enroll"
	"github.com/omadm-sdk/omadm/internal/testca"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"
)

func TestPasswords(t *testing.T) {
	long := strings.Repeat("x", 72)
	longHash, err := bcrypt.GenerateFromPassword([]byte(long), bcrypt.MinCost)
	require.NoError(t, err)
	boom := errors.New("database is away")
	p := &enroll.Passwords{Cost: bcrypt.MinCost, Lookup: func(_ context.Context, user string) (*enroll.Identity, []byte, error) {
		switch user {
		case "pat":
			return &enroll.Identity{User: "pat@fabrikam.example"}, patsHash(), nil
		case "long":
			return &enroll.Identity{User: "long"}, longHash, nil
		case "nohash":
			return &enroll.Identity{User: "nohash"}, nil, nil
		case "badhash":
			return &enroll.Identity{User: "badhash"}, []byte("plain text"), nil
		case "boom":
			return nil, nil, boom
		}
		return nil, nil, nil
	}}
	for _, row := range []struct {
		name, user, password string
		want                 error
	}{
		{"right", "pat", "correct horse", nil},
		{"wrong", "pat", "battery staple", enroll.CodeAuthentication},
		{"empty", "pat", "", enroll.CodeAuthentication},
		{"another case", "pat", "Correct Horse", enroll.CodeAuthentication},
		{"an unknown user", "nobody", "correct horse", enroll.CodeAuthentication},
		{"an unknown user with the password of nobody", "nobody", "no password has this hash", enroll.CodeAuthentication},
		{"no user", "", "correct horse", enroll.CodeAuthentication},
		{"72 bytes", "long", long, nil},
		{"more than bcrypt looks at", "long", long + "y", enroll.CodeAuthentication},
		{"a user without a hash", "nohash", "no password has this hash", enroll.CodeAuthentication},
		{"the look-up fails", "boom", "x", boom},
	} {
		t.Run(row.name, func(t *testing.T) {
			id, err := p.ValidateToken(t.Context(), &enroll.Token{Policy: enroll.PolicyOnPremise, User: row.user, Password: enroll.Secret(row.password)})
			require.ErrorIs(t, err, row.want)
			require.Equal(t, err == nil, id != nil)
		})
	}
	_, err = p.ValidateToken(t.Context(), &enroll.Token{Policy: enroll.PolicyOnPremise, User: "badhash", Password: "x"})
	require.Error(t, err)
	require.NotErrorIs(t, err, enroll.CodeAuthentication, "a broken record is the server's fault")
	_, err = p.ValidateToken(t.Context(), &enroll.Token{Policy: enroll.PolicyFederated, User: "pat", Password: "correct horse"})
	require.ErrorIs(t, err, enroll.CodeAuthentication)
	_, err = (&enroll.Passwords{Cost: bcrypt.MinCost}).ValidateToken(t.Context(), &enroll.Token{Policy: enroll.PolicyOnPremise, User: "pat", Password: "x"})
	require.ErrorIs(t, err, enroll.CodeAuthentication, "nil refuses everybody")
	_, err = (&enroll.Passwords{Cost: 99}).ValidateToken(t.Context(), &enroll.Token{Policy: enroll.PolicyOnPremise, User: "pat", Password: "x"})
	require.ErrorContains(t, err, "Cost")
	_, err = enroll.HashPassword(long + "y")
	require.Error(t, err)
	hash, err := enroll.HashPassword("correct horse")
	require.NoError(t, err)
	require.NoError(t, bcrypt.CompareHashAndPassword(hash, []byte("correct horse")))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var wg sync.WaitGroup
	for range 8 { // those that must wait notice that nobody waits for them
		wg.Go(func() {
			_, err := p.ValidateToken(ctx, &enroll.Token{Policy: enroll.PolicyOnPremise, User: "pat", Password: "x"})
			if !errors.Is(err, context.Canceled) && !errors.Is(err, enroll.CodeAuthentication) {
				t.Errorf("got %v", err)
			}
		})
	}
	wg.Wait()
}

func TestTickets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := []byte(strings.Repeat("k", 32))
		tickets := &enroll.Tickets{Key: key, TTL: 5 * time.Minute}
		validate := func(v *enroll.Tickets, ticket string, spend bool) (*enroll.Identity, error) {
			return v.ValidateToken(t.Context(), &enroll.Token{Policy: enroll.PolicyFederated, Value: enroll.Secret(ticket), Spend: spend})
		}
		ticket, err := tickets.New(pat, map[string]string{"tid": "7"})
		require.NoError(t, err)
		want := &enroll.Identity{User: pat, Claims: map[string]string{"tid": "7"}}

		for range 3 { // asking for the policy does not spend it
			id, err := validate(tickets, ticket, false)
			require.NoError(t, err)
			require.Equal(t, want, id)
		}
		node2 := &enroll.Tickets{Key: key}
		id, err := validate(node2, ticket, false)
		require.NoError(t, err, "another server with the key takes it")
		require.Equal(t, want, id)

		id, err = validate(tickets, ticket, true)
		require.NoError(t, err)
		require.Equal(t, want, id)
		_, err = validate(tickets, ticket, true)
		require.ErrorIs(t, err, enroll.CodeAuthentication)
		require.ErrorContains(t, err, "used before")

		late, err := tickets.New(pat, nil)
		require.NoError(t, err)
		time.Sleep(5 * time.Minute)
		_, err = validate(tickets, late, true)
		require.ErrorIs(t, err, enroll.CodeAuthentication)
		require.ErrorContains(t, err, "expired")

		good, err := tickets.New(pat, nil)
		require.NoError(t, err)
		body, mac, _ := strings.Cut(good, ".")
		otherKey := &enroll.Tickets{Key: []byte(strings.Repeat("o", 32))}
		for name, bad := range map[string]string{
			"empty": "", "no MAC": body, "an empty MAC": body + ".", "a MAC alone": "." + mac, "another MAC": body + "." + strings.Repeat("A", len(mac)),
			"another body": "e30." + mac, "three parts": good + ".x", "not base64": "*." + mac,
		} {
			_, err := validate(tickets, bad, false)
			require.ErrorIs(t, err, enroll.CodeAuthentication, name)
		}
		_, err = validate(otherKey, good, false)
		require.ErrorIs(t, err, enroll.CodeAuthentication, "another key")
		_, err = tickets.ValidateToken(t.Context(), &enroll.Token{Policy: enroll.PolicyOnPremise, Value: enroll.Secret(good)})
		require.ErrorIs(t, err, enroll.CodeAuthentication, "another policy")

		short := &enroll.Tickets{Key: key[:31]}
		_, err = short.New(pat, nil)
		require.Error(t, err)
		_, err = validate(short, good, false)
		require.ErrorIs(t, err, enroll.CodeAuthentication)
		_, err = validate(new(enroll.Tickets), good, false)
		require.ErrorIs(t, err, enroll.CodeAuthentication, "nil refuses everybody")
	})
}

// Several servers share what was spent.
func TestTicketsShared(t *testing.T) {
	var mu sync.Mutex
	spent := map[string]bool{}
	spend := func(_ context.Context, id string, until time.Time) (bool, error) {
		mu.Lock()
		defer mu.Unlock()
		if time.Until(until) <= 0 {
			return false, errors.New("already over")
		}
		first := !spent[id]
		spent[id] = true
		return first, nil
	}
	key := []byte(strings.Repeat("k", 32))
	a, b := &enroll.Tickets{Key: key, Spend: spend}, &enroll.Tickets{Key: key, Spend: spend}
	ticket, err := a.New(pat, nil)
	require.NoError(t, err)
	var ok, refused int
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			_, err := []*enroll.Tickets{a, b}[i%2].ValidateToken(t.Context(), &enroll.Token{Policy: enroll.PolicyFederated, Value: enroll.Secret(ticket), Spend: true})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				ok++
			} else if errors.Is(err, enroll.CodeAuthentication) {
				refused++
			}
		})
	}
	wg.Wait()
	require.Equal(t, 1, ok)
	require.Equal(t, 9, refused)
}

func TestWriteToken(t *testing.T) {
	const token = `a"b<c>&'ü`
	w := httptest.NewRecorder()
	require.NoError(t, enroll.WriteToken(w, "ms-app://windows.immersivecontrolpanel", token))
	page := w.Body.String()
	require.Equal(t, 200, w.Code)
	require.Contains(t, page, `<form method="post" action="ms-app://windows.immersivecontrolpanel">`)
	m := regexp.MustCompile(`name="wresult" value="([^"]*)"`).FindStringSubmatch(page)
	require.NotNil(t, m, page)
	require.Equal(t, token, html.UnescapeString(m[1]))
	nonce := regexp.MustCompile(`<script nonce="([^"]+)">`).FindStringSubmatch(page)
	require.NotNil(t, nonce)
	require.Contains(t, w.Header().Get("Content-Security-Policy"), "'nonce-"+nonce[1]+"'")
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))

	for _, bad := range []string{"", "https://evil.example/", "javascript:alert(1)", "//evil.example", "ms-app:", "ms-app://", "ms-appx://x", "ms-app://x\n"} {
		w := httptest.NewRecorder()
		require.Error(t, enroll.WriteToken(w, bad, token), bad)
		require.Equal(t, 400, w.Code, bad)
		require.NotContains(t, w.Body.String(), "wresult")
	}
	w = httptest.NewRecorder()
	require.NoError(t, enroll.WriteToken(w, `ms-app://x/"><script>alert(1)</script>`, token))
	require.NotContains(t, w.Body.String(), "<script>alert")
}

// signingCertificate is what a provisioning package would install: RSA, for clients, issued by ca.
func signingCertificate(t *testing.T, ca *testca.CA, mail string) tls.Certificate {
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(4711),
		Subject:      pkix.Name{CommonName: "Package 7"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if mail != "" {
		tmpl.EmailAddresses = []string{mail}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, ca.Certificate, rsaKey().Public(), ca.Key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: rsaKey()}
}

func TestCertificateAuthentication(t *testing.T) {
	packages, other := testca.New(t), testca.New(t)
	good := signingCertificate(t, packages, "")
	for _, row := range []struct {
		name   string
		cert   tls.Certificate
		change func(*deployment)
		user   string
		code   enroll.Code
	}{
		{"a package's certificate", good, nil, "Package 7", 0},
		{"one with an e-mail address", signingCertificate(t, packages, "bulk@fabrikam.example"), nil, "bulk@fabrikam.example", 0},
		{"of another authority", signingCertificate(t, other, ""), nil, "", enroll.CodeAuthentication},
		{"of the authority for devices, which has no roots here", good, func(d *deployment) { d.enroll.Certificate = &enroll.SigningCertificates{} }, "", enroll.CodeAuthentication},
		{"refused by the deployment", good, func(d *deployment) {
			d.enroll.Certificate = &enroll.SigningCertificates{Roots: packages.Pool(), Identity: func(_ context.Context, c *x509.Certificate) (*enroll.Identity, error) {
				return nil, enroll.CodeDeviceCapReached
			}}
		}, "", enroll.CodeDeviceCapReached},
		{"a request that was changed on its way", good, func(d *deployment) {
			d.wrap = rewriteRequest(enroll.IssuePath, func(s string) string { return strings.Replace(s, "PAT-LAPTOP", "EVE-LAPTOP", 1) })
		}, "", enroll.CodeInvalidSecurity},
		{"a request that is old", good, func(d *deployment) {
			d.wrap = rewriteRequest(enroll.PolicyPath, func(s string) string { return strings.ReplaceAll(s, "<u:Expires>2", "<u:Expires>1") })
		}, "", enroll.CodeInvalidSecurity},
		{"a key that cannot sign so", packages.Device("x"), nil, "", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := deploy(t, func(d *deployment) {
				d.enroll.Certificate = &enroll.SigningCertificates{Roots: packages.Pool()}
				if row.change != nil {
					row.change(d)
				}
			})
			e, err := d.client(t).Enroll(t.Context(), "bulk@fabrikam.example", enroll.SigningCertificate(row.cert))
			if row.user != "" {
				require.NoError(t, err)
				require.Equal(t, "Fabrikam", e.ProviderID)
				require.Equal(t, row.user, d.last().Identity.User)
				require.Equal(t, enroll.PolicyCertificate, d.last().Identity.Policy)
				return
			}
			require.Error(t, err)
			if row.code != 0 {
				require.ErrorIs(t, err, row.code)
			}
			require.Empty(t, d.requests)
		})
	}
}

// A logger that is given a whole enrollment, or a CA, writes no key.
func TestKeysAreNotLogged(t *testing.T) {
	d := deploy(t, nil)
	e := enrolled(t, d)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "enrolled", e, "ca", d.ca)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "enrolled", e, "ca", d.ca)
	require.Contains(t, log.String(), e.DeviceID)
	require.Contains(t, log.String(), "Fabrikam Devices")
	for _, key := range []any{e.Certificate.PrivateKey, d.ca.Key} {
		b, err := key.(*ecdsa.PrivateKey).Bytes()
		require.NoError(t, err)
		require.NotContains(t, log.String(), new(big.Int).SetBytes(b).String())
	}
	require.NotContains(t, log.String(), string(e.Device.Secret))
}

func TestSecret(t *testing.T) {
	s := enroll.Secret("hunter2")
	tok := &enroll.Token{Policy: enroll.PolicyOnPremise, User: "pat", Password: s, Value: s}
	acc := &enroll.Account{Name: "pat", Secret: s}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "s", s, "token", tok, "account", acc)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "s", s, "token", tok, "account", acc)
	js, err := json.Marshal(tok)
	require.NoError(t, err)
	all := fmt.Sprintf("%v %s %q %#v %x %+v %#v %v %+v %d", s, s, s, s, s, tok, tok, *acc, acc, s) + log.String() + string(js)
	require.NotContains(t, all, "hunter2")
	require.NotContains(t, all, fmt.Sprintf("%x", "hunter2"))
	require.Contains(t, all, "redacted")
	require.Empty(t, enroll.Secret("").String())
	require.Equal(t, "hunter2", string(s))
}
