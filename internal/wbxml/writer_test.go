package wbxml_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/omadm-sdk/omadm/internal/corpus"
	"github.com/omadm-sdk/omadm/internal/wbxml"
)

// rewrite copies the tokens of data, literal tags included.
func rewrite(data []byte, l wbxml.Limits) ([]byte, error) {
	var r wbxml.Reader
	var w wbxml.Writer
	r.ResetBytes(data, l)
	for {
		h, err := r.Header()
		if err == io.EOF {
			return w.Bytes(), nil
		} else if err != nil {
			return nil, err
		}
		table, names := h.Table, 0
		if h.PublicID == 0 {
			// The writer puts the public id first.
			if bytes.Equal(bytes.TrimSuffix(table, []byte{0}), h.PublicText) {
				h.Table = nil
			} else {
				names = len(h.PublicText) + 1
			}
		}
		h.Charset = 0 // entities are written as characters
		w.Header(h)
		empty := false
		for {
			k, err := r.Next()
			if err == io.EOF {
				break
			} else if err != nil {
				return nil, err
			}
			switch k {
			case wbxml.Start:
				switch empty = r.Empty(); {
				case r.Tag().Token == 0:
					empty = false
					w.Literal(uint32(names + find(table, r.Name())))
				case empty:
					w.Empty(r.Tag())
				default:
					w.Start(r.Tag())
				}
			case wbxml.End:
				if !empty {
					w.End()
				}
				empty = false
			case wbxml.Text:
				w.Text(string(r.Bytes()))
			case wbxml.Opaque:
				w.Opaque(r.Bytes())
			}
		}
	}
}

// find returns where name stands in a string table.
func find(table, name []byte) int {
	for i := range table {
		if s, _, _ := bytes.Cut(table[i:], []byte{0}); bytes.Equal(s, name) {
			return i
		}
	}
	return -1
}

// W05, W14: the worked examples are written octet for octet as they are printed.
func TestVectorsRewritten(t *testing.T) {
	for _, v := range corpus.Vectors() {
		got, err := rewrite(v.WBXML, wbxml.Limits{})
		if err != nil || !bytes.Equal(got, v.WBXML) {
			t.Errorf("%s: %v\n got %x\nwant %x", v.Name, err, got, v.WBXML)
		}
	}
}

func TestWriter(t *testing.T) {
	tag := func(page, token byte) wbxml.Tag { return wbxml.Tag{Page: page, Token: token} }
	for _, c := range []struct {
		name  string
		write func(*wbxml.Writer)
		want  string
	}{
		{"W04 the header by default is 1.2 and UTF-8", func(w *wbxml.Writer) { w.Header(wbxml.Header{PublicID: 0x1201}) }, `02 A4 01 6A 00`},
		{"public id as text", func(w *wbxml.Writer) { w.Header(wbxml.Header{PublicText: []byte("ab"), Table: []byte("c\x00")}) }, `02 00 00 6A 05 "ab" 00 "c" 00`},
		{"version 1.3", func(w *wbxml.Writer) { w.Header(wbxml.Header{Version: wbxml.V13, PublicID: 1}) }, `03 01 6A 00`},
		{"W10 empty element", func(w *wbxml.Writer) { w.Empty(tag(0, 0x12)) }, `12`},
		{"empty element in another", func(w *wbxml.Writer) { w.Start(tag(0, 0x2B)); w.Empty(tag(0, 0x12)); w.End() }, `6B 12 01`},
		{"W09 pages are switched before tags alone", func(w *wbxml.Writer) {
			w.Start(tag(0, 0x1A))
			w.Start(tag(1, 0x07))
			w.Text("x")
			w.End()
			w.End()
			w.Empty(tag(1, 0x08))
			w.Empty(tag(0, 0x0F))
		}, `5A 00 01 47 03 "x" 00 01 01 08 00 00 0F`},
		{"literal tag", func(w *wbxml.Writer) { w.Start(tag(0, 0x2D)); w.Literal(300); w.End(); w.End() }, `6D 44 82 2C 01 01`},
		{"leaf", func(w *wbxml.Writer) {
			w.Leaf(tag(0, 0x0B), "1")
			w.Leaf(tag(1, 0x13), "")
			w.Leaf(tag(1, 0x07), "größer als acht")
		},
			`4B 03 "1" 00 01 00 01 13 47 03 "größer als acht" 00 01`},
		{"number", func(w *wbxml.Writer) { w.Start(tag(0, 0x0F)); w.Int(-204); w.End() }, `4F 03 "-204" 00 01`},
		{"empty text is content", func(w *wbxml.Writer) { w.Start(tag(0, 0x0F)); w.Text(""); w.End() }, `4F 03 00 01`},
		{"text with NUL", func(w *wbxml.Writer) { w.Start(tag(0, 0x0F)); w.Text("a\x00b"); w.End() }, `4F C3 03 "a" 00 "b" 01`},
		{"text that is not UTF-8", func(w *wbxml.Writer) { w.Start(tag(0, 0x0F)); w.Text("a\xffb"); w.End() }, `4F C3 03 "a" FF "b" 01`},
		{"W14 bytes", func(w *wbxml.Writer) { w.Start(tag(0, 0x0F)); w.Opaque([]byte{0, 1, 255}); w.End() }, `4F C3 03 00 01 FF 01`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var w wbxml.Writer
			c.write(&w)
			if want := octets(t, c.want); !bytes.Equal(w.Bytes(), want) {
				t.Errorf("got % x, want % x", w.Bytes(), want)
			}
		})
	}
}

// W12: the vectors of WBXML, written as the length of a string table that is cut off.
func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		value uint32
		want  string
	}{
		{0, `00`},
		{127, `7F`},
		{128, `81 00`},
		{200, `81 48`},
		{300, `82 2C`},
		{16_383, `FF 7F`},
		{16_384, `81 80 00`},
		{4_609, `A4 01`},
		{65_535, `83 FF 7F`},
		{0xFFFF_FFFF, `8F FF FF FF 7F`},
	} {
		var w wbxml.Writer
		w.Literal(c.value)
		want := octets(t, c.want)
		if !bytes.Equal(w.Bytes()[1:], want) {
			t.Errorf("%d is written as % x, want % x", c.value, w.Bytes()[1:], want)
		}
		if c.value == 0 {
			continue // a public id of 0 stands for a text
		}
		var r wbxml.Reader
		r.ResetBytes(append(append([]byte{wbxml.V12}, want...), 0x6A, 0), wbxml.Limits{})
		if h, err := r.Header(); err != nil || h.PublicID != c.value {
			t.Errorf("% x is read as %d, %v; want %d", want, h.PublicID, err, c.value)
		}
	}
}

func TestRollback(t *testing.T) {
	var w wbxml.Writer
	w.Reset([]byte("front"))
	w.Header(wbxml.Header{PublicID: 0x1201})
	w.Start(wbxml.Tag{Token: 0x2B})
	before := string(w.Bytes())
	m := w.Mark()
	w.Start(wbxml.Tag{Page: 1, Token: 0x05})
	w.Text("taken back")
	w.End()
	w.Rollback(m)
	if got := string(w.Bytes()); got != before {
		t.Errorf("after rollback % x, want % x", got, before)
	}
	w.Empty(wbxml.Tag{Token: 0x12})
	if got := string(w.Bytes()); got != before+"\x12" {
		t.Errorf("the page is not that of before: % x", got)
	}
	*w.Buffer() = nil
	w.End()
	if got := string(w.Bytes()); got != "\x01" {
		t.Errorf("after what there was was passed on: % x", got)
	}
}

func TestLeafRefuses(t *testing.T) {
	var w wbxml.Writer
	for _, s := range []string{"\x00", "a\x00b", "eight octets\x00", "\xff", "longer than eight \xc3"} {
		if w.Leaf(wbxml.Tag{Page: 1, Token: 5}, s) || len(w.Bytes()) != 0 {
			t.Errorf("%q was written: % x", s, w.Bytes())
		}
	}
	if !w.Leaf(wbxml.Tag{Token: 5}, "a") || w.Bytes()[0] != 0x45 {
		t.Errorf("the page is not that of before: % x", w.Bytes())
	}
}

func TestWriterAllocatesNothing(t *testing.T) {
	var w wbxml.Writer
	buf := make([]byte, 0, 1<<10)
	n := testing.AllocsPerRun(100, func() {
		w.Reset(buf)
		w.Header(wbxml.Header{PublicID: 0x1201})
		w.Start(wbxml.Tag{Token: 0x2D})
		w.Leaf(wbxml.Tag{Token: 0x17}, "http://dm.example")
		w.Text("http://dm.example")
		w.End()
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
