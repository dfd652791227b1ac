// Package sessiontest holds sessions of OMA DM in tests, without sockets, so that they run inside testing/synctest.
//
//   - [New] joins a server with a handler and a device with a tree. It fails the test when either end breaks the protocol,
//     and keeps a readable trace of what was said. Messages may be lost, doubled or cut on the way: see [Fault].
//   - [NewDevice] is a scripted device, which sends a server whatever a test tells it to.
//   - [Outline] renders a message in one line per command.
package sessiontest
