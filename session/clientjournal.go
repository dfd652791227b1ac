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
type journal struct {
	root  dmtree.URI // of this message
	n     int        // of the next command
	fresh bool       // the record of the message before is still there
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
	return &journal{root: journalRoot.Join(session + "-" + message), fresh: !again}
}

// next names the next command.
func (j *journal) next() dmtree.URI {
	j.n++
	return j.root.Join(strconv.Itoa(j.n))
}

// recorded returns what became of a command, if it was done.
func (j *journal) recorded(ctx context.Context, tree dmtree.Provider, key dmtree.URI) (syncml.StatusCode, bool) {
	v, err := dmtree.Get(ctx, tree.(dmtree.Keeper).Keep(), key)
	if err != nil {
		return 0, false
	}
	code, err := v.Int()
	return syncml.StatusCode(code), err == nil
}

// record notes in tx that a command was done.
func (j *journal) record(ctx context.Context, tx dmtree.Tx, key dmtree.URI, code syncml.StatusCode) error {
	k, ok := tx.(dmtree.Keeper)
	if !ok {
		return &dmtree.Error{Op: "commit", Err: dmtree.ErrUnsupported}
	}
	keep := k.Keep()
	if j.fresh {
		j.fresh = false
		if _, err := dmtree.Get(ctx, keep, journalRoot); err == nil {
			if err := dmtree.Delete(ctx, keep, journalRoot); err != nil {
				return err
			}
		}
	}
	return dmtree.Add(ctx, keep, key, dmtree.Int(int64(code)))
}

// logged executes c for one item and records it. After a crash what is recorded is not run again.
func (x *executor) logged(ctx context.Context, c syncml.Command, meta syncml.Meta, it *syncml.Item) outcome {
	key := x.journal.next()
	if x.again {
		if code, ok := x.journal.recorded(ctx, x.tree, key); ok {
			return outcome{code: code}
		}
		if x.unsure {
			return outcome{code: syncml.StatusNotExecuted}
		}
	}
	// What an Exec does is no part of a transaction, nor is what a provider without transactions does, which answers 406 in
	// one before it does anything. Only the record of it is, so after a crash nobody knows what became of it.
	if _, exec := c.(*syncml.Exec); !exec {
		if out := x.together(ctx, c, meta, it, key); out.code != syncml.StatusNotSupported {
			return out
		}
	}
	if x.again {
		return unknownOutcome()
	}
	out := x.do(ctx, x.tree, c, meta, it)
	if !succeeded(out.code) {
		return out
	}
	if tx, err := dmtree.Begin(ctx, x.tree); err == nil {
		x.conclude(ctx, tx, key, out.code) // what is done is done, recorded or not
	}
	return out
}

// together executes c in a transaction of its own with the record of it. What is not recorded was not done.
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
	if err := x.conclude(ctx, tx, key, out.code); err != nil {
		return outcome{code: x.rules.statusOf(err)}
	}
	return out
}

// conclude records in tx that a command was done, and makes it count.
func (x *executor) conclude(ctx context.Context, tx dmtree.Tx, key dmtree.URI, code syncml.StatusCode) error {
	err := x.journal.record(ctx, tx, key, code)
	if err == nil {
		err = tx.Prepare(ctx)
	}
	if err != nil {
		return errors.Join(err, tx.Rollback(context.WithoutCancel(ctx)))
	}
	return tx.Commit(ctx)
}

// textUnknown is how a client says with a 500 that nobody knows what became of a command. Servers make [Result.Unknown] of
// it.
const textUnknown = "outcome unknown"

// unknownOutcome answers for a command that may have been executed when the process died.
func unknownOutcome() outcome {
	return outcome{code: syncml.StatusCommandFailed, items: []syncml.Item{{Data: syncml.Text(textUnknown)}}}
}
