package wbxml_test

import (
	"bytes"
	"errors"
	"testing"
	"testing/iotest"

	"github.com/omadm-sdk/omadm/internal/corpus"
	"github.com/omadm-sdk/omadm/internal/wbxml"
)

// FuzzReader: input in memory, input byte by byte, and input read by Quick and Leaf read alike, down to the error; what was read and written again
// reads the same; the notes of Walk lie end to end; text is bounded by what was read.
func FuzzReader(f *testing.F) {
	for _, v := range corpus.Vectors() {
		f.Add(v.WBXML)
	}
	for _, s := range []string{
		`02 00 00 6A 1D "-//SYNCML//DTD SyncML 1.2//EN" ED 04 00 03 "SYNCML:SYNCML1.2" 00 01 12 01`,
		`01 A4 01 6A 06 "Foo" 00 "B" 00 6D 44 00 03 "a" 00 01 04 04 84 00 05 01 C4 04 06 01 0F 01 01`,
		`03 A4 01 03 05 "abc" 00 "d" 4F 03 "x" 00 83 01 02 E4 28 C3 02 00 FF 83 04 43 05 01 40 "x" 00 81 05 C2 01 43 05 01 02 01 6A 00 05`,
	} {
		f.Add(octets(f, s))
	}
	limits := wbxml.Limits{Document: 1 << 16, Text: 1 << 12, Depth: 20}
	f.Fuzz(func(t *testing.T, data []byte) {
		var r wbxml.Reader
		r.ResetBytes(data, limits)
		got, err := trace(&r)

		var s wbxml.Reader
		s.Reset(iotest.OneByteReader(bytes.NewReader(data)), limits)
		stream, streamErr := trace(&s)
		if got != stream || (err == nil) != (streamErr == nil) || err != nil && err.Error() != streamErr.Error() {
			t.Fatalf("in memory   %s, %v\nbyte by byte %s, %v", got, err, stream, streamErr)
		}

		var q wbxml.Reader
		q.ResetBytes(data, limits)
		quick, quickErr := traceQuick(&q)
		if got != quick || (err == nil) != (quickErr == nil) || err != nil && err.Error() != quickErr.Error() {
			t.Fatalf("with Next %s, %v\nwith Quick and Leaf %s, %v", got, err, quick, quickErr)
		}

		var end int64
		walkErr := wbxml.Walk(data, limits, names, func(n wbxml.Note) bool {
			if n.Offset != end || !bytes.Equal(n.Bytes, data[n.Offset:][:len(n.Bytes)]) {
				t.Fatalf("note at %d of %d bytes behind %d: %s", n.Offset, len(n.Bytes), end, n.Meaning)
			}
			end += int64(len(n.Bytes))
			return true
		})
		if end != int64(len(data)) {
			t.Fatalf("notes end at %d of %d: %v", end, len(data), walkErr)
		}
		if (walkErr == nil) != (err == nil) || err != nil && walkErr.Error() != err.Error() {
			t.Fatalf("the walk says %v, the reader %v", walkErr, err)
		}

		if err != nil {
			var at *wbxml.Error
			if !errors.As(err, &at) || at.Offset < 0 || at.Offset > int64(len(data)) {
				t.Fatalf("%v is not an Error within %d bytes", err, len(data))
			}
			return
		}
		again, err := rewrite(data, limits)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := traceBytes(again, wbxml.Limits{}); err != nil || back != got {
			t.Fatalf("read  %s\nagain %s, %v", got, back, err)
		}
	})
}
