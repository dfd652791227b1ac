package enroll

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/beevik/etree"
	"github.com/omadm-sdk/omadm/internal/soap"
)

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

const (
	nsXCEP               = "http://schemas.microsoft.com/windows/pki/2009/01/enrollmentpolicy"
	actionPolicies       = nsXCEP + "/IPolicy/GetPolicies"
	actionPoliciesAnswer = nsXCEP + "/IPolicy/GetPoliciesResponse"
)

const (
	defaultKeyBits     = 2048
	defaultValidity    = 365 * 24 * time.Hour
	defaultRenewBefore = 42 * 24 * time.Hour
)

func (p *CertificatePolicy) keyBits() int {
	if p == nil || p.MinKeyBits == 0 {
		return defaultKeyBits
	}
	return p.MinKeyBits
}

// element writes the answer. A nil p is the zero policy. Attestation is for devices of version v only.
func (p *CertificatePolicy) element(v Version) *etree.Element {
	var q CertificatePolicy
	if p != nil {
		q = *p
	}
	q.Name = cmp.Or(q.Name, "MDM")
	q.HashOID = cmp.Or(q.HashOID, HashSHA256)
	if q.Providers == nil {
		q.Providers = []string{"Microsoft Platform Crypto Provider", "Microsoft Software Key Storage Provider"}
	}
	el := etree.NewElement("GetPoliciesResponse")
	el.CreateAttr("xmlns", nsXCEP)
	el.CreateAttr("xmlns:xsi", soap.NSInstance)
	set := func(parent *etree.Element, tag string, v any) { parent.CreateElement(tag).SetText(fmt.Sprint(v)) }
	null := func(parent *etree.Element, tags ...string) {
		for _, t := range tags {
			parent.CreateElement(t).CreateAttr("xsi:nil", "true")
		}
	}
	r := el.CreateElement("response")
	r.CreateElement("policyID")
	null(r, "policyFriendlyName", "nextUpdateHours", "policiesNotChanged")
	pol := r.CreateElement("policies").CreateElement("policy")
	set(pol, "policyOIDReference", 0)
	null(pol, "cAs")
	a := pol.CreateElement("attributes")
	set(a, "commonName", q.Name)
	set(a, "policySchema", 3)
	val := a.CreateElement("certificateValidity")
	set(val, "validityPeriodSeconds", int64(cmp.Or(q.Validity, defaultValidity)/time.Second))
	set(val, "renewalPeriodSeconds", int64(cmp.Or(q.RenewBefore, defaultRenewBefore)/time.Second))
	perm := a.CreateElement("permission")
	set(perm, "enroll", true)
	set(perm, "autoEnroll", false)
	key := a.CreateElement("privateKeyAttributes")
	set(key, "minimalKeyLength", q.keyBits())
	null(key, "keySpec", "keyUsageProperty", "permissions", "algorithmOIDReference")
	at := q.Attestation
	if at != nil && v >= Version5 {
		at.write(key, "AttestationFailureBehavior", "OperationTimeout")
	}
	prov := key.CreateElement("cryptoProviders")
	for _, name := range q.Providers {
		set(prov, "provider", name)
	}
	rev := a.CreateElement("revision")
	set(rev, "majorRevision", 1)
	set(rev, "minorRevision", 0)
	null(a, "supersededPolicies", "privateKeyFlags", "subjectNameFlags", "enrollmentFlags", "generalFlags")
	set(a, "hashAlgorithmOIDReference", 0)
	null(a, "rARequirements", "keyArchivalAttributes", "extensions")
	if at != nil && v >= Version6 {
		ae := a.CreateElement("attestation")
		at.write(ae, "attestationFailureBehavior", "operationTimeout")
		if at.Endpoint != "" {
			az := ae.CreateElement("azureAttestation")
			set(az, "nonce", at.Nonce)
			set(az, "relyingPartyId", at.RelyingParty)
			set(az, "endpointUri", at.Endpoint)
		}
	}
	null(el, "cAs")
	oid := el.CreateElement("oIDs").CreateElement("oID")
	set(oid, "value", q.HashOID)
	set(oid, "group", 1)
	set(oid, "oIDReferenceID", 0)
	set(oid, "defaultName", hashName(q.HashOID))
	return el
}

func (a *Attestation) write(el *etree.Element, behavior, timeout string) {
	if a.OnFailure != "" {
		el.CreateElement(behavior).SetText(a.OnFailure)
	}
	if a.Timeout > 0 {
		el.CreateElement(timeout).SetText(fmt.Sprint(int64(a.Timeout / time.Second)))
	}
}

func hashName(oid string) string {
	switch oid {
	case HashSHA256:
		return "szOID_NIST_sha256"
	case HashSHA1:
		return "szOID_OIWSEC_sha1RSASign"
	}
	return oid
}

// policiesRequest is the same for every device.
func policiesRequest() *etree.Element {
	el := etree.NewElement("GetPolicies")
	el.CreateAttr("xmlns", nsXCEP)
	el.CreateAttr("xmlns:xsi", soap.NSInstance)
	c := el.CreateElement("client")
	c.CreateElement("lastUpdate").CreateAttr("xsi:nil", "true")
	c.CreateElement("preferredLanguage").CreateAttr("xsi:nil", "true")
	el.CreateElement("requestFilter").CreateAttr("xsi:nil", "true")
	return el
}

// readPolicy reads the first policy of an answer.
func readPolicy(body *etree.Element) (*CertificatePolicy, error) {
	if body == nil || body.Tag != "GetPoliciesResponse" {
		return nil, badMessage("the body holds no GetPoliciesResponse")
	}
	a := soap.FindPath(body, nsXCEP, "response", "policies", "policy", "attributes")
	if a == nil {
		return nil, badMessage("GetPoliciesResponse holds no policy")
	}
	p := &CertificatePolicy{Name: soap.Text(soap.Find(a, nsXCEP, "commonName"))}
	if t := soap.Text(soap.Find(a, nsXCEP, "policySchema")); t != "3" {
		return nil, badMessage("policySchema is %.16q, want 3", t)
	}
	key := soap.Find(a, nsXCEP, "privateKeyAttributes")
	if t := soap.Text(soap.Find(key, nsXCEP, "minimalKeyLength")); t != "" {
		n, err := strconv.ParseUint(t, 10, 31)
		if err != nil {
			return nil, badMessage("minimalKeyLength is %.16q, want a number of bits", t)
		}
		p.MinKeyBits = int(n)
	}
	if list := soap.Find(key, nsXCEP, "cryptoProviders"); list != nil {
		for _, pr := range list.ChildElements() {
			p.Providers = append(p.Providers, soap.Text(pr))
		}
	}
	val := soap.Find(a, nsXCEP, "certificateValidity")
	p.Validity = readSeconds(soap.Find(val, nsXCEP, "validityPeriodSeconds"))
	p.RenewBefore = readSeconds(soap.Find(val, nsXCEP, "renewalPeriodSeconds"))
	at := new(Attestation)
	at.read(key, "AttestationFailureBehavior", "OperationTimeout")
	if ae := soap.Find(a, nsXCEP, "attestation"); ae != nil {
		at.read(ae, "attestationFailureBehavior", "operationTimeout")
		az := soap.Find(ae, nsXCEP, "azureAttestation")
		at.Nonce = soap.Text(soap.Find(az, nsXCEP, "nonce"))
		at.RelyingParty = soap.Text(soap.Find(az, nsXCEP, "relyingPartyId"))
		at.Endpoint = soap.Text(soap.Find(az, nsXCEP, "endpointUri"))
	}
	if *at != (Attestation{}) {
		p.Attestation = at
	}
	if ref := soap.Find(a, nsXCEP, "hashAlgorithmOIDReference"); !soap.Nil(ref) {
		if list := soap.Find(body, nsXCEP, "oIDs"); list != nil {
			for _, o := range list.ChildElements() {
				if soap.Text(soap.Find(o, nsXCEP, "oIDReferenceID")) == soap.Text(ref) {
					p.HashOID = soap.Text(soap.Find(o, nsXCEP, "value"))
				}
			}
		}
	}
	return p, nil
}

func (a *Attestation) read(el *etree.Element, behavior, timeout string) {
	if t := soap.Text(soap.Find(el, nsXCEP, behavior)); t != "" {
		a.OnFailure = t
	}
	if d := readSeconds(soap.Find(el, nsXCEP, timeout)); d > 0 {
		a.Timeout = d
	}
}

// readSeconds returns 0 for what is absent, unreadable or longer than a duration holds.
func readSeconds(el *etree.Element) time.Duration {
	n, err := strconv.ParseUint(soap.Text(el), 10, 64)
	if err != nil || n > uint64(math.MaxInt64/time.Second) {
		return 0
	}
	return time.Duration(n) * time.Second
}
