package csp_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/stretchr/testify/require"
)

// TestSize: the data is in a program that calls Windows, and in no other that
// imports this package (limit: 1.5 MB, aiming at 1.2 MB).
func TestSize(t *testing.T) {
	if os.Getenv("CI") != "true" {
		t.Skip("builds three programs; runs where CI=true")
	}
	build := func(name, body string) int64 {
		dir, err := os.MkdirTemp(".", "testsize") // inside the module, so that it can import this package
		require.NoError(t, err)
		defer os.RemoveAll(dir)
		src := "package main\n\nimport (\n\t\"fmt\"\n\t\"os\"\n\n\t\"github.com/omadm-sdk/omadm/csp\"\n\t\"github.com/omadm-sdk/omadm/dmtree\"\n)\n\nfunc main() {\n\tu := dmtree.URI(os.Args[0])\n" + body + "}\n"
		require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(src), 0o600))
		out := filepath.Join(t.TempDir(), name)
		cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", out, "./"+dir)
		cmd.Env = append(os.Environ(), "GOFLAGS=")
		text, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", text)
		info, err := os.Stat(out)
		require.NoError(t, err)
		return info.Size()
	}
	const use = "\tn, ok := s.Lookup(u)\n\tif ok {\n\t\tfmt.Println(n.Validate(dmtree.Int(1)))\n\t}\n"
	without := build("without", "\ts, _ := csp.ParseText(os.Args[0])\n"+use)
	with := build("with", "\ts := csp.Windows()\n"+use)
	bare := build("bare", "\tfmt.Println(u, csp.OpGet)\n")
	t.Logf("a program that imports csp: %d kB, that reads a schema: %d kB, with the data: %d kB", bare>>10, without>>10, with>>10)
	data, err := os.Stat("data/windows.txt")
	require.NoError(t, err)
	require.Greater(t, with-without, data.Size()/2)
	require.Less(t, with-without, int64(1_200_000), "what the data adds")
	require.Less(t, with-bare, int64(1_500_000), "what the data and all that reads it add")
}

// TestSentences: the data holds facts, not Microsoft's sentences.
func TestSentences(t *testing.T) {
	text, err := csp.Windows().MarshalText()
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		for field := range strings.SplitSeq(strings.TrimSuffix(line, "\n"), "\t") {
			if strings.Contains(field, "<xs:") || strings.Contains(field, "<xsd:") || strings.HasPrefix(field, "vJ:") {
				require.NotContains(t, field, "documentation")
				continue
			}
			if strings.Contains(field, ". ") || strings.Count(field, " ") > 12 && !strings.Contains(field, "10.0.") && !isHexList(strings.TrimPrefix(field, "e")) {
				// Names of Group Policy settings are names, however long.
				if !strings.HasPrefix(field, "g") {
					t.Errorf("a sentence? %s", field)
				}
			}
		}
	}
}

func isHexList(s string) bool {
	return strings.Trim(s, "0123456789ABCDEF ") == ""
}
