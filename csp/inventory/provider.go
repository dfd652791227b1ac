package inventory

import (
	"context"
	"slices"
	"strings"

	"github.com/omadm-sdk/omadm/csp/internal/structtree"
	"github.com/omadm-sdk/omadm/dmtree"
)

// A Host knows the device that a program runs on. Inventory is called for each Get, concurrently; a host whose facts
// are costly to find keeps them for a while. The returned Device is only read.
type Host interface {
	Inventory(ctx context.Context) (*Device, error)
}

// A Renamer is a Host whose device can be given another name. Without it, a Replace of DeviceName or DNSComputerName
// is [dmtree.ErrNotAllowed], as on desktop editions of Windows.
type Renamer interface {
	Rename(ctx context.Context, name string) error
}

// Roots of the three subtrees.
const (
	rootDevInfo      dmtree.URI = "./DevInfo"
	rootDevDetail    dmtree.URI = "./DevDetail"
	rootDeviceStatus dmtree.URI = "./Device/Vendor/MSFT/DeviceStatus"
)

// A subtree is one of the three objects: where it is, and which part of a Device it shows.
type subtree struct {
	root dmtree.URI
	part func(*Device) any
}

var subtrees = []subtree{
	{rootDevInfo, func(d *Device) any { return &d.DevInfo }},
	{rootDevDetail, func(d *Device) any { return &d.DevDetail }},
	{rootDeviceStatus, func(d *Device) any { return &d.DeviceStatus }},
}

// Mount adds ./DevInfo, ./DevDetail and ./Device/Vendor/MSFT/DeviceStatus to mux, answered by h.
func Mount(mux *dmtree.Mux, h Host) {
	for _, s := range subtrees {
		mux.Handle(string(s.root), &provider{host: h, subtree: s})
	}
}

// provider serves one subtree from its host.
type provider struct {
	host Host
	subtree
}

func (p *provider) Get(ctx context.Context, u dmtree.URI) (dmtree.Value, error) {
	d, err := p.host.Inventory(ctx)
	if err != nil {
		return dmtree.Null, err
	}
	names := slices.Collect(u.Names())[p.root.Depth():]
	return structtree.Get(p.part(d), names)
}

// Replace renames the device. Nothing else here can be written.
func (p *provider) Replace(ctx context.Context, u dmtree.URI, v dmtree.Value) error {
	r, ok := p.host.(Renamer)
	name := u.Name()
	if !ok || !strings.EqualFold(name, "DeviceName") && !strings.EqualFold(name, "DNSComputerName") {
		return dmtree.ErrNotAllowed
	}
	if _, err := p.Get(ctx, u); err != nil {
		return err
	}
	if n := len(v.Text()); n == 0 || n > 63 {
		return dmtree.ErrValue // a DNS label has 1 to 63 octets (RFC 1035, 2.3.4)
	}
	return r.Rename(ctx, v.Text())
}
