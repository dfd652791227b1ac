package csp_test

import (
	"context"
	"errors"
	"testing"

	"github.com/omadm-sdk/omadm/csp"
	"github.com/omadm-sdk/omadm/dmtree"
	"github.com/stretchr/testify/require"
)

// recorder is a provider that takes everything and remembers it.
type recorder struct{ calls []string }

func (r *recorder) note(what string, u dmtree.URI) error {
	r.calls = append(r.calls, what+" "+string(u))
	return nil
}

func (r *recorder) Get(_ context.Context, u dmtree.URI) (dmtree.Value, error) {
	return dmtree.Int(1), r.note("get", u)
}
func (r *recorder) Add(_ context.Context, u dmtree.URI, _ dmtree.Value) error {
	return r.note("add", u)
}
func (r *recorder) Replace(_ context.Context, u dmtree.URI, _ dmtree.Value) error {
	return r.note("replace", u)
}
func (r *recorder) Delete(_ context.Context, u dmtree.URI) error { return r.note("delete", u) }
func (r *recorder) Exec(_ context.Context, u dmtree.URI, _ dmtree.Value) error {
	return r.note("exec", u)
}
func (r *recorder) Copy(_ context.Context, from, to dmtree.URI) error {
	return r.note("copy "+string(from), to)
}
func (r *recorder) Rename(_ context.Context, u dmtree.URI, name string) error {
	return r.note("rename "+name, u)
}
func (r *recorder) Begin(context.Context) (dmtree.Tx, error) {
	return &recorderTx{r}, r.note("begin", "")
}

type recorderTx struct{ *recorder }

func (t *recorderTx) Prepare(context.Context) error  { return t.note("prepare", "") }
func (t *recorderTx) Commit(context.Context) error   { return t.note("commit", "") }
func (t *recorderTx) Rollback(context.Context) error { return t.note("rollback", "") }

func TestGuard(t *testing.T) {
	const (
		camera = "./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera"
		result = "./Device/Vendor/MSFT/Policy/Result/Camera/AllowCamera"
		reboot = "./Device/Vendor/MSFT/Reboot/RebootNow"
		wifi   = "./Device/Vendor/MSFT/WiFi/Profile/Office"
		admx   = "./Device/Vendor/MSFT/Policy/Config/ADMX_ActiveXInstallService/AxISURLZonePolicies"
	)
	ctx := t.Context()
	for _, tt := range []struct {
		name string
		do   func(p dmtree.Provider) error
		want error  // nil: passes
		call string // what the provider behind sees
	}{
		{"get", func(p dmtree.Provider) error { _, err := dmtree.Get(ctx, p, camera); return err }, nil, "get " + camera},
		{"get unknown", func(p dmtree.Provider) error { _, err := dmtree.Get(ctx, p, camera+"s"); return err }, dmtree.ErrNotFound, ""},
		{"get what is only executed", func(p dmtree.Provider) error {
			_, err := dmtree.Get(ctx, p, "./Device/Vendor/MSFT/RemoteWipe/doWipe")
			return err
		}, dmtree.ErrNotAllowed, ""},
		{"get above the trees", func(p dmtree.Provider) error { _, err := dmtree.Get(ctx, p, "./Device/Vendor"); return err }, nil, "get ./Device/Vendor"},
		{"replace", func(p dmtree.Provider) error { return dmtree.Replace(ctx, p, camera, dmtree.Int(0)) }, nil, "replace " + camera},
		{"replace, wrong value", func(p dmtree.Provider) error { return dmtree.Replace(ctx, p, camera, dmtree.Int(9)) }, dmtree.ErrValue, ""},
		{"replace, wrong format", func(p dmtree.Provider) error { return dmtree.Replace(ctx, p, camera, dmtree.String("0")) }, dmtree.ErrFormat, ""},
		{"replace what is read only", func(p dmtree.Provider) error { return dmtree.Replace(ctx, p, result, dmtree.Int(0)) }, dmtree.ErrNotAllowed, ""},
		{"replace a Group Policy", func(p dmtree.Provider) error { return dmtree.Replace(ctx, p, admx, dmtree.String("<disabled/>")) }, nil, "replace " + admx},
		{"replace a Group Policy, without what it needs", func(p dmtree.Provider) error {
			return dmtree.Replace(ctx, p, admx, dmtree.String("<enabled/>"))
		}, dmtree.ErrValue, ""},
		{"add", func(p dmtree.Provider) error { return dmtree.Add(ctx, p, wifi, dmtree.Interior()) }, nil, "add " + wifi},
		{"add what is permanent", func(p dmtree.Provider) error {
			return dmtree.Add(ctx, p, "./Device/Vendor/MSFT/WiFi", dmtree.Interior())
		}, dmtree.ErrNotAllowed, ""},
		{"delete", func(p dmtree.Provider) error { return dmtree.Delete(ctx, p, camera) }, nil, "delete " + camera},
		{"delete what is permanent", func(p dmtree.Provider) error { return dmtree.Delete(ctx, p, reboot) }, dmtree.ErrNotAllowed, ""},
		{"exec", func(p dmtree.Provider) error { return dmtree.Exec(ctx, p, reboot, dmtree.Null) }, nil, "exec " + reboot},
		{"exec with an argument it has not", func(p dmtree.Provider) error { return dmtree.Exec(ctx, p, reboot, dmtree.String("now")) }, nil, "exec " + reboot},
		{"exec what cannot", func(p dmtree.Provider) error { return dmtree.Exec(ctx, p, camera, dmtree.Null) }, dmtree.ErrNotAllowed, ""},
		{"copy", func(p dmtree.Provider) error { return dmtree.Copy(ctx, p, camera, camera) }, dmtree.ErrNotAllowed, ""},
		{"rename", func(p dmtree.Provider) error { return dmtree.Rename(ctx, p, "./Device/Vendor/MSFT/VPNv2/a", "b") }, nil, "rename b ./Device/Vendor/MSFT/VPNv2/a"},
		{"rename what has a fixed name", func(p dmtree.Provider) error { return dmtree.Rename(ctx, p, camera, "b") }, dmtree.ErrNotAllowed, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			behind := new(recorder)
			err := tt.do(csp.Guard(csp.Windows(), behind))
			if tt.want == nil {
				require.NoError(t, err)
				require.Equal(t, []string{tt.call}, behind.calls)
				return
			}
			require.ErrorIs(t, err, tt.want)
			require.Empty(t, behind.calls)
		})
	}
}

func TestGuardTransaction(t *testing.T) {
	ctx := t.Context()
	behind := new(recorder)
	tx, err := dmtree.Begin(ctx, csp.Guard(csp.Windows(), behind))
	require.NoError(t, err)
	const camera = "./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera"
	require.NoError(t, dmtree.Replace(ctx, tx, camera, dmtree.Int(1)))
	require.ErrorIs(t, dmtree.Replace(ctx, tx, camera, dmtree.Int(9)), dmtree.ErrValue)
	require.NoError(t, tx.Prepare(ctx))
	require.NoError(t, tx.Commit(ctx))
	require.NoError(t, tx.Rollback(ctx))
	require.Equal(t, []string{"begin ", "replace " + camera, "prepare ", "commit ", "rollback "}, behind.calls)
}

// readOnly has no optional interface.
type readOnly struct{}

func (readOnly) Get(context.Context, dmtree.URI) (dmtree.Value, error) { return dmtree.Int(1), nil }

func TestGuardWithoutOptions(t *testing.T) {
	ctx := t.Context()
	p := csp.Guard(csp.Windows(), readOnly{})
	const camera = "./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera"
	require.ErrorIs(t, dmtree.Replace(ctx, p, camera, dmtree.Int(1)), dmtree.ErrNotAllowed)
	_, err := dmtree.Begin(ctx, p)
	require.ErrorIs(t, err, dmtree.ErrUnsupported)
	props, err := dmtree.Node(ctx, p, camera)
	require.NoError(t, err)
	require.Equal(t, csp.OpAdd|csp.OpDelete|csp.OpGet|csp.OpReplace, props.Access)
	require.False(t, props.Permanent)
	for _, err := range dmtree.List(ctx, p, camera+"?list=Struct") {
		require.True(t, errors.Is(err, dmtree.ErrUnsupported), err)
	}
	for _, err := range dmtree.List(ctx, p, "./Nowhere?list=Struct") {
		require.ErrorIs(t, err, dmtree.ErrNotFound)
	}
}
