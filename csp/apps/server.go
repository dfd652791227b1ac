package apps

import (
	"encoding/xml"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

// scopeOf names the scope of a URI.
func scopeOf(user bool) string {
	if user {
		return "User"
	}
	return "Device"
}

// InstallHosted has the device install a packaged app that it fetches from packageURL, for the user who is signed in or,
// on the device, for all. Installing a family that is there brings it up to date. The outcome of the command, labelled on
// the returned entry, is 202; how the installation ends comes in an alert: see [Finished].
func InstallHosted(b *session.Batch, family, packageURL string, user bool, dependencies ...string) *session.Entry {
	job := hosted{PackageURI: packageURL}
	for _, d := range dependencies {
		job.Dependencies = append(job.Dependencies, struct {
			PackageURI string `xml:"PackageUri,attr"`
		}{d})
	}
	payload, _ := xml.Marshal(job) // strings only: it cannot fail
	at := hostedURI(family, user)
	b.Add(at, dmtree.Interior()) // 418 where an installation was begun before: that will do
	return b.Exec(at.Join("HostedInstall"), dmtree.XML(string(payload))).As(syncml.DataCDATA)
}

func hostedURI(family string, user bool) dmtree.URI {
	return msft(scopeOf(user)).Join(cspModern, "AppInstallation", family)
}

// Uninstall removes a packaged app that a server installed. It goes on after the answer; see [Finished].
func Uninstall(b *session.Batch, family string, user bool) *session.Entry {
	return b.Delete(msft(scopeOf(user)).Join(cspModern, "AppManagement", string(NonStore), family))
}

// An MSI is a product that a device is to install.
type MSI struct {
	ProductID string   // with braces
	JobID     string   // if empty, ProductID. A device does not run the same job twice
	Version   string   //
	URLs      []string // tried in turn
	SHA256    string   // of the file, 64 hexadecimal digits
	Arguments string   // such as /quiet
	Timeout   uint8    // minutes
	Retries   uint8
	Interval  uint8 // minutes between retries
	User      bool  // for the user who is signed in
}

// msiXML is the payload as it is written.
type msiXML struct {
	XMLName xml.Name `xml:"MsiInstallJob"`
	ID      string   `xml:"id,attr"`
	Product struct {
		Version     string   `xml:"Version,attr"`
		URLs        []string `xml:"Download>ContentURLList>ContentURL"`
		Hash        string   `xml:"Validation>FileHash"`
		Enforcement struct {
			CommandLine                        string
			TimeOut, RetryCount, RetryInterval uint8
		}
	} `xml:"Product"`
}

func (p *MSI) uri() dmtree.URI { return msft(scopeOf(p.User)).Join(cspDesktop, "MSI", p.ProductID) }

// InstallMSI has the device install an MSI product. The outcome of the returned entry is 202, how the installation ends
// comes in an alert: see [Finished].
func InstallMSI(b *session.Batch, p MSI) *session.Entry {
	var x msiXML
	if x.ID = p.JobID; x.ID == "" {
		x.ID = p.ProductID
	}
	x.Product.Version, x.Product.URLs, x.Product.Hash = p.Version, p.URLs, p.SHA256
	e := &x.Product.Enforcement
	e.CommandLine, e.TimeOut, e.RetryCount, e.RetryInterval = p.Arguments, p.Timeout, p.Retries, p.Interval
	payload, _ := xml.Marshal(x) // strings and numbers only: it cannot fail
	at := p.uri().Join("DownloadInstall")
	b.Add(at, dmtree.Null)
	return b.Exec(at, dmtree.XML(string(payload))).As(syncml.DataCDATA)
}

// UninstallMSI removes an MSI product.
func UninstallMSI(b *session.Batch, productID string, user bool) *session.Entry {
	return b.Delete((&MSI{ProductID: productID, User: user}).uri())
}

// SetToken installs an enterprise token, or renews it.
func SetToken(b *session.Batch, enterpriseID, token string) *session.Entry {
	return b.Set(msft("Device").Join(cspToken, enterpriseID, "EnrollmentToken"), dmtree.String(token))
}

// AskToken asks what the device thinks of a token: a [TokenState].
func AskToken(b *session.Batch, enterpriseID string) *session.Entry {
	return b.Get(msft("Device").Join(cspToken, enterpriseID, "Status"))
}

// An Outcome is how an installation or removal ended.
type Outcome struct {
	URI dmtree.URI // HostedInstall, DownloadInstall, or the app that was removed
	Err error      // an [HRESULT]; nil: success
}

// Finished reports whether an alert says that an installation or removal has ended, and how.
func Finished(a *session.Alert) (Outcome, bool) {
	switch {
	case strings.EqualFold(a.Type, alertHosted), strings.EqualFold(a.Type, alertUninstall), strings.EqualFold(a.Type, alertMSI):
	default:
		return Outcome{}, false
	}
	n, err := parseHRESULT(a.Value.Text())
	if err != nil {
		return Outcome{a.Source, err}, true
	}
	if n == 0 {
		return Outcome{a.Source, nil}, true
	}
	return Outcome{a.Source, n}, true
}

// parseHRESULT reads what devices print as hexadecimal, signed or unsigned decimal.
func parseHRESULT(s string) (HRESULT, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 0, 64)
	if err != nil || n > 1<<32-1 || n < -1<<31 {
		return 0, fmt.Errorf("apps: %q is no result code", s)
	}
	return HRESULT(uint32(n)), nil
}

// AskStatus asks how far the installation of a packaged app is: a [State]. A node that is not there (404) means that
// it is installed, or was never begun.
func AskStatus(b *session.Batch, family string, user bool) *session.Entry {
	return b.Get(hostedURI(family, user).Join("Status"))
}

// AskMSIStatus asks how far the installation of an MSI product is: an [MSIState].
func AskMSIStatus(b *session.Batch, productID string, user bool) *session.Entry {
	return b.Get((&MSI{ProductID: productID, User: user}).uri().Join("Status"))
}

// AskInventory asks for packaged apps, those of the device or of the signed-in user; [ReadInventory] reads the result of
// the returned entry.
func AskInventory(b *session.Batch, q Query, user bool) *session.Entry {
	payload, _ := q.payload() // strings only: it cannot fail
	at := msft(scopeOf(user)).Join(cspModern, "AppManagement")
	b.Replace(at.Join("AppInventoryQuery"), dmtree.XML(payload)).As(syncml.DataCDATA)
	return b.Get(at.Join("AppInventoryResults"))
}

// ReadInventory reads the answer to [AskInventory].
func ReadInventory(r *session.Result) ([]App, error) {
	v, err := r.Value()
	if err != nil {
		return nil, err
	}
	var doc packages
	if err := xml.Unmarshal([]byte(v.Text()), &doc); err != nil {
		return nil, fmt.Errorf("apps: inventory: %w", err)
	}
	var out []App
	for _, p := range doc.List {
		out = append(out, App{FamilyName: p.FamilyName, FullName: p.FullName, Name: p.Name, Version: p.Version, Publisher: p.Publisher,
			Architecture: p.Architecture, InstallLocation: p.InstallLocation, InstallDate: p.InstallDate})
	}
	return out, nil
}

// ErrNotInstalled is what [ReadState] returns for an installation that is not there: it has succeeded, or was never begun.
var ErrNotInstalled = errors.New("apps: no such installation")

// ReadState reads the answer to [AskStatus].
func ReadState(r *session.Result) (State, error) {
	if r.Status == syncml.StatusNotFound {
		return 0, ErrNotInstalled
	}
	v, err := r.Value()
	if err != nil {
		return 0, err
	}
	n, err := v.Int()
	return State(n), err
}
