package admx

import (
	"fmt"
	"slices"
	"strings"
)

// maxCategories is how deep categories may be nested: far more than anyone
// does, and few enough that areas stay names.
const maxCategories = 24

// A resolver follows references between the files of an ingestion.
type resolver struct {
	in          *Ingestion
	byNamespace map[string]*File // the first of each
	areas       map[place]area   // those that area has found
}

// A place is what a policy of a file says of its category.
type place struct {
	file *File
	ref  string
}

// An area is what a device makes of a place.
type area struct {
	name, folded string
	deep         bool // categories go round in a circle, or too deep
}

func (in *Ingestion) resolver() *resolver {
	r := &resolver{in, map[string]*File{}, map[place]area{}}
	for _, f := range in.Files {
		if _, ok := r.byNamespace[f.Namespace]; !ok && f.Namespace != "" {
			r.byNamespace[f.Namespace] = f
		}
	}
	return r
}

// find returns the category that ref, in file f, refers to, and the file that
// it is in; or why there is none. fatal tells that no other file could help.
func (r *resolver) find(f *File, ref string) (in *File, c *Category, wrong string, fatal bool) {
	in = f
	prefix, name, foreign := strings.Cut(ref, ":")
	if !foreign {
		name = ref
	} else if prefix != f.Prefix {
		namespace, ok := f.Using[prefix]
		if !ok {
			return nil, nil, fmt.Sprintf("prefix of parent category %s is not declared in policyNamespaces", ref), true
		}
		if in, ok = r.byNamespace[namespace]; !ok {
			return nil, nil, fmt.Sprintf("parent category %s is of %s, which is not among the files; the path is taken to begin below it", ref, namespace), false
		}
	}
	c, ok := in.category(name)
	if !ok {
		return nil, nil, fmt.Sprintf("there is no parent category %s", ref), true
	}
	return in, c, "", false
}

// area returns the area for policies of file f whose category is ref.
func (r *resolver) area(f *File, ref string) area {
	at := place{f, ref}
	if a, ok := r.areas[at]; ok {
		return a
	}
	var a area
	var path []string
	for ref != "" {
		in, c, _, _ := r.find(f, ref)
		if c == nil {
			break
		}
		if len(path) == maxCategories {
			a.deep = true
			break
		}
		path = append(path, c.Name)
		f, ref = in, c.Parent
	}
	slices.Reverse(path)
	a.name = strings.Join(append([]string{r.in.App, r.in.setting()}, path...), "~")
	a.folded = strings.ToLower(a.name)
	r.areas[at] = a
	return a
}
