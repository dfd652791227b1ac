package filestore_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/dmtree/filestore"
)

// The child process commits as fast as it can, to a store that is compacted
// often, and acknowledges each transaction by its number.
func TestMain(m *testing.M) {
	if path := os.Getenv("OMADM_KILL_TEST_STORE"); path != "" {
		if err := commitForever(path); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

var killOptions = &filestore.Options{CompactAt: 2000}

func commitForever(path string) error {
	s, err := filestore.Open(path, killOptions)
	if err != nil {
		return err
	}
	n, err := committed(s)
	if err != nil {
		return err
	}
	fmt.Println(n)
	for {
		n++
		if err := transaction(s, n); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

func committed(p dmtree.Provider) (int64, error) {
	v, err := dmtree.Get(context.Background(), p, "./Count")
	if err != nil {
		return 0, err
	}
	return v.Int()
}

// transaction is number n, which always does the same.
func transaction(p dmtree.Provider, n int64) error {
	ctx := context.Background()
	tree := &dmtree.Tree{Provider: p}
	tx, err := dmtree.Begin(ctx, tree)
	if err != nil {
		return err
	}
	if err := dmtree.Replace(ctx, tx, "./Count", dmtree.Int(n)); err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(uint64(n), 0))
	for range 1 + r.IntN(8) { // some of these fail, always the same
		u := dmtree.URI("./T").Join(strconv.Itoa(r.IntN(5)), strconv.Itoa(r.IntN(5)))
		switch r.IntN(6) {
		case 0, 1:
			_ = dmtree.Add(ctx, tx, u, dmtree.String(strings.Repeat("x", r.IntN(300))))
		case 2:
			_ = dmtree.Replace(ctx, tx, u, dmtree.Int(n))
		case 3:
			_ = dmtree.Delete(ctx, tx, u)
		case 4:
			_ = dmtree.Rename(ctx, tx, u.Parent(), strconv.Itoa(r.IntN(9)))
		case 5:
			_ = dmtree.SetProperty(ctx, tx, u, "Title", fmt.Sprint("of ", n))
		}
	}
	return tx.Commit(ctx)
}

// withoutTime leaves out the time stamps, which are not the same each time.
func withoutTime(dump string) string {
	lines := strings.Split(dump, "\n")
	for i, line := range lines {
		if u, rest, _ := strings.Cut(line, " "); strings.HasSuffix(u, "/Stamp") {
			version, _, _ := strings.Cut(strings.TrimPrefix(rest, `chr  "`), " ")
			lines[i] = u + " " + version
		}
	}
	return strings.Join(lines, "\n")
}

// However the process ends, the tree is that of the last acknowledged
// transaction or of the next one.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("starts and kills processes")
	}
	kills := 10
	if os.Getenv("CI") == "true" {
		kills = 200
	}
	path := filepath.Join(t.TempDir(), "tree")
	s, err := filestore.Open(path, killOptions)
	require.NoError(t, err)
	require.NoError(t, s.Set("./Count", dmtree.Int(0)))
	require.NoError(t, s.Close())
	model := new(dmtree.Memory) // in step with what must be in the file
	model.Set("./Count", dmtree.Int(0))
	at := int64(0)
	r := rand.New(rand.NewPCG(1, 1))
	var next, cut int
	for kill := range kills {
		acknowledged := commitAndDie(t, path, time.Duration(r.IntN(12_000))*time.Microsecond)
		s, err := filestore.Open(path, killOptions)
		require.NoError(t, err, "kill %d after %d", kill, acknowledged)
		n, err := committed(s)
		require.NoError(t, err)
		require.True(t, n == acknowledged || n == acknowledged+1, "kill %d: %d transactions are there, %d were acknowledged", kill, n, acknowledged)
		for ; at < n; at++ {
			require.NoError(t, transaction(model, at+1))
		}
		require.Equal(t, withoutTime(dump(model)), withoutTime(dump(s)), "kill %d after %d", kill, acknowledged)
		if n > acknowledged {
			next++
		}
		if s.Recovered().Cut > 0 {
			cut++
		}
		require.NoError(t, s.Close())
	}
	t.Logf("%d kills, %d transactions: %d times one more than acknowledged, %d torn tails", kills, at, next, cut)
}

// commitAndDie starts a child, kills it some time after its first
// acknowledgement, and returns the last one.
func commitAndDie(t *testing.T, path string, after time.Duration) int64 {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "OMADM_KILL_TEST_STORE="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewReader(out)
	last := int64(-1)
	read := func() bool {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			return false
		}
		require.NoError(t, err)
		n, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
		require.NoError(t, err, "the child says %q", line)
		last = n
		return true
	}
	require.True(t, read())
	timer := time.AfterFunc(after, func() { cmd.Process.Kill() })
	defer timer.Stop()
	for read() {
	}
	require.Error(t, cmd.Wait(), "the child ended by itself")
	return last
}
