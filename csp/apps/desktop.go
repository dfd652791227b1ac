package apps

import (
	"context"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/omadm-sdk/omadm/csp/internal/backing"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/syncml"
)

// alertMSI is the type of the alert about an MSI product, without its prefix.
const alertMSI = "com.microsoft.mdm.win32csp_install"

// An MSIState is how far the installation of an MSI product is.
type MSIState int64

// The states.
const (
	MSIInitialized       MSIState = 10
	MSIDownloading       MSIState = 20
	MSIDownloadRetry     MSIState = 25
	MSIDownloadFailed    MSIState = 30
	MSIDownloaded        MSIState = 40
	MSIPendingUser       MSIState = 48
	MSIEnforcing         MSIState = 50
	MSIEnforcementRetry  MSIState = 55
	MSIEnforcementFailed MSIState = 60
	MSIEnforced          MSIState = 70
)

// msiJob is the payload of DownloadInstall.
type msiJob struct {
	XMLName xml.Name `xml:"MsiInstallJob"`
	ID      string   `xml:"id,attr"`
	Product struct {
		Version       string   `xml:"Version,attr"`
		ContentURLs   []string `xml:"Download>ContentURLList>ContentURL"`
		FileHash      string   `xml:"Validation>FileHash"`
		CommandLine   string   `xml:"Enforcement>CommandLine"`
		TimeOut       uint8    `xml:"Enforcement>TimeOut"`       // minutes
		RetryCount    uint8    `xml:"Enforcement>RetryCount"`    // after the first try
		RetryInterval uint8    `xml:"Enforcement>RetryInterval"` // minutes
	} `xml:"Product"`
}

func parseMSIJob(text string) (*msiJob, error) {
	j := new(msiJob)
	if err := xml.Unmarshal([]byte(text), j); err != nil {
		return nil, fmt.Errorf("%w: want <MsiInstallJob …>: %w", dmtree.ErrValue, err)
	}
	for i, u := range j.Product.ContentURLs {
		j.Product.ContentURLs[i] = strings.TrimSpace(u)
	}
	j.Product.FileHash = strings.TrimSpace(j.Product.FileHash)
	hash, err := hex.DecodeString(j.Product.FileHash)
	switch {
	case j.ID == "":
		return nil, fmt.Errorf("%w: MsiInstallJob has no id", dmtree.ErrValue)
	case len(j.Product.ContentURLs) == 0:
		return nil, fmt.Errorf("%w: MsiInstallJob has no ContentURL", dmtree.ErrValue)
	case err != nil || len(hash) != 32:
		return nil, fmt.Errorf("%w: FileHash, want the SHA-256 of the file in 64 hexadecimal digits", dmtree.ErrValue)
	}
	return j, nil
}

// desktop serves EnterpriseDesktopAppManagement.
type desktop struct{ m *Manager }

// productPlace is what a URI addresses.
type productPlace struct {
	scope, product, leaf string
	depth                int // below the CSP: 0 itself, 1 MSI, 2 a product, 3 a leaf
}

func locateProduct(u dmtree.URI) (productPlace, error) {
	names := slices.Collect(u.Names())
	pl := productPlace{scope: "Device", depth: len(names) - 4}
	if strings.EqualFold(names[0], "User") {
		pl.scope = "User"
	}
	names = names[4:]
	if pl.depth > 3 || pl.depth > 0 && !strings.EqualFold(names[0], "MSI") {
		return pl, dmtree.ErrNotFound
	}
	if pl.depth > 1 {
		pl.product = names[1]
	}
	if pl.depth > 2 {
		pl.leaf = names[2]
	}
	return pl, nil
}

// stored is where the values keep the job of the product.
func (pl productPlace) stored(leaf ...string) dmtree.URI {
	return dmtree.Root.Join("Desktop", pl.scope, pl.product).Join(leaf...)
}

// source is how alerts name the job.
func (pl productPlace) source() dmtree.URI {
	return msft(pl.scope).Join(cspDesktop, "MSI", pl.product, "DownloadInstall")
}

func (p *desktop) Get(ctx context.Context, u dmtree.URI) (dmtree.Value, error) {
	return p.get(ctx, u, p.m.Values)
}

func (p *desktop) get(ctx context.Context, u dmtree.URI, values dmtree.Provider) (dmtree.Value, error) {
	pl, err := locateProduct(u)
	if err != nil {
		return dmtree.Null, err
	}
	if pl.depth == 0 {
		return dmtree.Interior("MSI"), nil
	}
	all, err := p.m.Host.Installed(ctx)
	if err != nil {
		return dmtree.Null, err
	}
	var names []string
	if pl.depth == 1 {
		for _, a := range all {
			if a.ProductID != "" {
				names = append(names, a.ProductID)
			}
		}
		jobs, err := values.Get(ctx, dmtree.Root.Join("Desktop", pl.scope))
		if err != nil && !errors.Is(err, dmtree.ErrNotFound) {
			return dmtree.Null, err
		}
		for name := range jobs.Names() {
			if !slices.ContainsFunc(names, func(s string) bool { return strings.EqualFold(s, name) }) {
				names = append(names, name)
			}
		}
		return dmtree.Interior(names...), nil
	}
	job, jobErr := values.Get(ctx, pl.stored())
	if jobErr != nil && !errors.Is(jobErr, dmtree.ErrNotFound) {
		return dmtree.Null, jobErr
	}
	i := slices.IndexFunc(all, func(a App) bool { return a.ProductID != "" && strings.EqualFold(a.ProductID, pl.product) })
	facts := map[string]string{}
	if i >= 0 {
		a := all[i]
		facts = map[string]string{"Version": a.Version, "Name": a.Name, "Publisher": a.Publisher, "InstallPath": a.InstallLocation, "InstallDate": a.InstallDate}
	} else if jobErr != nil {
		return dmtree.Null, dmtree.ErrNotFound
	}
	if pl.depth == 2 {
		for _, name := range []string{"Version", "Name", "Publisher", "InstallPath", "InstallDate"} {
			if _, ok := facts[name]; ok {
				names = append(names, name)
			}
		}
		return dmtree.Interior(append(names, slices.Collect(job.Names())...)...), nil
	}
	for name, text := range facts {
		if strings.EqualFold(name, pl.leaf) {
			return dmtree.String(text), nil
		}
	}
	return values.Get(ctx, pl.stored(pl.leaf))
}

func (p *desktop) Begin(ctx context.Context) (dmtree.Tx, error) {
	values, err := dmtree.Begin(ctx, p.m.Values)
	if err != nil {
		return nil, err
	}
	return &desktopTx{p, jobsTx{values, jobs{m: p.m}}}, nil
}

type desktopTx struct {
	p *desktop
	jobsTx
}

func (t *desktopTx) Get(ctx context.Context, u dmtree.URI) (dmtree.Value, error) {
	return t.p.get(ctx, u, t.Tx)
}

// Add makes the node of a product or of its job. Servers add DownloadInstall alone.
func (t *desktopTx) Add(ctx context.Context, u dmtree.URI, _ dmtree.Value) error {
	pl, err := locateProduct(u)
	switch {
	case err != nil:
		return err
	case pl.depth < 2 || pl.depth == 3 && !strings.EqualFold(pl.leaf, "DownloadInstall"):
		return dmtree.ErrNotAllowed
	case pl.depth == 2:
		return backing.Add(ctx, t.Tx, pl.stored(), dmtree.Interior())
	}
	if err := backing.Add(ctx, t.Tx, pl.stored("DownloadInstall"), dmtree.XML("")); err != nil {
		return err
	}
	for leaf, v := range map[string]dmtree.Value{"Status": dmtree.Int(int64(MSIInitialized)), "LastError": dmtree.Int(0),
		"LastErrorDesc": dmtree.String("")} {
		if err := backing.Add(ctx, t.Tx, pl.stored(leaf), v); err != nil {
			return err
		}
	}
	return nil
}

// Delete removes the product, and its job.
func (t *desktopTx) Delete(ctx context.Context, u dmtree.URI) error {
	pl, err := locateProduct(u)
	if err != nil {
		return err
	}
	if pl.depth != 2 {
		return dmtree.ErrNotAllowed
	}
	all, err := t.p.m.Host.Installed(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(a App) bool { return a.ProductID != "" && strings.EqualFold(a.ProductID, pl.product) })
	err = backing.Delete(ctx, t.Tx, pl.stored())
	if i < 0 || err != nil && !errors.Is(err, dmtree.ErrNotFound) {
		return err // with no product and no job: not found
	}
	t.jobs.add(pl.product, func(ctx context.Context) error { return t.p.m.Host.Remove(ctx, all[i]) })
	return nil
}

// Exec starts the job once the transaction has succeeded. A job with the id of the last one is not run again.
func (t *desktopTx) Exec(ctx context.Context, u dmtree.URI, arg dmtree.Value) error {
	pl, err := locateProduct(u)
	switch {
	case err != nil:
		return err
	case pl.depth != 3 || !strings.EqualFold(pl.leaf, "DownloadInstall"):
		return dmtree.ErrNotAllowed
	}
	if _, err := t.Tx.Get(ctx, pl.stored("DownloadInstall")); err != nil {
		return err // it must be added first
	}
	job, err := parseMSIJob(arg.Text())
	if err != nil {
		return err
	}
	last, err := t.Tx.Get(ctx, pl.stored("JobID"))
	switch {
	case err == nil && last.Text() == job.ID:
		return nil
	case err == nil:
		err = backing.Replace(ctx, t.Tx, pl.stored("JobID"), dmtree.String(job.ID))
	case errors.Is(err, dmtree.ErrNotFound):
		err = backing.Add(ctx, t.Tx, pl.stored("JobID"), dmtree.String(job.ID))
	}
	if err != nil {
		return err
	}
	t.jobs.add(pl.product, func(ctx context.Context) error {
		err := t.p.run(ctx, pl, job)
		t.p.m.report(syncml.AlertClientEvent, alertMSI, pl.source(), code(err))
		return err
	})
	return dmtree.ErrAccepted
}

// run fetches the product from the first of its addresses that has it, and has the host install it, as often as the job
// says.
func (p *desktop) run(ctx context.Context, pl productPlace, job *msiJob) error {
	tell := func(s MSIState, err error) {
		number, text := failure(err)
		p.m.set(context.WithoutCancel(ctx), pl.stored(), map[string]dmtree.Value{"Status": dmtree.Int(int64(s)), "LastError": number, "LastErrorDesc": text})
	}
	var path string
	err := p.retry(ctx, job, func() { tell(MSIDownloadRetry, nil) }, func() error {
		tell(MSIDownloading, nil)
		var errs []error
		for _, u := range job.Product.ContentURLs {
			var err error
			if path, err = p.m.fetch(ctx, u, job.Product.FileHash, func(int64) {}); err == nil {
				return nil
			}
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	})
	if err != nil {
		tell(MSIDownloadFailed, err)
		return err
	}
	defer os.Remove(path)
	tell(MSIDownloaded, nil)
	err = p.retry(ctx, job, func() { tell(MSIEnforcementRetry, nil) }, func() error {
		tell(MSIEnforcing, nil)
		ctx := ctx
		if job.Product.TimeOut > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, time.Duration(job.Product.TimeOut)*time.Minute)
			defer cancel()
		}
		return p.m.Host.Install(ctx, &Package{Path: path, URL: job.Product.ContentURLs[0], ProductID: pl.product,
			Version: job.Product.Version, Arguments: job.Product.CommandLine, User: pl.scope == "User"})
	})
	if err != nil {
		tell(MSIEnforcementFailed, err)
		return err
	}
	tell(MSIEnforced, nil)
	return nil
}

// retry runs f until it succeeds, as often as the job says. What no repetition mends ends it.
func (p *desktop) retry(ctx context.Context, job *msiJob, pending func(), f func() error) error {
	for n := uint8(0); ; n++ {
		err := f()
		if err == nil || n >= job.Product.RetryCount || errors.Is(err, HashMismatch) || errors.Is(err, NotPermitted) {
			return err
		}
		pending()
		timer := time.NewTimer(time.Duration(job.Product.RetryInterval) * time.Minute)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(ctx.Err(), err)
		}
	}
}
