package session

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
)

// TestTurns: messages of one device are handled one at a time, in the order of their arrival; one that gives up leaves
// the others their turn, and another device waits for nobody.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e engine
		var order []int
		if err := e.lock(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		gone, give := context.WithCancelCause(t.Context())
		for i := range 4 {
			ctx := t.Context()
			if i == 1 {
				ctx = gone
			}
			go func() {
				if err := e.lock(ctx, "a"); err != nil {
					if i != 1 || !errors.Is(err, errStored) {
						t.Errorf("message %d: %v", i, err)
					}
					return
				}
				order = append(order, i)
				e.unlock("a")
			}()
			synctest.Wait()
		}
		if err := e.lock(t.Context(), "b"); err != nil {
			t.Fatal(err)
		}
		e.unlock("b")
		give(errStored)
		synctest.Wait()
		if order != nil {
			t.Fatalf("handled %v while another message was", order)
		}
		e.unlock("a")
		synctest.Wait()
		if want := []int{0, 2, 3}; !slices.Equal(order, want) {
			t.Errorf("handled %v, want %v", order, want)
		}
		if len(e.busy) != 0 {
			t.Errorf("%d devices are still busy", len(e.busy))
		}
	})
}

// TestTurnNotWanted: a message whose context ends at the moment of its turn passes the turn on.
func TestTurnNotWanted(t *testing.T) {
	for range 200 {
		var e engine
		if err := e.lock(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			err := e.lock(ctx, "a")
			if err == nil {
				e.unlock("a")
			}
			done <- err
		}()
		go cancel()
		e.unlock("a")
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		e.mu.Lock()
		if len(e.busy) != 0 {
			t.Fatal("the turn was lost")
		}
		e.mu.Unlock()
	}
}
