package iam

import (
	"encoding/json"
	"strings"

	"cloister/internal/api"
	shape "cloister/internal/shape/iam"
	"cloister/internal/store"
)

func (s *Service) grantingRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.ListPoliciesGrantingServiceAccessRequest, shape.ListPoliciesGrantingServiceAccessResponse]{
			Name: "ListPoliciesGrantingServiceAccess", Honours: []string{"Arn", "ServiceNamespaces", "Marker"}, View: s.granting,
			Questions: onSource(s, "iam:ListPoliciesGrantingServiceAccess", func(in *shape.ListPoliciesGrantingServiceAccessRequest) *string { return in.Arn }),
		},
	}
}

// granting lists for each service the policies that allow something of it: those of the user, group or role, and those of a user's
// groups. As on AWS, resources, conditions and what denies or limits are not weighed.
func (s *Service) granting(c *api.Call, v store.View, in *shape.ListPoliciesGrantingServiceAccessRequest) (*shape.ListPoliciesGrantingServiceAccessResponse, error) {
	p, err := s.sourced(v, c.Account, *in.Arn)
	if err != nil {
		return nil, err
	}
	all := []*party{p}
	if p.user != nil {
		for _, id := range p.user.Value.Groups {
			g, err := s.byID(v, c.Account, "group", id)
			if err != nil {
				return nil, err
			}
			all = append(all, g)
		}
	}
	entries := make([]shape.ListPoliciesGrantingServiceAccessEntry, 0, len(in.ServiceNamespaces))
	seen := map[string]bool{}
	for _, ns := range in.ServiceNamespaces {
		if seen[ns] {
			continue
		}
		seen[ns] = true
		e := shape.ListPoliciesGrantingServiceAccessEntry{ServiceNamespace: &ns, Policies: []shape.PolicyGrantingServiceAccess{}}
		for _, h := range all {
			l, err := s.grantsOf(v, h, ns)
			if err != nil {
				return nil, err
			}
			e.Policies = append(e.Policies, l...)
		}
		entries = append(entries, e)
	}
	out := &shape.ListPoliciesGrantingServiceAccessResponse{}
	out.PoliciesGrantingServiceAccess, out.Marker, out.IsTruncated, err = page(entries,
		func(e *shape.ListPoliciesGrantingServiceAccessEntry) string { return *e.ServiceNamespace }, in.Marker, nil)
	return out, err
}

func (s *Service) grantsOf(v store.View, h *party, ns string) ([]shape.PolicyGrantingServiceAccess, error) {
	inline, managed := "INLINE", "MANAGED"
	kind := strings.ToUpper(h.kind)
	var out []shape.PolicyGrantingServiceAccess
	for _, n := range sorted(h.Inline) {
		if grants(h.Inline[n], ns) {
			out = append(out, shape.PolicyGrantingServiceAccess{PolicyName: &n, PolicyType: &inline, EntityType: &kind, EntityName: &h.Name})
		}
	}
	for _, a := range h.Attached {
		it, err := s.policy(v, h.account, a)
		if err != nil {
			return nil, err
		}
		text, err := it.Value.inForce()
		if err != nil {
			return nil, err
		}
		if grants(text, ns) {
			out = append(out, shape.PolicyGrantingServiceAccess{PolicyName: &it.Value.Name, PolicyType: &managed, PolicyArn: &a})
		}
	}
	return out, nil
}

// grants reports whether a statement of the policy allows an action of the service.
func grants(text, service string) bool {
	type body struct {
		Effect            string
		Action, NotAction oneOrMore
	}
	var doc struct{ Statement json.RawMessage }
	var all []body
	if json.Unmarshal([]byte(text), &doc) != nil {
		return false
	}
	if json.Unmarshal(doc.Statement, &all) != nil {
		all = make([]body, 1)
		if json.Unmarshal(doc.Statement, &all[0]) != nil {
			return false
		}
	}
	whole := func(a string) bool { return a == "*" || strings.EqualFold(a, service+":*") }
	for _, st := range all {
		if st.Effect != "Allow" {
			continue
		}
		for _, a := range st.Action {
			if vendor, _, _ := strings.Cut(a, ":"); a == "*" || strings.EqualFold(vendor, service) {
				return true
			}
		}
		if len(st.NotAction) > 0 {
			spared := false
			for _, a := range st.NotAction {
				spared = spared || whole(a)
			}
			if !spared {
				return true
			}
		}
	}
	return false
}
