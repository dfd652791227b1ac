package session

import (
	"context"
	"errors"
	"strconv"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/syncml"
)

// A journal records what became of the commands of a message in the tree itself, in the same transactions, so that a
// process which dies in the middle of the message knows afterwards what was done. It lies where the tree keeps what
// belongs to no node (see [dmtree.Keeper]), and holds one message.
//
// What is no part of a transaction, such as an Exec, or of one that ends in several steps, is recorded before it begins as
// well: if nothing else is recorded of it, nobody knows what became of it.
type journal struct {
	root  dmtree.URI // of this message
	n     int        // of the next command
	fresh bool       // the record of the message before is still there
	apart bool       // the record lies elsewhere than the nodes, so that no transaction changes both in one step
}

// journalRoot is what a client keeps in its tree.
const journalRoot dmtree.URI = "./session"

// journalOf returns the journal for a message, or nil if the tree has no room for one. again says that some of it may be
// there.
func journalOf(tree dmtree.Provider, session, message string, again bool) *journal {
	_, begins := tree.(dmtree.Beginner)
	k, keeps := tree.(dmtree.Keeper)
	if !begins || !keeps || k.Keep() == nil {
		return nil
	}
	steps, tells := tree.(interface{ OneStep() bool }) // as dmtree.Tree does
	return &journal{root: journalRoot.Join(session + "-" + message), fresh: !again, apart: tells && !steps.OneStep()}
}

// next names the next command.
func (j *journal) next() dmtree.URI {
	j.n++
	return j.root.Join(strconv.Itoa(j.n))
}

// begun is recorded of a command before it is run, in place of its status.
const begun syncml.StatusCode = 0

// recorded returns what became of a command, or begun; false if it was not begun.
func (j *journal) recorded(ctx context.Context, tree dmtree.Provider, key dmtree.URI) (syncml.StatusCode, bool) {
	v, err := dmtree.Get(ctx, tree.(dmtree.Keeper).Keep(), key)
	if err != nil {
		return 0, false
	}
	code, err := v.Int()
	return syncml.StatusCode(code), err == nil
}

// record notes in tx that a command is done.
func (j *journal) record(ctx context.Context, tx dmtree.Tx, key dmtree.URI, code syncml.StatusCode) error {
	k, ok := tx.(dmtree.Keeper)
	if !ok {
		return &dmtree.Error{Op: "commit", Err: dmtree.ErrUnsupported}
	}
	return j.write(ctx, k.Keep(), key, code)
}

// note is record outside of a transaction.
func (j *journal) note(ctx context.Context, tree dmtree.Provider, key dmtree.URI, code syncml.StatusCode) error {
	return j.write(ctx, tree.(dmtree.Keeper).Keep(), key, code)
}

func (j *journal) write(ctx context.Context, keep dmtree.Provider, key dmtree.URI, code syncml.StatusCode) error {
	if j.fresh {
		j.fresh = false
		if _, err := dmtree.Get(ctx, keep, journalRoot); err == nil {
			if err := dmtree.Delete(ctx, keep, journalRoot); err != nil {
				return err
			}
		}
	}
	if _, err := dmtree.Get(ctx, keep, key); err == nil {
		return dmtree.Replace(ctx, keep, key, dmtree.Int(int64(code)))
	}
	return dmtree.Add(ctx, keep, key, dmtree.Int(int64(code)))
}

// forget takes back that a command has begun: it has failed, and left nothing behind.
func (j *journal) forget(ctx context.Context, tree dmtree.Provider, key dmtree.URI) error {
	return dmtree.Delete(ctx, tree.(dmtree.Keeper).Keep(), key)
}

// conclude ends tx: it is committed, if err is nil.
func conclude(ctx context.Context, tx dmtree.Tx, err error) error {
	if err == nil {
		err = tx.Prepare(ctx)
	}
	if err == nil {
		return tx.Commit(ctx)
	}
	return errors.Join(err, tx.Rollback(context.WithoutCancel(ctx)))
}

// logged executes c for one item, and records what became of it. After a crash what is recorded is not run again, and what
// is not recorded was not done.
func (x *executor) logged(ctx context.Context, c syncml.Command, meta syncml.Meta, it *syncml.Item) outcome {
	key := x.journal.next()
	if x.again {
		code, ok := x.journal.recorded(ctx, x.tree, key)
		switch {
		case ok && code == begun:
			return unknownOutcome()
		case ok:
			return outcome{code: code}
		case x.unsure:
			return outcome{code: syncml.StatusNotExecuted}
		}
	}
	// What an Exec does is no part of a transaction, nor is what a provider without transactions does, which answers 406 in
	// one before it does anything. There is a record on either side of it.
	noted := false
	if _, exec := c.(*syncml.Exec); !exec {
		if noted = x.journal.apart; noted {
			if err := x.journal.note(ctx, x.tree, key, begun); err != nil {
				return outcome{code: x.rules.statusOf(err)}
			}
		}
		if out := x.together(ctx, c, meta, it, key); out.code != syncml.StatusNotSupported {
			if noted && !succeeded(out.code) && out.code != syncml.StatusRollbackFailed {
				_ = x.journal.forget(ctx, x.tree, key) // or else its outcome is unknown after a crash
			}
			return out
		}
	}
	if !noted {
		if err := x.journal.note(ctx, x.tree, key, begun); err != nil {
			return outcome{code: x.rules.statusOf(err)}
		}
	}
	out := x.do(ctx, x.tree, c, meta, it)
	// What is done is done, recorded or not: without the record its outcome is unknown after a crash.
	_ = x.journal.note(ctx, x.tree, key, out.code)
	return out
}

// together executes c in a transaction of its own with the record of it.
func (x *executor) together(ctx context.Context, c syncml.Command, meta syncml.Meta, it *syncml.Item, key dmtree.URI) outcome {
	tx, err := dmtree.Begin(ctx, x.tree)
	if err != nil {
		return outcome{code: x.rules.statusOf(err)}
	}
	out := x.do(ctx, tx, c, meta, it)
	if !succeeded(out.code) {
		if err := tx.Rollback(context.WithoutCancel(ctx)); err != nil {
			return outcome{code: syncml.StatusCommandFailed}
		}
		return out
	}
	if err := conclude(ctx, tx, x.journal.record(ctx, tx, key, out.code)); err != nil {
		return outcome{code: x.rules.statusOf(err)}
	}
	return out
}

// textUnknown is how a client says with a 500 that nobody knows what became of a command. Servers make [Result.Unknown] of
// it.
const textUnknown = "outcome unknown"

// unknownOutcome answers for a command that may have been executed when the process died.
func unknownOutcome() outcome {
	return outcome{code: syncml.StatusCommandFailed, items: []syncml.Item{{Data: syncml.Text(textUnknown)}}}
}
