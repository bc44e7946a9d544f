package wire

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"cloister/internal/core/fault"
	"cloister/internal/shape/model"
)

const nasty = "s<&>\"'é\n\u2028 x"

// fill makes a tree with every member set, recursion and streams aside.
func fill(r *model.Ref, open map[string]int, header bool) any {
	t := r.Shape
	if t.EventStream || open[t.Name] > 0 {
		return nil
	}
	switch t.Type {
	case "structure":
		if t.Document {
			return map[string]any{"doc": "x", "n": int64(1)}
		}
		open[t.Name]++
		defer func() { open[t.Name]-- }()
		out := tree{}
		for _, f := range t.Members {
			if v := fill(f, open, f.Location != ""); v != nil && !f.Streaming {
				out[f.Name] = v
				if t.Union {
					break
				}
			}
		}
		return out
	case "list":
		if v := fill(t.Element, open, header); v != nil {
			return []any{v, v}
		}
		return nil
	case "map":
		if v := fill(t.Value, open, header); v != nil {
			return tree{"k1": v, "k2": v}
		}
		return nil
	case "boolean":
		return true
	case "integer", "long":
		return int64(7)
	case "float", "double":
		return 1.5
	case "timestamp":
		return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	case "blob":
		return []byte("blob\x00\xff")
	}
	if len(t.Enum) > 0 {
		return t.Enum[0]
	}
	if header {
		return "plain"
	}
	return nasty
}

func filled(t *testing.T, r *model.Ref, into any) tree {
	t.Helper()
	if r == nil {
		return tree{}
	}
	v, _ := fill(r, map[string]int{}, false).(tree)
	if err := bind(r, v, reflect.ValueOf(into).Elem()); err != nil {
		t.Fatal(err)
	}
	return v
}

func each(t *testing.T, f func(t *testing.T, o *Operation)) {
	n := 0
	for _, s := range Open().Services() {
		for _, name := range s.Operations() {
			if s.Name != "cloister" { // our own operations are not AWS's
				n++
			}
			o := s.Operation(name)
			t.Run(s.Name+"."+name, func(t *testing.T) { f(t, o) })
		}
	}
	if n != 653 {
		t.Errorf("%d operations, want 653", n)
	}
}

// Struct fields stand in the order of the model's members, which bind and unbind build on.
func TestFieldOrder(t *testing.T) {
	each(t, func(t *testing.T, o *Operation) {
		var walk func(r *model.Ref, ty reflect.Type, seen map[string]bool)
		walk = func(r *model.Ref, ty reflect.Type, seen map[string]bool) {
			if r == nil || seen[r.ShapeName] || r.Shape.Document {
				return
			}
			for ty.Kind() == reflect.Pointer || ty.Kind() == reflect.Slice || ty.Kind() == reflect.Map {
				switch ty.Kind() {
				case reflect.Slice:
					if r.Shape.Element == nil {
						return
					}
					r = r.Shape.Element
				case reflect.Map:
					r = r.Shape.Value
				}
				ty = ty.Elem()
			}
			if r.Shape.Type != "structure" || r.Shape.Document {
				return
			}
			seen[r.ShapeName] = true
			if ty.NumField() != len(r.Shape.Members) {
				t.Fatalf("%s has %d fields, its model %d", ty, ty.NumField(), len(r.Shape.Members))
			}
			for i, f := range r.Shape.Members {
				if got := ty.Field(i).Tag.Get("m"); got != f.Name {
					t.Fatalf("%s field %d is %s, its model has %s", ty, i, got, f.Name)
				}
				walk(f, ty.Field(i).Type, seen)
			}
		}
		walk(o.op.Input, reflect.TypeOf(o.New()), map[string]bool{})
		walk(o.op.Output, reflect.TypeOf(o.NewOutput()), map[string]bool{})
	})
}

// Every output with every member set is written and read back the same.
func TestFillOutputs(t *testing.T) {
	each(t, func(t *testing.T, o *Operation) {
		out := o.NewOutput()
		want := filled(t, o.op.Output, out)
		w := httptest.NewRecorder()
		if err := o.Encode(w, out, "req-1"); err != nil {
			t.Fatal(err)
		}
		if w.Header().Get("x-amzn-RequestId") == "" && w.Header().Get("x-amz-request-id") == "" {
			t.Error("no request id")
		}
		if o.op.Output == nil {
			return
		}
		got, f := reread(o, w.Body.Bytes())
		if f != nil {
			t.Fatalf("%v\n%s", f, w.Body)
		}
		inBody := tree{}
		p := o.payload(o.op.Output)
		for _, m := range o.op.Output.Shape.Members {
			v := want[m.Name]
			switch {
			case v == nil:
			case m.Location == "header":
				if w.Header().Get(m.Wire()) == "" {
					t.Errorf("no header %s", m.Wire())
				}
			case m.Location == "" && (p == nil || p == m):
				inBody[m.Name] = v
			}
		}
		if o.op.Method != http.MethodHead && !reflect.DeepEqual(got, inBody) {
			t.Errorf("\ngot  %v\nwant %v\nbody %s", got, inBody, w.Body)
		}
	})
}

// reread reads an answer's body as a client would.
func reread(o *Operation, body []byte) (tree, *fault.Fault) {
	r := o.op.Output
	if len(body) == 0 {
		return tree{}, nil
	}
	p := o.payload(r)
	if p != nil && (p.Shape.Type == "blob" || p.Shape.Type == "string") {
		if p.Shape.Type == "blob" {
			return tree{p.Name: body}, nil
		}
		return tree{p.Name: string(body)}, nil
	}
	at := r
	if p != nil {
		at = p
	}
	var v any
	var f *fault.Fault
	if strings.Contains(o.Service.Protocol, "json") {
		v, f = decodeJSON(at, body)
	} else {
		var n *element
		if n, f = parseXML(body); f != nil {
			return nil, f
		}
		switch {
		case o.Service.Protocol == "query":
			n = n.all(o.op.Output.ResultWrapper)[0]
		case o.Service.Protocol == "ec2":
			n.kids = n.kids[1:]
		case o.Name == "GetBucketLocation":
			return tree{"LocationConstraint": n.text.String()}, nil
		}
		v, f = fromXML(at, []*element{n}, "")
	}
	if p != nil {
		v = tree{p.Name: v}
	}
	got, _ := v.(tree)
	return got, f
}

// Every input with every member set lists its members, is recorded as JSON, and is validated without panic; nothing of a
// secret member is recorded or quoted.
func TestFillInputs(t *testing.T) {
	each(t, func(t *testing.T, o *Operation) {
		in := o.New()
		want := filled(t, o.op.Input, in)
		set := o.SetMembers(in)
		if len(want) > 0 && len(set) == 0 {
			t.Error("no member is set")
		}
		top := map[string]bool{}
		for _, s := range set {
			s, _, _ = strings.Cut(s, ".")
			top[s] = true
		}
		if len(top) != len(want) {
			t.Errorf("members %v of %v", set, sortedKeys(want))
		}
		if p := o.Params(in); !json.Valid(p) {
			t.Errorf("not JSON: %s", p)
		}
		if f := o.Validate(in); f != nil && strings.Contains(f.Error(), "%!") {
			t.Error(f)
		}
		if o.Service.Protocol != "json" || o.op.Input == nil {
			return
		}
		body := appendJSON(nil, o.op.Input, want)
		back, f := o.Decode(httptest.NewRequest("POST", "/", nil), nil, nil, bytes.NewReader(body))
		if f != nil {
			t.Fatal(f)
		}
		if !reflect.DeepEqual(back, in) {
			t.Errorf("\ngot  %s\nwant %s", o.Params(back), o.Params(in))
		}
	})
}

// An empty input of every operation validates without panic, and an output of another operation is refused.
func TestEmptyAndForeign(t *testing.T) {
	each(t, func(t *testing.T, o *Operation) {
		_ = o.Validate(o.New())
		if got := o.SetMembers(o.New()); len(got) != 0 {
			t.Errorf("an empty input sets %v", got)
		}
		if err := o.Encode(httptest.NewRecorder(), &struct{}{}, "r"); err == nil {
			t.Error("a foreign output is written")
		}
		w := httptest.NewRecorder()
		if err := o.Encode(w, nil, "r"); err != nil {
			t.Error(err)
		}
		if w.Body.Len() > 0 && strings.Contains(w.Header().Get("Content-Type"), "json") && !json.Valid(w.Body.Bytes()) {
			t.Errorf("not JSON: %s", w.Body)
		}
	})
}
