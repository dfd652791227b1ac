package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/auth/enroll"
	"github.com/omadm-sdk/omadm/csp/apps"
	"github.com/omadm-sdk/omadm/csp/dmclient"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

const (
	providerID = "Quickstart"
	dmPath     = "/ManagementServer/MDM.svc" // where devices call to be managed
	appPath    = "/apps/hello.msix"
)

// A server is a small management server: it enrolls devices of one user, and manages them.
type server struct {
	url   string
	ca    *enroll.CA     // of its own TLS certificate, and of the devices'
	roots *x509.CertPool // that ca
	http  http.Server
	done  chan error

	mu      sync.Mutex
	devices map[string]bool // by device ID: those that have enrolled
	script  func(*session.Conversation) error
	err     error // of the last script
	alerts  []*session.Alert
}

// newServer starts a server on loopback.
func newServer(trace *session.Trace) (*server, error) {
	ca, err := enroll.NewCA("Quickstart CA", enroll.KeyP256)
	if err != nil {
		return nil, err
	}
	cert, err := serverCertificate(ca)
	if err != nil {
		return nil, err
	}
	hash, err := enroll.HashPassword("correct horse")
	if err != nil {
		return nil, err
	}
	app, err := newApp()
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{url: "https://" + listener.Addr().String(), ca: ca, roots: x509.NewCertPool(),
		devices: map[string]bool{}, done: make(chan error, 1)}
	s.roots.AddCert(ca.Certificate)
	quiet := slog.New(slog.DiscardHandler)

	mux := http.NewServeMux()
	mux.Handle("/EnrollmentServer/", &enroll.Server{
		BaseURL: s.url,
		Issuer:  ca,
		OnPremise: &enroll.Passwords{Lookup: func(_ context.Context, user string) (*enroll.Identity, []byte, error) {
			if user != "ada@example.com" {
				return nil, nil, nil
			}
			return &enroll.Identity{User: user}, hash, nil
		}},
		Provision: func(_ context.Context, r *enroll.Request) (*enroll.Provisioning, error) {
			s.remember(r.Identity.Device)
			return enroll.NewProvisioning(r, providerID, s.url+dmPath), nil
		},
		Logger: quiet,
	})
	mux.Handle("POST "+dmPath, &session.Server{
		ID: s.url + dmPath,
		Handler: session.Handlers{
			"alerts": session.HandlerFunc(s.hear),
			"script": session.Script(s.talk),
		},
		Auth: &auth.ClientCert{
			Roots: s.roots,
			Device: func(_ context.Context, cert *x509.Certificate) (string, error) {
				return s.known(cert.Subject.CommonName)
			},
		},
		Trace:  trace,
		Logger: quiet,
	})
	mux.HandleFunc("GET "+appPath, func(w http.ResponseWriter, _ *http.Request) { w.Write(app) })
	s.http = http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 10 * time.Second,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequestClientCert},
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	go func() { s.done <- s.http.ServeTLS(listener, "", "") }()
	return s, nil
}

// stop ends the server once its answers are out.
func (s *server) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		return err
	}
	if err := <-s.done; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// next says how to talk to the device in its next session.
func (s *server) next(script func(*session.Conversation) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script, s.err = script, errors.New("the server's script did not get to its end")
}

// talk runs the script of the session.
func (s *server) talk(_ context.Context, c *session.Conversation) error {
	s.mu.Lock()
	script := s.script
	s.mu.Unlock()
	if script == nil {
		return nil
	}
	err := script(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script, s.err = nil, err
	return nil
}

// outcome is what the script returned.
func (s *server) outcome() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// hear keeps alerts.
func (s *server) hear(_ *session.Writer, r *session.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alerts = append(s.alerts, r.Alerts...)
	for _, a := range r.Alerts {
		if dmclient.IsUnenroll(a) {
			delete(s.devices, r.Identity.Device)
		}
	}
	return nil
}

// finished is how the last installation ended.
func (s *server) finished() (apps.Outcome, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.alerts {
		if o, ok := apps.Finished(a); ok {
			return o, true
		}
	}
	return apps.Outcome{}, false
}

// left reports whether the device has said that it leaves.
func (s *server) left() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.devices) == 0
}

func (s *server) remember(device string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.devices[device] = true
}

// known returns a device that has enrolled.
func (s *server) known(device string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.devices[device] {
		return "", auth.ErrUnknown
	}
	return device, nil
}

// refuses tries to talk to the server as the device, without its certificate. It is an error if that works.
func (s *server) refuses(ctx context.Context) error {
	body, err := syncml.Append(nil, &syncml.Message{
		Header:   syncml.Header{SessionID: "1", MsgID: "1", Target: syncml.Location{URI: s.url + dmPath}, Source: syncml.Location{URI: deviceID}},
		Commands: []syncml.Command{&syncml.Alert{CmdID: "2", Code: syncml.AlertClientInitiated}},
		Final:    true,
	}, nil)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+dmPath, strings.NewReader(string(body)))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", syncml.TypeXML)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.roots}}}
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if body, err = io.ReadAll(res.Body); err != nil {
		return err
	}
	answer, err := syncml.Unmarshal(body, nil)
	if err != nil {
		return err
	}
	for _, c := range answer.Commands {
		if st, ok := c.(*syncml.Status); !ok || st.Code != syncml.StatusCredentialsRequired {
			return fmt.Errorf("without a certificate, the server answers %T %v", c, c)
		}
	}
	return nil
}
