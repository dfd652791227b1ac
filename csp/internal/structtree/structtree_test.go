package structtree_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/omadm-sdk/omadm/csp/internal/structtree"
	"github.com/omadm-sdk/omadm/dmtree"
)

type adapter struct {
	Type        int64
	IsConnected bool
}

type device struct {
	SwV    string
	LrgObj bool
	Ext    struct {
		Memory int64 `dm:"TotalRAM"`
		MAC    *string
	}
	Adapters map[string]adapter
}

func TestGet(t *testing.T) {
	mac := "00-11"
	d := &device{SwV: "10.0", LrgObj: true, Adapters: map[string]adapter{"b": {Type: 2}, "a": {IsConnected: true}}}
	d.Ext.Memory = 42

	tests := []struct {
		name  string
		path  []string
		mac   *string
		want  string
		found bool
	}{
		{"a string is chr", []string{"SwV"}, nil, "10.0", true},
		{"names are compared without case", []string{"swv"}, nil, "10.0", true},
		{"a bool", []string{"LrgObj"}, nil, "true", true},
		{"the tag names the node", []string{"Ext", "TotalRAM"}, nil, "42", true},
		{"the field's own name is not a node then", []string{"Ext", "Memory"}, nil, "", false},
		{"a nil pointer is absent", []string{"Ext", "MAC"}, nil, "", false},
		{"a pointer that is set is there", []string{"Ext", "MAC"}, &mac, "00-11", true},
		{"absent children are not listed", []string{"Ext"}, nil, "TotalRAM", true},
		{"present ones are", []string{"Ext"}, &mac, "TotalRAM/MAC", true},
		{"a map's keys are sorted names", []string{"Adapters"}, nil, "a/b", true},
		{"below a map", []string{"Adapters", "B", "Type"}, nil, "2", true},
		{"an unknown key", []string{"Adapters", "c"}, nil, "", false},
		{"below a leaf", []string{"SwV", "x"}, nil, "", false},
		{"the root", nil, nil, "SwV/LrgObj/Ext/Adapters", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d.Ext.MAC = tt.mac
			v, err := structtree.Get(d, tt.path)
			if tt.found != (err == nil) || !tt.found && !errors.Is(err, dmtree.ErrNotFound) {
				t.Fatalf("error %v, want found %v", err, tt.found)
			}
			if v.String() != tt.want {
				t.Errorf("got %q, want %q", v, tt.want)
			}
		})
	}
}

func TestSetReadsBack(t *testing.T) {
	tests := []struct {
		path []string
		val  dmtree.Value
	}{
		{[]string{"SwV"}, dmtree.String("11")},
		{[]string{"Ext", "TotalRAM"}, dmtree.Int(7)},
		{[]string{"Ext", "MAC"}, dmtree.String("aa")},
		{[]string{"Adapters", "eth0", "Type"}, dmtree.Int(1)},
		{[]string{"Adapters", "eth0", "IsConnected"}, dmtree.Bool(true)},
	}
	var d device
	for _, tt := range tests {
		if err := structtree.Set(&d, tt.path, tt.val); err != nil {
			t.Fatalf("set %v: %v", tt.path, err)
		}
	}
	for _, tt := range tests {
		if v, err := structtree.Get(&d, tt.path); err != nil || v.String() != tt.val.String() {
			t.Errorf("%v: got %q, %v; want %q", tt.path, v, err, tt.val)
		}
	}
}

func TestSetRefuses(t *testing.T) {
	tests := []struct {
		name string
		path []string
		val  dmtree.Value
	}{
		{"a node that is not there", []string{"Nope"}, dmtree.String("x")},
		{"words for a number", []string{"Ext", "TotalRAM"}, dmtree.String("much")},
		{"words for a bool", []string{"LrgObj"}, dmtree.String("perhaps")},
		{"an interior node", []string{"Ext"}, dmtree.String("x")},
		{"below a leaf", []string{"SwV", "x"}, dmtree.String("x")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := structtree.Set(new(device), tt.path, tt.val); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestLeaves(t *testing.T) {
	if got, want := fmt.Sprint(structtree.Leaves(new(device))), "[[SwV] [LrgObj] [Ext TotalRAM] [Ext MAC]]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
