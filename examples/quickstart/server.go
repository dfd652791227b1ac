package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/auth/enroll"
	"github.com/omadm-sdk/omadm/session"
)

// dmPath is where devices call to be managed.
const dmPath = "/ManagementServer/MDM.svc"

// A server is a small management server: it enrolls devices of one user, and manages them.
type server struct {
	*session.Server
	enrollment enroll.Server

	url   string
	roots *x509.CertPool // that devices must trust to call
	http  http.Server
	done  chan error

	mu      sync.Mutex
	devices map[string]bool // by device ID: those that have enrolled
}

// newServer starts a server on loopback. It manages devices by h.
func newServer(h session.Handler, trace *session.Trace) (*server, error) {
	ca, err := enroll.NewCA("Quickstart CA", enroll.KeyP256)
	if err != nil {
		return nil, err
	}
	cert, err := serverCertificate(ca)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.Certificate)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{url: "https://" + listener.Addr().String(), roots: roots, devices: map[string]bool{}, done: make(chan error, 1)}

	hash, err := enroll.HashPassword("correct horse")
	if err != nil {
		return nil, err
	}
	s.enrollment = enroll.Server{
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
			return enroll.NewProvisioning(r, "Quickstart", s.url+dmPath), nil
		},
		Logger: slog.New(slog.DiscardHandler),
	}
	s.Server = &session.Server{
		ID:      s.url + dmPath,
		Handler: h,
		Auth: &auth.ClientCert{
			Roots: roots,
			Device: func(_ context.Context, cert *x509.Certificate) (string, error) {
				return s.known(cert.Subject.CommonName)
			},
		},
		Trace:  trace,
		Logger: slog.New(slog.DiscardHandler),
	}

	mux := http.NewServeMux()
	mux.Handle("/EnrollmentServer/", &s.enrollment)
	mux.Handle("POST "+dmPath, s.Server)
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
	if err := s.http.Shutdown(ctx); err != nil {
		return err
	}
	<-s.done
	return nil
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
