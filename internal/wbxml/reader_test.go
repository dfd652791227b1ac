package wbxml_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/omadm-sdk/omadm/internal/corpus"
	"github.com/omadm-sdk/omadm/internal/wbxml"
)

// octets reads rows such as `02 A4 01 6A 00 "text" 01`.
func octets(t testing.TB, s string) []byte {
	t.Helper()
	var out []byte
	for i, part := range strings.Split(s, `"`) {
		if i%2 == 1 {
			out = append(out, part...)
			continue
		}
		b, err := hex.DecodeString(strings.Join(strings.Fields(part), ""))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b...)
	}
	return out
}

// trace reads all documents of r and writes their tokens as `page:token( "text" )`, opaque data as 'text'.
func trace(r *wbxml.Reader) (string, error) {
	var b strings.Builder
	for n := 0; ; n++ {
		h, err := r.Header()
		if err == io.EOF {
			return strings.TrimSpace(b.String()), nil
		} else if err != nil {
			return strings.TrimSpace(b.String()), err
		}
		if n > 0 {
			b.WriteString("| ")
		}
		if h.PublicID == 0 {
			fmt.Fprintf(&b, "[%s] ", h.PublicText)
		}
		for {
			k, err := r.Next()
			if err == io.EOF {
				break
			} else if err != nil {
				return strings.TrimSpace(b.String()), err
			}
			switch k {
			case wbxml.Start:
				if t := r.Tag(); t.Token == 0 {
					fmt.Fprintf(&b, "%s( ", r.Name())
				} else {
					fmt.Fprintf(&b, "%d:%02X( ", t.Page, t.Token)
				}
			case wbxml.End:
				b.WriteString(") ")
			case wbxml.Text:
				fmt.Fprintf(&b, "%q ", r.Bytes())
			case wbxml.Opaque:
				fmt.Fprintf(&b, "'%s' ", r.Bytes())
			}
		}
	}
}

// traceQuick is trace by way of Quick and Leaf, where they can.
func traceQuick(r *wbxml.Reader) (string, error) {
	var b strings.Builder
	start := func() {
		if t := r.Tag(); t.Token == 0 {
			fmt.Fprintf(&b, "%s( ", r.Name())
		} else {
			fmt.Fprintf(&b, "%d:%02X( ", t.Page, t.Token)
		}
	}
	for n := 0; ; n++ {
		h, err := r.Header()
		if err == io.EOF {
			return strings.TrimSpace(b.String()), nil
		} else if err != nil {
			return strings.TrimSpace(b.String()), err
		}
		if n > 0 {
			b.WriteString("| ")
		}
		if h.PublicID == 0 {
			fmt.Fprintf(&b, "[%s] ", h.PublicText)
		}
		for {
			k := r.Quick()
			if k == wbxml.None {
				if k, err = r.Next(); err == io.EOF {
					break
				} else if err != nil {
					return strings.TrimSpace(b.String()), err
				}
			}
			switch k {
			case wbxml.Start:
				start()
				if s, ok := r.Leaf(); ok {
					if s != nil {
						fmt.Fprintf(&b, "%q ", s)
					}
					b.WriteString(") ")
				}
			case wbxml.End:
				b.WriteString(") ")
			case wbxml.Text:
				fmt.Fprintf(&b, "%q ", r.Bytes())
			case wbxml.Opaque:
				fmt.Fprintf(&b, "'%s' ", r.Bytes())
			}
		}
	}
}

func traceBytes(data []byte, l wbxml.Limits) (string, error) {
	var r wbxml.Reader
	r.ResetBytes(data, l)
	return trace(&r)
}

const head = `02 A4 01 6A 00 ` // 1.2, SyncML 1.2, UTF-8, no string table

func TestTokens(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"W01 version 1.1", `01 A4 01 6A 00 2D`, `0:2D( )`},
		{"W01 version 1.2", `02 A4 01 6A 00 2D`, `0:2D( )`},
		{"W01 version 1.3", `03 A4 01 6A 00 2D`, `0:2D( )`},
		{"W03 public id as text with NUL", `02 00 00 6A 1E "-//SYNCML//DTD SyncML 1.2//EN" 00 2D`, `[-//SYNCML//DTD SyncML 1.2//EN] 0:2D( )`},
		{"W03 public id as text without NUL", `02 00 00 6A 1D "-//SYNCML//DTD SyncML 1.2//EN" 2D`, `[-//SYNCML//DTD SyncML 1.2//EN] 0:2D( )`},
		{"public id as text behind another", `02 00 02 6A 04 "a" 00 "bc" 2D`, `[bc] 0:2D( )`},
		{"unknown public id", `02 01 6A 00 2D`, `0:2D( )`},
		{"US-ASCII", `02 A4 01 03 00 6D 03 "a" 00 01`, `0:2D( "a" )`},
		{"padded numbers", `02 80 80 A4 01 80 6A 80 80 00 6D C3 80 80 80 80 01 "a" 01`, `0:2D( 'a' )`},
		{"W09 the page outlives END", head + `6D 00 01 47 01 08 00 00 09 01`, `0:2D( 1:07( ) 1:08( ) 0:09( ) )`},
		{"switches in a row, before END and before text", head + `6D 00 01 00 02 00 00 4F 00 01 03 "a" 00 00 05 01 00 00 01`, `0:2D( 0:0F( "a" ) )`},
		{"W10 empty without content bit", head + `6D 0F 01`, `0:2D( 0:0F( ) )`},
		{"W10 empty with END", head + `6D 4F 01 01`, `0:2D( 0:0F( ) )`},
		{"W11 texts of every kind", `02 A4 01 6A 05 "abc" 00 "d" 4F 03 "x" 00 83 01 02 E4 28 C3 02 00 FF 83 04 01`, `0:0F( "x" "bc" "㈨" '` + "\x00\xff" + `' "d" )`},
		{"empty strings", `02 A4 01 6A 01 00 4F 03 00 83 00 C3 00 01`, `0:0F( "" "" '' )`},
		{"W12 mb_u_int32 of two octets", head + `4F C3 81 48 "` + strings.Repeat("a", 200) + `" 01`, `0:0F( '` + strings.Repeat("a", 200) + `' )`},
		{"W17 attributes", head + `ED 04 00 03 "SYNCML:SYNCML1.2" 00 01 6C 01 01`, `0:2D( 0:2C( ) )`},
		{"W17 attributes of an element without content", head + `6D AC 05 85 03 "v" 00 01 12 01`, `0:2D( 0:2C( ) 0:12( ) )`},
		{"W17 attributes with all that they may hold", head + `ED 05 00 01 45 83 07 02 20 C3 02 00 01 40 "x" 00 80 05 C0 04 00 01 0F 01`, `0:2D( 0:0F( ) )`},
		{"literal tags, with attributes and without", `02 A4 01 6A 06 "Foo" 00 "B" 00 6D 44 00 03 "a" 00 01 04 04 84 00 05 01 C4 04 06 01 0F 01 01`, `0:2D( Foo( "a" ) B( ) Foo( ) B( 0:0F( ) ) )`},
		{"extension tokens", head + `6D 40 "skipped" 00 41 00 42 00 80 81 00 81 05 82 00 C0 C1 C2 0F 01`, `0:2D( 0:0F( ) )`},
		{"processing instructions", head + `43 05 03 "v" 00 01 6D 43 04 00 01 0F 01 43 06 01`, `0:2D( 0:0F( ) )`},
		{"a document behind another", head + `2D ` + `02 A4 01 6A 00 2D`, `0:2D( ) | 0:2D( )`},
		{"a document behind an instruction", head + `2D 43 05 01 ` + `02 A4 01 6A 00 2D`, `0:2D( ) | 0:2D( )`},
		{"each document starts on page 0", head + `00 01 45 01` + `02 A4 01 6A 00 2D`, `1:05( ) | 0:2D( )`},
		{"nothing", ``, ``},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := octets(t, c.in)
			got, err := traceBytes(data, wbxml.Limits{})
			if err != nil || got != c.want {
				t.Errorf("got  %s, %v\nwant %s", got, err, c.want)
			}
			for _, hold := range []bool{false, true} {
				var r wbxml.Reader
				r.Reset(iotest.OneByteReader(bytes.NewReader(data)), wbxml.Limits{})
				if hold {
					r.Hold()
				}
				if got, err := trace(&r); err != nil || got != c.want {
					t.Errorf("byte by byte, hold %v: got %s, %v\nwant %s", hold, got, err, c.want)
				}
			}
			var r wbxml.Reader
			r.ResetBytes(data, wbxml.Limits{})
			if got, err := traceQuick(&r); err != nil || got != c.want {
				t.Errorf("quick: got %s, %v\nwant %s", got, err, c.want)
			}
		})
	}
}

func TestMistakes(t *testing.T) {
	syntax := wbxml.ErrSyntax
	for _, c := range []struct {
		name, in string
		want     error
		offset   int64
	}{
		{"version 1.0", `00 A4 01 6A 00 2D`, syntax, 0},
		{"version 2.0", `10 A4 01 6A 00 2D`, syntax, 0},
		{"XML", `"<SyncML/>"`, syntax, 0},
		{"W04 ISO-8859-1", `02 A4 01 04 00 2D`, syntax, 3},
		{"public id outside of the string table", `02 00 05 6A 03 "abc" 2D`, syntax, 1},
		{"public id without a string table", `02 00 00 6A 00 2D`, syntax, 1},
		{"W13 number of six octets", head + `4F C3 80 80 80 80 80 00 01`, syntax, 6},
		{"W13 number of 33 bits", head + `4F C3 90 80 80 80 00 01`, syntax, 6},
		{"W13 opaque data longer than the input", head + `4F C3 05 "abc"`, io.ErrUnexpectedEOF, 11},
		{"W13 string table longer than the input", `02 A4 01 6A 8F FF FF FF 7F "abc"`, wbxml.ErrTooLarge, 4},
		{"W13 string without an end", head + `4F 03 "abc"`, io.ErrUnexpectedEOF, 10},
		{"W13 END before the root", head + `01`, syntax, 5},
		{"W13 element without END", head + `6D 6C 01`, io.ErrUnexpectedEOF, 8},
		{"header alone", head, io.ErrUnexpectedEOF, 5},
		{"text before the root", head + `03 "a" 00 2D`, syntax, 5},
		{"string reference outside", `02 A4 01 6A 03 "abc" 4F 83 03 01`, syntax, 9},
		{"literal outside", `02 A4 01 6A 03 "abc" 44 03 01`, syntax, 8},
		{"text that is not UTF-8", head + `4F 03 C3 28 00 01`, syntax, 6},
		{"string table that is not UTF-8", `02 A4 01 6A 02 C3 28 4F 83 00 01`, syntax, 8},
		{"text that is not US-ASCII", `02 A4 01 03 00 4F 03 C3 A4 00 01`, syntax, 6},
		{"entity 0", head + `4F 02 00 01`, syntax, 6},
		{"entity beyond Unicode", head + `4F 02 C4 80 00 01`, syntax, 6},
		{"surrogate as entity", head + `4F 02 83 B0 00 01`, syntax, 6},
		{"instruction among attributes", head + `ED 43 01 01`, syntax, 6},
		{"literal tag among attributes", head + `ED 44 00 01`, syntax, 6},
		{"attributes without END", head + `ED 05 05`, io.ErrUnexpectedEOF, 8},
		{"a second root", head + `2D 2D`, syntax, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := octets(t, c.in)
			got, err := traceBytes(data, wbxml.Limits{})
			var at *wbxml.Error
			if !errors.As(err, &at) || !errors.Is(err, c.want) || at.Offset != c.offset {
				t.Fatalf("got %q, %v; want %v at offset %d", got, err, c.want, c.offset)
			}
			var r wbxml.Reader
			r.Reset(iotest.OneByteReader(bytes.NewReader(data)), wbxml.Limits{})
			if _, stream := trace(&r); stream == nil || stream.Error() != err.Error() {
				t.Errorf("byte by byte: %v, want %v", stream, err)
			}
		})
	}
}

func TestCharsetIsNamed(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`02 A4 01 04 00 2D`, "ISO-8859-1"},
		{`02 A4 01 87 68 00 2D`, "ISO-10646-UCS-2"},
		{`02 A4 01 09 00 2D`, "9"},
	} {
		_, err := traceBytes(octets(t, c.in), wbxml.Limits{})
		var charset *wbxml.CharsetError
		if !errors.As(err, &charset) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "UTF-8") {
			t.Errorf("%s: %v does not name %s and UTF-8", c.in, err, c.want)
		}
	}
}

func TestLimits(t *testing.T) {
	deep := func(n int) []byte { return append(octets(t, head), bytes.Repeat([]byte{0x45}, n)...) }
	for _, c := range []struct {
		name   string
		in     []byte
		limits wbxml.Limits
		want   error
	}{
		{"depth 64 by default", deep(64), wbxml.Limits{}, io.ErrUnexpectedEOF},
		{"depth 65", deep(65), wbxml.Limits{}, wbxml.ErrTooDeep},
		{"depth 3", deep(4), wbxml.Limits{Depth: 3}, wbxml.ErrTooDeep},
		{"inline string", octets(t, head+`4F 03 "abcd" 00 01`), wbxml.Limits{Text: 3}, wbxml.ErrTooLarge},
		{"inline string that fits", octets(t, head+`4F 03 "abcd" 00 01`), wbxml.Limits{Text: 4}, nil},
		{"endless inline string", octets(t, head+`4F 03 "abcdefgh"`), wbxml.Limits{Text: 4}, wbxml.ErrTooLarge},
		{"opaque data", octets(t, head+`4F C3 04 "abcd" 01`), wbxml.Limits{Text: 3}, wbxml.ErrTooLarge},
		{"opaque data that fits", octets(t, head+`4F C3 04 "abcd" 01`), wbxml.Limits{Text: 4}, nil},
		{"string table", octets(t, `02 A4 01 6A 04 "abcd" 2D`), wbxml.Limits{Text: 3}, wbxml.ErrTooLarge},
		{"attributes", octets(t, head+`ED 05 05 05 05 05 05 05 01 01`), wbxml.Limits{Text: 6}, wbxml.ErrTooLarge},
		{"document", octets(t, head+`6D 05 01`), wbxml.Limits{Document: 7}, wbxml.ErrTooLarge},
		{"document that fits", octets(t, head+`6D 05 01`), wbxml.Limits{Document: 8}, nil},
		{"each document for itself", octets(t, head+`6D 05 01`+head+`6D 05 01`), wbxml.Limits{Document: 8}, nil},
		{"second document", octets(t, head+`6D 05 01`+head+`6D 05 05 01`), wbxml.Limits{Document: 8}, wbxml.ErrTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := traceBytes(c.in, c.limits)
			if !errors.Is(err, c.want) {
				t.Errorf("in memory: %v, want %v", err, c.want)
			}
			var r wbxml.Reader
			r.Reset(iotest.OneByteReader(bytes.NewReader(c.in)), c.limits)
			if _, err := trace(&r); !errors.Is(err, c.want) {
				t.Errorf("byte by byte: %v, want %v", err, c.want)
			}
		})
	}
}

// A megabyte of references to a string of half a megabyte must not become a quarter of a terabyte.
func TestExpansionIsBounded(t *testing.T) {
	const half = 1 << 19
	data := octets(t, `02 A4 01 6A A0 80 00`)
	data = append(data, bytes.Repeat([]byte("a"), half)...)
	data = append(data, 0x4F)
	for range half / 2 {
		data = append(data, 0x83, 0)
	}
	var r wbxml.Reader
	r.ResetBytes(data, wbxml.Limits{})
	if _, err := r.Header(); err != nil {
		t.Fatal(err)
	}
	yielded := 0
	for {
		_, err := r.Next()
		if errors.Is(err, wbxml.ErrTooLarge) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		yielded += len(r.Bytes())
	}
	if want := 16*len(data) + 64<<10; yielded > want {
		t.Errorf("%d bytes of text from %d of input, want at most %d", yielded, len(data), want)
	}

	// What a caller makes of the input counts with the references.
	r.ResetBytes(data, wbxml.Limits{})
	if _, err := r.Header(); err != nil {
		t.Fatal(err)
	}
	left := r.Expansion()
	if err := r.Expand(int(left-half), "the test"); err != nil || r.Expansion() != half {
		t.Errorf("%d bytes left and %v, want %d and no error", r.Expansion(), err, half)
	}
	if err := r.Expand(half+1, "the test"); !errors.Is(err, wbxml.ErrTooLarge) {
		t.Errorf("a byte too many: %v, want ErrTooLarge", err)
	}
	for i, want := range []error{nil, nil, wbxml.ErrTooLarge} { // the root, a string, one that is too many
		if _, err := r.Next(); !errors.Is(err, want) {
			t.Errorf("token %d: %v, want %v", i, err, want)
		}
	}

	// A table of names that are used again and again is what the limit must not forbid.
	small := octets(t, `02 A4 01 6A 1E "./Vendor/MSFT/DMClient/Unenroll" 6D`)
	small = small[:len(small)-2]
	small = append(small, 0x6D)
	for range 20_000 {
		small = append(small, 0x4F, 0x83, 0, 0x01)
	}
	small = append(small, 0x01)
	if _, err := traceBytes(small, wbxml.Limits{}); err != nil {
		t.Error(err)
	}
}

// What is announced costs nothing until it comes.
func TestMemoryOfAnnouncedLengths(t *testing.T) {
	for _, c := range []struct{ name, in string }{
		{"opaque data", head + `4F C3 8F FF FF FF 7F "abc"`},
		{"string table", `02 A4 01 6A 83 FF FF FF 7F "abc"`},
	} {
		data := octets(t, c.in)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var r wbxml.Reader
		r.Reset(bytes.NewReader(data), wbxml.Limits{Text: 1 << 40})
		_, err := trace(&r)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %v", c.name, err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
			t.Errorf("%s: %d bytes allocated", c.name, n)
		}
	}
}

func TestHoldKeepsWhatWasReturned(t *testing.T) {
	var w wbxml.Writer
	w.Header(wbxml.Header{PublicID: 0x1201})
	w.Start(wbxml.Tag{Token: 0x2D})
	var want []string
	for i := range 200 {
		s := strings.Repeat(fmt.Sprint(i, ","), 100)
		want = append(want, s, s)
		w.Text(s)
		w.Opaque([]byte(s))
	}
	w.End()
	var r wbxml.Reader
	for range 2 { // the second time with the buffers of the first
		r.Reset(iotest.HalfReader(bytes.NewReader(w.Bytes())), wbxml.Limits{})
		if _, err := r.Header(); err != nil {
			t.Fatal(err)
		}
		r.Hold()
		var got [][]byte
		for {
			k, err := r.Next()
			if err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if k == wbxml.Text || k == wbxml.Opaque {
				got = append(got, r.Bytes())
			}
		}
		for i, s := range want {
			if string(got[i]) != s {
				t.Fatalf("text %d became %.20q, want %.20q", i, got[i], s)
			}
		}
		r.Release()
	}
}

// W19: a document that is cut says that it is, wherever that happens.
func TestTruncated(t *testing.T) {
	for _, v := range corpus.Vectors() {
		for n := range v.WBXML {
			got, err := traceBytes(v.WBXML[:n], wbxml.Limits{})
			if n == 0 {
				if got != "" || err != nil {
					t.Errorf("%s: nothing is %q, %v", v.Name, got, err)
				}
				continue
			}
			var r wbxml.Reader
			r.ResetBytes(v.WBXML[:n], wbxml.Limits{})
			if _, quick := traceQuick(&r); quick == nil || quick.Error() != err.Error() {
				t.Errorf("%s cut to %d octets: %v, and %v when read quickly", v.Name, n, err, quick)
			}
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s cut to %d octets: %v", v.Name, n, err)
			}
			var at *wbxml.Error
			if errors.As(err, &at) && at.Offset != int64(n) {
				t.Errorf("%s cut to %d octets: error at %d", v.Name, n, at.Offset)
			}
		}
	}
}

func TestErrorsOfTheSource(t *testing.T) {
	broken := errors.New("connection reset")
	var r wbxml.Reader
	r.Reset(io.MultiReader(bytes.NewReader(octets(t, head+`6D 05`)), iotest.ErrReader(broken)), wbxml.Limits{})
	if got, err := trace(&r); !errors.Is(err, broken) || got != "0:2D( 0:05( )" {
		t.Errorf("got %s, %v", got, err)
	}
	r.Reset(idle{}, wbxml.Limits{})
	if _, err := trace(&r); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a source that gives nothing: %v", err)
	}
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

func TestSkip(t *testing.T) {
	var r wbxml.Reader
	r.ResetBytes(octets(t, head+`6D 45 46 00 01 47 03 "a" 00 01 08 01 01 0F 01`), wbxml.Limits{})
	if _, err := r.Header(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the root and its first child
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Skip(); err != nil {
		t.Fatal(err)
	}
	if k, err := r.Next(); k != wbxml.Start || err != nil || r.Tag() != (wbxml.Tag{Page: 1, Token: 0x0F}) {
		t.Errorf("behind what was skipped: %v %v %v", k, r.Tag(), err)
	}
	if err := r.Skip(); err != nil || r.Depth() != 1 {
		t.Errorf("skipping an empty element: depth %d, %v", r.Depth(), err)
	}
}

// The rest of a document that was left is read over by Header.
func TestHeaderSkipsTheRest(t *testing.T) {
	var r wbxml.Reader
	r.ResetBytes(octets(t, head+`6D 45 03 "a" 00 01 01`+`01 A4 01 6A 00 2D`), wbxml.Limits{})
	for _, want := range []byte{wbxml.V12, wbxml.V11} {
		h, err := r.Header()
		if err != nil || h.Version != want {
			t.Fatalf("version %d, %v; want %d", h.Version, err, want)
		}
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Header(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

func TestNoAllocations(t *testing.T) {
	doc := corpus.Vectors()[0].WBXML
	data := bytes.Repeat(doc, 300) // more than a window
	var r wbxml.Reader
	src := bytes.NewReader(data)
	read := func() {
		for {
			if _, err := r.Header(); err == io.EOF {
				return
			} else if err != nil {
				t.Fatal(err)
			}
			r.Hold()
			for {
				if _, err := r.Next(); err == io.EOF {
					break
				} else if err != nil {
					t.Fatal(err)
				}
			}
			r.Release()
		}
	}
	if n := testing.AllocsPerRun(10, func() { r.ResetBytes(data, wbxml.Limits{}); read() }); n != 0 {
		t.Errorf("%v allocations from memory", n)
	}
	var s wbxml.Reader
	r = s
	if n := testing.AllocsPerRun(10, func() { src.Reset(data); r.Reset(src, wbxml.Limits{}); read() }); n != 0 {
		t.Errorf("%v allocations from a stream", n)
	}
}
