package session

import (
	"context"
	"errors"
	"slices"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/syncml"
)

// member is a child of an Atomic and what became of it.
type member struct {
	cmd   syncml.Command
	meta  syncml.Meta
	items []syncml.Item
	outs  []outcome // of the items that were run; one for a command without items
	code  syncml.StatusCode
}

// atomic runs the children in a transaction of the tree, all or none (DM Protocol). What is wrong with any of them in
// itself is found before the first one runs.
func (x *executor) atomic(ctx context.Context, a *syncml.Atomic) flow {
	members, code := x.members(a)
	if _, can := x.tree.(dmtree.Beginner); !can && code == 0 {
		code = syncml.StatusNotSupported
	}
	if code != 0 {
		x.end(a, code, members)
		return goOn
	}
	key := dmtree.URI("")
	if x.journal != nil {
		key = x.journal.next()
	}
	if x.again && x.resolve(ctx, a, members, key) {
		return goOn
	}
	tx, err := dmtree.Begin(ctx, x.tree)
	if err != nil {
		x.end(a, x.rules.statusOf(err), members)
		return goOn
	}
	asks := outside(members)
	noted := key != "" && (x.journal.apart || asks)
	if noted {
		if err := x.journal.note(ctx, x.tree, key, begun); err != nil {
			x.end(a, x.rules.statusOf(errors.Join(err, tx.Rollback(context.WithoutCancel(ctx)))), members)
			return goOn
		}
	}
	again := x.again
	x.again = false // nothing in it has been run
	defer func() { x.again = again }()
	how := goOn
	failed := false
	for i := range members {
		m := &members[i]
		if failed {
			m.code = syncml.StatusNotExecuted
			continue
		}
		how = x.member(ctx, tx, m)
		failed = how != goOn || !m.done()
	}
	code = syncml.StatusAtomicFailed
	if failed {
		undo(members, tx.Rollback(context.WithoutCancel(ctx)))
	} else {
		code = x.commit(ctx, tx, members, key)
	}
	if noted && !asks && code != syncml.StatusOK && undone(members) {
		_ = x.journal.forget(ctx, x.tree, key) // or else its outcome is unknown after a crash
	}
	x.end(a, code, members)
	if how == cancel {
		return cancel
	}
	return goOn
}

// undone reports whether nothing is left of what members have changed.
func undone(members []member) bool {
	return !slices.ContainsFunc(members, func(m member) bool {
		return slices.ContainsFunc(m.outs, func(o outcome) bool { return o.code == syncml.StatusRollbackFailed })
	})
}

// outside reports whether a child asks somebody, or something, that is no part of a transaction.
func outside(members []member) bool {
	return slices.ContainsFunc(members, func(m member) bool {
		switch m.cmd.(type) {
		case *syncml.Exec, *syncml.Alert:
			return true
		}
		return false
	})
}

// resolve answers for an Atomic that was being executed when this process died, unless it is known not to have been done
// and can be run.
func (x *executor) resolve(ctx context.Context, a *syncml.Atomic, members []member, key dmtree.URI) bool {
	out := unknownOutcome()
	if key != "" {
		code, ok := x.journal.recorded(ctx, x.tree, key)
		switch {
		case ok && code == begun:
		case ok:
			out = outcome{code: code}
		case x.unsure:
			out = outcome{code: syncml.StatusNotExecuted}
		default:
			return false
		}
	}
	for i := range members {
		members[i].outs = slices.Repeat([]outcome{out}, max(1, len(members[i].items)))
	}
	x.report(a, nil, []outcome{out})
	x.endMembers(members)
	return true
}

// members lists the children of an Atomic. The code is 0 if all of them may run; else each has its own.
func (x *executor) members(a *syncml.Atomic) ([]member, syncml.StatusCode) {
	list := make([]member, len(a.Commands))
	code := syncml.StatusCode(0)
	for i, c := range a.Commands {
		m := &list[i]
		m.cmd = c
		m.meta, m.items = operands(c)
		if m.code = x.inAtomic(m); m.code == 0 {
			continue
		}
		if code == 0 {
			code = syncml.StatusAtomicFailed
		}
		if m.code == syncml.StatusCommandFailed {
			code = x.rules.nestedAtomic
		}
	}
	if len(list) == 0 {
		code = syncml.StatusIncomplete
	}
	if code != 0 {
		for i := range list {
			if list[i].code == 0 {
				list[i].code = syncml.StatusNotExecuted
			}
		}
	}
	return list, code
}

// inAtomic returns the status of a child that must not be run as it stands, or 0.
func (x *executor) inAtomic(m *member) syncml.StatusCode {
	code := x.malformed(m.cmd)
	if code == syncml.StatusBadRequest {
		return code
	}
	switch c := m.cmd.(type) {
	case *syncml.Atomic, *syncml.Sequence, *syncml.Get:
		return syncml.StatusCommandFailed
	case *syncml.Exec:
		if !x.rules.execInAtomic {
			return syncml.StatusCommandFailed
		}
	case *syncml.Alert:
		if !c.Code.UI() {
			return syncml.StatusNotSupported
		}
		return 0
	}
	switch {
	case code != 0:
		return code
	case chunked(m.cmd):
		return syncml.StatusTooLarge
	}
	for i := range m.items {
		if err := x.valid(m.cmd, m.meta, &m.items[i]); err != nil {
			return x.rules.statusOf(err)
		}
	}
	return 0
}

// member runs a child of an Atomic on its transaction.
func (x *executor) member(ctx context.Context, tx dmtree.Tx, m *member) flow {
	if a, ok := m.cmd.(*syncml.Alert); ok {
		out := x.alert(ctx, a)
		m.outs = []outcome{out}
		return x.effect(out.code)
	}
	for i := range m.items {
		out := x.do(ctx, tx, m.cmd, m.meta, &m.items[i])
		m.outs = append(m.outs, out)
		if !succeeded(out.code) {
			break
		}
	}
	return goOn
}

// done reports whether all of m was run with success.
func (m *member) done() bool {
	for _, out := range m.outs {
		if !succeeded(out.code) {
			return false
		}
	}
	return len(m.outs) == max(1, len(m.items))
}

// commit makes the changes count, and returns the status of the Atomic.
func (x *executor) commit(ctx context.Context, tx dmtree.Tx, members []member, key dmtree.URI) syncml.StatusCode {
	err := error(nil)
	if key != "" {
		err = x.journal.record(ctx, tx, key, syncml.StatusOK)
	}
	if err == nil {
		err = tx.Prepare(ctx)
	}
	if err != nil {
		x.blame(members, err)
		undo(members, tx.Rollback(context.WithoutCancel(ctx)))
		return syncml.StatusAtomicFailed
	}
	if answerSize(members) > x.room { // they could not all be told what became of them
		undo(members, tx.Rollback(context.WithoutCancel(ctx)))
		return syncml.StatusAtomicTooLarge
	}
	if err := tx.Commit(ctx); err != nil {
		x.blame(members, err)
		if !errors.Is(err, dmtree.ErrRollback) {
			err = nil
		}
		undo(members, err)
		return syncml.StatusAtomicFailed
	}
	return syncml.StatusOK
}

// answerSize estimates the bytes that the statuses of an Atomic take.
func answerSize(members []member) int64 {
	n := int64(600) // header and Atomic
	for i := range members {
		n += 150
		for j := range members[i].items {
			n += int64(len(members[i].items[j].Target.URI) + 30)
		}
	}
	return n
}

// blame gives the children that err names the status of err. Where none is named, all have been undone without one of
// them being the cause.
func (x *executor) blame(members []member, err error) {
	for i := range members {
		for j := range members[i].outs {
			if dmtree.Blames(err, members[i].node(j)) {
				members[i].outs[j].code = x.rules.statusOf(err)
			}
		}
	}
}

// node returns what the j-th item addresses; "" for a question to the user.
func (m *member) node(j int) dmtree.URI {
	if len(m.items) == 0 {
		return ""
	}
	return targetOf(m.cmd, &m.items[j])
}

// undo turns what was done into what was undone: 216, or 516 for the nodes that err, of Rollback, names. If it names none
// of them, any may be left as it is now.
func undo(members []member, err error) {
	named := false
	for i := range members {
		for j := range members[i].outs {
			named = named || dmtree.Blames(err, members[i].node(j))
		}
	}
	for i := range members {
		m := &members[i]
		for j := range m.outs {
			if !succeeded(m.outs[j].code) {
				continue
			}
			u := m.node(j)
			m.outs[j] = outcome{code: syncml.StatusRolledBack}
			if err != nil && u != "" && (!named || dmtree.Blames(err, u)) {
				m.outs[j].code = syncml.StatusRollbackFailed
			}
		}
	}
}

// end reports the Atomic and then its children.
func (x *executor) end(a *syncml.Atomic, code syncml.StatusCode, members []member) {
	x.report(a, nil, []outcome{{code: code}})
	x.endMembers(members)
}

// endMembers reports the children.
func (x *executor) endMembers(members []member) {
	for i := range members {
		m := &members[i]
		if len(m.outs) == 0 {
			if m.code == 0 {
				m.code = syncml.StatusNotExecuted
			}
			x.skip(m.cmd, m.code)
			continue
		}
		for len(m.outs) < len(m.items) {
			m.outs = append(m.outs, outcome{code: syncml.StatusNotExecuted})
		}
		x.report(m.cmd, m.items, m.outs)
	}
}
