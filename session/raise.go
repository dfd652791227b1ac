package session

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/omadm-sdk/omadm/syncml"
)

// raised holds the alerts that no server has acknowledged yet.
type raised struct {
	Next   uint64 // key of the next one
	Alerts []raisedAlert
}

type raisedAlert struct {
	Key      string
	Sessions int // that have reported it in vain
	Command  entry
}

// Raise has a reported to the server: in the session that is running, else in the next one. It is stored before Raise
// returns, and kept until a server has answered it with a status of success, or has not done so in as many sessions as
// [Limits] allow. Raise starts no session.
//
// Only client events (1224) and generic alerts (1226) can be raised. Each item needs Meta with Type and Format, and Data;
// under the profile [OMA] the Type of a generic alert begins with "Reversed-Domain-Name: " or "Content-Type: " (DM Protocol, alerts). The alert that reports the end of an Exec has the Correlator that the provider found in [dmtree.Call].
func (c *Client) Raise(ctx context.Context, a *syncml.Alert) error {
	if err := c.Profile.rules().check(a); err != nil {
		return err
	}
	a = syncml.Clone(a).(*syncml.Alert)
	if !c.Profile.rules().correlator {
		a.Correlator = ""
	}
	a.CmdID = ""
	_, err := syncml.Append(nil, &syncml.Message{Commands: []syncml.Command{a}}, &syncml.EncoderOptions{BadChar: syncml.BadCharBase64, AsIs: true})
	if err != nil {
		return fmt.Errorf("session: raise: %w", err)
	}
	return c.change(ctx, func(p *raised) {
		p.Next++
		p.Alerts = append(p.Alerts, raisedAlert{Key: strconv.FormatUint(p.Next, 10), Command: entry{Command: a}})
	})
}

// check tells what is wrong with an alert that is to be raised.
func (p *profile) check(a *syncml.Alert) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("session: raise %d: %s", a.Code, fmt.Sprintf(format, args...))
	}
	if a.Code != syncml.AlertClientEvent && a.Code != syncml.AlertGeneric {
		return bad("only 1224 and 1226 can be raised")
	}
	if len(a.Items) == 0 {
		return bad("want an item")
	}
	for i := range a.Items {
		it := &a.Items[i]
		switch {
		case it.Meta.Type == "":
			return bad("item %d has no Type", i+1)
		case it.Meta.Format == "" && p.typePrefix:
			return bad("item %d has no Format", i+1)
		case it.Data.IsAbsent():
			return bad("item %d has no Data", i+1)
		case a.Code == syncml.AlertGeneric && p.typePrefix && !hasTypePrefix(it.Meta.Type):
			return bad("Type %q of item %d: want the prefix %q or %q", it.Meta.Type, i+1, typePrefixes[0], typePrefixes[1])
		}
	}
	return nil
}

// typePrefixes are what the Type of a generic alert begins with.
var typePrefixes = [...]string{"Reversed-Domain-Name: ", "Content-Type: "}

func hasTypePrefix(t string) bool {
	return slices.ContainsFunc(typePrefixes[:], func(p string) bool { return strings.HasPrefix(t, p) })
}

// change loads the pending alerts if need be, changes them, and stores them. If that fails nothing has changed.
func (c *Client) change(ctx context.Context, f func(*raised)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.loadAlerts(ctx); err != nil {
		return err
	}
	next := &raised{Next: c.alerts.Next, Alerts: slices.Clone(c.alerts.Alerts)}
	f(next)
	if err := c.save(ctx, keyAlerts, next); err != nil {
		return err
	}
	c.alerts = next
	return nil
}

// loadAlerts reads what was stored, once. c.mu is held.
func (c *Client) loadAlerts(ctx context.Context) error {
	if c.alerts != nil {
		return nil
	}
	p := new(raised)
	if err := c.load(ctx, keyAlerts, p); err != nil {
		return err
	}
	c.alerts = p
	return nil
}

// waiting returns the alerts that are not among those sent, as entries of their own.
func (c *Client) waiting(ctx context.Context, sent map[string]bool) ([]entry, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.loadAlerts(ctx); err != nil {
		return nil, err
	}
	var list []entry
	for _, a := range c.alerts.Alerts {
		if !sent[a.Key] {
			list = append(list, entry{Command: syncml.Clone(a.Command.Command), Alert: a.Key})
		}
	}
	return list, nil
}

// answered takes note of the Status of an alert: it is forgotten when a server has taken it, or has refused it too often.
func (c *Client) answered(ctx context.Context, key string, code syncml.StatusCode, limit int) error {
	return c.change(ctx, func(p *raised) {
		p.Alerts = slices.DeleteFunc(p.Alerts, func(a raisedAlert) bool {
			return a.Key == key && (code.Success() || limit >= 0 && a.Sessions+1 >= limit)
		})
		for i := range p.Alerts {
			if p.Alerts[i].Key == key {
				p.Alerts[i].Sessions++
			}
		}
	})
}

// collect adds to the queue the alerts that have been raised and not been reported in this session.
func (d *Dialog) collect(ctx context.Context) error {
	list, err := d.c.waiting(ctx, d.s.Sent)
	for _, e := range list {
		if d.s.Sent == nil {
			d.s.Sent = make(map[string]bool)
		}
		d.s.Sent[e.Alert] = true
		d.s.Queue = append(d.s.Queue, e)
	}
	return err
}
