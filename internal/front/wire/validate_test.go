package wire

import (
	"strings"
	"testing"

	"cloister/internal/core/fault"
	"cloister/internal/shape/comprehend"
	"cloister/internal/shape/ec2"
	"cloister/internal/shape/iam"
	"cloister/internal/shape/kms"
	"cloister/internal/shape/logs"
	"cloister/internal/shape/s3"
	"cloister/internal/shape/sts"
)

// The sentences are those of AWS's service framework, as its answers show them.
func TestValidate(t *testing.T) {
	long := strings.Repeat("a", 129)
	for _, c := range []struct {
		service, op string
		in          any
		code, want  string // code of a Modelled fault, else the kind; want is the message
	}{
		{"comprehend", "DetectEntities", &comprehend.DetectEntitiesRequest{Text: p("x"), LanguageCode: p("en")}, "", ""},
		{"comprehend", "DetectDominantLanguage", &comprehend.DetectDominantLanguageRequest{}, "Invalid", "1 validation error detected: Value null at 'text' failed to satisfy constraint: Member must not be null"},
		{"comprehend", "DetectEntities", &comprehend.DetectEntitiesRequest{Text: p("")}, "Invalid", "1 validation error detected: Value at 'text' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"comprehend", "StartDominantLanguageDetectionJob", &comprehend.StartDominantLanguageDetectionJobRequest{
			InputDataConfig: &comprehend.InputDataConfig{S3Uri: p("S3://x")}, OutputDataConfig: &comprehend.OutputDataConfig{S3Uri: p("s3://bucket/x")}, DataAccessRoleArn: p("arn:aws:iam::123456789012:role/r"),
			VpcConfig: &comprehend.VpcConfig{SecurityGroupIds: []string{"sg-1"}, Subnets: []string{"a b"}}},
			"Invalid", `2 validation errors detected: Value 'S3://x' at 'inputDataConfig.s3Uri' failed to satisfy constraint: Member must satisfy regular expression pattern: s3://[a-z0-9][\.\-a-z0-9]{1,61}[a-z0-9](/.*)?; Value '[a b]' at 'vpcConfig.subnets' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 32, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [-0-9a-zA-Z]+]`},
		{"comprehend", "TagResource", &comprehend.TagResourceRequest{ResourceArn: p("arn:aws:comprehend:us-east-1:123456789012:endpoint/x"), Tags: []comprehend.Tag{{Key: p("a")}, {Key: &long}}},
			"Invalid", "1 validation error detected: Value '" + long + "' at 'tags.2.member.key' failed to satisfy constraint: Member must have length less than or equal to 128"},
		{"kms", "GenerateRandom", &kms.GenerateRandomRequest{NumberOfBytes: p(int64(0))}, "Invalid", "1 validation error detected: Value '0' at 'numberOfBytes' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{"kms", "Encrypt", &kms.EncryptRequest{KeyId: p("k"), Plaintext: []byte{}}, "Invalid", "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"logs", "DescribeLogStreams", &logs.DescribeLogStreamsRequest{LogGroupName: p("g"), Limit: p(int64(51))}, "Invalid", "1 validation error detected: Value '51' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 50"},
		{"sts", "AssumeRole", &sts.AssumeRoleRequest{RoleArn: p("arn:aws:iam::123456789012:role/r"), RoleSessionName: p("Session1:2")}, "Invalid", `1 validation error detected: Value 'Session1:2' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*`},
		{"iam", "UpdateAccessKey", &iam.UpdateAccessKeyRequest{AccessKeyId: p("AKIAAAAAAAAAAAAAAAAA"), Status: p("On")}, "Invalid", "1 validation error detected: Value 'On' at 'status' failed to satisfy constraint: Member must satisfy enum value set: [Active, Inactive, Expired]"},
		{"ec2", "DeleteVpc", &ec2.DeleteVpcRequest{}, "MissingParameter", "The request must contain the parameter VpcId"},
		{"ec2", "DescribeVpcs", &ec2.DescribeVpcsRequest{MaxResults: p(int64(3))}, "InvalidParameterValue", "Value (3) for parameter maxResults is invalid. Expecting a value greater than or equal to 5."},
		{"s3", "GetBucketAcl", &s3.GetBucketAclRequest{}, "InvalidArgument", "Value null at 'bucket' is invalid: Member must not be null"},
		{"s3", "PutObject", &s3.PutObjectRequest{Bucket: p("b"), Key: p("k"), StorageClass: p("WARM")}, "InvalidStorageClass", "The storage class you specified is not valid"},
		{"s3", "DeleteObjects", &s3.DeleteObjectsRequest{Bucket: p("b")}, "MissingRequestBodyError", "Request Body is empty"},
		{"s3", "DeleteObjects", &s3.DeleteObjectsRequest{Bucket: p("b"), Delete: &s3.Delete{}}, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema"},
		{"s3", "CreateBucket", &s3.CreateBucketRequest{Bucket: p("b"), CreateBucketConfiguration: &s3.CreateBucketConfiguration{LocationConstraint: p("mars")}}, "InvalidLocationConstraint", "The specified location-constraint is not valid"},
	} {
		f := Open().Service(c.service).Operation(c.op).Validate(c.in)
		if f == nil {
			f = &fault.Fault{}
		}
		code := f.Code
		if f.Kind != fault.Modelled {
			code = f.Kind.String()
		}
		if code != c.code || f.Message != c.want {
			t.Errorf("%s: %s %s\nwant %s %s", c.op, code, f.Message, c.code, c.want)
		}
	}
}

// What is secret is neither quoted nor recorded.
func TestSecretsStayInside(t *testing.T) {
	r := Open()
	for _, c := range []struct {
		service, op string
		in          any
	}{
		{"comprehend", "DetectEntities", &comprehend.DetectEntitiesRequest{Text: p("hush")}},
		{"comprehend", "BatchDetectEntities", &comprehend.BatchDetectEntitiesRequest{TextList: []string{"hush", ""}}},
		{"comprehend", "DetectToxicContent", &comprehend.DetectToxicContentRequest{TextSegments: []comprehend.TextSegment{{Text: p("hush")}}}},
		{"kms", "Encrypt", &kms.EncryptRequest{KeyId: p("k"), Plaintext: []byte("hush")}},
		{"iam", "CreateLoginProfile", &iam.CreateLoginProfileRequest{UserName: p("u"), Password: p("hush")}},
		{"s3", "PutObject", &s3.PutObjectRequest{SSECustomerKey: p("hush"), Body: strings.NewReader("hush")}},
	} {
		o := r.Service(c.service).Operation(c.op)
		got := string(o.Params(c.in))
		if strings.Contains(got, "hush") || strings.Contains(got, "aHVzaA") || !strings.Contains(got, Hidden) {
			t.Errorf("%s records %s", c.op, got)
		}
		if f := o.Validate(c.in); f != nil && strings.Contains(f.Message, "hush") {
			t.Errorf("%s quotes %s", c.op, f.Message)
		}
	}
	o := r.Service("sts").Operation("AssumeRole")
	if got := string(o.Elements(&sts.AssumeRoleResponse{Credentials: &sts.Credentials{AccessKeyId: p("ASIA"), SecretAccessKey: p("hush"), SessionToken: p("hush")}})); got != `{"credentials":{"accessKeyId":"ASIA","secretAccessKey":"HIDDEN_DUE_TO_SECURITY_REASONS","sessionToken":"HIDDEN_DUE_TO_SECURITY_REASONS"}}` {
		t.Error(got)
	}
}
