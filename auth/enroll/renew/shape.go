package renew

import (
	"encoding/binary"
	"errors"
)

// maxDepth is far above the dozen levels of a signed message. The parser behind this package recurses over what it is
// given, and copies the rest of the message at each level.
const maxDepth = 32

var (
	errTooDeep = errors.New("nested too deep")
	errLength  = errors.New("a length goes beyond the end")
)

// checkShape walks over BER and bounds its nesting.
func checkShape(ber []byte) error {
	rest, err := skip(ber, 0)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return errors.New("data follows it")
	}
	return nil
}

// skip returns what follows the first element of ber.
func skip(ber []byte, depth int) ([]byte, error) {
	if depth == maxDepth {
		return nil, errTooDeep
	}
	if len(ber) < 2 {
		return nil, errLength
	}
	constructed := ber[0]&0x20 != 0
	if ber[0]&0x1f == 0x1f {
		return nil, errors.New("a tag of more than one byte")
	}
	n := uint64(ber[1])
	ber = ber[2:]
	switch {
	case n == 0x80: // up to an end-of-contents mark
		if !constructed {
			return nil, errors.New("a primitive element without a length")
		}
		for {
			if len(ber) >= 2 && ber[0] == 0 && ber[1] == 0 {
				return ber[2:], nil
			}
			var err error
			if ber, err = skip(ber, depth+1); err != nil {
				return nil, err
			}
		}
	case n > 0x80:
		size := int(n & 0x7f)
		if size > 4 || size > len(ber) {
			return nil, errLength
		}
		var b [8]byte
		copy(b[8-size:], ber[:size])
		n, ber = binary.BigEndian.Uint64(b[:]), ber[size:]
	}
	if n > uint64(len(ber)) {
		return nil, errLength
	}
	inner, rest := ber[:n], ber[n:]
	for constructed && len(inner) > 0 {
		var err error
		if inner, err = skip(inner, depth+1); err != nil {
			return nil, err
		}
	}
	return rest, nil
}
