package auth_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A29: TestA29SecretsAreComparedInConstantTime reads the package's own code: nothing that compares, other than the function
// of crypto/subtle, is given a digest or what a Secret holds. Time itself cannot be measured well enough here.
func TestA29SecretsAreComparedInConstantTime(t *testing.T) {
	const path = "github.com/omadm-sdk/omadm/auth"
	set := token.NewFileSet()
	files := sources(t, set)
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}
	pkg, err := (&types.Config{Importer: importer.ForCompiler(set, "gc", exported(t, path))}).Check(path, set, files, info)
	require.NoError(t, err)

	secret := pkg.Scope().Lookup("Secret").Type().Underlying().(*types.Struct)
	var text types.Object
	for f := range secret.Fields() {
		if f.Name() == "text" {
			text = f
		}
	}
	require.NotNil(t, text)

	// holds reports whether an expression is a digest, or made of the content of a Secret.
	holds := func(e ast.Expr) (found bool) {
		ast.Inspect(e, func(n ast.Node) bool {
			if e, ok := n.(ast.Expr); ok && info.TypeOf(e) != nil {
				array, ok := info.TypeOf(e).Underlying().(*types.Array)
				found = found || ok && array.Len() == 16
			}
			switch n := n.(type) {
			case *ast.Ident:
				found = found || info.Uses[n] == text
			case *ast.CallExpr:
				return info.Types[n.Fun].IsType() // a conversion; of other functions the result counts alone
			}
			return true
		})
		return found
	}
	constant := 0
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BinaryExpr:
				if (n.Op == token.EQL || n.Op == token.NEQ) && (holds(n.X) || holds(n.Y)) {
					t.Errorf("%s: %s compares a secret", set.Position(n.Pos()), n.Op)
				}
			case *ast.CallExpr:
				sel, ok := n.Fun.(*ast.SelectorExpr)
				if !ok {
					break
				}
				f, ok := info.Uses[sel.Sel].(*types.Func)
				if !ok || f.Pkg() == nil {
					break
				}
				name := f.Pkg().Path() + "." + f.Name()
				switch name {
				case "crypto/subtle.ConstantTimeCompare":
					constant++
				case "bytes.Equal", "bytes.Compare", "strings.EqualFold", "strings.Compare", "slices.Equal", "reflect.DeepEqual":
					for _, arg := range n.Args {
						if holds(arg) {
							t.Errorf("%s: %s compares a secret", set.Position(n.Pos()), name)
						}
					}
				}
			}
			return true
		})
	}
	require.Equal(t, 2, constant, "one for digests, one for passwords")
}

// sources parses the files of this package.
func sources(t *testing.T, set *token.FileSet) (files []*ast.File) {
	t.Helper()
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		files = append(files, f)
	}
	require.NotEmpty(t, files)
	return files
}

// exported finds the compiled packages that path is built from.
func exported(t *testing.T, path string) importer.Lookup {
	t.Helper()
	out, err := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Export", path).Output()
	require.NoError(t, err)
	where := map[string]string{}
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var p struct{ ImportPath, Export string }
		require.NoError(t, dec.Decode(&p))
		where[p.ImportPath] = p.Export
	}
	return func(path string) (io.ReadCloser, error) { return os.Open(where[path]) }
}
