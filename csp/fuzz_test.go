package csp_test

import (
	"sync"
	"testing"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/stretchr/testify/require"
)

// kinds are nodes of each kind of values.
var kinds = []dmtree.URI{
	"./Device/Vendor/MSFT/Policy/Config/ADMX_ActiveXInstallService/AxISURLZonePolicies",
	"./Device/Vendor/MSFT/DevicePreparation/PageSettings",
	"./Vendor/MSFT/Firewall/MdmStore/FirewallRules/web/LocalUserAuthorizedList",
	"./Vendor/MSFT/Firewall/MdmStore/FirewallRules/web/LocalPortRanges",
	"./Device/Vendor/MSFT/PassportForWork/DeviceUnlock/GroupA",
	"./Vendor/MSFT/WiFi/Profile/Office/WlanXml",
	"./User/Vendor/MSFT/EMAIL2/%7B90AA7C6F-35E0-4F52-B0B4-90EFA5F3CE70%7D/SYNCINGCONTENTTYPES",
	appLocker, restart, groups, shared, exam, vpn,
}

// FuzzValidate: whatever the values are, they are judged without panic, each
// equals itself, and equality goes both ways.
func FuzzValidate(f *testing.F) {
	f.Add("<enabled/>", "<disabled/>")
	f.Add(`<enabled/><data id="a" value="b"/>`, `&lt;enabled/&gt;`)
	f.Add("O:BAD:(A;;GA;;;BA)", "O:S-1-5-32-544D:(A;;GA;;;S-1-5-32-544)")
	f.Add("80,443", "443,80")
	f.Add(`{"a": 1}`, `{"a":1}`)
	f.Add(`<VPNProfile/>`, `<AppLockerPolicy Version="1"/>`)
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, u := range kinds {
			n, ok := csp.Windows().Lookup(u)
			require.True(t, ok, u)
			x, y := dmtree.String(a), dmtree.String(b)
			_ = n.Validate(x)
			if !n.Equal(x, x) {
				t.Errorf("%s: %q is not itself", u, a)
			}
			if n.Equal(x, y) != n.Equal(y, x) {
				t.Errorf("%s: %q and %q are equal one way only", u, a, b)
			}
		}
	})
}

// FuzzLookup: any URI that is found has bindings for each dynamic segment, and
// Find agrees with Lookup.
func FuzzLookup(f *testing.F) {
	f.Add("./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera")
	f.Add("./SyncML/DMAcc/a%20b/AppAddr/B/Port/C/PortNbr")
	f.Add("vendor/msft/wifi/profile/%2F?prop=ACL")
	f.Fuzz(func(t *testing.T, text string) {
		u := dmtree.URI(text)
		n, ok := csp.Windows().Lookup(u)
		found, err := csp.Windows().Find(u)
		if u.Valid() && ok != (err == nil) || err == nil && found != n {
			t.Fatalf("%q: Lookup %t, Find %v", text, ok, err)
		}
		if !u.Valid() || !ok {
			return
		}
		dynamic, bound := 0, 0
		for m := n; m != nil; m = m.Parent() {
			if m.Dynamic() {
				dynamic++
			}
		}
		for range n.Bindings(u) {
			bound++
		}
		if dynamic != bound {
			t.Errorf("%q: %d bindings for %d dynamic names", text, bound, dynamic)
		}
		if again, ok := csp.Windows().Lookup(u.Canonical()); !ok || again != n {
			t.Errorf("%q and its canonical form lead to different nodes", text)
		}
		if again, ok := csp.Windows().Lookup(u.Fold()); !ok || again != n {
			t.Errorf("%q and its folded form lead to different nodes", text)
		}
	})
}

// TestConcurrent uses one schema from many goroutines; the race detector
// judges.
func TestConcurrent(t *testing.T) {
	s, err := csp.Windows().Correct("")
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, u := range kinds {
				n, ok := s.Lookup(u)
				if !ok {
					t.Error(u)
					return
				}
				_ = n.Validate(dmtree.String("<enabled/>"))
				_ = n.Applies(csp.Target{Edition: 0x30})
			}
		})
	}
	wg.Wait()
}
