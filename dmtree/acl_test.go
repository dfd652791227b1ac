package dmtree_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/omadm-sdk/omadm/dmtree"
)

func TestParseACL(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"empty", "", ""},
		{"one entry", "Get=srv1", "Get=srv1"},
		{"order of commands", "Replace=a&Get=b&Exec=c&Delete=d&Add=e", "Add=e&Delete=d&Exec=c&Get=b&Replace=a"},
		{"order of ids", "Get=b+a", "Get=a+b"},
		{"K05 the asterisk wins", "Get=a+*+b", "Get=*"},
		{"a command twice", "Get=ServerA&Replace=ServerA&Get=ServerB", "Get=ServerA+ServerB&Replace=ServerA"},
		{"the same id twice", "Get=a+a", "Get=a"},
		{"address as id", "Get=https://mdm.example.com:443/dm?x", "Get=https://mdm.example.com:443/dm?x"},
		{"no =", "Get", "!"},
		{"K07 no ids", "Get=", "!"},
		{"K07 empty id", "Get=a++b", "!"},
		{"K06 = in an id", "Get=a=b", "!"},
		{"K06 & in an id", "Get=a&b", "!"},
		{"K06 * in an id", "Get=a*", "!"},
		{"K06 blank in an id", "Get=a b", "!"},
		{"control character in an id", "Get=a\x00", "!"},
		{"unknown command", "Put=a", "!"},
		{"K20 Copy has no entry", "Copy=a", "!"},
		{"other case", "get=a", "!"},
		{"trailing &", "Get=a&", "!"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, err := dmtree.ParseACL(test.in)
			switch {
			case test.want == "!":
				if !errors.Is(err, dmtree.ErrSyntax) || !a.IsEmpty() {
					t.Errorf("ParseACL(%q) = %q, %v, want ErrSyntax", test.in, a, err)
				}
			case err != nil || a.String() != test.want:
				t.Errorf("ParseACL(%q) = %q, %v, want %q", test.in, a, err, test.want)
			}
		})
	}
}

func TestACLIsImmutable(t *testing.T) {
	a := dmtree.DefaultACL()
	b := a.With("srv1", dmtree.AccessReplace|dmtree.AccessDelete).With("srv0", dmtree.AccessReplace)
	if a.String() != "Add=*&Get=*" || b.String() != "Add=*&Delete=srv1&Get=*&Replace=srv0+srv1" {
		t.Errorf("With changed %q or gave %q", a, b)
	}
	if c := b.Without("srv1"); c.String() != "Add=*&Get=*&Replace=srv0" {
		t.Errorf("K18 Without gives %q", c)
	}
	for _, test := range []struct {
		server   string
		commands dmtree.Access
		want     bool
	}{
		{"srv1", dmtree.AccessReplace, true},
		{"srv2", dmtree.AccessReplace, false},
		{"srv0", dmtree.AccessReplace | dmtree.AccessDelete, false},
		{"srv2", dmtree.AccessGet | dmtree.AccessAdd, true},
		{"srv1", dmtree.AccessExec, false},
		{"srv1", dmtree.AccessCopy, false},
		{"srv", dmtree.AccessDelete, false},
		{"", dmtree.AccessExec | dmtree.AccessCopy, true},
	} {
		if got := b.Allows(test.server, test.commands); got != test.want {
			t.Errorf("%q allows %q the commands %06b: %v", b, test.server, test.commands, got)
		}
	}
	if !(dmtree.ACL{}).With("a b", dmtree.AccessGet).IsEmpty() {
		t.Error("K06 a server id with a blank is stored")
	}
}

func FuzzParseACL(f *testing.F) {
	for _, s := range []string{"", "Add=*&Get=*", "Get=b+a&Get=c", "Get=", "Replace=é+*"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := dmtree.ParseACL(s)
		if err != nil {
			return
		}
		b, err := dmtree.ParseACL(a.String())
		if err != nil || a != b {
			t.Fatalf("%q reads as %q, which reads as %q, %v", s, a, b, err)
		}
		for entry := range strings.SplitSeq(s, "&") {
			command, ids, _ := strings.Cut(entry, "=")
			access := map[string]dmtree.Access{"Add": dmtree.AccessAdd, "Delete": dmtree.AccessDelete, "Exec": dmtree.AccessExec,
				"Get": dmtree.AccessGet, "Replace": dmtree.AccessReplace}[command]
			for id := range strings.SplitSeq(ids, "+") {
				if s != "" && id != "*" && !a.Allows(id, access) {
					t.Fatalf("%q does not allow %q to %s", s, id, command)
				}
			}
		}
	})
}
