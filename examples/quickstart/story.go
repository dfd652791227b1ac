package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/omadm-sdk/omadm/auth/enroll"
	"github.com/omadm-sdk/omadm/csp/dmclient"
	"github.com/omadm-sdk/omadm/csp/inventory"
	"github.com/omadm-sdk/omadm/csp/policy"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

// A story is what all chapters share.
type story struct {
	*teller
	server *server
	device *device
}

// run tells the story. What does not come out as expected is an error.
func run(ctx context.Context, t *teller) (err error) {
	began := time.Now()
	t.printf("A device's life with its management server. TLS, certificates and SyncML are real.\n")

	dir, err := os.MkdirTemp("", "quickstart-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	trace := func(who string) *session.Trace {
		return &session.Trace{Sent: func(_ context.Context, m *session.TracedMessage) { t.message(who, m.Body) }}
	}
	srv, err := newServer(trace("server"))
	if err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	defer func() { err = errors.Join(err, srv.stop(context.WithoutCancel(ctx))) }()
	dev, err := newDevice(dir, srv, trace("device"), func(next http.RoundTripper) http.RoundTripper { return &traced{t, next} })
	if err != nil {
		return fmt.Errorf("make the device: %w", err)
	}
	defer dev.apps.Close()

	s := &story{t, srv, dev}
	for i, chapter := range []struct {
		title string
		tell  func(context.Context) error
	}{
		{"The device enrolls", s.enrolls},
		{"It proves itself by its certificate, and tells what it is", s.tellsWhatItIs},
		{"It is given policies: device lock, storage card, camera", s.getsPolicies},
		{"It is given a wrong one", s.getsWrongPolicy},
		{"It gets a certificate with its key, and an authority to trust", s.getsCertificates},
		{"It installs an app", s.installsApp},
		{"Its inventory is kept up to date: only what has changed travels", s.keepsInventory},
		{"It is wiped (what that does is the agent's business)", s.isWiped},
		{"It leaves", s.leaves},
	} {
		t.printf("\n%d. %s\n", i+1, chapter.title)
		if err := chapter.tell(ctx); err != nil {
			return fmt.Errorf("%s: %w", chapter.title, err)
		}
	}
	t.printf("\nDone in %d ms.\n", time.Since(began).Milliseconds())
	return nil
}

// session has the device call, and the server talk to it as script says.
func (s *story) session(ctx context.Context, script func(*session.Conversation) error) (*session.Summary, error) {
	s.server.next(script)
	sum, err := s.device.Call(ctx, dmclient.ByUser)
	if err != nil {
		return sum, err
	}
	return sum, s.server.outcome()
}

// want is an error if something is not as it should be.
func want[T comparable](what string, got, want T) error {
	if got != want {
		return fmt.Errorf("%s is %v, want %v", what, got, want)
	}
	return nil
}

func (s *story) enrolls(ctx context.Context) error {
	if err := s.device.Enroll(ctx, "ada@example.com", enroll.Password("wrong horse")); !errors.Is(err, enroll.CodeAuthentication) {
		return fmt.Errorf("a wrong password: %v, want %v", err, enroll.CodeAuthentication)
	}
	s.proved("a wrong password is refused: %s", enroll.CodeAuthentication.Name())
	if err := s.device.Enroll(ctx, "ada@example.com", enroll.Password("correct horse")); err != nil {
		return err
	}
	acc, err := s.device.Account(ctx)
	if err != nil {
		return err
	}
	cert := acc.Certificate.Leaf
	if cert.Subject.CommonName != deviceID || len(cert.ExtKeyUsage) != 1 || cert.ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth {
		return errors.New("the certificate is not one for a TLS client of this device")
	}
	s.proved("discovery, policy, request: a key of its own, certified by %q until %s", cert.Issuer.CommonName, cert.NotAfter.Format(time.DateOnly))
	s.proved("its account: %q at %s", acc.ProviderID, acc.ServerURL)
	if err := s.device.Enroll(ctx, "ada@example.com", enroll.Password("correct horse")); !errors.Is(err, enroll.CodeAlreadyEnrolled) {
		return fmt.Errorf("a second enrollment: %v, want %v", err, enroll.CodeAlreadyEnrolled)
	}
	s.proved("a second server is refused: %s", enroll.CodeAlreadyEnrolled.Name())
	return nil
}

func (s *story) tellsWhatItIs(ctx context.Context) error {
	if err := s.server.refuses(ctx); err != nil {
		return err
	}
	s.proved("without the certificate, the server answers 407 and does nothing")

	var told inventory.Device
	var info map[string]string
	var encrypted bool
	var missing syncml.StatusCode
	sum, err := s.session(ctx, func(c *session.Conversation) error {
		info = c.Request().DevInfo
		results, err := c.Do(func(b *session.Batch) {
			inventory.Ask(b)
			policy.AskEncryption(b)
			b.Get("./DevDetail/NoSuchNode")
		})
		if err != nil {
			return err
		}
		missing = results[len(results)-1].Status
		if encrypted, err = policy.Encrypted(results); err != nil {
			return err
		}
		return told.Read(results)
	})
	if err != nil {
		return err
	}
	host, err := inventory.Local(deviceID).Inventory(ctx)
	if err != nil {
		return err
	}
	is, said := host.DevDetail, told.DevDetail
	err = errors.Join(want("SwV", said.SwV, is.SwV), want("TotalRAM", said.Ext.Microsoft.TotalRAM, is.Ext.Microsoft.TotalRAM),
		want("encryption", encrypted, host.DeviceStatus.Compliance.EncryptionCompliance), want("status", missing, syncml.StatusNotFound))
	if err != nil {
		return err
	}
	s.proved("DevInfo comes by itself: %s, %s, %s", info["Man"], info["Mod"], info["Lang"])
	s.proved("this very host: %s, %s, %d MB, encrypted: %t", said.Ext.Microsoft.OSPlatform, said.SwV, said.Ext.Microsoft.TotalRAM, encrypted)
	s.proved("%d nodes asked for in %d messages; one that does not exist is %v", sum.Commands, sum.Messages, missing)
	return nil
}
