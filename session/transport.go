package session

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/netip"

	"github.com/omadm-sdk/omadm/syncml"
)

// An Exchange is a message on its way from a client to a server, with what its transport says about it. The engines
// know no other form of a message: HTTP, a test or a simulator puts it there and takes the [Reply] back.
type Exchange struct {
	// URL is where the client wants the message to go. A server's engine reads the query only (the mode that Windows
	// adds), and takes the empty URL as well.
	URL string

	// HTTP holds Content-Type and the other header fields that go with the message.
	HTTP http.Header

	// Body is the message, encoded.
	Body []byte

	// TLS is the connection that the message came over, Remote its other end. A client leaves both empty.
	TLS    *tls.ConnectionState
	Remote netip.AddrPort
}

// A Reply is a server's answer to an [Exchange].
type Reply struct {
	Status int // of HTTP: 200 with a message, or why there is none
	HTTP   http.Header
	Body   []byte

	// URL is where the device wants the reply to go (RespURI), for a transport that can choose. HTTP cannot: the reply is
	// the response. Empty: back to where the message came from.
	URL string

	// TLS is the connection that the reply came over, on the client's side.
	TLS *tls.ConnectionState
}

// Fields of HTTP that DM uses beside the usual ones.
const (
	HeaderHMAC         = "X-Syncml-Hmac"     // integrity and sender of a message (OMA-TS-DM_Security 5.5)
	HeaderGenericAlert = "Mdm-Genericalert"  // Windows: types of the alerts that made the client call
	HeaderOrigin       = "Useragentorigin"   // Windows: what made the client call
	HeaderClientID     = "Client-Request-Id" // Windows: EntDMID, or 0
	HeaderVector       = "Ms-Cv"             // Windows: correlation vector
	userAgentWindows   = "MSFT OMA DM Client/1.2.0.1"
)

// decoderOptions returns how both ends read a message.
func (l *Limits) decoderOptions(e syncml.Encoding) *syncml.DecoderOptions {
	return &syncml.DecoderOptions{Encoding: e, MaxMessage: l.Message, MaxDepth: l.Depth, MaxItems: l.Items}
}

// readBody reads at most limit bytes. One byte more and it answers [syncml.ErrTooLarge], without reading on.
func readBody(r io.Reader, length, limit int64) ([]byte, error) {
	if length > limit {
		return nil, syncml.ErrTooLarge
	}
	body := make([]byte, 0, max(length+1, 512)) // at most limit, and one so that the end is seen without growing
	for {
		if len(body) == cap(body) {
			body = append(body, 0)[:len(body)]
		}
		n, err := r.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if int64(len(body)) > limit {
			return nil, syncml.ErrTooLarge
		}
		if err == io.EOF {
			return body, nil
		} else if err != nil {
			return nil, err
		}
	}
}
