package interop_test

import (
	"errors"
	"os/exec"
	"runtime"
	"strings"
	"testing"

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

func TestTool(t *testing.T) {
	for _, c := range []struct{ ci, tool, want string }{
		{"", "no-such-program", "skipped"},
		{"true", "no-such-program", "failed"},
		{"true", "go", ""},
	} {
		t.Setenv("CI", c.ci)
		w := &watched{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			if path := interop.Tool(w, c.tool); path == "" {
				t.Errorf("%s: no path", c.tool)
			}
		}()
		<-done
		if w.ended != c.want {
			t.Errorf("CI=%q, %s: %q, want %q", c.ci, c.tool, w.ended, c.want)
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
