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
