package explain

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrSyntax means that a text is no number that could be explained.
var ErrSyntax = errors.New("want a status code, an HRESULT in hexadecimal, or one in decimal, signed or not")

// Number explains a number as it is found in a console, a log or a message:
//
//   - hexadecimal with 0x before it, or eight digits without: 0x87D10194, 87d10194
//   - decimal, signed or not: -2016345708, 2278621588
//   - from 100 to 599: a status code of SyncML; [Status] says more of it if
//     the command is known
//   - other small numbers: an error of Win32, such as MSIEXEC's 1603
//
// White space around it is ignored, as is the sign extension of a 64-bit
// number. The error wraps [ErrSyntax].
func Number(text string) (*Explanation, error) {
	n, hex, ok := parse(strings.TrimSpace(text))
	if !ok {
		return nil, fmt.Errorf("explain: %s: %w", shown(text), ErrSyntax)
	}
	switch {
	case hex || n > 0xFFFF || n == 0:
		return HRESULT(n), nil
	case 100 <= n && n <= 599:
		return status(n, ""), nil
	}
	return HRESULT(win32 | n), nil
}

// parse reads 32 bits; hex tells that they were hexadecimal.
func parse(s string) (n uint32, hex, ok bool) {
	digits, prefixed := strings.CutPrefix(strings.ToLower(s), "0x")
	if prefixed || len(s) == 8 && digits[0] != '-' && digits[0] != '+' {
		v, err := strconv.ParseUint(digits, 16, 64)
		if err == nil {
			n, ok = low(int64(v))
			return n, true, ok
		}
		return 0, true, false
	}
	if v, err := strconv.ParseInt(s, 10, 64); err == nil {
		n, ok = low(v)
		return n, false, ok
	}
	// A sign-extended number that was printed as unsigned.
	if v, err := strconv.ParseUint(s, 10, 64); err == nil {
		n, ok = low(int64(v))
		return n, false, ok
	}
	return 0, false, false
}

// low returns the lower half of v, if the upper half says no more than its sign.
func low(v int64) (uint32, bool) {
	return uint32(v), -1<<31 <= v && v < 1<<32
}

// shown makes a text of unknown origin fit into an error.
func shown(s string) string {
	if len(s) > 40 {
		s = s[:40] + "…"
	}
	return strconv.Quote(s)
}
