package session

import (
	"context"
	"encoding/base64"
	"time"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/syncml"
)

// first makes the first message of the session.
func (d *Dialog) first(ctx context.Context, now time.Time) (*Exchange, error) {
	start := syncml.AlertClientInitiated
	if n := d.opts.Notification; n != nil {
		start = syncml.AlertServerInitiated
		if n.Default {
			d.resync(ctx)
		}
	}
	add := func(c syncml.Command) { d.s.Queue = append(d.s.Queue, entry{Command: c}) }
	add(&syncml.Alert{Code: start})
	if d.rules.loginStatus {
		login := d.opts.Login
		if login == LoginUnknown {
			login = LoginNone
		}
		add(clientEvent("com.microsoft/MDM/LoginStatus", string(login)))
		if d.opts.Token != "" {
			add(clientEvent("com.microsoft/MDM/AADUserToken", d.opts.Token))
		}
		if d.opts.Mode != "" {
			add(clientEvent("com.microsoft.mdm.synctype", string(d.opts.Mode)))
		}
	}
	for _, a := range d.opts.Alerts {
		add(syncml.Clone(a))
	}
	if err := d.collect(ctx); err != nil {
		return nil, err
	}
	info, err := d.c.devInfo(ctx)
	if err != nil {
		return nil, err
	}
	add(info)
	return d.message(ctx, now, nil)
}

// resync has the first message signed under the default nonce, as if the server had asked for that (DM Notification). A Signer
// that cannot do so signs as it always does.
func (d *Dialog) resync(ctx context.Context) {
	if d.c.Sign == nil {
		return
	}
	state, err := auth.Judge(ctx, d.c.Sign, &auth.Verdict{Peer: d.c.URL, Status: &syncml.Status{
		Cmd: "SyncHdr", CmdRef: "0", Code: syncml.StatusInvalidCredentials,
		Chal: &syncml.Chal{Meta: syncml.Meta{
			Format: "b64", Type: syncml.AuthMD5, NextNonce: base64.StdEncoding.EncodeToString([]byte(defaultNonces[0])),
		}},
	}})
	if err == nil {
		d.st.Sign, d.s.Resync = state, true
	}
}

// clientEvent returns an alert 1224 of one event, without Format, as Windows sends it.
func clientEvent(kind, data string) *syncml.Alert {
	return &syncml.Alert{Code: syncml.AlertClientEvent, Items: []syncml.Item{{
		Meta: syncml.Meta{Type: kind}, Data: syncml.Text(data),
	}}}
}
