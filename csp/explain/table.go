package explain

import (
	"strings"
	"unicode"

	"github.com/omadm-sdk/omadm/auth/enroll"
	"github.com/omadm-sdk/omadm/syncml"
)

// sentence makes one of the text of an enrollment code.
func sentence(c enroll.Code) string {
	text, _, _ := strings.Cut(strings.TrimPrefix(c.Error(), "enroll: "), " (")
	r := []rune(text)
	r[0] = unicode.ToUpper(r[0])
	return string(r) + "."
}

// enrollNext is what to look at before the logs.
var enrollNext = map[enroll.Code][]string{
	enroll.CodeAuthentication:        {"the user name and password or token that the device sent"},
	enroll.CodeAuthorization:         {"whether this user may enroll devices: groups, licences, restrictions of platforms"},
	enroll.CodeCertificateRequest:    {"the certification authority: is it reachable, does it allow this request"},
	enroll.CodeAlreadyEnrolled:       {"Settings, Accounts, Access work or school: leave the other organisation first"},
	enroll.CodeDiscoveryCertDate:     {"the clock of the device, then the dates of the discovery server's certificate"},
	enroll.CodeConnectivity:          {"DNS, proxy and firewall between the device and the discovery address"},
	enroll.CodeInvalidServerCert:     {"the chain of the server's certificate: does it reach a root that the device trusts, does it name this host"},
	enroll.CodeDeviceCapReached:      {"the devices that the user has enrolled: retire one, or raise the limit"},
	enroll.CodeDeviceNotSupported:    {"restrictions by platform, version and ownership; the edition of the device"},
	enroll.CodeInsecureRedirect:      {"the addresses of the discovery response: all must be https"},
	enroll.CodeUserLicense:           {"the licences of the user"},
	enroll.CodeLicense:               {"the edition of Windows: Home cannot be managed"},
	enroll.CodeProvCertStore:         {"the CertificateStore part of the provisioning document: its thumbprints and encodings"},
	enroll.CodeProvW7:                {"the APPLICATION part of the provisioning document: APPID w7, addresses, both APPAUTH"},
	enroll.CodeProvDMClient:          {"the DMClient part of the provisioning document: its schedule is of integers"},
	enroll.CodeProvCertNotFound:      {"the client certificate in the provisioning document: it must be of the key in the request, and in the store of the scope that enrolls (My, User or System)"},
	enroll.CodeManagementBlocked:     {"policies that forbid enrollment, and whether something else manages the device"},
	enroll.CodeKeyCreationFailed:     {"the certificate policy: its provider and key length must be possible on this device"},
	enroll.CodeEmptyMessage:          {"the response on the wire: an HTTP 200 without a body, perhaps cut by a proxy"},
	enroll.CodeMDMNotConfigured:      {"the management settings of the tenant: is this user in scope, are the addresses there"},
	enroll.CodeServerTooManyRequests: {"the load of the server; try again later"},
}

// A row says what one HRESULT means.
type row struct {
	code    uint32
	name    string
	status  syncml.StatusCode // what a device answers with it; 0: not known
	success bool
	meaning string
	next    []string
}

func find(code uint32) (row, bool) {
	for i := range hresults {
		if hresults[i].code == code {
			return hresults[i], true
		}
	}
	return row{}, false
}

var (
	lookURI     = []string{"the URI: its spelling, its scope (./Device or ./User), escapes in names", "whether this build and edition has the node: see its description"}
	lookValue   = []string{"Format and Type in Meta, and the value, against the description of the node", lookLog}
	lookAtomic  = []string{lookMembers, lookLog}
	lookOwner   = []string{"which other source owns the setting: another server, declared configuration, a provisioning package"}
	lookCSP     = []string{lookLog}
	lookMSI     = []string{"the log of the installer: add /l*v with a path to the CommandLine of the job"}
	lookAppX    = []string{"the event log AppXDeploymentServer/Operational on the device", "LastErrorDesc beside the node's LastError"}
	lookNetwork = []string{"DNS, proxy and firewall between the device and that address"}
	lookTLS     = []string{"the chain and names of the server's certificate, and the clock of the device"}
)

// hresults holds those of the configuration manager in the order of MS-MDM,
// then those of others as they are met in results and in LastError nodes.
var hresults = []row{
	{0x86000000, "INVALIDNODEOPTIONS", 0, false, "The options of the node are not valid.", lookCSP},
	{0x86000001, "INVALIDDATATYPE", 0, false, "The value has another type than the node's.", lookValue},
	{0x86000002, "NODENOTFOUND", syncml.StatusNotFound, false, "The CSP has no such node.", lookURI},
	{0x86000003, "ILLEGALOPERATIONINATRANSACTION", 0, false, "The node does not do this inside an Atomic.", []string{"the same command outside of the Atomic"}},
	{0x86000004, "ILLEGALOPERATIONOUTSIDEATRANSACTION", 0, false, "The node does this inside an Atomic only.", []string{"the same command inside an Atomic, with the others of that CSP"}},
	{0x86000005, "ONEORMOREEXECUTIONFAILURES", 0, false, "One or more commands failed.", lookAtomic},
	{0x86000006, "ONEORMORECANCELFAILURES", 0, false, "One or more commands could not be undone.", lookAtomic},
	{0x06000007, "COMMANDFAILEDDUETOTRANSACTIONROLLBACK", syncml.StatusRolledBack, false, "The command was undone, because another one of its Atomic failed.", lookAtomic},
	{0x86000008, "COMMITFAILURE", 0, false, "What the commands changed could not be committed.", lookAtomic},
	{0x86000009, "ROLLBACKFAILURE", 0, false, "What the commands changed could not be undone.", lookAtomic},
	{0x8600000A, "CLEANUPFAILURE", 0, false, "What the commands left behind could not be cleaned up.", lookAtomic},
	{0x8600000C, "CSPREGISTRATIONCORRUPT", 0, false, "The registration of the CSP on the device is damaged.", lookCSP},
	{0x8600000D, "NODEFAILEDTOCANCEL", 0, false, "The node could not undo what was done.", lookAtomic},
	{0x8600000E, "DEPENDENTOPERATIONFAILURE", 0, false, "Another operation failed on which this one depends.", lookAtomic},
	{0x8600000F, "CSPNODEILLEGALSTATE", 0, false, "The CSP is in a state in which it cannot do this.", lookCSP},
	{0x86000010, "REQUIRESINTERNALTRANSACTIONING", 0, false, "The CSP would have to do transactions by itself, and does not.", []string{"the same command outside of an Atomic"}},
	{0x86000011, "COMMANDNOTALLOWED", syncml.StatusNotAllowed, false, "The node does not take this command.", []string{"the access of the node in its description", "the scope: a node of devices in a user's session, or the reverse"}},
	{0x86000012, "INTERCSPOPERATION", 0, false, "The command concerns more than one CSP.", lookCSP},
	{0x86000013, "PROPERTYNOTSUPPORTED", syncml.StatusNotSupported, false, "The node does not support that property.", []string{"the ?prop= at the end of the URI"}},
	{0x86000014, "INVALIDSEMANTICTYPE", 0, false, "The value has another type than the node's.", lookValue},
	{0x86000015, "FORBIDDENURISEGMENT", 0, false, "A name in the URI is not allowed there.", lookURI},
	{0x86000016, "READWRITEACCESSDENIED", syncml.StatusPermissionDenied, false, "The node may not be read or written by this server.", lookOwner},
	{0x86000017, "SECRETDATAACCESSDENIED", syncml.StatusPermissionDenied, false, "The node holds a secret, which is not given away.", nil},
	{0x86000018, "XMLPARSEERROR", 0, false, "The XML in the value cannot be read.", []string{"the value as it is after one level of escapes: it must be XML itself, not escaped XML"}},
	{0x86000019, "COMMANDTIMEOUT", 0, false, "The CSP did not end in time.", lookCSP},
	{0x86000020, "IMPERSONATIONERROR", 0, false, "The device could not act as that user.", []string{"whether the user was signed in at that time"}},
	{0x86000021, "WMIERROR", 0, false, "WMI failed, which this CSP uses.", lookCSP},
	{0x86000022, "NOIMPERSONATIONTARGET", 0, false, "There was no user to act as.", []string{"whether a user was signed in at that time: a node below ./User needs one"}},
	{0x86000023, "RESOURCEALREADYOWNED", 0, false, "Another source of configuration owns the resource.", lookOwner},

	{0x87D1FDE8, "", 0, false, "Remediation failed: the general error of Intune. Most often the device took the setting, and what it reads back differs from what was sent.",
		[]string{"a Get of the node: the value there against the one that was sent, by meaning and not by bytes", "the Status of the command in that session", lookLog}},
	{0x82B00001, "", 0, false, "The policy manager refused a Group Policy: an element of its ADMX is missing in the payload, or has a value that it does not take.",
		[]string{"each data id of the payload, against the elements of the policy in the ADMX file of that build of Windows", lookLog}},

	{0x00000000, "S_OK", 0, true, "Success.", nil},
	{0x80004001, "E_NOTIMPL", 0, false, "Not implemented.", nil},
	{0x80004005, "E_FAIL", 0, false, "A failure that says no more than that.", []string{lookLog}},
	{0x8000FFFF, "E_UNEXPECTED", 0, false, "A failure that was not foreseen.", []string{lookLog}},
	{win32 | 2, "ERROR_FILE_NOT_FOUND", 0, false, "A file or registry value is not there.", lookCSP},
	{win32 | 3, "ERROR_PATH_NOT_FOUND", 0, false, "A folder is not there.", lookCSP},
	{win32 | 5, "ERROR_ACCESS_DENIED", syncml.StatusPermissionDenied, false, "Access is denied.", []string{"whether another source owns the setting: group policy, another server", lookLog}},
	{win32 | 13, "ERROR_INVALID_DATA", 0, false, "The value is not what the node takes.", lookValue},
	{win32 | 14, "ERROR_OUTOFMEMORY", 0, false, "The device is out of memory.", nil},
	{win32 | 50, "ERROR_NOT_SUPPORTED", 0, false, "The request is not supported on this device.", []string{"the edition and build of Windows against the description of the node", lookLog}},
	{win32 | 87, "ERROR_INVALID_PARAMETER", 0, false, "A part of the value is not what the node takes.", lookValue},
	{win32 | 112, "ERROR_DISK_FULL", 0, false, "The disk is full.", nil},
	{win32 | 183, "ERROR_ALREADY_EXISTS", 0, false, "It is there already.", nil},
	{win32 | 1168, "ERROR_NOT_FOUND", 0, false, "What was looked for is not there.", lookURI},
	{win32 | 1223, "ERROR_CANCELLED", 0, false, "The user cancelled.", nil},

	{win32 | 1602, "ERROR_INSTALL_USEREXIT", 0, false, "MSIEXEC: the installation was cancelled.", lookMSI},
	{win32 | 1603, "ERROR_INSTALL_FAILURE", 0, false, "MSIEXEC: a fatal error during the installation.", lookMSI},
	{win32 | 1605, "ERROR_UNKNOWN_PRODUCT", 0, false, "MSIEXEC: the product is not installed.", []string{"the product code, braces included", "the context: a product of one user is not there for the device"}},
	{win32 | 1618, "ERROR_INSTALL_ALREADY_RUNNING", 0, false, "MSIEXEC: another installation is running.", []string{"RetryCount and RetryInterval of the job: it can wait"}},
	{win32 | 1619, "ERROR_INSTALL_PACKAGE_OPEN_FAILED", 0, false, "MSIEXEC: the package cannot be opened.", []string{"the file at ContentURL: is it an MSI, and whole", "whether the device can reach the address"}},
	{win32 | 1641, "ERROR_SUCCESS_REBOOT_INITIATED", 0, true, "MSIEXEC: installed; a restart has begun.", nil},
	{win32 | 3010, "ERROR_SUCCESS_REBOOT_REQUIRED", 0, true, "MSIEXEC: installed; a restart is needed.", nil},

	{win32 | 12002, "ERROR_WINHTTP_TIMEOUT", 0, false, "The server did not answer in time.", lookNetwork},
	{win32 | 12007, "ERROR_WINHTTP_NAME_NOT_RESOLVED", 0, false, "The name of the server cannot be resolved.", lookNetwork},
	{win32 | 12029, "ERROR_WINHTTP_CANNOT_CONNECT", 0, false, "The server cannot be reached.", lookNetwork},
	{win32 | 12030, "ERROR_WINHTTP_CONNECTION_ERROR", 0, false, "The connection was broken.", lookNetwork},
	{win32 | 12044, "ERROR_WINHTTP_CLIENT_AUTH_CERT_NEEDED", 0, false, "The server wants a client certificate.", []string{"the certificate of the enrollment: is it there, with its key, and not expired"}},
	{win32 | 12175, "ERROR_WINHTTP_SECURE_FAILURE", 0, false, "The TLS connection failed; most often the server's certificate is not trusted.", lookTLS},

	{0x80073CF0, "ERROR_INSTALL_OPEN_PACKAGE_FAILED", 0, false, "The package cannot be opened.", []string{"PackageUri: can the device read it, is it a package and whole"}},
	{0x80073CF1, "ERROR_INSTALL_PACKAGE_NOT_FOUND", 0, false, "The package is not there.", []string{"PackageUri, or the package family name"}},
	{0x80073CF2, "ERROR_INSTALL_INVALID_PACKAGE", 0, false, "The package is not valid.", lookAppX},
	{0x80073CF3, "ERROR_INSTALL_RESOLVE_DEPENDENCY_FAILED", 0, false, "The package needs another one that is not there, or conflicts with one that is.", []string{"Dependencies of the Application: frameworks for the architecture of the device"}},
	{0x80073CF4, "ERROR_INSTALL_OUT_OF_DISK_SPACE", 0, false, "The disk is full.", nil},
	{0x80073CF5, "ERROR_INSTALL_NETWORK_FAILURE", 0, false, "The package could not be downloaded.", lookNetwork},
	{0x80073CF6, "ERROR_INSTALL_REGISTRATION_FAILURE", 0, false, "The package could not be registered.", lookAppX},
	{0x80073CF8, "ERROR_INSTALL_CANCEL", 0, false, "The installation was cancelled.", nil},
	{0x80073CF9, "ERROR_INSTALL_FAILED", 0, false, "The installation failed.", lookAppX},
	{0x80073CFA, "ERROR_REMOVE_FAILED", 0, false, "The package could not be removed.", lookAppX},
	{0x80073CFB, "ERROR_PACKAGE_ALREADY_EXISTS", 0, false, "A package of the same identity and other contents is installed.", []string{"the version in the package's manifest: raise it, or remove the other package"}},
	{0x80073CFD, "ERROR_INSTALL_PREREQUISITE_FAILED", 0, false, "The device lacks what the package requires.", []string{"the lowest version of Windows in the package's manifest"}},
	{0x80073CFF, "ERROR_INSTALL_POLICY_FAILURE", 0, false, "Policy forbids it: packages from outside the store are not allowed.", []string{"ApplicationManagement/AllowAllTrustedApps, which must be 1"}},
	{0x80073D01, "ERROR_DEPLOYMENT_BLOCKED_BY_POLICY", 0, false, "Policy forbids the deployment.", []string{"the policies of ApplicationManagement"}},
	{0x80073D02, "ERROR_PACKAGES_IN_USE", 0, false, "The package cannot be replaced while it is in use.", []string{"whether the app runs: close it, or let DeploymentOptions do that"}},
	{0x800B0109, "CERT_E_UNTRUSTEDROOT", 0, false, "The root of the certificate is not trusted on this device.", []string{"RootCATrustedCertificates: install the root of the signer first"}},
	{0x80091007, "CRYPT_E_HASH_VALUE", 0, false, "The hash does not fit the file.", []string{"FileHash of the job, and the file at ContentURL: has one changed without the other"}},
}
