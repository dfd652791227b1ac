package session

import (
	"errors"
	"fmt"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/syncml"
)

// treeStatus is the one table between errors of the tree and status codes (DM RepPro, status codes), read in both directions. The
// first entry that fits an error counts, so what is more special stands before what is wrapped beside it.
var treeStatus = [...]struct {
	err  error
	code syncml.StatusCode
}{
	{dmtree.ErrRollback, syncml.StatusRollbackFailed},
	{dmtree.ErrAccepted, syncml.StatusAccepted},
	{dmtree.ErrURI, syncml.StatusBadRequest},
	{dmtree.ErrSyntax, syncml.StatusBadRequest},
	{dmtree.ErrForbidden, syncml.StatusForbidden},
	{dmtree.ErrNotFound, syncml.StatusNotFound},
	{dmtree.ErrNotAllowed, syncml.StatusNotAllowed},
	{dmtree.ErrUnsupported, syncml.StatusNotSupported},
	{dmtree.ErrIncomplete, syncml.StatusIncomplete},
	{dmtree.ErrTooLarge, syncml.StatusTooLarge},
	{dmtree.ErrTooLong, syncml.StatusURITooLong},
	{dmtree.ErrFormat, syncml.StatusUnsupportedFormat},
	{dmtree.ErrExist, syncml.StatusAlreadyExists},
	{dmtree.ErrFull, syncml.StatusDeviceFull},
	{dmtree.ErrPermission, syncml.StatusPermissionDenied},
	{dmtree.ErrStore, syncml.StatusDataStoreFailure},
}

// statusOf returns the status that answers err: 200 for nil, the code of a [*StatusError], what the table says, and 500
// for any other error.
func (p *profile) statusOf(err error) syncml.StatusCode {
	if err == nil {
		return syncml.StatusOK
	}
	var se *StatusError
	if errors.As(err, &se) && se.Code != 0 {
		return se.Code
	}
	if errors.Is(err, dmtree.ErrValue) {
		return p.value
	}
	for i := range treeStatus {
		if errors.Is(err, treeStatus[i].err) {
			return treeStatus[i].code
		}
	}
	return syncml.StatusCommandFailed
}

// hresults are what Windows names as the cause of a status where a provider names none (MS-MDM).
var hresults = map[syncml.StatusCode]uint32{
	syncml.StatusNotFound:          0x86000002, // NODENOTFOUND
	syncml.StatusNotAllowed:        0x86000011, // COMMANDNOTALLOWED
	syncml.StatusNotSupported:      0x86000013, // PROPERTYNOTSUPPORTED
	syncml.StatusUnsupportedFormat: 0x86000014, // INVALIDSEMANTICTYPE
	syncml.StatusPermissionDenied:  0x86000016, // READWRITEACCESSDENIED
	syncml.StatusRollbackFailed:    0x86000009, // ROLLBACK failure
}

// originalError returns the HRESULT behind err as Windows writes it, or "".
func originalError(err error, code syncml.StatusCode) string {
	h := hresults[code]
	var own interface{ HRESULT() uint32 }
	if errors.As(err, &own) {
		h = own.HRESULT()
	}
	if h == 0 {
		return ""
	}
	return fmt.Sprintf("0x%08X", h)
}

// errorOf returns the error of the tree that has code, or nil.
func errorOf(code syncml.StatusCode) error {
	for i := range treeStatus {
		if treeStatus[i].code == code {
			return treeStatus[i].err
		}
	}
	return nil
}

// succeeded reports whether code says that the command was done.
func succeeded(code syncml.StatusCode) bool {
	switch code {
	case syncml.StatusCancelled, syncml.StatusNotExecuted, syncml.StatusRolledBack:
		return false
	}
	return code.Success()
}
