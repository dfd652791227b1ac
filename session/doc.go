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
package session
