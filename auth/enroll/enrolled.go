package enroll

import (
	"crypto/tls"
	"crypto/x509"
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
