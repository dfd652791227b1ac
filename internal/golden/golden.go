// Package golden compares what a test produced with a file under testdata, and rewrites that file when the test runs
// with -update. Read the difference like code before you commit it.
package golden

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "rewrite golden files with what the tests produce")

// Update reports whether golden files are being rewritten.
func Update() bool { return *update }

// Check fails the test when got is not what file holds, and names the first line that differs. With -update it writes
// file, and the folder it is in, instead.
func Check(t testing.TB, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%s is not there yet; run the test with -update to write it", file)
	} else if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(got, want) {
		return
	}
	line, g, w := difference(got, want)
	t.Errorf("%s:%d differs\n got: %q\nwant: %q", file, line, g, w)
}

// difference returns the number of the first line that differs, and both spellings of it.
func difference(got, want []byte) (line int, g, w []byte) {
	for line = 1; ; line++ {
		var moreGot, moreWant bool
		g, got, moreGot = bytes.Cut(got, []byte("\n"))
		w, want, moreWant = bytes.Cut(want, []byte("\n"))
		if !bytes.Equal(g, w) || moreGot != moreWant || !moreGot {
			return line, g, w
		}
	}
}
