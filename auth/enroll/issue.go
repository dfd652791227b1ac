package enroll

import (
	"strings"

	"github.com/beevik/etree"
	"github.com/omadm-sdk/omadm/internal/soap"
)

const (
	nsTrust         = "http://docs.oasis-open.org/ws-sx/ws-trust/200512"
	nsAuthorization = "http://schemas.xmlsoap.org/ws/2006/12/authorization"

	actionIssue       = soap.NSWSTEP + "/RST/wstep"
	actionIssueAnswer = soap.NSWSTEP + "/RSTRC/wstep"

	requestIssue    = nsTrust + "/Issue"
	requestRenew    = nsTrust + "/Renew"
	requestRecovery = nsTrust + "/Recovery"

	nsConfigManager   = "http://schemas.microsoft.com/5.0.0.0/ConfigurationManager/Enrollment"
	tokenTypeUser     = nsConfigManager + "/DeviceEnrollmentUserToken"
	tokenTypeDevice   = nsConfigManager + "/DeviceEnrollmentToken"
	tokenTypeDocument = nsConfigManager + "/DeviceEnrollmentProvisionDoc"
	tokenTypePKCS10   = soap.NSWSTEP + "#PKCS10"
	tokenTypePKCS7    = soap.NSSecurity + "#PKCS7"
)

// A tokenRequest is the body of a RequestSecurityToken.
type tokenRequest struct {
	kind      string // requestIssue, requestRenew or requestRecovery
	valueType string
	data      []byte // PKCS #10, or PKCS #7 of a renewal, once decoded
	context   Context
}

func (r *tokenRequest) element() *etree.Element {
	el := etree.NewElement("wst:RequestSecurityToken")
	el.CreateElement("wst:TokenType").SetText(tokenTypeDevice)
	el.CreateElement("wst:RequestType").SetText(r.kind)
	el.AddChild((&soap.BinaryToken{ValueType: r.valueType, Data: soap.Encode(r.data)}).Element("wsse:BinarySecurityToken"))
	ac := el.CreateElement("ac:AdditionalContext")
	ac.CreateAttr("xmlns", nsAuthorization)
	for _, it := range r.context {
		ci := ac.CreateElement("ac:ContextItem")
		ci.CreateAttr("Name", it.Name)
		ci.CreateElement("ac:Value").SetText(it.Value)
	}
	return el
}

func readTokenRequest(body *etree.Element) (*tokenRequest, error) {
	if body == nil || body.Tag != "RequestSecurityToken" {
		return nil, badMessage("the body holds no RequestSecurityToken")
	}
	r := new(tokenRequest)
	switch t := soap.Text(soap.Find(body, nsTrust, "RequestType")); strings.TrimSuffix(t, "/") {
	case requestIssue, requestRenew, requestRecovery:
		r.kind = strings.TrimSuffix(t, "/")
	case "":
		return nil, badMessage("RequestSecurityToken holds no RequestType")
	default:
		return nil, &Fault{Code: CodeNotSupported, Reason: "the RequestType is none of Issue, Renew and Recovery"}
	}
	el := soap.Find(body, soap.NSSecurity, "BinarySecurityToken")
	if el == nil {
		return nil, badMessage("RequestSecurityToken holds no BinarySecurityToken")
	}
	token := soap.ReadBinaryToken(el)
	want := "#PKCS10"
	if r.kind == requestRenew {
		// MS-MDE2 gives the type the namespace of WS-Security, other servers accept that of WSTEP.
		want = "#PKCS7"
	}
	if !strings.HasSuffix(token.ValueType, want) {
		return nil, badMessage("the ValueType of the BinarySecurityToken is %.128q, want …%s", token.ValueType, want)
	}
	r.valueType = token.ValueType
	var err error
	if r.data, err = soap.Decode(token.Data); err != nil {
		return nil, badMessage("the BinarySecurityToken is not base64")
	}
	if ac := soap.Find(body, nsAuthorization, "AdditionalContext"); ac != nil {
		for _, it := range ac.ChildElements() {
			if it.Tag == "ContextItem" {
				r.context = append(r.context, ContextItem{soap.Attr(it, "Name"), soap.Text(soap.Find(it, nsAuthorization, "Value"))})
			}
		}
	}
	return r, nil
}

// issueAnswer is the body that carries a provisioning document.
func issueAnswer(doc []byte) *etree.Element {
	el := etree.NewElement("RequestSecurityTokenResponseCollection")
	el.CreateAttr("xmlns", nsTrust)
	r := el.CreateElement("RequestSecurityTokenResponse")
	r.CreateElement("TokenType").SetText(tokenTypeDevice)
	r.CreateElement("DispositionMessage").CreateAttr("xmlns", soap.NSWSTEP)
	t := (&soap.BinaryToken{ValueType: tokenTypeDocument, Data: soap.Encode(doc)}).Element("BinarySecurityToken")
	t.CreateAttr("xmlns", soap.NSSecurity)
	r.CreateElement("RequestedSecurityToken").AddChild(t)
	id := r.CreateElement("RequestID")
	id.CreateAttr("xmlns", soap.NSWSTEP)
	id.SetText("0")
	return el
}

func readIssueAnswer(body *etree.Element) ([]byte, error) {
	if body == nil || body.Tag != "RequestSecurityTokenResponseCollection" {
		return nil, badMessage("the body holds no RequestSecurityTokenResponseCollection")
	}
	rst := soap.FindPath(body, nsTrust, "RequestSecurityTokenResponse", "RequestedSecurityToken")
	el := soap.Find(rst, soap.NSSecurity, "BinarySecurityToken")
	if el == nil {
		return nil, badMessage("the answer holds no BinarySecurityToken")
	}
	token := soap.ReadBinaryToken(el)
	// One sentence of documentation leaves 5.0.0.0 out of the type.
	if !strings.HasSuffix(token.ValueType, "/DeviceEnrollmentProvisionDoc") {
		return nil, badMessage("the ValueType of the BinarySecurityToken is %.128q, want %s", token.ValueType, tokenTypeDocument)
	}
	doc, err := soap.Decode(token.Data)
	if err != nil {
		return nil, badMessage("the BinarySecurityToken is not base64")
	}
	return doc, nil
}
