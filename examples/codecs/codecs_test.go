// Package codecs measures how fast package syncml decodes XML beside other people's parsers: gosax in Go, expat and
// libxml2 in C, quick-xml in Rust. They give events; what syncml gives is the commands of the message. Before anything
// is measured, all have to have seen the same message.
//
//	go test -bench=. ./codecs
//
// Parsers of other languages are built on the spot, from the headers and crates that Debian has; where those are missing
// a benchmark is skipped, and fails in CI. The goals and floors are ratios to the parsers, measured in the same run:
//
//	                  pkg1   policy  inventory  large  admx
//	gosax      goal    1.2      1.2       1.05      2   1.2
//	          floor    0.9      0.9        0.8      1   0.9
//	expat      goal      4        3        2.5      5     4
//	libxml2    goal      3        2          2    2.5     5
//	quick-xml  goal    1.5      1.4        1.1    0.3   1.5  (x-events)
//
// gosax and quick-xml are taken with names, attributes and references looked at, which they leave to their caller, and
// without a check of what they read; quick-xml's bare events, for which its goals are, do not even look at those.
package codecs

import (
	"bytes"
	"encoding/xml"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/orisano/gosax"
	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/internal/corpus"
	"github.com/omadm-sdk/omadm/internal/interop"
	"github.com/omadm-sdk/omadm/syncml"
)

// A sax reads documents with gosax, by a reader and a buffer that are used again and again.
type sax struct {
	src bytes.Reader
	r   *gosax.Reader
	see func(kind byte, b []byte) // if not nil, called with the parts of the document
}

func newSax() *sax {
	s := new(sax)
	s.r = gosax.NewReader(&s.src)
	return s
}

// The kinds of parts.
const (
	start = '<'
	end   = '/'
	key   = '@'
	value = '='
	text  = '"'
)

// read reads a document as one would who wants to have what is in it: names cut from tags, attributes taken apart,
// references resolved.
func (s *sax) read(doc []byte) (seen interop.Counts, err error) {
	s.src.Reset(doc)
	s.r.Reset(&s.src)
	for {
		e, err := s.r.Event()
		if err != nil {
			return seen, err
		}
		switch e.Type() {
		case gosax.EventStart:
			empty := e.Bytes[len(e.Bytes)-2] == '/'
			name, rest := gosax.Name(e.Bytes)
			seen.Elements++
			s.part(start, name)
			for len(rest) > 0 {
				var a gosax.Attribute
				if a, rest, err = gosax.NextAttribute(rest); err != nil {
					return seen, err
				}
				v, err := gosax.Unescape(a.Value[1 : len(a.Value)-1])
				if err != nil {
					return seen, err
				}
				seen.Attributes++
				s.part(key, a.Key)
				s.part(value, v)
			}
			if empty {
				seen.Ends++
				s.part(end, name)
			}
		case gosax.EventEnd:
			name, _ := gosax.Name(e.Bytes)
			seen.Ends++
			s.part(end, name)
		case gosax.EventText:
			t, err := gosax.Unescape(e.Bytes)
			if err != nil {
				return seen, err
			}
			seen.Octets += len(t)
			s.part(text, t)
		case gosax.EventCData:
			t := e.Bytes[len("<![CDATA[") : len(e.Bytes)-len("]]>")]
			seen.Octets += len(t)
			s.part(text, t)
		case gosax.EventEOF:
			return seen, nil
		}
	}
}

func (s *sax) part(kind byte, b []byte) {
	if s.see != nil {
		s.see(kind, b)
	}
}

// ours returns what package syncml has found in a message, part for part: the message is decoded, written from what the
// commands hold, and that is read by encoding/xml.
func ours(tb testing.TB, doc []byte, see func(kind byte, b []byte)) (seen interop.Counts) {
	tb.Helper()
	m, err := syncml.Unmarshal(doc, nil)
	require.NoError(tb, err)
	out, err := syncml.Append(nil, m, nil)
	require.NoError(tb, err)
	for d := xml.NewDecoder(bytes.NewReader(out)); ; {
		t, err := d.RawToken()
		if err == io.EOF {
			return seen
		}
		require.NoError(tb, err)
		switch t := t.(type) {
		case xml.StartElement:
			seen.Elements++
			see(start, []byte(t.Name.Local))
			for _, a := range t.Attr {
				seen.Attributes++
				see(key, []byte(a.Name.Local))
				see(value, []byte(a.Value))
			}
		case xml.EndElement:
			seen.Ends++
			see(end, []byte(t.Name.Local))
		case xml.CharData:
			seen.Octets += len(t)
			see(text, t)
		}
	}
}

// A list holds the parts of a document, each with the path to it. Text is one part, of however many pieces.
type list struct {
	path  string
	parts []string
	more  bool // the last part is text, and may go on
}

func (l *list) add(kind byte, b []byte) {
	last := len(l.parts) - 1
	switch {
	case kind == start:
		l.path += "/" + string(b)
		l.parts = append(l.parts, l.path)
	case kind == end:
		l.path = strings.TrimSuffix(l.path, "/"+string(b))
	case kind == value, kind == text && l.more:
		l.parts[last] += string(b)
	case kind == key:
		l.parts = append(l.parts, l.path+"@"+string(b)+"=")
	default:
		l.parts = append(l.parts, l.path+": "+string(b))
	}
	l.more = kind == text
}

// TestSameParts wants gosax to find in the corpus what syncml has found, but for the order of an element's children:
// what is written has that of the specification.
func TestSameParts(t *testing.T) {
	s := newSax()
	for _, m := range corpus.All() {
		t.Run(m.Name, func(t *testing.T) {
			var want, got list
			all := ours(t, m.XML, want.add)
			s.see = got.add
			seen, err := s.read(m.XML)
			require.NoError(t, err)
			require.Empty(t, got.path)
			slices.Sort(want.parts)
			slices.Sort(got.parts)
			require.Equal(t, want.parts, got.parts)
			require.Equal(t, all, seen)
			require.Greater(t, all.Elements, 4*m.Commands)
		})
	}
}

// decode measures the decoder beside a parser over the corpus. With returns what the parser saw in a document, and its
// rounds by the unit of the ratio.
func decode(b *testing.B, with func(b *testing.B, doc []byte) (interop.Counts, map[string]interop.Round)) {
	for _, m := range corpus.All() {
		b.Run(m.Name, func(b *testing.B) {
			seen, references := with(b, m.XML)
			require.Equal(b, ours(b, m.XML, func(byte, []byte) {}), seen)
			d := syncml.NewDecoder(nil, nil)
			decode := func() {
				d.ResetBytes(m.XML)
				if _, err := d.Message(); err != nil {
					b.Fatal(err)
				}
			}
			for range 5 {
				decode() // steady state
			}
			b.SetBytes(int64(len(m.XML)))
			b.ReportAllocs()
			for b.Loop() {
				decode()
			}
			for unit, reference := range references {
				b.ReportMetric(interop.Compare(b, interop.Loop(decode), reference), unit)
			}
		})
	}
}

func BenchmarkGosax(b *testing.B) {
	s := newSax()
	decode(b, func(b *testing.B, doc []byte) (interop.Counts, map[string]interop.Round) {
		seen, err := s.read(doc)
		require.NoError(b, err)
		return seen, map[string]interop.Round{"x-gosax": interop.Loop(func() {
			if _, err := s.read(doc); err != nil {
				b.Fatal(err)
			}
		})}
	})
}

func BenchmarkExpat(b *testing.B)   { foreign(b, "expat") }
func BenchmarkLibxml2(b *testing.B) { foreign(b, "libxml2") }

func foreign(b *testing.B, library string) {
	t := interop.NewTimer(b, library)
	decode(b, func(b *testing.B, doc []byte) (interop.Counts, map[string]interop.Round) {
		seen, round := t.Load(b, "", doc)
		return seen, map[string]interop.Round{"x-" + library: round}
	})
}

func BenchmarkQuickXML(b *testing.B) {
	t := interop.NewTimer(b, "quick-xml")
	decode(b, func(b *testing.B, doc []byte) (interop.Counts, map[string]interop.Round) {
		seen, whole := t.Load(b, "", doc)
		_, events := t.Load(b, "events", doc)
		return seen, map[string]interop.Round{"x-quick-xml": whole, "x-events": events}
	})
}
