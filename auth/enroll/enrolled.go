package enroll

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"
)

// Enrolled is the outcome of an enrollment: all that a device needs to call its management server.
type Enrolled struct {
	// ServerURL, ProviderID and Poll are where to call, under which account, and when. Poll is nil if the server
	// did not say.
	ServerURL, ProviderID string
	Poll                  *Poll

	// Certificate and its key authenticate TLS connections to ServerURL. Leaf is set; the chain holds intermediates.
	Certificate tls.Certificate
	Roots       []*x509.Certificate // delivered by the server, to be trusted

	// Server and Device are the accounts of the protocol: how the server proves itself, and how the device does. Nil if
	// the server gave none.
	Server, Device *Account

	User, DeviceID string

	// Provisioning is the whole document, with what has no field here.
	Provisioning *Provisioning

	Services     *Services
	DiscoveryURL string // where a renewal starts
}

// LogValue shows where the device calls and as whom, and no key or secret.
func (e *Enrolled) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("device", e.DeviceID), slog.String("user", e.User), slog.String("server", e.ServerURL)}
	if leaf := e.Certificate.Leaf; leaf != nil {
		attrs = append(attrs, slog.Time("until", leaf.NotAfter))
	}
	return slog.GroupValue(attrs...)
}

const (
	pemDocument = "WAP PROVISIONINGDOC"

	pemUser      = "User"
	pemDeviceID  = "Device-ID"
	pemDiscovery = "Discovery-URL"
)

// MarshalPEM returns what a device must keep: its key and the provisioning document, which holds certificates and account.
// It is secret: store it as such. Read it with [ParseEnrolled].
func (e *Enrolled) MarshalPEM() ([]byte, error) {
	if e.Provisioning == nil {
		return nil, errors.New("enroll: store an enrollment: there is no provisioning document")
	}
	key, err := x509.MarshalPKCS8PrivateKey(e.Certificate.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("enroll: store an enrollment: %w", err)
	}
	doc, err := e.Provisioning.Marshal()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	pem.Encode(&b, &pem.Block{Type: pemKey, Bytes: key})
	pem.Encode(&b, &pem.Block{Type: pemDocument, Bytes: doc, Headers: map[string]string{
		// Escaped, because a line break would end the header.
		pemUser:      url.QueryEscape(e.User),
		pemDeviceID:  url.QueryEscape(e.DeviceID),
		pemDiscovery: url.QueryEscape(e.DiscoveryURL),
	}})
	return b.Bytes(), nil
}

// ParseEnrolled reads what [Enrolled.MarshalPEM] wrote. Services is nil then. That the certificate still counts is not
// checked.
func ParseEnrolled(data []byte) (*Enrolled, error) {
	var key, doc *pem.Block
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		switch block.Type {
		case pemKey:
			key = block
		case pemDocument:
			doc = block
		}
	}
	if key == nil || doc == nil {
		return nil, fmt.Errorf("enroll: a stored enrollment holds a %s and a %s", pemKey, pemDocument)
	}
	k, err := x509.ParsePKCS8PrivateKey(key.Bytes)
	if err != nil {
		return nil, fmt.Errorf("enroll: read a stored enrollment: %w", err)
	}
	p, err := ParseProvisioning(doc.Bytes)
	if err != nil {
		return nil, err
	}
	signer, ok := k.(crypto.Signer)
	if !ok || p.Client == nil || !samePublicKey(signer.Public(), p.Client.PublicKey) {
		return nil, errors.New("enroll: read a stored enrollment: the key is not that of the certificate")
	}
	e := &Enrolled{Roots: p.Roots, Certificate: tls.Certificate{Certificate: [][]byte{p.Client.Raw}, PrivateKey: k, Leaf: p.Client}}
	for _, c := range p.Intermediates {
		e.Certificate.Certificate = append(e.Certificate.Certificate, c.Raw)
	}
	for name, to := range map[string]*string{pemUser: &e.User, pemDeviceID: &e.DeviceID, pemDiscovery: &e.DiscoveryURL} {
		if *to, err = url.QueryUnescape(doc.Headers[name]); err != nil {
			return nil, fmt.Errorf("enroll: read a stored enrollment: %s: %w", name, err)
		}
	}
	if err := e.settle(p); err != nil {
		return nil, err
	}
	return e, nil
}

// settle copies what has a field of its own out of the document.
func (e *Enrolled) settle(p *Provisioning) error {
	a := p.Application
	switch {
	case a == nil:
		return badProvisioning(CodeProvW7, appPath, "there is none")
	case a.Addr == "":
		return badProvisioning(CodeProvW7, appPath, "ADDR is missing")
	}
	e.Provisioning = p
	e.ServerURL, e.ProviderID, e.Server, e.Device = a.Addr, a.ProviderID, a.Server, a.Device
	if p.DMClient != nil {
		e.Poll = p.DMClient.Poll
	}
	return nil
}

func (e *Enrolled) renewURL() string {
	if e.Provisioning == nil || e.Provisioning.Renew == nil {
		return ""
	}
	return e.Provisioning.Renew.ServerURL
}

// RenewAt returns when the device should first try to renew, and how often again after a failure. The zero time: the
// server did not say, and does not renew.
func (e *Enrolled) RenewAt() (first time.Time, retry time.Duration) {
	if e.Provisioning == nil || e.Provisioning.Renew == nil || e.Certificate.Leaf == nil {
		return time.Time{}, 0
	}
	const day = 24 * time.Hour
	r := e.Provisioning.Renew
	period := time.Duration(cmp.Or(r.Period, defaultRenewPeriod)) * day
	return e.Certificate.Leaf.NotAfter.Add(-period), time.Duration(cmp.Or(r.RetryInterval, defaultRenewRetry)) * day
}
