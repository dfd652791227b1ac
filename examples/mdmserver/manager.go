package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/csp/dmclient"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
)

// manager is what the server does with a device that calls: it asks what it is, and sets the policies of policies.json.
type manager struct{ *server }

// ServeDM implements [session.Handler].
func (m *manager) ServeDM(w *session.Writer, r *session.Request) error {
	log := slog.With("device", r.Identity.Device)
	for _, a := range r.Alerts {
		if dmclient.IsUnenroll(a) {
			log.Info("has left")
			return m.forget(r.Identity.Device)
		}
		log.Info("alert", "type", a.Type, "source", a.Source, "value", a.Value)
	}
	for i := range r.Results {
		res := &r.Results[i]
		if v, err := res.Value(); res.Command == "Get" {
			log.Info("told", "node", res.URI, "value", v, "err", err)
		} else {
			log.Info("answered", "command", res.Command, "node", res.URI, "status", res.Status.String())
		}
	}
	if !r.First {
		return nil
	}
	w.Get("./DevDetail/SwV")
	w.Get("./DevDetail/Ext/Microsoft/OSPlatform")
	policies, err := m.policies()
	if err != nil {
		log.Error("policies.json", "err", err)
		return nil
	}
	for _, u := range slices.Sorted(maps.Keys(policies)) {
		v, err := parse(u, policies[u])
		if err != nil {
			log.Error("policies.json", "err", err)
			continue
		}
		w.Replace(u, v)
	}
	return nil
}

// parse checks a setting before a device is troubled with it.
func parse(u dmtree.URI, text string) (dmtree.Value, error) {
	n, ok := csp.Windows().Lookup(u)
	switch {
	case !ok:
		return dmtree.Null, fmt.Errorf("%s: no such setting", u)
	case !n.Allows(csp.OpReplace):
		return dmtree.Null, fmt.Errorf("%s: cannot be written", u)
	}
	v, err := dmtree.Parse(n.Format, text)
	if err == nil {
		err = n.Validate(v)
	}
	if errors.Is(err, csp.ErrUndecidable) {
		err = nil
	}
	return v, err
}

// policies reads what devices are to hold.
func (m *manager) policies() (map[dmtree.URI]string, error) {
	data, err := os.ReadFile(filepath.Join(m.dir, "policies.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	var p map[dmtree.URI]string
	return p, json.Unmarshal(data, &p)
}
