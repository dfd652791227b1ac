//go:build unix

package durable

import (
	"os"
	"syscall"
)

// Lock locks the file at path, which it makes if there is none, until what it returns is closed or the process ends,
// however it ends. It does not wait: the error is [ErrInUse] if somebody else has it.
func Lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if err == syscall.EWOULDBLOCK {
			return nil, ErrInUse
		}
		return nil, err
	}
	return f, nil
}

// SyncDir makes the names in a folder durable, after a file was made or renamed in it.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
