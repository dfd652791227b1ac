package auth

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
)

// A Vault encrypts secrets for a database, so that who reads it, or a copy of it, cannot pose as a device: MD5 and HMAC
// need something at rest that is as good as the password. Its key belongs elsewhere, with the keys of the server.
//
// Each secret is bound to an owner, such as the ID of the device, and opens for no other. Vault is safe for concurrent use.
type Vault struct{ aead cipher.AEAD }

// NewVault returns a Vault under a key of 32 octets or more, all of them random. Its algorithm is AES-256-GCM.
func NewVault(key []byte) (*Vault, error) {
	if len(key) < sha256.Size {
		return nil, fmt.Errorf("auth: key of a vault: want %d octets or more, got %d", sha256.Size, len(key))
	}
	k, err := hkdf.Key(sha256.New, key, nil, "omadm auth vault 1", 32)
	if err != nil {
		return nil, fmt.Errorf("auth: key of a vault: %w", err)
	}
	block, err := aes.NewCipher(k)
	if err != nil {
		return nil, fmt.Errorf("auth: key of a vault: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("auth: key of a vault: %w", err)
	}
	return &Vault{aead}, nil
}

// markVault begins what Seal returns.
const markVault = "{vault1}"

// Seal returns the stored form of a secret that has one (see [Secret.Stored]), encrypted for owner.
func (v *Vault) Seal(owner string, s Secret) (string, error) {
	plain, err := s.Stored()
	if err != nil {
		return "", err
	}
	return markVault + base64.StdEncoding.EncodeToString(v.aead.Seal(nil, nil, []byte(plain), []byte(owner))), nil
}

// Open returns the secret that was sealed for owner.
func (v *Vault) Open(owner, sealed string) (Secret, error) {
	text, ok := strings.CutPrefix(sealed, markVault)
	if !ok {
		return Secret{}, fmt.Errorf("auth: sealed secret of %q: want one that begins with %s", owner, markVault)
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return Secret{}, fmt.Errorf("auth: sealed secret of %q: want base64 after %s", owner, markVault)
	}
	plain, err := v.aead.Open(nil, nil, b, []byte(owner))
	if err != nil {
		return Secret{}, fmt.Errorf("auth: sealed secret of %q: another key, another owner, or damaged", owner)
	}
	return ParseSecret(string(plain))
}
