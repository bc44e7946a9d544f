package iam

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
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
	if v.Source != nil && v.Statement >= 0 && !v.Allowed() {
		st := statement{ID: v.Sid, Effect: "DENY"}
		st.Actions, st.Resources = elements(v.Source.Doc.Text(), v.Statement)
		r.MatchedStatements.Items = append(r.MatchedStatements.Items, st)
	}
	return json.Marshal(r)
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

// Encode seals the text of a refusal for the account whose call was refused: who may not decode it learns nothing.
func (s *Service) Encode(account string, decision []byte) (string, error) {
	box, err := s.seal.Seal(decision, message(account))
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
	return s.seal.Open(box, message(account))
}

func message(account string) []byte { return []byte("authorization-message/" + account) }
