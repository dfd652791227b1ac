package enroll_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/omadm-sdk/omadm/auth/enroll"
	"github.com/stretchr/testify/require"
)

// The codes that only a client raises, with the numbers and names of Microsoft's header.
func TestClientCodes(t *testing.T) {
	for _, row := range []struct {
		code enroll.Code
		low  uint32
		name string
	}{
		{enroll.CodeUnknownError, 0x08, "DEVICE_UNKNOWN_ERROR"},
		{enroll.CodeInProgress, 0x09, "ENROLLMENT_IN_PROGRESS"},
		{enroll.CodeAlreadyEnrolled, 0x0A, "DEVICE_ALREADY_ENROLLED"},
		{enroll.CodeNotEnrolled, 0x0B, "DEVICE_NOT_ENROLLED"},
		{enroll.CodeDiscoveryCertDate, 0x0D, "DISCOVERY_SEC_CERT_DATE_INVALID"},
		{enroll.CodePasswordNeeded, 0x0E, "PASSWORD_NEEDED"},
		{enroll.CodeSignInFailed, 0x0F, "WAB_ERROR"},
		{enroll.CodeConnectivity, 0x10, "CONNECTIVITY"},
		{enroll.CodeInvalidServerCert, 0x12, "INVALIDSSLCERT"},
		{enroll.CodeInsecureRedirect, 0x1A, "INSECUREREDIRECT"},
		{enroll.CodeWrongState, 0x1B, "PLATFORM_WRONG_STATE"},
		{enroll.CodeLicense, 0x1C, "PLATFORM_LICENSE_ERROR"},
		{enroll.CodePlatform, 0x1D, "PLATFORM_UNKNOWN_ERROR"},
		{enroll.CodeProvCertStore, 0x1E, "PROV_CSP_CERTSTORE"},
		{enroll.CodeProvW7, 0x1F, "PROV_CSP_W7"},
		{enroll.CodeProvDMClient, 0x20, "PROV_CSP_DMCLIENT"},
		{enroll.CodeProvPolicy, 0x21, "PROV_CSP_PFW"},
		{enroll.CodeProvMisc, 0x22, "PROV_CSP_MISC"},
		{enroll.CodeProvUnknown, 0x23, "PROV_UNKNOWN"},
		{enroll.CodeProvCertNotFound, 0x24, "PROV_SSLCERTNOTFOUND"},
		{enroll.CodeProvApps, 0x25, "PROV_CSP_APPMGMT"},
		{enroll.CodeManagementBlocked, 0x26, "DEVICE_MANAGEMENT_BLOCKED"},
		{enroll.CodeKeyCreationFailed, 0x27, "CERTPOLICY_PRIVATEKEYCREATION_FAILED"},
		{enroll.CodeCertAuthNoCertificate, 0x28, "CERTAUTH_FAILED_TO_FIND_CERT"},
		{enroll.CodeEmptyMessage, 0x29, "EMPTY_MESSAGE"},
		{enroll.CodeUserCanceled, 0x30, "USER_CANCELLED"},
		{enroll.CodeMDMNotConfigured, 0x31, "MDM_NOT_CONFIGURED"},
		{enroll.CodeServerTooManyRequests, 0x33, "SERVER429"},
	} {
		t.Run(row.name, func(t *testing.T) {
			require.Equal(t, 0x80180000|row.low, uint32(row.code))
			require.Equal(t, "MENROLL_E_"+row.name, row.code.Name())
			subcode, errorType := row.code.Subcode()
			require.Empty(t, subcode, "never sent")
			require.Empty(t, errorType)
			require.Contains(t, row.code.Error(), fmt.Sprintf("0x%08X", uint32(row.code)))
		})
	}
	strange := enroll.Code(0x80190190)
	require.Empty(t, strange.Name())
	require.Equal(t, "enroll: error 0x80190190", strange.Error())
}

func TestErrorTexts(t *testing.T) {
	cause := errors.New("database is away")
	f := &enroll.Fault{Code: enroll.CodeDeviceCapReached, Reason: "five devices", Trace: "7", Err: cause}
	e := &enroll.Error{Step: enroll.StepIssue, URL: "https://mdm.example.com/x", Err: f}
	require.Equal(t, "enroll: request certificate https://mdm.example.com/x: five devices (MENROLL_E_DEVICECAPREACHED 0x80180013; trace 7): database is away", e.Error())
	require.ErrorIs(t, e, cause)
	require.ErrorIs(t, e, enroll.CodeDeviceCapReached)
	require.NotErrorIs(t, e, enroll.CodeAuthorization)
	require.Equal(t, "enroll: the user may not enroll (MENROLL_E_DEVICE_AUTHORIZATION_ERROR 0x80180003)", (&enroll.Fault{Code: enroll.CodeAuthorization}).Error())
	steps := map[string]bool{}
	for s := enroll.StepDiscover; s <= enroll.StepApply; s++ {
		steps[s.String()] = true
	}
	require.Len(t, steps, 5)
}

func TestDiscoveryURL(t *testing.T) {
	for _, row := range []struct{ user, want string }{
		{"user1@contoso.com", "https://EnterpriseEnrollment.contoso.com/EnrollmentServer/Discovery.svc"},
		{"a+b@sub.contoso.co.uk", "https://EnterpriseEnrollment.sub.contoso.co.uk/EnrollmentServer/Discovery.svc"},
		{"", ""}, {"contoso.com", ""}, {`CONTOSO\pat`, ""}, {"pat@", ""}, {"pat@a@b", ""},
		{"pat@evil.example/x?", ""}, {"pat@evil.example:8443", ""}, {"pat@evil.example#", ""}, {"pat@a b", ""}, {"pat@a%2fb", ""},
	} {
		got, err := enroll.DiscoveryURL(row.user)
		require.Equal(t, row.want, got, row.user)
		require.Equal(t, row.want == "", err != nil, row.user)
	}
}

func TestVersion(t *testing.T) {
	for _, row := range []struct {
		in, out string
		ok      bool
	}{
		{"5.0", "5.0", true}, {"4", "4.0", true}, {" 7.0 ", "7.0", true}, {"25.3", "25.3", true}, {"5.05", "5.0", true}, {"1.0.2", "1.0", true},
		{"", "0.0", false}, {"x", "0.0", false}, {"-1.0", "0.0", false}, {"99999.0", "0.0", false}, {strings.Repeat("9", 100), "0.0", false},
	} {
		v, err := enroll.ParseVersion(row.in)
		require.Equal(t, row.ok, err == nil, row.in)
		require.Equal(t, row.out, v.String(), row.in)
	}
}
