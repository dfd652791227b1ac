package session_test

import (
	"context"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/syncml"
)

// crash is what a process panics with that dies in a test.
type crash struct{}

// dies runs f, in which the process dies.
func dies(t testing.TB, f func()) {
	t.Helper()
	defer func() { require.Equal(t, crash{}, recover()) }()
	f()
}

// dyingStore lets the process die in the n-th Save, before or after it is done.
type dyingStore struct {
	session.MemoryClientStore
	n     int
	after bool
}

func (s *dyingStore) Save(ctx context.Context, key string, data []byte) error {
	s.n--
	if s.n == 0 && !s.after {
		panic(crash{})
	}
	err := s.MemoryClientStore.Save(ctx, key, data)
	if s.n == 0 {
		panic(crash{})
	}
	return err
}

// counting is a tree that counts what it is told to run, and dies when that is ./Die.
type counting struct {
	*dmtree.Memory
	executed int
}

func (c *counting) Exec(_ context.Context, u dmtree.URI, _ dmtree.Value) error {
	c.executed++
	switch u {
	case "./Die":
		panic(crash{})
	case "./Fail":
		return dmtree.ErrNotAllowed
	}
	return nil
}

// plain hides that the tree can keep a journal.
type plain struct{ *counting }

func (p plain) Keep() dmtree.Provider { return nil }

// A device that dies in the middle of a message goes on with it when it is back, and does nothing twice.
func TestCrash(t *testing.T) {
	// The message adds to the tree in ways that show when they are repeated: 418.
	const orders = `<Add><CmdID>1</CmdID><Item><Target><LocURI>./A/new</LocURI></Target><Data>1</Data></Item></Add>` +
		`<Atomic><CmdID>2</CmdID><Add><CmdID>3</CmdID><Item><Target><LocURI>./A/two</LocURI></Target><Data>2</Data></Item></Add></Atomic>` +
		`<Get><CmdID>4</CmdID><Item><Target><LocURI>./A/x</LocURI></Target></Item></Get>`
	exec := nodeCmd("Exec", "5", "./Run")
	later := addCmd("6", "./A/later", "3")
	const good = `Status 1/0 SyncHdr 200
		Status 1/1 Add 200 ./A/new
		Status 1/2 Atomic 200
		Status 1/3 Add 200 ./A/two
		Status 1/4 Get 200 ./A/x
		Results 1/4 [./A/x "1"]`
	const unknown = `Status 1/0 SyncHdr 200
		Status 1/1 Add 500 ./A/new ["outcome unknown"]
		Status 1/2 Atomic 500 ["outcome unknown"]
		Status 1/3 Add 500 ./A/two ["outcome unknown"]
		Status 1/4 Get 200 ./A/x
		Results 1/4 [./A/x "1"]
		Status 1/5 Exec 500 ./Run ["outcome unknown"]
		Status 1/6 Add 500 ./A/later ["outcome unknown"]`
	for _, test := range []struct {
		name    string
		journal bool
		say     string
		save    int  // in which the process dies; 0: it dies in an Exec
		after   bool // the Save is done
		want    string
		execs   int
	}{
		{"before anything is done", true, orders + exec + later, 2, false, "", 0},
		{"before the first is done", true, orders + exec + later, 2, true, good + `
			Status 1/5 Exec 200 ./Run
			Status 1/6 Add 200 ./A/later`, 1},
		{"all is done, nothing is said", true, orders + exec + later, 3, false, good + `
			Status 1/5 Exec 200 ./Run
			Status 1/6 Add 200 ./A/later`, 1},
		{"the answer was not sent", true, orders + exec + later, 3, true, good + `
			Status 1/5 Exec 200 ./Run
			Status 1/6 Add 200 ./A/later`, 1},
		{"in the middle", true, orders + nodeCmd("Exec", "5", "./Die") + later, 0, false, good + `
			Status 1/5 Exec 500 ./Die ["outcome unknown"]
			Status 1/6 Add 200 ./A/later`, 1},
		{"before an Exec", true, orders + nodeCmd("Exec", "5", "./Die") + nodeCmd("Exec", "6", "./Run"), 0, false, good + `
			Status 1/5 Exec 500 ./Die ["outcome unknown"]
			Status 1/6 Exec 200 ./Run`, 2},
		{"after an Exec that fails", true, orders + nodeCmd("Exec", "5", "./Fail") + nodeCmd("Exec", "6", "./Die"), 0, false, good + `
			Status 1/5 Exec 405 ./Fail
			Status 1/6 Exec 500 ./Die ["outcome unknown"]`, 2},
		{"a tree without journal", false, orders + exec + later, 3, false, unknown, 1},
		{"a tree without journal, nothing done", false, orders + exec + later, 2, true, unknown, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			each(t, func(t *testing.T, e syncml.Encoding) {
				memory := &counting{Memory: deviceTree()}
				var tree dmtree.Provider = memory
				if !test.journal {
					tree = plain{memory}
				}
				store := &dyingStore{n: test.save, after: test.after}
				s := begin(t, &session.Client{Tree: tree, Store: store}, e, nil)
				in := s.message(test.say + finalXML)
				dies(t, func() { s.d.Next(t.Context(), start, in) })

				d, err := (&session.Client{URL: serverURL, ID: "device-1", Tree: tree, Store: store, Logger: testLogger(t)}).
					Begin(t.Context(), start.Add(time.Minute), nil)
				require.NoError(t, err)
				defer d.Close(t.Context())
				s.d = d
				s.take(d.Next(t.Context(), start, nil))
				want, execs := test.want, test.execs
				if want == "" { // the server's message never came, as far as anybody knows
					require.Contains(t, spell(s.got), "Alert 1201")
					s.take(d.Next(t.Context(), start, in))
					want = good + "\nStatus 1/5 Exec 200 ./Run\nStatus 1/6 Add 200 ./A/later"
					execs = 1
				}
				s.expect(want + "\nFinal")
				require.Equal(t, execs, memory.executed)
				s.say(addCmd("1", "./A/next", "4") + finalXML) // the session goes on
				s.expect("Status 2/0 SyncHdr 200\nStatus 2/1 Add 200 ./A/next\nFinal")
				s.say(finalXML)
				require.Nil(t, s.got)
				require.NoError(t, s.err)
			})
		})
	}
}

// A record of what was done needs no transactions of the providers: a plain leaf works beside it as without. What such a
// provider was doing when the device died is not known.
func TestCrashInPlainProvider(t *testing.T) {
	for _, whole := range []bool{false, true} { // no provider has transactions: the tree has none either
		t.Run(fmt.Sprint(whole), func(t *testing.T) {
			each(t, func(t *testing.T, e syncml.Encoding) {
				kept, sets := new(dmtree.Memory), ""
				leaf := dmtree.Leaf(func(context.Context) (string, error) { return "now", nil }, func(_ context.Context, s string) error {
					if sets += s; s == "d" {
						panic(crash{})
					}
					return nil
				})
				var provider dmtree.Provider = leaf
				if !whole {
					mux := new(dmtree.Mux)
					mux.Handle("./A", deviceTree())
					mux.Handle("./L", leaf)
					provider = mux
				}
				tree := &dmtree.Tree{Provider: provider, Properties: kept, Open: true}
				store := new(session.MemoryClientStore)
				s := begin(t, &session.Client{Tree: tree, Store: store}, e, nil)
				s.say(replaceCmd("1", "./L", "a") + finalXML)
				s.expect("Status 1/0 SyncHdr 200\nStatus 1/1 Replace 200 ./L\nFinal")

				in := s.message(replaceCmd("1", "./L", "b") + replaceCmd("2", "./L", "d") + replaceCmd("3", "./L", "c") + finalXML)
				dies(t, func() { s.d.Next(t.Context(), start, in) })
				d, err := (&session.Client{URL: serverURL, ID: "device-1", Tree: tree, Store: store, Logger: testLogger(t)}).
					Begin(t.Context(), start.Add(time.Minute), nil)
				require.NoError(t, err)
				defer d.Close(t.Context())
				s.d = d
				s.take(d.Next(t.Context(), start, nil))
				s.expect(`Status 2/0 SyncHdr 200
					Status 2/1 Replace 200 ./L
					Status 2/2 Replace 500 ./L ["outcome unknown"]
					Status 2/3 Replace 200 ./L
					Final`)
				require.Equal(t, "abdc", sets)
			})
		})
	}
}

// running is a tree that runs nodes in a transaction as well.
type running struct{ *counting }

func (r running) Begin(ctx context.Context) (dmtree.Tx, error) {
	tx, err := r.counting.Begin(ctx)
	return struct {
		wholeTx
		dmtree.Execer
	}{whole(tx), r}, err
}

// An Atomic that has come as far as an Exec is not run again. One that had not begun is.
func TestCrashInAtomic(t *testing.T) {
	tree := running{&counting{Memory: deviceTree()}}
	store := new(session.MemoryClientStore)
	c := session.Client{URL: serverURL, ID: "device-1", Tree: tree, Store: store, UI: obedient{}, Logger: testLogger(t)}
	s := begin(t, &session.Client{Tree: tree, Store: store, UI: obedient{}}, syncml.XML, nil)
	in := s.message(groupCmd("Atomic", "1", addCmd("2", "./A/a", "1"), nodeCmd("Exec", "3", "./Die")) +
		groupCmd("Atomic", "4", alertCmd("5", 1101, "", dataXML("yes")), nodeCmd("Exec", "6", "./Run"), addCmd("7", "./A/b", "1")) + finalXML)
	dies(t, func() { s.d.Next(t.Context(), start, in) })
	d, err := c.Begin(t.Context(), start.Add(time.Minute), nil)
	require.NoError(t, err)
	defer d.Close(t.Context())
	s.take(d.Next(t.Context(), start, nil))
	s.expect(`Status 1/0 SyncHdr 200
		Status 1/1 Atomic 500 ["outcome unknown"]
		Status 1/2 Add 500 ./A/a ["outcome unknown"]
		Status 1/3 Exec 500 ./Die ["outcome unknown"]
		Status 1/4 Atomic 200
		Status 1/5 Alert 200
		Status 1/6 Exec 200 ./Run
		Status 1/7 Add 200 ./A/b
		Final`)
	require.Equal(t, 2, tree.executed)
	require.Equal(t, "-", nodeValue(t, tree, "./A/a"))
}

// dyingKeep is where a tree keeps properties, apart from its nodes. The process dies before it commits for the n-th time.
type dyingKeep struct {
	dmtree.Memory
	n int
}

func (k *dyingKeep) Begin(ctx context.Context) (dmtree.Tx, error) {
	tx, err := k.Memory.Begin(ctx)
	return &dyingTx{whole(tx), k}, err
}

type dyingTx struct {
	wholeTx
	keep *dyingKeep
}

// wholeTx is a transaction of a Memory with all that it can do.
type wholeTx struct {
	dmtree.Tx
	dmtree.Adder
	dmtree.Replacer
	dmtree.Deleter
	dmtree.Renamer
	dmtree.Keeper
}

func whole(tx dmtree.Tx) wholeTx {
	return wholeTx{tx, tx.(dmtree.Adder), tx.(dmtree.Replacer), tx.(dmtree.Deleter), tx.(dmtree.Renamer), tx.(dmtree.Keeper)}
}

func (t *dyingTx) Commit(ctx context.Context) error {
	if t.keep.n--; t.keep.n == 0 {
		t.Tx.Rollback(ctx) // others may write: they are those of the next process
		panic(crash{})
	}
	return t.Tx.Commit(ctx)
}

func (k *dyingKeep) Add(ctx context.Context, u dmtree.URI, v dmtree.Value) error {
	if k.n--; k.n == 0 {
		panic(crash{})
	}
	return k.Memory.Add(ctx, u, v)
}

// effects counts the changes of a tree.
type effects map[string]int

func (e effects) Commit(changes []dmtree.Change, _ iter.Seq[dmtree.Change]) error {
	for _, c := range changes {
		e[string(c.URI)]++
	}
	return nil
}

// A tree that has its nodes in one place and the record in another cannot change both at once: a process that dies in
// between leaves one without the other. Nothing is done twice, and nothing is said to have been done that was not.
func TestCrashBetweenTwoStores(t *testing.T) {
	unknown := 0
	for n := 1; ; n++ { // at its n-th commit
		done := make(effects)
		nodes := &counting{Memory: deviceTree()}
		nodes.Set("./Run", dmtree.Null)
		nodes.Journal = done
		tree := &dmtree.Tree{Open: true, Provider: nodes, Properties: &dyingKeep{n: n}}
		store := new(session.MemoryClientStore)
		s := begin(t, &session.Client{Tree: tree, Store: store}, syncml.XML, nil)
		in := s.message(addCmd("1", "./A/new", "1") + replaceCmd("2", "./A/x", "2") +
			groupCmd("Atomic", "3", addCmd("4", "./A/one", "1"), replaceCmd("5", "./A/y", "2")) + nodeCmd("Delete", "6", "./A/z") +
			nodeCmd("Exec", "7", "./Run") + nodeCmd("Delete", "8", "./A/none") + addCmd("9", "./A/last", "1") + finalXML)
		if survives(func() { s.take(s.d.Next(t.Context(), start, in)) }) {
			require.Greater(t, n, 7)
			break
		}
		d, err := (&session.Client{URL: serverURL, ID: "device-1", Tree: tree, Store: store, Logger: testLogger(t)}).
			Begin(t.Context(), start.Add(time.Minute), nil)
		require.NoError(t, err)
		s.take(d.Next(t.Context(), start, nil))
		d.Close(t.Context())
		done["./Run"] = nodes.executed
		for _, c := range s.got.Commands {
			st := c.(*syncml.Status)
			if len(st.TargetRefs) == 0 || st.CmdRef == "0" {
				continue
			}
			u := st.TargetRefs[0]
			switch {
			case st.Code == 200:
				require.Equal(t, 1, done[u], "death %d: %s", n, u)
			case st.Code == 500 && len(st.Items) == 1 && st.Items[0].Data.String() == "outcome unknown":
				require.LessOrEqual(t, done[u], 1, "death %d: %s", n, u)
				unknown++
			case u == "./A/none" && st.Code == 404:
			default:
				t.Errorf("death %d: %s is answered %d", n, u, st.Code)
			}
		}
	}
	require.NotZero(t, unknown)
}

// What a user has refused is not done because the device died.
func TestCrashAfterRefusal(t *testing.T) {
	tree := &counting{Memory: deviceTree()}
	store := &dyingStore{n: 3}
	c := &session.Client{Tree: tree, Store: store, Profile: session.OMA, UI: obedient{}}
	s := begin(t, c, syncml.XML, nil)
	in := s.message(addCmd("1", "./A/before", "1") + groupCmd("Sequence", "2", alertCmd("3", 1101, "", dataXML("no")), addCmd("4", "./A/refused", "1"),
		groupCmd("Atomic", "5", addCmd("6", "./A/refused", "1"))) + finalXML)
	dies(t, func() { s.d.Next(t.Context(), start, in) })
	d, err := (&session.Client{URL: serverURL, ID: "device-1", Tree: tree, Store: store, Profile: session.OMA, UI: obedient{}, Logger: testLogger(t)}).
		Begin(t.Context(), start.Add(time.Minute), nil)
	require.NoError(t, err)
	defer d.Close(t.Context())
	s.take(d.Next(t.Context(), start, nil))
	s.expect(`Status 1/0 SyncHdr 200
		Status 1/1 Add 200 ./A/before
		Status 1/2 Sequence 200
		Status 1/3 Alert 500 ["outcome unknown"]
		Status 1/4 Add 215 ./A/refused
		Status 1/5 Atomic 215
		Status 1/6 Add 215 ./A/refused
		Final`)
	require.Equal(t, "-", nodeValue(t, tree, "./A/refused"))
}

// A device that remembers nothing calls anew when it is back. The server does not take that for the old session: what was
// out is unknown, and not done once more.
func TestForgetfulDevice(t *testing.T) {
	each(t, func(t *testing.T, e syncml.Encoding) {
		var got []session.Result
		tree := &counting{Memory: deviceTree()}
		p := sessiontest.New(t, session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
			if got = append(got, r.Results...); r.First && len(r.Results) == 0 {
				w.Exec("./Die", dmtree.Null)
			}
			return nil
		}), tree)
		p.Client.Encoding = e
		dies(t, func() { p.Client.Run(t.Context(), nil) })
		p.Client = &session.Client{URL: p.Client.URL, ID: p.Client.ID, Tree: tree, HTTP: p.Client.HTTP, Encoding: e, Logger: testLogger(t)}
		p.Run(t.Context())
		require.Equal(t, 1, tree.executed)
		require.Len(t, got, 1)
		require.True(t, got[0].Unknown)
	})
}

// A session that was cut off too long ago is not gone on with.
func TestOldSessionIsDropped(t *testing.T) {
	store := new(session.MemoryClientStore)
	s := begin(t, &session.Client{Tree: deviceTree(), Store: store}, syncml.XML, nil)
	s.say(getCmd("1", "./A/x") + finalXML)
	s.d.Close(t.Context())
	d, err := (&session.Client{URL: serverURL, ID: "device-1", Tree: deviceTree(), Store: store, Logger: testLogger(t)}).
		Begin(t.Context(), start.Add(session.DefaultReplay+time.Second), nil)
	require.NoError(t, err)
	defer d.Close(t.Context())
	old := s.got.Header.SessionID
	s.take(d.Next(t.Context(), start, nil))
	require.Contains(t, spell(s.got), "Alert 1201")
	require.NotEqual(t, old, s.got.Header.SessionID)
}

// A store that fails ends the session rather than promise what it cannot keep.
func TestClientStoreFails(t *testing.T) {
	tree := deviceTree()
	dir := t.TempDir()
	s := begin(t, &session.Client{Tree: tree, Store: &session.FileClientStore{Dir: dir}}, syncml.XML, nil)
	require.NoError(t, os.RemoveAll(dir))
	require.NoError(t, os.WriteFile(dir, nil, 0o600)) // no directory can be there
	s.say(replaceCmd("1", "./A/x", "9") + finalXML)
	require.Nil(t, s.got)
	require.ErrorContains(t, s.err, "save state")
	require.Equal(t, "1", nodeValue(t, tree, "./A/x"), "nothing is done that could not be remembered")
}

func TestClientStores(t *testing.T) {
	for name, store := range map[string]session.ClientStore{
		"memory": new(session.MemoryClientStore),
		"files":  &session.FileClientStore{Dir: filepath.Join(t.TempDir(), "a", "b")},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := store.Load(t.Context(), "state")
			require.ErrorIs(t, err, fs.ErrNotExist)
			data := []byte("one")
			require.NoError(t, store.Save(t.Context(), "state", data))
			data[0] = 'x'
			require.NoError(t, store.Save(t.Context(), "alerts", []byte("other")))
			got, err := store.Load(t.Context(), "state")
			require.NoError(t, err)
			require.Equal(t, "one", string(got))
			got[0] = 'x'
			require.NoError(t, store.Save(t.Context(), "state", nil))
			got, err = store.Load(t.Context(), "state")
			require.NoError(t, err)
			require.Empty(t, got)
			done := make(chan error)
			for i := range 8 {
				go func() { done <- store.Save(t.Context(), fmt.Sprintf("k%d", i), []byte("v")) }()
			}
			for range 8 {
				require.NoError(t, <-done)
			}
		})
	}
	files := &session.FileClientStore{Dir: t.TempDir()}
	for _, key := range []string{"", "..", "a/b", "../a", ".hidden"} {
		require.Error(t, files.Save(t.Context(), key, nil), key)
		_, err := files.Load(t.Context(), key)
		require.Error(t, err, key)
	}
	require.Error(t, new(session.FileClientStore).Save(t.Context(), "state", nil))
	require.NoError(t, files.Save(t.Context(), "state", []byte("secret")))
	info, err := os.Stat(filepath.Join(files.Dir, "state"))
	require.NoError(t, err)
	require.Zero(t, info.Mode()&0o077, "for nobody else to read")
	entries, err := os.ReadDir(files.Dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "no temporary files stay")
}
