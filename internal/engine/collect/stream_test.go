package collect

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/flow"
	"cloister/internal/core/vpc"
	"cloister/internal/shape/logs"
	"cloister/internal/shape/sts"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// shelf is CloudWatch Logs and STS as far as a publisher asks them; what it does for real is tested with the whole program.
type shelf struct {
	*bench
	groups  map[string]map[string][]string // group, stream, messages
	times   []int64
	asked   []string
	refuse  string // an operation that is denied
	limit   int    // of PutLogEvents calls that go well; 0: none
	assumed []api.As
}

func (s *shelf) Invoke(_ context.Context, as api.As, service, op string, in any) (any, string, error) {
	s.asked = append(s.asked, op)
	if s.refuse == op {
		return nil, "", fault.Of(fault.AccessDenied, "no")
	}
	if (as.AccessKey == "ASIAFLOW") != (service == "logs") || as.Service != "vpc-flow-logs.amazonaws.com" {
		s.t.Errorf("%s as %+v", op, as)
	}
	none := fault.New("ResourceNotFoundException", "none")
	switch in := in.(type) {
	case *sts.AssumeRoleRequest:
		s.assumed = append(s.assumed, as)
		if *in.RoleArn != "arn:aws:iam::111122223333:role/flows" {
			s.t.Errorf("assumes %s", *in.RoleArn)
		}
		return &sts.AssumeRoleResponse{Credentials: &sts.Credentials{AccessKeyId: new("ASIAFLOW"), SecretAccessKey: new("s"), SessionToken: new("t")}}, "", nil
	case *logs.CreateLogGroupRequest:
		s.groups[*in.LogGroupName] = map[string][]string{}
	case *logs.CreateLogStreamRequest:
		if s.groups[*in.LogGroupName] == nil {
			return nil, "", none
		}
		s.groups[*in.LogGroupName][*in.LogStreamName] = []string{}
	case *logs.PutLogEventsRequest:
		g := s.groups[*in.LogGroupName]
		if g == nil || g[*in.LogStreamName] == nil {
			return nil, "", none
		}
		if s.limit--; s.limit == 0 {
			return nil, "", fault.Of(fault.Unavailable, "later")
		}
		for _, e := range in.LogEvents {
			g[*in.LogStreamName] = append(g[*in.LogStreamName], *e.Message)
			s.times = append(s.times, *e.Timestamp)
		}
	}
	return nil, "", nil
}

func toGroup(t *testing.T) *shelf {
	s := &shelf{bench: open(t), groups: map[string]map[string][]string{}}
	s.c.Calls = s
	s.update(func(tx store.Tx) error {
		return rows.FlowLogs.Create(tx, scope, "fl-1", &vpc.FlowLog{ID: "fl-1", Account: account, Region: "us-east-1", Resource: "vpc-1", VPC: "vpc-1", Traffic: "ALL", Destination: "cloud-watch-logs",
			Group: "/vpc/flows", Role: "arn:aws:iam::111122223333:role/flows", Format: "${interface-id} ${packets} ${action} ${log-status}", Interval: 60, Created: s.now})
	})
	return s
}

// The first records make the group and the stream of their interface, under the log's role; the next ones find both.
func TestToLogGroup(t *testing.T) {
	s := toGroup(t)
	s.set(drawing("eni-a"))
	s.at(10)
	s.taps["vpc-1"].live = []flow.Connection{datagrams(3)}
	s.at(60)
	if got := strings.Join(s.asked, " "); got != "AssumeRole PutLogEvents CreateLogStream CreateLogGroup CreateLogStream PutLogEvents" {
		t.Error(got)
	}
	if got := s.groups["/vpc/flows"]["eni-a-all"]; !slices.Equal(got, []string{"eni-a 3 ACCEPT OK"}) || s.times[0] != start.Add(10*time.Second).UnixMilli() && s.times[0] != start.Add(5*time.Second).UnixMilli() {
		t.Errorf("%v at %v", s.groups, s.times)
	}
	if want := (api.As{Partition: "aws", Account: account, Region: "us-east-1", Service: "vpc-flow-logs.amazonaws.com", SourceAccount: account, SourceARN: "arn:aws:ec2:us-east-1:111122223333:vpc-flow-log/fl-1"}); len(s.assumed) != 1 || s.assumed[0] != want {
		t.Errorf("assumed as %+v", s.assumed)
	}
	if st := s.state("fl-1"); st.Status != "SUCCESS" {
		t.Errorf("%+v", st)
	}
	s.asked = nil
	s.at(120)
	if got := strings.Join(s.asked, " "); got != "AssumeRole PutLogEvents" || len(s.groups["/vpc/flows"]["eni-a-all"]) != 2 {
		t.Error(got, s.groups)
	}
}

// A role that may not is told of, and what waits arrives once it may.
func TestRoleMayNot(t *testing.T) {
	for _, op := range []string{"AssumeRole", "CreateLogStream", "CreateLogGroup", "PutLogEvents"} {
		t.Run(op, func(t *testing.T) {
			s := toGroup(t)
			s.refuse = op
			s.set(drawing("eni-a"))
			s.at(60)
			if st := s.state("fl-1"); st.Status != "FAILED" || st.Message != "Access error" {
				t.Errorf("%+v", st)
			}
			s.refuse = ""
			s.c.deliver(t.Context())
			if st := s.state("fl-1"); st.Status != "SUCCESS" || len(s.groups["/vpc/flows"]["eni-a-all"]) != 1 {
				t.Errorf("%+v %v", st, s.groups)
			}
		})
	}
}

// What is there when a delivery breaks off is not put again.
func TestPages(t *testing.T) {
	s := toGroup(t)
	j := &journal{FlowLog: vpc.FlowLog{ID: "fl-1", Traffic: "REJECT", Group: "/vpc/flows", Role: "arn:aws:iam::111122223333:role/flows"}, scope: scope}
	var err error
	if j.format, err = flow.ParseFormat("${interface-id} ${start}"); err != nil {
		t.Fatal(err)
	}
	var records []*flow.Record
	for i := range 12000 {
		records = append(records, &flow.Record{Key: flow.Key{Interface: fmt.Sprintf("eni-%d", i%2)}, Of: &flow.Interface{ID: fmt.Sprintf("eni-%d", i%2)}, Start: start.Add(time.Duration(i/4) * time.Second)})
	}
	f, err := s.c.sheaf(j, records)
	if err != nil {
		t.Fatal(err)
	}
	s.update(func(tx store.Tx) error { return rows.FlowFiles.Create(tx, scope, "fl-1/1", f) })
	s.limit = 3
	s.c.deliver(t.Context())
	s.c.deliver(t.Context())
	for _, eni := range []string{"eni-0", "eni-1"} {
		got := s.groups["/vpc/flows"][eni+"-reject"]
		if len(got) != 6000 || !slices.IsSorted(got) {
			t.Errorf("%s: %d records", eni, len(got))
		}
	}
	if n := strings.Count(strings.Join(s.asked, " "), "PutLogEvents"); n != 4+2+1 { // four pages, two streams that were missed, one that was broken off
		t.Errorf("%d calls", n)
	}
}
