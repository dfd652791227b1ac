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
// without room for one answers 500, "outcome unknown", for what may have been done, and so does every tree for an Exec that
// was running. A message that finds no answer is repeated octet by octet, and the server knows it again.
//
// [Dialog] is the same session without HTTP: it gives messages and takes answers.
package session
