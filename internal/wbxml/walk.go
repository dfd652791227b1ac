package wbxml

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A Note says what some octets of a document mean.
type Note struct {
	Offset  int64
	Bytes   []byte
	Depth   int // of the element they stand in
	Meaning string
}

// Names tells what the tags of a kind of document are called. It returns nil for a kind that the caller does not know.
// A tag without a name is shown by its numbers.
type Names func(h Header) func(Tag) string

// Walk explains data, which may hold several documents, and opaque data that is itself a document of a kind that names
// knows. It goes on to the last token that is whole, notes what is left behind it and why it is not understood, and
// returns the error that a Reader gives. It also ends, without an error, when yield returns false.
func Walk(data []byte, l Limits, names Names, yield func(Note) bool) error {
	w := walker{data: data, limits: l, names: names, yield: yield}
	return w.documents()
}

type walker struct {
	data    []byte
	limits  Limits
	names   Names
	yield   func(Note) bool
	base    int64 // where data stands in the whole input
	depth   int   // of the element that holds data
	nested  int
	stopped bool
}

func (w *walker) note(from, to int64, depth int, format string, a ...any) {
	if w.stopped {
		return
	}
	w.stopped = !w.yield(Note{
		Offset:  w.base + from,
		Bytes:   w.data[from:to:to],
		Depth:   w.depth + depth,
		Meaning: fmt.Sprintf(format, a...),
	})
}

func (w *walker) documents() error {
	var r Reader
	var after []func() // attributes stand behind the tag that Next has not returned yet
	r.Skipped = func(what Skipped, from, to int64) {
		depth := r.Depth()
		switch what {
		case SwitchPage:
			w.note(from, to, depth, "switch to code page %d", w.data[from+1])
		case Attributes:
			after = append(after, func() { w.note(from, to, depth, "attributes, read over") })
		case Instruction:
			w.note(from, to, depth, "processing instruction, read over")
		case Extension:
			w.note(from, to, depth, "extension token, read over")
		}
	}
	r.ResetBytes(w.data, w.limits)
	for !w.stopped {
		h, err := r.Header()
		if err == io.EOF {
			return nil
		} else if err != nil {
			return w.broken(&r, r.origin, err)
		}
		w.header(h, r.origin)
		name := w.names(h)
		if name == nil {
			name = func(Tag) string { return "" }
		}
		if err := w.body(&r, name, &after); err != nil {
			return err
		}
	}
	return nil
}

// header notes the parts of h, whose octets have the lengths that they have in the input.
func (w *walker) header(h Header, at int64) {
	part := func(n int64, format string, a ...any) {
		w.note(at, at+n, 0, format, a...)
		at += n
	}
	number := func() int64 {
		n := int64(1)
		for w.data[at+n-1] >= 0x80 {
			n++
		}
		return n
	}
	part(1, "WBXML 1.%d", h.Version)
	if h.PublicID != 0 {
		part(number(), "public id %#x", h.PublicID)
	} else {
		part(number(), "public id in the string table")
		part(number(), "%q", h.PublicText)
	}
	part(number(), "character set %d", h.Charset)
	part(number(), "string table of %d octets", len(h.Table))
	if len(h.Table) > 0 {
		part(int64(len(h.Table)), "%q", h.Table)
	}
}

func (w *walker) body(r *Reader, name func(Tag) string, after *[]func()) error {
	var stack []string
	for !w.stopped {
		*after = (*after)[:0]
		begin := r.End()
		k, err := r.Next()
		from, to := r.Offset(), r.End()
		depth := r.Depth()
		switch {
		case err != nil && r.done:
			return nil
		case err != nil:
			return w.broken(r, max(begin, from), err)
		case k == Start:
			s := string(r.Name())
			if t := r.Tag(); t.Token != 0 {
				if s = name(t); s == "" {
					s = fmt.Sprintf("unknown tag %#02x of page %d", t.Token, t.Page)
				}
			}
			stack = append(stack, s)
			if r.open {
				s += "/"
			}
			end := to
			if len(*after) > 0 {
				end = w.endOfTag(from)
			}
			w.note(from, end, depth-1, "<%s>", s)
			for _, f := range *after {
				f()
			}
		case k == End:
			s := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if begin != to { // else the element had no content, and the tag has said so
				w.note(from, to, depth, "</%s>", s)
			}
		case k == Text:
			w.note(from, to, depth, "%s", quote(r.Bytes()))
		case k == Opaque:
			w.opaque(r, from, to)
		}
	}
	return nil
}

// endOfTag returns where a tag with attributes ends that begins at from: behind the index, if it is a literal one.
func (w *walker) endOfTag(from int64) int64 {
	if w.data[from]&tokenMask != tokLiteral {
		return from + 1
	}
	for from++; w.data[from] >= 0x80; from++ {
	}
	return from + 1
}

// opaque notes opaque data, as a document where it is one.
func (w *walker) opaque(r *Reader, from, to int64) {
	b := r.Bytes()
	var inner Reader
	inner.ResetBytes(b, w.limits)
	h, err := inner.Header()
	if err != nil || w.names(h) == nil || w.nested == 4 {
		w.note(from, to, r.Depth(), "%d opaque octets %s", len(b), quote(b))
		return
	}
	at := to - int64(len(b))
	w.note(from, at, r.Depth(), "%d opaque octets, a document:", len(b))
	sub := walker{data: b, limits: w.limits, names: w.names, yield: w.yield,
		base: w.base + at, depth: w.depth + r.Depth() + 1, nested: w.nested + 1}
	_ = sub.documents() // has noted what is wrong inside, which does not hide what comes after
	w.stopped = w.stopped || sub.stopped
}

// broken notes what is left where a token cannot be read.
func (w *walker) broken(r *Reader, from int64, err error) error {
	w.note(from, int64(len(w.data)), r.Depth(), "not understood: %v", err)
	if e, ok := err.(*Error); ok {
		err = &Error{Offset: w.base + e.Offset, Err: e.Err}
	}
	return err
}

// quote shows text, the middle of a long one left out.
func quote(b []byte) string {
	const show = 64
	if len(b) <= show+16 {
		return strconv.Quote(string(b))
	}
	return fmt.Sprintf("%s… (%d octets)", strings.TrimSuffix(strconv.Quote(string(b[:show])), `"`), len(b))
}
