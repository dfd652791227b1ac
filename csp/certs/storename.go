package certs

import (
	"slices"
	"strings"

	"github.com/omadm-sdk/omadm/dmtree"
)

// A StoreName names a certificate store of a device.
type StoreName string

// The stores, as RootCATrustedCertificates names them, and My.
const (
	Root             StoreName = "Root"                  // authorities that are trusted; of the device only
	CA               StoreName = "CA"                    // intermediate authorities
	TrustedPublisher StoreName = "TrustedPublisher"      // signers of software
	TrustedPeople    StoreName = "TrustedPeople"         // certificates trusted by themselves
	Untrusted        StoreName = "UntrustedCertificates" // blocked, whoever issued them
	OemEsim          StoreName = "OemEsim"               // authorities for eSIM profiles
	My               StoreName = "My"                    // the device's or user's own, with private keys
)

// The three CSPs, below the scope.
const (
	cspStore  = "CertificateStore"
	cspRoots  = "RootCATrustedCertificates"
	cspClient = "ClientCertificateInstall"
)

// A view is one path by which a store is reached, below ./Device/Vendor/MSFT or ./User/Vendor/MSFT.
type view struct {
	path     []string
	store    StoreName
	user     bool // there is one below ./User too
	readOnly bool // servers list and delete, but do not add
}

// views are all paths. CertificateStore spells ROOT and MY in capitals, and has two paths to ROOT and CA.
var views = []view{
	{[]string{cspRoots, string(Root)}, Root, false, false},
	{[]string{cspRoots, string(CA)}, CA, true, false},
	{[]string{cspRoots, string(TrustedPublisher)}, TrustedPublisher, true, false},
	{[]string{cspRoots, string(TrustedPeople)}, TrustedPeople, true, false},
	{[]string{cspRoots, string(Untrusted)}, Untrusted, true, false},
	{[]string{cspRoots, string(OemEsim)}, OemEsim, true, false},
	{[]string{cspStore, "ROOT", "System"}, Root, false, false},
	{[]string{cspStore, "ROOT"}, Root, false, false},
	{[]string{cspStore, "CA", "System"}, CA, false, false},
	{[]string{cspStore, "CA"}, CA, false, false},
	{[]string{cspStore, "MY", "User"}, My, false, true},
}

// place is what a URI addresses in a store.
type place struct {
	scope    string // Device or User
	store    StoreName
	hash     string // of the certificate, in capitals; empty: the store itself
	leaf     string
	readOnly bool
}

// stored is where the tree of values keeps the place.
func (p place) stored() dmtree.URI {
	u := dmtree.Root.Join(p.scope, string(p.store))
	if p.hash != "" {
		u = u.Join(p.hash)
	}
	if p.leaf != "" {
		u = u.Join(p.leaf)
	}
	return u
}

// locate finds the view that u is in, and what it addresses there. more lists the fixed names that are children of u
// beside the certificates: CertificateStore/ROOT has System.
func locate(u dmtree.URI) (p place, more []string, ok bool) {
	names := slices.Collect(u.Names())
	p.scope = "Device"
	if strings.EqualFold(names[0], "User") {
		p.scope = "User"
	}
	names = names[3:] // scope, Vendor, MSFT
	for _, v := range views {
		if p.scope == "User" && !v.user || !hasPrefix(names, v.path) {
			if (p.scope == "Device" || v.user) && hasPrefix(v.path, names) && !slices.Contains(more, v.path[len(names)]) {
				more = append(more, v.path[len(names)])
			}
			continue
		}
		if ok {
			continue // a longer path has matched
		}
		p.store, p.readOnly, ok = v.store, v.readOnly, true
		rest := names[len(v.path):]
		if len(rest) > 0 {
			p.hash = strings.ToUpper(rest[0])
		}
		if len(rest) > 1 {
			p.leaf = rest[1]
		}
		if len(rest) > 2 {
			return place{}, nil, false
		}
	}
	return p, more, ok
}

// hasPrefix reports whether names begin with prefix, without regard to case.
func hasPrefix(names, prefix []string) bool {
	return len(names) >= len(prefix) && slices.EqualFunc(names[:len(prefix)], prefix, strings.EqualFold)
}
