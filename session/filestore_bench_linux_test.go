package session_test

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/session"
)

// wal is the most that a log can do: it appends what it is given and waits for the disk, together for all who have come
// meanwhile. It knows nothing of what it writes.
type wal struct {
	mu            sync.Mutex
	pending       []byte
	added, synced int
	disk          sync.Mutex
	file          *os.File
	err           error
}

func (l *wal) append(b []byte) error {
	l.mu.Lock()
	l.pending = append(l.pending, b...)
	l.added++
	n := l.added
	l.mu.Unlock()

	l.disk.Lock()
	defer l.disk.Unlock()
	if l.synced >= n || l.err != nil {
		return l.err
	}
	l.mu.Lock()
	data, upTo := l.pending, l.added
	l.pending = nil
	l.mu.Unlock()
	_, err := l.file.Write(data)
	l.err = errors.Join(err, syscall.Fdatasync(int(l.file.Fd())))
	l.synced = upTo
	return l.err
}

// BenchmarkFileStore is a cycle of the file store (enqueue one command, load it, record its outcome), beside a bare log to
// which as many octets are appended, twice a cycle as well.
func BenchmarkFileStore(b *testing.B) {
	body := []byte("\x01\x03\x02./Vendor/MSFT/Policy/Config/Camera/AllowCamera\x0a\x00\x010")
	state, outcome := make([]byte, 250), make([]byte, 40)
	for _, writers := range []int{16, 1} {
		b.Run(fmt.Sprintf("%d writers", writers), func(b *testing.B) {
			dir := b.TempDir()
			store, err := session.OpenFileStore(filepath.Join(dir, "store"))
			require.NoError(b, err)
			b.Cleanup(func() { store.Close() })
			file, err := os.Create(filepath.Join(dir, "log"))
			require.NoError(b, err)
			b.Cleanup(func() { file.Close() })
			log := &wal{file: file}

			n := 800 / writers
			var mine, theirs []float64
			var each []time.Duration
			var size int64
			rev := make(map[string]int64)
			for w := range writers {
				for i := range 20 {
					rev[fmt.Sprintf("urn:uuid:7d0ab4be-15a3-4c31-9d2c-%06d%06d", w, i)] = 0
				}
			}
			var mu sync.Mutex
			for round := 0; b.Loop(); round++ {
				took := make([]time.Duration, writers*n)
				mine = append(mine, parallel(b, writers, func(w int) error {
					for i := range n {
						start := time.Now()
						device := fmt.Sprintf("urn:uuid:7d0ab4be-15a3-4c31-9d2c-%06d%06d", w, i%20)
						mu.Lock()
						r := rev[device]
						rev[device]++
						mu.Unlock()
						if err := storeCycle(b.Context(), store, device, r, workName((round*n+i)*writers+w), body, state, outcome); err != nil {
							return err
						}
						took[w*n+i] = time.Since(start)
					}
					return nil
				}))
				each = append(each, took...)
				if round == 0 { // as much as the store has written
					info, err := os.Stat(filepath.Join(dir, "store"))
					require.NoError(b, err)
					size = info.Size() / int64(2*writers*n)
				}
				frame := make([]byte, size)
				theirs = append(theirs, parallel(b, writers, func(int) error {
					for range 2 * n {
						if err := log.append(frame); err != nil {
							return err
						}
					}
					return nil
				}))
			}
			slices.Sort(each)
			per := float64(writers * n)
			b.ReportMetric(per/median(mine), "cycles/s")
			b.ReportMetric(per/median(theirs), "cycles/s-log")
			b.ReportMetric(median(theirs)/median(mine), "×log")
			b.ReportMetric(float64(each[len(each)*99/100].Microseconds())/1000, "ms-p99")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// storeCycle enqueues a command, loads it and records its outcome.
func storeCycle(ctx context.Context, s session.Store, device string, rev int64, id session.WorkID, body, state, outcome []byte) error {
	err := s.Commit(ctx, device, session.AnyRev, &session.Change{Put: []session.Work{{ID: id, Body: body}}})
	if err != nil {
		return err
	}
	r, err := s.Load(ctx, device, start, 256)
	if err != nil {
		return err
	}
	if len(r.Work) != 1 || r.Work[0].ID != id || r.Rev != rev {
		return fmt.Errorf("revision %d with work %v, want %d with %s", r.Rev, r.Work, rev, id)
	}
	return s.Commit(ctx, device, rev, &session.Change{State: state, Done: []session.Done{{ID: id, At: start, Outcome: outcome}}})
}

// workName returns a WorkID as a Queue makes them.
func workName(i int) session.WorkID {
	sum := sha256.Sum256(fmt.Append(nil, i))
	id := append(binary.BigEndian.AppendUint64(nil, uint64(i))[2:], sum[:10]...)
	return session.WorkID(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(id))
}
