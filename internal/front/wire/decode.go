package wire

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"reflect"

	"cloister/internal/core/fault"
	"cloister/internal/shape/model"
)

// Decode reads the input: a pointer to the operation's struct of internal/shape. labels are Find's, form is ParseForm's; body
// is the verified body of the JSON and REST protocols and may be nil. A streaming payload is set to body and not read.
// Malformed input is fault.Malformed; a member that the model does not know is fault.NotHonoured with its path in Param. A
// fault that body's Read returns is handed on.
func (o *Operation) Decode(req *http.Request, labels Labels, form url.Values, body io.Reader) (any, *fault.Fault) {
	v, f := o.decode(req, labels, form, body)
	if f != nil {
		return nil, f
	}
	in := o.New()
	if o.op.Input == nil || v == nil {
		return in, nil
	}
	if err := bind(o.op.Input, v, reflect.ValueOf(in).Elem()); err != nil {
		return nil, fault.From(err)
	}
	return in, nil
}

func (o *Operation) decode(req *http.Request, labels Labels, form url.Values, body io.Reader) (any, *fault.Fault) {
	switch o.Service.Protocol {
	case "query", "ec2":
		if o.op.Input == nil {
			return nil, nil
		}
		return decodeForm(o.op.Input, form, o.Service.Protocol == "ec2")
	case "json":
		b, f := readBody(body, MaxBody)
		if f != nil || o.op.Input == nil || len(b) == 0 {
			return nil, f
		}
		return decodeJSON(o.op.Input, b)
	}
	return o.decodeREST(req, labels, body)
}

// readBody reads at most limit.
func readBody(body io.Reader, limit int) ([]byte, *fault.Fault) {
	if body == nil {
		return nil, nil
	}
	b, err := io.ReadAll(io.LimitReader(body, int64(limit)+1))
	if err != nil {
		var f *fault.Fault
		if errors.As(err, &f) {
			return nil, f
		}
		f = fault.New("RequestTimeout", "The body could not be read to its end.").With(400)
		f.Cause = err
		return nil, f
	}
	if len(b) > limit {
		return nil, fault.Of(fault.TooLarge, "The body is larger than %d bytes.", limit)
	}
	return b, nil
}

func (o *Operation) decodeREST(req *http.Request, labels Labels, body io.Reader) (any, *fault.Fault) {
	r := o.op.Input
	if r == nil {
		return nil, o.noBody(body)
	}
	out := tree{}
	if f := o.decodeParts(req, labels, out); f != nil {
		return nil, f
	}
	p := o.payload(r)
	switch {
	case p != nil && p.Streaming:
		if body == nil {
			body = http.NoBody
		}
		out[p.Name] = body
		return out, nil
	case p == nil && !hasBody(r.Shape):
		return out, o.noBody(body)
	}
	limit := MaxBody
	if o.Name == "CompleteMultipartUpload" {
		limit = maxParts
	}
	b, f := readBody(body, limit)
	if f != nil || len(b) == 0 {
		return out, f
	}
	if p == nil {
		v, f := o.decodeBody(r, r.LocationName, b)
		if f != nil {
			return nil, f
		}
		members, _ := v.(tree)
		for k, x := range members {
			out[k] = x
		}
		return out, nil
	}
	switch p.Shape.Type {
	case "blob":
		out[p.Name] = b
	case "string":
		out[p.Name] = string(b)
	default:
		root := p.LocationName
		if root == "" {
			root = p.Shape.LocationName
		}
		v, f := o.decodeBody(p, root, b)
		if f != nil {
			return nil, f
		}
		if v != nil {
			out[p.Name] = v
		}
	}
	return out, nil
}

// noBody refuses a body that the operation has no use for; reading it to its end lets a verifying reader speak.
func (o *Operation) noBody(body io.Reader) *fault.Fault {
	b, f := readBody(body, MaxBody)
	if f == nil && len(b) > 0 && o.Service.Protocol == "rest-xml" {
		return fault.New("UnexpectedContent", "This request does not support content").With(400)
	}
	return f
}

func hasBody(t *model.Shape) bool { return len(t.ByWire) > 0 }

func (o *Operation) decodeBody(r *model.Ref, root string, b []byte) (any, *fault.Fault) {
	if o.Service.Protocol == "rest-xml" {
		return decodeXML(r, root, b)
	}
	return decodeJSON(r, b)
}
