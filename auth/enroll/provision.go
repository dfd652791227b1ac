package enroll

import (
	"bytes"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/omadm-sdk/omadm/internal/soap"
)

// A Provisioning is what a device gets with its certificate: the wap-provisioningdoc of MS-MDE2 2.2.9, typed. [Server]
// fills in the certificates; the hook Server.Provision the rest. The zero value is an empty document.
type Provisioning struct {
	Roots         []*x509.Certificate // to be trusted; Windows takes one here, and more over DM later
	Intermediates []*x509.Certificate // Windows takes one here
	Client        *x509.Certificate   // the device's own
	Store         Store               // where Client goes; if empty, StoreUser
	Renew         *Renew              // nil: the device does not renew by itself
	Renewal       bool                // the document of a renewal, which nests the private key's container differently

	Application *Application // the account of the management server; nil: none
	DMClient    *DMClient    // settings of the DM client; nil: none

	// Extra holds the characteristics of other CSPs, written after these and kept by [ParseProvisioning].
	Extra []*Characteristic
}

// A Store is the part of the certificate store My that a client certificate goes to.
type Store string

// The stores.
const (
	StoreUser   Store = "User"
	StoreSystem Store = "System"
)

// Renew says how a device renews its certificate.
type Renew struct {
	ROBO          bool   // on behalf of the user, without asking; what Windows 10 and later do anyway
	Period        int    // days before expiry, 1 to 1000; if 0, 42
	RetryInterval int    // days, 1 to Period; if 0, 7 or Period, the lower
	ServerURL     string // if empty, the discovery URL of the enrollment
}

// A DMClient holds settings of the device's DM client for one server. Empty ones are not written.
type DMClient struct {
	ProviderID string // that of the Application; if empty, taken from there
	UPN        string
	DeviceName string // EntDeviceName
	DMID       string // EntDMID: the server's own name of the device. Without it Windows does not renew.
	Poll       *Poll

	// Params and Children are others below DMClient/Provider/ProviderID, kept by [ParseProvisioning].
	Params   []Param
	Children []*Characteristic
}

// A ProvisioningError is what is wrong with a provisioning document, on the side that writes it and on the one that
// applies it. errors.Is finds Code, which is what Windows shows for it.
type ProvisioningError struct {
	Path   string // such as DMClient/Provider/Fabrikam/Poll; empty for the document as a whole
	Reason string // what was wanted and what is there
	Code   Code
}

// Error implements error.
func (e *ProvisioningError) Error() string {
	if e.Path == "" {
		return "enroll: provisioning document: " + e.Reason
	}
	return "enroll: provisioning document: " + e.Path + ": " + e.Reason
}

// Unwrap returns Code.
func (e *ProvisioningError) Unwrap() error { return e.Code }

func badProvisioning(code Code, path, format string, args ...any) error {
	return &ProvisioningError{path, fmt.Sprintf(format, args...), code}
}

// NewProvisioning returns what most servers send to a new device: an account under providerID at the management URL addr,
// with random secrets and nonces of its own for both directions, [DefaultPoll], and the names that the device and the
// user gave. Store the two accounts with the device: they authenticate its management sessions.
func NewProvisioning(r *Request, providerID, addr string) *Provisioning {
	return &Provisioning{
		Application: &Application{
			ProviderID:   providerID,
			Name:         providerID,
			Addr:         addr,
			NoBackCompat: true,
			Server:       &Account{Name: providerID, Secret: Secret(rand.Text()), Nonce: randomNonce()},
			Device:       &Account{Name: r.Identity.Device, Secret: Secret(rand.Text()), Nonce: randomNonce()},
		},
		DMClient: &DMClient{
			UPN:        r.Identity.User,
			DeviceName: r.Context.Get(ItemDeviceName),
			DMID:       r.Identity.Device,
			Poll:       DefaultPoll(),
		},
	}
}

func randomNonce() []byte {
	b := make([]byte, 16)
	rand.Read(b)
	return b
}

// Marshal writes the document. The error is a [*ProvisioningError] if a device would refuse it.
func (p *Provisioning) Marshal() ([]byte, error) {
	var top []*Characteristic
	cs, err := p.certificateStore()
	if err != nil {
		return nil, err
	}
	if len(cs.Children) > 0 {
		top = append(top, cs)
	}
	if p.Application != nil {
		a, err := p.Application.characteristic(p.Renewal)
		if err != nil {
			return nil, err
		}
		top = append(top, a)
	}
	if p.DMClient != nil {
		d, err := p.dmClient()
		if err != nil {
			return nil, err
		}
		top = append(top, d)
	}
	return marshalWAP(append(top, p.Extra...))
}

// Thumbprint returns the name of a certificate in stores and documents: the SHA-1 of its DER in 40 upper-case hex digits.
func Thumbprint(c *x509.Certificate) string {
	sum := sha1.Sum(c.Raw)
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

func (p *Provisioning) certificateStore() (*Characteristic, error) {
	store := p.Store
	switch store {
	case "":
		store = StoreUser
	case StoreUser, StoreSystem:
	default:
		return nil, badProvisioning(CodeProvCertStore, "CertificateStore/My", "store %q: want User or System", store)
	}
	cs := &Characteristic{Type: "CertificateStore"}
	put := func(parent *Characteristic, c *x509.Certificate) *Characteristic {
		ch := parent.add(Thumbprint(c))
		ch.set("EncodedCertificate", base64.StdEncoding.EncodeToString(c.Raw), "")
		return ch
	}
	if len(p.Roots) > 0 {
		system := cs.add("Root").add("System")
		for _, c := range p.Roots {
			put(system, c)
		}
	}
	if len(p.Intermediates) > 0 {
		system := cs.add("CA").add("System")
		for _, c := range p.Intermediates {
			put(system, c)
		}
	}
	if p.Client == nil && p.Renew == nil {
		return cs, nil
	}
	my := cs.add("My")
	if p.Client != nil {
		st := my.add(string(store))
		ch := put(st, p.Client)
		// A first enrollment has the container beside the certificate, a renewal inside of it (MS-MDE2's examples).
		if p.Renewal {
			st = ch
		}
		st.add("PrivateKeyContainer")
	}
	if p.Renew != nil {
		if err := p.Renew.write(my.add("WSTEP").add("Renew")); err != nil {
			return nil, err
		}
	}
	return cs, nil
}

const (
	defaultRenewPeriod = 42 // days
	defaultRenewRetry  = 7
)

const renewPath = "CertificateStore/My/WSTEP/Renew"

func (r *Renew) write(c *Characteristic) error {
	period, retry := r.Period, r.RetryInterval
	if period == 0 {
		period = defaultRenewPeriod
	}
	if retry == 0 {
		retry = min(defaultRenewRetry, period)
	}
	if period < 1 || period > 1000 {
		return badProvisioning(CodeProvCertStore, renewPath, "RenewPeriod is %d, want 1 to 1000 days", period)
	}
	if retry < 1 || retry > period {
		return badProvisioning(CodeProvCertStore, renewPath, "RetryInterval is %d, want 1 to %d days, the RenewPeriod", retry, period)
	}
	c.setBool("ROBOSupport", r.ROBO)
	c.setInt("RenewPeriod", int64(period))
	c.setInt("RetryInterval", int64(retry))
	c.setNotEmpty("ServerURL", r.ServerURL, "string")
	return nil
}

func (p *Provisioning) dmClient() (*Characteristic, error) {
	d := p.DMClient
	id := d.ProviderID
	if id == "" && p.Application != nil {
		id = p.Application.ProviderID
	}
	if id == "" {
		return nil, badProvisioning(CodeProvDMClient, "DMClient/Provider", "there is no provider id")
	}
	if p.Application != nil && id != p.Application.ProviderID {
		return nil, badProvisioning(CodeProvDMClient, "DMClient/Provider", "the provider id is %q, but that of the APPLICATION is %q", id, p.Application.ProviderID)
	}
	top := &Characteristic{Type: "DMClient"}
	c := top.add("Provider").add(id)
	c.setNotEmpty("UPN", d.UPN, "string")
	c.setNotEmpty("EntDeviceName", d.DeviceName, "string")
	c.setNotEmpty("EntDMID", d.DMID, "string")
	c.Params = append(c.Params, d.Params...)
	if d.Poll != nil {
		if err := d.Poll.write(c.add("Poll"), "DMClient/Provider/"+id+"/Poll"); err != nil {
			return nil, err
		}
	}
	c.Children = append(c.Children, d.Children...)
	return top, nil
}

// ParseProvisioning reads a document. It takes names of characteristics and parms in any case of letters and in any
// order, the same characteristic more than once, and a management address in the long form (APPADDR). What it does not
// know goes to Extra or Params; unknown parts of CertificateStore are left out. The error is a [*ProvisioningError].
func ParseProvisioning(data []byte) (*Provisioning, error) {
	top, err := parseWAP(data)
	if err != nil {
		return nil, badProvisioning(CodeProvUnknown, "", "%v", err)
	}
	p := new(Provisioning)
	for _, c := range top {
		switch {
		case strings.EqualFold(c.Type, "CertificateStore"):
			err = p.readCertificateStore(c)
		case strings.EqualFold(c.Type, "APPLICATION") && p.Application == nil && isW7(c):
			p.Application, err = readApplication(c)
		case strings.EqualFold(c.Type, "DMClient") && p.DMClient == nil && len(c.Child("Provider").children()) == 1:
			p.DMClient, err = readDMClient(c.Child("Provider").Children[0])
		default:
			p.Extra = append(p.Extra, c)
		}
		if err != nil {
			return nil, err
		}
	}
	if p.Application != nil && p.DMClient != nil && p.DMClient.ProviderID != p.Application.ProviderID {
		return nil, badProvisioning(CodeProvDMClient, "DMClient/Provider", "the provider id is %q, but that of the APPLICATION is %q", p.DMClient.ProviderID, p.Application.ProviderID)
	}
	return p, nil
}

func (c *Characteristic) children() []*Characteristic {
	if c == nil {
		return nil
	}
	return c.Children
}

func (p *Provisioning) readCertificateStore(c *Characteristic) error {
	for _, kind := range c.Children {
		for _, st := range kind.Children {
			path := "CertificateStore/" + kind.Type + "/" + st.Type
			var err error
			switch {
			case strings.EqualFold(kind.Type, "Root") && strings.EqualFold(st.Type, "System"):
				p.Roots, err = readCertificates(p.Roots, st, path)
			case strings.EqualFold(kind.Type, "CA") && strings.EqualFold(st.Type, "System"):
				p.Intermediates, err = readCertificates(p.Intermediates, st, path)
			case strings.EqualFold(kind.Type, "My") && strings.EqualFold(st.Type, "WSTEP"):
				if r := st.Child("Renew"); r != nil {
					p.Renew, err = readRenew(r)
				}
			case strings.EqualFold(kind.Type, "My"):
				err = p.readClient(st, path)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *Provisioning) readClient(st *Characteristic, path string) error {
	certs, err := readCertificates(nil, st, path)
	if err != nil || len(certs) == 0 {
		return err
	}
	if p.Client != nil || len(certs) > 1 {
		return badProvisioning(CodeProvCertStore, path, "there is more than one client certificate")
	}
	p.Client = certs[0]
	switch {
	case strings.EqualFold(st.Type, string(StoreUser)):
		p.Store = StoreUser
	case strings.EqualFold(st.Type, string(StoreSystem)):
		p.Store = StoreSystem
	default:
		return badProvisioning(CodeProvCertStore, path, "the store is %q, want User or System", st.Type)
	}
	for _, c := range st.Children {
		if c.Child("PrivateKeyContainer") != nil {
			p.Renewal = true
		}
	}
	return nil
}

// maxCertificates of one store is far above the one that Windows takes.
const maxCertificates = 16

func readCertificates(to []*x509.Certificate, st *Characteristic, path string) ([]*x509.Certificate, error) {
	for _, c := range st.Children {
		enc := c.param("EncodedCertificate")
		if enc == nil {
			continue // PrivateKeyContainer
		}
		path := path + "/" + c.Type
		der, err := soap.Decode(enc.Value)
		if err != nil {
			return nil, badProvisioning(CodeProvCertStore, path, "EncodedCertificate: %v", err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, badProvisioning(CodeProvCertStore, path, "EncodedCertificate: %v", err)
		}
		if want := Thumbprint(cert); !strings.EqualFold(c.Type, want) {
			return nil, badProvisioning(CodeProvCertStore, path, "the certificate's thumbprint is %s", want)
		}
		if slices.ContainsFunc(to, func(o *x509.Certificate) bool { return bytes.Equal(o.Raw, cert.Raw) }) {
			continue
		}
		if len(to) == maxCertificates {
			return nil, badProvisioning(CodeProvCertStore, path, "more than %d certificates", maxCertificates)
		}
		to = append(to, cert)
	}
	return to, nil
}

func readRenew(c *Characteristic) (*Renew, error) {
	r := &Renew{ROBO: isTrue(c.Value("ROBOSupport")), ServerURL: c.Value("ServerURL")}
	var err error
	period := "RenewPeriod"
	if c.param(period) == nil {
		period = "RenewalPeriod" // as the prose of MS-MDE2 calls it
	}
	if r.Period, err = readInt(c, period, 1, 1000, renewPath, CodeProvCertStore); err != nil {
		return nil, err
	}
	limit := r.Period
	if limit == 0 {
		limit = 1000
	}
	if r.RetryInterval, err = readInt(c, "RetryInterval", 1, limit, renewPath, CodeProvCertStore); err != nil {
		return nil, err
	}
	return r, nil
}

// readInt returns 0 for a parm that is not there.
func readInt(c *Characteristic, name string, lo, hi int, path string, code Code) (int, error) {
	p := c.param(name)
	if p == nil {
		return 0, nil
	}
	n, err := strconv.ParseInt(strings.TrimSpace(p.Value), 10, 32)
	if err != nil || n < int64(lo) || n > int64(hi) {
		return 0, badProvisioning(code, path, "%s is %.32q, want %d to %d", name, p.Value, lo, hi)
	}
	return int(n), nil
}

func isTrue(s string) bool {
	s = strings.TrimSpace(s)
	return strings.EqualFold(s, "true") || s == "1"
}

func readDMClient(c *Characteristic) (*DMClient, error) {
	d := &DMClient{ProviderID: c.Type}
	path := "DMClient/Provider/" + c.Type
	if c.Type == "" {
		return nil, badProvisioning(CodeProvDMClient, path, "there is no provider id")
	}
	for _, p := range c.Params {
		switch {
		case strings.EqualFold(p.Name, "UPN"):
			d.UPN = p.Value
		case strings.EqualFold(p.Name, "EntDeviceName"):
			d.DeviceName = p.Value
		case strings.EqualFold(p.Name, "EntDMID"):
			d.DMID = p.Value
		default:
			d.Params = append(d.Params, p)
		}
	}
	for _, ch := range c.Children {
		if !strings.EqualFold(ch.Type, "Poll") || d.Poll != nil {
			d.Children = append(d.Children, ch)
			continue
		}
		var err error
		if d.Poll, err = readPoll(ch, path+"/Poll"); err != nil {
			return nil, err
		}
	}
	return d, nil
}
