package wbxml_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/omadm-sdk/omadm/internal/wbxml"
)

// TestText puts what is not plain ASCII, good and bad, at every place of texts around the lengths at which the code that
// looks at them changes.
func TestText(t *testing.T) {
	odd := []string{
		"", "\x01", "\x7F", "é", "\u07FF", "\u0800", "\u2028", "\uD7FF", "\uE000", "\uF000", "\uFFFF", "\U00010000", "\U0010FFFF", "日本語", "éß\uF000😀",
		"\x00", "\x80", "\xBF", "\xC3", "\xC0\x80", "\xC1\xBF", "\xE2\x82", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xEF\xBF", "\xEF\x41\x80", "\xEF\x80\x41",
		"\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xF0\x9F\x98", "\xFF", "\u20AC\xAC", "\uF000\x00", "\x00\uF000",
	}
	tag := wbxml.Tag{Token: 5}
	for _, n := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 16, 17, 18, 24, 31, 32, 33, 40, 41, 50, 128, 137, 255, 256, 257, 300} {
		plain := strings.Repeat("abcdefg~", n/8+1)[:n]
		for _, o := range odd {
			for i := range n + 1 {
				s := plain[:i] + o + plain[i:]
				want := utf8.ValidString(s) && !strings.Contains(s, "\x00")
				var w, b wbxml.Writer
				if got := w.Leaf(tag, s); got != want || b.LeafBytes(tag, []byte(s)) != want {
					t.Fatalf("%d bytes, %q at %d: written %t, want %t", n, o, i, got, want)
				}
				in := string(w.Bytes())
				if want && s != "" && in != "\x45\x03"+s+"\x00\x01" || !want && in != "" || in != string(b.Bytes()) {
					t.Fatalf("%d bytes, %q at %d: wrote %q and %q", n, o, i, in, b.Bytes())
				}
				if strings.Contains(s, "\x00") {
					continue
				}
				got, err := traceBytes([]byte("\x02\x05\x6A\x00\x45\x03"+s+"\x00\x01"), wbxml.Limits{})
				if (err == nil) != want {
					t.Fatalf("%d bytes, %q at %d: read as %s, %v", n, o, i, got, err)
				}
			}
		}
	}
}
