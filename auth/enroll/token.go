package enroll

import (
	"context"
	"crypto/x509"
)

// A Token is what a device presents to be enrolled, read from the WS-Security header of its request.
type Token struct {
	Policy AuthPolicy // which of the following it has

	User     string // OnPremise
	Password Secret // OnPremise, in clear text: the protocol has no other

	Value     Secret // Federated: as the sign-in page handed it out, no longer in base64
	ValueType string // Federated: tells an Entra JWT (TokenTypeJWT) from a token of the server's own

	Certificate *x509.Certificate // Certificate: it signed the request, which has been verified; its issuer has not

	// Spend is true when the token pays for a certificate, false when it only asks for the certificate policy: a device
	// presents the same token to both steps, so that a token for one use must outlive the first.
	Spend bool
}

// TokenTypeJWT is the ValueType of a token that Entra issued; any other is the server's own.
const TokenTypeJWT = "urn:ietf:params:oauth:token-type:jwt"

// An Identity is who enrolls: what a [TokenValidator] found out, completed by the [Server] with what the device says of
// itself before an [Issuer] sees it.
type Identity struct {
	User   string            // the UPN; empty where a device enrolls for itself
	Claims map[string]string // whatever else the validator wants the hooks to know, such as tenant and object id

	// Set by Server. Device is claimed and not proved; it is never empty when an Issuer is called.
	Policy   AuthPolicy
	Type     EnrollmentType
	Device   string // the DeviceID item: 32 hex digits from Windows, but any name without control characters
	Hardware string // the HWDevID item, or ""

	// Renews is the certificate that a renewal replaces; nil for a first enrollment.
	Renews *x509.Certificate
}

// A TokenValidator decides who a token belongs to. To refuse one, return a [Code] (CodeAuthentication for an unknown user
// or a wrong password, CodeAuthorization for one who may not, CodeDeviceCapReached, …) or a [*Fault]; any other error is
// a failure of the server's: it is logged, and the device learns CodeEnrollmentServer only. Methods may be called
// concurrently. The context is that of the HTTP request.
type TokenValidator interface {
	ValidateToken(ctx context.Context, t *Token) (*Identity, error)
}

// TokenFunc is a function as a [TokenValidator].
type TokenFunc func(ctx context.Context, t *Token) (*Identity, error)

// ValidateToken calls f; a nil f refuses everybody.
func (f TokenFunc) ValidateToken(ctx context.Context, t *Token) (*Identity, error) {
	if f == nil {
		return nil, CodeAuthentication
	}
	return f(ctx, t)
}
