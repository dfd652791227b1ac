package interop

import (
	"bufio"
	"bytes"
	"embed"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// A Round runs something over and over for a few milliseconds and returns how long one run took.
type Round func() time.Duration

// Loop returns the rounds of a function.
func Loop(f func()) Round {
	return func() time.Duration {
		const least = 3 * time.Millisecond
		n, start := 0, time.Now()
		for time.Since(start) < least {
			for range 1 + n/4 {
				f()
				n++
			}
		}
		return time.Since(start) / time.Duration(n)
	}
}

// Compare lets two sides take turns, so that both meet the same machine, and returns how many times as fast as the
// reference ours is. Of the rounds of each side the best counts: other programs only ever slow one down. The timer of b
// stands still meanwhile.
func Compare(b *testing.B, ours, reference Round) float64 {
	b.Helper()
	b.StopTimer()
	defer b.StartTimer()
	us, them := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
	for range 40 {
		us, them = min(us, ours()), min(them, reference())
	}
	return float64(them) / float64(us)
}

// Counts is what a reader saw in a document. Attributes are all of a tag, declarations of namespaces too; Octets are
// those of text and CDATA sections, after references were resolved.
type Counts struct{ Elements, Ends, Attributes, Octets int }

//go:embed testdata
var sources embed.FS

// A Timer is a program around a library in another language. It measures the library itself, without the start of a
// process.
type Timer struct{ path string }

// timers holds how to build the program of each library from its sources in a folder, and what it is called then.
var timers = map[string]struct {
	program string
	build   func(tb testing.TB, dir string) *exec.Cmd
}{
	"expat":     {"timer", cc("expat.c", "-lexpat")},
	"libxml2":   {"timer", cc("libxml2.c", "-I/usr/include/libxml2", "-lxml2")},
	"libwbxml":  {"timer", cc("libwbxml.c", "-I/usr/include/libwbxml-1.0", "-lwbxml2")},
	"quick-xml": {"target/release/timer", cargo},
}

func cc(source string, flags ...string) func(testing.TB, string) *exec.Cmd {
	return func(tb testing.TB, _ string) *exec.Cmd {
		return exec.Command(Tool(tb, "cc"), append([]string{"-O2", "-Wall", "-Wextra", "-o", "timer", "timer.c", source}, flags...)...)
	}
}

// cargo builds with the crates that Debian has, and asks no registry.
func cargo(tb testing.TB, dir string) *exec.Cmd {
	const manifest = `
[package]
name = "timer"
version = "0.0.0"
edition = "2018"
[[bin]]
name = "timer"
path = "quick-xml.rs"
[dependencies]
quick-xml = "*"
[profile.release]
lto = true
`
	if err := os.WriteFile(filepath.Join(dir, "Cargo.toml"), []byte(manifest), 0o600); err != nil {
		tb.Fatal(err)
	}
	return exec.Command(Tool(tb, "cargo"), "build", "--release", "--offline", "--config", `source.crates-io.replace-with="debian"`,
		"--config", `source.debian.directory="/usr/share/cargo/registry"`)
}

// NewTimer builds the program of a library: expat, libxml2 or libwbxml, with a C compiler and the headers that Debian has
// in libexpat1-dev, libxml2-dev and libwbxml2-dev; or quick-xml, with cargo and librust-quick-xml-dev. See [Tool].
func NewTimer(tb testing.TB, library string) *Timer {
	tb.Helper()
	dir := tb.TempDir()
	if err := os.CopyFS(dir, sources); err != nil {
		tb.Fatal(err)
	}
	dir = filepath.Join(dir, "testdata")
	t := timers[library]
	build := t.build(tb, dir)
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		lacks(tb, "building against %s: %v\n%s", library, err, out)
	}
	return &Timer{path: filepath.Join(dir, t.program)}
}

// Load gives a document to the library, to be read in the way that what names, and returns what it saw there and the
// rounds. Ways are decode and encode of libwbxml, which counts only what it writes, and events of quick-xml, which leaves
// names, attributes and references as they stand; the others have one each.
func (t *Timer) Load(tb testing.TB, what string, doc []byte) (Counts, Round) {
	tb.Helper()
	cmd := exec.Command(t.path, what)
	var said bytes.Buffer
	cmd.Stderr = &said
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	out := bufio.NewReader(stdout)
	answer := func(ask []byte, values ...any) {
		tb.Helper()
		_, err := in.Write(ask)
		if err == nil {
			_, err = fmt.Fscanln(out, values...)
		}
		if err != nil {
			in.Close()
			io.Copy(io.Discard, out)
			tb.Fatalf("%s: %v, %v: %s", t.path, err, cmd.Wait(), &said)
		}
	}
	var seen Counts
	answer(append(fmt.Appendln(nil, len(doc)), doc...), &seen.Elements, &seen.Ends, &seen.Attributes, &seen.Octets)
	return seen, func() time.Duration {
		var took time.Duration
		answer([]byte("\n"), &took)
		return took
	}
}
