package syncml_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"sort"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/omadm-sdk/omadm/internal/corpus"
	"github.com/omadm-sdk/omadm/syncml"
)

// FuzzXML: what can be read is well-formed in the eyes of encoding/xml too; from memory, byte by byte and by a decoder
// that is used again it is the same; written, it reads the same again, and then writes the same bytes; and what strict
// reading accepts says the same to encoding/xml before and after. What cannot be read names a place in the input.
func FuzzXML(f *testing.F) {
	f.Add([]byte(message("")))
	f.Add(corpus.Get("pkg1").XML)
	whole, err := syncml.Append(nil, everything(), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	for _, s := range []string{
		`<Data>&lt;&#65;&#x41;&quot;` + "\r\n" + `é</Data>`,
		`<Data> <![CDATA[a]]]]><![CDATA[>b]]> </Data>`,
		`<Data><x:a xmlns:x="urn:x" b='"'>c</x:a> <y/></Data>`,
		`<Meta><FieldLevel/><Anchor><Next>2</Next></Anchor><EMI>e</EMI><Mem><FreeMem>6</FreeMem><FreeID>7</FreeID></Mem></Meta>`,
		`<SourceParent><LocURI>b</LocURI></SourceParent><Odd a="1">x</Odd>`,
	} {
		f.Add([]byte(item(s)))
	}
	f.Add(utf16Of(item("<Data>\U0001F600 é</Data>"), binary.LittleEndian))
	f.Add(utf16Of(item("<Data>\U0001F600 é</Data>"), binary.BigEndian))
	f.Add([]byte(`<?xml version="1.0"?><!DOCTYPE SyncML PUBLIC "a" "b"><s:SyncML xmlns:s="SYNCML:SYNCML1.2" xmlns:p="urn:p">` +
		`<s:SyncHdr><s:VerDTD>1.2</s:VerDTD></s:SyncHdr><s:SyncBody><s:Get><s:CmdID>1</s:CmdID><s:Item><s:Data><p:a/></s:Data></s:Item></s:Get></s:SyncBody></s:SyncML>`))
	reused := syncml.NewDecoder(nil, &syncml.DecoderOptions{KeepUnknown: true, MaxMessage: 1 << 16, MaxItems: 1 << 10, Encoding: syncml.XML})
	f.Fuzz(func(t *testing.T, in []byte) {
		opts := &syncml.DecoderOptions{KeepUnknown: true, MaxMessage: 1 << 16, MaxItems: 1 << 10, Encoding: syncml.XML}
		m, err := syncml.Unmarshal(in, opts)
		strict := *opts
		strict.Strict = true
		_, strictErr := syncml.Unmarshal(in, &strict)
		stream, streamErr := collect(syncml.NewDecoder(iotest.OneByteReader(bytes.NewReader(in)), opts))
		reused.ResetBytes(in)
		again, againErr := reused.Message()
		if err != nil {
			var se *syncml.SyntaxError
			if !errors.As(err, &se) || se.Offset < 0 || se.Offset > 2*int64(len(in)) || se.Path == "" {
				t.Fatalf("%v names no place within %d bytes", err, len(in))
			}
			if strictErr == nil {
				t.Fatalf("strict reading accepts it, lenient: %v", err)
			}
			if streamErr != nil && streamErr != io.EOF && streamErr.Error() != err.Error() {
				t.Fatalf("from memory %v, byte by byte %v", err, streamErr)
			}
			return // a stream may go on behind the message
		}
		if streamErr != nil || againErr != nil {
			t.Fatalf("byte by byte: %v; used again: %v", streamErr, againErr)
		}
		madeOfText(t, m)
		same(t, "byte by byte", m, stream)
		same(t, "used again", m, again)
		if !bytes.HasPrefix(in, []byte("\xFF\xFE")) && !bytes.HasPrefix(in, []byte("\xFE\xFF")) && !lies(in) {
			text := strings.TrimRight(string(in), "\x00")
			// encoding/xml keeps to the letters of names of the fourth edition of XML 1.0; the fifth has more.
			if parse(text) == nil && parse(asLetters(text)) == nil {
				t.Fatal("encoding/xml does not read it")
			}
		}

		out, err := syncml.Append(nil, m, &syncml.EncoderOptions{AsIs: true})
		if errors.Is(err, syncml.ErrTooDeep) {
			return
		} else if err != nil {
			t.Fatalf("cannot be written: %v", err)
		}
		back, err := syncml.Unmarshal(out, opts)
		if errors.Is(err, syncml.ErrTooLarge) {
			return // a < that was in CDATA is longer as an entity
		} else if err != nil {
			t.Fatalf("%v: %q", err, out)
		}
		if m.Header.VerDTD == "" {
			m.Header.VerDTD = "1.2" // written where absent
		}
		if m.Header.VerProto == "" {
			m.Header.VerProto = "DM/1.2"
		}
		same(t, "written and read", m, back)
		twice, err := syncml.Append(nil, back, &syncml.EncoderOptions{AsIs: true})
		if err != nil || !bytes.Equal(out, twice) {
			t.Fatalf("written again: %v\n%q\n%q", err, out, twice)
		}
		if tree := parse(string(in)); strictErr == nil && tree != nil && !bytes.Contains(in, []byte("\x00")) && in[0] == '<' {
			before, after := canonical(tree), canonical(parse(string(out)))
			if before != after {
				t.Fatalf("encoding/xml reads\n%s\nthen\n%s", before, after)
			}
		}
	})
}

// asLetters replaces every character beyond ASCII by a letter.
func asLetters(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= utf8.RuneSelf {
			return 'a'
		}
		return r
	}, s)
}

// lies reports whether the text names an encoding or a version for which encoding/xml would want help, or holds ]]> where
// it may not, which is forgiven here.
func lies(in []byte) bool {
	for _, s := range []string{"encoding", "version", "]]>"} {
		if bytes.Contains(in, []byte(s)) {
			return true
		}
	}
	return false
}

func same(t *testing.T, how string, a, b *syncml.Message) {
	t.Helper()
	if d := syncml.Diff(a, b, nil); len(d) > 0 {
		t.Fatalf("%s: %v", how, d)
	}
}

// madeOfText: characters that were read are no other Data than what Text makes of them.
func madeOfText(t *testing.T, m *syncml.Message) {
	t.Helper()
	eachItem(m.Commands, func(it *syncml.Item, _ syncml.Meta) {
		d := it.Data
		if k := d.Kind(); (k == syncml.DataText || k == syncml.DataCDATA) && !reflect.DeepEqual(d, syncml.Text(d.String()).As(k)) {
			t.Fatalf("what was read as %v %q is not what it is made from", k, d)
		}
	})
}

// canonical writes what encoding/xml has read without what does not count: order within commands and items, how empty is
// spelled, zero numbers, and white space around texts other than Data.
func canonical(e *element) string {
	switch {
	case e == nil:
		return "nothing"
	case e.name == "Data" && len(e.children) > 0:
		var parts []string
		for _, c := range e.children {
			parts = append(parts, canonical(c))
		}
		return "Data{" + strings.Join(parts, "") + "}"
	case e.name == "Data":
		return "Data=" + e.text
	case len(e.children) == 0:
		return e.name + "=" + strings.Trim(e.text, " \t\r\n")
	}
	var parts []string
	for _, c := range e.children {
		parts = append(parts, canonical(c))
	}
	switch e.name {
	case "SyncBody", "Atomic", "Sequence":
	default:
		sort.Strings(parts)
	}
	return e.name + "{" + strings.Join(parts, "\n") + "}"
}
