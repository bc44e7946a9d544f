package wire

import (
	"fmt"
	"io"
	"reflect"
	"sort"
	"time"

	"cloister/internal/shape/model"
)

// tree is what stands between wire and shape: structures and maps are tree, lists []any; leaves are string, int64, float64,
// bool, time.Time, []byte; a streaming payload is its reader; documents are plain JSON values.
type tree = map[string]any

// maxDepth bounds nesting in every protocol. The deepest shape of the models nests 12 levels; documents may nest deeper.
const maxDepth = 64

// bind copies a tree into a generated struct. Struct fields stand in the order of the model's members (a test holds that).
func bind(r *model.Ref, src any, dst reflect.Value) error {
	if src == nil {
		return nil
	}
	if dst.Kind() == reflect.Pointer {
		p := reflect.New(dst.Type().Elem())
		if err := bind(r, src, p.Elem()); err != nil {
			return err
		}
		dst.Set(p)
		return nil
	}
	switch x := src.(type) {
	case map[string]any:
		switch dst.Kind() {
		case reflect.Struct:
			for i, f := range r.Shape.Members {
				if v, ok := x[f.Name]; ok {
					if err := bind(f, v, dst.Field(i)); err != nil {
						return err
					}
				}
			}
			return nil
		case reflect.Map:
			m := reflect.MakeMapWithSize(dst.Type(), len(x))
			for k, v := range x {
				e := reflect.New(dst.Type().Elem()).Elem()
				if err := bind(r.Shape.Value, v, e); err != nil {
					return err
				}
				m.SetMapIndex(reflect.ValueOf(k), e)
			}
			dst.Set(m)
			return nil
		}
	case []any:
		if dst.Kind() == reflect.Slice {
			s := reflect.MakeSlice(dst.Type(), len(x), len(x))
			for i := range x {
				if err := bind(r.Shape.Element, x[i], s.Index(i)); err != nil {
					return err
				}
			}
			dst.Set(s)
			return nil
		}
	}
	v := reflect.ValueOf(src)
	if !v.Type().AssignableTo(dst.Type()) {
		return fmt.Errorf("cannot bind %s: %s does not fit %s", r.Name, v.Type(), dst.Type())
	}
	dst.Set(v)
	return nil
}

// unbind leaves out nil pointers, slices and maps; empty ones stay.
func unbind(r *model.Ref, v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return unbind(r, v.Elem())
	case reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return v.Interface()
	case reflect.Struct:
		if r.Shape.Type == "timestamp" {
			return v.Interface()
		}
		out := tree{}
		for i, f := range r.Shape.Members {
			if x := unbind(f, v.Field(i)); x != nil {
				out[f.Name] = x
			}
		}
		return out
	case reflect.Slice:
		if v.IsNil() {
			return nil
		}
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return v.Bytes()
		}
		l := make([]any, v.Len())
		for i := range l {
			l[i] = unbind(r.Shape.Element, v.Index(i))
		}
		return l
	case reflect.Map:
		if v.IsNil() {
			return nil
		}
		m := make(tree, v.Len())
		for it := v.MapRange(); it.Next(); {
			m[it.Key().String()] = unbind(r.Shape.Value, it.Value())
		}
		return m
	}
	return v.Interface()
}

// spread turns a shape struct into a tree; an input or output of another operation is an error, a nil one is empty.
func spread(r *model.Ref, empty, v any) (tree, error) {
	if v == nil {
		return tree{}, nil
	}
	rv := reflect.ValueOf(v)
	if rv.Type() != reflect.TypeOf(empty) {
		return nil, fmt.Errorf("cannot read %T where %T belongs", v, empty)
	}
	if rv.IsNil() || r == nil {
		return tree{}, nil
	}
	t, _ := unbind(r, rv.Elem()).(tree)
	return t, nil
}

// leaf reports whether v is a value rather than a structure, list or map.
func leaf(v any) bool {
	switch v.(type) {
	case string, int64, float64, bool, time.Time, []byte, io.Reader:
		return true
	}
	return false
}

func sortedKeys[V any](m map[string]V) []string {
	ks := make([]string, 0, len(m))
	for k := range m {
		ks = append(ks, k)
	}
	sort.Strings(ks)
	return ks
}
