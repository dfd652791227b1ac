package syncml_test

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"testing"

	"github.com/omadm-sdk/omadm/internal/corpus"
	"github.com/omadm-sdk/omadm/internal/golden"
	"github.com/omadm-sdk/omadm/syncml"
	"github.com/stretchr/testify/require"
)

func TestWalk(t *testing.T) {
	for _, v := range corpus.Vectors() {
		t.Run(v.Name, func(t *testing.T) {
			var b bytes.Buffer
			for n, err := range syncml.Walk(v.WBXML) {
				require.NoError(t, err)
				fmt.Fprintln(&b, n)
			}
			golden.Check(t, filepath.Join("testdata", "walk", v.Name+".txt"), b.Bytes())
		})
	}
}

// A cut capture is explained up to the cut, whole tokens as in the whole capture.
func TestWalkCut(t *testing.T) {
	data := corpus.Vectors()[0].WBXML
	var whole []syncml.Note
	for n := range syncml.Walk(data) {
		whole = append(whole, n)
	}
	for cut := 1; cut < len(data); cut++ {
		i, end, failed := 0, int64(0), false
		for n, err := range syncml.Walk(data[:cut]) {
			if err != nil {
				failed = true
				var se *syncml.SyntaxError
				require.ErrorAs(t, err, &se)
				require.ErrorIs(t, err, io.ErrUnexpectedEOF)
				require.Equal(t, int64(cut), se.Offset)
				break
			}
			require.Equal(t, end, n.Offset)
			end += int64(len(n.Bytes))
			if end < int64(cut) {
				require.Equal(t, whole[i], n)
				i++
			}
		}
		require.True(t, failed)
		require.Equal(t, int64(cut), end, "all octets are shown")
	}
}

func TestWalkStops(t *testing.T) {
	seen := 0
	for range syncml.Walk(corpus.Vectors()[0].WBXML) {
		if seen++; seen == 7 {
			break
		}
	}
	require.Equal(t, 7, seen)
}

func ExampleWalk() {
	capture := []byte("\x02\xa4\x01\x6a\x00\x6d\x6c\x71\x031.2\x00\x01\x72\x03DM/")
	for n, err := range syncml.Walk(capture) {
		if err != nil {
			fmt.Println(err)
			break
		}
		fmt.Println(n)
	}
	// Output:
	// 000000  02                                       WBXML 1.2
	// 000001  a4 01                                    public id 0x1201
	// 000003  6a                                       character set 106
	// 000004  00                                       string table of 0 octets
	// 000005  6d                                       <SyncML>
	// 000006  6c                                         <SyncHdr>
	// 000007  71                                           <VerDTD>
	// 000008  03 31 2e 32 00                                 "1.2"
	// 00000d  01                                           </VerDTD>
	// 00000e  72                                           <VerProto>
	// 00000f  03 44 4d 2f                                    not understood: wbxml: offset 19: unexpected EOF
	// syncml: offset 19, in /: unexpected EOF
}
