package dmtree

import (
	"errors"
	"strconv"
	"strings"
)

// What can go wrong with a node. Providers return these, alone or wrapped;
// the functions of this package add operation and URI in an [*Error]. The
// number is the status that a device answers (DM RepPro, status codes); an error that
// wraps none of them becomes 500, command failed, and its text stays inside.
var (
	ErrAccepted    = errors.New("accepted, goes on after the answer") // 202: not a failure; a Generic Alert will follow
	ErrURI         = errors.New("malformed URI")                      // 400
	ErrSyntax      = errors.New("malformed text")                     // 400: an ACL, a TNDS document, a new name
	ErrForbidden   = errors.New("forbidden at this time")             // 403: in use, locked, refused by the application
	ErrValue       = errors.New("value not acceptable")               // 403 in OMA, 500 on Windows
	ErrNotFound    = errors.New("node not found")                     // 404
	ErrNotAllowed  = errors.New("command not allowed on this node")   // 405: access type, permanent, root, leaf as a parent
	ErrUnsupported = errors.New("not supported")                      // 406: a whole command, a property, a list, transactions
	ErrIncomplete  = errors.New("value missing")                      // 412
	ErrTooLarge    = errors.New("value too large")                    // 413
	ErrTooLong     = errors.New("URI too long or too deep")           // 414
	ErrFormat      = errors.New("format or type not supported")       // 415
	ErrExist       = errors.New("node exists already")                // 418
	ErrFull        = errors.New("device full")                        // 420
	ErrPermission  = errors.New("permission denied")                  // 425: the access control list
	ErrStore       = errors.New("store failed")                       // 510
	ErrRollback    = errors.New("changes could not be undone")        // 516
)

// An Error tells where in the tree something went wrong. Err is one of the
// sentinels of this package, wraps one, or is the provider's own error.
type Error struct {
	Op  string // get, add, replace, delete, exec, copy, rename, begin, prepare, commit, rollback; may be empty
	URI URI    // the node to blame; empty if none
	Err error
}

// Error implements error.
func (e *Error) Error() string {
	s := "dmtree: "
	if e.Op != "" {
		s += e.Op + " "
	}
	if u := string(e.URI); len(u) > 256 { // as long as a hostile peer likes
		s += strings.ToValidUTF8(u[:200], "") + "… (" + strconv.Itoa(len(u)) + " bytes): "
	} else if u != "" {
		s += u + ": "
	}
	return s + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// wrap adds operation and URI to err unless it has them already.
func wrap(op string, u URI, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := err.(*Error); ok {
		if e.Op != "" && e.URI != "" {
			return err
		}
		c := *e
		if c.Op == "" {
			c.Op = op
		}
		if c.URI == "" {
			c.URI = u
		}
		return &c
	}
	return &Error{Op: op, URI: u, Err: err}
}
