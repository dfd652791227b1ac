package wipe_test

import (
	"context"
	"fmt"

	"github.com/omadm-sdk/omadm/csp/wipe"
	"github.com/omadm-sdk/omadm/dmtree"
)

// simulated is a device that only says what it would do.
type simulated struct{}

func (simulated) Wipe(_ context.Context, m wipe.Method) error {
	fmt.Println("wiping by", m)
	return nil
}

func (simulated) Redeployment(context.Context) (wipe.Redeployment, error) {
	return wipe.Redeployment{}, nil
}

func ExampleMount() {
	mux := new(dmtree.Mux)
	wipe.Mount(mux, simulated{}, nil)

	// What the engine does in a session:
	call := dmtree.NewCall("https://mdm.example.com/dm", "")
	ctx := dmtree.WithCall(context.Background(), call)
	fmt.Println("status of the Exec:", dmtree.Exec(ctx, mux, wipe.Protected.URI(), dmtree.Null))
	fmt.Println("the session ends")
	call.EndSession(ctx)
	// Output:
	// status of the Exec: <nil>
	// the session ends
	// wiping by doWipeProtected
}
