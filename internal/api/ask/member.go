package ask

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// values reads the members that a source names, in the input's order. What is not set has none.
func values(in any, paths []string) []string {
	for _, p := range paths {
		var out []string
		for _, v := range at(reflect.ValueOf(in), strings.Split(p, ".")) {
			if s, ok := scalar(v); ok {
				out = append(out, s)
			}
		}
		if len(out) > 0 {
			return out
		}
	}
	return nil
}

// at gives what stands at a path, lists passed through and pointers followed. A map's keys are meant by the member "<keys>".
func at(v reflect.Value, path []string) []reflect.Value {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return nil
		}
		v = v.Elem()
	}
	switch {
	case !v.IsValid():
		return nil
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8:
		var out []reflect.Value
		for i := range v.Len() {
			out = append(out, at(v.Index(i), path)...)
		}
		return out
	case len(path) == 0:
		return []reflect.Value{v}
	case v.Kind() == reflect.Map:
		if path[0] != keysOf {
			return nil
		}
		out := v.MapKeys()
		slices.SortFunc(out, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		return out
	case v.Kind() != reflect.Struct:
		return nil
	}
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("m") == path[0] {
			return at(v.Field(i), path[1:])
		}
	}
	return nil
}

// keysOf stands for the keys of a map in a path.
const keysOf = "<keys>"

func scalar(v reflect.Value) (string, bool) {
	if t, ok := v.Interface().(time.Time); ok {
		return t.UTC().Format(time.RFC3339), true
	}
	switch v.Kind() {
	case reflect.String:
		return v.String(), v.String() != ""
	case reflect.Bool:
		return strconv.FormatBool(v.Bool()), true
	case reflect.Int, reflect.Int32, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10), true
	case reflect.Float32, reflect.Float64:
		return fmt.Sprint(v.Float()), true
	}
	return "", false
}

// tags reads the tags that come with a request. Of two of one key the later holds; the handler refuses such a list.
func tags(in any, paths []string) map[string]string {
	out := map[string]string{}
	for _, p := range paths {
		for _, v := range at(reflect.ValueOf(in), strings.Split(p, ".")) {
			switch v.Kind() {
			case reflect.Map:
				for _, k := range v.MapKeys() {
					if s, ok := scalar(v.MapIndex(k)); ok || v.MapIndex(k).Kind() == reflect.String {
						out[k.String()] = s
					}
				}
			case reflect.Struct:
				k := either(v, "Key", "TagKey", "key")
				if k != "" {
					out[k] = either(v, "Value", "TagValue", "value")
				}
			}
		}
	}
	return out
}

func either(v reflect.Value, names ...string) string {
	for _, n := range names {
		for _, x := range at(v, []string{n}) {
			if s, ok := scalar(x); ok {
				return s
			}
		}
	}
	return ""
}
