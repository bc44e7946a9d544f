package wire

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"cloister/internal/shape/model"
)

// ErrBroken wraps a failure after the answer had begun: the caller must break the connection (panic(http.ErrAbortHandler)),
// or the client would take a torn body for a whole one.
var ErrBroken = errors.New("the answer broke off")

// Encode writes the answer; out is a pointer to the operation's output struct, or nil. A streaming body is copied and closed.
// An error without ErrBroken means that nothing was written yet.
func (o *Operation) Encode(w http.ResponseWriter, out any, requestID string) error {
	t, err := spread(o.op.Output, o.NewOutput(), out)
	if err != nil {
		return err
	}
	h := w.Header()
	o.Service.requestID(h, requestID)
	status, body, stream := o.answer(h, t, requestID)
	if stream != nil {
		return o.stream(w, status, stream)
	}
	if o.op.Method == http.MethodHead || status == http.StatusNoContent {
		w.WriteHeader(status)
		return nil
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return nil
}

func (o *Operation) stream(w http.ResponseWriter, status int, body io.ReadCloser) (err error) {
	defer func() {
		if e := body.Close(); err == nil && e != nil {
			err = fmt.Errorf("%w: %w", ErrBroken, e)
		}
	}()
	w.WriteHeader(status)
	if _, err := io.Copy(w, body); err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return nil
}

// requestID sets the headers that carry it.
func (s *Service) requestID(h http.Header, id string) {
	if s.SigningName == "s3" {
		h.Set("x-amz-request-id", id)
		h.Set("x-amz-id-2", hostID(id))
		return
	}
	h.Set("x-amzn-RequestId", id)
}

// hostID is S3's second id. It says no more than the first, whose form clients never look at.
func hostID(id string) string { return "cloister/" + id }

// answer gives status and body, and sets the headers.
func (o *Operation) answer(h http.Header, out tree, requestID string) (status int, body []byte, stream io.ReadCloser) {
	switch o.Service.Protocol {
	case "json":
		h.Set("Content-Type", "application/x-amz-json-"+o.Service.JSONVersion)
		if o.op.Output != nil {
			body = appendJSON(nil, o.op.Output, out)
		}
		return http.StatusOK, body, nil
	case "ec2", "query":
		h.Set("Content-Type", "text/xml;charset=UTF-8")
		return http.StatusOK, o.envelope(out, requestID), nil
	}
	return o.encodeREST(h, out)
}

// envelope is the answer of a query protocol. EC2 operations without output answer <return>true</return>.
func (o *Operation) envelope(out tree, requestID string) []byte {
	var w xmlWriter
	root := o.Name + "Response"
	w.WriteString(xmlHead)
	if o.Service.Protocol == "ec2" {
		w.open(root, xmlns("", o.Service.namespace()))
		w.simple("requestId", requestID)
		if o.op.Output != nil {
			w.members(o.op.Output.Shape, out)
		} else {
			w.simple("return", "true")
		}
		w.close(root)
		return w.Bytes()
	}
	w.open(root, xmlns("", o.Service.namespace()))
	if o.op.Output != nil {
		name := o.op.Output.ResultWrapper
		if name == "" {
			name = o.Name + "Result"
		}
		w.open(name, "")
		w.members(o.op.Output.Shape, out)
		w.close(name)
	}
	w.open("ResponseMetadata", "")
	w.simple("RequestId", requestID)
	w.close("ResponseMetadata")
	w.close(root)
	return w.Bytes()
}

// namespace of the service's XML answers; the models lack those of ec2 (a slash), S3 and S3 Control.
func (s *Service) namespace() string {
	switch s.Name {
	case "ec2":
		return "http://ec2.amazonaws.com/doc/" + s.Version + "/"
	case "s3":
		return "http://s3.amazonaws.com/doc/2006-03-01/"
	case "s3control":
		return "http://awss3control.amazonaws.com/doc/2018-08-20/"
	}
	return s.Namespace
}

func (o *Operation) encodeREST(h http.Header, out tree) (status int, body []byte, stream io.ReadCloser) {
	status = http.StatusOK
	if o.Service.Name == "s3" && (o.Name == "PutBucketPolicy" || o.Name == "PutBucketTagging") { // the models do not say it (S3 API Reference, sample responses)
		status = http.StatusNoContent
	}
	if o.op.Status != 0 {
		status = o.op.Status
	}
	isXML := o.Service.Protocol == "rest-xml"
	if o.op.Output == nil {
		return status, nil, nil
	}
	t := o.op.Output.Shape
	if n := o.encodeParts(h, t, out); n != 0 {
		status = n
	}
	if p := o.payload(o.op.Output); p != nil {
		body, stream = o.encodePayload(h, p, out[p.Name])
		if p.Streaming {
			if h.Get("Content-Range") != "" {
				status = http.StatusPartialContent
			}
			if stream == nil {
				stream = http.NoBody
			}
		}
		return status, body, stream
	}
	switch {
	case o.op.Method == http.MethodHead:
		if h.Get("Content-Range") != "" {
			status = http.StatusPartialContent
		}
		if t.ByName["ContentType"] == nil {
			h.Set("Content-Type", "application/xml")
		}
	case !isXML:
		h.Set("Content-Type", "application/json")
		body = appendJSON(nil, o.op.Output, out)
	case hasBody(t):
		h.Set("Content-Type", "application/xml")
		body = o.xmlBody(t, out)
	}
	return status, body, nil
}

func (o *Operation) xmlBody(t *model.Shape, out tree) []byte {
	var w xmlWriter
	w.WriteString(xmlHead)
	name := t.LocationName
	if name == "" && o.Service.Name == "s3" {
		name = s3Root(o.Name)
	}
	if name == "" {
		name = o.Name + "Result"
	}
	w.open(name, xmlns("", o.Service.namespace()))
	if o.Service.Name == "s3" && o.Name == "GetBucketLocation" { // no element of its own around the region
		if s, ok := out["LocationConstraint"].(string); ok {
			w.text(s)
		}
	} else {
		w.members(t, out)
	}
	w.close(name)
	return w.Bytes()
}

func (o *Operation) encodePayload(h http.Header, p *model.Ref, v any) ([]byte, io.ReadCloser) {
	kind := func(def string) {
		if h.Get("Content-Type") == "" {
			h.Set("Content-Type", def)
		}
	}
	switch x := v.(type) {
	case nil:
		return nil, nil
	case io.ReadCloser:
		kind("binary/octet-stream")
		return nil, x
	case []byte:
		kind("application/octet-stream")
		return x, nil
	case string:
		kind("application/json") // bucket policies are the only text
		return []byte(x), nil
	}
	if o.Service.Protocol != "rest-xml" {
		kind("application/json")
		return appendJSON(nil, p, v), nil
	}
	kind("application/xml")
	name := p.LocationName
	if name == "" {
		name = p.Shape.LocationName
	}
	if name == "" {
		name = s3PayloadRoot(p.Shape.Name)
	}
	var w xmlWriter
	w.WriteString(xmlHead)
	w.member(name, xmlns("", o.Service.namespace()), p, v)
	return w.Bytes(), nil
}
