// Package objects is the job agent's S3 client: list, read, write, with the role session's credentials. It goes where the
// interface's routes lead and has no other way out.
package objects

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"cloister/internal/core/job"
	"cloister/internal/core/sigv4"
)

// Patience with a network that may not answer: a packet without a route is dropped in silence, so the limit decides how
// soon a job fails. Three tries of 4 s are enough for a listener in the same kernel.
const (
	connectLimit = 4 * time.Second
	headerLimit  = 60 * time.Second
	tries        = 3
)

// Client speaks to one region's S3.
type Client struct {
	http   *http.Client
	region string
	creds  atomic.Pointer[job.Credentials]
	agent  string
	key    string // what is put is sealed with
	now    func() time.Time
}

// New makes a client that trusts the authority of caPEM alone.
func New(region string, creds job.Credentials, caPEM, agent string) (*Client, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(caPEM)) {
		return nil, errors.New("cannot read the authority's certificate")
	}
	t := &http.Transport{
		DialContext:           (&net.Dialer{Timeout: connectLimit}).DialContext,
		TLSClientConfig:       &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   connectLimit,
		ResponseHeaderTimeout: headerLimit,
		MaxIdleConnsPerHost:   32,
	}
	c := &Client{http: &http.Client{Transport: t}, region: region, agent: agent, now: time.Now}
	c.Renew(creds)
	return c, nil
}

// Renew signs from now on with these.
func (c *Client) Renew(creds job.Credentials) { c.creds.Store(&creds) }

// Seal puts from now on under a KMS key; empty: as the bucket says.
func (c *Client) Seal(key string) { c.key = key }

// Error is S3's answer to a refused request.
type Error struct {
	Status    int
	Code      string
	Message   string
	RequestID string
}

func (e *Error) Error() string { return fmt.Sprintf("%s (%d): %s", e.Code, e.Status, e.Message) }

// Object is an entry of a listing.
type Object struct {
	Key  string
	Size int64
	Tag  string `xml:"ETag"`
}

// List calls f for every object whose key begins with prefix, in key order.
func (c *Client) List(ctx context.Context, bucket, prefix string, f func(Object) error) error {
	token := ""
	for {
		q := url.Values{"list-type": {"2"}, "prefix": {prefix}, "encoding-type": {"url"}}
		if token != "" {
			q.Set("continuation-token", token)
		}
		res, err := c.do(ctx, http.MethodGet, bucket, "", q, nil, nil)
		if err != nil {
			return err
		}
		var out struct {
			IsTruncated           bool
			NextContinuationToken string
			Contents              []Object
		}
		err = xml.NewDecoder(io.LimitReader(res.Body, 8<<20)).Decode(&out)
		res.Body.Close()
		if err != nil {
			return fmt.Errorf("cannot read a listing: %w", err)
		}
		for _, o := range out.Contents {
			if o.Key, err = url.QueryUnescape(o.Key); err != nil {
				return fmt.Errorf("cannot read a listing: %w", err)
			}
			if err := f(o); err != nil {
				return err
			}
		}
		if token = out.NextContinuationToken; !out.IsTruncated || token == "" {
			return nil
		}
	}
}

// Get opens an object. The caller closes it.
func (c *Client) Get(ctx context.Context, bucket, key string) (io.ReadCloser, error) {
	res, err := c.do(ctx, http.MethodGet, bucket, key, nil, nil, nil)
	if err != nil {
		return nil, err
	}
	return res.Body, nil
}

// Range opens the bytes of an object from from and before to, or all of it when to is 0, if its ETag still is tag. The caller closes it.
func (c *Client) Range(ctx context.Context, bucket, key, tag string, from, to int64) (io.ReadCloser, error) {
	h := http.Header{"If-Match": {tag}}
	if to > 0 {
		h.Set("Range", fmt.Sprintf("bytes=%d-%d", from, to-1))
	}
	res, err := c.do(ctx, http.MethodGet, bucket, key, nil, h, nil)
	if err != nil {
		return nil, err
	}
	return res.Body, nil
}

// partSize is what Put holds in memory; longer bodies go up in parts of this size (S3's least is 5 MiB).
const partSize = 8 << 20

// Put writes body to an object that appears whole or not at all.
func (c *Client) Put(ctx context.Context, bucket, key, contentType string, body io.Reader) error {
	buf := make([]byte, 32<<10) // of a small body no more
	n, err := io.ReadFull(body, buf)
	if err == nil {
		buf = append(buf, make([]byte, partSize-n)...)
		var more int
		more, err = io.ReadFull(body, buf[n:])
		n += more
	}
	h := http.Header{"Content-Type": {contentType}}
	if c.key != "" {
		h.Set("X-Amz-Server-Side-Encryption", "aws:kms")
		h.Set("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", c.key)
	}
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return c.done(c.do(ctx, http.MethodPut, bucket, key, nil, h, buf[:n]))
	case err != nil:
		return err
	}
	return c.putParts(ctx, bucket, key, h, buf, body)
}

func (c *Client) putParts(ctx context.Context, bucket, key string, h http.Header, buf []byte, body io.Reader) (err error) {
	res, err := c.do(ctx, http.MethodPost, bucket, key, url.Values{"uploads": {""}}, h, nil)
	if err != nil {
		return err
	}
	var up struct{ UploadId string }
	err = xml.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&up)
	res.Body.Close()
	if err != nil {
		return fmt.Errorf("cannot read the upload id: %w", err)
	}
	defer func() {
		if err != nil { // an upload left behind would hold space
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), headerLimit)
			defer cancel()
			_ = c.done(c.do(ctx, http.MethodDelete, bucket, key, url.Values{"uploadId": {up.UploadId}}, nil, nil))
		}
	}()
	var list strings.Builder
	list.WriteString("<CompleteMultipartUpload>")
	n, more := len(buf), true
	for part := 1; n > 0; part++ {
		res, err := c.do(ctx, http.MethodPut, bucket, key, url.Values{"partNumber": {strconv.Itoa(part)}, "uploadId": {up.UploadId}}, nil, buf[:n])
		if err != nil {
			return err
		}
		fmt.Fprintf(&list, "<Part><PartNumber>%d</PartNumber><ETag>", part)
		_ = xml.EscapeText(&list, []byte(res.Header.Get("ETag")))
		list.WriteString("</ETag></Part>")
		res.Body.Close()
		if !more {
			break
		}
		var rerr error
		n, rerr = io.ReadFull(body, buf)
		if errors.Is(rerr, io.EOF) || errors.Is(rerr, io.ErrUnexpectedEOF) {
			more = false
		} else if rerr != nil {
			return rerr
		}
	}
	list.WriteString("</CompleteMultipartUpload>")
	res, err = c.do(ctx, http.MethodPost, bucket, key, url.Values{"uploadId": {up.UploadId}}, nil, []byte(list.String()))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	// S3 may answer 200 and put an error into the body of a completion.
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return err
	}
	return errorIn(b, res, true)
}

func (c *Client) done(res *http.Response, err error) error {
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20))
	res.Body.Close()
	return err
}

// do sends one request, again when the server or the network failed it; a refusal is final.
func (c *Client) do(ctx context.Context, method, bucket, key string, q url.Values, h http.Header, body []byte) (*http.Response, error) {
	var last error
	for i := range tries {
		if i > 0 {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(time.Duration(100<<i) * time.Millisecond):
			}
		}
		res, err := c.once(ctx, method, bucket, key, q, h, body)
		if err != nil {
			last = err
			continue
		}
		if res.StatusCode < 300 {
			return res, nil
		}
		b, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
		res.Body.Close()
		last = errorIn(b, res, false)
		if res.StatusCode < 500 || res.StatusCode == http.StatusNotImplemented {
			return nil, last
		}
	}
	return nil, last
}

func (c *Client) once(ctx context.Context, method, bucket, key string, q url.Values, h http.Header, body []byte) (*http.Response, error) {
	host, path := bucket+".s3."+c.region+".amazonaws.com", "/"+key
	if strings.Contains(bucket, ".") { // a wildcard certificate covers one label
		host, path = "s3."+c.region+".amazonaws.com", "/"+bucket+"/"+key
	}
	escaped := sigv4.EscapePath(path)
	u := &url.URL{Scheme: "https", Host: host, Path: path, RawPath: escaped, RawQuery: sigv4.EncodeQuery(q)}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for k, v := range h {
		req.Header[k] = v
	}
	req.Header.Set("User-Agent", c.agent)
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	req.Header.Set("X-Amz-Content-Sha256", hash)
	r := &sigv4.Request{Method: method, Path: escaped, RawQuery: u.RawQuery, Host: host, Header: req.Header}
	creds := c.creds.Load()
	sigv4.Sign(r, sigv4.Credentials{AccessKey: creds.AccessKey, Secret: creds.Secret, Token: creds.Token}, c.region, "s3", hash, c.now())
	return c.http.Do(req)
}

func errorIn(b []byte, res *http.Response, only bool) error {
	var e struct {
		XMLName                  xml.Name
		Code, Message, RequestId string
	}
	bad := xml.Unmarshal(b, &e)
	if only && (bad != nil || e.XMLName.Local != "Error") {
		return nil //nolint:nilerr // an answer that is no error document is an answer
	}
	out := &Error{Status: res.StatusCode, Code: e.Code, Message: e.Message, RequestID: e.RequestId}
	if out.RequestID == "" {
		out.RequestID = res.Header.Get("x-amz-request-id")
	}
	if out.Code == "" {
		out.Code = strconv.Itoa(res.StatusCode)
		out.Message = http.StatusText(res.StatusCode)
	}
	return out
}
