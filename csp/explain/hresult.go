package explain

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/omadm-sdk/omadm/auth/enroll"
	"github.com/omadm-sdk/omadm/syncml"
)

// The upper halves of HRESULTs that hold something else in their lower half.
const (
	win32  = 0x80070000
	mdm    = 0x80180000
	web    = 0x80190000
	intune = 0x87D10000
)

// HRESULT explains an HRESULT.
func HRESULT(code uint32) *Explanation {
	e := &Explanation{Code: code, Success: code < 0x80000000}
	low := code & 0xFFFF
	upper := Part{fmt.Sprintf("0x%04X....", code>>16), ""}
	lower := Part{fmt.Sprintf("0x....%04X", low), ""}
	switch code &^ 0xFFFF {
	case intune:
		upper.Meaning = "Intune: the lower half is a status of SyncML, below 600"
		if 100 <= low && low <= 599 {
			e.Status = syncml.StatusCode(low)
			lower.Meaning = e.Status.String()
			e.Known = e.Status.Known()
			e.Success = done(e.Status)
			if e.Meaning, e.Next = inWords(e.Status, ""); e.Meaning == "" {
				e.Meaning = unknownStatus(e.Status)
			}
		}
	case web:
		upper.Meaning = "HTTP: the lower half is the status of an HTTP response"
		if 100 <= low && low <= 599 {
			e.HTTP = int(low)
			lower.Meaning = fmt.Sprintf("%d %s", low, http.StatusText(int(low)))
			e.Known = true
			e.Meaning, e.Next = response(int(low))
		}
	case mdm:
		upper.Meaning = "enrollment for management (MENROLL)"
		if c := enroll.Code(code); c.Name() != "" {
			e.Known, e.Name = true, c.Name()
			e.Meaning, e.Next = enrollment(c)
		}
	case win32:
		upper.Meaning = "Win32: the lower half is an error of Windows"
		lower.Meaning = fmt.Sprintf("error %d", low)
	default:
		upper.Meaning = facility(code)
	}
	if row, ok := find(code); ok {
		e.Known, e.Name, e.Meaning, e.Next = true, row.name, row.meaning, row.next
		e.Success = row.success // 0x06000007 is no failure by its sign, and yet nothing was done
		e.Status = max(e.Status, row.status)
	}
	if lower.Meaning == "" {
		lower.Meaning = fmt.Sprintf("number %d", low)
	}
	e.Parts = []Part{upper, lower}
	if e.Meaning == "" {
		e.Meaning = unknown(e.Success)
	}
	e.Next = slices.Clone(e.Next) // tables are shared
	return e
}

func unknown(success bool) string {
	if success {
		return "A number that is not known here. By its sign bit it is no failure."
	}
	return "A failure that is not known here, of the part of Windows that its upper half names."
}

// facility names who failed (MS-ERREF 2.1; those of management from MS-MDM and from what operators report).
func facility(code uint32) string {
	id := code >> 16 & 0x7FF
	name := map[uint32]string{
		0x000: "general COM errors", 0x001: "RPC", 0x002: "COM dispatch", 0x003: "storage", 0x004: "interfaces of COM",
		0x009: "security and cryptography", 0x00B: "certificates", 0x01C: "registration with Entra",
		0x024: "Windows Update", 0x2B0: "policy manager", 0x600: "configuration manager, which runs the CSPs",
	}[id]
	if code == 0 {
		return "success"
	}
	if name == "" {
		return fmt.Sprintf("facility 0x%X", id)
	}
	return fmt.Sprintf("facility 0x%X: %s", id, name)
}

// response says what it means that a device reports an HTTP status as its error.
func response(status int) (meaning string, next []string) {
	const access = "the access log of the server and of each proxy before it: which address, at what time"
	switch {
	case status < 300:
		return "The server answered with success, and the device cannot use the body.",
			[]string{"the body of the response: whether it is whole, of the right Content-Type, and what the step expects", "proxies and portals that answer in the server's place"}
	case status < 400:
		return "The server answered with a redirect that the device does not follow.", []string{access}
	case status == http.StatusBadRequest:
		return "The server refused the request as malformed.",
			[]string{"the log of the server: the request that it could not read", access}
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return "The server did not accept who is asking.",
			[]string{"the token or client certificate that came with the request, and whether a proxy passes it on", access}
	case status == http.StatusNotFound:
		return "There is nothing at that address of the server.",
			[]string{"the addresses in the discovery response and the provisioning document", access}
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		return "The server asks to come back later.", []string{"the load of the server; the device tries again by itself"}
	case status < 500:
		return "The server refused the request.", []string{access, "the log of the server"}
	}
	return "The server, or a proxy before it, failed.", []string{"the log of the server at that time", access}
}

// enrollment says what an enrollment code means.
func enrollment(c enroll.Code) (meaning string, next []string) {
	next = enrollNext[c]
	subcode, errorType := c.Subcode()
	if subcode != "" {
		next = append(next[:len(next):len(next)], fmt.Sprintf("the log of the enrollment server: it answered with the fault %s, ErrorType %s", subcode, errorType))
	} else {
		next = append(next[:len(next):len(next)], lookLog)
	}
	return sentence(c), next
}
