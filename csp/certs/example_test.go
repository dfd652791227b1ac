package certs_test

import (
	"context"
	"crypto/x509"
	"fmt"

	"github.com/omadm-sdk/omadm/csp/certs"
	"github.com/omadm-sdk/omadm/csp/certs/pfx"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
)

// A device keeps what servers install in a directory.
func ExampleStore() {
	store := &certs.Store{Values: new(dmtree.Memory), Host: certs.Dir("/var/lib/agent/certs"), DecodePFX: pfx.Decode}
	mux := new(dmtree.Mux)
	store.Mount(mux)

	v, err := dmtree.Get(context.Background(), mux, "./Device/Vendor/MSFT/CertificateStore/ROOT")
	fmt.Println(v, err)
	_, err = dmtree.Get(context.Background(), mux, certs.URI(certs.Root, "CD2E7FAF7B5BFDD1D09B0B9B8E3A3E7C7F3D9B11"))
	fmt.Println(err)
	// Output:
	// System <nil>
	// dmtree: get ./Device/Vendor/MSFT/RootCATrustedCertificates/Root/CD2E7FAF7B5BFDD1D09B0B9B8E3A3E7C7F3D9B11: node not found
}

// A server installs an authority, and a certificate with its key.
func ExampleInstallPFX() {
	var authority *x509.Certificate // from a file, say
	var blob []byte

	handler := session.Script(func(_ context.Context, c *session.Conversation) error {
		vpn := certs.PFX{ID: "vpn-2026", Blob: blob, Password: "…"}
		results, err := c.Do(func(b *session.Batch) {
			certs.Trust(b, certs.Root, authority)
			certs.InstallPFX(b, vpn)
		})
		if err != nil {
			return err
		}
		for i := range results {
			if err := results[i].Err(); err != nil {
				return err
			}
		}
		results, err = c.Do(func(b *session.Batch) { certs.AskPFX(b, vpn) })
		if err != nil {
			return err
		}
		thumbprint, err := certs.ReadPFX(results, vpn)
		fmt.Println("installed", thumbprint)
		return err
	})
	_ = &session.Server{Handler: handler}
}
