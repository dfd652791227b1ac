package nodecache_test

import (
	"context"
	"fmt"

	"github.com/omadm-sdk/omadm/csp/nodecache"
	"github.com/omadm-sdk/omadm/session"
)

// A server that keeps three facts of each device up to date.
func ExampleCache_Sync() {
	caches := map[string]*nodecache.Cache{} // a database, rather

	handler := session.Script(func(_ context.Context, c *session.Conversation) error {
		device := c.Request().Identity.Device
		cache := caches[device]
		if cache == nil {
			cache = &nodecache.Cache{Provider: "Fabrikam MDM"}
			caches[device] = cache
		}
		changes, err := cache.Sync(c,
			"./DevDetail/SwV", "./DevDetail/Ext/Microsoft/FreeStorage", "./Vendor/MSFT/DeviceStatus/Compliance/EncryptionCompliance")
		for _, change := range changes {
			fmt.Println(device, change.URI, "is now", change.Value)
		}
		return err
	})
	_ = &session.Server{Handler: handler}
}
