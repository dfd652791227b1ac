package renew_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/omadm-sdk/omadm/auth/enroll"
	"github.com/omadm-sdk/omadm/auth/enroll/renew"
	"github.com/omadm-sdk/omadm/internal/testca"
	"github.com/stretchr/testify/require"
)

var _ enroll.Envelope = renew.PKCS7{}

func TestSealOpen(t *testing.T) {
	dev := testca.New(t).Device("device-1")
	for _, content := range []string{"x", "a request", strings.Repeat("long ", 10000)} {
		msg, err := renew.PKCS7{}.Seal([]byte(content), dev.Leaf, dev.PrivateKey)
		require.NoError(t, err)
		got, signer, err := renew.PKCS7{}.Open(msg)
		require.NoError(t, err)
		require.Equal(t, content, string(got))
		require.Equal(t, dev.Leaf.Raw, signer.Raw)
	}
}

func TestOpenRefuses(t *testing.T) {
	ca := testca.New(t)
	dev, other := ca.Device("device-1"), ca.Device("device-2")
	good, err := renew.PKCS7{}.Seal([]byte("a request"), dev.Leaf, dev.PrivateKey)
	require.NoError(t, err)
	wrongKey, err := renew.PKCS7{}.Seal([]byte("a request"), dev.Leaf, other.PrivateKey)
	require.NoError(t, err)
	empty, err := renew.PKCS7{}.Seal(nil, dev.Leaf, dev.PrivateKey)
	require.NoError(t, err)
	for _, row := range []struct {
		name string
		msg  []byte
		want string
	}{
		{"nothing", nil, "not a PKCS #7 message"},
		{"text", []byte("hello"), "not a PKCS #7 message"},
		{"half of it", good[:len(good)/2], "not a PKCS #7 message"},
		{"more than it", append(bytes.Clone(good), 0), "data follows"},
		{"other content", bytes.Replace(good, []byte("a request"), []byte("b request"), 1), "signature does not hold"},
		{"another's key", wrongKey, "signature does not hold"},
		{"no content", empty, ""},
		{"a certificate", dev.Leaf.Raw, "not a PKCS #7 message"},
		{"50,000 levels without lengths", bytes.Repeat([]byte{0x30, 0x80}, 50000), "nested too deep"},
		{"a length beyond the end", []byte{0x30, 0x84, 0xff, 0xff, 0xff, 0xff}, "beyond the end"},
		{"a length of 9 bytes", []byte{0x30, 0x89, 1, 1, 1, 1, 1, 1, 1, 1, 1}, "beyond the end"},
		{"a long tag", []byte{0x3f, 0x81, 0x00}, "more than one byte"},
		{"a primitive without a length", []byte{0x30, 0x80, 0x04, 0x80, 0, 0, 0, 0}, "without a length"},
	} {
		t.Run(row.name, func(t *testing.T) {
			content, signer, err := renew.PKCS7{}.Open(row.msg)
			require.ErrorContains(t, err, row.want)
			require.Nil(t, content)
			require.Nil(t, signer)
		})
	}
}

// An outside judge: openssl reads what we sign, and we what it signs.
func TestOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("openssl is not installed")
		}
		t.Skip("openssl is not installed")
	}
	ca := testca.New(t)
	dev := ca.Device("device-1")
	key, err := x509.MarshalPKCS8PrivateKey(dev.PrivateKey)
	require.NoError(t, err)
	sealed, err := renew.PKCS7{}.Seal([]byte("a request"), dev.Leaf, dev.PrivateKey)
	require.NoError(t, err)
	dir := t.TempDir()
	for name, data := range map[string][]byte{
		"ca.pem": ca.PEM(), "sealed.der": sealed, "content": []byte("another request"),
		"key.pem":  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		"cert.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: dev.Leaf.Raw}),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	run := func(args ...string) []byte {
		cmd := exec.Command(openssl, args...)
		cmd.Dir = dir
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		require.NoError(t, err, stderr.String())
		return out
	}
	require.Equal(t, "a request", string(run("cms", "-verify", "-inform", "DER", "-in", "sealed.der", "-CAfile", "ca.pem", "-purpose", "any")))

	for _, extra := range [][]string{{"-md", "sha256"}, {"-md", "sha512"}, {"-md", "sha256", "-noattr"}, {"-md", "sha256", "-stream"}} {
		msg := run(append([]string{"cms", "-sign", "-binary", "-nodetach", "-outform", "DER", "-in", "content", "-signer", "cert.pem", "-inkey", "key.pem"}, extra...)...)
		got, signer, err := renew.PKCS7{}.Open(msg)
		require.NoError(t, err, extra)
		require.Equal(t, "another request", string(got), extra)
		require.Equal(t, dev.Leaf.Raw, signer.Raw, extra)
	}
}

func FuzzOpen(f *testing.F) {
	dev := testca.New(f).Device("device-1")
	good, err := renew.PKCS7{}.Seal([]byte("a request"), dev.Leaf, dev.PrivateKey)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80\x30\x80\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, msg []byte) {
		content, signer, err := renew.PKCS7{}.Open(msg)
		if err != nil {
			if content != nil || signer != nil {
				t.Fatal("a message with an error")
			}
			return
		}
		// Whoever gets through holds a key, and the only one in the corpus has signed one thing.
		if signer.Equal(dev.Leaf) && string(content) != "a request" {
			t.Fatalf("forged %q", content)
		}
		if _, err := x509.ParseCertificate(signer.Raw); err != nil {
			t.Fatal(err)
		}
	})
}
