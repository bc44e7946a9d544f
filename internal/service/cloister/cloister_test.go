package cloister

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"cloister/internal/core/job"
	"cloister/internal/core/policy"
	"cloister/internal/core/trail"
)

// A role of another account that exists and one that does not are explained alike, however many statements came near.
func TestOtherAccountsPoliciesCannotBeCounted(t *testing.T) {
	const ours, theirs = "111122223333", "444455556666"
	explain := func(hidden ...policy.Reason) any {
		own := policy.Reason{Layer: "identity-based policy", Owner: ours, Source: "inline policy p of user ada", Text: "allows sts:AssumeRole"}
		e := &trail.Event{Service: "sts", Name: "AssumeRole", ErrorCode: "AccessDenied", Error: "no"}
		e.Explanation, _ = json.Marshal(kept{Action: "sts:AssumeRole", Resource: "arn:aws:iam::" + theirs + ":role/R", Reasons: append([]policy.Reason{own}, hidden...)})
		return findings(ours, "", e)
	}
	near := policy.Reason{Layer: "role trust policy", Owner: theirs, Source: "trust policy of role R", Sid: "Secret", Text: "Secret"}
	want := explain(near)
	b, _ := json.Marshal(want)
	if l := reflect.ValueOf(want).Len(); l != 3 || strings.Contains(string(b), "Secret") {
		t.Errorf("%d findings: %s", l, b)
	}
	for _, got := range []any{explain(), explain(near, near, near)} {
		if !reflect.DeepEqual(got, want) {
			b, _ := json.Marshal(got)
			t.Errorf("tells more: %s", b)
		}
	}
}

// Of another account's bucket a caller learns neither whether it has a policy, nor whether that denies or is silent.
func TestOtherAccountsBucketsAreExplainedAlike(t *testing.T) {
	const ours, theirs = "111122223333", "444455556666"
	resource := policy.LayerResource.String()
	explain := func(account string, reasons ...policy.Reason) string {
		e := &trail.Event{Service: "s3", Name: "GetObject", ErrorCode: "AccessDenied", Error: "Access Denied"}
		e.Explanation, _ = json.Marshal(kept{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", Foreign: theirs, Reasons: reasons})
		b, _ := json.Marshal(findings(account, "", e))
		return string(b)
	}
	want := explain(ours)
	if !strings.Contains(want, "another account") {
		t.Errorf("nothing is said of the other account: %s", want)
	}
	nobody := policy.Reason{Kind: "decision", Layer: resource, Statement: -1, Text: "denied: no resource-based policy allows it"}
	gap := policy.Reason{Kind: "layer", Layer: resource, Statement: -1, Text: "no Allow matches"}
	deny := policy.Reason{Kind: "decision", Layer: resource, Owner: theirs, Source: "bucket policy of b", Text: "denied"}
	for _, reasons := range [][]policy.Reason{{nobody, gap}, {deny}, {deny, gap}} {
		if got := explain(ours, reasons...); got != want {
			t.Errorf("tells more: %s", got)
		}
		if got := explain(theirs, reasons...); !strings.Contains(got, resource) {
			t.Errorf("the owner reads %s", got)
		}
	}
}

// A member learns that a service control policy decided and where it hangs, and nothing of what it or its like say.
func TestServiceControlPoliciesAreNamedByLevel(t *testing.T) {
	const ours, boss = "111122223333", "444455556666"
	const source = "service control policy Secret attached to the unit Lab (ou-1-2)"
	explain := func(account string, reasons ...policy.Reason) string {
		e := &trail.Event{Service: "s3", Name: "PutObject", ErrorCode: "AccessDenied", Error: "no"}
		e.Explanation, _ = json.Marshal(kept{Action: "s3:PutObject", Resource: "*", Reasons: reasons})
		b, _ := json.Marshal(findings(account, "", e))
		return string(b)
	}
	scp := policy.Reason{Kind: "decision", Layer: policy.LayerSCP.String(), Owner: boss, Source: source, Text: "Secret"}
	gap, match := scp, scp
	gap.Kind, gap.Statement, match.Kind = "layer", -1, "matched"
	for _, c := range []struct {
		reason policy.Reason
		want   string
	}{
		{scp, "a service control policy attached to the unit Lab (ou-1-2) denies it; what it says is for the management account 444455556666 to see"},
		{gap, "no service control policy attached to the unit Lab (ou-1-2) allows it; "},
	} {
		got := explain(ours, c.reason, match)
		if !strings.Contains(got, c.want) || strings.Contains(got, "Secret") || strings.Contains(got, "another account") {
			t.Errorf("a member reads %s", got)
		}
		if got != explain(ours, c.reason, match, match) {
			t.Error("the statements that came near can be counted")
		}
		if got := explain(boss, c.reason); !strings.Contains(got, "Secret") {
			t.Errorf("the management account reads %s", got)
		}
	}
}

// A model is explained in the words that Describe has for it, a job in its own.
func TestSummaryOfAModel(t *testing.T) {
	for _, c := range []struct {
		trains string
		state  job.State
		want   string
	}{
		{"arn", job.Completed, "arn is TRAINED"}, {"arn", job.Failed, "arn is IN_ERROR (in step analyze)"}, {"arn", job.InProgress, "arn is TRAINING"},
		{"", job.Completed, "arn is COMPLETED"}, {"", job.Failed, "arn is FAILED (in step analyze)"},
	} {
		if got := summary(&job.Job{ARN: "arn", Trains: c.trains, State: c.state, Steps: []job.Step{{Name: "analyze"}}}); got != c.want {
			t.Errorf("%q, of %+v", got, c)
		}
	}
}
