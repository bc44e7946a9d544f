package wire

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"cloister/internal/core/fault"
)

func TestVirtualBucket(t *testing.T) {
	for host, want := range map[string]string{
		"s3.amazonaws.com": "", "b.s3.amazonaws.com": "b", "a.b.s3.us-east-1.amazonaws.com": "a.b", "b.s3-eu-west-1.amazonaws.com:443": "b",
		"b.s3.dualstack.eu-west-1.amazonaws.com": "b", "s3.eu-west-1.amazonaws.com": "", "s3-eu-west-1.amazonaws.com": "", "x.s3.y.s3.amazonaws.com": "x.s3.y",
		"b.s3.localhost:4566": "b", "b.localhost": "b", "b.localhost:4566": "b", "localhost:4566": "", "s3.localhost": "", "127.0.0.1:4566": "", "[::1]:4566": "",
		"000000000000.localhost:4566": "", "000000000000.s3-control.us-east-1.amazonaws.com": "", "B.S3.AmazonAWS.com": "B",
		"bucket.vpce-1-2.s3.us-east-1.vpce.amazonaws.com": "", "b.bucket.vpce-1-2.s3.us-east-1.vpce.amazonaws.com": "b", "a.B.bucket.vpce-1-2-us-east-1a.s3.us-east-1.vpce.amazonaws.com:443": "a.B",
		"control.vpce-1-2.s3.us-east-1.vpce.amazonaws.com": "", "vpce-1-2.sts.us-east-1.vpce.amazonaws.com": "", "b.bucket.vpce-1-2.sts.us-east-1.vpce.amazonaws.com": "", "vpce.amazonaws.com": "",
		"comprehend.us-east-1.amazonaws.com": "", "b.s3.us-east-1.localhost": "b", "": "",
	} {
		if got := VirtualBucket(host); got != want {
			t.Errorf("%q: %q, want %q", host, got, want)
		}
	}
}

func TestRoute(t *testing.T) {
	r := Open()
	const form = "application/x-www-form-urlencoded; charset=utf-8"
	for _, c := range []struct {
		method, host, path, signing string
		headers                     string // "K: V|K: V"
		body                        string
		want                        string // service.Operation label=value ..., or ! and the fault's kind
	}{
		{"POST", "h", "/", "comprehend", "X-Amz-Target: Comprehend_20171127.DetectEntities", "", "comprehend.DetectEntities"},
		{"POST", "h", "/", "cloudtrail", "X-Amz-Target: com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.CreateTrail", "", "cloudtrail.CreateTrail"},
		{"POST", "h", "/", "cloudtrail", "X-Amz-Target: CloudTrail_20131101.CreateTrail", "", "cloudtrail.CreateTrail"},
		{"POST", "h", "/", "tagging", "X-Amz-Target: ResourceGroupsTaggingAPI_20170126.GetResources", "", "tagging.GetResources"},
		{"POST", "h", "/", "kms", "X-Amz-Target: TrentService.Nothing", "", "!UnknownAction"},
		{"POST", "h", "/", "kms", "X-Amz-Target: Nobody.CreateKey", "", "!UnknownAction"},
		{"POST", "h", "/", "dynamodb", "", "", "!UnknownAction"},
		{"POST", "h", "/", "ec2", "Content-Type: " + form, "Action=CreateVpc&Version=2016-11-15", "ec2.CreateVpc"},
		{"POST", "h", "/", "ec2", "Content-Type: " + form, "Action=RunAway&Version=2016-11-15", "!UnknownAction"},
		{"POST", "h", "/", "iam", "Content-Type: " + form, "Action=CreateRole&Version=2016-11-15", "!UnknownAction"},
		{"GET", "h", "/?Action=GetCallerIdentity&Version=2011-06-15", "sts", "", "", "sts.GetCallerIdentity"},
		{"POST", "h", "/", "", "Content-Type: " + form, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15", "sts.AssumeRoleWithWebIdentity"},
		{"POST", "ec2.us-east-1.amazonaws.com", "/", "", "Content-Type: " + form, "Action=CreateVpc", "ec2.CreateVpc"},
		{"GET", "h", "/?Action=ListUsers&Version=2010-05-08", "", "", "", "iam.ListUsers"},
		{"POST", "h", "/model-customization-jobs", "bedrock", "", "", "bedrock.CreateModelCustomizationJob"},
		{"GET", "h", "/model-customization-jobs/arn%3Aaws%3Abedrock%3Aus-east-1%3A0%3Amodel-customization-job%2Fa%2Fb", "bedrock", "", "", "bedrock.GetModelCustomizationJob jobIdentifier=arn:aws:bedrock:us-east-1:0:model-customization-job/a/b"},
		{"POST", "h", "/model/amazon.titan/invoke", "bedrock", "", "", "bedrockruntime.InvokeModel modelId=amazon.titan"},
		{"GET", "h", "/nothing/here", "bedrock", "", "", "!UnknownAction"},
		{"GET", "h", "/", "s3", "", "", "s3.ListBuckets"},
		{"GET", "h", "/", "", "", "", "s3.ListBuckets"},
		{"GET", "h", "/b", "s3", "", "", "s3.ListObjects Bucket=b"},
		{"GET", "h", "/b/", "s3", "", "", "s3.ListObjects Bucket=b"},
		{"GET", "h", "/b?list-type=2&prefix=x", "s3", "", "", "s3.ListObjectsV2 Bucket=b"},
		{"GET", "h", "/b/a%20b//c/?x-id=GetObject", "s3", "", "", "s3.GetObject Bucket=b Key=a b//c/"},
		{"GET", "b.localhost:4566", "/k", "s3", "", "", "s3.GetObject Bucket=b Key=k"},
		{"GET", "b.s3.eu-west-1.amazonaws.com", "/?list-type=2", "s3", "", "", "s3.ListObjectsV2 Bucket=b"},
		{"HEAD", "b.s3-eu-west-1.amazonaws.com", "/k", "s3", "", "", "s3.HeadObject Bucket=b Key=k"},
		{"PUT", "h", "/b/k", "s3", "", "", "s3.PutObject Bucket=b Key=k"},
		{"PUT", "h", "/b/k", "s3", "X-Amz-Copy-Source: /a/b", "", "s3.CopyObject Bucket=b Key=k"},
		{"PUT", "h", "/b/k?partNumber=1&uploadId=u", "s3", "", "", "s3.UploadPart Bucket=b Key=k"},
		{"PUT", "h", "/b/k?partNumber=1&uploadId=u", "s3", "X-Amz-Copy-Source: /a/b", "", "s3.UploadPartCopy Bucket=b Key=k"},
		{"GET", "h", "/b/k?uploadId=u", "s3", "", "", "s3.ListParts Bucket=b Key=k"},
		{"DELETE", "h", "/b/k?uploadId=u", "s3", "", "", "s3.AbortMultipartUpload Bucket=b Key=k"},
		{"DELETE", "h", "/b/k?versionId=u", "s3", "", "", "s3.DeleteObject Bucket=b Key=k"},
		{"POST", "h", "/b/k?uploads", "s3", "", "", "s3.CreateMultipartUpload Bucket=b Key=k"},
		{"POST", "h", "/b/k?uploadId=u", "s3", "", "", "s3.CompleteMultipartUpload Bucket=b Key=k"},
		{"POST", "h", "/b?delete", "s3", "", "", "s3.DeleteObjects Bucket=b"},
		{"GET", "h", "/b?acl", "s3", "", "", "s3.GetBucketAcl Bucket=b"},
		{"GET", "h", "/b/k?acl", "s3", "", "", "s3.GetObjectAcl Bucket=b Key=k"},
		{"PUT", "h", "/b/k?renameObject", "s3", "", "", "!NotImplemented"},
		{"GET", "h", "/b?metadataTable", "s3", "", "", "!NotImplemented"},
		{"PATCH", "h", "/b", "s3", "", "", "!UnknownAction"},
		{"GET", "h", "/b?a=%zz", "s3", "", "", "!Malformed"},
		{"GET", "000000000000.localhost", "/v20180820/tags/arn%3Aaws%3As3%3A%3A%3Ab", "s3", "X-Amz-Account-Id: 000000000000", "", "s3control.ListTagsForResource resourceArn=arn:aws:s3:::b"},
		{"GET", "h", "/v20180820/tags", "s3", "", "", "s3.GetObject Bucket=v20180820 Key=tags"},
		{"PUT", "h", "/b/k", "", "Content-Type: " + form, "x", "s3.PutObject Bucket=b Key=k"},
		{"PUT", "h", "/b/k", "s3", "X-Amz-Target: TrentService.CreateKey", "", "s3.PutObject Bucket=b Key=k"},
	} {
		req := httptest.NewRequest(c.method, "http://"+c.host+strings.ReplaceAll(c.path, "%zz", "%25zz"), strings.NewReader(c.body))
		if strings.Contains(c.path, "%zz") {
			req.URL.RawQuery = "a=%zz"
		}
		for _, h := range strings.Split(c.headers, "|") {
			if k, v, ok := strings.Cut(h, ": "); ok {
				req.Header.Set(k, v)
			}
		}
		got := ""
		s, f := r.Identify(req, c.signing)
		if f == nil {
			var values url.Values
			if s.Form() {
				values, f = ParseForm(req, []byte(c.body))
			}
			if f == nil {
				var o *Operation
				var l Labels
				if o, l, f = s.Find(req, values); f == nil {
					got = s.Name + "." + o.Name
					for _, k := range sortedKeys(l) {
						got += " " + k + "=" + l[k]
					}
				}
			}
		}
		if f != nil {
			got = "!" + f.Kind.String()
		}
		if got != c.want {
			t.Errorf("%s %s%s %s: %s, want %s (%v)", c.method, c.host, c.path, c.headers, got, c.want, f)
		}
	}
	if _, f := ParseForm(httptest.NewRequest("GET", "/?a=1;b=2", nil), nil); f == nil || f.Kind != fault.Malformed {
		t.Errorf("a semicolon passes: %v", f)
	}
}
