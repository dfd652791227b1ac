package auth

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// A ProxyHeader takes client certificates from a header that a reverse proxy sets, after it has ended TLS and seen that
// the device holds the private key. [ClientCert] verifies the certificate itself; of the proxy it needs that it asks
// devices for certificates, sets the header from what it got, and removes a header of that name that came from outside.
//
// Configurations of nginx, HAProxy, Apache and Caddy that have been tested are in testdata/proxies of this package.
type ProxyHeader struct {
	// Trusted are the addresses that the proxies connect from. The header is looked at on connections from there, where
	// nothing else counts, and ignored on all others. If empty, it is ignored.
	Trusted []netip.Prefix

	// Format is how the proxy writes the certificate.
	Format ProxyFormat

	// Name is the header. Empty: Client-Cert, X-Forwarded-Client-Cert or X-Client-Cert, by Format.
	Name string
}

// A ProxyFormat is a way to put certificates into a header.
type ProxyFormat uint8

const (
	// RFC9440 is base64 between colons, with the other certificates in Client-Cert-Chain.
	RFC9440 ProxyFormat = iota

	// XFCC is what Envoy writes: Cert or Chain among the parameters of X-Forwarded-Client-Cert. There must be one element
	// only, as with forward_client_cert_details: SANITIZE_SET; of several, nobody knows which one to believe.
	XFCC

	// PEM is one certificate or more in PEM: escaped as in URLs, which is $ssl_client_escaped_cert of nginx and
	// X-Amzn-Mtls-Clientcert of AWS; with white space in place of its line ends, which is SSL_CLIENT_CERT of Apache; or
	// with neither line ends nor delimiters, and commas between certificates, which is X-Forwarded-Tls-Client-Cert of
	// Traefik.
	PEM
)

// maxCertHeader limits the headers with certificates, in bytes.
const maxCertHeader = 32 << 10

// headerChain holds the intermediates in RFC 9440.
const headerChain = "Client-Cert-Chain"

func (p *ProxyHeader) name() string {
	switch {
	case p.Name != "":
		return p.Name
	case p.Format == XFCC:
		return "X-Forwarded-Client-Cert"
	case p.Format == PEM:
		return "X-Client-Cert"
	}
	return "Client-Cert"
}

// trusts reports whether a proxy connects from a.
func (p *ProxyHeader) trusts(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, t := range p.Trusted {
		if t.Contains(a) {
			return true
		}
	}
	return false
}

// read returns the certificates in h, the device's own first; none where the proxy got none.
func (p *ProxyHeader) read(h http.Header) ([]*x509.Certificate, error) {
	name := p.name()
	lines := h.Values(name)
	switch {
	case len(lines) == 0:
		return nil, nil
	case len(lines) > 1:
		return nil, fmt.Errorf("%w: header %s comes %d times, want once", ErrMalformed, name, len(lines))
	}
	value := strings.TrimSpace(lines[0])
	rest := strings.Join(h.Values(headerChain), ",")
	if len(value)+len(rest) > maxCertHeader {
		return nil, fmt.Errorf("%w: %d bytes in header %s, want at most %d", ErrMalformed, len(value)+len(rest), name, maxCertHeader)
	}
	switch value {
	case "", "(null)", "::": // what nginx, Apache and Caddy write for none
		return nil, nil
	}
	var der []byte
	var err error
	switch p.Format {
	case XFCC:
		der, err = readXFCC(value)
	case PEM:
		der, err = readPEM(value)
	default:
		der, err = readRFC9440(value, rest)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: header %s: %w", ErrMalformed, name, err)
	}
	certs, err := x509.ParseCertificates(der)
	if err != nil {
		return nil, fmt.Errorf("%w: header %s: %w", ErrMalformed, name, err)
	}
	return certs, nil
}

// readRFC9440 returns the certificates of both headers as DER, one after another.
func readRFC9440(leaf, chain string) ([]byte, error) {
	der, err := readByteSequence(leaf)
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(chain) == "" {
		return der, nil
	}
	for item := range strings.SplitSeq(chain, ",") {
		b, err := readByteSequence(strings.TrimSpace(item))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", headerChain, err)
		}
		der = append(der, b...)
	}
	return der, nil
}

// readByteSequence reads a byte sequence of RFC 8941 section 3.3.5.
func readByteSequence(s string) ([]byte, error) {
	if len(s) < 3 || s[0] != ':' || s[len(s)-1] != ':' {
		return nil, fmt.Errorf("want base64 between two colons")
	}
	b, err := base64.StdEncoding.DecodeString(s[1 : len(s)-1])
	if err != nil {
		return nil, fmt.Errorf("want base64 between two colons")
	}
	return b, nil
}

// readPEM returns the certificates in s as DER. Proxies replace the line ends, which headers cannot hold.
func readPEM(s string) ([]byte, error) {
	if strings.Contains(s, "%") {
		var err error
		if s, err = url.PathUnescape(s); err != nil { // a plus sign is base64
			return nil, fmt.Errorf("want a certificate escaped as in URLs")
		}
	}
	const begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
	if !strings.Contains(s, "-") {
		s = begin + strings.ReplaceAll(s, ",", end+begin) + end
	}
	var der []byte
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		body, ok := strings.CutPrefix(s, begin)
		if ok {
			body, s, ok = strings.Cut(body, end)
		}
		if !ok {
			return nil, fmt.Errorf("want certificates in PEM and nothing else")
		}
		block, _ := pem.Decode([]byte(begin + "\n" + strings.Join(strings.Fields(body), "\n") + "\n" + end + "\n"))
		if block == nil || len(block.Bytes) == 0 {
			return nil, fmt.Errorf("want base64 in PEM")
		}
		der = append(der, block.Bytes...)
	}
	return der, nil
}

// readXFCC returns the certificates of the only element as DER: those of Chain, or else that of Cert.
func readXFCC(s string) ([]byte, error) {
	var cert, chain []byte
	for first := true; first || s != ""; first = false {
		key, rest, ok := strings.Cut(s, "=")
		if !ok {
			return nil, fmt.Errorf("want key=value")
		}
		value, rest, err := cutXFCC(rest)
		if err != nil {
			return nil, err
		}
		s = rest
		var to *[]byte
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "cert":
			to = &cert
		case "chain":
			to = &chain
		default:
			continue // By, Hash, Subject, URI, DNS: the certificate says it itself
		}
		if *to != nil {
			return nil, fmt.Errorf("%s comes twice", key)
		}
		if *to, err = readPEM(value); err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
	}
	switch {
	case len(cert) == 0 && len(chain) == 0:
		return nil, fmt.Errorf("want Cert or Chain; see set_current_client_cert_details of Envoy")
	case len(chain) == 0:
		return cert, nil
	case len(cert) > 0 && !bytes.HasPrefix(chain, cert):
		return nil, fmt.Errorf("want Cert to be the first of Chain")
	}
	return chain, nil
}

// cutXFCC takes a value, quoted or not, and the semicolon after it.
func cutXFCC(s string) (value, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		i := strings.IndexAny(s, `;,"`)
		switch {
		case i < 0:
			return s, "", nil
		case s[i] == ';':
			return s[:i], s[i+1:], nil
		case s[i] == ',':
			return "", "", fmt.Errorf("several elements, want one")
		}
		return "", "", fmt.Errorf("a quote inside a value")
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case s[i] != '"':
			b.WriteByte(s[i])
		case i+1 == len(s):
			return b.String(), "", nil
		case s[i+1] == ';':
			return b.String(), s[i+2:], nil
		case s[i+1] == ',':
			return "", "", fmt.Errorf("several elements, want one")
		default:
			return "", "", fmt.Errorf("want a semicolon after a quoted value")
		}
	}
	return "", "", fmt.Errorf("a quote that is not closed")
}
