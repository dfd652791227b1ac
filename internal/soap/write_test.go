package soap_test

import (
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/omadm-sdk/omadm/internal/soap"
	"github.com/stretchr/testify/require"
)

func TestEnvelope(t *testing.T) {
	at := time.Date(2025, 2, 1, 10, 0, 0, 0, time.UTC)
	body := etree.NewElement("Answer")
	body.CreateAttr("xmlns", "urn:x")
	for _, row := range []struct {
		name string
		env  soap.Envelope
		want string
	}{
		{"an answer", soap.Envelope{
			Action: "urn:answer", RelatesTo: "urn:uuid:1", ActivityID: "t", Namespaces: []string{"u", soap.NSUtility}, Body: body,
			Security: &soap.Security{Timestamp: &soap.Timestamp{Created: at, Expires: at.Add(time.Minute)}},
		}, `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://www.w3.org/2005/08/addressing" xmlns:u="` + soap.NSUtility + `">` +
			`<s:Header><a:Action s:mustUnderstand="1">urn:answer</a:Action><ActivityId CorrelationId="t" xmlns="` + soap.NSDiagnostics + `">t</ActivityId>` +
			`<a:RelatesTo>urn:uuid:1</a:RelatesTo><o:Security s:mustUnderstand="1" xmlns:o="` + soap.NSSecurity + `">` +
			`<u:Timestamp u:Id="_0"><u:Created>2025-02-01T10:00:00.000Z</u:Created><u:Expires>2025-02-01T10:01:00.000Z</u:Expires></u:Timestamp></o:Security></s:Header>` +
			`<s:Body><Answer xmlns="urn:x"/></s:Body></s:Envelope>`},
		{"a fault", soap.Envelope{
			Action: "urn:answer",
			Fault:  &soap.Fault{Code: "Receiver", Subcode: "s:Authorization", Reason: "no <more>", ErrorType: "DeviceCapReached", Message: "no <more>", TraceID: "t"},
		}, `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://www.w3.org/2005/08/addressing">` +
			`<s:Header><a:Action s:mustUnderstand="1">urn:answer</a:Action></s:Header>` +
			`<s:Body><s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>s:Authorization</s:Value></s:Subcode></s:Code>` +
			`<s:Reason><s:Text xml:lang="en-us">no &lt;more&gt;</s:Text></s:Reason>` +
			`<s:Detail><DeviceEnrollmentServiceError xmlns="` + soap.NSWSTEP + `"><ErrorType>DeviceCapReached</ErrorType><Message>no &lt;more&gt;</Message><TraceId>t</TraceId></DeviceEnrollmentServiceError></s:Detail>` +
			`</s:Fault></s:Body></s:Envelope>`},
	} {
		t.Run(row.name, func(t *testing.T) {
			out, err := soap.Bytes(row.env.Document())
			require.NoError(t, err)
			require.Equal(t, row.want, string(out))
		})
	}
}

func TestFault(t *testing.T) {
	want := &soap.Fault{Code: "Receiver", Subcode: "Authorization", Reason: "no more", ErrorType: "DeviceCapReached", Message: "no more", TraceID: "t"}
	env := &soap.Envelope{Action: "urn:answer", Fault: &soap.Fault{Code: "Receiver", Subcode: "s:Authorization", Reason: "no more", ErrorType: "DeviceCapReached", Message: "no more", TraceID: "t"}}
	out, err := soap.Bytes(env.Document())
	require.NoError(t, err)
	lower := strings.NewReplacer("s:Code", "s:code", "s:Value", "s:value", "s:Subcode", "s:subcode", "s:Reason", "s:reason", "s:Text", "s:text").Replace(string(out))
	for _, row := range []struct {
		name, in string
		want     *soap.Fault
	}{
		{"SOAP 1.2", string(out), want},
		{"in lower case, as documentation prints it", lower, want},
		{"SOAP 1.1", `<s:Envelope xmlns:s="` + soap.NSEnvelope11 + `"><s:Body><s:Fault><faultcode>s:Authorization</faultcode><faultstring>no more</faultstring></s:Fault></s:Body></s:Envelope>`,
			&soap.Fault{Code: "Authorization", Subcode: "Authorization", Reason: "no more"}},
		{"empty", `<s:Envelope xmlns:s="` + soap.NSEnvelope + `"><s:Body><s:Fault/></s:Body></s:Envelope>`, &soap.Fault{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			m, err := soap.Parse([]byte(row.in), nil)
			require.NoError(t, err)
			require.Equal(t, row.want, m.Fault)
		})
	}
}
