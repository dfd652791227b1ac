// Package pfx opens PFX files (PKCS #12), with the old algorithms and the modern ones, for package certs. It is apart so
// that programs which install no private keys do not carry it.
package pfx

import (
	"errors"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/omadm-sdk/omadm/csp/certs"
)

// Decode opens a PFX that holds one private key, its certificate, and perhaps the chain. The error is, or wraps,
// [certs.ErrPassword] where the password is wrong.
func Decode(blob []byte, password string) (*certs.Bundle, error) {
	key, cert, chain, err := pkcs12.DecodeChain(blob, password)
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword), errors.Is(err, pkcs12.ErrDecryption):
		return nil, certs.ErrPassword
	case err != nil:
		return nil, err
	}
	return &certs.Bundle{Key: key, Certificate: cert, Chain: chain}, nil
}
