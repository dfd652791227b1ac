package session

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/omadm-sdk/omadm/internal/durable"
)

// A ClientStore keeps what a [Client] must not forget between two sessions or when its process dies: nonces, alerts that
// no server has acknowledged, and the session that is open. Each Client has a store of its own. The methods may be called
// concurrently for different keys.
type ClientStore interface {
	// Load returns what was last saved under key; [fs.ErrNotExist] if that is nothing. The caller owns the slice.
	Load(ctx context.Context, key string) ([]byte, error)
	// Save stores data under key, durably and all or nothing. It does not keep the slice. Keys are short words.
	Save(ctx context.Context, key string, data []byte) error
}

// MemoryClientStore is a ClientStore that lives as long as the process. The zero value is empty and ready; it is safe
// for concurrent use.
type MemoryClientStore struct {
	mu   sync.Mutex
	data map[string][]byte
}

// Load implements [ClientStore].
func (s *MemoryClientStore) Load(_ context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.data[key]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return slices.Clone(data), nil
}

// Save implements [ClientStore].
func (s *MemoryClientStore) Save(_ context.Context, key string, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.data == nil {
		s.data = make(map[string][]byte)
	}
	s.data[key] = slices.Clone(data)
	return nil
}

// FileClientStore is a ClientStore of one file for each key in Dir, which is created if need be. Files can be read by
// their owner only. A save replaces the file as a whole and survives the loss of power where the file system keeps its
// promises; one process at a time may use a directory.
type FileClientStore struct{ Dir string }

// Load implements [ClientStore].
func (s *FileClientStore) Load(_ context.Context, key string) ([]byte, error) {
	path, err := s.path(key)
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// Save implements [ClientStore].
func (s *FileClientStore) Save(_ context.Context, key string, data []byte) error {
	path, err := s.path(key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(s.Dir, "."+key+"-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return durable.SyncDir(s.Dir)
}

func (s *FileClientStore) path(key string) (string, error) {
	switch {
	case s.Dir == "":
		return "", errors.New("session: a FileClientStore needs Dir")
	case key == "" || key[0] == '.' || key != filepath.Base(key):
		return "", fmt.Errorf("session: key %q: want a short word", key)
	}
	return filepath.Join(s.Dir, key), nil
}
