package csp_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/stretchr/testify/require"
)

func TestValidate(t *testing.T) {
	const (
		policy   = "./Device/Vendor/MSFT/Policy/Config/"
		firewall = "./Vendor/MSFT/Firewall/MdmStore/"
		rule     = firewall + "FirewallRules/web/"
		emam     = "./Device/Vendor/MSFT/EnterpriseModernAppManagement/AppManagement/System/App_1/AppUpdateSettings/"
		admx     = policy + "ADMX_ActiveXInstallService/AxISURLZonePolicies"
	)
	str, num := dmtree.String, dmtree.Int
	for _, tt := range []struct {
		u    dmtree.URI
		v    dmtree.Value
		want string // "": taken; "?": not decidable; else what is wanted, in words
	}{
		// ENUM
		{policy + "Camera/AllowCamera", num(0), ""},
		{policy + "Camera/AllowCamera", num(7), "0 or 1"},
		{policy + "Camera/AllowCamera", str("1"), "format int, not chr"},
		{policy + "Camera/AllowCamera", dmtree.Bool(true), "format int, not bool"},
		{policy + "Camera/AllowCamera", dmtree.Null, "format int, not null"},
		{firewall + "PublicProfile/EnableFirewall", dmtree.Bool(true), ""},
		{"./Device/Vendor/MSFT/VPNv2/a/NativeProfile/RoutingPolicyType", str("SplitTunnel"), ""},
		{"./Device/Vendor/MSFT/VPNv2/a/NativeProfile/RoutingPolicyType", str("Split"), "SplitTunnel or ForceTunnel"},
		{policy + "Update/ActiveHoursMaxRange", num(19), "a number from 8 to 18"},
		// Flag
		{rule + "Profiles", num(6), ""},
		{rule + "Profiles", num(0x7FFFFFFF), ""},
		{rule + "Profiles", num(8), "or several of them combined"}, // only as a part of 0x7FFFFFFF
		{rule + "Profiles", num(0), "or several of them combined"},
		{firewall + "Global/IPsecExempt", num(0), ""},
		{firewall + "Global/IPsecExempt", num(15), ""},
		{firewall + "Global/IPsecExempt", num(16), "or several of them combined"},
		{"./User/Vendor/MSFT/EMAIL2/%7B90AA7C6F-35E0-4F52-B0B4-90EFA5F3CE70%7D/SYNCINGCONTENTTYPES", str("0x260"), ""},
		{"./User/Vendor/MSFT/EMAIL2/%7B90AA7C6F-35E0-4F52-B0B4-90EFA5F3CE70%7D/SYNCINGCONTENTTYPES", str("mail"), "or several of them combined"},
		// Range
		{policy + "DeviceLock/MinDevicePasswordLength", num(4), ""},
		{policy + "DeviceLock/MinDevicePasswordLength", num(17), "a number from 4 to 16"},
		{policy + "DeviceLock/MinDevicePasswordLength", num(-1), "a number from 4 to 16"},
		{firewall + "Global/SaIdleTime", num(300), ""},
		{firewall + "Global/SaIdleTime", num(299), "a number from 300 to 3600"},
		// RegEx
		{"./Vendor/MSFT/Personalization/CompanyName", str("Contoso"), ""},
		{"./Vendor/MSFT/Personalization/CompanyName", str(strings.Repeat("x", 31)), "text that matches ^.{1,30}$"},
		{"./Vendor/MSFT/SecureAssessment/LaunchURI", str("https://example.com/exam"), ""},
		{"./Vendor/MSFT/SecureAssessment/LaunchURI", str("example.com"), "text that matches /^https?"},
		{"./Device/Vendor/MSFT/PassportForWork/DeviceUnlock/GroupA", str("{D6886603-9D2F-4EB2-B667-1971041FA96B}"), ""},
		{"./Device/Vendor/MSFT/PassportForWork/DeviceUnlock/GroupA", str("{D6886603-9D2F-4EB2-B667-1971041FA96B},{BEC09223-B018-416D-A0AC-523971B639F5}"), "?"},
		{"./Device/Vendor/MSFT/PassportForWork/DeviceUnlock/GroupA", str("PIN"), "text that matches"},
		// Lists
		{rule + "LocalPortRanges", str("80,443,8000-8999"), ""},
		{rule + "LocalPortRanges", str("80,https"), "each item, with , between them, is text that matches ^[0-9,-]+$; https is not"},
		{"./Device/Vendor/MSFT/Defender/Configuration/ExcludedIpAddresses", str("10.0.0.1|::1"), ""},
		{"./Device/Vendor/MSFT/Defender/Configuration/ExcludedIpAddresses", str("10.0.0.1|10.0.0.256"), "10.0.0.256 is not"},
		{"./Device/Vendor/MSFT/Defender/Configuration/ExcludedIpAddresses", str(""), ""},
		{emam + "AutoUpdateSettings/PackageSource", str("https://a.example/a.appinstaller;https://b.example/b.appinstaller"), ""},
		{emam + "AutoUpdateSettings/PackageSource", str("https://a.example/a.exe"), "a list of which each item"},
		{policy + "UserRights/AccessFromNetwork", str("*S-1-5-32-544\uF000*S-1-5-32-545"), ""},
		// ADMX
		{admx, str("<enabled/>"), "with data id InstallTrustedOCX: one of 0, 1, 2"},
		{admx, str(`<Enabled/><Data id="InstallTrustedOCX" value="0"/><data id="InstallSignedOCX" value="0"/><data id="InstallUnSignedOCX" value="1"/>`), ""},
		{admx, str("<disabled></disabled>"), ""},
		{admx, num(22), "format chr, not int"},
		{admx, str(""), "to make the policy not configured, delete the node"},
		{admx, str("1"), "no text beside them"},
		{admx, str("&lt;enabled/&gt;"), "is the payload escaped twice?"},
		{admx, str("<enabled/><disabled/>"), "only one of"},
		{admx, str(`<disabled/><data id="a" value="b"/>`), "<disabled/> takes no data"},
		{admx, str(`<enabled/><data id="a"/>`), "an id and a value"},
		{admx, str(`<enabled/><data id="a" value="1"/><data id="a" value="2"/>`), "twice"},
		{admx, str(`<enabled><data id="a" value="1"/></enabled>`), "not nested"},
		{admx, str(`<data id="a" value="1"/>`), "is missing"},
		{admx, str(`<on/>`), "not <on>"},
		{admx, str("<enabled/></payload><payload>"), "well-formed"},
		{admx, str("<!DOCTYPE a><enabled/>"), "<enabled/>"},
		// JSON
		{"./Device/Vendor/MSFT/DevicePreparation/PageSettings", str(`{"AllowDiagnostics": false}`), ""},
		{"./Device/Vendor/MSFT/DevicePreparation/PageSettings", str(`{AllowDiagnostics: false}`), "a JSON document"},
		// SDDL, in a list
		{rule + "LocalUserAuthorizedList", str("O:LSD:(A;;CC;;;S-1-5-84-0-0-0-0-0)"), ""},
		{rule + "LocalUserAuthorizedList", str("everybody"), "a security descriptor in SDDL"},
		// None, by format
		{"./Device/Vendor/MSFT/Reboot/Schedule/Single", str("anything"), ""},
		{"./Device/Vendor/MSFT/Reboot/RebootNow", dmtree.Null, ""},
		{"./Device/Vendor/MSFT/Reboot/RebootNow", str(""), ""},
		{"./Device/Vendor/MSFT/Reboot/RebootNow", str("now"), "no value: format null"},
		{"./Device/Vendor/MSFT/WiFi/Profile/Office", dmtree.Interior(), ""},
		{"./Device/Vendor/MSFT/WiFi/Profile/Office", dmtree.Int(1), "no value: format node"},
		{"./Vendor/MSFT/RootCATrustedCertificates/Root/2FD4E1C67A2D28FCED849EE1BB76E7391B93EB12/EncodedCertificate", dmtree.Base64([]byte{1}), ""},
		{"./Vendor/MSFT/RootCATrustedCertificates/Root/2FD4E1C67A2D28FCED849EE1BB76E7391B93EB12/EncodedCertificate", dmtree.Bytes([]byte{1}), ""},
	} {
		n, ok := csp.Windows().Lookup(tt.u)
		if !ok {
			t.Errorf("%s is not found", tt.u)
			continue
		}
		err := n.Validate(tt.v)
		value := new(csp.ValueError)
		switch {
		case tt.want == "" && err == nil, tt.want == "?" && errors.Is(err, csp.ErrUndecidable):
		case len(tt.want) > 1 && errors.As(err, &value) && strings.Contains(value.Want, tt.want):
			format := strings.HasPrefix(value.Want, "format") || strings.HasPrefix(value.Want, "no value")
			if errors.Is(err, dmtree.ErrFormat) != format || errors.Is(err, dmtree.ErrValue) == format {
				t.Errorf("%s: %v wraps the wrong error", tt.u, err)
			}
		default:
			t.Errorf("%s takes %s? got %v, want %q", tt.u, tt.v, err, tt.want)
		}
	}
}

func TestValueErrorText(t *testing.T) {
	n, _ := csp.Windows().Lookup("./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera")
	require.EqualError(t, n.Validate(dmtree.Int(7)),
		"csp: ./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera: 7: want 0 or 1")
	require.EqualError(t, n.Validate(dmtree.String("top secret").Secret()),
		"csp: ./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera: [secret]: want format int, not chr")
	n, _ = csp.Windows().Lookup("./Vendor/MSFT/Personalization/CompanyName")
	require.EqualError(t, n.Validate(dmtree.String(strings.Repeat("ä", 100))),
		"csp: ./Device/Vendor/MSFT/Personalization/CompanyName: "+strings.Repeat("ä", 40)+"…: want text that matches ^.{1,30}$")
}

// TestDefaults: every node takes its own default, or else the first of its
// allowed values. The exceptions are places where Microsoft's files contradict
// themselves.
func TestDefaults(t *testing.T) {
	const (
		policy  = "./Device/Vendor/MSFT/Policy/Config/"
		account = "./SyncML/DMAcc/{AccountUID}/Ext/Microsoft/"
		off     = "0 means off, and is not in the range"
		notOne  = "the default is not one of the values"
	)
	contradictions := map[dmtree.URI]string{
		"./Device/Vendor/MSFT/DeviceStatus/OS/Mode":                          "an int whose default is the text Not available",
		policy + "Bluetooth/SetMinimumEncryptionKeySize":                     off,
		policy + "DeliveryOptimization/DOMaxCacheSize":                       off,
		policy + "DeliveryOptimization/DOMinBackgroundQos":                   off,
		policy + "DeliveryOptimization/DOMinDiskSizeAllowedToPeer":           off,
		policy + "DeliveryOptimization/DOMinFileSizeToCache":                 off,
		policy + "DeliveryOptimization/DOMinRAMAllowedToPeer":                off,
		policy + "DeviceLock/MaxInactivityTimeDeviceLockWithExternalDisplay": off,
		policy + "KioskBrowser/RestartOnIdleTime":                            off,
		"./User/Vendor/MSFT/Policy/Config/KioskBrowser/RestartOnIdleTime":    off,
		policy + "DeviceLock/MinimumPasswordLengthAudit":                     "-1 as 32 bits without a sign",
		policy + "DeliveryOptimization/DOCacheHostSource":                    notOne,
	}
	type result struct{ taken, undecided int }
	got := map[csp.Kind]result{}
	for u, n := range csp.Windows().All() {
		if !n.Described() || n.Format == dmtree.FormatNode {
			continue
		}
		a := n.Allowed()
		text, ok := n.Default()
		if !ok {
			if text, ok = first(a); !ok {
				continue
			}
		}
		v, err := dmtree.Parse(n.Format, text)
		if err == nil {
			err = n.Validate(v)
		}
		r := got[a.Kind]
		switch reason := contradictions[u]; {
		case err == nil && reason == "":
			r.taken++
		case errors.Is(err, csp.ErrUndecidable) && reason == "":
			r.undecided++
		case err == nil:
			t.Errorf("%s takes %q, but %s", u, text, reason)
		case reason == "":
			t.Errorf("%s does not take its own value: %v", u, err)
		}
		got[a.Kind] = r
		delete(contradictions, u)
	}
	require.Empty(t, contradictions)
	require.Equal(t, map[csp.Kind]result{
		csp.KindAny: {taken: 32}, csp.KindNone: {taken: 20}, csp.KindEnum: {taken: 1137}, csp.KindFlag: {taken: 11},
		csp.KindRange: {taken: 191}, csp.KindRegEx: {taken: 2}, csp.KindJSON: {taken: 1},
		csp.KindADMX: {taken: 2501, undecided: 2}, // undecided: policies of files that a server ingests
	}, got)
}

// first returns the simplest value that a describes.
func first(a csp.Allowed) (string, bool) {
	switch a.Kind {
	case csp.KindEnum, csp.KindFlag:
		return a.Values[0], true
	case csp.KindRange:
		lo, _, _ := strings.Cut(strings.Trim(a.Values[0], "[]"), "-")
		if strings.HasPrefix(a.Values[0], "[(") {
			lo, _, _ = strings.Cut(a.Values[0][2:], ")")
		}
		_, err := strconv.Atoi(lo)
		return lo, err == nil
	case csp.KindJSON:
		return a.Values[0], true
	case csp.KindADMX:
		return "<disabled/>", true
	}
	return "", false
}
