package wire

import (
	"net/url"
	"sort"
	"strconv"
	"strings"

	"cloister/internal/core/fault"
	"cloister/internal/shape/model"
)

// node is a form as a tree: "A.1.B=x" is A -> 1 -> B with value x.
type node struct {
	value string
	kids  map[string]*node
}

// formTree leaves out what is of the protocol rather than of the operation.
func formTree(form url.Values) (*node, *fault.Fault) {
	root := &node{}
	for k, vs := range form {
		switch k {
		case "Action", "Version", "AWSAccessKeyId", "Signature", "SignatureMethod", "SignatureVersion", "Timestamp", "SecurityToken":
			continue
		}
		if strings.HasPrefix(k, "X-Amz-") {
			continue
		}
		if len(vs) != 1 {
			return nil, malformed("The parameter %s stands more than once", printable(k))
		}
		parts := strings.Split(k, ".")
		if len(parts) > maxDepth {
			return nil, malformed("A parameter nests deeper than %d levels", maxDepth)
		}
		n := root
		for _, p := range parts {
			if n.kids == nil {
				n.kids = map[string]*node{}
			}
			if n.kids[p] == nil {
				n.kids[p] = &node{}
			}
			n = n.kids[p]
		}
		n.value = vs[0]
	}
	return root, nil
}

// items gives a list's elements in the order of their numbers, which may have gaps.
func (n *node) items(path string) ([]*node, *fault.Fault) {
	type item struct {
		i int
		n *node
	}
	l := make([]item, 0, len(n.kids))
	for k, v := range n.kids {
		i, err := strconv.Atoi(k)
		if err != nil || i < 0 {
			return nil, unknown(path + "." + k)
		}
		l = append(l, item{i, v})
	}
	sort.Slice(l, func(a, b int) bool { return l[a].i < l[b].i })
	out := make([]*node, len(l))
	for i := range l {
		out[i] = l[i].n
	}
	return out, nil
}

// form reads the query protocols; ec2 has names and lists of its own.
type form struct{ ec2 bool }

func decodeForm(r *model.Ref, v url.Values, ec2 bool) (any, *fault.Fault) {
	n, f := formTree(v)
	if f != nil {
		return nil, f
	}
	return form{ec2}.value(r, n, "")
}

// name is a member's name in a form. ec2: the query name, else the location name or member name with a capital.
func (q form) name(f *model.Ref) string {
	if !q.ec2 {
		return f.Wire()
	}
	if f.QueryName != "" {
		return f.QueryName
	}
	w := f.Wire()
	return strings.ToUpper(w[:1]) + w[1:]
}

func (q form) value(r *model.Ref, n *node, path string) (any, *fault.Fault) {
	if t := r.Shape.Type; n.value != "" && (t == "structure" || t == "list" || t == "map") {
		return nil, malformed("The parameter %s is a %s and takes no value of its own", printable(path), t)
	}
	switch r.Shape.Type {
	case "structure":
		return q.structure(r, n, path)
	case "list":
		return q.list(r, n, path)
	case "map":
		return q.dict(r, n, path)
	}
	if len(n.kids) > 0 {
		return nil, unknown(path + "." + sortedKeys(n.kids)[0])
	}
	return fromText(r, n.value, "iso8601")
}

func (q form) structure(r *model.Ref, n *node, path string) (any, *fault.Fault) {
	out := make(tree, len(n.kids))
	used := 0
	for _, f := range r.Shape.Members {
		name := q.name(f)
		c := n.kids[name]
		if c == nil && !q.ec2 && f.Shape.Type == "list" && f.Flat() {
			// botocore calls a flattened list by its element, Smithy clients do not
			if name = f.Shape.Element.LocationName; name != "" {
				c = n.kids[name]
			}
		}
		if c == nil {
			continue
		}
		used++
		at := name
		if path != "" {
			at = path + "." + name
		}
		v, bad := q.value(f, c, at)
		if bad != nil {
			return nil, bad
		}
		out[f.Name] = v
	}
	if used < len(n.kids) {
		return nil, q.stray(r, n, path)
	}
	return out, nil
}

// stray names the first parameter that no member of the structure has.
func (q form) stray(r *model.Ref, n *node, path string) *fault.Fault {
	known := map[string]bool{}
	for _, f := range r.Shape.Members {
		known[q.name(f)] = true
		if f.Shape.Type == "list" && f.Flat() && f.Shape.Element.LocationName != "" {
			known[f.Shape.Element.LocationName] = true
		}
	}
	for _, k := range sortedKeys(n.kids) {
		if !known[k] {
			if path != "" {
				k = path + "." + k
			}
			return unknown(k)
		}
	}
	return malformed("Two names of one member are set at %s", printable(path))
}

func (q form) list(r *model.Ref, n *node, path string) (any, *fault.Fault) {
	if !q.ec2 && !r.Flat() {
		name := "member"
		if r.Shape.Element.LocationName != "" {
			name = r.Shape.Element.LocationName
		}
		if c := n.kids[name]; c != nil && len(n.kids) == 1 {
			n = c
		}
	}
	items, bad := n.items(path)
	if bad != nil {
		return nil, bad
	}
	out := make([]any, 0, len(items)) // "List=" is an empty list
	for _, c := range items {
		v, bad := q.value(r.Shape.Element, c, path)
		if bad != nil {
			return nil, bad
		}
		out = append(out, v)
	}
	return out, nil
}

func (q form) dict(r *model.Ref, n *node, path string) (any, *fault.Fault) {
	t := r.Shape
	if c := n.kids["entry"]; c != nil && !r.Flat() && len(n.kids) == 1 {
		n = c
	}
	items, bad := n.items(path)
	if bad != nil {
		return nil, bad
	}
	kn, vn := mapNames(t)
	out := make(tree, len(items))
	for _, c := range items {
		k, v := c.kids[kn], c.kids[vn]
		if k == nil || v == nil || len(c.kids) != 2 {
			return nil, malformed("An entry of %s has not just a key and a value", printable(path))
		}
		y, bad := q.value(t.Value, v, path)
		if bad != nil {
			return nil, bad
		}
		out[k.value] = y
	}
	return out, nil
}

// mapNames are the names of a map's keys and values in forms and XML.
func mapNames(t *model.Shape) (key, value string) {
	key, value = "key", "value"
	if t.Key.LocationName != "" {
		key = t.Key.LocationName
	}
	if t.Value.LocationName != "" {
		value = t.Value.LocationName
	}
	return key, value
}
