package filestore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/omadm-sdk/omadm/dmtree"
)

// A file is its magic followed by records. A record is a header and a payload:
//
//	4 bytes   mark, which begins no UTF-8 text
//	8 bytes   number of the record in the life of the store, from 1 without gaps in a file
//	4 bytes   length of the payload
//	4 bytes   CRC-32C of number, length and payload
//
// The payload is the changes of one transaction. Integers are little-endian.
const (
	magic      = "omadm tree 1\n"
	headerSize = 20
	maxPayload = math.MaxInt32
)

var (
	mark   = []byte{0xf5, 'o', 'd', 't'}
	castag = crc32.MakeTable(crc32.Castagnoli)
)

// A reader of records meets one of these where a record is not whole.
var (
	errTorn = errors.New("record cut off")
	errBad  = errors.New("record damaged")
)

// appendRecord appends a record that holds the changes.
func appendRecord(b []byte, number uint64, changes []dmtree.Change) ([]byte, error) {
	start := len(b)
	b = append(b, mark...)
	b = binary.LittleEndian.AppendUint64(b, number)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0)
	for _, c := range changes {
		var err error
		if b, err = appendChange(b, c); err != nil {
			return b[:start], err
		}
	}
	size := len(b) - start - headerSize
	if size > maxPayload {
		return b[:start], fmt.Errorf("%w: a transaction of %d bytes", dmtree.ErrTooLarge, size)
	}
	binary.LittleEndian.PutUint32(b[start+12:], uint32(size))
	binary.LittleEndian.PutUint32(b[start+16:], checksum(b[start:]))
	return b, nil
}

// checksum is that of the record which begins b and is whole.
func checksum(record []byte) uint32 {
	return crc32.Update(crc32.Checksum(record[4:16], castag), castag, record[headerSize:])
}

// cutRecord takes the first record off data.
func cutRecord(data []byte) (number uint64, payload, rest []byte, err error) {
	n := min(len(data), len(mark))
	if !bytes.Equal(data[:n], mark[:n]) {
		return 0, nil, nil, errBad
	}
	if len(data) < headerSize {
		return 0, nil, nil, errTorn
	}
	size := uint64(binary.LittleEndian.Uint32(data[12:]))
	if uint64(len(data)-headerSize) < size {
		return 0, nil, nil, errTorn
	}
	end := headerSize + int(size)
	if binary.LittleEndian.Uint32(data[16:]) != checksum(data[:end]) {
		return 0, nil, nil, errBad
	}
	return binary.LittleEndian.Uint64(data[4:]), data[headerSize:end], data[end:], nil
}

// anyRecord reports whether there is a whole record somewhere in data.
func anyRecord(data []byte) bool {
	for {
		i := bytes.Index(data, mark)
		if i < 0 {
			return false
		}
		if _, _, _, err := cutRecord(data[i:]); err == nil {
			return true
		}
		data = data[i+len(mark):]
	}
}

const secretFlag = 1

func appendChange(b []byte, c dmtree.Change) ([]byte, error) {
	flags := byte(0)
	if c.Value.IsSecret() {
		flags |= secretFlag
	}
	text := c.Value.Text()
	switch c.Value.Format() {
	case dmtree.FormatBin:
		raw, err := c.Value.Bytes()
		if err != nil {
			return b, err
		}
		text = string(raw)
	case dmtree.FormatNode:
		text = "" // its children have changes of their own
	}
	b = append(b, byte(c.Op), byte(c.Value.Format()), flags)
	for _, s := range []string{string(c.URI), text, c.Value.Type(), c.Name} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return b, nil
}

// parseChanges reads a payload.
func parseChanges(b []byte) ([]dmtree.Change, error) {
	var changes []dmtree.Change
	for len(b) > 0 {
		if len(b) < 3 {
			return nil, errBad
		}
		op, format, flags := dmtree.Op(b[0]), dmtree.Format(b[1]), b[2]
		b = b[3:]
		var s [4]string
		for i := range s {
			n, used := binary.Uvarint(b)
			if used <= 0 || n > uint64(len(b)-used) {
				return nil, errBad
			}
			s[i] = string(b[used : used+int(n)])
			b = b[used+int(n):]
		}
		v, err := value(format, s[1])
		if err != nil {
			return nil, err
		}
		v = v.WithType(s[2])
		if flags&secretFlag != 0 {
			v = v.Secret()
		}
		changes = append(changes, dmtree.Change{Op: op, URI: dmtree.URI(s[0]), Value: v, Name: s[3]})
	}
	return changes, nil
}

// value makes a value from what appendChange has written. Text may be what no
// peer could send.
func value(f dmtree.Format, text string) (dmtree.Value, error) {
	switch f {
	case dmtree.FormatChr:
		return dmtree.String(text), nil
	case dmtree.FormatXML:
		return dmtree.XML(text), nil
	case dmtree.FormatBin:
		return dmtree.Bytes([]byte(text)), nil
	case dmtree.FormatNode:
		return dmtree.Interior(), nil
	}
	return dmtree.Parse(f, text)
}
