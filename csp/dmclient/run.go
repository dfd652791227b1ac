package dmclient

import (
	"context"
	"errors"
	"time"
)

// Run calls the server whenever a call is due, until ctx ends, whose cause it returns, or the device is not enrolled
// any more: ErrNotEnrolled. What goes wrong in a session is logged; the next call is made when it is due.
//
// The schedule is read before each call from the tree, where the server sets it.
func (a *Agent) Run(ctx context.Context) error {
	a.init()
	var pause time.Duration
	for {
		acc, err := loadAccount(ctx, a.store)
		if err != nil {
			return err
		}
		why, err := a.wait(ctx, acc, pause)
		if err != nil {
			return err
		}
		_, err = a.Call(ctx, why)
		pause = 0
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, ErrNotEnrolled):
			return err
		case err != nil:
			pause = retryPause
			a.logger().WarnContext(ctx, "session failed", "device", acc.DeviceID, "server", acc.ServerURL, "err", err)
			if err := a.lostContact(ctx); errors.Is(err, ErrNotEnrolled) {
				return err
			} else if err != nil {
				a.logger().WarnContext(ctx, "could not leave", "device", acc.DeviceID, "err", err)
			}
		}
	}
}

// retryPause is how long Run waits after a failure that leaves the next call due at once: a removal that fails, a store
// that cannot be written.
const retryPause = time.Minute

// wait blocks until the next call is due, but for pause at least, or somebody wants one.
func (a *Agent) wait(ctx context.Context, acc *Account, pause time.Duration) (Reason, error) {
	due, err := a.next(ctx, acc)
	if err != nil {
		return 0, err
	}
	if now := time.Now(); !due.After(now) {
		due = now.Add(pause)
	}
	why := ByPoll
	if acc.LastCall.IsZero() {
		why = ByEnrollment
	}
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
		return why, nil
	case why = <-a.wake:
		return why, nil
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// next is when the next call is due: at once after enrollment and while leaving, else after the last one by the
// schedule. It may be in the past, if the device was off: then the call is made up for once.
func (a *Agent) next(ctx context.Context, acc *Account) (time.Time, error) {
	if acc.LastCall.IsZero() || acc.leaving {
		return time.Time{}, nil
	}
	poll, err := a.poll(ctx, acc)
	if err != nil {
		return time.Time{}, err
	}
	return poll.Next(acc.Enrolled, acc.LastCall), nil
}

// lostContact makes the device leave once it has not reached its server for as many days as the server has set.
func (a *Agent) lostContact(ctx context.Context) error {
	if err := a.lock(ctx); err != nil {
		return err
	}
	defer a.unlock()
	acc, err := loadAccount(ctx, a.store)
	if err != nil {
		return err
	}
	days, err := a.integer(ctx, acc.ProviderID, nodeLostContact)
	if err != nil || days <= 0 {
		return err
	}
	last := acc.LastSync
	if last.IsZero() {
		last = acc.Enrolled
	}
	if time.Since(last) < times(days, 24*time.Hour) {
		return nil
	}
	a.logger().WarnContext(ctx, "no contact for too long: leaving", "device", acc.DeviceID, "days", days)
	// Once something is removed, the device must not be one that is managed any more.
	acc.leaving = true
	if err := a.save(ctx, acc); err != nil {
		return err
	}
	if err := a.remove(ctx, acc); err != nil {
		return err
	}
	return ErrNotEnrolled
}
