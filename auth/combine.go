package auth

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/omadm-sdk/omadm/syncml"
)

// All returns an Authenticator that accepts a message only if each of a does, and all name the same device: a client
// certificate and a digest, say. The first that refuses decides what the peer is told. All of nothing refuses everybody.
func All(a ...Authenticator) Authenticator { return all(slices.Clone(a)) }

type all []Authenticator

func (a all) Authenticate(ctx context.Context, r *Request) (*Result, error) {
	if len(a) == 0 {
		return refuse(errors.New("no authenticator is configured")), nil
	}
	states := splitStates(r.State, len(a))
	out := &Result{Identity: new(Identity), Status: syncml.StatusOK}
	for i, one := range a {
		sub := *r
		sub.State = states[i]
		res, err := Authenticate(ctx, one, &sub)
		if err != nil || res.Identity == nil {
			return res, err
		}
		states[i] = res.State
		out.Identity.merge(res.Identity)
		if res.Challenge != nil && out.Challenge == nil {
			out.Challenge = res.Challenge
		}
		if res.Status == syncml.StatusAuthenticated {
			out.Status = res.Status
		}
	}
	out.State = joinStates(states)
	return out, nil
}

// merge adds what id knows. Authenticate has seen to it that Device agrees.
func (i *Identity) merge(id *Identity) {
	i.Device = id.Device
	if i.User == "" {
		i.User = id.User
	}
	if i.Certificate == nil {
		i.Certificate = id.Certificate
	}
}

// Any returns an Authenticator that accepts a message if one of a does, asked in this order; the others are not asked
// any more in that session, since its scheme must not change (OMA-TS-DM_Security, "Authentication"). Where none accepts, the first
// that has a challenge decides what the peer is told. Any of nothing refuses everybody.
func Any(a ...Authenticator) Authenticator { return anyOf(slices.Clone(a)) }

type anyOf []Authenticator

func (a anyOf) Authenticate(ctx context.Context, r *Request) (*Result, error) {
	// The last of the states says which of a has accepted the session.
	states := splitStates(r.State, len(a)+1)
	chosen := -1
	if n, ok := uvarint(states[len(a)]); ok && !r.First && n < uint64(len(a)) {
		chosen = int(n)
	}
	var refused *Result
	for i, one := range a {
		if chosen >= 0 && i != chosen {
			continue
		}
		sub := *r
		sub.State = states[i]
		res, err := Authenticate(ctx, one, &sub)
		if err != nil {
			return nil, err
		}
		if res.Identity != nil {
			states[i] = res.State
			states[len(a)] = binary.AppendUvarint(nil, uint64(i))
			res.State = joinStates(states)
			return res, nil
		}
		if refused == nil || refused.Challenge == nil && res.Challenge != nil {
			refused = res
		}
	}
	if refused == nil {
		return refuse(errors.New("no authenticator is configured")), nil
	}
	return refused, nil
}

func uvarint(b []byte) (uint64, bool) {
	v, n := binary.Uvarint(b)
	return v, n > 0
}

// joinStates packs the states of several authenticators into one; nil if there are none.
func joinStates(states [][]byte) []byte {
	var out []byte
	empty := true
	for _, s := range states {
		empty = empty && len(s) == 0
		out = binary.AppendUvarint(out, uint64(len(s)))
		out = append(out, s...)
	}
	if empty {
		return nil
	}
	return out
}

// splitStates is the reverse of joinStates. What does not fit, because the configuration has changed, is dropped: the
// peer is then challenged again.
func splitStates(b []byte, n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		size, used := binary.Uvarint(b)
		if used <= 0 || size > uint64(len(b)-used) {
			return make([][]byte, n)
		}
		if size > 0 {
			out[i] = b[used : used+int(size)]
		}
		b = b[used+int(size):]
	}
	if len(b) > 0 {
		return make([][]byte, n)
	}
	return out
}
