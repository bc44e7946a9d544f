package gate

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/sigv4"
	"cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/world"
)

func TestActIsRecordedWithItsResult(t *testing.T) {
	h := open(t, nil)
	w := h.send(outside, form("CreateVpc", url.Values{"CidrBlock": {"10.0.0.0/16"}}))
	if w.Code != 200 || !strings.Contains(w.Body.String(), "<vpcId>vpc-1</vpcId>") {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	ev := h.events()
	if len(ev) != 1 || ev[0].Name != "CreateVpc" || ev[0].SourceIP != "127.0.0.1" || ev[0].RequestID != w.Header().Get("x-amzn-RequestId") ||
		!strings.Contains(string(ev[0].Response), "vpc-1") || !strings.Contains(string(ev[0].Request), "10.0.0.0/16") || len(ev[0].Resources) != 1 {
		t.Fatalf("%+v", ev)
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		policy string
		req    *http.Request
		status int
		code   string
		events int
	}{
		"no policy allows":        {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`, form("CreateVpc", url.Values{"CidrBlock": {"10.0.0.0/16"}}), 403, "UnauthorizedOperation", 1},
		"member not honoured":     {"", form("CreateVpc", url.Values{"CidrBlock": {"10.0.0.0/16"}, "InstanceTenancy": {"dedicated"}}), 400, "UnsupportedOperation", 1},
		"dry run":                 {"", form("CreateVpc", url.Values{"CidrBlock": {"10.0.0.0/16"}, "DryRun": {"true"}}), 412, "DryRunOperation", 1},
		"known but not built":     {"", form("DescribeSubnets", nil), 501, "NotImplemented", 1},
		"not built, not allowed":  {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`, form("DescribeSubnets", nil), 403, "UnauthorizedOperation", 1},
		"unknown action":          {"", form("MakeCoffee", nil), 400, "InvalidAction", 0},
		"wrong secret":            {"", sign(form("DescribeVpcs", nil), "ec2", "Action=DescribeVpcs&Version=2016-11-15", "other"), 401, "AuthFailure", 0},
		"unsigned":                {"", unsigned(form("DescribeVpcs", nil)), 403, "MissingAuthenticationToken", 0},
		"scope of another kind":   {"", sign(form("DescribeVpcs", nil), "iam", "Action=DescribeVpcs&Version=2016-11-15", "secret"), 0, "", -1},
		"a row that panics":       {"", form("CreateVpc", url.Values{"CidrBlock": {"10.9.0.0/16"}}), 500, "InternalError", 0},
		"policy does not compile": {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*"`, form("DescribeVpcs", nil), 500, "InternalError", 1},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, nil)
			if c.policy != "" {
				h.who.policy = c.policy
			}
			w := h.send(outside, c.req)
			if c.status == 0 { // any refusal will do
				if w.Code < 400 {
					t.Fatalf("%d %s", w.Code, w.Body)
				}
				return
			}
			if w.Code != c.status || !strings.Contains(w.Body.String(), "<Code>"+c.code+"</Code>") {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			ev := h.events()
			if len(ev) != c.events {
				t.Fatalf("%d events, want %d: %+v", len(ev), c.events, ev)
			}
			if c.events == 1 && ev[0].ErrorCode != "Client."+c.code && c.status != 500 {
				t.Errorf("the event says %q", ev[0].ErrorCode)
			}
			if err := h.store.View(t.Context(), func(v store.View) error {
				_, err := things.Get(v, store.Scope{Partition: "aws", Account: account, Region: "us-east-1"}, "vpc-1")
				return err
			}); err == nil {
				t.Error("a refused call left something behind")
			}
		})
	}
}

func TestHonoured(t *testing.T) {
	list := []string{"Filter.JobName", "Tags.*", "Body"}
	for member, want := range map[string]bool{"Filter.JobName": true, "Filter": true, "Filter.JobStatus": false, "Filt": false, "Tags": true, "Tags.Key": true,
		"TagsOfMine": false, "Body": true, "Body.Part": false, "DryRun": true, "VpcConfig": false} {
		if honoured(list, member) != want {
			t.Errorf("%s: want %v", member, want)
		}
	}
}

func unsigned(r *http.Request) *http.Request { r.Header.Del("Authorization"); return r }

func TestRefusalKeepsItsExplanation(t *testing.T) {
	h := open(t, nil)
	h.who.policy = `{"Version":"2012-10-17","Statement":[{"Sid":"OnlyThere","Effect":"Allow","Action":"ec2:*","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"eu-west-1"}}}]}`
	w := h.send(outside, form("DescribeVpcs", nil))
	ev := h.events()
	if w.Code != 403 || len(ev) != 1 || !strings.Contains(w.Body.String(), "Encoded authorization failure message: "+account+"/ec2:DescribeVpcs ImplicitlyDenied") {
		t.Fatalf("%d %s %v", w.Code, w.Body, ev)
	}
	var ex Explained
	if err := json.Unmarshal(ev[0].Explanation, &ex); err != nil {
		t.Fatal(err)
	}
	if s := string(ex.Reasons); !strings.Contains(s, "OnlyThere") || !strings.Contains(s, "eu-west-1") || !strings.Contains(s, "us-east-1") {
		t.Errorf("the explanation lacks the near miss: %s", s)
	}
}

// The keys of a path through a VPC and of one from outside exclude each other (IAM User Guide, aws:SourceIp, aws:SourceVpce).
func TestPathKeys(t *testing.T) {
	cond := func(op, key, value string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"` + op + `":{"` + key + `":"` + value + `"}}}]}`
	}
	for _, c := range []struct {
		policy string
		origin api.Origin
		path   *api.Path
		want   int
	}{
		{cond("StringEquals", "aws:SourceVpce", "vpce-1"), inside, &api.Path{Endpoint: "vpce-1", Gateway: true}, 200},
		{cond("StringEquals", "aws:SourceVpc", "vpc-1"), inside, &api.Path{Endpoint: "vpce-1", Gateway: true}, 200},
		{cond("IpAddress", "aws:VpcSourceIp", "10.0.0.0/24"), inside, &api.Path{Endpoint: "vpce-1", Gateway: true}, 200},
		{cond("Null", "aws:SourceIp", "true"), inside, &api.Path{Endpoint: "vpce-1", Gateway: true}, 200},
		{cond("Null", "aws:SourceVpce", "true"), inside, &api.Path{Endpoint: "vpce-1", Gateway: true}, 403},
		{cond("IpAddress", "aws:SourceIp", "127.0.0.0/8"), outside, nil, 200},
		{cond("StringEquals", "aws:SourceVpce", "vpce-1"), outside, nil, 403},
		{cond("Null", "aws:VpcSourceIp", "true"), outside, nil, 200},
		// The endpoint's policy filters and never grants; a policy of nothing but Deny blocks everything.
		{cond("Null", "aws:SourceIp", "true"), inside, &api.Path{Endpoint: "vpce-1", Gateway: true, PolicyText: `{"Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::other/*"}]}`}, 403},
		{cond("Null", "aws:SourceIp", "true"), inside, nil, 503}, // no endpoint carries it any more
	} {
		h := open(t, nil)
		h.who.policy, h.path = c.policy, c.path
		if w := h.send(c.origin, get("closed.s3.us-east-1.amazonaws.com", "/k", true)); w.Code != c.want {
			t.Errorf("%s from door %d: %d, want %d: %s", c.policy, c.origin.Door, w.Code, c.want, w.Body)
		}
	}
}

// S3's keys of the signature are those of the request as it came: without them a policy that denies old or presigned requests holds nobody.
func TestSignatureKeys(t *testing.T) {
	deny := func(op, key, value string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"` + op + `":{"` + key + `":"` + value + `"}}}]}`
	}
	signed := func() *http.Request { return get("closed.s3.us-east-1.amazonaws.com", "/k", true) }
	presigned := func() *http.Request {
		r := get("closed.s3.us-east-1.amazonaws.com", "/k", false)
		s := &sigv4.Request{Method: r.Method, Path: r.URL.EscapedPath(), Host: r.Host}
		r.URL.RawQuery = sigv4.Presign(s, sigv4.Credentials{AccessKey: "AKIAALICE", Secret: "secret"}, "us-east-1", "s3", sigv4.Unsigned, time.Now().Add(-time.Minute), time.Hour)
		r.RequestURI = r.URL.RequestURI()
		return r
	}
	encrypted := func() *http.Request {
		r := signed()
		r.TLS = &tls.ConnectionState{Version: tls.VersionTLS12}
		return r
	}
	for _, c := range []struct {
		policy string
		req    func() *http.Request
		want   int
	}{
		{deny("NumericGreaterThan", "s3:signatureAge", "30000"), presigned, 403},
		{deny("NumericGreaterThan", "s3:signatureAge", "300000"), presigned, 200},
		{deny("NumericGreaterThan", "s3:signatureAge", "0"), signed, 200},
		{deny("StringEquals", "s3:authType", "REST-QUERY-STRING"), presigned, 403},
		{deny("StringEquals", "s3:authType", "REST-QUERY-STRING"), signed, 200},
		{deny("StringEquals", "s3:authType", "REST-HEADER"), signed, 403},
		{deny("StringEquals", "s3:signatureversion", "AWS4-HMAC-SHA256"), signed, 403},
		{deny("StringEquals", "s3:x-amz-content-sha256", "UNSIGNED-PAYLOAD"), presigned, 403},
		{deny("StringEquals", "s3:x-amz-content-sha256", "UNSIGNED-PAYLOAD"), signed, 200},
		{deny("NumericLessThan", "s3:TlsVersion", "1.3"), encrypted, 403},
		{deny("NumericLessThan", "s3:TlsVersion", "1.2"), encrypted, 200},
		{deny("NumericLessThan", "s3:TlsVersion", "1.3"), signed, 200},
		{deny("StringEquals", "s3:ResourceAccount", account), signed, 403},
		{deny("StringNotEquals", "s3:ResourceAccount", account), signed, 200},
	} {
		h := open(t, nil)
		h.who.policy = c.policy
		if w := h.send(outside, c.req()); w.Code != c.want {
			t.Errorf("%s: %d, want %d: %s", c.policy, w.Code, c.want, w.Body)
		}
	}
}

// A job's segment leads to S3; a VPC to what an endpoint of it carries, under that endpoint's policy.
func TestDoorsInside(t *testing.T) {
	segment := inside
	segment.Door = api.Service
	own := func(principal string) *api.Path {
		return &api.Path{Endpoint: "vpce-1", PolicyText: `{"Statement":[{"Effect":"Allow","Principal":` + principal + `,"Action":"ec2:*","Resource":"*"}]}`}
	}
	for _, c := range []struct {
		name   string
		origin api.Origin
		path   *api.Path
		want   int
		words  string
	}{
		{"segment", segment, own(`"*"`), 503, "not reached through this network"},
		{"no endpoint", inside, nil, 503, "no endpoint leads to ec2"},
		{"interface endpoint", inside, own(`"*"`), 200, ""},
		{"the account, at an interface endpoint", inside, own(`{"AWS":"` + account + `"}`), 200, ""},
		{"another account", inside, own(`{"AWS":"999999999999"}`), 403, "because no VPC endpoint policy allows the ec2:DescribeVpcs action"},
	} {
		h := open(t, nil)
		h.path = c.path
		if w := h.send(c.origin, form("DescribeVpcs", nil)); w.Code != c.want || !strings.Contains(w.Body.String(), c.words) {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
		}
	}
}

// The seeds' endpoint policies deny Amazon Linux's repositories, which are buckets reached by names of their own.
func TestPackageRepositories(t *testing.T) {
	h := open(t, nil)
	h.path = &api.Path{Endpoint: "vpce-1", Gateway: true, PolicyText: `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"},
	 {"Sid":"AmazonLinuxAMIRepositoryAccess","Principal":"*","Action":["s3:GetObject"],"Effect":"Deny","Resource":["arn:aws:s3:::packages.*.amazonaws.com/*","arn:aws:s3:::repo.*.amazonaws.com/*"]},
	 {"Sid":"AmazonLinux2AMIRepositoryAccess","Principal":"*","Action":["s3:GetObject"],"Effect":"Deny","Resource":["arn:aws:s3:::amazonlinux.*.amazonaws.com/*"]}]}`}
	for _, host := range []string{"packages.us-east-1.amazonaws.com", "repo.us-east-1.amazonaws.com", "amazonlinux.us-east-1.amazonaws.com"} {
		w := h.send(inside, get(host, "/2/core/latest/x86_64/mirror.list", true))
		ev := h.events()
		if w.Code != 403 || len(ev) == 0 || !strings.Contains(string(ev[len(ev)-1].Explanation), "RepositoryAccess") {
			t.Errorf("%s: %d %s", host, w.Code, w.Body)
		}
	}
	if w := h.send(inside, get("mine.s3.us-east-1.amazonaws.com", "/k", true)); w.Code != 200 {
		t.Errorf("another bucket: %d %s", w.Code, w.Body)
	}
}

func TestAnonymous(t *testing.T) {
	h := open(t, nil)
	if w := h.send(outside, get("127.0.0.1:4566", "/open/k", false)); w.Code != 200 || w.Body.String() != "bytes of open" {
		t.Errorf("an open bucket: %d %s", w.Code, w.Body)
	}
	if ev := h.events(); len(ev) != 1 || ev[0].Recipient != account {
		t.Errorf("an allowed anonymous call is recorded as %+v, want one event for the bucket's owner", ev)
	}
	if w := h.send(outside, get("127.0.0.1:4566", "/closed/k", false)); w.Code != 403 {
		t.Errorf("a closed bucket: %d %s", w.Code, w.Body)
	}
	if n := len(h.events()); n != 1 {
		t.Errorf("a refused stranger was recorded")
	}
}

func TestDevTakesStrangersOnLoopbackAlone(t *testing.T) {
	h := open(t, func(c *Config) { c.Dev = true })
	req := func() *http.Request {
		r := get("127.0.0.1:4566", "/closed/k", false)
		s := &sigv4.Request{Method: r.Method, Path: r.URL.EscapedPath(), Host: r.Host, Header: r.Header}
		sigv4.Sign(s, sigv4.Credentials{AccessKey: "test", Secret: "test"}, "us-east-1", "s3", sigv4.Hash(nil), time.Now())
		return r
	}
	if w := h.send(outside, req()); w.Code != 200 {
		t.Errorf("loopback: %d %s", w.Code, w.Body)
	}
	far := outside
	far.Loopback = false
	if w := h.send(far, req()); w.Code != 403 {
		t.Errorf("elsewhere: %d", w.Code)
	}
	h.path = &api.Path{Endpoint: "vpce-1", Gateway: true}
	if w := h.send(inside, req()); w.Code != 403 {
		t.Errorf("inside a VPC: %d", w.Code)
	}
	if w := h.send(outside, sign(get("127.0.0.1:4566", "/closed/k", false), "s3", "", "wrong")); w.Code != 403 {
		t.Errorf("an issued key with a wrong secret: %d", w.Code)
	}
}

// A web page in a browser on this host can send presigned requests, and by a name that leads here any request.
func TestDevTakesNoWebPage(t *testing.T) {
	h := open(t, func(c *Config) { c.Dev = true })
	for _, c := range []struct {
		key, host, origin, site string
		want                    int
	}{
		{"test", "127.0.0.1:4566", "", "", 200},
		{"test", "localhost", "", "", 200},
		{"test", "cloister:4566", "", "", 200},
		{"test", "[::1]:4566", "", "", 200},
		{"test", "closed.s3.us-east-1.amazonaws.com", "", "", 200},
		{"test", "127.0.0.1:4566", "http://127.0.0.1:4566", "same-origin", 200},
		{"test", "127.0.0.1:4566", "", "none", 200},
		{"test", "evil.example.com:4566", "", "", 403},
		{"test", "127.0.0.1:4566", "http://evil.example.com", "", 403},
		{"test", "127.0.0.1:4566", "null", "", 403},
		{"test", "127.0.0.1:4566", "", "cross-site", 403},
		{"AKIAGONE", "127.0.0.1:4566", "", "", 403}, // it was issued here once
	} {
		r := get(c.host, "/closed/k", false)
		s := &sigv4.Request{Method: r.Method, Path: r.URL.EscapedPath(), Host: r.Host}
		r.URL.RawQuery = sigv4.Presign(s, sigv4.Credentials{AccessKey: c.key, Secret: "test"}, "us-east-1", "s3", sigv4.Unsigned, time.Now(), time.Minute)
		r.RequestURI = ""
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		if c.site != "" {
			r.Header.Set("Sec-Fetch-Site", c.site)
		}
		if w := h.send(outside, r); w.Code != c.want {
			t.Errorf("%+v: %d %s", c, w.Code, w.Body)
		}
	}
}

// A refused upload is answered before its body: whoever waits to be asked for it is not asked, and nobody can make us wait.
func TestRefusalDoesNotWaitForTheBody(t *testing.T) {
	h := open(t, nil)
	srv := httptest.NewUnstartedServer(h.gate)
	srv.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context { return WithOrigin(ctx, &outside) }
	srv.Start()
	defer srv.Close()
	for _, more := range []string{"Expect: 100-continue\r\n", ""} {
		c, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, "PUT /closed/k HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"+more+"\r\n"); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(c).ReadString('\n')
		if !strings.HasPrefix(line, "HTTP/1.1 403 ") {
			t.Errorf("%q is answered %q, %v", more, line, err)
		}
	}
}

func TestFloodIsTurnedAway(t *testing.T) {
	h := open(t, func(c *Config) { c.World = still{} })
	var last *httptest.ResponseRecorder
	for range maxFailures + 1 {
		last = h.send(outside, sign(get("127.0.0.1:4566", "/closed/k", false), "s3", "", "wrong"))
	}
	if last.Code != 503 {
		t.Errorf("failure %d of one second got %d %s", maxFailures+1, last.Code, last.Body)
	}
	other := outside
	other.Peer = netip.MustParseAddrPort("192.0.2.1:1")
	if w := h.send(other, get("127.0.0.1:4566", "/open/k", false)); w.Code != 200 {
		t.Errorf("another address is turned away too: %d", w.Code)
	}
}

// still is a world in which no time passes.
type still struct{ world.Real }

var moment = time.Now().UTC()

func (still) Now() time.Time { return moment }

func TestLogHoldsNoSecrets(t *testing.T) {
	h := open(t, nil)
	req := form("CreateVpc", url.Values{"CidrBlock": {"10.0.0.0/16"}})
	auth := req.Header.Get("Authorization")
	h.send(outside, req)
	h.send(outside, get("127.0.0.1:4566", "/open/k?X-Amz-Signature=cafe", false))
	for _, s := range []string{auth, auth[strings.Index(auth, "Signature="):], "X-Amz-Signature", "cafe"} {
		if strings.Contains(h.log.String(), s) {
			t.Errorf("the log holds %q", s)
		}
	}
	if !strings.Contains(h.log.String(), `"operation":"CreateVpc"`) {
		t.Error("the log lacks the call")
	}
}

func TestAllowedCallsSayByWhat(t *testing.T) {
	h := open(t, nil)
	h.send(outside, form("DescribeVpcs", nil))
	var a Allowance
	ev := h.events()
	if len(ev) != 1 || json.Unmarshal(ev[0].Explanation, &a) != nil || len(a.Allowed) != 1 {
		t.Fatalf("%+v", ev)
	}
	if x := a.Allowed[0]; x.Action != "ec2:DescribeVpcs" || x.Source != "inline policy P of user alice" || x.Index != 0 || x.Decision != "Allowed" {
		t.Errorf("%+v", x)
	}
}

// Between the question and the act a name may come to mean something else: the act's own transaction asks again.
func TestAsksAgainWhereItActs(t *testing.T) {
	asked, acted := 0, false
	h := open(t, func(c *Config) {
		c.Rows = append(c.Rows, api.Op[ec2.DeleteVpcRequest, struct{}]{Name: "DeleteVpc", Honours: []string{"VpcId"},
			Questions: func(c *api.Call, _ store.View, in *ec2.DeleteVpcRequest) ([]api.Question, error) {
				asked++
				owner := account
				if asked > 1 { // deleted and made anew by somebody else
					owner = "999999999999"
				}
				return []api.Question{{Action: "ec2:DeleteVpc", Resource: "arn:aws:ec2:us-east-1:" + owner + ":vpc/" + *in.VpcId, Owner: owner}}, nil
			},
			Act: func(*api.Call, store.Tx, *ec2.DeleteVpcRequest) (*struct{}, error) { acted = true; return nil, nil },
		}.Row("ec2"))
	})
	w := h.send(outside, form("DeleteVpc", url.Values{"VpcId": {"vpc-1"}}))
	if w.Code != 403 || acted || asked != 2 {
		t.Errorf("%d, asked %d times, acted %v: %s", w.Code, asked, acted, w.Body)
	}
}

// A network that may not ask for a bucket is not told whether it exists.
func TestEndpointPolicyComesBeforeWhatExists(t *testing.T) {
	h := open(t, nil)
	h.path = &api.Path{Endpoint: "vpce-1", Gateway: true, PolicyText: `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"},{"Sid":"NotThat","Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::missing-denied/*"}]}`}
	for bucket, want := range map[string]int{"missing-denied": 403, "missing": 404} {
		for _, signed := range []bool{true, false} {
			if w := h.send(inside, get(bucket+".s3.us-east-1.amazonaws.com", "/k", signed)); w.Code != want {
				t.Errorf("%s, signed %v: %d, want %d: %s", bucket, signed, w.Code, want, w.Body)
			}
		}
	}
}

func TestFloodSparesOtherKeys(t *testing.T) {
	h := open(t, func(c *Config) { c.World = still{} })
	for range maxFailures + 1 {
		h.send(outside, unsigned(form("DescribeVpcs", nil)))
	}
	if w := h.send(outside, unsigned(form("DescribeVpcs", nil))); w.Code != 503 && !strings.Contains(w.Body.String(), "Thrott") && !strings.Contains(w.Body.String(), "RequestLimit") {
		t.Errorf("the flood goes on: %d %s", w.Code, w.Body)
	}
	if w := h.send(outside, form("DescribeVpcs", nil)); w.Code != 200 {
		t.Errorf("a signed call of the same address: %d %s", w.Code, w.Body)
	}
}

// TestUsed: the first call of a key is noted whatever its end, a read without a word of its own too; the next is not.
func TestUsed(t *testing.T) {
	for name, change := range map[string]func(*house){
		"allowed": func(*house) {},
		"refused": func(h *house) {
			h.who.policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`
		},
	} {
		h := open(t, nil)
		change(h)
		h.send(outside, form("DescribeVpcs", nil))
		h.send(outside, form("DescribeVpcs", nil))
		h.send(outside, get("127.0.0.1:4566", "/open/key", false))
		if len(h.who.used) != 1 || h.who.used[0] != "AKIAALICE ec2 us-east-1" {
			t.Errorf("%s: noted %q", name, h.who.used)
		}
	}
}
