package csp_test

import (
	"strings"
	"testing"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/stretchr/testify/require"
)

func TestCorrect(t *testing.T) {
	const camera = "./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera"
	old := csp.Windows()
	s, err := old.Correct("# a comment\n\n" +
		camera + "\thead int GR 1p\tvE:0|1|2\t-d\t# the vendor says so\n")
	require.NoError(t, err)

	n, ok := s.Lookup(camera)
	require.True(t, ok)
	require.NoError(t, n.Validate(dmtree.Int(2)))
	require.False(t, n.Allows(csp.OpDelete))
	require.True(t, n.Permanent())
	_, ok = n.Default()
	require.False(t, ok)
	require.Equal(t, dmtree.URI("./Device/Vendor/MSFT/Policy/Config/Camera"), n.Parent().URI())
	admx, ok := s.Lookup("./Device/Vendor/MSFT/Policy/Config/ADMX_ActiveXInstallService/AxISURLZonePolicies")
	require.True(t, ok)
	require.ErrorIs(t, admx.Validate(dmtree.String("<enabled/>")), dmtree.ErrValue, "the policies are known as before")

	// The old schema is as it was.
	n, _ = old.Lookup(camera)
	require.Error(t, n.Validate(dmtree.Int(2)))

	var changes []string
	for c := range csp.Changes(old, s) {
		changes = append(changes, string(c.URI)+" "+strings.Join(c.What, ", "))
	}
	require.Equal(t, []string{camera + " allowed values, default, format, commands or occurrence"}, changes)
}

func TestCorrectRefuses(t *testing.T) {
	const camera = "./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera"
	for _, tt := range []struct{ line, want string }{
		{camera + "\tvE:0", "line 2: want a URI, corrections, and # with their source"},
		{camera + "\t# because", "want a URI, corrections, and # with their source"},
		{"./Device/Vendor/MSFT/Nowhere\tvE:0\t# because", "there is no node ./Device/Vendor/MSFT/Nowhere"},
		{"./Device/Vendor\tvE:0\t# because", "there is no node ./Device/Vendor"},
		{camera + "\thead colour G 1\t# because", "want a format"},
		{camera + "\thead int Q 1\t# because", "want commands"},
		{camera + "\thead int G x\t# because", "want an occurrence"},
		{camera + "\ttOther\t# because", `cannot correct "tOther"`},
	} {
		_, err := csp.Windows().Correct("# source\n" + tt.line + "\n")
		require.ErrorContains(t, err, tt.want, tt.line)
	}
}

func TestChanges(t *testing.T) {
	tree := func(children ...*csp.Def) csp.Tree {
		return csp.Tree{Path: "./Vendor/OEM", Root: &csp.Def{Name: "Light", Format: dmtree.FormatNode, Access: csp.OpGet, Children: children}}
	}
	leaf := func(name string) *csp.Def { return &csp.Def{Name: name, Format: dmtree.FormatInt, Access: csp.OpGet} }
	one, err := csp.New(tree(leaf("A"), leaf("B")))
	require.NoError(t, err)
	two, err := csp.New(tree(leaf("B"), leaf("C")))
	require.NoError(t, err)
	var got []string
	for c := range csp.Changes(one, two) {
		switch {
		case c.New == nil:
			got = append(got, "-"+string(c.URI))
		case c.Old == nil:
			got = append(got, "+"+string(c.URI))
		}
	}
	require.Equal(t, []string{"-./Device/Vendor/OEM/Light/A", "+./Device/Vendor/OEM/Light/C"}, got)
	for range csp.Changes(one, one) {
		t.Error("a schema differs from itself")
	}
}

// TestMerge: trees that overlap make one, as the Policy areas do; the later
// description of a node counts.
func TestMerge(t *testing.T) {
	def := func(name string, f dmtree.Format, children ...*csp.Def) *csp.Def {
		return &csp.Def{Name: name, Format: f, Access: csp.OpGet, Children: children}
	}
	s, err := csp.New(
		csp.Tree{File: "a", Path: "./Vendor/OEM", Root: def("Light", dmtree.FormatNode, def("Hall", dmtree.FormatInt))},
		csp.Tree{File: "b", Path: "./Device/Vendor/OEM/Light", Root: def("Cellar", dmtree.FormatInt)},
		csp.Tree{File: "c", Path: "./Vendor/oem", Root: def("light", dmtree.FormatNode, def("HALL", dmtree.FormatBool))},
	)
	require.NoError(t, err)
	require.Equal(t, 3, s.Len())
	n, ok := s.Lookup("./Vendor/OEM/Light/Hall")
	require.True(t, ok)
	require.Equal(t, dmtree.FormatBool, n.Format)
	n, ok = s.Lookup("./Vendor/OEM/Light/Cellar")
	require.True(t, ok)
	file, path := n.Source()
	require.Equal(t, []string{"b", "./Device/Vendor/OEM/Light"}, []string{file, path})

	for _, bad := range []csp.Tree{
		{Path: "./..", Root: def("A", dmtree.FormatInt)},
		{Path: ".", Root: def("", dmtree.FormatInt)},
		{Path: ".", Root: &csp.Def{Name: "{A}", Dynamic: true}},
		{Path: ".", Root: &csp.Def{Name: "A", Occurs: 99}},
		{Path: "."},
		{Path: "./" + strings.Repeat("a/", 40) + "a", Root: def("A", dmtree.FormatInt)},
	} {
		_, err := csp.New(bad)
		require.Error(t, err, bad.Path)
	}
}

// TestWith: a tree beside those of Windows leaves all others as they are.
func TestWith(t *testing.T) {
	windows := csp.Windows()
	same, err := windows.With()
	require.NoError(t, err)
	for c := range csp.Changes(windows, same) {
		t.Errorf("%s changed: %v", c.URI, c.What)
	}
	more, err := windows.With(csp.Tree{File: "OEM", Path: "./Vendor/OEM", Root: &csp.Def{Name: "Light", Format: dmtree.FormatInt, Access: csp.OpGet}})
	require.NoError(t, err)
	require.Equal(t, windows.Len()+1, more.Len())
	for _, s := range []*csp.Schema{same, more} {
		n, ok := s.Lookup("./Device/Vendor/MSFT/Policy/Config/ADMX_ActiveXInstallService/AxISURLZonePolicies")
		require.True(t, ok)
		require.ErrorIs(t, n.Validate(dmtree.String("<enabled/>")), dmtree.ErrValue, "the policies are known as before")
		file, path := n.Source()
		require.Equal(t, []string{"ADMX_ActiveXInstallService_AreaDDF", "./Device/Vendor/MSFT/Policy/Config"}, []string{file, path})
	}
	_, ok := more.Lookup("./Device/Vendor/OEM/Light")
	require.True(t, ok)
	_, ok = windows.Lookup("./Device/Vendor/OEM/Light")
	require.False(t, ok)
}

func TestParseTextErrors(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", "line 1: want omadm-schema 1"},
		{"omadm-schema 2\n\n", "line 1: want omadm-schema 1"},
		{"omadm-schema 1\n", "ends before the nodes"},
		{"omadm-schema 1\nshared\n\n", "line 2: want a shared text"},
		{"omadm-schema 1\n\nA\n", "line 3: want a name and a tab"},
		{"omadm-schema 1\n\n\t-\n", "line 3: want a name"},
		{"omadm-schema 1\n\nA\t-", "line 3: the line does not end"},
		{"omadm-schema 1\n\n A\t-\n", "line 3: more than one deeper"},
		{"omadm-schema 1\n\nA\t-\na\t-\n", "line 4: a is there already"},
		{"omadm-schema 1\n\nA\tint\n", "line 3: want a format"},
		{"omadm-schema 1\n\nA\tint G 1q\n", "line 3: unknown flag 'q'"},
		{"omadm-schema 1\n\n{}\tint G 1\n", "line 3: want a name"},
	} {
		_, err := csp.ParseText(tt.text)
		var text *csp.TextError
		require.ErrorAs(t, err, &text, tt.text)
		require.ErrorContains(t, err, tt.want)
	}
}

// FuzzParseText: a text that is read is written the same, and whatever its
// fields hold, nothing that reads them fails.
func FuzzParseText(f *testing.F) {
	f.Add("omadm-schema 1\n$a\tx y\n\nA\t-\n {b}\tint ADGR ?p\tvE:0|1\td1\tb10.0.1\te30\tpx\t=R:[1-2]\t+./A\t?E:1\n")
	f.Add("omadm-schema 1\n\nA\tchr G N5cax\tvX|:^a$\tgn|a|e\to10.0.1\tm|a\n")
	f.Add("omadm-schema 1\n\nA\tchr R 1\tvF:0x1|2\n \tB\t-\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := csp.ParseText(text)
		if err != nil {
			return
		}
		out, err := s.MarshalText()
		require.NoError(t, err)
		again, err := csp.ParseText(string(out))
		require.NoError(t, err)
		out2, err := again.MarshalText()
		require.NoError(t, err)
		require.Equal(t, string(out), string(out2))
		for u, n := range s.All() {
			_, _, _ = n.Def(), n.Validate(dmtree.String("1")), n.Validate(dmtree.Int(1))
			_ = n.Applies(csp.Target{Build: csp.Build{Major: 10, Build: 26100}, Edition: 0x30})
			_ = n.Equal(dmtree.Int(1), dmtree.String("<a>1</a>"))
			_, _ = s.Lookup(u)
			if _, err := s.Find(u.Join("Other")); err == nil && n.Format != dmtree.FormatNode {
				_ = err
			}
		}
	})
}
