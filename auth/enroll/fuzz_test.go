package enroll_test

import (
	"context"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/omadm-sdk/omadm/auth/enroll"
	"github.com/omadm-sdk/omadm/auth/enroll/renew"
	"github.com/omadm-sdk/omadm/internal/soap"
	"github.com/stretchr/testify/require"
)

// Whatever a stranger sends to any address, the answer is a SOAP message with its length, refuses by a fault that MS-MDE2
// knows, and certifies nothing for one who does not have the token.
func FuzzServer(f *testing.F) {
	const token = "the one token that is good"
	ca, err := enroll.NewCA("Fabrikam Devices", enroll.KeyP256)
	require.NoError(f, err)
	issued := 0
	s := &enroll.Server{
		Federated: enroll.TokenFunc(func(_ context.Context, t *enroll.Token) (*enroll.Identity, error) {
			if string(t.Value) != token {
				return nil, enroll.CodeAuthentication
			}
			return &enroll.Identity{User: pat}, nil
		}),
		Certificate: &enroll.SigningCertificates{},
		Issuer:      ca,
		Provision: func(_ context.Context, r *enroll.Request) (*enroll.Provisioning, error) {
			issued++
			if r.Identity.User != pat || r.Identity.Device == "" {
				f.Errorf("a certificate for %+v", r.Identity)
			}
			return enroll.NewProvisioning(r, "Fabrikam", "https://mdm.fabrikam.example/dm"), nil
		},
		Renewal: &enroll.Renewal{Envelope: renew.PKCS7{}},
		Logger:  slog.New(slog.DiscardHandler),
	}
	b64 := base64.StdEncoding.EncodeToString
	issue := strings.ReplaceAll(request(f, "issue"), "{{CSR}}", b64(windowsCSR(f, false)))
	f.Add(uint8(0), request(f, "discover"))
	f.Add(uint8(1), request(f, "policies"))
	f.Add(uint8(2), strings.ReplaceAll(issue, "{{TOKEN}}", b64([]byte(token))))
	f.Add(uint8(2), strings.ReplaceAll(issue, "{{TOKEN}}", b64([]byte("another"))))
	f.Add(uint8(2), strings.ReplaceAll(issue, "/Issue<", "/Renew<"))
	paths := []string{enroll.DiscoveryPath, enroll.PolicyPath, enroll.IssuePath}
	f.Fuzz(func(t *testing.T, where uint8, body string) {
		path := paths[int(where)%len(paths)]
		before := issued
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
		r.Header.Set("Content-Type", soapType)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if n := w.Header().Get("Content-Length"); n != strconv.Itoa(w.Body.Len()) {
			t.Fatalf("Content-Length is %s, the answer has %d bytes", n, w.Body.Len())
		}
		m, err := soap.Parse(w.Body.Bytes(), &soap.Limits{Bytes: 1 << 20})
		if err != nil {
			t.Fatalf("%v\n%s", err, w.Body)
		}
		if (m.Fault == nil) != (w.Code == http.StatusOK) {
			t.Fatalf("HTTP %d with %s", w.Code, w.Body)
		}
		if m.Fault != nil && (m.Fault.Subcode == "" || m.Fault.ErrorType == "" || m.Fault.TraceID != m.ActivityID) {
			t.Fatalf("%+v", m.Fault)
		}
		if issued != before && (path != enroll.IssuePath || w.Code != http.StatusOK) {
			t.Fatal("a certificate where none belongs")
		}
	})
}
