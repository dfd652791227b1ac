package inventory_test

import (
	"context"
	"fmt"

	"github.com/omadm-sdk/omadm/csp/inventory"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
)

// A simulated device says what it is told to say; a real one uses [inventory.Local].
func ExampleMount() {
	d := new(inventory.Device)
	d.DevInfo.DevId = "4F1C0DA2B7E84D0F9C3E8A55D10B6C21"
	d.DevDetail.SwV = "10.0.26100.1742"
	d.DeviceStatus.SecureBootState = inventory.SecureBootEnabled

	mux := new(dmtree.Mux)
	inventory.Mount(mux, d)
	for _, u := range []dmtree.URI{"./DevDetail/SwV", "./Vendor/MSFT/DeviceStatus/SecureBootState", "./DevDetail/Ext/WLANMACAddress"} {
		v, err := dmtree.Get(context.Background(), mux, u)
		fmt.Println(v, err)
	}
	// Output:
	// 10.0.26100.1742 <nil>
	// 1 <nil>
	//  dmtree: get ./DevDetail/Ext/WLANMACAddress: node not found
}

// A server asks for everything at once.
func ExampleAsk() {
	handler := session.Script(func(_ context.Context, c *session.Conversation) error {
		results, err := c.Do(func(b *session.Batch) { inventory.Ask(b) })
		if err != nil {
			return err
		}
		var d inventory.Device
		err = d.Read(results)
		fmt.Println(d.DevDetail.SwV, d.DevDetail.Ext.Microsoft.TotalRAM, "MB")
		return err
	})
	_ = &session.Server{Handler: handler}
}
