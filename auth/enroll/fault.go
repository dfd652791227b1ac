package enroll

import (
	"fmt"
	"strings"
	"time"
)

// A Fault is a refused enrollment: what a [Server] answers with, and what a [Client] returns when it was answered so.
// A hook of the server may return one to choose what the device is told; a plain [Code] does for most.
type Fault struct {
	Code   Code
	Reason string // for the user or the log of the device; if empty, what Code means
	Trace  string // the server's trace id, which the device logs too; set by [Server]

	// Subcode and ErrorType are what a client received, word for word; a server sets them from Code.
	Subcode, ErrorType string

	// Status is the HTTP status of the answer a client received.
	Status int

	// RetryAfter is what a client was told to wait for; zero if it was not told.
	RetryAfter time.Duration

	// Err is the cause on the server, if there is one. It is logged and never sent.
	Err error
}

// Error reads as "reason (MENROLL_E_… 0x…; trace …): cause".
func (f *Fault) Error() string {
	var b strings.Builder
	b.WriteString("enroll: ")
	if f.Reason != "" {
		b.WriteString(f.Reason)
	} else {
		b.WriteString(f.Code.text())
	}
	b.WriteString(" (")
	if n := f.Code.Name(); n != "" {
		b.WriteString(n + " ")
	}
	fmt.Fprintf(&b, "0x%08X", uint32(f.Code))
	if f.Trace != "" {
		b.WriteString("; trace " + f.Trace)
	}
	b.WriteString(")")
	if f.Err != nil {
		b.WriteString(": " + f.Err.Error())
	}
	return b.String()
}

// Unwrap makes errors.Is and errors.As see the code and the cause.
func (f *Fault) Unwrap() []error {
	if f.Err == nil {
		return []error{f.Code}
	}
	return []error{f.Code, f.Err}
}

// An Error is what went wrong in one step of a [Client].
type Error struct {
	Step Step
	URL  string // the address the step talked to; empty before there was one
	Err  error  // a *Fault, a Code, or the cause of one
}

// Error reads as "enroll: step url: cause".
func (e *Error) Error() string {
	s := "enroll: " + e.Step.String()
	if e.URL != "" {
		s += " " + e.URL
	}
	return s + ": " + strings.TrimPrefix(e.Err.Error(), "enroll: ")
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// A Step is one of the requests of an enrollment, in their order.
type Step uint8

// The steps. StepApply is the client's own: taking the provisioning document apart and checking what is in it.
const (
	StepDiscover Step = iota + 1
	StepSignIn
	StepPolicy
	StepIssue
	StepApply
)

// String returns a word for logs.
func (s Step) String() string {
	switch s {
	case StepDiscover:
		return "discover"
	case StepSignIn:
		return "sign in"
	case StepPolicy:
		return "get policies"
	case StepIssue:
		return "request certificate"
	case StepApply:
		return "apply provisioning document"
	}
	return "step"
}
