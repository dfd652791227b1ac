package enroll_test

import (
	"bytes"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omadm-sdk/omadm/auth/enroll"
	"github.com/omadm-sdk/omadm/auth/enroll/renew"
	"github.com/omadm-sdk/omadm/internal/testca"
	"github.com/stretchr/testify/require"
)

func parsedCSR(t testing.TB, der []byte) *enroll.CSR {
	csr, err := enroll.ParseCSR(der)
	require.NoError(t, err)
	return csr
}

func TestCA(t *testing.T) {
	csrs := map[string]*enroll.CSR{
		"P-256": parsedCSR(t, goCSR(t, ecKey(t, elliptic.P256()), x509.ECDSAWithSHA256)),
		"RSA":   parsedCSR(t, windowsCSR(t, false)),
	}
	for name, kind := range map[string]enroll.KeyKind{"a P-256 CA": enroll.KeyP256, "an RSA CA": enroll.KeyRSA} {
		t.Run(name, func(t *testing.T) {
			made, err := enroll.NewCA("Fabrikam Devices", kind)
			require.NoError(t, err)
			stored, err := made.MarshalPEM()
			require.NoError(t, err)
			ca, err := enroll.ParseCA(stored)
			require.NoError(t, err)
			require.Equal(t, made.Certificate.Raw, ca.Certificate.Raw)
			again, err := ca.MarshalPEM()
			require.NoError(t, err)
			require.Equal(t, stored, again)
			serials := map[string]bool{}
			for name, csr := range csrs {
				chain, err := ca.Issue(t.Context(), csr, &enroll.Identity{Device: "device-1", User: pat})
				require.NoError(t, err)
				require.Len(t, chain, 2)
				c := chain[0]
				require.Equal(t, csr.PublicKey, c.PublicKey)
				require.Equal(t, "CN=device-1", c.Subject.String(), "nothing of the request's subject")
				require.Equal(t, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, c.ExtKeyUsage)
				require.False(t, c.IsCA)
				usage := x509.KeyUsageDigitalSignature
				if name == "RSA" {
					usage |= x509.KeyUsageKeyEncipherment
				}
				require.Equal(t, usage, c.KeyUsage)
				switch kind {
				case enroll.KeyRSA:
					require.Equal(t, x509.SHA256WithRSA, c.SignatureAlgorithm)
				default:
					require.Equal(t, x509.ECDSAWithSHA256, c.SignatureAlgorithm)
				}
				require.Equal(t, 127, c.SerialNumber.BitLen())
				require.False(t, serials[c.SerialNumber.String()])
				serials[c.SerialNumber.String()] = true
				roots := x509.NewCertPool()
				roots.AddCert(ca.Certificate)
				_, err = c.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
				require.NoError(t, err)
				_, err = c.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
				require.Error(t, err)
			}
		})
	}
}

func TestCAValidity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca, err := enroll.NewCA("Fabrikam Devices", enroll.KeyP256)
		require.NoError(t, err)
		csr := parsedCSR(t, goCSR(t, ecKey(t, elliptic.P256()), x509.ECDSAWithSHA256))
		issue := func() (*x509.Certificate, error) {
			chain, err := ca.Issue(t.Context(), csr, &enroll.Identity{Device: "d"})
			if err != nil {
				return nil, err
			}
			return chain[0], nil
		}
		time.Sleep(2 * time.Hour)
		now := time.Now().UTC()
		c, err := issue()
		require.NoError(t, err)
		require.Equal(t, now.Add(-time.Hour), c.NotBefore, "back-dated by an hour")
		require.Equal(t, now.Add(365*24*time.Hour), c.NotAfter, "a year")

		ca.Validity, ca.Backdate = 24*time.Hour, time.Minute
		c, err = issue()
		require.NoError(t, err)
		require.Equal(t, now.Add(-time.Minute), c.NotBefore)
		require.Equal(t, now.Add(24*time.Hour), c.NotAfter)

		ca.Backdate = 48 * time.Hour
		c, err = issue()
		require.NoError(t, err)
		require.Equal(t, ca.Certificate.NotBefore, c.NotBefore, "not before the CA")

		time.Sleep(ca.Certificate.NotAfter.Sub(now) - time.Hour)
		c, err = issue()
		require.NoError(t, err)
		require.Equal(t, ca.Certificate.NotAfter, c.NotAfter, "not after the CA")
		time.Sleep(2 * time.Hour)
		_, err = issue()
		require.ErrorContains(t, err, "expired")
	})
}

// A CA below a root of its own: the device gets both.
func TestIntermediateCA(t *testing.T) {
	root := testca.New(t)
	key := ecKey(t, elliptic.P256())
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: root.Certificate.Subject, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(1000 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	tmpl.Subject.CommonName = "Issuing CA"
	der, err := x509.CreateCertificate(rand.Reader, tmpl, root.Certificate, key.Public(), root.Key)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	var file bytes.Buffer
	pem.Encode(&file, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	file.Write(root.PEM())
	pem.Encode(&file, &pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	ca, err := enroll.ParseCA(file.Bytes())
	require.NoError(t, err)

	d := deploy(t, func(d *deployment) {
		d.enroll.Issuer = ca
		d.enroll.Renewal.Roots = x509.NewCertPool()
		d.enroll.Renewal.Roots.AddCert(ca.Certificate)
	})
	e := enrolled(t, d)
	require.Equal(t, []*cert{root.Certificate}, e.Roots)
	require.Len(t, e.Certificate.Certificate, 2, "the intermediate is part of what the device shows")
	require.Equal(t, der, e.Certificate.Certificate[1])

	next, err := d.client(t).Renew(t.Context(), e, renew.PKCS7{})
	require.NoError(t, err)
	require.Equal(t, []*cert{root.Certificate}, next.Roots)
	require.Len(t, next.Certificate.Certificate, 2, "which is not delivered again")
	require.Equal(t, der, next.Certificate.Certificate[1])
}

func TestParseCARefuses(t *testing.T) {
	ca, err := enroll.NewCA("x", enroll.KeyP256)
	require.NoError(t, err)
	good, err := ca.MarshalPEM()
	require.NoError(t, err)
	other, err := enroll.NewCA("y", enroll.KeyP256)
	require.NoError(t, err)
	foreign, err := other.MarshalPEM()
	require.NoError(t, err)
	key, certificate := good[:bytes.Index(good, []byte("-----BEGIN CERT"))], good[bytes.Index(good, []byte("-----BEGIN CERT")):]
	foreignCert := foreign[bytes.Index(foreign, []byte("-----BEGIN CERT")):]
	leaf := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: testca.New(t).Device("d").Leaf.Raw})
	for _, row := range []struct {
		name string
		file []byte
		want string
	}{
		{"nothing", nil, "PRIVATE KEY and a CERTIFICATE"},
		{"no key", certificate, "PRIVATE KEY and a CERTIFICATE"},
		{"no certificate", key, "PRIVATE KEY and a CERTIFICATE"},
		{"two keys", append(bytes.Clone(key), good...), "one key"},
		{"the certificate of another", append(bytes.Clone(key), foreignCert...), "not that of the CA's certificate"},
		{"no CA", append(bytes.Clone(key), leaf...), "is not that of a CA"},
		{"a key that is none", append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")}), certificate...), "read the key"},
		{"a certificate that is none", append(bytes.Clone(key), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})...), "read the certificate"},
	} {
		t.Run(row.name, func(t *testing.T) {
			ca, err := enroll.ParseCA(row.file)
			require.ErrorContains(t, err, row.want)
			require.Nil(t, ca)
		})
	}
	_, err = enroll.NewCA("x", 99)
	require.Error(t, err)
}

// An outside judge: openssl verifies what the CA issued, for a TLS client.
func TestOpenSSLVerifies(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("openssl is not installed")
		}
		t.Skip("openssl is not installed")
	}
	for _, kind := range []enroll.KeyKind{enroll.KeyP256, enroll.KeyRSA} {
		ca, err := enroll.NewCA("Fabrikam Devices", kind)
		require.NoError(t, err)
		chain, err := ca.Issue(t.Context(), parsedCSR(t, windowsCSR(t, false)), &enroll.Identity{Device: windowsDeviceID})
		require.NoError(t, err)
		dir := t.TempDir()
		for i, name := range []string{"device.pem", "ca.pem"} {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: chain[i].Raw}), 0o600))
		}
		cmd := exec.Command(openssl, "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", "ca.pem", "device.pem")
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		require.Contains(t, string(out), "device.pem: OK")
	}
}
