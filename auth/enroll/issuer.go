package enroll

import (
	"context"
	"crypto/x509"
)

// An Issuer is a certificate authority. Issue returns the certificate for the key of csr, followed by its chain: any
// intermediates in order, the root last (the root may be left out where devices trust it already).
//
// The server has checked that the device holds the key. Of csr only the key counts: what Windows writes into the subject
// is no identity (see [CSR]). The certificate is to have the extended key usage clientAuth, a subject that names id.Device,
// and a serial number of its own.
//
// An error that is a [Code] or [*Fault] is answered; any other is logged and answered with CodeCertificateRequest.
type Issuer interface {
	Issue(ctx context.Context, csr *CSR, id *Identity) ([]*x509.Certificate, error)
}
