package enroll_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"strings"
	"sync"
	"testing"

	"github.com/omadm-sdk/omadm/auth/enroll"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

const windowsDeviceID = "1E08C6E94F1C0DA2B7E84D0F9C360CC6"

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

// windowsCSR makes a request of the shape that Windows 10 sends without a SHA-256 policy (enrollment captures): the
// common name is a PrintableString with '!' and a NUL, a private extension holds the device id as bare ASCII with a NUL,
// and the signature is SHA-1 under the OIW's OID. With modern it is that of Windows 11 under a SHA-256 policy.
func windowsCSR(t testing.TB, modern bool) []byte {
	cn, tag := "BA405A5D-B1C7-4737-81C8-8F379A!"+windowsDeviceID+"\x00", cbasn1.PrintableString
	alg, hash := asn1.ObjectIdentifier{1, 3, 14, 3, 2, 29}, crypto.SHA1
	if modern {
		cn, tag = strings.TrimRight(cn, "\x00"), cbasn1.UTF8String
		alg, hash = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, crypto.SHA256
	}
	spki, err := x509.MarshalPKIXPublicKey(rsaKey().Public())
	require.NoError(t, err)
	extension := func(b *cryptobyte.Builder, id asn1.ObjectIdentifier, value []byte) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(id)
			b.AddASN1OctetString(value)
		})
	}
	var info cryptobyte.Builder
	info.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(0)
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{2, 5, 4, 3})
					b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes([]byte(cn)) })
				})
			})
		})
		b.AddBytes(spki)
		b.AddASN1(cbasn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { // an attribute of Microsoft's, before the one that counts
				b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 13, 2, 3})
				b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
					b.AddASN1(cbasn1.IA5String, func(b *cryptobyte.Builder) { b.AddBytes([]byte("10.0.19043.2")) })
				})
			})
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 14})
				b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
					b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
						if modern {
							extension(b, asn1.ObjectIdentifier{2, 5, 29, 37}, []byte{0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02})
						}
						extension(b, asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 66, 1, 0}, []byte(windowsDeviceID+"\x00"))
					})
				})
			})
		})
	})
	tbs, err := info.Bytes()
	require.NoError(t, err)
	h := hash.New()
	h.Write(tbs)
	sig, err := rsa.SignPKCS1v15(rand.Reader, rsaKey(), hash, h.Sum(nil))
	require.NoError(t, err)
	var out cryptobyte.Builder
	out.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(tbs)
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(alg)
			b.AddASN1NULL()
		})
		b.AddASN1BitString(sig)
	})
	der, err := out.Bytes()
	require.NoError(t, err)
	return der
}

func goCSR(t testing.TB, key crypto.Signer, alg x509.SignatureAlgorithm) []byte {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "device-1"}, SignatureAlgorithm: alg}, key)
	require.NoError(t, err)
	return der
}

func ecKey(t testing.TB, c elliptic.Curve) *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	require.NoError(t, err)
	return k
}

func TestParseCSR(t *testing.T) {
	p256, p384 := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P384())
	const windowsCN = "BA405A5D-B1C7-4737-81C8-8F379A!" + windowsDeviceID
	for _, row := range []struct {
		name         string
		der          []byte
		key          crypto.PublicKey
		cn, deviceID string
		alg          string
	}{
		{"Windows 10: illegal PrintableString, SHA-1", windowsCSR(t, false), rsaKey().Public(), windowsCN, windowsDeviceID, "1.3.14.3.2.29"},
		{"Windows 11: UTF8String, SHA-256", windowsCSR(t, true), rsaKey().Public(), windowsCN, windowsDeviceID, "1.2.840.113549.1.1.11"},
		{"Go, RSA SHA-256", goCSR(t, rsaKey(), x509.SHA256WithRSA), rsaKey().Public(), "device-1", "", "1.2.840.113549.1.1.11"},
		{"Go, RSA SHA-384", goCSR(t, rsaKey(), x509.SHA384WithRSA), rsaKey().Public(), "device-1", "", "1.2.840.113549.1.1.12"},
		{"Go, RSA SHA-512", goCSR(t, rsaKey(), x509.SHA512WithRSA), rsaKey().Public(), "device-1", "", "1.2.840.113549.1.1.13"},
		{"Go, P-256", goCSR(t, p256, x509.ECDSAWithSHA256), p256.Public(), "device-1", "", "1.2.840.10045.4.3.2"},
		{"Go, P-384", goCSR(t, p384, x509.ECDSAWithSHA384), p384.Public(), "device-1", "", "1.2.840.10045.4.3.3"},
	} {
		t.Run(row.name, func(t *testing.T) {
			csr, err := enroll.ParseCSR(row.der)
			require.NoError(t, err)
			require.NoError(t, csr.CheckSignature())
			require.Equal(t, row.key, csr.PublicKey)
			require.Equal(t, row.cn, csr.CommonName)
			require.Equal(t, row.deviceID, csr.DeviceID)
			require.Equal(t, row.alg, csr.SignatureOID)
		})
	}
	_, err := x509.ParseCertificateRequest(windowsCSR(t, false))
	require.Error(t, err, "were it to read this one day, ours could go")
}

func TestParseCSRRefuses(t *testing.T) {
	good := windowsCSR(t, false)
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	for _, row := range []struct {
		name, want string
		der        []byte
	}{
		{"nothing", "not an ASN.1 sequence", nil},
		{"text", "not an ASN.1 sequence", []byte("MIICkTCCAXkCAQAw")},
		{"half of it", "not an ASN.1 sequence", good[:len(good)/2]},
		{"more than it", "data follows", append(append([]byte(nil), good...), 0)},
		{"a length beyond the end", "not an ASN.1 sequence", []byte{0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0}},
		{"an indefinite length", "not an ASN.1 sequence", []byte{0x30, 0x80, 0, 0}},
		{"a certificate", "", func() []byte { c, _ := enroll.NewCA("x", enroll.KeyP256); return c.Certificate.Raw }()},
		{"a key that signs otherwise", "want RSA or ECDSA", goCSR(t, edKey, x509.PureEd25519)},
	} {
		t.Run(row.name, func(t *testing.T) {
			csr, err := enroll.ParseCSR(row.der)
			require.ErrorContains(t, err, "not a certificate request")
			require.ErrorContains(t, err, row.want)
			require.Nil(t, csr)
		})
	}
}

func TestCSRSignature(t *testing.T) {
	for _, modern := range []bool{false, true} {
		good := windowsCSR(t, modern)
		for _, at := range []int{len(good) - 1, 60} { // the signature, the name
			bad := append([]byte(nil), good...)
			bad[at] ^= 1
			csr, err := enroll.ParseCSR(bad)
			require.NoError(t, err)
			require.ErrorContains(t, csr.CheckSignature(), "does not fit the key")
		}
	}
	// MD5 with RSA, which no policy has.
	good := windowsCSR(t, true)
	bad := []byte(strings.Replace(string(good), "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04", 1))
	csr, err := enroll.ParseCSR(bad)
	require.NoError(t, err)
	require.ErrorContains(t, csr.CheckSignature(), "1.2.840.113549.1.1.4 is not known")
}

func FuzzParseCSR(f *testing.F) {
	f.Add(windowsCSR(f, false))
	f.Add(windowsCSR(f, true))
	f.Add(goCSR(f, ecKey(f, elliptic.P256()), x509.ECDSAWithSHA256))
	f.Add(goCSR(f, rsaKey(), x509.SHA256WithRSA))
	f.Fuzz(func(t *testing.T, der []byte) {
		csr, err := enroll.ParseCSR(der)
		std, stdErr := x509.ParseCertificateRequest(der)
		if err != nil {
			if csr != nil {
				t.Fatal("a request with an error")
			}
			if stdErr == nil {
				switch std.PublicKey.(type) {
				case *rsa.PublicKey, *ecdsa.PublicKey:
					t.Fatalf("crypto/x509 reads what we refuse: %v", err)
				}
			}
			return
		}
		ours := csr.CheckSignature()
		if stdErr != nil {
			return
		}
		// Where both read it, both see the same key, and ours accepts no signature that the other refuses, but SHA-1.
		if k, ok := csr.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); !ok || !k.Equal(std.PublicKey) {
			t.Fatalf("another key: %v, want %v", csr.PublicKey, std.PublicKey)
		}
		theirs := std.CheckSignature()
		if ours == nil && theirs != nil && std.SignatureAlgorithm != x509.SHA1WithRSA && csr.SignatureOID != "1.3.14.3.2.29" {
			t.Fatalf("a signature by %s that crypto/x509 refuses: %v", csr.SignatureOID, theirs)
		}
		if ours == nil && csr.Raw == nil {
			t.Fatal("no bytes kept")
		}
	})
}

// smallCSR has a key of 1024 bits.
func smallCSR(t testing.TB) []byte {
	k, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	return goCSR(t, k, x509.SHA256WithRSA)
}
