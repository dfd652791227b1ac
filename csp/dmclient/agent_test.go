package dmclient_test

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/auth/enroll"
	"github.com/omadm-sdk/omadm/csp/dmclient"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

func TestEnrollmentFillsTheTree(t *testing.T) {
	w := newWorld(t)
	w.enroll(t)
	for name, want := range map[string]string{
		"UPN": user, "EntDMID": "4F1C0DA2", "EnrollmentType": "Full", "HWDevID": "AA55", "MaxSyncApplicationVersion": "3.0",
		"ManagementServiceAddress":                  base + "/dm",
		"Poll/IntervalForFirstSetOfRetries":         "15",
		"Poll/NumberOfFirstRetries":                 "5",
		"Poll/IntervalForRemainingScheduledRetries": "1440",
		"Poll/PollOnLogin":                          "true",
	} {
		require.Equal(t, want, w.get(t, node+"/"+dmtree.URI(name)), name)
	}
	acc, err := w.Account(t.Context())
	require.NoError(t, err)
	require.Equal(t, provider, acc.ProviderID)
	require.Equal(t, "4F1C0DA2", acc.Certificate.Leaf.Subject.CommonName)
}

func TestOneServerAtATime(t *testing.T) {
	w := newWorld(t)
	w.enroll(t)
	err := w.Enroll(t.Context(), user, enroll.Ticket("a token"))
	require.ErrorIs(t, err, enroll.CodeAlreadyEnrolled)
	require.ErrorIs(t, w.restarted().Enroll(t.Context(), user, enroll.Ticket("a token")), enroll.CodeAlreadyEnrolled)

	other := dmtree.URI("./Device/Vendor/MSFT/DMClient/Provider/Other")
	require.ErrorIs(t, dmtree.Add(t.Context(), w.Tree, other, dmtree.Interior()), dmtree.ErrForbidden)
	require.ErrorIs(t, dmtree.Replace(t.Context(), w.Tree, other.Join("EntDMID"), dmtree.String("x")), dmtree.ErrForbidden)
}

// TestThirtyDays runs the recommended schedule: 5 × 15 minutes, 10 × 60 minutes, then daily.
func TestThirtyDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.enroll(t)
		enrolled := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 30*24*time.Hour)
		defer cancel()
		require.ErrorIs(t, w.Run(ctx), context.DeadlineExceeded)

		var want []time.Duration
		at := time.Duration(0)
		want = append(want, at) // right after enrollment
		for range 5 {
			at += 15 * time.Minute
			want = append(want, at)
		}
		for range 10 {
			at += time.Hour
			want = append(want, at)
		}
		for at += 24 * time.Hour; at < 30*24*time.Hour; at += 24 * time.Hour {
			want = append(want, at)
		}
		var got []time.Duration
		for _, c := range w.calls {
			got = append(got, c.Sub(enrolled))
		}
		require.Equal(t, want, got)
		require.Equal(t, "5", w.reasons[0])
		require.Equal(t, "2", w.reasons[1])
	})
}

func TestTheScheduleSurvivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.enroll(t)
		enrolled := time.Now()
		run := func(a *dmclient.Agent, d time.Duration) {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			require.ErrorIs(t, a.Run(ctx), context.DeadlineExceeded)
		}
		run(w.Agent, 50*time.Minute) // 0, 15, 30, 45
		require.Len(t, w.calls, 4)
		time.Sleep(2 * time.Hour) // switched off over five calls
		run(w.restarted(), 30*time.Minute)
		require.Len(t, w.calls, 6)
		require.Equal(t, 2*time.Hour+50*time.Minute, w.calls[4].Sub(enrolled), "one call makes up for those that were missed")
		require.Equal(t, 3*time.Hour+15*time.Minute, w.calls[5].Sub(enrolled), "then the schedule goes on where it would have been")
	})
}

func TestTheServerChangesTheSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.enroll(t)
		w.next(func(out *session.Writer) {
			dmclient.SetPoll(&out.Batch, provider, &enroll.Poll{First: enroll.Retries{Interval: time.Minute, Count: 0}, Second: enroll.Retries{Interval: time.Hour, Count: 3}}).Label("poll")
		})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute+time.Second)
		defer cancel()
		require.ErrorIs(t, w.Run(ctx), context.DeadlineExceeded)
		require.Equal(t, syncml.StatusOK, w.results["poll"].Status)
		require.Len(t, w.calls, 11, "at once, then each minute")
		require.Equal(t, "0", w.get(t, node+"/Poll/IntervalForSecondSetOfRetries"), "a set after an endless one is off")
	})
}

func TestWake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.enroll(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.Run(ctx) }()
		time.Sleep(time.Minute)
		w.Wake(dmclient.ByPush)
		synctest.Wait()
		require.NoError(t, w.Raise(ctx, &syncml.Alert{Code: syncml.AlertGeneric, Items: []syncml.Item{{
			Meta: syncml.Meta{Type: "com.example:battery", Format: "int"}, Data: syncml.Text("7")}}}))
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
		require.Equal(t, []string{"5", "3", "6"}, w.reasons)
		require.Len(t, w.alerts, 1)
		require.Equal(t, "com.example:battery", w.alerts[0].Type)
	})
}

func TestUnenroll(t *testing.T) {
	for _, who := range []string{"the user", "the server", "the server, at the legacy place"} {
		t.Run(who, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.enroll(t)
				var removed []string
				w.Remove = []func(context.Context) error{
					func(context.Context) error { removed = append(removed, "policies"); return nil },
					func(context.Context) error { removed = append(removed, "certificates"); return nil },
				}
				switch who {
				case "the user":
					require.NoError(t, w.Unenroll(t.Context()))
				case "the server":
					w.next(func(out *session.Writer) { w.say = nil; dmclient.Unenroll(&out.Batch, provider).Label("unenroll") })
				default:
					w.next(func(out *session.Writer) {
						w.say = nil
						out.Exec("./Device/Vendor/MSFT/DMClient/Unenroll", dmtree.Null).Label("unenroll")
					})
				}
				if who != "the user" {
					require.ErrorIs(t, w.Run(t.Context()), dmclient.ErrNotEnrolled)
					require.Equal(t, syncml.StatusOK, w.results["unenroll"].Status)
				}
				require.Len(t, w.alerts, 1)
				require.True(t, dmclient.IsUnenroll(w.alerts[0]))
				require.Equal(t, []string{"policies", "certificates"}, removed)
				_, err := w.Account(t.Context())
				require.ErrorIs(t, err, dmclient.ErrNotEnrolled)
				require.Zero(t, w.Settings.(*dmtree.Memory).Len()-strippedParents(w), "no setting is left")
				w.enroll(t) // with another server, or the same
			})
		})
	}
}

// strippedParents counts the nodes above DMClient, which a Memory keeps.
func strippedParents(w *world) int {
	n := 0
	for _, u := range []dmtree.URI{"./Device", "./Device/Vendor", "./Device/Vendor/MSFT"} {
		if _, err := dmtree.Get(context.Background(), w.Settings, u); err == nil {
			n++
		}
	}
	return n
}

func TestUnenrollmentIsFinishedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.enroll(t)
		fails := errors.New("store is locked")
		w.Remove = []func(context.Context) error{func(context.Context) error { return fails }}
		w.setDown(true)
		require.ErrorIs(t, w.Unenroll(t.Context()), fails, "a server that is down holds nobody back, a failed removal does")
		_, err := w.Account(t.Context())
		require.NoError(t, err)

		sum, err := w.Call(t.Context(), dmclient.ByUser)
		require.ErrorIs(t, err, fails)
		require.NotNil(t, sum)

		fails = nil
		w.setDown(false)
		require.ErrorIs(t, w.restarted().Run(t.Context()), dmclient.ErrNotEnrolled, "it is the first thing after a restart")
		require.Len(t, w.alerts, 1)
		require.True(t, dmclient.IsUnenroll(w.alerts[0]))
	})
}

func TestLostContact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.enroll(t)
		w.next(func(out *session.Writer) {
			out.Set(node.Join("NumberOfDaysAfterLostContactToUnenroll"), dmtree.Int(7))
		})
		_, err := w.Call(t.Context(), dmclient.ByUser)
		require.NoError(t, err)
		last := time.Now()
		w.setDown(true)
		require.ErrorIs(t, w.Run(t.Context()), dmclient.ErrNotEnrolled)
		gone := time.Since(last)
		require.GreaterOrEqual(t, gone, 7*24*time.Hour)
		require.Less(t, gone, 8*24*time.Hour+time.Hour)
	})
}

func TestARemovalThatFailsIsTriedAgainInPeace(t *testing.T) {
	for _, who := range []string{"the server", "no contact"} {
		t.Run(who, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.enroll(t)
				tries := 0
				w.Remove = []func(context.Context) error{func(context.Context) error {
					if tries++; tries < 5 {
						return errors.New("store is locked")
					}
					return nil
				}}
				w.next(func(out *session.Writer) {
					if w.say = nil; who == "the server" {
						dmclient.Unenroll(&out.Batch, provider)
						return
					}
					out.Set(node.Join("NumberOfDaysAfterLostContactToUnenroll"), dmtree.Int(7))
				})
				_, err := w.Call(t.Context(), dmclient.ByUser)
				require.Equal(t, who == "the server", err != nil, "%v", err)
				w.setDown(who != "the server")
				start := time.Now()
				require.ErrorIs(t, w.Run(t.Context()), dmclient.ErrNotEnrolled)
				require.Equal(t, 5, tries)
				require.GreaterOrEqual(t, time.Since(start), 3*time.Minute, "not again and again without a pause")
			})
		})
	}
}

func TestNumbersWithoutMeasure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.enroll(t)
		w.next(func(out *session.Writer) {
			w.say = nil
			out.Set(node.Join("NumberOfDaysAfterLostContactToUnenroll"), dmtree.Int(200_000))       // more than a Duration holds
			out.Replace(node.Join("Poll", "IntervalForFirstSetOfRetries"), dmtree.Int(307_445_735)) // nanoseconds would wrap to 26 s
			out.Replace(node.Join("Poll", "NumberOfFirstRetries"), dmtree.Int(0))
		})
		_, err := w.Call(t.Context(), dmclient.ByUser)
		require.NoError(t, err)
		w.setDown(true)
		ctx, cancel := context.WithTimeout(t.Context(), 48*time.Hour)
		defer cancel()
		w.Wake(dmclient.ByUser)
		require.ErrorIs(t, w.Run(ctx), context.DeadlineExceeded)
		acc, err := w.Account(t.Context())
		require.NoError(t, err, "the device has not left")
		require.GreaterOrEqual(t, time.Since(acc.LastCall), 47*time.Hour, "there is no call before the interval is over")
	})
}

func TestAnotherAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.enroll(t)
		w.next(func(out *session.Writer) {
			dmclient.SetAddresses(&out.Batch, provider, "https://mdm.example.com/gone", base+"/dm").Label("addresses")
		})
		_, err := w.Call(t.Context(), dmclient.ByUser)
		require.NoError(t, err)
		require.Equal(t, syncml.StatusOK, w.results["addresses"].Status)
		w.next(nil)
		_, err = w.Call(t.Context(), dmclient.ByUser)
		require.NoError(t, err, "the first address does not answer, the second does")
		require.Len(t, w.calls, 2)
	})
}

// lengthy takes 100 seconds for what it is told to run.
type lengthy struct{ dmtree.Memory }

func (l *lengthy) Exec(context.Context, dmtree.URI, dmtree.Value) error {
	time.Sleep(100 * time.Second)
	return nil
}

// The server decides whether it wants to hear that the device is busy.
func TestKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		install := new(lengthy)
		install.Set("./Device/Vendor/Example/Install", dmtree.Null)
		w.tree.Handle("./Device/Vendor/Example", install)
		w.Tree = w.tree
		var heard []string
		w.Session = func(c *session.Client) {
			c.Trace = &session.Trace{Sent: func(_ context.Context, m *session.TracedMessage) {
				if strings.Contains(string(m.Body), "com.microsoft.mdm.requestpending") {
					heard = append(heard, m.MsgID)
				}
			}}
		}
		w.enroll(t)
		enabled := node.Join("EnableOmaDmKeepAliveMessage")
		require.Equal(t, "false", w.get(t, enabled))
		require.Equal(t, 1, strings.Count(w.get(t, node), "EnableOmaDmKeepAliveMessage"))
		for _, test := range []struct {
			set  bool
			want []string // in the session after
		}{{true, nil}, {true, []string{"2", "3", "4"}}, {false, []string{"2", "3", "4"}}, {false, nil}} {
			heard = nil
			w.next(func(out *session.Writer) {
				dmclient.SetKeepAlive(&out.Batch, provider, test.set).Label("set")
				out.Exec("./Device/Vendor/Example/Install", dmtree.Null).Label("install")
			})
			_, err := w.Call(t.Context(), dmclient.ByUser)
			require.NoError(t, err)
			require.Equal(t, syncml.StatusOK, w.results["set"].Status)
			require.Equal(t, syncml.StatusOK, w.results["install"].Status)
			require.Equal(t, test.want, heard)
			require.Equal(t, strconv.FormatBool(test.set), w.get(t, enabled))
			require.Equal(t, 1, strings.Count(w.get(t, node), "EnableOmaDmKeepAliveMessage"))
		}
	})
}

// What enrollment says about older versions of the protocol holds for all sessions, and does not keep other addresses from
// being tried.
func TestOlderVersions(t *testing.T) {
	for _, forbidden := range []bool{false, true} {
		w := newWorld(t)
		w.noBackCompat = forbidden
		var said []string
		w.mux.HandleFunc("/old", func(out http.ResponseWriter, in *http.Request) {
			m, err := syncml.NewDecoder(in.Body, nil).Next()
			require.NoError(t, err)
			said = append(said, m.VerDTD)
			out.WriteHeader(http.StatusBadRequest)
		})
		w.enroll(t)
		want := []string{"1.2", "1.1"}
		if forbidden {
			want = want[:1]
		}
		list := dmclient.FormatAddresses(base+"/old", base+"/new")
		require.NoError(t, dmtree.Replace(t.Context(), w.tree, node.Join("ManagementServerAddressList"), dmtree.String(list)))
		a := w.restarted()
		acc, err := a.Account(t.Context())
		require.NoError(t, err)
		require.Equal(t, forbidden, acc.NoBackCompat)
		_, err = a.Call(t.Context(), dmclient.ByUser)
		require.NoError(t, err)
		require.Equal(t, want, said)
		require.Len(t, w.calls, 1)
	}
}

func TestTreeRules(t *testing.T) {
	tests := []struct {
		name string
		u    dmtree.URI
		v    dmtree.Value
		want error
	}{
		{"an id of the server's own", node.Join("EntDMID"), dmtree.String("device-17"), nil},
		{"the version of the protocol", node.Join("SyncApplicationVersion"), dmtree.String("3.0"), nil},
		{"a version that the device has not", node.Join("SyncApplicationVersion"), dmtree.String("5.0"), dmtree.ErrValue},
		{"what is computed", node.Join("EnrollmentType"), dmtree.String("Device"), dmtree.ErrNotAllowed},
		{"an address without TLS", node.Join("ManagementServerAddressList"), dmtree.String("<http://mdm.example.com/dm>"), dmtree.ErrValue},
		{"a first set that is off", node.Join("Poll", "IntervalForFirstSetOfRetries"), dmtree.Int(0), nil},
		{"a node that is not there", node.Join("Colour"), dmtree.String("red"), dmtree.ErrNotFound},
		{"words for minutes", node.Join("Poll", "IntervalForFirstSetOfRetries"), dmtree.String("often"), dmtree.ErrFormat},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.enroll(t)
			err := dmtree.Replace(t.Context(), w.Tree, tt.u, tt.v)
			require.ErrorIs(t, err, tt.want)
		})
	}
}

func TestAScheduleThatNeverCalls(t *testing.T) {
	w := newWorld(t)
	w.enroll(t)
	tx, err := dmtree.Begin(t.Context(), w.tree)
	require.NoError(t, err)
	for _, set := range []string{"IntervalForFirstSetOfRetries", "NumberOfFirstRetries", "IntervalForSecondSetOfRetries",
		"NumberOfSecondRetries", "IntervalForRemainingScheduledRetries", "NumberOfRemainingScheduledRetries"} {
		require.NoError(t, dmtree.Replace(t.Context(), tx, node.Join("Poll", set), dmtree.Int(0)))
	}
	require.ErrorIs(t, tx.Prepare(t.Context()), dmtree.ErrValue)
	require.NoError(t, tx.Rollback(t.Context()))
	require.Equal(t, "15", w.get(t, node.Join("Poll", "IntervalForFirstSetOfRetries")))
}

func TestAddresses(t *testing.T) {
	tests := []struct {
		text string
		want []string
		ok   bool
	}{
		{"", nil, true},
		{"https://a.example.com/dm", []string{"https://a.example.com/dm"}, true},
		{"<https://a.example.com/dm><https://b.example.com/dm?x=1>", []string{"https://a.example.com/dm", "https://b.example.com/dm?x=1"}, true},
		{"<http://a.example.com/dm>", nil, false},
		{"<https://a.example.com/dm><>", nil, false},
		{"mdm", nil, false},
	}
	for _, tt := range tests {
		got, err := dmclient.ParseAddresses(tt.text)
		if (err == nil) != tt.ok {
			t.Errorf("%q: error %v", tt.text, err)
		} else if tt.ok {
			require.Equal(t, tt.want, got)
		}
	}
	require.Equal(t, "<https://a><https://b>", dmclient.FormatAddresses("https://a", "https://b"))
}
