package logs

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/driver/sqlite"
	"cloister/internal/shape/logs"
	"cloister/internal/store"
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
		group = "arn:aws:logs:us-east-2:111122223333:log-group:"
		their = "arn:aws:logs:us-east-2:444455556666:log-group:/ecs/app"
		tag   = " aws:RequestTag/Team=Blue aws:TagKeys=Team"
	)
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "ledger.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	c := &api.Call{Partition: "aws", Account: "111122223333", Region: "us-east-2"}
	err = db.Update(t.Context(), func(tx store.Tx) error {
		return tx.SetTags(group+"tagged", c.Scope(), map[string]string{"Team": "Green"})
	})
	if err != nil {
		t.Fatal(err)
	}
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
		{"S: the tags of another kind of resource", "UntagResource", &logs.UntagResourceRequest{ResourceArn: p("arn:aws:logs:us-east-2:111122223333:destination:d"), TagKeys: []string{"a"}},
			[]string{"logs:UntagResource arn:aws:logs:us-east-2:111122223333:destination:d aws:TagKeys=a"}},
		{"S: the older operation has keys of tags", "UntagLogGroup", &logs.UntagLogGroupRequest{LogGroupName: p("g"), Tags: []string{"a", "b"}}, []string{"logs:UntagLogGroup " + group + "g:log-stream: aws:TagKeys=a,b"}},
		{"R: a stream of another service is passed a role, and not asked about", "PutSubscriptionFilter", &logs.PutSubscriptionFilterRequest{LogGroupName: p("g"),
			DestinationArn: p("arn:aws:kinesis:us-east-2:111122223333:stream/s"), RoleArn: p("arn:aws:iam::111122223333:role/CWLtoKinesisRole")},
			[]string{"logs:PutSubscriptionFilter " + group + "g:log-stream:", "iam:PassRole arn:aws:iam::111122223333:role/CWLtoKinesisRole iam:PassedToService=logs.amazonaws.com"}},
		{"S: a destination is a resource too", "PutSubscriptionFilter", &logs.PutSubscriptionFilterRequest{LogGroupName: p("g"), DestinationArn: p("arn:aws:logs:us-east-2:444455556666:destination:d")},
			[]string{"logs:PutSubscriptionFilter " + group + "g:log-stream:", "logs:PutSubscriptionFilter arn:aws:logs:us-east-2:444455556666:destination:d"}},
		{"R: query results have a key too", "AssociateKmsKey", &logs.AssociateKmsKeyRequest{ResourceIdentifier: p("arn:aws:logs:us-east-2:111122223333:query-result:*")},
			[]string{"logs:AssociateKmsKey arn:aws:logs:us-east-2:111122223333:query-result:*"}},
		{"nothing is named", "PutRetentionPolicy", &logs.PutRetentionPolicyRequest{}, []string{"logs:PutRetentionPolicy " + group + "*:log-stream:"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			var qs []api.Question
			if err := db.View(t.Context(), func(v store.View) (err error) { qs, err = row(t, x.op).Questions(c, v, x.in); return err }); err != nil {
				t.Fatal(err)
			}
			if got := written(qs); !slices.Equal(got, x.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(x.want, "\n"))
			}
		})
	}
}

func row(t *testing.T, op string) api.Operation {
	t.Helper()
	rows := Rows()
	i := slices.IndexFunc(rows, func(r api.Operation) bool { return r.Name == op })
	if i < 0 {
		t.Fatalf("no row %s", op)
	}
	return rows[i]
}

func written(qs []api.Question) []string {
	var out []string
	for _, q := range qs {
		l := q.Action + " " + q.Resource
		for _, k := range slices.Sorted(maps.Keys(q.Keys)) {
			l += fmt.Sprintf(" %s=%s", k, strings.Join(q.Keys[k], ","))
		}
		if parts := strings.Split(q.Resource, ":"); len(parts) > 4 && q.Owner != parts[4] {
			l += " owned by " + q.Owner
		}
		out = append(out, l)
	}
	return out
}

func p[T any](v T) *T { return &v }
