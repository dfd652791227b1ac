package syncml

import (
	"bytes"
	"strings"

	"github.com/omadm-sdk/omadm/internal/wbxml"
)

// An Item is what a command acts on: a node, its value, and what that value is.
type Item struct {
	Target, Source Location
	Meta           Meta // overrides the command's, field by field; see [Meta.Or]
	Data           Data
	MoreData       bool // Data is a chunk, and not the last
	Unknown        []Element
}

// Values of Meta.Format; absent means chr.
const (
	FormatB64   = "b64"   // base64
	FormatBin   = "bin"   // bytes; in XML they go as base64 under b64
	FormatBool  = "bool"  // true or false
	FormatChr   = "chr"   // characters
	FormatDate  = "date"  // ISO 8601, with the century
	FormatFloat = "float" // single precision, as XML Schema writes it
	FormatInt   = "int"   // 32 bits, signed, decimal
	FormatNode  = "node"  // an interior node
	FormatNull  = "null"  // no value
	FormatTime  = "time"  // ISO 8601
	FormatXML   = "xml"   // XML, escaped or as markup
)

// Meta is the MetInf vocabulary: what Data is, and what the sender can take. An empty string, 0 and false are absent.
type Meta struct {
	Format     string     // chr when absent; also b64, bin, bool, int, node, null, xml, date, time, float
	Type       string     // a media type, text/plain when absent; an authentication scheme in Cred and Chal
	Mark       string     // severity of a generic alert: fatal, critical, minor, warning, informational, ...
	Size       int64      // bytes of the whole object, in its first chunk
	NextNonce  string     // base64, in Chal only
	MaxMsgSize int64      // bytes; largest message the sender accepts, in SyncHdr
	MaxObjSize int64      // bytes; largest object the sender accepts, in SyncHdr
	Extra      *MetaExtra // what DM hardly uses; nil when none of it is there
}

// MetaExtra holds the elements of MetInf that belong to data synchronisation, and experimental ones.
type MetaExtra struct {
	FieldLevel bool
	Anchor     *Anchor
	Version    string
	EMI        []string // experimental meta information, any text
	Mem        *Mem
	Unknown    []Element
}

// An Anchor says how far a synchronisation has come.
type Anchor struct{ Last, Next string }

// Mem says how much memory a data store has left.
type Mem struct {
	SharedMem       bool
	FreeMem, FreeID int64
}

// IsZero reports whether nothing is there.
func (m *Meta) IsZero() bool {
	return m.Format == "" && m.Type == "" && m.Mark == "" && m.Size == 0 && m.NextNonce == "" &&
		m.MaxMsgSize == 0 && m.MaxObjSize == 0 && m.Extra == nil
}

// Or returns m with its absent fields taken from command: the Meta in force for an item (RepPro: Meta of the item
// overrides Meta of the command).
func (m Meta) Or(command Meta) Meta {
	if m.Format == "" {
		m.Format = command.Format
	}
	if m.Type == "" {
		m.Type = command.Type
	}
	if m.Mark == "" {
		m.Mark = command.Mark
	}
	if m.Size == 0 {
		m.Size = command.Size
	}
	if m.NextNonce == "" {
		m.NextNonce = command.NextNonce
	}
	if m.MaxMsgSize == 0 {
		m.MaxMsgSize = command.MaxMsgSize
	}
	if m.MaxObjSize == 0 {
		m.MaxObjSize = command.MaxObjSize
	}
	if m.Extra == nil {
		m.Extra = command.Extra
	}
	return m
}

// WithDefaults returns m with what the absence of Format and Type means: chr and text/plain.
func (m Meta) WithDefaults() Meta {
	if m.Format == "" {
		m.Format = FormatChr
	}
	if m.Type == "" {
		m.Type = "text/plain"
	}
	return m
}

// Data is what an item holds, as the wire spells it: this package never interprets it. The zero Data is absent.
type Data struct {
	kind   DataKind
	inline bool // of characters: UTF-8 without NUL, so that WBXML need not look at them again
	s      string
	b      []byte // in place of s when not nil
}

// DataKind tells how Data is spelled.
type DataKind uint8

const (
	DataAbsent DataKind = iota // no Data element
	DataEmpty                  // a Data element without content, however it was spelled
	DataText                   // characters
	DataCDATA                  // characters in a CDATA section; in WBXML the same as DataText
	DataOpaque                 // bytes: OPAQUE in WBXML; base64 in XML where the format is binary, else characters
	DataMarkup                 // child elements, kept as XML
)

// String returns the name of the kind: "absent", "empty", "text", "CDATA", "opaque" or "markup".
func (k DataKind) String() string {
	switch k {
	case DataAbsent:
		return "absent"
	case DataEmpty:
		return "empty"
	case DataText:
		return "text"
	case DataCDATA:
		return "CDATA"
	case DataOpaque:
		return "opaque"
	case DataMarkup:
		return "markup"
	}
	return "invalid"
}

func (k DataKind) characters() bool { return k == DataText || k == DataCDATA }

// Empty is Data that is there and holds nothing.
func Empty() Data { return Data{kind: DataEmpty} }

// Text returns Data of characters, which are escaped when they are written. An empty s gives [Empty].
func Text(s string) Data { return newData(DataText, s) }

// CDATA returns Data that XML spells as a CDATA section (as several, where s holds "]]>"). An empty s gives [Empty].
func CDATA(s string) Data { return newData(DataCDATA, s) }

// Markup returns Data of child elements: s is well-formed XML that declares the namespaces and prefixes it uses, and is
// written as it is, but for line ends, which in XML are line feeds. An empty s gives [Empty].
func Markup(s string) Data {
	if strings.IndexByte(s, '\r') >= 0 {
		s = string(appendLines(nil, []byte(s)))
	}
	return newData(DataMarkup, s)
}

// Opaque returns Data of bytes. b must not change as long as the Data is in use. An empty b gives [Empty].
func Opaque(b []byte) Data {
	if len(b) == 0 {
		return Empty()
	}
	return Data{kind: DataOpaque, b: b}
}

func newData(k DataKind, s string) Data {
	if s == "" {
		return Empty()
	}
	return Data{kind: k, inline: k.characters() && wbxml.IsInline(s), s: s}
}

// Kind tells what is there and how it is spelled.
func (d Data) Kind() DataKind { return d.kind }

// IsAbsent reports whether there is no Data element at all.
func (d Data) IsAbsent() bool { return d.kind == DataAbsent }

// Len returns the length of the content in bytes.
func (d Data) Len() int {
	if d.b != nil {
		return len(d.b)
	}
	return len(d.s)
}

// String returns the content: characters with entities resolved, bytes as they are, markup as XML. The string may be
// kept. It is "" for absent and for empty Data.
func (d Data) String() string {
	if d.b != nil {
		return string(d.b)
	}
	return d.s
}

// Bytes returns the same as String, without a copy where the Data came from a [Decoder]: it is then valid as long as the
// command it belongs to, and must not be changed.
func (d Data) Bytes() []byte {
	if d.b != nil {
		return d.b
	}
	return []byte(d.s)
}

// AppendTo appends the content to dst.
func (d Data) AppendTo(dst []byte) []byte {
	if d.b != nil {
		return append(dst, d.b...)
	}
	return append(dst, d.s...)
}

// As returns the same content spelled as k. Absent Data and empty Data stay what they are.
func (d Data) As(k DataKind) Data {
	if d.kind > DataEmpty && k > DataEmpty {
		d.kind = k
	}
	return d
}

// Equal reports whether both hold the same content, absent and empty kept apart, text in CDATA or not alike.
func (d Data) Equal(o Data) bool {
	if (d.kind == DataAbsent) != (o.kind == DataAbsent) {
		return false
	}
	switch {
	case d.b == nil && o.b == nil:
		return d.s == o.s
	case d.b == nil:
		return d.s == string(o.b)
	case o.b == nil:
		return string(d.b) == o.s
	}
	return bytes.Equal(d.b, o.b)
}
