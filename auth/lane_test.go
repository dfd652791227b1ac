package auth_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/syncml"
)

const (
	device = "urn:uuid:0d1e5f5e-6f4a-4a52-9d0a-2b9d4c1f7a10"
	server = "https://mdm.example.com/dm"
)

// A lane carries messages one way, from the Signer of one end to the Authenticator of the other, and does what engines
// do about it: it keeps the state of both, commits none for a message that was refused, and tells the Signer the verdict.
type lane struct {
	t        *testing.T
	from, to string
	sign     auth.Signer
	check    auth.Authenticator
	untrust  bool // the sender has not authenticated the receiver

	sent, seen []byte // stored by the two ends
	session    string
	msg        int
	accepted   bool // a message of the session was

	last auth.Request // the last message as it arrived
}

// open begins a session, or the next one.
func (l *lane) open(session string) {
	l.session, l.msg, l.accepted = session, 0, false
}

// deliver sends the next message. change, if not nil, is done to it on its way. judged is what the sender makes of the
// answer.
func (l *lane) deliver(change func(*auth.Request)) (res *auth.Result, judged error) {
	l.t.Helper()
	l.msg++
	h := &syncml.Header{
		SessionID: l.session, MsgID: strconv.Itoa(l.msg),
		Source: syncml.Location{URI: l.from}, Target: syncml.Location{URI: l.to},
	}
	out := &auth.Outgoing{Header: h, HTTP: http.Header{}, First: l.msg == 1, State: l.sent}
	if l.sign != nil {
		require.NoError(l.t, l.sign.Sign(l.t.Context(), out))
	}
	body := []byte("<SyncML>message " + h.MsgID + " of " + h.SessionID + "</SyncML>")
	if out.Seal != nil {
		require.NoError(l.t, out.Seal(body))
	}
	l.sent = out.State

	l.last = auth.Request{Message: h, HTTP: out.HTTP, Body: body, First: !l.accepted, State: l.seen, Now: time.Now()}
	if change != nil {
		change(&l.last)
	}
	res, err := auth.Authenticate(l.t.Context(), l.check, &l.last)
	require.NoError(l.t, err)
	if res.Identity != nil {
		l.accepted, l.seen = true, res.State
	}
	if l.sign == nil {
		return res, nil
	}
	l.sent, judged = auth.Judge(l.t.Context(), l.sign, &auth.Verdict{
		Peer:    l.to,
		Status:  &syncml.Status{Cmd: "SyncHdr", CmdRef: "0", MsgRef: h.MsgID, Code: res.Status, Chal: res.Challenge},
		State:   l.sent,
		Trusted: !l.untrust,
	})
	return res, judged
}

// want sends the next message, wants the status for it, and the sender content to go on.
func (l *lane) want(code syncml.StatusCode) *auth.Result {
	l.t.Helper()
	res, err := l.deliver(nil)
	require.NoError(l.t, err)
	require.Equal(l.t, code, res.Status, "message %d of session %s: %v", l.msg, l.session, res.Reason)
	require.Equal(l.t, code < 300, res.Identity != nil)
	return res
}

// nonceOf returns the nonce in a challenge.
func nonceOf(res *auth.Result) string {
	if res.Challenge == nil {
		return ""
	}
	return res.Challenge.Meta.NextNonce
}

var bruce = auth.Credential{Name: "Bruce2", Secret: auth.Plain("OhBehave")}

// pair returns a lane from a device to its server, both with the credential of Bruce.
func pair(t *testing.T, s auth.Scheme) *lane {
	l := &lane{t: t, from: device, to: server,
		sign:  &auth.PasswordSigner{Scheme: s, Credentials: auth.Only(server, bruce)},
		check: &auth.Password{Scheme: s, Credentials: auth.Only(device, bruce)},
	}
	l.open("1")
	return l
}
