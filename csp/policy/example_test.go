package policy_test

import (
	"context"
	"fmt"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/csp/policy"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
)

// A device lets a server set policies, and acts on those that hold.
func Example_device() {
	ctx := context.Background()
	act := func(_ context.Context, changes []policy.Change) error {
		for _, c := range changes {
			fmt.Println("now", c.URI.Name(), "is", c.Value)
		}
		return nil
	}
	policies := policy.New(csp.Windows(), policy.EnforcerFunc(act))
	source := policies.Source(new(dmtree.Memory))
	mux := new(dmtree.Mux)
	mux.Handle("./Device/Vendor/MSFT/Policy", source)
	tree := csp.Guard(csp.Windows(), mux)

	// What the engine does with a server's command:
	camera := policy.Config("Camera", "AllowCamera")
	fmt.Println(dmtree.Replace(ctx, tree, camera, dmtree.Int(0)))
	fmt.Println(dmtree.Replace(ctx, tree, camera, dmtree.Int(7)))
	v, err := dmtree.Get(ctx, tree, policy.Result("Camera", "AllowCamera"))
	fmt.Println(v, err)
	// Output:
	// now AllowCamera is 0
	// <nil>
	// dmtree: replace ./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera: csp: ./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera: 7: want 0 or 1
	// 0 <nil>
}

// A server demands a password of eight characters, and no storage cards.
func Example_server() {
	handler := session.Script(func(_ context.Context, c *session.Conversation) error {
		results, err := c.Do(func(b *session.Batch) {
			policy.DeviceLock{Password: true, MinLength: new(int64(8))}.Write(b)
			policy.AllowStorageCard(b, false)
		})
		if err != nil {
			return err
		}
		for i := range results {
			if err := results[i].Err(); err != nil {
				return err
			}
		}
		length, err := c.Get(policy.Result("DeviceLock", "MinDevicePasswordLength"))
		fmt.Println("in force:", length)
		return err
	})
	_ = &session.Server{Handler: handler}
}
