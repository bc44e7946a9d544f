package wire

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"cloister/internal/core/fault"
	"cloister/internal/shape/bedrockruntime"
	"cloister/internal/shape/comprehend"
	"cloister/internal/shape/ec2"
	"cloister/internal/shape/iam"
	"cloister/internal/shape/kms"
	"cloister/internal/shape/s3"
)

func p[T any](v T) *T { return &v }

// decode sends a request all the way from its URL to a shape.
func decode(t testing.TB, service, method, target string, h http.Header, body string) (*Operation, any, *fault.Fault) {
	t.Helper()
	s := registry(t).Service(service)
	req := httptest.NewRequest(method, target, strings.NewReader(body))
	if strings.HasPrefix(body, "STREAM") {
		req.ContentLength = int64(len(body))
	}
	for k, v := range h {
		req.Header[http.CanonicalHeaderKey(k)] = v
	}
	var values url.Values
	if s.Form() {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		var f *fault.Fault
		if values, f = ParseForm(req, []byte(body)); f != nil {
			return nil, nil, f
		}
	}
	o, l, f := s.Find(req, values)
	if f != nil {
		return nil, nil, f
	}
	in, f := o.Decode(req, l, values, req.Body)
	return o, in, f
}

func registry(t testing.TB) *Registry { t.Helper(); return Open() }

func TestDecode(t *testing.T) {
	target := func(s string) http.Header { return http.Header{"X-Amz-Target": {s}} }
	for _, c := range []struct {
		name, service, method, url string
		h                          http.Header
		body                       string
		want                       any
		set                        string
	}{
		{"json", "comprehend", "POST", "/", target("Comprehend_20171127.StartDominantLanguageDetectionJob"),
			`{"InputDataConfig":{"S3Uri":"s3://b/x","InputFormat":"ONE_DOC_PER_LINE"},"VpcConfig":{"Subnets":["subnet-1"],"SecurityGroupIds":[]},"Tags":[{"Key":"k","Value":null}],"JobName":null,"__type":"x"}`,
			&comprehend.StartDominantLanguageDetectionJobRequest{
				InputDataConfig: &comprehend.InputDataConfig{S3Uri: p("s3://b/x"), InputFormat: p("ONE_DOC_PER_LINE")},
				VpcConfig:       &comprehend.VpcConfig{Subnets: []string{"subnet-1"}, SecurityGroupIds: []string{}},
				Tags:            []comprehend.Tag{{Key: p("k")}}},
			"InputDataConfig.InputFormat InputDataConfig.S3Uri Tags.Key VpcConfig.SecurityGroupIds VpcConfig.Subnets"},
		{"json empty", "kms", "POST", "/", target("TrentService.ListKeys"), "", &kms.ListKeysRequest{}, ""},
		{"json null", "kms", "POST", "/", target("TrentService.ListKeys"), "null", &kms.ListKeysRequest{}, ""},
		{"json whole float, blob, map", "kms", "POST", "/", target("TrentService.GenerateDataKey"), `{"NumberOfBytes":3.2e1,"EncryptionContext":{"a":"b"},"KeyId":"k"}`,
			&kms.GenerateDataKeyRequest{NumberOfBytes: p(int64(32)), EncryptionContext: map[string]string{"a": "b"}, KeyId: p("k")}, "EncryptionContext KeyId NumberOfBytes"},
		{"ec2", "ec2", "POST", "/", nil, "Action=AuthorizeSecurityGroupIngress&Version=2016-11-15&GroupId=sg-1&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=-1&IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0%2F8&IpPermissions.10.IpProtocol=udp&IpPermissions.2.IpProtocol=icmp&DryRun=true",
			&ec2.AuthorizeSecurityGroupIngressRequest{GroupId: p("sg-1"), DryRun: p(true), IpPermissions: []ec2.IpPermission{
				{IpProtocol: p("tcp"), FromPort: p(int64(-1)), IpRanges: []ec2.IpRange{{CidrIp: p("10.0.0.0/8")}}}, {IpProtocol: p("icmp")}, {IpProtocol: p("udp")}}},
			"DryRun GroupId IpPermissions.FromPort IpPermissions.IpProtocol IpPermissions.IpRanges.CidrIp"},
		{"ec2 lists by query name", "ec2", "POST", "/", nil, "Action=DescribeSubnets&SubnetId.1=subnet-1&Filter.1.Name=vpc-id&Filter.1.Value.1=a&Filter.1.Value.2=b",
			&ec2.DescribeSubnetsRequest{SubnetIds: []string{"subnet-1"}, Filters: []ec2.Filter{{Name: p("vpc-id"), Values: []string{"a", "b"}}}}, "Filters.Name Filters.Values SubnetIds"},
		{"query list", "iam", "POST", "/", nil, "Action=TagRole&Version=2010-05-08&RoleName=r&Tags.member.1.Key=a&Tags.member.1.Value=b",
			&iam.TagRoleRequest{RoleName: p("r"), Tags: []iam.Tag{{Key: p("a"), Value: p("b")}}}, "RoleName Tags.Key Tags.Value"},
		{"query empty list", "iam", "POST", "/", nil, "Action=UntagRole&RoleName=r&TagKeys=", &iam.UntagRoleRequest{RoleName: p("r"), TagKeys: []string{}}, "RoleName TagKeys"},
		{"rest xml payload", "s3", "POST", "/b?delete", nil, `<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Object><Key>a&amp;b</Key></Object><Object><Key>c</Key><VersionId>v</VersionId></Object><Quiet>true</Quiet></Delete>`,
			&s3.DeleteObjectsRequest{Bucket: p("b"), Delete: &s3.Delete{Objects: []s3.ObjectIdentifier{{Key: p("a&b")}, {Key: p("c"), VersionId: p("v")}}, Quiet: p(true)}},
			"Bucket Delete.Objects.Key Delete.Objects.VersionId Delete.Quiet"},
		{"checksum of the body", "s3", "PUT", "/b?versioning", http.Header{"X-Amz-Checksum-Crc32": {"AAAAAA=="}, "X-Amz-Sdk-Checksum-Algorithm": {"CRC32"}}, "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
			&s3.PutBucketVersioningRequest{Bucket: p("b"), ChecksumAlgorithm: p("CRC32"), VersioningConfiguration: &s3.VersioningConfiguration{Status: p("Enabled")}}, "Bucket ChecksumAlgorithm VersioningConfiguration.Status"},
		{"presigned with hoisted headers", "s3", "PUT", "/b?x-amz-acl=private&X-Amz-Bucket-Object-Lock-Enabled=true&X-Amz-Signature=s&X-Amz-Expires=1", nil, "", &s3.CreateBucketRequest{Bucket: p("b"), ACL: p("private"), ObjectLockEnabledForBucket: p(true)}, "ACL Bucket ObjectLockEnabledForBucket"},
		{"rest xml headers", "s3", "GET", "/b/k?response-content-type=a%2Fb&partNumber=2", http.Header{"Range": {"bytes=0-1"}, "If-Modified-Since": {"Sun, 22 Nov 2026 01:02:03 GMT"}, "X-Amz-Date": {"x"}}, "",
			&s3.GetObjectRequest{Bucket: p("b"), Key: p("k"), Range: p("bytes=0-1"), ResponseContentType: p("a/b"), PartNumber: p(int64(2)), IfModifiedSince: p(time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC))},
			"Bucket IfModifiedSince Key PartNumber Range ResponseContentType"},
		{"rest text payload", "s3", "PUT", "/b?policy", nil, `{"a":1}`, &s3.PutBucketPolicyRequest{Bucket: p("b"), Policy: p(`{"a":1}`)}, "Bucket Policy"},
		{"rest json blob payload", "bedrockruntime", "POST", "/model/m/invoke", http.Header{"Content-Type": {"application/json"}}, "bytes",
			&bedrockruntime.InvokeModelRequest{ModelId: p("m"), ContentType: p("application/json"), Body: []byte("bytes")}, "body contentType modelId"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, in, f := decode(t, c.service, c.method, c.url, c.h, c.body)
			if f != nil {
				t.Fatal(f)
			}
			if !reflect.DeepEqual(in, c.want) {
				t.Errorf("got %s, want %s", o.Params(in), o.Params(c.want))
			}
			if got := strings.Join(o.SetMembers(in), " "); got != c.set {
				t.Errorf("set %q, want %q", got, c.set)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	c17 := http.Header{"X-Amz-Target": {"Comprehend_20171127.DetectEntities"}}
	kmsH := http.Header{"X-Amz-Target": {"TrentService.GenerateDataKey"}}
	deep := strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100)
	for _, c := range []struct {
		name, service, method, url string
		h                          http.Header
		body                       string
		code, param                string // fault's code or kind
	}{
		{"not json", "comprehend", "POST", "/", c17, "{", "Malformed", ""},
		{"two values", "comprehend", "POST", "/", c17, "{} {}", "Malformed", ""},
		{"array", "comprehend", "POST", "/", c17, "[]", "Malformed", ""},
		{"wrong type", "comprehend", "POST", "/", c17, `{"Text":{}}`, "Malformed", ""},
		{"bool for string", "comprehend", "POST", "/", c17, `{"Text":true}`, "Malformed", ""},
		{"unknown member", "comprehend", "POST", "/", c17, `{"Texts":"a"}`, "NotHonoured", "Texts"},
		{"too deep", "comprehend", "POST", "/", c17, deep, "Malformed", ""},
		{"not utf-8", "comprehend", "POST", "/", c17, "{\"Text\":\"\xff\"}", "Malformed", ""},
		{"too large", "comprehend", "POST", "/", c17, `{"Text":"` + strings.Repeat("a", MaxBody) + `"}`, "TooLarge", ""},
		{"integer range", "kms", "POST", "/", kmsH, `{"NumberOfBytes":2147483648}`, "Malformed", ""},
		{"integer fraction", "kms", "POST", "/", kmsH, `{"NumberOfBytes":1.5}`, "Malformed", ""},
		{"integer huge", "kms", "POST", "/", kmsH, `{"NumberOfBytes":1e400}`, "Malformed", ""},
		{"null in list", "kms", "POST", "/", kmsH, `{"GrantTokens":[null]}`, "Malformed", ""},
		{"ec2 unknown", "ec2", "POST", "/", nil, "Action=CreateVpc&Cidr=x", "NotHonoured", "Cidr"},
		{"ec2 unknown below", "ec2", "POST", "/", nil, "Action=DescribeVpcs&Filter.1.Named=x", "NotHonoured", "Filter.Named"},
		{"ec2 list index", "ec2", "POST", "/", nil, "Action=DescribeVpcs&VpcId.x=1", "NotHonoured", "VpcId.x"},
		{"ec2 not a number", "ec2", "POST", "/", nil, "Action=DescribeVpcs&MaxResults=x", "Malformed", ""},
		{"ec2 list with a value", "ec2", "POST", "/", nil, "Action=DescribeVpcs&VpcId=vpc-1", "Malformed", ""},
		{"query structure with a value", "sts", "POST", "/", nil, "Action=AssumeRole&Tags=x&Tags.member.1.Key=k", "Malformed", ""},
		{"ec2 value with children", "ec2", "POST", "/", nil, "Action=CreateVpc&CidrBlock.1=x", "NotHonoured", "CidrBlock.1"},
		{"form twice", "ec2", "POST", "/", nil, "Action=CreateVpc&CidrBlock=a&CidrBlock=b", "Malformed", ""},
		{"form deep", "ec2", "POST", "/", nil, "Action=CreateVpc&" + strings.Repeat("a.", 100) + "b=c", "Malformed", ""},
		{"xml not well formed", "s3", "POST", "/b?delete", nil, "<Delete>", "Malformed", ""},
		{"xml other root", "s3", "PUT", "/b?versioning", nil, "<Versioning/>", "Malformed", ""},
		{"xml doctype", "s3", "POST", "/b?delete", nil, `<!DOCTYPE a [<!ENTITY b "c">]><Delete/>`, "Malformed", ""},
		{"xml unknown", "s3", "POST", "/b?delete", nil, "<Delete><Objects/></Delete>", "NotHonoured", "Delete.Objects"},
		{"xml twice", "s3", "POST", "/b?delete", nil, "<Delete><Quiet>true</Quiet><Quiet>true</Quiet></Delete>", "Malformed", ""},
		{"xml deep", "s3", "POST", "/b?delete", nil, strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100), "Malformed", ""},
		{"unknown header", "s3", "GET", "/b/k", http.Header{"X-Amz-Object-Moved": {"1"}}, "", "NotHonoured", "x-amz-object-moved"},
		{"unknown hoisted header", "s3", "GET", "/b/k?X-Amz-Object-Moved=1&X-Amz-Signature=s", nil, "", "NotHonoured", "x-amz-object-moved"},
		{"bad parameter", "s3", "GET", "/b?max-keys=x", nil, "", "InvalidArgument", ""},
		{"parameter twice", "s3", "GET", "/b?max-keys=1&max-keys=2", nil, "", "InvalidArgument", ""},
		{"body nobody asked for", "s3", "DELETE", "/b", nil, "x", "UnexpectedContent", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, f := decode(t, c.service, c.method, c.url, c.h, c.body)
			if f == nil {
				t.Fatal("passes")
			}
			got := f.Code
			if got == "" {
				got = f.Kind.String()
			}
			if got != c.code || f.Param != c.param {
				t.Errorf("%v, param %q", f, f.Param)
			}
		})
	}
}

// A stream is handed on unread, its length is the decoded one, and aws-chunked is no encoding of the content.
func TestDecodeStream(t *testing.T) {
	h := http.Header{"X-Amz-Decoded-Content-Length": {"3"}, "Content-Encoding": {"aws-chunked, gzip"}, "X-Amz-Meta-A": {"1", "2"}, "X-Amz-Acl": {"private"}}
	o, in, f := decode(t, "s3", "PUT", "/b/k", h, "abc")
	if f != nil {
		t.Fatal(f)
	}
	put := in.(*s3.PutObjectRequest)
	b, err := io.ReadAll(put.Body)
	if err != nil || string(b) != "abc" || *put.ContentLength != 3 || *put.ContentEncoding != "gzip" || put.Metadata["a"] != "1,2" {
		t.Errorf("%q %v %+v", b, err, put)
	}
	if !o.Streams() {
		t.Error("PutObject does not stream")
	}
	if s := string(o.Params(in)); strings.Contains(s, "body") || !strings.Contains(s, `"aCL":"private"`) {
		t.Error(s)
	}
	if _, in, _ = decode(t, "s3", "PUT", "/b/k", http.Header{"Content-Encoding": {"aws-chunked"}}, "abc"); in.(*s3.PutObjectRequest).ContentEncoding != nil {
		t.Error("aws-chunked is taken for an encoding")
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// A fault of the body's reader comes through; other errors say nothing of themselves.
func TestDecodeBodyFaults(t *testing.T) {
	o := Open().Service("kms").Operation("ListKeys")
	_, f := o.Decode(httptest.NewRequest("POST", "/", nil), nil, nil, failing{fault.Of(fault.BodyMismatch, "x")})
	if f == nil || f.Kind != fault.BodyMismatch {
		t.Error(f)
	}
	_, f = o.Decode(httptest.NewRequest("POST", "/", nil), nil, nil, failing{errors.New("read tcp 10.0.0.1")})
	if f == nil || strings.Contains(f.Message, "tcp") || f.Cause == nil {
		t.Error(f)
	}
}

func TestEncode(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 600e6, time.UTC)
	for _, c := range []struct {
		service, op string
		out         any
		status      int
		body        string
	}{
		{"comprehend", "DescribeDominantLanguageDetectionJob", &comprehend.DescribeDominantLanguageDetectionJobResponse{DominantLanguageDetectionJobProperties: &comprehend.DominantLanguageDetectionJobProperties{JobId: p("a\"<é"), SubmitTime: &at}},
			200, `{"DominantLanguageDetectionJobProperties":{"JobId":"a\"<é","SubmitTime":1767323045.6}}`},
		{"comprehend", "ListTagsForResource", &comprehend.ListTagsForResourceResponse{Tags: []comprehend.Tag{}}, 200, `{"Tags":[]}`},
		{"ec2", "DescribeVpcs", &ec2.DescribeVpcsResult{Vpcs: []ec2.Vpc{{VpcId: p("vpc-1"), IsDefault: p(false), Tags: []ec2.Tag{}}}}, 200,
			xmlHead + `<DescribeVpcsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r1</requestId><vpcSet><item><isDefault>false</isDefault><tagSet></tagSet><vpcId>vpc-1</vpcId></item></vpcSet></DescribeVpcsResponse>`},
		{"ec2", "DeleteSubnet", nil, 200, xmlHead + `<DeleteSubnetResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r1</requestId><return>true</return></DeleteSubnetResponse>`},
		{"iam", "CreateUser", &iam.CreateUserResponse{User: &iam.User{UserName: p("a&b"), CreateDate: &at}}, 200,
			xmlHead + `<CreateUserResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><CreateUserResult><User><UserName>a&amp;b</UserName><CreateDate>2026-01-02T03:04:05.600Z</CreateDate></User></CreateUserResult><ResponseMetadata><RequestId>r1</RequestId></ResponseMetadata></CreateUserResponse>`},
		{"iam", "DeleteUser", nil, 200, xmlHead + `<DeleteUserResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ResponseMetadata><RequestId>r1</RequestId></ResponseMetadata></DeleteUserResponse>`},
		{"s3", "ListObjectsV2", &s3.ListObjectsV2Output{Name: p("b"), KeyCount: p(int64(1)), Contents: []s3.Object{{Key: p("k"), Size: p(int64(5))}}}, 200,
			xmlHead + `<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Contents><Key>k</Key><Size>5</Size></Contents><Name>b</Name><KeyCount>1</KeyCount></ListBucketResult>`},
		{"s3", "GetBucketLocation", &s3.GetBucketLocationOutput{LocationConstraint: p("eu-west-1")}, 200, xmlHead + `<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">eu-west-1</LocationConstraint>`},
		{"s3", "GetBucketLocation", nil, 200, xmlHead + `<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></LocationConstraint>`},
		{"s3", "CopyObject", &s3.CopyObjectOutput{CopyObjectResult: &s3.CopyObjectResult{ETag: p(`"e"`)}}, 200, xmlHead + `<CopyObjectResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><ETag>&#34;e&#34;</ETag></CopyObjectResult>`},
		{"s3", "DeleteObject", &s3.DeleteObjectOutput{}, 204, ""},
		{"s3", "GetBucketPolicy", &s3.GetBucketPolicyOutput{Policy: p(`{"a":1}`)}, 200, `{"a":1}`},
	} {
		w := httptest.NewRecorder()
		if err := Open().Service(c.service).Operation(c.op).Encode(w, c.out, "r1"); err != nil {
			t.Fatal(err)
		}
		if w.Code != c.status || w.Body.String() != c.body {
			t.Errorf("%s: %d %s\nwant %s", c.op, w.Code, w.Body, c.body)
		}
	}
}

type stream struct {
	io.Reader
	closed bool
}

func (s *stream) Close() error { s.closed = true; return nil }

func TestEncodeStream(t *testing.T) {
	o := Open().Service("s3").Operation("GetObject")
	body := &stream{Reader: strings.NewReader("hello")}
	w := httptest.NewRecorder()
	lower := strings.Join([]string{"x-amz-meta", "a"}, "-") // names of metadata go out as they are kept
	err := o.Encode(w, &s3.GetObjectOutput{Body: body, ContentLength: p(int64(5)), ContentRange: p("bytes 0-4/9"), ETag: p(`"e"`), Metadata: map[string]string{"a": "b"}}, "r1")
	if err != nil || w.Code != 206 || w.Body.String() != "hello" || !body.closed || strings.Join(w.Header()[lower], "") != "b" || w.Header().Get("Content-Length") != "5" {
		t.Errorf("%v %d %q %v", err, w.Code, w.Body, w.Header())
	}
	torn := &stream{Reader: failing{errors.New("disk")}}
	if err := o.Encode(httptest.NewRecorder(), &s3.GetObjectOutput{Body: torn}, "r1"); !errors.Is(err, ErrBroken) || !torn.closed {
		t.Errorf("a torn body gives %v", err)
	}
	w = httptest.NewRecorder()
	if err := Open().Service("s3").Operation("HeadObject").Encode(w, &s3.HeadObjectOutput{ContentLength: p(int64(9))}, "r1"); err != nil || w.Body.Len() != 0 || w.Header().Get("Content-Length") != "9" {
		t.Errorf("%v %v %q", err, w.Header(), w.Body)
	}
}
