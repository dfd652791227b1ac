package csp

import (
	"fmt"
	"strings"
)

// checkSDDL checks the syntax of a security descriptor (MS-DTYP 2.5.1.1):
// owner, group and the two access control lists, each at most once.
func checkSDDL(s string) error {
	rest := strings.TrimSpace(s)
	if rest == "" {
		return fmt.Errorf("it is empty")
	}
	const order = "OGDS"
	last := -1
	for rest != "" {
		if len(rest) < 2 || rest[1] != ':' {
			return fmt.Errorf("%q begins no part of it; the parts are O, G, D and S", shorten(rest))
		}
		part := strings.IndexByte(order, rest[0])
		if part < 0 {
			return fmt.Errorf("%q begins no part of it; the parts are O, G, D and S", shorten(rest))
		}
		if part <= last {
			return fmt.Errorf("%c: is out of order", rest[0])
		}
		last = part
		rest = rest[2:]
		var err error
		if part < 2 {
			rest, err = cutSID(rest)
		} else {
			rest, err = cutACL(rest)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// cutSID cuts a SID off the start of s: S-1-5-32-544, or an alias of two
// letters such as BA.
func cutSID(s string) (rest string, err error) {
	if len(s) >= 2 && (s[0] == 'S' || s[0] == 's') && s[1] == '-' {
		end := 2
		for end < len(s) && (s[end] == '-' || isHex(s[end]) || s[end] == 'x' || s[end] == 'X') {
			// The D: of the next part must not be taken for a digit.
			if end+1 < len(s) && s[end+1] == ':' {
				break
			}
			end++
		}
		parts := strings.Split(s[2:end], "-")
		if len(parts) < 3 || parts[0] != "1" {
			return "", fmt.Errorf("%q is no SID", shorten(s[:end]))
		}
		for _, p := range parts {
			if _, ok := parseInt(p); !ok {
				return "", fmt.Errorf("%q is no SID", shorten(s[:end]))
			}
		}
		return s[end:], nil
	}
	if len(s) >= 2 && isLetter(s[0]) && isLetter(s[1]) {
		return s[2:], nil
	}
	return "", fmt.Errorf("expected a SID at %q", shorten(s))
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// cutACL cuts flags and entries off the start of s: PAI(A;;GA;;;BA)(…).
func cutACL(s string) (rest string, err error) {
	for again := true; again; {
		again = false
		for _, flag := range []string{"P", "AR", "AI", "NO_ACCESS_CONTROL"} {
			if tail, ok := strings.CutPrefix(s, flag); ok {
				s, again = tail, true
				break
			}
		}
	}
	for strings.HasPrefix(s, "(") {
		end := aceEnd(s)
		if end < 0 {
			return "", fmt.Errorf("an entry has no closing parenthesis")
		}
		if err := checkACE(s[1:end]); err != nil {
			return "", err
		}
		s = s[end+1:]
	}
	return s, nil
}

// aceEnd returns the position of the parenthesis that closes the entry at the
// start of s; conditions hold more of them.
func aceEnd(s string) int {
	depth := 0
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case quoted:
		case s[i] == '(':
			depth++
		case s[i] == ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

var (
	aceTypes  = " A D OA OD AU AL OU OL ML XA XD ZA RA SP XU TL FL "
	aceFlags  = " CI OI NP IO ID SA FA TP CR "
	aceRights = " GA GR GW GX RC SD WD WO RP WP CC DC LC SW LO DT CR FA FR FW FX KA KR KW KX NR NW NX "
)

// checkACE checks type;flags;rights;object;inherited object;SID[;condition].
func checkACE(ace string) error {
	f := strings.SplitN(ace, ";", 7)
	if len(f) < 6 {
		return fmt.Errorf("entry (%s) has %d fields, not six", shorten(ace), len(f))
	}
	if !strings.Contains(aceTypes, " "+strings.TrimSpace(f[0])+" ") || strings.TrimSpace(f[0]) == "" {
		return fmt.Errorf("%q is no type of an entry", shorten(f[0]))
	}
	if bad := unknownPair(f[1], aceFlags); bad != "" {
		return fmt.Errorf("%q is no flag of an entry", bad)
	}
	if _, number := parseInt(f[2]); !number {
		if bad := unknownPair(f[2], aceRights); bad != "" {
			return fmt.Errorf("%q is no right", bad)
		}
	}
	for _, guid := range f[3:5] {
		if guid != "" && !isGUID(guid) {
			return fmt.Errorf("%q is no GUID", shorten(guid))
		}
	}
	rest, err := cutSID(strings.TrimSpace(f[5]))
	if err == nil && rest != "" {
		err = fmt.Errorf("%q follows a SID", shorten(rest))
	}
	return err
}

// unknownPair returns the first two letters of s that are not in known.
func unknownPair(s, known string) string {
	for s = strings.TrimSpace(s); s != ""; s = s[2:] {
		if len(s) < 2 || !strings.Contains(known, " "+s[:2]+" ") {
			return shorten(s[:min(2, len(s))])
		}
	}
	return ""
}

// isGUID takes a GUID with or without braces.
func isGUID(s string) bool {
	s = strings.TrimSuffix(strings.TrimPrefix(s, "{"), "}")
	if len(s) != 36 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (s[i] == '-') || !dash && !isHex(s[i]) {
			return false
		}
	}
	return true
}
