package cloister

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

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
