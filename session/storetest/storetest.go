// Package storetest checks that a store keeps the promises of [session.Store] and [session.WorkStore].
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/omadm-sdk/omadm/session"
)

// TestStore runs all checks. open returns an empty store; it is called for each check, and cleans up by t.Cleanup.
func TestStore(t *testing.T, open func(t *testing.T) session.WorkStore) {
	t.Helper()
	for _, c := range []struct {
		name string
		f    func(t *testing.T, s session.WorkStore)
	}{
		{"Record", testRecord},
		{"Reply", testReply},
		{"Sizes", testSizes},
		{"Conflict", testConflict},
		{"AnyRev", testAnyRev},
		{"Lease", testLease},
		{"Order", testOrder},
		{"Limit", testLimit},
		{"Time", testTime},
		{"Known", testKnown},
		{"Life", testLife},
		{"Devices", testDevices},
		{"List", testList},
		{"Purge", testPurge},
		{"Large", testLarge},
		{"Concurrent", testConcurrent},
		{"PurgeConcurrent", testPurgeConcurrent},
	} {
		t.Run(c.name, func(t *testing.T) { c.f(t, open(t)) })
	}
}

// TestDurable checks that what a store was told is there when it has been closed and opened again. reopen closes what it
// returned last, if that was something, and opens it again; the first time it is empty.
func TestDurable(t *testing.T, reopen func(t *testing.T) session.WorkStore) {
	t.Helper()
	s := reopen(t)
	commit(t, s, "a", 0, &session.Change{State: []byte("state"), Reply: []byte("reply"), Put: []session.Work{
		work("1"), work("2"), work("3"), work("4"), work("5"),
	}})
	commit(t, s, "a", 1, &session.Change{
		State: []byte("state 2"), Reply: []byte("reply 2"),
		Lease:  []session.WorkID{"2"},
		Done:   []session.Done{{ID: "3", At: now, Outcome: []byte("outcome")}},
		Cancel: []session.WorkID{"4"},
	})
	want := dump(t, s, "a")
	for range 2 {
		s = reopen(t)
		if got := dump(t, s, "a"); got != want {
			t.Fatalf("after opening again:\n%swant:\n%s", got, want)
		}
	}
	if n, err := s.Purge(t.Context(), now.Add(time.Hour)); err != nil || n < 1 {
		t.Fatalf("Purge: %d, %v; want at least 1", n, err)
	}
	want = dump(t, s, "a")
	if got := dump(t, reopen(t), "a"); got != want {
		t.Fatalf("after Purge and opening again:\n%swant:\n%s", got, want)
	}
}

// now is a time that every store can keep.
var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func work(id string) session.Work {
	return session.Work{ID: session.WorkID(id), Body: []byte("body " + id)}
}

func commit(t *testing.T, s session.Store, device string, rev int64, c *session.Change) {
	t.Helper()
	if err := s.Commit(t.Context(), device, rev, c); err != nil {
		t.Fatalf("Commit(%q, %d): %v", device, rev, err)
	}
}

func load(t *testing.T, s session.Store, device string) *session.Record {
	t.Helper()
	r, err := s.Load(t.Context(), device, now, 100)
	if err != nil {
		t.Fatalf("Load(%q): %v", device, err)
	}
	return r
}

// ids renders work: "1 2! 3" where 2 is leased.
func ids(l []session.Work) string {
	var b []string
	for _, w := range l {
		s := string(w.ID)
		if w.Status == session.WorkLeased {
			s += "!"
		}
		b = append(b, s)
	}
	return strings.Join(b, " ")
}

// dump renders all there is of a device.
func dump(t *testing.T, s session.WorkStore, device string) string {
	t.Helper()
	r := load(t, s, device)
	var b strings.Builder
	fmt.Fprintf(&b, "rev %d state %q reply %q work %s\n", r.Rev, r.State, r.Reply, ids(r.Work))
	for w, err := range s.List(t.Context(), device) {
		if err != nil {
			t.Fatalf("List(%q): %v", device, err)
		}
		fmt.Fprintf(&b, "%s %s %s body %q outcome %q at %v\n", w.ID, w.Device, w.Status, w.Body, w.Outcome, !w.DoneAt.IsZero())
	}
	return b.String()
}

func wantIDs(t *testing.T, s session.Store, device, want string) {
	t.Helper()
	if got := ids(load(t, s, device).Work); got != want {
		t.Fatalf("work of %q: %q, want %q", device, got, want)
	}
}

func testRecord(t *testing.T, s session.WorkStore) {
	if r := load(t, s, "a"); r.Rev != 0 || len(r.State)+len(r.Reply)+len(r.Work) != 0 {
		t.Fatalf("record of a device never seen: %+v, want none", r)
	}
	for i := range 3 {
		state, reply := fmt.Appendf(nil, "state %d", i), []byte(nil)
		if i != 1 {
			reply = fmt.Appendf(nil, "reply %d\x00\xff", i)
		}
		commit(t, s, "a", int64(i), &session.Change{State: state, Reply: reply})
		r := load(t, s, "a")
		if r.Rev != int64(i)+1 || !bytes.Equal(r.State, state) || !bytes.Equal(r.Reply, reply) {
			t.Fatalf("record: rev %d, state %q, reply %q; want %d, %q, %q", r.Rev, r.State, r.Reply, i+1, state, reply)
		}
	}
}

// testReply: a reply is there for as long as it is needed. Whether it is there after that is the store's affair.
func testReply(t *testing.T, s session.WorkStore) {
	at := func(d time.Duration, want string) {
		t.Helper()
		r, err := s.Load(t.Context(), "a", now.Add(d), 100)
		if err != nil || string(r.Reply) != want {
			t.Fatalf("%v later: reply %q, %v; want %q", d, r.Reply, err, want)
		}
	}
	commit(t, s, "a", 0, &session.Change{Reply: []byte("first"), ReplyUntil: now.Add(time.Minute)})
	at(0, "first")
	at(time.Minute, "first")
	commit(t, s, "a", session.AnyRev, &session.Change{Put: []session.Work{work("1")}})
	at(time.Minute, "first")
	commit(t, s, "a", 1, &session.Change{})
	at(time.Minute, "")
	commit(t, s, "a", 2, &session.Change{Reply: []byte("second"), ReplyUntil: now.Add(time.Hour)})
	for d := range time.Hour / time.Minute {
		at((d+1)*time.Minute, "second")
	}
	commit(t, s, "a", 3, &session.Change{Reply: []byte("third")})
	at(10000*time.Hour, "third")
}

// testSizes: a state that grows and shrinks is always the one that was committed last, also when its reply is forgotten.
func testSizes(t *testing.T, s session.WorkStore) {
	for i, size := range []int{0, 100, 10_000, 50, 10_000, 10_000, 100_000, 0, 300, 3_000, 0} {
		state := bytes.Repeat([]byte{byte(i)}, size)
		c := session.Change{State: state}
		if i%3 != 0 {
			c.Reply, c.ReplyUntil = []byte("reply"), now.Add(time.Minute)
		}
		commit(t, s, "a", int64(i), &c)
		commit(t, s, "a", session.AnyRev, &session.Change{Put: []session.Work{work(fmt.Sprint(i))}})
		for _, at := range []time.Duration{0, time.Hour, 2 * time.Hour} {
			r, err := s.Load(t.Context(), "a", now.Add(time.Duration(i)*24*time.Hour+at), 100)
			if err != nil || r.Rev != int64(i)+1 || !bytes.Equal(r.State, state) || len(r.Work) != i+1 {
				t.Fatalf("revision %d with %d bytes of state and %d commands, %v; want %d, %d and %d",
					r.Rev, len(r.State), len(r.Work), err, i+1, size, i+1)
			}
		}
	}
}

func testConflict(t *testing.T, s session.WorkStore) {
	commit(t, s, "a", 0, &session.Change{State: []byte("1")})
	for _, rev := range []int64{0, 2, 77} {
		err := s.Commit(t.Context(), "a", rev, &session.Change{State: []byte("2"), Put: []session.Work{work("1")}})
		if !errors.Is(err, session.ErrConflict) {
			t.Fatalf("Commit with revision %d of 1: %v, want ErrConflict", rev, err)
		}
	}
	if err := s.Commit(t.Context(), "b", 1, &session.Change{}); !errors.Is(err, session.ErrConflict) {
		t.Fatalf("Commit with revision 1 of a device never seen: %v, want ErrConflict", err)
	}
	if r := load(t, s, "a"); r.Rev != 1 || string(r.State) != "1" || len(r.Work) != 0 {
		t.Fatalf("after conflicts: %+v, want the record as it was", r)
	}
}

func testLease(t *testing.T, s session.WorkStore) {
	commit(t, s, "a", 0, &session.Change{State: []byte("1"), Put: []session.Work{work("1"), work("2"), work("3"), work("4")}})
	commit(t, s, "a", session.AnyRev, &session.Change{
		Lease: []session.WorkID{"2"}, Cancel: []session.WorkID{"3"}, Done: []session.Done{{ID: "4", At: now}},
	})
	commit(t, s, "b", session.AnyRev, &session.Change{Put: []session.Work{work("5")}})
	for _, id := range []session.WorkID{"2", "3", "4", "5", "unknown"} {
		err := s.Commit(t.Context(), "a", 1, &session.Change{
			State: []byte("2"), Put: []session.Work{work("6")}, Lease: []session.WorkID{"1", id}, Done: []session.Done{{ID: "2", At: now}},
		})
		if !errors.Is(err, session.ErrConflict) {
			t.Fatalf("lease of work %s, which does not wait for the device: %v, want ErrConflict", id, err)
		}
	}
	if r := load(t, s, "a"); r.Rev != 1 || string(r.State) != "1" || ids(r.Work) != "2! 1" {
		t.Fatalf("after conflicts: revision %d, state %q, work %s; want them as they were", r.Rev, r.State, ids(r.Work))
	}
	commit(t, s, "a", 1, &session.Change{State: []byte("2"), Lease: []session.WorkID{"1"}, Done: []session.Done{{ID: "2", At: now}}})
	wantIDs(t, s, "a", "1!")
}

func testAnyRev(t *testing.T, s session.WorkStore) {
	commit(t, s, "a", session.AnyRev, &session.Change{Put: []session.Work{work("1")}})
	wantIDs(t, s, "a", "1")
	commit(t, s, "a", 0, &session.Change{State: []byte("state"), Reply: []byte("reply")})
	commit(t, s, "a", session.AnyRev, &session.Change{Put: []session.Work{work("2")}})
	if r := load(t, s, "a"); r.Rev != 1 || string(r.State) != "state" || string(r.Reply) != "reply" || ids(r.Work) != "1 2" {
		t.Fatalf("record: %+v, want revision 1, state, reply and work 1 and 2", r)
	}
}

func testOrder(t *testing.T, s session.WorkStore) {
	put := func(id string, priority int, order int64) session.Work {
		w := work(id)
		w.Priority, w.Order = priority, order
		return w
	}
	commit(t, s, "a", session.AnyRev, &session.Change{Put: []session.Work{
		put("later", 0, 20), put("soon", 0, 10), put("first", 5, 30), put("last", -5, 0),
	}})
	commit(t, s, "a", session.AnyRev, &session.Change{Put: []session.Work{put("between", 0, 15)}})
	wantIDs(t, s, "a", "first soon between later last")
	commit(t, s, "a", session.AnyRev, &session.Change{Lease: []session.WorkID{"last", "between"}})
	wantIDs(t, s, "a", "between! last! first soon later")
	commit(t, s, "a", session.AnyRev, &session.Change{Release: []session.WorkID{"last", "between", "soon"}})
	wantIDs(t, s, "a", "first soon between later last")
}

func testLimit(t *testing.T, s session.WorkStore) {
	var put []session.Work
	users := []string{"", session.EnrolledUser, "ada@contoso.example", "zoë"}
	for i := range 16 {
		w := work(fmt.Sprintf("%x", i))
		w.Order = int64(i)
		w.User = users[i%4]
		put = append(put, w)
	}
	commit(t, s, "a", session.AnyRev, &session.Change{Put: put, Lease: []session.WorkID{"0", "1", "2", "3"}})
	r, err := s.Load(t.Context(), "a", now, 2)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Fields(ids(r.Work))
	slices.Sort(got)
	if want := "0! 1! 2! 3! 4 5 6 7 8 9 a b"; strings.Join(got, " ") != want {
		t.Fatalf("Load with limit 2: %v, want what is leased and two for each user: %s", got, want)
	}
	for _, w := range r.Work {
		n, err := strconv.ParseUint(string(w.ID), 16, 8)
		one, oneErr := s.Work(t.Context(), w.ID)
		if want := users[n%4]; err != nil || oneErr != nil || w.User != want || one.User != want {
			t.Fatalf("user of %s: %q in Load, %v in Work, want %q", w.ID, w.User, one, want)
		}
	}
}

func testTime(t *testing.T, s session.WorkStore) {
	early, late, over := work("early"), work("late"), work("over")
	early.NotBefore = now
	late.NotBefore = now.Add(time.Second)
	over.Expires = now.Add(-time.Second)
	early.Order, over.Order = 1, 2
	commit(t, s, "a", session.AnyRev, &session.Change{Put: []session.Work{early, late, over}})
	wantIDs(t, s, "a", "early over")
	r, err := s.Load(t.Context(), "a", now.Add(time.Second), 100)
	if err != nil || len(r.Work) != 3 {
		t.Fatalf("a second later: %v, %v; want three", r, err)
	}
	for _, w := range r.Work {
		if want := map[session.WorkID]session.Work{"early": early, "late": late, "over": over}[w.ID]; !w.NotBefore.Equal(want.NotBefore) ||
			!w.Expires.Equal(want.Expires) || w.Expires.IsZero() != want.Expires.IsZero() {
			t.Fatalf("times of %s: %v, %v; want %v, %v", w.ID, w.NotBefore, w.Expires, want.NotBefore, want.Expires)
		}
	}
}

func testKnown(t *testing.T, s session.WorkStore) {
	other := work("1")
	other.Body = []byte("other")
	commit(t, s, "a", session.AnyRev, &session.Change{Put: []session.Work{work("1")}})
	commit(t, s, "a", session.AnyRev, &session.Change{Put: []session.Work{other, work("2")}})
	if r := load(t, s, "a"); ids(r.Work) != "1 2" || string(r.Work[0].Body) != "body 1" {
		t.Fatalf("work put twice: %+v, want the first", r.Work)
	}
	commit(t, s, "a", session.AnyRev, &session.Change{Done: []session.Done{{ID: "1", At: now, Outcome: []byte("x")}}})
	commit(t, s, "a", session.AnyRev, &session.Change{Put: []session.Work{other}})
	wantIDs(t, s, "a", "2")
	if w, err := s.Work(t.Context(), "1"); err != nil || w.Status != session.WorkDone || string(w.Outcome) != "x" {
		t.Fatalf("work put again when it was done: %+v, %v; want it done", w, err)
	}
}

func testLife(t *testing.T, s session.WorkStore) {
	one := []session.WorkID{"1"}
	steps := []struct {
		name string
		c    session.Change
		want session.WorkStatus
	}{
		{"put", session.Change{Put: []session.Work{work("1")}}, session.WorkWaiting},
		{"release what waits", session.Change{Release: one}, session.WorkWaiting},
		{"requeue what waits", session.Change{Requeue: one}, session.WorkWaiting},
		{"lease", session.Change{Lease: one}, session.WorkLeased},
		{"cancel what is leased", session.Change{Cancel: one}, session.WorkLeased},
		{"release", session.Change{Release: one}, session.WorkWaiting},
		{"cancel", session.Change{Cancel: one}, session.WorkCancelled},
		{"done when it is cancelled", session.Change{Done: []session.Done{{ID: "1", At: now, Outcome: []byte("no")}}}, session.WorkCancelled},
		{"requeue", session.Change{Requeue: one}, session.WorkWaiting},
		{"lease again", session.Change{Lease: one}, session.WorkLeased},
		{"done", session.Change{Done: []session.Done{{ID: "1", At: now, Outcome: []byte("yes")}}}, session.WorkDone},
		{"done again", session.Change{Done: []session.Done{{ID: "1", At: now.Add(time.Hour), Outcome: []byte("no")}}}, session.WorkDone},
		{"cancel what is done", session.Change{Cancel: one}, session.WorkDone},
	}
	for _, st := range steps {
		commit(t, s, "a", session.AnyRev, &st.c)
		w, err := s.Work(t.Context(), "1")
		if err != nil || w.Status != st.want {
			t.Fatalf("%s: %+v, %v; want it %s", st.name, w, err, st.want)
		}
		if st.name == "done again" && (string(w.Outcome) != "yes" || !w.DoneAt.Equal(now)) {
			t.Fatalf("outcome %q at %v, want the first one", w.Outcome, w.DoneAt)
		}
	}
	commit(t, s, "a", session.AnyRev, &session.Change{Requeue: one})
	w, err := s.Work(t.Context(), "1")
	if err != nil || w.Status != session.WorkWaiting || w.Outcome != nil || !w.DoneAt.IsZero() || string(w.Body) != "body 1" {
		t.Fatalf("requeued: %+v, %v; want it as it was put", w, err)
	}
	commit(t, s, "a", session.AnyRev, &session.Change{Done: []session.Done{{ID: "1", At: now}}})
	if w, err := s.Work(t.Context(), "1"); err != nil || w.Status != session.WorkDone {
		t.Fatalf("done while it waited: %+v, %v; want it done", w, err)
	}
	if _, err := s.Work(t.Context(), "unknown"); !errors.Is(err, session.ErrNoWork) {
		t.Fatalf("unknown work: %v, want ErrNoWork", err)
	}
}

func testDevices(t *testing.T, s session.WorkStore) {
	commit(t, s, "a", 0, &session.Change{State: []byte("a"), Put: []session.Work{work("1")}})
	commit(t, s, "b", 0, &session.Change{State: []byte("b"), Put: []session.Work{work("2")}})
	commit(t, s, "A", 0, &session.Change{State: []byte("A")})
	commit(t, s, "b", session.AnyRev, &session.Change{
		Release: []session.WorkID{"1"}, Cancel: []session.WorkID{"1"}, Done: []session.Done{{ID: "1", At: now}},
	})
	wantIDs(t, s, "a", "1")
	wantIDs(t, s, "b", "2")
	for _, id := range []string{"a", "b", "A"} {
		if r := load(t, s, id); string(r.State) != id {
			t.Fatalf("state of %q: %q", id, r.State)
		}
	}
}

func testList(t *testing.T, s session.WorkStore) {
	for _, device := range []string{"a", "b"} {
		var put []session.Work
		for i := range 5 {
			w := work(fmt.Sprintf("%s%d", device, i))
			w.Order = int64(10 - i)
			put = append(put, w)
		}
		commit(t, s, device, session.AnyRev, &session.Change{
			Put: put, Lease: []session.WorkID{put[1].ID}, Cancel: []session.WorkID{put[4].ID},
		})
	}
	list := func(device string) (l []string) {
		for w, err := range s.List(t.Context(), device) {
			if err != nil {
				t.Fatal(err)
			}
			l = append(l, string(w.ID)+" "+w.Status.String())
		}
		return l
	}
	want := []string{"a3 waiting", "a2 waiting", "a1 leased", "a0 waiting", "a4 cancelled"}
	if got := list("a"); !slices.Equal(got, want) {
		t.Fatalf("List: %v, want %v", got, want)
	}
	if got := list(""); len(got) != 10 {
		t.Fatalf("List of all devices: %v, want ten", got)
	}
	if got := list("c"); len(got) != 0 {
		t.Fatalf("List of a device never seen: %v, want none", got)
	}
	for range s.List(t.Context(), "a") {
		break // must not hold up what follows
	}
	commit(t, s, "a", session.AnyRev, &session.Change{Cancel: []session.WorkID{"a3"}})
}

func testPurge(t *testing.T, s session.WorkStore) {
	commit(t, s, "a", session.AnyRev, &session.Change{Put: []session.Work{work("1"), work("2"), work("3")}})
	commit(t, s, "a", session.AnyRev, &session.Change{Done: []session.Done{
		{ID: "1", At: now, Outcome: []byte("x")}, {ID: "2", At: now.Add(time.Hour), Outcome: []byte("x")},
	}})
	if n, err := s.Purge(t.Context(), now.Add(time.Minute)); err != nil || n != 1 {
		t.Fatalf("Purge: %d, %v; want 1", n, err)
	}
	if _, err := s.Work(t.Context(), "1"); !errors.Is(err, session.ErrNoWork) {
		t.Fatalf("purged work: %v, want ErrNoWork", err)
	}
	commit(t, s, "a", session.AnyRev, &session.Change{Put: []session.Work{work("1")}})
	wantIDs(t, s, "a", "1 3")
}

func testLarge(t *testing.T, s session.WorkStore) {
	big := bytes.Repeat([]byte("large \x00\xfe"), 1<<17)
	w := work("1")
	w.Body = big
	commit(t, s, "a", 0, &session.Change{State: big, Reply: big, Put: []session.Work{w}})
	commit(t, s, "b", session.AnyRev, &session.Change{Put: []session.Work{{ID: "2", Body: big}}})
	r := load(t, s, "a")
	if !bytes.Equal(r.State, big) || !bytes.Equal(r.Reply, big) || len(r.Work) != 1 || !bytes.Equal(r.Work[0].Body, big) {
		t.Fatal("a megabyte of state, reply and work does not come back as it was")
	}
	if r := load(t, s, "b"); len(r.Work) != 1 || !bytes.Equal(r.Work[0].Body, big) {
		t.Fatal("a payload of two devices does not come back")
	}
}

func testConcurrent(t *testing.T, s session.WorkStore) {
	const workers, rounds = 8, 20
	var wg sync.WaitGroup
	for i := range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for j := range rounds {
				if err := increment(t.Context(), s, fmt.Sprintf("device %d", j%2)); err != nil {
					t.Errorf("worker %d: %v", i, err)
					return
				}
				w := work(fmt.Sprintf("%d-%d", i, j))
				w.Body = []byte("the same for all")
				if err := s.Commit(t.Context(), "queue", session.AnyRev, &session.Change{Put: []session.Work{w}}); err != nil {
					t.Errorf("worker %d: %v", i, err)
					return
				}
			}
		}()
	}
	wg.Wait()
	for _, device := range []string{"device 0", "device 1"} {
		r := load(t, s, device)
		if want := workers * rounds / 2; r.Rev != int64(want) || string(r.State) != strings.Repeat("x", want) {
			t.Fatalf("%s: revision %d, state of %d bytes; want %d of both", device, r.Rev, len(r.State), want)
		}
	}
	r, err := s.Load(t.Context(), "queue", now, 1000)
	if err != nil || len(r.Work) != workers*rounds {
		t.Fatalf("queue: %d, %v; want %d", len(r.Work), err, workers*rounds)
	}
}

// increment appends a byte to the state of a device, in competition with others.
func increment(ctx context.Context, s session.Store, device string) error {
	for {
		r, err := s.Load(ctx, device, now, 0)
		if err != nil {
			return err
		}
		err = s.Commit(ctx, device, r.Rev, &session.Change{State: append(bytes.Clone(r.State), 'x')})
		if !errors.Is(err, session.ErrConflict) {
			return err
		}
	}
}

// testPurgeConcurrent: Purge does not take the payload of work that is just being put.
func testPurgeConcurrent(t *testing.T, s session.WorkStore) {
	const workers, rounds = 4, 25
	var putters, purger sync.WaitGroup
	over := make(chan struct{})
	purger.Go(func() {
		for {
			select {
			case <-over:
				return
			default:
			}
			if _, err := s.Purge(t.Context(), now.Add(time.Hour)); err != nil {
				t.Errorf("Purge: %v", err)
				return
			}
		}
	})
	for i := range workers {
		putters.Go(func() {
			for j := range rounds {
				w := work(fmt.Sprintf("%d-%d", i, j))
				w.Body = []byte("the same for all")
				device := fmt.Sprintf("device %d", i)
				if err := s.Commit(t.Context(), device, session.AnyRev, &session.Change{Put: []session.Work{w}}); err != nil {
					t.Errorf("%s: %v", device, err)
					return
				}
				r, err := s.Load(t.Context(), device, now, 100)
				if err != nil || len(r.Work) != 1 || string(r.Work[0].Body) != "the same for all" {
					t.Errorf("%s: %+v, %v; want work %s", device, r, err, w.ID)
					return
				}
				err = s.Commit(t.Context(), device, session.AnyRev, &session.Change{Done: []session.Done{{ID: w.ID, At: now}}})
				if err != nil {
					t.Errorf("%s: %v", device, err)
					return
				}
			}
		})
	}
	putters.Wait()
	close(over)
	purger.Wait()
}
