package enroll

import "time"

// A CertificatePolicy tells devices what key to make and how to sign with it (MS-XCEP as profiled by MS-MDE2 3.3).
// The zero value is a good policy: every field says what it then means.
type CertificatePolicy struct {
	Name        string        // for people; if empty, "MDM"
	MinKeyBits  int           // of an RSA key; if 0, 2048
	Validity    time.Duration // informational; if 0, a year
	RenewBefore time.Duration // informational; if 0, 42 days

	// HashOID is the hash that a device signs its request with; if empty, SHA-256 (2.16.840.1.101.3.4.2.1).
	HashOID string

	// Providers are names of Windows key storage providers, the preferred first. If nil, the TPM's, then the software one.
	Providers []string

	// Attestation, if not nil, tells devices of version 5 and later what to do when the key cannot be attested.
	Attestation *Attestation
}

// Attestation is what a device does about attesting its key.
type Attestation struct {
	OnFailure string        // FailOnError, IgnoreOnError or RetryOnError
	Timeout   time.Duration // in whole seconds; if 0, the device's default of 100 s

	// Nonce, RelyingParty and Endpoint send a device of version 6 or later to an Azure Attestation service.
	// They are used together or not at all.
	Nonce, RelyingParty, Endpoint string
}

// The hashes of a certificate policy.
const (
	HashSHA1   = "1.3.14.3.2.29"
	HashSHA256 = "2.16.840.1.101.3.4.2.1"
)
