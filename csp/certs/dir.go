package certs

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Dir is a [Host] that keeps PEM files below a directory: <scope>/<store>/<thumbprint>.pem, scope being Device or User.
// The file of a certificate in My begins with its private key, and holds the chain after it; it can be read by its
// owner only. Directories and files are made as needed. Files are replaced as a whole.
type Dir string

// Apply implements [Host]. If one change cannot be made, those before it are undone.
func (d Dir) Apply(_ context.Context, changes []Change) error {
	var undo []func() error
	for _, c := range changes {
		path := d.path(c)
		old, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(err, rollback(undo))
		}
		existed := err == nil
		if c.Remove {
			err = os.Remove(path)
			if errors.Is(err, fs.ErrNotExist) {
				err = nil
			}
		} else {
			err = write(path, c)
		}
		if err != nil {
			return errors.Join(err, rollback(undo))
		}
		undo = append(undo, func() error {
			if existed {
				return replace(path, old)
			}
			return os.Remove(path)
		})
	}
	return nil
}

func rollback(undo []func() error) error {
	var errs []error
	for i := len(undo) - 1; i >= 0; i-- {
		if err := undo[i](); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// path has no part that a server chose: a store's name is one of a few, a thumbprint is hexadecimal.
func (d Dir) path(c Change) string {
	scope := "Device"
	if c.User {
		scope = "User"
	}
	return filepath.Join(string(d), scope, string(c.Store), Thumbprint(c.Certificate)+".pem")
}

func write(path string, c Change) error {
	var b bytes.Buffer
	if c.Key != nil {
		der, err := x509.MarshalPKCS8PrivateKey(c.Key)
		if err != nil {
			return err
		}
		if err := pem.Encode(&b, &pem.Block{Type: "PRIVATE KEY", Bytes: der}); err != nil {
			return err
		}
	}
	for _, cert := range append([]*x509.Certificate{c.Certificate}, c.Chain...) {
		if err := pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}); err != nil {
			return err
		}
	}
	return replace(path, b.Bytes())
}

// replace writes a file as a whole, readable by its owner only.
func replace(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
