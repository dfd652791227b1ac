package dmclient

import (
	"context"
	"fmt"
	"time"

	"github.com/omadm-sdk/omadm/syncml"
)

// unenrollType is the Type of the alert by which a device tells that it leaves, whoever wanted it so.
const unenrollType = "com.microsoft:mdm.unenrollment.userrequest"

// lastSession is how long the server is tried to be told that the device leaves.
const lastSession = time.Minute

// Unenroll ends the relationship from the device's side: the server is told in a last session, as well as it can be,
// and then everything that it has configured is removed, with the certificate and the account.
//
// If a removal fails, the device stays enrolled as one that leaves; Unenroll, Call and Run go on with it.
func (a *Agent) Unenroll(ctx context.Context) error {
	if err := a.lock(ctx); err != nil {
		return err
	}
	defer a.unlock()
	acc, err := loadAccount(ctx, a.store)
	if err != nil {
		return err
	}
	acc.leaving = true
	if err := a.save(ctx, acc); err != nil {
		return err
	}
	return a.leave(ctx, acc)
}

// leave tells the server and removes everything. It is called with the lock held.
func (a *Agent) leave(ctx context.Context, acc *Account) error {
	last, cancel := context.WithTimeout(ctx, lastSession)
	defer cancel()
	alert := &syncml.Alert{Code: syncml.AlertGeneric, Items: []syncml.Item{{
		Meta: syncml.Meta{Type: unenrollType, Format: "int"},
		Data: syncml.Text("1"),
	}}}
	// Nobody waits for the answer: the device leaves whatever it is (MS-MDM).
	if _, _, err := a.session(last, acc, ByUser, alert); err != nil {
		a.logger().InfoContext(ctx, "the server could not be told that the device leaves", "device", acc.DeviceID, "err", err)
	}
	return a.remove(ctx, acc)
}

// remove undoes what the server has configured, then forgets the server.
func (a *Agent) remove(ctx context.Context, acc *Account) error {
	for i, f := range a.Remove {
		if err := f(ctx); err != nil {
			return fmt.Errorf("dmclient: unenroll: removal %d of %d: %w", i+1, len(a.Remove), err)
		}
	}
	if err := a.forgetSettings(ctx); err != nil {
		return fmt.Errorf("dmclient: unenroll: remove the settings: %w", err)
	}
	a.mu.Lock()
	if a.client != nil {
		a.client.HTTP.CloseIdleConnections()
	}
	a.client = nil
	a.mu.Unlock()
	if err := (sessionStore{a.store}).forget(ctx); err != nil {
		return fmt.Errorf("dmclient: unenroll: forget the sessions: %w", err)
	}
	if err := a.store.Save(ctx, accountKey, nil); err != nil {
		return fmt.Errorf("dmclient: unenroll: remove the account: %w", err)
	}
	a.logger().InfoContext(ctx, "unenrolled", "device", acc.DeviceID, "server", acc.ServerURL)
	return nil
}
