package syncml

// A Message is one whole SyncML message: one HTTP request or response body. See [Unmarshal] and [Append];
// [Decoder] and [Encoder] handle the same content one command at a time.
type Message struct {
	Header   Header
	Commands []Command // in document order
	Final    bool      // the last message of its package
}

// A Header is the SyncHdr of a message. Texts are trimmed of white space when they are decoded.
type Header struct {
	// VerDTD and VerProto are the versions that the message claims. Empty fields are written as "1.2" and "DM/1.2".
	VerDTD, VerProto string

	SessionID string // chosen by the client, at most 4 bytes, the same in all messages of a session
	MsgID     string // decimal, from 1, one more with each message of the sender

	Target Location // the recipient
	Source Location // the originator; its Name carries the user name where credentials are a digest

	RespURI string // where the next message must go; empty: where this one went
	NoResp  bool   // data synchronisation's wish for no answer; DM answers all the same
	Cred    *Cred  // nil: none
	Meta    Meta   // MaxMsgSize and MaxObjSize of the sender

	Unknown []Element // see [DecoderOptions.KeepUnknown]
}

// A Location names an end of a transfer or a node of the tree. The zero Location is absent; one with a URI of "" and a
// Name is written with an empty LocURI.
type Location struct {
	URI  string // LocURI
	Name string // LocName, optional
}

// IsZero reports whether the location is absent.
func (l Location) IsZero() bool { return l == Location{} }

// An Element is an element that this package does not model, kept as it came so that it can be written again.
type Element struct {
	Name string // local name
	XML  string // the whole element, from its start tag to its end tag
}
