// Package model is the trimmed service models at run time: operations, shapes and their wire traits. It is data from
// botocore (see NOTICE), read on demand and never changed after Load.
package model

import (
	"embed"
	"encoding/json"
	"fmt"
)

//go:embed data/*.json
var data embed.FS

// Service is what routing needs to know of a service before its model is read.
type Service struct {
	Name           string // our package name below internal/shape
	SigningName    string // the service of a SigV4 credential scope; several services may share one
	Protocol       string // json, query, ec2, rest-json, rest-xml
	Version        string // API version; the Version parameter of the query protocols
	TargetPrefix   string // of X-Amz-Target; JSON services only
	JSONVersion    string // 1.0 or 1.1
	EndpointPrefix string // first label of AWS's host names
	Namespace      string // XML namespace of answers
}

// Model is a service's operations and shapes by name.
type Model struct {
	Operations map[string]*Operation
	Shapes     map[string]*Shape
}

// Operation is one operation. Input and Output are nil when it has none.
type Operation struct {
	Name   string   `json:"n"`
	Method string   `json:"m"`
	URI    string   `json:"u"`
	Status int      `json:"s"` // answer's HTTP status; 0 means 200
	Input  *Ref     `json:"i"`
	Output *Ref     `json:"o"`
	Errors []string `json:"e"`
	NoAuth bool     `json:"a"` // may come unsigned (AssumeRoleWithWebIdentity, AssumeRoleWithSAML)
}

// Ref is a use of a shape: a member, a list's element, a map's key or value.
type Ref struct {
	Name          string `json:"n"` // member name
	ShapeName     string `json:"s"`
	Location      string `json:"l"` // "", uri, querystring, header, headers, statusCode
	LocationName  string `json:"ln"`
	QueryName     string `json:"q"` // ec2
	Time          string `json:"t"` // timestamp format
	ResultWrapper string `json:"w"`
	FlatRef       bool   `json:"f"`
	Attribute     bool   `json:"a"` // XML attribute
	Streaming     bool   `json:"st"`
	Token         bool   `json:"k"` // idempotency token
	NSPrefix      string `json:"xp"`
	NSURI         string `json:"xu"`
	Shape         *Shape `json:"-"`
}

// Shape is a type.
type Shape struct {
	Name         string          `json:"n"`
	Type         string          `json:"t"` // structure list map string boolean integer long float double timestamp blob
	Members      []*Ref          `json:"m"` // in the model's order, which is that of XML elements
	Required     []string        `json:"r"`
	Element      *Ref            `json:"e"`
	Key          *Ref            `json:"k"`
	Value        *Ref            `json:"v"`
	FlatShape    bool            `json:"f"`
	LocationName string          `json:"ln"`
	Payload      string          `json:"p"` // the member that is the whole body
	Min          *float64        `json:"lo"`
	Max          *float64        `json:"hi"`
	Pattern      string          `json:"re"` // Java syntax, as AWS prints it
	Enum         []string        `json:"en"`
	Time         string          `json:"ts"`
	NSPrefix     string          `json:"xp"`
	NSURI        string          `json:"xu"`
	Union        bool            `json:"un"`
	Sensitive    bool            `json:"sv"`
	Document     bool            `json:"doc"` // any JSON value
	EventStream  bool            `json:"es"`
	Exception    bool            `json:"ex"`
	Fault        bool            `json:"fa"` // the server's fault
	Code         string          `json:"c"`  // wire code when it differs from the name
	Status       int             `json:"hs"`
	ByName       map[string]*Ref `json:"-"` // Members by member name
	ByWire       map[string]*Ref `json:"-"` // Members without HTTP location by name in the body
}

// Flat reports whether a list or map has no element of its own around it.
func (r *Ref) Flat() bool { return r.FlatRef || r.Shape.FlatShape }

// Wire is the member's name in JSON and XML bodies, headers and query strings.
func (r *Ref) Wire() string {
	if r.LocationName != "" {
		return r.LocationName
	}
	return r.Name
}

// TimeFormat is unixTimestamp, iso8601 or rfc822; def is the protocol's and place's default.
func (r *Ref) TimeFormat(def string) string {
	if r.Time != "" {
		return r.Time
	}
	if r.Shape.Time != "" {
		return r.Shape.Time
	}
	return def
}

// Load reads and links a service's model. Source: models/ by tools/modelgen.
func Load(service string) (*Model, error) {
	b, err := data.ReadFile("data/" + service + ".json")
	if err != nil {
		return nil, fmt.Errorf("cannot load model %s: no such service", service)
	}
	var raw struct {
		Ops    []*Operation
		Shapes []*Shape
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return nil, fmt.Errorf("cannot load model %s: %w", service, err)
	}
	m := &Model{make(map[string]*Operation, len(raw.Ops)), make(map[string]*Shape, len(raw.Shapes))}
	for _, s := range raw.Shapes {
		m.Shapes[s.Name] = s
	}
	for _, s := range raw.Shapes {
		if s.Type == "structure" {
			s.ByName, s.ByWire = make(map[string]*Ref, len(s.Members)), make(map[string]*Ref, len(s.Members))
		}
		for _, r := range s.Members {
			if err := m.link(r); err != nil {
				return nil, err
			}
			s.ByName[r.Name] = r
			if r.Location == "" {
				s.ByWire[r.Wire()] = r
			}
		}
		for _, r := range []*Ref{s.Element, s.Key, s.Value} {
			if err := m.link(r); err != nil {
				return nil, err
			}
		}
	}
	for _, o := range raw.Ops {
		for _, r := range []*Ref{o.Input, o.Output} {
			if err := m.link(r); err != nil {
				return nil, err
			}
		}
		m.Operations[o.Name] = o
	}
	return m, nil
}

func (m *Model) link(r *Ref) error {
	if r == nil {
		return nil
	}
	if r.Shape = m.Shapes[r.ShapeName]; r.Shape == nil {
		return fmt.Errorf("cannot load model: shape %s is missing", r.ShapeName)
	}
	return nil
}
