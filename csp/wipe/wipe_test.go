package wipe_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/csp/wipe"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/omadm-sdk/omadm/session"
	"github.com/omadm-sdk/omadm/syncml"
)

// host records the wipes that it was asked for.
type host struct {
	wiped []wipe.Method
	fails error
	state wipe.Redeployment
}

func (h *host) Wipe(_ context.Context, m wipe.Method) error {
	h.wiped = append(h.wiped, m)
	return h.fails
}

func (h *host) Redeployment(context.Context) (wipe.Redeployment, error) { return h.state, nil }

func mount(h wipe.Host, failed func(wipe.Method, error)) dmtree.Provider {
	mux := new(dmtree.Mux)
	wipe.Mount(mux, h, failed)
	return mux
}

func TestEachMethodRunsAfterTheSessionOnly(t *testing.T) {
	for _, m := range wipe.Methods() {
		t.Run(string(m), func(t *testing.T) {
			h := new(host)
			call := dmtree.NewCall("https://mdm.example.com/dm", "")
			ctx := dmtree.WithCall(t.Context(), call)
			require.NoError(t, dmtree.Exec(ctx, mount(h, nil), m.URI(), dmtree.Null))
			require.Empty(t, h.wiped, "the answer is not out yet")
			call.EndSession(ctx)
			require.Equal(t, []wipe.Method{m}, h.wiped)
			call.EndSession(ctx)
			require.Len(t, h.wiped, 1, "once")

			n, ok := csp.Windows().Lookup(m.URI())
			require.True(t, ok)
			require.True(t, n.Allows(csp.OpExec))
		})
	}
}

func TestNothingElseWipes(t *testing.T) {
	h := new(host)
	tree := mount(h, nil)
	ctx, root := t.Context(), dmtree.URI("./Device/Vendor/MSFT/RemoteWipe")
	_, err := dmtree.Get(ctx, tree, wipe.Reset.URI())
	require.ErrorIs(t, err, dmtree.ErrNotAllowed, "a method is not read")
	require.ErrorIs(t, dmtree.Exec(ctx, tree, root, dmtree.Null), dmtree.ErrNotAllowed)
	require.ErrorIs(t, dmtree.Exec(ctx, tree, root.Join("doWipeTwice"), dmtree.Null), dmtree.ErrNotFound)
	require.ErrorIs(t, dmtree.Exec(ctx, tree, root.Join("AutomaticRedeployment", "Status"), dmtree.Null), dmtree.ErrNotAllowed)
	require.ErrorIs(t, dmtree.Replace(ctx, tree, wipe.Reset.URI(), dmtree.Int(1)), dmtree.ErrNotAllowed)
	require.ErrorIs(t, dmtree.Delete(ctx, tree, wipe.Reset.URI()), dmtree.ErrNotAllowed)
	require.Empty(t, h.wiped)
}

func TestNoWipeInATransaction(t *testing.T) {
	h := new(host)
	ctx := t.Context()
	tx, err := dmtree.Begin(ctx, mount(h, nil))
	if err == nil {
		err = dmtree.Exec(ctx, tx, wipe.Reset.URI(), dmtree.Null)
		require.NoError(t, tx.Rollback(ctx))
	}
	require.ErrorIs(t, err, dmtree.ErrUnsupported)
	require.Empty(t, h.wiped)
}

func TestFailureIsReportedToTheAgent(t *testing.T) {
	h := &host{fails: errors.New("on battery")}
	var got error
	tree := mount(h, func(m wipe.Method, err error) { got = err })
	call := dmtree.NewCall("s", "")
	ctx := dmtree.WithCall(t.Context(), call)
	require.NoError(t, dmtree.Exec(ctx, tree, wipe.Protected.URI(), dmtree.Null))
	call.EndSession(ctx)
	require.Equal(t, h.fails, got)
}

func TestRedeploymentIsRead(t *testing.T) {
	h := &host{state: wipe.Redeployment{Status: wipe.WaitingReboot, LastError: 7}}
	tree := mount(h, nil)
	root := dmtree.URI("./Device/Vendor/MSFT/RemoteWipe/AutomaticRedeployment")
	for name, want := range map[string]string{"Status": "20", "lasterror": "7"} {
		v, err := dmtree.Get(t.Context(), tree, root.Join(name))
		require.NoError(t, err)
		require.Equal(t, want, v.String())
		require.Equal(t, dmtree.FormatInt, v.Format())
	}
	v, err := dmtree.Get(t.Context(), tree, root)
	require.NoError(t, err)
	require.Equal(t, "doAutomaticRedeployment/LastError/Status", v.String())
}

func TestAccepted(t *testing.T) {
	tests := []struct {
		name string
		r    session.Result
		ok   bool
	}{
		{"Windows answers 200", session.Result{Status: syncml.StatusOK}, true},
		{"or 202", session.Result{Status: syncml.StatusAccepted}, true},
		{"a device without the method", session.Result{Status: syncml.StatusNotFound}, false},
		{"gone before it answered", session.Result{Unknown: true}, false},
		{"no answer", session.Result{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := wipe.Accepted(&tt.r); (err == nil) != tt.ok {
				t.Errorf("error %v, want accepted %t", err, tt.ok)
			}
		})
	}
}
