// Package dmclient is the DMClient CSP, for both ends: the account of a device with its management server, when the
// device calls, and how it leaves.
//
// # On the device
//
// An [Agent] enrolls a device, calls its server when a call is due, and removes everything when one of both ends the
// relationship. It is what keeps an agent's main function short:
//
//	mux := new(dmtree.Mux)
//	inventory.Mount(mux, inventory.Local(id))
//	a := &dmclient.Agent{
//		Device: enroll.Device{ID: id},
//		Tree:   csp.Guard(csp.Windows(), mux),
//		Store:  &session.FileClientStore{Dir: "/var/lib/agent"},
//	}
//	a.Mount(mux) // ./Device/Vendor/MSFT/DMClient
//	err := a.Enroll(ctx, "ada@example.com", enroll.Password(password))
//	err = a.Run(ctx) // until ctx ends, or the device has been unenrolled
//
// A device has one management server at a time: a second Enroll is refused with [enroll.CodeAlreadyEnrolled].
//
// # When a device calls
//
// Right after enrollment, then as the Poll nodes say, which the server sets: see [enroll.Poll]. The times count from the
// enrollment, so that a device that was switched off goes on where it would have been; a call that was missed is made up
// for once. [Agent.Wake] starts a session at once: a push, a sign-in, the user's wish.
//
// # On the server
//
// [SetPoll], [SetDMID], [SetKeepAlive] and [Unenroll] write into a batch; [IsUnenroll] knows the alert of a device that leaves. Whoever
// ends it, that alert is the last that a server hears of a device; a device that was asked may fall silent without it.
package dmclient
