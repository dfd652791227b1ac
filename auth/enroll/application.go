package enroll

import (
	"encoding/base64"
	"math"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/omadm-sdk/omadm/internal/soap"
)

// An Application is the account of the management server on the device (w7 APPLICATION).
type Application struct {
	ProviderID string // a unique name of the server; without '/' and what must be escaped in a URI
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
	Type   string // BASIC or DIGEST; if empty, DIGEST, which is the only one that a server may prove itself with
	Name   string
	Secret Secret
	Nonce  []byte // the first nonce of DIGEST, as hashed; base64 on the wire
}

// The values of Account.Type.
const (
	AccountBasic  = "BASIC"
	AccountDigest = "DIGEST"
)

// CertSearchCriteria returns the SSLCLIENTCERTSEARCHCRITERIA that finds a certificate by its subject, such as
// CN=device-1, in a store.
func CertSearchCriteria(subject string, store Store) string {
	if store == "" {
		store = StoreUser
	}
	esc := func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
	return "Subject=" + esc(subject) + "&Stores=" + esc(`My\`+string(store))
}

const appPath = "APPLICATION"

// characteristic writes the account; of a renewal only the provider id counts.
func (a *Application) characteristic(renewal bool) (*Characteristic, error) {
	c := &Characteristic{Type: "APPLICATION"}
	if a.ProviderID == "" {
		return nil, badProvisioning(CodeProvW7, appPath, "PROVIDER-ID is empty")
	}
	if strings.ContainsAny(a.ProviderID, "/\\?#%&<>\"'") {
		return nil, badProvisioning(CodeProvW7, appPath, "PROVIDER-ID %q holds one of / \\ ? # %% & < > \" ', which cannot be part of a URI", a.ProviderID)
	}
	if renewal {
		c.set("PROVIDER-ID", a.ProviderID, "")
		return c, nil
	}
	if u, err := url.Parse(a.Addr); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return nil, badProvisioning(CodeProvW7, appPath, "ADDR is %q, want the URL of the management server", a.Addr)
	}
	name := a.Name
	if name == "" {
		name = a.ProviderID
	}
	c.set("APPID", "w7", "")
	c.set("PROVIDER-ID", a.ProviderID, "")
	c.set("NAME", name, "")
	c.set("ADDR", a.Addr, "")
	if a.ConnRetryFreq != 0 {
		c.set("CONNRETRYFREQ", strconv.Itoa(a.ConnRetryFreq), "")
	}
	millis := func(parm string, d time.Duration) {
		if d != 0 {
			c.set(parm, strconv.FormatInt(d.Milliseconds(), 10), "")
		}
	}
	millis("INITIALBACKOFFTIME", a.InitialBackoff)
	millis("MAXBACKOFFTIME", a.MaxBackoff)
	flag := func(parm string, on bool) {
		if on {
			c.Params = append(c.Params, Param{Name: parm, NoValue: true})
		}
	}
	flag("BACKCOMPATRETRYDISABLED", a.NoBackCompat)
	c.setNotEmpty("DEFAULTENCODING", a.Encoding, "")
	c.setNotEmpty("PROTOVER", a.ProtoVer, "")
	c.setNotEmpty("ROLE", a.Role, "")
	flag("USEHWDEVID", a.UseHWDevID)
	c.setNotEmpty("SSLCLIENTCERTSEARCHCRITERIA", a.CertSearch, "")
	c.Params = append(c.Params, a.Params...)
	if err := a.Server.write(c, "CLIENT"); err != nil {
		return nil, err
	}
	if err := a.Device.write(c, "APPSRV"); err != nil {
		return nil, err
	}
	return c, nil
}

func (a *Account) write(app *Characteristic, level string) error {
	if a == nil {
		return nil
	}
	typ := a.Type
	if typ == "" {
		typ = AccountDigest
	}
	path := appPath + "/APPAUTH[" + level + "]"
	switch {
	case typ != AccountDigest && (typ != AccountBasic || level == "CLIENT"):
		return badProvisioning(CodeProvW7, path, "AAUTHTYPE %q cannot be used here", typ)
	case a.Secret == "":
		return badProvisioning(CodeProvW7, path, "AAUTHSECRET is empty")
	}
	c := app.add("APPAUTH")
	c.set("AAUTHLEVEL", level, "")
	c.set("AAUTHTYPE", typ, "")
	c.setNotEmpty("AAUTHNAME", a.Name, "")
	c.set("AAUTHSECRET", string(a.Secret), "")
	if len(a.Nonce) > 0 {
		c.set("AAUTHDATA", base64.StdEncoding.EncodeToString(a.Nonce), "")
	}
	return nil
}

// isW7 tells a management account from other kinds of APPLICATION. The document of a renewal has no APPID.
func isW7(c *Characteristic) bool {
	p := c.param("APPID")
	return p == nil || strings.EqualFold(p.Value, "w7")
}

func readApplication(c *Characteristic) (*Application, error) {
	a := new(Application)
	for _, p := range c.Params {
		var err error
		switch strings.ToUpper(p.Name) {
		case "APPID":
		case "PROVIDER-ID":
			a.ProviderID = p.Value
		case "NAME":
			a.Name = p.Value
		case "ADDR":
			a.Addr = p.Value
		case "CONNRETRYFREQ":
			a.ConnRetryFreq, err = readInt(c, p.Name, 0, math.MaxInt32, appPath, CodeProvW7)
		case "INITIALBACKOFFTIME":
			a.InitialBackoff, err = readMillis(c, p.Name)
		case "MAXBACKOFFTIME":
			a.MaxBackoff, err = readMillis(c, p.Name)
		case "BACKCOMPATRETRYDISABLED":
			a.NoBackCompat = true
		case "DEFAULTENCODING":
			a.Encoding = p.Value
		case "PROTOVER":
			a.ProtoVer = p.Value
		case "ROLE":
			a.Role = p.Value
		case "USEHWDEVID":
			a.UseHWDevID = true
		case "SSLCLIENTCERTSEARCHCRITERIA":
			// One documentation example escapes the ampersand twice.
			a.CertSearch = strings.ReplaceAll(p.Value, "&amp;", "&")
		default:
			a.Params = append(a.Params, p)
		}
		if err != nil {
			return nil, err
		}
	}
	for _, ch := range c.Children {
		switch {
		case strings.EqualFold(ch.Type, "APPADDR") && a.Addr == "":
			a.Addr = longAddr(ch)
		case strings.EqualFold(ch.Type, "APPAUTH"):
			if err := a.readAuth(ch); err != nil {
				return nil, err
			}
		}
	}
	if a.ProviderID == "" {
		return nil, badProvisioning(CodeProvW7, appPath, "PROVIDER-ID is missing")
	}
	return a, nil
}

func readMillis(c *Characteristic, name string) (time.Duration, error) {
	n, err := readInt(c, name, 0, math.MaxInt32, appPath, CodeProvW7)
	return time.Duration(n) * time.Millisecond, err
}

// longAddr puts together the address that APPADDR spells in parts. It is a URL without a port, or a host.
func longAddr(c *Characteristic) string {
	addr := c.Value("ADDR")
	port := c.Child("PORT").Value("PORTNBR")
	if port == "" {
		return addr
	}
	u, err := url.Parse(addr)
	if err != nil || u.Host == "" || u.Port() != "" {
		return addr
	}
	u.Host = net.JoinHostPort(u.Hostname(), port)
	return u.String()
}

func (a *Application) readAuth(c *Characteristic) error {
	level := strings.ToUpper(c.Value("AAUTHLEVEL"))
	path := appPath + "/APPAUTH[" + level + "]"
	acc := &Account{Type: strings.ToUpper(c.Value("AAUTHTYPE")), Name: c.Value("AAUTHNAME"), Secret: Secret(c.Value("AAUTHSECRET"))}
	if v := c.Value("AAUTHDATA"); v != "" {
		nonce, err := soap.Decode(v)
		if err != nil {
			nonce = []byte(v) // servers that rely on TLS alone are known to write the word "nonce"
		}
		acc.Nonce = nonce
	}
	var to **Account
	switch level {
	case "CLIENT":
		to = &a.Server
	case "APPSRV":
		to = &a.Device
	default:
		return badProvisioning(CodeProvW7, path, "AAUTHLEVEL is %.32q, want CLIENT or APPSRV", level)
	}
	if *to != nil {
		return badProvisioning(CodeProvW7, path, "there are two of this level")
	}
	*to = acc
	return nil
}
