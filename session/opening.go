package session

import (
	"context"
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/syncml"
)

// address returns where the first message goes. Windows adds a query (windows-dm 2).
func (d *Dialog) address() string {
	u, err := url.Parse(d.c.URL)
	if err != nil || d.c.Profile == OMA {
		return d.c.URL
	}
	mode := "Machine"
	if d.opts.Login == LoginUser || d.opts.Login == LoginOthers {
		mode = "Maintenance"
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += "mode=" + mode + "&Platform=WoA"
	return u.String()
}

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
	info, err := d.c.devInfo(ctx, d.c.Profile)
	if err != nil {
		return nil, err
	}
	add(info)
	return d.message(ctx, now, nil)
}

// resync has the first message signed under the default nonce, as if the server had asked for that (oma-dm 7.6). A Signer
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

// devInfo returns the Replace that tells the server what this device is: the leaves below ./DevInfo, on Windows the
// standard five only. A device whose tree has none still has a DevId and a protocol version.
func (c *Client) devInfo(ctx context.Context, p Profile) (*syncml.Replace, error) {
	r := new(syncml.Replace)
	seen := make(map[string]bool)
	add := func(u dmtree.URI, v dmtree.Value) {
		x := executor{}
		it := x.itemOf(u, v)
		if p == Windows {
			it.Meta = syncml.Meta{}
		}
		r.Items = append(r.Items, it)
		seen[strings.ToLower(string(u))] = true
	}
	ctx = dmtree.WithCall(ctx, new(dmtree.Call)) // the device reads for itself
	const root dmtree.URI = "./DevInfo"
	for _, leaf := range [...]struct{ name, missing string }{
		{"DevId", c.ID}, {"Man", ""}, {"Mod", ""}, {"DmV", "1.3"}, {"Lang", ""},
	} {
		u := root.Join(leaf.name)
		v, err := dmtree.Get(ctx, c.Tree, u)
		switch {
		case err == nil && !v.IsInterior():
			add(u, v)
		case err != nil && !errors.Is(err, dmtree.ErrNotFound):
			return nil, err
		case leaf.missing != "":
			add(u, dmtree.String(leaf.missing))
		}
	}
	if p == Windows {
		return r, nil
	}
	var rest func(u dmtree.URI) error
	rest = func(u dmtree.URI) error {
		v, err := dmtree.Get(ctx, c.Tree, u)
		switch {
		case errors.Is(err, dmtree.ErrNotFound), err == nil && seen[strings.ToLower(string(u))]:
			return nil
		case err != nil:
			return err
		case !v.IsInterior():
			add(u, v)
			return nil
		}
		for _, name := range slices.Sorted(v.Names()) {
			if err := rest(u.Join(name)); err != nil {
				return err
			}
		}
		return nil
	}
	return r, rest(root)
}

// fields returns the header of a request.
func (d *Dialog) fields() http.Header {
	h := http.Header{
		"Content-Type":   {d.s.Encoding.ContentType()},
		"Accept-Charset": {"UTF-8"},
	}
	if d.c.Profile == OMA {
		h.Set("Accept", acceptPlain)
		h.Set("Cache-Control", "no-store")
	} else {
		h.Set("Accept", acceptWindows)
		h.Set("User-Agent", userAgentWindows)
		h.Set(HeaderClientID, "0")
		h.Set(HeaderVector, d.vector())
	}
	if d.c.Profile != OMA {
		if types := alertTypes(d.opts.Alerts); types != "" {
			h.Set(HeaderGenericAlert, types)
		}
	}
	maps.Copy(h, d.opts.HTTP)
	return h
}

// alertTypes lists the types of the grave alerts that made the device call, as Windows names them in each message.
func alertTypes(alerts []*syncml.Alert) string {
	var b strings.Builder
	for _, a := range alerts {
		for i := range a.Items {
			if m := &a.Items[i].Meta; a.Code == syncml.AlertGeneric && (m.Mark == "critical" || m.Mark == "fatal") {
				b.WriteString("<" + m.Type + ">")
			}
		}
	}
	return b.String()
}
