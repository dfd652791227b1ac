package session_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/session/sessiontest"
	"github.com/omadm-sdk/omadm/syncml"
)

// TestUserKey: the same key is other work for another user.
func TestUserKey(t *testing.T) {
	s := newServer(t, nil)
	put := func(user string) session.WorkID {
		opts := &session.EnqueueOptions{Key: "wifi, version 3", User: user}
		return enqueue(t, s, opts, func(b *session.Batch) { b.Get("./User/A") })[0]
	}
	users := []string{"", session.EnrolledUser, "ada", "bob"}
	ids := make(map[session.WorkID]bool)
	for _, user := range users {
		id := put(user)
		require.Equal(t, id, put(user))
		ids[id] = true
	}
	require.Len(t, ids, len(users))
	for _, user := range []string{"a\x00b", "\xff", strings.Repeat("x", 1000)} {
		b := new(session.Batch)
		b.Get("./User/A")
		_, err := s.Queue().Enqueue(t.Context(), "device-1", b, &session.EnqueueOptions{User: user})
		require.ErrorContains(t, err, "session: enqueue for a user of device", "%q", user)
	}
}

// signedIn returns a device of s whose messages have the token of a user; none if user is empty.
func signedIn(t *testing.T, s *session.Server, user string) *sessiontest.Device {
	d := sessiontest.NewDevice(t, s)
	if user != "" {
		d.HTTP = http.Header{"Authorization": {"Bearer " + user}}
	}
	return d
}

// TestUserNotInTheWay: more work for users than a message loads does not hold up what is behind it, for the device or for
// another user.
func TestUserNotInTheWay(t *testing.T) {
	s := newServer(t, nil)
	s.Auth = tokens{}
	for _, user := range []string{session.EnrolledUser, "ada"} {
		enqueue(t, s, &session.EnqueueOptions{User: user, Priority: 1}, func(b *session.Batch) {
			for i := range 600 {
				b.Get(dmtree.URI("./User/Much").Join(fmt.Sprint(i)))
			}
		})
	}
	enqueue(t, s, nil, func(b *session.Batch) { b.Get("./Device/A") })
	enqueue(t, s, &session.EnqueueOptions{User: "bob"}, func(b *session.Batch) { b.Get("./User/Bob") })
	require.Equal(t, []string{"Get ./Device/A"}, sent(signedIn(t, s, "").Open(login("none"))))
	require.Contains(t, sent(signedIn(t, s, "bob").Open(login("user"))), "Get ./User/Bob")
}

// TestUserHandler: what a Handler has written to the nodes of a user, in a session that died, does not go to the next user.
func TestUserHandler(t *testing.T) {
	for _, tt := range []struct{ name, next string }{{"another", "bob"}, {"nobody known", ""}} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			s := newServer(t, session.HandlerFunc(func(w *session.Writer, r *session.Request) error {
				for i := range r.Results {
					got = append(got, fmt.Sprintf("%s unknown %v", r.Results[i].URI, r.Results[i].Unknown))
				}
				if r.First && r.Identity.User == "ada" {
					w.Replace("./User/A", dmtree.String("hers"))
					w.Atomic(func(b *session.Batch) { b.Replace("./User/B", dmtree.String("hers")) })
					w.Replace("./Device/A", dmtree.String("of the device"))
				}
				return nil
			}))
			s.Auth = tokens{}
			require.Len(t, sent(signedIn(t, s, "ada").Open(login("user"))), 3)
			d := signedIn(t, s, tt.next)
			d.SessionID = "77"
			m := d.Send(append(d.Hello(), login("user"))...)
			require.Equal(t, []string{"Replace ./Device/A"}, sent(m))
			d.Send(ok(d, m)...)
			require.Equal(t, []string{"./User/A unknown true", " unknown true", "./Device/A unknown false"}, got)
		})
	}
}

// TestUsersInParallel: sessions of two users and of their device run side by side, though they have the same numbers and
// say the same.
func TestUsersInParallel(t *testing.T) {
	for _, order := range [][]string{{"ada", "bob", ""}, {"", "bob", "ada"}, {"bob", "", "ada"}} {
		t.Run(strings.Join(order, ","), func(t *testing.T) {
			each(t, func(t *testing.T, enc syncml.Encoding) { runInParallel(t, enc, order) })
		})
	}
}

func runInParallel(t *testing.T, enc syncml.Encoding, order []string) {
	s := newServer(t, nil)
	s.Auth = tokens{}
	const rounds = 3
	devices := make(map[string]*sessiontest.Device)
	last := make(map[string]*syncml.Message)
	ids := make(map[string][]session.WorkID)
	want, got := make(map[string][]string), make(map[string][]string)
	for _, user := range order {
		root, mode := dmtree.URI("./User").Join(user), "user"
		if user == "" {
			root, mode = "./Device", "device"
		}
		ids[user] = enqueue(t, s, &session.EnqueueOptions{User: user}, func(b *session.Batch) {
			for i := range rounds {
				b.Exec(root.Join(fmt.Sprint(i)), dmtree.String(strings.Repeat("x", 3000)))
				want[user] = append(want[user], "Exec "+string(root.Join(fmt.Sprint(i))))
			}
		})
		d := signedIn(t, s, user)
		d.Encoding, d.Meta.MaxMsgSize = enc, 5000
		devices[user] = d
		last[user] = d.Open(syncType(mode))
		got[user] = sent(last[user])
	}
	for range rounds {
		for _, user := range slices.Backward(order) {
			d := devices[user]
			last[user] = d.Send(ok(d, last[user])...)
			require.Equal(t, last[user], d.Repeat(), "of %q", user)
			got[user] = append(got[user], sent(last[user])...)
		}
	}
	for user, d := range devices {
		require.Equal(t, want[user], got[user], "of %q", user)
		require.Empty(t, sent(d.Repeat()))
		for _, id := range ids[user] {
			require.Equal(t, "done 200", state(t, s, id), "of %q", user)
		}
	}
}

// TestUserNotNamed: a message that could be one of several users', and does not say whose it is, goes on with none.
func TestUserNotNamed(t *testing.T) {
	s := newServer(t, nil)
	s.Auth = tokens{}
	work := func(name string) {
		for _, user := range []string{"ada", "bob"} {
			enqueue(t, s, &session.EnqueueOptions{User: user}, func(b *session.Batch) { b.Get(dmtree.URI("./User").Join(user, name)) })
		}
	}
	work("1")
	ada, bob := signedIn(t, s, "ada"), signedIn(t, s, "bob")
	require.Equal(t, []string{"Get ./User/ada/1"}, sent(ada.Open(syncType("user"))))
	require.Equal(t, []string{"Get ./User/bob/1"}, sent(bob.Open(syncType("user"))))
	work("2")
	nobody := signedIn(t, s, "")
	nobody.SessionID, nobody.MsgID = ada.SessionID, ada.MsgID
	m := nobody.Send()
	require.Empty(t, sent(m))
	require.EqualValues(t, 400, sessiontest.StatusOf(m, "0"))
	require.Equal(t, []string{"Get ./User/ada/2"}, sent(ada.Send()))
	require.EqualValues(t, 400, sessiontest.StatusOf(nobody.Repeat(), "0"), "Bob's are the only numbers that fit now")
	require.Equal(t, []string{"Get ./User/bob/2"}, sent(bob.Send()))
}
