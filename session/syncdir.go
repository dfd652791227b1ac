package session

import (
	"errors"
	"os"
	"runtime"
)

// syncDir makes the names in dir durable, after a rename. Windows has no such call, and does without it.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
