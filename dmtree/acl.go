package dmtree

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// An ACL says which servers may use which commands on a node (DM TND). It
// is immutable; the methods that change it return another. The zero ACL has no
// entries, which at any node but the root means that the node inherits.
type ACL struct {
	entries [len(aclCommands)]string // server ids joined by "+", in order of the ids; "*" alone; "" for none
}

// aclCommands are the commands of an ACL in the order of its text.
var aclCommands = [...]struct {
	access Access
	name   string
}{{AccessAdd, "Add"}, {AccessDelete, "Delete"}, {AccessExec, "Exec"}, {AccessGet, "Get"}, {AccessReplace, "Replace"}}

// DefaultACL is that of a root which nobody has given another: every server may
// add and read.
func DefaultACL() ACL { return ACL{}.With("*", AccessAdd|AccessGet) }

// ParseACL reads the text of an ACL, such as "Add=*&Get=srv1+srv2". A command
// that occurs twice counts with all its ids. The empty text is the zero ACL. An
// error wraps ErrSyntax.
func ParseACL(text string) (ACL, error) {
	var a ACL
	if text == "" {
		return a, nil
	}
	var lists [len(aclCommands)][]string
	for entry := range strings.SplitSeq(text, "&") {
		command, ids, ok := strings.Cut(entry, "=")
		if !ok {
			return ACL{}, fmt.Errorf("%w: an entry of an ACL has no =", ErrSyntax)
		}
		i := 0
		for i < len(aclCommands) && aclCommands[i].name != command {
			i++
		}
		if i == len(aclCommands) {
			return ACL{}, fmt.Errorf("%w: an ACL has an entry for a command that is none of Add, Delete, Exec, Get and Replace", ErrSyntax)
		}
		for id := range strings.SplitSeq(ids, "+") {
			if id != "*" && !validServer(id) {
				return ACL{}, fmt.Errorf("%w: in an ACL, %s has a server id that cannot be one", ErrSyntax, command)
			}
			lists[i] = append(lists[i], id)
		}
	}
	for i, ids := range lists {
		slices.Sort(ids)
		a.entries[i] = strings.Join(slices.Compact(ids), "+")
		if slices.Contains(ids, "*") {
			a.entries[i] = "*"
		}
	}
	return a, nil
}

// validServer reports whether id can stand in an ACL.
func validServer(id string) bool {
	return id != "" && !strings.ContainsFunc(id, func(r rune) bool {
		return strings.ContainsRune("=&*+", r) || unicode.IsSpace(r) || !unicode.IsPrint(r)
	})
}

// String returns the text of a: the commands Add, Delete, Exec, Get, Replace in
// this order, each once.
func (a ACL) String() string {
	var b strings.Builder
	for i, ids := range a.entries {
		if ids == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(aclCommands[i].name)
		b.WriteByte('=')
		b.WriteString(ids)
	}
	return b.String()
}

// IsEmpty reports whether a has no entries.
func (a ACL) IsEmpty() bool { return a == ACL{} }

// Allows reports whether server may use all the commands. No server but "" may
// use a command that has no place in an ACL; "" is the device itself, which may
// do everything.
func (a ACL) Allows(server string, commands Access) bool {
	if server == "" {
		return true
	}
	for i, c := range aclCommands {
		if commands.Has(c.access) {
			if !a.names(i, server) {
				return false
			}
			commands &^= c.access
		}
	}
	return commands == 0
}

func (a ACL) names(i int, server string) bool {
	for id := range strings.SplitSeq(a.entries[i], "+") {
		if id == "*" || id == server {
			return true
		}
	}
	return false
}

// With returns a with server allowed the commands; "*" stands for all servers
// and takes the place of those named before. An id that cannot be one changes
// nothing.
func (a ACL) With(server string, commands Access) ACL {
	if server != "*" && !validServer(server) {
		return a
	}
	for i, c := range aclCommands {
		switch {
		case !commands.Has(c.access) || a.entries[i] == "*":
		case server == "*" || a.entries[i] == "":
			a.entries[i] = server
		default:
			ids := strings.Split(a.entries[i], "+")
			if at, found := slices.BinarySearch(ids, server); !found {
				a.entries[i] = strings.Join(slices.Insert(ids, at, server), "+")
			}
		}
	}
	return a
}

// Without returns a with server taken out of all commands, as when its account
// is deleted. Commands that nobody is left for vanish.
func (a ACL) Without(server string) ACL {
	for i, ids := range a.entries {
		list := strings.Split(ids, "+")
		if at, found := slices.BinarySearch(list, server); found {
			a.entries[i] = strings.Join(slices.Delete(list, at, at+1), "+")
		}
	}
	return a
}
