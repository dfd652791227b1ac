package admx

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"

	"github.com/beevik/etree"
)

// What makes a document unreadable. Malformed XML is an [*xml.SyntaxError],
// which has the line.
var (
	ErrNotADMX  = errors.New("the root element is not policyDefinitions: no ADMX file")
	ErrNotADML  = errors.New("the root element is not policyDefinitionResources: no ADML file")
	ErrTooLarge = errors.New("the document is too large")
	ErrTooDeep  = errors.New("the document is nested too deep")
	ErrDTD      = errors.New("the document has a document type declaration, which no ADMX or ADML file needs")
)

// Options bounds what is read.
type Options struct {
	// MaxBytes, MaxDepth and MaxElements bound the document; 0 means 16 MB, 32
	// and 500,000: several times the largest files that are published. Names
	// and ids have at most 255 bytes.
	MaxBytes, MaxDepth, MaxElements int
}

// root returns the root element, if it is tag.
func root(name string, data []byte, o *Options, tag string, not error) (*etree.Element, error) {
	if o == nil {
		o = new(Options)
	}
	data, err := o.check(data)
	if err != nil {
		return nil, fmt.Errorf("admx: %s: %w", name, err)
	}
	doc := etree.NewDocument()
	doc.ReadSettings.CharsetReader = charset
	if err := doc.ReadFromBytes(data); err != nil {
		return nil, fmt.Errorf("admx: %s: %w", name, err)
	}
	if r := doc.Root(); r != nil && r.Tag == tag {
		return r, nil
	}
	return nil, fmt.Errorf("admx: %s: %w", name, not)
}

// maxName bounds the names in a document. One category's name is in the URIs
// of many policies, so a long one would become many.
const maxName = 255

func isName(attr string) bool {
	switch attr {
	case "name", "id", "ref", "refId", "prefix", "namespace":
		return true
	}
	return false
}

// check refuses documents whose tree would not fit, before it is built. It
// returns the document as UTF-8 without byte-order mark.
func (o *Options) check(data []byte) ([]byte, error) {
	limit := func(n, or int) int {
		if n > 0 {
			return n
		}
		return or
	}
	if n := limit(o.MaxBytes, 16<<20); len(data) > n {
		return nil, fmt.Errorf("%w: %d bytes, of %d allowed", ErrTooLarge, len(data), n)
	}
	data = utf8Text(data)
	maxDepth, maxElements := limit(o.MaxDepth, 32), limit(o.MaxElements, 500_000)
	d := xml.NewDecoder(bytes.NewReader(data))
	d.CharsetReader = charset
	depth, elements := 0, 0
	for {
		t, err := d.Token() // finds what is not well-formed, and says in which line; etree does not
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
			for _, a := range t.Attr {
				if len(a.Value) > maxName && isName(a.Name.Local) {
					line, _ := d.InputPos()
					return nil, fmt.Errorf("%w: line %d: a %s of %d bytes, of %d allowed", ErrTooLarge, line, a.Name.Local, len(a.Value), maxName)
				}
			}
		case xml.EndElement:
			depth--
		case xml.Directive:
			return nil, ErrDTD
		}
	}
}

// utf8Text takes the byte-order mark off, and turns UTF-16, in which tools of
// Windows like to save, into UTF-8.
func utf8Text(data []byte) []byte {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(data, []byte("\xFF\xFE")):
		order = binary.LittleEndian
	case bytes.HasPrefix(data, []byte("\xFE\xFF")):
		order = binary.BigEndian
	default:
		return bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF"))
	}
	units := make([]uint16, 0, len(data)/2)
	for data = data[2:]; len(data) >= 2; data = data[2:] {
		units = append(units, order.Uint16(data))
	}
	return []byte(string(utf16.Decode(units)))
}

// charset takes the names of what is UTF-8 by now.
func charset(label string, r io.Reader) (io.Reader, error) {
	switch strings.ToLower(label) {
	case "utf-8", "us-ascii", "ascii", "utf-16", "unicode":
		return r, nil
	}
	return nil, fmt.Errorf("encoding %q is not read; save the file as UTF-8", label)
}
