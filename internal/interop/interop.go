// Package interop runs programs of other people beside ours, so that tests can compare what both make of the same
// bytes, and benchmarks how long both take.
package interop

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
)

// Tool returns the path of an installed program. Where it is absent the test is skipped, and fails if the environment
// says CI=true: there, nothing may go unchecked.
func Tool(tb testing.TB, name string) string {
	tb.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		lacks(tb, "%s is not installed", name)
	}
	return path
}

func lacks(tb testing.TB, format string, args ...any) {
	tb.Helper()
	if os.Getenv("CI") == "true" {
		tb.Fatalf(format, args...)
	}
	tb.Skipf(format, args...)
}

// Run gives a program its input and returns its output. An error holds what the program said.
func Run(path string, input []byte, args ...string) ([]byte, error) {
	cmd := exec.Command(path, args...)
	cmd.Stdin = bytes.NewReader(input)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return out.Bytes(), &RunError{Path: path, Said: said.String(), Err: err}
	}
	return out.Bytes(), nil
}

// A RunError reports a program that has failed.
type RunError struct {
	Path, Said string
	Err        error
}

func (e *RunError) Error() string { return e.Path + ": " + e.Err.Error() + ": " + e.Said }

// Unwrap returns e.Err.
func (e *RunError) Unwrap() error { return e.Err }
