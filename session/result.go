package session

import (
	"fmt"
	"iter"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/syncml"
)

// A Result is the outcome of one command. It is recorded once.
type Result struct {
	ID      string     // names the command; the same each time the result is delivered. For queued work: its WorkID
	Label   string     // that the command was given
	Command string     // Get, Add, Replace, Set, Delete, Exec, Copy, Alert, Atomic or Sequence
	URI     dmtree.URI // of the command; empty for Alert, Atomic and Sequence

	// Status is what the device answered. 0 means that it finished its package without an answer, which is not success,
	// or, with Unknown, that nobody knows. A command that could not be sent has the status that says why (413: too large
	// for the device), and so has a Get whose values are more than [Limits].Answers (413).
	Status syncml.StatusCode

	// Unknown says that the command may have been done, or not. Either the session died after it had been sent: Get, Add,
	// Replace and Delete are then sent again, so they come here only if that was of no use either, as when an Atomic fails
	// because of a node that it may have added itself; Exec comes at once. Or the device died while it was at it, and says
	// so itself with Status 500: see [Client.Store].
	Unknown bool

	// OriginalError is the HRESULT of Windows behind a failure, such as "0x86000002"; often empty.
	OriginalError string

	// Answers is what the user of the device said to an Alert: a text, or the numbers of choices, from 1.
	Answers []string

	// Children are the results of the commands inside an Atomic or Sequence, in their order.
	Children []Result

	// Blamed marks the child because of which an Atomic failed: its own status says why. None is if the device does not
	// tell; see [Entry.FindCulprit].
	Blamed bool

	// Alone says that a child of an Atomic that had failed was sent again without the Atomic, to find the culprit, and that
	// Status and Unknown are what came of that: with a status of success it is done.
	Alone bool

	nodes []node
	owner string
}

// node is one item of Results, as it came.
type node struct {
	uri          dmtree.URI
	format, mime string
	text         string
	binary       bool // text holds octets rather than base64
}

// Err returns nil for a command that succeeded, and else a [*StatusError].
func (r *Result) Err() error {
	switch {
	case r.Unknown && r.Status == syncml.StatusCommandFailed:
		return &StatusError{Code: r.Status, URI: r.URI, Text: "the device does not know whether it was done"}
	case r.Unknown:
		return &StatusError{Code: r.Status, URI: r.URI, Text: "the session died before the outcome was known"}
	case r.Status == 0:
		return &StatusError{URI: r.URI, Text: "the device gave no answer"}
	case succeeded(r.Status) && r.Status != syncml.StatusChunkAccepted: // which waits for more, and has done nothing yet
		return nil
	}
	return &StatusError{Code: r.Status, URI: r.URI, Text: r.OriginalError}
}

// Value returns what a Get of one node brought. A bad status is a [*StatusError]; data that does not fit its format, or
// several nodes, are other errors.
func (r *Result) Value() (dmtree.Value, error) {
	if err := r.Err(); err != nil {
		return dmtree.Null, err
	}
	switch len(r.nodes) {
	case 0:
		return dmtree.Null, fmt.Errorf("session: %s %s: the device sent no value", r.Command, r.URI)
	case 1:
		v, err := r.nodes[0].value()
		if err != nil {
			return dmtree.Null, fmt.Errorf("session: %s %s: %w", r.Command, r.URI, err)
		}
		return v, nil
	}
	return dmtree.Null, fmt.Errorf("session: %s %s: %d nodes came; see Values", r.Command, r.URI, len(r.nodes))
}

// Values yields the nodes that a Get brought, several where a subtree was asked for. Data that does not fit its format is
// yielded as text.
func (r *Result) Values() iter.Seq2[dmtree.URI, dmtree.Value] {
	return func(yield func(dmtree.URI, dmtree.Value) bool) {
		for i := range r.nodes {
			v, err := r.nodes[i].value()
			if err != nil {
				v = dmtree.String(r.nodes[i].text)
			}
			if !yield(r.nodes[i].uri, v) {
				return
			}
		}
	}
}

// value reads the node as dmtree has it.
func (n *node) value() (dmtree.Value, error) {
	f, ok := dmtree.FormatOf(n.format)
	if !ok {
		return dmtree.Null, fmt.Errorf("format %q: %w", n.format, dmtree.ErrFormat)
	}
	var v dmtree.Value
	if n.binary {
		switch f {
		case dmtree.FormatBin, dmtree.FormatB64:
			return dmtree.Bytes([]byte(n.text)).WithType(n.mime), nil
		}
	}
	v, err := dmtree.Parse(f, n.text)
	if err != nil {
		return dmtree.Null, err
	}
	return v.WithType(n.mime), nil
}
