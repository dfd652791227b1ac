package session

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/syncml"
)

// A StatusError is a status of the protocol as an error: what a peer answered, or, returned from a [Handler], what to
// answer. [errors.Is] finds the error of package dmtree that the code stands for, so that
// errors.Is(err, dmtree.ErrNotFound) holds for a 404 of a device.
type StatusError struct {
	Code syncml.StatusCode // 0: there was no answer
	URI  dmtree.URI        // the node it is about; empty if none
	Text string            // more, for people; often empty
}

// Error implements error.
func (e *StatusError) Error() string {
	s := "session: "
	if e.URI != "" {
		s += string(e.URI) + ": "
	}
	switch {
	case e.Code != 0:
		s += "status " + e.Code.String()
	case e.Text == "":
		s += "no answer"
	}
	if e.Text != "" {
		if e.Code != 0 {
			s += ": "
		}
		s += e.Text
	}
	return s
}

// Unwrap returns the error of package dmtree that has this code, or nil.
func (e *StatusError) Unwrap() error { return errorOf(e.Code) }

// ErrAborted says that the peer ended the session with alert 1223.
var ErrAborted = errors.New("session: aborted by the peer")

// ErrOver says that the session is over, and takes no more messages.
var ErrOver = errors.New("session: the session is over")

// A ProtocolError says that a peer broke the protocol in a way that ends the session.
type ProtocolError struct {
	SessionID, MsgID string // of the message; empty where it could not be read
	Reason           string // what was wanted and what came
	Err              error  // the cause; often nil
}

// Error implements error.
func (e *ProtocolError) Error() string {
	s := "session: "
	if e.MsgID != "" {
		s += "message " + strconv.Quote(e.MsgID) + " of session " + strconv.Quote(e.SessionID) + ": "
	}
	s += e.Reason
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns e.Err.
func (e *ProtocolError) Unwrap() error { return e.Err }

// An HTTPError is an HTTP response without a message.
type HTTPError struct {
	Status int           // of HTTP
	After  time.Duration // how long the server wants to be left alone; 0 if it did not say
}

// Error implements error.
func (e *HTTPError) Error() string {
	return fmt.Sprintf("session: the server answers HTTP %d", e.Status)
}
