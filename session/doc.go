// Package session runs OMA DM sessions: [Server] is the management server's side, an http.Handler, and [Client] the
// device's.
//
// # Packages and messages
//
// A session is a conversation in packages, and a package one message or several:
//
//	device                                   server
//	  1: who I am, why I call         ──►
//	                                  ◄──    2: accepted; do this
//	  3: status and results of that   ──►
//	                                  ◄──    4: do that (back to 3), or nothing: the session is over
//
// Each message travels in one HTTP request or response, so the device always opens, and the server only answers.
//
// # A server
//
// A [Server] needs an [auth.Authenticator], which says who is calling, and something to say. That comes in three ways,
// which may be used side by side:
//
//   - A [Handler] is called with each message: its alerts, and the results of earlier commands. What it writes is sent in
//     reply. [Handlers] holds several, each of which hears of its own commands only.
//   - The [Queue] takes commands for a device at any time, and keeps the outcome of each.
//   - A [Script] asks, looks at the answer, and asks again, in straight-line code.
//
// Commands are written to a [Batch], with the typed values of package dmtree. The engine numbers and packs them, within
// what the device takes, matches Statuses and Results with them, and makes of both a [Result]. A session ends with the
// first message in which nothing is left to send.
//
// Between two messages a session exists in the [Store] only, so any node may take the next one. [MemoryStore] forgets,
// [FileStore] does not, and package sqlstore keeps sessions of one or many nodes in a database.
//
// # What is delivered, and how often
//
// An outcome is recorded once. What a device does is done exactly once as long as it repeats its messages when an answer
// gets lost: a repeated message is known by its octets, for [Limits].Replay, and gets the answer that the first one got.
// A copy that comes late, when the device has gone on, changes nothing. So a device must give its sessions different
// numbers: what it says for the second time within Replay to open a session is refused, with 503 and Retry-After.
//
// If a session dies with commands out, because the device has rebooted, say, their outcome is unknown. Get, Add, Replace
// and Delete are sent again in the next session, and 418 after an Add, or 404 after a Delete, is taken for what it then
// is; an Atomic that fails so may have been done before, and its [Result] says Unknown. An Exec is not sent again: its
// Result says Unknown, and holds what [Entry.Probe] found out. After three sessions everything is unknown.
//
// An Atomic that fails has one outcome as well: its [Result] says what became of each command in it, and which of them is to
// blame, as far as the device tells. [Entry.FindCulprit] has the commands of one about which it does not tell sent again
// alone, until one fails.
//
// A Handler is told of an outcome, or an alert, at least once: it is committed before the Handler is called, and told
// again under the same key until the Handler returns nil. A command without Status is not taken for done: its Status is 0.
//
// # Users of a device
//
// Work on a node below ./User is held until the enrolled user is signed in, as the device tells in each session
// ([LoginState]). Where a device has several users, give the server an Authenticator that finds out by the token of each
// message who is signed in, and queue what is meant for one of them with [EnqueueOptions].User: it is held until that very
// user is there. A [Handler] finds the name in Identity.User of its [Request]; what it writes is its own affair.
//
// Sessions of several users, and one of the device ([Mode]), may run at the same time, with the same numbers. Queued work
// that a session left behind when it died goes on in the next one of that user. What a Handler had written to ./User in it,
// or to a session in [ModeUser], does not go to somebody else: its outcome is unknown.
//
// # What devices may do wrong
//
// A message is read whole, checked and parsed before any of it counts. What is no message is an HTTP error; one in which
// a command is wrong is served but for that command. A device that has not proved itself leaves nothing behind. [Limits]
// bound what one device can make the server do, and one device waits for no other.
//
// # A device
//
// A [Client] needs an address, an ID and a tree of package dmtree, whose providers do what the server asks for. [Client.Run]
// holds one session: it reports the device, executes what it is told in the order of the message, and answers each command
// with the status that the error of its provider stands for. An Atomic is a transaction of the tree. Providers find out on
// whose behalf they work in [dmtree.Call], and leave there what must wait for the end of the session, such as a reboot.
//
// Beside that it takes care of what is easily forgotten: replies are cut to the server's MaxMsgSize and values to chunks,
// chunks of the server are put together within [Limits], and questions to the user go to a [UI]. [Client.Raise] reports what
// happened on the device until a server has acknowledged it. A [Notification] makes the device call; [Client.Notified] says
// whether to believe one.
//
// With a [ClientStore], a process that dies in the middle of a message goes on with it when it is back: what was done is
// known from a record that the tree keeps in the same transactions (see [dmtree.Keeper]), so nothing is done twice. A tree
// without room for one answers 500, "outcome unknown", for what may have been done, and so does every tree for an Exec, or a
// write to a provider without transactions, that was running; one that keeps the record apart from the nodes, see
// [dmtree.Tree.OneStep], does so for whatever was running. A message that finds no answer is repeated octet by octet, and
// the server knows it again. A [dmtree.Tree] around a [dmtree.Mux] has that room where its Properties are told one:
//
//	store, err := filestore.Open("/var/lib/agent/tree", nil)
//	mux.Handle("./Device/Vendor/Example", store)
//	c := &session.Client{
//		Tree:  &dmtree.Tree{Open: true, Provider: mux, Properties: store.Keep()},
//		Store: &session.FileClientStore{Dir: "/var/lib/agent/session"},
//		...
//	}
//
// A server that refuses version 1.2 of the protocol is spoken to in 1.1 where Windows does so (see [Client].NoBackCompat).
// What takes long need not cost the session: with [Client].KeepAlive the server is told to wait as often as need be.
//
// [Dialog] is the same session without HTTP: it gives messages and takes answers.
package session
