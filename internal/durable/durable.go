// Package durable has what stores in files need from the operating system: a lock that dies with its process, and names
// that survive the loss of power.
package durable

import "errors"

// ErrInUse is the error of Lock for a file that somebody else has locked.
var ErrInUse = errors.New("it is open elsewhere")
