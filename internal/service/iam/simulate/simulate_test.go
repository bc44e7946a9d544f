package simulate

import (
	"testing"

	"cloister/internal/core/identity"
)

func statement(inside string) string {
	return `{"Version":"2012-10-17","Statement":[{` + inside + `}]}`
}

// What limits from above shows in the decision and in its own member, each level for itself.
func TestLimits(t *testing.T) {
	all := statement(`"Effect":"Allow","Action":"*","Resource":"*"`)
	read := statement(`"Effect":"Allow","Action":"s3:Get*","Resource":"*"`)
	no := statement(`"Effect":"Deny","Action":"s3:GetObject","Resource":"*"`)
	key := statement(`"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:*","Resource":"*"`)
	other := statement(`"Effect":"Allow","Principal":"*","Action":"kms:Encrypt","Resource":"*"`)
	scp := func(texts ...string) (out [][]Source) {
		for _, x := range texts {
			out = append(out, []Source{{ID: "scp", Type: Control, Text: x}})
		}
		return out
	}
	for _, c := range []struct {
		name     string
		scp      [][]Source
		resource string
		action   string
		want     string
		org      bool
		matched  int
	}{
		{"no organisation", nil, "", "s3:PutObject", "allowed", true, 1},
		{"both levels allow", scp(all, read), "", "s3:GetObject", "allowed", true, 3},
		{"one level does not", scp(all, read), "", "s3:PutObject", "implicitDeny", false, 0},
		{"one level denies", scp(all, no), "", "s3:GetObject", "explicitDeny", false, 1},
		{"a key whose policy leaves it to the account", nil, key, "kms:Decrypt", "allowed", true, 2},
		{"a key's policy about something else", nil, other, "kms:Decrypt", "implicitDeny", true, 0},
	} {
		cs := &Case{Principal: &identity.Principal{Kind: identity.User, Partition: "aws", Account: "111122223333", ARN: "arn:aws:iam::111122223333:user/ada"},
			Identity: []Source{{ID: "own", Type: Policy, Text: all}}, SCP: c.scp}
		if c.resource != "" {
			cs.Resource = &Source{ID: "key", Type: Resource, Text: c.resource}
		}
		s, err := New(cs)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		r := s.Ask(Question{c.action, "*"})
		if *r.EvalDecision != c.want || len(r.MatchedStatements) != c.matched {
			t.Errorf("%s: %s by %d statements", c.name, *r.EvalDecision, len(r.MatchedStatements))
		}
		if d := r.OrganizationsDecisionDetail; (d != nil) != (c.scp != nil) || d != nil && *d.AllowedByOrganizations != c.org {
			t.Errorf("%s: organisation %v", c.name, d)
		}
	}
}

// The keys that a service control policy asks for are not among the missing ones: they would tell a member what it says.
func TestMissingKeysHideControls(t *testing.T) {
	on := func(key string) string {
		return statement(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"` + key + `":"x"}}`)
	}
	s, err := New(&Case{Principal: &identity.Principal{Kind: identity.User, Partition: "aws", Account: "111122223333"},
		Identity: []Source{{ID: "own", Type: Policy, Text: on("aws:PrincipalTag/own")}}, SCP: [][]Source{{{ID: "scp", Type: Control, Text: on("aws:PrincipalTag/secret")}}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Ask(Question{"s3:GetObject", "*"}).MissingContextValues; len(got) != 1 || got[0] != "aws:PrincipalTag/own" {
		t.Errorf("missing are %q", got)
	}
}
