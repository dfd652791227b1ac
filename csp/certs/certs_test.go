package certs_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/csp/certs"
	"github.com/omadm-sdk/omadm/csp/certs/pfx"
	"github.com/omadm-sdk/omadm/dmtree"
)

// host records what it was told, and can refuse.
type host struct {
	log    []string
	refuse error
}

func (h *host) Apply(_ context.Context, changes []certs.Change) error {
	if h.refuse != nil {
		return h.refuse
	}
	for _, c := range changes {
		s := "put "
		if c.Remove {
			s = "remove "
		}
		s += string(c.Store) + " " + c.Certificate.Subject.CommonName
		if c.Key != nil {
			s += " with its key"
		}
		h.log = append(h.log, s)
	}
	return nil
}

func newCert(t *testing.T, cn string, lasts time.Duration) (*x509.Certificate, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: cn},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(lasts)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return cert, key
}

func mount(h certs.Host) (*certs.Store, dmtree.Provider) {
	s := &certs.Store{Host: h, DecodePFX: pfx.Decode}
	mux := new(dmtree.Mux)
	s.Mount(mux)
	return s, csp.Guard(csp.Windows(), mux)
}

func get(t *testing.T, p dmtree.Provider, u dmtree.URI) string {
	t.Helper()
	v, err := dmtree.Get(t.Context(), p, u)
	require.NoError(t, err)
	return v.Text()
}

const (
	roots  = dmtree.URI("./Device/Vendor/MSFT/RootCATrustedCertificates")
	store  = dmtree.URI("./Device/Vendor/MSFT/CertificateStore")
	client = dmtree.URI("./Device/Vendor/MSFT/ClientCertificateInstall/PFXCertInstall")
)

func TestTrustAndRemove(t *testing.T) {
	h := new(host)
	_, tree := mount(h)
	ctx := t.Context()
	ca, _ := newCert(t, "Contoso Root", time.Hour)
	thumb := certs.Thumbprint(ca)
	u := roots.Join("Root", thumb)

	require.NoError(t, dmtree.Add(ctx, tree, u.Join("EncodedCertificate"), dmtree.Base64(ca.Raw)), "the node of the hash comes to be")
	require.Equal(t, thumb, get(t, tree, roots.Join("Root")))
	require.Equal(t, "CN=Contoso Root", get(t, tree, u.Join("IssuedTo")))
	require.Equal(t, "CN=Contoso Root", get(t, tree, u.Join("IssuedBy")))
	require.Equal(t, ca.NotAfter.UTC().Format(time.RFC3339), get(t, tree, u.Join("ValidTo")))
	require.Equal(t, "EncodedCertificate/IssuedBy/IssuedTo/ValidFrom/ValidTo/TemplateName", get(t, tree, u))

	require.Equal(t, "System/"+thumb, get(t, tree, store.Join("ROOT")), "CertificateStore shows the same store")
	require.Equal(t, thumb, get(t, tree, store.Join("ROOT", "System")))
	require.Equal(t, "CN=Contoso Root", get(t, tree, store.Join("root", "system", strings.ToLower(thumb), "IssuedTo")))

	require.ErrorIs(t, dmtree.Add(ctx, tree, u.Join("EncodedCertificate"), dmtree.Base64(ca.Raw)), dmtree.ErrExist)
	require.NoError(t, dmtree.Replace(ctx, tree, u.Join("EncodedCertificate"), dmtree.Base64(ca.Raw)))
	require.NoError(t, dmtree.Delete(ctx, tree, u))
	require.ErrorIs(t, dmtree.Delete(ctx, tree, u), dmtree.ErrNotFound)
	require.Equal(t, []string{"put Root Contoso Root", "remove Root Contoso Root"}, h.log)
}

func TestRefusedCertificates(t *testing.T) {
	ca, _ := newCert(t, "Contoso Root", time.Hour)
	old, _ := newCert(t, "Old Root", -time.Hour)
	tests := []struct {
		name string
		u    dmtree.URI
		v    dmtree.Value
		want error
	}{
		{"the hash of another certificate", roots.Join("Root", certs.Thumbprint(old)), dmtree.Base64(ca.Raw), dmtree.ErrValue},
		{"expired", roots.Join("Root", certs.Thumbprint(old)), dmtree.Base64(old.Raw), dmtree.ErrValue},
		{"no certificate", roots.Join("Root", certs.Thumbprint(ca)), dmtree.Base64([]byte("hello")), dmtree.ErrValue},
		{"no base64", roots.Join("Root", certs.Thumbprint(ca)), dmtree.String("~~~"), dmtree.ErrFormat},
		{"no such store", roots.Join("Cellar", certs.Thumbprint(ca)), dmtree.Base64(ca.Raw), dmtree.ErrNotFound},
		{"users have no roots of their own", "./User/Vendor/MSFT/RootCATrustedCertificates/Root/" + dmtree.URI(certs.Thumbprint(ca)), dmtree.Base64(ca.Raw), dmtree.ErrNotFound},
		{"a name with a path in it", roots.Join("Root", "../../etc"), dmtree.Base64(ca.Raw), dmtree.ErrNotFound},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := new(host)
			s, tree := mount(h)
			require.ErrorIs(t, dmtree.Add(t.Context(), tree, tt.u.Join("EncodedCertificate"), tt.v), tt.want)
			require.Empty(t, h.log, "the host is untouched")
			require.Zero(t, s.Values.(*dmtree.Memory).Len(), "and nothing is stored")
		})
	}
}

func TestAnExpiredCertificateCanBeBlocked(t *testing.T) {
	old, _ := newCert(t, "Stolen", -time.Hour)
	_, tree := mount(nil)
	u := roots.Join("UntrustedCertificates", certs.Thumbprint(old), "EncodedCertificate")
	require.NoError(t, dmtree.Add(t.Context(), tree, u, dmtree.Base64(old.Raw)))
}

func TestRefusedByTheHost(t *testing.T) {
	h := &host{refuse: errors.New("read-only file system")}
	s, tree := mount(h)
	ca, _ := newCert(t, "Contoso Root", time.Hour)
	u := roots.Join("Root", certs.Thumbprint(ca), "EncodedCertificate")
	require.ErrorIs(t, dmtree.Add(t.Context(), tree, u, dmtree.Base64(ca.Raw)), h.refuse)
	require.Zero(t, s.Values.(*dmtree.Memory).Len())
}

// install runs the Atomic of an installation, in the given order of leaves.
func install(ctx context.Context, tree dmtree.Provider, id string, leaves map[string]dmtree.Value, order ...string) error {
	tx, err := dmtree.Begin(ctx, tree)
	if err != nil {
		return err
	}
	err = dmtree.Add(ctx, tx, client.Join(id), dmtree.Interior())
	for _, name := range order {
		if v, ok := leaves[name]; ok && err == nil {
			err = dmtree.Add(ctx, tx, client.Join(id, name), v)
		}
	}
	if err == nil {
		err = tx.Prepare(ctx)
	}
	if err != nil {
		return errors.Join(err, tx.Rollback(ctx))
	}
	return tx.Commit(ctx)
}

var documented = []string{"KeyLocation", "PFXCertPassword", "PFXKeyExportable", "PFXCertBlob"}

func TestInstallPFX(t *testing.T) {
	cert, key := newCert(t, "ada", time.Hour)
	for _, kind := range []struct {
		name    string
		encoder *pkcs12.Encoder
	}{{"modern", pkcs12.Modern}, {"old: 3DES", pkcs12.LegacyDES}, {"old: RC2", pkcs12.LegacyRC2}} {
		t.Run(kind.name, func(t *testing.T) {
			blob, err := kind.encoder.Encode(key, cert, nil, "secret")
			require.NoError(t, err)
			for _, order := range [][]string{documented, {"KeyLocation", "PFXCertBlob", "PFXCertPassword", "PFXKeyExportable"}} {
				h := new(host)
				s, tree := mount(h)
				require.NoError(t, install(t.Context(), tree, "vpn", map[string]dmtree.Value{
					"KeyLocation": dmtree.Int(3), "PFXCertPassword": dmtree.String("secret"), "PFXCertBlob": dmtree.Bytes(blob)}, order...))
				require.Equal(t, []string{"put My ada with its key"}, h.log)
				require.Equal(t, certs.Thumbprint(cert), get(t, tree, client.Join("vpn", "Thumbprint")))
				require.Equal(t, "0", get(t, tree, client.Join("vpn", "Status")))
				require.Equal(t, certs.Thumbprint(cert), get(t, tree, store.Join("MY", "User")))

				for _, secret := range []string{"PFXCertBlob", "PFXCertPassword"} {
					_, err := dmtree.Get(t.Context(), tree, client.Join("vpn", secret))
					require.ErrorIs(t, err, dmtree.ErrPermission)
				}
				for e, err := range dmtree.Walk(t.Context(), s.Values, dmtree.Root) {
					require.NoError(t, err)
					require.NotContains(t, e.Value.Text(), "secret", e.URI)
					require.NotEqual(t, dmtree.Bytes(blob).Text(), e.Value.Text(), e.URI)
				}

				require.NoError(t, dmtree.Delete(t.Context(), tree, client.Join("vpn")))
				require.Equal(t, "remove My ada", h.log[1])
				require.Empty(t, get(t, tree, store.Join("MY", "User")))
			}
		})
	}
}

func TestTwoInstallationsOfOneCertificate(t *testing.T) {
	cert, key := newCert(t, "ada", time.Hour)
	blob, err := pkcs12.Modern.Encode(key, cert, nil, "secret")
	require.NoError(t, err)
	h := new(host)
	_, tree := mount(h)
	for _, id := range []string{"vpn", "wifi"} {
		require.NoError(t, install(t.Context(), tree, id, map[string]dmtree.Value{
			"KeyLocation": dmtree.Int(3), "PFXCertPassword": dmtree.String("secret"), "PFXCertBlob": dmtree.Bytes(blob)}, documented...))
	}
	h.log = nil
	require.NoError(t, dmtree.Delete(t.Context(), tree, client.Join("vpn")))
	require.Empty(t, h.log, "the other one still needs it")
	require.Equal(t, certs.Thumbprint(cert), get(t, tree, store.Join("MY", "User")))
	require.NoError(t, dmtree.Delete(t.Context(), tree, client.Join("wifi")))
	require.Equal(t, []string{"remove My ada"}, h.log)
}

func TestRefusedPFX(t *testing.T) {
	cert, key := newCert(t, "ada", time.Hour)
	old, oldKey := newCert(t, "old", -time.Hour)
	blob, err := pkcs12.Modern.Encode(key, cert, nil, "secret")
	require.NoError(t, err)
	expired, err := pkcs12.Modern.Encode(oldKey, old, nil, "secret")
	require.NoError(t, err)
	with := func(change map[string]dmtree.Value) map[string]dmtree.Value {
		m := map[string]dmtree.Value{"KeyLocation": dmtree.Int(3), "PFXCertPassword": dmtree.String("secret"), "PFXCertBlob": dmtree.Bytes(blob)}
		for k, v := range change {
			if v.IsNull() {
				delete(m, k)
			} else {
				m[k] = v
			}
		}
		return m
	}
	tests := []struct {
		name   string
		leaves map[string]dmtree.Value
		want   error
	}{
		{"a wrong password", with(map[string]dmtree.Value{"PFXCertPassword": dmtree.String("wrong")}), certs.ErrPassword},
		{"no password", with(map[string]dmtree.Value{"PFXCertPassword": dmtree.Null}), certs.ErrPassword},
		{"an expired certificate", with(map[string]dmtree.Value{"PFXCertBlob": dmtree.Bytes(expired)}), dmtree.ErrValue},
		{"no PFX", with(map[string]dmtree.Value{"PFXCertBlob": dmtree.Bytes([]byte("hello"))}), dmtree.ErrValue},
		{"no place for the key", with(map[string]dmtree.Value{"KeyLocation": dmtree.Null}), dmtree.ErrIncomplete},
		{"a TPM, which is not there", with(map[string]dmtree.Value{"KeyLocation": dmtree.Int(1), "PFXKeyExportable": dmtree.Bool(false)}), dmtree.ErrForbidden},
		{"exportable by default from a TPM", with(map[string]dmtree.Value{"KeyLocation": dmtree.Int(2)}), dmtree.ErrValue},
		{"a place that does not exist", with(map[string]dmtree.Value{"KeyLocation": dmtree.Int(9)}), dmtree.ErrValue},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := new(host)
			s, tree := mount(h)
			err := install(t.Context(), tree, "vpn", tt.leaves, documented...)
			require.ErrorIs(t, err, tt.want)
			require.NotContains(t, err.Error(), "secret", "no password in an error")
			require.Empty(t, h.log, "the host is untouched")
			require.Zero(t, s.Values.(*dmtree.Memory).Len(), "and nothing is stored")
		})
	}
}

func TestTheBlobIsToBlame(t *testing.T) {
	_, tree := mount(nil)
	err := install(t.Context(), tree, "vpn", map[string]dmtree.Value{"KeyLocation": dmtree.Int(3), "PFXCertBlob": dmtree.Bytes([]byte("x"))}, documented...)
	e, ok := errors.AsType[*dmtree.Error](err)
	require.True(t, ok)
	require.Equal(t, client.Join("vpn", "PFXCertBlob"), e.URI)
}

func TestDir(t *testing.T) {
	dir := certs.Dir(filepath.Join(t.TempDir(), "certs"))
	s, tree := mount(dir)
	ca, _ := newCert(t, "Contoso Root", time.Hour)
	cert, key := newCert(t, "ada", time.Hour)
	blob, err := pkcs12.Modern.Encode(key, cert, []*x509.Certificate{ca}, "secret")
	require.NoError(t, err)
	require.NoError(t, dmtree.Add(t.Context(), tree, roots.Join("Root", certs.Thumbprint(ca), "EncodedCertificate"), dmtree.Base64(ca.Raw)))
	require.NoError(t, install(t.Context(), tree, "vpn", map[string]dmtree.Value{
		"KeyLocation": dmtree.Int(3), "PFXCertPassword": dmtree.String("secret"), "PFXCertBlob": dmtree.Bytes(blob)}, documented...))

	mine := filepath.Join(string(dir), "Device", "My", certs.Thumbprint(cert)+".pem")
	pair, err := tls.LoadX509KeyPair(mine, mine)
	require.NoError(t, err, "as TLS libraries read it")
	require.Len(t, pair.Certificate, 2, "with its chain")
	info, err := os.Stat(mine)
	require.NoError(t, err)
	require.Zero(t, info.Mode().Perm()&0o077, "for its owner only")

	require.NoError(t, s.RemoveAll(t.Context()))
	require.Zero(t, s.Values.(*dmtree.Memory).Len())
	require.NoError(t, filepath.WalkDir(string(dir), func(path string, d fs.DirEntry, err error) error {
		require.True(t, err != nil || d.IsDir(), "%s is left", path)
		return err
	}))
}

func TestRemoveAllBearsEveryName(t *testing.T) {
	s, tree := mount(nil)
	msft := dmtree.URI("./Device/Vendor/MSFT/ClientCertificateInstall/PFXCertInstall")
	require.NoError(t, dmtree.Add(t.Context(), tree, msft.Join("EncodedCertificate", "KeyLocation"), dmtree.Int(3)))
	require.NoError(t, s.RemoveAll(t.Context()))
	require.Zero(t, s.Values.(*dmtree.Memory).Len())
	require.NoError(t, s.RemoveAll(t.Context()), "and bears being called again")
}

func TestDirUndoesWhatItHasBegun(t *testing.T) {
	root := t.TempDir()
	dir := certs.Dir(root)
	a, _ := newCert(t, "a", time.Hour)
	b, _ := newCert(t, "b", time.Hour)
	require.NoError(t, os.MkdirAll(filepath.Join(root, "Device"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(root, "Device", "CA"), nil, 0o600)) // a file where a directory must be
	require.Error(t, dir.Apply(t.Context(), []certs.Change{{Store: certs.Root, Certificate: a}, {Store: certs.CA, Certificate: b}}))
	files, err := os.ReadDir(filepath.Join(root, "Device", "Root"))
	require.NoError(t, err)
	require.Empty(t, files)
}

func TestPFXHidesItsPassword(t *testing.T) {
	p := certs.PFX{ID: "vpn", Password: "hunter2", Blob: []byte("hunter2")}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		require.Equal(t, "PFX(vpn)", fmt.Sprintf(verb, p))
	}
	require.Equal(t, "PFX(vpn)", p.LogValue().String())
}
