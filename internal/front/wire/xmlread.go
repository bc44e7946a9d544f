package wire

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"cloister/internal/core/fault"
	"cloister/internal/shape/model"
)

// maxElements bounds what a 1 MiB body can blow up to. The largest real one, CompleteMultipartUpload, has some 60,000.
const maxElements = 100_000

// element is a parsed XML element.
type element struct {
	name string
	attr []xml.Attr
	text strings.Builder
	kids []*element
}

// parseXML gives the root, nil for an empty body. Directives (DOCTYPE) are refused: no entity is ever expanded.
func parseXML(b []byte) (*element, *fault.Fault) {
	d := xml.NewDecoder(bytes.NewReader(b))
	top := &element{}
	stack := []*element{top}
	count := 0
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, malformed("The XML you provided was not well-formed or did not validate against our published schema")
		}
		in := stack[len(stack)-1]
		switch e := tok.(type) {
		case xml.StartElement:
			if count++; count > maxElements || len(stack) > maxDepth {
				return nil, malformed("The XML you provided has too many elements or nests too deep")
			}
			n := &element{name: e.Name.Local, attr: e.Attr}
			in.kids = append(in.kids, n)
			stack = append(stack, n)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			in.text.Write(e)
		case xml.Directive:
			return nil, malformed("The XML you provided has a directive, which is not allowed")
		}
	}
	switch {
	case len(top.kids) > 1 || strings.TrimSpace(top.text.String()) != "":
		return nil, malformed("The XML you provided was not well-formed or did not validate against our published schema")
	case len(top.kids) == 0:
		return nil, nil
	}
	return top.kids[0], nil
}

func (n *element) all(name string) []*element {
	var out []*element
	for _, k := range n.kids {
		if k.name == name {
			out = append(out, k)
		}
	}
	return out
}

// decodeXML reads a body into a shape; the root's name is checked when the model says one.
func decodeXML(r *model.Ref, root string, body []byte) (any, *fault.Fault) {
	n, f := parseXML(body)
	if f != nil || n == nil {
		return nil, f
	}
	if root != "" && n.name != root {
		return nil, malformed("The XML you provided was not well-formed or did not validate against our published schema")
	}
	return fromXML(r, []*element{n}, n.name)
}

// fromXML reads ns, the elements of one name: one, or as many as a flattened list or map has entries.
func fromXML(r *model.Ref, ns []*element, path string) (any, *fault.Fault) {
	t := r.Shape
	switch t.Type {
	case "list":
		items := ns
		if !r.Flat() {
			name := "member"
			if t.Element.LocationName != "" {
				name = t.Element.LocationName
			}
			if items = ns[0].all(name); len(ns) > 1 || len(items) < len(ns[0].kids) {
				return nil, strayElement(ns, path, name)
			}
		}
		out := make([]any, 0, len(items))
		for _, k := range items {
			v, f := fromXML(t.Element, []*element{k}, path)
			if f != nil {
				return nil, f
			}
			out = append(out, v)
		}
		return out, nil
	case "map":
		items := ns
		if !r.Flat() {
			items = ns[0].all("entry")
		}
		kn, vn := mapNames(t)
		out := make(tree, len(items))
		for _, e := range items {
			k, v := e.all(kn), e.all(vn)
			if len(k) != 1 || len(v) != 1 {
				return nil, malformed("An entry of %s has not just a key and a value", printable(path))
			}
			y, f := fromXML(t.Value, v, path)
			if f != nil {
				return nil, f
			}
			out[k[0].text.String()] = y
		}
		return out, nil
	}
	if len(ns) > 1 {
		return nil, malformed("The element %s stands more than once", printable(path))
	}
	if t.Type == "structure" {
		return structXML(t, ns[0], path)
	}
	if len(ns[0].kids) > 0 {
		return nil, unknown(path + "." + ns[0].kids[0].name)
	}
	return fromText(r, ns[0].text.String(), "iso8601")
}

func strayElement(ns []*element, path, name string) *fault.Fault {
	for _, k := range ns[0].kids {
		if k.name != name {
			return unknown(path + "." + k.name)
		}
	}
	return malformed("The element %s stands more than once", printable(path))
}

func structXML(t *model.Shape, n *element, path string) (any, *fault.Fault) {
	out := make(tree, len(n.kids))
	groups := map[string][]*element{}
	for _, k := range n.kids {
		groups[k.name] = append(groups[k.name], k)
	}
	for _, f := range t.Members {
		if f.Location != "" {
			continue
		}
		name := f.Wire()
		if f.Attribute {
			for _, a := range n.attr {
				if _, local, _ := strings.Cut(name, ":"); a.Name.Local == name || a.Name.Local == local && local != "" {
					out[f.Name] = a.Value
				}
			}
			continue
		}
		ms := groups[name]
		if len(ms) == 0 && f.Shape.Type == "list" && f.Flat() && f.Shape.Element.LocationName != "" {
			name = f.Shape.Element.LocationName
			ms = groups[name]
		}
		if len(ms) == 0 {
			continue
		}
		delete(groups, name)
		v, bad := fromXML(f, ms, path+"."+name)
		if bad != nil {
			return nil, bad
		}
		out[f.Name] = v
	}
	if len(groups) > 0 {
		return nil, unknown(path + "." + sortedKeys(groups)[0])
	}
	return out, nil
}
