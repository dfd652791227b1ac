package explain

import (
	"slices"
	"strconv"
	"strings"

	"github.com/omadm-sdk/omadm/syncml"
)

// Status explains a status code by the command that it answers: Add, Replace,
// Get, Delete, Exec, Copy, Atomic, Sequence, Alert, Results, SyncHdr, in any
// case, or "" if that is not known.
func Status(code syncml.StatusCode, command string) *Explanation {
	return status(uint32(code), command)
}

func status(n uint32, command string) *Explanation {
	code := syncml.StatusCode(n)
	e := &Explanation{Code: n, Bare: true, Status: code, Known: code.Known(), Success: done(code)}
	e.Parts = []Part{{strconv.FormatUint(uint64(n), 10), "a status of SyncML"}}
	e.Meaning, e.Next = inWords(code, command)
	if e.Meaning == "" {
		e.Meaning = unknownStatus(code)
	}
	e.Next = slices.Clone(e.Next) // tables are shared
	return e
}

// done tells success. A 2xx is not always one: 214 to 216 say that the command has no effect.
func done(c syncml.StatusCode) bool {
	return c.Success() && (c < syncml.StatusCancelled || c > syncml.StatusRolledBack)
}

func unknownStatus(c syncml.StatusCode) string {
	switch {
	case c.Success():
		return "A status that the specification does not define; by its class, it worked."
	case c.Informational():
		return "A status that the specification does not define; by its class, another one follows."
	case c.Redirect():
		return "A status that the specification does not define; by its class, the answer is elsewhere."
	case c.OriginatorError():
		return "A status that the specification does not define; by its class, the command is to blame."
	case c.RecipientError():
		return "A status that the specification does not define; by its class, the device failed to do it."
	}
	return "This is no status of SyncML: they go from 100 to 599."
}

// inWords says what a status means for Windows, in answer to a command.
func inWords(code syncml.StatusCode, command string) (meaning string, next []string) {
	for i := range statusTable {
		row := &statusTable[i]
		if row.code == code && (row.command == "" || strings.EqualFold(row.command, command)) {
			return row.meaning, row.next
		}
	}
	if m := code.Meaning(); m != "" {
		return m + ".", nil
	}
	return "", nil
}

const (
	lookLog      = "the event log DeviceManagement-Enterprise-Diagnostics-Provider/Admin on the device, at the time of the session"
	lookOriginal = "msft:originalerror on the Data of the Status: the HRESULT behind it (Windows 10 1809 and later)"
	lookSchema   = "the description of the node: its access, formats, values, builds and editions"
	lookMembers  = "the Status of each command inside: one has a status of its own, 215 or 216 are those that had no part in it"
)

// statusTable holds what is particular to Windows (MS-MDM, and what operators
// report). Rows of a command go before the row of the code.
var statusTable = []struct {
	code    syncml.StatusCode
	command string // empty: any other
	meaning string
	next    []string
}{
	{syncml.StatusOK, "SyncHdr", "The credentials hold for this message; the next one needs them again.", nil},
	{syncml.StatusAccepted, "", "The device has begun; how it ends comes later, in an alert.",
		[]string{"the alert 1226 or 1224 of that node in a later session, or the node's own status"}},
	{syncml.StatusAuthenticated, "", "The credentials hold for the rest of the session.", nil},
	{syncml.StatusChunkAccepted, "", "A chunk of a large object has arrived; nothing is done before the last one.", nil},
	{syncml.StatusCancelled, "", "The session was cancelled: the device processes no more of it.", nil},
	{syncml.StatusNotExecuted, "", "The command was not executed, because another one of its Atomic or Sequence failed, or the user refused.",
		[]string{"the Status of its neighbours: the one that failed has a code of its own"}},
	{syncml.StatusRolledBack, "", "The command was done and undone again, because another one of its Atomic failed.",
		[]string{"the Status of its neighbours: the one that failed has a code of its own"}},
	{syncml.StatusBadRequest, "", "The device cannot read the command.",
		[]string{"the message on the wire: order and nesting of elements, escapes inside Data", lookOriginal}},
	{syncml.StatusInvalidCredentials, "", "The credentials are wrong, or their nonce has been used.",
		[]string{"the Chal in the same Status: it asks for the next attempt, with a new nonce", "the name and secret of both directions, which are not the same"}},
	{syncml.StatusForbidden, "", "The device knows the command and will not do it.", []string{lookOriginal, lookSchema}},
	{syncml.StatusNotFound, "Delete", "The node is not there: what was to be deleted is gone, or never was.",
		[]string{"nothing, if this Delete was sent twice"}},
	{syncml.StatusNotFound, "Get", "The device has no such node: nothing is set there, or the URI is wrong.",
		[]string{"the URI: its spelling, its scope (./Device or ./User), escapes in names", lookSchema}},
	{syncml.StatusNotFound, "Exec", "The node to execute is not there. Of some CSPs, it must be added first.",
		[]string{"whether the node was added before the Exec, as HostedInstall wants it", "the URI: its spelling, its scope (./Device or ./User), escapes in names"}},
	{syncml.StatusNotFound, "", "The device has no node at this URI.",
		[]string{"the URI: its spelling, its scope (./Device or ./User), escapes in names", "whether this build and edition of Windows has the node: see its description", "whether nodes above it must be added first", lookOriginal}},
	{syncml.StatusNotAllowed, "", "The node does not take this command, is of the other scope, or is not on this edition.",
		[]string{"the access of the node in its description: Office/Installation takes Add and no Replace, RemoteWipe takes Exec alone", "the edition of the device, of which descriptions are sometimes wrong", "whether the session is that of a user or of the device alone"}},
	{syncml.StatusNotSupported, "", "The device does not support that property or feature of the node.",
		[]string{"the ?prop= or ?list= at the end of the URI", lookOriginal}},
	{syncml.StatusCredentialsRequired, "", "The device got no credentials and wants some.",
		[]string{"the Chal in the same Status: it says which kind"}},
	{syncml.StatusUnsupportedFormat, "", "The value has a format or type that the node does not take.",
		[]string{"Format and Type in Meta: an int sent as chr, or the other way round", lookSchema}},
	{syncml.StatusAlreadyExists, "Add", "The node is there already.",
		[]string{"nothing, if this Add was sent twice; a Replace to change the value"}},
	{syncml.StatusSizeMismatch, "", "The chunks of a large object together have not the size that the first one announced.",
		[]string{"the Size in the first chunk's Meta: it counts the bytes of the value, not those of its escapes"}},
	{syncml.StatusPermissionDenied, "", "Access is denied. All HRESULTs of that kind become this one.",
		[]string{lookOriginal, "whether another source owns the setting: group policy, declared configuration, another server"}},
	{syncml.StatusCommandFailed, "", "The device failed in a way that has no status of its own; most often the value was refused.",
		[]string{lookOriginal, lookLog, "the value: of a Group Policy, each data id; of XML, whether it was escaped once too often"}},
	{syncml.StatusAtomicFailed, "", "A command inside the Atomic failed, and so all of them have no effect.",
		[]string{lookMembers, "whether there is a Get or another Atomic inside, which Windows takes in no Atomic"}},
	{syncml.StatusRollbackFailed, "", "A command of a failed Atomic could not be undone: the device is between two states.",
		[]string{"the value of each node of the Atomic, by Get, before anything else is sent", lookMembers}},
	{syncml.StatusRefreshRequired, "", "The device wants to be told everything anew.", nil},
}
