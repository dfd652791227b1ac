package dmclient

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/omadm-sdk/omadm/auth/enroll"
	"github.com/omadm-sdk/omadm/csp/internal/autocommit"
	"github.com/omadm-sdk/omadm/csp/internal/backing"
	"github.com/omadm-sdk/omadm/dmtree"
)

// Mount adds ./Device/Vendor/MSFT/DMClient to mux. The agent must have its Settings by then.
func (a *Agent) Mount(mux *dmtree.Mux) {
	a.init()
	mux.Handle(string(root), autocommit.Provider(&provider{a}))
}

// provider is the device's end: what servers set rests in the agent's settings, the rest is computed.
type provider struct{ agent *Agent }

// place is what a URI addresses: names below the node of a provider, or, with an empty provider, below the CSP.
type place struct {
	provider string
	names    []string
}

func locate(u dmtree.URI) place {
	names := slices.Collect(u.Names())[root.Depth():]
	if len(names) >= 2 && strings.EqualFold(names[0], "Provider") {
		return place{names[1], names[2:]}
	}
	return place{"", names}
}

func (pl place) is(names ...string) bool { return slices.EqualFunc(pl.names, names, strings.EqualFold) }

func (p *provider) Get(ctx context.Context, u dmtree.URI) (dmtree.Value, error) {
	return p.get(ctx, u, p.agent.settings)
}

// get reads u where settings holds what servers have set, inside a transaction or outside of one.
func (p *provider) get(ctx context.Context, u dmtree.URI, settings dmtree.Provider) (dmtree.Value, error) {
	pl := locate(u)
	stored, err := settings.Get(ctx, u)
	if err == nil && !stored.IsInterior() {
		return stored, nil
	} else if err != nil && !errors.Is(err, dmtree.ErrNotFound) {
		return dmtree.Null, err
	}
	names := slices.Collect(stored.Names())
	var more map[string]dmtree.Value
	switch {
	case pl.provider == "" && pl.is():
		return dmtree.Interior("Provider", nodeUnenroll), nil
	case pl.provider == "" && pl.is("Provider"):
		return dmtree.Interior(names...), nil
	case pl.provider == "" && pl.is(nodeUnenroll):
		return dmtree.Null, nil
	case pl.provider == "" || err != nil && p.missing(ctx, pl, settings):
		return dmtree.Null, dmtree.ErrNotFound
	case pl.is() || len(pl.names) == 1 && err != nil:
		more = p.computed()
		more[nodeKeepAlive] = dmtree.Bool(false) // unless it is set
	case len(pl.names) > 0 && strings.EqualFold(pl.names[0], nodePush):
		if more, err = p.push(ctx, pl.provider, settings); err != nil {
			return dmtree.Null, err
		}
	}
	if stored.IsInterior() {
		own := len(names)
		for name := range more {
			if !slices.ContainsFunc(names[:own], func(n string) bool { return strings.EqualFold(n, name) }) {
				names = append(names, name)
			}
		}
		slices.Sort(names[own:])
		return dmtree.Interior(names...), nil
	}
	for name, v := range more {
		if strings.EqualFold(name, pl.names[len(pl.names)-1]) {
			return v, nil
		}
	}
	return dmtree.Null, dmtree.ErrNotFound
}

// missing reports whether there is no such provider.
func (p *provider) missing(ctx context.Context, pl place, settings dmtree.Provider) bool {
	_, err := settings.Get(ctx, providerNode(pl.provider))
	return err != nil
}

// computed are the leaves of a provider that the device answers by itself.
func (p *provider) computed() map[string]dmtree.Value {
	kind := p.agent.Device.EnrollmentType
	if kind == "" {
		kind = enroll.TypeFull
	}
	m := map[string]dmtree.Value{
		nodeUnenroll:   dmtree.Null,
		nodeType:       dmtree.String(string(kind)),
		nodeMaxVersion: dmtree.String(maxVersion),
	}
	if hw := p.agent.Device.Hardware; hw != "" {
		m[nodeHWDevID] = dmtree.String(hw)
	}
	return m
}

// Values of Push/Status.
const (
	pushOK        = 0
	pushFailed    = 3
	pushNoChannel = 4
	pushUnknown   = 8
)

// push are the leaves below Push that the device answers by itself.
func (p *provider) push(ctx context.Context, id string, settings dmtree.Provider) (map[string]dmtree.Value, error) {
	pfn, err := setting(ctx, settings, id, nodePush, "PFN")
	if err != nil {
		return nil, err
	}
	status, channel := int64(pushUnknown), dmtree.Null
	switch {
	case p.agent.Push == nil:
	case pfn == "":
		status = pushNoChannel
	default:
		uri, err := p.agent.Push(ctx, pfn)
		if err != nil {
			p.agent.logger().InfoContext(ctx, "no push channel", "err", err)
			status = pushFailed
			break
		}
		status, channel = pushOK, dmtree.String(uri)
	}
	return map[string]dmtree.Value{"Status": dmtree.Int(status), "ChannelURI": channel}, nil
}

// Exec unenrolls. The session goes on to its end, so that the server gets its answer; then the agent tells it in one
// more session that the device leaves. (Windows breaks the session off, and answers nothing.)
func (p *provider) Exec(ctx context.Context, u dmtree.URI, _ dmtree.Value) error {
	pl := locate(u)
	acc, err := loadAccount(ctx, p.agent.store)
	switch {
	case errors.Is(err, ErrNotEnrolled):
		return dmtree.ErrNotFound
	case err != nil:
		return err
	case !pl.is(nodeUnenroll):
		if _, err := p.Get(ctx, u); err != nil {
			return err
		}
		return dmtree.ErrNotAllowed
	case pl.provider != "" && !strings.EqualFold(pl.provider, acc.ProviderID):
		return dmtree.ErrNotFound
	}
	acc.leaving = true
	return p.agent.save(ctx, acc)
}

func (p *provider) Begin(ctx context.Context) (dmtree.Tx, error) {
	settings, err := dmtree.Begin(ctx, p.agent.settings)
	if err != nil {
		return nil, err
	}
	return &tx{provider: p, Tx: settings}, nil
}

// tx is a transaction: that of the settings, with the rules of DMClient before it.
type tx struct {
	provider *provider
	dmtree.Tx
	polls []dmtree.URI // the Poll nodes below which something was written
}

func (t *tx) Get(ctx context.Context, u dmtree.URI) (dmtree.Value, error) {
	return t.provider.get(ctx, u, t.Tx)
}

func (t *tx) Add(ctx context.Context, u dmtree.URI, v dmtree.Value) error {
	if _, err := t.Get(ctx, u); err == nil {
		return dmtree.ErrExist
	}
	if err := t.check(ctx, u, v); err != nil {
		return err
	}
	return backing.Add(ctx, t.Tx, u, v)
}

// Replace sets a value, whether it was set before or not, as Windows does here.
func (t *tx) Replace(ctx context.Context, u dmtree.URI, v dmtree.Value) error {
	if err := t.check(ctx, u, v); err != nil {
		return err
	}
	if _, err := t.Tx.Get(ctx, u); err == nil {
		return backing.Replace(ctx, t.Tx, u, v)
	}
	return backing.Add(ctx, t.Tx, u, v)
}

func (t *tx) Delete(ctx context.Context, u dmtree.URI) error {
	pl := locate(u)
	if pl.provider == "" || pl.is() {
		return dmtree.ErrNotAllowed // a device leaves by Unenroll
	}
	t.touch(u, pl)
	return backing.Delete(ctx, t.Tx, u)
}

func (t *tx) touch(u dmtree.URI, pl place) {
	if len(pl.names) > 0 && strings.EqualFold(pl.names[0], nodePoll) {
		if at := providerNode(pl.provider).Join(nodePoll); !slices.Contains(t.polls, at) {
			t.polls = append(t.polls, at)
		}
	}
}

// check holds what is written against the rules of single nodes.
func (t *tx) check(ctx context.Context, u dmtree.URI, v dmtree.Value) error {
	pl := locate(u)
	switch {
	case pl.provider == "":
		return dmtree.ErrNotAllowed
	case t.provider.missing(ctx, pl, t.Tx):
		return fmt.Errorf("%w: a device has one management server, which it enrolls with", dmtree.ErrForbidden)
	case pl.is():
		return dmtree.ErrNotAllowed
	case pl.is(nodePush, "Status"), pl.is(nodePush, "ChannelURI"):
		return dmtree.ErrNotAllowed
	case pl.is(nodeAddress), pl.is(nodeAddresses):
		if _, err := ParseAddresses(v.Text()); err != nil {
			return fmt.Errorf("%w: %w", dmtree.ErrValue, err)
		}
	case pl.is(nodeVersion):
		if err := t.checkVersion(ctx, pl, v); err != nil {
			return err
		}
	case pl.is("FirstSyncStatus", "ServerHasFinishedProvisioning"), pl.is("FirstSyncStatus", "IsSyncDone"):
		// True is final.
		if old, err := t.Tx.Get(ctx, u); err == nil && old.Text() == "true" {
			return dmtree.ErrNotAllowed
		}
	case len(pl.names) == 1:
		for name := range t.provider.computed() {
			if strings.EqualFold(name, pl.names[0]) {
				return dmtree.ErrNotAllowed
			}
		}
	}
	t.touch(u, pl)
	return nil
}

// checkVersion lets the version of the session protocol be raised to what the device has, and not below 2.0 again.
func (t *tx) checkVersion(ctx context.Context, pl place, v dmtree.Value) error {
	major := func(s string) string { m, _, _ := strings.Cut(s, "."); return m }
	if major(v.Text()) > major(maxVersion) {
		return fmt.Errorf("%w: this device has %s at most", dmtree.ErrValue, maxVersion)
	}
	old, err := setting(ctx, t.Tx, pl.provider, nodeVersion)
	if err != nil {
		return err
	}
	if major(old) >= "2" && major(v.Text()) < "2" {
		return fmt.Errorf("%w: never below 2.0 again", dmtree.ErrValue)
	}
	return nil
}

// Prepare checks and normalises the schedules that were written.
func (t *tx) Prepare(ctx context.Context) error {
	for _, at := range t.polls {
		if err := t.normalise(ctx, at); err != nil {
			return err
		}
	}
	return t.Tx.Prepare(ctx)
}

// normalise refuses a schedule that never calls, and switches the sets off that come after one without end.
func (t *tx) normalise(ctx context.Context, at dmtree.URI) error {
	p, err := readPoll(ctx, t.Tx, at)
	if err != nil || p == nil {
		return err
	}
	if p.First.Interval < 0 || p.Second.Interval < 0 || p.Remaining.Interval < 0 ||
		p.First.Count <= 0 && p.Second.Count <= 0 && p.Remaining.Count <= 0 {
		return &dmtree.Error{Op: "prepare", URI: at, Err: fmt.Errorf("%w: all three counts are 0, want at least one other", dmtree.ErrValue)}
	}
	endless := false
	for _, s := range pollSets {
		r := s.of(p)
		if endless && r.Interval != 0 {
			u := at.Join(s.interval)
			if _, err := t.Tx.Get(ctx, u); err == nil {
				if err := backing.Replace(ctx, t.Tx, u, dmtree.Int(0)); err != nil {
					return err
				}
			}
		}
		endless = endless || r.Interval > 0 && r.Count == 0
	}
	return nil
}
