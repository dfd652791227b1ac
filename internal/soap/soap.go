// Package soap reads and writes the SOAP 1.2 messages of device enrollment: envelope, WS-Addressing, WS-Security and
// faults, as small whole documents.
//
// [Parse] takes bytes from anybody. It refuses what is too large, too deep or has too many parts, and every document type
// declaration, before it builds a tree. What it accepts it reads tolerantly: any prefixes, SOAP 1.1 beside 1.2, children in
// any order, attributes with and without a prefix.
//
// [Envelope] writes with the prefixes and the order of Windows' own services. [Sign] and [Message.Verify] do the one kind
// of XML signature that enrollment knows: over the whole document, enveloped.
package soap

// Namespaces, with the prefixes that are written.
const (
	NSEnvelope    = "http://www.w3.org/2003/05/soap-envelope"                                            // s
	NSEnvelope11  = "http://schemas.xmlsoap.org/soap/envelope/"                                          // read only
	NSAddressing  = "http://www.w3.org/2005/08/addressing"                                               // a
	NSUtility     = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd" // u
	NSSecurity    = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"  // wsse, o
	NSSignature   = "http://www.w3.org/2000/09/xmldsig#"                                                 // ds
	NSDiagnostics = "http://schemas.microsoft.com/2004/09/ServiceModel/Diagnostics"                      //
	NSWSTEP       = "http://schemas.microsoft.com/windows/pki/2009/01/enrollment"                        //
	NSInstance    = "http://www.w3.org/2001/XMLSchema-instance"                                          // xsi
)

// ContentType is that of every message, both ways.
const ContentType = "application/soap+xml; charset=utf-8"

// Values of attributes.
const (
	Base64Binary = NSSecurity + "#base64binary"
	PasswordText = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText"
	X509v3       = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3"
	x509Profile  = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509"
	anonymous    = "http://www.w3.org/2005/08/addressing/anonymous"
)
