package dmclient

import (
	"strings"
	"time"

	"github.com/omadm-sdk/omadm/auth/enroll"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

// SetPoll sets when the device of the provider calls, as one Atomic. A nil set of p is off.
func SetPoll(b *session.Batch, providerID string, p *enroll.Poll) *session.Entry {
	at := providerNode(providerID).Join(nodePoll)
	return b.Atomic(func(b *session.Batch) {
		for _, s := range pollSets {
			r := s.of(p)
			b.Replace(at.Join(s.interval), dmtree.Int(int64(r.Interval/time.Minute)))
			b.Replace(at.Join(s.count), dmtree.Int(int64(r.Count)))
		}
		b.Replace(at.Join("PollOnLogin"), dmtree.Bool(p.OnLogin))
		b.Replace(at.Join("AllUsersPollOnFirstLogin"), dmtree.Bool(p.AllUsersOnFirstLogin))
	})
}

// SetDMID gives the device the server's own name for it. Windows renews its certificate only once it has one.
func SetDMID(b *session.Batch, providerID, id string) *session.Entry {
	return b.Set(providerNode(providerID).Join(nodeDMID), dmtree.String(id))
}

// SetAddresses tells the device where to call from the next session on: the addresses are tried in turn.
func SetAddresses(b *session.Batch, providerID string, addresses ...string) *session.Entry {
	return b.Replace(providerNode(providerID).Join(nodeAddresses), dmtree.String(FormatAddresses(addresses...)))
}

// SetKeepAlive has the device say from time to time that it is busy, from the next session on, when it needs long for what
// a message asks. Else such a session is lost to the first timeout on the way.
func SetKeepAlive(b *session.Batch, providerID string, on bool) *session.Entry {
	return b.Replace(providerNode(providerID).Join(nodeKeepAlive), dmtree.Bool(on))
}

// SetPush asks the device for a channel by which it can be woken, for the server's package family name; it is read with
// [AskPush], in a later message or session. Deleting the Push node ends it.
func SetPush(b *session.Batch, providerID, pfn string) {
	push := providerNode(providerID).Join(nodePush)
	b.Set(push.Join("PFN"), dmtree.String(pfn))
}

// AskPush asks for the channel by which the device can be woken: two results, ChannelURI, which is null until there is one,
// and Status, which is 0 when there is.
func AskPush(b *session.Batch, providerID string) {
	push := providerNode(providerID).Join(nodePush)
	b.Get(push.Join("ChannelURI"))
	b.Get(push.Join("Status"))
}

// Unenroll makes the device leave. Windows breaks the session off at once, so that the outcome stays unknown, and calls
// once more with the alert that [IsUnenroll] knows.
func Unenroll(b *session.Batch, providerID string) *session.Entry {
	return b.Exec(providerNode(providerID).Join(nodeUnenroll), dmtree.String(providerID))
}

// IsUnenroll reports whether a device says that it leaves, because its user or the server wanted it so.
func IsUnenroll(a *session.Alert) bool {
	return a.Code == syncml.AlertGeneric && strings.EqualFold(strings.TrimSpace(a.Type), unenrollType)
}
