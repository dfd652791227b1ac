package auth

import "errors"

// Reasons why a message was refused. They are found with errors.Is in Result.Reason, for logs and counters; the peer
// learns none of them.
var (
	// ErrMissing is a message without credentials, or over a connection without client certificate.
	ErrMissing = errors.New("auth: no credentials")

	// ErrUnknown is a peer nobody has credentials of. A function that looks them up returns it; the peer
	// is then answered just as one that is known and got them wrong.
	ErrUnknown = errors.New("auth: unknown peer")

	// ErrMismatch is a secret, a digest or a nonce that is not right.
	ErrMismatch = errors.New("auth: credentials do not match")

	// ErrScheme is credentials of another scheme than the one demanded.
	ErrScheme = errors.New("auth: wrong authentication scheme")

	// ErrMalformed is credentials, or a certificate in a proxy's header, that cannot be read.
	ErrMalformed = errors.New("auth: malformed credentials")

	// ErrCertificate is a client certificate that is not trusted: another issuer, expired, for another use, revoked.
	ErrCertificate = errors.New("auth: certificate not accepted")

	// ErrDevice is a proof that is good, but of another device than the message claims to be from.
	ErrDevice = errors.New("auth: proof of another device")
)

// ErrRefused says that a peer does not accept our credentials, or demands some that we cannot or must not send.
var ErrRefused = errors.New("auth: peer refuses our credentials")
