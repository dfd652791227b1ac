package enroll_test

import (
	"strings"
	"testing"
	"time"

	"github.com/omadm-sdk/omadm/auth/enroll"
	"github.com/stretchr/testify/require"
)

func TestCertificatePolicy(t *testing.T) {
	d := deploy(t, func(d *deployment) {
		d.enroll.Policy = &enroll.CertificatePolicy{
			Name: "Fabrikam <devices>", MinKeyBits: 3072, Validity: 48 * time.Hour, RenewBefore: time.Hour, HashOID: enroll.HashSHA1, Providers: []string{"A", "B"},
			Attestation: &enroll.Attestation{OnFailure: "FailOnError", Timeout: 30 * time.Second, Nonce: "n", RelyingParty: "rp", Endpoint: "https://att.example"},
		}
	})
	for _, row := range []struct {
		version                   string
		has, hasNot               []string
		announced, announcedQuery string
	}{
		{"4.0", nil, []string{"AttestationFailureBehavior", "OperationTimeout", "<attestation>"}, "4.0", "?version=4.0"},
		{"5.0", []string{"<AttestationFailureBehavior>FailOnError<", "<OperationTimeout>30<"}, []string{"<attestation>"}, "5.0", "?version=5.0"},
		{"6.0", []string{"<AttestationFailureBehavior>FailOnError<", "<attestation><attestationFailureBehavior>FailOnError<", "<operationTimeout>30<",
			"<azureAttestation><nonce>n</nonce><relyingPartyId>rp</relyingPartyId><endpointUri>https://att.example</endpointUri></azureAttestation>"}, nil, "5.0", "?version=5.0"},
		{"", nil, []string{"AttestationFailureBehavior"}, "", ""},
	} {
		t.Run("version "+row.version, func(t *testing.T) {
			path := enroll.PolicyPath
			if row.version != "" {
				path += "?version=" + row.version
				_, body := d.post(t, enroll.DiscoveryPath, soapType, request(t, "discover", ">5.0<", ">"+row.version+"<"))
				require.Equal(t, row.announced, textOf(t, body, "EnrollmentVersion"))
				require.True(t, strings.HasSuffix(textOf(t, body, "EnrollmentPolicyServiceUrl"), row.announcedQuery))
			}
			resp, body := d.post(t, path, soapType, request(t, "policies"))
			require.Equal(t, 200, resp.StatusCode, body)
			for _, want := range append(row.has, "<commonName>Fabrikam &lt;devices&gt;<", "<minimalKeyLength>3072<", "<validityPeriodSeconds>172800<", "<renewalPeriodSeconds>3600<",
				"<provider>A</provider><provider>B</provider>", "<value>1.3.14.3.2.29</value>") {
				require.Contains(t, body, want)
			}
			for _, bad := range row.hasNot {
				require.NotContains(t, body, bad)
			}
		})
	}
	// What the policy demands, the server enforces.
	resp, body := d.post(t, enroll.IssuePath, soapType, d.issueRequest(t))
	require.Equal(t, 500, resp.StatusCode)
	require.Equal(t, "CertificateRequest", textOf(t, body, "ErrorType"))
	require.Contains(t, d.logged(), "2048 bits, want 3072")
}
