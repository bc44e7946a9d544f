package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/format"
)

// The compact form: what the codec reads at run time. Its fields are those of internal/shape/model; empty ones are left out.
type cOp struct {
	Name   string   `json:"n"`
	Method string   `json:"m,omitempty"`
	URI    string   `json:"u,omitempty"`
	Status int      `json:"s,omitempty"`
	Input  *cRef    `json:"i,omitempty"`
	Output *cRef    `json:"o,omitempty"`
	Errors []string `json:"e,omitempty"`
	NoAuth bool     `json:"a,omitempty"`
}

type cRef struct {
	Name          string `json:"n,omitempty"`
	Shape         string `json:"s"`
	Location      string `json:"l,omitempty"`
	LocationName  string `json:"ln,omitempty"`
	QueryName     string `json:"q,omitempty"`
	Time          string `json:"t,omitempty"`
	ResultWrapper string `json:"w,omitempty"`
	Flat          bool   `json:"f,omitempty"`
	Attribute     bool   `json:"a,omitempty"`
	Streaming     bool   `json:"st,omitempty"`
	Token         bool   `json:"k,omitempty"`
	NSPrefix      string `json:"xp,omitempty"`
	NSURI         string `json:"xu,omitempty"`
}

type cShape struct {
	Name         string   `json:"n"`
	Type         string   `json:"t"`
	Members      []*cRef  `json:"m,omitempty"`
	Required     []string `json:"r,omitempty"`
	Element      *cRef    `json:"e,omitempty"`
	Key          *cRef    `json:"k,omitempty"`
	Value        *cRef    `json:"v,omitempty"`
	Flat         bool     `json:"f,omitempty"`
	LocationName string   `json:"ln,omitempty"`
	Payload      string   `json:"p,omitempty"`
	Min          *float64 `json:"lo,omitempty"`
	Max          *float64 `json:"hi,omitempty"`
	Pattern      string   `json:"re,omitempty"`
	Enum         []string `json:"en,omitempty"`
	Time         string   `json:"ts,omitempty"`
	NSPrefix     string   `json:"xp,omitempty"`
	NSURI        string   `json:"xu,omitempty"`
	Union        bool     `json:"un,omitempty"`
	Sensitive    bool     `json:"sv,omitempty"`
	Document     bool     `json:"doc,omitempty"`
	EventStream  bool     `json:"es,omitempty"`
	Exception    bool     `json:"ex,omitempty"`
	Fault        bool     `json:"fa,omitempty"`
	Code         string   `json:"c,omitempty"`
	Status       int      `json:"hs,omitempty"`
}

func cref(r *ref) *cRef {
	if r == nil {
		return nil
	}
	return &cRef{r.Name, r.Shape, r.Location, r.LocationName, r.QueryName, r.TimestampFormat, r.ResultWrapper, r.Flattened, r.XMLAttribute,
		r.Streaming, r.IdempotencyToken, r.XMLNamespace.Prefix, r.XMLNamespace.URI}
}

// compact writes one operation or shape a line, so that a change of the model is a readable diff.
func compact(m *source) ([]byte, error) {
	var w bytes.Buffer
	line := func(first bool, v any) error {
		if !first {
			w.WriteString(",\n")
		}
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(v); err != nil {
			return err
		}
		w.Write(bytes.TrimRight(b.Bytes(), "\n"))
		return nil
	}
	w.WriteString("{\"ops\":[\n")
	for i, n := range sorted(m.Operations) {
		o := m.Operations[n]
		c := cOp{Name: n, Method: o.HTTP.Method, URI: o.HTTP.RequestURI, Status: o.HTTP.ResponseCode, Input: cref(o.Input), Output: cref(o.Output), NoAuth: o.AuthType == "none"}
		for _, e := range o.Errors {
			c.Errors = append(c.Errors, e.Shape)
		}
		if err := line(i == 0, c); err != nil {
			return nil, err
		}
	}
	w.WriteString("\n],\"shapes\":[\n")
	for i, n := range sorted(m.Shapes) {
		s := m.Shapes[n]
		c := cShape{Name: n, Type: s.Type, Required: s.Required, Element: cref(s.Member), Key: cref(s.Key), Value: cref(s.Value), Flat: s.Flattened,
			LocationName: s.LocationName, Payload: s.Payload, Min: s.Min, Max: s.Max, Pattern: s.Pattern, Enum: s.Enum, Time: s.TimestampFormat,
			NSPrefix: s.XMLNamespace.Prefix, NSURI: s.XMLNamespace.URI, Union: s.Union, Sensitive: s.Sensitive, Document: s.Document,
			EventStream: s.EventStream, Exception: s.Exception, Fault: s.Fault, Code: s.Error.Code, Status: s.Error.HTTPStatusCode}
		for _, f := range s.Members {
			c.Members = append(c.Members, cref(f))
		}
		if err := line(i == 0, c); err != nil {
			return nil, err
		}
	}
	w.WriteString("\n]}\n")
	return w.Bytes(), nil
}

// row is a service in the generated table: what routing needs before any model is read.
type row struct{ pkg, signing, protocol, version, target, jsonVersion, endpoint, ns string }

func rowOf(pkg string, m *source) row {
	d := m.Metadata
	r := row{pkg, d.SigningName, d.Protocol, d.APIVersion, d.TargetPrefix, d.JSONVersion, d.EndpointPrefix, d.XMLNamespace.URI}
	if r.signing == "" {
		r.signing = r.endpoint
	}
	return r
}

func table(rows []row) ([]byte, error) {
	var w bytes.Buffer
	w.WriteString(header + "package model\n\n// Services gives what the models say of each service, sorted by package name.\nfunc Services() []Service {\nreturn []Service{\n")
	for _, r := range rows {
		fmt.Fprintf(&w, "{Name: %q, SigningName: %q, Protocol: %q, Version: %q, TargetPrefix: %q, JSONVersion: %q, EndpointPrefix: %q, Namespace: %q},\n",
			r.pkg, r.signing, r.protocol, r.version, r.target, r.jsonVersion, r.endpoint, r.ns)
	}
	w.WriteString("}\n}\n")
	return format.Source(w.Bytes())
}
