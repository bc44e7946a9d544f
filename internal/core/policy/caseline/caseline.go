// Package caseline reads a policy question written as one line of JSON and answers it with another.
// It only translates: every decision is package policy's.
//
// A line is {"name"?, "request": {"principal": ARN, "action", "resource": {"resource", "accountId"}, "context": {key: value
// or list}}, "policies": {"identity": [], "resource"?: {}, "boundary"?: [], "session"?: [], "scp"?: [level][], "endpoint"?: [],
// "endpointGateway"?: bool}}. Where a list of policies is expected, one policy will do. Further members at the top are left
// alone; unknown ones inside request and policies are refused, since passing over them could change the answer.
package caseline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"cloister/internal/core/arn"
	"cloister/internal/core/identity"
	"cloister/internal/core/policy"
)

// Line is a question as written.
type Line struct {
	Name       string          `json:"name"`
	Expect     string          `json:"expect"`
	Confidence string          `json:"confidence"`
	Request    json.RawMessage `json:"request"`
	Policies   json.RawMessage `json:"policies"`
}

type request struct {
	Principal string `json:"principal"`
	Action    string `json:"action"`
	Resource  struct {
		Resource  string `json:"resource"`
		AccountID string `json:"accountId"`
	} `json:"resource"`
	Context map[string]values `json:"context"`
}

type policies struct {
	Identity        documents       `json:"identity"`
	Resource        json.RawMessage `json:"resource"`
	Boundary        documents       `json:"boundary"`
	Session         documents       `json:"session"`
	SCP             []documents     `json:"scp"` // one a level
	Endpoint        documents       `json:"endpoint"`
	EndpointGateway bool            `json:"endpointGateway"`
}

// values takes one value or a list; numbers and booleans are kept as they were written.
type values []string

func (v *values) UnmarshalJSON(b []byte) error {
	var raw []json.RawMessage
	if b[0] == '[' {
		if err := json.Unmarshal(b, &raw); err != nil {
			return err
		}
	} else {
		raw = []json.RawMessage{b}
	}
	*v = values{}
	for _, r := range raw {
		switch r[0] {
		case '"':
			var s string
			if err := json.Unmarshal(r, &s); err != nil {
				return err
			}
			*v = append(*v, s)
		case '{', '[', 'n':
			return fmt.Errorf("a context value is a string, number, boolean or a list of them, not %s", r)
		default:
			*v = append(*v, string(r))
		}
	}
	return nil
}

// documents takes one policy or a list of them. null is none at all.
type documents []json.RawMessage

func (d *documents) UnmarshalJSON(b []byte) error {
	switch b[0] {
	case 'n':
		*d = nil
		return nil
	case '[':
		list := []json.RawMessage{}
		err := json.Unmarshal(b, &list)
		*d = list
		return err
	}
	*d = documents{append(json.RawMessage(nil), b...)}
	return nil
}

type answer struct {
	Decision string   `json:"decision"`
	Reasons  []string `json:"reasons"`
}

// EvalLine answers one line. The bytes are what to print, without a newline: {"decision", "reasons"}, or {"error"} when
// err is not nil.
func EvalLine(line []byte) ([]byte, error) {
	req, sets, err := Read(line)
	if err != nil {
		return encode(struct {
			Error string `json:"error"`
		}{err.Error()}), err
	}
	v, reasons := policy.Explain(req, sets)
	a := answer{Decision: v.Decision.String(), Reasons: make([]string, len(reasons))}
	for i, r := range reasons {
		a.Reasons[i] = r.String()
	}
	return encode(a), nil
}

func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return []byte(`{"error":"cannot write the answer"}`)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Read turns a line into the question that it asks.
func Read(line []byte) (*policy.Request, *policy.Sets, error) {
	var l Line
	if err := json.Unmarshal(line, &l); err != nil {
		return nil, nil, fmt.Errorf("cannot read line: %w", err)
	}
	var r request
	var p policies
	if err := strict(l.Request, &r); err != nil {
		return nil, nil, fmt.Errorf("cannot read request: %w", err)
	}
	if err := strict(l.Policies, &p); err != nil {
		return nil, nil, fmt.Errorf("cannot read policies: %w", err)
	}
	if r.Action == "" || r.Resource.Resource == "" {
		return nil, nil, errors.New("cannot read request: action and resource.resource are needed")
	}
	ctx := policy.NewContext(len(r.Context))
	keys := make(map[string][]string, len(r.Context))
	for k, v := range r.Context {
		keys[k] = v
	}
	ctx = ctx.With(keys)
	who, err := Principal(r.Principal, &ctx)
	if err != nil {
		return nil, nil, err
	}
	req := &policy.Request{Principal: who, Action: r.Action, Resource: r.Resource.Resource, ResourceAccount: r.Resource.AccountID, Context: ctx}
	if a, err := arn.Parse(req.Resource); req.ResourceAccount == "" && err == nil {
		req.ResourceAccount = a.Account
	}
	sets, err := p.sets(req, who.Account)
	return req, sets, err
}

// strict refuses members that we would otherwise pass over in silence.
func strict(raw json.RawMessage, into any) error {
	if len(raw) == 0 || string(raw) == "null" {
		return errors.New("it is missing")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

func (p *policies) sets(req *policy.Request, account string) (*policy.Sets, error) {
	s := &policy.Sets{ResourceKind: kindOf(req), EndpointGateway: p.EndpointGateway}
	var err error
	read := func(docs []json.RawMessage, kind policy.Kind, name, owner string) (out []policy.Source) {
		for i, d := range docs {
			doc, e := policy.Read(d, kind)
			if e != nil && err == nil {
				err = fmt.Errorf("cannot read %s %d: %w", name, i+1, e)
			}
			out = append(out, policy.Source{Name: name + " " + strconv.Itoa(i+1), Owner: owner, Doc: doc})
		}
		return out
	}
	s.Identity = read(p.Identity, policy.Identity, "identity policy", account)
	s.Boundary = read(p.Boundary, policy.Boundary, "permissions boundary", account)
	if p.Session != nil {
		s.Session = append([]policy.Source{}, read(p.Session, policy.Session, "session policy", account)...)
	}
	for i, level := range p.SCP {
		s.SCP = append(s.SCP, read(level, policy.SCP, "level "+strconv.Itoa(i+1)+" service control policy", account))
	}
	if len(p.Resource) > 0 && string(p.Resource) != "null" {
		kind := s.ResourceKind
		if kind == policy.None {
			kind, s.ResourceKind = policy.Model, policy.Model
		}
		one := read([]json.RawMessage{p.Resource}, kind, "resource policy", req.ResourceAccount)
		one[0].Name = "resource policy"
		s.Resource = &one[0]
	}
	switch eps := read(p.Endpoint, policy.Endpoint, "endpoint policy", account); len(eps) {
	case 0:
	case 1:
		s.Endpoint = &eps[0]
	default:
		return nil, errors.New("cannot read policies: a call comes through one endpoint; endpoint has several policies")
	}
	if len(s.Boundary) > 1 {
		return nil, errors.New("cannot read policies: a principal has one permissions boundary; boundary has several")
	}
	return s, err
}

// kindOf says which rule the resource follows.
func kindOf(req *policy.Request) policy.Kind {
	service, name, _ := strings.Cut(strings.ToLower(req.Action), ":")
	a, err := arn.Parse(req.Resource)
	if err != nil {
		return policy.None
	}
	switch {
	case a.Service == "kms" && strings.HasPrefix(a.Resource, "key/"):
		return policy.Key
	case a.Service == "iam" && strings.HasPrefix(a.Resource, "role/") && service == "sts" &&
		(strings.HasPrefix(name, "assumerole") || name == "tagsession" || name == "setsourceidentity"):
		return policy.Trust
	case a.Service == "s3":
		return policy.Bucket
	}
	return policy.None
}

// Principal makes a caller of its ARN, of a service's name, or of "*" (nobody). The context tells what the ARN leaves
// out: a session's role with its path (aws:PrincipalArn) and the unique id (aws:userid).
func Principal(s string, ctx *policy.Context) (*identity.Principal, error) {
	p := &identity.Principal{ARN: s}
	if id := ctx.Get(policy.KeyUserid); len(id) == 1 {
		p.ID = id[0]
		p.UniqueID, _, _ = strings.Cut(id[0], ":")
	}
	if s == "" || s == "*" || s == "anonymous" {
		return &identity.Principal{Kind: identity.Anonymous, ID: "anonymous"}, nil
	}
	if !strings.HasPrefix(s, "arn:") {
		if !strings.Contains(s, ".") || strings.ContainsAny(s, " */") {
			return nil, fmt.Errorf("cannot read principal %q: not an ARN, a service or \"*\"", s)
		}
		return &identity.Principal{Kind: identity.Service, Service: s, ARN: s}, nil
	}
	a, err := arn.Parse(s)
	kind, name := a.Split()
	if err != nil || len(a.Account) != 12 || a.Service != "iam" && a.Service != "sts" {
		return nil, fmt.Errorf("cannot read principal %q: not the ARN of a principal", s)
	}
	p.Partition, p.Account = a.Partition, a.Account
	last := name[strings.LastIndexByte(name, '/')+1:]
	switch {
	case a.Resource == "root":
		p.Kind, p.ID, p.UniqueID = identity.Root, a.Account, ""
	case kind == "user" && last != "":
		p.Kind, p.Name = identity.User, last
	case kind == "federated-user" && name != "":
		p.Kind, p.Name = identity.Federated, name
		p.RoleARN = principalArn(ctx, ":user/")
	case kind == "assumed-role":
		role, session, ok := strings.Cut(name, "/")
		if !ok || role == "" || session == "" {
			return nil, fmt.Errorf("cannot read principal %q: assumed-role/ROLE/SESSION", s)
		}
		p.Kind, p.Name, p.Session = identity.Session, role, session
		p.RoleARN = arn.Make(a.Partition, "iam", "", a.Account, "role/"+role)
		if full := principalArn(ctx, ":role/"); strings.HasSuffix(full, "/"+role) {
			p.RoleARN = full
		}
	default:
		return nil, fmt.Errorf("cannot read principal %q: root, user, assumed-role or federated-user is expected", s)
	}
	return p, nil
}

func principalArn(ctx *policy.Context, sort string) string {
	if v := ctx.Get(policy.KeyPrincipalArn); len(v) == 1 && strings.Contains(v[0], sort) {
		return v[0]
	}
	return ""
}
