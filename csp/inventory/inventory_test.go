package inventory_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/csp/inventory"
	"github.com/omadm-sdk/omadm/dmtree"
)

func laptop() *inventory.Device {
	d := new(inventory.Device)
	d.DevInfo = inventory.DevInfo{DevId: "4F1C", Man: "Contoso Devices", Mod: "Laptop 7", DmV: "1.3", Lang: "en-US"}
	d.DevDetail.SwV = "10.0.26100.1742"
	d.DevDetail.LrgObj = true
	d.DevDetail.Ext.Microsoft.DeviceName = "LAPTOP-7"
	d.DeviceStatus.Compliance.EncryptionCompliance = true
	d.DeviceStatus.OS.Mode = inventory.NotAvailable
	d.DeviceStatus.NetworkIdentifiers = map[string]inventory.NetworkIdentifier{"00-11-22-33-44-55": {Type: inventory.NetworkLAN}}
	return d
}

func mount(h inventory.Host) dmtree.Provider {
	mux := new(dmtree.Mux)
	inventory.Mount(mux, h)
	return mux
}

func TestGet(t *testing.T) {
	tree := mount(laptop())
	tests := []struct {
		name   string
		u      dmtree.URI
		want   string
		format dmtree.Format
		err    error
	}{
		{"DevInfo", "./DevInfo", "DevId/Man/Mod/DmV/Lang", dmtree.FormatNode, nil},
		{"documentation writes DevID", "./DevInfo/DevID", "4F1C", dmtree.FormatChr, nil},
		{"a fact that is not there", "./DevInfo/Ext", "", 0, dmtree.ErrNotFound},
		{"DevDetail", "./DevDetail/SwV", "10.0.26100.1742", dmtree.FormatChr, nil},
		{"large objects", "./DevDetail/LrgObj", "true", dmtree.FormatBool, nil},
		{"encryption", "./Vendor/MSFT/DeviceStatus/Compliance/EncryptionCompliance", "true", dmtree.FormatBool, nil},
		{"the same with its scope", "./Device/Vendor/MSFT/DeviceStatus/Compliance/EncryptionCompliance", "true", dmtree.FormatBool, nil},
		{"adapters are listed", "./Vendor/MSFT/DeviceStatus/NetworkIdentifiers", "00-11-22-33-44-55", dmtree.FormatNode, nil},
		{"below an adapter", "./Vendor/MSFT/DeviceStatus/NetworkIdentifiers/00-11-22-33-44-55/Type", "1", dmtree.FormatInt, nil},
		{"no such adapter", "./Vendor/MSFT/DeviceStatus/NetworkIdentifiers/66/Type", "", 0, dmtree.ErrNotFound},
		{"no SIM", "./DevDetail/Ext/Microsoft/MobileID", "", 0, dmtree.ErrNotFound},
		{"no such node", "./DevDetail/Colour", "", 0, dmtree.ErrNotFound},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := dmtree.Get(t.Context(), tree, tt.u)
			require.ErrorIs(t, err, tt.err)
			if tt.err == nil {
				require.Equal(t, tt.want, v.String())
				require.Equal(t, tt.format, v.Format())
			}
		})
	}
}

// TestNodesAreInTheSchema holds the structs against Microsoft's description of the three CSPs.
func TestNodesAreInTheSchema(t *testing.T) {
	formats := map[dmtree.Format]bool{}
	for _, u := range inventory.Leaves() {
		n, ok := csp.Windows().Lookup(u)
		if !ok || !n.Allows(csp.OpGet) {
			t.Errorf("%s is no node that can be read", u)
			continue
		}
		formats[n.Format] = true
		var d inventory.Device
		v, err := dmtree.Get(t.Context(), mount(&d), u)
		if errors.Is(err, dmtree.ErrNotFound) {
			continue // optional
		}
		require.NoError(t, err)
		// The description of this node says int and gives it the default "Not available".
		if v.Format() != n.Format && !strings.HasSuffix(string(u), "/OS/Mode") {
			t.Errorf("%s has format %s, want %s", u, v.Format(), n.Format)
		}
	}
	require.Len(t, formats, 3, "chr, int and bool")

	// And the other way round: nothing that is described is left out.
	for u, n := range csp.Windows().All() {
		in := u.Within("./DevDetail") || u.Within("./Device/Vendor/MSFT/DeviceStatus")
		if !in || n.Format == dmtree.FormatNode || strings.Contains(string(u), "{") {
			continue
		}
		found := strings.Contains(string(u), "/CertAttestation/") // made by the TPM of a Windows device, opaque
		for _, leaf := range inventory.Leaves() {
			found = found || leaf.EqualFold(u)
		}
		if !found {
			t.Errorf("%s has no field", u)
		}
	}
}

type named struct {
	*inventory.Device
	name string
}

func (n *named) Rename(_ context.Context, name string) error {
	n.name = name
	return nil
}

func TestRename(t *testing.T) {
	const name = "./DevDetail/Ext/Microsoft/DeviceName"
	require.ErrorIs(t, dmtree.Replace(t.Context(), mount(laptop()), name, dmtree.String("X")), dmtree.ErrNotAllowed,
		"a host that cannot be renamed")

	h := &named{Device: laptop()}
	tree := mount(h)
	require.NoError(t, dmtree.Replace(t.Context(), tree, name, dmtree.String("LAPTOP-8")))
	require.Equal(t, "LAPTOP-8", h.name)
	require.ErrorIs(t, dmtree.Replace(t.Context(), tree, name, dmtree.String("")), dmtree.ErrValue)
	require.ErrorIs(t, dmtree.Replace(t.Context(), tree, name, dmtree.String(strings.Repeat("x", 64))), dmtree.ErrValue)
	require.ErrorIs(t, dmtree.Replace(t.Context(), tree, "./DevDetail/SwV", dmtree.String("11")), dmtree.ErrNotAllowed)
	require.ErrorIs(t, dmtree.Delete(t.Context(), tree, name), dmtree.ErrNotAllowed)
}

func TestLocal(t *testing.T) {
	d, err := inventory.Local("0D1E").Inventory(t.Context())
	require.NoError(t, err)
	require.Equal(t, "0D1E", d.DevInfo.DevId)
	require.NotEmpty(t, d.DevInfo.Man)
	require.NotEmpty(t, d.DevDetail.Ext.Microsoft.OSPlatform)
	require.NotContains(t, d.DevInfo.Lang, "_", "a language tag, not the name of a locale")
	require.Regexp(t, `^\d{4}-\d\d-\d\dT`, d.DevDetail.Ext.Microsoft.LocalTime)
}
