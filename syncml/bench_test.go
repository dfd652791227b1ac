package syncml_test

import (
	"bytes"
	"encoding/xml"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/omadm-sdk/omadm/internal/corpus"
	"github.com/omadm-sdk/omadm/internal/interop"
	"github.com/omadm-sdk/omadm/syncml"
)

// compare returns how many times as fast as the second of two functions the first is.
func compare(b *testing.B, ours, reference func()) float64 {
	b.Helper()
	return interop.Compare(b, interop.Loop(ours), interop.Loop(reference))
}

// The types of a server that uses encoding/xml: one list for each verb, since struct tags cannot keep the order.
type (
	stdMessage struct {
		XMLName xml.Name  `xml:"SYNCML:SYNCML1.2 SyncML"`
		Header  stdHeader `xml:"SyncHdr"`
		Body    stdBody   `xml:"SyncBody"`
	}
	stdHeader struct {
		VerDTD, VerProto, SessionID, MsgID string
		Target, Source                     *stdLocation
		Meta                               *stdMeta `xml:",omitempty"`
	}
	stdLocation struct {
		LocURI  string
		LocName string `xml:",omitempty"`
	}
	stdMeta struct {
		Format     string `xml:"syncml:metinf Format,omitempty"`
		Type       string `xml:"syncml:metinf Type,omitempty"`
		Mark       string `xml:"syncml:metinf Mark,omitempty"`
		Size       string `xml:"syncml:metinf Size,omitempty"`
		MaxMsgSize string `xml:"syncml:metinf MaxMsgSize,omitempty"`
	}
	stdItem struct {
		Target, Source *stdLocation
		Meta           *stdMeta
		Data           *stdData
		MoreData       *struct{}
	}
	stdData struct {
		Text string `xml:",chardata"`
	}
	stdCommand struct {
		CmdID   string
		MsgRef  string   `xml:",omitempty"`
		CmdRef  string   `xml:",omitempty"`
		Cmd     string   `xml:",omitempty"`
		Meta    *stdMeta `xml:",omitempty"`
		Data    string   `xml:",omitempty"`
		Item    []stdItem
		Replace []stdCommand
		Add     []stdCommand
	}
	stdBody struct {
		Status, Alert, Atomic, Add, Replace, Get, Delete, Exec, Results []stdCommand
		Final                                                           *struct{}
	}
)

func BenchmarkDecode(b *testing.B) {
	for _, m := range corpus.All() {
		b.Run(m.Name, func(b *testing.B) {
			d := syncml.NewDecoder(nil, nil)
			ours := func() {
				d.ResetBytes(m.XML)
				if _, err := d.Message(); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(len(m.XML)))
			b.ReportAllocs()
			for range 5 {
				ours() // steady state
			}
			for b.Loop() {
				ours()
			}
			b.ReportMetric(compare(b, ours, func() {
				if err := xml.Unmarshal(m.XML, new(stdMessage)); err != nil {
					b.Fatal(err)
				}
			}), "x-encoding/xml")
			b.ReportMetric(compare(b, ours, func() {
				if err := etree.NewDocument().ReadFromBytes(m.XML); err != nil {
					b.Fatal(err)
				}
			}), "x-etree")
			b.ReportMetric(1/compare(b, ours, func() {
				for rest := m.XML; ; {
					i := bytes.IndexByte(rest, '<')
					if i < 0 {
						break
					}
					rest = rest[i+1:]
				}
			}), "time-of-IndexByte")
		})
	}
}

// BenchmarkTokens pulls the tokens that the grammar is fed with, and nothing more, against the typed decode of the same
// bytes: what commands, items and strings cost on top.
func BenchmarkTokens(b *testing.B) {
	for _, m := range corpus.All() {
		for _, enc := range encodings {
			data := m.XML
			if enc == syncml.WBXML {
				data = toWBXML(b, m.XML)
			}
			b.Run(m.Name+"/"+enc.String(), func(b *testing.B) {
				d, typed := syncml.NewDecoder(nil, nil), syncml.NewDecoder(nil, nil)
				ours := func() {
					if _, err := syncml.Pull(d, data); err != nil {
						b.Fatal(err)
					}
				}
				b.SetBytes(int64(len(data)))
				b.ReportAllocs()
				for range 5 {
					ours()
				}
				for b.Loop() {
					ours()
				}
				b.ReportMetric(compare(b, ours, func() {
					typed.ResetBytes(data)
					if _, err := typed.Message(); err != nil {
						b.Fatal(err)
					}
				}), "x-typed")
			})
		}
	}
}

func BenchmarkUnmarshal(b *testing.B) {
	for _, m := range corpus.All() {
		b.Run(m.Name, func(b *testing.B) {
			ours := func() {
				if _, err := syncml.Unmarshal(m.XML, nil); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(len(m.XML)))
			b.ReportAllocs()
			for b.Loop() {
				ours()
			}
			var before, after runtime.MemStats
			const n = 20
			runtime.ReadMemStats(&before)
			for range n {
				ours()
			}
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/n/float64(len(m.XML)), "B/byte")
			b.ReportMetric(compare(b, ours, func() {
				if err := xml.Unmarshal(m.XML, new(stdMessage)); err != nil {
					b.Fatal(err)
				}
			}), "x-encoding/xml")
		})
	}
}

// BenchmarkDecodeReader reads from a reader that gives 4 KB at a time, command by command.
func BenchmarkDecodeReader(b *testing.B) {
	for _, m := range corpus.All() {
		b.Run(m.Name, func(b *testing.B) {
			d, s := syncml.NewDecoder(nil, nil), syncml.NewDecoder(nil, nil)
			src := bytes.NewReader(nil)
			read := func(d *syncml.Decoder) {
				if _, err := d.Next(); err != nil {
					b.Fatal(err)
				}
				for _, err := range d.Commands() {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
			chunks := &chunked{r: src}
			ours := func() {
				src.Reset(m.XML)
				d.Reset(chunks)
				read(d)
			}
			b.SetBytes(int64(len(m.XML)))
			b.ReportAllocs()
			for range 5 {
				ours()
			}
			for b.Loop() {
				ours()
			}
			b.ReportMetric(compare(b, ours, func() {
				s.ResetBytes(m.XML)
				read(s)
			}), "x-slice")
		})
	}
}

type chunked struct{ r io.Reader }

func (c *chunked) Read(p []byte) (int, error) { return c.r.Read(p[:min(len(p), 4096)]) }

func BenchmarkEncode(b *testing.B) {
	for _, m := range corpus.All() {
		b.Run(m.Name, func(b *testing.B) {
			msg, err := syncml.Unmarshal(m.XML, nil)
			if err != nil {
				b.Fatal(err)
			}
			std := new(stdMessage)
			if err := xml.Unmarshal(m.XML, std); err != nil {
				b.Fatal(err)
			}
			var buf []byte
			ours := func() {
				if buf, err = syncml.Append(buf[:0], msg, nil); err != nil {
					b.Fatal(err)
				}
			}
			ours()
			pieces, into := cut(buf), make([]byte, 0, len(buf))
			b.SetBytes(int64(len(m.XML)))
			b.ReportAllocs()
			for b.Loop() {
				ours()
			}
			b.ReportMetric(compare(b, ours, func() {
				if _, err := xml.Marshal(std); err != nil {
					b.Fatal(err)
				}
			}), "x-encoding/xml")
			b.ReportMetric(1/compare(b, ours, func() {
				into = into[:0]
				for _, p := range pieces {
					into = append(into, p...)
				}
			}), "time-of-append")
		})
	}
}

// cut returns the tags and texts of a message one by one: the least that any encoder has to append.
func cut(msg []byte) []string {
	var pieces []string
	for s := string(msg); s != ""; {
		n := strings.IndexByte(s, '<')
		if n == 0 {
			n = strings.IndexByte(s, '>') + 1
		}
		pieces = append(pieces, s[:n])
		s = s[n:]
	}
	return pieces
}
