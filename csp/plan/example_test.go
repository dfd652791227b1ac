package plan_test

import (
	"fmt"

	"github.com/omadm-sdk/omadm/csp/plan"
	"github.com/omadm-sdk/omadm/dmtree"
)

func ExampleNew() {
	const lock dmtree.URI = "./Device/Vendor/MSFT/Policy/Config/DeviceLock"
	p := plan.New(plan.Input{
		Owners: []plan.Owner{
			{Name: "baseline", Settings: map[dmtree.URI]dmtree.Value{
				lock.Join("MinDevicePasswordLength"):                    dmtree.Int(8),
				lock.Join("DevicePasswordEnabled"):                      dmtree.Int(0),
				"./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera": dmtree.Int(0),
			}},
			{Name: "studio", Settings: map[dmtree.URI]dmtree.Value{
				"./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera": dmtree.Int(1),
			}},
		},
		Known: map[dmtree.URI]dmtree.Value{
			lock.Join("MinDevicePasswordLength"): dmtree.Int(4),
			lock.Join("DevicePasswordEnabled"):   dmtree.Null,
			lock.Join("DevicePasswordHistory"):   dmtree.Int(3),
		},
		Managed: []dmtree.URI{lock.Join("DevicePasswordHistory")},
	})
	fmt.Print(p)
	// Output:
	// delete ./Device/Vendor/MSFT/Policy/Config/DeviceLock/DevicePasswordHistory
	// add ./Device/Vendor/MSFT/Policy/Config/DeviceLock/DevicePasswordEnabled = 0 (baseline)
	// replace ./Device/Vendor/MSFT/Policy/Config/DeviceLock/MinDevicePasswordLength = 8 (baseline)
	// ! conflict: ./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera: baseline wants 0, studio wants 1
	// 1 add, 1 replace, 0 set, 1 delete; 0 held, 0 cannot be undone, 1 conflicts, 0 refused
}
