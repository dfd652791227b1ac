package auth_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/internal/testca"
)

func TestProxyHeader(t *testing.T) {
	ca := testca.New(t)
	leaf := ca.Device("device-1").Leaf
	wrongLeaf := ca.Device("device-2").Leaf

	sequence := func(c *x509.Certificate) string { return ":" + base64.StdEncoding.EncodeToString(c.Raw) + ":" }
	text := func(c *x509.Certificate) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	escaped := func(c *x509.Certificate) string { // as nginx and Envoy do
		return strings.NewReplacer("+", "%2B", "=", "%3D").Replace(url.PathEscape(text(c)))
	}
	spaces := func(c *x509.Certificate) string { return strings.ReplaceAll(strings.TrimSpace(text(c)), "\n", " ") }
	aws := func(c *x509.Certificate) string { // escapes neither + nor = nor /
		return strings.ReplaceAll(url.PathEscape(text(c)), "%2F", "/")
	}
	require.Contains(t, aws(leaf)+aws(ca.Certificate), "+")

	for _, tt := range []struct {
		name   string
		format auth.ProxyFormat
		header http.Header
		want   error // nil: accepted
	}{
		{"RFC 9440", auth.RFC9440, http.Header{"Client-Cert": {sequence(leaf)}}, nil},
		{"RFC 9440 with a chain", auth.RFC9440, http.Header{"Client-Cert": {sequence(leaf)},
			"Client-Cert-Chain": {sequence(ca.Certificate), sequence(ca.Certificate) + ", " + sequence(ca.Certificate)}}, nil},
		{"RFC 9440 without colons", auth.RFC9440, http.Header{"Client-Cert": {strings.Trim(sequence(leaf), ":")}}, auth.ErrMalformed},
		{"RFC 9440 not base64", auth.RFC9440, http.Header{"Client-Cert": {":?:"}}, auth.ErrMalformed},
		{"RFC 9440 no certificate", auth.RFC9440, http.Header{"Client-Cert": {":AAAA:"}}, auth.ErrMalformed},
		{"RFC 9440 half a certificate", auth.RFC9440, http.Header{"Client-Cert": {sequence(leaf)[:400] + ":"}}, auth.ErrMalformed},
		{"RFC 9440 a broken chain", auth.RFC9440, http.Header{"Client-Cert": {sequence(leaf)}, "Client-Cert-Chain": {"x"}}, auth.ErrMalformed},
		{"two headers", auth.RFC9440, http.Header{"Client-Cert": {sequence(leaf), sequence(leaf)}}, auth.ErrMalformed},
		{"too long", auth.RFC9440, http.Header{"Client-Cert": {sequence(leaf) + strings.Repeat(" ", 40<<10) + ":"}}, auth.ErrMalformed},
		{"no header", auth.RFC9440, http.Header{"X-Client-Cert": {sequence(leaf)}}, auth.ErrMissing},
		{"Caddy without certificate", auth.RFC9440, http.Header{"Client-Cert": {"::"}}, auth.ErrMissing},
		{"an empty header", auth.RFC9440, http.Header{"Client-Cert": {""}}, auth.ErrMissing},
		{"of another device", auth.RFC9440, http.Header{"Client-Cert": {sequence(wrongLeaf)}}, auth.ErrDevice},
		{"the wrong way round", auth.RFC9440, http.Header{"Client-Cert": {sequence(ca.Certificate)}, "Client-Cert-Chain": {sequence(leaf)}}, auth.ErrDevice},

		{"nginx", auth.PEM, http.Header{"X-Client-Cert": {escaped(leaf)}}, nil},
		{"AWS", auth.PEM, http.Header{"X-Client-Cert": {aws(leaf)}}, nil},
		{"AWS with a chain", auth.PEM, http.Header{"X-Client-Cert": {aws(leaf) + aws(ca.Certificate)}}, nil},
		{"Apache", auth.PEM, http.Header{"X-Client-Cert": {spaces(leaf)}}, nil},
		{"Traefik", auth.PEM, http.Header{"X-Client-Cert": {strings.Trim(sequence(leaf), ":")}}, nil},
		{"Traefik with a chain", auth.PEM, http.Header{"X-Client-Cert": {
			strings.Trim(sequence(leaf), ":") + "," + strings.Trim(sequence(ca.Certificate), ":")}}, nil},
		{"Traefik with nothing between commas", auth.PEM, http.Header{"X-Client-Cert": {strings.Trim(sequence(leaf), ":") + ",,"}}, auth.ErrMalformed},
		{"Apache without certificate", auth.PEM, http.Header{"X-Client-Cert": {"(null)"}}, auth.ErrMissing},
		{"PEM of a key", auth.PEM, http.Header{"X-Client-Cert": {strings.ReplaceAll(spaces(leaf), "CERTIFICATE", "PRIVATE KEY")}}, auth.ErrMalformed},
		{"PEM that does not end", auth.PEM, http.Header{"X-Client-Cert": {spaces(leaf)[:200]}}, auth.ErrMalformed},
		{"PEM and more", auth.PEM, http.Header{"X-Client-Cert": {spaces(leaf) + " x"}}, auth.ErrMalformed},
		{"PEM not base64", auth.PEM, http.Header{"X-Client-Cert": {"-----BEGIN CERTIFICATE----- ? -----END CERTIFICATE-----"}}, auth.ErrMalformed},
		{"a broken escape", auth.PEM, http.Header{"X-Client-Cert": {"%2"}}, auth.ErrMalformed},

		{"Envoy", auth.XFCC, http.Header{"X-Forwarded-Client-Cert": {
			`By=spiffe://a/b;Hash=00ff;Cert="` + escaped(leaf) + `";Subject="CN=\"a;b,c\"";URI=;DNS=x`}}, nil},
		{"Envoy with a chain", auth.XFCC, http.Header{"X-Forwarded-Client-Cert": {
			`Hash=00ff;Chain="` + escaped(leaf) + escaped(ca.Certificate) + `"`}}, nil},
		{"Envoy with both", auth.XFCC, http.Header{"X-Forwarded-Client-Cert": {
			`Cert="` + escaped(leaf) + `";Chain="` + escaped(leaf) + escaped(ca.Certificate) + `"`}}, nil},
		{"Envoy with both that differ", auth.XFCC, http.Header{"X-Forwarded-Client-Cert": {
			`Cert="` + escaped(leaf) + `";Chain="` + escaped(wrongLeaf) + `"`}}, auth.ErrMalformed},
		{"Envoy behind another that is believed", auth.XFCC, http.Header{"X-Forwarded-Client-Cert": {
			`Hash=00ff;Cert="` + escaped(leaf) + `",Hash=00ff;Cert="` + escaped(wrongLeaf) + `"`}}, auth.ErrMalformed},
		{"Envoy, unquoted, behind another", auth.XFCC, http.Header{"X-Forwarded-Client-Cert": {
			`Cert="` + escaped(leaf) + `";Hash=00ff,Hash=00ff`}}, auth.ErrMalformed},
		{"Envoy without certificate", auth.XFCC, http.Header{"X-Forwarded-Client-Cert": {`Hash=00ff`}}, auth.ErrMalformed},
		{"Envoy with two", auth.XFCC, http.Header{"X-Forwarded-Client-Cert": {
			`Cert="` + escaped(wrongLeaf) + `";Cert="` + escaped(leaf) + `"`}}, auth.ErrMalformed},
		{"Envoy, a quote that stays open", auth.XFCC, http.Header{"X-Forwarded-Client-Cert": {`Cert="` + escaped(leaf)}}, auth.ErrMalformed},
		{"Envoy, more after a quote", auth.XFCC, http.Header{"X-Forwarded-Client-Cert": {`Cert="` + escaped(leaf) + `"x`}}, auth.ErrMalformed},
		{"Envoy, a quote in a value", auth.XFCC, http.Header{"X-Forwarded-Client-Cert": {`Cert=x"` + escaped(leaf) + `"`}}, auth.ErrMalformed},
		{"Envoy, no value", auth.XFCC, http.Header{"X-Forwarded-Client-Cert": {`Cert`}}, auth.ErrMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := &auth.ClientCert{Roots: ca.Pool(), Device: byName,
				KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
				Proxy:     &auth.ProxyHeader{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Format: tt.format}}
			r := over("device-1")
			r.TLS, r.HTTP, r.Remote = nil, tt.header, netip.MustParseAddrPort("10.1.2.3:40000")
			res, err := auth.Authenticate(t.Context(), a, r)
			require.NoError(t, err)
			if tt.want == nil {
				require.NotNil(t, res.Identity, "%v", res.Reason)
				require.Equal(t, leaf.Raw, res.Identity.Certificate.Raw)
			} else {
				require.Nil(t, res.Identity)
				require.ErrorIs(t, res.Reason, tt.want)
			}
		})
	}
}

// TestProxyTrust is who may set the header, and what counts where.
func TestProxyTrust(t *testing.T) {
	ca := testca.New(t)
	leaf, proxy := ca.Device("device-1").Leaf, ca.Device("the proxy's own").Leaf
	sequence := ":" + base64.StdEncoding.EncodeToString(leaf.Raw) + ":"
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, tt := range []struct {
		name     string
		proxy    *auth.ProxyHeader
		remote   string
		header   string
		onTLS    *x509.Certificate
		accepted bool
	}{
		{"from a proxy", &auth.ProxyHeader{Trusted: trusted}, "10.0.0.1:1", sequence, nil, true},
		{"from a proxy with a certificate of its own", &auth.ProxyHeader{Trusted: trusted}, "10.0.0.1:1", sequence, proxy, true},
		{"IPv4 within IPv6", &auth.ProxyHeader{Trusted: trusted}, "[::ffff:10.0.0.1]:1", sequence, nil, true},
		{"IPv6 with a zone", &auth.ProxyHeader{Trusted: trusted}, "[fd00::1%eth0]:1", sequence, nil, true},
		{"under another name", &auth.ProxyHeader{Trusted: trusted, Name: "X-Other"}, "10.0.0.1:1", sequence, nil, false},
		{"from elsewhere", &auth.ProxyHeader{Trusted: trusted}, "192.0.2.1:1", sequence, nil, false},
		{"from elsewhere, with a certificate of another", &auth.ProxyHeader{Trusted: trusted}, "192.0.2.1:1", sequence, proxy, false},
		{"from elsewhere, with the device's certificate", &auth.ProxyHeader{Trusted: trusted}, "192.0.2.1:1", "", leaf, true},
		{"the proxy's certificate is nobody's", &auth.ProxyHeader{Trusted: trusted}, "10.0.0.1:1", "", leaf, false},
		{"nobody is trusted", &auth.ProxyHeader{}, "10.0.0.1:1", sequence, nil, false},
		{"no address", &auth.ProxyHeader{Trusted: trusted}, "", sequence, nil, false},
		{"no proxy", nil, "10.0.0.1:1", sequence, nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := over("device-1")
			if r.TLS.PeerCertificates = nil; tt.onTLS != nil {
				r.TLS.PeerCertificates = []*x509.Certificate{tt.onTLS}
			}
			if r.HTTP = (http.Header{}); tt.header != "" {
				r.HTTP.Set("Client-Cert", tt.header)
			}
			if tt.remote != "" {
				r.Remote = netip.MustParseAddrPort(tt.remote)
			}
			res, err := auth.Authenticate(t.Context(), &auth.ClientCert{Roots: ca.Pool(), Device: byName, Proxy: tt.proxy}, r)
			require.NoError(t, err)
			require.Equal(t, tt.accepted, res.Identity != nil, "%v", res.Reason)
		})
	}
}
