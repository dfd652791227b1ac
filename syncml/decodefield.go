package syncml

import (
	"fmt"
)

// data reads Data of an item.
func (d *Decoder) data() Data {
	b, kind := d.src.content()
	d.octets = d.octets || kind == DataOpaque
	if int64(len(b)) > d.maxText {
		d.tooLong(len(b))
		return Data{}
	}
	switch {
	case kind == DataAbsent: // after an error
		return Data{}
	case len(b) == 0:
		return Empty()
	case d.fresh:
		return Data{kind: kind, inline: kind.characters(), s: d.texts.add(b)}
	}
	return Data{kind: kind, inline: kind.characters(), b: b}
}

func (d *Decoder) tooLong(n int) {
	d.src.fail(fmt.Errorf("text of %d bytes, limit %d: %w", n, d.maxText, ErrTooLarge))
}

// word reads a text without the white space around it.
func (d *Decoder) word() []byte {
	b := d.src.text()
	if len(b) > 0 && (b[0] <= ' ' || b[len(b)-1] <= ' ') {
		b = trim(b)
	}
	if int64(len(b)) > d.maxText {
		d.tooLong(len(b))
		return nil
	}
	return b
}

// field reads a text without the white space around it.
func (d *Decoder) field() string { return d.string(d.word()) }

// exact reads a text that only its sender understands.
func (d *Decoder) exact() string {
	b := d.src.text()
	if int64(len(b)) > d.maxText {
		d.tooLong(len(b))
		return ""
	}
	return d.string(b)
}

func (d *Decoder) string(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if len(b) <= 3 {
		if s, ok := number(b); ok {
			return s
		}
	}
	if d.fresh {
		return d.texts.add(b)
	}
	return d.strings.get(b)
}

// secret reads a text that is not to stay in the table of strings; before is what it may be again.
func (d *Decoder) secret(before string) string {
	b := d.word()
	if string(b) == before {
		return before
	}
	return string(b)
}

// flag reads an element whose presence is all it says.
func (d *Decoder) flag() bool {
	if b := d.src.text(); d.check && len(trim(b)) > 0 {
		d.src.forgive(syntaxf("text where nothing belongs"))
	}
	return true
}

func (d *Decoder) cmdID() string {
	id := d.field()
	if d.check {
		if id == "" || id == "0" || d.ids[id] {
			d.src.forgive(syntaxf("CmdID %.20q is empty, 0 or there already", id))
		}
		if d.ids == nil {
			d.ids = make(map[string]bool)
		}
		d.ids[id] = true
	}
	return id
}

// name reads the name of an element.
func (d *Decoder) name() string {
	b := d.word()
	if id := elemOf(b); id != elNone {
		return elemNames[id]
	}
	return d.string(b)
}

func (d *Decoder) format() string {
	b := d.word()
	switch string(b) {
	case "chr":
		return "chr"
	case "int":
		return "int"
	case "b64":
		return "b64"
	case "bool":
		return "bool"
	case "node":
		return "node"
	case "xml":
		return "xml"
	case "bin":
		return "bin"
	case "null":
		return "null"
	case "date":
		return "date"
	case "time":
		return "time"
	case "float":
		return "float"
	}
	if d.check {
		d.src.forgive(syntaxf("Format %.20q", b))
	}
	return d.string(b)
}

func (d *Decoder) mediaType() string {
	b := d.word()
	if string(b) == "text/plain" {
		return "text/plain"
	}
	return d.string(b)
}

// number reads a count of bytes; what is none counts as absent.
func (d *Decoder) number() int64 {
	b := d.word()
	n, ok := decimal(b)
	if !ok {
		d.src.forgive(syntaxf("%.20q is not a number", b))
	}
	return n
}

// code reads the code of a Status or an Alert; what is none counts as absent.
func (d *Decoder) code() int {
	b := d.word()
	n, ok := decimal(b)
	if !ok || n > 99999 {
		d.src.forgive(syntaxf("%.20q is not a code", b))
		return 0
	}
	return int(n)
}

// decimal returns the number that b spells, up to 18 digits.
func decimal(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	n := int64(0)
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	return n, true
}
