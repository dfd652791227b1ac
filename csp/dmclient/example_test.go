package dmclient_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/omadm-sdk/omadm/auth/enroll"
	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/csp/dmclient"
	"github.com/omadm-sdk/omadm/csp/inventory"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
)

// An agent in a few lines: it enrolls once, and then calls whenever a call is due.
func ExampleAgent() {
	main := func(ctx context.Context, id, user, password string) error {
		mux := new(dmtree.Mux)
		inventory.Mount(mux, inventory.Local(id))
		a := &dmclient.Agent{
			Device: enroll.Device{ID: id},
			Tree:   csp.Guard(csp.Windows(), mux),
			Store:  &session.FileClientStore{Dir: "/var/lib/agent"},
		}
		a.Mount(mux)
		err := a.Enroll(ctx, user, enroll.Password(password))
		if err != nil && !errors.Is(err, enroll.CodeAlreadyEnrolled) {
			return err
		}
		return a.Run(ctx)
	}
	_ = main
}

func ExampleParseAddresses() {
	list, err := dmclient.ParseAddresses("<https://a.example.com/dm><https://b.example.com/dm>")
	fmt.Println(list, err)
	_, err = dmclient.ParseAddresses("http://a.example.com/dm")
	fmt.Println(err)
	// Output:
	// [https://a.example.com/dm https://b.example.com/dm] <nil>
	// dmclient: management address: want https://… or a list <https://…><https://…>, have "http://a.example.com/dm"
}
