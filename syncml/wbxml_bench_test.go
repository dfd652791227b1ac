package syncml_test

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/omadm-sdk/omadm/internal/corpus"
	"github.com/omadm-sdk/omadm/internal/interop"
	"github.com/omadm-sdk/omadm/syncml"
)

// The goals and floors of these benchmarks are ratios to libwbxml, measured in the same run:
//
//	                      pkg1   policy  inventory  large  admx
//	WBXMLDecode    goal     25       18         30    1.2    18
//	              floor     15       12         20    0.8    12
//	WBXMLEncode    goal    100       70        150     20    70
//	              floor     40       40         40     10    40
//	XMLToWBXML     goal     12        9         14      4     9
//
// That Data holds UTF-8 is known from when it was read, or from Text, and is not checked again here: for admx, whose values
// are long and not quite ASCII, that would take half as long again.

// against runs f, and reports how many times as fast as a reference it is.
func against(b *testing.B, unit string, reference interop.Round, f func()) {
	b.Helper()
	b.ReportAllocs()
	for range 5 {
		f() // steady state
	}
	for b.Loop() {
		f()
	}
	b.ReportMetric(interop.Compare(b, interop.Loop(f), reference), unit)
}

func toWBXML(tb testing.TB, xml []byte) []byte {
	tb.Helper()
	m, err := syncml.Unmarshal(xml, nil)
	if err != nil {
		tb.Fatal(err)
	}
	out, err := syncml.Append(nil, m, &syncml.EncoderOptions{Encoding: syncml.WBXML})
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

func BenchmarkWBXMLDecode(b *testing.B) {
	lib := interop.NewTimer(b, "libwbxml")
	for _, m := range corpus.All() {
		data := toWBXML(b, m.XML)
		b.Run(m.Name, func(b *testing.B) {
			_, reference := lib.Load(b, "decode", data)
			d := syncml.NewDecoder(nil, nil)
			against(b, "x-libwbxml", reference, func() {
				d.ResetBytes(data)
				if _, err := d.Message(); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

// The typed decode of WBXML is to be at least 1.4 times as fast as that of XML.
func BenchmarkWBXMLAgainstXML(b *testing.B) {
	for _, m := range corpus.All() {
		data := toWBXML(b, m.XML)
		b.Run(m.Name, func(b *testing.B) {
			d := syncml.NewDecoder(nil, nil)
			run := func(data []byte) {
				d.ResetBytes(data)
				if _, err := d.Message(); err != nil {
					b.Fatal(err)
				}
			}
			against(b, "x-XML", interop.Loop(func() { run(m.XML) }), func() { run(data) })
		})
	}
}

func BenchmarkWBXMLEncode(b *testing.B) {
	lib := interop.NewTimer(b, "libwbxml")
	for _, m := range corpus.All() {
		b.Run(m.Name, func(b *testing.B) {
			_, reference := lib.Load(b, "encode", m.XML)
			msg, err := syncml.Unmarshal(m.XML, nil)
			if err != nil {
				b.Fatal(err)
			}
			opts := &syncml.EncoderOptions{Encoding: syncml.WBXML}
			var buf []byte
			against(b, "x-libwbxml", reference, func() {
				if buf, err = syncml.Append(buf[:0], msg, opts); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

func BenchmarkXMLToWBXML(b *testing.B) {
	lib := interop.NewTimer(b, "libwbxml")
	for _, m := range corpus.All() {
		b.Run(m.Name, func(b *testing.B) {
			_, reference := lib.Load(b, "encode", m.XML)
			d := syncml.NewDecoder(nil, nil)
			e := syncml.NewEncoder(io.Discard, &syncml.EncoderOptions{Encoding: syncml.WBXML})
			against(b, "x-libwbxml", reference, func() {
				d.ResetBytes(m.XML)
				h, err := d.Next()
				if err == nil {
					err = e.Begin(h)
				}
				for c, cmdErr := range d.Commands() {
					if err == nil {
						err = cmdErr
					}
					if err == nil {
						err = e.Encode(c)
					}
				}
				if err == nil {
					err = e.End(d.Final())
				}
				if err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

// What a peer may send to keep a decoder busy: a megabyte of each is to cost less than fifty times the corpus' large
// message, which is about a megabyte too. Limits end most of them early.
func BenchmarkWBXMLHostile(b *testing.B) {
	fill := func(head, part, tail string) []byte {
		out := octets(head)
		p := octets(part)
		for len(out) < 1<<20 {
			out = append(out, p...)
		}
		return append(out, octets(tail)...)
	}
	table := octets(`02 A4 01 6A A0 80 00`)
	for len(table) < 1<<19 {
		table = append(table, 'a')
	}
	table = append(table, bytes.Repeat([]byte("a"), 7)...)
	table = append(table, octets(`6D `+binHdr+`6B 60 4B 03 "1" 00 01 54 4F`)...)
	for len(table) < 1<<20 {
		table = append(table, 0x83, 0)
	}
	inputs := []struct {
		name string
		data []byte
	}{
		{"commands", fill(binStart+`6D `+binHdr+`6B `, `05`, ``)},
		{"items", fill(binItem+`01 `, `14`, ``)},
		{"unknown elements", fill(binItem, `3F`, ``)},
		{"elements in an unknown one", fill(binItem+`7F `, `3F`, `01`+binEnd)},
		{"markup", fill(binItem+`4F `, `05`, `01`+binEnd)},
		{"strings of one octet", fill(binItem+`4F `, `03 "a" 00`, `01`+binEnd)},
		{"entities", fill(binItem+`4F `, `02 20`, `01`+binEnd)},
		{"switches of the page", fill(binItem, `00 00`, binEnd)},
		{"attributes", fill(binItem+`CF `, `05`, `01 01`+binEnd)},
		{"instructions", fill(binItem, `43 01`, binEnd)},
		{"extension tokens", fill(binItem, `C0`, binEnd)},
		{"references to half a megabyte", table},
		{"depth", fill(binItem, `7F`, ``)},
	}
	large := toWBXML(b, corpus.Get("large").XML)
	d := syncml.NewDecoder(nil, nil)
	reference := time.Duration(1 << 62)
	for range 50 {
		from := time.Now()
		d.ResetBytes(large)
		if _, err := d.Message(); err != nil {
			b.Fatal(err)
		}
		reference = min(reference, time.Since(from))
	}
	for _, in := range inputs {
		b.Run(in.name, func(b *testing.B) {
			took := time.Duration(1 << 62)
			var err error
			for b.Loop() {
				from := time.Now()
				d.ResetBytes(in.data)
				_, err = d.Message()
				took = min(took, time.Since(from))
			}
			b.ReportMetric(float64(took), "ns/op")
			b.ReportMetric(float64(took)/float64(reference), "x-large")
			if err != nil {
				b.Log(err)
			}
		})
	}
}
