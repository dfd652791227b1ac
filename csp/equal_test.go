package csp_test

import (
	"strings"
	"testing"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/stretchr/testify/require"
)

func TestExplain(t *testing.T) {
	const (
		policy   = "./Device/Vendor/MSFT/Policy/Config/"
		firewall = "./Vendor/MSFT/Firewall/MdmStore/"
		admx     = policy + "ADMX_ActiveXInstallService/AxISURLZonePolicies"
		wlan     = "./Vendor/MSFT/WiFi/Profile/Office/WlanXml"
		rights   = policy + "UserRights/AccessFromNetwork"
		page     = "./Device/Vendor/MSFT/DevicePreparation/PageSettings"
		cert     = "./Vendor/MSFT/RootCATrustedCertificates/Root/2FD4E1C67A2D28FCED849EE1BB76E7391B93EB12/EncodedCertificate"
		sddl     = firewall + "FirewallRules/web/LocalUserAuthorizedList"
		data     = `<data id="InstallTrustedOCX" value="1"/>`
	)
	str, num := dmtree.String, dmtree.Int
	for _, tt := range []struct {
		name      string
		u         dmtree.URI
		want, got dmtree.Value
		same      bool
		why       string
	}{
		{"identical", policy + "Camera/AllowCamera", num(1), num(1), true, ""},
		{"text for a number", policy + "Camera/AllowCamera", num(1), str(" 01"), true, "spelled differently"},
		{"numbers", policy + "Camera/AllowCamera", num(1), num(0), false, "want 1, got 0"},
		{"no value", policy + "Camera/AllowCamera", num(1), dmtree.Null, false, "one has no value"},
		{"bool", firewall + "PublicProfile/EnableFirewall", dmtree.Bool(true), str("1"), true, "spelled differently"},
		{"bool, case", firewall + "PublicProfile/EnableFirewall", dmtree.Bool(true), str("True"), true, "spelled differently"},
		{"flags", "./User/Vendor/MSFT/EMAIL2/%7B90AA7C6F-35E0-4F52-B0B4-90EFA5F3CE70%7D/SYNCINGCONTENTTYPES", str("0x10"), str("16"), true, "the same number"},
		{"case of text", "./Vendor/MSFT/Personalization/CompanyName", str("Contoso"), str("CONTOSO"), false, "different case"},
		{"white space", "./Vendor/MSFT/Personalization/CompanyName", str("Contoso"), str("Contoso "), false, "different white space"},
		{"list order", rights, str("*S-1-5-32-544\uF000*S-1-5-32-545"), str("*S-1-5-32-545\uF000*S-1-5-32-544"), true, "in another order"},
		{"list end", firewall + "FirewallRules/web/LocalPortRanges", str("80,443"), str("80,443,"), true, "the same list"},
		{"list items", firewall + "FirewallRules/web/LocalPortRanges", str("80,443"), str("80,8080,22"), false, "other items: missing 443; extra 8080, 22"},
		{"list, item twice", firewall + "FirewallRules/web/LocalPortRanges", str("80,80"), str("80,22"), false, "missing 80; extra 22"},

		{"payload, case", admx, str("<enabled/>" + data), str(`<Enabled></Enabled><Data value="1" id="InstallTrustedOCX" />`), true, "the same policy"},
		{"payload, escaped", admx, str("<enabled/>" + data), str(`&lt;enabled/&gt;&lt;data id=&quot;InstallTrustedOCX&quot; value=&quot;1&quot;/&gt;`), true, "the same policy"},
		{"payload, CDATA", admx, str("<enabled/>" + data), str("<![CDATA[<enabled/>" + data + "]]>"), true, "the same policy"},
		{"payload, order", admx, str(`<enabled/><data id="a" value="1"/><data id="b" value="2"/>`), str(`<enabled/><data id="b" value="2"/><data id="a" value="1"/>`), true, "the same policy"},
		{"payload, character", admx, str("<enabled/><data id=\"a\" value=\"1\uF0002\"/>"), str(`<enabled/><data id="a" value="1&#xF000;2"/>`), true, "the same policy"},
		{"payload, state", admx, str("<enabled/>"), str("<disabled/>"), false, "want the policy enabled, got it disabled"},
		{"payload, value", admx, str("<enabled/>" + data), str(strings.Replace("<enabled/>"+data, "1", "2", 1)), false, "data InstallTrustedOCX: want 1, got 2"},
		{"payload, missing", admx, str("<enabled/>" + data), str("<enabled/>"), false, "data InstallTrustedOCX is missing"},
		{"payload, extra", admx, str("<enabled/>"), str("<enabled/>" + data), false, "data InstallTrustedOCX is extra"},
		{"payload, none", admx, str("<enabled/>"), str("1"), false, "no payload of a policy"},

		{"XML", wlan, str(`<?xml version="1.0"?><W xmlns="urn:w"><n a="1" b="2">Office</n></W>`),
			str("<x:W xmlns:x=\"urn:w\">\r\n <!-- Windows -->\r\n <x:n b='2' a='1'><![CDATA[Office]]></x:n></x:W>"), true, "laid out differently"},
		{"XML, text", wlan, str(`<W><s><a>WPA3SAE</a></s></W>`), str(`<W><s><a>WPA2PSK</a></s></W>`), false, "at /W/s/a: want WPA3SAE, got WPA2PSK"},
		{"XML, element", wlan, str(`<W><s/></W>`), str(`<W><s/><t/></W>`), false, "at /W: want </W>, got <t>"},
		{"XML, attribute", wlan, str(`<W a="1"/>`), str(`<W a="2"/>`), false, `at /W: want <W a="1">, got <W a="2">`},
		{"XML, namespace", wlan, str(`<W xmlns="urn:a"/>`), str(`<W xmlns="urn:b"/>`), false, "want <{urn:a}W>, got <{urn:b}W>"},
		{"XML, more after it", wlan, str(`<W/>`), str(`<W/><W/>`), false, "extra <W>"},
		{"XML, less", wlan, str(`<W/><W/>`), str(`<W/>`), false, "missing <W>"},
		{"XML, broken", wlan, str(`<W/>`), str(`<W><W/>`), false, ""},

		{"JSON", page, str(`{"a": 1, "b": [true]}`), str(`{"b":[true],"a":1}`), true, "the same JSON"},
		{"JSON, value", page, str(`{"a": 1}`), str(`{"a": 2}`), false, `want {"a":1}, got {"a":2}`},
		{"base64", cert, dmtree.Base64([]byte("abc")), str("YW\r\nJj"), true, "spelled differently"},
		{"base64, other bytes", cert, dmtree.Base64([]byte("abc")), dmtree.Base64([]byte("abcd")), false, "want 3 bytes, got 4 other ones"},
		{"SDDL", sddl, str("O:LSD:(A;;CC;;;BA)"), str("o:S-1-5-19 D:(A;;CC;;;S-1-5-32-544)"), true, "the same list"},
		{"SDDL, other account", sddl, str("O:S-1-5-2D:(A;;CC;;;BA)"), str("O:S-1-5-21D:(A;;CC;;;BA)"), false, "other items"},
	} {
		n, ok := csp.Windows().Lookup(tt.u)
		require.True(t, ok, tt.u)
		same, why := n.Explain(tt.want, tt.got)
		if same != tt.same || !strings.Contains(why, tt.why) {
			t.Errorf("%s: got %t, %q; want %t, %q", tt.name, same, why, tt.same, tt.why)
		}
		require.Equal(t, same, n.Equal(tt.want, tt.got), tt.name)
		if back := n.Equal(tt.got, tt.want); back != same {
			t.Errorf("%s: the other way round it is %t", tt.name, back)
		}
	}
}

func TestExplainSecret(t *testing.T) {
	n, _ := csp.Windows().Lookup("./Vendor/MSFT/Personalization/CompanyName")
	same, why := n.Explain(dmtree.String("hunter2").Secret(), dmtree.String("hunter3"))
	require.False(t, same)
	require.NotContains(t, why, "hunter")
}

func TestDrift(t *testing.T) {
	const policy = "./Device/Vendor/MSFT/Policy/Config/"
	want := map[dmtree.URI]dmtree.Value{
		"./Vendor/MSFT/Policy/Config/Camera/AllowCamera": dmtree.Int(0),
		policy + "DeviceLock/MinDevicePasswordLength":    dmtree.Int(8),
		policy + "Bluetooth/AllowDiscoverableMode":       dmtree.Int(1),
		"./Vendor/MSFT/RemoteWipe/doWipe":                dmtree.Null,
		"./Vendor/OEM/Light":                             dmtree.Int(1),
		"./Vendor/OEM/Sound":                             dmtree.Int(1),
	}
	got := map[dmtree.URI]dmtree.Value{
		policy + "camera/allowcamera":                 dmtree.String("0"),
		policy + "DeviceLock/MinDevicePasswordLength": dmtree.Int(4),
		policy + "Update/ActiveHoursMaxRange":         dmtree.Int(12),
		"./DevDetail/SwV":                             dmtree.String("10.0.26100.1"), // inventory
		"./Vendor/OEM/Light":                          dmtree.Int(1),
	}
	var lines []string
	for d := range csp.Windows().Drift(want, got) {
		lines = append(lines, string(d.URI)+" "+d.State.String()+" "+d.Why)
	}
	require.Equal(t, []string{
		policy + "Bluetooth/AllowDiscoverableMode missing ",
		policy + "Camera/AllowCamera equal ",
		policy + "DeviceLock/MinDevicePasswordLength different want 8, got 4",
		policy + "Update/ActiveHoursMaxRange extra ",
		"./Device/Vendor/MSFT/RemoteWipe/doWipe cannot tell the node cannot be read",
		"./Device/Vendor/OEM/Light equal ",
		"./Device/Vendor/OEM/Sound cannot tell the schema does not know the node",
	}, lines)
}
