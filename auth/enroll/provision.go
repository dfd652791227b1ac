package enroll

import (
	"crypto/x509"
	"time"
)

// A Provisioning is what a device gets with its certificate: the wap-provisioningdoc of MS-MDE2 2.2.9, typed. [Server] fills
// in the certificates; the hook Server.Provision the rest. The zero value is an empty document.
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
	RetryInterval int    // days, 1 to Period; if 0, 7
	ServerURL     string // if empty, the discovery URL of the enrollment
}

// An Application is the account of the management server on the device (w7 APPLICATION).
type Application struct {
	ProviderID string // a unique name of the server: letters, digits, '-', '_', '.' and space travel everywhere
	Name       string // for people; if empty, ProviderID
	Addr       string // the URL of the management sessions

	ConnRetryFreq  int           // attempts after connection errors; if 0, not written: the device takes 3
	InitialBackoff time.Duration // in milliseconds on the wire; if 0, not written: 16 s
	MaxBackoff     time.Duration // if 0, not written: a day
	NoBackCompat   bool          // do not fall back to an older protocol
	Encoding       string        // application/vnd.syncml.dm+xml or +wbxml; if empty, not written: XML
	ProtoVer       string        // if empty, not written: the latest of the device
	Role           string        // if empty, not written
	UseHWDevID     bool          // the device calls itself by its hardware id

	// CertSearch selects the client certificate of management sessions; see [CertSearchCriteria]. If empty, Server
	// writes what fits the certificate it issued.
	CertSearch string

	// Server is how the server proves itself to the device (AAUTHLEVEL CLIENT), Device how the device proves itself to the
	// server (APPSRV). Windows demands both beside its certificate. Nil: not written.
	Server, Device *Account

	// Params holds other parms, written as they are and kept by [ParseProvisioning].
	Params []Param
}

// An Account is a name and a secret for management sessions (APPAUTH).
type Account struct {
	Type   string // BASIC or DIGEST; if empty, DIGEST
	Name   string
	Secret Secret
	Nonce  []byte // the first nonce of DIGEST, as hashed; base64 on the wire
}

// A DMClient holds settings of the device's DM client for one server. Empty ones are not written.
type DMClient struct {
	ProviderID string // that of the Application; if empty, taken from there
	UPN        string
	DeviceName string // EntDeviceName
	DMID       string // EntDMID: the server's own name of the device. Without it Windows does not renew.
	Poll       *Poll
	Params     []Param // others of DMClient/Provider/ProviderID
}

// A Poll says when a device calls by itself: first every First.Interval, First.Count times from the enrollment on, then
// Second, then Remaining. A set whose Interval is 0 is off; a Count of 0 with an Interval means forever, and the sets
// after it are off.
type Poll struct {
	First, Second, Remaining Retries
	OnLogin                  bool // at any user's sign-in
	AllUsersOnFirstLogin     bool // at each user's first sign-in
}

// Retries is one of the three sets of a [Poll]. Interval is in whole minutes.
type Retries struct {
	Interval time.Duration
	Count    int
}

// DefaultPoll is what Microsoft recommends: five calls in the first 75 minutes, ten in the next ten hours, then one a
// day, and at every sign-in.
func DefaultPoll() *Poll {
	return &Poll{
		First:     Retries{15 * time.Minute, 5},
		Second:    Retries{time.Hour, 10},
		Remaining: Retries{24 * time.Hour, 0},
		OnLogin:   true,
	}
}

// A Characteristic is a node of a wap-provisioningdoc as it is written.
type Characteristic struct {
	Type     string
	Params   []Param
	Children []*Characteristic
}

// A Param is a parm: a name, a value that may be absent, and the type of the value ("string", "integer", "boolean" or
// not said).
type Param struct {
	Name, Value, DataType string
	NoValue               bool // there is no attribute value at all
}
