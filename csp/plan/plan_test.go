package plan_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/csp/plan"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/stretchr/testify/require"
)

const (
	policy  = "./Device/Vendor/MSFT/Policy/Config/"
	user    = "./User/Vendor/MSFT/Policy/Config/"
	wifi    = "./Device/Vendor/MSFT/WiFi/Profile/"
	vpn     = "./Device/Vendor/MSFT/VPNv2/"
	pfx     = "./Device/Vendor/MSFT/ClientCertificateInstall/PFXCertInstall/"
	wall    = "./Device/Vendor/MSFT/Firewall/MdmStore/"
	camera  = policy + "Camera/AllowCamera"
	locked  = policy + "DeviceLock/DevicePasswordEnabled"
	minimum = policy + "DeviceLock/MinDevicePasswordLength"
)

type (
	settings = map[dmtree.URI]dmtree.Value
	uris     = []dmtree.URI
)

// lines returns steps as text.
func lines(steps []plan.Step) []string {
	var out []string
	for _, s := range steps {
		out = append(out, strings.ReplaceAll(s.String(), policy, ""))
	}
	return out
}

func TestPlan(t *testing.T) {
	num, str := dmtree.Int, dmtree.String
	one := func(s settings) []plan.Owner { return []plan.Owner{{"A", s}} }
	for _, tt := range []struct {
		name string
		in   plan.Input
		want []string // steps
		undo []string
		more string // a part of the rest of the report
	}{
		{name: "nothing"},
		{name: "as it is", in: plan.Input{Owners: one(settings{camera: num(0)}), Known: settings{camera: str("0")}}},
		{name: "replace", in: plan.Input{Owners: one(settings{camera: num(0)}), Known: settings{camera: num(1)}},
			want: []string{"replace Camera/AllowCamera = 0 (A)"}, undo: []string{"replace Camera/AllowCamera = 1"}},
		{name: "add", in: plan.Input{Owners: one(settings{camera: num(0)}), Known: settings{camera: dmtree.Null}},
			want: []string{"add Camera/AllowCamera = 0 (A)"}, undo: []string{"delete Camera/AllowCamera"}},
		{name: "set", in: plan.Input{Owners: one(settings{camera: num(0)})},
			want: []string{"set Camera/AllowCamera = 0 (A)"}, more: "! cannot be undone: " + camera + " (A): the old value is not known"},
		{name: "delete", in: plan.Input{Owners: one(settings{camera: dmtree.Null}), Known: settings{camera: num(1)}},
			want: []string{"delete Camera/AllowCamera (A)"}, undo: []string{"add Camera/AllowCamera = 1"}},
		{name: "nobody wants it any more", in: plan.Input{Managed: uris{camera}, Known: settings{camera: num(0)}},
			want: []string{"delete Camera/AllowCamera"}, undo: []string{"add Camera/AllowCamera = 0"}},
		{name: "not ours", in: plan.Input{Known: settings{camera: num(0)}}},
		{name: "another spelling", in: plan.Input{Owners: one(settings{"./vendor/msft/policy/config/camera/allowcamera": num(0)}), Known: settings{camera: num(0)}}},

		{name: "no delete, back to the default", in: plan.Input{Managed: uris{wall + "PublicProfile/EnableFirewall"}, Known: settings{wall + "PublicProfile/EnableFirewall": dmtree.Bool(false)}},
			want: []string{"replace " + wall + "PublicProfile/EnableFirewall = true"}, undo: []string{"replace " + wall + "PublicProfile/EnableFirewall = false"}},
		{name: "two agree", in: plan.Input{Owners: []plan.Owner{{"A", settings{camera: num(0)}}, {"B", settings{camera: num(0)}}}, Known: settings{camera: num(1)}},
			want: []string{"replace Camera/AllowCamera = 0 (A, B)"}, undo: []string{"replace Camera/AllowCamera = 1"}},
		{name: "two do not", in: plan.Input{Owners: []plan.Owner{{"A", settings{camera: num(0), locked: num(0)}}, {"B", settings{camera: num(1)}}}, Known: settings{camera: num(1), locked: num(0)}},
			more: "! conflict: " + camera + ": A wants 0, B wants 1"},
		{name: "above and below", in: plan.Input{Owners: []plan.Owner{{"A", settings{wifi + "x": dmtree.Null}}, {"B", settings{wifi + "x/WlanXml": str("<a/>")}}}, Known: settings{wifi + "x/WlanXml": str("<b/>")}},
			more: "! conflict: " + wifi + "x: A wants nothing there, B wants <a/>"},
		{name: "refused", in: plan.Input{Owners: one(settings{camera: num(9), policy + "Camera/Nothing": num(1), "./DevDetail/SwV": str("1")})},
			more: "3 refused"},

		{name: "dependencies first", in: plan.Input{Owners: one(settings{minimum: num(8), policy + "DeviceLock/AllowSimpleDevicePassword": num(0), locked: num(0)}),
			Known: settings{minimum: dmtree.Null, policy + "DeviceLock/AllowSimpleDevicePassword": dmtree.Null, locked: dmtree.Null}},
			want: []string{"add DeviceLock/DevicePasswordEnabled = 0 (A)", "add DeviceLock/AllowSimpleDevicePassword = 0 (A)", "add DeviceLock/MinDevicePasswordLength = 8 (A)"},
			undo: []string{"delete DeviceLock/MinDevicePasswordLength", "delete DeviceLock/AllowSimpleDevicePassword", "delete DeviceLock/DevicePasswordEnabled"}},
		{name: "atomic where it is needed", in: plan.Input{Owners: one(settings{pfx + "1/KeyLocation": num(1), pfx + "1/ContainerName": str("c"), camera: num(0)}),
			Known: settings{pfx + "1": dmtree.Null, pfx + "1/KeyLocation": dmtree.Null, pfx + "1/ContainerName": dmtree.Null, camera: num(1)}},
			want: []string{"add " + pfx + "1 (A) in Atomic 1", "add " + pfx + "1/ContainerName = c (A) in Atomic 1", "add " + pfx + "1/KeyLocation = 1 (A) in Atomic 1", "replace Camera/AllowCamera = 0 (A)"},
			undo: []string{"replace Camera/AllowCamera = 1", "delete " + pfx + "1 in Atomic 1"}},
		{name: "an instance goes as a whole", in: plan.Input{Managed: uris{wifi + "x", wifi + "x/WlanXml"}, Known: settings{wifi + "x/WlanXml": str("<a/>")}},
			want: []string{"delete " + wifi + "x"}, more: "0 cannot be undone"},
		{name: "an instance that others use stays", in: plan.Input{Managed: uris{vpn + "x", vpn + "x/AlwaysOn"}, Known: settings{vpn + "x/AlwaysOn": dmtree.Bool(true), vpn + "x/DnsSuffix": str("example.com")}},
			want: []string{"delete " + vpn + "x/AlwaysOn in Atomic 1"}, undo: []string{"add " + vpn + "x/AlwaysOn = true in Atomic 1"}},

		{name: "no user", in: plan.Input{Owners: one(settings{user + "Experience/AllowWindowsSpotlight": num(0)})},
			more: "set " + user + "Experience/AllowWindowsSpotlight = 0 (A), when a user signs in"},
		{name: "a user", in: plan.Input{SignedIn: true, Owners: one(settings{user + "Experience/AllowWindowsSpotlight": num(0)}), Known: settings{user + "Experience/AllowWindowsSpotlight": num(1)}},
			want: []string{"replace " + user + "Experience/AllowWindowsSpotlight = 0 (A)"}, undo: []string{"replace " + user + "Experience/AllowWindowsSpotlight = 1"}},
		{name: "not on this edition", in: plan.Input{Target: csp.Target{Edition: 0x65}, Owners: one(settings{camera: num(0)})},
			more: "edition Home does not have it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := plan.New(tt.in)
			require.Equal(t, tt.want, lines(p.Steps), "%s", p)
			if tt.undo != nil {
				require.Equal(t, tt.undo, lines(p.Undo), "%s", p)
			}
			require.Contains(t, p.String(), tt.more)
		})
	}
}

func TestRestart(t *testing.T) {
	in := plan.Input{Owners: []plan.Owner{{"A", settings{"./DevDetail/Ext/Microsoft/DNSComputerName": dmtree.String("pc1")}}}}
	require.True(t, plan.New(in).Restart)
}

func TestFill(t *testing.T) {
	p := plan.New(plan.Input{Owners: []plan.Owner{{"A", settings{
		camera: dmtree.Int(0), pfx + "1/KeyLocation": dmtree.Int(1), pfx + "1/ContainerName": dmtree.String("c"),
	}}}, Known: settings{camera: dmtree.Int(1), pfx + "1": dmtree.Null, pfx + "1/KeyLocation": dmtree.Null, pfx + "1/ContainerName": dmtree.Null}})
	b := new(session.Batch)
	p.Fill(b)
	require.NoError(t, b.Err())
	require.Equal(t, 2, b.Len(), "an Atomic and a Replace")
	b = new(session.Batch)
	p.FillUndo(b)
	require.NoError(t, b.Err())
	require.Equal(t, 2, b.Len())
}

// pool is what the property test plans with: nodes of all access types and
// values that they take.
var pool = []struct {
	uri    dmtree.URI
	values []dmtree.Value
}{
	{camera, []dmtree.Value{dmtree.Int(0), dmtree.Int(1)}},
	{locked, []dmtree.Value{dmtree.Int(0), dmtree.Int(1)}},
	{minimum, []dmtree.Value{dmtree.Int(4), dmtree.Int(8), dmtree.Int(16)}},
	{policy + "Bluetooth/AllowDiscoverableMode", []dmtree.Value{dmtree.Int(0), dmtree.Int(1)}},
	{user + "Experience/AllowWindowsSpotlight", []dmtree.Value{dmtree.Int(0), dmtree.Int(1)}},
	{wifi + "x/WlanXml", []dmtree.Value{dmtree.String("<a/>"), dmtree.String("<b/>")}},
	{wifi + "y/WlanXml", []dmtree.Value{dmtree.String("<a/>")}},
	{vpn + "x/AlwaysOn", []dmtree.Value{dmtree.Bool(true), dmtree.Bool(false)}},
	{vpn + "x/DnsSuffix", []dmtree.Value{dmtree.String("a.example"), dmtree.String("b.example")}},
	{vpn + "x/RouteList/0/Address", []dmtree.Value{dmtree.String("10.0.0.0")}},
	{pfx + "1/KeyLocation", []dmtree.Value{dmtree.Int(1), dmtree.Int(2)}},
	{pfx + "1/ContainerName", []dmtree.Value{dmtree.String("a"), dmtree.String("b")}},
	{wall + "FirewallRules/web/Enabled", []dmtree.Value{dmtree.Bool(true), dmtree.Bool(false)}},
	{wall + "FirewallRules/web/LocalPortRanges", []dmtree.Value{dmtree.String("80"), dmtree.String("80,443")}},
}

// device is a tree behind the schema.
type device struct {
	t *testing.T
	m *dmtree.Memory
	p dmtree.Provider
}

func (d *device) run(steps []plan.Step) {
	d.t.Helper()
	ctx := context.Background()
	for i, s := range steps {
		var err error
		switch s.Op {
		case csp.OpAdd:
			err = dmtree.Add(ctx, d.p, s.URI, s.Value)
		case csp.OpReplace:
			err = dmtree.Replace(ctx, d.p, s.URI, s.Value)
			// What takes no Add is there as soon as the instance is.
			if n, _ := csp.Windows().Lookup(s.URI); errors.Is(err, dmtree.ErrNotFound) && !n.Allows(csp.OpAdd) {
				d.m.Set(s.URI, s.Value)
				err = nil
			}
		case csp.OpDelete:
			err = dmtree.Delete(ctx, d.p, s.URI)
		default:
			if err = dmtree.Replace(ctx, d.p, s.URI, s.Value); errors.Is(err, dmtree.ErrNotFound) {
				err = dmtree.Add(ctx, d.p, s.URI, s.Value)
			}
		}
		require.NoError(d.t, err, "step %d, %s, of\n%s", i+1, s, strings.Join(lines(steps), "\n"))
	}
}

// known returns all that the device holds of the pool, with Null for what it
// does not hold.
func (d *device) known() settings {
	k := make(settings)
	for _, e := range pool {
		for u := e.uri; !u.IsRoot(); u = u.Parent() {
			n, _ := csp.Windows().Lookup(u)
			if v, err := d.m.Get(context.Background(), u); err == nil {
				if u == e.uri {
					k[u] = v
				} else if n.Dynamic() {
					k[u] = dmtree.Interior()
				}
			} else if u == e.uri || n.Dynamic() {
				k[u] = dmtree.Null
			}
		}
	}
	return k
}

// leaves is known without interior nodes and what is not there.
func (d *device) leaves() map[dmtree.URI]string {
	l := make(map[dmtree.URI]string)
	for u, v := range d.known() {
		if !v.IsNull() && !v.IsInterior() {
			l[u] = v.Text()
		}
	}
	return l
}

// TestProperties: on a device that is known, a plan runs without error and
// brings what was wanted, planning again gives nothing, and undoing gives the
// old values.
func TestProperties(t *testing.T) {
	steps, undone := 0, 0
	defer func() {
		if steps < 1000 || undone < 80 {
			t.Errorf("%d steps, %d plans undone: too few to mean anything", steps, undone)
		}
	}()
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		d := &device{t: t, m: new(dmtree.Memory)}
		d.p = csp.Guard(csp.Windows(), d.m)
		in := plan.Input{SignedIn: true}
		for _, e := range pool {
			if r.IntN(2) == 0 {
				d.m.Set(e.uri, e.values[r.IntN(len(e.values))])
				if r.IntN(2) == 0 {
					in.Managed = append(in.Managed, e.uri)
				}
			}
		}
		wanted := make(settings)
		in.Owners = []plan.Owner{{Name: "A", Settings: wanted}}
		for _, e := range pool {
			switch r.IntN(5) {
			case 0, 1:
				wanted[e.uri] = e.values[r.IntN(len(e.values))]
			case 2:
				wanted[e.uri] = dmtree.Null
			}
		}
		in.Known = d.known()
		before := d.leaves()
		p := plan.New(in)
		fail := func(format string, args ...any) {
			t.Fatalf("seed %d: %s\n%s\nundo:\n%s", seed, fmt.Sprintf(format, args...), p, strings.Join(lines(p.Undo), "\n"))
		}
		refused := make(map[dmtree.URI]bool)
		for _, x := range p.Refused {
			refused[x.URI] = true
		}

		d.run(p.Steps)
		steps += len(p.Steps)
		after := d.leaves()
		managed := make(map[dmtree.URI]bool)
		for _, u := range in.Managed {
			managed[u] = true
		}
		for _, e := range pool {
			want, said := wanted[e.uri]
			got, there := after[e.uri]
			switch {
			case refused[e.uri]:
			case said && want.IsNull() && there:
				fail("%s is still there", e.uri)
			case said && !want.IsNull() && got != want.Text():
				fail("%s is %q, want %q", e.uri, got, want.Text())
			case !said && managed[e.uri] && there:
				fail("%s is not wanted any more, and there", e.uri)
			case !said && !managed[e.uri] && got != before[e.uri]:
				fail("%s was not ours, and is now %q", e.uri, got)
			}
		}

		again := in
		again.Known, again.Managed = d.known(), p.Managed
		if q := plan.New(again); len(q.Steps) > 0 {
			fail("planning again gives\n%s", q)
		}

		if len(p.CannotUndo) > 0 {
			continue
		}
		undone++
		d.run(p.Undo)
		if got := d.leaves(); !equal(got, before) {
			fail("undone, it is %v, was %v", got, before)
		}
	}
}

func equal(a, b map[dmtree.URI]string) bool {
	if len(a) != len(b) {
		return false
	}
	for u, v := range a {
		if b[u] != v {
			return false
		}
	}
	return true
}
