package wire

import (
	"net/http"
	"sort"
	"strconv"
	"strings"

	"cloister/internal/core/fault"
	"cloister/internal/shape/model"
)

// Answer is what a fault becomes on the wire.
type Answer struct {
	Code    string // as the client sees it
	Status  int
	Message string
}

// Explain gives code, status and message of a fault. s may be nil (a service that is not known), op too. It is what
// EncodeFault sends and what an event records as errorCode.
func Explain(s *Service, op *Operation, f *fault.Fault) Answer {
	a, _ := explain(s, op, f)
	return a
}

// unserved answers for a service that is not known, in the form that most clients read.
var unserved = Service{Service: model.Service{Name: "", Protocol: "json", JSONVersion: "1.1"}}

func explain(s *Service, op *Operation, f *fault.Fault) (Answer, *model.Shape) {
	if s == nil {
		s = &unserved
	}
	if f.Kind != fault.Modelled {
		def := s.codeOf(f)
		a := Answer{def.code, def.status, f.Message}
		if a.Message == "" || f.Kind == fault.Internal {
			a.Message = def.message
		}
		if s.family() == s3Family && (f.Kind == fault.UnknownKey || f.Kind == fault.BadToken) {
			a.Message = def.message // S3 says it in a sentence of its own
		}
		if f.Kind == fault.AccessDenied && s.family() == ec2Family {
			a.Message = strings.TrimSpace("You are not authorized to perform this operation. " + f.Message)
		}
		if f.Status != 0 {
			a.Status = f.Status
		}
		return a, s.exception(op, a.Code)
	}
	x := s.exception(op, f.Code)
	a := Answer{f.Code, f.Status, f.Message}
	if x != nil && x.Code != "" {
		a.Code = x.Code
	}
	if a.Status == 0 {
		a.Status = s.statusOf(x, a.Code)
	}
	return a, x
}

// exception finds the modelled shape of a code, the operation's own first. Two shapes of a service may share a code; the
// first by name then stands for both, as they differ in no member.
func (s *Service) exception(op *Operation, code string) *model.Shape {
	if s.load == nil {
		return nil
	}
	shapes := s.load().model.Shapes
	if op != nil {
		for _, n := range op.op.Errors {
			if x := shapes[n]; x != nil && (x.Name == code || x.Code == code) {
				return x
			}
		}
	}
	if x := shapes[code]; x != nil && x.Exception {
		return x
	}
	var found *model.Shape
	for _, x := range shapes {
		if x.Exception && x.Code == code && (found == nil || x.Name < found.Name) {
			found = x
		}
	}
	return found
}

func (s *Service) statusOf(x *model.Shape, code string) int {
	switch {
	case x != nil && x.Status != 0:
		return x.Status
	case x != nil && x.Fault:
		return http.StatusInternalServerError
	case s.family() == s3Family:
		return s3Status(code)
	}
	return http.StatusBadRequest // JSON services and EC2 answer 400 for all of the client's faults
}

// EncodeFault writes a fault in the service's protocol. s is nil when the service is not known, op when the operation is not; req
// gives the method: an answer to HEAD has no body.
func EncodeFault(w http.ResponseWriter, req *http.Request, s *Service, op *Operation, f *fault.Fault, requestID string) {
	if s == nil {
		s = &unserved
	}
	a, x := explain(s, op, f)
	h := w.Header()
	s.requestID(h, requestID)
	var body []byte
	switch s.family() {
	case jsonFamily, restJSONFamily:
		body = s.faultJSON(h, a, x, f)
	case ec2Family:
		h.Set("Content-Type", "text/xml;charset=UTF-8")
		body = faultEC2(a, requestID)
	default:
		h.Set("Content-Type", "text/xml;charset=UTF-8")
		if s.SigningName == "s3" {
			h.Set("Content-Type", "application/xml")
		}
		if s.Name == "s3" {
			body = faultS3(h, a, f, requestID)
		} else {
			body = s.faultXML(h, a, x, f, requestID)
		}
	}
	if req != nil && req.Method == http.MethodHead || a.Status == http.StatusNotModified || a.Status == http.StatusNoContent {
		w.WriteHeader(a.Status)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(a.Status)
	_, _ = w.Write(body) // a client that is gone needs no answer
}

// extra gives the fault's further modelled members: leaves, and structures of leaves, whose fields are named "Member.Leaf". Text that does not fit
// its member stays out.
func extra(x *model.Shape, f *fault.Fault, each func(*model.Ref, any)) {
	if x == nil {
		return
	}
	for _, m := range x.Members {
		if m.Shape.Type == "structure" {
			inner := tree{}
			for _, leaf := range m.Shape.Members {
				if s, ok := f.Fields[m.Name+"."+leaf.Name]; ok {
					if v, bad := fromText(leaf, s, "iso8601"); bad == nil {
						inner[leaf.Name] = v
					}
				}
			}
			if len(inner) > 0 {
				each(m, inner)
			}
			continue
		}
		s, ok := f.Fields[m.Name]
		if !ok || strings.EqualFold(m.Name, "message") {
			continue
		}
		if v, bad := fromText(m, s, "iso8601"); bad == nil {
			each(m, v)
		}
	}
}

func (s *Service) faultJSON(h http.Header, a Answer, x *model.Shape, f *fault.Fault) []byte {
	b := []byte{'{'}
	if s.Protocol == "json" {
		h.Set("Content-Type", "application/x-amz-json-"+s.JSONVersion)
		b = append(appendString(append(b, `"__type":`...), a.Code), ',')
	} else {
		h.Set("Content-Type", "application/json")
		h.Set("x-amzn-ErrorType", a.Code)
	}
	key := "message"
	if x != nil && x.ByName["Message"] != nil || x == nil && f.Kind == fault.AccessDenied && s.Protocol == "json" {
		key = "Message" // some shapes write it so, and AWS's own access layer does
	}
	b = appendString(append(appendString(b, key), ':'), a.Message)
	extra(x, f, func(m *model.Ref, v any) {
		if m.Location == "header" {
			h.Set(m.Wire(), toText(m, v, "rfc822"))
			return
		}
		b = appendJSON(append(appendString(append(b, ','), m.Wire()), ':'), m, v)
	})
	return append(b, '}')
}

// faultEC2 writes RequestID with a capital D, as EC2 does in faults alone.
func faultEC2(a Answer, requestID string) []byte {
	var w xmlWriter
	w.WriteString(xmlHead + "<Response><Errors><Error>")
	w.simple("Code", a.Code)
	w.simple("Message", a.Message)
	w.WriteString("</Error></Errors>")
	w.simple("RequestID", requestID)
	w.WriteString("</Response>")
	return w.Bytes()
}

// faultS3 puts x-amz- fields into the header, where clients look for the bucket's region, HEAD's answer included; a 304 has
// its ETag there and no body.
func faultS3(h http.Header, a Answer, f *fault.Fault, requestID string) []byte {
	var w xmlWriter
	w.WriteString(xmlHead + "<Error>")
	w.simple("Code", a.Code)
	w.simple("Message", a.Message)
	names := make([]string, 0, len(f.Fields))
	for k := range f.Fields {
		if strings.HasPrefix(k, "x-amz-") || k == "ETag" && a.Status == http.StatusNotModified {
			h.Set(k, f.Fields[k])
			continue
		}
		names = append(names, k)
	}
	sort.Strings(names)
	for _, k := range names {
		w.simple(k, f.Fields[k])
	}
	w.simple("RequestId", requestID)
	w.simple("HostId", hostID(requestID))
	w.WriteString("</Error>")
	return w.Bytes()
}

func (s *Service) faultXML(h http.Header, a Answer, x *model.Shape, f *fault.Fault, requestID string) []byte {
	var w xmlWriter
	kind := "Sender"
	if a.Status >= 500 {
		kind = "Receiver"
	}
	w.WriteString(xmlHead)
	w.open("ErrorResponse", xmlns("", s.namespace()))
	w.open("Error", "")
	w.simple("Type", kind)
	w.simple("Code", a.Code)
	w.simple("Message", a.Message)
	extra(x, f, func(m *model.Ref, v any) {
		if m.Location == "header" {
			h.Set(m.Wire(), toText(m, v, "rfc822"))
			return
		}
		w.member(m.Wire(), "", m, v)
	})
	w.close("Error")
	w.simple("RequestId", requestID)
	w.close("ErrorResponse")
	return w.Bytes()
}
