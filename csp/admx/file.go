package admx

import (
	"fmt"
	"strings"

	"github.com/omadm-sdk/omadm/csp"
)

// A File is what one ADMX file says. [Parse] makes it; do not change it.
type File struct {
	Name       string // as given to Parse
	Prefix     string // its own name for its namespace
	Namespace  string
	Using      map[string]string // namespaces of other files, by the prefixes that this one has for them
	Categories []Category
	Policies   []*Policy
	Problems   []Problem // what is wrong in the file alone

	byName map[string]int // places in Categories, by names without case
}

// A Category is a folder of policies.
type Category struct {
	Name    string
	Parent  string // reference to the category above: name, or prefix:name; empty: none
	Display string // for people: a text, or a reference such as $(string.Editor), see [Texts.Text]
}

// A Policy is a policy of an ADMX file: what a device needs to know, and where
// it stands.
type Policy struct {
	csp.ADMXPolicy

	Category         string   // reference to its category: name, or prefix:name
	Keys             []string // the registry keys that it writes, as they are spelled, each once
	Display, Explain string   // for people: texts, or references, see [Texts.Text]
	Presentation     string   // reference to how it is edited, see [Texts.Label]
	Supported        string   // reference to the definition of what it is for
}

// A Problem is something wrong in a file or an ingestion. It is an error that
// says where it is in words.
type Problem struct {
	File  string // empty: the ingestion
	Where string // in words: policy Tabs, decimal Width; empty: the file
	Text  string
	// Fatal problems make a device refuse the file, or a policy unusable. With
	// others it may work: what Windows does is not documented.
	Fatal bool
}

// Error implements error.
func (p Problem) Error() string {
	s := "admx: "
	for _, part := range []string{p.File, p.Where} {
		if part != "" {
			s += part + ": "
		}
	}
	return s + p.Text
}

func (f *File) fatal(where, format string, args ...any) {
	f.Problems = append(f.Problems, Problem{f.Name, where, fmt.Sprintf(format, args...), true})
}

func (f *File) doubt(where, format string, args ...any) {
	f.Problems = append(f.Problems, Problem{f.Name, where, fmt.Sprintf(format, args...), false})
}

// category returns the category of that name, which compares without case.
func (f *File) category(name string) (*Category, bool) {
	i, ok := f.byName[strings.ToLower(name)]
	if !ok {
		return nil, false
	}
	return &f.Categories[i], true
}
