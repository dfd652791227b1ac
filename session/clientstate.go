package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"time"

	"github.com/omadm-sdk/omadm/syncml"
)

// clientState is what a client remembers of its server. It is stored as JSON.
type clientState struct {
	Counter uint16 // of the last session the device started by itself
	Sign    []byte // see auth.Outgoing
	Auth    []byte // see auth.Request

	ServerNonce []byte    // that the server was given last: it signs notifications with it
	Digests     [][]byte  // of the notifications under it that led to a session
	Defaults    [][]byte  // of the last ones under the default nonce that did
	Default     time.Time // when one under the default nonce did

	Session *openSession // nil: none is open
}

// openSession is a session in progress: what the next message depends on.
type openSession struct {
	ID       string
	User     string
	Mode     Mode
	Start    time.Time
	Saved    time.Time // when its last message was made
	URL      string    // where messages go
	Encoding syncml.Encoding
	Version  string `json:",omitempty"` // of the protocol; empty: 1.2

	MsgID   int // of our last message
	PeerMsg int // of the server's last message
	MaxMsg  int64
	MaxObj  int64

	// Closed says that the server's package is complete, so that ours may be. Final says that our last message closed
	// ours. Idle counts the messages in a row that the server had nothing to say in although its package is open.
	Closed, Final bool
	Idle          int

	Resync   bool // the first message is signed under the default nonce
	Accepted bool // a message of the server has been accepted
	Refused  int  // messages of ours in a row that the server wanted other credentials for
	Refusing int  // messages of the server's in a row that we wanted other credentials for

	Queue []entry           // what is to be sent, in order
	Last  []entry           // what the last message held beside the Status of the header, in case it has to be said again
	Alert map[string]string // keys of alerts, by MsgID/CmdID under which they went out
	Sent  map[string]bool   // alerts that this session has reported

	Object assembly // that the server is sending

	Body   []byte // our last message, to be sent again if it gets lost
	Fields http.Header
	Busy   bool `json:",omitempty"` // it says that In is being executed, and is answered by nothing of importance

	In     []byte            // the server's message that is being executed
	InType string            // its Content-Type
	InCode syncml.StatusCode // what its SyncHdr is answered with
	InChal *syncml.Chal

	Messages, Commands, Failed int

	stuck entry // at the head of Queue when the last message was made
}

// An entry is a command that waits to be sent.
type entry struct {
	Command syncml.Command `json:"-"`
	Alert   string         // key of the pending alert that it reports
	Sent    int            // bytes of its data that are out already
}

// storedEntry is the stored form of an entry: its command as the only one of a message.
type storedEntry struct {
	Alert   string `json:",omitempty"`
	Sent    int    `json:",omitempty"`
	Message []byte
}

// MarshalJSON implements json.Marshaler.
func (e entry) MarshalJSON() ([]byte, error) {
	m, err := encodeCommand(e.Command)
	if err != nil {
		return nil, err
	}
	return json.Marshal(storedEntry{e.Alert, e.Sent, m})
}

// UnmarshalJSON implements json.Unmarshaler.
func (e *entry) UnmarshalJSON(data []byte) error {
	var s storedEntry
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	c, err := decodeCommand(s.Message)
	*e = entry{Command: c, Alert: s.Alert, Sent: s.Sent}
	return err
}

// storedEncoding is how commands are spelled in a store: it keeps bytes apart from text.
const storedEncoding = syncml.WBXML

// encodeCommand spells a command for storage.
func encodeCommand(c syncml.Command) ([]byte, error) {
	return syncml.Append(nil, &syncml.Message{Commands: []syncml.Command{c}}, &syncml.EncoderOptions{Encoding: storedEncoding, AsIs: true})
}

// decodeCommand is the inverse of encodeCommand.
func decodeCommand(data []byte) (syncml.Command, error) {
	m, err := syncml.Unmarshal(data, &syncml.DecoderOptions{Encoding: storedEncoding, MaxMessage: int64(len(data))})
	if err != nil {
		return nil, err
	}
	if len(m.Commands) != 1 {
		return nil, fmt.Errorf("session: a stored command has become %d", len(m.Commands))
	}
	return m.Commands[0], nil
}

// Keys of a [ClientStore].
const (
	keyState  = "state"
	keyAlerts = "alerts"
)

// loadState reads what was stored, once. c.mu is held.
func (c *Client) loadState(ctx context.Context) error {
	if c.state != nil {
		return nil
	}
	st := new(clientState)
	if err := c.load(ctx, keyState, st); err != nil {
		return err
	}
	c.state = st
	return nil
}

// load reads what is stored under key into v, which stays as it is if that is nothing.
func (c *Client) load(ctx context.Context, key string, v any) error {
	if c.Store == nil {
		return nil
	}
	data, err := c.Store.Load(ctx, key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		return fmt.Errorf("session: load %s: %w", key, err)
	}
	return nil
}

// save stores v under key.
func (c *Client) save(ctx context.Context, key string, v any) error {
	if c.Store == nil {
		return nil
	}
	data, err := json.Marshal(v)
	if err == nil {
		err = c.Store.Save(ctx, key, data)
	}
	if err != nil {
		return fmt.Errorf("session: save %s: %w", key, err)
	}
	return nil
}
