package session

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/syncml"
)

// verdict is what a message of the server is answered with as a whole.
type verdict struct {
	code    syncml.StatusCode // of its SyncHdr
	chal    *syncml.Chal
	items   []syncml.Item
	refused bool  // nothing of it is executed
	last    bool  // and the session is over after the answer
	reason  error // why
}

// judge decides whether the message is accepted.
func (d *Dialog) judge(ctx context.Context, now time.Time, in *Reply, msg *syncml.Message) (*verdict, error) {
	h := &msg.Header
	switch {
	case h.VerProto != "DM/1.2" && h.VerProto != "DM/1.1" && h.VerProto != "":
		return &verdict{code: syncml.StatusProtocolNotSupported, items: []syncml.Item{{Data: syncml.Text("DM/1.2")}}, refused: true,
			last: true, reason: d.broken(msg, fmt.Sprintf("want VerProto DM/1.2, got %q", h.VerProto), nil)}, nil
	case h.VerDTD != "1.2" && h.VerDTD != "1.1" && h.VerDTD != "":
		return &verdict{code: syncml.StatusVersionNotSupported, items: []syncml.Item{{Data: syncml.Text("1.2")}}, refused: true,
			last: true, reason: d.broken(msg, fmt.Sprintf("want VerDTD 1.2, got %q", h.VerDTD), nil)}, nil
	case d.c.Auth == nil:
		return &verdict{code: syncml.StatusOK}, nil
	}
	res, err := auth.Authenticate(ctx, d.c.Auth, &auth.Request{
		Message: h, HTTP: in.HTTP, Body: in.Body, TLS: in.TLS, First: !d.s.Accepted, State: d.st.Auth, Now: now,
	})
	if err != nil {
		return nil, fmt.Errorf("session: authenticate the server: %w", err)
	}
	v := &verdict{code: res.Status, chal: res.Challenge}
	if res.Identity != nil {
		d.st.Auth = res.State
		d.s.Accepted, d.s.Refusing = true, 0
		if v.chal != nil {
			if nonce, err := base64.StdEncoding.DecodeString(v.chal.Meta.NextNonce); err == nil && len(nonce) > 0 {
				d.c.mu.Lock() // Notified may be reading it
				d.st.give(nonce)
				d.c.mu.Unlock()
			}
		}
		return v, nil
	}
	d.s.Refusing++
	v.refused = true
	v.last = res.Challenge == nil || d.limits.Attempts >= 0 && d.s.Refusing > d.limits.Attempts
	if v.last {
		v.chal = nil
	}
	v.reason = &StatusError{Code: res.Status, Text: "the server has not authenticated itself"}
	if res.Reason != nil {
		v.reason = errors.Join(v.reason, res.Reason)
	}
	return v, nil
}

// judged reads the Status of our header.
func (d *Dialog) judged(ctx context.Context, msg *syncml.Message, st *syncml.Status, v *verdict) (challenged bool, err error) {
	challenged = st.Code == syncml.StatusInvalidCredentials || st.Code == syncml.StatusCredentialsRequired
	if challenged && d.c.Sign == nil || !challenged && !st.Code.Success() {
		return false, &StatusError{Code: st.Code, Text: "the server refuses the session"}
	}
	state, err := auth.Judge(ctx, d.c.Sign, &auth.Verdict{
		Peer: msg.Header.Source.URI, Status: st, State: d.st.Sign, Trusted: !v.refused,
	})
	if err != nil {
		return false, errors.Join(&StatusError{Code: st.Code, Text: "the server refuses our credentials"}, err)
	}
	d.st.Sign = state
	return challenged, nil
}

// repeat puts what the last message held in front of the queue.
func (d *Dialog) repeat() {
	s := d.s
	if s.Busy {
		return // it said nothing that is not said anyway
	}
	if len(s.Queue) > 0 && s.Queue[0].Sent > 0 {
		s.Queue = s.Queue[1:] // its last chunk is the end of what was said
	}
	s.Queue = append(slices.Clone(s.Last), s.Queue...)
	s.stuck = entry{}
}

// refuse answers every command with code, and executes none (DM Security).
func (d *Dialog) refuse(msg *syncml.Message, cmds []syncml.Command, code syncml.StatusCode) {
	var all func([]syncml.Command)
	all = func(cmds []syncml.Command) {
		for _, c := range cmds {
			d.s.Queue = append(d.s.Queue, entry{Command: &syncml.Status{
				MsgRef: msg.Header.MsgID, CmdRef: cmdRef(c), Cmd: c.Name(), Code: code,
			}})
			all(children(c))
		}
	}
	all(cmds)
}
