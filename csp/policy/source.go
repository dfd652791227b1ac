package policy

import (
	"context"
	"errors"
	"slices"

	"github.com/omadm-sdk/omadm/csp/internal/backing"
	"github.com/omadm-sdk/omadm/dmtree"
)

// A Source is the Policy CSP as one source of configuration sees it: a provider of ./Device/Vendor/MSFT/Policy and of
// ./User/Vendor/MSFT/Policy, with transactions. See [Policies.Source].
type Source struct {
	policies *Policies
	values   dmtree.Provider
	single   dmtree.Provider // the same, with single commands as transactions
}

// Add implements [dmtree.Adder].
func (s *Source) Add(ctx context.Context, u dmtree.URI, v dmtree.Value) error {
	return dmtree.Add(ctx, s.single, u, v)
}

// Replace implements [dmtree.Replacer].
func (s *Source) Replace(ctx context.Context, u dmtree.URI, v dmtree.Value) error {
	return dmtree.Replace(ctx, s.single, u, v)
}

// Delete implements [dmtree.Deleter].
func (s *Source) Delete(ctx context.Context, u dmtree.URI) error {
	return dmtree.Delete(ctx, s.single, u)
}

// RemoveAll makes everything not configured that this source has set, for the device and for all users: what
// unenrollment does.
func (s *Source) RemoveAll(ctx context.Context) error {
	keys, err := keysIn(ctx, s.values)
	if err != nil || len(keys) == 0 {
		return err
	}
	begun, err := s.Begin(ctx)
	if err != nil {
		return err
	}
	t := begun.(*tx)
	for _, k := range keys {
		t.touch(k)
		if err == nil {
			err = backing.Delete(ctx, t.values, k.stored())
		}
	}
	if err == nil {
		err = t.Prepare(ctx)
	}
	if err != nil {
		return errors.Join(err, t.Rollback(ctx))
	}
	return t.Commit(ctx)
}

// Get implements [dmtree.Provider].
func (s *Source) Get(ctx context.Context, u dmtree.URI) (dmtree.Value, error) {
	s.policies.mu.RLock()
	defer s.policies.mu.RUnlock()
	return s.get(ctx, u, view{s, s.values, nil})
}

// get reads u as it is seen through v. The lock is held.
func (s *Source) get(ctx context.Context, u dmtree.URI, v view) (dmtree.Value, error) {
	pl, err := s.policies.place(ctx, u)
	switch {
	case err != nil:
		return dmtree.Null, err
	case pl.section == "":
		return dmtree.Interior("Config", "Result"), nil
	case pl.deeper || pl.section == "ConfigOperations":
		return dmtree.Null, dmtree.ErrNotFound
	case pl.section == "Result":
		return s.policies.result(ctx, pl, v)
	case pl.area == "":
		names, err := children(ctx, v.values, scope(pl.user))
		return dmtree.Interior(names...), err
	case pl.policy == "":
		return v.values.Get(ctx, area(pl.user, pl.area))
	}
	return v.values.Get(ctx, pl.key().stored())
}

// result reads what holds for the device, over all sources.
func (p *Policies) result(ctx context.Context, pl place, v view) (dmtree.Value, error) {
	at := subtree(pl.user).Join("Config")
	switch {
	case pl.area == "":
		node, ok := p.schema.Lookup(at)
		if !ok {
			return dmtree.Null, dmtree.ErrNotFound
		}
		var names []string
		for n := range node.Children() {
			if !n.Dynamic() {
				names = append(names, n.Name)
			}
		}
		return dmtree.Interior(names...), nil
	case pl.policy == "":
		node, ok := p.schema.Lookup(at.Join(pl.area))
		if !ok {
			return dmtree.Null, dmtree.ErrNotFound
		}
		var names []string
		for n := range node.Children() {
			e, err := p.holds(ctx, key{pl.user, pl.area, n.Name}, v)
			if err != nil {
				return dmtree.Null, err
			}
			if e.known {
				names = append(names, n.Name)
			}
		}
		return dmtree.Interior(names...), nil
	}
	e, err := p.holds(ctx, pl.key(), v)
	if err == nil && !e.known {
		err = dmtree.ErrNotFound
	}
	return e.value, err
}

// Begin implements [dmtree.Beginner].
func (s *Source) Begin(ctx context.Context) (dmtree.Tx, error) {
	values, err := dmtree.Begin(ctx, s.values)
	if err != nil {
		return nil, err
	}
	return &tx{source: s, values: values}, nil
}

// tx is a transaction of one source.
type tx struct {
	source  *Source
	values  dmtree.Tx
	touched []key // in the order of the commands, each once
}

// view is what the transaction sees.
func (t *tx) view() view { return view{t.source, t.values, t.touched} }

func (t *tx) Get(ctx context.Context, u dmtree.URI) (dmtree.Value, error) {
	t.source.policies.mu.RLock()
	defer t.source.policies.mu.RUnlock()
	return t.source.get(ctx, u, t.view())
}

// Add sets a policy that this source has not set, or makes an area, which has no content of its own.
func (t *tx) Add(ctx context.Context, u dmtree.URI, v dmtree.Value) error {
	return t.write(ctx, u, v, func(pl place) error {
		_, err := t.values.Get(ctx, pl.key().stored())
		switch {
		case err == nil:
			return dmtree.ErrExist
		case errors.Is(err, dmtree.ErrNotFound):
			return nil
		}
		return err
	})
}

// Replace sets a policy, whether this source has set it before or not: servers send nothing else.
func (t *tx) Replace(ctx context.Context, u dmtree.URI, v dmtree.Value) error {
	return t.write(ctx, u, v, func(place) error { return nil })
}

func (t *tx) write(ctx context.Context, u dmtree.URI, v dmtree.Value, check func(place) error) error {
	pl, err := t.policy(ctx, u)
	if err != nil {
		return err
	}
	if pl.policy == "" {
		if !v.IsInterior() {
			return dmtree.ErrNotAllowed
		}
		return nil // an area exists as soon as a policy of it does
	}
	if v.IsInterior() {
		return dmtree.ErrFormat
	}
	if err := check(pl); err != nil {
		return err
	}
	t.touch(pl.key())
	at := pl.key().stored()
	if _, err := t.values.Get(ctx, at); err == nil {
		return backing.Replace(ctx, t.values, at, v)
	}
	return backing.Add(ctx, t.values, at, v)
}

// Delete makes a policy, or all those of an area, not configured by this source.
func (t *tx) Delete(ctx context.Context, u dmtree.URI) error {
	pl, err := t.policy(ctx, u)
	if err != nil {
		return err
	}
	if pl.policy != "" {
		t.touch(pl.key())
		return backing.Delete(ctx, t.values, pl.key().stored())
	}
	names, err := children(ctx, t.values, area(pl.user, pl.area))
	if err != nil {
		return err
	}
	for _, name := range names {
		t.touch(key{pl.user, pl.area, name})
	}
	return backing.Delete(ctx, t.values, area(pl.user, pl.area))
}

// policy returns the area or policy below Config that u addresses: only these can be written.
func (t *tx) policy(ctx context.Context, u dmtree.URI) (place, error) {
	pl, err := t.source.policies.place(ctx, u)
	switch {
	case err != nil:
		return pl, err
	case pl.deeper || pl.section == "ConfigOperations":
		return pl, dmtree.ErrNotFound
	case pl.section != "Config" || pl.area == "":
		return pl, dmtree.ErrNotAllowed
	}
	if _, ok := t.source.policies.schema.Lookup(u); !ok {
		return pl, dmtree.ErrNotFound
	}
	return pl, nil
}

func (t *tx) touch(k key) {
	if !slices.Contains(t.touched, k) {
		t.touched = append(t.touched, k)
	}
}

// Prepare checks what is valid only as a whole: the rules of device lock.
func (t *tx) Prepare(ctx context.Context) error {
	// No lock of Policies is held here: values may wait for another transaction, which needs it to end.
	if err := t.values.Prepare(ctx); err != nil {
		return err
	}
	return t.checkDeviceLock(ctx)
}

// Commit enforces the values that hold from now on, then stores what was set.
func (t *tx) Commit(ctx context.Context) error {
	p := t.source.policies
	p.mu.Lock()
	defer p.mu.Unlock()
	var now, before []Change
	for _, k := range t.withImplied() {
		old, err := p.holds(ctx, k, view{})
		if err != nil {
			return errors.Join(err, t.values.Rollback(ctx))
		}
		e, err := p.holds(ctx, k, t.view())
		if err != nil {
			return errors.Join(err, t.values.Rollback(ctx))
		}
		if !e.equal(old) {
			now, before = append(now, e.change(k)), append(before, old.change(k))
		}
	}
	if err := p.enforceSorted(ctx, now); err != nil {
		return errors.Join(err, t.values.Rollback(ctx))
	}
	if err := t.values.Commit(ctx); err != nil {
		if undo := p.enforceSorted(ctx, before); undo != nil {
			return errors.Join(err, dmtree.ErrRollback, undo)
		}
		return err
	}
	p.written++
	for _, k := range t.touched {
		p.writes[id{t.source, k}] = p.written
	}
	return nil
}

func (t *tx) Rollback(ctx context.Context) error { return t.values.Rollback(ctx) }
