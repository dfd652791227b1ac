package syncml_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/omadm-sdk/omadm/internal/corpus"
	"github.com/omadm-sdk/omadm/syncml"
	"github.com/stretchr/testify/require"
)

func TestLimits(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("<a>", n) + strings.Repeat("</a>", n) }
	get := `<Get><CmdID>1</CmdID><Item><Target><LocURI>./a</LocURI></Target></Item></Get>`
	tests := []struct {
		name string
		in   string
		opts syncml.DecoderOptions
		err  error // nil: just fits
	}{
		{"bytes", message(get), syncml.DecoderOptions{MaxMessage: int64(len(message(get)))}, nil},
		{"a byte too many", message(get), syncml.DecoderOptions{MaxMessage: int64(len(message(get))) - 1}, syncml.ErrTooLarge},
		{"depth", item("<Data>" + nested(59) + "</Data>"), syncml.DecoderOptions{}, nil},
		{"an element too deep", item("<Data>" + nested(60) + "</Data>"), syncml.DecoderOptions{}, syncml.ErrTooDeep},
		{"unknown elements too deep", message(nested(1000)), syncml.DecoderOptions{MaxDepth: 10}, syncml.ErrTooDeep},
		{"known elements too deep", message(strings.Repeat("<Atomic>", 1000)), syncml.DecoderOptions{}, syncml.ErrTooDeep},
		{"items", message(strings.Repeat(get, 4)), syncml.DecoderOptions{MaxItems: 8}, nil},
		{"a command too many", message(strings.Repeat(get, 5)), syncml.DecoderOptions{MaxItems: 8}, syncml.ErrTooLarge},
		{"an item too many", message(strings.Replace(get, "<Item>", "<Item/><Item>", 1)), syncml.DecoderOptions{MaxItems: 2}, syncml.ErrTooLarge},
		{"references", message(`<Status>` + strings.Repeat(`<TargetRef/>`, 9) + `</Status>`), syncml.DecoderOptions{MaxItems: 8}, syncml.ErrTooLarge},
		{"EMI", item(`<Meta>` + strings.Repeat(`<EMI/>`, 9) + `</Meta>`), syncml.DecoderOptions{MaxItems: 8}, syncml.ErrTooLarge},
		{"unknown elements", message(`<Get>` + strings.Repeat(`<x/>`, 9) + `</Get>`), syncml.DecoderOptions{MaxItems: 8}, syncml.ErrTooLarge},
		{"text", item(`<Data>` + strings.Repeat("&lt;", 100) + `</Data>`), syncml.DecoderOptions{MaxText: 100}, nil},
		{"a text too long", item(`<Data>` + strings.Repeat("&lt;", 101) + `</Data>`), syncml.DecoderOptions{MaxText: 100}, syncml.ErrTooLarge},
		{"an address too long", item(`<Target><LocURI>` + strings.Repeat("x", 101) + `</LocURI></Target>`), syncml.DecoderOptions{MaxText: 100}, syncml.ErrTooLarge},
		{"attributes", item(`<Data` + manyAttributes(32) + `/>`), syncml.DecoderOptions{}, nil},
		{"an attribute too many", item(`<Data` + manyAttributes(33) + `/>`), syncml.DecoderOptions{}, syncml.ErrTooLarge},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := syncml.Unmarshal([]byte(test.in), &test.opts)
			_, err2 := collect(syncml.NewDecoder(strings.NewReader(test.in), &test.opts))
			if test.err == nil {
				require.NoError(t, err)
				require.NoError(t, err2)
				return
			}
			require.ErrorIs(t, err, test.err)
			require.ErrorIs(t, err2, test.err)
			var se *syncml.SyntaxError
			require.ErrorAs(t, err, &se)
		})
	}
}

func manyAttributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, " a%d='%d'", i, i)
	}
	return b.String()
}

// utf16Of returns s in UTF-16 with a byte order mark.
func utf16Of(s string, order binary.AppendByteOrder) []byte {
	raw := order.AppendUint16(nil, 0xFEFF)
	for _, u := range utf16.Encode([]rune(s)) {
		raw = order.AppendUint16(raw, u)
	}
	return raw
}

// TestPrefixes cuts messages at every byte. None is taken for a whole one, and no command differs from what the
// whole message has at its place.
func TestPrefixes(t *testing.T) {
	whole, err := syncml.Append(nil, everything(), nil)
	require.NoError(t, err)
	wide := item(`<Target><LocURI>./ü</LocURI></Target><Data>` + "a\U0001F600" + `</Data><Data>` + "世界 \U0001F600\U0001F601 é" + `</Data>`)
	tests := map[string][]byte{
		"pkg1":               corpus.Get("pkg1").XML,
		"everything":         whole,
		"UTF-16 big":         utf16Of(wide, binary.BigEndian),
		"UTF-16 little":      utf16Of(wide, binary.LittleEndian),
		"UTF-16 big, pkg1":   utf16Of(string(corpus.Get("pkg1").XML), binary.BigEndian),
		"UTF-16 little, all": utf16Of(string(whole), binary.LittleEndian),
		"data": []byte("\xEF\xBB\xBF" + item(`<Target><LocURI>./&#xe9;/ü</LocURI></Target><Data><![CDATA[a]]]]><![CDATA[>]]>&lt;b&gt;`+"\r\n"+
			`<!-- c --></Data><Data>`+strings.Repeat("long text ", 40)+`</Data><Data><x:a xmlns:x="urn:x" b="c"/></Data><Odd><a/></Odd>`)),
	}
	for name, in := range tests {
		t.Run(name, func(t *testing.T) {
			want, err := syncml.Unmarshal(in, nil)
			require.NoError(t, err)
			for cut := range in {
				_, err := syncml.Unmarshal(in[:cut], nil)
				if cut == 1 || cut == 2 {
					require.Error(t, err) // half a byte order mark is nothing yet
				} else {
					require.ErrorIs(t, err, io.ErrUnexpectedEOF, "after %d bytes", cut)
				}

				d := syncml.NewDecoder(bytes.NewReader(in[:cut]), nil)
				if _, err = d.Next(); err != nil {
					continue
				}
				n := 0
				for c, err := range d.Commands() {
					if err != nil {
						require.ErrorIs(t, err, io.ErrUnexpectedEOF)
						break
					}
					got := &syncml.Message{Commands: []syncml.Command{syncml.Clone(c)}}
					require.Empty(t, syncml.Diff(&syncml.Message{Commands: want.Commands[n : n+1]}, got, nil), "after %d bytes", cut)
					n++
				}
			}
		})
	}
}

// TestHeapGrowth feeds what is made to make decoders grow.
func TestHeapGrowth(t *testing.T) {
	const size = 4 << 20
	inItem := strings.TrimSuffix(item(""), "</Item></Replace><Final/></SyncBody></SyncML>")
	inBody := strings.TrimSuffix(message(""), "</SyncBody></SyncML>")
	rep := func(s string) io.Reader { return &repeater{s: s} }
	attacks := map[string]io.Reader{
		"text without end":              io.MultiReader(strings.NewReader(inItem+"<Data>"), rep("x")),
		"entities without end":          io.MultiReader(strings.NewReader(inItem+"<Data>"), rep("&lt;")),
		"a tag without end":             io.MultiReader(strings.NewReader("<SyncML a='"), rep("x")),
		"a name without end":            io.MultiReader(strings.NewReader("<"), rep("x")),
		"attributes":                    io.MultiReader(strings.NewReader("<SyncML"), rep(" a='b'")),
		"a comment without end":         io.MultiReader(strings.NewReader("<!--"), rep("x")),
		"white space":                   rep(" "),
		"nesting":                       rep("<SyncML>"),
		"empty items":                   io.MultiReader(strings.NewReader(inBody+"<Get>"), rep("<Item/>")),
		"empty commands":                io.MultiReader(strings.NewReader(inBody), rep("<Get/>")),
		"empty children":                io.MultiReader(strings.NewReader(inBody+"<Atomic>"), rep("<Get/>")),
		"declarations":                  io.MultiReader(strings.NewReader("<SyncML"), rep(" xmlns:a='b'")),
		"binary":                        rep("\x02"),
		"WBXML: octets announced":       strings.NewReader(string(octets(binItem + `4F C3 8F FF FF FF 7F`))),
		"WBXML: a string without end":   io.MultiReader(bytes.NewReader(octets(binItem+`4F 03`)), rep("x")),
		"WBXML: a string table":         io.MultiReader(bytes.NewReader(octets(`02 A4 01 6A 87 FF FF FF 7F`)), rep("x")),
		"WBXML: nesting":                io.MultiReader(bytes.NewReader(octets(binStart)), rep("\x6D")),
		"WBXML: empty items":            io.MultiReader(bytes.NewReader(octets(binItem+`01`)), rep("\x14")),
		"WBXML: empty commands":         io.MultiReader(bytes.NewReader(octets(binItem+`01 01`)), rep("\x13")),
		"WBXML: elements of markup":     io.MultiReader(bytes.NewReader(octets(binItem+`4F`)), rep("\x00\x01\x05\x00\x02\x05")),
		"WBXML: texts in pieces":        io.MultiReader(bytes.NewReader(octets(binItem+`4F`)), rep("\x03a\x00")),
		"WBXML: entities":               io.MultiReader(bytes.NewReader(octets(binItem+`4F`)), rep("\x02\x84\x80\x40")),
		"WBXML: attributes":             io.MultiReader(bytes.NewReader(octets(binItem+`CF`)), rep("\x05")),
		"WBXML: instructions":           io.MultiReader(bytes.NewReader(octets(binItem)), rep("\x43\x01")),
		"WBXML: an instruction":         io.MultiReader(bytes.NewReader(octets(binItem+`43`)), rep("\x05")),
		"WBXML: literal tags":           io.MultiReader(bytes.NewReader(octets(`02 A4 01 6A 01 "a" 6D`)), rep("\x04\x00")),
		"WBXML: references to a string": io.MultiReader(bytes.NewReader(octets(`02 A4 01 6A 81 00`)), strings.NewReader(strings.Repeat("a", 128)), bytes.NewReader(octets(binItem[len(binStart):]+`4F`)), rep("\x83\x00")),
		"WBXML: documents":              io.MultiReader(bytes.NewReader(octets(binItem+`01`)), rep(documents(devInf(60_000), 1))),
		"WBXML: documents of strings":   io.MultiReader(bytes.NewReader(octets(binItem+`01`)), rep(documents(devInfStrings(320), 1))),
		"WBXML: documents of no root":   io.MultiReader(bytes.NewReader(octets(binItem+`01`)), rep(documents(devInfStrings(320)[:800], 1))),
		"UTF-16":                        rep("\xFF\xFE"),
		"UTF-16: text without end":      io.MultiReader(bytes.NewReader(utf16Of(inItem+"<Data>", binary.LittleEndian)), rep("x\x00")),
		"UTF-16: wide text without end": io.MultiReader(bytes.NewReader(utf16Of(inItem+"<Data>", binary.BigEndian)), rep("\x4E\x16\xD8\x3D\xDE\x00")),
	}
	for name, r := range attacks {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			d := syncml.NewDecoder(r, &syncml.DecoderOptions{MaxMessage: size, KeepUnknown: true})
			m, err := d.Message()
			runtime.ReadMemStats(&after)
			require.Nil(t, m)
			require.Error(t, err)
			// Doubling a window to 8 MB allocates twice that; 65,536 items take 30 MB however short they are.
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(80<<20))
			require.Less(t, len(err.Error()), 1000, "an error does not repeat what it is about")
		})
	}
}

// TestHeapOfSlices: a message that is in memory already takes more by its limit, not by its length.
func TestHeapOfSlices(t *testing.T) {
	const size, limit = 64 << 20, 1 << 20
	inItem := strings.TrimSuffix(item(""), "</Item></Replace><Final/></SyncBody></SyncML>")
	for name, in := range map[string][]byte{
		"UTF-8":         append([]byte(inItem+"<Data>"), bytes.Repeat([]byte("x"), size)...),
		"UTF-16 little": append(utf16Of(inItem+"<Data>", binary.LittleEndian), bytes.Repeat([]byte("x\x00"), size/2)...),
		"UTF-16 big":    append(utf16Of(inItem+"<Data>", binary.BigEndian), bytes.Repeat([]byte("\x4E\x16"), size/2)...),
		"WBXML":         append(octets(binItem+`4F 03`), bytes.Repeat([]byte("x"), size)...),
	} {
		opts := &syncml.DecoderOptions{MaxMessage: limit}
		for way, read := range map[string]func() error{
			"Unmarshal": func() error { _, err := syncml.Unmarshal(in, opts); return err },
			"Decoder": func() error {
				d := syncml.NewDecoder(nil, opts)
				d.ResetBytes(in)
				_, err := d.Message()
				return err
			},
		} {
			t.Run(name+" "+way, func(t *testing.T) {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				err := read()
				runtime.ReadMemStats(&after)
				require.ErrorIs(t, err, syncml.ErrTooLarge)
				require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(8*limit))
			})
		}
	}
}

// A repeater gives s for ever.
type repeater struct {
	s string
	n int
}

func (r *repeater) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = r.s[r.n]
		r.n = (r.n + 1) % len(r.s)
	}
	return len(p), nil
}

// devInf is a DevInf document of n elements and one octet each, beside the root.
func devInf(n int) string {
	return string(octets(`02 A4 03 6A 00 4A`)) + strings.Repeat("\x28", n) + "\x01"
}

// devInfStrings is one whose root holds a string of 200 bytes n times, in two octets each.
func devInfStrings(n int) string {
	return string(octets(`02 A4 03 6A 81 49 `)) + strings.Repeat("a", 200) + "\x00\x4A" + strings.Repeat("\x83\x00", n) + "\x01"
}

// documents are n Items that hold the document doc.
func documents(doc string, n int) string {
	size := len(doc)
	number := []byte{byte(size>>14) | 0x80, byte(size>>7) | 0x80, byte(size & 0x7F)}
	return strings.Repeat(string(octets(`54 5A 00 01 53 03 "t+wbxml" 00 01 01 00 00 4F C3`))+string(number)+doc+"\x01\x01", n)
}

// TestLimitsOfDocuments: the documents within a message share its limits, and exceeding one ends the message, while a
// document that is malformed stays what it is, octets.
func TestLimitsOfDocuments(t *testing.T) {
	deep := string(octets(`02 A4 03 6A 00`)) + strings.Repeat("\x4A", 11) + strings.Repeat("\x01", 11)
	cut := func(doc string) string { return doc[:len(doc)-1] }
	for _, c := range []struct {
		name string
		in   string
		opts syncml.DecoderOptions
		err  error           // nil: just fits
		kind syncml.DataKind // of the last item
	}{
		{"elements", documents(devInf(99), 3), syncml.DecoderOptions{MaxItems: 300}, nil, syncml.DataMarkup},
		{"an element too many", documents(devInf(99), 2) + documents(devInf(100), 1), syncml.DecoderOptions{MaxItems: 300}, syncml.ErrTooLarge, 0},
		{"by default", documents(devInf(16_383), 4), syncml.DecoderOptions{}, nil, syncml.DataMarkup},
		{"too many by default", documents(devInf(60_000), 2), syncml.DecoderOptions{}, syncml.ErrTooLarge, 0},
		{"elements of markup and of a document", string(octets(`54 4F 05 05 05 01 01`)) + documents(devInf(6), 1), syncml.DecoderOptions{MaxItems: 10}, nil, syncml.DataMarkup},
		{"a document, then an element too many", documents(devInf(6), 1) + string(octets(`54 4F 05 05 05 05 01 01`)), syncml.DecoderOptions{MaxItems: 10}, syncml.ErrTooLarge, 0},
		{"malformed", documents(cut(devInf(99)), 3), syncml.DecoderOptions{MaxItems: 300}, nil, syncml.DataOpaque},
		{"malformed elements count", documents(cut(devInf(99)), 3) + documents(devInf(1), 1), syncml.DecoderOptions{MaxItems: 300}, syncml.ErrTooLarge, 0},
		{"octets announced that are not there", documents(string(octets(`02 A4 03 6A 00 4A C3 8F FF FF FF 7F 01`)), 1), syncml.DecoderOptions{}, nil, syncml.DataOpaque},
		{"a table announced that is not there", documents(string(octets(`02 A4 03 6A 8F FF FF FF 7F`)), 1), syncml.DecoderOptions{}, nil, syncml.DataOpaque},
		{"depth", documents(deep, 1), syncml.DecoderOptions{MaxDepth: 11}, nil, syncml.DataMarkup},
		{"an element too deep", documents(deep, 1), syncml.DecoderOptions{MaxDepth: 10}, syncml.ErrTooDeep, 0},
		{"text", documents(devInf(9), 1), syncml.DecoderOptions{MaxText: int64(len(`<DevInf xmlns="syncml:devinf"></DevInf>`) + 9*len(`<UTC/>`))}, nil, syncml.DataMarkup},
		{"a text too long", documents(devInf(9), 1), syncml.DecoderOptions{MaxText: 92}, syncml.ErrTooLarge, 0},
		{"a text much too long", documents(devInf(20), 1), syncml.DecoderOptions{MaxText: 92}, syncml.ErrTooLarge, 0},
		{"names", documents(string(octets(`02 A4 03 6A 00 4A`))+strings.Repeat("\x2A", 3_000)+"\x01", 1), syncml.DecoderOptions{}, nil, syncml.DataMarkup},
		{"names of several", documents(string(octets(`02 A4 03 6A 00 4A`))+strings.Repeat("\x2A", 30_000)+"\x01", 2), syncml.DecoderOptions{}, syncml.ErrTooLarge, 0},
		{"strings", documents(devInfStrings(320), 1), syncml.DecoderOptions{}, nil, syncml.DataMarkup},
		{"strings of several", documents(devInfStrings(320), 2), syncml.DecoderOptions{}, syncml.ErrTooLarge, 0},
		{"malformed strings count", documents(cut(devInfStrings(320)), 1) + documents(devInfStrings(320), 1), syncml.DecoderOptions{}, syncml.ErrTooLarge, 0},
		{"few strings of many", documents(devInfStrings(12), 5_000), syncml.DecoderOptions{}, nil, syncml.DataMarkup},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := append(octets(binItem+`01`), c.in...)
			in = append(in, octets(`01 12 01 01`)...)
			m, err := syncml.Unmarshal(in, &c.opts)
			_, err2 := collect(syncml.NewDecoder(bytes.NewReader(in), &c.opts))
			if c.err != nil {
				require.ErrorIs(t, err, c.err)
				require.ErrorIs(t, err2, c.err)
				var se *syncml.SyntaxError
				require.ErrorAs(t, err, &se)
				require.Regexp(t, `^/SyncML/SyncBody/Replace/Item\[\d+\](/Data)?$`, se.Path)
				require.Greater(t, se.Offset, int64(len(octets(binItem))), "in the message, not in the document")
				return
			}
			require.NoError(t, err)
			require.NoError(t, err2)
			items := m.Commands[0].(*syncml.Replace).Items
			require.Equal(t, c.kind, items[len(items)-1].Data.Kind())
		})
	}
}

// TestAmplification sees that markup cannot make a decoder write declarations without bounds.
func TestAmplification(t *testing.T) {
	in := `<SyncML xmlns="SYNCML:SYNCML1.2" xmlns:p="` + strings.Repeat("u", 100_000) + `">` + hdr + `<SyncBody><Add><CmdID>1</CmdID><Item><Data>` +
		strings.Repeat("<p:a/>", 100_000) + `</Data></Item></Add></SyncBody></SyncML>`
	_, err := syncml.Unmarshal([]byte(in), nil)
	require.ErrorIs(t, err, syncml.ErrTooLarge)
}

// A megabytes reads like a message of n commands of one megabyte each.
type megabytes struct {
	n    int
	enc  syncml.Encoding
	rest []byte
	text []byte
	id   int
}

func (m *megabytes) Read(p []byte) (int, error) {
	for len(m.rest) == 0 {
		switch {
		case m.enc == syncml.WBXML && m.id == 0:
			m.rest = octets(binStart + `6D ` + binHdr + `6B`)
		case m.enc == syncml.WBXML && m.id <= m.n:
			m.rest = append(m.text[:0], octets(fmt.Sprintf(`45 4B 03 "%04d" 00 01 54 6E 57 03 "./a" 00 01 01 4F C3 C0 80 00`, m.id))...)
			m.rest = append(m.rest[:len(m.rest)+1<<20], 1, 1, 1)
		case m.enc == syncml.WBXML && m.id == m.n+1:
			m.rest = octets(`12 01 01`)
		case m.id == 0:
			m.rest = []byte(strings.TrimSuffix(message(""), "</SyncBody></SyncML>"))
		case m.id <= m.n:
			m.rest = fmt.Appendf(m.text[:0], "<Add><CmdID>%04d</CmdID><Item><Target><LocURI>./a</LocURI></Target><Data>", m.id)
			m.rest = append(m.rest[:len(m.rest)+1<<20], "</Data></Item></Add>"...)
		case m.id == m.n+1:
			m.rest = []byte("<Final/></SyncBody></SyncML>")
		default:
			return 0, io.EOF
		}
		m.id++
	}
	n := copy(p, m.rest)
	m.rest = m.rest[n:]
	return n, nil
}

// TestGigabyte reads a message of 1,000 commands of 1 MB each while holding one of them, with 4 MB to spare.
func TestGigabyte(t *testing.T) {
	if os.Getenv("CI") != "true" {
		t.Skip("takes seconds; runs where CI=true")
	}
	for _, enc := range encodings {
		t.Run(enc.String(), func(t *testing.T) {
			const commands = 1000
			src := &megabytes{n: commands, enc: enc, text: bytes.Repeat([]byte("x"), 1<<20+200)}
			d := syncml.NewDecoder(src, &syncml.DecoderOptions{MaxMessage: 2 << 30})
			runtime.GC()
			var before, now runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := d.Next()
			require.NoError(t, err)
			n, peak := 0, uint64(0)
			for c, err := range d.Commands() {
				require.NoError(t, err)
				require.Equal(t, 1<<20, c.(*syncml.Add).Items[0].Data.Len())
				if n++; n%50 == 0 {
					runtime.ReadMemStats(&now)
					peak = max(peak, now.HeapAlloc-min(now.HeapAlloc, before.HeapAlloc))
				}
			}
			require.Equal(t, commands, n)
			require.True(t, d.Final())
			require.Less(t, peak, uint64(1<<20+4<<20))
		})
	}
}

func TestNoProgress(t *testing.T) {
	for name, in := range map[string]string{
		"nothing":             "",
		"UTF-8":               "<SyncML",
		"UTF-16":              "\xFF\xFE<\x00",
		"UTF-16, half a pair": "\xFE\xFF\x00<\xD8\x3D",
		"UTF-16, its mark":    "\xFE\xFF",
		"WBXML":               "\x02",
		"WBXML: a message":    string(octets(binItem)),
	} {
		t.Run(name, func(t *testing.T) {
			done := make(chan error)
			go func() {
				_, err := syncml.NewDecoder(io.MultiReader(strings.NewReader(in), idle{}), nil).Message()
				done <- err
			}()
			select {
			case err := <-done:
				require.ErrorIs(t, err, io.ErrNoProgress)
			case <-time.After(10 * time.Second):
				t.Fatal("no end within 10 s, want io.ErrNoProgress")
			}
		})
	}
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }
