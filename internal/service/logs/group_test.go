package logs

import (
	"fmt"
	"strings"
	"testing"
	"time"

	shape "cloister/internal/shape/logs"
)

func TestGroups(t *testing.T) {
	h := open(t)
	h.group("/app/web")
	h.refuse("ResourceAlreadyExistsException", "The specified log group already exists", &shape.CreateLogGroupRequest{LogGroupName: new("/app/web")})
	h.refuse("NotImplemented", "STANDARD alone", &shape.CreateLogGroupRequest{LogGroupName: new("x"), LogGroupClass: new("INFREQUENT_ACCESS")})
	h.refuse("InvalidParameterException", "reserved", &shape.CreateLogGroupRequest{LogGroupName: new("aws/x")})
	h.refuse("Invalid", "logGroupName", &shape.CreateLogGroupRequest{LogGroupName: new("a:b")})
	h.refuse("ResourceNotFoundException", "The specified log group does not exist.", &shape.DeleteLogGroupRequest{LogGroupName: new("none")})
	do[shape.CreateLogGroupOutput](h, &shape.CreateLogGroupRequest{LogGroupName: new("/app/Api"), DeletionProtectionEnabled: new(true)})
	h.group("other")

	// Retention.
	for _, n := range []int64{0, 2, 8, 9999} {
		h.refuse("InvalidParameterException", "enum value set", &shape.PutRetentionPolicyRequest{LogGroupName: new("other"), RetentionInDays: &n})
	}
	do[shape.PutRetentionPolicyOutput](h, &shape.PutRetentionPolicyRequest{LogGroupName: new("other"), RetentionInDays: new(int64(7))})

	out := do[shape.DescribeLogGroupsResponse](h, &shape.DescribeLogGroupsRequest{})
	if got := names(out); got != "/app/Api /app/web other" {
		t.Errorf("groups: %s", got)
	}
	g := out.LogGroups[2]
	if *g.RetentionInDays != 7 || *g.Arn != "arn:aws:logs:us-west-2:111122223333:log-group:other:*" || *g.LogGroupArn+":*" != *g.Arn || *g.CreationTime != h.now.UnixMilli() || *g.StoredBytes != 0 || g.KmsKeyId != nil {
		t.Errorf("described as %+v", g)
	}
	if out.LogGroups[0].RetentionInDays != nil || !*out.LogGroups[0].DeletionProtectionEnabled || *g.DeletionProtectionEnabled {
		t.Error("retention or protection of the wrong group")
	}
	do[shape.DeleteRetentionPolicyOutput](h, &shape.DeleteRetentionPolicyRequest{LogGroupName: new("other")})
	for _, x := range []struct {
		in   shape.DescribeLogGroupsRequest
		want string
	}{
		{shape.DescribeLogGroupsRequest{LogGroupNamePrefix: new("/app/")}, "/app/Api /app/web"},
		{shape.DescribeLogGroupsRequest{LogGroupNamePattern: new("API")}, "/app/Api"},
		{shape.DescribeLogGroupsRequest{LogGroupNamePattern: new("nothing")}, ""},
		{shape.DescribeLogGroupsRequest{LogGroupClass: new("DELIVERY")}, ""},
		{shape.DescribeLogGroupsRequest{LogGroupIdentifiers: []string{"other", "arn:aws:logs:us-west-2:111122223333:log-group:/app/web"}}, "/app/web other"},
	} {
		if got := names(do[shape.DescribeLogGroupsResponse](h, &x.in)); got != x.want {
			t.Errorf("%+v: %s", x.in, got)
		}
	}
	h.refuse("InvalidParameterException", "mutually exclusive", &shape.DescribeLogGroupsRequest{LogGroupNamePrefix: new("a"), LogGroupNamePattern: new("a")})
	h.refuse("InvalidParameterException", "nextToken", &shape.DescribeLogGroupsRequest{NextToken: new("!")})
	list := do[shape.ListLogGroupsResponse](h, &shape.ListLogGroupsRequest{LogGroupNamePattern: new("^/app|oth")})
	if len(list.LogGroups) != 3 {
		t.Errorf("listed: %v", list.LogGroups)
	}

	// Pages.
	for i := range 7 {
		h.group(fmt.Sprintf("page/%d", i))
	}
	var token *string
	var got []string
	for range 4 {
		out := do[shape.DescribeLogGroupsResponse](h, &shape.DescribeLogGroupsRequest{LogGroupNamePrefix: new("page/"), Limit: new(int64(3)), NextToken: token})
		got = append(got, names(out))
		if token = out.NextToken; token == nil {
			break
		}
	}
	if s := strings.Join(got, "|"); s != "page/0 page/1 page/2|page/3 page/4 page/5|page/6" {
		t.Errorf("pages: %s", s)
	}

	// Deletion.
	h.refuse("ValidationException", "deletion protection is on", &shape.DeleteLogGroupRequest{LogGroupName: new("/app/Api")})
	do[shape.PutLogGroupDeletionProtectionOutput](h, &shape.PutLogGroupDeletionProtectionRequest{LogGroupIdentifier: new("arn:aws:logs:us-west-2:111122223333:log-group:/app/Api"), DeletionProtectionEnabled: new(false)})
	do[shape.DeleteLogGroupOutput](h, &shape.DeleteLogGroupRequest{LogGroupName: new("/app/Api")})
	h.stream("/app/web", "s")
	h.put("/app/web", "s", h.at(0, "of the first group"))
	do[shape.DeleteLogGroupOutput](h, &shape.DeleteLogGroupRequest{LogGroupName: new("/app/web")})
	h.group("/app/web")
	h.refuse("ResourceNotFoundException", "The specified log stream does not exist.", &shape.GetLogEventsRequest{LogGroupName: new("/app/web"), LogStreamName: new("s")})
	h.stream("/app/web", "s")
	if out := do[shape.GetLogEventsResponse](h, &shape.GetLogEventsRequest{LogGroupName: new("/app/web"), LogStreamName: new("s")}); len(out.Events) != 0 {
		t.Error("a new group shows events of an old one")
	}
}

func names(out *shape.DescribeLogGroupsResponse) string {
	var n []string
	for _, g := range out.LogGroups {
		n = append(n, *g.LogGroupName)
	}
	return strings.Join(n, " ")
}

func TestStreams(t *testing.T) {
	h := open(t)
	h.refuse("ResourceNotFoundException", "log group", &shape.CreateLogStreamRequest{LogGroupName: new("g"), LogStreamName: new("s")})
	h.group("g")
	for _, s := range []string{"b/1", "a", "b/2", "c"} {
		h.stream("g", s)
	}
	h.refuse("ResourceAlreadyExistsException", "The specified log stream already exists", &shape.CreateLogStreamRequest{LogGroupName: new("g"), LogStreamName: new("a")})
	h.put("g", "b/2", h.at(-time.Hour, "x"), h.at(-time.Minute, "y"))
	h.put("g", "b/2", h.at(-2*time.Hour, "x"))
	h.put("g", "a", h.at(-3*time.Minute, "x"))
	list := func(in *shape.DescribeLogStreamsRequest) string {
		t.Helper()
		in.LogGroupName = new("g")
		var all []string
		for {
			out := do[shape.DescribeLogStreamsResponse](h, in)
			for _, s := range out.LogStreams {
				all = append(all, *s.LogStreamName)
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				return strings.Join(all, " ")
			}
			all = append(all, "|")
		}
	}
	for _, x := range []struct {
		in   shape.DescribeLogStreamsRequest
		want string
	}{
		{shape.DescribeLogStreamsRequest{}, "a b/1 b/2 c"},
		{shape.DescribeLogStreamsRequest{Descending: new(true), Limit: new(int64(3))}, "c b/2 b/1 | a"},
		{shape.DescribeLogStreamsRequest{LogStreamNamePrefix: new("b/"), Limit: new(int64(1))}, "b/1 | b/2"},
		{shape.DescribeLogStreamsRequest{OrderBy: new("LastEventTime"), Descending: new(true), Limit: new(int64(1))}, "b/2 | a | c | b/1"},
		{shape.DescribeLogStreamsRequest{OrderBy: new("LastEventTime")}, "b/1 c a b/2"},
	} {
		if got := list(&x.in); got != x.want {
			t.Errorf("%+v: %s, want %s", x.in, got, x.want)
		}
	}
	h.refuse("InvalidParameterException", "LastEventTime", &shape.DescribeLogStreamsRequest{LogGroupName: new("g"), OrderBy: new("LastEventTime"), LogStreamNamePrefix: new("a")})
	h.refuse("InvalidParameterException", "not both", &shape.DescribeLogStreamsRequest{LogGroupName: new("g"), LogGroupIdentifier: new("g")})
	s := do[shape.DescribeLogStreamsResponse](h, &shape.DescribeLogStreamsRequest{LogGroupIdentifier: new("arn:aws:logs:us-west-2:111122223333:log-group:g"), LogStreamNamePrefix: new("b/2")}).LogStreams[0]
	if *s.FirstEventTimestamp != h.now.Add(-2*time.Hour).UnixMilli() || *s.LastEventTimestamp != h.now.Add(-time.Minute).UnixMilli() || *s.LastIngestionTime != h.now.UnixMilli() || *s.StoredBytes != 0 ||
		*s.Arn != "arn:aws:logs:us-west-2:111122223333:log-group:g:log-stream:b/2" {
		t.Errorf("described as %+v", s)
	}
	h.refuse("ResourceNotFoundException", "log group", &shape.DescribeLogStreamsRequest{LogGroupIdentifier: new("arn:aws:logs:us-west-2:444455556666:log-group:g")})
	if g := do[shape.DescribeLogGroupsResponse](h, &shape.DescribeLogGroupsRequest{}).LogGroups[0]; *g.StoredBytes != 4*27 {
		t.Errorf("%d bytes are stored", *g.StoredBytes)
	}
	do[shape.DeleteLogStreamOutput](h, &shape.DeleteLogStreamRequest{LogGroupName: new("g"), LogStreamName: new("a")})
	h.refuse("ResourceNotFoundException", "log stream", &shape.DeleteLogStreamRequest{LogGroupName: new("g"), LogStreamName: new("a")})
	if got := list(&shape.DescribeLogStreamsRequest{}); got != "b/1 b/2 c" {
		t.Error(got)
	}
}
