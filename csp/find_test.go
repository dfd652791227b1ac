package csp_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/stretchr/testify/require"
)

func TestFind(t *testing.T) {
	const camera = "./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera"
	for _, tt := range []struct {
		u       dmtree.URI
		reason  string
		similar dmtree.URI // the first proposal
	}{
		{"./User/Vendor/MSFT/Policy/Config/Camera/AllowCamera", "it has no ./User twin", camera},
		{"./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamra", "AllowCamra is not below ./Device/Vendor/MSFT/Policy/Config/Camera", camera},
		{"./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera/Value", camera + " is a leaf", ""},
		{"./Device/Vendor/MSFT/Policy/Config/Cemara/AllowCamera", "Cemara is not below ./Device/Vendor/MSFT/Policy/Config, and is no name for {AreaName}", camera},
		{"./Device/Vendor/MSFT/Policy/Confg/Camera/AllowCamera", "Confg is not below", camera},
		{"./Policy/Config/Camera/AllowCamera", "Policy is not below .", camera},
		{"./Device/Policy/Config/Camera/AllowCamera", "Policy is not below ./Device", camera},
		{"./Device/Vendor/MSFT/DevDetail/SwV", "DevDetail is not below", "./DevDetail/SwV"},
		{"./Device/Vendor/MSFT/Policy/Config/System/AllowCamera", "AllowCamera is not below", camera},
		{"./Vendor/MSFT/Reboot/RebotNow", "RebotNow is not below", "./Device/Vendor/MSFT/Reboot/RebootNow"},
		{"./Vendor/MSFT/Firewall/MdmStore/DynamicKeywords/Addresses/office/Keyword", "is no name for {Id}, which matches", ""},
		{"./Device/Vendor/MSFT/Search/PreventIndexingEncryptedStoresOrItems", "Search is not below", ""},
		{"./Nowhere", "Nowhere is not below .", ""},
	} {
		n, err := csp.Windows().Find(tt.u)
		miss := new(csp.NotFoundError)
		if n != nil || !errors.As(err, &miss) || !errors.Is(err, dmtree.ErrNotFound) {
			t.Errorf("%s: got %v, %v", tt.u, n, err)
			continue
		}
		if !strings.Contains(miss.Reason, tt.reason) {
			t.Errorf("%s: the reason is %q, want %q", tt.u, miss.Reason, tt.reason)
		}
		if tt.similar != "" && (len(miss.Similar) == 0 || miss.Similar[0] != tt.similar) {
			t.Errorf("%s: proposes %q, want %q first", tt.u, miss.Similar, tt.similar)
		}
		if len(miss.Similar) > 5 {
			t.Errorf("%s: proposes %d", tt.u, len(miss.Similar))
		}
		for _, u := range miss.Similar {
			if _, ok := csp.Windows().Lookup(u); !ok && !strings.Contains(string(u), "{") {
				t.Errorf("%s: proposes %s, which is not there either", tt.u, u)
			}
		}
	}
	n, err := csp.Windows().Find(camera)
	require.NoError(t, err)
	require.Equal(t, "AllowCamera", n.Name)
	_, err = csp.Windows().Find("./Device//Vendor")
	require.ErrorIs(t, err, dmtree.ErrURI)

	_, err = csp.Windows().Find("./User/Vendor/MSFT/Policy/Config/Camera/AllowCamera")
	require.EqualError(t, err, "csp: ./User/Vendor/MSFT/Policy/Config/Camera/AllowCamera: it has no ./User twin; did you mean "+camera+"?")
}

// TestTwins finds the other scope for every node that has only one.
func TestTwins(t *testing.T) {
	s := csp.Windows()
	checked := 0
	for u, n := range s.All() {
		rest, ok := strings.CutPrefix(string(u), "./Device/Vendor/MSFT/Policy/Config/")
		if !ok || n.Format == dmtree.FormatNode || strings.Contains(rest, "{") {
			continue
		}
		user := dmtree.URI("./User/Vendor/MSFT/Policy/Config/" + rest)
		if _, ok := s.Lookup(user); ok {
			continue
		}
		checked++
		_, err := s.Find(user)
		miss := new(csp.NotFoundError)
		require.ErrorAs(t, err, &miss)
		require.Equal(t, u, miss.Similar[0])
	}
	require.Greater(t, checked, 1900)
}

func TestSearch(t *testing.T) {
	for _, tt := range []struct {
		query string
		first dmtree.URI
	}{
		{"AllowCamera", "./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera"},
		{"allow camera", "./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera"},
		{"camera lock", "./Device/Vendor/MSFT/Policy/Config/DeviceLock/PreventEnablingLockScreenCamera"},
		{"Audit Credential Validation", "./Device/Vendor/MSFT/Policy/Config/Audit/AccountLogon_AuditCredentialValidation"},
		{"vpn always on", "./Device/Vendor/MSFT/VPNv2/{ProfileName}/AlwaysOn"},
		{"AxISURLZonePolicies", "./Device/Vendor/MSFT/Policy/Config/ADMX_ActiveXInstallService/AxISURLZonePolicies"},
		{"reboot now", "./Device/Vendor/MSFT/Reboot/RebootNow"},
	} {
		found := csp.Windows().Search(tt.query, 10)
		if len(found) == 0 || len(found) > 10 || found[0].URI() != tt.first {
			var got []dmtree.URI
			for _, n := range found {
				got = append(got, n.URI())
			}
			t.Errorf("%q: found %q, want %s first", tt.query, got, tt.first)
		}
	}
	require.Empty(t, csp.Windows().Search("  ", 0))
	require.Empty(t, csp.Windows().Search("no such words at all", 0))
	require.Greater(t, len(csp.Windows().Search("firewall", 0)), 100)
}
