// Package deps_test holds the import rules of the root module against what its packages import.
package deps_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A pkg is what go list says of a package.
type pkg struct {
	ImportPath   string
	SFiles       []string
	CgoFiles     []string
	Imports      []string
	TestImports  []string
	XTestImports []string
	Deps         []string
}

// Each system has files of its own, and so perhaps imports of its own.
var systems = []string{"linux", "windows", "darwin"}

// all holds the packages of the root module, by the system that they are built for.
var all = sync.OnceValues(func() (map[string][]pkg, error) {
	if err := touch(filepath.Join("..", "..")); err != nil {
		return nil, err
	}
	bySystem := map[string][]pkg{}
	for _, goos := range systems {
		cmd := exec.Command("go", "list", "-json=ImportPath,SFiles,CgoFiles,Imports,TestImports,XTestImports,Deps", module+"/...")
		cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH=amd64", "CGO_ENABLED=0")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("%s: %w\n%s", cmd, err, &stderr)
		}
		for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
			var p pkg
			if err := dec.Decode(&p); err != nil {
				return nil, fmt.Errorf("%s: %w", cmd, err)
			}
			bySystem[goos] = append(bySystem[goos], p)
		}
		if len(bySystem[goos]) == 0 {
			return nil, fmt.Errorf("%s: no packages", cmd)
		}
	}
	return bySystem, nil
})

// touch looks at every Go file, so that a cached result of this test, which reads none of them itself, is not taken for
// the result of today.
func touch(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == ".git":
			return fs.SkipDir
		case strings.HasSuffix(path, ".go"):
			_, err = os.Stat(path)
		}
		return err
	})
}

// each calls f for every package on every system, with its path below the module.
func each(t *testing.T, f func(goos, path string, p pkg)) {
	t.Helper()
	bySystem, err := all()
	if err != nil {
		t.Fatal(err)
	}
	for _, goos := range systems {
		for _, p := range bySystem[goos] {
			path, _ := local(p.ImportPath)
			f(goos, path, p)
		}
	}
}

// local returns the path below the module; ok is false for packages of others.
func local(path string) (rest string, ok bool) {
	if path == module {
		return ".", true
	}
	return strings.CutPrefix(path, module+"/")
}

// fits reports whether path is what pattern stands for.
func fits(pattern, path string) bool {
	prefix, deep := strings.CutSuffix(pattern, "...")
	if !deep {
		return pattern == path
	}
	return prefix == "" || strings.HasPrefix(path+"/", prefix)
}

func fitsAny(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return fits(p, path) })
}

func ruleFor(path string) *rule {
	for i := range rules {
		if fits(rules[i].pkg, path) {
			return &rules[i]
		}
	}
	return nil
}

func TestArrows(t *testing.T) {
	each(t, func(goos, path string, p pkg) {
		r := ruleFor(path)
		if r == nil {
			t.Errorf("%s: package %s has no rule: where in the layers is it?", goos, path)
			return
		}
		for _, imp := range p.Imports {
			if dep, ok := local(imp); ok && !fitsAny(r.may, dep) {
				t.Errorf("%s: %s imports %s, want of this module only %q: %s", goos, path, dep, r.may, r.why)
			}
		}
	})
}

func TestNever(t *testing.T) {
	each(t, func(goos, path string, p pkg) {
		for _, n := range never {
			if fits(n.pkg, path) && slices.Contains(p.Deps, n.dep) {
				t.Errorf("%s: %s depends on %s: %s", goos, path, n.dep, n.why)
			}
		}
	})
}

// TestLeaves says of the closure, and not only of direct imports, what the whole layout rests on: syncml and dmtree know
// neither each other nor anything above them.
func TestLeaves(t *testing.T) {
	each(t, func(goos, path string, p pkg) {
		for _, leaf := range []string{"syncml/...", "dmtree/..."} {
			for _, dep := range p.Deps {
				d, ok := local(dep)
				if ok && fits(leaf, path) && !fits(leaf, d) && !fits("internal/...", d) {
					t.Errorf("%s: %s depends on %s", goos, path, d)
				}
			}
		}
	})
}

func TestForeignModules(t *testing.T) {
	out, err := exec.Command("go", "mod", "edit", "-json", filepath.Join("..", "..", "go.mod")).Output()
	if err != nil {
		t.Fatal(err)
	}
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		t.Fatal(err)
	}
	for _, r := range mod.Require {
		known := slices.ContainsFunc(foreign, func(f dependency) bool { return f.module == r.Path })
		if !known && !r.Indirect {
			t.Errorf("go.mod requires %s: it belongs to the examples module, or needs a better idea", r.Path)
		}
	}

	for _, f := range foreign {
		users := map[string]bool{}
		each(t, func(_, path string, p pkg) {
			for _, imp := range p.Imports {
				if fits(f.module+"/...", imp) {
					users[path] = true
				}
			}
		})
		switch {
		case f.tests && len(users) > 0:
			t.Errorf("%s is imported by %v, want by test files only (%s)", f.module, users, f.why)
		case f.leaf && len(users) > 1:
			t.Errorf("%s is imported by %v, want by one package only (%s)", f.module, users, f.why)
		}
	}
}

// TestPureGo keeps cgo, assembly and unsafe out, and package testing out of everything that products link.
func TestPureGo(t *testing.T) {
	each(t, func(goos, path string, p pkg) {
		if len(p.SFiles) > 0 || len(p.CgoFiles) > 0 {
			t.Errorf("%s: %s has assembly or cgo: %q %q", goos, path, p.SFiles, p.CgoFiles)
		}
		for _, imp := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if imp == "unsafe" || imp == "C" {
				t.Errorf("%s: %s imports %s", goos, path, imp)
			}
		}
		if slices.Contains(p.Imports, "testing") && !fitsAny(testHelpers, path) {
			t.Errorf("%s: %s imports testing outside its tests", goos, path)
		}
	})
}

// TestRules finds rules without a reason, and rules that one above them hides.
func TestRules(t *testing.T) {
	for i, r := range rules {
		if r.why == "" {
			t.Errorf("rule %d, for %s, has no reason", i, r.pkg)
		}
		for _, other := range rules[:i] {
			base, deep := strings.CutSuffix(r.pkg, "/...")
			if fits(other.pkg, base) && (!deep || fits(other.pkg, base+"/below")) {
				t.Errorf("the rule for %s is never reached: %s comes before it", r.pkg, other.pkg)
			}
		}
	}
}
