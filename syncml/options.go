package syncml

// Limits that decoders keep to unless told otherwise.
const (
	DefaultMaxMessage = 16 << 20 // bytes; a device's message stays below its peer's MaxMsgSize, usually 512 KiB
	DefaultMaxDepth   = 64       // elements in elements, markup in Data included; SyncML itself needs 10
	DefaultMaxItems   = 1 << 16  // commands and items of one message; 100 bytes of input each is already little
)

// DecoderOptions say what a [Decoder] accepts. Zero fields mean the defaults.
type DecoderOptions struct {
	Encoding   Encoding // Auto: the first bytes tell
	MaxMessage int64    // bytes, of UTF-16 as UTF-8; 0: [DefaultMaxMessage]
	MaxDepth   int      // 0: [DefaultMaxDepth]
	MaxItems   int      // commands, items and repeated elements together, in WBXML also elements of markup, of documents in Data and unknown ones; 0: [DefaultMaxItems]
	MaxText    int64    // bytes of one text, entities resolved; 0: as MaxMessage

	// Strict refuses what does not follow the specification and yet can be understood: see the package comment.
	Strict bool
	// Forgiven, if not nil, is called with each mistake that Strict would have refused.
	Forgiven func(*SyntaxError)
	// KeepUnknown keeps elements that this package does not model, in the Unknown fields, instead of skipping them.
	KeepUnknown bool
}

// BadChar says what an [Encoder] does with text that XML cannot carry: control characters other than tab, line feed and
// carriage return, U+FFFE, U+FFFF, and bytes that are not UTF-8.
type BadChar uint8

const (
	BadCharRefuse  BadChar = iota // Encode returns an error that names the item
	BadCharReplace                // each is written as U+FFFD
	BadCharBase64                 // the Data of the item is written as base64 and its Format as b64; elsewhere: refused
)

// EncoderOptions say how an [Encoder] writes. Zero fields mean the defaults.
type EncoderOptions struct {
	Encoding   Encoding // Auto: XML
	BadChar    BadChar
	MaxMessage int64 // bytes of one message, what closes it included; 0: no limit

	// AsIs writes commands that the specification does not allow but XML does, such as one without a CmdID. It is for
	// tools that convert what others have sent; without it, Encode refuses them.
	AsIs bool
}
