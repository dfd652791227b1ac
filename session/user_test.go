package session_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/session"
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
