// Package testca makes throwaway certificate authorities and the certificates that tests and examples need:
// a server on the loopback interface, devices, and the ones that must be refused.
//
//	ca := testca.New(t)
//	srv := httptest.NewUnstartedServer(handler)
//	srv.TLS = ca.ServerTLS()
//	srv.StartTLS()
//	client := &http.Client{Transport: &http.Transport{TLSClientConfig: ca.ClientTLS(ca.Device("device-1"))}}
//
// All keys are P-256. Certificates are valid from 1999 until 2049, so that they hold both now and inside a
// testing/synctest bubble, whose clock starts in the year 2000.
package testca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"
)

var (
	notBefore = time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)
	expiredAt = time.Date(1999, 6, 1, 0, 0, 0, 0, time.UTC)
	notAfter  = time.Date(2049, 12, 31, 0, 0, 0, 0, time.UTC)
)

// A CA is a certificate authority that lives as long as a test. Its methods may be called concurrently.
type CA struct {
	Certificate *x509.Certificate
	Key         *ecdsa.PrivateKey

	tb testing.TB
}

// New makes a CA. Two calls make two authorities that do not trust each other. What fails, fails tb; if tb is nil,
// as in an Example or a program, it panics.
func New(tb testing.TB) *CA {
	if tb != nil {
		tb.Helper()
	}
	ca := &CA{tb: tb}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ca.check(err)
	t := template("Test CA", notAfter)
	t.IsCA = true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	ca.check(err)
	ca.Certificate, err = x509.ParseCertificate(der)
	ca.check(err)
	ca.Key = key
	return ca
}

// Server returns a TLS server certificate for names, host names or IP addresses. Without names it is for localhost,
// 127.0.0.1 and ::1.
func (ca *CA) Server(names ...string) tls.Certificate {
	if len(names) == 0 {
		names = []string{"localhost", "127.0.0.1", "::1"}
	}
	t := template(names[0], notAfter)
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, n)
		}
	}
	return ca.issue(t)
}

// Device returns a client certificate whose subject is the common name cn, which may be any string.
func (ca *CA) Device(cn string) tls.Certificate {
	t := template(cn, notAfter)
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return ca.issue(t)
}

// Expired returns a client certificate like that of [CA.Device] that expired in 1999.
func (ca *CA) Expired(cn string) tls.Certificate {
	t := template(cn, expiredAt)
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return ca.issue(t)
}

// Pool returns a pool that holds this CA only.
func (ca *CA) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(ca.Certificate)
	return p
}

// PEM returns the certificate of the CA.
func (ca *CA) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Certificate.Raw})
}

// ServerTLS returns the configuration of a server on the loopback interface that asks for a client certificate and
// leaves the judgement to the handler.
func (ca *CA) ServerTLS() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{ca.Server()}, ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
}

// ClientTLS returns the configuration of a client that trusts this CA and offers certs, if there are any, whatever
// authorities the server asks for.
func (ca *CA) ClientTLS(certs ...tls.Certificate) *tls.Config {
	c := &tls.Config{RootCAs: ca.Pool(), MinVersion: tls.VersionTLS12}
	if len(certs) > 0 {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certs[0], nil }
	}
	return c
}

func (ca *CA) issue(t *x509.Certificate) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ca.check(err)
	der, err := x509.CreateCertificate(rand.Reader, t, ca.Certificate, key.Public(), ca.Key)
	ca.check(err)
	leaf, err := x509.ParseCertificate(der)
	ca.check(err)
	return tls.Certificate{Certificate: [][]byte{der, ca.Certificate.Raw}, PrivateKey: key, Leaf: leaf}
}

func (ca *CA) check(err error) {
	switch {
	case err == nil:
	case ca.tb == nil:
		panic(err)
	default:
		ca.tb.Helper()
		ca.tb.Fatal(err)
	}
}

func template(cn string, until time.Time) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: cn},
		NotBefore:             notBefore,
		NotAfter:              until,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
	}
}
