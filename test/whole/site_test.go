package whole_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// site is an account in which a job in a VPC runs well, until a test takes something away.
type site struct {
	*actor
	vpc, subnet, group, table, endpoint string
	bucket, role                        string
}

// nine are the calls that a role must allow for a job in a VPC (Comprehend Developer Guide, Protect jobs by using an
// Amazon VPC).
var nine = []string{"CreateNetworkInterface", "CreateNetworkInterfacePermission", "DeleteNetworkInterface", "DeleteNetworkInterfacePermission",
	"DescribeNetworkInterfaces", "DescribeVpcs", "DescribeDhcpOptions", "DescribeSubnets", "DescribeSecurityGroups"}

// dataAccess is the text of the role's policy without the actions that are left out.
func dataAccess(without ...string) string {
	var ec2 []string
	for _, a := range nine {
		ec2 = append(ec2, "ec2:"+a)
	}
	all := append(ec2, "s3:GetObject", "s3:ListBucket", "s3:PutObject")
	var keep []string
	for _, a := range all {
		gone := false
		for _, w := range without {
			gone = gone || w == a
		}
		if !gone {
			keep = append(keep, `"`+a+`"`)
		}
	}
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":[` + strings.Join(keep, ",") + `],"Resource":"*"}]}`
}

const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"comprehend.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

func newSite(t testing.TB) *site {
	t.Helper()
	return siteIn(t, common(t))
}

func siteIn(t testing.TB, h *house) *site {
	t.Helper()
	s := &site{actor: h.root(t)}
	s.vpc = s.must("ec2", "CreateVpc", "CidrBlock", "10.0.0.0/16").text("vpcId")
	s.subnet = s.newSubnet(s.vpc, "10.0.16.0/20")
	s.group = s.newGroup(s.vpc, "jobs")
	s.table = s.must("ec2", "DescribeRouteTables", "Filter.1.Name", "vpc-id", "Filter.1.Value.1", s.vpc).text("routeTableId")
	s.endpoint = s.must("ec2", "CreateVpcEndpoint", "VpcId", s.vpc, "ServiceName", "com.amazonaws.us-east-1.s3", "RouteTableId.1", s.table).text("vpcEndpointId")
	s.bucket = "docs-" + s.account
	s.newBucket(s.bucket)
	s.role = s.newRole("DataAccess", trust, dataAccess())
	return s
}

func (s *site) newSubnet(vpc, cidr string) string {
	s.Helper()
	return s.must("ec2", "CreateSubnet", "VpcId", vpc, "CidrBlock", cidr).text("subnetId")
}

func (s *site) newGroup(vpc, name string) string {
	s.Helper()
	return s.must("ec2", "CreateSecurityGroup", "VpcId", vpc, "GroupName", name, "GroupDescription", name).text("groupId")
}

func (a *actor) newBucket(name string) {
	a.Helper()
	if _, err := a.Object(context.Background(), http.MethodPut, name, "", nil, nil); err != nil {
		a.Fatal(err)
	}
}

func (a *actor) newRole(name, trust, policy string) string {
	a.Helper()
	arn := a.must("iam", "CreateRole", "RoleName", name, "AssumeRolePolicyDocument", trust).text("Arn")
	a.must("iam", "PutRolePolicy", "RoleName", name, "PolicyName", "access", "PolicyDocument", policy)
	return arn
}

func (s *site) bucketPolicy(statements ...dict) {
	s.Helper()
	p := encode(s, dict{"Version": "2012-10-17", "Statement": statements})
	if _, err := s.Object(context.Background(), http.MethodPut, s.bucket, "", url.Values{"policy": {""}}, []byte(p)); err != nil {
		s.Fatal(err)
	}
}

// input is what a start takes, in the VPC; the members of over replace its own, nil removes one.
func (s *site) input(over dict) dict {
	in := dict{
		"InputDataConfig":   dict{"S3Uri": "s3://" + s.bucket + "/in/", "InputFormat": "ONE_DOC_PER_LINE"},
		"OutputDataConfig":  dict{"S3Uri": "s3://" + s.bucket + "/out/"},
		"DataAccessRoleArn": s.role,
		"VpcConfig":         dict{"SecurityGroupIds": []string{s.group}, "Subnets": []string{s.subnet}},
	}
	maps.Copy(in, over)
	for k, v := range in {
		if v == nil {
			delete(in, k)
		}
	}
	return in
}

// start begins a job and gives its id.
func (s *site) start(over dict) string {
	s.Helper()
	out, err := s.call("StartDominantLanguageDetectionJob", s.input(over))
	if err != nil {
		s.Fatalf("start: %v", err)
	}
	return out["JobId"].(string)
}

// properties of a job, as Describe gives them.
type properties struct {
	JobId, JobArn, JobName, JobStatus, Message, DataAccessRoleArn string
	SubmitTime, EndTime                                           float64
	InputDataConfig                                               struct{ S3Uri, InputFormat string }
	OutputDataConfig                                              struct{ S3Uri string }
	VpcConfig                                                     struct{ SecurityGroupIds, Subnets []string }
}

func (a *actor) describe(id string) properties {
	a.Helper()
	var out struct{ DominantLanguageDetectionJobProperties properties }
	err := a.JSON(context.Background(), "comprehend", "Comprehend_20171127.DescribeDominantLanguageDetectionJob", dict{"JobId": id}, &out)
	if err != nil {
		a.Fatal(err)
	}
	return out.DominantLanguageDetectionJobProperties
}

// finish waits for a job's end.
func (a *actor) finish(id string) properties {
	a.Helper()
	var p properties
	until(a, time.Minute, "job "+id+" to end", func() bool {
		p = a.describe(id)
		return p.JobStatus == "COMPLETED" || p.JobStatus == "FAILED" || p.JobStatus == "STOPPED"
	})
	return p
}

// completed runs a job that must do well and gives its result's lines.
func (s *site) completed(over dict) []string {
	s.Helper()
	p := s.finish(s.start(over))
	if p.JobStatus != "COMPLETED" {
		s.Fatalf("job is %s: %s\n%s", p.JobStatus, p.Message, s.why(p.JobArn))
	}
	return s.result(p)
}

// result unpacks what a job delivered.
func (a *actor) result(p properties) []string {
	a.Helper()
	bucket, key, _ := strings.Cut(strings.TrimPrefix(p.OutputDataConfig.S3Uri, "s3://"), "/")
	b, err := a.Object(context.Background(), http.MethodGet, bucket, key, nil, nil)
	if err != nil {
		a.Fatalf("get the result: %v", err)
	}
	gz, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		a.Fatal(err)
	}
	tr := tar.NewReader(gz)
	h, err := tr.Next()
	if err != nil || h.Name != "output" {
		a.Fatalf("the archive holds %+v, %v", h, err)
	}
	text, err := io.ReadAll(tr)
	if err != nil {
		a.Fatal(err)
	}
	if _, err := tr.Next(); err != io.EOF {
		a.Fatalf("the archive holds more than one file (%v)", err)
	}
	if len(text) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// failed runs a job that must fail with this beginning of its message, and leave nothing; it gives the explanation.
func (s *site) failed(over dict, begin string, words ...string) string {
	s.Helper()
	p := s.finish(s.start(over))
	why := s.why(p.JobArn)
	if p.JobStatus != "FAILED" || !strings.HasPrefix(p.Message, begin+": ") || p.EndTime == 0 {
		s.Fatalf("job is %s: %q, want FAILED %s\n%s", p.JobStatus, p.Message, begin, why)
	}
	for _, w := range words {
		if !strings.Contains(p.Message, w) {
			s.Errorf("message %q lacks %q", p.Message, w)
		}
	}
	s.nothingLeft()
	return why
}

// nothingLeft demands that no interface is in the account but those that a test made by hand.
func (s *site) nothingLeft() {
	s.Helper()
	n := s.must("ec2", "DescribeNetworkInterfaces", "Filter.1.Name", "description", "Filter.1.Value.1", "Amazon Comprehend job *")
	if l := n.all("networkInterfaceId"); len(l) != 0 {
		s.Errorf("%d interfaces are left, %s the first", len(l), l[0].Data)
	}
}

// why prints an explanation.
func (a *actor) why(subject string) string {
	a.Helper()
	e, err := a.Explain(context.Background(), subject)
	if err != nil {
		a.Fatalf("explain %s: %v", subject, err)
	}
	var b bytes.Buffer
	e.Print(&b, "")
	return b.String()
}

// holds demands words of a text.
func holds(t testing.TB, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%q is not in:\n%s", w, text)
		}
	}
}

// line is one result.
type line struct {
	File      string
	Line      *int
	Languages []struct {
		LanguageCode string
		Score        float64
	}
	ErrorCode, ErrorMessage string
}

// short writes a result line as "file:line best" or "file:line !CODE" (line is - for whole files).
func short(t testing.TB, raw string) string {
	t.Helper()
	var l line
	d := json.NewDecoder(strings.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		t.Fatalf("result %s: %v", raw, err)
	}
	at := "-"
	if l.Line != nil {
		at = fmt.Sprint(*l.Line)
	}
	for i := 1; i < len(l.Languages); i++ {
		if l.Languages[i].Score > l.Languages[i-1].Score {
			t.Errorf("%s: the best language is not first", raw)
		}
	}
	switch {
	case l.ErrorCode != "":
		return l.File + ":" + at + " !" + l.ErrorCode
	case len(l.Languages) == 0:
		return l.File + ":" + at
	}
	return l.File + ":" + at + " " + l.Languages[0].LanguageCode
}
