package session_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

// faulty is a tree whose transactions go wrong as a test wants.
type faulty struct {
	*dmtree.Memory
	prepare, commit, rollback error
}

type faultyTx struct {
	dmtree.Tx
	f *faulty
}

func (f *faulty) Begin(ctx context.Context) (dmtree.Tx, error) {
	tx, err := f.Memory.Begin(ctx)
	return &faultyTx{tx, f}, err
}

func (t *faultyTx) Add(ctx context.Context, u dmtree.URI, v dmtree.Value) error {
	return dmtree.Add(ctx, t.Tx, u, v)
}

func (t *faultyTx) Replace(ctx context.Context, u dmtree.URI, v dmtree.Value) error {
	return dmtree.Replace(ctx, t.Tx, u, v)
}

func (t *faultyTx) Delete(ctx context.Context, u dmtree.URI) error {
	return dmtree.Delete(ctx, t.Tx, u)
}

func (t *faultyTx) Exec(context.Context, dmtree.URI, dmtree.Value) error { return nil }

func (t *faultyTx) Prepare(ctx context.Context) error {
	if t.f.prepare != nil {
		return t.f.prepare
	}
	return t.Tx.Prepare(ctx)
}

func (t *faultyTx) Commit(ctx context.Context) error {
	if t.f.commit != nil {
		return errors.Join(t.f.commit, t.Tx.Rollback(ctx))
	}
	return t.Tx.Commit(ctx)
}

func (t *faultyTx) Rollback(ctx context.Context) error {
	return errors.Join(t.f.rollback, t.Tx.Rollback(ctx))
}

// The statuses of an Atomic and of what it holds, and what is left of its changes.
func TestAtomic(t *testing.T) {
	blame := func(u dmtree.URI, err error) error { return &dmtree.Error{Op: "prepare", URI: u, Err: err} }
	three := replaceCmd("1", "./A/x", "a") + replaceCmd("2", "./A/y", "b") + replaceCmd("3", "./A/z", "c")
	const same = "1 2 3"
	for _, test := range []struct {
		name    string
		profile session.Profile
		fault   faulty
		say     string
		want    string
		left    string // of x, y and z
	}{
		{"Q07: all succeed", session.OMA, faulty{}, three,
			"Atomic 200\n1 Replace 200 ./A/x\n2 Replace 200 ./A/y\n3 Replace 200 ./A/z", "a b c"},
		{"Q08 Q09: one fails", session.OMA, faulty{},
			replaceCmd("1", "./A/x", "a") + replaceCmd("2", "./A/none", "b") + replaceCmd("3", "./A/z", "c"),
			"Atomic 507\n1 Replace 216 ./A/x\n2 Replace 404 ./A/none\n3 Replace 215 ./A/z", same},
		{"Q08: each undone on its own", session.Windows, faulty{},
			deleteCmd("1", "./A/x") + addCmd("2", "./A/new", "n") + addCmd("3", "./A/y", "b") + deleteCmd("4", "./A/z"),
			"Atomic 507\n1 Delete 216 ./A/x\n2 Add 216 ./A/new\n3 Add 418 ./A/y\n4 Delete 215 ./A/z", same},
		{"items of one child", session.OMA, faulty{},
			`<Delete><CmdID>1</CmdID><Item><Target><LocURI>./A/x</LocURI></Target></Item><Item><Target><LocURI>./A/none</LocURI></Target></Item>` +
				`<Item><Target><LocURI>./A/y</LocURI></Target></Item></Delete>`,
			"Atomic 507\n1 Delete 216 ./A/x\n1 Delete 404 ./A/none\n1 Delete 215 ./A/y", same},
		{"blamed as a whole", session.OMA, faulty{prepare: blame("./A/y", dmtree.ErrForbidden)}, three,
			"Atomic 507\n1 Replace 216 ./A/x\n2 Replace 403 ./A/y\n3 Replace 216 ./A/z", same},
		{"nobody is to blame", session.OMA, faulty{prepare: errors.New("no power")}, three,
			"Atomic 507\n1 Replace 216 ./A/x\n2 Replace 216 ./A/y\n3 Replace 216 ./A/z", same},
		{"commit fails and undoes", session.OMA, faulty{commit: blame("./A/z", dmtree.ErrStore)}, three,
			"Atomic 507\n1 Replace 216 ./A/x\n2 Replace 216 ./A/y\n3 Replace 510 ./A/z", same},
		{"Q11: undo fails for one", session.OMA, faulty{rollback: blame("./A/x", dmtree.ErrRollback)},
			replaceCmd("1", "./A/x", "a") + replaceCmd("2", "./A/y", "a") + replaceCmd("3", "./A/none", "b"),
			"Atomic 507\n1 Replace 516 ./A/x\n2 Replace 216 ./A/y\n3 Replace 404 ./A/none", same},
		{"Q11: undo fails, nobody knows for which", session.OMA, faulty{rollback: dmtree.ErrRollback},
			replaceCmd("1", "./A/x", "a") + replaceCmd("2", "./A/none", "b"),
			"Atomic 507\n1 Replace 516 ./A/x\n2 Replace 404 ./A/none", same},
		{"Q12: nested, as specified", session.OMA, faulty{},
			replaceCmd("1", "./A/x", "a") + groupCmd("Atomic", "2", replaceCmd("3", "./A/y", "b")),
			"Atomic 500\n1 Replace 215 ./A/x\n2 Atomic 500\n3 Replace 215 ./A/y", same},
		{"Q12: nested, as on Windows", session.Windows, faulty{},
			replaceCmd("1", "./A/x", "a") + groupCmd("Atomic", "2", replaceCmd("3", "./A/y", "b")),
			"Atomic 507\n1 Replace 215 ./A/x\n2 Atomic 500\n3 Replace 215 ./A/y", same},
		{"Q13: Get", session.OMA, faulty{}, replaceCmd("1", "./A/x", "a") + getCmd("2", "./A/y"),
			"Atomic 500\n1 Replace 215 ./A/x\n2 Get 500 ./A/y", same},
		{"Q13: Get on Windows", session.Windows, faulty{}, replaceCmd("1", "./A/x", "a") + getCmd("2", "./A/y"),
			"Atomic 507\n1 Replace 215 ./A/x\n2 Get 500 ./A/y", same},
		{"Q14: Exec", session.OMA, faulty{}, nodeCmd("Exec", "1", "./A/x") + replaceCmd("2", "./A/x", "a"),
			"Atomic 500\n1 Exec 500 ./A/x\n2 Replace 215 ./A/x", same},
		{"Q14: Sequence", session.OMA, faulty{}, groupCmd("Sequence", "1", replaceCmd("2", "./A/x", "a")),
			"Atomic 500\n1 Sequence 500\n2 Replace 215 ./A/x", same},
		{"nothing runs if any of it cannot", session.Windows, faulty{},
			replaceCmd("1", "./A/x", "a") + replaceCmd("2", "./A//y", "b") + nodeCmd("Replace", "3", "./A/z"),
			"Atomic 507\n1 Replace 215 ./A/x\n2 Replace 400 ./A//y\n3 Replace 412 ./A/z", same},
		{"empty", session.OMA, faulty{}, "", "Atomic 412", same},
	} {
		t.Run(test.name, func(t *testing.T) {
			each(t, func(t *testing.T, e syncml.Encoding) {
				f := test.fault
				f.Memory = deviceTree()
				s := begin(t, &session.Client{Tree: &f, Profile: test.profile}, e, nil)
				s.say(groupCmd("Atomic", "0a", test.say) + finalXML)
				s.expectStatuses("0a", test.want)
				require.Equal(t, test.left, nodeValue(t, &f, "./A/x")+" "+nodeValue(t, &f, "./A/y")+" "+nodeValue(t, &f, "./A/z"))
			})
		})
	}
}

// expectStatuses compares with lines that leave out what is the same in all: "Status 1/", and the CmdRef of the Atomic.
func (s *script) expectStatuses(outer, short string) {
	s.t.Helper()
	want := "Status 1/0 SyncHdr 200\n"
	for i, l := range splitLines(short) {
		if i == 0 {
			l = outer + " " + l
		}
		want += "Status 1/" + l + "\n"
	}
	s.expect(want + "Final")
}

// Rollback restores what a tree knows of its nodes.
func TestRollbackRestores(t *testing.T) { // Q10
	tree := deviceTree()
	tree.Set("./B/typed", dmtree.String("<p>").WithType("text/html"))
	tree.Set("./B/number", dmtree.Int(7))
	tree.Set("./B/sub/leaf", dmtree.Bool(true))
	require.NoError(t, tree.Describe("./B/typed", dmtree.Properties{Permanent: true}))
	before := snapshot(t, tree)
	s := begin(t, &session.Client{Tree: tree, Profile: session.OMA}, syncml.XML, nil)
	s.say(groupCmd("Atomic", "0a",
		replaceCmd("1", "./B/typed", "text"), replaceCmd("2", "./B/number", "text"), deleteCmd("3", "./B/sub"),
		addCmd("4", "./B/sub/other/deep", "1"), deleteCmd("5", "./B/number"), addCmd("6", "./A/x", "there")) + finalXML)
	s.expectStatuses("0a", `Atomic 507
		1 Replace 216 ./B/typed
		2 Replace 216 ./B/number
		3 Delete 216 ./B/sub
		4 Add 216 ./B/sub/other/deep
		5 Delete 216 ./B/number
		6 Add 418 ./A/x`)
	require.Equal(t, before, snapshot(t, tree))
	p, err := dmtree.Node(t.Context(), tree, "./B/typed")
	require.NoError(t, err)
	require.True(t, p.Permanent)
}

// snapshot spells all nodes of a tree, with format and type.
func snapshot(t testing.TB, p dmtree.Provider) map[dmtree.URI]string {
	t.Helper()
	all := make(map[dmtree.URI]string)
	var visit func(u dmtree.URI)
	visit = func(u dmtree.URI) {
		v, err := dmtree.Get(t.Context(), p, u)
		require.NoError(t, err, u)
		if !v.IsInterior() {
			all[u] = v.Format().String() + " " + v.Type() + " " + v.Text()
			return
		}
		all[u] = "node"
		for name := range v.Names() {
			visit(u.Join(name))
		}
	}
	visit(dmtree.Root)
	return all
}

func TestSequence(t *testing.T) {
	for _, test := range []struct{ name, say, want string }{
		{"Q01 Q02 Q03: children run in order, a failure stops nothing",
			replaceCmd("2", "./A/x", "a") + replaceCmd("3", "./A/none", "b") + getCmd("4", "./A/x") + replaceCmd("5", "./A/x", "c"), `
			Status 1/1 Sequence 200
			Status 1/2 Replace 200 ./A/x
			Status 1/3 Replace 404 ./A/none
			Status 1/4 Get 200 ./A/x
			Results 1/4 [./A/x "a"]
			Status 1/5 Replace 200 ./A/x`},
		{"Q02: even if all fail", deleteCmd("2", "./A/none"), `
			Status 1/1 Sequence 200
			Status 1/2 Delete 404 ./A/none`},
		{"a Sequence inside", groupCmd("Sequence", "2", deleteCmd("3", "./A/x")), `
			Status 1/1 Sequence 200
			Status 1/2 Sequence 500
			Status 1/3 Delete 215 ./A/x`},
	} {
		t.Run(test.name, func(t *testing.T) {
			each(t, func(t *testing.T, e syncml.Encoding) {
				s := begin(t, &session.Client{Tree: deviceTree(), Profile: session.OMA}, e, nil)
				s.say(groupCmd("Sequence", "1", test.say) + finalXML)
				s.expect("Status 1/0 SyncHdr 200\n" + test.want + "\nFinal")
			})
		})
	}
}

func TestAtomicTooLargeToReport(t *testing.T) { // Q16
	tree := deviceTree()
	c := &session.Client{Tree: tree, Profile: session.OMA, Limits: session.Limits{Answers: 1000}}
	s := begin(t, c, syncml.XML, nil)
	s.say(groupCmd("Atomic", "0a", replaceCmd("1", "./A/x", "a"), replaceCmd("2", "./A/y", "b"), replaceCmd("3", "./A/z", "c")) + finalXML)
	s.expectStatuses("0a", "Atomic 517\n1 Replace 216 ./A/x\n2 Replace 216 ./A/y\n3 Replace 216 ./A/z")
	require.Equal(t, "1", nodeValue(t, tree, "./A/x"))
}

// A large Atomic is executed as a unit, whatever its statuses take (DM Protocol).
func TestStatusesOfAnAtomicOverSeveralMessages(t *testing.T) {
	tree := deviceTree()
	s := begin(t, &session.Client{Tree: tree, Profile: session.OMA}, syncml.XML, nil)
	s.header = func(h *syncml.Header) { h.Meta.MaxMsgSize = 900 }
	s.say(groupCmd("Atomic", "0a", replaceCmd("1", "./A/x", "a"), replaceCmd("2", "./A/y", "b"), replaceCmd("3", "./A/z", "c")) + finalXML)
	var got []string
	for s.got != nil {
		for _, c := range s.got.Commands {
			if st, ok := c.(*syncml.Status); ok && st.Cmd != "SyncHdr" && st.Cmd != "Alert" {
				got = append(got, st.CmdRef)
				require.EqualValues(t, 200, st.Code)
			}
		}
		if s.got.Final {
			break
		}
		s.say(alertCmd("1", 1222))
	}
	require.Equal(t, []string{"0a", "1", "2", "3"}, got)
	require.Greater(t, s.msgID, 1)
}
