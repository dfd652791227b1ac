package filestore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/dmtree/filestore"
)

func open(t *testing.T, path string, opts *filestore.Options) *filestore.Store {
	t.Helper()
	s, err := filestore.Open(path, opts)
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

func reopen(t *testing.T, s *filestore.Store, path string, opts *filestore.Options) *filestore.Store {
	t.Helper()
	require.NoError(t, s.Close())
	return open(t, path, opts)
}

// dump spells out a tree with its properties, a line a node.
func dump(p dmtree.Provider) string {
	var b strings.Builder
	for _, part := range []dmtree.Provider{p, p.(dmtree.Keeper).Keep()} {
		for e, err := range dmtree.Walk(context.Background(), part, ".") {
			secret := ""
			if e.Value.IsSecret() {
				secret = " secret"
			}
			fmt.Fprintf(&b, "%s %s %s %q%s %v\n", e.URI, e.Value.Format(), e.Value.Type(), e.Value.Text(), secret, err)
		}
	}
	return b.String()
}

func TestValuesSurvive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tree")
	s := open(t, path, nil)
	ctx := t.Context()
	for name, v := range map[string]dmtree.Value{
		"null": dmtree.Null, "chr": dmtree.String("t\x00\xff"), "int": dmtree.Int(-7), "bool": dmtree.Bool(true),
		"bin": dmtree.Bytes([]byte{0, 255}).WithType("application/octet-stream"), "b64": dmtree.Base64([]byte("x")),
		"xml": dmtree.XML("<a>ü</a>"), "float": dmtree.Float(1.5), "secret": dmtree.String("s").Secret(),
		"node": dmtree.Interior().WithType("com.example/1.0/x"), "Ü %/2": dmtree.String(""),
	} {
		require.NoError(t, dmtree.Add(ctx, s, dmtree.URI("./A/B").Join(name), v))
	}
	require.NoError(t, s.Set("./Set", dmtree.Int(1)))
	require.NoError(t, s.Set("./Set/below", dmtree.Int(2)))
	require.NoError(t, s.Set(".", dmtree.Interior().WithType("root")))
	require.NoError(t, dmtree.Rename(ctx, s, "./A/B", "C d"))
	require.NoError(t, dmtree.Delete(ctx, s, "./A/C%20d/float"))
	require.NoError(t, dmtree.SetProperty(ctx, &dmtree.Tree{Provider: s}, "./A", "ACL", "Get=*&Add=s"))
	want := dump(s)
	require.Contains(t, want, `"t\x00\xff"`)
	require.Contains(t, want, `"Add=s&Get=*"`)
	s = reopen(t, s, path, nil)
	require.Equal(t, want, dump(s))
	require.NoError(t, s.Compact(ctx))
	require.Equal(t, want, dump(s))
	s = reopen(t, s, path, nil)
	require.Equal(t, want, dump(s))
	require.Equal(t, filestore.Recovery{Records: 1}, s.Recovered())
}

func TestTransactionIsOneRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tree")
	s := open(t, path, nil)
	ctx := t.Context()
	tree := &dmtree.Tree{Provider: s}
	tx, err := dmtree.Begin(ctx, tree)
	require.NoError(t, err)
	require.NoError(t, dmtree.Add(ctx, tx, "./A/B", dmtree.Int(1)))
	require.NoError(t, dmtree.Replace(ctx, tx, "./A?prop=ACL", dmtree.String("Get=*")))
	require.NoError(t, tx.Commit(ctx))
	tx, _ = dmtree.Begin(ctx, tree)
	require.NoError(t, dmtree.Delete(ctx, tx, "./A/B"))
	require.NoError(t, tx.Rollback(ctx))
	s = reopen(t, s, path, nil)
	require.Equal(t, 1, s.Recovered().Records, "values and properties of one transaction, and nothing of one rolled back")
	acl, err := dmtree.Property(ctx, &dmtree.Tree{Provider: s}, "./A", "ACL")
	require.NoError(t, err)
	require.Equal(t, "Get=*", acl)
}

func TestRefusedChangesLeaveNoTrace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tree")
	s := open(t, path, &filestore.Options{MaxBytes: 20, ExplicitParents: true})
	ctx := t.Context()
	require.ErrorIs(t, dmtree.Add(ctx, s, "./A/B", dmtree.Null), dmtree.ErrNotFound)
	require.ErrorIs(t, dmtree.Add(ctx, s, "./A", dmtree.String(strings.Repeat("x", 20))), dmtree.ErrFull)
	require.ErrorIs(t, s.Set("./A/../B", dmtree.Null), dmtree.ErrURI)
	require.NoError(t, dmtree.Add(ctx, s, "./A", dmtree.Int(1)))
	s = reopen(t, s, path, nil)
	require.Equal(t, 1, s.Recovered().Records)
}

func TestNoFolder(t *testing.T) {
	_, err := filestore.Open(filepath.Join(t.TempDir(), "none", "tree"), nil)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NotContains(t, err.Error(), "elsewhere")
}

func TestOneProcessAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tree")
	s := open(t, path, nil)
	_, err := filestore.Open(path, nil)
	require.ErrorContains(t, err, "it is open elsewhere")
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	require.ErrorIs(t, dmtree.Add(t.Context(), s, "./A", dmtree.Null), dmtree.ErrStore)
	_, err = dmtree.Get(t.Context(), s, "./A")
	require.ErrorIs(t, err, dmtree.ErrNotFound, "a change that was refused shows")
	open(t, path, nil)
}

func TestCompactsItself(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tree")
	opts := &filestore.Options{CompactAt: 4096}
	s := open(t, path, opts)
	for i := range 400 {
		require.NoError(t, s.Set("./A", dmtree.String(strings.Repeat("x", 100)+fmt.Sprint(i))))
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Less(t, info.Size(), int64(3*4096), "400 changes of one node")
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	s = reopen(t, s, path, opts)
	v, err := dmtree.Get(t.Context(), s, "./A")
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(v.Text(), "x399"))
}

// build makes a store of three transactions and returns its file and the tree
// after each.
func build(t *testing.T) (data []byte, states []string) {
	path := filepath.Join(t.TempDir(), "tree")
	s := open(t, path, nil)
	states = append(states, dump(s))
	for i := range 3 {
		require.NoError(t, s.Set(dmtree.URI("./A").Join(fmt.Sprint(i)), dmtree.String(strings.Repeat("v", 20*i))))
		states = append(states, dump(s))
	}
	require.NoError(t, s.Close())
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data, states
}

// Whatever a crash leaves of the last write, it is cut off, and said.
func TestTornTail(t *testing.T) {
	data, states := build(t)
	ends := []int{}
	for n := len("omadm tree 1\n"); n < len(data); {
		size := int(data[n+12]) | int(data[n+13])<<8
		n += 20 + size
		ends = append(ends, n)
	}
	require.Len(t, ends, 3)
	path := filepath.Join(t.TempDir(), "tree")
	check := func(name string, torn []byte, want string, cut int) {
		t.Helper()
		require.NoError(t, os.WriteFile(path, torn, 0o600))
		var log bytes.Buffer
		opts := &filestore.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}
		s, err := filestore.Open(path, opts)
		require.NoError(t, err, name)
		require.Equal(t, want, dump(s), name)
		require.Equal(t, int64(cut), s.Recovered().Cut, name)
		require.Equal(t, cut > 0, strings.Contains(log.String(), "cut off"), name)
		require.NoError(t, s.Set("./Next", dmtree.Null), name)
		want = dump(s)
		require.NoError(t, s.Close())
		s, err = filestore.Open(path, opts)
		require.NoError(t, err, name)
		require.Equal(t, want, dump(s), name)
		require.NoError(t, s.Close())
	}
	for n := ends[1]; n < len(data); n++ {
		check(fmt.Sprintf("cut at %d", n), data[:n], states[2], n-ends[1])
		half := bytes.Clone(data)
		clear(half[n:])
		if !bytes.Equal(half, data) { // a record may end in zeros itself
			check(fmt.Sprintf("zeros from %d", n), half, states[2], len(data)-ends[1])
		}
		if n%7 == 0 {
			flipped := bytes.Clone(data)
			flipped[n] ^= 0x10
			check(fmt.Sprintf("flipped at %d", n), flipped, states[2], len(data)-ends[1])
		}
	}
	check("zeros behind", append(bytes.Clone(data), make([]byte, 4096)...), states[3], 4096)
}

// Damage that no crash makes is no reason to forget what was acknowledged.
func TestDamage(t *testing.T) {
	data, _ := build(t)
	path := filepath.Join(t.TempDir(), "tree")
	refused := func(name string, damaged []byte) {
		t.Helper()
		require.NoError(t, os.WriteFile(path, damaged, 0o600))
		_, err := filestore.Open(path, nil)
		require.ErrorIs(t, err, filestore.ErrCorrupt, name)
		left, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, damaged, left, "a damaged file was changed")
	}
	for n := 0; n < len(data)/2; n++ {
		flipped := bytes.Clone(data)
		flipped[n] ^= 0x40
		refused(fmt.Sprintf("flipped at %d", n), flipped)
	}
	refused("empty", []byte{})
	refused("another file", []byte("hello"))
	first := len("omadm tree 1\n")
	second := first + 20 + int(data[first+12])
	third := second + 20 + int(data[second+12])
	refused("a record in the middle is missing", append(bytes.Clone(data[:second]), data[third:]...))
	refused("a record twice", append(bytes.Clone(data), data[first:second]...))
}

func TestInterruptedCompaction(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tree")
	s := open(t, path, nil)
	require.NoError(t, s.Set("./A", dmtree.Int(1)))
	require.NoError(t, s.Close())
	require.NoError(t, os.WriteFile(path+".new", []byte("omadm tree 1\nhalf"), 0o600))
	s = open(t, path, nil)
	v, err := dmtree.Get(t.Context(), s, "./A")
	require.NoError(t, err)
	require.Equal(t, "1", v.Text())
	_, err = os.Stat(path + ".new")
	require.True(t, errors.Is(err, os.ErrNotExist), "what is left of a compaction stays")
}

// A compaction that cannot be made is an error, and the change not made.
func TestCompactionFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tree")
	s := open(t, path, nil)
	require.NoError(t, s.Set("./A", dmtree.Int(1)))
	require.NoError(t, os.MkdirAll(path+".new/x", 0o700))
	require.ErrorIs(t, s.Compact(t.Context()), dmtree.ErrStore)
	require.NoError(t, os.RemoveAll(path+".new"))
	require.NoError(t, s.Set("./A", dmtree.Int(2)))
	s = reopen(t, s, path, nil)
	v, err := dmtree.Get(t.Context(), s, "./A")
	require.NoError(t, err)
	require.Equal(t, "2", v.Text())
}

func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "tree")
	ctx := context.Background()

	store, err := filestore.Open(path, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	tx, _ := dmtree.Begin(ctx, store)
	dmtree.Add(ctx, tx, "./Vendor/Example/Interval", dmtree.Int(30))
	dmtree.Add(ctx, tx, "./Vendor/Example/Server", dmtree.String("https://example.com"))
	fmt.Println("commit:", tx.Commit(ctx))
	store.Close()

	store, err = filestore.Open(path, nil) // the next start of the agent
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	v, err := dmtree.Get(ctx, store, "./Vendor/Example/Interval")
	fmt.Println(v, err)
	// Output:
	// commit: <nil>
	// 30 <nil>
}
