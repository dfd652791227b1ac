package csp

import (
	"strings"

	"github.com/omadm-sdk/omadm/dmtree"
)

// An Op is a set of commands. The commands are single bits, so that
// OpAdd|OpReplace is both.
type Op = dmtree.Access

// The commands that an access type can name, in the order of the specification.
const (
	OpAdd     = dmtree.AccessAdd
	OpCopy    = dmtree.AccessCopy
	OpDelete  = dmtree.AccessDelete
	OpExec    = dmtree.AccessExec
	OpGet     = dmtree.AccessGet
	OpReplace = dmtree.AccessReplace
)

var opNames = [...]string{"Add", "Copy", "Delete", "Exec", "Get", "Replace"}

const opLetters = "ACDEGR"

// OpOf returns the command of that name, such as "Replace", in any case.
func OpOf(name string) (Op, bool) {
	for i, s := range opNames {
		if strings.EqualFold(s, name) {
			return 1 << i, true
		}
	}
	return 0, false
}

// opText lists the commands of o for people, such as "Add, Get and Replace".
func opText(o Op) string {
	var names []string
	for i, s := range opNames {
		if o&(1<<i) != 0 {
			names = append(names, s)
		}
	}
	switch len(names) {
	case 0:
		return "nothing"
	case 1:
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
