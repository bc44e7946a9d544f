package s3suite_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

type person struct{ key, secret, arn string }

// desk stands between the suite and the daemon and translates what versitygw has of its own. Its users choose their own keys and are
// named by them in bucket policies, where IAM gives keys and has ARNs: so users' requests are signed anew with the keys that they have
// here, and their ARNs are written into policies. And the suite compares the sentences of errors: sentences.tsv says which of ours,
// which are AWS's, stand for which of versitygw's. All else passes as it is.
type desk struct {
	url, backend string
	root         aws.CredentialsProvider
	iam          *iam.Client
	s3           *s3.Client
	mu           sync.Mutex
	owner, key   string            // the canonical id of the suite's account, and its key
	account      string            // the ARN of its root
	people       map[string]person // by the key that the suite chose
	sentences    []sentence
}

// sentence is one of ours, as a regular expression, and what versitygw says.
type sentence struct {
	ours   *regexp.Regexp
	theirs []byte
}

func sentences(t *testing.T) []sentence {
	b, err := os.ReadFile("sentences.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var out []sentence
	for line := range strings.Lines(string(b)) {
		ours, theirs, ok := strings.Cut(strings.TrimRight(line, "\n"), "\t")
		if !ok {
			t.Fatalf("sentences.tsv: %q is no pair", line)
		}
		out = append(out, sentence{regexp.MustCompile("<Message>" + ours + "</Message>"), []byte("<Message>" + theirs + "</Message>")})
	}
	return out
}

// reword puts versitygw's sentence into an error. It opens new buckets to public policies, which versitygw has no block against.
func (e *desk) reword(r *http.Response) error {
	name, q := strings.Trim(r.Request.URL.Path, "/"), r.Request.URL.RawQuery
	if r.StatusCode == http.StatusOK && r.Request.Method == http.MethodPut && !strings.Contains(name, "/") && (q == "" || q == "x-id=CreateBucket") {
		// A bucket of another region is told so when it is asked for; that is the test's to see.
		_, _ = e.s3.DeletePublicAccessBlock(r.Request.Context(), &s3.DeletePublicAccessBlockInput{Bucket: &name})
	}
	if r.Request.Method == http.MethodHead || !strings.Contains(r.Header.Get("Content-Type"), "xml") {
		return nil
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	r.Body.Close()
	if r.StatusCode < 400 && bytes.HasPrefix(b, []byte("<?xml")) { // versitygw's owners are called by their keys
		b = bytes.ReplaceAll(b, []byte("<ID>"+e.owner+"</ID>"), []byte("<ID>"+e.key+"</ID>"))
	}
	for _, s := range e.sentences {
		if r.StatusCode >= 400 && s.ours.Match(b) {
			b = s.ours.ReplaceAll(b, s.theirs)
			break
		}
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
	r.Header.Set("Content-Length", strconv.Itoa(len(b)))
	return nil
}

func newDesk(t *testing.T, d *daemon) *desk {
	e := &desk{backend: d.env["AWS_ENDPOINT_URL"], people: map[string]person{}, sentences: sentences(t),
		root: credentials.NewStaticCredentialsProvider(d.env["AWS_ACCESS_KEY_ID"], d.env["AWS_SECRET_ACCESS_KEY"], "")}
	e.iam = iam.New(iam.Options{Region: "us-east-1", BaseEndpoint: &e.backend, Credentials: e.root})
	e.s3 = s3.New(s3.Options{Region: "us-east-1", BaseEndpoint: &e.backend, Credentials: e.root, UsePathStyle: true})
	e.key = d.env["AWS_ACCESS_KEY_ID"]
	mine, err := e.s3.ListBuckets(t.Context(), &s3.ListBucketsInput{})
	if err != nil {
		t.Fatal(err)
	}
	e.owner = *mine.Owner.ID
	me, err := e.iam.GetUser(t.Context(), &iam.GetUserInput{})
	if err != nil {
		t.Fatal(err)
	}
	e.account = *me.User.Arn
	to, err := url.Parse(e.backend)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{ModifyResponse: e.reword, ErrorLog: log.New(io.Discard, "", 0), Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host // it is signed
		r.Out.URL.RawQuery = r.In.URL.RawQuery
	}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/_users" {
			if err := e.create(r); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
			}
			return
		}
		if err := e.translate(r, to.Host); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	e.url = s.URL
	return e
}

var claims = regexp.MustCompile(`Credential=([^/]+)/([0-9]{8})/([^/]+)/s3/`)

// translate signs a request anew for whom it claims to come from.
func (e *desk) translate(r *http.Request, host string) error {
	m := claims.FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil || !strings.HasPrefix(r.Header.Get("X-Amz-Date"), m[2]) { // the latter is wrong, which is the test's to see
		return nil
	}
	signer := e.root
	e.mu.Lock()
	p, user := e.people[m[1]]
	if user {
		signer = credentials.NewStaticCredentialsProvider(p.key, p.secret, "")
	}
	e.mu.Unlock()
	hash := r.Header.Get("X-Amz-Content-Sha256")
	policy := r.Method == http.MethodPut && r.URL.Query().Has("policy")
	if !user && !policy || strings.HasPrefix(hash, "STREAMING-") && policy {
		return nil
	}
	if policy {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		e.mu.Lock()
		for name, p := range e.people {
			b = bytes.ReplaceAll(b, []byte(`"`+name+`"`), []byte(`"`+p.arn+`"`))
		}
		e.mu.Unlock()
		b = bytes.ReplaceAll(b, []byte(`"`+e.key+`"`), []byte(`"`+e.account+`"`))
		b = principals(b)
		for k := range r.Header { // they speak of the body as it was
			if strings.HasPrefix(k, "X-Amz-Checksum-") || k == "X-Amz-Sdk-Checksum-Algorithm" || k == "Content-Md5" {
				delete(r.Header, k)
			}
		}
		sum := sha256.Sum256(b)
		hash = hex.EncodeToString(sum[:])
		r.Header.Set("X-Amz-Content-Sha256", hash)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
		r.Header.Del("Content-Length")
	}
	c, err := signer.Retrieve(r.Context())
	if err != nil {
		return err
	}
	for _, k := range []string{"Authorization", "X-Amz-Date", "Connection", "Accept-Encoding", "User-Agent"} {
		r.Header.Del(k)
	}
	r.Host = host
	return v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }).SignHTTP(r.Context(), c, r, hash, "s3", m[3], time.Now())
}

// principals writes a policy's principals as AWS has them: versitygw takes a bare list of names.
func principals(text []byte) []byte {
	var d map[string]any
	if json.Unmarshal(text, &d) != nil {
		return text
	}
	statements, ok := d["Statement"].([]any)
	if !ok {
		return text
	}
	changed := false
	for _, s := range statements {
		m, ok := s.(map[string]any)
		if !ok {
			return text
		}
		switch p := m["Principal"].(type) {
		case []any:
			m["Principal"], changed = map[string]any{"AWS": p}, true
		case string:
			if strings.HasPrefix(p, "arn:") {
				m["Principal"], changed = map[string]any{"AWS": p}, true
			}
		}
	}
	out, err := json.Marshal(d)
	if err != nil || !changed {
		return text
	}
	return out
}

// rights are what versitygw's roles may do beyond bucket policies.
var rights = map[string]string{
	"userplus": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:CreateBucket","s3:ListAllMyBuckets"],"Resource":"*"}]}`,
	"admin":    `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`,
}

// create makes an IAM user for one of the suite's.
func (e *desk) create(r *http.Request) error {
	q := r.URL.Query()
	name := q.Get("a")
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	defer cancel()
	u, err := e.iam.CreateUser(ctx, &iam.CreateUserInput{UserName: &name})
	if err != nil {
		return err
	}
	k, err := e.iam.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		return err
	}
	if text := rights[q.Get("r")]; text != "" {
		if _, err := e.iam.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("role"), PolicyDocument: &text}); err != nil {
			return err
		}
	}
	e.mu.Lock()
	e.people[name] = person{*k.AccessKey.AccessKeyId, *k.AccessKey.SecretAccessKey, *u.User.Arn}
	e.mu.Unlock()
	return nil
}

// administer is what the suite takes for versitygw's own administration: it makes users at the desk.
func administer(args []string) int {
	flags, command := map[string]string{}, ""
	endpoint := ""
	for i := 0; i < len(args); i++ {
		switch a := args[i]; {
		case a == "admin" || a == "--allow-insecure":
		case strings.HasPrefix(a, "-") && i+1 < len(args):
			if a == "-er" {
				endpoint = args[i+1]
			}
			flags[strings.TrimLeft(a, "-")] = args[i+1]
			i++
		default:
			command = a
		}
	}
	if command != "create-user" {
		said, _ := json.Marshal(command)
		fmt.Printf("XAdminNotHere: %s: buckets stay with the account that made them\n", said)
		return 0
	}
	u := endpoint + "/_users?" + url.Values{"a": {flags["a"]}, "r": {flags["r"]}}.Encode()
	res, err := http.Post(u, "", nil) //nolint:noctx // a command of one request
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(res.Body)
		fmt.Printf("XAdminFailed: %s\n", b)
	}
	return 0
}
