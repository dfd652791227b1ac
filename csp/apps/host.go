package apps

import (
	"context"
	"errors"
	"fmt"
)

// An Origin says where an app came from. It is also a segment of URIs.
type Origin string

// The origins.
const (
	AppStore Origin = "AppStore"
	NonStore Origin = "nonStore" // what servers install
	System   Origin = "System"   // part of the system; cannot be removed
)

// An App is an installed application.
type App struct {
	Origin     Origin // empty for MSI products
	FamilyName string // of a packaged app; empty for MSI products
	FullName   string // of a packaged app: name, version, architecture and publisher
	ProductID  string // of an MSI product, with braces; empty for packaged apps

	Name, Version, Publisher, Architecture string
	InstallLocation, InstallDate           string // the date in ISO 8601
}

// A Package is what a host is to install.
type Package struct {
	Path       string // of the file that was fetched; it is removed afterwards
	URL        string // where it came from
	FamilyName string // of a packaged app
	ProductID  string // of an MSI product, with braces
	Version    string // that the server announced; may be empty for packaged apps
	Arguments  string // of an MSI product
	User       bool   // for the user who is signed in, else for all
}

// A Host installs and removes applications. Its methods may be called concurrently, but not for the same app.
//
// An error that is an [HRESULT], or wraps one, is told to the server as that number; any other as 0x80004005.
type Host interface {
	// Install makes the package an installed app. That a package is what it says, by its signature, is for the host to
	// check. Installing what is there already brings it up to date.
	Install(ctx context.Context, p *Package) error
	// Remove removes an app, named as Installed names it.
	Remove(ctx context.Context, a App) error
	// Installed lists all apps.
	Installed(ctx context.Context) ([]App, error)
}

// An HRESULT is an error as Windows numbers it.
type HRESULT uint32

// Errors that this package reports by itself. Hosts have more.
const (
	Unspecified   HRESULT = 0x80004005
	NetworkFailed HRESULT = 0x80073CF5 // the package could not be fetched
	NotPermitted  HRESULT = 0x80073CFF // not by HTTPS, or too large
	HashMismatch  HRESULT = 0x80091007 // CRYPT_E_HASH_VALUE
	Cancelled     HRESULT = 0x80070642 // the agent stopped
	InUse         HRESULT = 0x80070652 // another installation of it is running
)

// Error says what the number means, where this package knows it.
func (h HRESULT) Error() string {
	text := map[HRESULT]string{
		Unspecified:   "unspecified failure",
		NetworkFailed: "the package could not be fetched",
		NotPermitted:  "the package may not be fetched from there",
		HashMismatch:  "the package has another hash than the server said",
		Cancelled:     "cancelled",
		InUse:         "an installation of it is running",
	}[h]
	if text == "" {
		text = "failure"
	}
	return fmt.Sprintf("apps: %s (0x%08X)", text, uint32(h))
}

// code is the number that a server is told about err.
func code(err error) HRESULT {
	if err == nil {
		return 0
	}
	if h, ok := errors.AsType[HRESULT](err); ok {
		return h
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return Cancelled
	}
	return Unspecified
}
