package session

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/omadm-sdk/omadm/auth"
	"github.com/omadm-sdk/omadm/syncml"
)

// reception is the message of the server that the next one answers first.
type reception struct {
	msg     *syncml.Message
	verdict *verdict
}

// message makes the next message out of the queue: as much of it as the server takes. It stores what must not get lost
// and returns the message.
func (d *Dialog) message(ctx context.Context, now time.Time, r *reception) (*Exchange, error) {
	d.s.Busy, d.s.In, d.s.InChal = false, nil, nil
	return d.compose(ctx, now, r, (*packer).pack)
}

// compose makes the next message: pack says what it holds.
func (d *Dialog) compose(ctx context.Context, now time.Time, r *reception, pack func(*packer) ([]byte, error)) (*Exchange, error) {
	s := d.s
	s.MsgID++
	s.Messages++
	h := syncml.Header{
		SessionID: s.ID, MsgID: strconv.Itoa(s.MsgID),
		Target: syncml.Location{URI: d.c.URL}, Source: syncml.Location{URI: d.c.ID},
	}
	if s.Version != "" {
		h.VerDTD, h.VerProto = s.Version, "DM/"+s.Version
	}
	if d.rules.announce {
		h.Meta = syncml.Meta{MaxMsgSize: d.limits.Message, MaxObjSize: d.limits.Object}
	}
	o := &auth.Outgoing{Header: &h, HTTP: d.fields(), First: s.MsgID == 1 && !s.Resync, State: d.st.Sign}
	if d.c.Sign != nil {
		if err := d.c.Sign.Sign(ctx, o); err != nil {
			return nil, fmt.Errorf("session: sign: %w", err)
		}
		d.st.Sign = o.State
	}
	p := &packer{s: s, h: &h, status: headerStatus(r), id: 1, max: s.MaxMsg}
	if s.MsgID == 1 {
		p.id = d.rules.firstID
	}
	if p.max == 0 {
		p.max = d.limits.Message
	}
	body, err := pack(p)
	if err != nil {
		return nil, fmt.Errorf("session: message %d: %w", s.MsgID, err)
	}
	if o.Seal != nil {
		if err := o.Seal(body); err != nil {
			return nil, fmt.Errorf("session: seal: %w", err)
		}
	}
	s.Final = p.final
	s.Body, s.Fields, s.Saved = body, o.HTTP, now
	if err := d.c.save(ctx, keyState, d.st); err != nil {
		return nil, err
	}
	return &Exchange{URL: s.URL, HTTP: o.HTTP, Body: body}, nil
}

// headerStatus returns the Status of the server's SyncHdr.
func headerStatus(r *reception) *syncml.Status {
	if r == nil {
		return nil
	}
	h := &r.msg.Header
	return &syncml.Status{
		MsgRef: h.MsgID, CmdRef: "0", Cmd: "SyncHdr",
		TargetRefs: []string{h.Target.URI}, SourceRefs: []string{h.Source.URI},
		Chal: r.verdict.chal, Code: r.verdict.code, Items: r.verdict.items,
	}
}

// address returns where the first message goes. Windows adds a query (MS-MDM).
func (d *Dialog) address() string {
	u, err := url.Parse(d.c.URL)
	if err != nil || !d.rules.query {
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

// fields returns the header of a request.
func (d *Dialog) fields() http.Header {
	h := http.Header{
		"Content-Type":   {d.s.Encoding.ContentType()},
		"Accept":         {syncml.TypeXML + ", " + syncml.TypeWBXML},
		"Accept-Charset": {"UTF-8"},
	}
	if d.rules.query {
		h["Accept"][0] += ", application/octet-stream"
		h.Set("User-Agent", userAgentWindows)
		h.Set(HeaderClientID, "0")
		h.Set(HeaderVector, d.vector())
		if types := alertTypes(d.opts.Alerts); types != "" {
			h.Set(HeaderGenericAlert, types)
		}
	} else {
		h.Set("Cache-Control", "no-store")
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

// vector returns the correlation vector of the next message, made from what names the session.
func (d *Dialog) vector() string {
	sum := sha256.Sum256([]byte(d.c.ID + "\x00" + d.s.ID + "\x00" + d.s.Start.UTC().Format(time.RFC3339Nano)))
	return base64.StdEncoding.EncodeToString(sum[:12]) + ".0.0." + strconv.Itoa(d.s.MsgID-1)
}
