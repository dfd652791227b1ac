package dmtree_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/omadm-sdk/omadm/dmtree"
)

// Reboot is a provider of a dozen lines: what it does not implement, callers
// get a proper answer for.
type Reboot struct {
	Now    func(context.Context)
	single atomic.Value // string
}

func (r *Reboot) Get(_ context.Context, u dmtree.URI) (dmtree.Value, error) {
	switch u.Name() {
	case "Reboot":
		return dmtree.Interior("RebootNow", "Schedule"), nil
	case "RebootNow":
		return dmtree.Null, nil
	case "Schedule":
		return dmtree.Interior("Single"), nil
	case "Single":
		s, _ := r.single.Load().(string)
		return dmtree.String(s), nil
	}
	return dmtree.Null, dmtree.ErrNotFound // the caller adds operation and URI
}

func (r *Reboot) Exec(ctx context.Context, u dmtree.URI, _ dmtree.Value) error {
	if u.Name() != "RebootNow" {
		return dmtree.ErrNotAllowed
	}
	dmtree.CallFrom(ctx).AfterSession(r.Now)
	return nil
}

func Example_provider() {
	mux := new(dmtree.Mux)
	mux.Handle("./Device/Vendor/MSFT/Reboot", &Reboot{Now: func(context.Context) { fmt.Println("rebooting") }})
	mux.Handle("./DevDetail/SwV", dmtree.Leaf(func(context.Context) (string, error) { return "10.0.26100.1", nil }, nil))

	call := dmtree.NewCall("https://mdm.example.com", "")
	ctx := dmtree.WithCall(context.Background(), call)
	for _, u := range []dmtree.URI{"./DevDetail", "DevDetail/SwV", "./vendor/msft/reboot"} {
		v, err := dmtree.Get(ctx, mux, u)
		fmt.Println(u, v.Format(), v, err)
	}
	fmt.Println(dmtree.Exec(ctx, mux, "./Vendor/MSFT/Reboot/RebootNow", dmtree.Null))
	fmt.Println(dmtree.Delete(ctx, mux, "./Vendor/MSFT/Reboot"))
	call.EndSession(ctx)
	// Output:
	// ./DevDetail node SwV <nil>
	// DevDetail/SwV chr 10.0.26100.1 <nil>
	// ./vendor/msft/reboot node RebootNow/Schedule <nil>
	// <nil>
	// dmtree: delete ./Device/Vendor/MSFT/Reboot: command not allowed on this node
	// rebooting
}

func ExampleURI() {
	profile := dmtree.URI("./Vendor/MSFT/WiFi/Profile").Join("Café 5/7")
	fmt.Println(profile)
	fmt.Println(profile.Canonical())
	fmt.Println(profile.Name(), profile.Depth())
	fmt.Println(profile.EqualFold("device/vendor/msft/wifi/profile/CAFÉ 5%2f7"))

	_, err := dmtree.ParseURI("./Vendor/../etc/passwd")
	fmt.Println(err)
	// Output:
	// ./Vendor/MSFT/WiFi/Profile/Caf%C3%A9%205%2F7
	// ./Device/Vendor/MSFT/WiFi/Profile/Caf%C3%A9%205%2F7
	// Café 5/7 5
	// true
	// dmtree: ./Vendor/../etc/passwd: malformed URI: a segment is . or ..
}

func ExampleParse() {
	v, err := dmtree.Parse(dmtree.FormatInt, "0x86000002") // as Windows writes results
	fmt.Println(v, err)
	_, err = dmtree.Parse(dmtree.FormatBool, "yes")
	fmt.Println(err)
	// Output:
	// 2248146946 <nil>
	// format or type not supported: the text is not true or false
}

func ExampleValue_Secret() {
	password := dmtree.String("hunter2").Secret()
	fmt.Println(password)
	fmt.Println(password.Text())
	// Output:
	// [secret]
	// hunter2
}

func ExampleBegin() {
	ctx := context.Background()
	tree := new(dmtree.Memory)
	tree.Set("./Vendor/Example/Camera", dmtree.Bool(true))

	tx, err := dmtree.Begin(ctx, tree)
	if err != nil {
		fmt.Println(err)
		return
	}
	dmtree.Replace(ctx, tx, "./Vendor/Example/Camera", dmtree.Bool(false))
	err = dmtree.Replace(ctx, tx, "./Vendor/Example/Microphone", dmtree.Bool(false))
	fmt.Println(err, errors.Is(err, dmtree.ErrNotFound))
	fmt.Println("rollback:", tx.Rollback(ctx))

	v, _ := dmtree.Get(ctx, tree, "./Vendor/Example/Camera")
	fmt.Println("camera:", v)
	// Output:
	// dmtree: replace ./Vendor/Example/Microphone: node not found true
	// rollback: <nil>
	// camera: true
}

func ExampleTree() {
	ctx := context.Background()
	tree := &dmtree.Tree{Provider: new(dmtree.Memory)}
	dmtree.Add(ctx, tree, "./Net/Host", dmtree.String("gw"))
	dmtree.Replace(ctx, tree, "./Net?prop=ACL", dmtree.String("Get=*&Replace=srv1"))

	srv2 := dmtree.WithCall(ctx, dmtree.NewCall("srv2", ""))
	v, err := dmtree.Get(srv2, tree, "./Net/Host")
	fmt.Println(v, err)
	fmt.Println(dmtree.Replace(srv2, tree, "./Net/Host", dmtree.String("evil")))
	for e, err := range dmtree.List(srv2, tree, "./Net?list=StructData") {
		fmt.Println(e.URI, e.Value.Format(), e.Value, err)
	}
	// Output:
	// gw <nil>
	// dmtree: replace ./Net/Host: permission denied
	// ./Net node  <nil>
	// ./Net/Host chr gw <nil>
}

func ExampleWalk() {
	tree := new(dmtree.Memory)
	tree.Set("./DevInfo/Man", dmtree.String("Example"))
	tree.Set("./DevInfo/Mod", dmtree.String("One"))
	for e, err := range dmtree.Walk(context.Background(), tree, "./DevInfo") {
		fmt.Println(e.URI, e.Value, err)
	}
	// Output:
	// ./DevInfo Man/Mod <nil>
	// ./DevInfo/Man Example <nil>
	// ./DevInfo/Mod One <nil>
}

func ExampleWatch() {
	tree := new(dmtree.Memory)
	changes, err := dmtree.Watch(tree, "./Vendor/Example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer changes.Close()
	tree.Set("./Vendor/Example/Interval", dmtree.Int(30))
	tree.Set("./Vendor/Example/Interval", dmtree.Int(60))
	tree.Set("./Vendor/Other", dmtree.Int(1))

	events, err := changes.Next(context.Background())
	fmt.Println(events, err)
	// Output:
	// [./Device/Vendor/Example/Interval and below] <nil>
}

func ExampleUsers() {
	ctx := context.Background()
	settings := map[string]*dmtree.Memory{"alice": new(dmtree.Memory), "bob": new(dmtree.Memory)}
	settings["alice"].Set("./User/Vendor/Example/Color", dmtree.String("green"))
	settings["bob"].Set("./User/Vendor/Example/Color", dmtree.String("blue"))

	mux := new(dmtree.Mux)
	mux.Handle("./User", dmtree.Users(func(_ context.Context, user string) (dmtree.Provider, error) {
		if m, ok := settings[user]; ok {
			return m, nil
		}
		return nil, dmtree.ErrNotAllowed
	}))
	for _, user := range []string{"alice", "bob", ""} {
		ctx := dmtree.WithCall(ctx, dmtree.NewCall("srv", user))
		v, err := dmtree.Get(ctx, mux, "./User/Vendor/Example/Color")
		fmt.Println(v, err)
	}
	// Output:
	// green <nil>
	// blue <nil>
	//  dmtree: get ./User/Vendor/Example/Color: command not allowed on this node
}
