package interop_test

import (
	"errors"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/omadm-sdk/omadm/internal/interop"
)

// watched notes how a test would have ended.
type watched struct {
	testing.TB
	ended string
}

func (w *watched) Helper()               {}
func (w *watched) Skipf(string, ...any)  { w.ended = "skipped"; runtime.Goexit() }
func (w *watched) Fatalf(string, ...any) { w.ended = "failed"; runtime.Goexit() }

// end runs what may end a test, and returns how it did.
func end(tb testing.TB, f func(testing.TB)) string {
	w := &watched{TB: tb}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(w)
	}()
	<-done
	return w.ended
}

func TestTool(t *testing.T) {
	for _, c := range []struct{ ci, tool, want string }{
		{"", "no-such-program", "skipped"},
		{"true", "no-such-program", "failed"},
		{"true", "go", ""},
	} {
		t.Setenv("CI", c.ci)
		ended := end(t, func(tb testing.TB) {
			if path := interop.Tool(tb, c.tool); path == "" {
				t.Errorf("%s: no path", c.tool)
			}
		})
		if ended != c.want {
			t.Errorf("CI=%q, %s: %q, want %q", c.ci, c.tool, ended, c.want)
		}
	}
}

func TestRun(t *testing.T) {
	path := interop.Tool(t, "go")
	out, err := interop.Run(path, nil, "env", "GOOS")
	if err != nil || strings.TrimSpace(string(out)) != runtime.GOOS {
		t.Errorf("got %q, %v", out, err)
	}
	_, err = interop.Run(path, nil, "no-such-command")
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !strings.Contains(err.Error(), "no-such-command") {
		t.Errorf("%v does not hold what the program said", err)
	}
}

// TestTimer lets each library read documents of which it is known what they hold.
func TestTimer(t *testing.T) {
	const doc = `<a b="c" xmlns="urn:x"><d>1 &lt; 2 &#233;</d><e/><f><![CDATA[<x>&amp;]]></f></a>`
	seen := interop.Counts{Elements: 4, Ends: 4, Attributes: 2, Octets: len("1 < 2 é<x>&amp;")}
	const message = `<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr><VerDTD>1.2</VerDTD></SyncHdr></SyncML>`
	const binary = "\x02\xA4\x01\x6A\x00\x6D\x6C\x71\x031.2\x00\x01\x01\x01"
	const head = `<?xml version="1.0"?><!DOCTYPE SyncML PUBLIC "-//SYNCML//DTD SyncML 1.2//EN" ` +
		`"http://www.openmobilealliance.org/tech/DTD/OMA-TS-SyncML_RepPro_DTD-V1_2.dtd">`
	for library, docs := range map[string][]struct {
		what, doc string
		want      interop.Counts
	}{
		"expat":   {{"", doc, seen}},
		"libxml2": {{"", doc, seen}},
		"quick-xml": {
			{"", doc, seen},
			{"events", doc, seen},
		},
		"libwbxml": {
			{"encode", message, interop.Counts{Octets: len(binary)}},
			{"decode", binary, interop.Counts{Octets: len(head + message)}},
		},
	} {
		t.Run(library, func(t *testing.T) {
			timer := interop.NewTimer(t, library)
			for _, c := range docs {
				got, round := timer.Load(t, c.what, []byte(c.doc))
				if got != c.want {
					t.Errorf("%q: it saw %+v, want %+v", c.what, got, c.want)
				}
				for range 2 {
					if took := round(); took <= 0 {
						t.Errorf("%q: a round took %v", c.what, took)
					}
				}
				if ended := end(t, func(tb testing.TB) { timer.Load(tb, c.what, []byte("<a></b>")) }); ended != "failed" {
					t.Errorf("%q: not well-formed: %q, want failed", c.what, ended)
				}
			}
		})
	}
}

// TestCompare lets two sides take turns whose rounds take what they say.
func TestCompare(t *testing.T) {
	side := func(turn *int, took ...time.Duration) interop.Round {
		return func() time.Duration {
			*turn++
			return took[*turn%len(took)]
		}
	}
	testing.Benchmark(func(b *testing.B) {
		var us, them int
		ratio := interop.Compare(b, side(&us, 30, 20, 40), side(&them, 90, 80, 50, 70))
		if ratio != 2.5 {
			t.Errorf("%v times as fast, want 50/20", ratio)
		}
		if us != them || us < 5 {
			t.Errorf("%d rounds of one side, %d of the other; want as many, and five at least", us, them)
		}
	})
}

// TestLoop lets a round of a function run more than once.
func TestLoop(t *testing.T) {
	n := 0
	took := interop.Loop(func() { n++ })()
	if n < 2 || took < 0 || took > 3*time.Millisecond {
		t.Errorf("%d runs of %v", n, took)
	}
}
