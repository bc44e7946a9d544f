package whole_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"cloister/internal/client"
	"cloister/internal/core/sigv4"
)

type dict = map[string]any

// node is any XML element.
type node struct {
	XMLName xml.Name
	Data    string `xml:",chardata"`
	Kids    []node `xml:",any"`
}

// all gives the elements of a name, in document order.
func (n *node) all(name string) []*node {
	var out []*node
	for i := range n.Kids {
		if n.Kids[i].XMLName.Local == name {
			out = append(out, &n.Kids[i])
		}
		out = append(out, n.Kids[i].all(name)...)
	}
	return out
}

// text is the first element's content; empty when there is none.
func (n *node) text(name string) string {
	if l := n.all(name); len(l) > 0 {
		return strings.TrimSpace(l[0].Data)
	}
	return ""
}

// actor is somebody with keys.
type actor struct {
	testing.TB
	*client.Client
	house   *house
	account string
}

// as gives an actor of the same account with other keys.
func (a *actor) as(c sigv4.Credentials) *actor {
	return &actor{TB: a.TB, Client: a.house.client(c), house: a.house, account: a.account}
}

var versions = map[string]string{"ec2": "2016-11-15", "iam": "2010-05-08", "sts": "2011-06-15"}

// ask calls a query service; pairs are parameter names and values.
func (a *actor) ask(service, action string, pairs ...string) (*node, error) {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	var n node
	err := a.Query(context.Background(), service, versions[service], action, v, &n)
	return &n, err
}

func (a *actor) must(service, action string, pairs ...string) *node {
	a.Helper()
	n, err := a.ask(service, action, pairs...)
	if err != nil {
		a.Fatalf("%s %v: %v", action, pairs, err)
	}
	return n
}

// call asks Comprehend.
func (a *actor) call(op string, in any) (dict, error) {
	var out dict
	err := a.JSON(context.Background(), "comprehend", "Comprehend_20171127."+op, in, &out)
	return out, err
}

// refused demands a refusal of this code whose message holds the words.
func (a *actor) refused(err error, status int, code string, words ...string) {
	a.Helper()
	var e *client.Error
	if !errors.As(err, &e) || e.Status != status || e.Code != code {
		a.Errorf("got %v, want %d %s", err, status, code)
		return
	}
	for _, w := range words {
		if !strings.Contains(e.Message, w) {
			a.Errorf("message %q lacks %q", e.Message, w)
		}
	}
}

// put writes an object.
func (a *actor) put(bucket, key string, body []byte) {
	a.Helper()
	if _, err := a.Object(context.Background(), http.MethodPut, bucket, key, nil, body); err != nil {
		a.Fatalf("put %s/%s: %v", bucket, key, err)
	}
}

// request is an HTTP request that is signed as the fields say.
type request struct {
	method, service, path string
	query                 url.Values
	header                http.Header
	body, sent            []byte // sent: what goes out instead of body
	payload               string // empty: the body's hash
	creds                 sigv4.Credentials
	at                    time.Time     // zero: now
	expires               time.Duration // over 0: presigned
	unsigned              bool
	from                  string // own address; empty: any
	host                  string // empty: the endpoint's
}

// client dials from the request's own address: the limiter of failures counts by it.
func (r request) client() *http.Client {
	if r.from == "" {
		return http.DefaultClient
	}
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(r.from)}}).DialContext}}
}

func (r request) send(t testing.TB, endpoint string) (*http.Response, []byte) {
	t.Helper()
	res, b, err := r.try(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	return res, b
}

// answered sends to a daemon that may be gone; the id is that of a call which was answered well.
func (r request) answered(endpoint string) (id string, ok bool) {
	res, _, err := r.try(endpoint)
	if err != nil || res.StatusCode != 200 {
		return "", false
	}
	if id = res.Header.Get("X-Amzn-Requestid"); id == "" {
		id = res.Header.Get("X-Amz-Request-Id")
	}
	return id, true
}

func (r request) try(endpoint string) (*http.Response, []byte, error) {
	req, err := r.build(endpoint)
	if err != nil {
		return nil, nil, err
	}
	res, err := r.client().Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res, b, err
}

// build makes the request and signs it.
func (r request) build(endpoint string) (*http.Request, error) {
	base, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	if r.at.IsZero() {
		r.at = time.Now()
	}
	if r.payload == "" {
		r.payload = sigv4.Hash(r.body)
	}
	if r.sent == nil {
		r.sent = r.body
	}
	if r.host == "" {
		r.host = base.Host
	}
	escaped := sigv4.EscapePath(r.path)
	raw := sigv4.EncodeQuery(r.query)
	h := r.header.Clone()
	if h == nil {
		h = http.Header{}
	}
	s := &sigv4.Request{Method: r.method, Path: escaped, RawQuery: raw, Host: r.host, Header: h}
	switch {
	case r.unsigned:
	case r.expires > 0:
		raw = sigv4.Presign(s, r.creds, "us-east-1", r.service, sigv4.Unsigned, r.at, r.expires)
	default:
		sigv4.Sign(s, r.creds, "us-east-1", r.service, r.payload, r.at)
	}
	u := url.URL{Scheme: base.Scheme, Host: base.Host, Path: r.path, RawPath: escaped, RawQuery: raw}
	req, err := http.NewRequest(r.method, u.String(), bytes.NewReader(r.sent))
	if err != nil {
		return nil, err
	}
	req.Header, req.Host = h, r.host
	return req, nil
}

// multipart uploads an object in equal parts.
func (a *actor) multipart(bucket, key string, part []byte, n int) {
	a.Helper()
	r := request{service: "s3", path: "/" + bucket + "/" + key, creds: a.Creds}
	r.method, r.query = http.MethodPost, url.Values{"uploads": {""}}
	res, b := r.send(a, a.Endpoint)
	var in struct{ UploadId string }
	if err := xml.Unmarshal(b, &in); err != nil || in.UploadId == "" {
		a.Fatalf("create upload: %d %s", res.StatusCode, b)
	}
	var done strings.Builder
	done.WriteString("<CompleteMultipartUpload>")
	r.payload = sigv4.Hash(part)
	for i := 1; i <= n; i++ {
		r.method, r.body, r.query = http.MethodPut, part, url.Values{"partNumber": {fmt.Sprint(i)}, "uploadId": {in.UploadId}}
		res, b := r.send(a, a.Endpoint)
		if res.StatusCode != 200 {
			a.Fatalf("upload part: %d %s", res.StatusCode, b)
		}
		fmt.Fprintf(&done, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", i, res.Header.Get("ETag"))
	}
	done.WriteString("</CompleteMultipartUpload>")
	r.method, r.body, r.payload, r.query = http.MethodPost, []byte(done.String()), "", url.Values{"uploadId": {in.UploadId}}
	if res, b := r.send(a, a.Endpoint); res.StatusCode != 200 {
		a.Fatalf("complete upload: %d %s", res.StatusCode, b)
	}
}

func encode(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
