package session

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/syncml"
)

// A Recorder writes what an engine receives and sends, one JSON object per line, with secrets taken out: credentials,
// nonces and tokens of any message, and the values of nodes that Secret names. A message without secrets is kept as its
// octets; one with some is written anew without them, and says so. What the Recorder cannot look into is taken out as well:
// elements that are none of DM's, whole subtrees in one value, and chunks that do not say what they are a part of. What
// cannot be read is not kept, but for its length.
//
// It is safe for concurrent use. Fields must not change after the first call.
type Recorder struct {
	// W takes the lines, each in one call of Write.
	W io.Writer

	// Secret tells whether the value of a node must not be kept. Nil: [SecretNode].
	Secret func(u dmtree.URI) bool

	mu  sync.Mutex
	err error
}

// Trace returns the hooks that record. See [Traces] for using others as well.
func (r *Recorder) Trace() *Trace {
	return &Trace{
		Received: func(_ context.Context, m *TracedMessage) { r.record("received", m) },
		Sent:     func(_ context.Context, m *TracedMessage) { r.record("sent", m) },
	}
}

// Err returns the first error of W, after which nothing is recorded.
func (r *Recorder) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// A Recorded is one message of a recording.
type Recorded struct {
	Time        time.Time            `json:"time"`
	Direction   string               `json:"direction"` // "received" or "sent", by whoever recorded
	Device      string               `json:"device,omitempty"`
	SessionID   string               `json:"session,omitempty"`
	MsgID       string               `json:"msg,omitempty"`
	Status      int                  `json:"status,omitempty"` // of HTTP, with replies
	URL         string               `json:"url,omitempty"`    // of a request; of the query, what Windows adds
	HTTP        http.Header          `json:"http,omitempty"`
	Certificate *RecordedCertificate `json:"certificate,omitempty"` // of the peer
	Encoding    string               `json:"encoding,omitempty"`    // "XML" or "WBXML"; empty: cannot be read
	Size        int                  `json:"size"`                  // bytes that travelled
	Redacted    int                  `json:"redacted,omitempty"`    // values that were taken out
	XML         string               `json:"xml,omitempty"`         // the message; if it is WBXML, as it reads in XML
	WBXML       []byte               `json:"wbxml,omitempty"`       // the message, if it is WBXML
}

// RecordedCertificate is what a recording says of a certificate.
type RecordedCertificate struct {
	Subject   string    `json:"subject"`
	Issuer    string    `json:"issuer"`
	Serial    string    `json:"serial"`
	NotBefore time.Time `json:"notBefore"`
	NotAfter  time.Time `json:"notAfter"`
	SHA256    string    `json:"sha256"`
}

// Message returns the message, without what was taken out.
func (r *Recorded) Message() (*syncml.Message, error) {
	switch {
	case r.WBXML != nil:
		return syncml.Unmarshal(r.WBXML, &syncml.DecoderOptions{Encoding: syncml.WBXML, KeepUnknown: true})
	case r.XML != "":
		return syncml.Unmarshal([]byte(r.XML), &syncml.DecoderOptions{Encoding: syncml.XML, KeepUnknown: true})
	}
	return nil, fmt.Errorf("session: the recording holds %d bytes that are no message", r.Size)
}

// ReadRecording yields the messages of a recording, in the order in which they were recorded. An error ends it.
func ReadRecording(r io.Reader) iter.Seq2[*Recorded, error] {
	return func(yield func(*Recorded, error) bool) {
		d := json.NewDecoder(bufio.NewReader(r))
		for n := 1; ; n++ {
			rec := new(Recorded)
			err := d.Decode(rec)
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(nil, fmt.Errorf("session: read recording: message %d: %w", n, err))
				return
			}
			if !yield(rec, nil) {
				return
			}
		}
	}
}

func (r *Recorder) record(direction string, m *TracedMessage) {
	rec := &Recorded{
		Time: m.Time, Direction: direction, Device: m.Device, SessionID: m.SessionID, MsgID: m.MsgID,
		Status: m.Status, URL: redactedURL(m.URL), HTTP: redactedHeader(m.HTTP), Size: len(m.Body),
	}
	if m.TLS != nil && len(m.TLS.PeerCertificates) > 0 {
		rec.Certificate = recordedCertificate(m.TLS.PeerCertificates[0])
	}
	if m.Encoding != syncml.Auto {
		r.body(rec, m)
	}
	line, err := json.Marshal(rec)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil && err == nil {
		_, err = r.W.Write(append(line, '\n'))
	}
	if r.err == nil && err != nil {
		r.err = fmt.Errorf("session: record: %w", err)
	}
}

// body fills in the message.
func (r *Recorder) body(rec *Recorded, m *TracedMessage) {
	msg, err := syncml.Unmarshal(m.Body, &syncml.DecoderOptions{
		Encoding: m.Encoding, MaxMessage: int64(len(m.Body)) + 1, KeepUnknown: true,
	})
	if err != nil {
		return
	}
	x := redactor{secret: r.Secret}
	if x.secret == nil {
		x.secret = SecretNode
	}
	x.message(msg)
	body := m.Body
	if x.n > 0 {
		if body, err = spell(msg, m.Encoding); err != nil {
			return
		}
	}
	rec.Encoding, rec.Redacted = m.Encoding.String(), x.n
	if m.Encoding == syncml.WBXML {
		rec.WBXML = body
		if body, err = spell(msg, syncml.XML); err != nil {
			return
		}
	}
	rec.XML = string(body)
}

// spell writes a message as it is.
func spell(m *syncml.Message, e syncml.Encoding) ([]byte, error) {
	return syncml.Append(nil, m, &syncml.EncoderOptions{Encoding: e, AsIs: true, BadChar: syncml.BadCharReplace})
}

func recordedCertificate(c *x509.Certificate) *RecordedCertificate {
	sum := sha256.Sum256(c.Raw)
	return &RecordedCertificate{
		Subject: c.Subject.String(), Issuer: c.Issuer.String(), Serial: c.SerialNumber.Text(16),
		NotBefore: c.NotBefore, NotAfter: c.NotAfter, SHA256: hex.EncodeToString(sum[:]),
	}
}

const redacted = "[redacted]"

// secretHeaders hold proofs, or tokens that are as good.
var secretHeaders = []string{"Authorization", "Cookie", "Set-Cookie", "Proxy-Authorization", "Devicetoken", HeaderHMAC,
	"Client-Cert", "Client-Cert-Chain", "X-Forwarded-Client-Cert", "Ms-Signature", "Mdm-Signature"}

func redactedHeader(h http.Header) http.Header {
	c := h.Clone()
	for name := range c {
		if slices.Contains(secretHeaders, http.CanonicalHeaderKey(name)) {
			c[name] = []string{redacted}
		}
	}
	return c
}

// redactedURL takes out of an address what gives access: a name and password, and of the query all but what Windows adds.
func redactedURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return redacted
	}
	if u.User == nil && u.RawQuery == "" && u.Fragment == "" {
		return s
	}
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	params := strings.Split(u.RawQuery, "&")
	for i, p := range params {
		name, value, _ := strings.Cut(p, "=")
		switch {
		case strings.EqualFold(name, "mode"), strings.EqualFold(name, "platform"):
		case value != "":
			params[i] = name + "=" + redacted
		case p != "":
			params[i] = redacted
		}
	}
	u.RawQuery = strings.Join(params, "&")
	return u.String()
}

// redactor takes secrets out of a message, and counts them.
type redactor struct {
	secret func(u dmtree.URI) bool
	n      int
}

func (x *redactor) message(m *syncml.Message) {
	h := &m.Header
	x.cred(h.Cred)
	for _, s := range [...]*string{&h.Target.URI, &h.Source.URI, &h.RespURI} {
		if strings.Contains(*s, "://") {
			if u := redactedURL(*s); u != *s {
				*s = u
				x.n++
			}
		}
	}
	x.meta(&h.Meta)
	x.unknown(h.Unknown)
	x.commands(m.Commands)
}

func (x *redactor) cred(c *syncml.Cred) {
	if c != nil {
		if c.Data != "" {
			c.Data = redacted
			x.n++
		}
		x.meta(&c.Meta)
	}
}

func (x *redactor) commands(l []syncml.Command) {
	for _, c := range l {
		switch c := c.(type) {
		case *syncml.Status:
			if c.Chal != nil {
				x.meta(&c.Chal.Meta)
			}
			x.cred(c.Cred)
			for i := range c.Items {
				it := &c.Items[i]
				switch { // without a name it is a text; but that of an Alert is what the user has typed
				case c.Cmd == "Alert" && nameless(it), it.MoreData && nameless(it) && len(c.TargetRefs)+len(c.SourceRefs) == 0,
					slices.ContainsFunc(c.TargetRefs, x.is), slices.ContainsFunc(c.SourceRefs, x.is):
					x.data(it)
				}
				x.item(it, nil)
			}
			x.unknown(c.Unknown)
		case *syncml.Results:
			x.items(c.Items, &c.Meta, c.TargetRef, c.SourceRef)
			x.unknown(c.Unknown)
		case *syncml.Alert:
			for i := range c.Items {
				it := &c.Items[i]
				typ := alertType(it)
				// Without a type it is the rest of what had one.
				rest := typ == "" && (c.Code == syncml.AlertClientEvent || c.Code == syncml.AlertGeneric)
				if rest || strings.EqualFold(typ, typeUserToken) || it.MoreData && nameless(it) {
					x.data(it)
				}
				x.item(it, nil)
			}
			x.unknown(c.Unknown)
		case *syncml.Add:
			x.node((*syncml.Replace)(c))
		case *syncml.Replace:
			x.node(c)
		case *syncml.Exec:
			x.items(c.Items, &c.Meta)
			x.unknown(c.Unknown)
		case *syncml.Get:
			x.node((*syncml.Replace)(c))
		case *syncml.Delete:
			x.node((*syncml.Replace)(c))
		case *syncml.Copy:
			x.node((*syncml.Replace)(c))
		case *syncml.Atomic:
			x.meta(&c.Meta)
			x.unknown(c.Unknown)
			x.commands(c.Commands)
		case *syncml.Sequence:
			x.meta(&c.Meta)
			x.unknown(c.Unknown)
			x.commands(c.Commands)
		case *syncml.Unknown:
			inner := ""
			if c.CmdID != "" {
				inner = "<CmdID>" + html.EscapeString(c.CmdID) + "</CmdID>"
			}
			x.element(&c.Element, inner)
		}
	}
}

// node is for the commands on nodes, which all have the shape of Replace.
func (x *redactor) node(c *syncml.Replace) {
	x.items(c.Items, &c.Meta)
	x.unknown(c.Unknown)
}

// items takes out the values of nodes that are secret; about names the node where an item names none. A chunk that does not
// say what it is a part of, the last one too, may be a part of anything.
func (x *redactor) items(l []syncml.Item, m *syncml.Meta, about ...string) {
	for i := range l {
		it := &l[i]
		if nameless(it) {
			if !slices.ContainsFunc(about, func(u string) bool { return u != "" }) || slices.ContainsFunc(about, x.is) ||
				slices.ContainsFunc(about, subtree) {
				x.data(it)
			}
		} else if slices.ContainsFunc(about, func(u string) bool { return x.is(u) && !subtree(u) }) {
			x.data(it)
		}
		x.item(it, m)
	}
	x.meta(m)
}

// item takes out what is secret whatever command the item is of, whose Meta is m or nil.
func (x *redactor) item(it *syncml.Item, m *syncml.Meta) {
	typ := it.Meta.Type
	if typ == "" && m != nil {
		typ = m.Type
	}
	if x.is(it.Target.URI) || x.is(it.Source.URI) || subtree(it.Target.URI) || subtree(it.Source.URI) ||
		strings.Contains(strings.ToLower(typ), "dmtnds") || strings.Contains(it.Data.String(), "MgmtTree") {
		x.data(it)
	}
	x.meta(&it.Meta)
	if it.Meta.Type == "" { // where some clients have Type, see alertType
		for i := range it.Unknown {
			if it.Unknown[i].Name != "Type" {
				x.unknown(it.Unknown[i : i+1])
			}
		}
	} else {
		x.unknown(it.Unknown)
	}
}

func nameless(it *syncml.Item) bool { return it.Target.URI == "" && it.Source.URI == "" }

// subtree reports whether u asks for more than the value of one node: what answers it holds the values of many.
func subtree(u string) bool {
	_, query, _ := strings.Cut(strings.ToLower(u), "?")
	return strings.HasPrefix(query, "list=tnds") || strings.HasPrefix(query, "list=structdata")
}

func (x *redactor) meta(m *syncml.Meta) {
	if m.NextNonce != "" {
		m.NextNonce = redacted
		x.n++
	}
	if m.Extra == nil {
		return
	}
	for i := range m.Extra.EMI {
		m.Extra.EMI[i] = redacted
		x.n++
	}
	x.unknown(m.Extra.Unknown)
}

func (x *redactor) unknown(l []syncml.Element) {
	for i := range l {
		x.element(&l[i], redacted)
	}
}

// element leaves of an element its name, and what is given.
func (x *redactor) element(e *syncml.Element, inner string) {
	e.XML = "<" + e.Name + ">" + inner + "</" + e.Name + ">"
	x.n++
}

func (x *redactor) is(u string) bool { return u != "" && x.secret(dmtree.URI(u)) }

func (x *redactor) data(it *syncml.Item) {
	if it.Data.Len() > 0 {
		it.Data = syncml.Text(redacted)
		x.n++
	}
}

// secretNames are what the names of nodes hold whose values give access to something.
var secretNames = [...]string{
	"password", "passphrase", "passwd", "passcode", "secret", "privatekey", "recoverykey", "presharedkey", "sharedkey",
	"token", "credential", "pfxcertblob", "wlanxml", "eapconfig", "profilexml", "challenge", "aauthdata", "authdata",
	"pin", "unlockcode", "networkkey", "signature",
}

// SecretNode tells by its name whether the value of a node is likely to be a secret: passwords, keys, PINs, PFX files,
// profiles of networks, and what is below them. A query is not looked at. It errs on the side of secrecy, and knows no schema.
func SecretNode(u dmtree.URI) bool {
	s, _, _ := strings.Cut(strings.ToLower(string(u)), "?")
	if strings.Contains(s, "/vpnv2/") {
		return true
	}
	s = strings.TrimRight(s, "/")
	path, name := "", s
	if i := strings.LastIndexByte(s, '/'); i >= 0 {
		path, name = s[:i], s[i+1:]
	}
	for _, part := range secretNames {
		if strings.HasSuffix(name, part) || part != "pin" && strings.Contains(name, part) {
			return true
		}
	}
	// Areas of policies are named for what they are about (CredentialProviders), secrets for what they are.
	for parent := range strings.SplitSeq(path, "/") {
		for _, part := range secretNames {
			if strings.HasSuffix(parent, part) {
				return true
			}
		}
	}
	return false
}
