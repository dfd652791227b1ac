// Package structtree lets a Go struct stand for a subtree of leaves, so that the device's provider and the server's
// parser share one description of it.
//
// A field is the node of the same name, or of the name in its tag (`dm:"LrgObj"`). Its type decides the format:
// string is chr, int64 is int, bool is bool. A struct is an interior node. A pointer is a node that may be absent.
// A map from string to struct is an interior node whose children are named at run time.
package structtree

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/omadm-sdk/omadm/dmtree"
)

// Get returns the value of the node that names lead to below root, a pointer to a struct. No names mean root itself.
// An absent node is [dmtree.ErrNotFound].
func Get(root any, names []string) (dmtree.Value, error) {
	v := reflect.ValueOf(root).Elem()
	for _, name := range names {
		child, ok := descend(v, name)
		if !ok {
			return dmtree.Null, dmtree.ErrNotFound
		}
		v = child
	}
	return valueOf(v)
}

// Set stores a leaf's value below root, a pointer to a struct, and makes what is absent on the way. A node that the
// struct does not have is [dmtree.ErrNotFound]; a value of the wrong kind is an error that names the node.
func Set(root any, names []string, val dmtree.Value) error {
	return set(reflect.ValueOf(root).Elem(), names, val)
}

// Leaves lists the paths of all leaves that root's type has by itself, in the order of its fields. What lies below a
// map is left out, because its names are known only at run time.
func Leaves(root any) [][]string {
	var out [][]string
	leaves(reflect.TypeOf(root).Elem(), nil, &out)
	return out
}

func leaves(t reflect.Type, path []string, out *[][]string) {
	switch t.Kind() {
	case reflect.Pointer:
		leaves(t.Elem(), path, out)
	case reflect.Struct:
		for i := range t.NumField() {
			leaves(t.Field(i).Type, append(slices.Clip(path), nodeName(t.Field(i))), out)
		}
	case reflect.Map:
	default:
		*out = append(*out, path)
	}
}

// nodeName is the name of the node that a field stands for.
func nodeName(f reflect.StructField) string {
	if tag := f.Tag.Get("dm"); tag != "" {
		return tag
	}
	return f.Name
}

// field finds the field of a struct that stands for name. CSP names are compared without case.
func field(v reflect.Value, name string) (reflect.Value, bool) {
	t := v.Type()
	for i := range t.NumField() {
		if strings.EqualFold(nodeName(t.Field(i)), name) {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// mapKey finds the key of a map that equals name without case.
func mapKey(v reflect.Value, name string) (reflect.Value, bool) {
	for _, k := range v.MapKeys() {
		if strings.EqualFold(k.String(), name) {
			return k, true
		}
	}
	return reflect.Value{}, false
}

// present follows a pointer; it is false for a nil one.
func present(v reflect.Value) (reflect.Value, bool) {
	if v.Kind() != reflect.Pointer {
		return v, true
	}
	return v.Elem(), !v.IsNil()
}

func descend(v reflect.Value, name string) (reflect.Value, bool) {
	switch v.Kind() {
	case reflect.Struct:
		f, ok := field(v, name)
		if !ok {
			return f, false
		}
		return present(f)
	case reflect.Map:
		k, ok := mapKey(v, name)
		if !ok {
			return k, false
		}
		return v.MapIndex(k), true
	}
	return reflect.Value{}, false
}

func valueOf(v reflect.Value) (dmtree.Value, error) {
	switch v.Kind() {
	case reflect.String:
		return dmtree.String(v.String()), nil
	case reflect.Int64:
		return dmtree.Int(v.Int()), nil
	case reflect.Bool:
		return dmtree.Bool(v.Bool()), nil
	case reflect.Struct:
		var names []string
		for i := range v.NumField() {
			if _, ok := present(v.Field(i)); ok {
				names = append(names, nodeName(v.Type().Field(i)))
			}
		}
		return dmtree.Interior(names...), nil
	case reflect.Map:
		var names []string
		for _, k := range v.MapKeys() {
			names = append(names, k.String())
		}
		slices.Sort(names)
		return dmtree.Interior(names...), nil
	}
	return dmtree.Null, fmt.Errorf("structtree: no format for a field of type %s", v.Type())
}

func set(v reflect.Value, names []string, val dmtree.Value) error {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		v = v.Elem()
	}
	if len(names) == 0 {
		return setLeaf(v, val)
	}
	switch v.Kind() {
	case reflect.Struct:
		f, ok := field(v, names[0])
		if !ok {
			return dmtree.ErrNotFound
		}
		return set(f, names[1:], val)
	case reflect.Map:
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
		// A map's values cannot be changed in place.
		key, elem := reflect.ValueOf(names[0]), reflect.New(v.Type().Elem()).Elem()
		if k, ok := mapKey(v, names[0]); ok {
			key = k
			elem.Set(v.MapIndex(k))
		}
		if err := set(elem, names[1:], val); err != nil {
			return err
		}
		v.SetMapIndex(key, elem)
		return nil
	}
	return dmtree.ErrNotFound
}

func setLeaf(v reflect.Value, val dmtree.Value) error {
	switch v.Kind() {
	case reflect.String:
		v.SetString(val.Text())
	case reflect.Int64:
		i, err := val.Int()
		if err != nil {
			return err
		}
		v.SetInt(i)
	case reflect.Bool:
		b, err := val.Bool()
		if err != nil {
			return err
		}
		v.SetBool(b)
	default:
		return fmt.Errorf("structtree: %s is an interior node, not a leaf", v.Type())
	}
	return nil
}
