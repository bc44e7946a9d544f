package whole_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloister/internal/core/sigv4"
)

// send asks S3 with headers of its own.
func (a *actor) send(method, bucket, key string, q url.Values, h map[string]string, body []byte) (*http.Response, string) {
	a.Helper()
	path := sigv4.EscapePath("/" + bucket + "/" + key)
	req, err := http.NewRequestWithContext(context.Background(), method, a.Endpoint+path+"?"+sigv4.EncodeQuery(q), bytes.NewReader(body))
	if err != nil {
		a.Fatal(err)
	}
	for k, v := range h {
		req.Header.Set(k, v)
	}
	sigv4.Sign(&sigv4.Request{Method: method, Path: path, RawQuery: req.URL.RawQuery, Host: req.URL.Host, Header: req.Header}, a.Creds, a.Region, "s3", sigv4.Hash(body), time.Now())
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		a.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		a.Fatal(err)
	}
	return res, string(b)
}

func (a *actor) kms(op string, in dict) dict {
	a.Helper()
	var out dict
	into := any(&out)
	if op == "DisableKey" || op == "EnableKey" { // which answer nothing
		into = nil
	}
	if err := a.JSON(context.Background(), "kms", "TrentService."+op, in, into); err != nil {
		a.Fatalf("%s: %v", op, err)
	}
	return out
}

func (a *actor) newKey() string {
	a.Helper()
	return a.kms("CreateKey", dict{})["KeyMetadata"].(dict)["Arn"].(string)
}

// defaultKey makes a bucket's default encryption SSE-KMS.
func (a *actor) defaultKey(bucket, key string) {
	a.Helper()
	body := `<ServerSideEncryptionConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>` +
		key + `</KMSMasterKeyID></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`
	if res, text := a.send(http.MethodPut, bucket, "", url.Values{"encryption": {""}}, nil, []byte(body)); res.StatusCode != 200 {
		a.Fatalf("default encryption: %d %s", res.StatusCode, text)
	}
}

const (
	sse    = "x-amz-server-side-encryption"
	sseKey = sse + "-aws-kms-key-id"
)

// TestSealedObjects: through the real KMS, keys decide who reads, and pulling one stops reading at once.
func TestSealedObjects(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	key, other := s.newKey(), s.newKey()
	secret := []byte("the sentence that never lies in clear " + s.account)
	put := func(a *actor, name string, h map[string]string, code int, words ...string) {
		t.Helper()
		res, text := a.send(http.MethodPut, s.bucket, name, nil, h, secret)
		for _, w := range words {
			if !strings.Contains(text, w) {
				t.Errorf("PUT %s: %q lacks %q", name, text, w)
			}
		}
		if res.StatusCode != code || code == 200 && h[sse] != "" && res.Header.Get(sse) != h[sse] {
			t.Errorf("PUT %s: %d %s %v", name, res.StatusCode, text, res.Header)
		}
	}
	get := func(a *actor, name string, code int, words ...string) {
		t.Helper()
		res, text := a.send(http.MethodGet, s.bucket, name, nil, nil, nil)
		if res.StatusCode != code || code == 200 && text != string(secret) {
			t.Errorf("GET %s: %d %s", name, res.StatusCode, text)
		}
		for _, w := range words {
			if !strings.Contains(text, w) {
				t.Errorf("GET %s: %q lacks %q", name, text, w)
			}
		}
	}
	byKey := map[string]string{sse: "aws:kms", sseKey: key}
	put(s.actor, "plain", nil, 200)
	put(s.actor, "managed", map[string]string{sse: "aws:kms"}, 200)
	put(s.actor, "key", byKey, 200)
	put(s.actor, "cheap", map[string]string{sse: "aws:kms", sseKey: key, sse + "-bucket-key-enabled": "true"}, 200)
	put(s.actor, "context", map[string]string{sse: "aws:kms", sseKey: key, sse + "-context": "eyJ0ZWFtIjoicmVkIn0="}, 200)
	all := []string{"plain", "managed", "key", "cheap", "context"}
	for _, name := range all {
		get(s.actor, name, 200)
	}
	put(s.actor, "none", map[string]string{sse: "aws:kms", sseKey: strings.Replace(key, key[len(key)-4:], "0000", 1)}, 400, "KMS.NotFoundException")
	put(s.actor, "none", map[string]string{sse: "aws:kms", sseKey: "not a key"}, 400)

	// A user who may all of S3, and this key for writing alone.
	u := s.user("bob", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"},`+
		`{"Effect":"Allow","Action":"kms:GenerateDataKey","Resource":"*","Condition":{"StringEquals":{"kms:ViaService":"s3.us-east-1.amazonaws.com","kms:EncryptionContext:aws:s3:arn":"arn:aws:s3:::`+s.bucket+`/key"}}}]}`)
	put(u, "key", byKey, 200)
	put(u, "elsewhere", byKey, 403, "AccessDenied", "kms:GenerateDataKey")
	get(u, "key", 403, "AccessDenied", "kms:Decrypt", key)
	get(u, "cheap", 403, "AccessDenied", "kms:Decrypt")
	get(u, "plain", 200)
	get(u, "managed", 200) // its key policy allows all who come through S3
	if res, text := u.send(http.MethodPut, s.bucket, "stolen", nil, map[string]string{"x-amz-copy-source": s.bucket + "/key"}, nil); res.StatusCode != 403 || !strings.Contains(text, "kms:Decrypt") {
		t.Errorf("a copy by who may not decrypt: %d %s", res.StatusCode, text)
	}

	// From one key to another.
	if res, text := s.send(http.MethodPut, s.bucket, "moved", nil, map[string]string{"x-amz-copy-source": s.bucket + "/key", sse: "aws:kms", sseKey: other}, nil); res.StatusCode != 200 || res.Header.Get(sseKey) != other {
		t.Errorf("copy: %d %s", res.StatusCode, text)
	}
	get(s.actor, "moved", 200)

	// The key is pulled, for everybody, root as well, and put back.
	s.kms("DisableKey", dict{"KeyId": key})
	for _, name := range []string{"key", "cheap", "context"} {
		get(s.actor, name, 400, "KMS.DisabledException", key+" is disabled")
	}
	put(s.actor, "key", byKey, 400, "KMS.DisabledException")
	put(s.actor, "cheap", map[string]string{sse: "aws:kms", sseKey: key, sse + "-bucket-key-enabled": "true"}, 400, "KMS.DisabledException")
	get(s.actor, "moved", 200)
	s.kms("EnableKey", dict{"KeyId": key})
	for _, name := range append(all, "moved") {
		get(s.actor, name, 200)
	}
	s.kms("ScheduleKeyDeletion", dict{"KeyId": other, "PendingWindowInDays": 7})
	get(s.actor, "moved", 400, "KMS.", "pending deletion")

	// Deny what is not encrypted by this key: two statements of the S3 User Guide.
	s.bucketPolicy(
		dict{"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::" + s.bucket + "/*", "Condition": dict{"Null": dict{"s3:" + sseKey: "true"}}},
		dict{"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::" + s.bucket + "/*", "Condition": dict{"StringNotEqualsIfExists": dict{"s3:" + sse: "aws:kms", "s3:" + sseKey: key}}})
	put(s.actor, "late", nil, 403, "AccessDenied")
	put(s.actor, "late", map[string]string{sse: "AES256"}, 403)
	put(s.actor, "late", map[string]string{sse: "aws:kms"}, 403)
	put(s.actor, "late", byKey, 200)
	if res, _ := s.send(http.MethodPost, s.bucket, "late", url.Values{"uploads": {""}}, nil, nil); res.StatusCode != 403 {
		t.Errorf("an upload without encryption: %d", res.StatusCode)
	}

	// None of it lies in clear.
	err := filepath.WalkDir(s.house.data, func(p string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil //nolint:nilerr // what vanishes meanwhile
		}
		b, err := os.ReadFile(p)
		if err == nil && bytes.Contains(b, secret) {
			t.Errorf("%s holds it in clear", p)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestSealedJob: a job reads and writes under keys with its role's permissions, and is refused without them by name.
func TestSealedJob(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	key := s.newKey()
	s.defaultKey(s.bucket, key)
	s.put(s.bucket, "in/a", []byte("This is a sentence in English.\n"))
	p := s.finish(s.start(nil)) // the output is tried before a document is read
	if why := s.why(p.JobArn); p.JobStatus != "FAILED" || !strings.Contains(p.Message+why, "kms:GenerateDataKey") {
		t.Errorf("without kms:GenerateDataKey the job is %s: %s\n%s", p.JobStatus, p.Message, why)
	}
	allow := func(actions string) {
		s.must("iam", "PutRolePolicy", "RoleName", "DataAccess", "PolicyName", "keys", "PolicyDocument",
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":[`+actions+`],"Resource":"`+key+`","Condition":{"StringEquals":{"kms:ViaService":"s3.us-east-1.amazonaws.com"}}}]}`)
	}
	allow(`"kms:GenerateDataKey"`)
	p = s.finish(s.start(nil))
	if why := s.why(p.JobArn); p.JobStatus != "FAILED" || !strings.Contains(p.Message+why, "kms:Decrypt") {
		t.Errorf("without kms:Decrypt the job is %s: %s\n%s", p.JobStatus, p.Message, why)
	}
	allow(`"kms:Decrypt","kms:GenerateDataKey"`)
	p = s.finish(s.start(nil))
	if p.JobStatus != "COMPLETED" {
		t.Fatalf("the job is %s: %s\n%s", p.JobStatus, p.Message, s.why(p.JobArn))
	}
	if lines := s.result(p); len(lines) != 1 || !strings.Contains(lines[0], `"en"`) {
		t.Errorf("result %q", lines)
	}
	_, at, _ := strings.Cut(strings.TrimPrefix(p.OutputDataConfig.S3Uri, "s3://"), "/")
	if res, _ := s.send(http.MethodHead, s.bucket, at, nil, nil, nil); res.Header.Get(sseKey) != key {
		t.Errorf("the result lies under %q", res.Header.Get(sseKey))
	}
}
