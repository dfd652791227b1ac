package syncml_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/omadm-sdk/omadm/internal/corpus"
	"github.com/omadm-sdk/omadm/syncml"
)

// FuzzWBXML: a message in either encoding that can be read, from memory or byte by byte alike, can be written in WBXML and
// reads the same again; what it lost on the way (attributes, white space in markup) it lost the first time. So it does by
// way of XML, unless it holds characters that XML cannot carry.
func FuzzWBXML(f *testing.F) {
	for _, v := range corpus.Vectors() {
		f.Add(v.WBXML)
		f.Add(v.XML)
	}
	for _, name := range []string{"pkg1"} {
		f.Add(corpus.Get(name).XML)
		m, err := syncml.Unmarshal(corpus.Get(name).XML, nil)
		if err != nil {
			f.Fatal(err)
		}
		b, err := syncml.Append(nil, m, &syncml.EncoderOptions{Encoding: syncml.WBXML})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(message(`<Frobnicate><CmdID>1</CmdID><Odd a="1"><Even/> x</Odd></Frobnicate><Get><CmdID>2</CmdID><Item/><Odd>y</Odd></Get>`)))
	f.Add([]byte(item(`<Meta><Type xmlns="syncml:metinf">t+xml</Type></Meta><Data><MgmtTree><Node>a<b/></Node></MgmtTree></Data>`)))
	for _, s := range []string{
		`4F 03 "a" 00 C3 02 00 FF 01`,
		`5A 00 01 46 03 "odd" 00 01 47 03 "int" 00 01 01 00 00`,
		`7F 4F 03 "no" 00 01 03 "x" 00 C3 01 01 01 4F 03 "yes" 00 01`,
		`00 07 45 46 03 "no" 00 01 01 00 00 4F 03 "yes" 00 01`,
		`4F 00 05 47 03 "x" 00 01 01 00 00`,
		`5A 00 01 53 03 "a+wbxml" 00 01 01 00 00 4F C3 0F 02 A4 03 6A 00 4A 65 03 "1.2" 00 01 28 01 01`,
	} {
		f.Add(octets(binItem + s + binEnd))
	}
	for _, doc := range []string{devInf(9), devInf(600), devInfStrings(300), devInf(9)[:14]} {
		f.Add(append(append(octets(binItem+`01`), documents(doc, 2)...), octets(`01 12 01 01`)...))
	}
	opts := &syncml.DecoderOptions{KeepUnknown: true, MaxMessage: 1 << 16, MaxItems: 1 << 10}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := syncml.Unmarshal(data, opts)
		d := syncml.NewDecoder(iotest.OneByteReader(bytes.NewReader(data)), opts)
		stream, streamErr := collect(d)
		if err != nil {
			var se *syncml.SyntaxError
			end := len(data)
			if bytes.HasPrefix(data, []byte("\xFE\xFF")) || bytes.HasPrefix(data, []byte("\xFF\xFE")) {
				end *= 2 // places count in UTF-8, which may be longer than UTF-16
			}
			if !errors.As(err, &se) || se.Offset < 0 || se.Offset > int64(end) {
				t.Fatalf("%v is not a SyntaxError within %d bytes", err, len(data))
			}
			if streamErr != nil && streamErr != io.EOF && streamErr.Error() != err.Error() {
				t.Fatalf("from memory %v, byte by byte %v", err, streamErr)
			}
			return // the stream may go on behind the message
		}
		if streamErr != nil {
			t.Fatalf("byte by byte: %v", streamErr)
		}
		if diff := syncml.Diff(m, stream, nil); len(diff) > 0 {
			t.Fatalf("byte by byte: %v", diff)
		}
		madeOfText(t, m)
		if m.Header.VerDTD == "" {
			m.Header.VerDTD = "1.2" // written where absent
		}
		if m.Header.VerProto == "" {
			m.Header.VerProto = "DM/1.2"
		}
		again := func(m *syncml.Message, enc syncml.Encoding) *syncml.Message {
			b, err := syncml.Append(nil, m, &syncml.EncoderOptions{Encoding: enc, AsIs: true})
			if enc == syncml.XML && errors.Is(err, syncml.ErrBadChar) || errors.Is(err, syncml.ErrTooDeep) {
				t.Skip(err)
			} else if err != nil {
				t.Fatalf("%v: %v", enc, err)
			}
			back, err := syncml.Unmarshal(b, &syncml.DecoderOptions{KeepUnknown: true})
			if errors.Is(err, syncml.ErrTooDeep) {
				t.Skip(err) // an element that was kept may stand as deep as the limit allows
			} else if err != nil {
				t.Fatalf("%v: %v\n%s", enc, err, b)
			}
			return back
		}
		first := again(m, syncml.WBXML)
		for _, d := range syncml.Diff(m, first, nil) {
			if strings.HasSuffix(d.Path, "@originalerror") || strings.Contains(d.A, "<") {
				continue
			}
			t.Errorf("by way of WBXML: %v", d)
		}
		if diff := syncml.Diff(first, again(first, syncml.WBXML), nil); len(diff) > 0 {
			t.Errorf("the second time: %v", diff)
		}
		xml := again(first, syncml.XML)
		diff := syncml.Diff(first, again(xml, syncml.WBXML), nil)
		for _, d := range diff {
			if strings.Contains(d.A, `xmlns="syncml:`) {
				return // XML tells elements by their names alone, WBXML by their pages too
			}
		}
		for _, d := range diff {
			if !carriesBytes(d) {
				t.Errorf("by way of XML: %v", d)
			}
		}
	})
}

// carriesBytes reports whether two messages differ in how they carry bytes alone: in XML, base64 is all there is.
func carriesBytes(d syncml.Difference) bool {
	return strings.HasSuffix(d.Path, "/Format") || strings.HasSuffix(d.Path, "/Data")
}
