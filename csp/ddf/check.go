package ddf

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// What makes Parse give up.
var (
	ErrNotDDF   = errors.New("not a device description: the root element is not MgmtTree")
	ErrTooLarge = errors.New("the document is too large")
	ErrTooDeep  = errors.New("the document is nested too deep")
	ErrEntity   = errors.New("the document declares entities, which are not read")
)

// check refuses documents whose tree would not fit, before it is built. It
// returns the document as UTF-8 without byte-order mark.
func check(data []byte, o *Options) ([]byte, error) {
	limit := func(n, or int) int {
		if n > 0 {
			return n
		}
		return or
	}
	if n := limit(o.MaxBytes, 8<<20); len(data) > n {
		return nil, fmt.Errorf("%w: %d bytes, of %d allowed", ErrTooLarge, len(data), n)
	}
	data = bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF"))
	maxDepth, maxElements := limit(o.MaxDepth, 64), limit(o.MaxElements, 200_000)
	d := xml.NewDecoder(bytes.NewReader(data))
	d.CharsetReader = charset
	depth, elements := 0, 0
	for {
		t, err := d.RawToken()
		if err == io.EOF {
			return data, nil
		} else if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if depth++; depth > maxDepth {
				return nil, fmt.Errorf("%w: more than %d levels", ErrTooDeep, maxDepth)
			}
			if elements++; elements > maxElements {
				return nil, fmt.Errorf("%w: more than %d elements", ErrTooLarge, maxElements)
			}
		case xml.EndElement:
			depth--
		case xml.Directive:
			// Microsoft's files have an internal subset that holds a processing
			// instruction; entities are what must not be in there.
			if bytes.Contains(t, []byte("<!ENTITY")) {
				return nil, ErrEntity
			}
		}
	}
}

// charset reads the encodings that description files come in besides UTF-8.
func charset(label string, r io.Reader) (io.Reader, error) {
	switch strings.ToLower(label) {
	case "utf-8", "us-ascii", "ascii":
		return r, nil
	case "iso-8859-1", "latin1", "windows-1252":
		b, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		out := make([]byte, 0, len(b)+len(b)/8)
		for _, c := range b {
			out = utf8.AppendRune(out, windows1252(c))
		}
		return bytes.NewReader(out), nil
	}
	return nil, fmt.Errorf("encoding %q is not read; save the file as UTF-8", label)
}

// windows1252 differs from ISO 8859-1, which is the start of Unicode, in these
// positions only; the latter has control characters there.
func windows1252(c byte) rune {
	const high = "€\uFFFD‚ƒ„…†‡ˆ‰Š‹Œ\uFFFDŽ\uFFFD\uFFFD‘’“”•–—˜™š›œ\uFFFDžŸ"
	if c < 0x80 || c > 0x9F {
		return rune(c)
	}
	return []rune(high)[c-0x80]
}
