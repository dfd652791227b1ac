package session

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strconv"

	"github.com/omadm-sdk/omadm/syncml"
)

// A packer fills one message from the queue of a session.
type packer struct {
	s      *openSession
	h      *syncml.Header
	status *syncml.Status // of the peer's header; nil in a first message
	max    int64          // bytes that the message may have
	id     int            // of the first command
	final  bool           // the message closes our package
}

// errSmall says that a peer takes messages that are too small for what has to be said.
var errSmall = errors.New("the server's MaxMsgSize is too small for an answer")

// pack encodes the message and takes what it holds off the queue.
func (p *packer) pack() ([]byte, error) {
	limit := math.MaxInt
	for {
		body, f, err := p.fill(limit)
		if err == nil {
			// What waited at the head of the queue must not wait there again: it would for ever.
			before := p.s.stuck
			if p.s.stuck = (entry{}); len(f.rest) > 0 {
				p.s.stuck = f.rest[0]
			}
			if before.Command != nil && p.s.stuck == before {
				return nil, errSmall
			}
			p.s.Queue, p.s.Last, p.final = f.rest, f.taken, f.final
			p.note(f)
			return body, nil
		}
		if !errors.Is(err, errNoRoom) || f.entries == 0 {
			return nil, small(err)
		}
		limit = f.entries - 1 // the request for the next message did not fit any more
	}
}

// note remembers under which numbers alerts went out.
func (p *packer) note(f *filled) {
	for _, e := range f.taken {
		if e.Alert != "" && !f.cut {
			if p.s.Alert == nil {
				p.s.Alert = make(map[string]string)
			}
			p.s.Alert[p.h.MsgID+"/"+e.Command.ID()] = e.Alert
		}
	}
}

// filled is the outcome of one attempt.
type filled struct {
	taken   []entry // in the message
	rest    []entry // not in it
	entries int     // entries of the queue that were begun
	cut     bool    // the last one is a chunk with more to come
	final   bool
}

var errNoRoom = errors.New("no room for the request of the next message")

func (p *packer) options() *syncml.EncoderOptions {
	return &syncml.EncoderOptions{Encoding: p.s.Encoding, BadChar: syncml.BadCharBase64, MaxMessage: p.max}
}

// fill encodes a message with at most limit entries of the queue.
func (p *packer) fill(limit int) ([]byte, *filled, error) {
	var buf bytes.Buffer
	enc := syncml.NewEncoder(&buf, p.options())
	f := new(filled)
	if err := enc.Begin(p.h); err != nil {
		return nil, f, small(err)
	}
	id := p.id
	put := func(c syncml.Command) error {
		c.SetID(strconv.Itoa(id))
		err := enc.Encode(c)
		if err == nil {
			id++
		}
		return err
	}
	if p.status != nil {
		if err := put(p.status); err != nil {
			return nil, f, small(err)
		}
	}
	queue := append([]entry(nil), p.s.Queue...)
	for len(queue) > 0 && f.entries < limit && !f.cut {
		e := queue[0]
		if e.Sent == 0 {
			err := put(e.Command)
			if err == nil {
				f.taken, queue = append(f.taken, e), queue[1:]
				f.entries++
				continue
			}
			if !errors.Is(err, syncml.ErrFull) {
				return nil, f, err
			}
			if a, b, ok := divide(e); ok {
				queue = append([]entry{a, b}, queue[1:]...)
				continue
			}
			if f.entries > 0 && p.fitsAlone(e.Command) {
				break // it starts the next message
			}
		}
		if f.entries > 0 && e.Sent == 0 && enc.Room() < p.max/4 {
			break // not worth beginning
		}
		next, err := p.chunk(enc, put, e)
		if errors.Is(err, errSmall) && f.entries > 0 {
			break
		}
		if err != nil {
			return nil, f, err
		}
		f.taken = append(f.taken, e)
		f.entries++
		if f.cut = next > 0; f.cut {
			queue[0].Sent = next
		} else {
			queue = queue[1:]
		}
	}
	f.rest = queue
	f.final = p.s.Closed && len(queue) == 0
	if !p.s.Closed {
		if err := put(&syncml.Alert{Code: syncml.AlertNextMessage}); errors.Is(err, syncml.ErrFull) {
			return nil, f, errNoRoom
		} else if err != nil {
			return nil, f, err
		}
	}
	if err := enc.End(f.final); err != nil {
		return nil, f, err
	}
	return buf.Bytes(), f, nil
}

func small(err error) error {
	if errors.Is(err, syncml.ErrFull) || errors.Is(err, errNoRoom) {
		return errSmall
	}
	return err
}

// fitsAlone reports whether c would fit into a message that holds nothing else but the answer to a request for it. What
// fits is not cut into chunks (DM Protocol, large objects).
func (p *packer) fitsAlone(c syncml.Command) bool {
	enc := syncml.NewEncoder(io.Discard, p.options())
	err := enc.Begin(p.h)
	for _, c := range []syncml.Command{
		p.status, &syncml.Status{CmdID: "1", MsgRef: p.h.MsgID, CmdRef: "99999", Cmd: "Alert", Code: syncml.StatusOK}, c,
	} {
		if s, ok := c.(*syncml.Status); err == nil && (!ok || s != nil) {
			err = enc.Encode(c)
		}
	}
	return err == nil && (p.s.Closed || enc.Room() > 100)
}

// divide cuts an entry of several items in two.
func divide(e entry) (a, b entry, ok bool) {
	r, ok := e.Command.(*syncml.Results)
	if !ok || len(r.Items) < 2 {
		return e, e, false
	}
	first, second := *r, *r
	half := len(r.Items) / 2
	first.Items, second.Items = r.Items[:half:half], r.Items[half:]
	return entry{Command: &first, Alert: e.Alert}, entry{Command: &second, Alert: e.Alert}, true
}

// chunk puts the next piece of an entry that is too large for one message, and returns where the one after starts, or 0
// when it was the last.
func (p *packer) chunk(enc *syncml.Encoder, put func(syncml.Command) error, e entry) (next int, err error) {
	it := soleItem(e.Command)
	if it == nil || it.Data.Len() == 0 {
		return 0, errSmall
	}
	room := int(min(enc.Room(), int64(it.Data.Len()-e.Sent)))
	if !p.s.Closed {
		room -= 100 // for the request for the next message
	}
	for room > 0 {
		piece, next := cut(it, e.Sent, room)
		c := withItem(e.Command, piece)
		err := put(c)
		switch {
		case err == nil && piece.MoreData:
			return next, nil
		case err == nil:
			e.Command.SetID(c.ID())
			return 0, nil
		case !errors.Is(err, syncml.ErrFull):
			return 0, err
		}
		room = min(room-50, room*7/8)
	}
	return 0, errSmall
}

// soleItem returns the one item of an answer that can be cut into chunks.
func soleItem(c syncml.Command) *syncml.Item {
	switch c := c.(type) {
	case *syncml.Results:
		if len(c.Items) == 1 {
			return &c.Items[0]
		}
	case *syncml.Alert:
		if len(c.Items) == 1 {
			return &c.Items[0]
		}
	}
	return nil
}

// withItem returns a copy of c with it as its only item.
func withItem(c syncml.Command, it syncml.Item) syncml.Command {
	switch c := c.(type) {
	case *syncml.Results:
		r := *c
		r.Items = []syncml.Item{it}
		return &r
	case *syncml.Alert:
		a := *c
		a.Items = []syncml.Item{it}
		return &a
	}
	return c
}
