// Package sessiontest holds sessions of OMA DM in tests, without sockets, so that they run inside testing/synctest.
//
//   - [New] joins a server with a handler and a device with a tree. It fails the test when either end breaks the protocol,
//     and keeps a readable trace of what was said. Messages may be lost, doubled or cut on the way: see [Fault].
//   - [NewDevice] is a scripted device, which sends a server whatever a test tells it to; [NewDeviceAt] is one for a server
//     anywhere.
//   - [RunServer] and [RunClient] check one end of the protocol each, by the numbered statements of the specification, and
//     need no more of it than its messages: run them against your own server or device, in whatever language it is written.
//   - [Outline] renders a message in one line per command.
package sessiontest
