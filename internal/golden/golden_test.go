package golden_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/omadm-sdk/omadm/internal/golden"
)

// recorder keeps what Check would have told the test it runs in.
type recorder struct {
	testing.TB
	said string
}

func (r *recorder) Helper()                   {}
func (r *recorder) Errorf(f string, a ...any) { r.said = fmt.Sprintf(f, a...) }
func (r *recorder) Fatalf(f string, a ...any) { r.said = fmt.Sprintf(f, a...); panic(r) }

func said(t *testing.T, file, got string) string {
	r := &recorder{TB: t}
	func() {
		defer func() {
			if p := recover(); p != nil && p != any(r) {
				panic(p)
			}
		}()
		golden.Check(r, file, []byte(got))
	}()
	return r.said
}

func TestCheck(t *testing.T) {
	if golden.Update() {
		t.Skip("with -update nothing is compared")
	}
	file := filepath.Join(t.TempDir(), "deep", "messages.txt")
	if s := said(t, file, "a"); !strings.Contains(s, "-update") {
		t.Errorf("missing file: said %q", s)
	}

	if err := flag.Set("update", "true"); err != nil {
		t.Fatal(err)
	}
	s := said(t, file, "one\ntwo\n")
	if err := flag.Set("update", "false"); err != nil {
		t.Fatal(err)
	}
	if s != "" {
		t.Errorf("update: said %q", s)
	}
	if b, err := os.ReadFile(file); string(b) != "one\ntwo\n" {
		t.Fatalf("update wrote %q, %v", b, err)
	}

	for _, c := range []struct{ name, got, want string }{
		{"the same", "one\ntwo\n", ""},
		{"another line", "one\n2\n", ":2 differs"},
		{"an end missing", "one\ntwo", ":2 differs"},
		{"a line more", "one\ntwo\nthree\n", ":3 differs"},
		{"a line less", "one\n", ":2 differs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := said(t, file, c.got)
			if c.want == "" && s != "" || !strings.Contains(s, c.want) {
				t.Errorf("said %q, want %q", s, c.want)
			}
		})
	}
}
