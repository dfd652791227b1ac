package enroll_test

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"testing"

	"github.com/omadm-sdk/omadm/auth/enroll"
	"github.com/omadm-sdk/omadm/auth/enroll/renew"
	"github.com/stretchr/testify/require"
)

const pat = "pat@fabrikam.example"

func TestEnroll(t *testing.T) {
	d := deploy(t, nil)
	for _, row := range []struct {
		name string
		cred func(t *testing.T) enroll.Credential
		key  enroll.KeyKind
	}{
		{"on premises, P-256", func(*testing.T) enroll.Credential { return enroll.Password("correct horse") }, enroll.KeyP256},
		{"federated, RSA", func(t *testing.T) enroll.Credential {
			ticket, err := d.tickets.New(pat, map[string]string{"tid": "7"})
			require.NoError(t, err)
			return enroll.Ticket(ticket)
		}, enroll.KeyRSA},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := d.client(t)
			c.Key = row.key
			e, err := c.Enroll(t.Context(), pat, row.cred(t))
			require.NoError(t, err)
			require.Equal(t, "https://mdm.fabrikam.example/dm", e.ServerURL)
			require.Equal(t, "Fabrikam", e.ProviderID)
			require.Equal(t, enroll.DefaultPoll(), e.Poll)
			require.Equal(t, c.Device.ID, e.Certificate.Leaf.Subject.CommonName)
			switch row.key {
			case enroll.KeyRSA:
				require.IsType(t, new(rsa.PrivateKey), e.Certificate.PrivateKey)
			default:
				require.IsType(t, new(ecdsa.PrivateKey), e.Certificate.PrivateKey)
			}
			r := d.last()
			require.Equal(t, pat, r.Identity.User)
			require.Equal(t, []string{"00-0C-29-51-60-9D", "00-0C-29-51-60-9E"}, r.Context.All(enroll.ItemMAC))

			next, err := c.Renew(t.Context(), e, renew.PKCS7{})
			require.NoError(t, err)
			require.NotEqual(t, e.Certificate.Leaf.SerialNumber, next.Certificate.Leaf.SerialNumber)
			require.Equal(t, e.ServerURL, next.ServerURL)
		})
	}
}
