package session

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/omadm-sdk/omadm/syncml"
)

// olderVersion is that of the protocol in which a first message is repeated for a server that refuses ours.
const olderVersion = "1.1"

// mayBeOlder reports whether the session may begin once more, in the older version.
func (d *Dialog) mayBeOlder() bool {
	return d.rules.backCompat && !d.c.NoBackCompat && d.s.MsgID == 1 && d.s.PeerMsg == 0 && d.s.Version == ""
}

// notUnderstood reports whether an HTTP status may come of a message whose version the server does not know.
func notUnderstood(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return true
	}
	return false
}

// wantsOlder reports whether the server refuses our message for its version, and does not say that it knows others only.
func wantsOlder(msg *syncml.Message) bool {
	for _, c := range msg.Commands {
		st, ok := c.(*syncml.Status)
		if !ok || !ofHeader(st) ||
			st.Code != syncml.StatusVersionNotSupported && st.Code != syncml.StatusProtocolNotSupported {
			continue
		}
		for i := range st.Items {
			if strings.Contains(st.Items[i].Data.String(), olderVersion) {
				return true
			}
		}
		return len(st.Items) == 0
	}
	return false
}

// older makes the first message again, in the older version. The session begins anew for the server, too: it has not
// accepted the first one.
func (d *Dialog) older(ctx context.Context, now time.Time) (*Exchange, error) {
	s := d.s
	d.logger().InfoContext(ctx, "the server refuses the version of the protocol", "next", olderVersion)
	d.repeat()
	s.Version, s.MsgID = olderVersion, 0
	s.Messages--
	clear(s.Alert)
	return d.message(ctx, now, nil)
}
