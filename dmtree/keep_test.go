package dmtree

import (
	"context"
	"testing"
)

func TestVerNoWraps(t *testing.T) {
	ctx := context.Background()
	m := new(Memory)
	m.Set("./A", Int(1))
	tree := &Tree{Provider: m}
	if err := (keep{m.Keep()}).set(ctx, "./A", keptStamp, "65535 20260101T000000Z"); err != nil {
		t.Fatal(err)
	}
	if err := Replace(ctx, tree, "./A", Int(2)); err != nil {
		t.Fatal(err)
	}
	if got, err := Property(ctx, tree, "./A", PropVerNo); err != nil || got != "0" {
		t.Errorf("T20 VerNo after 65535 is %s, %v, want 0", got, err)
	}
}
