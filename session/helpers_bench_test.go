package session_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// parallel runs f in some goroutines, and returns how many seconds that took.
func parallel(b *testing.B, n int, f func(i int) error) float64 {
	errs := make([]error, n)
	var wg sync.WaitGroup
	begin := time.Now()
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	took := time.Since(begin).Seconds()
	require.NoError(b, errors.Join(errs...))
	return took
}

func median(l []float64) float64 {
	l = slices.Sorted(slices.Values(l))
	return l[len(l)/2]
}
