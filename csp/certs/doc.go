// Package certs is the certificate CSPs, for both ends: CertificateStore and RootCATrustedCertificates, which say whom a
// device trusts, and ClientCertificateInstall, which gives it certificates with private keys.
//
// # On the device
//
// [Store] keeps the certificates in a tree with transactions, and hands each change to a [Host] before it counts.
// [Dir] is a host that keeps PEM files in a directory, as TLS libraries read them; keys can be read by their owner only.
//
//	s := &certs.Store{Values: new(dmtree.Memory), Host: certs.Dir("/var/lib/agent/certs"), DecodePFX: pfx.Decode}
//	s.Mount(mux)
//
// What the server sends is held against real X.509 before anything is stored: a hash that is not the certificate's, a
// certificate that has expired, a PFX that its password does not open. A password or private key can never be read
// back, by nobody.
//
// # On the server
//
// [Trust], [Remove] and [InstallPFX] write into a batch; [Ask], [AskCertificate] and [AskPFX] ask what is there.
// RootCATrustedCertificates and CertificateStore are two ways to one set of stores.
package certs
