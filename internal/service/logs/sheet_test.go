package logs

import (
	"strings"
	"testing"

	"cloister/internal/shape/logs"
	"cloister/test/question"
)

func TestSheet(t *testing.T) {
	for _, err := range sheet.Verify(nil) {
		t.Error(err)
	}
}

// TestQuestions: O is the CloudWatch Logs User Guide, "Overview of managing access"; D the resource that real refusals name
// ("is not authorized to perform: logs:CreateLogGroup on resource: arn:aws:logs:us-east-2:...:log-group:test-log-group:log-stream:");
// S the Service Authorization Reference; R the API reference of the operation.
func TestQuestions(t *testing.T) {
	const (
		group = "arn:aws:logs:us-west-2:111122223333:log-group:"
		their = "arn:aws:logs:us-west-2:444455556666:log-group:/ecs/app"
		tag   = " aws:RequestTag/Team=Blue aws:TagKeys=Team"
	)
	tagged := map[string]map[string]string{group + "tagged": {"Team": "Green"}}
	var cases []question.Case
	for _, x := range []struct {
		name, op string
		in       any
		want     []string
	}{
		{"D: a group", "CreateLogGroup", &logs.CreateLogGroupRequest{LogGroupName: p("test-log-group")}, []string{"logs:CreateLogGroup " + group + "test-log-group:log-stream:"}},
		{"R, O: tags need logs:TagResource, on the bare ARN", "CreateLogGroup", &logs.CreateLogGroupRequest{LogGroupName: p("g"), Tags: map[string]string{"Team": "Blue"}},
			[]string{"logs:CreateLogGroup " + group + "g:log-stream:" + tag, "logs:TagResource " + group + "g" + tag}},
		{"D: a stream", "CreateLogStream", &logs.CreateLogStreamRequest{LogGroupName: p("/aws/lambda/F"), LogStreamName: p("2019/12/16/[$LATEST]9f7b")},
			[]string{"logs:CreateLogStream " + group + "/aws/lambda/F:log-stream:2019/12/16/[$LATEST]9f7b"}},
		{"O: a stream's group may be tagged", "PutLogEvents", &logs.PutLogEventsRequest{LogGroupName: p("tagged"), LogStreamName: p("s")},
			[]string{"logs:PutLogEvents " + group + "tagged:log-stream:s aws:ResourceTag/Team=Green"}},
		{"O: a group may be tagged", "DeleteLogGroup", &logs.DeleteLogGroupRequest{LogGroupName: p("tagged")}, []string{"logs:DeleteLogGroup " + group + "tagged:log-stream: aws:ResourceTag/Team=Green"}},
		{"D: a group without a name stands for all", "DescribeLogGroups", &logs.DescribeLogGroupsRequest{LogGroupNamePrefix: p("test-log-group")}, []string{"logs:DescribeLogGroups " + group + ":log-stream:"}},
		{"O: PutResourcePolicy is granted on log-group:*", "PutResourcePolicy", &logs.PutResourcePolicyRequest{PolicyName: p("x")}, []string{"logs:PutResourcePolicy " + group + ":log-stream:"}},
		{"S: no resource", "TestMetricFilter", &logs.TestMetricFilterRequest{}, []string{"logs:TestMetricFilter *"}},
		{"D: FilterLogEvents is about the group, whatever streams it reads", "FilterLogEvents", &logs.FilterLogEventsRequest{LogGroupName: p("/ecs/app"), LogStreamNames: []string{"s"}},
			[]string{"logs:FilterLogEvents " + group + "/ecs/app:log-stream:"}},
		{"R: another account's group by ARN, unmasked", "FilterLogEvents", &logs.FilterLogEventsRequest{LogGroupIdentifier: p(their), Unmask: p(true)},
			[]string{"logs:FilterLogEvents " + their + ":log-stream:", "logs:Unmask " + their + ":log-stream:"}},
		{"R: masked", "GetLogRecord", &logs.GetLogRecordRequest{Unmask: p(false)}, []string{"logs:GetLogRecord " + group + "*:log-stream:"}},
		{"S: GetLogEvents is about the stream, Unmask about the group", "GetLogEvents", &logs.GetLogEventsRequest{LogGroupIdentifier: p(their), LogStreamName: p("s"), Unmask: p(true)},
			[]string{"logs:GetLogEvents " + their + ":log-stream:s", "logs:Unmask " + their + ":log-stream:"}},
		{"R: a name and an identifier are two groups", "DescribeLogStreams", &logs.DescribeLogStreamsRequest{LogGroupName: p("a"), LogGroupIdentifier: p("b")},
			[]string{"logs:DescribeLogStreams " + group + "a:log-stream:", "logs:DescribeLogStreams " + group + "b:log-stream:"}},
		{"R: each group of a query", "StartQuery", &logs.StartQueryRequest{LogGroupNames: []string{"a", "b"}}, []string{"logs:StartQuery " + group + "a:log-stream:", "logs:StartQuery " + group + "b:log-stream:"}},
		{"R: a query may name its groups in its text", "StartQuery", &logs.StartQueryRequest{QueryString: p("SOURCE logGroups()")}, []string{"logs:StartQuery " + group + "*:log-stream:"}},
		{"R: each group of a tail", "StartLiveTail", &logs.StartLiveTailRequest{LogGroupIdentifiers: []string{group + "a", their}}, []string{"logs:StartLiveTail " + group + "a:log-stream:", "logs:StartLiveTail " + their + ":log-stream:"}},
		{"O: TagResource has the bare ARN", "TagResource", &logs.TagResourceRequest{ResourceArn: p(group + "tagged"), Tags: map[string]string{"Team": "Blue"}},
			[]string{"logs:TagResource " + group + "tagged aws:RequestTag/Team=Blue aws:ResourceTag/Team=Green aws:TagKeys=Team"}},
		{"O: so has UntagResource", "UntagResource", &logs.UntagResourceRequest{ResourceArn: p(group + "g"), TagKeys: []string{"a"}}, []string{"logs:UntagResource " + group + "g aws:TagKeys=a"}},
		{"O: so has ListTagsForResource", "ListTagsForResource", &logs.ListTagsForResourceRequest{ResourceArn: p(group + "g")}, []string{"logs:ListTagsForResource " + group + "g"}},
		{"S: the tags of another kind of resource", "UntagResource", &logs.UntagResourceRequest{ResourceArn: p("arn:aws:logs:us-west-2:111122223333:destination:d"), TagKeys: []string{"a"}},
			[]string{"logs:UntagResource arn:aws:logs:us-west-2:111122223333:destination:d aws:TagKeys=a"}},
		{"S: the older operation has keys of tags", "UntagLogGroup", &logs.UntagLogGroupRequest{LogGroupName: p("g"), Tags: []string{"a", "b"}}, []string{"logs:UntagLogGroup " + group + "g:log-stream: aws:TagKeys=a,b"}},
		{"R: a stream of another service is passed a role, and not asked about", "PutSubscriptionFilter", &logs.PutSubscriptionFilterRequest{LogGroupName: p("g"),
			DestinationArn: p("arn:aws:kinesis:us-east-2:111122223333:stream/s"), RoleArn: p("arn:aws:iam::111122223333:role/CWLtoKinesisRole")},
			[]string{"logs:PutSubscriptionFilter " + group + "g:log-stream:", "iam:PassRole arn:aws:iam::111122223333:role/CWLtoKinesisRole iam:PassedToService=logs.amazonaws.com"}},
		{"S: a destination is a resource too", "PutSubscriptionFilter", &logs.PutSubscriptionFilterRequest{LogGroupName: p("g"), DestinationArn: p("arn:aws:logs:us-west-2:444455556666:destination:d")},
			[]string{"logs:PutSubscriptionFilter " + group + "g:log-stream:", "logs:PutSubscriptionFilter arn:aws:logs:us-west-2:444455556666:destination:d"}},
		{"R: query results have a key too", "AssociateKmsKey", &logs.AssociateKmsKeyRequest{ResourceIdentifier: p("arn:aws:logs:us-west-2:111122223333:query-result:*")},
			[]string{"logs:AssociateKmsKey arn:aws:logs:us-west-2:111122223333:query-result:*"}},
		{"nothing is named", "PutRetentionPolicy", &logs.PutRetentionPolicyRequest{}, []string{"logs:PutRetentionPolicy " + group + "*:log-stream:"}},
	} {
		cases = append(cases, question.Case{Name: x.name, Op: x.op, Input: x.in, Tagged: tagged, Want: strings.Join(x.want, "\n")})
	}
	question.Check(t, "logs", New(Config{}).Operations(), cases)
}

func p[T any](v T) *T { return &v }
