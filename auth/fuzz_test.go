package auth_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"net/netip"
	"net/url"
	"testing"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/internal/testca"
	"github.com/omadm-sdk/omadm/syncml"
)

// FuzzPassword lets strangers say whatever they want: nobody gets in who has not computed the digest, state is kept for
// nobody else, and the answer does not tell whether the peer is known.
func FuzzPassword(f *testing.F) {
	f.Add(uint8(0), "1", "1", "Bruce2", syncml.AuthMD5, "b64", "Zz6EivR3yeaaENcRN6lpAQ==", "", []byte(nil))
	f.Add(uint8(1), "1", "2", "", syncml.AuthBasic, "b64", "QnJ1Y2UyOk9oQmVoYXZl", "", []byte{1, 1, 0})
	f.Add(uint8(2), "A7", "3", "Bruce2", "", "", "", `algorithm=MD5, username="Bruce2", mac=A9eE1Vs1T6HSl6hBFZEHaQ==`, []byte{1, 0, 1, '1', 9})
	f.Fuzz(func(t *testing.T, scheme uint8, session, msg, name, typ, format, data, mac string, state []byte) {
		s := auth.Scheme(scheme % 3)
		p := &auth.Password{Scheme: s, Credentials: auth.Only(device, bruce), Key: []byte("0123456789abcdef")}
		request := func(peer string) *auth.Request {
			r := &auth.Request{
				Message: &syncml.Header{SessionID: session, MsgID: msg, Source: syncml.Location{URI: peer, Name: name}},
				HTTP:    http.Header{}, Body: []byte("body"), First: true, State: state,
			}
			if typ != "" || data != "" {
				r.Message.Cred = &syncml.Cred{Meta: syncml.Meta{Type: typ, Format: format}, Data: data}
			}
			if mac != "" {
				r.HTTP.Set("x-syncml-hmac", mac)
			}
			return r
		}
		res, err := auth.Authenticate(t.Context(), p, request(device))
		if err != nil {
			t.Fatal(err)
		}
		if res.Identity != nil {
			b, err := base64.StdEncoding.DecodeString(data)
			if s == auth.Basic && (err != nil || string(b) == "Bruce2:OhBehave") {
				return
			}
			if s != auth.Basic && len(state) > 0 {
				return // the fuzzer chose the nonce as well
			}
			t.Fatalf("accepted: %+v", request(device).Message)
		}
		if res.State != nil || res.Reason == nil || res.Status != 401 && res.Status != 407 {
			t.Fatalf("%+v", res)
		}
		stranger, err := auth.Authenticate(t.Context(), p, request("urn:uuid:unknown"))
		if err != nil {
			t.Fatal(err)
		}
		if stranger.Identity != nil || stranger.Status != res.Status || (stranger.Challenge == nil) != (res.Challenge == nil) {
			t.Fatalf("a stranger is told %+v, a device %+v", stranger, res)
		}
	})
}

// FuzzProxyHeader gives ClientCert headers from a trusted proxy: only a certificate that our authority issued gets in.
func FuzzProxyHeader(f *testing.F) {
	ca := testca.New(f)
	leaf := ca.Device(device).Leaf
	raw := ":" + base64.StdEncoding.EncodeToString(leaf.Raw) + ":"
	escaped := url.QueryEscape(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw})))
	f.Add(uint8(auth.RFC9440), raw, "")
	f.Add(uint8(auth.RFC9440), raw, raw+", "+raw)
	f.Add(uint8(auth.XFCC), `By=a;Hash=b;Cert="`+escaped+`";Subject="CN=\"x\"";URI=`, "")
	f.Add(uint8(auth.XFCC), `Cert=`+escaped+`,Cert=`+escaped, "")
	f.Add(uint8(auth.PEM), escaped, "")
	f.Fuzz(func(t *testing.T, format uint8, header, chain string) {
		proxy := &auth.ProxyHeader{Trusted: []netip.Prefix{netip.MustParsePrefix("::1/128")}, Format: auth.ProxyFormat(format % 3), Name: "Cert"}
		a := &auth.ClientCert{Roots: ca.Pool(), Device: byName, Proxy: proxy, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
		r := over(device)
		r.Remote = netip.MustParseAddrPort("[::1]:1")
		r.HTTP = http.Header{"Cert": {header}, "Client-Cert-Chain": {chain}}
		res, err := auth.Authenticate(t.Context(), a, r)
		if err != nil {
			t.Fatal(err)
		}
		if res.Identity != nil && !res.Identity.Certificate.Equal(leaf) {
			t.Fatalf("accepted %s", res.Identity.Certificate.Subject)
		}
	})
}
