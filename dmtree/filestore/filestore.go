package filestore

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/internal/durable"
)

// ErrCorrupt is in the error of Open for a file that holds something else than
// a store, or whose damage is not that of an interrupted write.
var ErrCorrupt = errors.New("the file of the tree is damaged")

// Options for Open. Nil and zero fields stand for the defaults.
type Options struct {
	// CaseSensitive, ExplicitParents and MaxBytes are those of dmtree.Memory.
	CaseSensitive   bool
	ExplicitParents bool
	MaxBytes        int
	// CompactAt is how many bytes the log may grow beyond twice its size
	// after the last compaction before it is written anew; 0 means 1 MiB.
	CompactAt int64
	// Logger is told of what was recovered; nil means slog.Default.
	Logger *slog.Logger
}

// A Recovery tells what Open has found.
type Recovery struct {
	Records int   // whole records
	Cut     int64 // bytes of an interrupted write that were cut off
}

// A Store is a provider whose nodes are in a file. It is safe for concurrent
// use. Its methods are those of [dmtree.Memory]; every change returns only once
// it is durable. After a failure to write, for which errors wrap
// dmtree.ErrStore, nothing more is written until the store is opened again;
// a full disk, dmtree.ErrFull, can be recovered from by making room.
type Store struct {
	dmtree.Memory
	recovered Recovery

	log journal
}

// Open opens the store in the file path, or creates it with an empty tree. The
// folder must exist.
func Open(path string, opts *Options) (*Store, error) {
	if opts == nil {
		opts = new(Options)
	}
	lock, err := durable.Lock(path + ".lock")
	if err != nil {
		return nil, fmt.Errorf("filestore: open %s: %w", path, err)
	}
	s := &Store{log: journal{path: path, compactAt: opts.CompactAt, lock: lock}}
	if s.log.compactAt == 0 {
		s.log.compactAt = 1 << 20
	}
	s.CaseSensitive = opts.CaseSensitive
	if err := s.load(path); err != nil {
		lock.Close()
		if s.log.file != nil {
			s.log.file.Close()
		}
		return nil, fmt.Errorf("filestore: open %s: %w", path, err)
	}
	s.ExplicitParents, s.MaxBytes, s.Journal = opts.ExplicitParents, opts.MaxBytes, &s.log
	if s.recovered.Cut > 0 {
		logger := opts.Logger
		if logger == nil {
			logger = slog.Default()
		}
		logger.Warn("filestore: an interrupted write was cut off", "path", path, "bytes", s.recovered.Cut)
	}
	return s, nil
}

// Recovered tells what Open has found.
func (s *Store) Recovered() Recovery { return s.recovered }

// Set is Memory.Set, but answers what goes wrong with the file.
func (s *Store) Set(u dmtree.URI, v dmtree.Value) error {
	c, err := dmtree.ParseURI(string(u))
	if err != nil {
		return err
	}
	return s.Apply(context.Background(), dmtree.Change{Op: dmtree.OpSet, URI: c, Value: v})
}

// Compact writes the log anew, without what later changes have made void.
func (s *Store) Compact(ctx context.Context) error {
	s.log.compactNext()
	return s.Apply(ctx)
}

// Close gives the file free. What has been changed is durable already.
func (s *Store) Close() error {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	if s.log.broken == errClosed {
		return nil
	}
	s.log.broken = errClosed
	return errors.Join(s.log.file.Close(), s.log.lock.Close())
}

var errClosed = errors.New("the store is closed")

// load reads the file into the tree and makes it ready for more.
func (s *Store) load(path string) error {
	os.Remove(path + ".new") // of a compaction that was interrupted
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s.log.rewrite(func(func(dmtree.Change) bool) {}, nil)
	}
	if err != nil {
		return err
	}
	if len(data) < len(magic) || string(data[:len(magic)]) != magic {
		return fmt.Errorf("%w: it is no store", ErrCorrupt)
	}
	rest := data[len(magic):]
	for len(rest) > 0 {
		number, payload, after, err := cutRecord(rest)
		if err != nil {
			if anyRecord(rest[1:]) {
				return fmt.Errorf("%w: at byte %d: %w", ErrCorrupt, len(data)-len(rest), err)
			}
			s.recovered.Cut = int64(len(rest))
			break
		}
		if s.log.number != 0 && number != s.log.number+1 {
			return fmt.Errorf("%w: record %d follows record %d", ErrCorrupt, number, s.log.number)
		}
		changes, err := parseChanges(payload)
		if err == nil {
			err = s.Apply(context.Background(), changes...)
		}
		if err != nil {
			return fmt.Errorf("%w: record %d: %w", ErrCorrupt, number, err)
		}
		s.log.number = number
		s.recovered.Records++
		rest = after
	}
	s.log.size = int64(len(data) - len(rest))
	s.log.base = s.log.size
	return s.log.reopen(s.recovered.Cut > 0)
}

// A journal writes what the tree tells it to the file.
type journal struct {
	mu        sync.Mutex
	path      string
	lock      *os.File
	file      *os.File
	number    uint64 // of the last record
	size      int64  // bytes up to its end
	base      int64  // size after the last compaction
	compactAt int64
	compact   bool  // at the next opportunity
	broken    error // why nothing more is written
	buf       []byte
}

func (j *journal) compactNext() {
	j.mu.Lock()
	j.compact = true
	j.mu.Unlock()
}

// Commit implements dmtree.Journal.
func (j *journal) Commit(changes []dmtree.Change, all iter.Seq[dmtree.Change]) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return fmt.Errorf("%w: %w", dmtree.ErrStore, j.broken)
	}
	if j.compact || j.size > 2*j.base+j.compactAt {
		// The old tree and the new transaction become durable in one step.
		if err := j.rewrite(all, changes); err != nil {
			return failure(err)
		}
		j.compact = false
		return nil
	}
	if len(changes) == 0 {
		return nil
	}
	var err error
	if j.buf, err = appendRecord(j.buf[:0], j.number+1, changes); err != nil {
		return err
	}
	_, err = j.file.WriteAt(j.buf, j.size)
	if err == nil {
		err = j.file.Sync()
		if err != nil { // what of it is on the disk, nobody knows
			j.broken = err
		}
	} else if undo := j.file.Truncate(j.size); undo != nil {
		j.broken = errors.Join(err, undo)
	}
	if err != nil {
		return failure(err)
	}
	j.number++
	j.size += int64(len(j.buf))
	if cap(j.buf) > 1<<20 {
		j.buf = nil
	}
	return nil
}

func failure(err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("%w: %w", dmtree.ErrFull, err)
	}
	return fmt.Errorf("%w: %w", dmtree.ErrStore, err)
}

// rewrite puts a new file that holds all and then changes in the place of the
// old one. Until it is there whole, the old one stays.
func (j *journal) rewrite(all iter.Seq[dmtree.Change], changes []dmtree.Change) error {
	name := j.path + ".new"
	f, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	size, number, err := j.writeAll(f, all, changes)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	if j.file != nil { // some systems do not replace an open file
		j.file.Close()
		j.file = nil
	}
	if err := os.Rename(name, j.path); err != nil {
		if reopen := j.reopen(false); reopen != nil {
			j.broken = errors.Join(err, reopen)
		}
		return err
	}
	j.size, j.base, j.number = size, size, number
	if err := errors.Join(durable.SyncDir(filepath.Dir(j.path)), j.reopen(false)); err != nil {
		j.broken = err
		return err
	}
	return nil
}

// writeAll writes a whole file; the numbers of its records go on from those of
// the old one.
func (j *journal) writeAll(f *os.File, all iter.Seq[dmtree.Change], changes []dmtree.Change) (size int64, number uint64, err error) {
	w := bufio.NewWriterSize(f, 1<<16)
	write := func(b []byte) {
		if err == nil {
			_, err = w.Write(b)
			size += int64(len(b))
		}
	}
	write([]byte(magic))
	var group []dmtree.Change
	var buf []byte
	weight := 0
	number = j.number
	flush := func() {
		if len(group) == 0 || err != nil {
			return
		}
		if buf, err = appendRecord(buf[:0], number+1, group); err == nil {
			number++
			write(buf)
		}
		group, weight = group[:0], 0
	}
	for c := range all {
		group = append(group, c)
		if weight += len(c.URI) + c.Value.Size(); weight > 1<<16 {
			flush()
		}
		if err != nil {
			return 0, 0, err
		}
	}
	flush()
	group = append(group, changes...)
	flush()
	if err == nil {
		err = w.Flush()
	}
	return size, number, err
}

// reopen opens the file for more records, cut to those it has.
func (j *journal) reopen(cut bool) error {
	f, err := os.OpenFile(j.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	j.file = f
	if !cut {
		return nil
	}
	if err := f.Truncate(j.size); err != nil {
		return err
	}
	return f.Sync()
}

var _ io.Closer = (*Store)(nil)
