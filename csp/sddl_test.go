package csp_test

import (
	"testing"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/dmtree"
)

func TestValidateSDDL(t *testing.T) {
	n, _ := csp.Windows().Lookup("./Vendor/MSFT/Firewall/MdmStore/FirewallRules/web/LocalUserAuthorizedList")
	for _, tt := range []struct {
		text string
		ok   bool
	}{
		{"O:BAG:SYD:PAI(A;;FA;;;BA)(A;OICI;0x1200a9;;;S-1-5-32-545)S:(AU;SAFA;WD;;;WD)", true},
		{"D:(A;;GA;;;S-1-5-21-1-2-3-500)", true},
		{"O:S-1-5-18D:(D;;GRGW;;;AN)", true},
		{"D:NO_ACCESS_CONTROL", true},
		{"D:(OA;;CR;ab721a53-1e2f-11d0-9819-00aa0040529b;;PS)", true},
		{`D:(XA;;FX;;;WD;(@User.Title=="PM (lead)"))`, true},
		{"", true}, // an empty list
		{"BA", false},
		{"X:BA", false},
		{"D:O:BA", false}, // out of order
		{"O:BAO:BA", false},
		{"O:", false},
		{"O:S-1", false},
		{"D:(A;;GA;;;BA", false},
		{"D:(A;;GA;;BA)", false},
		{"D:(Q;;GA;;;BA)", false},
		{"D:(A;QQ;GA;;;BA)", false},
		{"D:(A;;QQ;;;BA)", false},
		{"D:(A;;G;;;BA)", false},
		{"D:(A;;GA;zz;;BA)", false},
		{"D:(A;;GA;;;)", false},
		{"D:(A;;GA;;;BAX)", false},
		{"D:(A;;GA;;;BA)x", false},
	} {
		if err := n.Validate(dmtree.String(tt.text)); (err == nil) != tt.ok {
			t.Errorf("%q: %v", tt.text, err)
		}
	}
}
