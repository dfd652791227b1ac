package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/auth/enroll"
	"github.com/omadm-sdk/omadm/session"
)

const (
	providerID = "Example MDM"
	dmPath     = "/ManagementServer/MDM.svc"
)

// A server is the whole of it: enrollment, management, and where they are kept.
type server struct {
	dir, url string
	listener net.Listener
	http     http.Server
	store    *session.FileStore
}

// open prepares the server whose state is in dir.
func open(dir, addr, host, user, password string) (*server, error) {
	if err := os.MkdirAll(filepath.Join(dir, "devices"), 0o700); err != nil {
		return nil, err
	}
	s := &server{dir: dir}
	ca, err := s.authority()
	if err != nil {
		return nil, err
	}
	hash, err := enroll.HashPassword(password)
	if err != nil {
		return nil, err
	}
	if s.store, err = session.OpenFileStore(filepath.Join(dir, "sessions.log")); err != nil {
		return nil, err
	}
	if s.listener, err = net.Listen("tcp", addr); err != nil {
		return nil, errors.Join(err, s.store.Close())
	}
	name, port, err := net.SplitHostPort(s.listener.Addr().String())
	if err != nil {
		return nil, err
	}
	name = cmp.Or(host, name)
	cert, err := serverCertificate(ca, name)
	if err != nil {
		return nil, err
	}
	s.url = "https://" + net.JoinHostPort(name, port)

	roots := x509.NewCertPool()
	roots.AddCert(ca.Certificate)
	mux := http.NewServeMux()
	mux.Handle("/EnrollmentServer/", &enroll.Server{
		BaseURL: s.url,
		Issuer:  ca,
		OnPremise: &enroll.Passwords{Lookup: func(_ context.Context, name string) (*enroll.Identity, []byte, error) {
			if !strings.EqualFold(name, user) {
				return nil, nil, nil
			}
			return &enroll.Identity{User: user}, hash, nil
		}},
		Provision: func(_ context.Context, r *enroll.Request) (*enroll.Provisioning, error) {
			if err := s.remember(r.Identity.Device, r.Identity.User); err != nil {
				return nil, err
			}
			slog.Info("enrolled", "device", r.Identity.Device, "user", r.Identity.User)
			return enroll.NewProvisioning(r, providerID, s.url+dmPath), nil
		},
	})
	mux.Handle("POST "+dmPath, &session.Server{
		ID:      s.url + dmPath,
		Handler: &manager{s},
		Auth: &auth.ClientCert{Roots: roots, Device: func(_ context.Context, c *x509.Certificate) (string, error) {
			return s.known(c.Subject.CommonName)
		}},
		Store: s.store,
	})
	s.http = http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 10 * time.Second,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequestClientCert},
	}
	return s, nil
}

func (s *server) close() { s.store.Close() }

// caFile is where the certificate of the authority is, for devices to trust.
func (s *server) caFile() string { return filepath.Join(s.dir, "ca.pem") }

// authority reads the authority that signs the certificates of devices and of this server, or makes it.
func (s *server) authority() (*enroll.CA, error) {
	file := filepath.Join(s.dir, "ca-key.pem")
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		var made *enroll.CA
		if made, err = enroll.NewCA("Example MDM CA", enroll.KeyP256); err != nil {
			return nil, err
		}
		if data, err = made.MarshalPEM(); err != nil {
			return nil, err
		}
		err = os.WriteFile(file, data, 0o600)
	}
	if err != nil {
		return nil, err
	}
	ca, err := enroll.ParseCA(data)
	if err != nil {
		return nil, err
	}
	// At each start: the first may have ended before it came this far.
	return ca, os.WriteFile(s.caFile(), certificatePEM(ca.Certificate), 0o644)
}

// deviceFile is the record of a device. Its name comes from a certificate of our own, and is checked all the same.
func (s *server) deviceFile(device string) (string, error) {
	if !filepath.IsLocal(device) || strings.ContainsAny(device, `/\:`) || strings.HasPrefix(device, ".") {
		return "", auth.ErrUnknown
	}
	return filepath.Join(s.dir, "devices", device), nil
}

func (s *server) remember(device, user string) error {
	file, err := s.deviceFile(device)
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(user+"\n"), 0o600)
}

// known returns a device that has enrolled and not left.
func (s *server) known(device string) (string, error) {
	file, err := s.deviceFile(device)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return "", auth.ErrUnknown
	} else if err != nil {
		return "", err
	}
	return device, nil
}

func (s *server) forget(device string) error {
	file, err := s.deviceFile(device)
	if err != nil {
		return err
	}
	return os.Remove(file)
}
