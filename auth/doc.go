// Package auth tells who is at the other end of a session, in both directions.
//
// An [Authenticator] judges the messages that come in, a [Signer] adds proof to those that go out. A server has one
// Authenticator for its devices and, where devices want proof from it, a Signer; a device has a Signer for its server
// and, where the certificate of the TLS server is not enough, an Authenticator. Nobody is let in by default: an
// Authenticator that is nil, or whose fields are, refuses everybody.
//
// # Which one to take
//
// The normal case on Windows is a TLS client certificate, which enrollment has issued:
//
//	Auth: &auth.ClientCert{Roots: pool, Device: deviceOf},
//
// The TLS server must ask for it (ClientAuth: tls.RequestClientCert). Where a proxy ends TLS, [ProxyHeader] takes the
// certificate from the header that the proxy sets. A certificate proves each message, since it proves the connection.
//
// Devices without certificates have a name and a password, in one of three schemes:
//
//	            proves                      overheard               without TLS
//	Basic       knowledge of the password   password is lost        useless
//	MD5         the same                    guesses can be tested   others can change the message
//	HMAC        the same, and the message   guesses can be tested   others can read the message
//
// All three rest on MD5 or on less. None is a match for an attacker with time unless the password is long and random:
// give each device one of its own (rand.Text of crypto/rand makes it), and run every scheme over TLS. [HMAC] is not that
// of RFC 2104; it is a digest that covers the body. Windows speaks Basic and MD5 for the device, and MD5 for the server.
//
//	Auth: &auth.Password{Scheme: auth.MD5, Credentials: deviceCredentials},
//	Sign: &auth.PasswordSigner{Scheme: auth.MD5, Credentials: serverCredentials},
//
// [All] asks for several proofs of one device, [Any] lets devices in that came by different ways. Anything else, such as
// a bearer token in an HTTP header, is a method: see [AuthenticatorFunc].
//
// # What a session sees of it
//
// A message without credentials is answered 407, one with wrong credentials 401, both with a challenge (Chal) that names
// the scheme and a nonce. The peer sends its message again, with a digest of the nonce. It is then answered 200, and has
// to send credentials with each message, or 212, and need not send any until the session ends. Password answers 200, with
// a new nonce each time, unless told otherwise: a session is known by two numbers, which others can guess.
//
// There are two chances, as the first nonce may be out of date; after that the session is over. Answers do not differ
// between peers that are known and peers that are not.
//
// # Nonces and state
//
// This package has no store. Authenticators and signers leave a few dozen octets with the engine, as State in [Result]
// and [Outgoing], and the engine commits them together with everything else about the message: a nonce is used up exactly
// if the message that used it has been dealt with, on whichever node. A message that is refused changes no state, so that
// a stranger cannot take away the nonce of a device; the nonce of a challenge is computed, under [Password.Key], from what
// it answers.
//
// # What is stored
//
// MD5 and HMAC need the password itself, or MD5 of the name and the password, on both ends. The latter hides the password
// and is nevertheless all that somebody needs to pose as the device, so it wants to be encrypted: a [Vault] does that, bound
// to the device, under a key that is kept elsewhere. For Basic alone a hash is enough; see [Hashed]. Stored state holds
// nonces and, for a signer, a short hash by which it recognizes the password it began with.
//
// None of the types here prints a secret, and no error holds one.
package auth
