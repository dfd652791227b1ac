package dmtree

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// foldRune maps letters that differ in case only to one of them. It keeps the
// length of the letter, so that equal names have equal lengths: the Kelvin
// sign is not a k here.
func foldRune(r rune) rune {
	if l := unicode.ToLower(unicode.ToUpper(r)); utf8.RuneLen(l) == utf8.RuneLen(r) {
		return l
	}
	return r
}

// decodeChar reads one character of a segment, escaped or not. Size 0 means
// that there is none.
func decodeChar(s string) (r rune, size int) {
	if s[0] != '%' {
		r, size = utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && size == 1 {
			return 0, 0
		}
		return r, size
	}
	var buf [utf8.UTFMax]byte
	for n := 0; n < len(buf); n++ {
		if len(s) < 3*n+3 || s[3*n] != '%' {
			return 0, 0
		}
		hi, lo := unhex(s[3*n+1]), unhex(s[3*n+2])
		if hi < 0 || lo < 0 {
			return 0, 0
		}
		buf[n] = byte(hi<<4 | lo)
		if utf8.FullRune(buf[:n+1]) {
			r, size = utf8.DecodeRune(buf[:n+1])
			if r == utf8.RuneError && size == 1 {
				return 0, 0
			}
			return r, 3 * (n + 1)
		}
	}
	return 0, 0
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// unescape returns the name that a segment spells; what is no escape stays.
func unescape(seg string) string {
	i := strings.IndexByte(seg, '%')
	if i < 0 {
		return seg
	}
	b := make([]byte, 0, len(seg))
	for ; i >= 0; i = strings.IndexByte(seg, '%') {
		b = append(b, seg[:i]...)
		seg = seg[i:]
		if len(seg) >= 3 && unhex(seg[1]) >= 0 && unhex(seg[2]) >= 0 {
			b = append(b, byte(unhex(seg[1])<<4|unhex(seg[2])))
			seg = seg[3:]
			continue
		}
		b = append(b, '%')
		seg = seg[1:]
	}
	return string(append(b, seg...))
}

// Escape returns name as a segment of a canonical URI.
func Escape(name string) string {
	for i := 0; i < len(name); i++ {
		if !plain(name[i]) {
			return string(appendEscaped(make([]byte, 0, len(name)+8), name))
		}
	}
	return name
}

func appendEscaped(b []byte, name string) []byte {
	for i := 0; i < len(name); i++ {
		b = appendEscapedByte(b, name[i])
	}
	return b
}

func appendEscapedRune(b []byte, r rune) []byte {
	var buf [utf8.UTFMax]byte
	for _, c := range buf[:utf8.EncodeRune(buf[:], r)] {
		b = appendEscapedByte(b, c)
	}
	return b
}

func appendEscapedByte(b []byte, c byte) []byte {
	const hex = "0123456789ABCDEF"
	if plain(c) {
		return append(b, c)
	}
	return append(b, '%', hex[c>>4], hex[c&15])
}

// plain tells the characters that stand for themselves (DM TND, pchar).
func plain(c byte) bool { return plainTable[c] }

var plainTable = func() (t [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'():@&=+$,") {
		t[c] = true
	}
	return t
}()
