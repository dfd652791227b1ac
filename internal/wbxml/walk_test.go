package wbxml_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/omadm-sdk/omadm/internal/wbxml"
)

// names knows three tags of documents with the public id 0x1201 or the text "known".
func names(h wbxml.Header) func(wbxml.Tag) string {
	if h.PublicID != 0x1201 && string(h.PublicText) != "known" {
		return nil
	}
	return func(t wbxml.Tag) string {
		return map[wbxml.Tag]string{{Token: 0x2D}: "SyncML", {Token: 0x0F}: "Data", {Page: 1, Token: 0x07}: "Format"}[t]
	}
}

func walk(data []byte) (string, error) {
	var b strings.Builder
	err := wbxml.Walk(data, wbxml.Limits{}, names, func(n wbxml.Note) bool {
		fmt.Fprintf(&b, "%d %x %s%s\n", n.Offset, n.Bytes, strings.Repeat("  ", n.Depth), n.Meaning)
		return true
	})
	return b.String(), err
}

func TestWalk(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		err            error
	}{
		{"whole", head + `43 05 01 6D 00 01 47 03 "b64" 00 01 00 00 0F 3F 40 "x" 00 01`, `
0 02 WBXML 1.2
1 a401 public id 0x1201
3 6a character set 106
4 00 string table of 0 octets
5 430501 processing instruction, read over
8 6d <SyncML>
9 0001   switch to code page 1
11 47   <Format>
12 0362363400     "b64"
17 01   </Format>
18 0000   switch to code page 0
20 0f   <Data/>
21 3f   <unknown tag 0x3f of page 0/>
22 407800   extension token, read over
25 01 </SyncML>
`, nil},
		{"attributes and literal tags", `01 00 00 6A 06 "known" 00 ED 04 00 01 C4 00 05 01 83 01 01 01`, `
0 01 WBXML 1.1
1 00 public id in the string table
2 00 "known"
3 6a character set 106
4 06 string table of 6 octets
5 6b6e6f776e00 "known\x00"
11 ed <SyncML>
12 040001   attributes, read over
15 c400   <known>
17 0501     attributes, read over
19 8301     "nown"
21 01   </known>
22 01 </SyncML>
`, nil},
		{"a document within", head + `4F C3 0E 02 00 00 6A 05 "known" 4F 03 "v" 00 01`, `
0 02 WBXML 1.2
1 a401 public id 0x1201
3 6a character set 106
4 00 string table of 0 octets
5 4f <Data>
6 c30e   14 opaque octets, a document:
8 02     WBXML 1.2
9 00     public id in the string table
10 00     "known"
11 6a     character set 106
12 05     string table of 5 octets
13 6b6e6f776e     "known"
18 4f     <Data>
19 037600       "v"
22        not understood: wbxml: offset 14: unexpected EOF
22 01 </Data>
`, nil},
		{"bytes", head + `4F C3 03 00 01 FF 01`, `
0 02 WBXML 1.2
1 a401 public id 0x1201
3 6a character set 106
4 00 string table of 0 octets
5 4f <Data>
6 c3030001ff   3 opaque octets "\x00\x01\xff"
11 01 </Data>
`, nil},
		{"cut", head + `6D 4F 03 "ab"`, `
0 02 WBXML 1.2
1 a401 public id 0x1201
3 6a character set 106
4 00 string table of 0 octets
5 6d <SyncML>
6 4f   <Data>
7 036162     not understood: wbxml: offset 10: unexpected EOF
`, io.ErrUnexpectedEOF},
		{"cut in the header", `02 A4`, "\n0 02a4 not understood: wbxml: offset 2: unexpected EOF\n", io.ErrUnexpectedEOF},
		{"nothing", ``, "\n", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := walk(octets(t, c.in))
			if got != strings.TrimPrefix(c.want, "\n") || !errors.Is(err, c.err) {
				t.Errorf("got %v\n%s\nwant %v%s", err, got, c.err, c.want)
			}
		})
	}
}

func TestWalkStops(t *testing.T) {
	n := 0
	err := wbxml.Walk(octets(t, head+`6D 0F 0F 0F`), wbxml.Limits{}, names, func(wbxml.Note) bool { n++; return n < 6 })
	if n != 6 || err != nil {
		t.Errorf("%d notes and %v after the walk was stopped at 6", n, err)
	}
}

func TestWalkShortensText(t *testing.T) {
	got, err := walk(append(octets(t, head+`4F C3 83 74`), append(bytes.Repeat([]byte("a"), 500), 0x01)...))
	if err != nil || !strings.Contains(got, `… (500 octets)`) || strings.Contains(got, strings.Repeat("a", 65)) {
		t.Errorf("got %v\n%s", err, got)
	}
}
