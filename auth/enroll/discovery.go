package enroll

import (
	"fmt"
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
	OnPremise   AuthPolicy = "OnPremise"   // user name and password
	Federated   AuthPolicy = "Federated"   // a token from a web page
	Certificate AuthPolicy = "Certificate" // a certificate signs the request
)

// An EnrollmentType says what is enrolled. It selects the store that the client certificate goes to.
type EnrollmentType string

// The types of MS-MDE2.
const (
	EnrollUser   EnrollmentType = "Full"   // a user and their device: store My/User
	EnrollDevice EnrollmentType = "Device" // a device joined to Entra: store My/System
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
