// Package objects makes the management objects that every OMA DM client has
// (DM StdObj): DevInfo, DevDetail, and DMAcc for the account of a server. They
// are put into a [dmtree.Memory], with the types, access types and permanence
// that the specification gives them, for a [dmtree.Tree] to enforce:
//
//	m := new(dmtree.Memory)
//	err := errors.Join(
//		objects.DevInfo{DevID: "urn:uuid:…", Man: "Example", Mod: "One", DmV: "1.0", Lang: "en"}.Put(ctx, m),
//		objects.DevDetail{DevTyp: "gateway", OEM: "Example", FwV: "1", SwV: "1", HwV: "1"}.Put(ctx, m),
//		objects.Account{ServerID: "mdm", Addrs: …}.Put(ctx, m, "./DMAcc/mdm"))
//
// Each is put in one step; an error is that of the Memory's journal or limits.
//
// On Windows these objects look different and belong to packages below csp.
package objects

import (
	"context"

	"github.com/omadm-sdk/omadm/dmtree"
)

// Identifiers of the objects: the type of their root nodes.
const (
	TypeDMAcc     = "urn:oma:mo:oma-dm-dmacc:1.0"
	TypeDevInfo   = "urn:oma:mo:oma-dm-devinfo:1.0"
	TypeDevDetail = "urn:oma:mo:oma-dm-devdetail:1.0"
	TypeInbox     = "urn:oma:mo:oma-dm-inbox:1.0"
)

// An object is what is to be put into a Memory in one step.
type object struct {
	changes []dmtree.Change
	about   []dmtree.Properties // of each change
}

func (o *object) put(u dmtree.URI, v dmtree.Value, p dmtree.Properties) {
	o.changes = append(o.changes, dmtree.Change{Op: dmtree.OpSet, URI: u.Canonical(), Value: v})
	o.about = append(o.about, p)
}

func (o *object) into(ctx context.Context, m *dmtree.Memory) error {
	if err := m.Apply(ctx, o.changes...); err != nil {
		return err
	}
	for i, c := range o.changes {
		if err := m.Describe(c.URI, o.about[i]); err != nil {
			return err
		}
	}
	return nil
}

var readOnly = dmtree.Properties{Access: dmtree.AccessGet, Permanent: true}
