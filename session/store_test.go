package session_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/storetest"
)

func TestMemoryStore(t *testing.T) {
	storetest.TestStore(t, func(*testing.T) session.WorkStore { return new(session.MemoryStore) })
}

func openFile(t *testing.T, path string) *session.FileStore {
	t.Helper()
	s, err := session.OpenFileStore(path)
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

func TestFileStore(t *testing.T) {
	storetest.TestStore(t, func(t *testing.T) session.WorkStore { return openFile(t, filepath.Join(t.TempDir(), "store")) })

	t.Run("Durable", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "store")
		var last *session.FileStore
		storetest.TestDurable(t, func(t *testing.T) session.WorkStore {
			if last != nil {
				require.NoError(t, last.Close())
			}
			last = openFile(t, path)
			return last
		})
	})

	t.Run("written anew when it has grown", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "store")
		s := openFile(t, path)
		big := bytes.Repeat([]byte("x"), 1<<20)
		for i := range 40 {
			require.NoError(t, s.Commit(t.Context(), "a", int64(i), &session.Change{State: big, Reply: []byte{byte(i)}}))
		}
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Less(t, info.Size(), int64(25<<20), "40 MB were written, 1 MB is left")
		require.NoError(t, s.Close())
		r, err := openFile(t, path).Load(t.Context(), "a", start, 1)
		require.NoError(t, err)
		require.EqualValues(t, 40, r.Rev)
		require.Equal(t, []byte{39}, r.Reply)
		left, err := filepath.Glob(path + "*")
		require.NoError(t, err)
		require.Equal(t, []string{path}, left, "no temporary file stays")
	})
}

// TestFileStoreTornWrite cuts a log at every length, as a machine that dies does: what was committed before the cut is
// there, and the store goes on from it.
func TestFileStoreTornWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "store")
	s := openFile(t, path)
	var ends []int64
	for i := range 2 {
		require.NoError(t, s.Commit(t.Context(), "a", int64(i), &session.Change{State: []byte{byte(i)}}))
		info, err := os.Stat(path)
		require.NoError(t, err)
		ends = append(ends, info.Size())
	}
	log, err := os.ReadFile(path)
	require.NoError(t, err)
	tails := []string{"", "\xff\xff", strings.Repeat("\xff", 40)}
	for n := range len(log) + 1 {
		rev := int64(0)
		for rev < 2 && int64(n) >= ends[rev] {
			rev++
		}
		cut := filepath.Join(dir, "cut")
		require.NoError(t, os.WriteFile(cut, append(bytes.Clone(log[:n]), tails[n%len(tails)]...), 0o600))
		s, err := session.OpenFileStore(cut)
		require.NoError(t, err, "cut at %d", n)
		r, err := s.Load(t.Context(), "a", start, 1)
		require.NoError(t, err)
		require.Equal(t, rev, r.Rev, "cut at %d", n)
		if n%5 != 0 {
			require.NoError(t, s.Close())
			continue
		}
		require.NoError(t, s.Commit(t.Context(), "a", rev, &session.Change{State: []byte("new")}))
		require.NoError(t, s.Close())
		s, err = session.OpenFileStore(cut)
		require.NoError(t, err)
		r, err = s.Load(t.Context(), "a", start, 1)
		require.NoError(t, err)
		require.Equal(t, rev+1, r.Rev)
		require.NoError(t, s.Close())
	}
}

// TestFileStoreZeroTail: a file system may have made the file longer, and lost what was to be written there.
func TestFileStoreZeroTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	s := openFile(t, path)
	require.NoError(t, s.Commit(t.Context(), "a", 0, &session.Change{State: []byte("1")}))
	require.NoError(t, s.Close())
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.Write(make([]byte, 4096))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	r, err := openFile(t, path).Load(t.Context(), "a", start, 1)
	require.NoError(t, err)
	require.EqualValues(t, 1, r.Rev)
}
