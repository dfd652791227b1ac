package enroll

import (
	"fmt"
	"strings"
)

// A Code is an enrollment error as Windows knows it: the HRESULT that it logs and shows (MS-MDE2 3.1.1.4.2; the
// registration API's header for those that only a client raises). A Code is an error of its own, so that
//
//	errors.Is(err, enroll.CodeDeviceCapReached)
//
// holds on the client for the fault that a server sent, and a hook of a [Server] may return a Code to say what the device
// is told.
type Code uint32

// What a server answers. The first seven are subcodes of the SOAP fault, the others are ErrorTypes in its detail.
const (
	CodeMessageFormat      Code = 0x80180001 // the request cannot be read
	CodeAuthentication     Code = 0x80180002 // the user is not recognised
	CodeAuthorization      Code = 0x80180003 // the user may not enroll
	CodeCertificateRequest Code = 0x80180004 // no certificate can be issued for this request
	CodeEnrollmentServer   Code = 0x80180005 // the server failed
	CodeInternalService    Code = 0x80180006 // the server failed unexpectedly
	CodeInvalidSecurity    Code = 0x80180007 // the security header is missing or cannot be used

	CodeDeviceCapReached      Code = 0x80180013 // the user has enrolled as many devices as allowed
	CodeDeviceNotSupported    Code = 0x80180014 // this kind or edition of device is not managed here
	CodeNotSupported          Code = 0x80180015 // the server does not do what was asked for
	CodeNotEligibleToRenew    Code = 0x80180016 // the certificate cannot be renewed (now)
	CodeInMaintenance         Code = 0x80180017 // come back later
	CodeUserLicense           Code = 0x80180018 // the user has no licence
	CodeInvalidEnrollmentData Code = 0x80180019 // the server did not take the EnrollmentData item
	CodeCustomServerError     Code = 0x80180032 // Windows 10 20H2 and later show the fault's reason to the user
)

// What a client raises by itself.
const (
	CodeUnknownError          Code = 0x80180008 // the server's fault names no cause that is known
	CodeInProgress            Code = 0x80180009 // another enrollment runs
	CodeAlreadyEnrolled       Code = 0x8018000A // the device is enrolled, and can be with one server only
	CodeNotEnrolled           Code = 0x8018000B
	CodeDiscoveryCertDate     Code = 0x8018000D // the discovery server's TLS certificate has expired or is not valid yet
	CodePasswordNeeded        Code = 0x8018000E
	CodeSignInFailed          Code = 0x8018000F // the web sign-in did not give a token
	CodeConnectivity          Code = 0x80180010 // HTTP, DNS, timeout
	CodeInvalidServerCert     Code = 0x80180012 // the server's TLS certificate is not trusted
	CodeInsecureRedirect      Code = 0x8018001A // a redirect away from HTTPS, or one that was not approved
	CodeWrongState            Code = 0x8018001B
	CodeLicense               Code = 0x8018001C // not possible on this edition
	CodePlatform              Code = 0x8018001D
	CodeProvCertStore         Code = 0x8018001E // the provisioning document's CertificateStore part was refused
	CodeProvW7                Code = 0x8018001F // … its APPLICATION part
	CodeProvDMClient          Code = 0x80180020 // … its DMClient part
	CodeProvPolicy            Code = 0x80180021 // … its PassportForWork part
	CodeProvMisc              Code = 0x80180022 // … another part
	CodeProvUnknown           Code = 0x80180023 // the provisioning document was refused as a whole
	CodeProvCertNotFound      Code = 0x80180024 // no certificate in the document fits the key, or it is in the wrong store
	CodeProvApps              Code = 0x80180025 // … its EnterpriseModernAppManagement part
	CodeManagementBlocked     Code = 0x80180026 // policy forbids enrollment
	CodeKeyCreationFailed     Code = 0x80180027 // no key can be made as the certificate policy demands
	CodeCertAuthNoCertificate Code = 0x80180028 // certificate authentication was chosen, and there is no certificate
	CodeEmptyMessage          Code = 0x80180029 // HTTP 200 without a body
	CodeUserCanceled          Code = 0x80180030
	CodeMDMNotConfigured      Code = 0x80180031
	CodeServerTooManyRequests Code = 0x80180033 // HTTP 429; see Fault.RetryAfter
)

type codeInfo struct {
	code    Code
	name    string // as in Microsoft's header, without the prefix MENROLL_E_
	subcode string // the fault's subcode; empty if it is never sent
	detail  string // the ErrorType of the fault's detail; empty if the subcode says it all
	text    string
}

// codes is in the order of the constants. MS-MDE2 does not pair ErrorTypes with subcodes: a device goes by the
// ErrorType where there is one, and these subcodes say the nearest to one that reads no details.
var codes = []codeInfo{
	{CodeMessageFormat, "DEVICE_MESSAGE_FORMAT_ERROR", "s:MessageFormat", "", "the request cannot be read"},
	{CodeAuthentication, "DEVICE_AUTHENTICATION_ERROR", "s:Authentication", "", "the user is not recognised"},
	{CodeAuthorization, "DEVICE_AUTHORIZATION_ERROR", "s:Authorization", "", "the user may not enroll"},
	{CodeCertificateRequest, "DEVICE_CERTIFICATEREQUEST_ERROR", "s:CertificateRequest", "", "no certificate can be issued for this request"},
	{CodeEnrollmentServer, "DEVICE_CONFIGMGRSERVER_ERROR", "s:EnrollmentServer", "", "the enrollment server failed"},
	{CodeInternalService, "DEVICE_INTERNALSERVICE_ERROR", "a:InternalServiceFault", "", "the enrollment server failed unexpectedly"},
	{CodeInvalidSecurity, "DEVICE_INVALIDSECURITY_ERROR", "a:InvalidSecurity", "", "the security header is missing or cannot be used"},
	{CodeUnknownError, "DEVICE_UNKNOWN_ERROR", "", "", "unknown server error"},
	{CodeInProgress, "ENROLLMENT_IN_PROGRESS", "", "", "another enrollment is in progress"},
	{CodeAlreadyEnrolled, "DEVICE_ALREADY_ENROLLED", "", "", "the device is already enrolled"},
	{CodeNotEnrolled, "DEVICE_NOT_ENROLLED", "", "", "the device is not enrolled"},
	{CodeDiscoveryCertDate, "DISCOVERY_SEC_CERT_DATE_INVALID", "", "", "the discovery server's certificate has expired or is not valid yet"},
	{CodePasswordNeeded, "PASSWORD_NEEDED", "", "", "a password is needed"},
	{CodeSignInFailed, "WAB_ERROR", "", "", "the web sign-in gave no token"},
	{CodeConnectivity, "CONNECTIVITY", "", "", "the server cannot be reached"},
	{CodeInvalidServerCert, "INVALIDSSLCERT", "", "", "the server's certificate is not trusted"},
	{CodeDeviceCapReached, "DEVICECAPREACHED", "s:Authorization", "DeviceCapReached", "the user has enrolled as many devices as allowed"},
	{CodeDeviceNotSupported, "DEVICENOTSUPPORTED", "s:Authorization", "DeviceNotSupported", "this kind of device is not supported"},
	{CodeNotSupported, "NOT_SUPPORTED", "s:Authorization", "NotSupported", "the request is not supported"},
	{CodeNotEligibleToRenew, "NOTELIGIBLETORENEW", "s:Authorization", "NotEligibleToRenew", "the certificate cannot be renewed"},
	{CodeInMaintenance, "INMAINTENANCE", "s:EnrollmentServer", "InMaintenance", "the server is in maintenance"},
	{CodeUserLicense, "USER_LICENSE", "s:Authorization", "UserLicense", "the user has no licence"},
	{CodeInvalidEnrollmentData, "ENROLLMENTDATAINVALID", "s:MessageFormat", "InvalidEnrollmentData", "the enrollment data was not accepted"},
	{CodeInsecureRedirect, "INSECUREREDIRECT", "", "", "a redirect to an address that was not approved"},
	{CodeWrongState, "PLATFORM_WRONG_STATE", "", "", "not possible in this state"},
	{CodeLicense, "PLATFORM_LICENSE_ERROR", "", "", "not possible on this edition"},
	{CodePlatform, "PLATFORM_UNKNOWN_ERROR", "", "", "unknown error of the device"},
	{CodeProvCertStore, "PROV_CSP_CERTSTORE", "", "", "the CertificateStore part of the provisioning document was refused"},
	{CodeProvW7, "PROV_CSP_W7", "", "", "the APPLICATION part of the provisioning document was refused"},
	{CodeProvDMClient, "PROV_CSP_DMCLIENT", "", "", "the DMClient part of the provisioning document was refused"},
	{CodeProvPolicy, "PROV_CSP_PFW", "", "", "the PassportForWork part of the provisioning document was refused"},
	{CodeProvMisc, "PROV_CSP_MISC", "", "", "a part of the provisioning document was refused"},
	{CodeProvUnknown, "PROV_UNKNOWN", "", "", "the provisioning document was refused"},
	{CodeProvCertNotFound, "PROV_SSLCERTNOTFOUND", "", "", "no certificate in the provisioning document fits the key and the store"},
	{CodeProvApps, "PROV_CSP_APPMGMT", "", "", "the application part of the provisioning document was refused"},
	{CodeManagementBlocked, "DEVICE_MANAGEMENT_BLOCKED", "", "", "management is blocked by policy"},
	{CodeKeyCreationFailed, "CERTPOLICY_PRIVATEKEYCREATION_FAILED", "", "", "no key can be made as the certificate policy demands"},
	{CodeCertAuthNoCertificate, "CERTAUTH_FAILED_TO_FIND_CERT", "", "", "there is no certificate to authenticate with"},
	{CodeEmptyMessage, "EMPTY_MESSAGE", "", "", "the server's answer is empty"},
	{CodeUserCanceled, "USER_CANCELLED", "", "", "the user gave up"},
	{CodeMDMNotConfigured, "MDM_NOT_CONFIGURED", "", "", "no management server is configured for this user"},
	{CodeCustomServerError, "CUSTOMSERVERERROR", "s:EnrollmentServer", "CustomServerError", "the server refused"},
	{CodeServerTooManyRequests, "SERVER429", "", "", "the server is busy"},
}

// errorType is what a server writes as the ErrorType: the subcode's name where it has none of its own, as Microsoft's
// service does.
func (i *codeInfo) errorType() string {
	if i.detail != "" {
		return i.detail
	}
	_, name, _ := strings.Cut(i.subcode, ":")
	return name
}

func (c Code) info() *codeInfo {
	for i := range codes {
		if codes[i].code == c {
			return &codes[i]
		}
	}
	return nil
}

// Name returns the name in Microsoft's header, such as MENROLL_E_DEVICECAPREACHED, or "" for a number that it does not
// have.
func (c Code) Name() string {
	if i := c.info(); i != nil {
		return "MENROLL_E_" + i.name
	}
	return ""
}

// Subcode returns the SOAP fault's subcode and the ErrorType of its detail for a code that a server may answer with. Both
// are empty for a code that only a client raises.
func (c Code) Subcode() (subcode, errorType string) {
	if i := c.info(); i != nil {
		return i.subcode, i.errorType()
	}
	return "", ""
}

// Error says in words what the code means, with its number: operators search for the number.
func (c Code) Error() string {
	if i := c.info(); i != nil {
		return fmt.Sprintf("enroll: %s (%s 0x%08X)", i.text, c.Name(), uint32(c))
	}
	return fmt.Sprintf("enroll: error 0x%08X", uint32(c))
}

func (c Code) text() string {
	if i := c.info(); i != nil {
		return i.text
	}
	return fmt.Sprintf("error 0x%08X", uint32(c))
}
