package dmtree_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/omadm-sdk/omadm/dmtree"
)

// uris returns n leaves as they stand on a Windows device: 8 areas, many
// profiles, 8 settings each. With the nodes above them, they make a tree of
// about 1.13 n nodes.
func uris(n int) []dmtree.URI {
	all := make([]dmtree.URI, 0, n)
	base := dmtree.URI("./Device/Vendor/MSFT")
	for i := 0; len(all) < n; i++ {
		profile := base.Join(fmt.Sprintf("Area%d", i%8), "Profile", fmt.Sprintf("Profile-%06d", i))
		for j := range min(8, n-len(all)) {
			all = append(all, profile.Join(fmt.Sprintf("Setting%d", j)))
		}
	}
	return all
}

func fill(all []dmtree.URI) *dmtree.Memory {
	m := new(dmtree.Memory)
	for _, u := range all {
		m.Set(u, dmtree.Null)
	}
	return m
}

// heap returns the live bytes that make leaves behind, per item.
func heap(n int, f func() any) (perItem float64, kept any) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	kept = f()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return float64(int64(after.HeapAlloc)-int64(before.HeapAlloc)) / float64(n), kept
}

var sink int

// BenchmarkLookup compares a look-up in a Memory with one in a Go map of whole
// URIs. x-map is the ratio of the two in this run (goal 2, floor 3).
func BenchmarkLookup(b *testing.B) {
	ctx := context.Background()
	for _, n := range []int{1_000, 10_000, 100_000, 1_000_000} {
		if n > 100_000 && testing.Short() {
			continue
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			all := uris(n)
			m := fill(all)
			byURI := make(map[string]dmtree.Value, m.Len())
			for _, u := range all {
				byURI[strings.Clone(string(u))] = dmtree.Null // a peer's URI is never the key itself
			}
			order := make([]dmtree.URI, n)
			for i, at := range rand.New(rand.NewPCG(1, 2)).Perm(n) {
				order[i] = all[at]
			}
			b.ReportAllocs()
			// Turn by turn, and the best of each: others use this machine too.
			const turn = 1000
			ours, reference := time.Hour, time.Hour
			for at := 0; b.Loop(); at = (at + turn) % n {
				part := order[at:min(at+turn, n)]
				start := time.Now()
				for _, u := range part {
					v, err := m.Get(ctx, u)
					if err != nil {
						b.Fatal(err)
					}
					sink += int(v.Format())
				}
				ours = min(ours, time.Since(start)/time.Duration(len(part)))
				part = order[(at+n/2)%n:][:min(turn, n-(at+n/2)%n)]
				start = time.Now()
				for _, u := range part {
					v, ok := byURI[string(u)]
					if !ok {
						b.Fatal("missing")
					}
					sink += int(v.Format())
				}
				reference = min(reference, time.Since(start)/time.Duration(len(part)))
			}
			b.ReportMetric(float64(ours), "ns/lookup")
			b.ReportMetric(float64(reference), "ns/map")
			b.ReportMetric(float64(ours)/float64(reference), "x-map")
		})
	}
}

// BenchmarkMemory shows what a node costs: index and name, without its value
// (goal 48 bytes, floor 96), and the same of a Go map.
func BenchmarkMemory(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000, 1_000_000} {
		if n > 100_000 && testing.Short() {
			continue
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			all := uris(n)
			for b.Loop() {
				var nodes int
				total, m := heap(1, func() any { m := fill(all); nodes = m.Len(); return m })
				total /= float64(nodes)
				reference, byURI := heap(nodes, func() any {
					x := make(map[string]uint32)
					for i, u := range all {
						x[string(append([]byte(nil), u...))] = uint32(i)
					}
					return x
				})
				b.ReportMetric(total, "B/node-with-value")
				b.ReportMetric(m.(*dmtree.Memory).IndexBytes(), "B/node-index")
				b.ReportMetric(reference, "B/node-map")
				runtime.KeepAlive(m)
				runtime.KeepAlive(byURI)
			}
		})
	}
}

// BenchmarkReadersAndWriter measures look-ups while one goroutine writes all
// the time.
func BenchmarkReadersAndWriter(b *testing.B) {
	ctx := context.Background()
	all := uris(100_000)
	m := fill(all)
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				_ = m.Replace(ctx, all[i%len(all)], dmtree.Null)
			}
		}
	}()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if _, err := m.Get(ctx, all[i%len(all)]); err != nil {
				b.Error(err)
			}
		}
	})
	close(stop)
	<-done
}

// BenchmarkTree shows what the checks of a Tree add to a look-up.
func BenchmarkTree(b *testing.B) {
	ctx := dmtree.WithCall(context.Background(), dmtree.NewCall("srv", ""))
	all := uris(10_000)
	m := fill(all)
	for name, p := range map[string]dmtree.Provider{"Memory": m, "Tree": &dmtree.Tree{Provider: m}, "OpenTree": &dmtree.Tree{Provider: m, Open: true}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := dmtree.Get(ctx, p, all[i%len(all)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
