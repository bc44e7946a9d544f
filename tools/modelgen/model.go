package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// source is a trimmed C2J model as it stands in models/.
type source struct {
	Metadata struct {
		APIVersion, Protocol, TargetPrefix, JSONVersion, EndpointPrefix, SigningName string
		XMLNamespace                                                                 namespace
	}
	Operations map[string]*operation
	Shapes     map[string]*shape
}

type operation struct {
	HTTP struct {
		Method, RequestURI string
		ResponseCode       int
	}
	Input, Output *ref
	Errors        []*ref
	AuthType      string
}

type shape struct {
	Type            string
	Members         members
	Required        []string
	Member          *ref
	Key, Value      *ref
	Flattened       bool
	LocationName    string
	Payload         string
	Min, Max        *float64
	Pattern         string
	Enum            []string
	TimestampFormat string
	XMLNamespace    namespace
	Union           bool
	Sensitive       bool
	Document        bool
	EventStream     bool
	Exception       bool
	Fault           bool
	Error           struct {
		Code           string
		HTTPStatusCode int
	}
}

type ref struct {
	Name             string `json:"-"`
	Shape            string
	Location         string
	LocationName     string
	QueryName        string
	TimestampFormat  string
	ResultWrapper    string
	Flattened        bool
	XMLAttribute     bool
	Streaming        bool
	IdempotencyToken bool
	XMLNamespace     namespace
}

// namespace is written as a string in the metadata and as {prefix, uri} elsewhere.
type namespace struct{ Prefix, URI string }

func (n *namespace) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &n.URI)
	}
	type plain namespace
	return json.Unmarshal(b, (*plain)(n))
}

// members keeps the order of the model, which decides the order of XML elements.
type members []*ref

func (m *members) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if _, err := d.Token(); err != nil {
		return err
	}
	*m = members{}
	for d.More() {
		k, err := d.Token()
		if err != nil {
			return err
		}
		r := &ref{}
		if err := d.Decode(r); err != nil {
			return err
		}
		r.Name = k.(string)
		*m = append(*m, r)
	}
	return nil
}

func load(dir, name string) (*source, error) {
	b, err := os.ReadFile(filepath.Join(dir, name+".json"))
	if err != nil {
		return nil, err
	}
	m := &source{}
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("cannot read model %s: %w", name, err)
	}
	return m, nil
}
