package backing_test

import (
	"testing"

	"github.com/omadm-sdk/omadm/csp/internal/backing"
	"github.com/omadm-sdk/omadm/dmtree"
)

func TestErrorsDoNotNameTheStore(t *testing.T) {
	m := new(dmtree.Memory)
	if err := backing.Add(t.Context(), m, "./Store/A", dmtree.Int(1)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		op        string
		got, want error
	}{
		{"add", backing.Add(t.Context(), m, "./Store/A", dmtree.Int(1)), dmtree.ErrExist},
		{"replace", backing.Replace(t.Context(), m, "./Store/B", dmtree.Int(1)), dmtree.ErrNotFound},
		{"delete", backing.Delete(t.Context(), m, "./Store/B"), dmtree.ErrNotFound},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: error %v, want %v and nothing around it", tt.op, tt.got, tt.want)
		}
	}
}
