package interop

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// LibWBXML is the C library libwbxml (Debian: libwbxml2-utils, and libwbxml2-dev for timing), which most servers and
// phones with WBXML were built on.
type LibWBXML struct{ decode, encode string }

// NewLibWBXML finds the library's tools; see [Tool].
func NewLibWBXML(tb testing.TB) *LibWBXML {
	return &LibWBXML{decode: Tool(tb, "wbxml2xml"), encode: Tool(tb, "xml2wbxml")}
}

// ToXML decodes a document, without white space between the tags but with all that is within.
func (l *LibWBXML) ToXML(wbxml []byte) ([]byte, error) {
	return Run(l.decode, wbxml, "-k", "-m", "0", "-o", "-", "-")
}

// ToWBXML encodes a document, in WBXML 1.2 and, unless table is set, without a string table. White space is kept.
func (l *LibWBXML) ToWBXML(xml []byte, table bool) ([]byte, error) {
	args := []string{"-k", "-v", "1.2", "-o", "-", "-"}
	if !table {
		args = append([]string{"-n"}, args...)
	}
	return Run(l.encode, xml, args...)
}

//go:embed testdata/libwbxml.c
var timer []byte

// A WBXMLTimer measures the library itself, without the start of a process.
type WBXMLTimer struct{ path string }

// NewWBXMLTimer compiles the measuring program. It needs a C compiler and libwbxml2-dev; see [Tool].
func NewWBXMLTimer(tb testing.TB) *WBXMLTimer {
	cc := Tool(tb, "cc")
	dir := tb.TempDir()
	source, path := filepath.Join(dir, "timer.c"), filepath.Join(dir, "timer")
	if err := os.WriteFile(source, timer, 0o600); err != nil {
		tb.Fatal(err)
	}
	out, err := exec.Command(cc, "-O2", "-I/usr/include/libwbxml-1.0", "-o", path, source, "-lwbxml2").CombinedOutput()
	if err != nil {
		if os.Getenv("CI") == "true" {
			tb.Fatalf("compiling against libwbxml: %v\n%s", err, out)
		}
		tb.Skipf("compiling against libwbxml: %v\n%s", err, out)
	}
	return &WBXMLTimer{path: path}
}

// Decode returns how long the library takes to make XML of a document in memory, at best.
func (w *WBXMLTimer) Decode(tb testing.TB, wbxml []byte) time.Duration {
	return w.time(tb, "decode", wbxml)
}

// Encode returns how long the library takes to make WBXML, without a string table, of a document in memory, at best.
func (w *WBXMLTimer) Encode(tb testing.TB, xml []byte) time.Duration {
	return w.time(tb, "encode", xml)
}

func (w *WBXMLTimer) time(tb testing.TB, what string, data []byte) time.Duration {
	tb.Helper()
	out, err := Run(w.path, data, what)
	if err != nil {
		tb.Fatal(err)
	}
	var ns int64
	if _, err := fmt.Sscan(string(out), &ns); err != nil {
		tb.Fatalf("%q: %v", out, err)
	}
	return time.Duration(ns)
}
