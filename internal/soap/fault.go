package soap

import (
	"strings"

	"github.com/beevik/etree"
)

// A Fault is a SOAP fault with the detail that enrollment services add.
type Fault struct {
	Code    string // the local name: Receiver, Sender
	Subcode string // with its prefix where one is written, such as s:Authorization; read without
	Reason  string

	// The detail, DeviceEnrollmentServiceError. Not written if ErrorType and TraceID are empty.
	ErrorType, Message, TraceID string
}

func readFault(el *etree.Element) *Fault {
	ns := el.NamespaceURI()
	f := new(Fault)
	if ns == NSEnvelope11 {
		f.Code = local(Text(el.SelectElement("faultcode")))
		f.Reason = Text(el.SelectElement("faultstring"))
		// SOAP 1.1 has no subcodes, and puts a finer code where 1.2 would.
		f.Subcode = f.Code
	} else {
		// Documentation shows these names in lower case; faults copied from there are read too.
		code := fold(el, "Code")
		f.Code = local(Text(fold(code, "Value")))
		f.Subcode = local(Text(fold(fold(code, "Subcode"), "Value")))
		f.Reason = Text(fold(fold(el, "Reason"), "Text"))
	}
	if d := fold(fold(el, "Detail"), "DeviceEnrollmentServiceError"); d != nil {
		f.ErrorType = Text(fold(d, "ErrorType"))
		f.Message = Text(fold(d, "Message"))
		f.TraceID = Text(fold(d, "TraceId"))
	}
	return f
}

func fold(el *etree.Element, tag string) *etree.Element {
	if el == nil {
		return nil
	}
	for _, c := range el.ChildElements() {
		if strings.EqualFold(c.Tag, tag) {
			return c
		}
	}
	return nil
}

func local(qname string) string { return qname[strings.LastIndexByte(qname, ':')+1:] }

func (f *Fault) element() *etree.Element {
	el := etree.NewElement("s:Fault")
	code := el.CreateElement("s:Code")
	code.CreateElement("s:Value").SetText("s:" + f.Code)
	if f.Subcode != "" {
		code.CreateElement("s:Subcode").CreateElement("s:Value").SetText(f.Subcode)
	}
	text := el.CreateElement("s:Reason").CreateElement("s:Text")
	text.CreateAttr("xml:lang", "en-us")
	text.SetText(f.Reason)
	if f.ErrorType != "" || f.TraceID != "" {
		d := el.CreateElement("s:Detail").CreateElement("DeviceEnrollmentServiceError")
		d.CreateAttr("xmlns", NSWSTEP)
		if f.ErrorType != "" {
			d.CreateElement("ErrorType").SetText(f.ErrorType)
		}
		d.CreateElement("Message").SetText(f.Message)
		d.CreateElement("TraceId").SetText(f.TraceID)
	}
	return el
}
