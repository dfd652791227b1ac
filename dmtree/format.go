package dmtree

// A Format says how a value is to be read (MetInf).
type Format uint8

// The formats, in the order of the specification but for the zero Format.
const (
	FormatNull  Format = iota // no value
	FormatB64                 // binary in base64; its text is the base64
	FormatBin                 // binary; its text is base64 as well
	FormatBool                // true or false
	FormatChr                 // text
	FormatInt                 // an integer
	FormatNode                // an interior node; its text lists the names of the children
	FormatXML                 // an XML document or fragment, as text
	FormatDate                // ISO 8601 date with century
	FormatTime                // ISO 8601 time, or date and time
	FormatFloat               // XML Schema float, single precision
)

var formatNames = [...]string{"null", "b64", "bin", "bool", "chr", "int", "node", "xml", "date", "time", "float"}

// String returns the name of f on the wire, such as "chr".
func (f Format) String() string {
	if int(f) < len(formatNames) {
		return formatNames[f]
	}
	return "unknown"
}

// FormatOf returns the format of that name on the wire. The empty name stands
// for chr, which is what a missing Format element means.
func FormatOf(name string) (Format, bool) {
	if name == "" {
		return FormatChr, true
	}
	for f, n := range formatNames {
		if n == name {
			return Format(f), true
		}
	}
	return 0, false
}
