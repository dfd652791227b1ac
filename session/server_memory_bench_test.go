package session_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

// liveHeap returns how many bytes of the heap are in use.
func liveHeap() int64 {
	for range 2 { // pools give up what they hold in two steps
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A fleet is many devices, each in a session of its own, in which the server asks and the device answers for ever.
type fleet struct {
	server *session.Server
	store  session.Store
	now    time.Time
	msg    []int // of each device, the MsgID of its last message
	buf    bytes.Buffer
	spent  time.Duration // in the engine
}

func newFleet(n int, store session.Store, asks *bool) *fleet {
	return &fleet{store: store, now: start, msg: make([]int, n), server: &session.Server{
		ID: "https://dm.example/dm", Auth: trusting, Store: store, Logger: quiet(), Limits: session.Limits{Messages: -1},
		Handler: session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
			if *asks {
				w.Get("./DevDetail/SwV")
			}
			return nil
		}),
	}}
}

// call has a device send its next message.
func (f *fleet) call(b *testing.B, i int) {
	f.msg[i]++
	n := f.msg[i]
	f.buf.Reset()
	fmt.Fprintf(&f.buf, `<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>1</SessionID><MsgID>%d</MsgID>`+
		`<Target><LocURI>https://dm.example/dm</LocURI></Target><Source><LocURI>%s</LocURI></Source></SyncHdr><SyncBody>`, n, benchDevice(i))
	if n == 1 {
		f.buf.WriteString(`<Alert><CmdID>1</CmdID><Data>1201</Data></Alert><Replace><CmdID>2</CmdID>`)
		for _, l := range [][2]string{
			{"DevId", benchDevice(i)}, {"Man", "Microsoft Corporation"}, {"Mod", "Virtual Machine"}, {"DmV", "1.3"}, {"Lang", "en-US"},
		} {
			fmt.Fprintf(&f.buf, `<Item><Source><LocURI>./DevInfo/%s</LocURI></Source><Data>%s</Data></Item>`, l[0], l[1])
		}
		f.buf.WriteString(`</Replace>`)
	} else {
		ref := 2
		if n == 2 {
			ref = 4 // after the statuses of alert and Replace
		}
		fmt.Fprintf(&f.buf, `<Status><CmdID>1</CmdID><MsgRef>%d</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd><Data>200</Data></Status>`+
			`<Status><CmdID>2</CmdID><MsgRef>%d</MsgRef><CmdRef>%d</CmdRef><Cmd>Get</Cmd><Data>404</Data></Status>`, n-1, n-1, ref)
	}
	f.buf.WriteString(`<Final/></SyncBody></SyncML>`)
	f.now = f.now.Add(time.Microsecond)
	begin := time.Now()
	r, err := f.server.Exchange(b.Context(), f.now, &session.Exchange{HTTP: http.Header{"Content-Type": {syncml.TypeXML}}, Body: bytes.Clone(f.buf.Bytes())})
	f.spent += time.Since(begin)
	if err != nil || r.Status != http.StatusOK || bytes.Contains(r.Body, []byte("<Data>400")) {
		b.Fatalf("message %d of device %d: %v %v", n, i, err, r)
	}
}

// forget lets so much time pass that no device repeats its message any more.
func (f *fleet) forget(b *testing.B) {
	f.now = f.now.Add(session.DefaultReplay + time.Second)
	for range len(f.msg) {
		_, err := f.store.Load(b.Context(), "nobody", f.now, 1)
		require.NoError(b, err)
	}
}

// BenchmarkFleet shows how throughput and memory grow with the number of devices that have a session open, in the memory
// store and without sockets: messages a second, and the live bytes of a session with its last reply, without it, and
// after its end. A million sessions are ten times the last row.
func BenchmarkFleet(b *testing.B) {
	for _, n := range []int{100, 1_000, 10_000, 100_000} {
		if n > 10_000 && testing.Short() {
			continue
		}
		b.Run(fmt.Sprintf("%d devices", n), func(b *testing.B) {
			var perSecond, replied, parked, over []float64
			for b.Loop() {
				asks := true
				before := liveHeap()
				f := newFleet(n, new(session.MemoryStore), &asks)
				per := func() float64 { return float64(liveHeap()-before)/float64(n) - 8 } // less the fleet's own number
				for i := range n {
					f.call(b, i)
				}
				f.spent = 0
				const messages = 100_000
				for i := range messages {
					f.call(b, i%n)
				}
				perSecond = append(perSecond, messages/f.spent.Seconds())
				replied = append(replied, per())
				f.forget(b)
				parked = append(parked, per())
				asks = false
				for i := range n {
					f.call(b, i)
				}
				f.forget(b)
				over = append(over, per())
				runtime.KeepAlive(f)
			}
			b.ReportMetric(median(perSecond), "messages/s")
			b.ReportMetric(median(replied), "B/session-replied")
			b.ReportMetric(median(parked), "B/session-parked")
			b.ReportMetric(median(parked)/1000, "GB/million-parked")
			b.ReportMetric(median(over), "B/device-at-rest")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkFileStoreDevice is what a device without a session costs in a file store: in memory, and in its file.
func BenchmarkFileStoreDevice(b *testing.B) {
	const n, writers = 20_000, 64
	asks := false
	memory := new(session.MemoryStore)
	one := newFleet(1, memory, &asks)
	one.call(b, 0)
	r, err := memory.Load(b.Context(), benchDevice(0), start, 1)
	require.NoError(b, err)
	var live, file []float64
	for b.Loop() {
		path := filepath.Join(b.TempDir(), "store")
		before := liveHeap()
		s, err := session.OpenFileStore(path)
		require.NoError(b, err)
		parallel(b, writers, func(w int) error {
			for i := w; i < n; i += writers {
				c := session.Change{State: bytes.Clone(r.State), Reply: bytes.Clone(r.Reply), ReplyUntil: start}
				if err := s.Commit(b.Context(), benchDevice(i), 0, &c); err != nil {
					return err
				}
			}
			return nil
		})
		for range n {
			_, err := s.Load(b.Context(), "nobody", start.Add(time.Hour), 1)
			require.NoError(b, err)
		}
		require.NoError(b, s.Commit(b.Context(), "nobody", session.AnyRev, &session.Change{
			Put: []session.Work{{ID: "1"}}, Done: []session.Done{{ID: "1", At: start}},
		}))
		_, err = s.Purge(b.Context(), start.Add(time.Hour)) // writes the file anew
		require.NoError(b, err)
		live = append(live, float64(liveHeap()-before)/n)
		info, err := os.Stat(path)
		require.NoError(b, err)
		file = append(file, float64(info.Size())/n)
		require.NoError(b, s.Close())
	}
	b.ReportMetric(float64(len(r.State)), "B/state")
	b.ReportMetric(median(live), "B/device-memory")
	b.ReportMetric(median(file), "B/device-file")
	b.ReportMetric(0, "ns/op")
}

// A nowhere takes a response and keeps nothing of it.
type nowhere struct{ h http.Header }

func (w *nowhere) Header() http.Header         { return w.h }
func (w *nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (w *nowhere) WriteHeader(int)             {}

// BenchmarkMessageMemory is the live heap while a message is handled whose 300 Results are 390 KB, when all of it has been
// read and matched: the moment at which the Handler is called. It is compared with the size of the message. The results are
// in the store by then, which here is memory as well: that is not counted.
func BenchmarkMessageMemory(b *testing.B) {
	const gets = 300
	var base, peak int64
	store := new(lastChange)
	s := &session.Server{ID: "https://dm.example/dm", Auth: trusting, Logger: quiet()}
	s.Handler = session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
		if r.First {
			for i := range gets {
				w.Get(dmtree.URI(fmt.Sprintf("./Vendor/MSFT/Node/%d", i)))
			}
		} else if len(r.Results) == gets {
			peak = liveHeap() - int64(len(store.last.State))
		}
		return nil
	})
	var times, total []float64
	for b.Loop() {
		store = new(lastChange)
		s.Store = store
		head := `<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>1</SessionID><MsgID>%d</MsgID>` +
			`<Target><LocURI>https://dm.example/dm</LocURI></Target><Source><LocURI>d</LocURI></Source></SyncHdr><SyncBody>`
		tail := `<Final/></SyncBody></SyncML>`
		send := func(body string) {
			req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "/", strings.NewReader(body))
			require.NoError(b, err)
			req.Header.Set("Content-Type", syncml.TypeXML)
			s.ServeHTTP(&nowhere{make(http.Header)}, req)
		}
		send(fmt.Sprintf(head, 1) + `<Alert><CmdID>1</CmdID><Data>1201</Data></Alert>` + tail)
		var body strings.Builder
		fmt.Fprintf(&body, head, 2)
		value := strings.Repeat("value ", 180)
		for i := range gets {
			fmt.Fprintf(&body, `<Status><CmdID>%d</CmdID><MsgRef>1</MsgRef><CmdRef>%d</CmdRef><Cmd>Get</Cmd><Data>200</Data></Status>`+
				`<Results><CmdID>%d</CmdID><MsgRef>1</MsgRef><CmdRef>%d</CmdRef><Item><Source><LocURI>./Vendor/MSFT/Node/%d</LocURI></Source>`+
				`<Data>%s</Data></Item></Results>`, 2*i+1, i+3, 2*i+2, i+3, i, value)
		}
		body.WriteString(tail)
		base, peak = liveHeap(), 0
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		send(body.String())
		runtime.ReadMemStats(&after)
		require.NotZero(b, peak, "the Handler has heard of all Results")
		size := float64(body.Len())
		times = append(times, float64(peak-base)/size)
		total = append(total, float64(after.TotalAlloc-before.TotalAlloc)/size)
	}
	b.ReportMetric(median(times), "×message-live")
	b.ReportMetric(median(total), "×message-allocated")
	b.ReportMetric(0, "ns/op")
}
