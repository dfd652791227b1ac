// Package docs_test holds what is written about the code against the code: the README, the maps, and the doc comments.
package docs_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/omadm-sdk/omadm"

// root is the top of the repository, seen from here.
var root = filepath.Join("..", "..")

// read returns a file of the repository.
func read(t *testing.T, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, filepath.Join(path...)))
	require.NoError(t, err)
	return string(b)
}

// packages returns the packages of the root module by their path below it, with the first sentence of their comments.
func packages(t *testing.T) map[string]string {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Doc,GoFiles", module+"/...").Output()
	require.NoError(t, err)
	all := map[string]string{}
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var p struct {
			ImportPath, Doc string
			GoFiles         []string
		}
		require.NoError(t, dec.Decode(&p))
		if len(p.GoFiles) > 0 {
			all[strings.TrimPrefix(p.ImportPath, module+"/")] = p.Doc
		}
	}
	require.NotEmpty(t, all)
	return all
}

// TestPrograms compiles the programs that the README shows, and wants them formatted.
func TestPrograms(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(read(t, "README.md"), -1)
	require.NotEmpty(t, blocks)
	for i, b := range blocks {
		require.True(t, strings.HasPrefix(b[1], "package main\n"), "block %d of README.md is no whole program", i+1)
		pretty, err := format.Source([]byte(b[1]))
		require.NoError(t, err, "block %d of README.md", i+1)
		require.Equal(t, string(pretty), b[1], "block %d of README.md is not what gofmt would write", i+1)

		file := filepath.Join(t.TempDir(), "main.go")
		require.NoError(t, os.WriteFile(file, []byte(b[1]), 0o600))
		out, err := exec.Command("go", "vet", file).CombinedOutput()
		require.NoError(t, err, "block %d of README.md: %s", i+1, out)
	}
}

// TestCommands wants the README to show the commands that .ci/run runs.
func TestCommands(t *testing.T) {
	readme, ci := read(t, "README.md"), read(t, ".ci", "run")
	for _, command := range []string{"go -C examples run ./quickstart", "go test ./... && go -C examples test ./..."} {
		require.Contains(t, readme, command+"\n")
		require.Contains(t, ci, "\t"+command+"\n")
	}
}

// TestPackagesAreNamed wants each public package in the README and each internal one in the map for contributors, and
// each with a comment of its own.
func TestPackagesAreNamed(t *testing.T) {
	readme, inner := read(t, "README.md"), read(t, "internal", "README.md")
	for path, doc := range packages(t) {
		if doc == "" {
			t.Errorf("package %s has no comment", path)
		}
		if name, ok := strings.CutPrefix(path, "internal/"); ok {
			if !strings.Contains(inner, "`"+name+"`") {
				t.Errorf("internal/README.md does not name %s", path)
			}
			continue
		}
		if !strings.Contains(path, "internal/") && !strings.Contains(readme, "`"+path+"`") {
			t.Errorf("README.md does not name %s", path)
		}
	}
	examples, err := os.ReadDir(filepath.Join(root, "examples"))
	require.NoError(t, err)
	for _, e := range examples {
		if e.IsDir() && e.Name() != "internal" && !strings.Contains(readme, "`examples/"+e.Name()+"`") {
			t.Errorf("README.md does not name examples/%s", e.Name())
		}
	}
}

// TestLinks wants every relative link in a Markdown file to lead somewhere.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && d.Name() == ".git" {
			if err == nil {
				err = fs.SkipDir
			}
			return err
		}
		if !strings.HasSuffix(path, ".md") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), filepath.FromSlash(m[1]))); err != nil {
				t.Errorf("%s links to %s, which is not there", path, m[1])
			}
		}
		return nil
	})
	require.NoError(t, err)
}

// TestFilesAreThere wants each file that the map for contributors names to exist in one of the packages it speaks of.
func TestFilesAreThere(t *testing.T) {
	names := regexp.MustCompile("`([a-z/]+\\.go)`").FindAllStringSubmatch(read(t, "internal", "README.md"), -1)
	require.NotEmpty(t, names)
	for _, m := range names {
		found := false
		for _, dir := range []string{".", "syncml", "dmtree", "session", "auth", "csp"} {
			_, err := os.Stat(filepath.Join(root, dir, filepath.FromSlash(m[1])))
			found = found || err == nil
		}
		if !found {
			t.Errorf("internal/README.md names %s, which is not there", m[1])
		}
	}
}

// TestExportedHaveComments wants a doc comment on everything that users can name. Of a group of constants or variables
// the comment of the group will do, or one at the end of the line.
func TestExportedHaveComments(t *testing.T) {
	for path := range packages(t) {
		if strings.HasPrefix(path, "internal/") || strings.Contains(path, "/internal/") {
			continue
		}
		files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(path), "*.go"))
		require.NoError(t, err)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			set := token.NewFileSet()
			f, err := parser.ParseFile(set, file, nil, parser.ParseComments)
			require.NoError(t, err)
			for _, name := range bare(f) {
				t.Errorf("%s: %s has no doc comment", file, name)
			}
		}
	}
}

// bare returns the exported declarations of a file that have no comment.
func bare(f *ast.File) (names []string) {
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			switch d.Name.Name {
			case "Error", "Unwrap", "String": // say what they do everywhere
				continue
			}
			if d.Doc == nil && d.Name.IsExported() && exportedReceiver(d) {
				names = append(names, "func "+d.Name.Name)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
						names = append(names, "type "+s.Name.Name)
					}
				case *ast.ValueSpec:
					for _, n := range s.Names {
						if n.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
							names = append(names, fmt.Sprintf("%s %s", d.Tok, n.Name))
						}
					}
				}
			}
		}
	}
	return names
}

// exportedReceiver reports whether d is a function, or a method of a type that users can name.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	t := d.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return false
		}
	}
}
