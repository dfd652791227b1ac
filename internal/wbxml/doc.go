// Package wbxml reads and writes the tokens of WAP binary XML, versions 1.1, 1.2 and 1.3. It knows no vocabulary: a tag
// is a number on a code page, and what it is called is the caller's business.
//
// A [Reader] yields the start and the end of elements and the text between them. Everything that carries neither
// (switches of the page, attributes, processing instructions, extension tokens) is read over with all that it holds, so
// that what follows is still found. A [Writer] appends tokens to a buffer and decides itself where a page must be
// switched and whether an element has content. [Walk] explains a document byte by byte.
//
// All three take time linear in the length of their input and memory bounded by [Limits], whatever the input is.
package wbxml

// Versions of WBXML, as the first octet of a document tells them.
const (
	V11 = 0x01
	V12 = 0x02
	V13 = 0x03
)

// Character sets, by their number in the registry of IANA (MIBenum).
const (
	ASCII = 3
	UTF8  = 106
)

// Global tokens, which mean the same on every code page.
const (
	tokSwitchPage = 0x00
	tokEnd        = 0x01
	tokEntity     = 0x02
	tokStrI       = 0x03
	tokLiteral    = 0x04
	tokExtI       = 0x40 // to 0x42
	tokPI         = 0x43
	tokLiteralC   = 0x44
	tokExtT       = 0x80 // to 0x82
	tokStrT       = 0x83
	tokLiteralA   = 0x84
	tokExt        = 0xC0 // to 0xC2
	tokOpaque     = 0xC3
	tokLiteralAC  = 0xC4
)

// Bits of a tag's octet beside its number.
const (
	hasContent    = 0x40
	hasAttributes = 0x80
	tokenMask     = 0x3F
)

// A Header is what stands before the body of a document.
type Header struct {
	Version    byte   // V11, V12 or V13
	PublicID   uint32 // the registered number of the document type; 0: PublicText names it
	PublicText []byte // valid until the next document
	Charset    uint32 // UTF8 or ASCII
	Table      []byte // the string table, valid until the next document
}

// A Tag is a number on a code page. Token is 0 for a literal tag, whose name is in the string table.
type Tag struct{ Page, Token byte }

// Limits bound what a document may ask for.
type Limits struct {
	Document int64 // bytes of a document; 0: no limit
	Text     int64 // bytes of one string, opaque value or list of attributes, and of the string table; 0: 1 GiB
	Depth    int   // elements within elements; 0: 64
	// Expansion is how many bytes references to the string table, and what Reader.Expand is told of, may yield for each
	// byte read so far, beside the 64 KiB that are always free; 0: 16. It keeps the work linear: without it, a megabyte of references to a string of a
	// megabyte would be a terabyte of text.
	Expansion int64
}

const (
	defaultText      = 1 << 30
	defaultDepth     = 64
	defaultExpansion = 16
	freeExpansion    = 64 << 10
)
