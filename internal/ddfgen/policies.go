package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/omadm-sdk/omadm/csp"
)

// readPolicies reads the facts of ADMX files, one JSON object a line, and sorts them by file and policy.
func readPolicies(data []byte) ([]*csp.ADMXPolicy, error) {
	var out []*csp.ADMXPolicy
	number := 0
	for line := range bytes.Lines(data) {
		number++
		var x struct {
			File, Policy, Class string
			Elements            []struct {
				ID, Type              string
				Required              bool
				MinValue, MaxValue    *int64
				MaxLength, MaxStrings int
				Values                []any
				Additive              bool
				ExplicitValue         bool
				ValuePrefix           *string
			}
		}
		d := json.NewDecoder(bytes.NewReader(line))
		d.UseNumber()
		if err := d.Decode(&x); err != nil {
			return nil, fmt.Errorf("policies, line %d: %w", number, err)
		}
		class, ok := csp.ClassOf(x.Class)
		if !ok {
			return nil, fmt.Errorf("policies, line %d: class %q", number, x.Class)
		}
		p := &csp.ADMXPolicy{File: x.File, Name: x.Policy, Class: class}
		for _, e := range x.Elements {
			t, ok := csp.ElementTypeOf(e.Type)
			if !ok {
				return nil, fmt.Errorf("policies, line %d: element type %q", number, e.Type)
			}
			out := csp.Element{ID: e.ID, Type: t, Required: e.Required, Min: e.MinValue, Max: e.MaxValue, MaxLength: e.MaxLength,
				MaxStrings: e.MaxStrings, Explicit: e.ExplicitValue, Prefixed: e.ValuePrefix != nil, Additive: e.Additive}
			for _, v := range e.Values {
				out.Values = append(out.Values, fmt.Sprint(v))
			}
			p.Elements = append(p.Elements, out)
		}
		out = append(out, p)
	}
	slices.SortStableFunc(out, func(a, b *csp.ADMXPolicy) int {
		if c := strings.Compare(strings.ToLower(a.File), strings.ToLower(b.File)); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out, nil
}
