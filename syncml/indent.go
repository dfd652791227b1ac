package syncml

import (
	"bytes"
	"unicode/utf8"
)

// Indent appends the XML message in src to dst for people to read: elements that hold elements take a line for each,
// indented by indent. What stands in Data and in other texts stays as it is, so the outcome still decodes to the same
// message; but it is not what goes over a wire, where some peers stop at white space. src may be any XML, as far as it
// goes: a capture that was cut off is shown to its end. src may also be broken; nothing is lost of it.
func Indent(dst, src []byte, indent string) []byte {
	depth := 0
	leaf := false // the tag before was a start tag
	text := false // characters came since the tag before
	inData := 0   // open elements from Data on
	line := func() {
		dst = append(dst, '\n')
		for range depth {
			dst = append(dst, indent...)
		}
	}
	first := len(dst)
	for len(src) > 0 {
		if src[0] != '<' {
			n := bytes.IndexByte(src, '<')
			if n < 0 {
				n = len(src)
			}
			blank := len(bytes.TrimSpace(src[:n])) == 0
			if inData > 0 || !blank || leaf && bytes.HasPrefix(src[n:], []byte("</")) {
				dst = append(dst, src[:n]...)
				text = true
			}
			src = src[n:]
			continue
		}
		n := tagLen(src)
		tag := src[:n]
		src = src[n:]
		switch {
		case len(tag) > 1 && (tag[1] == '!' || tag[1] == '?'):
			if inData == 0 && !leaf && len(dst) > first {
				line()
			}
			dst = append(dst, tag...)
			text = text || bytes.HasPrefix(tag, []byte(cdataOpen))
			continue
		case len(tag) > 1 && tag[1] == '/':
			depth = max(0, depth-1)
			if inData > 0 {
				inData--
			} else if !leaf && !text {
				line()
			}
			dst = append(dst, tag...)
			leaf, text = false, false
			continue
		}
		if inData == 0 && len(dst) > first {
			line()
		}
		dst = append(dst, tag...)
		text = false
		if leaf = !bytes.HasSuffix(tag, []byte("/>")); leaf {
			depth++
			if inData > 0 || isData(tag) {
				inData++
			}
		}
	}
	return dst
}

// isData reports whether a start tag is that of Data, whose content must stay as it is.
func isData(tag []byte) bool {
	name := tag[1:]
	if i := bytes.IndexAny(name, " \t\r\n/>"); i >= 0 {
		name = name[:i]
	}
	return string(name[bytes.IndexByte(name, ':')+1:]) == "Data"
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
