package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/csp/inventory"
	"github.com/omadm-sdk/omadm/csp/policy"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

// run tells the story. What does not come out as expected is an error.
func run(ctx context.Context, t *teller) error {
	began := time.Now()
	t.printf("A device's life with its management server: TLS, certificates and SyncML are real.\n")

	p := new(plan)
	srv, err := newServer(p, &session.Trace{
		Sent: func(_ context.Context, m *session.TracedMessage) { t.message("server", m.Body) },
	})
	if err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	defer srv.stop(ctx)
	dev := newDevice(srv.roots, &session.Trace{
		Sent: func(_ context.Context, m *session.TracedMessage) { t.message("device", m.Body) },
	}, func(next http.RoundTripper) http.RoundTripper { return &traced{t, next} })

	for _, chapter := range []func(context.Context, *teller, *plan, *server, *device) error{
		enrolls, isKnown, isManaged, isUnchanged,
	} {
		if err := chapter(ctx, t, p, srv, dev); err != nil {
			return err
		}
	}
	t.printf("\nDone in %d ms.\n", time.Since(began).Milliseconds())
	return nil
}

// A plan is the server's logic: what it writes in answer to each message of a session, one function a message. It keeps
// the outcomes by label.
type plan struct {
	steps   []func(*session.Batch)
	results map[string]session.Result
	sent    int // messages answered
	devInfo map[string]string
}

// begin sets what the next session is about.
func (p *plan) begin(steps ...func(*session.Batch)) {
	*p = plan{steps: steps, results: map[string]session.Result{}}
}

// ServeDM implements [session.Handler].
func (p *plan) ServeDM(w *session.Writer, r *session.Request) error {
	if r.First {
		p.devInfo = r.DevInfo
	}
	for _, res := range r.Results {
		p.results[res.Label] = res
	}
	if p.sent < len(p.steps) {
		p.steps[p.sent](&w.Batch)
		p.sent++
	}
	return nil
}

// value is what a Get brought.
func (p *plan) value(label string) (string, error) {
	r, ok := p.results[label]
	if !ok {
		return "", fmt.Errorf("no outcome of %q has arrived", label)
	}
	v, err := r.Value()
	return v.Text(), err
}

// status is how a command ended.
func (p *plan) status(label string) (syncml.StatusCode, error) {
	r, ok := p.results[label]
	if !ok {
		return 0, fmt.Errorf("no outcome of %q has arrived", label)
	}
	return r.Status, nil
}

func enrolls(ctx context.Context, t *teller, _ *plan, srv *server, dev *device) error {
	t.chapter("1. The device enrolls")
	if err := dev.enroll(ctx, srv.url, "ada@example.com", "wrong horse"); err == nil {
		return errors.New("a wrong password was accepted")
	} else {
		t.proved("a wrong password is refused: %v", errors.Unwrap(err))
	}
	if err := dev.enroll(ctx, srv.url, "ada@example.com", "correct horse"); err != nil {
		return err
	}
	cert := dev.enrolled.Certificate.Leaf
	t.proved("discovery, policy and certificate request: a key of its own, certified by %s", cert.Issuer.CommonName)
	t.proved("certificate for CN=%s, %s, until %s", cert.Subject.CommonName, cert.PublicKeyAlgorithm, cert.NotAfter.Format(time.DateOnly))
	t.proved("account %q at %s", dev.enrolled.ProviderID, dev.enrolled.ServerURL)
	if cert.Subject.CommonName != deviceID || len(cert.ExtKeyUsage) != 1 || cert.ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth {
		return errors.New("the certificate is not one for a TLS client of this device")
	}
	return nil
}

func isKnown(ctx context.Context, t *teller, p *plan, srv *server, dev *device) error {
	t.chapter("2. It proves itself by its certificate, and tells what it is")
	p.begin()
	if _, err := dev.call(ctx); err == nil {
		return errors.New("a device without a certificate was let in")
	}
	t.proved("without the certificate, the server answers no")

	p.begin(func(b *session.Batch) {
		b.Get("./DevDetail/SwV").Label("build")
		b.Get("./DevDetail/Ext/Microsoft/OSPlatform").Label("platform")
		b.Get("./DevDetail/Ext/Microsoft/TotalRAM").Label("memory")
		b.Get("./Vendor/MSFT/DeviceStatus/NetworkIdentifiers").Label("adapters")
		policy.AskEncryption(b).Label("encrypted")
		b.Get("./DevDetail/NoSuchNode").Label("missing")
	})
	sum, err := dev.call(ctx, dev.enrolled.Certificate)
	if err != nil {
		return err
	}
	local, err := inventory.Local(deviceID).Inventory(ctx)
	if err != nil {
		return err
	}
	for _, want := range []struct{ label, value string }{
		{"build", local.DevDetail.SwV},
		{"platform", local.DevDetail.Ext.Microsoft.OSPlatform},
		{"encrypted", fmt.Sprint(local.DeviceStatus.Compliance.EncryptionCompliance)},
	} {
		if got, err := p.value(want.label); err != nil || got != want.value {
			return fmt.Errorf("%s: the server read %q (%v), the host says %q", want.label, got, err, want.value)
		}
	}
	build, _ := p.value("build")
	platform, _ := p.value("platform")
	memory, _ := p.value("memory")
	encrypted, _ := p.value("encrypted")
	t.proved("DevInfo came by itself: %s, %s, %s", p.devInfo["Man"], p.devInfo["Mod"], p.devInfo["Lang"])
	t.proved("inventory of this host: %s, kernel %s, %s MB, encrypted: %s", platform, build, memory, encrypted)
	if code, _ := p.status("missing"); code != syncml.StatusNotFound {
		return fmt.Errorf("a node that does not exist: %v, want 404", code)
	}
	t.proved("a node that does not exist is %v; %d messages, %d commands in all", syncml.StatusNotFound, sum.Messages, sum.Commands)
	return nil
}

// Where the policies of the story are set, and where the device tells what holds.
var (
	length  = policy.Config("DeviceLock", "MinDevicePasswordLength")
	storage = policy.Config("System", "AllowStorageCard")
	camera  = policy.Config("Camera", "AllowCamera")
)

// lockdown is the Atomic of real policies.
func lockdown(b *session.Batch) {
	policy.DeviceLock{Password: true, MinLength: new(int64(8)), Inactivity: new(int64(5))}.Write(b).Label("device lock")
	b.Atomic(func(b *session.Batch) {
		policy.AllowStorageCard(b, false)
		b.Replace(camera, dmtree.Int(0))
	}).Label("lock-down")
}

// readBack asks what holds.
func readBack(b *session.Batch) {
	for _, u := range []dmtree.URI{length, storage, camera} {
		b.Get(policy.Result(u.Parent().Name(), u.Name())).Label(u.Name())
	}
}

func isManaged(ctx context.Context, t *teller, p *plan, _ *server, dev *device) error {
	t.chapter("3. It is managed: device lock, storage card, camera")
	p.begin(
		lockdown,
		readBack,
		func(b *session.Batch) {
			b.Atomic(func(b *session.Batch) {
				b.Replace(camera, dmtree.Int(1))
				b.Replace(storage, dmtree.Int(7)) // 0 and 1 are allowed
			}).Label("wrong")
		},
		readBack,
	)
	sum, err := dev.call(ctx, dev.enrolled.Certificate)
	if err != nil {
		return err
	}
	for _, label := range []string{"device lock", "lock-down"} {
		if code, err := p.status(label); err != nil || code != syncml.StatusOK {
			return fmt.Errorf("%s: status %v, %v; want 200", label, code, err)
		}
	}
	t.proved("two Atomics of policies: %v", syncml.StatusOK)

	wrong := p.results["wrong"]
	if wrong.Status != syncml.StatusAtomicFailed || len(wrong.Children) != 2 {
		return fmt.Errorf("an Atomic with a wrong value: status %v, want 507", wrong.Status)
	}
	first, blamed := wrong.Children[0], wrong.Children[1]
	if !blamed.Blamed || blamed.Status.Success() || first.Status != syncml.StatusRolledBack && first.Status != syncml.StatusNotExecuted {
		return fmt.Errorf("an Atomic with a wrong value: children %v and %v", first.Status, blamed.Status)
	}
	n, _ := csp.Windows().Lookup(storage)
	t.proved("a wrong value fails its Atomic: %v", wrong.Status)
	t.proved("  the culprit: %s = 7 is %v; the schema knew: %v", storage.Name(), blamed.Status, n.Validate(dmtree.Int(7)))
	t.proved("  and the camera, which came before it: %v", first.Status)

	for u, want := range map[dmtree.URI]string{length: "8", storage: "0", camera: "0"} {
		if got, err := p.value(u.Name()); err != nil || got != want {
			return fmt.Errorf("Result of %s: %q, %v; want %q", u.Name(), got, err, want)
		}
		if got := dev.enforced[u.Name()]; got != want {
			return fmt.Errorf("the device enforces %s = %q, want %q", u.Name(), got, want)
		}
	}
	t.proved("read back from Policy/Result, and enforced: password of 8, no storage card, no camera")
	t.proved("%d messages, %d commands, %d refused", sum.Messages, sum.Commands, sum.Failed)
	return nil
}

func isUnchanged(ctx context.Context, t *teller, p *plan, _ *server, dev *device) error {
	t.chapter("4. A second session, in which nothing has changed")
	p.begin()
	sum, err := dev.call(ctx, dev.enrolled.Certificate)
	if err != nil {
		return err
	}
	if sum.Messages != 1 || sum.Commands != 0 {
		return fmt.Errorf("%d messages and %d commands, want 1 and 0", sum.Messages, sum.Commands)
	}
	t.proved("one message each way: the server had nothing to say, so the device stays silent")
	return nil
}
