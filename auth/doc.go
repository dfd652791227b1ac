// Package auth tells who is at the other end of a session, in both directions.
//
// An [Authenticator] judges the messages that come in, a [Signer] adds proof to those that go out. The engines of
// package session call both, commit the state that they return, and know no scheme by name.
package auth
