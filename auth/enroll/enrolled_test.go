package enroll_test

import (
	"bytes"
	"testing"

	"github.com/omadm-sdk/omadm/auth/enroll"
	"github.com/omadm-sdk/omadm/auth/enroll/renew"
	"github.com/stretchr/testify/require"
)

// A device that restarts is the one it was, and renews as if nothing had been.
func TestEnrolledIsStored(t *testing.T) {
	for _, kind := range []enroll.KeyKind{enroll.KeyP256, enroll.KeyRSA} {
		d := deploy(t, nil)
		ticket, err := d.tickets.New(pat, nil)
		require.NoError(t, err)
		c := d.client(t)
		c.Key = kind
		e, err := c.Enroll(t.Context(), "pat\n@fabrikam.example", enroll.Ticket(ticket))
		require.NoError(t, err)
		restart := func(e *enroll.Enrolled) *enroll.Enrolled {
			stored, err := e.MarshalPEM()
			require.NoError(t, err)
			back, err := enroll.ParseEnrolled(stored)
			require.NoError(t, err)
			want := *e
			want.Services = nil
			require.Equal(t, &want, back)
			return back
		}
		next, err := c.Renew(t.Context(), restart(e), renew.PKCS7{})
		require.NoError(t, err)
		require.NotEqual(t, e.Certificate.Leaf.Raw, next.Certificate.Leaf.Raw)
		restart(next)
	}
}

func TestParseEnrolledRefuses(t *testing.T) {
	d := deploy(t, nil)
	a, err := enrolled(t, d).MarshalPEM()
	require.NoError(t, err)
	b, err := enrolled(t, d).MarshalPEM()
	require.NoError(t, err)
	cut := func(p []byte) (key, doc []byte) {
		i := bytes.Index(p, []byte("-----BEGIN WAP"))
		return p[:i:i], p[i:]
	}
	keyA, docA := cut(a)
	_, docB := cut(b)
	for _, row := range []struct {
		name string
		data []byte
		want string
	}{
		{"nothing", nil, "holds a PRIVATE KEY and a WAP PROVISIONINGDOC"},
		{"no document", keyA, "holds a"},
		{"no key", docA, "holds a"},
		{"the document of another", append(keyA, docB...), "the key is not that of the certificate"},
		{"a key that is none", append([]byte("-----BEGIN PRIVATE KEY-----\naGVsbG8=\n-----END PRIVATE KEY-----\n"), docA...), "read a stored enrollment"},
		{"a document that is none", append(keyA, "-----BEGIN WAP PROVISIONINGDOC-----\naGVsbG8=\n-----END WAP PROVISIONINGDOC-----\n"...), "provisioning document"},
		{"a header that is none", append(keyA, bytes.Replace(docA, []byte("User: "), []byte("User: %zz"), 1)...), "User"},
	} {
		t.Run(row.name, func(t *testing.T) {
			e, err := enroll.ParseEnrolled(row.data)
			require.ErrorContains(t, err, row.want)
			require.Nil(t, e)
		})
	}
	_, err = new(enroll.Enrolled).MarshalPEM()
	require.Error(t, err)
}
