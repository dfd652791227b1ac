package syncml_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/omadm-sdk/omadm/internal/corpus"
	"github.com/omadm-sdk/omadm/syncml"
	"github.com/stretchr/testify/require"
)

// TestAllocations keeps what the package comment promises: nothing for decoders and encoders that are used again, a
// handful for a message that lasts.
func TestAllocations(t *testing.T) {
	for _, m := range corpus.All() {
		t.Run(m.Name, func(t *testing.T) {
			d := syncml.NewDecoder(nil, nil)
			require.Zero(t, testing.AllocsPerRun(5, func() {
				d.ResetBytes(m.XML)
				if _, err := d.Message(); err != nil {
					t.Fatal(err)
				}
			}), "decoding from memory")

			r, bytesOf := syncml.NewDecoder(nil, nil), bytes.NewReader(nil)
			require.Zero(t, testing.AllocsPerRun(5, func() {
				bytesOf.Reset(m.XML)
				r.Reset(bytesOf)
				if _, err := r.Next(); err != nil {
					t.Fatal(err)
				}
				for _, err := range r.Commands() {
					if err != nil {
						t.Fatal(err)
					}
				}
			}), "decoding from a reader, command by command")

			msg, err := syncml.Unmarshal(m.XML, nil)
			require.NoError(t, err)
			e := syncml.NewEncoder(io.Discard, nil)
			require.Zero(t, testing.AllocsPerRun(5, func() {
				if err := e.Begin(&msg.Header); err != nil {
					t.Fatal(err)
				}
				for _, c := range msg.Commands {
					if err := e.Encode(c); err != nil {
						t.Fatal(err)
					}
				}
				if err := e.End(true); err != nil {
					t.Fatal(err)
				}
			}), "encoding to a writer")

			// These two use pools, which the garbage collector may empty, and the race detector does now and then.
			buf := make([]byte, 0, 2*len(m.XML))
			require.LessOrEqual(t, testing.AllocsPerRun(20, func() {
				if buf, err = syncml.Append(buf[:0], msg, nil); err != nil {
					t.Fatal(err)
				}
			}), 20.0, "appending")
			require.LessOrEqual(t, testing.AllocsPerRun(20, func() {
				if _, err := syncml.Append(nil, msg, nil); err != nil {
					t.Fatal(err)
				}
			}), 20.0, "a slice of its own")
			require.LessOrEqual(t, testing.AllocsPerRun(20, func() {
				if _, err := syncml.Unmarshal(m.XML, nil); err != nil {
					t.Fatal(err)
				}
			}), 40.0, "a message that lasts")
		})
	}
}
