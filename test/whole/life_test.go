package whole_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestLongLine streams a line of 300 MB through a job, whose agent must not hold it, and looks at the interface meanwhile.
func TestLongLine(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.multipart(s.bucket, "in/long.txt", []byte(strings.Repeat("words and more words ", 60<<20/21)), 5)
	s.put(s.bucket, "in/next.txt", []byte(french))
	id := s.start(nil)
	most := 0
	var eni *node
	until(t, 50e9, "the job to end", func() bool {
		most = max(most, memory(s.house, "cloister-agent"))
		if eni == nil {
			if l := s.must("ec2", "DescribeNetworkInterfaces").all("item"); len(l) > 0 && l[0].text("networkInterfaceId") != "" {
				eni = l[0]
			}
		}
		p := s.describe(id)
		return p.JobStatus != "SUBMITTED" && p.JobStatus != "IN_PROGRESS"
	})
	p := s.describe(id)
	if p.JobStatus != "COMPLETED" {
		t.Fatalf("job is %s: %s", p.JobStatus, p.Message)
	}
	var got []string
	for _, l := range s.result(p) {
		got = append(got, short(t, l))
	}
	if want := []string{"long.txt:0 !DOCUMENT_SIZE_EXCEEDED", "next.txt:0 fr"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if most == 0 {
		t.Error("no agent was seen")
	}
	if most > 100<<20 {
		t.Errorf("an agent held %d MB", most>>20)
	}
	t.Logf("agents held %d MB at most", most>>20)
	if eni == nil {
		t.Fatal("the job's interface was never seen")
	}
	for what, want := range map[string]string{"description": "Amazon Comprehend job " + id, "subnetId": s.subnet, "vpcId": s.vpc, "groupId": s.group,
		"ownerId": s.account, "requesterManaged": "true", "requesterId": "amazon-comprehend"} {
		if got := eni.text(what); got != want {
			t.Errorf("the interface's %s is %q, want %q", what, got, want)
		}
	}
	s.nothingLeft()
}

// memory is the most that one of a daemon's processes of this name held at any time, in bytes.
func memory(h *house, name string) int {
	most := 0
	for pid := range tree(h.cmd.Process.Pid) {
		cmd, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
		if arg, _, _ := strings.Cut(string(cmd), "\x00"); name != "" && filepath.Base(arg) != name {
			continue
		}
		most = max(most, status(pid, "VmHWM"))
	}
	return most
}

// status reads a size of /proc/PID/status in bytes.
func status(pid int, field string) int {
	b, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	for _, l := range strings.Split(string(b), "\n") {
		if v, ok := strings.CutPrefix(l, field+":"); ok {
			n, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(v), " kB"))
			return n << 10
		}
	}
	return 0
}

// TestServiceNetwork runs a job without VpcConfig: it needs none of EC2's calls and makes no interface of the account.
func TestServiceNetwork(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var calls []string
	for _, a := range nine {
		calls = append(calls, "ec2:"+a)
	}
	s.role = s.newRole("NoNetwork", trust, dataAccess(calls...))
	s.put(s.bucket, "in/d.txt", []byte(english+"\n"+german))
	got := s.completed(dict{"VpcConfig": nil})
	if len(got) != 2 || short(t, got[1]) != "d.txt:1 de" {
		t.Errorf("got %q", got)
	}
	s.nothingLeft()
	// It comes through no endpoint of anybody: a bucket that demands one refuses it.
	s.bucketPolicy(dict{"Sid": "OnlyMine", "Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::" + s.bucket + "/*",
		"Condition": dict{"StringNotEquals": dict{"aws:SourceVpce": s.endpoint}}})
	holds(t, s.failed(dict{"VpcConfig": nil}, "NO_READ_ACCESS_TO_INPUT"), "OnlyMine", "bucket policy of "+s.bucket)
	// Its address is always the same one, which a policy may name.
	s.bucketPolicy(dict{"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::" + s.bucket + "/*",
		"Condition": dict{"NotIpAddress": dict{"aws:SourceIp": "198.18.0.4/32"}}})
	s.finish(s.start(dict{"VpcConfig": nil}))
	if out, err := s.call("ListDominantLanguageDetectionJobs", dict{"Filter": dict{"JobStatus": "COMPLETED"}}); err != nil || len(out["DominantLanguageDetectionJobPropertiesList"].([]any)) != 2 {
		t.Errorf("completed: %v, %v", out, err)
	}
}

// TestDescribe compares all that Describe tells of a job with what was asked.
func TestDescribe(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.put(s.bucket, "in/d.txt", []byte(english))
	out, err := s.call("StartDominantLanguageDetectionJob", s.input(dict{"JobName": "first", "Tags": []dict{{"Key": "team", "Value": "a"}, {"Key": "empty"}}}))
	if err != nil {
		t.Fatal(err)
	}
	id, arn := out["JobId"].(string), out["JobArn"].(string)
	if want := "arn:aws:comprehend:us-east-1:" + s.account + ":dominant-language-detection-job/" + id; arn != want || out["JobStatus"] != "SUBMITTED" || len(id) != 32 {
		t.Errorf("start: %v, want %s", out, want)
	}
	p := s.finish(id)
	if p.JobStatus != "COMPLETED" || p.Message != "" || p.JobName != "first" || p.JobArn != arn || p.DataAccessRoleArn != s.role || p.InputDataConfig.S3Uri != "s3://"+s.bucket+"/in/" ||
		p.InputDataConfig.InputFormat != "ONE_DOC_PER_LINE" || p.SubmitTime == 0 || p.EndTime < p.SubmitTime || !slices.Equal(p.VpcConfig.Subnets, []string{s.subnet}) ||
		!slices.Equal(p.VpcConfig.SecurityGroupIds, []string{s.group}) ||
		p.OutputDataConfig.S3Uri != "s3://"+s.bucket+"/out/"+s.account+"-LANGUAGE-"+id+"/output/output.tar.gz" {
		t.Errorf("describe: %+v", p)
	}
	tags := func() string {
		out, err := s.call("ListTagsForResource", dict{"ResourceArn": arn})
		if err != nil {
			t.Fatal(err)
		}
		return encode(t, out["Tags"])
	}
	if got := tags(); got != `[{"Key":"empty","Value":""},{"Key":"team","Value":"a"}]` {
		t.Errorf("tags: %s", got)
	}
	if _, err := s.call("TagResource", dict{"ResourceArn": arn, "Tags": []dict{{"Key": "team", "Value": "b"}}}); err != nil {
		t.Error(err)
	}
	if _, err := s.call("UntagResource", dict{"ResourceArn": arn, "TagKeys": []string{"empty"}}); err != nil {
		t.Error(err)
	}
	if got := tags(); got != `[{"Key":"team","Value":"b"}]` {
		t.Errorf("tags afterwards: %s", got)
	}
	_, err = s.call("StopDominantLanguageDetectionJob", dict{"JobId": id})
	s.refused(err, 400, "InvalidRequestException", id)
	_, err = s.call("DescribeDominantLanguageDetectionJob", dict{"JobId": strings.Repeat("0", 32)})
	s.refused(err, 400, "JobNotFoundException")
	// Another account sees none of it.
	o := s.house.root(t)
	_, err = o.call("DescribeDominantLanguageDetectionJob", dict{"JobId": id})
	o.refused(err, 400, "JobNotFoundException")
	if _, err = o.call("ListTagsForResource", dict{"ResourceArn": arn}); err == nil {
		t.Error("another account reads the tags")
	}
	if _, err := o.Explain(t.Context(), arn); err == nil {
		t.Error("another account explains the job")
	}
}

// TestToken: the same token gives the same job, other input with it is refused.
func TestToken(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.put(s.bucket, "in/d.txt", []byte(english))
	over := dict{"ClientRequestToken": "once", "VpcConfig": nil}
	a, b := s.start(over), s.start(over)
	if a != b {
		t.Errorf("the token gave %s and %s", a, b)
	}
	_, err := s.call("StartDominantLanguageDetectionJob", s.input(dict{"ClientRequestToken": "once", "VpcConfig": nil, "JobName": "other"}))
	s.refused(err, 400, "InvalidRequestException", "once")
	s.finish(a)
	if c := s.start(over); c != a {
		t.Errorf("after the end the token gave %s, not %s", c, a)
	}
	out, err := s.call("ListDominantLanguageDetectionJobs", dict{})
	if l, _ := out["DominantLanguageDetectionJobPropertiesList"].([]any); err != nil || len(l) != 1 {
		t.Errorf("list: %v, %v", out, err)
	}
}

// TestList walks pages and filters.
func TestList(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.put(s.bucket, "in/d.txt", []byte(english))
	var ids []string // newest first
	var times []float64
	for i := range 5 {
		input := dict{"JobName": fmt.Sprint("job-", i), "VpcConfig": nil}
		if i == 3 {
			input["InputDataConfig"] = dict{"S3Uri": "s3://" + s.bucket + "/none/", "InputFormat": "ONE_DOC_PER_LINE"}
		}
		p := s.finish(s.start(input))
		ids, times = append([]string{p.JobId}, ids...), append([]float64{p.SubmitTime}, times...)
	}
	list := func(in dict) (got []string, next string) {
		t.Helper()
		out, err := s.call("ListDominantLanguageDetectionJobs", in)
		if err != nil {
			t.Fatalf("%v: %v", in, err)
		}
		for _, p := range out["DominantLanguageDetectionJobPropertiesList"].([]any) {
			got = append(got, p.(dict)["JobId"].(string))
		}
		next, _ = out["NextToken"].(string)
		return got, next
	}
	cases := []struct {
		name   string
		filter dict
		want   []string
	}{
		{"all", nil, ids},
		{"name", dict{"JobName": "job-1"}, ids[3:4]},
		{"no such name", dict{"JobName": "job"}, nil},
		{"completed", dict{"JobStatus": "COMPLETED"}, []string{ids[0], ids[2], ids[3], ids[4]}},
		{"failed", dict{"JobStatus": "FAILED"}, ids[1:2]},
		{"before, the oldest first", dict{"SubmitTimeBefore": times[1]}, []string{ids[4], ids[3], ids[2]}},
		{"after", dict{"SubmitTimeAfter": times[1]}, ids[:1]},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in := dict{}
			if c.filter != nil {
				in["Filter"] = c.filter
			}
			if got, _ := list(in); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
	_, err := s.call("ListDominantLanguageDetectionJobs", dict{"Filter": dict{"JobName": "job-1", "JobStatus": "FAILED"}})
	s.refused(err, 400, "InvalidFilterException")
	var paged []string
	for in, n := (dict{"MaxResults": 2}), 0; ; n++ {
		got, next := list(in)
		if len(got) > 2 || n > 3 {
			t.Fatalf("page %d has %d jobs", n, len(got))
		}
		paged = append(paged, got...)
		if in["NextToken"] = next; next == "" {
			break
		}
	}
	if !slices.Equal(paged, ids) {
		t.Errorf("pages gave %v, want %v", paged, ids)
	}
}

// TestStop ends a job that would run long; what it had done is delivered.
func TestStop(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.slow()
	id := s.start(nil)
	until(t, 20e9, "the job to run", func() bool { return s.describe(id).JobStatus == "IN_PROGRESS" })
	out, err := s.call("StopDominantLanguageDetectionJob", dict{"JobId": id})
	if err != nil || out["JobStatus"] != "STOP_REQUESTED" {
		t.Fatalf("stop: %v, %v", out, err)
	}
	p := s.finish(id)
	if p.JobStatus != "STOPPED" {
		t.Errorf("job is %s: %s", p.JobStatus, p.Message)
	}
	s.nothingLeft()
	if out, err := s.call("StopDominantLanguageDetectionJob", dict{"JobId": id}); err != nil || out["JobStatus"] != "STOPPED" {
		t.Errorf("stop again: %v, %v", out, err)
	}
}

// slow gives the site input that takes a job seconds: about 60,000 documents.
func (s *site) slow() {
	s.Helper()
	part := []byte(strings.Repeat(english+"\n"+french+"\n", 1<<20/(len(english)+len(french)+2)))
	s.put(s.bucket, "in/0.txt", part)
	s.copies(1, 5)
}

// copies makes the slow input longer: 12,000 documents each.
func (s *site) copies(from, to int) {
	s.Helper()
	for i := from; i < to; i++ {
		r := request{method: http.MethodPut, service: "s3", path: fmt.Sprintf("/%s/in/%d.txt", s.bucket, i), creds: s.Creds,
			header: http.Header{"X-Amz-Copy-Source": {"/" + s.bucket + "/in/0.txt"}}}
		if res, b := r.send(s, s.Endpoint); res.StatusCode != 200 {
			s.Fatalf("a copy: %d %s", res.StatusCode, b)
		}
	}
}
