package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRegenerate: the committed data is what the generator makes of the
// sources, which stand beside the checkout.
func TestRegenerate(t *testing.T) {
	const sources, data = "../../../shared/ddf", "../../csp/data"
	if _, err := os.Stat(sources); err != nil && os.Getenv("CI") != "true" {
		t.Skip("the description files are not at hand")
	}
	r, err := generate(sources, "../../../shared/admx")
	require.NoError(t, err)
	for name, got := range map[string][]byte{"windows.txt": r.schema, "admx.txt": r.policies, "NOTICE": r.notice} {
		want, err := os.ReadFile(filepath.Join(data, name))
		require.NoError(t, err)
		// Not Equal: the difference would be half a megabyte.
		require.True(t, string(want) == string(got), "%s is not what the sources give; run go generate ./csp", name)
	}
}

func TestGenerateErrors(t *testing.T) {
	_, err := generate(t.TempDir(), t.TempDir())
	require.ErrorContains(t, err, "no description files")
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "bad.xml"), []byte("<Other/>"), 0o600))
	_, err = generate(dir, t.TempDir())
	require.ErrorContains(t, err, "bad")
}
