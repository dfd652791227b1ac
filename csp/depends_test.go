package csp_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/stretchr/testify/require"
)

func TestDepends(t *testing.T) {
	const (
		policy = "./Device/Vendor/MSFT/Policy/Config/"
		lock   = policy + "DeviceLock/"
		laps   = "./Device/Vendor/MSFT/LAPS/Policies/"
		vpn    = "./User/Vendor/MSFT/VPNv2/Office/TrafficFilterList/0/"
		server = "./Device/Vendor/MSFT/DMClient/Provider/Fabrikam/"
	)
	type known map[dmtree.URI]dmtree.Value
	num := dmtree.Int
	for _, tt := range []struct {
		name  string
		u     dmtree.URI
		v     dmtree.Value
		known known
		want  string // "": good; "?": not decidable; else a part of the error
	}{
		{"none", policy + "Camera/AllowCamera", num(1), nil, ""},
		{"holds", lock + "MinDevicePasswordLength", num(8), known{lock + "DevicePasswordEnabled": num(0)}, ""},
		{"fails", lock + "MinDevicePasswordLength", num(8), known{lock + "DevicePasswordEnabled": num(1)},
			"it means something only while " + lock + "DevicePasswordEnabled is 0"},
		{"default counts", lock + "MinDevicePasswordLength", num(8), known{lock + "DevicePasswordEnabled": dmtree.Null}, "only while"},
		{"unknown", lock + "MinDevicePasswordLength", num(8), nil, "?"},
		{"two conditions", lock + "MinDevicePasswordComplexCharacters", num(2),
			known{lock + "DevicePasswordEnabled": num(0), lock + "AlphanumericDevicePasswordRequired": num(1)}, "AlphanumericDevicePasswordRequired is 0"},
		{"one known to fail, one unknown", lock + "MinDevicePasswordComplexCharacters", num(2),
			known{lock + "DevicePasswordEnabled": num(1)}, "only while"},
		{"changed values", laps + "PasswordAgeDays", num(3), known{laps + "BackupDirectory": num(1)},
			"a number from 7 to 365, as " + laps + "BackupDirectory is 1"},
		{"changed values, other group", laps + "PasswordAgeDays", num(3), known{laps + "BackupDirectory": num(2)}, ""},
		{"changed values, no group", laps + "PasswordAgeDays", num(3), known{laps + "BackupDirectory": num(0)}, ""},
		{"names bound, scope kept", vpn + "LocalPortRanges", dmtree.String("80"),
			known{vpn + "Protocol": num(6)}, ""},
		{"names bound, fails", vpn + "LocalPortRanges", dmtree.String("80"),
			known{vpn + "Protocol": num(1)}, vpn + "Protocol is 6 or 17"},
		{"other case", "./Device/Vendor/MSFT/BitLocker/AllowStandardUserEncryption", num(1),
			known{"./Device/Vendor/MSFT/BitLocker/AllowWarningForOtherDiskEncryption": num(0)}, ""},
		{"not set", server + "ManagementServiceAddress", dmtree.String("https://a.example"),
			known{server + "ManagementServerAddressList": dmtree.Null}, ""},
		{"set", server + "ManagementServiceAddress", dmtree.String("https://a.example"),
			known{server + "ManagementServerAddressList": dmtree.String("<https://b.example>")}, "ManagementServerAddressList is not set"},
	} {
		n, ok := csp.Windows().Lookup(tt.u)
		require.True(t, ok, tt.u)
		folded := known{}
		for u, v := range tt.known {
			folded[u.Fold()] = v
		}
		err := n.Depends(tt.u, tt.v, func(u dmtree.URI) (dmtree.Value, bool) {
			v, ok := folded[u.Fold()]
			return v, ok
		})
		switch {
		case tt.want == "" && err == nil, tt.want == "?" && errors.Is(err, csp.ErrUndecidable):
		case len(tt.want) > 1 && err != nil && !errors.Is(err, csp.ErrUndecidable) && strings.Contains(err.Error(), tt.want):
		default:
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}

// TestDependenciesLead: every condition of Windows is about a node that is in
// the schema, for some instance; the exceptions are Microsoft's slips.
func TestDependenciesLead(t *testing.T) {
	var lost []string
	count := 0
	for _, n := range csp.Windows().All() {
		if len(n.Dependencies()) == 0 {
			continue
		}
		u := instance(t, n)
		for _, d := range n.Dependencies() {
			for _, c := range d.Conditions {
				count++
				if _, ok := csp.Windows().Lookup(n.Bind(c.URI, u)); !ok {
					lost = append(lost, string(n.URI())+" → "+string(c.URI))
				}
			}
		}
	}
	require.Equal(t, 118, count)
	require.Empty(t, lost)
}
