package wire

import (
	"net/http/httptest"
	"strings"
	"testing"

	"cloister/internal/core/fault"
)

// One row a family and kind. Sources: see codeOf.
func TestFaults(t *testing.T) {
	r := Open()
	of := func(k fault.Kind) *fault.Fault { return fault.Of(k, "") }
	for _, c := range []struct {
		service, op string
		f           *fault.Fault
		status      int
		want        string // in the body
		header      string // x-amzn-ErrorType
	}{
		{"comprehend", "DetectEntities", fault.Of(fault.AccessDenied, "User: a is not"), 403, `{"__type":"AccessDeniedException","Message":"User: a is not"}`, ""},
		{"kms", "CreateKey", fault.Of(fault.AccessDenied, "User: a is not"), 400, `"__type":"AccessDeniedException"`, ""},
		{"sagemaker", "AddTags", of(fault.AccessDenied), 400, `"AccessDeniedException"`, ""},
		{"bedrock", "GetCustomModel", fault.Of(fault.AccessDenied, "User"), 403, `{"message":"User"}`, "AccessDeniedException"},
		{"ec2", "CreateVpc", fault.Of(fault.AccessDenied, "User: a"), 403, "<Code>UnauthorizedOperation</Code><Message>You are not authorized to perform this operation. User: a</Message>", ""},
		{"iam", "CreateRole", fault.Of(fault.AccessDenied, "User"), 403, "<Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User</Message></Error><RequestId>r1</RequestId></ErrorResponse>", ""},
		{"s3", "GetObject", fault.Of(fault.AccessDenied, "User").Field("Resource", "/b&"), 403, "<Error><Code>AccessDenied</Code><Message>User</Message><Resource>/b&amp;</Resource><RequestId>r1</RequestId>", ""},
		{"s3control", "TagResource", of(fault.AccessDenied), 403, `<ErrorResponse xmlns="http://awss3control.amazonaws.com/doc/2018-08-20/"><Error><Type>Sender</Type><Code>AccessDenied`, ""},
		{"kms", "CreateKey", of(fault.BadSignature), 400, "InvalidSignatureException", ""},
		{"bedrock", "GetCustomModel", of(fault.BadSignature), 403, "signature", "InvalidSignatureException"},
		{"sts", "AssumeRole", of(fault.BadSignature), 403, "<Code>SignatureDoesNotMatch</Code>", ""},
		{"ec2", "CreateVpc", of(fault.BadSignature), 401, "<Code>AuthFailure</Code>", ""},
		{"s3", "GetObject", of(fault.BadSignature), 403, "<Code>SignatureDoesNotMatch</Code>", ""},
		{"s3", "GetObject", of(fault.Skewed), 403, "<Code>RequestTimeTooSkewed</Code><Message>The difference", ""},
		{"s3", "GetObject", of(fault.UnknownKey), 403, "<Code>InvalidAccessKeyId</Code>", ""},
		{"s3", "PutObject", of(fault.BodyMismatch), 400, "<Code>XAmzContentSHA256Mismatch</Code>", ""},
		{"s3", "PutObject", &fault.Fault{Kind: fault.BodyMismatch, Param: "content-md5"}, 400, "<Code>BadDigest</Code>", ""},
		{"s3", "GetObject", &fault.Fault{Kind: fault.ExpiredToken, Param: "X-Amz-Expires"}, 403, "<Code>AccessDenied</Code><Message>Request has expired", ""},
		{"s3", "GetObject", fault.New("NoSuchKey", "The specified key does not exist.").Field("Key", "a/b"), 404, "<Code>NoSuchKey</Code><Message>The specified key does not exist.</Message><Key>a/b</Key>", ""},
		{"s3", "GetBucketPolicy", fault.New("NoSuchBucketPolicy", "x"), 404, "<Code>NoSuchBucketPolicy</Code>", ""},
		{"s3", "PutObject", fault.New("PreconditionFailed", "x"), 412, "<Code>PreconditionFailed</Code>", ""},
		{"iam", "GetRole", fault.New("NoSuchEntity", "x"), 404, "<Code>NoSuchEntity</Code>", ""},
		{"iam", "GetRole", fault.New("NoSuchEntityException", "x"), 404, "<Code>NoSuchEntity</Code>", ""},
		{"sts", "AssumeRole", of(fault.MissingAuth), 403, "<Code>MissingAuthenticationToken</Code>", ""},
		{"kms", "DescribeKey", fault.New("NotFoundException", "Invalid keyId"), 400, `{"__type":"NotFoundException","message":"Invalid keyId"}`, ""},
		{"comprehend", "DescribeEndpoint", fault.New("ResourceNotFoundException", "x"), 400, `{"__type":"ResourceNotFoundException","Message":"x"}`, ""},
		{"bedrock", "GetCustomModel", fault.New("ResourceNotFoundException", "x"), 404, `{"message":"x"}`, "ResourceNotFoundException"},
		{"ec2", "DescribeVpcs", fault.New("InvalidVpcID.NotFound", "The vpc ID 'vpc-1' does not exist"), 400, "<Response><Errors><Error><Code>InvalidVpcID.NotFound</Code><Message>The vpc ID &#39;vpc-1&#39; does not exist</Message></Error></Errors><RequestID>r1</RequestID></Response>", ""},
		{"ec2", "CreateVpc", of(fault.DryRun), 412, "<Code>DryRunOperation</Code>", ""},
		{"ec2", "CreateVpc", of(fault.NotImplemented), 501, "<Code>NotImplemented</Code>", ""},
		{"logs", "PutLogEvents", fault.Of(fault.Invalid, "1 validation"), 400, "InvalidParameterException", ""},
		{"sts", "AssumeRole", fault.Of(fault.Invalid, "1 validation"), 400, "<Code>ValidationError</Code>", ""},
		{"comprehend", "DetectEntities", fault.Of(fault.Invalid, "1 validation"), 400, `"__type":"ValidationException"`, ""},
		{"comprehend", "DetectEntities", fault.Of(fault.Malformed, "x"), 400, "SerializationException", ""},
		{"", "", of(fault.UnknownAction), 400, "UnknownOperationException", ""},
	} {
		s := r.Service(c.service)
		var o *Operation
		if s != nil {
			o = s.Operation(c.op)
		}
		w := httptest.NewRecorder()
		EncodeFault(w, httptest.NewRequest("POST", "/", nil), s, o, c.f, "r1")
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) || w.Header().Get("x-amzn-ErrorType") != c.header {
			t.Errorf("%s %v: %d %v %s\nwant %d %s", c.service, c.f, w.Code, w.Header(), w.Body, c.status, c.want)
		}
		if c.service == "s3" && (w.Header().Get("x-amz-request-id") != "r1" || w.Header().Get("x-amz-id-2") == "") {
			t.Errorf("no S3 request ids: %v", w.Header())
		}
	}
}

// Our own failures say nothing of themselves, whatever the fault's text.
func TestInternalSaysNothing(t *testing.T) {
	for _, s := range Open().Services() {
		w := httptest.NewRecorder()
		EncodeFault(w, httptest.NewRequest("POST", "/", nil), s, nil, fault.Of(fault.Internal, "disk /secret/path"), "r1")
		if w.Code != 500 || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: %d %s", s.Name, w.Code, w.Body)
		}
	}
}

func TestHeadFaultHasNoBody(t *testing.T) {
	w := httptest.NewRecorder()
	s := Open().Service("s3")
	EncodeFault(w, httptest.NewRequest("HEAD", "/b/k", nil), s, s.Operation("HeadObject"), fault.New("NoSuchKey", "x"), "r1")
	if w.Code != 404 || w.Body.Len() != 0 {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}

// Every kind has a code and an error status in every service.
func TestEveryKindIsMapped(t *testing.T) {
	for _, s := range Open().Services() {
		for k := fault.Internal; k <= fault.Unavailable; k++ {
			a := Explain(s, nil, fault.Of(k, ""))
			if a.Code == "" || a.Status < 400 || a.Message == "" {
				t.Errorf("%s %s: %+v", s.Name, k, a)
			}
			if k != fault.Internal && a.Status == 500 {
				t.Errorf("%s has no answer for %s", s.Name, k)
			}
		}
	}
}
