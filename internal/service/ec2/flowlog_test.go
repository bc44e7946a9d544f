package ec2_test

import (
	"strings"
	"testing"

	"cloister/internal/core/flow"
	"cloister/internal/core/identity"
	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// watching asks for a log of resources to a bucket of their own.
func watching(kind string, ids ...string) *shape.CreateFlowLogsRequest {
	return &shape.CreateFlowLogsRequest{ResourceType: &kind, ResourceIds: ids, TrafficType: ref("ALL"), LogDestinationType: ref("s3"), LogDestination: ref("arn:aws:s3:::logs/mine")}
}

func TestFlowLogs(t *testing.T) {
	h := open(t)
	v, sn := h.net("10.0.0.0/16", "10.0.1.0/24")
	eni := h.eni(sn)
	h.call.Caller = &identity.Principal{Kind: identity.User, Account: account, AccessKey: "AKIAEXAMPLE"}

	one := watching("VPC", v)
	one.TagSpecifications = []shape.TagSpecification{{ResourceType: ref("vpc-flow-log"), Tags: []shape.Tag{{Key: ref("team"), Value: ref("red")}}}}
	one.ClientToken = ref("t1")
	out := do[shape.CreateFlowLogsResult](h, one)
	if len(out.FlowLogIds) != 1 || len(out.Unsuccessful) != 0 || *out.ClientToken != "t1" {
		t.Fatalf("%+v", out)
	}
	id := out.FlowLogIds[0]
	if again := do[shape.CreateFlowLogsResult](h, one); len(again.FlowLogIds) != 1 || again.FlowLogIds[0] != id {
		t.Errorf("the token again: %+v", again)
	}
	other := *one
	other.TrafficType = ref("REJECT")
	h.refuse("IdempotentParameterMismatch", &other)

	// Another like it is refused for that resource alone; of another kind there may be one more.
	mixed := do[shape.CreateFlowLogsResult](h, watching("VPC", v))
	if len(mixed.FlowLogIds) != 0 || len(mixed.Unsuccessful) != 1 || *mixed.Unsuccessful[0].Error.Code != "FlowLogAlreadyExists" || *mixed.Unsuccessful[0].ResourceId != v {
		t.Errorf("%+v", mixed)
	}
	reject := watching("VPC", v)
	reject.TrafficType, reject.MaxAggregationInterval, reject.LogFormat = ref("REJECT"), ref(int64(60)), ref("${version} ${az-id} ${tcp-flags}")
	reject.DestinationOptions = &shape.DestinationOptionsRequest{FileFormat: ref("plain-text"), HiveCompatiblePartitions: ref(true), PerHourPartition: ref(true)}
	second := do[shape.CreateFlowLogsResult](h, reject).FlowLogIds[0]
	third := watching("VPC", v)
	third.LogDestination = ref("arn:aws:s3:::other")
	if got := do[shape.CreateFlowLogsResult](h, third); len(got.Unsuccessful) != 1 || *got.Unsuccessful[0].Error.Code != "FlowLogsLimitExceeded" {
		t.Errorf("%+v", got)
	}
	onENI := do[shape.CreateFlowLogsResult](h, watching("NetworkInterface", eni)).FlowLogIds[0]
	do[shape.CreateFlowLogsResult](h, watching("Subnet", sn))

	// What the collector finds.
	err := h.s.View(t.Context(), func(view store.View) error {
		l, err := rows.FlowLogs.Get(view, h.call.Scope(), second)
		if err != nil {
			return err
		}
		want := vpc.FlowLog{ID: second, Account: account, Region: "us-east-1", Resource: v, VPC: v, Traffic: "REJECT", Destination: "s3", Bucket: "logs", Prefix: "mine/", Given: "arn:aws:s3:::logs/mine",
			Format: "${version} ${az-id} ${tcp-flags}", Interval: 60, Options: l.Value.Options, Creator: "AKIAEXAMPLE", Created: l.Value.Created}
		if l.Value != want || *l.Value.Options != (vpc.FlowFiles{Format: "plain-text", Hive: true, PerHour: true}) {
			t.Errorf("%+v", l.Value)
		}
		e, err := rows.FlowLogs.Get(view, h.call.Scope(), onENI)
		if e.Value.VPC != v || !e.Value.Covers(v, sn, eni) || e.Value.Covers(v, sn, "eni-2") {
			t.Errorf("%+v", e.Value)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	list := func(in *shape.DescribeFlowLogsRequest) []shape.FlowLog {
		return do[shape.DescribeFlowLogsResult](h, in).FlowLogs
	}
	all := list(&shape.DescribeFlowLogsRequest{})
	if len(all) != 4 {
		t.Fatalf("%d logs", len(all))
	}
	got := list(&shape.DescribeFlowLogsRequest{FlowLogIds: []string{id}})[0]
	if *got.FlowLogStatus != "ACTIVE" || *got.ResourceId != v || *got.TrafficType != "ALL" || *got.LogDestination != "arn:aws:s3:::logs/mine" || *got.LogDestinationType != "s3" ||
		*got.LogFormat != flow.DefaultFormat || *got.MaxAggregationInterval != 600 || len(got.Tags) != 1 || got.DeliverLogsStatus != nil || got.DestinationOptions != nil {
		t.Errorf("%+v", got)
	}
	for name, want := range map[string]int{"resource-id=" + v: 2, "traffic-type=REJECT": 1, "log-destination-type=s3": 4, "flow-log-id=" + id: 1, "tag:team=red": 1, "tag-key=team": 1,
		"deliver-log-status=FAILED": 0, "log-group-name=x": 0} {
		n, val, _ := strings.Cut(name, "=")
		if got := list(&shape.DescribeFlowLogsRequest{Filter: filter(n, val)}); len(got) != want {
			t.Errorf("%s: %d", name, len(got))
		}
	}
	h.refuse("InvalidParameterValue", &shape.DescribeFlowLogsRequest{Filter: filter("colour", "red")})
	do[shape.CreateTagsOutput](h, &shape.CreateTagsRequest{Resources: []string{id}, Tags: []shape.Tag{{Key: ref("a"), Value: ref("b")}}})
	h.refuse("InvalidFlowLogId.NotFound", &shape.CreateTagsRequest{Resources: []string{"fl-0123"}, Tags: []shape.Tag{{Key: ref("a"), Value: ref("b")}}})

	err = h.s.Update(t.Context(), func(tx store.Tx) error {
		return rows.FlowStates.Create(tx, h.call.Scope(), id, &vpc.FlowState{Status: "FAILED", Message: "Access error"})
	})
	if err != nil {
		t.Fatal(err)
	}
	failed := list(&shape.DescribeFlowLogsRequest{Filter: filter("deliver-log-status", "FAILED")})
	if len(failed) != 1 || *failed[0].DeliverLogsErrorMessage != "Access error" || *failed[0].FlowLogStatus != "ACTIVE" {
		t.Errorf("%+v", failed)
	}

	// All or none.
	h.refuse("InvalidFlowLogId.NotFound", &shape.DeleteFlowLogsRequest{FlowLogIds: []string{id, "fl-0123456789"}})
	do[shape.DeleteFlowLogsResult](h, &shape.DeleteFlowLogsRequest{FlowLogIds: []string{id, second}})
	h.refuse("InvalidFlowLogId.NotFound", &shape.DescribeFlowLogsRequest{FlowLogIds: []string{id}})
	if all := list(&shape.DescribeFlowLogsRequest{}); len(all) != 2 {
		t.Errorf("%d logs are left", len(all))
	}
	err = h.s.View(t.Context(), func(view store.View) error {
		left, err := rows.FlowStates.List(view, store.Query{AnyScope: true})
		if len(left) > 0 {
			t.Errorf("a state is left: %+v", left)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// What its token made is gone: it makes a new one.
	if fresh := do[shape.CreateFlowLogsResult](h, one); len(fresh.FlowLogIds) != 1 || fresh.FlowLogIds[0] == id {
		t.Errorf("%+v", fresh)
	}
}

// TestFlowLogRefusals: what cannot be is refused before anything is made.
func TestFlowLogRefusals(t *testing.T) {
	h := open(t)
	v, _ := h.net("10.0.0.0/16", "10.0.1.0/24")
	for _, c := range []struct {
		code string
		with func(*shape.CreateFlowLogsRequest)
	}{
		{"MissingParameter", func(r *shape.CreateFlowLogsRequest) { r.TrafficType = nil }},
		{"MissingParameter", func(r *shape.CreateFlowLogsRequest) { r.ResourceIds = nil }},
		{"InvalidVpcID.NotFound", func(r *shape.CreateFlowLogsRequest) { r.ResourceIds = []string{v, "vpc-0123"} }},
		{"InvalidSubnetID.Malformed", func(r *shape.CreateFlowLogsRequest) { r.ResourceType = ref("Subnet") }},
		{"NotImplemented", func(r *shape.CreateFlowLogsRequest) { r.ResourceType = ref("TransitGateway") }},
		{"InvalidParameter", func(r *shape.CreateFlowLogsRequest) { r.LogDestinationType = nil }},
		{"InvalidParameter", func(r *shape.CreateFlowLogsRequest) { r.LogDestinationType = ref("cloud-watch-logs") }},
		{"NotImplemented", func(r *shape.CreateFlowLogsRequest) { r.LogDestinationType = ref("kinesis-data-firehose") }},
		{"NotImplemented", func(r *shape.CreateFlowLogsRequest) {
			r.DestinationOptions = &shape.DestinationOptionsRequest{FileFormat: ref("parquet")}
		}},
		{"InvalidParameter", func(r *shape.CreateFlowLogsRequest) { r.LogGroupName = ref("g") }},
		{"InvalidParameter", func(r *shape.CreateFlowLogsRequest) {
			r.DeliverLogsPermissionArn = ref("arn:aws:iam::111122223333:role/r")
		}},
		{"InvalidParameter", func(r *shape.CreateFlowLogsRequest) { r.LogDestination = nil }},
		{"InvalidParameter", func(r *shape.CreateFlowLogsRequest) { r.LogDestination = ref("logs") }},
		{"InvalidParameter", func(r *shape.CreateFlowLogsRequest) {
			r.LogDestination = ref("arn:aws:logs:us-east-1:111122223333:log-group:g")
		}},
		{"InvalidParameter", func(r *shape.CreateFlowLogsRequest) { r.LogDestination = ref("arn:aws:s3:::logs/AWSLogs/") }},
		{"InvalidParameter", func(r *shape.CreateFlowLogsRequest) { r.MaxAggregationInterval = ref(int64(300)) }},
		{"InvalidParameter", func(r *shape.CreateFlowLogsRequest) { r.LogFormat = ref("${version} ${colour}") }},
		{"InvalidParameterValue", func(r *shape.CreateFlowLogsRequest) {
			r.TagSpecifications = []shape.TagSpecification{{ResourceType: ref("vpc"), Tags: []shape.Tag{{Key: ref("a"), Value: ref("b")}}}}
		}},
	} {
		in := watching("VPC", v)
		c.with(in)
		h.refuse(c.code, in)
	}
	if all := do[shape.DescribeFlowLogsResult](h, &shape.DescribeFlowLogsRequest{}).FlowLogs; len(all) != 0 {
		t.Errorf("%d logs were made", len(all))
	}
	h.refuse("MissingParameter", &shape.DeleteFlowLogsRequest{})
	h.refuse("InvalidFlowLogId.Malformed", &shape.DeleteFlowLogsRequest{FlowLogIds: []string{"vpc-1"}})
	// A session's key is not kept: nothing is asked in its name.
	h.call.Caller = &identity.Principal{Kind: identity.Session, Account: account, AccessKey: "ASIAEXAMPLE"}
	id := do[shape.CreateFlowLogsResult](h, watching("VPC", v)).FlowLogIds[0]
	err := h.s.View(t.Context(), func(view store.View) error {
		l, err := rows.FlowLogs.Get(view, h.call.Scope(), id)
		if l.Value.Creator != "" {
			t.Errorf("%+v", l.Value)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// toLogs asks for a log of a VPC to a log group.
func toLogs(v string, with func(*shape.CreateFlowLogsRequest)) *shape.CreateFlowLogsRequest {
	r := &shape.CreateFlowLogsRequest{ResourceType: ref("VPC"), ResourceIds: []string{v}, TrafficType: ref("ALL"), LogGroupName: ref("/vpc/flows"),
		DeliverLogsPermissionArn: ref("arn:aws:iam::" + account + ":role/service/flows")}
	with(r)
	return r
}

func TestFlowLogsToLogGroups(t *testing.T) {
	h := open(t)
	v, _ := h.net("10.0.0.0/16", "10.0.1.0/24")
	for name, with := range map[string]func(*shape.CreateFlowLogsRequest){
		"no role": func(r *shape.CreateFlowLogsRequest) { r.DeliverLogsPermissionArn = nil },
		"a role of another": func(r *shape.CreateFlowLogsRequest) {
			r.DeliverLogsPermissionArn = ref("arn:aws:iam::999988887777:role/r")
		},
		"no role at all": func(r *shape.CreateFlowLogsRequest) {
			r.DeliverLogsPermissionArn = ref("arn:aws:iam::" + account + ":user/r")
		},
		"no group": func(r *shape.CreateFlowLogsRequest) { r.LogGroupName = nil },
		"two groups": func(r *shape.CreateFlowLogsRequest) {
			r.LogDestination = ref("arn:aws:logs:us-east-1:" + account + ":log-group:g")
		},
		"a name that is none": func(r *shape.CreateFlowLogsRequest) { r.LogGroupName = ref("a b") },
		"options of files": func(r *shape.CreateFlowLogsRequest) {
			r.DestinationOptions = &shape.DestinationOptionsRequest{FileFormat: ref("plain-text")}
		},
		"another region": func(r *shape.CreateFlowLogsRequest) {
			r.LogGroupName, r.LogDestination = nil, ref("arn:aws:logs:eu-west-1:"+account+":log-group:g")
		},
	} {
		t.Run(name, func(t *testing.T) { h.refuse("InvalidParameter", toLogs(v, with)) })
	}
	one := do[shape.CreateFlowLogsResult](h, toLogs(v, func(*shape.CreateFlowLogsRequest) {})).FlowLogIds[0]
	if again := do[shape.CreateFlowLogsResult](h, toLogs(v, func(*shape.CreateFlowLogsRequest) {})); len(again.Unsuccessful) != 1 || *again.Unsuccessful[0].Error.Code != "FlowLogAlreadyExists" {
		t.Errorf("%+v", again)
	}
	do[shape.CreateFlowLogsResult](h, toLogs(v, func(r *shape.CreateFlowLogsRequest) {
		r.LogGroupName, r.LogDestination, r.LogDestinationType = nil, ref("arn:aws:logs:us-east-1:"+account+":log-group:other:*"), ref("cloud-watch-logs")
	}))
	got := do[shape.DescribeFlowLogsResult](h, &shape.DescribeFlowLogsRequest{Filter: filter("log-group-name", "/vpc/flows")}).FlowLogs
	if len(got) != 1 || *got[0].FlowLogId != one || *got[0].LogDestinationType != "cloud-watch-logs" || *got[0].LogGroupName != "/vpc/flows" || got[0].LogDestination != nil ||
		*got[0].DeliverLogsPermissionArn != "arn:aws:iam::"+account+":role/service/flows" {
		t.Errorf("%+v", got)
	}
	if got := do[shape.DescribeFlowLogsResult](h, &shape.DescribeFlowLogsRequest{Filter: filter("log-group-name", "other")}).FlowLogs; len(got) != 1 {
		t.Errorf("%+v", got)
	}
}
