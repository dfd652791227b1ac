package enroll_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omadm-sdk/omadm/auth/enroll"
	"github.com/stretchr/testify/require"
)

const tenant = "9188040d-6c67-4c5b-b112-36a304b66dad"

// entra is a directory that signs tokens with the key k1 and publishes it.
type entra struct {
	*httptest.Server
	fetches atomic.Int32
	broken  atomic.Bool
}

func newEntra(t *testing.T) *entra {
	e := new(entra)
	b64 := base64.RawURLEncoding.EncodeToString
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.fetches.Add(1)
		if e.broken.Load() {
			http.Error(w, "away", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(w, `{"keys":[{"kty":"EC","kid":"k0"},{"kty":"RSA","use":"enc","kid":"k2","n":%[1]q,"e":"AQAB"},{"kty":"RSA","use":"sig","kid":"k1","n":%[1]q,"e":"AQAB","x5c":["ignored"]},{"kty":"RSA","kid":"weak","n":"AQAB","e":"AQAB"}]}`,
			b64(rsaKey().N.Bytes()))
	}))
	t.Cleanup(e.Close)
	return e
}

func jwt(t *testing.T, header, claims map[string]any) string {
	enc := func(v any) string {
		b, err := json.Marshal(v)
		require.NoError(t, err)
		return base64.RawURLEncoding.EncodeToString(b)
	}
	signed := enc(header) + "." + enc(claims)
	sum := sha256.Sum256([]byte(signed))
	sig, err := rsa.SignPKCS1v15(rand.Reader, rsaKey(), crypto.SHA256, sum[:])
	require.NoError(t, err)
	return signed + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func TestEntra(t *testing.T) {
	dir := newEntra(t)
	now := time.Now()
	v := &enroll.Entra{Audience: []string{"https://mdm.fabrikam.example", "6f1e5f5e"}, Tenants: []string{strings.ToUpper(tenant)}, KeysURL: dir.URL}
	header := map[string]any{"alg": "RS256", "kid": "k1", "typ": "JWT"}
	claims := map[string]any{
		"aud": "https://mdm.fabrikam.example", "iss": "https://sts.windows.net/" + tenant + "/", "tid": tenant,
		"exp": now.Add(time.Hour).Unix(), "nbf": now.Add(-time.Minute).Unix(), "upn": pat, "oid": "o-1", "unique_name": pat, "deviceid": "d-1", "scp": "mdm_delegation",
	}
	with := func(base map[string]any, pairs ...any) map[string]any {
		m := maps.Clone(base)
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i].(string)] = pairs[i+1]
			if pairs[i+1] == nil {
				delete(m, pairs[i].(string))
			}
		}
		return m
	}
	good := jwt(t, header, claims)
	parts := strings.Split(good, ".")
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	otherSig, err := rsa.SignPKCS1v15(rand.Reader, other, crypto.SHA256, sum[:])
	require.NoError(t, err)
	hs := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","kid":"k1"}`)) + "." + parts[1]
	mac := hmac.New(sha256.New, x509.MarshalPKCS1PublicKey(&rsaKey().PublicKey))
	mac.Write([]byte(hs))

	for _, row := range []struct {
		name, token, want string // want is empty for a token that is taken
	}{
		{"version 1", good, ""},
		{"version 2", jwt(t, header, with(claims, "aud", "6f1e5f5e", "iss", "https://login.microsoftonline.com/"+tenant+"/v2.0")), ""},
		{"no user: a device that enrolls for itself", jwt(t, header, with(claims, "upn", nil)), ""},
		{"just over, by a wrong clock", jwt(t, header, with(claims, "exp", now.Add(-time.Minute).Unix())), ""},
		{"for another service", jwt(t, header, with(claims, "aud", "https://graph.microsoft.com")), "it is for"},
		{"for nobody", jwt(t, header, with(claims, "aud", nil)), "it is for"},
		{"for a list", jwt(t, header, with(claims, "aud", []string{"https://mdm.fabrikam.example"})), "not JSON"},
		{"of another tenant", jwt(t, header, with(claims, "tid", "evil", "iss", "https://sts.windows.net/evil/")), "of tenant"},
		{"of no tenant", jwt(t, header, with(claims, "tid", nil, "iss", "https://sts.windows.net//")), "of tenant"},
		{"of a tenant that its issuer does not confirm", jwt(t, header, with(claims, "iss", "https://sts.windows.net/evil/")), "issuer"},
		{"of an issuer of its own", jwt(t, header, with(claims, "iss", "https://evil.example/"+tenant+"/")), "issuer"},
		{"over", jwt(t, header, with(claims, "exp", now.Add(-time.Hour).Unix())), "expired"},
		{"without an end", jwt(t, header, with(claims, "exp", nil)), "expired"},
		{"of tomorrow", jwt(t, header, with(claims, "nbf", now.Add(time.Hour).Unix())), "counts from"},
		{"unsigned", jwt(t, with(header, "alg", "none"), claims), "want RS256"},
		{"signed with the public key as a password", hs + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)), "want RS256"},
		{"signed by a key that is not published", jwt(t, with(header, "kid", "k9"), claims), "does not publish"},
		{"signed by a key for encryption", jwt(t, with(header, "kid", "k2"), claims), "does not publish"},
		{"signed by a weak key", jwt(t, with(header, "kid", "weak"), claims), "does not publish"},
		{"signed by somebody else", parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(otherSig), "signature"},
		{"with claims of another", parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"upn":"boss"}`)) + "." + parts[2], "signature"},
		{"without a signature", parts[0] + "." + parts[1] + ".", "signature"},
		{"of two parts", parts[0] + "." + parts[1], "not a JWT"},
		{"not in base64", "a.*.c", "not a JWT"},
		{"empty", "", "not a JWT"},
		{"a header that is no JSON", "aGVsbG8.e30.e30", "header is not JSON"},
		{"16 KB", good + strings.Repeat("A", 16<<10), "not a JWT"},
	} {
		t.Run(row.name, func(t *testing.T) {
			id, err := v.ValidateToken(t.Context(), &enroll.Token{Policy: enroll.PolicyFederated, Value: enroll.Secret(row.token), ValueType: enroll.TokenTypeJWT})
			if row.want == "" {
				require.NoError(t, err)
				require.Equal(t, map[string]string{"tid": tenant, "oid": "o-1", "unique_name": pat, "deviceid": "d-1", "scp": "mdm_delegation"}, id.Claims)
				if !strings.HasPrefix(row.name, "no user") {
					require.Equal(t, pat, id.User)
				}
				return
			}
			require.Nil(t, id)
			require.ErrorIs(t, err, enroll.CodeAuthentication)
			require.ErrorContains(t, err, row.want)
			if len(row.token) > 20 {
				require.NotContains(t, err.Error(), row.token[:20])
			}
		})
	}
	require.EqualValues(t, 1, dir.fetches.Load(), "strangers who name unknown keys cause no traffic")

	for name, empty := range map[string]*enroll.Entra{
		"no audience": {Tenants: v.Tenants, KeysURL: dir.URL}, "no tenant": {Audience: v.Audience, KeysURL: dir.URL},
	} {
		_, err := empty.ValidateToken(t.Context(), &enroll.Token{Policy: enroll.PolicyFederated, Value: enroll.Secret(good)})
		require.ErrorIs(t, err, enroll.CodeAuthentication, name)
	}
	_, err = v.ValidateToken(t.Context(), &enroll.Token{Policy: enroll.PolicyOnPremise, Value: enroll.Secret(good)})
	require.ErrorIs(t, err, enroll.CodeAuthentication)
}

// Entra is away: that is the server's trouble and not the user's.
func TestEntraIsAway(t *testing.T) {
	dir := newEntra(t)
	dir.broken.Store(true)
	v := &enroll.Entra{Audience: []string{"a"}, Tenants: []string{tenant}, KeysURL: dir.URL}
	token := &enroll.Token{Policy: enroll.PolicyFederated, Value: enroll.Secret(jwt(t, map[string]any{"alg": "RS256", "kid": "k1"}, map[string]any{"aud": "a"}))}
	_, err := v.ValidateToken(t.Context(), token)
	require.ErrorContains(t, err, "503")
	require.NotErrorIs(t, err, enroll.CodeAuthentication)
}

// A joined device brings its token through all steps.
func TestEnrollWithEntra(t *testing.T) {
	dir := newEntra(t)
	d := deploy(t, func(d *deployment) {
		d.enroll.AuthURL = ""
		d.enroll.Federated = &enroll.Entra{Audience: []string{"a"}, Tenants: []string{tenant}, KeysURL: dir.URL}
	})
	token := jwt(t, map[string]any{"alg": "RS256", "kid": "k1"}, map[string]any{
		"aud": "a", "iss": "https://sts.windows.net/" + tenant + "/", "tid": tenant, "exp": time.Now().Add(time.Hour).Unix(), "upn": pat, "oid": "o-1",
	})
	_, err := d.client(t).Enroll(t.Context(), "", enroll.Ticket(token))
	require.NoError(t, err)
	require.Equal(t, pat, d.last().Identity.User)
	require.Equal(t, "o-1", d.last().Identity.Claims["oid"])
}
