package trail

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

var at = time.Date(2026, 3, 1, 12, 30, 45, 123456000, time.UTC)

// TestRecord: the shapes of CloudTrail's own examples.
func TestRecord(t *testing.T) {
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	for _, c := range []struct {
		name string // the page whose example it follows
		e    Event
		want string
	}{
		{"IAM User Guide, Logging IAM and AWS STS API calls: IAM API event", Event{ID: "cd6302e4", Time: at, RequestID: "9EXAMPLE", Service: "iam", Name: "GetUserPolicy", ReadOnly: true,
			Account: "444455556666", Recipient: "444455556666", Region: "us-east-1", SourceIP: "127.0.0.1", UserAgent: "aws-cli/1.3.2",
			Caller:  Caller{Type: "IAMUser", Principal: "AIDACKCEVSQ6C2EXAMPLE", ARN: "arn:aws:iam::444455556666:user/JaneDoe", Account: "444455556666", AccessKey: "AKIAI44QH8DHBEXAMPLE", UserName: "JaneDoe"},
			Request: raw(`{"userName":"JaneDoe","policyName":"ReadOnlyAccess-JaneDoe"}`)},
			`{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","principalId":"AIDACKCEVSQ6C2EXAMPLE","arn":"arn:aws:iam::444455556666:user/JaneDoe","accountId":"444455556666",
			"accessKeyId":"AKIAI44QH8DHBEXAMPLE","userName":"JaneDoe"},"eventTime":"2026-03-01T12:30:45Z","eventSource":"iam.amazonaws.com","eventName":"GetUserPolicy","awsRegion":"us-east-1",
			"sourceIPAddress":"127.0.0.1","userAgent":"aws-cli/1.3.2","requestParameters":{"userName":"JaneDoe","policyName":"ReadOnlyAccess-JaneDoe"},"responseElements":null,
			"requestID":"9EXAMPLE","eventID":"cd6302e4","readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"444455556666","eventCategory":"Management"}`},
		{"IAM User Guide, the same page: AssumeRole in the account of the role", *(&Event{ID: "x", Time: at, RequestID: "4EXAMPLE", Service: "sts", Name: "AssumeRole", ReadOnly: true, SharedID: "12345678", Account: "777788889999",
			Recipient: "777788889999", Region: "us-east-2", SourceIP: "192.0.2.101", Explanation: raw(`{"secret":1}`),
			Caller:   Caller{Type: "IAMUser", Principal: "AIDAQRSTUVWXYZEXAMPLE", Account: "777788889999", ARN: "arn:aws:iam::777788889999:user/JohnDoe", AccessKey: "AKIA", UserName: "JohnDoe"},
			Request:  raw(`{"roleArn":"arn:aws:iam::111122223333:role/EC2-dev","roleSessionName":"JohnDoe-EC2-dev"}`),
			Response: raw(`{"credentials":{"accessKeyId":"ASIA"}}`), Resources: []string{"arn:aws:iam::111122223333:role/EC2-dev"}}).Foreign("bed10419", "111122223333"),
			`{"eventVersion":"1.11","userIdentity":{"type":"AWSAccount","principalId":"AIDAQRSTUVWXYZEXAMPLE","accountId":"777788889999"},"eventTime":"2026-03-01T12:30:45Z","eventSource":"sts.amazonaws.com",
			"eventName":"AssumeRole","awsRegion":"us-east-2","sourceIPAddress":"192.0.2.101","requestParameters":{"roleArn":"arn:aws:iam::111122223333:role/EC2-dev","roleSessionName":"JohnDoe-EC2-dev"},
			"responseElements":{"credentials":{"accessKeyId":"ASIA"}},"requestID":"4EXAMPLE","eventID":"bed10419","readOnly":true,
			"resources":[{"accountId":"111122223333","type":"AWS::IAM::Role","ARN":"arn:aws:iam::111122223333:role/EC2-dev"}],"eventType":"AwsApiCall","managementEvent":true,
			"recipientAccountId":"111122223333","sharedEventID":"12345678","eventCategory":"Management"}`},
		{"KMS Developer Guide, Decrypt: failed, for a role, by S3, through nothing", Event{ID: "e", Time: at, RequestID: "r", Service: "kms", Name: "Decrypt", ReadOnly: true, Recipient: "111122223333", Region: "us-west-2",
			SourceIP: "s3.amazonaws.com", UserAgent: "s3.amazonaws.com", ErrorCode: "AccessDenied", Error: "no", Response: raw(`{"x":1}`),
			Caller: Caller{Type: "AssumedRole", Principal: "AROAEXAMPLE:s", ARN: "arn:aws:sts::111122223333:assumed-role/Admin/s", Account: "111122223333", AccessKey: "ASIA", Issuer: "arn:aws:iam::111122223333:role/path/Admin",
				IssuedAt: "2026-03-01T12:00:00Z", InvokedBy: "s3.amazonaws.com", SourceID: "ann"},
			Resources: []string{"arn:aws:kms:us-west-2:111122223333:key/k"}},
			`{"eventVersion":"1.11","userIdentity":{"type":"AssumedRole","principalId":"AROAEXAMPLE:s","arn":"arn:aws:sts::111122223333:assumed-role/Admin/s","accountId":"111122223333","accessKeyId":"ASIA",
			"sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAEXAMPLE","arn":"arn:aws:iam::111122223333:role/path/Admin","accountId":"111122223333","userName":"Admin"},
			"attributes":{"creationDate":"2026-03-01T12:00:00Z","mfaAuthenticated":"false"},"sourceIdentity":"ann"},"invokedBy":"s3.amazonaws.com"},
			"eventTime":"2026-03-01T12:30:45Z","eventSource":"kms.amazonaws.com","eventName":"Decrypt","awsRegion":"us-west-2","sourceIPAddress":"s3.amazonaws.com","userAgent":"s3.amazonaws.com",
			"errorCode":"AccessDenied","errorMessage":"no","requestParameters":null,"responseElements":null,"requestID":"r","eventID":"e","readOnly":true,
			"resources":[{"accountId":"111122223333","type":"AWS::KMS::Key","ARN":"arn:aws:kms:us-west-2:111122223333:key/k"}],"eventType":"AwsApiCall","managementEvent":true,
			"recipientAccountId":"111122223333","eventCategory":"Management"}`},
		{"S3 User Guide, Example: CloudTrail log file entries: PutObject, through an endpoint", Event{ID: "e", Time: at, RequestID: "r", Service: "s3", Name: "PutObject", Recipient: "111122223333", Region: "us-east-1", SourceIP: "10.0.0.5",
			Host: "b.s3.amazonaws.com", Caller: Caller{Type: "Root", Principal: "111122223333", ARN: "arn:aws:iam::111122223333:root", Account: "111122223333", AccessKey: "AKIA"},
			Request: raw(`{"bucket":"b","key":"k","aCL":"private","metadata":{"x":"secret"},"serverSideEncryption":"aws:kms"}`), Additional: raw(`{"bytesTransferredIn":5,"SSEApplied":"SSE_KMS"}`),
			Resources: []string{"arn:aws:s3:::b/k"}, Owner: "111122223333", Endpoint: "vpce-1", EndpointOf: "111122223333", Interface: "eni-1",
			TLS: &TLS{Version: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256", Host: "b.s3.amazonaws.com"}},
			`{"eventVersion":"1.11","userIdentity":{"type":"Root","principalId":"111122223333","arn":"arn:aws:iam::111122223333:root","accountId":"111122223333","accessKeyId":"AKIA"},
			"eventTime":"2026-03-01T12:30:45Z","eventSource":"s3.amazonaws.com","eventName":"PutObject","awsRegion":"us-east-1","sourceIPAddress":"10.0.0.5",
			"requestParameters":{"bucketName":"b","Host":"b.s3.amazonaws.com","key":"k","x-amz-acl":"private","x-amz-server-side-encryption":"aws:kms"},"responseElements":null,
			"additionalEventData":{"bytesTransferredIn":5,"SSEApplied":"SSE_KMS"},"requestID":"r","eventID":"e","readOnly":false,
			"resources":[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::b/k"},{"accountId":"111122223333","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::b"}],
			"eventType":"AwsApiCall","managementEvent":false,"recipientAccountId":"111122223333","vpcEndpointId":"vpce-1","vpcEndpointAccountId":"111122223333","eventCategory":"Data",
			"tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"b.s3.amazonaws.com"}}`},
		{"S3 User Guide, the same page: nobody's call, listing in its new form", Event{ID: "e", Time: at, Service: "s3", Name: "ListObjectsV2", ReadOnly: true, Recipient: "111122223333", Region: "us-east-1",
			Caller: Caller{Type: "Unknown", Principal: "anonymous"}, Request: raw(`{"bucket":"b"}`)},
			`{"eventVersion":"1.11","userIdentity":{"type":"AWSAccount","principalId":"","accountId":"ANONYMOUS_PRINCIPAL"},"eventTime":"2026-03-01T12:30:45Z","eventSource":"s3.amazonaws.com",
			"eventName":"ListObjects","awsRegion":"us-east-1","requestParameters":{"bucketName":"b","list-type":"2"},"responseElements":null,"eventID":"e","readOnly":true,"eventType":"AwsApiCall",
			"managementEvent":false,"recipientAccountId":"111122223333","eventCategory":"Data"}`},
		{"CloudTrail User Guide, userIdentity: a service", Event{ID: "e", Time: at, Service: "sts", Name: "AssumeRole", ReadOnly: true, Recipient: "1", Region: "us-east-1", SourceIP: "comprehend.amazonaws.com",
			Caller: Caller{Type: "AWSService", ARN: "comprehend.amazonaws.com", Principal: "comprehend.amazonaws.com", InvokedBy: "comprehend.amazonaws.com"}, Type: "AwsServiceEvent"},
			`{"eventVersion":"1.11","userIdentity":{"type":"AWSService","invokedBy":"comprehend.amazonaws.com"},"eventTime":"2026-03-01T12:30:45Z","eventSource":"sts.amazonaws.com","eventName":"AssumeRole",
			"awsRegion":"us-east-1","sourceIPAddress":"comprehend.amazonaws.com","requestParameters":null,"responseElements":null,"eventID":"e","readOnly":true,"eventType":"AwsServiceEvent","managementEvent":true,
			"recipientAccountId":"1","eventCategory":"Management"}`},
	} {
		got := Record(&c.e)
		var g, w any
		if err := json.Unmarshal(got, &g); err != nil {
			t.Errorf("%s: %v: %s", c.name, err, got)
			continue
		}
		if err := json.Unmarshal([]byte(c.want), &w); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(g, w) {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
		if strings.Contains(string(got), "secret") || strings.Contains(string(got), "eni-1") {
			t.Errorf("%s tells too much: %s", c.name, got)
		}
	}
}

func TestClass(t *testing.T) {
	for _, c := range []struct {
		service, name string
		read          bool
		want          Class
	}{
		{"s3", "PutObject", false, Data}, {"s3", "GetObject", true, Data}, {"s3", "ListObjectsV2", true, Data}, {"s3", "CreateBucket", false, Write}, {"s3", "GetBucketPolicy", true, Read},
		{"kms", "Decrypt", true, Read}, {"kms", "CreateKey", false, Write}, {"logs", "PutLogEvents", false, Data}, {"logs", "CreateLogGroup", false, Write}, {"sts", "AssumeRole", true, Read},
	} {
		if got := (&Event{Service: c.service, Name: c.name, ReadOnly: c.read}).Class(); got != c.want {
			t.Errorf("%s:%s is %d, want %d", c.service, c.name, got, c.want)
		}
	}
}

func TestID(t *testing.T) {
	id := ID(at, []byte("0123456789"))
	back, ok := At(id)
	if !ok || back != at.Truncate(time.Millisecond) || len(id) != 36 || id >= ID(at.Add(time.Millisecond), make([]byte, 10)) {
		t.Errorf("%s tells %v, %v", id, back, ok)
	}
	for _, bad := range []string{"", "x", "00000000-0000-4000-8000-000000000000", "zzzzzzzz-0000-7000-8000-000000000000"} {
		if _, ok := At(bad); ok {
			t.Errorf("%q has a time", bad)
		}
	}
}

func TestNamesOfThings(t *testing.T) {
	for arn, want := range map[string]string{"arn:aws:s3:::b": "AWS::S3::Bucket", "arn:aws:s3:::b/k": "AWS::S3::Object", "arn:aws:kms:r:1:key/x": "AWS::KMS::Key", "arn:aws:logs:r:1:log-group:g": "AWS::Logs::LogGroup",
		"arn:aws:x:r:1:y/z": "", "nonsense": ""} {
		if got := Kind(arn); got != want {
			t.Errorf("%s is %q, want %q", arn, got, want)
		}
	}
	all := strings.Join(Named("aws", "1", "r", "x"), " ") + " "
	for _, want := range []string{"arn:aws:s3:::x ", "arn:aws:iam::1:role/x ", "arn:aws:ec2:r:1:vpc/x ", "arn:aws:logs:r:1:log-group:x "} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not among %s", want, all)
		}
	}
	for want, e := range map[string]Event{"ann": {Caller: Caller{Type: "IAMUser", UserName: "ann"}}, "root": {Caller: Caller{Type: "Root"}}, "s": {Caller: Caller{Type: "AssumedRole", ARN: "arn:aws:sts::1:assumed-role/r/s"}},
		"": {Caller: Caller{Type: "AWSService", ARN: "s3.amazonaws.com"}}} {
		if got := e.User(); got != want {
			t.Errorf("the user is %q, want %q", got, want)
		}
	}
}
