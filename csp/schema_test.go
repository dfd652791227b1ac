package csp_test

import (
	"testing"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/stretchr/testify/require"
)

func TestLookup(t *testing.T) {
	s := csp.Windows()
	for _, tt := range []struct {
		u    dmtree.URI
		want dmtree.URI // "": not found
	}{
		{".", "."},
		{"./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera", "./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera"},
		{"./Vendor/MSFT/Policy/Config/Camera/AllowCamera", "./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera"},
		{"Vendor/MSFT/Policy/Config/Camera/AllowCamera", "./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera"},
		{"./vendor/msft/policy/config/CAMERA/allowcamera", "./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera"},
		{"./Device/Vendor/MSFT/Policy/Config/Camera/Allow%43amera", "./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera"},
		{"./User/Vendor/MSFT/Policy/Config/Camera/AllowCamera", ""},
		{"./Device/Vendor/MSFT/Policy/Config/Camera/AllowCameras", ""},
		{"./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera/More", ""},
		{"./DevDetail/SwV?prop=ACL", "./DevDetail/SwV"},
		{".?list=Struct", "."},
		{"./DevDetail?list=a/b", "./DevDetail"},
		{"./Vendor/MSFT/WiFi/Profile/Caf%C3%A9%205%2F7/WlanXml", "./Device/Vendor/MSFT/WiFi/Profile/{SSID}/WlanXml"},
		{"./SyncML/DMAcc/A/AppAddr/B/Port/C/PortNbr", "./SyncML/DMAcc/{AccountUID}/AppAddr/{ObjectName}/Port/{ObjectName}/PortNbr"},
		// A fixed name goes before a dynamic one.
		{"./Device/Vendor/MSFT/EnterpriseModernAppManagement/AppManagement/AppStore/ReleaseManagement",
			"./Device/Vendor/MSFT/EnterpriseModernAppManagement/AppManagement/AppStore/ReleaseManagement"},
		{"./Device/Vendor/MSFT/EnterpriseModernAppManagement/AppManagement/AppStore/Microsoft.X_8wekyb3d8bbwe",
			"./Device/Vendor/MSFT/EnterpriseModernAppManagement/AppManagement/AppStore/{PackageFamilyName}"},
		// Names that have a pattern must match it.
		{"./Vendor/MSFT/Firewall/MdmStore/DynamicKeywords/Addresses/{90AA7C6F-35E0-4F52-B0B4-90EFA5F3CE70}",
			"./Device/Vendor/MSFT/Firewall/MdmStore/DynamicKeywords/Addresses/{Id}"},
		{"./Vendor/MSFT/Firewall/MdmStore/DynamicKeywords/Addresses/%7B90AA7C6F-35E0-4F52-B0B4-90EFA5F3CE70%7D",
			"./Device/Vendor/MSFT/Firewall/MdmStore/DynamicKeywords/Addresses/{Id}"},
		{"./Vendor/MSFT/Firewall/MdmStore/DynamicKeywords/Addresses/office", ""},
		{"", ""},
		{"/", ""},
		{"./Device//Vendor", ""},
		{"./%", ""},
	} {
		n, ok := s.Lookup(tt.u)
		switch {
		case ok != (tt.want != ""):
			t.Errorf("%s: found is %t", tt.u, ok)
		case ok && n.URI() != tt.want:
			t.Errorf("%s: found %s, want %s", tt.u, n.URI(), tt.want)
		}
	}
}

func TestBindings(t *testing.T) {
	const u = "./SyncML/DMAcc/a%20b/AppAddr/B/Port/C/PortNbr"
	n, ok := csp.Windows().Lookup(u)
	require.True(t, ok)
	var got []string
	for name, value := range n.Bindings(u) {
		got = append(got, name+"="+value)
	}
	require.Equal(t, []string{"AccountUID=a b", "ObjectName=B", "ObjectName=C"}, got)
}

func TestTextRoundTrip(t *testing.T) {
	text, err := csp.Windows().MarshalText()
	require.NoError(t, err)
	s, err := csp.ParseText(string(text))
	require.NoError(t, err)
	require.Equal(t, csp.Windows().Len(), s.Len())
}
