package syncml

import (
	"bytes"
	"unicode/utf8"
)

// Indent appends the XML message in src to dst for people to read: elements that hold elements take a line for each,
// indented by indent. What stands in Data, in other texts and among them stays as it is, so the outcome still decodes to
// the same message (elements that [DecoderOptions.KeepUnknown] keeps are laid out too); but it is not what goes over a
// wire, where some peers stop at white space. src may be any XML, as far as it goes: a capture that was cut off is shown
// to its end. src may also be broken; nothing is lost of it. UTF-16 is appended as it is.
func Indent(dst, src []byte, indent string) []byte {
	if utf16Order(src) != nil {
		return append(dst, src...)
	}
	if bytes.HasPrefix(src, []byte(bom)) {
		dst, src = append(dst, bom...), src[len(bom):]
	}
	asIs := texts(src)
	tags := 0     // start tags so far
	depth := 0    // of elements
	inText := 0   // open elements from one on whose content stays as it is
	text := false // characters came since the tag before
	first := len(dst)
	line := func() {
		if inText > 0 || len(dst) == first {
			return
		}
		dst = append(dst, '\n')
		for range depth {
			dst = append(dst, indent...)
		}
	}
	for len(src) > 0 {
		n, kind := piece(src)
		part := src[:n]
		src = src[n:]
		switch kind {
		case pieceText:
			if inText == 0 && len(trim(part)) == 0 {
				continue
			}
			text = true
		case pieceCDATA:
			text = true
		case pieceOther:
			line()
		case pieceStart, pieceEmpty:
			line()
			text = false
			if tags++; kind == pieceEmpty {
				break
			}
			depth++
			if inText > 0 || asIs[tags-1] {
				inText++
			}
		case pieceEnd:
			depth = max(0, depth-1)
			if !text {
				line()
			}
			inText, text = max(0, inText-1), false
		}
		dst = append(dst, part...)
	}
	return dst
}

const bom = "\uFEFF"

// texts tells of each start tag of src whether the content of its element must stay as it is, because white space counts
// in it: where it holds no elements, or characters beside them, or is one that keeps the white space around its text.
func texts(src []byte) []bool {
	type element struct {
		tag                         int
		elements, characters, known bool
	}
	var asIs []bool
	var open []element
	for len(src) > 0 {
		n, kind := piece(src)
		part := src[:n]
		src = src[n:]
		if len(open) > 0 {
			in := &open[len(open)-1]
			in.elements = in.elements || kind == pieceStart || kind == pieceEmpty
			in.characters = in.characters || kind == pieceCDATA || kind == pieceText && len(trim(part)) > 0
		}
		switch kind {
		case pieceStart, pieceEmpty:
			id := elemOf(localName(part))
			asIs = append(asIs, id == elData || id == elLocName || id == elCorrelator || id == elEMI)
			if kind == pieceStart {
				_, known := contents[id] // characters in these mean nothing
				open = append(open, element{tag: len(asIs) - 1, known: known})
			}
		case pieceEnd:
			if len(open) > 0 {
				e := open[len(open)-1]
				open = open[:len(open)-1]
				asIs[e.tag] = asIs[e.tag] || !e.elements || e.characters && !e.known
			}
		}
	}
	for _, e := range open {
		asIs[e.tag] = asIs[e.tag] || !e.elements || e.characters && !e.known
	}
	return asIs
}

// A pieceKind tells what a piece of XML is.
type pieceKind int

const (
	pieceText  pieceKind = iota
	pieceCDATA           // a section
	pieceOther           // a comment, a declaration or an instruction
	pieceStart
	pieceEmpty // <x/>
	pieceEnd
)

// piece returns the length of the piece at the start of src, and what it is.
func piece(src []byte) (int, pieceKind) {
	if src[0] != '<' {
		if n := bytes.IndexByte(src, '<'); n >= 0 {
			return n, pieceText
		}
		return len(src), pieceText
	}
	n := tagLen(src)
	switch tag := src[:n]; {
	case bytes.HasPrefix(tag, []byte(cdataOpen)):
		return n, pieceCDATA
	case len(tag) > 1 && (tag[1] == '!' || tag[1] == '?'):
		return n, pieceOther
	case len(tag) > 1 && tag[1] == '/':
		return n, pieceEnd
	case bytes.HasSuffix(tag, []byte("/>")):
		return n, pieceEmpty
	}
	return n, pieceStart
}

// localName returns the name in a start tag, without its prefix.
func localName(tag []byte) []byte {
	name := tag[1:]
	if i := bytes.IndexAny(name, " \t\r\n/>"); i >= 0 {
		name = name[:i]
	}
	return name[bytes.IndexByte(name, ':')+1:]
}

// tagLen returns the length of the tag, comment, section or instruction at the start of src, or of all there is of it.
func tagLen(src []byte) int {
	end := ""
	switch {
	case bytes.HasPrefix(src, []byte("<!--")):
		end = "-->"
	case bytes.HasPrefix(src, []byte(cdataOpen)):
		end = cdataClose
	case bytes.HasPrefix(src, []byte("<?")):
		end = "?>"
	}
	if end != "" {
		if i := bytes.Index(src, []byte(end)); i >= 0 {
			return i + len(end)
		}
		return len(src)
	}
	quote := byte(0)
	for i := 1; i < len(src); i++ {
		switch c := src[i]; {
		case c >= utf8.RuneSelf:
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return i + 1
		}
	}
	return len(src)
}
