package objects

import (
	"context"
	"strconv"

	"github.com/omadm-sdk/omadm/dmtree"
)

// DevInfo is what a device tells at the start of every session.
type DevInfo struct {
	DevID string // globally unique; a URN, or IMEI:…
	Man   string
	Mod   string
	DmV   string // version of the client
	Lang  string // language tag, such as en-US
}

// Put sets ./DevInfo in m.
func (d DevInfo) Put(ctx context.Context, m *dmtree.Memory) error {
	var o object
	const root dmtree.URI = "./DevInfo"
	o.put(root, dmtree.Interior().WithType(TypeDevInfo), readOnly)
	for _, n := range []struct{ name, text string }{
		{"DevId", d.DevID}, {"Man", d.Man}, {"Mod", d.Mod}, {"DmV", d.DmV}, {"Lang", d.Lang},
	} {
		o.put(root.Join(n.name), dmtree.String(n.text), readOnly)
	}
	return o.into(ctx, m)
}

// DevDetail is what a device tells when asked.
type DevDetail struct {
	Limits             dmtree.Limits // up to 65535 each; 0 for none
	DevTyp, OEM        string
	FwV, SwV, HwV      string
	LargeObjectSupport bool
}

// Put sets ./DevDetail in m.
func (d DevDetail) Put(ctx context.Context, m *dmtree.Memory) error {
	var o object
	const root dmtree.URI = "./DevDetail"
	o.put(root, dmtree.Interior().WithType(TypeDevDetail), readOnly)
	o.put(root.Join("URI"), dmtree.Interior(), readOnly)
	limit := func(n int) dmtree.Value { return dmtree.String(strconv.Itoa(min(max(n, 0), 65535))) }
	for _, n := range []struct {
		name  string
		value dmtree.Value
	}{
		{"URI/MaxDepth", limit(d.Limits.MaxDepth)}, {"URI/MaxTotLen", limit(d.Limits.MaxTotLen)}, {"URI/MaxSegLen", limit(d.Limits.MaxSegLen)},
		{"DevTyp", dmtree.String(d.DevTyp)}, {"OEM", dmtree.String(d.OEM)},
		{"FwV", dmtree.String(d.FwV)}, {"SwV", dmtree.String(d.SwV)}, {"HwV", dmtree.String(d.HwV)},
		{"LrgObj", dmtree.Bool(d.LargeObjectSupport)},
	} {
		o.put(root+dmtree.URI("/"+n.name), n.value, readOnly)
	}
	return o.into(ctx, m)
}
