package iam_test

import (
	"strings"
	"testing"

	"cloister/internal/core/policy"
)

// TestRefusalHidesOthersPolicies: the statement that denied is shown to the account whose policy it is, or when it is nobody's own.
func TestRefusalHidesOthersPolicies(t *testing.T) {
	h := build(t)
	doc, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[{"Sid":"Secret","Effect":"Deny","Action":"ec2:*","Resource":"*"}]}`), policy.SCP)
	if err != nil {
		t.Fatal(err)
	}
	for owner, shown := range map[string]bool{home: true, "": true, foreign: false} {
		req := &policy.Request{Principal: h.root(home), Action: "ec2:DescribeVpcs", Resource: "*", Context: policy.NewContext(0)}
		v := policy.Decide(req, &policy.Sets{SCP: [][]policy.Source{{{Name: "p", Owner: owner, Doc: doc}}}})
		b, err := h.iam.Refusal(req, v)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "Secret") != shown || !strings.Contains(string(b), `"explicitDeny":true`) {
			t.Errorf("of account %q's policy: %s", owner, b)
		}
	}
}
