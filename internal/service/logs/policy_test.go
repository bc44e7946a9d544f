package logs

import (
	"fmt"
	"strings"
	"testing"

	"cloister/internal/api"
	"cloister/internal/core/identity"
	shape "cloister/internal/shape/logs"
	"cloister/internal/store"
)

const letES = `{"Version":"2012-10-17","Statement":{"Sid":"es","Effect":"Allow","Principal":{"Service":"es.amazonaws.com"},"Action":["logs:PutLogEvents","logs:CreateLogStream"],"Resource":"arn:aws:logs:us-west-2:111122223333:log-group:search:*"}}`

func TestResourcePolicies(t *testing.T) {
	h := open(t)
	h.refuse("InvalidParameterException", "policyName", &shape.PutResourcePolicyRequest{PolicyDocument: new(letES)})
	h.refuse("InvalidParameterException", "Invalid policy document", &shape.PutResourcePolicyRequest{PolicyName: new("p"), PolicyDocument: new(`{"Version":"2012-10-17"}`)})
	h.refuse("InvalidParameterException", "Invalid policy document", &shape.PutResourcePolicyRequest{PolicyName: new("p"), PolicyDocument: new(`{"Statement":{"Effect":"Allow","Action":"logs:*","Resource":"*"}}`)})
	for i := range maxPolicies {
		do[shape.PutResourcePolicyResponse](h, &shape.PutResourcePolicyRequest{PolicyName: new(fmt.Sprint("p", i)), PolicyDocument: new(letES)})
	}
	h.refuse("LimitExceededException", "Resource limit exceeded", &shape.PutResourcePolicyRequest{PolicyName: new("p10"), PolicyDocument: new(letES)})
	out := do[shape.PutResourcePolicyResponse](h, &shape.PutResourcePolicyRequest{PolicyName: new("p1"), PolicyDocument: new(strings.Replace(letES, "es.amazonaws", "delivery.logs.amazonaws", 1))})
	if *out.ResourcePolicy.PolicyName != "p1" || *out.ResourcePolicy.LastUpdatedTime != h.now.UnixMilli() {
		t.Errorf("%+v", out.ResourcePolicy)
	}
	first := do[shape.DescribeResourcePoliciesResponse](h, &shape.DescribeResourcePoliciesRequest{Limit: new(int64(7))})
	second := do[shape.DescribeResourcePoliciesResponse](h, &shape.DescribeResourcePoliciesRequest{NextToken: first.NextToken})
	if len(first.ResourcePolicies) != 7 || len(second.ResourcePolicies) != 3 || second.NextToken != nil || !strings.Contains(*first.ResourcePolicies[1].PolicyDocument, "delivery.logs") {
		t.Errorf("%d and %d", len(first.ResourcePolicies), len(second.ResourcePolicies))
	}

	// They come with the questions of services, all of them as one; with nobody else's.
	ask := func(p *identity.Principal) *api.ResourcePolicy {
		t.Helper()
		c := &api.Call{Partition: "aws", Account: "111122223333", Region: "us-west-2", Service: "logs", Name: "PutLogEvents", Caller: p}
		var qs []api.Question
		err := h.ledger.View(t.Context(), func(v store.View) (err error) {
			qs, err = h.rows["PutLogEvents"].Questions(c, v, &shape.PutLogEventsRequest{LogGroupName: new("search"), LogStreamName: new("s")})
			return err
		})
		if err != nil || len(qs) != 1 {
			t.Fatal(qs, err)
		}
		return qs[0].Policy
	}
	if p := ask(&identity.Principal{Kind: identity.User, Account: "111122223333"}); p != nil {
		t.Errorf("of a user: %+v", p)
	}
	p := ask(&identity.Principal{Kind: identity.Service, Service: "es.amazonaws.com"})
	if p == nil || strings.Count(p.Text, "es.amazonaws.com") != 9 || strings.Count(p.Text, "delivery.logs.amazonaws.com") != 1 {
		t.Errorf("of a service: %+v", p)
	}
	for i := range maxPolicies {
		do[shape.DeleteResourcePolicyOutput](h, &shape.DeleteResourcePolicyRequest{PolicyName: new(fmt.Sprint("p", i))})
	}
	h.refuse("ResourceNotFoundException", "Policy with name [p1] does not exist.", &shape.DeleteResourcePolicyRequest{PolicyName: new("p1")})
	if p := ask(&identity.Principal{Kind: identity.Service, Service: "es.amazonaws.com"}); p == nil || p.Text != "" {
		t.Errorf("without one: %+v", p)
	}
}

func TestTags(t *testing.T) {
	h := open(t)
	do[shape.CreateLogGroupOutput](h, &shape.CreateLogGroupRequest{LogGroupName: new("g"), Tags: map[string]string{"a": "1", "b": "2"}})
	const arn = "arn:aws:logs:us-west-2:111122223333:log-group:g"
	do[shape.TagResourceOutput](h, &shape.TagResourceRequest{ResourceArn: new(arn), Tags: map[string]string{"b": "3", "c": ""}})
	do[shape.UntagResourceOutput](h, &shape.UntagResourceRequest{ResourceArn: new(arn), TagKeys: []string{"a", "none"}})
	do[shape.TagLogGroupOutput](h, &shape.TagLogGroupRequest{LogGroupName: new("g"), Tags: map[string]string{"d": "4"}})
	do[shape.UntagLogGroupOutput](h, &shape.UntagLogGroupRequest{LogGroupName: new("g"), Tags: []string{"c"}})
	for _, got := range []map[string]string{do[shape.ListTagsForResourceResponse](h, &shape.ListTagsForResourceRequest{ResourceArn: new(arn)}).Tags, do[shape.ListTagsLogGroupResponse](h, &shape.ListTagsLogGroupRequest{LogGroupName: new("g")}).Tags} {
		if fmt.Sprint(got) != "map[b:3 d:4]" {
			t.Error(got)
		}
	}
	many := map[string]string{}
	for i := range 49 {
		many[fmt.Sprint("k", i)] = "v"
	}
	h.refuse("TooManyTagsException", "50 tags", &shape.TagResourceRequest{ResourceArn: new(arn), Tags: many})
	h.refuse("InvalidParameterException", "aws:", &shape.TagResourceRequest{ResourceArn: new(arn), Tags: map[string]string{"AWS:x": "1"}})
	h.refuse("ResourceNotFoundException", "log group", &shape.ListTagsForResourceRequest{ResourceArn: new(arn + "x")})
	do[shape.DeleteLogGroupOutput](h, &shape.DeleteLogGroupRequest{LogGroupName: new("g")})
	h.group("g")
	if got := do[shape.ListTagsLogGroupResponse](h, &shape.ListTagsLogGroupRequest{LogGroupName: new("g")}).Tags; len(got) != 0 {
		t.Errorf("a new group has the tags of an old one: %v", got)
	}
}

func TestNever(t *testing.T) {
	h := open(t)
	h.group("g")
	do[shape.DescribeMetricFiltersResponse](h, &shape.DescribeMetricFiltersRequest{})
	do[shape.DescribeSubscriptionFiltersResponse](h, &shape.DescribeSubscriptionFiltersRequest{LogGroupName: new("g")})
	do[shape.DescribeQueriesResponse](h, &shape.DescribeQueriesRequest{})
	do[shape.DescribeExportTasksResponse](h, &shape.DescribeExportTasksRequest{})
	do[shape.GetDataProtectionPolicyResponse](h, &shape.GetDataProtectionPolicyRequest{LogGroupIdentifier: new("g")})
	for _, in := range []any{&shape.GetQueryResultsRequest{QueryId: new("q")}, &shape.StopQueryRequest{QueryId: new("q")}, &shape.CancelExportTaskRequest{TaskId: new("t")}, &shape.DescribeExportTasksRequest{TaskId: new("t")},
		&shape.DeleteMetricFilterRequest{LogGroupName: new("g"), FilterName: new("f")}, &shape.DeleteSubscriptionFilterRequest{LogGroupName: new("g"), FilterName: new("f")},
		&shape.DeleteDataProtectionPolicyRequest{LogGroupIdentifier: new("g")}, &shape.DescribeSubscriptionFiltersRequest{LogGroupName: new("none")}} {
		h.refuse("ResourceNotFoundException", "does not exist", in)
	}
	for name, why := range refusals {
		if r := h.rows[name]; r.Unbuilt != why || r.View != nil || r.Act != nil || r.Stream != nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
}
