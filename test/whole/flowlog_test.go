package whole_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// record is one line of a flow log by its fields' names.
type record map[string]string

// records reads all files of a bucket, and demands that they lie where AWS's would.
func (a *actor) records(bucket string, key *regexp.Regexp) (out []record) {
	a.Helper()
	list, err := a.Object(context.Background(), http.MethodGet, bucket, "", url.Values{"list-type": {"2"}}, nil)
	if err != nil {
		a.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`<Key>([^<]*)</Key>`).FindAllStringSubmatch(string(list), -1) {
		if !key.MatchString(m[1]) {
			a.Errorf("a file is called %s", m[1])
		}
		b, err := a.Object(context.Background(), http.MethodGet, bucket, m[1], nil, nil)
		if err != nil {
			a.Fatal(err)
		}
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			a.Fatal(err)
		}
		text, err := io.ReadAll(z)
		if err != nil {
			a.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
		names := strings.Fields(lines[0])
		for _, l := range lines[1:] {
			vals := strings.Fields(l)
			if len(vals) != len(names) {
				a.Fatalf("%d fields in %q, %d in the header", len(vals), l, len(names))
			}
			r := record{}
			for i, n := range names {
				r[n] = vals[i]
			}
			out = append(out, r)
		}
	}
	return out
}

// TestFlowLogs: a job runs in a VPC that is logged; its packets are in files in the owner's bucket, which log delivery was let into
// for the creator. A daemon that is killed says afterwards that it does not know all.
func TestFlowLogs(t *testing.T) {
	h := open(t)
	s := siteIn(t, h)
	s.put(s.bucket, "in/a.txt", []byte("The quick brown fox jumps over the lazy dog.\n"))
	logs := "flows-" + s.account
	s.newBucket(logs)
	create := func(pairs ...string) (*node, error) {
		return s.ask("ec2", "CreateFlowLogs", append([]string{"ResourceType", "VPC", "ResourceId.1", s.vpc, "TrafficType", "ALL", "LogDestinationType", "s3", "LogDestination", "arn:aws:s3:::" + logs + "/kept",
			"MaxAggregationInterval", "60", "LogFormat", "${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status} ${vpc-id} ${subnet-id} ${az-id} ${flow-direction} ${traffic-path} ${tcp-flags} ${pkt-dst-aws-service} ${version}"}, pairs...)...)
	}
	made, err := create()
	if err != nil {
		t.Fatal(err)
	}
	id := made.all("flowLogIdSet")[0].text("item")
	if again, err := create(); err != nil || again.text("code") != "FlowLogAlreadyExists" {
		t.Errorf("a second one: %+v, %v", again, err)
	}
	until(t, 10*time.Second, "log delivery to be let in", func() bool {
		b, err := s.Object(context.Background(), http.MethodGet, logs, "", url.Values{"policy": {""}}, nil)
		return err == nil && strings.Contains(string(b), "delivery.logs.amazonaws.com") && strings.Contains(string(b), "kept/AWSLogs/"+s.account+"/*")
	})
	s.completed(nil)
	again := func() {
		if h.cmd != nil {
			if err := h.end(); err != nil { // what is there is written down
				t.Fatal(err)
			}
		}
		if err := h.serve(); err != nil {
			t.Fatal(err)
		}
		s.Client = h.client(s.Creds)
	}
	again()
	key := regexp.MustCompile(`^kept/AWSLogs/` + s.account + `/vpcflowlogs/us-east-1/\d{4}/\d\d/\d\d/` + s.account + `_vpcflowlogs_us-east-1_` + id + `_\d{8}T\d{4}Z_[0-9a-f]{8}\.log\.gz$`)
	var out, in int
	for _, r := range s.records(logs, key) {
		if r["vpc-id"] != s.vpc || r["subnet-id"] != s.subnet || r["version"] != "5" || r["log-status"] != "OK" || r["action"] != "ACCEPT" {
			t.Errorf("%v", r)
		}
		switch {
		case r["dstport"] == "53" || r["srcport"] == "53":
			t.Errorf("the resolver is in the log: %v", r)
		case r["flow-direction"] == "egress" && r["pkt-dst-aws-service"] == "S3" && r["traffic-path"] == "7" && r["packets"] != "0":
			out++
		case r["flow-direction"] == "ingress" && r["traffic-path"] == "-":
			in++
		}
	}
	if out == 0 || in != out {
		t.Errorf("%d records to S3, %d from it", out, in)
	}
	state := s.must("ec2", "DescribeFlowLogs", "FlowLogId.1", id)
	if state.text("deliverLogsStatus") != "SUCCESS" || state.text("flowLogStatus") != "ACTIVE" {
		t.Errorf("%+v", state)
	}

	s.slow()
	job := s.start(nil)
	until(t, 10*time.Second, "the job to run", func() bool { return s.describe(job).JobStatus == "IN_PROGRESS" })
	until(t, 10*time.Second, "an interface", func() bool {
		return strings.HasPrefix(s.must("ec2", "DescribeNetworkInterfaces", "Filter.1.Name", "status", "Filter.1.Value.1", "in-use").text("networkInterfaceId"), "eni-")
	})
	// A bucket that takes nothing: what is known is kept until it does.
	policy := url.Values{"policy": {""}}
	let, err := s.Object(context.Background(), http.MethodGet, logs, "", policy, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Object(context.Background(), http.MethodDelete, logs, "", policy, nil); err != nil {
		t.Fatal(err)
	}
	before := len(s.records(logs, key))
	h.kill()
	again()
	again()
	state = s.must("ec2", "DescribeFlowLogs", "Filter.1.Name", "deliver-log-status", "Filter.1.Value.1", "FAILED")
	if state.text("flowLogId") != id || state.text("deliverLogsErrorMessage") != "Access error" || len(s.records(logs, key)) != before {
		t.Errorf("%+v", state)
	}
	if _, err := s.Object(context.Background(), http.MethodPut, logs, "", policy, let); err != nil {
		t.Fatal(err)
	}
	again()
	skipped := false
	for _, r := range s.records(logs, key) {
		skipped = skipped || r["log-status"] == "SKIPDATA" && r["srcaddr"] == "-"
	}
	if !skipped {
		t.Error("nothing says that records were lost")
	}
}
