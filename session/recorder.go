package session

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/syncml"
)

// A Recorder writes what an engine receives and sends, one JSON object per line, with secrets taken out: credentials,
// nonces and tokens of any message, and the values of nodes that Secret names. A message without secrets is kept as its
// octets; one with some is written anew without them, and says so. What cannot be read is not kept, but for its length.
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
	HTTP        http.Header          `json:"http,omitempty"`
	Certificate *RecordedCertificate `json:"certificate,omitempty"` // of the peer
	Encoding    string               `json:"encoding,omitempty"`    // "XML" or "WBXML"; empty: cannot be read
	Size        int                  `json:"size"`                  // bytes that travelled
	Redacted    int                  `json:"redacted,omitempty"`    // values that were taken out
	XML         string               `json:"xml,omitempty"`         // the message, if it is XML
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
	case r.XML != "":
		return syncml.Unmarshal([]byte(r.XML), &syncml.DecoderOptions{Encoding: syncml.XML})
	case r.WBXML != nil:
		return syncml.Unmarshal(r.WBXML, &syncml.DecoderOptions{Encoding: syncml.WBXML})
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
		Status: m.Status, HTTP: redactedHeader(m.HTTP), Size: len(m.Body),
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
	msg, err := syncml.Unmarshal(m.Body, &syncml.DecoderOptions{Encoding: m.Encoding, MaxMessage: int64(len(m.Body)) + 1})
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
		body, err = syncml.Append(nil, msg, &syncml.EncoderOptions{Encoding: m.Encoding, AsIs: true, BadChar: syncml.BadCharReplace})
		if err != nil {
			return
		}
	}
	rec.Encoding, rec.Redacted = m.Encoding.String(), x.n
	if m.Encoding == syncml.WBXML {
		rec.WBXML = body
	} else {
		rec.XML = string(body)
	}
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

// redactor takes secrets out of a message, and counts them.
type redactor struct {
	secret func(u dmtree.URI) bool
	n      int
}

func (x *redactor) message(m *syncml.Message) {
	if m.Header.Cred != nil && m.Header.Cred.Data != "" {
		m.Header.Cred.Data = redacted
		x.n++
	}
	x.commands(m.Commands)
}

func (x *redactor) commands(l []syncml.Command) {
	for _, c := range l {
		switch c := c.(type) {
		case *syncml.Status:
			if c.Chal != nil && c.Chal.Meta.NextNonce != "" {
				c.Chal.Meta.NextNonce = redacted
				x.n++
			}
			if c.Cred != nil && c.Cred.Data != "" {
				c.Cred.Data = redacted
				x.n++
			}
			about := ""
			if len(c.TargetRefs) > 0 {
				about = c.TargetRefs[0]
			}
			x.items(c.Items, about)
		case *syncml.Results:
			x.items(c.Items, c.TargetRef)
		case *syncml.Alert:
			for i := range c.Items {
				if alertType(&c.Items[i]) == typeUserToken {
					x.data(&c.Items[i])
				}
			}
			x.items(c.Items, "")
		case *syncml.Add:
			x.items(c.Items, "")
		case *syncml.Replace:
			x.items(c.Items, "")
		case *syncml.Exec:
			x.items(c.Items, "")
		case *syncml.Atomic:
			x.commands(c.Commands)
		case *syncml.Sequence:
			x.commands(c.Commands)
		}
	}
}

// items takes out the values of nodes that are secret; about is the node where an item names none. A chunk that does not
// say what it is a part of may be a part of anything.
func (x *redactor) items(l []syncml.Item, about string) {
	for i := range l {
		it := &l[i]
		anonymous := it.Target.URI == "" && it.Source.URI == "" && about == ""
		if anonymous && it.MoreData || x.is(it.Target.URI) || x.is(it.Source.URI) || x.is(about) {
			x.data(it)
		}
	}
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
	"token", "credential", "pfxcertblob", "wlanxml", "eapconfig", "vpnv2", "profilexml", "challenge", "aauthdata", "authdata",
	"pin", "unlockcode", "networkkey", "signature",
}

// SecretNode tells by its name whether the value of a node is likely to be a secret: passwords, keys, PINs, PFX files,
// profiles of networks. A query is not looked at. It errs on the side of secrecy, and knows no schema.
func SecretNode(u dmtree.URI) bool {
	s, _, _ := strings.Cut(strings.ToLower(string(u)), "?")
	name := s[strings.LastIndexByte(s, '/')+1:]
	for _, part := range secretNames {
		switch {
		case part == "pin":
			if name == "pin" || strings.HasSuffix(name, "pin") {
				return true
			}
		case part == "vpnv2":
			if strings.Contains(s, "/vpnv2/") {
				return true
			}
		case strings.Contains(name, part):
			return true
		}
	}
	return false
}
