// Package enroll is Windows MDM enrollment (MS-MDE2): how a device gets its certificate, and the account and schedule of
// its management server. It has both ends: [Server] for those who manage devices, [Client] for those who write agents.
package enroll
