package csp_test

import (
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/dmtree"
)

// concrete returns the URIs of all nodes with names in place of the dynamic
// segments.
func concrete(tb testing.TB) []dmtree.URI {
	tb.Helper()
	var all []dmtree.URI
	for _, n := range csp.Windows().All() {
		all = append(all, instance(tb, n))
	}
	return all
}

// instance returns the URI of an instance of n.
func instance(tb testing.TB, n *csp.Node) dmtree.URI {
	tb.Helper()
	if n.Parent() == nil {
		return dmtree.Root
	}
	up := instance(tb, n.Parent())
	if !n.Dynamic() {
		return up.Join(n.Name)
	}
	for _, name := range []string{
		"Fabrikam", "{90AA7C6F-35E0-4F52-B0B4-90EFA5F3CE70}", "90AA7C6F-35E0-4F52-B0B4-90EFA5F3CE70",
		"2FD4E1C67A2D28FCED849EE1BB76E7391B93EB12", "7", "Fabrikam~Policy~Settings", "Policy",
	} {
		if m, ok := csp.Windows().Lookup(up.Join(name)); ok && m == n {
			return up.Join(name)
		}
	}
	tb.Fatalf("no name is one of %s", n.URI())
	return ""
}

// BenchmarkLookup looks every node of Windows up, dynamic segments filled in,
// beside a Go map of the very same URIs (limit: at most 10 times
// its time, aiming at 7).
func BenchmarkLookup(b *testing.B) {
	all := concrete(b)
	exact := make(map[dmtree.URI]int)
	for i, u := range all {
		exact[u] = i
	}
	s := csp.Windows()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, ok := s.Lookup(all[i]); !ok {
			b.Fatal(all[i])
		}
		if i++; i == len(all) {
			i = 0
		}
	}
	ours := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
	const rounds = 100
	start := time.Now()
	for range rounds {
		for _, u := range all {
			if _, ok := exact[u]; !ok {
				b.Fatal(u)
			}
		}
	}
	reference := float64(time.Since(start).Nanoseconds()) / float64(rounds*len(all))
	b.ReportMetric(ours/reference, "x-map")
}

// BenchmarkItem checks one item of a policy as a server does before it sends
// it: look-up, command, format, value (limit: at most 1 µs).
func BenchmarkItem(b *testing.B) {
	for _, bb := range []struct {
		name string
		u    dmtree.URI
		v    dmtree.Value
	}{
		{"enum", "./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera", dmtree.Int(0)},
		{"range", "./Device/Vendor/MSFT/Policy/Config/DeviceLock/MinDevicePasswordLength", dmtree.Int(8)},
		{"bool", "./Vendor/MSFT/Firewall/MdmStore/PublicProfile/EnableFirewall", dmtree.Bool(true)},
		{"flag", "./Vendor/MSFT/Firewall/MdmStore/FirewallRules/web/Profiles", dmtree.Int(6)},
		{"regexp", "./Vendor/MSFT/Firewall/MdmStore/FirewallRules/web/LocalPortRanges", dmtree.String("80,443")},
	} {
		b.Run(bb.name, func(b *testing.B) {
			s := csp.Windows()
			b.ReportAllocs()
			for b.Loop() {
				n, ok := s.Lookup(bb.u)
				if !ok || !n.Allows(csp.OpReplace) {
					b.Fatal(bb.u)
				}
				if err := n.Validate(bb.v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFirstUse reads the embedded text and reports what then stays in
// memory (limit: 5 ms, 6 MB; aiming at 2 ms, 2 MB).
func BenchmarkFirstUse(b *testing.B) {
	data, err := os.ReadFile("data/windows.txt")
	if err != nil {
		b.Fatal(err)
	}
	errata, err := os.ReadFile("data/errata.txt")
	if err != nil {
		b.Fatal(err)
	}
	read := func() *csp.Schema {
		s, err := csp.ParseText(string(data))
		if err == nil {
			s, err = s.Correct(string(errata))
		}
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	for b.Loop() {
		read()
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s := read()
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB-resident")
	runtime.KeepAlive(s)
}
