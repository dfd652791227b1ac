package main

import (
	"archive/zip"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/omadm-sdk/omadm/auth/enroll"
)

// serverCertificate makes the TLS certificate of a server on loopback.
func serverCertificate(ca *enroll.CA) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := newTemplate("")
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.Certificate, key.Public(), ca.Key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// newPFX makes a certificate with its key, as a PFX.
func newPFX(name, password string) ([]byte, *x509.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := newTemplate(name)
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, err
	}
	pfx, err := pkcs12.Modern.Encode(key, cert, nil, password)
	return pfx, cert, err
}

func newTemplate(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
	}
}

// newApp makes a package with a manifest and nothing in it.
func newApp() ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("AppxManifest.xml")
	if err != nil {
		return nil, err
	}
	fmt.Fprint(w, `<Package xmlns="http://schemas.microsoft.com/appx/manifest/foundation/windows10">`+
		`<Identity Name="Contoso.Hello" Version="1.2.0.0" Publisher="CN=Contoso" ProcessorArchitecture="x64"/>`+
		`<Properties><DisplayName>Hello</DisplayName></Properties></Package>`)
	err = z.Close()
	return b.Bytes(), err
}
