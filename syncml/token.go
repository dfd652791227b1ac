package syncml

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/omadm-sdk/omadm/internal/wbxml"
)

// A source turns bytes, in one of the two spellings, into the tokens that the grammar of decode.go reads. It is pulled:
// child enters the next element, text or content consume the one just entered, and each element entered is left by exactly
// one call of child that answers elEnd, of text, of content or of skip.
//
// A source that has failed answers elEnd and empty texts from then on; the error is in its position.
type source interface {
	// start reads up to the start tag of the root element and enters that. It answers io.EOF where the input ends before
	// anything but white space came.
	start() error
	// child enters the next child of the current element, and answers elEnd when there is none, having left the element.
	// An element whose name is not known is elNone; position.name tells what it is called.
	child() elem
	// text returns the characters of the current element and leaves it. The bytes are valid until the command is done.
	text() []byte
	// content is text for elements that may hold anything; it also tells how it was spelled. Markup is XML.
	content() ([]byte, DataKind)
	// skip leaves the current element with all it holds. With keep, it returns the element as XML.
	// The id is the text of its CmdID child, if there is one.
	skip(keep bool) (id, xml string)
	// documentType returns what to call the markup that content answered last, where that is not what its Type says:
	// +wbxml is +xml by then. It answers once.
	documentType() string
	// attribute returns the msft:originalerror of the element entered or left last, or "".
	attribute() string
	// begin tells that a command starts; what the one before held may be overwritten.
	begin()
	// forgive reports a mistake that only strict reading minds, at the element entered or left last.
	forgive(err error)
	// fail ends the reading, at the same place.
	fail(err error)
	// close checks that nothing follows the message.
	close() error
	// at tells where the source stands.
	at() *position
}

// A sink writes tokens in one of the two spellings, behind what it has written before.
type sink interface {
	// start writes what precedes the first element, and the root's start tag. The version is that of SyncML, "1.2".
	start(version string)
	open(id elem)
	close(id elem)
	empty(id elem)
	// leaf writes an element that holds characters; the error is about characters that cannot be written.
	leaf(id elem, s string) error
	// number writes an element that holds a decimal number.
	number(id elem, n int64)
	// data writes a Data element. bytes says that opaque Data is to be read back as bytes; Meta then has said
	// binaryFormat. The last is the msft:originalerror of the element, or "".
	data(d Data, bytes bool, originalError string) error
	binaryFormat() string
	// carries reports whether data can write all of d.
	carries(d Data) bool
	// document gets markup ready that data will be called with next, and returns what its type is in this spelling:
	// documents within messages are of one type in XML and of another in WBXML.
	document(d Data, typ string) string
	// raw writes an element that is given as XML.
	raw(e Element) error
	// end closes the body, after Final if that is asked for, and the root; that takes no more than trailer bytes.
	end(final bool)
	trailer() int
	// mark and rewind undo what was written in between.
	mark() sinkMark
	rewind(sinkMark)
	// bytes is what was written. The encoder takes away from its front, and gives it a slice to append to.
	bytes() *[]byte
}

// A sinkMark is a place to which a sink can return: the length written, or what WBXML needs.
type sinkMark struct {
	len int
	bin wbxml.Mark
}

// A frame is an open element.
type frame struct {
	id    elem
	own   namespace // of the element
	ns    namespace // in force for children without a prefix
	nth   uint32    // among its siblings of the same name, from 1; 0: not counted
	name  uint32    // of the spelling in position.names, if it is not just the element's name
	nameN uint32
}

// A position is the path of open elements, shared by both sources.
type position struct {
	frames   []frame
	names    []byte // of the frames whose spelling is not just the element's name
	maxDepth int
	err      error // the first
}

// name returns the local name of the innermost open element.
func (p *position) name() string { return p.nameOf(len(p.frames) - 1) }

func (p *position) nameOf(i int) string {
	f := &p.frames[i]
	if f.nameN == 0 {
		return elemNames[f.id]
	}
	s := string(p.names[f.name : f.name+f.nameN])
	return s[strings.LastIndexByte(s, ':')+1:]
}

// count numbers the innermost element for error paths.
func (p *position) count(nth int) {
	if len(p.frames) > 0 {
		p.frames[len(p.frames)-1].nth = uint32(nth)
	}
}

// path returns where the source is, such as /SyncML/SyncBody/Replace[2]/Item.
func (p *position) path() string {
	if len(p.frames) == 0 {
		return "/"
	}
	var b strings.Builder
	for i := range p.frames {
		if b.Len() > 512 { // deep nesting is no reason for a long message
			b.WriteString("/...")
			break
		}
		b.WriteByte('/')
		name := p.nameOf(i)
		if len(name) > 64 {
			name = name[:64] + "..."
		}
		b.WriteString(name)
		if n := p.frames[i].nth; n > 1 {
			b.WriteString("[" + strconv.Itoa(int(n)) + "]")
		}
	}
	return b.String()
}

func syntaxf(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrSyntax}, args...)...)
}
