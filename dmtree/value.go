package dmtree

import (
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A Value is what a node holds, with its format and MIME type. The zero Value
// is Null. Values are immutable and safe for concurrent use; compare them with
// Equal.
type Value struct {
	text   string  // wire text; for FormatBin the bytes themselves
	mime   string  // "" for the default
	hidden *string // holds text in place of text if the value is secret, so that no printer reaches it
	format Format
}

// Null is the value of a leaf that has none.
var Null Value

// String returns a value of format chr. Text that is not UTF-8 is kept, but
// cannot be sent as it is.
func String(s string) Value { return Value{format: FormatChr, text: s} }

// Int returns a value of format int. OMA DM knows 32 bits; Windows has nodes
// with more.
func Int(i int64) Value { return Value{format: FormatInt, text: strconv.FormatInt(i, 10)} }

// Bool returns a value of format bool.
func Bool(b bool) Value { return Value{format: FormatBool, text: strconv.FormatBool(b)} }

// Bytes returns a value of format bin, whose text is base64.
func Bytes(b []byte) Value { return Value{format: FormatBin, text: string(b)} }

// Base64 returns a value of format b64: a node that describes itself as holding
// base64 text, as many of Windows do. Bytes holds the same content as bin.
func Base64(b []byte) Value {
	return Value{format: FormatB64, text: base64.StdEncoding.EncodeToString(b)}
}

// XML returns a value of format xml. Whether s is well formed is not checked.
func XML(s string) Value { return Value{format: FormatXML, text: s} }

// Date returns a value of format date, the day of t in its own location.
func Date(t time.Time) Value { return Value{format: FormatDate, text: t.Format(time.DateOnly)} }

// Time returns a value of format time: t in UTC to the second, with its date.
func Time(t time.Time) Value {
	return Value{format: FormatTime, text: t.UTC().Format("2006-01-02T15:04:05Z")}
}

// Float returns a value of format float, rounded to single precision.
func Float(f float64) Value {
	switch {
	case math.IsInf(float64(float32(f)), 1):
		return Value{format: FormatFloat, text: "INF"}
	case math.IsInf(float64(float32(f)), -1):
		return Value{format: FormatFloat, text: "-INF"}
	}
	return Value{format: FormatFloat, text: strconv.FormatFloat(f, 'g', -1, 32)}
}

// Interior returns the value of an interior node: the names of its children,
// not escaped. Empty names are left out.
func Interior(names ...string) Value {
	n := 0
	for _, name := range names {
		n += len(name) + 1
	}
	b := make([]byte, 0, n)
	for _, name := range names {
		if name == "" {
			continue
		}
		if len(b) > 0 {
			b = append(b, '/')
		}
		b = appendEscaped(b, name)
	}
	return Value{format: FormatNode, text: string(b)}
}

// Parse reads the text of a value as it comes from the wire. The text must fit
// the format; the error wraps ErrFormat and does not repeat the text. White
// space around numbers, booleans, dates and base64 is ignored. Integers may be
// written in hexadecimal with 0x, as Windows writes result codes, and booleans
// as 1 and 0.
func Parse(f Format, text string) (Value, error) {
	trimmed := strings.Trim(text, " \t\r\n")
	bad := func(want string) (Value, error) {
		return Null, fmt.Errorf("%w: the text is not %s", ErrFormat, want)
	}
	switch f {
	case FormatNull:
		if trimmed != "" {
			return bad("empty, as format null demands")
		}
		return Null, nil
	case FormatChr, FormatXML:
		if !utf8.ValidString(text) {
			return bad("UTF-8")
		}
		return Value{format: f, text: text}, nil
	case FormatB64, FormatBin:
		b, err := decodeBase64(trimmed)
		if err != nil {
			return bad("base64")
		}
		if f == FormatBin {
			return Bytes(b), nil
		}
		return Value{format: f, text: trimmed}, nil
	case FormatBool:
		switch {
		case strings.EqualFold(trimmed, "true") || trimmed == "1":
			return Bool(true), nil
		case strings.EqualFold(trimmed, "false") || trimmed == "0":
			return Bool(false), nil
		}
		return bad("true or false")
	case FormatInt:
		i, err := parseInt(trimmed)
		if err != nil {
			return bad("an integer of at most 64 bits")
		}
		return Int(i), nil
	case FormatNode:
		return parseNames(text)
	case FormatDate:
		if _, err := parseTime(trimmed, dateLayouts); err != nil {
			return bad("an ISO 8601 date")
		}
		return Value{format: f, text: trimmed}, nil
	case FormatTime:
		if _, err := parseTime(trimmed, timeLayouts); err != nil {
			return bad("an ISO 8601 time")
		}
		return Value{format: f, text: trimmed}, nil
	case FormatFloat:
		if _, err := parseFloat(trimmed); err != nil {
			return bad("a number")
		}
		return Value{format: f, text: trimmed}, nil
	}
	return Null, fmt.Errorf("%w: unknown format", ErrFormat)
}

func parseNames(text string) (Value, error) {
	if text == "" {
		return Interior(), nil
	}
	var names []string
	for seg := range strings.SplitSeq(text, "/") {
		if _, reason := scanSegment(seg); reason != "" {
			return Null, fmt.Errorf("%w: the text is no list of names: %s", ErrFormat, reason)
		}
		names = append(names, unescape(seg))
	}
	return Interior(names...), nil
}

// WithType returns v with the MIME type of its content, or, for an interior
// node, the identifier of the management object. The empty type stands for the
// default, text/plain.
func (v Value) WithType(mime string) Value {
	v.mime = mime
	return v
}

// Type returns what WithType has set, else "".
func (v Value) Type() string { return v.mime }

// Format returns the format of v.
func (v Value) Format() Format { return v.format }

// Secret returns v marked so that String, and with it every log and trace,
// shows only that there is a value. Text and the typed accessors still give
// it.
func (v Value) Secret() Value {
	if v.hidden == nil {
		text := v.text
		v.hidden, v.text = &text, ""
	}
	return v
}

// IsSecret reports whether v was marked with Secret.
func (v Value) IsSecret() bool { return v.hidden != nil }

// IsNull reports whether v is the value of a leaf without one.
func (v Value) IsNull() bool { return v.format == FormatNull }

// IsInterior reports whether v is the value of an interior node.
func (v Value) IsInterior() bool { return v.format == FormatNode }

// Text returns the text of v on the wire: base64 for binary content, escaped
// names joined by slashes for an interior node, "" for Null. It never fails.
func (v Value) Text() string {
	if v.format == FormatBin {
		return base64.StdEncoding.EncodeToString([]byte(v.raw()))
	}
	return v.raw()
}

// String returns Text, or "[secret]" for a value marked with Secret. Use it
// for people; what goes to a peer is Text.
func (v Value) String() string {
	if v.hidden != nil {
		return "[secret]"
	}
	return v.Text()
}

// GoString is String with the format before it, so that %#v shows no secret.
func (v Value) GoString() string { return v.format.String() + "(" + strconv.Quote(v.String()) + ")" }

// LogValue makes a Value log as its String.
func (v Value) LogValue() slog.Value { return slog.StringValue(v.String()) }

// Equal reports whether v and w have the same format, type and content.
// Whether they are secret does not count, nor how a number, date or base64 is
// spelled, nor the order of the names of an interior node.
func (v Value) Equal(w Value) bool {
	if v.format != w.format || v.mime != w.mime {
		return false
	}
	if v.raw() == w.raw() {
		return true
	}
	switch v.format {
	case FormatB64:
		a, errA := v.Bytes()
		b, errB := w.Bytes()
		return errA == nil && errB == nil && string(a) == string(b)
	case FormatDate, FormatTime:
		a, errA := v.Time()
		b, errB := w.Time()
		return errA == nil && errB == nil && a.Equal(b)
	case FormatFloat:
		a, errA := v.Float()
		b, errB := w.Float()
		return errA == nil && errB == nil && a == b
	case FormatNode:
		count := make(map[string]int)
		for name := range v.Names() {
			count[name]++
		}
		for name := range w.Names() {
			if count[name]--; count[name] < 0 {
				return false
			}
		}
		for _, n := range count {
			if n != 0 {
				return false
			}
		}
		return true
	}
	return false
}

// Int returns the integer that v holds as int, or as text that reads as one.
func (v Value) Int() (int64, error) {
	if v.format != FormatInt && v.format != FormatChr {
		return 0, v.not("an integer")
	}
	i, err := parseInt(strings.Trim(v.raw(), " \t\r\n"))
	if err != nil {
		return 0, v.not("an integer")
	}
	return i, nil
}

// Bool returns the truth that v holds as bool, or as text or integer that
// reads as one: true and false, 1 and 0.
func (v Value) Bool() (bool, error) {
	if v.format == FormatBool || v.format == FormatChr || v.format == FormatInt {
		switch s := strings.Trim(v.raw(), " \t\r\n"); {
		case s == "1" || strings.EqualFold(s, "true"):
			return true, nil
		case s == "0" || strings.EqualFold(s, "false"):
			return false, nil
		}
	}
	return false, v.not("true or false")
}

// Bytes returns the content of v: decoded for b64, as it is for bin, the bytes
// of the text for chr and xml.
func (v Value) Bytes() ([]byte, error) {
	switch v.format {
	case FormatBin, FormatChr, FormatXML:
		return []byte(v.raw()), nil
	case FormatB64:
		b, err := decodeBase64(v.raw())
		if err != nil {
			return nil, v.not("base64")
		}
		return b, nil
	}
	return nil, v.not("binary or text")
}

// Time returns the date or time that v holds as date, time or text. A time
// without a zone is taken as UTC, a time without a date is in the year 0.
func (v Value) Time() (time.Time, error) {
	var layouts []string
	switch v.format {
	case FormatDate:
		layouts = dateLayouts
	case FormatTime:
		layouts = timeLayouts
	case FormatChr:
		layouts = append(append(layouts, dateLayouts...), timeLayouts...)
	}
	t, err := parseTime(strings.Trim(v.raw(), " \t\r\n"), layouts)
	if err != nil {
		return time.Time{}, v.not("a date or time")
	}
	return t, nil
}

// Float returns the number that v holds as float, int or text.
func (v Value) Float() (float64, error) {
	if v.format == FormatFloat || v.format == FormatInt || v.format == FormatChr {
		if f, err := parseFloat(strings.Trim(v.raw(), " \t\r\n")); err == nil {
			return f, nil
		}
	}
	return 0, v.not("a number")
}

// Names iterates over the names of the children of an interior node, not
// escaped. Other values have none.
func (v Value) Names() iter.Seq[string] {
	return func(yield func(string) bool) {
		if v.format != FormatNode {
			return
		}
		for rest := v.raw(); rest != ""; {
			var seg string
			seg, rest, _ = strings.Cut(rest, "/")
			if !yield(unescape(seg)) {
				return
			}
		}
	}
}

// Size returns the number of bytes of the content: what the property Size and
// Meta/Size of a large object count (DM TND). For b64 and bin that is
// the decoded content.
func (v Value) Size() int {
	if v.format == FormatB64 {
		if b, err := decodeBase64(v.raw()); err == nil {
			return len(b)
		}
	}
	return len(v.raw())
}

func (v Value) raw() string {
	if v.hidden != nil {
		return *v.hidden
	}
	return v.text
}

func (v Value) not(want string) error {
	return fmt.Errorf("dmtree: a value of format %s does not read as %s: %w", v.format, want, ErrFormat)
}

// decodeBase64 takes base64 with line breaks and blanks in it.
func decodeBase64(s string) ([]byte, error) {
	if strings.ContainsAny(s, " \t\r\n") {
		s = strings.Map(func(r rune) rune {
			if r == ' ' || r == '\t' || r == '\r' || r == '\n' {
				return -1
			}
			return r
		}, s)
	}
	return base64.StdEncoding.Strict().DecodeString(s)
}

// parseInt reads decimal and 0x hexadecimal integers.
func parseInt(s string) (int64, error) {
	digits, base := strings.TrimLeft(s, "+-"), 10
	if len(s)-len(digits) > 1 {
		return 0, errSyntax
	}
	if len(digits) > 2 && (digits[:2] == "0x" || digits[:2] == "0X") {
		digits, base = digits[2:], 16
	}
	if digits == "" || digits[0] == '+' || digits[0] == '-' {
		return 0, errSyntax
	}
	if s[0] == '-' {
		digits = "-" + digits
	}
	return strconv.ParseInt(digits, base, 64)
}

// parseFloat reads the lexical forms of XML Schema, which are fewer than Go's.
func parseFloat(s string) (float64, error) {
	switch s {
	case "INF":
		return math.Inf(1), nil
	case "-INF":
		return math.Inf(-1), nil
	case "NaN":
		return math.NaN(), nil
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && c != '+' && c != '-' && c != '.' && c != 'e' && c != 'E' {
			return 0, errSyntax
		}
	}
	return strconv.ParseFloat(s, 64)
}

var errSyntax = errors.New("syntax")

var (
	dateLayouts = []string{"2006-01-02", "20060102", "2006-01-02Z07:00"}
	timeLayouts = []string{
		"15:04:05", "150405", "15:04", "15:04:05Z07:00", "150405Z0700",
		"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05", "20060102T150405Z0700", "20060102T150405", "2006-01-02T15:04",
	}
)

func parseTime(s string, layouts []string) (time.Time, error) {
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errSyntax
}
