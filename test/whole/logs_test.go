package whole_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// json asks a service of the JSON protocol; target is with its prefix.
func (a *actor) json(service, target string, in any) (dict, error) {
	var out dict
	err := a.JSON(context.Background(), service, target, in, &out)
	return out, err
}

func (a *actor) mustJSON(service, target string, in any) dict {
	a.Helper()
	out, err := a.json(service, target, in)
	if err != nil {
		a.Fatalf("%s: %v", target, err)
	}
	return out
}

const logsTarget = "Logs_20140328."

// messages are those of a stream.
func (a *actor) messages(group, stream string) (out []string, err error) {
	got, err := a.json("logs", logsTarget+"GetLogEvents", dict{"logGroupName": group, "logStreamName": stream, "startFromHead": true})
	for _, e := range list(got["events"]) {
		out = append(out, e["message"].(string))
	}
	return out, err
}

func list(v any) (out []dict) {
	all, _ := v.([]any)
	for _, x := range all {
		out = append(out, x.(dict))
	}
	return out
}

// TestLogKeys: a log group's events lie under a KMS key that its policy opens to CloudWatch Logs for that group. Who disables the key stops
// reading and writing at once; each use of it is in the trail, and no message is.
func TestLogKeys(t *testing.T) {
	t.Parallel()
	h := common(t)
	a := h.root(t)
	const group = "/keyed/group"
	arn := "arn:aws:logs:us-east-1:" + a.account + ":log-group:" + group
	policy := func(of string) string {
		return encode(t, dict{"Version": "2012-10-17", "Statement": []dict{
			{"Effect": "Allow", "Principal": dict{"AWS": "arn:aws:iam::" + a.account + ":root"}, "Action": "kms:*", "Resource": "*"},
			{"Effect": "Allow", "Principal": dict{"Service": "logs.us-east-1.amazonaws.com"}, "Action": []string{"kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"}, "Resource": "*",
				"Condition": dict{"ArnEquals": dict{"kms:EncryptionContext:aws:logs:arn": of}}}}})
	}
	key := a.mustJSON("kms", "TrentService.CreateKey", dict{"Policy": policy(arn + "x")})["KeyMetadata"].(dict)["Arn"].(string)
	_, err := a.json("logs", logsTarget+"CreateLogGroup", dict{"logGroupName": group, "kmsKeyId": key})
	a.refused(err, 400, "AccessDeniedException", "The specified KMS key does not exist or is not allowed to be used with Arn '"+arn+"'")
	a.mustJSON("kms", "TrentService.PutKeyPolicy", dict{"KeyId": key, "PolicyName": "default", "Policy": policy(arn)})
	a.mustJSON("logs", logsTarget+"CreateLogGroup", dict{"logGroupName": group, "kmsKeyId": key})
	a.mustJSON("logs", logsTarget+"CreateLogStream", dict{"logGroupName": group, "logStreamName": "s"})
	put := func(m string) error {
		_, err := a.json("logs", logsTarget+"PutLogEvents", dict{"logGroupName": group, "logStreamName": "s", "logEvents": []dict{{"timestamp": time.Now().UnixMilli(), "message": m}}})
		return err
	}
	if err := put("a secret of the application"); err != nil {
		t.Fatal(err)
	}
	if got, err := a.messages(group, "s"); err != nil || fmt.Sprint(got) != "[a secret of the application]" {
		t.Fatal(got, err)
	}
	a.mustJSON("kms", "TrentService.DisableKey", dict{"KeyId": key})
	_, err = a.messages(group, "s")
	a.refused(err, 400, "AccessDeniedException", "is not allowed to be used")
	a.refused(put("another"), 400, "AccessDeniedException", "is not allowed to be used")
	a.mustJSON("kms", "TrentService.EnableKey", dict{"KeyId": key})
	if got, err := a.messages(group, "s"); err != nil || len(got) != 1 {
		t.Error(got, err)
	}
}

const publish = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["logs:CreateLogGroup","logs:CreateLogStream","logs:PutLogEvents","logs:DescribeLogGroups","logs:DescribeLogStreams"],"Resource":"*"}]}`

// TestFlowLogsToLogGroup: records come into the stream of their interface by the role that vpc-flow-logs assumes, and only for the log that
// the role's trust names.
func TestFlowLogsToLogGroup(t *testing.T) {
	h := open(t)
	s := siteIn(t, h)
	s.put(s.bucket, "in/a.txt", []byte("The quick brown fox jumps over the lazy dog.\n"))
	role := s.newRole("Flows", strings.ReplaceAll(encode(t, dict{"Version": "2012-10-17", "Statement": []dict{{"Effect": "Allow", "Principal": dict{"Service": "vpc-flow-logs.amazonaws.com"}, "Action": "sts:AssumeRole",
		"Condition": dict{"StringEquals": dict{"aws:SourceAccount": s.account}, "ArnLike": dict{"aws:SourceArn": "arn:aws:ec2:us-east-1:" + s.account + ":vpc-flow-log/*"}}}}}), "\n", ""), publish)
	create := func(role string) string {
		made := s.must("ec2", "CreateFlowLogs", "ResourceType", "VPC", "ResourceId.1", s.vpc, "TrafficType", "ALL", "LogGroupName", "/vpc/"+role[strings.LastIndex(role, "/")+1:], "DeliverLogsPermissionArn", role,
			"MaxAggregationInterval", "60", "LogFormat", "${interface-id} ${dstport} ${srcport} ${action} ${log-status}")
		return made.all("flowLogIdSet")[0].text("item")
	}
	id, other := create(role), create(s.role) // which Comprehend alone may assume
	s.completed(nil)
	if h.cmd != nil {
		if err := h.end(); err != nil { // what is there is written down
			t.Fatal(err)
		}
	}
	if err := h.serve(); err != nil {
		t.Fatal(err)
	}
	s.Client = h.client(s.Creds)
	until(t, 20*time.Second, "the records to arrive", func() bool {
		return s.must("ec2", "DescribeFlowLogs", "FlowLogId.1", id).text("deliverLogsStatus") == "SUCCESS"
	})
	n := 0
	for _, st := range list(s.mustJSON("logs", logsTarget+"DescribeLogStreams", dict{"logGroupName": "/vpc/Flows"})["logStreams"]) {
		name := st["logStreamName"].(string)
		got, err := s.messages("/vpc/Flows", name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range got {
			if f := strings.Fields(m); len(f) != 5 || f[0]+"-all" != name {
				t.Errorf("%s has %q", name, m)
			} else if f[1] == "443" && f[3] == "ACCEPT" && f[4] == "OK" {
				n++
			}
		}
	}
	if n == 0 {
		t.Error("no record of the job's way to S3")
	}
	found := s.mustJSON("logs", logsTarget+"FilterLogEvents", dict{"logGroupName": "/vpc/Flows", "filterPattern": "[eni, port=443, ..., status=OK]"})
	if len(list(found["events"])) != n {
		t.Errorf("a filter finds %d of %d", len(list(found["events"])), n)
	}
	until(t, 20*time.Second, "the other log's refusal", func() bool {
		st := s.must("ec2", "DescribeFlowLogs", "FlowLogId.1", other)
		return st.text("deliverLogsStatus") == "FAILED" && st.text("deliverLogsErrorMessage") == "Access error"
	})
}
