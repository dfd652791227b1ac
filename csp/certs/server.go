package certs

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
)

// URI returns the node of a certificate in one of the device's stores, below RootCATrustedCertificates.
func URI(store StoreName, thumbprint string) dmtree.URI {
	return dmtree.URI("./Device/Vendor/MSFT").Join(cspRoots, string(store), thumbprint)
}

// Trust puts a certificate into one of the device's stores; into Untrusted, it blocks it. Adding one that is there
// already is no error.
func Trust(b *session.Batch, store StoreName, c *x509.Certificate) *session.Entry {
	return b.Set(URI(store, Thumbprint(c)).Join(leafEncoded), dmtree.Base64(c.Raw))
}

// Remove takes a certificate out of one of the device's stores.
func Remove(b *session.Batch, store StoreName, thumbprint string) *session.Entry {
	return b.Delete(URI(store, thumbprint))
}

// Ask asks for the thumbprints of the certificates in a store; [Names] of the result has them.
func Ask(b *session.Batch, store StoreName) *session.Entry {
	return b.Get(dmtree.URI("./Device/Vendor/MSFT").Join(cspRoots, string(store)))
}

// AskCertificate asks for one certificate; [ReadCertificate] reads the result.
func AskCertificate(b *session.Batch, store StoreName, thumbprint string) *session.Entry {
	return b.Get(URI(store, thumbprint).Join(leafEncoded))
}

// Names reads the thumbprints that [Ask] asked for.
func Names(r *session.Result) ([]string, error) {
	v, err := r.Value()
	if err != nil {
		return nil, err
	}
	var out []string
	for name := range v.Names() {
		if len(name) == 40 { // beside a group such as System
			out = append(out, strings.ToUpper(name))
		}
	}
	return out, nil
}

// ReadCertificate reads the answer to [AskCertificate].
func ReadCertificate(r *session.Result) (*x509.Certificate, error) {
	v, err := r.Value()
	if err != nil {
		return nil, err
	}
	return parse(v)
}

// A PFX is a certificate with its private key, to be installed on a device. It prints as its ID only.
type PFX struct {
	ID         string      // names the installation; different for each certificate
	Blob       []byte      // PKCS #12
	Password   string      // of Blob
	Location   KeyLocation // where the key is kept; 0: Software
	Container  string      // of Windows Hello
	Exportable bool        // the key may leave the device; only with Software
	User       bool        // for the user who is signed in, else for the device
}

// Format implements [fmt.Formatter]: the name alone, whatever the verb, so that no log shows the password.
func (p PFX) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "PFX(%s)", p.ID) }

// LogValue implements [slog.LogValuer]: the name alone.
func (p PFX) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(p)) }

// uri is the node of the installation.
func (p *PFX) uri() dmtree.URI {
	scope := "Device"
	if p.User {
		scope = "User"
	}
	return dmtree.URI("./"+scope+"/Vendor/MSFT").Join(cspClient, nodePFX, p.ID)
}

// InstallPFX installs a certificate with its key, as one Atomic with the blob at its end, as Windows demands. An ID that
// is in use must be deleted first, in a command before ([DeletePFX]).
func InstallPFX(b *session.Batch, p PFX) *session.Entry {
	at := p.uri()
	if p.Location == 0 {
		p.Location = Software
	}
	return b.Atomic(func(b *session.Batch) {
		b.Add(at, dmtree.Interior())
		b.Add(at.Join(pfxKeyLocation), dmtree.Int(int64(p.Location)))
		if p.Container != "" {
			b.Add(at.Join(pfxContainer), dmtree.String(p.Container))
		}
		b.Add(at.Join(pfxPassword), dmtree.String(p.Password).Secret())
		b.Add(at.Join(pfxExportable), dmtree.Bool(p.Exportable))
		b.Add(at.Join(pfxBlob), dmtree.Bytes(p.Blob).Secret())
	})
}

// DeletePFX removes an installation with its certificate and key. Of p, ID and User count.
func DeletePFX(b *session.Batch, p PFX) *session.Entry { return b.Delete(p.uri()) }

// AskPFX asks for the outcome of an installation; [ReadPFX] reads it. Of p, ID and User count.
func AskPFX(b *session.Batch, p PFX) {
	b.Get(p.uri().Join(pfxStatus))
	b.Get(p.uri().Join(pfxThumbprint))
}

// ReadPFX finds the answers to [AskPFX] among results and returns the thumbprint of the certificate. The error says why
// there is none: [session.StatusError], or the Windows error that Status has.
func ReadPFX(results []session.Result, p PFX) (string, error) {
	find := func(leaf string) (dmtree.Value, error) {
		u := p.uri().Join(leaf)
		i := slices.IndexFunc(results, func(r session.Result) bool { return r.URI.EqualFold(u) })
		if i < 0 {
			return dmtree.Null, fmt.Errorf("certs: %s is not among the results", u)
		}
		return results[i].Value()
	}
	status, err := find(pfxStatus)
	if err != nil {
		return "", err
	}
	if code, err := status.Int(); err != nil {
		return "", err
	} else if code != 0 {
		return "", fmt.Errorf("certs: the device could not import the PFX: error 0x%08X", uint32(code))
	}
	thumb, err := find(pfxThumbprint)
	if err != nil {
		return "", err
	}
	if thumb.Text() == "" {
		return "", errors.New("certs: the device has no certificate of this installation")
	}
	return strings.ToUpper(thumb.Text()), nil
}
