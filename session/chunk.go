package session

import (
	"unicode/utf8"

	"github.com/omadm-sdk/omadm/syncml"
)

// An assembly puts the chunks of one large object together (DM Protocol, large objects). The zero assembly has none. It is stored with
// the session, as its fields.
type assembly struct {
	Cmd            string // name of the command that brings the object; empty: none is on its way
	Target, Source string
	Meta           syncml.Meta // of the first chunk, without Size
	Size           int64       // that was announced
	Binary         bool        // the data came as bytes
	Data           []byte
}

// open reports whether an object is on its way.
func (a *assembly) open() bool { return a.Cmd != "" }

// name returns what tells a from other objects.
func (a *assembly) name() assembly { return assembly{Cmd: a.Cmd, Target: a.Target, Source: a.Source} }

// continues reports whether it is a further chunk of the object that is on its way.
func (a *assembly) continues(c syncml.Command, it *syncml.Item) bool {
	return a.open() && a.Cmd == c.Name() && a.Target == it.Target.URI && a.Source == it.Source.URI
}

// drop forgets the object and returns the alert that tells its sender (1225).
func (a *assembly) drop() *syncml.Alert {
	it := syncml.Item{Target: syncml.Location{URI: a.Target}, Source: syncml.Location{URI: a.Source}}
	*a = assembly{}
	return &syncml.Alert{Code: syncml.AlertNoEndOfData, Items: []syncml.Item{it}}
}

// take adds a chunk: the first of an object if none is on its way, else the next one, which it must continue. meta is
// that of the command. It returns the whole item with the last chunk, and before that the status that answers the chunk:
// 213, or why the object has been dropped. No more than limit bytes are ever kept.
func (a *assembly) take(c syncml.Command, meta syncml.Meta, it *syncml.Item, limit int64) (*syncml.Item, syncml.StatusCode) {
	fail := func(code syncml.StatusCode) (*syncml.Item, syncml.StatusCode) {
		*a = assembly{}
		return nil, code
	}
	if !a.open() {
		m := it.Meta.Or(meta)
		switch {
		case m.Size <= 0:
			return fail(syncml.StatusSizeRequired)
		case m.Size > limit:
			return fail(syncml.StatusTooLarge)
		}
		*a = assembly{Cmd: c.Name(), Target: it.Target.URI, Source: it.Source.URI, Size: m.Size, Meta: m}
		a.Meta.Size = 0
		a.Binary = it.Data.Kind() == syncml.DataOpaque
	} else if m := it.Meta; m.Size != 0 && m.Size != a.Size {
		return fail(syncml.StatusSizeMismatch) // Size belongs into the first chunk; the same again is harmless
	}
	if int64(len(a.Data))+int64(it.Data.Len()) > a.Size {
		return fail(syncml.StatusSizeMismatch)
	}
	a.Data = it.Data.AppendTo(a.Data)
	if it.MoreData {
		return nil, syncml.StatusChunkAccepted
	}
	if int64(len(a.Data)) != a.Size {
		return fail(syncml.StatusSizeMismatch)
	}
	whole := *it
	whole.Meta = a.Meta
	whole.Data = syncml.Text(string(a.Data))
	if a.Binary {
		whole.Data = syncml.Opaque(a.Data)
	}
	*a = assembly{}
	return &whole, 0
}

// cut returns the chunk of it that starts at byte off of the data and holds at most n bytes, and where the next one
// starts. The first chunk carries the size of the whole. Characters are not cut apart, so text may come out shorter than
// n, but never empty.
func cut(it *syncml.Item, off, n int) (chunk syncml.Item, next int) {
	data := it.Data.Bytes()
	next = off + n
	if it.Data.Kind() != syncml.DataOpaque && next < len(data) {
		for next > off && !utf8.RuneStart(data[next]) {
			next--
		}
		if next == off {
			_, size := utf8.DecodeRune(data[off:])
			next = off + size
		}
	}
	next = min(next, len(data))
	chunk = *it
	chunk.Meta.Size = 0
	if off == 0 {
		chunk.Meta.Size = int64(len(data))
	}
	chunk.Data = syncml.Opaque(data[off:next:next])
	if k := it.Data.Kind(); k != syncml.DataOpaque {
		chunk.Data = syncml.Text(string(data[off:next])).As(k)
	}
	chunk.MoreData = next < len(data)
	return chunk, next
}
