package enroll

import (
	"context"
	"crypto/tls"
)

// A Credential is what a device enrolls with: [Password], [Ticket], [SignIn] or [SigningCertificate].
type Credential interface {
	policy() AuthPolicy
}

// Password enrolls with the user's password (OnPremise).
func Password(password string) Credential {
	return credential{PolicyOnPremise, Secret(password), nil, nil}
}

// Ticket enrolls with a token that the caller has already (Federated), such as the wresult of a sign-in page. It is not
// in base64.
func Ticket(token string) Credential { return credential{PolicyFederated, Secret(token), nil, nil} }

// SignIn enrolls with a token that f gets (Federated). f is given the address of the sign-in page, complete with appru and
// login_hint, and returns the wresult that the page posts to appru. The context is that of Enroll.
func SignIn(f func(ctx context.Context, page string) (token string, err error)) Credential {
	return credential{PolicyFederated, "", f, nil}
}

// SigningCertificate enrolls with a certificate whose key signs the requests (Certificate). Its key must be RSA, which is
// what the protocol signs with.
func SigningCertificate(c tls.Certificate) Credential {
	return credential{PolicyCertificate, "", nil, &c}
}

// A credential has the one thing that its kind needs.
type credential struct {
	kind   AuthPolicy
	secret Secret
	signIn func(context.Context, string) (string, error)
	cert   *tls.Certificate
}

func (c credential) policy() AuthPolicy { return c.kind }
