package autocommit_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omadm-sdk/omadm/csp/internal/autocommit"
	"github.com/omadm-sdk/omadm/dmtree"
)

// refusing has transactions that cannot be prepared.
type refusing struct {
	*dmtree.Memory
	why error
}

type refusingTx struct {
	dmtree.Tx
	why error
}

func (r *refusing) Begin(ctx context.Context) (dmtree.Tx, error) {
	tx, err := r.Memory.Begin(ctx)
	return &refusingTx{tx, r.why}, err
}

func (t *refusingTx) Add(ctx context.Context, u dmtree.URI, v dmtree.Value) error {
	return dmtree.Add(ctx, t.Tx, u, v)
}

func (t *refusingTx) Prepare(context.Context) error { return t.why }

func TestEachCommandIsATransaction(t *testing.T) {
	ctx, m := t.Context(), new(dmtree.Memory)
	p := autocommit.Provider(m)
	require.NoError(t, dmtree.Add(ctx, p, "./A/B", dmtree.Int(1)))
	require.NoError(t, dmtree.Replace(ctx, p, "./A/B", dmtree.Int(2)))
	v, err := dmtree.Get(ctx, m, "./A/B")
	require.NoError(t, err)
	require.Equal(t, "2", v.Text())
	require.NoError(t, dmtree.Delete(ctx, p, "./A"))
	require.Zero(t, m.Len())
	require.ErrorIs(t, dmtree.Delete(ctx, p, "./A"), dmtree.ErrNotFound)
	require.ErrorIs(t, dmtree.Exec(ctx, p, "./A", dmtree.Null), dmtree.ErrNotAllowed)
}

func TestWhatCannotBePreparedIsRolledBack(t *testing.T) {
	m := new(dmtree.Memory)
	p := autocommit.Provider(&refusing{m, errors.New("no")})
	require.ErrorContains(t, dmtree.Add(t.Context(), p, "./A", dmtree.Int(1)), "no")
	require.Zero(t, m.Len())
	require.NoError(t, dmtree.Add(t.Context(), m, "./A", dmtree.Int(1)), "the store is free again")
}
