package enroll

import (
	"strconv"

	"fmt"
	"github.com/beevik/etree"
	"github.com/omadm-sdk/omadm/internal/soap"
	"strings"
)

// The paths that Windows uses or that [Server] announces. Only the first is given by the protocol: a device that is told
// pat@example.com asks https://EnterpriseEnrollment.example.com followed by DiscoveryPath (MS-MDE2 3.1).
const (
	DiscoveryPath = "/EnrollmentServer/Discovery.svc"
	PolicyPath    = "/EnrollmentServer/Policy.svc"
	IssuePath     = "/EnrollmentServer/Enrollment.svc"
)

// DiscoveryURL returns where a device looks for the server of a user, given as an e-mail address. A user given as
// domain\user has no such place; then, as for any name without a domain, the address must be typed.
func DiscoveryURL(user string) (string, error) {
	_, domain, ok := strings.Cut(user, "@")
	if !ok || domain == "" || strings.ContainsAny(domain, "@/\\?#%: \t\r\n") {
		return "", fmt.Errorf("enroll: %q is not an e-mail address: want user@domain, or the address of the discovery service", user)
	}
	return "https://EnterpriseEnrollment." + domain + DiscoveryPath, nil
}

// An AuthPolicy is a way in which a device proves that it may enroll.
type AuthPolicy string

// The policies of MS-MDE2. Federated covers Entra and any sign-in page of the server's own.
const (
	PolicyOnPremise   AuthPolicy = "OnPremise"   // user name and password
	PolicyFederated   AuthPolicy = "Federated"   // a token from a web page
	PolicyCertificate AuthPolicy = "Certificate" // a certificate signs the request
)

// An EnrollmentType says what is enrolled. It selects the store that the client certificate goes to.
type EnrollmentType string

// The types of MS-MDE2.
const (
	TypeFull   EnrollmentType = "Full"   // a user and their device: store My/User
	TypeDevice EnrollmentType = "Device" // a device joined to Entra: store My/System
)

// A Discovery is the first question of a device: where, and how, can I enroll (MS-MDE2 3.1.4.1.1.1).
type Discovery struct {
	User       string       // EmailAddress: a UPN, domain\user, or empty where a program enrolls
	Version    Version      // the highest protocol version that the device speaks
	DeviceType string       // CIMClient_Windows, WindowsPhone
	OSVersion  string       // ApplicationVersion: 10.0.22631.3447
	OSEdition  int          // the PRODUCT_* number: 4 Enterprise, 48 Professional, 175 multi-session
	Policies   []AuthPolicy // what the device can do
}

// Services is the answer to a [Discovery].
type Services struct {
	Policy   AuthPolicy // what the server chose of the device's list
	Version  Version    // not above that of the Discovery
	AuthURL  string     // the sign-in page; empty if Policy is not Federated
	XCEPURL  string     // the certificate policy service; empty: the step is skipped
	WSTEPURL string     // the enrollment service
}

// A Version is a version of the enrollment protocol, 1.0 to 7.0 so far, times ten. Any later one is a valid Version.
type Version uint16

// The versions that change what is said. A server takes any version and answers with the lower of the device's and its own.
const (
	Version4 Version = 40 // Windows 10 1703
	Version5 Version = 50 // Windows 11; attestation in the context of the request
	Version6 Version = 60 // Azure attestation
	Version7 Version = 70
)

// String returns the form on the wire, such as 5.0.
func (v Version) String() string { return fmt.Sprintf("%d.%d", v/10, v%10) }

// ParseVersion reads the decimal on the wire. A version of the future is as good as one of today.
func ParseVersion(s string) (Version, error) {
	whole, frac, _ := strings.Cut(strings.TrimSpace(s), ".")
	w, err := strconv.ParseUint(whole, 10, 12)
	if err != nil {
		return 0, fmt.Errorf("enroll: version %.16q: want a number such as 5.0", s)
	}
	v := Version(w) * 10
	if len(frac) > 0 && frac[0] >= '0' && frac[0] <= '9' {
		v += Version(frac[0] - '0')
	}
	return v, nil
}

const (
	nsDiscovery          = "http://schemas.microsoft.com/windows/management/2012/01/enrollment"
	actionDiscover       = nsDiscovery + "/IDiscoveryService/Discover"
	actionDiscoverAnswer = nsDiscovery + "/IDiscoveryService/DiscoverResponse"
)

func (d *Discovery) element() *etree.Element {
	el := etree.NewElement("Discover")
	el.CreateAttr("xmlns", nsDiscovery)
	r := el.CreateElement("request")
	r.CreateElement("EmailAddress").SetText(d.User)
	r.CreateElement("RequestVersion").SetText(d.Version.String())
	r.CreateElement("DeviceType").SetText(d.DeviceType)
	r.CreateElement("ApplicationVersion").SetText(d.OSVersion)
	r.CreateElement("OSEdition").SetText(strconv.Itoa(d.OSEdition))
	ps := r.CreateElement("AuthPolicies")
	for _, p := range d.Policies {
		ps.CreateElement("AuthPolicy").SetText(string(p))
	}
	return el
}

// readDiscovery takes everything as it comes: the XSD's patterns do not hold for what Windows sends in every scenario, and
// nothing here is worth refusing a device.
func readDiscovery(body *etree.Element) (*Discovery, error) {
	if body == nil || body.Tag != "Discover" {
		return nil, badMessage("the body holds no Discover")
	}
	r := soap.Find(body, nsDiscovery, "request")
	if r == nil {
		return nil, badMessage("Discover holds no request")
	}
	get := func(tag string) string { return soap.Text(soap.Find(r, nsDiscovery, tag)) }
	d := &Discovery{User: get("EmailAddress"), DeviceType: get("DeviceType"), OSVersion: get("ApplicationVersion")}
	d.Version, _ = ParseVersion(get("RequestVersion"))
	if n, err := strconv.ParseInt(get("OSEdition"), 10, 32); err == nil {
		d.OSEdition = int(n)
	}
	if ps := soap.Find(r, nsDiscovery, "AuthPolicies"); ps != nil {
		for _, p := range ps.ChildElements() {
			if p.Tag == "AuthPolicy" {
				d.Policies = append(d.Policies, readAuthPolicy(soap.Text(p)))
			}
		}
		if t := soap.Text(ps); len(d.Policies) == 0 && t != "" { // as one page of documentation has it
			d.Policies = append(d.Policies, readAuthPolicy(t))
		}
	}
	return d, nil
}

func readAuthPolicy(s string) AuthPolicy {
	for _, p := range []AuthPolicy{PolicyOnPremise, PolicyFederated, PolicyCertificate} {
		if strings.EqualFold(s, string(p)) {
			return p
		}
	}
	return AuthPolicy(s)
}

func (s *Services) element() *etree.Element {
	el := etree.NewElement("DiscoverResponse")
	el.CreateAttr("xmlns", nsDiscovery)
	r := el.CreateElement("DiscoverResult")
	r.CreateElement("AuthPolicy").SetText(string(s.Policy))
	r.CreateElement("EnrollmentVersion").SetText(s.Version.String())
	if s.XCEPURL != "" {
		r.CreateElement("EnrollmentPolicyServiceUrl").SetText(s.XCEPURL)
	}
	r.CreateElement("EnrollmentServiceUrl").SetText(s.WSTEPURL)
	if s.AuthURL != "" {
		r.CreateElement("AuthenticationServiceUrl").SetText(s.AuthURL)
	}
	return el
}

func readServices(body *etree.Element) (*Services, error) {
	if body == nil || body.Tag != "DiscoverResponse" {
		return nil, badMessage("the body holds no DiscoverResponse")
	}
	r := soap.Find(body, nsDiscovery, "DiscoverResult")
	if r == nil {
		return nil, badMessage("DiscoverResponse holds no DiscoverResult")
	}
	get := func(tag string) string { return soap.Text(soap.Find(r, nsDiscovery, tag)) }
	s := &Services{
		Policy:   readAuthPolicy(get("AuthPolicy")),
		XCEPURL:  get("EnrollmentPolicyServiceUrl"),
		WSTEPURL: get("EnrollmentServiceUrl"),
		AuthURL:  get("AuthenticationServiceUrl"),
	}
	s.Version, _ = ParseVersion(get("EnrollmentVersion"))
	if s.Policy == "" {
		return nil, badMessage("DiscoverResult holds no AuthPolicy")
	}
	if s.WSTEPURL == "" {
		return nil, badMessage("DiscoverResult holds no EnrollmentServiceUrl")
	}
	return s, nil
}

// badMessage is a request or an answer that is not what the step wants.
func badMessage(format string, args ...any) error {
	return &Fault{Code: CodeMessageFormat, Reason: fmt.Sprintf(format, args...)}
}
