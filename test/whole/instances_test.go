package whole_test

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// agents gives the agents of a daemon's jobs, the oldest first.
func agents(h *house) (pids []int) {
	all := tree(h.cmd.Process.Pid)
	for pid := range all {
		if b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline")); err == nil && strings.HasPrefix(string(b), "cloister-agent\x00") {
			pids = append(pids, pid)
		}
	}
	slices.SortFunc(pids, func(a, b int) int {
		x, _ := strconv.ParseInt(all[a], 10, 64)
		y, _ := strconv.ParseInt(all[b], 10, 64)
		return cmp.Compare(x, y)
	})
	return pids
}

// TestInstances: an analysis of much input is done by several instances in two zones, which the group must let talk; what it delivers is
// what one instance delivers.
func TestInstances(t *testing.T) {
	t.Parallel()
	three := []string{"-instances", "3", "-instance-bytes", "1500000"}
	h := open(t, three...)
	s := siteIn(t, h)
	again := func() {
		t.Helper()
		if err := h.serve(three...); err != nil {
			t.Fatal(err)
		}
		s.Client = h.client(s.Creds)
	}
	zone := s.must("ec2", "DescribeSubnets", "SubnetId.1", s.subnet).text("availabilityZone")
	other := "us-east-1b"
	if zone == other {
		other = "us-east-1a"
	}
	far := s.must("ec2", "CreateSubnet", "VpcId", s.vpc, "CidrBlock", "10.0.32.0/20", "AvailabilityZone", other).text("subnetId")
	logs := "flows-" + s.account
	s.newBucket(logs)
	flow := s.must("ec2", "CreateFlowLogs", "ResourceType", "VPC", "ResourceId.1", s.vpc, "TrafficType", "ALL", "LogDestinationType", "s3", "LogDestination", "arn:aws:s3:::"+logs,
		"MaxAggregationInterval", "60").all("flowLogIdSet")[0].text("item")
	s.slow()
	both := dict{"VpcConfig": dict{"SecurityGroupIds": []string{s.group}, "Subnets": []string{s.subnet, far}}}
	want := s.completed(dict{"VpcConfig": nil})
	if len(want) < 10000 {
		t.Fatalf("only %d results", len(want))
	}
	same := func(got []string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%d results that are not those of one instance (%d)", len(got), len(want))
		}
	}

	// A small job is one instance's, and needs no rule.
	s.put(s.bucket, "one/d.txt", []byte(english))
	s.completed(dict{"InputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/one/", "InputFormat": "ONE_DOC_PER_LINE"}, "VpcConfig": both["VpcConfig"]})

	why := s.failed(both, "INVALID_VPC_CONFIG", "cannot communicate with each other", "inbound connections between members of the same security group")
	holds(t, why, "[security-group, "+s.group+"]", "no ingress rule of "+s.group+" admits tcp 7788 from members of the same group", "AuthorizeSecurityGroupIngress "+s.group+": tcp 7788 from "+s.group+" itself")

	s.admitGroup(s.group, s.group, 7788) // the change that the explanation names
	id := s.start(both)
	var subnets []string
	until(t, 30*time.Second, "three interfaces in use", func() bool {
		n := s.must("ec2", "DescribeNetworkInterfaces", "Filter.1.Name", "description", "Filter.1.Value.1", "Amazon Comprehend job "+id+"*", "Filter.2.Name", "status", "Filter.2.Value.1", "in-use")
		subnets = nil
		for _, x := range n.all("subnetId") {
			subnets = append(subnets, x.Data)
		}
		return len(subnets) == 3
	})
	slices.Sort(subnets)
	if len(slices.Compact(subnets)) != 2 {
		t.Errorf("the instances are in %v", subnets)
	}
	p := s.finish(id)
	if p.JobStatus != "COMPLETED" {
		t.Fatalf("%s: %s\n%s", p.JobStatus, p.Message, s.why(p.JobArn))
	}
	same(s.result(p))
	s.nothingLeft()

	if err := h.end(); err != nil { // what is known of the flows is delivered
		t.Fatal(err)
	}
	again()
	refused, admitted := 0, 0
	key := regexp.MustCompile(`^AWSLogs/` + s.account + `/vpcflowlogs/us-east-1/.*` + flow + `.*\.log\.gz$`)
	for _, r := range s.records(logs, key) {
		if r["dstport"] != "7788" {
			continue
		}
		if r["action"] == "REJECT" {
			refused++
		} else if n, _ := strconv.Atoi(r["bytes"]); n > 100_000 {
			admitted++
		}
	}
	if refused == 0 || admitted == 0 {
		t.Errorf("the flow logs have %d refused and %d great admitted flows between the instances", refused, admitted)
	}

	// One that is killed in the middle leaves its work to the others.
	id = s.start(both)
	until(t, 30*time.Second, "three agents", func() bool { return len(agents(h)) == 3 })
	if err := syscall.Kill(agents(h)[2], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if p = s.finish(id); p.JobStatus != "COMPLETED" {
		t.Fatalf("%s: %s\n%s", p.JobStatus, p.Message, s.why(p.JobArn))
	}
	same(s.result(p))
	s.nothingLeft()
	holds(t, s.why(p.JobArn), "ended early; the others did its work")

	// One that is stopped delivers what was done: the beginning, without a gap.
	id = s.start(both)
	until(t, 30*time.Second, "three agents", func() bool { return len(agents(h)) == 3 })
	if _, err := s.call("StopDominantLanguageDetectionJob", dict{"JobId": id}); err != nil {
		t.Fatal(err)
	}
	if p = s.finish(id); p.JobStatus != "STOPPED" {
		t.Fatalf("%s: %s\n%s", p.JobStatus, p.Message, s.why(p.JobArn))
	}
	if got := s.result(p); len(got) >= len(want) || !slices.Equal(got, want[:len(got)]) {
		t.Errorf("%d results of %d after a stop", len(got), len(want))
	}
	s.nothingLeft()

	// A daemon that is killed takes all of them away when it is back, and begins anew.
	id = s.start(both)
	until(t, 30*time.Second, "three agents", func() bool { return len(agents(h)) == 3 })
	h.kill()
	again()
	if p = s.finish(id); p.JobStatus != "COMPLETED" {
		t.Fatalf("%s: %s\n%s", p.JobStatus, p.Message, s.why(p.JobArn))
	}
	same(s.result(p))
	s.nothingLeft()
}

// TestInstancesUnderKeys: each instance has the model and seals its scratch; what is delivered is sealed as one instance seals it.
func TestInstancesUnderKeys(t *testing.T) {
	t.Parallel()
	h := open(t, "-instances", "2", "-instance-bytes", "400000")
	s := siteIn(t, h)
	s.admitGroup(s.group, s.group, 7788)
	volume, output, models := s.newKey(), s.newKey(), s.newKey()
	s.role = s.keyed("Keyed", map[string][]string{volume: granting, models: granting, output: wrapping})
	s.put(s.bucket, "train/a.csv", []byte(meals()))
	arn := s.create(s.classifier("meals", "train/", dict{"ModelKmsKeyId": models, "VolumeKmsKeyId": volume}))
	if p := s.settled(arn); p["Status"] != "TRAINED" {
		t.Fatalf("%v: %v", p["Status"], p["Message"])
	}
	s.put(s.bucket, "in/a.txt", []byte(strings.Repeat("Eggs and porridge are on the table\nRain comes from the west\n", 12_000)))
	var want []byte
	for _, network := range []dict{nil, {"SecurityGroupIds": []string{s.group}, "Subnets": []string{s.subnet}}} {
		in := s.input(dict{"DocumentClassifierArn": arn, "VolumeKmsKeyId": volume, "OutputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/out/", "KmsKeyId": output}})
		if delete(in, "VpcConfig"); network != nil {
			in["VpcConfig"] = network
		}
		out, err := s.call("StartDocumentClassificationJob", in)
		if err != nil {
			t.Fatal(err)
		}
		if network != nil {
			until(t, 30*time.Second, "two agents", func() bool { return len(agents(h)) == 2 })
		}
		p := s.ended("DocumentClassificationJob", out["JobId"].(string))
		if p["JobStatus"] != "COMPLETED" {
			t.Fatalf("%v: %v\n%s", p["JobStatus"], p["Message"], s.why(p["JobArn"].(string)))
		}
		got := s.member(p["OutputDataConfig"].(dict)["S3Uri"].(string), "predictions.jsonl")
		if network == nil {
			want = got
		} else if !bytes.Equal(got, want) || len(got) < 24_000*20 {
			t.Errorf("two instances gave %d bytes, one %d", len(got), len(want))
		}
	}
	if n := s.grantsOf(volume); n != 0 {
		t.Errorf("%d grants are left", n)
	}
	s.nothingLeft()
}

// TestLearningInstancesOfKinds: topics and recognisers, too, are learnt by several instances, whose scratch and model the keys seal.
func TestLearningInstancesOfKinds(t *testing.T) {
	t.Parallel()
	h := open(t, "-instances", "3", "-training-bytes", "5000")
	s := siteIn(t, h)
	s.admitGroup(s.group, s.group, 7788)
	volume, models := s.newKey(), s.newKey()
	s.role = s.keyed("Keyed", map[string][]string{volume: granting, models: granting})
	network := dict{"SecurityGroupIds": []string{s.group}, "Subnets": []string{s.subnet}}
	three := func() { until(t, 30*time.Second, "three agents", func() bool { return len(agents(h)) == 3 }) }

	var text strings.Builder
	themes := [][]string{strings.Fields("oven flour butter sugar dough bake recipe kitchen yeast bread cake cream pastry apron icing"),
		strings.Fields("engine wheel brake tyre gearbox driver clutch exhaust motor garage fuel piston axle bonnet spanner")}
	dice := rand.New(rand.NewPCG(1, 2))
	for i := range 400 {
		for range 6 {
			text.WriteString(themes[i%2][dice.IntN(15)] + " ")
		}
		text.WriteString("\n")
	}
	s.put(s.bucket, "in/d.txt", []byte(text.String()))
	out, err := s.call("StartTopicsDetectionJob", s.input(dict{"NumberOfTopics": 2, "VolumeKmsKeyId": volume}))
	if err != nil {
		t.Fatal(err)
	}
	three()
	p := s.ended("TopicsDetectionJob", out["JobId"].(string))
	if p["JobStatus"] != "COMPLETED" {
		t.Fatalf("%v: %v\n%s", p["JobStatus"], p["Message"], s.why(p["JobArn"].(string)))
	}
	uri := p["OutputDataConfig"].(dict)["S3Uri"].(string)
	docs := strings.Split(strings.TrimSpace(string(s.member(uri, "doc-topics.csv"))), "\n")
	n, like := 0, 0
	for _, row := range docs[1:] {
		f := strings.Split(row, ",")
		if line := strings.TrimPrefix(f[0], "d.txt:"); line == strconv.Itoa(n) { // its largest topic
			if f[1] == []string{"000", "001"}[n%2] {
				like++
			}
			n++
		}
	}
	if n != 400 || max(like, n-like) < 380 || len(s.member(uri, "topic-terms.csv")) < 100 {
		t.Errorf("%d documents, %d of them of the topic of their theme", n, max(like, n-like))
	}

	var lines, marks strings.Builder
	marks.WriteString("File,Line,Begin Offset,End Offset,Type\n")
	for i := range 160 {
		device := fmt.Sprintf("%s R%d", []string{"Borealis", "Cantor", "Dynamo", "Elbrus", "Fennel"}[i%5], 100+7*i)
		fmt.Fprintf(&lines, "The technician repaired the %s in the northern hall.\n", device)
		fmt.Fprintf(&marks, "docs.txt,%d,28,%d,DEVICE\n", i, 28+len(device))
	}
	s.put(s.bucket, "docs/docs.txt", []byte(lines.String()))
	s.put(s.bucket, "marks.csv", []byte(marks.String()))
	out, err = s.call("CreateEntityRecognizer", dict{"RecognizerName": "devices", "LanguageCode": "en", "DataAccessRoleArn": s.role, "VpcConfig": network, "VolumeKmsKeyId": volume, "ModelKmsKeyId": models,
		"InputDataConfig": dict{"EntityTypes": []dict{{"Type": "DEVICE"}}, "Documents": dict{"S3Uri": "s3://" + s.bucket + "/docs/"}, "Annotations": dict{"S3Uri": "s3://" + s.bucket + "/marks.csv"}}})
	if err != nil {
		t.Fatal(err)
	}
	three()
	arn := out["EntityRecognizerArn"].(string)
	until(t, 2*time.Minute, "the training to end", func() bool {
		if out, err = s.call("DescribeEntityRecognizer", dict{"EntityRecognizerArn": arn}); err != nil {
			t.Fatal(err)
		}
		p = out["EntityRecognizerProperties"].(dict)
		return p["Status"] != "SUBMITTED" && p["Status"] != "TRAINING"
	})
	if p["Status"] != "TRAINED" {
		t.Fatalf("%v: %v\n%s", p["Status"], p["Message"], s.why(arn))
	}
	s.put(s.bucket, "find/a.txt", []byte("The technician repaired the Cantor R512 in the northern hall.\n"))
	out, err = s.call("StartEntitiesDetectionJob", s.input(dict{"EntityRecognizerArn": arn, "LanguageCode": "en", "InputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/find/", "InputFormat": "ONE_DOC_PER_LINE"}}))
	if err != nil {
		t.Fatal(err)
	}
	p = s.ended("EntitiesDetectionJob", out["JobId"].(string))
	if got := string(s.member(p["OutputDataConfig"].(dict)["S3Uri"].(string), "output")); !strings.Contains(got, `"Text":"Cantor R512"`) {
		t.Errorf("the model of three instances finds %s", got)
	}
	if n := s.grantsOf(volume); n != 0 {
		t.Errorf("%d grants are left", n)
	}
	s.nothingLeft()
}

// TestInstancesWithoutRoom: each instance needs two addresses.
func TestInstancesWithoutRoom(t *testing.T) {
	t.Parallel()
	h := open(t, "-instances", "8", "-instance-bytes", "500000")
	s := siteIn(t, h)
	s.slow()
	little := s.newSubnet(s.vpc, "10.0.64.0/28") // 11 addresses
	over := dict{"VpcConfig": dict{"SecurityGroupIds": []string{s.group}, "Subnets": []string{little}}}
	s.failed(over, "INSUFFICIENT_FREE_ADDRESSES", little, "for the 8 instances", "2 in a subnet for each instance")
}

// BenchmarkInstances prints how much longer one instance takes than two, on the same input.
func BenchmarkInstances(b *testing.B) {
	took := map[int]time.Duration{}
	for _, n := range []int{1, 2} {
		h := open(b, "-instances", fmt.Sprint(n), "-instance-bytes", "1000000")
		s := siteIn(b, h)
		s.admitGroup(s.group, s.group, 7788)
		s.slow()
		s.copies(5, 20)
		s.completed(nil) // warm
		for range b.N {
			began := time.Now()
			s.completed(nil)
			took[n] += time.Since(began)
		}
	}
	b.ReportMetric(took[1].Seconds()/float64(b.N), "s/one")
	b.ReportMetric(took[2].Seconds()/float64(b.N), "s/two")
	b.ReportMetric(took[1].Seconds()/took[2].Seconds(), "one/two")
}

// TestLearningInstances: a training and a topic modelling are done by two instances; they need the rule for members of the group, and end together.
func TestLearningInstances(t *testing.T) {
	t.Parallel()
	two := []string{"-instances", "2", "-training-bytes", "100000"}
	h := open(t, two...)
	s := siteIn(t, h)
	again := func() {
		t.Helper()
		if err := h.serve(two...); err != nil {
			t.Fatal(err)
		}
		s.Client = h.client(s.Creds)
	}
	logs := "flows-" + s.account
	s.newBucket(logs)
	flow := s.must("ec2", "CreateFlowLogs", "ResourceType", "VPC", "ResourceId.1", s.vpc, "TrafficType", "ALL", "LogDestinationType", "s3", "LogDestination", "arn:aws:s3:::"+logs,
		"MaxAggregationInterval", "60").all("flowLogIdSet")[0].text("item")
	network := dict{"SecurityGroupIds": []string{s.group}, "Subnets": []string{s.subnet}}
	s.put(s.bucket, "train/a.csv", []byte(strings.Repeat(meals(), 20)))
	train := func(name string) string {
		t.Helper()
		return s.create(s.classifier(name, "train/", dict{"VpcConfig": network}))
	}
	settled := func(arn, status string, words ...string) dict {
		t.Helper()
		p := s.settled(arn)
		message, _ := p["Message"].(string)
		if p["Status"] != status {
			t.Fatalf("%v: %s\n%s", p["Status"], message, s.why(arn))
		}
		for _, w := range words {
			if !strings.Contains(message, w) {
				t.Errorf("the message %q lacks %q", message, w)
			}
		}
		s.nothingLeft()
		return p
	}
	both := func() { until(t, 30*time.Second, "two agents", func() bool { return len(agents(h)) == 2 }) }

	alone := settled(s.create(s.classifier("alone", "train/", nil)), "TRAINED")
	if len(agents(h)) != 0 {
		t.Error("agents are left")
	}

	arn := train("apart")
	settled(arn, "IN_ERROR", "INVALID_VPC_CONFIG", "cannot communicate with each other", "inbound connections between members of the same security group")
	holds(t, s.why(arn), "[security-group, "+s.group+"]", "no ingress rule of "+s.group+" admits tcp 7788 from members of the same group")

	s.admitGroup(s.group, s.group, 7788)
	arn = train("together")
	until(t, 30*time.Second, "two interfaces in use", func() bool {
		n := s.must("ec2", "DescribeNetworkInterfaces", "Filter.1.Name", "description", "Filter.1.Value.1", "Amazon Comprehend job *", "Filter.2.Name", "status", "Filter.2.Value.1", "in-use")
		return len(n.all("subnetId")) == 2
	})
	p := settled(arn, "TRAINED")
	one, several := alone["ClassifierMetadata"].(dict), p["ClassifierMetadata"].(dict)
	for _, m := range []string{"NumberOfLabels", "NumberOfTrainedDocuments", "NumberOfTestDocuments"} {
		if one[m] != several[m] {
			t.Errorf("%s is %v, alone %v", m, several[m], one[m])
		}
	}
	if several["EvaluationMetrics"].(dict)["Accuracy"].(float64) < .9 {
		t.Errorf("%v", several)
	}
	s.put(s.bucket, "in/a.txt", []byte("Toast and eggs\nThe wind comes from the west with rain\n"))
	out, err := s.call("StartDocumentClassificationJob", s.input(dict{"DocumentClassifierArn": arn}))
	if err != nil {
		t.Fatal(err)
	}
	done := s.ended("DocumentClassificationJob", out["JobId"].(string))
	if got := string(s.member(done["OutputDataConfig"].(dict)["S3Uri"].(string), "predictions.jsonl")); !regexp.MustCompile(`(?s)"Classes":\[\{"Name":"BREAKFAST".*"Classes":\[\{"Name":"WEATHER"`).MatchString(got) {
		t.Errorf("the model of two instances says %s", got)
	}

	// One that is killed fails the training, with its number; one that is stopped ends both.
	arn = train("killed")
	both()
	if err := syscall.Kill(agents(h)[1], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	settled(arn, "IN_ERROR", "INTERNAL_ERROR", "An instance of the job was lost")
	holds(t, s.why(arn), "instance 1")
	arn = train("stopped")
	both()
	if _, err := s.call("StopTrainingDocumentClassifier", dict{"DocumentClassifierArn": arn}); err != nil {
		t.Fatal(err)
	}
	settled(arn, "STOPPED")

	if err := h.end(); err != nil { // what is known of the flows is delivered
		t.Fatal(err)
	}
	again()
	refused, admitted := 0, 0
	for _, r := range s.records(logs, regexp.MustCompile(`^AWSLogs/`+s.account+`/vpcflowlogs/us-east-1/.*`+flow+`.*\.log\.gz$`)) {
		if n, _ := strconv.Atoi(r["bytes"]); r["dstport"] == "7788" && r["action"] == "REJECT" {
			refused++
		} else if r["dstport"] == "7788" && n > 50_000 {
			admitted++
		}
	}
	if refused == 0 || admitted == 0 {
		t.Errorf("the flow logs have %d refused and %d great admitted flows between the instances", refused, admitted)
	}

	// A daemon that is killed takes them away when it is back, and begins anew.
	arn = train("again")
	both()
	h.kill()
	again()
	settled(arn, "TRAINED")
}
