package syncml

import "strconv"

// StatusCode is the code of a [Status] (OMA-TS-SyncML-RepPro, "Response status codes"). Codes that are not listed here
// count by their class.
type StatusCode int

// Status codes, complete and in the order of the specification. There are no 509 and 515.
const (
	StatusInProgress            StatusCode = 101 // Command still running; a final Status follows.
	StatusOK                    StatusCode = 200 // Done; on SyncHdr: accepted, credentials valid for this message only.
	StatusItemAdded             StatusCode = 201 // The item was created.
	StatusAccepted              StatusCode = 202 // Long operation started; its outcome comes in an Alert.
	StatusNonAuthoritative      StatusCode = 203 // Answered by another entity.
	StatusNoContent             StatusCode = 204 // Succeeded, nothing to return.
	StatusResetContent          StatusCode = 205 // Originator should refresh its copy.
	StatusPartialContent        StatusCode = 206 // Only a part was done.
	StatusConflictMerge         StatusCode = 207 // Data synchronisation only.
	StatusConflictClientWins    StatusCode = 208 // Data synchronisation only.
	StatusConflictDuplicate     StatusCode = 209 // Data synchronisation only.
	StatusDeletedWithoutArchive StatusCode = 210 // Data synchronisation only.
	StatusItemNotDeleted        StatusCode = 211 // The item to delete was not found.
	StatusAuthenticated         StatusCode = 212 // Credentials valid for the rest of the session.
	StatusChunkAccepted         StatusCode = 213 // A chunk arrived, the next one may come.
	StatusCancelled             StatusCode = 214 // The user cancelled.
	StatusNotExecuted           StatusCode = 215 // Skipped because of the user's answer or of an abandoned Atomic or Sequence.
	StatusRolledBack            StatusCode = 216 // Had been done and was undone with its Atomic.
	StatusMultipleChoices       StatusCode = 300 // Several targets are possible.
	StatusMovedPermanently      StatusCode = 301 // The new URI is in the item.
	StatusFound                 StatusCode = 302 // A temporary URI is in the item.
	StatusSeeOther              StatusCode = 303 // Another URI is in the item.
	StatusNotModified           StatusCode = 304 // In DM: the user answered No.
	StatusUseProxy              StatusCode = 305 // The URI of the proxy is in the item.
	StatusBadRequest            StatusCode = 400 // Malformed command.
	StatusInvalidCredentials    StatusCode = 401 // Credentials were sent and are wrong or too weak.
	StatusPaymentNeeded         StatusCode = 402 // Payment is needed.
	StatusForbidden             StatusCode = 403 // Refused for another reason than access rights.
	StatusNotFound              StatusCode = 404 // Target, parent or source does not exist.
	StatusNotAllowed            StatusCode = 405 // The node does not take this command.
	StatusNotSupported          StatusCode = 406 // Optional command, property or alert that is not supported.
	StatusCredentialsRequired   StatusCode = 407 // No credentials were sent and they are needed.
	StatusTimeout               StatusCode = 408 // The user did not answer in time.
	StatusConflict              StatusCode = 409 // Data synchronisation only.
	StatusGone                  StatusCode = 410 // Permanently removed.
	StatusSizeRequired          StatusCode = 411 // A chunked item has no Size.
	StatusIncomplete            StatusCode = 412 // Mandatory parts are missing or wrong.
	StatusTooLarge              StatusCode = 413 // Larger than the recipient accepts.
	StatusURITooLong            StatusCode = 414 // URI or a segment too long, or too many segments.
	StatusUnsupportedFormat     StatusCode = 415 // Type or format that the node does not take.
	StatusSizeTooBig            StatusCode = 416 // In DM: the alert cannot be displayed.
	StatusRetryLater            StatusCode = 417 // May come with RespURI and a time.
	StatusAlreadyExists         StatusCode = 418 // The target exists.
	StatusConflictServerData    StatusCode = 419 // Data synchronisation only.
	StatusDeviceFull            StatusCode = 420 // No storage left.
	StatusUnknownSearchGrammar  StatusCode = 421 // Data synchronisation only.
	StatusBadCGI                StatusCode = 422 // Malformed query part of a LocURI.
	StatusSoftDeleteConflict    StatusCode = 423 // Data synchronisation only.
	StatusSizeMismatch          StatusCode = 424 // The reassembled object has not the announced Size.
	StatusPermissionDenied      StatusCode = 425 // Access rights do not grant the command.
	StatusPartialNotAccepted    StatusCode = 426 // The whole item may be sent again.
	StatusNotEmpty              StatusCode = 427 // The parent has children.
	StatusMoveFailed            StatusCode = 428 // Data synchronisation only.
	StatusCommandFailed         StatusCode = 500 // Any other failure.
	StatusNotImplemented        StatusCode = 501 // Unknown command.
	StatusBadGateway            StatusCode = 502 // A gateway got an invalid answer.
	StatusServiceUnavailable    StatusCode = 503 // May come with RespURI and a time.
	StatusGatewayTimeout        StatusCode = 504 // A gateway got no answer.
	StatusVersionNotSupported   StatusCode = 505 // Wrong VerDTD; the item lists those supported.
	StatusProcessingError       StatusCode = 506 // Application error, may be tried again.
	StatusAtomicFailed          StatusCode = 507 // A child failed and nothing was done.
	StatusRefreshRequired       StatusCode = 508 // Data synchronisation; Windows also in DM.
	StatusDataStoreFailure      StatusCode = 510 // Failure of the store.
	StatusServerFailure         StatusCode = 511 // Severe, do not try again.
	StatusSyncFailed            StatusCode = 512 // Data synchronisation only.
	StatusProtocolNotSupported  StatusCode = 513 // Wrong VerProto; the item lists those supported.
	StatusCancelledBefore       StatusCode = 514 // Cancelled before it was processed.
	StatusRollbackFailed        StatusCode = 516 // Had been done with its Atomic and could not be undone.
	StatusAtomicTooLarge        StatusCode = 517 // The statuses of the Atomic do not fit one message.
)

// statusTexts holds name and meaning of the codes, in the order of the specification.
var statusTexts = [...]struct {
	code          StatusCode
	name, meaning string
}{
	{101, "In progress", "Command still running; a final Status follows"},
	{200, "OK", "Done; on SyncHdr: accepted, credentials valid for this message only"},
	{201, "Item added", "The item was created"},
	{202, "Accepted for processing", "Long operation started; its outcome comes in an Alert"},
	{203, "Non-authoritative response", "Answered by another entity"},
	{204, "No content", "Succeeded, nothing to return"},
	{205, "Reset content", "Originator should refresh its copy"},
	{206, "Partial content", "Only a part was done"},
	{207, "Conflict resolved with merge", "Data synchronisation only"},
	{208, "Conflict resolved with client winning", "Data synchronisation only"},
	{209, "Conflict resolved with duplicate", "Data synchronisation only"},
	{210, "Delete without archive", "Data synchronisation only"},
	{211, "Item not deleted", "The item to delete was not found"},
	{212, "Authentication accepted", "Credentials valid for the rest of the session"},
	{213, "Chunked item accepted and buffered", "A chunk arrived, the next one may come"},
	{214, "Operation cancelled", "The user cancelled"},
	{215, "Not executed", "Skipped because of the user's answer or of an abandoned Atomic or Sequence"},
	{216, "Atomic roll back OK", "Had been done and was undone with its Atomic"},
	{300, "Multiple choices", "Several targets are possible"},
	{301, "Moved permanently", "The new URI is in the item"},
	{302, "Found", "A temporary URI is in the item"},
	{303, "See other", "Another URI is in the item"},
	{304, "Not modified", "In DM: the user answered No"},
	{305, "Use proxy", "The URI of the proxy is in the item"},
	{400, "Bad request", "Malformed command"},
	{401, "Invalid credentials", "Credentials were sent and are wrong or too weak"},
	{402, "Payment needed", "Payment is needed"},
	{403, "Forbidden", "Refused for another reason than access rights"},
	{404, "Not found", "Target, parent or source does not exist"},
	{405, "Command not allowed", "The node does not take this command"},
	{406, "Optional feature not supported", "Optional command, property or alert that is not supported"},
	{407, "Authentication required", "No credentials were sent and they are needed"},
	{408, "Request timeout", "The user did not answer in time"},
	{409, "Conflict", "Data synchronisation only"},
	{410, "Gone", "Permanently removed"},
	{411, "Size required", "A chunked item has no Size"},
	{412, "Incomplete command", "Mandatory parts are missing or wrong"},
	{413, "Request entity too large", "Larger than the recipient accepts"},
	{414, "URI too long", "URI or a segment too long, or too many segments"},
	{415, "Unsupported media type or format", "Type or format that the node does not take"},
	{416, "Requested size too big", "In DM: the alert cannot be displayed"},
	{417, "Retry later", "May come with RespURI and a time"},
	{418, "Already exists", "The target exists"},
	{419, "Conflict resolved with server data", "Data synchronisation only"},
	{420, "Device full", "No storage left"},
	{421, "Unknown search grammar", "Data synchronisation only"},
	{422, "Bad CGI script", "Malformed query part of a LocURI"},
	{423, "Soft-delete conflict", "Data synchronisation only"},
	{424, "Size mismatch", "The reassembled object has not the announced Size"},
	{425, "Permission denied", "Access rights do not grant the command"},
	{426, "Partial item not accepted", "The whole item may be sent again"},
	{427, "Item not empty", "The parent has children"},
	{428, "Move failed", "Data synchronisation only"},
	{500, "Command failed", "Any other failure"},
	{501, "Command not implemented", "Unknown command"},
	{502, "Bad gateway", "A gateway got an invalid answer"},
	{503, "Service unavailable", "May come with RespURI and a time"},
	{504, "Gateway timeout", "A gateway got no answer"},
	{505, "DTD version not supported", "Wrong VerDTD; the item lists those supported"},
	{506, "Processing error", "Application error, may be tried again"},
	{507, "Atomic failed", "A child failed and nothing was done"},
	{508, "Refresh required", "Data synchronisation; Windows also in DM"},
	{510, "Data store failure", "Failure of the store"},
	{511, "Server failure", "Severe, do not try again"},
	{512, "Synchronization failed", "Data synchronisation only"},
	{513, "Protocol version not supported", "Wrong VerProto; the item lists those supported"},
	{514, "Operation cancelled", "Cancelled before it was processed"},
	{516, "Atomic roll back failed", "Had been done with its Atomic and could not be undone"},
	{517, "Atomic response too large to fit", "The statuses of the Atomic do not fit one message"},
}

func (c StatusCode) find() int {
	lo, hi := 0, len(statusTexts)
	for lo < hi {
		if m := (lo + hi) / 2; statusTexts[m].code < c {
			lo = m + 1
		} else {
			hi = m
		}
	}
	if lo < len(statusTexts) && statusTexts[lo].code == c {
		return lo
	}
	return -1
}

// Known reports whether the specification defines the code.
func (c StatusCode) Known() bool { return c.find() >= 0 }

// Text returns the name of the code, such as "Not found", or "" for a code that the specification does not define.
func (c StatusCode) Text() string {
	if i := c.find(); i >= 0 {
		return statusTexts[i].name
	}
	return ""
}

// Meaning returns a sentence on what the code says in device management, or "" for an unknown code.
func (c StatusCode) Meaning() string {
	if i := c.find(); i >= 0 {
		return statusTexts[i].meaning
	}
	return ""
}

// String returns code and name, such as "404 Not found", or the number alone.
func (c StatusCode) String() string {
	s := strconv.Itoa(int(c))
	if t := c.Text(); t != "" {
		s += " " + t
	}
	return s
}

// Class returns the hundreds digit, by which an unknown code is to be treated, or 0 for what is no status code.
func (c StatusCode) Class() int {
	if c < 100 || c > 599 {
		return 0
	}
	return int(c) / 100
}

// Informational reports a code 1xx: the final status follows.
func (c StatusCode) Informational() bool { return c.Class() == 1 }

// Success reports a code 2xx. Beware that 213, 214, 215 and 216 are among them.
func (c StatusCode) Success() bool { return c.Class() == 2 }

// Redirect reports a code 3xx: see elsewhere, or not modified.
func (c StatusCode) Redirect() bool { return c.Class() == 3 }

// OriginatorError reports a code 4xx: the command is to blame.
func (c StatusCode) OriginatorError() bool { return c.Class() == 4 }

// RecipientError reports a code 5xx: the one who executed it is to blame.
func (c StatusCode) RecipientError() bool { return c.Class() == 5 }

// StatusCodes returns all codes that the specification defines, ascending.
func StatusCodes() []StatusCode {
	all := make([]StatusCode, len(statusTexts))
	for i := range statusTexts {
		all[i] = statusTexts[i].code
	}
	return all
}
