package iam

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"cloister/internal/core/policy"
)

// refusal is what sts:DecodeAuthorizationMessage shows. Source: API reference of that operation and its example; the parts of
// a statement are as EC2's messages have them.
type refusal struct {
	Allowed           bool             `json:"allowed"`
	ExplicitDeny      bool             `json:"explicitDeny"`
	MatchedStatements items[statement] `json:"matchedStatements"`
	Failures          items[string]    `json:"failures"`
	Context           situation        `json:"context"`
}

type situation struct {
	Principal struct {
		ID   string `json:"id"`
		Name string `json:"name,omitempty"`
		ARN  string `json:"arn,omitempty"`
	} `json:"principal"`
	Action     string       `json:"action"`
	Resource   string       `json:"resource"`
	Conditions items[given] `json:"conditions"`
}

type given struct {
	Key    string       `json:"key"`
	Values items[value] `json:"values"`
}

type statement struct {
	ID        string       `json:"statementId"`
	Effect    string       `json:"effect"`
	Actions   items[value] `json:"actions"`
	Resources items[value] `json:"resources"`
}

type value struct {
	Value string `json:"value"`
}

type items[T any] struct {
	Items []T `json:"items"`
}

func values(in []string) items[value] {
	out := items[value]{Items: []value{}}
	for _, s := range in {
		out.Items = append(out.Items, value{s})
	}
	return out
}

// Refusal is the JSON text of a denial, for Encode. Only a statement that denied stands in it: it is the one the engine names.
func (s *Service) Refusal(req *policy.Request, v policy.Verdict) ([]byte, error) {
	r := refusal{Allowed: v.Allowed(), ExplicitDeny: v.Decision == policy.ExplicitlyDenied,
		MatchedStatements: items[statement]{[]statement{}}, Failures: items[string]{[]string{}}}
	if p := req.Principal; p != nil {
		r.Context.Principal.ID, r.Context.Principal.Name, r.Context.Principal.ARN = p.ID, p.Name, p.ARN
	}
	r.Context.Action, r.Context.Resource, r.Context.Conditions.Items = req.Action, req.Resource, []given{}
	req.Context.All(func(name string, vals []string) {
		r.Context.Conditions.Items = append(r.Context.Conditions.Items, given{name, values(vals)})
	})
	if v.Source != nil && v.Statement >= 0 && !v.Allowed() && ours(req, v.Source.Owner) {
		st := statement{ID: v.Sid, Effect: "DENY"}
		st.Actions, st.Resources = elements(v.Source.Doc.Text(), v.Statement)
		r.MatchedStatements.Items = append(r.MatchedStatements.Items, st)
	}
	return json.Marshal(r)
}

// ours reports whether a policy may be shown to the account whose call it refused: what another account's says is for that account
// to see, a service control policy's for the management account.
func ours(req *policy.Request, owner string) bool {
	return owner == "" || req.Principal != nil && owner == req.Principal.Account
}

// elements reads the actions and resources of one statement; none where it has NotAction or NotResource.
func elements(text string, n int) (actions, resources items[value]) {
	type part struct{ Action, Resource oneOrMore }
	var doc struct {
		Statement json.RawMessage
	}
	var all []part
	if json.Unmarshal([]byte(text), &doc) == nil && json.Unmarshal(doc.Statement, &all) != nil {
		var one part
		if json.Unmarshal(doc.Statement, &one) == nil {
			all = []part{one}
		}
	}
	if n >= len(all) { // it was compiled from this text, so this is not to happen
		return values(nil), values(nil)
	}
	return values(all[n].Action), values(all[n].Resource)
}

type oneOrMore []string

// UnmarshalJSON takes a string for a list of one.
func (o *oneOrMore) UnmarshalJSON(b []byte) error {
	if strings.HasPrefix(string(b), `"`) {
		*o = make([]string, 1)
		return json.Unmarshal(b, &(*o)[0])
	}
	return json.Unmarshal(b, (*[]string)(o))
}

// A message begins with how the rest is written. The operation that decodes takes 10,240 characters at most, so a long one is
// packed; a short one is not, for packing costs more than sealing.
const (
	plain, packed = 'j', 'z'
	shortMessage  = 7000 // bytes that stay within the limit, sealed and in base64
)

// Encode seals the text of a refusal for the account whose call was refused: who may not decode it learns nothing.
func (s *Service) Encode(account string, decision []byte) (string, error) {
	var b bytes.Buffer
	if len(decision) <= shortMessage {
		b.WriteByte(plain)
		b.Write(decision)
	} else {
		b.WriteByte(packed)
		w, err := flate.NewWriter(&b, flate.BestCompression)
		if err == nil {
			_, err = w.Write(decision)
			err = errors.Join(err, w.Close())
		}
		if err != nil {
			return "", fmt.Errorf("cannot pack an authorization message: %w", err)
		}
	}
	box, err := s.seal.Seal(b.Bytes(), message(account))
	if err != nil {
		return "", fmt.Errorf("cannot seal an authorization message: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(box), nil
}

// Decode opens what Encode made for the same account.
func (s *Service) Decode(account, text string) ([]byte, error) {
	box, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("cannot read an authorization message: %w", err)
	}
	b, err := s.seal.Open(box, message(account))
	if err != nil {
		return nil, fmt.Errorf("cannot open an authorization message: %w", err)
	}
	switch {
	case len(b) > 0 && b[0] == plain:
		return b[1:], nil
	case len(b) > 0 && b[0] == packed:
		return io.ReadAll(flate.NewReader(bytes.NewReader(b[1:]))) // our own making, so as short as it was
	}
	return nil, errors.New("cannot read an authorization message: it is of no known form")
}

func message(account string) []byte { return []byte("authorization-message/" + account) }
