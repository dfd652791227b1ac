package syncml

import "strings"

// Encoding is how messages are spelled.
type Encoding uint8

const (
	Auto  Encoding = iota // for decoders: the first bytes tell; for encoders: XML
	XML                   // text/xml in the namespace SYNCML:SYNCML1.2
	WBXML                 // WAP binary XML with the code pages of SyncML
)

// Media types of DM messages. [EncodingOf] accepts more.
const (
	TypeXML   = "application/vnd.syncml.dm+xml"
	TypeWBXML = "application/vnd.syncml.dm+wbxml"
)

// String returns "auto", "XML" or "WBXML".
func (e Encoding) String() string {
	switch e {
	case XML:
		return "XML"
	case WBXML:
		return "WBXML"
	}
	return "auto"
}

// ContentType returns the media type of DM messages in this encoding; Auto counts as XML.
func (e Encoding) ContentType() string {
	if e == WBXML {
		return TypeWBXML
	}
	return TypeXML
}

// EncodingOf tells the encoding that a Content-Type header announces. It knows the two types of DM and the generic ones
// of older clients (application/vnd.syncml+xml and +wbxml), with any parameters, and reports false for anything else.
func EncodingOf(contentType string) (Encoding, bool) {
	t, _, _ := strings.Cut(contentType, ";")
	switch strings.ToLower(strings.TrimSpace(t)) {
	case TypeXML, "application/vnd.syncml+xml":
		return XML, true
	case TypeWBXML, "application/vnd.syncml+wbxml":
		return WBXML, true
	}
	return Auto, false
}
