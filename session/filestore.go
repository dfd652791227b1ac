package session

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/omadm-sdk/omadm/internal/durable"
)

// FileStore is a [WorkStore] for one process: all is kept in memory, and each change is on the disk before Commit
// returns. It is one file, to which changes are appended, and which is written anew from time to time. What several
// devices change at the same moment goes to the disk together.
//
// It survives the death of the process, and of the machine, at any moment. Who has it open holds a lock on a file beside it,
// whose name ends in .lock.
type FileStore struct {
	path string
	lock *os.File

	mu      sync.Mutex // guards what follows, and the order of changes
	mem     MemoryStore
	file    *os.File
	pending []byte // appended to the log, but not written
	size    int64  // of the log, pending included
	compact int64  // the size at which the file is written anew
	changes int64  // how many there have been
	synced  int64  // how many of them are on the disk
	err     error  // what went wrong with the file; nothing is accepted any more

	disk sync.Mutex // held by whoever writes
}

// fileMagic is what the file begins with.
const fileMagic = "omadm work 1\n"

// Logs smaller than minCompact are not written anew; a larger one when it has grown to compactFactor times what it was.
const (
	minCompact    = 16 << 20
	compactFactor = 4
	maxFrame      = 1 << 30
	frameHead     = 8 // length and checksum
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// OpenFileStore opens the store in the file at path, and makes it if there is none; a file that holds something else is an
// error, and so is one that is open elsewhere. Changes at the end of the file that were being written when the machine died
// are dropped: nobody was told that they had been made.
func OpenFileStore(path string) (*FileStore, error) {
	lock, err := durable.Lock(path + ".lock")
	if err != nil {
		return nil, fmt.Errorf("session: open file store %s: %w", path, err)
	}
	s := &FileStore{path: path, lock: lock}
	s.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		if err = s.replay(); err != nil {
			s.file.Close()
		}
	}
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("session: open file store %s: %w", path, err)
	}
	return s, nil
}

// replay reads the log.
func (s *FileStore) replay() error {
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	r := bufio.NewReaderSize(s.file, 1<<20)
	magic := make([]byte, min(info.Size(), int64(len(fileMagic))))
	if _, err := io.ReadFull(r, magic); err != nil {
		return err
	}
	s.size = int64(len(fileMagic))
	if string(magic) != fileMagic {
		// The machine may have died while the file was being made; its end may then be there, but not what it holds.
		if info.Size() > s.size || !strings.HasPrefix(fileMagic, strings.TrimRight(string(magic), "\x00")) {
			return errors.New("it is no file store")
		}
		if err := s.begin(); err != nil {
			return err
		}
	}
	var head [frameHead]byte
	for {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			break
		}
		n := binary.LittleEndian.Uint32(head[:])
		if n == 0 || int64(n) > info.Size()-s.size-frameHead {
			break
		}
		frame := make([]byte, n)
		if _, err := io.ReadFull(r, frame); err != nil {
			return err
		}
		if crc32.Checksum(frame, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
			break
		}
		if err := s.take(frame); err != nil {
			return err
		}
		s.size += frameHead + int64(n)
	}
	if err := s.file.Truncate(s.size); err != nil {
		return err
	}
	if _, err := s.file.Seek(s.size, io.SeekStart); err != nil {
		return err
	}
	s.compact = max(minCompact, compactFactor*s.size)
	return nil
}

// begin makes an empty log.
func (s *FileStore) begin() error {
	_, err := s.file.WriteAt([]byte(fileMagic), 0)
	if err == nil {
		err = s.file.Sync()
	}
	if err == nil {
		err = durable.SyncDir(filepath.Dir(s.path))
	}
	return err
}

// Kinds of frames.
const (
	frameChange = 'c' // one Commit
	frameDevice = 'd' // the record of a device, as it is
	frameWork   = 'w' // a piece of work, as it is
)

// take makes a frame of the log true.
func (s *FileStore) take(frame []byte) error {
	p := parser{s: string(frame)}
	kind := p.byte()
	device := p.str()
	switch kind {
	case frameChange:
		rev, at := p.int(), time.UnixMicro(p.int())
		c := p.change()
		if err := p.end(); err != nil {
			return err
		}
		if err := s.mem.check(device, rev, c); err != nil {
			return errStored
		}
		s.mem.apply(device, rev, c, at)
	case frameDevice:
		d := s.mem.device(device)
		d.rev, d.state = p.int(), p.blob()
		s.mem.setReply(d, p.blob(), p.time())
	case frameWork:
		s.mem.put(s.mem.device(device), p.work(device))
	default:
		return errStored
	}
	return p.end()
}

// Load implements [Store].
func (s *FileStore) Load(ctx context.Context, device string, now time.Time, limit int) (*Record, error) {
	s.mu.Lock()
	err := s.err
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return s.mem.Load(ctx, device, now, limit)
}

// Commit implements [Store].
func (s *FileStore) Commit(_ context.Context, device string, rev int64, c *Change) error {
	now := time.Now()
	a := appender{make([]byte, frameHead, frameHead+256+len(c.State)+len(c.Reply))}
	a.byte(frameChange)
	a.str(device)
	a.int(rev)
	a.int(now.UnixMicro())
	a.change(c)
	frame := a.b
	if err := seal(frame); err != nil {
		return err
	}

	s.mu.Lock()
	if s.err != nil {
		defer s.mu.Unlock()
		return s.err
	}
	s.mem.mu.Lock()
	err := s.mem.check(device, rev, c)
	if err == nil {
		s.mem.apply(device, rev, c, now)
	}
	s.mem.mu.Unlock()
	if err != nil {
		s.mu.Unlock()
		return err
	}
	s.pending = append(s.pending, frame...)
	s.size += int64(len(frame))
	s.changes++
	n := s.changes
	s.mu.Unlock()
	return s.sync(n)
}

// seal completes a frame whose head is still empty.
func seal(frame []byte) error {
	n := len(frame) - frameHead
	if n > maxFrame {
		return fmt.Errorf("session: file store: change of %d bytes, want at most %d", n, maxFrame)
	}
	binary.LittleEndian.PutUint32(frame, uint32(n))
	binary.LittleEndian.PutUint32(frame[4:], crc32.Checksum(frame[frameHead:], castagnoli))
	return nil
}

// sync returns once the first n changes are on the disk. Whoever comes first writes for all who have come since.
func (s *FileStore) sync(n int64) error {
	s.disk.Lock()
	defer s.disk.Unlock()
	s.mu.Lock()
	if s.err != nil || s.synced >= n {
		defer s.mu.Unlock()
		return s.err
	}
	data, upTo := s.pending, s.changes
	s.pending = nil
	s.mu.Unlock()

	_, err := s.file.Write(data)
	if err == nil {
		err = s.file.Sync()
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.err = fmt.Errorf("session: file store %s: %w", s.path, err)
		return s.err
	}
	s.synced = upTo
	if s.size < s.compact {
		return nil
	}
	return s.rewrite()
}

// rewrite replaces the log by one that holds what is, and not how it came to be. s.mu and s.disk are held.
func (s *FileStore) rewrite() error {
	if err := s.replace(); err != nil {
		s.err = fmt.Errorf("session: write file store %s anew: %w", s.path, err)
		return s.err
	}
	s.pending, s.synced = nil, s.changes // what was pending is in memory, and so in the new log
	return nil
}

func (s *FileStore) replace() error {
	tmp, err := os.CreateTemp(filepath.Dir(s.path), filepath.Base(s.path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // after the renaming there is none
	size, err := s.snapshot(tmp)
	if err == nil {
		err = tmp.Sync()
	}
	if err == nil {
		err = os.Rename(tmp.Name(), s.path)
	}
	if err == nil {
		err = durable.SyncDir(filepath.Dir(s.path))
	}
	if err != nil {
		tmp.Close()
		return err
	}
	s.file.Close()
	s.file, s.size = tmp, size
	s.compact = max(minCompact, compactFactor*size)
	return nil
}

func (s *FileStore) snapshot(f *os.File) (size int64, err error) {
	w := bufio.NewWriterSize(f, 1<<20)
	a := appender{}
	put := func() {
		if err == nil {
			err = seal(a.b)
		}
		if err == nil {
			_, err = w.Write(a.b)
		}
		size += int64(len(a.b))
	}
	w.WriteString(fileMagic) // an error comes back from Flush
	size = int64(len(fileMagic))
	s.mem.mu.Lock()
	defer s.mem.mu.Unlock()
	s.mem.forget(math.MaxInt)
	for id, d := range s.mem.devices {
		a.b = append(a.b[:0], make([]byte, frameHead)...)
		a.byte(frameDevice)
		a.str(id)
		a.int(d.rev)
		a.blob(d.state)
		a.blob(d.reply)
		a.int(d.until)
		put()
	}
	for _, wk := range s.mem.work {
		a.b = append(a.b[:0], make([]byte, frameHead)...)
		a.byte(frameWork)
		a.str(wk.Device)
		a.work(wk)
		put()
	}
	if err == nil {
		err = w.Flush()
	}
	return size, err
}

// Work implements [WorkStore]. It shows nothing that is not on the disk.
func (s *FileStore) Work(ctx context.Context, id WorkID) (*Work, error) {
	w, err := s.mem.Work(ctx, id)
	if e := s.settle(); e != nil {
		return nil, e
	}
	return w, err
}

// List implements [WorkStore]. It shows nothing that is not on the disk.
func (s *FileStore) List(ctx context.Context, device string) iter.Seq2[*Work, error] {
	l := s.mem.List(ctx, device)
	err := s.settle()
	if err == nil {
		return l
	}
	return func(yield func(*Work, error) bool) { yield(nil, err) }
}

// settle returns once all changes that are in memory now are on the disk: what a caller has just read there could be undone
// otherwise, and not come again.
func (s *FileStore) settle() error {
	s.mu.Lock()
	n, synced, err := s.changes, s.synced, s.err
	s.mu.Unlock()
	if err != nil || synced >= n {
		return err
	}
	return s.sync(n)
}

// Purge implements [WorkStore]. What it forgets leaves the file when that is written anew, which it is now.
func (s *FileStore) Purge(ctx context.Context, t time.Time) (int, error) {
	s.disk.Lock()
	defer s.disk.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.mem.Purge(ctx, t)
	if n == 0 || err != nil {
		return n, err
	}
	if err := s.rewrite(); err != nil {
		return 0, err
	}
	return n, nil
}

// Close closes the file. Nothing is lost without it.
func (s *FileStore) Close() error {
	s.disk.Lock()
	defer s.disk.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = fmt.Errorf("session: file store %s: %w", s.path, os.ErrClosed)
	} else if errors.Is(s.err, os.ErrClosed) {
		return nil
	}
	return errors.Join(s.file.Close(), s.lock.Close())
}

func (a *appender) change(c *Change) {
	a.blob(c.State)
	a.blob(c.Reply)
	a.time(c.ReplyUntil)
	a.uint(uint64(len(c.Put)))
	for i := range c.Put {
		a.work(&c.Put[i])
	}
	for _, ids := range [...][]WorkID{c.Lease, c.Release, c.Cancel, c.Requeue} {
		a.uint(uint64(len(ids)))
		for _, id := range ids {
			a.str(string(id))
		}
	}
	a.uint(uint64(len(c.Done)))
	for i := range c.Done {
		a.str(string(c.Done[i].ID))
		a.time(c.Done[i].At)
		a.blob(c.Done[i].Outcome)
	}
}

func (p *parser) change() *Change {
	c := &Change{State: p.blob(), Reply: p.blob(), ReplyUntil: p.time()}
	for range p.count() {
		c.Put = append(c.Put, p.work(""))
	}
	for _, ids := range [...]*[]WorkID{&c.Lease, &c.Release, &c.Cancel, &c.Requeue} {
		for range p.count() {
			*ids = append(*ids, WorkID(p.str()))
		}
	}
	for range p.count() {
		c.Done = append(c.Done, Done{ID: WorkID(p.str()), At: p.time(), Outcome: p.blob()})
	}
	return c
}

func (a *appender) work(w *Work) {
	a.str(string(w.ID))
	a.int(int64(w.Priority))
	a.int(w.Order)
	a.str(w.User)
	a.byte(byte(w.Status))
	a.time(w.NotBefore)
	a.time(w.Expires)
	a.time(w.DoneAt)
	a.blob(w.Body)
	a.blob(w.Outcome)
}

func (p *parser) work(device string) Work {
	return Work{
		ID: WorkID(p.str()), Device: device, Priority: int(p.int()), Order: p.int(), User: p.str(), Status: WorkStatus(p.byte()),
		NotBefore: p.time(), Expires: p.time(), DoneAt: p.time(), Body: p.blob(), Outcome: p.blob(),
	}
}

// time writes a time to the microsecond; the zero time is 0.
func (a *appender) time(t time.Time) {
	if t.IsZero() {
		a.int(0)
	} else {
		a.int(t.UnixMicro())
	}
}

func (p *parser) time() time.Time {
	if v := p.int(); v != 0 {
		return time.UnixMicro(v)
	}
	return time.Time{}
}
