package wire

import (
	"bytes"
	"encoding/xml"

	"cloister/internal/shape/model"
)

const xmlHead = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

// xmlWriter writes shapes as XML. Empty non-nil lists become empty elements: clients index into them.
type xmlWriter struct{ bytes.Buffer }

func (w *xmlWriter) text(s string) { _ = xml.EscapeText(&w.Buffer, []byte(s)) } // a Buffer does not fail

func (w *xmlWriter) open(name, ns string) {
	w.WriteByte('<')
	w.WriteString(name)
	w.WriteString(ns)
	w.WriteByte('>')
}

func (w *xmlWriter) close(name string) {
	w.WriteString("</")
	w.WriteString(name)
	w.WriteByte('>')
}

func (w *xmlWriter) simple(name, text string) {
	w.open(name, "")
	w.text(text)
	w.close(name)
}

func xmlns(prefix, uri string) string {
	switch {
	case uri == "":
		return ""
	case prefix != "":
		return ` xmlns:` + prefix + `="` + uri + `"`
	}
	return ` xmlns="` + uri + `"`
}

func refNS(r *model.Ref) string {
	if r.NSURI != "" {
		return xmlns(r.NSPrefix, r.NSURI)
	}
	return xmlns(r.Shape.NSPrefix, r.Shape.NSURI)
}

// member writes one member under its name, honouring flattened lists and maps.
func (w *xmlWriter) member(name, ns string, r *model.Ref, v any) {
	t := r.Shape
	switch x := v.(type) {
	case nil:
	case []any:
		if r.Flat() {
			for _, y := range x {
				w.member(name, ns, t.Element, y)
			}
			return
		}
		item := "member"
		if t.Element.LocationName != "" {
			item = t.Element.LocationName
		}
		w.open(name, ns)
		for _, y := range x {
			w.member(item, refNS(t.Element), t.Element, y)
		}
		w.close(name)
	case map[string]any:
		if t.Type == "map" {
			w.dict(name, ns, r, x)
			return
		}
		w.WriteByte('<')
		w.WriteString(name)
		w.WriteString(ns)
		w.attributes(t, x)
		w.WriteByte('>')
		w.members(t, x)
		w.close(name)
	default:
		w.open(name, ns)
		w.text(toText(r, v, "iso8601"))
		w.close(name)
	}
}

func (w *xmlWriter) dict(name, ns string, r *model.Ref, x tree) {
	kn, vn := mapNames(r.Shape)
	entry := name
	if !r.Flat() {
		entry = "entry"
		w.open(name, ns)
	}
	for _, k := range sortedKeys(x) {
		w.open(entry, "")
		w.simple(kn, k)
		w.member(vn, "", r.Shape.Value, x[k])
		w.close(entry)
	}
	if !r.Flat() {
		w.close(name)
	}
}

func (w *xmlWriter) attributes(t *model.Shape, x tree) {
	for _, f := range t.Members {
		if y := x[f.Name]; y != nil && f.Attribute {
			w.WriteString(" " + f.Wire() + `="`)
			w.text(toText(f, y, "iso8601"))
			w.WriteByte('"')
		}
	}
}

func (w *xmlWriter) members(t *model.Shape, x tree) {
	for _, f := range t.Members {
		if y := x[f.Name]; y != nil && f.Location == "" && !f.Attribute {
			w.member(f.Wire(), refNS(f), f, y)
		}
	}
}
