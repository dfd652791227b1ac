package dmtree_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/omadm-sdk/omadm/dmtree"
)

func TestCanonical(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"T01 the root", ".", "."},
		{"T01 with ./", "./A/B", "./A/B"},
		{"T01 without ./", "A/B", "./A/B"},
		{"T04 case of names is kept", "./a/B/cD", "./a/B/cD"},
		{"Vendor is below Device", "./Vendor/MSFT", "./Device/Vendor/MSFT"},
		{"bare Vendor", "Vendor/MSFT", "./Device/Vendor/MSFT"},
		{"lower-case scope", "./vendor/msft", "./Device/Vendor/msft"},
		{"lower-case Device", "./device/vendor/MSFT", "./Device/Vendor/MSFT"},
		{"user scope", "user/vendor/MSFT", "./User/Vendor/MSFT"},
		{"escaped scope", "./%56endor/MSFT", "./Device/Vendor/MSFT"},
		{"Vendor elsewhere is a name", "./A/vendor", "./A/vendor"},
		{"DevInfo has no scope", "DevInfo", "./DevInfo"},
		{"escapes in upper case", "./A/a%2fb", "./A/a%2Fb"},
		{"needless escape", "./A/%41%2D", "./A/A-"},
		{"raw space", "./A/My Wi-Fi", "./A/My%20Wi-Fi"},
		{"raw braces", "./A/{1-2}", "./A/%7B1-2%7D"},
		{"raw UTF-8", "./A/Café", "./A/Caf%C3%A9"},
		{"quotes and equals", `./cimv2/X.Name="a"`, "./cimv2/X.Name=%22a%22"},
		{"colon", "./A/b:c", "./A/b:c"},
		{"percent", "./A/100%25", "./A/100%25"},
		{"three dots are a name", "./A/...", "./A/..."},
		{"dot inside a name", "./A/.b", "./A/.b"},
		{"property", "Vendor?prop=ACL", "./Device/Vendor?prop=ACL"},
		{"root's property", ".?prop=ACL", ".?prop=ACL"},
		{"list", "./A?list=TNDS+ACL+Value", "./A?list=TNDS+ACL+Value"},
	} {
		t.Run(test.name, func(t *testing.T) {
			u, err := dmtree.ParseURI(test.in)
			if err != nil || string(u) != test.want {
				t.Errorf("ParseURI(%q) = %q, %v, want %q", test.in, u, err, test.want)
			}
			if !u.Valid() || u.Canonical() != u {
				t.Errorf("%q is not canonical itself", u)
			}
			if !dmtree.URI(test.in).EqualFold(dmtree.URI(strings.ToUpper(test.in[:1]) + test.in[1:])) {
				t.Errorf("%q is not equal to itself", test.in)
			}
		})
	}
}

// Every rule of DM TND and MS-MDM, broken once.
func TestInvalidURI(t *testing.T) {
	for _, test := range []struct{ name, in string }{
		{"empty", ""},
		{"T02 ./ alone", "./"},
		{"T02 trailing slash", "./A/"},
		{"T02 parent", "./A/../B"},
		{"T02 leading parent", "../A"},
		{"T02 inner ./", "./A/./B"},
		{"T02 twice ./", "././A"},
		{"leading slash", "/A"},
		{"only a slash", "/"},
		{"empty segment", "./A//B"},
		{"encoded parent", "./A/%2e%2E/B"},
		{"half encoded parent", "./A/.%2e"},
		{"encoded dot", "./A/%2e"},
		{"just an asterisk", "./A/*"},
		{"encoded asterisk", "./A/%2a"},
		{"NUL", "./A/\x00"},
		{"encoded NUL", "./A/a%00b"},
		{"line feed", "./A/a\nb"},
		{"encoded DEL", "./A/%7f"},
		{"C1 control", "./A/%c2%85"},
		{"half an escape", "./A/%4"},
		{"no hexadecimal digits", "./A/%zz"},
		{"lone percent", "./A/100%"},
		{"not UTF-8", "./A/\xff"},
		{"escapes that are not UTF-8", "./A/%ff"},
		{"overlong UTF-8 slash", "./A/%c0%af"},
		{"surrogate", "./A/%ed%a0%80"},
		{"half escaped character", "./A/%c3\xa9"},
		{"only a query", "?prop=ACL"},
		{"empty query", "./A?"},
		{"unknown query", "./A?foo=ACL"},
		{"property without a name", "./A?prop="},
		{"two queries", "./A?prop=ACL?prop=Name"},
		{"property with a list's signs", "./A?prop=ACL+Name"},
		{"slash in the query", "./A?prop=ACL/B"},
	} {
		t.Run(test.name, func(t *testing.T) {
			u, err := dmtree.ParseURI(test.in)
			if !errors.Is(err, dmtree.ErrURI) {
				t.Errorf("ParseURI(%q) = %q, %v, want ErrURI", test.in, u, err)
			}
			if dmtree.URI(test.in).Valid() {
				t.Errorf("%q is valid", test.in)
			}
		})
	}
}

func TestURIParts(t *testing.T) {
	u := dmtree.URI("./Device/Vendor").Join("Café 5/7", "{1}", "100%")
	if want := dmtree.URI("./Device/Vendor/Caf%C3%A9%205%2F7/%7B1%7D/100%25"); u != want {
		t.Errorf("Join makes %s, want %s", u, want)
	}
	if got, want := slices.Collect(u.Names()), []string{"Device", "Vendor", "Café 5/7", "{1}", "100%"}; !slices.Equal(got, want) {
		t.Errorf("Names are %q, want %q", got, want)
	}
	if u.Name() != "100%" || u.Parent().Name() != "{1}" || u.Depth() != 5 {
		t.Errorf("name %q, parent's %q, depth %d", u.Name(), u.Parent().Name(), u.Depth())
	}
	if r := dmtree.Root; r.Name() != "" || r.Parent() != r || r.Depth() != 0 || r.Join("A") != "./A" || r.Join() != r {
		t.Error("the root has a name, a parent or a depth, or cannot be joined")
	}
	if dmtree.URI("./A").Join("..").Valid() || dmtree.URI("./A").Join("").Valid() {
		t.Error("a name that cannot be one makes a valid URI")
	}
	p := dmtree.URI("./A/B?prop=ACL")
	if p.Prop() != "ACL" || p.List() != "" || p.Name() != "B" || p.Parent() != "./A" || p.WithProp("Name") != "./A/B?prop=Name" {
		t.Errorf("parts of %s are wrong", p)
	}
	for _, test := range []struct {
		u, root dmtree.URI
		want    bool
	}{
		{"./A/B", "./A", true},
		{"A/B", "./A", true},
		{"./A", "./A", true},
		{"./AB", "./A", false},
		{"./A", "./A/B", false},
		{"./A", ".", true},
		{"./Vendor/MSFT", "./Device", true},
		{"./a/B", "./A", false},
		{"./A/B?prop=ACL", "./A/B", true},
	} {
		if got := test.u.Within(test.root); got != test.want {
			t.Errorf("%s within %s: %v", test.u, test.root, got)
		}
	}
}

func TestFold(t *testing.T) {
	for _, test := range []struct {
		a, b dmtree.URI
		want bool
	}{
		{"./A/b", "./a/B", true},
		{"vendor/MSFT", "./Device/Vendor/msft", true},
		{"./A/%C3%89t%C3%A9", "./A/étÉ", true},
		{"./A/a%2fb", "./A/A%2FB", true},
		{"./A/a%2fb", "./A/A/B", false},
		{"./A/[", "./A/{", false},
		{"./A/@", "./A/`", false},
		{"./A/b", "./A/c", false},
	} {
		if got := test.a.EqualFold(test.b); got != test.want {
			t.Errorf("%s and %s fold to %s and %s", test.a, test.b, test.a.Fold(), test.b.Fold())
		}
		if f := test.a.Fold(); f.Fold() != f {
			t.Errorf("Fold of %s is not stable", test.a)
		}
	}
}

func TestLimits(t *testing.T) {
	limits := dmtree.Limits{MaxDepth: 3, MaxTotLen: 20, MaxSegLen: 5}
	for _, test := range []struct {
		name string
		u    dmtree.URI
		ok   bool
	}{
		{"T03 within all", "./12345/12345/12345", true},
		{"T03 four segments", "./1/2/3/4", false},
		{"T03 the leading dot is no segment", "./1/2/3", true},
		{"T03 six characters", "./123456", false},
		{"T03 whole too long", "./1234/1234?prop=Name", false},
		{"T03 characters, not bytes", "./äöüäö", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := limits.Check(test.u); (err == nil) != test.ok || err != nil && !errors.Is(err, dmtree.ErrTooLong) {
				t.Errorf("Check(%s) = %v", test.u, err)
			}
			if err := (dmtree.Limits{}).Check(test.u); err != nil {
				t.Errorf("without limits: %v", err)
			}
		})
	}
}

func TestCanonicalDoesNotAllocate(t *testing.T) {
	u := dmtree.URI("./Device/Vendor/MSFT/WiFi/Profile/My%20Caf%C3%A9/WlanXml")
	if n := testing.AllocsPerRun(100, func() { u.Canonical() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzParseURI(f *testing.F) {
	for _, s := range []string{".", "./A/B", "Vendor/MSFT", "./a%2Fb/%C3%A9", "./A?prop=ACL", "./A?list=TNDS-ACL", "./A/../B", "./\xff", "./%E2%84%AA"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := dmtree.ParseURI(s)
		if err != nil {
			if !errors.Is(err, dmtree.ErrURI) || dmtree.URI(s).Valid() {
				t.Fatalf("%q: %v, valid %v", s, err, dmtree.URI(s).Valid())
			}
			return
		}
		if again, err := dmtree.ParseURI(string(u)); err != nil || again != u {
			t.Fatalf("%q: canonical form %q becomes %q, %v", s, u, again, err)
		}
		if strings.ContainsFunc(string(u), func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			t.Fatalf("%q: canonical form %q holds what a URI must escape", s, u)
		}
		node, _ := u.Split()
		back := dmtree.Root
		for name := range node.Names() {
			if name == "" || name == "." || name == ".." || name == "*" || strings.ContainsRune(name, 0) {
				t.Fatalf("%q has the name %q", s, name)
			}
			back = back.Join(name)
		}
		if back != node {
			t.Fatalf("%q: names join to %q, want %q", s, back, node)
		}
		fold := u.Fold()
		if fold.Fold() != fold || len(fold) != len(u) || !fold.Valid() || fold.Canonical().Fold() != fold {
			t.Fatalf("%q: fold %q is not stable", u, fold)
		}
	})
}
