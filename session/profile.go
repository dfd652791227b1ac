package session

import "github.com/omadm-sdk/omadm/syncml"

// A Profile says whose reading of OMA DM 1.2 an engine follows where they differ.
type Profile uint8

const (
	Windows Profile = iota // Windows' DMClient and the servers that manage it (MS-MDM)
	OMA                    // the specification as written
)

// String returns "Windows" or "OMA".
func (p Profile) String() string {
	if p == OMA {
		return "OMA"
	}
	return "Windows"
}

// A profile is one column of the table of differences.
type profile struct {
	firstID     int  // CmdID of the first command of a client's first message
	query       bool // the client adds a query to the address, and fields of its own to the header of HTTP
	fiveLeaves  bool // of DevInfo the client sends five leaves, without Meta, and not all
	announce    bool // a client's SyncHdr tells MaxMsgSize and MaxObjSize
	keepAlive   bool // alert 1224 tells that a client needs long for a message, and is answered by Statuses alone
	backCompat  bool // a client repeats a first message in version 1.1 where the server refuses it for its version
	loginStatus bool // alert 1224 tells in the first message who is signed in
	typePrefix  bool // the Type of a generic alert has one of two prefixes
	correlator  bool // Exec has a Correlator, and the alert that reports its end repeats it
	cutCommands bool // a server cuts large values of its commands into chunks

	execInAtomic bool // Exec may stand in Atomic
	copy         bool // Copy is a command

	unknownCommand syncml.StatusCode // an element that is no command
	nestedAtomic   syncml.StatusCode // the outer of two Atomics, or an Atomic around a command it must not hold
	value          syncml.StatusCode // a value of the right format that the node does not take
}

// profiles is the table of differences (MS-MDM, DM Protocol).
var profiles = [...]profile{
	Windows: {
		firstID:        2,
		query:          true,
		fiveLeaves:     true,
		keepAlive:      true,
		backCompat:     true,
		loginStatus:    true,
		execInAtomic:   true,
		unknownCommand: syncml.StatusBadRequest,
		nestedAtomic:   syncml.StatusAtomicFailed,
		value:          syncml.StatusCommandFailed,
	},
	OMA: {
		firstID:        1,
		announce:       true,
		typePrefix:     true,
		correlator:     true,
		copy:           true,
		cutCommands:    true,
		unknownCommand: syncml.StatusNotSupported,
		nestedAtomic:   syncml.StatusCommandFailed,
		value:          syncml.StatusForbidden,
	},
}

// rules returns the column of p; an unknown Profile counts as Windows.
func (p Profile) rules() *profile {
	if int(p) >= len(profiles) {
		p = Windows
	}
	return &profiles[p]
}
