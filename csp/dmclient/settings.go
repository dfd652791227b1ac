package dmclient

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/omadm-sdk/omadm/auth/enroll"
	"github.com/omadm-sdk/omadm/csp/internal/backing"
	"github.com/omadm-sdk/omadm/dmtree"
)

// root is the CSP; the server's own nodes are below Provider/<ProviderID>.
const root dmtree.URI = "./Device/Vendor/MSFT/DMClient"

// Names of nodes below the provider.
const (
	nodeUnenroll    = "Unenroll"
	nodeType        = "EnrollmentType"
	nodeMaxVersion  = "MaxSyncApplicationVersion"
	nodeVersion     = "SyncApplicationVersion"
	nodeHWDevID     = "HWDevID"
	nodeDMID        = "EntDMID"
	nodeDeviceName  = "EntDeviceName"
	nodeUPN         = "UPN"
	nodeAddress     = "ManagementServiceAddress"
	nodeAddresses   = "ManagementServerAddressList"
	nodeLostContact = "NumberOfDaysAfterLostContactToUnenroll"
	nodeKeepAlive   = "EnableOmaDmKeepAliveMessage"
	nodePush        = "Push"
	nodePoll        = "Poll"
)

// maxVersion is the latest version of the session protocol whose features package session has: 3.0 brings
// msft:originalerror (MS-MDM).
const maxVersion = "3.0"

// keepAlive is how long the server waits for an answer before it is told that the device is busy, where it wants to be
// told: less than the minute after which many a proxy gives up.
const keepAlive = 30 * time.Second

// providerNode is the node of a server.
func providerNode(id string) dmtree.URI { return root.Join("Provider", id) }

// pollSet names the two nodes of a set, and their defaults (MS-MDM).
type pollSet struct {
	interval, count               string
	defaultInterval, defaultCount int64
	of                            func(*enroll.Poll) *enroll.Retries
}

var pollSets = [3]pollSet{
	{"IntervalForFirstSetOfRetries", "NumberOfFirstRetries", 15, 10, func(p *enroll.Poll) *enroll.Retries { return &p.First }},
	{"IntervalForSecondSetOfRetries", "NumberOfSecondRetries", 0, 0, func(p *enroll.Poll) *enroll.Retries { return &p.Second }},
	{"IntervalForRemainingScheduledRetries", "NumberOfRemainingScheduledRetries", 0, 0,
		func(p *enroll.Poll) *enroll.Retries { return &p.Remaining }},
}

// provision stores what enrollment said about the client, in place of what was there before.
func (a *Agent) provision(ctx context.Context, e *enroll.Enrolled) error {
	if err := a.forgetSettings(ctx); err != nil {
		return err
	}
	tx, err := dmtree.Begin(ctx, a.settings)
	if err != nil {
		return err
	}
	p := providerNode(e.ProviderID)
	add := func(v dmtree.Value, names ...string) {
		if err == nil && (v.Text() != "" || v.IsInterior()) {
			err = backing.Add(ctx, tx, p.Join(names...), v)
		}
	}
	add(dmtree.Interior())
	add(dmtree.String(e.ServerURL), nodeAddress)
	if e.Provisioning != nil && e.Provisioning.DMClient != nil {
		d := e.Provisioning.DMClient
		add(dmtree.String(d.UPN), nodeUPN)
		add(dmtree.String(d.DeviceName), nodeDeviceName)
		add(dmtree.String(d.DMID), nodeDMID)
	}
	if e.Poll != nil {
		for _, s := range pollSets {
			r := s.of(e.Poll)
			add(dmtree.Int(int64(r.Interval/time.Minute)), nodePoll, s.interval)
			add(dmtree.Int(int64(r.Count)), nodePoll, s.count)
		}
		add(dmtree.Bool(e.Poll.OnLogin), nodePoll, "PollOnLogin")
		add(dmtree.Bool(e.Poll.AllUsersOnFirstLogin), nodePoll, "AllUsersPollOnFirstLogin")
	}
	if err == nil {
		err = tx.Prepare(ctx)
	}
	if err != nil {
		return errors.Join(err, tx.Rollback(ctx))
	}
	return tx.Commit(ctx)
}

// forgetSettings removes everything that servers have set.
func (a *Agent) forgetSettings(ctx context.Context) error {
	err := backing.Delete(ctx, a.settings, root)
	if errors.Is(err, dmtree.ErrNotFound) {
		return nil
	}
	return err
}

// setting reads a leaf below the provider; "" if it is not there.
func setting(ctx context.Context, p dmtree.Provider, id string, names ...string) (string, error) {
	v, err := dmtree.Get(ctx, p, providerNode(id).Join(names...))
	if errors.Is(err, dmtree.ErrNotFound) {
		return "", nil
	}
	return v.Text(), err
}

// integer reads a number below the provider; 0 if it is not there.
func (a *Agent) integer(ctx context.Context, id string, names ...string) (int64, error) {
	v, err := dmtree.Get(ctx, a.settings, providerNode(id).Join(names...))
	if errors.Is(err, dmtree.ErrNotFound) {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	return v.Int()
}

// poll reads the schedule; nil if the server has set none.
func (a *Agent) poll(ctx context.Context, acc *Account) (*enroll.Poll, error) {
	return readPoll(ctx, a.settings, providerNode(acc.ProviderID).Join(nodePoll))
}

func readPoll(ctx context.Context, settings dmtree.Provider, at dmtree.URI) (*enroll.Poll, error) {
	if _, err := dmtree.Get(ctx, settings, at); errors.Is(err, dmtree.ErrNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	number := func(name string, def int64) (int64, error) {
		v, err := dmtree.Get(ctx, settings, at.Join(name))
		if errors.Is(err, dmtree.ErrNotFound) {
			return def, nil
		} else if err != nil {
			return 0, err
		}
		return v.Int()
	}
	poll := new(enroll.Poll)
	for _, s := range pollSets {
		minutes, err := number(s.interval, s.defaultInterval)
		if err != nil {
			return nil, err
		}
		count, err := number(s.count, s.defaultCount)
		if err != nil {
			return nil, err
		}
		*s.of(poll) = enroll.Retries{Interval: times(minutes, time.Minute), Count: int(min(count, math.MaxInt32))}
	}
	return poll, nil
}

// centuries is longer than any device lives, and short enough to be added to a time.
const centuries = 200 * 365 * 24 * time.Hour

// times is n units, which servers may set as high as they like.
func times(n int64, unit time.Duration) time.Duration {
	if n > int64(centuries/unit) {
		return centuries
	}
	return time.Duration(n) * unit
}

// addresses lists where the server can be reached, the address that worked last first. ManagementServerAddressList
// overrides ManagementServiceAddress, which has what enrollment said (MS-MDM).
func (a *Agent) addresses(ctx context.Context, acc *Account) ([]string, error) {
	for _, node := range []string{nodeAddresses, nodeAddress} {
		text, err := setting(ctx, a.settings, acc.ProviderID, node)
		if err != nil {
			return nil, err
		}
		list, err := ParseAddresses(text)
		if err != nil {
			return nil, err
		}
		if len(list) == 0 {
			continue
		}
		if i := slices.Index(list, acc.address); i > 0 {
			list = slices.Concat(list[i:i+1], list[:i], list[i+1:])
		}
		return list, nil
	}
	return []string{acc.ServerURL}, nil
}

// ParseAddresses reads the list of ManagementServiceAddress and ManagementServerAddressList: "<URL1><URL2>", or one URL.
// They must be HTTPS URLs. An empty text is an empty list.
func ParseAddresses(text string) ([]string, error) {
	text = strings.TrimSpace(text)
	var list []string
	if strings.HasPrefix(text, "<") {
		for part := range strings.SplitSeq(strings.TrimSuffix(text[1:], ">"), "><") {
			list = append(list, strings.TrimSpace(part))
		}
	} else if text != "" {
		list = append(list, text)
	}
	for _, s := range list {
		u, err := url.Parse(s)
		if err != nil || u.Scheme != "https" || u.Host == "" {
			return nil, fmt.Errorf("dmclient: management address: want https://… or a list <https://…><https://…>, have %q", s)
		}
	}
	return list, nil
}

// FormatAddresses writes the list that [ParseAddresses] reads.
func FormatAddresses(list ...string) string {
	if len(list) == 0 {
		return ""
	}
	return "<" + strings.Join(list, "><") + ">"
}
