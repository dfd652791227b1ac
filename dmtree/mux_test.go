package dmtree_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/omadm-sdk/omadm/dmtree"
)

func sortStrings(s []string) []string {
	slices.Sort(s)
	return s
}

// echo answers every Get with its name and the URI that it saw.
type echo string

func (e echo) Get(_ context.Context, u dmtree.URI) (dmtree.Value, error) {
	return dmtree.String(string(e) + " " + string(u)), nil
}

func TestMuxRoutes(t *testing.T) {
	m := new(dmtree.Mux)
	for _, pattern := range []string{
		"./Device/Vendor/MSFT/WiFi",
		"./Device/Vendor/MSFT/WiFi/Profile/{SSID}",
		"./Device/Vendor/MSFT/WiFi/Profile/{SSID}/Proxy/Guest",
		"./Vendor/MSFT/WiFi/Profile/{SSID}/Proxy",
		"DevInfo",
	} {
		m.Handle(pattern, echo(pattern[strings.LastIndexByte(pattern, '/')+1:]))
	}
	for _, test := range []struct{ u, want string }{
		{"./Vendor/MSFT/WiFi/X", "WiFi ./Device/Vendor/MSFT/WiFi/X"},
		{"./vendor/msft/wifi/profile/Home", "{SSID} ./Device/Vendor/MSFT/WiFi/Profile/Home"},
		{"./vendor/msft/wifi/profile/a%2Fb/x", "{SSID} ./Device/Vendor/MSFT/WiFi/Profile/a%2Fb/x"},
		{"./Vendor/MSFT/WiFi/Profile/x/PROXY/GUEST/x", "Guest ./Device/Vendor/MSFT/WiFi/Profile/x/Proxy/Guest/x"},
		{"./Vendor/MSFT/WiFi/Profile/Home/proxy", "Proxy ./Device/Vendor/MSFT/WiFi/Profile/Home/Proxy"},
		{"./Vendor/MSFT/WiFi/Profile/Home/Proxy/q", "Proxy ./Device/Vendor/MSFT/WiFi/Profile/Home/Proxy/q"},
		{"./devinfo/devid", "DevInfo ./DevInfo/devid"},
		{"./DevInfoX", "!"},
		{"./Device/Vendor/Other", "!"},
	} {
		v, err := dmtree.Get(t.Context(), m, dmtree.URI(test.u))
		if test.want == "!" {
			if !errors.Is(err, dmtree.ErrNotFound) {
				t.Errorf("%s is %v, %v, want ErrNotFound", test.u, v, err)
			}
		} else if err != nil || v.Text() != test.want {
			t.Errorf("%s is %v, %v, want %s", test.u, v, err, test.want)
		}
	}
}

func TestMuxRefusesAmbiguity(t *testing.T) {
	for _, test := range []struct {
		a, b string
		ok   bool
	}{
		{"./A/{x}", "./A/B", true},
		{"./A/{x}/C", "./A/B", false}, // ./A/B/C: longer or more literal?
		{"./A/{x}/C", "./A/B/{y}", false},
		{"./A/{x}", "./A/{y}", false},
		{"./A", "./a", false},
		{"./Vendor/X", "./Device/Vendor/X", false},
		{"./A/{x}/C", "./A/{y}/D", true},
		{"./A/{x}/C", "./A/{y}", true},
		{"./A", ".", true},
		{"./A/..", "./B", false},
		{"./A?prop=ACL", "./B", false},
	} {
		panicked := func() (p any) {
			defer func() { p = recover() }()
			m := new(dmtree.Mux)
			m.Handle(test.b, echo("b"))
			m.Handle(test.a, echo("a"))
			return nil
		}()
		if (panicked == nil) != test.ok {
			t.Errorf("%s beside %s: %v", test.a, test.b, panicked)
		}
	}
}

func TestMuxNodesAbovePatterns(t *testing.T) {
	ctx := t.Context()
	profiles := new(dmtree.Memory)
	profiles.Set("./Device/Vendor/MSFT/WiFi/Profile/Home/WlanXml", dmtree.XML("<a/>"))
	m := new(dmtree.Mux)
	m.Handle("./Device/Vendor/MSFT/WiFi", profiles)
	m.Handle("./Device/Vendor/MSFT/WiFi/Status", dmtree.Leaf(func(context.Context) (string, error) { return "up", nil }, nil))
	m.Handle("./DevInfo/DevId", dmtree.Leaf(func(context.Context) (string, error) { return "urn:1", nil }, nil))
	want := `. node Device/DevInfo
./Device node Vendor
./Device/Vendor node MSFT
./Device/Vendor/MSFT node WiFi
./Device/Vendor/MSFT/WiFi node Profile/Status
./Device/Vendor/MSFT/WiFi/Profile node Home
./Device/Vendor/MSFT/WiFi/Profile/Home node WlanXml
./Device/Vendor/MSFT/WiFi/Profile/Home/WlanXml xml <a/>
./Device/Vendor/MSFT/WiFi/Status chr up
./DevInfo node DevId
./DevInfo/DevId chr urn:1
`
	if got := dump(t, m, "."); got != want {
		t.Errorf("tree is\n%swant\n%s", got, want)
	}
	for _, test := range []struct {
		name string
		err  error
		want error
	}{
		{"add a node above", dmtree.Add(ctx, m, "./DevInfo", dmtree.Interior()), dmtree.ErrExist},
		{"add where nothing is mounted", dmtree.Add(ctx, m, "./DevInfo/New", dmtree.Null), dmtree.ErrNotFound},
		{"delete a node above", dmtree.Delete(ctx, m, "./Device/Vendor"), dmtree.ErrNotAllowed},
		{"delete a node with patterns below", dmtree.Delete(ctx, m, "./Device/Vendor/MSFT/WiFi"), dmtree.ErrNotAllowed},
		{"delete inside a provider", dmtree.Delete(ctx, m, "./Device/Vendor/MSFT/WiFi/Profile/Home"), nil},
		{"rename a node above", dmtree.Rename(ctx, m, "./DevInfo", "X"), dmtree.ErrNotAllowed},
		{"rename a mount", dmtree.Rename(ctx, m, "./DevInfo/DevId", "X"), dmtree.ErrNotAllowed},
		{"replace a read-only leaf", dmtree.Replace(ctx, m, "./DevInfo/DevId", dmtree.String("x")), dmtree.ErrNotAllowed},
		{"M03 add below a leaf", dmtree.Add(ctx, m, "./DevInfo/DevId/x", dmtree.Null), dmtree.ErrNotAllowed},
		{"read below a leaf", second(dmtree.Get(ctx, m, "./DevInfo/DevId/x")), dmtree.ErrNotFound},
		{"exec without Exec", dmtree.Exec(ctx, m, "./DevInfo/DevId", dmtree.Null), dmtree.ErrNotAllowed},
	} {
		if !errors.Is(test.err, test.want) || test.want == nil && test.err != nil {
			t.Errorf("%s: %v, want %v", test.name, test.err, test.want)
		}
	}
	for u, want := range map[dmtree.URI]dmtree.Properties{
		"./DevInfo":                 {Access: dmtree.AccessGet, Permanent: true},
		"./DevInfo/DevId":           {Access: dmtree.AccessGet},
		"./Device/Vendor/MSFT/WiFi": {Permanent: true},
		"./Device/Vendor":           {Access: dmtree.AccessGet, Permanent: true},
	} {
		if got, err := dmtree.Node(ctx, m, u); err != nil || got != want {
			t.Errorf("node %s is %+v, %v, want %+v", u, got, err, want)
		}
	}
}

// instances serves ./P/{x} with the names it holds.
type instances []string

func (in instances) Get(_ context.Context, u dmtree.URI) (dmtree.Value, error) {
	if slices.Contains(in, u.Name()) {
		return dmtree.Interior("Size"), nil
	}
	if u.Name() == "Size" && slices.Contains(in, u.Parent().Name()) {
		return dmtree.Int(1), nil
	}
	return dmtree.Null, dmtree.ErrNotFound
}
func (in instances) Names(context.Context, dmtree.URI) ([]string, error) { return in, nil }

func TestMuxListsInstances(t *testing.T) {
	m := new(dmtree.Mux)
	m.Handle("./P/{x}", instances{"one", "two"})
	m.Handle("./Q/{x}/Size", instances{"only"})
	want := `. node P/Q
./P node one/two
./P/one node Size
./P/one/Size int 1
./P/two node Size
./P/two/Size int 1
./Q node 
`
	if got := dump(t, m, "."); got != want {
		t.Errorf("tree is\n%swant\n%s", got, want)
	}
	if v, err := dmtree.Get(t.Context(), m, "./Q/only"); err != nil || v.Text() != "Size" {
		t.Errorf("./Q/only is %v, %v, want Size", v, err)
	}
	if _, err := dmtree.Get(t.Context(), m, "./Q/none"); !errors.Is(err, dmtree.ErrNotFound) {
		t.Errorf("./Q/none: %v, want ErrNotFound", err)
	}
}

// logged is a Memory whose transactions report and may fail.
type logged struct {
	dmtree.Memory
	name, fail string
	log        *[]string
}

func (l *logged) Begin(ctx context.Context) (dmtree.Tx, error) {
	tx, err := l.Memory.Begin(ctx)
	return &loggedTx{tx, l}, errors.Join(err, l.note("begin"))
}

func (l *logged) note(what string) error {
	*l.log = append(*l.log, l.name+" "+what)
	if l.fail == what {
		return fmt.Errorf("%s of %s fails", what, l.name)
	}
	return nil
}

type loggedTx struct {
	dmtree.Tx
	l *logged
}

func (t *loggedTx) Add(ctx context.Context, u dmtree.URI, v dmtree.Value) error {
	return dmtree.Add(ctx, t.Tx, u, v)
}
func (t *loggedTx) Prepare(ctx context.Context) error {
	return cmpOr(t.l.note("prepare"), t.Tx.Prepare(ctx))
}
func (t *loggedTx) Commit(ctx context.Context) error {
	if err := t.l.note("commit"); err != nil {
		t.Tx.Rollback(ctx)
		return err
	}
	return t.Tx.Commit(ctx)
}
func (t *loggedTx) Rollback(ctx context.Context) error {
	return cmpOr(t.l.note("rollback"), t.Tx.Rollback(ctx))
}

func cmpOr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func TestMuxTransaction(t *testing.T) {
	for _, test := range []struct {
		name      string
		fail      map[string]string
		rollback  bool
		wantLog   string
		want      string // what the trees hold in the end
		wantErr   string
		undoFails bool
	}{
		{name: "commit in the order of mounting", want: "a b",
			wantLog: "c begin, a begin, b begin, a prepare, b prepare, c prepare, a commit, b commit, c commit", wantErr: ""},
		{name: "rollback in the opposite order", rollback: true,
			wantLog: "c begin, a begin, b begin, c rollback, b rollback, a rollback"},
		{name: "prepare fails", fail: map[string]string{"b": "prepare"},
			wantLog: "c begin, a begin, b begin, a prepare, b prepare, c rollback, b rollback, a rollback", wantErr: "prepare of b fails"},
		{name: "first commit fails", fail: map[string]string{"a": "commit"},
			wantLog: "c begin, a begin, b begin, a prepare, b prepare, c prepare, a commit, c rollback, b rollback", wantErr: "commit of a fails"},
		{name: "later commit fails", fail: map[string]string{"b": "commit"}, want: "a", undoFails: true,
			wantLog: "c begin, a begin, b begin, a prepare, b prepare, c prepare, a commit, b commit, c rollback", wantErr: "commit of b fails"},
		{name: "rollback fails", rollback: true, fail: map[string]string{"b": "rollback"}, undoFails: true,
			wantLog: "c begin, a begin, b begin, c rollback, b rollback, a rollback", wantErr: "rollback of b fails"},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx := t.Context()
			var log []string
			m := new(dmtree.Mux)
			for _, name := range []string{"a", "b", "c"} {
				m.Handle("./"+name, &logged{name: name, fail: test.fail[name], log: &log})
			}
			m.Handle("./untouched", &logged{name: "untouched", log: &log})
			tx, err := dmtree.Begin(ctx, m)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"c", "a", "b", "a"} {
				if err := dmtree.Add(ctx, tx, dmtree.Root.Join(name, fmt.Sprint(len(log))), dmtree.Null); err != nil {
					t.Fatal(err)
				}
			}
			if test.rollback {
				err = tx.Rollback(ctx)
			} else {
				err = tx.Commit(ctx)
			}
			if (err == nil) != (test.wantErr == "") || err != nil && !strings.Contains(err.Error(), test.wantErr) {
				t.Errorf("error %v, want %q", err, test.wantErr)
			}
			if errors.Is(err, dmtree.ErrRollback) != test.undoFails {
				t.Errorf("error %v wraps ErrRollback: %v, want %v", err, !test.undoFails, test.undoFails)
			}
			if got := strings.Join(log, ", "); got != test.wantLog {
				t.Errorf("calls are %s\nwant      %s", got, test.wantLog)
			}
			for _, name := range strings.Fields(test.want) {
				if v, err := dmtree.Get(ctx, m, dmtree.URI("./"+name)); err != nil || v.Text() == "" {
					t.Errorf("./%s holds %v, %v", name, v, err)
				}
			}
		})
	}
}

func TestMuxTransactionWithoutRollback(t *testing.T) {
	ctx := t.Context()
	m := new(dmtree.Mux)
	mem := new(dmtree.Memory)
	m.Handle("./A", mem)
	m.Handle("./B", mem) // one provider at two places takes part once
	m.Handle("./C", dmtree.Leaf(func(context.Context) (int64, error) { return 7, nil }, func(context.Context, int64) error { return nil }))
	tx, _ := dmtree.Begin(ctx, m)
	if v, err := dmtree.Get(ctx, tx, "./C"); err != nil || v.Text() != "7" {
		t.Errorf("reading where no transaction is: %v, %v", v, err)
	}
	if err := dmtree.Replace(ctx, tx, "./C", dmtree.Int(1)); !errors.Is(err, dmtree.ErrUnsupported) {
		t.Errorf("writing where no transaction is: %v, want ErrUnsupported", err)
	}
	for _, u := range []dmtree.URI{"./A/x", "./B/x"} {
		if err := dmtree.Add(ctx, tx, u, dmtree.Int(1)); err != nil {
			t.Error(err)
		}
	}
	if err := tx.Commit(ctx); err != nil || mem.Len() != 4 {
		t.Errorf("commit: %v, %d nodes", err, mem.Len())
	}
}

func TestMuxIsSafeForConcurrentUse(t *testing.T) {
	m := new(dmtree.Mux)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 50 {
			m.Handle(fmt.Sprintf("./A/%d/{x}", i), echo("x"))
			m.Handle(fmt.Sprintf("./A/%d/{x}/Y", i), echo("y"))
		}
	}()
	for range 50 {
		for _, err := range dmtree.Walk(t.Context(), m, ".") {
			if err != nil {
				t.Error(err)
			}
		}
		if v, err := dmtree.Get(t.Context(), m, "./a/0/b/y"); err == nil && !strings.HasSuffix(v.Text(), "./A/0/b/Y") && !strings.HasPrefix(v.Text(), "x ") {
			t.Errorf("./a/0/b/y is %s", v)
		}
	}
	<-done
	if v, err := dmtree.Get(t.Context(), m, "./A"); err != nil || len(slices.Collect(v.Names())) != 50 {
		t.Errorf("./A lists %v, %v", v, err)
	}
}
