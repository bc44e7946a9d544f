package cloudtrail

import (
	"strings"
	"testing"

	"cloister/internal/shape/cloudtrail"
	"cloister/test/question"
)

func TestSheet(t *testing.T) {
	for _, err := range sheet.Verify(nil) {
		t.Error(err)
	}
}

// TestQuestions: S is the Service Authorization Reference, its tables of actions and of API operations; R the API reference of
// the operation.
func TestQuestions(t *testing.T) {
	const (
		trail = "arn:aws:cloudtrail:us-west-2:111122223333:trail/"
		data  = "arn:aws:cloudtrail:us-west-2:111122223333:eventdatastore/"
		id    = "EXAMPLE-f852-4e8f-8bd1-bcf6cEXAMPLE"
		role  = "arn:aws:iam::111122223333:role/CloudTrail_CloudWatchLogs_Role"
		pass  = "iam:PassRole " + role + " iam:PassedToService=cloudtrail.amazonaws.com"
		tag   = " aws:RequestTag/Team=Blue aws:TagKeys=Team"
	)
	tagged := map[string]map[string]string{trail + "tagged": {"Team": "Green"}}
	var cases []question.Case
	tags := []cloudtrail.Tag{{Key: p("Team"), Value: p("Blue")}}
	for _, x := range []struct {
		name, op string
		in       any
		want     []string
	}{
		{"S: a trail by name", "CreateTrail", &cloudtrail.CreateTrailRequest{Name: p("scp-test-trail")}, []string{"cloudtrail:CreateTrail " + trail + "scp-test-trail"}},
		{"S: a trail with tags and a role", "CreateTrail", &cloudtrail.CreateTrailRequest{Name: p("t"), TagsList: tags, CloudWatchLogsRoleArn: p(role)},
			[]string{"cloudtrail:CreateTrail " + trail + "t" + tag, "cloudtrail:AddTags " + trail + "t" + tag, pass}},
		{"R: a trail by ARN, of another region", "UpdateTrail", &cloudtrail.UpdateTrailRequest{Name: p("arn:aws:cloudtrail:eu-west-1:111122223333:trail/t"), CloudWatchLogsRoleArn: p(role)},
			[]string{"cloudtrail:UpdateTrail arn:aws:cloudtrail:eu-west-1:111122223333:trail/t", pass}},
		{"S: a trail has tags", "StopLogging", &cloudtrail.StopLoggingRequest{Name: p("tagged")}, []string{"cloudtrail:StopLogging " + trail + "tagged aws:ResourceTag/Team=Green"}},
		{"R: an organization's trail is the management account's", "GetTrailStatus", &cloudtrail.GetTrailStatusRequest{Name: p("arn:aws:cloudtrail:us-west-2:444455556666:trail/t")},
			[]string{"cloudtrail:GetTrailStatus arn:aws:cloudtrail:us-west-2:444455556666:trail/t"}},
		{"S: DescribeTrails has no resource, though it names trails", "DescribeTrails", &cloudtrail.DescribeTrailsRequest{TrailNameList: []string{"t"}}, []string{"cloudtrail:DescribeTrails *"}},
		{"S: LookupEvents has no resource", "LookupEvents", &cloudtrail.LookupEventsRequest{}, []string{"cloudtrail:LookupEvents *"}},
		{"S: a store is to be made, with tags", "CreateEventDataStore", &cloudtrail.CreateEventDataStoreRequest{Name: p("n"), TagsList: tags},
			[]string{"cloudtrail:CreateEventDataStore " + data + "*" + tag, "cloudtrail:AddTags " + data + "*" + tag}},
		{"R: a store by the suffix of its ARN", "GetEventDataStore", &cloudtrail.GetEventDataStoreRequest{EventDataStore: p(id)}, []string{"cloudtrail:GetEventDataStore " + data + id}},
		{"R: a store by its ARN", "DeleteEventDataStore", &cloudtrail.DeleteEventDataStoreRequest{EventDataStore: p(data + id)}, []string{"cloudtrail:DeleteEventDataStore " + data + id}},
		{"R: a query may leave its store out", "GetQueryResults", &cloudtrail.GetQueryResultsRequest{QueryId: p("q")}, []string{"cloudtrail:GetQueryResults " + data + "*"}},
		{"R: a query names its store in SQL", "StartQuery", &cloudtrail.StartQueryRequest{QueryStatement: p("SELECT * FROM " + id)}, []string{"cloudtrail:StartQuery " + data + "*"}},
		{"R: another account's store", "CancelQuery", &cloudtrail.CancelQueryRequest{QueryId: p("q"), EventDataStore: p(id), EventDataStoreOwnerAccountId: p("444455556666")},
			[]string{"cloudtrail:CancelQuery arn:aws:cloudtrail:us-west-2:444455556666:eventdatastore/" + id}},
		{"R: an ARN says whose it is", "DescribeQuery", &cloudtrail.DescribeQueryRequest{EventDataStore: p(data + id), EventDataStoreOwnerAccountId: p("444455556666")},
			[]string{"cloudtrail:DescribeQuery " + data + id}},
		{"R: insights of a trail", "GetInsightSelectors", &cloudtrail.GetInsightSelectorsRequest{TrailName: p("t")}, []string{"cloudtrail:GetInsightSelectors " + trail + "t"}},
		{"R: insights of a store", "GetInsightSelectors", &cloudtrail.GetInsightSelectorsRequest{EventDataStore: p(id)}, []string{"cloudtrail:GetInsightSelectors " + data + id}},
		{"R: insights of nothing", "GetInsightSelectors", &cloudtrail.GetInsightSelectorsRequest{}, []string{"cloudtrail:GetInsightSelectors *"}},
		{"R: insights from a store to another", "PutInsightSelectors", &cloudtrail.PutInsightSelectorsRequest{EventDataStore: p(id), InsightsDestination: p(data + "2")},
			[]string{"cloudtrail:PutInsightSelectors " + data + id, "cloudtrail:PutInsightSelectors " + data + "2"}},
		{"S: tags are put on any kind", "AddTags", &cloudtrail.AddTagsRequest{ResourceId: p(data + id), TagsList: tags}, []string{"cloudtrail:AddTags " + data + id + tag}},
		{"S: of tags that go the request's values are no key", "RemoveTags", &cloudtrail.RemoveTagsRequest{ResourceId: p(trail + "tagged"), TagsList: tags},
			[]string{"cloudtrail:RemoveTags " + trail + "tagged aws:ResourceTag/Team=Green aws:TagKeys=Team"}},
		{"R: the tags of several", "ListTags", &cloudtrail.ListTagsRequest{ResourceIdList: []string{trail + "a", data + id}}, []string{"cloudtrail:ListTags " + trail + "a", "cloudtrail:ListTags " + data + id}},
		{"S: a resource policy", "PutResourcePolicy", &cloudtrail.PutResourcePolicyRequest{ResourceArn: p("arn:aws:cloudtrail:us-west-2:111122223333:channel/01234567890")},
			[]string{"cloudtrail:PutResourcePolicy arn:aws:cloudtrail:us-west-2:111122223333:channel/01234567890"}},
		{"S: what a trail records", "PutEventSelectors", &cloudtrail.PutEventSelectorsRequest{TrailName: p("t")}, []string{"cloudtrail:PutEventSelectors " + trail + "t"}},
	} {
		cases = append(cases, question.Case{Name: x.name, Op: x.op, Input: x.in, Tagged: tagged, Want: strings.Join(x.want, "\n")})
	}
	question.Check(t, "cloudtrail", New(Config{}).Rows(), cases)
}

func p[T any](v T) *T { return &v }
