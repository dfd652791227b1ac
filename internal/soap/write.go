package soap

import (
	"time"

	"github.com/beevik/etree"
)

// An Envelope is a message to be written. Empty header fields are left out.
type Envelope struct {
	Action, MessageID, RelatesTo, To string

	// Request writes the message as clients do: with an anonymous reply address and the prefix wsse, which Namespaces must
	// then declare, as it must u. Services write o, and declare it on the header.
	Request bool

	ActivityID string
	Security   *Security

	// Namespaces are declared on the envelope beside s and a: prefix, name, prefix, name, …
	Namespaces []string

	// Body is the one element of the body; nil leaves it empty. If Fault is set, that is the body.
	Body  *etree.Element
	Fault *Fault
}

// Document lays the message out. [Bytes] writes it; [Sign] signs it before.
func (e *Envelope) Document() *etree.Document {
	doc := etree.NewDocument()
	env := doc.CreateElement("s:Envelope")
	env.CreateAttr("xmlns:s", NSEnvelope)
	env.CreateAttr("xmlns:a", NSAddressing)
	for i := 0; i+1 < len(e.Namespaces); i += 2 {
		env.CreateAttr("xmlns:"+e.Namespaces[i], e.Namespaces[i+1])
	}
	h := env.CreateElement("s:Header")
	must := func(el *etree.Element) *etree.Element {
		el.CreateAttr("s:mustUnderstand", "1")
		return el
	}
	must(h.CreateElement("a:Action")).SetText(e.Action)
	if e.MessageID != "" {
		h.CreateElement("a:MessageID").SetText(e.MessageID)
	}
	if e.Request {
		h.CreateElement("a:ReplyTo").CreateElement("a:Address").SetText(anonymous)
	}
	if e.To != "" {
		must(h.CreateElement("a:To")).SetText(e.To)
	}
	if e.ActivityID != "" {
		a := h.CreateElement("ActivityId")
		a.CreateAttr("CorrelationId", e.ActivityID)
		a.CreateAttr("xmlns", NSDiagnostics)
		a.SetText(e.ActivityID)
	}
	if e.RelatesTo != "" {
		h.CreateElement("a:RelatesTo").SetText(e.RelatesTo)
	}
	if e.Security != nil {
		e.writeSecurity(h, must)
	}
	b := env.CreateElement("s:Body")
	switch {
	case e.Fault != nil:
		b.AddChild(e.Fault.element())
	case e.Body != nil:
		b.AddChild(e.Body)
	}
	return doc
}

func (e *Envelope) writeSecurity(header *etree.Element, must func(*etree.Element) *etree.Element) {
	prefix := "o:"
	if e.Request {
		prefix = "wsse:"
	}
	el := must(header.CreateElement(prefix + "Security"))
	if !e.Request {
		el.CreateAttr("xmlns:o", NSSecurity)
	}
	s := e.Security
	if t := s.Timestamp; t != nil {
		ts := el.CreateElement("u:Timestamp")
		ts.CreateAttr("u:Id", "_0")
		ts.CreateElement("u:Created").SetText(formatTime(t.Created))
		ts.CreateElement("u:Expires").SetText(formatTime(t.Expires))
	}
	if u := s.Username; u != nil {
		t := el.CreateElement(prefix + "UsernameToken")
		t.CreateAttr("u:Id", usernameID)
		t.CreateElement(prefix + "Username").SetText(u.Name)
		p := t.CreateElement(prefix + "Password")
		p.CreateAttr(prefix+"Type", PasswordText)
		p.SetText(u.Password)
	}
	if t := s.Token; t != nil {
		el.AddChild(t.Element(prefix + "BinarySecurityToken"))
	}
}

// usernameID is the same in every message; MS-MDE2 3.1.5 wants exactly this.
const usernameID = "uuid-cc1ccc1f-2fba-4bcf-b063-ffc0cac77917-4"

// Element lays out a BinarySecurityToken under the name tag, whose prefix must be declared around it.
func (t *BinaryToken) Element(tag string) *etree.Element {
	el := etree.NewElement(tag)
	el.CreateAttr("ValueType", t.ValueType)
	el.CreateAttr("EncodingType", Base64Binary)
	if t.ID != "" {
		el.CreateAttr("u:Id", t.ID)
	}
	el.SetText(t.Data)
	return el
}

func formatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// Bytes writes a document, without white space between tags and without an XML declaration.
func Bytes(doc *etree.Document) ([]byte, error) {
	// What a parser would change, such as a carriage return in a password, goes out as a reference.
	doc.WriteSettings.CanonicalText = true
	doc.WriteSettings.CanonicalAttrVal = true
	return doc.WriteToBytes()
}
