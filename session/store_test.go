package session_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

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
		require.Equal(t, []string{path, path + ".lock"}, left, "no temporary file stays")
	})
}

// TestReplyIsForgotten: the last reply of a device stays no longer than the device may repeat its message.
func TestReplyIsForgotten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	for _, tt := range []struct {
		name  string
		store session.WorkStore
	}{{"memory", new(session.MemoryStore)}, {"file", openFile(t, path)}} {
		t.Run(tt.name, func(t *testing.T) {
			reply := bytes.Repeat([]byte("reply"), 1000)
			commit := func(device string, rev int64, at time.Time) {
				err := tt.store.Commit(t.Context(), device, rev, &session.Change{Reply: reply, ReplyUntil: at.Add(time.Minute)})
				require.NoError(t, err)
			}
			const devices = 10
			for i := range devices {
				commit(fmt.Sprint(i), 0, start)
			}
			commit("0", 1, start.Add(30*time.Second))
			left := func(at time.Time) (n int) {
				for i := range devices {
					r, err := tt.store.Load(t.Context(), fmt.Sprint(i), at, 1)
					require.NoError(t, err)
					if r.Reply != nil {
						require.Equal(t, reply, r.Reply)
						n++
					}
				}
				return n
			}
			require.Equal(t, devices, left(start.Add(time.Minute)))
			left(start.Add(61 * time.Second)) // forgets as it goes along
			require.Equal(t, 1, left(start.Add(61*time.Second)))
			left(start.Add(91 * time.Second))
			require.Equal(t, 0, left(start.Add(91*time.Second)))
			commit("1", 1, start.Add(2*time.Hour))
			require.Equal(t, 1, left(start.Add(2*time.Hour)))
			if s, ok := tt.store.(*session.FileStore); ok {
				require.NoError(t, s.Commit(t.Context(), "w", session.AnyRev, &session.Change{
					Put: []session.Work{{ID: "1"}}, Done: []session.Done{{ID: "1", At: start}},
				}))
				_, err := s.Purge(t.Context(), start.Add(time.Hour))
				require.NoError(t, err)
				info, err := os.Stat(path)
				require.NoError(t, err)
				require.Less(t, info.Size(), int64(len(reply)+1000), "written anew, with the one reply that is needed")
				require.NoError(t, s.Close())
				tt.store = openFile(t, path)
				require.Equal(t, 1, left(start.Add(2*time.Hour)))
				left(start.Add(3 * time.Hour))
				require.Equal(t, 0, left(start.Add(3*time.Hour)))
			}
		})
	}
}

// TestMemoryStoreKeepsNames: the name of a device is a part of its message, which does not stay because of it.
func TestMemoryStoreKeepsNames(t *testing.T) {
	store := new(session.MemoryStore)
	before := liveHeap()
	for i := range 16 {
		msg := strings.Repeat("message ", 1<<17) + strconv.Itoa(i)
		require.NoError(t, store.Commit(t.Context(), msg[1<<20:], 0, &session.Change{State: []byte("state"), Put: []session.Work{{ID: "1"}}}))
	}
	require.Less(t, liveHeap()-before, int64(8<<20), "16 messages of a megabyte have come")
	r, err := store.Load(t.Context(), "15", start, 1)
	require.NoError(t, err)
	require.Equal(t, "state", string(r.State))
}

// TestFileStoreShowsWhatIsDurable: nobody sees work done that a machine which dies now would do again.
func TestFileStoreShowsWhatIsDurable(t *testing.T) {
	for name, look := range map[string]func(s *session.FileStore) error{
		"Work": func(s *session.FileStore) error { _, err := s.Work(t.Context(), "w"); return err },
		"List": func(s *session.FileStore) error {
			for _, err := range s.List(t.Context(), "d") {
				return err
			}
			return nil
		},
		"Wait": func(s *session.FileStore) error {
			_, err := (&session.Server{Store: s}).Queue().Wait(t.Context(), "w")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := openFile(t, filepath.Join(t.TempDir(), "store"))
			put := &session.Change{Put: []session.Work{{ID: "w", Body: []byte("x")}}}
			require.NoError(t, s.Commit(t.Context(), "d", session.AnyRev, put))
			fail := session.StopDisk(s)
			committed, seen := make(chan error, 1), make(chan error, 1)
			go func() {
				committed <- s.Commit(t.Context(), "d", session.AnyRev, &session.Change{Done: []session.Done{{ID: "w", At: start}}})
			}()
			for {
				rec, err := s.Load(t.Context(), "d", start, 1)
				require.NoError(t, err)
				if len(rec.Work) == 0 {
					break // in memory it is done
				}
				runtime.Gosched()
			}
			go func() { seen <- look(s) }()
			fail()
			require.Error(t, <-committed)
			require.ErrorIs(t, <-seen, os.ErrClosed)
		})
	}
}

// TestFileStoreBusy: a log is written anew also where it never stands still.
func TestFileStoreBusy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	s := openFile(t, path)
	big := bytes.Repeat([]byte("x"), 256<<10)
	const workers, rounds = 8, 40
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			for rev := range int64(rounds) {
				if err := s.Commit(t.Context(), fmt.Sprint(i), rev, &session.Change{State: big}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Less(t, info.Size(), int64(25<<20), "80 MB were written, 2 MB are left")
	require.NoError(t, s.Close())
	again := openFile(t, path)
	for i := range workers {
		r, err := again.Load(t.Context(), fmt.Sprint(i), start, 1)
		require.NoError(t, err)
		require.EqualValues(t, rounds, r.Rev)
	}
}

// TestFileStoreTornWrite cuts a log at every length, as a machine that dies does: what was committed before the cut is
// there, and the store goes on from it.
func TestFileStoreTornWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "store")
	s := openFile(t, path)
	begin, err := os.Stat(path)
	require.NoError(t, err)
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
	for n := int(begin.Size()); n <= len(log); n++ {
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

// TestFileStoreElsewhere: a file that is no store stays as it is.
func TestFileStoreElsewhere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	for _, text := range []string{"x", "omadm tree 1\n", "# settings of something else\nname = value\n", strings.Repeat("\x00", 100)} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := session.OpenFileStore(path)
		require.ErrorContains(t, err, path+": it is no file store", "%q", text)
		left, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, text, string(left))
	}
}

// TestFileStoreInUse: two that write one file would lose what the other wrote.
func TestFileStoreInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	s := openFile(t, path)
	_, err := session.OpenFileStore(path)
	require.ErrorContains(t, err, path+": it is open elsewhere")
	require.NoError(t, s.Commit(t.Context(), "a", 0, &session.Change{State: []byte("1")}))
	require.NoError(t, s.Close())
	r, err := openFile(t, path).Load(t.Context(), "a", start, 1)
	require.NoError(t, err)
	require.EqualValues(t, 1, r.Rev)
}

// TestFileStoreTornAtOnce: a machine may die while the file is being made.
func TestFileStoreTornAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	s := openFile(t, path)
	require.NoError(t, s.Close())
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for n := range whole {
		for _, text := range []string{string(whole[:n]), string(whole[:n]) + strings.Repeat("\x00", len(whole)-n)} {
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			s, err := session.OpenFileStore(path)
			require.NoError(t, err, "%q", text)
			require.NoError(t, s.Commit(t.Context(), "a", 0, &session.Change{State: []byte("1")}))
			require.NoError(t, s.Close())
			s = openFile(t, path)
			r, err := s.Load(t.Context(), "a", start, 1)
			require.NoError(t, err)
			require.EqualValues(t, 1, r.Rev)
			require.NoError(t, s.Close())
		}
	}
}
