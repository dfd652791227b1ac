// Package wipe is the RemoteWipe CSP, for both ends: the server asks a device to erase itself, and the device does so
// once the session is over.
//
// On the device, [Mount] adds ./Device/Vendor/MSFT/RemoteWipe to a tree. What a wipe does is the agent's business: this
// package never touches the host, it calls the [Host] that the agent supplies.
//
// On the server, [Exec] adds the command to a batch, and [Accepted] reads its outcome. The outcome is all that a server
// ever learns: the device answers that it will do it, and then loses its account with everything else. Record it as
// wiped, and take a later enrollment with the same hardware id for a new device. Only [AutomaticRedeployment] keeps the
// account; its progress is read with [AskRedeployment].
package wipe

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

// A Method is a way to erase a device. Its value is the path of the node below RemoteWipe.
type Method string

// The methods, with the build of Windows that has them first.
const (
	Reset                 Method = "doWipe"                                        // 10586: factory reset; a power cycle can interrupt it
	KeepProvisioning      Method = "doWipePersistProvisionedData"                  // 10586: provisioning data is applied again afterwards
	Protected             Method = "doWipeProtected"                               // 15063: erases the drive, and keeps trying over power cycles
	KeepUserData          Method = "doWipePersistUserData"                         // 16299: user accounts and their data stay
	Cloud                 Method = "doWipeCloud"                                   // 22621: as Reset, from an image that is downloaded
	CloudKeepUserData     Method = "doWipeCloudPersistUserData"                    // 22621
	CloudKeepProvisioning Method = "doWipeCloudPersistProvisionedData"             // 22621
	AutomaticRedeployment Method = "AutomaticRedeployment/doAutomaticRedeployment" // 17763: reset that keeps the enrollment
)

// Methods lists all methods.
func Methods() []Method {
	return []Method{Reset, KeepProvisioning, Protected, KeepUserData, Cloud, CloudKeepUserData, CloudKeepProvisioning, AutomaticRedeployment}
}

const root dmtree.URI = "./Device/Vendor/MSFT/RemoteWipe"

// redeployment is the group of nodes of [AutomaticRedeployment].
const redeployment = "AutomaticRedeployment"

// A Host can erase itself.
type Host interface {
	// Wipe erases the host. It is called once the session that asked for it is over. What goes wrong then can no longer
	// be told to the server; a host that has AutomaticRedeployment keeps it for Redeployment.
	Wipe(ctx context.Context, m Method) error

	// Redeployment tells how far AutomaticRedeployment is.
	Redeployment(ctx context.Context) (Redeployment, error)
}

// Redeployment is the state of an automatic redeployment. The zero value has never run.
type Redeployment struct {
	Status    int64 // one of the constants
	LastError int64 // HRESULT, 0 is none
}

// Values of [Redeployment.Status].
const (
	NeverRun      int64 = 0
	Complete      int64 = 1
	Scheduled     int64 = 10
	WaitingReboot int64 = 20
	FailedExec    int64 = 30
	NeedsPower    int64 = 40
	FailedReset   int64 = 50
)

// Mount adds ./Device/Vendor/MSFT/RemoteWipe to mux. failed is called with what a Wipe after a session returned; nil
// ignores it.
func Mount(mux *dmtree.Mux, h Host, failed func(Method, error)) {
	if failed == nil {
		failed = func(Method, error) {}
	}
	mux.Handle(string(root), &provider{h, failed})
}

// provider is the device's end. It has no transactions, so that a wipe inside an Atomic, which nothing could undo, is
// refused.
type provider struct {
	host   Host
	failed func(Method, error)
}

func (p *provider) Get(ctx context.Context, u dmtree.URI) (dmtree.Value, error) {
	names := slices.Collect(u.Names())[root.Depth():]
	switch {
	case len(names) == 0:
		return dmtree.Interior(children("")...), nil
	case len(names) == 1 && strings.EqualFold(names[0], redeployment):
		return dmtree.Interior(append(children(redeployment+"/"), "LastError", "Status")...), nil
	case len(names) == 2 && strings.EqualFold(names[0], redeployment):
		switch strings.ToLower(names[1]) {
		case "status":
			r, err := p.host.Redeployment(ctx)
			return dmtree.Int(r.Status), err
		case "lasterror":
			r, err := p.host.Redeployment(ctx)
			return dmtree.Int(r.LastError), err
		}
	}
	if _, ok := method(names); ok {
		return dmtree.Null, dmtree.ErrNotAllowed
	}
	return dmtree.Null, dmtree.ErrNotFound
}

// Exec promises the wipe. It begins once the answer is out.
func (p *provider) Exec(ctx context.Context, u dmtree.URI, _ dmtree.Value) error {
	m, ok := method(slices.Collect(u.Names())[root.Depth():])
	if !ok {
		if _, err := p.Get(ctx, u); err != nil {
			return err
		}
		return dmtree.ErrNotAllowed
	}
	dmtree.CallFrom(ctx).AfterSession(func(ctx context.Context) {
		if err := p.host.Wipe(ctx, m); err != nil {
			p.failed(m, err)
		}
	})
	return nil
}

// children lists the names directly below the path prefix.
func children(prefix string) []string {
	var out []string
	for _, m := range Methods() {
		rest, ok := strings.CutPrefix(string(m), prefix)
		if name, _, _ := strings.Cut(rest, "/"); ok && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// method finds the method at the path of names.
func method(names []string) (Method, bool) {
	path := strings.Join(names, "/")
	for _, m := range Methods() {
		if strings.EqualFold(string(m), path) {
			return m, true
		}
	}
	return "", false
}

// URI returns the node that starts the method.
func (m Method) URI() dmtree.URI { return root.Join(strings.Split(string(m), "/")...) }

// Exec asks the device to erase itself.
func Exec(b *session.Batch, m Method) *session.Entry { return b.Exec(m.URI(), dmtree.Null) }

// Accepted tells whether the device has promised to do what [Exec] asked for. The error says why it has not.
//
// A device may be gone before it has answered; the result is unknown then, and so is whether it will erase itself.
func Accepted(r *session.Result) error {
	switch {
	case r.Unknown:
		return fmt.Errorf("wipe: %s: the device has not answered", r.URI)
	case r.Status == syncml.StatusOK || r.Status == syncml.StatusAccepted:
		return nil
	}
	return &session.StatusError{Code: r.Status, URI: r.URI}
}

// AskRedeployment asks how far [AutomaticRedeployment] is; [ReadRedeployment] takes the answers.
func AskRedeployment(b *session.Batch) {
	b.Get(root.Join(redeployment, "Status"))
	b.Get(root.Join(redeployment, "LastError"))
}

// ReadRedeployment reads the answers to [AskRedeployment] out of results. What is not among them is zero.
func ReadRedeployment(results []session.Result) (Redeployment, error) {
	var out Redeployment
	for i := range results {
		var dst *int64
		switch r := &results[i]; {
		case r.URI.EqualFold(root.Join(redeployment, "Status")):
			dst = &out.Status
		case r.URI.EqualFold(root.Join(redeployment, "LastError")):
			dst = &out.LastError
		default:
			continue
		}
		v, err := results[i].Value()
		if err != nil {
			return out, err
		}
		if *dst, err = v.Int(); err != nil {
			return out, err
		}
	}
	return out, nil
}
