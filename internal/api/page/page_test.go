package page

import (
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/shape/comprehend"
)

// TestTokens: a token leads on in its own list, whatever the page's size, and nowhere else.
func TestTokens(t *testing.T) {
	ask := func(name string, max int64) *comprehend.ListSentimentDetectionJobsRequest {
		return &comprehend.ListSentimentDetectionJobsRequest{MaxResults: &max, NextToken: &name, Filter: &comprehend.SentimentDetectionJobFilter{JobName: &name, SubmitTimeAfter: new(time.Unix(0, 0))}}
	}
	call := api.Call{Service: "comprehend", Name: "ListSentimentDetectionJobs", Partition: "aws", Account: "111122223333", Region: "us-east-1"}
	token, err := Token(&call, ask("a", 1), "here")
	if err != nil {
		t.Fatal(err)
	}
	account, region, name := call, call, call
	account.Account, region.Region, name.Name = "444455556666", "eu-west-1", "ListTopicsDetectionJobs"
	for _, x := range []struct {
		what  string
		call  api.Call
		in    any
		token string
		ok    bool
	}{
		{"the list that gave it", call, ask("a", 1), *token, true},
		{"another size of pages", call, ask("a", 2), *token, true},
		{"another condition", call, ask("b", 1), *token, false},
		{"no condition", call, &comprehend.ListSentimentDetectionJobsRequest{}, *token, false},
		{"another account", account, ask("a", 1), *token, false},
		{"another region", region, ask("a", 1), *token, false},
		{"another operation", name, ask("a", 1), *token, false},
		{"no token of anybody's", call, ask("a", 1), "x", false},
		{"nothing", call, ask("a", 1), "", false},
		{"not base64", call, ask("a", 1), "?", false},
	} {
		place, ok, err := Place(&x.call, x.in, x.token)
		if err != nil || ok != x.ok || ok && place != "here" {
			t.Errorf("%s: %q %v %v", x.what, place, ok, err)
		}
	}
}
