package enroll

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Entra is a [TokenValidator] for Federated that takes the tokens of Microsoft Entra, which devices bring that are joined
// to it or registered with it. It takes a token that Entra signed, for this service, from a tenant on the list, and that
// counts now: all four, for without any of them somebody else's token would do. It must not be copied after first use.
type Entra struct {
	// Audience are the names of this service in Entra: the application id, and the application id URI. If empty, everybody
	// is refused.
	Audience []string

	// Tenants are the ids of the directories whose users may enroll. If empty, everybody is refused.
	Tenants []string

	// KeysURL is where Entra publishes its keys (a JSON Web Key Set). If empty, that of the public cloud.
	KeysURL string

	// HTTP fetches the keys, in ten seconds or not at all. If nil, http.DefaultClient.
	HTTP *http.Client

	fetching sync.Mutex // one fetch at a time; guards tried
	tried    time.Time

	mu      sync.Mutex // guards what follows
	keys    map[string]*rsa.PublicKey
	fetched time.Time
}

const (
	entraKeysURL  = "https://login.microsoftonline.com/common/discovery/v2.0/keys"
	entraKeysTTL  = 24 * time.Hour  // Microsoft wants the keys looked up once a day
	entraKeysWait = 5 * time.Minute // between two attempts, however many unknown keys strangers name
	entraTimeout  = 10 * time.Second
	entraMaxKeys  = 1 << 20  // bytes; the set has about 30 KB
	entraMaxToken = 16 << 10 // bytes; a token has about 2 KB
)

// The issuers of both versions of tokens, around the tenant.
var entraIssuers = [][2]string{
	{"https://sts.windows.net/", "/"},
	{"https://login.microsoftonline.com/", "/v2.0"},
}

type entraClaims struct {
	Audience  string `json:"aud"`
	Issuer    string `json:"iss"`
	Tenant    string `json:"tid"`
	Expires   int64  `json:"exp"`
	NotBefore int64  `json:"nbf"`
	UPN       string `json:"upn"`
	Object    string `json:"oid"`
	Name      string `json:"unique_name"`
	Device    string `json:"deviceid"`
	Scope     string `json:"scp"`
}

// ValidateToken checks a token. The User of the Identity is the claim upn, which is empty where no user takes part; the
// Claims are tid, oid, unique_name, deviceid and scp, as far as the token has them.
func (e *Entra) ValidateToken(ctx context.Context, t *Token) (*Identity, error) {
	if t.Policy != PolicyFederated {
		return nil, CodeAuthentication
	}
	c, err := e.verify(ctx, string(t.Value), time.Now())
	if err != nil {
		return nil, err
	}
	id := &Identity{User: c.UPN, Claims: map[string]string{}}
	for name, v := range map[string]string{"tid": c.Tenant, "oid": c.Object, "unique_name": c.Name, "deviceid": c.Device, "scp": c.Scope} {
		if v != "" {
			id.Claims[name] = v
		}
	}
	return id, nil
}

// badToken is told to the log; the device learns that the user is not recognised.
func badToken(format string, args ...any) error {
	return &Fault{Code: CodeAuthentication, Err: fmt.Errorf("enroll: Entra token: "+format, args...)}
}

func (e *Entra) verify(ctx context.Context, token string, now time.Time) (*entraClaims, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || len(token) > entraMaxToken {
		return nil, badToken("it is not a JWT")
	}
	var raw [3][]byte
	for i, p := range parts {
		b, err := base64.RawURLEncoding.DecodeString(p)
		if err != nil {
			return nil, badToken("it is not a JWT")
		}
		raw[i] = b
	}
	var header struct {
		Algorithm string `json:"alg"`
		Key       string `json:"kid"`
	}
	if err := json.Unmarshal(raw[0], &header); err != nil {
		return nil, badToken("its header is not JSON")
	}
	// The token does not choose how it is verified: "none" and HMAC with a public key are the classic forgeries.
	if header.Algorithm != "RS256" {
		return nil, badToken("its algorithm is %.16q, want RS256", header.Algorithm)
	}
	key, err := e.key(ctx, header.Key, now)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], raw[2]) != nil {
		return nil, badToken("its signature does not hold")
	}
	c := new(entraClaims)
	if err := json.Unmarshal(raw[1], c); err != nil {
		return nil, badToken("its claims are not JSON")
	}
	return c, e.check(c, now)
}

func (e *Entra) check(c *entraClaims, now time.Time) error {
	fold := func(list []string, s string) bool {
		return s != "" && slices.ContainsFunc(list, func(v string) bool { return strings.EqualFold(v, s) })
	}
	issued := slices.ContainsFunc(entraIssuers, func(i [2]string) bool { return c.Issuer == i[0]+c.Tenant+i[1] })
	switch {
	case !slices.Contains(e.Audience, c.Audience) || c.Audience == "":
		return badToken("it is for %.128q, want one of %q", c.Audience, e.Audience)
	case !fold(e.Tenants, c.Tenant):
		return badToken("it is of tenant %.64q, which may not enroll here", c.Tenant)
	case !issued:
		return badToken("its issuer is %.128q, which is not that of tenant %s", c.Issuer, c.Tenant)
	case c.Expires == 0 || now.Add(-clockSkew).Unix() >= c.Expires:
		return badToken("it expired at %s", time.Unix(c.Expires, 0).UTC().Format(time.RFC3339))
	case now.Add(clockSkew).Unix() < c.NotBefore:
		return badToken("it counts from %s on", time.Unix(c.NotBefore, 0).UTC().Format(time.RFC3339))
	}
	return nil
}

// key returns a key of Entra's, fetching the set when it is old or lacks the key. Who has a key in the set never waits
// for a fetch that somebody else's key causes.
func (e *Entra) key(ctx context.Context, id string, now time.Time) (*rsa.PublicKey, error) {
	if key, fresh := e.cached(id, now); key != nil && fresh {
		return key, nil
	}
	e.fetching.Lock()
	defer e.fetching.Unlock()
	key, fresh := e.cached(id, now)
	if key != nil && fresh {
		return key, nil
	}
	if e.tried.IsZero() || now.Sub(e.tried) >= entraKeysWait {
		e.tried = now
		keys, err := e.fetch(ctx)
		if err != nil && key == nil {
			return nil, fmt.Errorf("enroll: the keys of Entra: %w", err)
		}
		if err == nil {
			e.mu.Lock()
			e.keys, e.fetched = keys, now
			e.mu.Unlock()
			key = keys[id]
		}
	}
	if key == nil {
		return nil, badToken("it is signed by a key %.64q that Entra does not publish", id)
	}
	return key, nil
}

func (e *Entra) cached(id string, now time.Time) (key *rsa.PublicKey, fresh bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.keys[id], now.Sub(e.fetched) < entraKeysTTL
}

func (e *Entra) fetch(ctx context.Context) (map[string]*rsa.PublicKey, error) {
	hc, addr := e.HTTP, e.KeysURL
	if hc == nil {
		hc = http.DefaultClient
	}
	if addr == "" {
		addr = entraKeysURL
	}
	// The keys are for everybody: a device that hangs up must not keep others from them.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), entraTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, addr, nil)
	if err != nil {
		return nil, err
	}
	resp, err := hc.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", addr, resp.Status)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, entraMaxKeys))
	if err != nil {
		return nil, err
	}
	var set struct {
		Keys []struct {
			ID   string `json:"kid"`
			Type string `json:"kty"`
			Use  string `json:"use"`
			N    string `json:"n"`
			E    string `json:"e"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, fmt.Errorf("%s: %w", addr, err)
	}
	keys := map[string]*rsa.PublicKey{}
	for _, k := range set.Keys {
		n, err1 := base64.RawURLEncoding.DecodeString(k.N)
		x, err2 := base64.RawURLEncoding.DecodeString(k.E)
		if k.Type != "RSA" || k.ID == "" || k.Use != "" && k.Use != "sig" || err1 != nil || err2 != nil {
			continue
		}
		exp := new(big.Int).SetBytes(x)
		if bits := len(n) * 8; bits < defaultKeyBits || bits > maxRSABits || exp.BitLen() > 31 {
			continue
		}
		keys[k.ID] = &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(exp.Int64())}
	}
	if len(keys) == 0 {
		return nil, errors.New(addr + ": no RSA keys")
	}
	return keys, nil
}
