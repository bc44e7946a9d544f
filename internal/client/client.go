// Package client asks a running daemon as any AWS client does: signed, over its public listener. It has no way in that
// others lack.
package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"cloister/internal/core/sigv4"
)

// Client speaks for one key pair.
type Client struct {
	Endpoint string // http://127.0.0.1:4566
	Region   string
	Creds    sigv4.Credentials
	HTTP     *http.Client // nil: a default with a limit of one minute
}

// Error is a refusal in the protocol's own form.
type Error struct {
	Status                   int
	Code, Message, RequestID string
}

func (e *Error) Error() string { return fmt.Sprintf("%d %s: %s", e.Status, e.Code, e.Message) }

// JSON calls an operation of a JSON 1.1 service: target is "Comprehend_20171127.StartDominantLanguageDetectionJob".
func (c *Client) JSON(ctx context.Context, service, target string, in, out any) error {
	b, err := json.Marshal(in)
	if err != nil {
		return err
	}
	res, err := c.do(ctx, http.MethodPost, service, "/", nil, b, http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {target}})
	if err != nil {
		return err
	}
	body, err := c.read(res)
	if err != nil {
		return err
	}
	if out == nil || len(body) == 0 { // operations without an output answer nothing
		return nil
	}
	return json.Unmarshal(body, out)
}

// Query calls an operation of a query service (ec2, iam, sts) and decodes the XML answer into out.
func (c *Client) Query(ctx context.Context, service, version, action string, params url.Values, out any) error {
	v := url.Values{"Action": {action}, "Version": {version}}
	for k, x := range params {
		v[k] = x
	}
	res, err := c.do(ctx, http.MethodPost, service, "/", nil, []byte(v.Encode()), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
	if err != nil {
		return err
	}
	body, err := c.read(res)
	if err != nil || out == nil {
		return err
	}
	return xml.Unmarshal(body, out)
}

// Object sends one S3 request, path style, and gives the answer's body.
func (c *Client) Object(ctx context.Context, method, bucket, key string, q url.Values, body []byte) ([]byte, error) {
	res, err := c.do(ctx, method, "s3", "/"+bucket+"/"+key, q, body, http.Header{})
	if err != nil {
		return nil, err
	}
	return c.read(res)
}

func (c *Client) do(ctx context.Context, method, service, path string, q url.Values, body []byte, h http.Header) (*http.Response, error) {
	base, err := url.Parse(c.Endpoint)
	if err != nil {
		return nil, err
	}
	escaped := sigv4.EscapePath(path)
	u := &url.URL{Scheme: base.Scheme, Host: base.Host, Path: path, RawPath: escaped, RawQuery: sigv4.EncodeQuery(q)}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = h
	r := &sigv4.Request{Method: method, Path: escaped, RawQuery: u.RawQuery, Host: u.Host, Header: req.Header}
	sigv4.Sign(r, c.Creds, c.Region, service, sigv4.Hash(body), time.Now())
	hc := c.HTTP
	if hc == nil {
		hc = &http.Client{Timeout: time.Minute}
	}
	return hc.Do(req)
}

func (c *Client) read(res *http.Response) ([]byte, error) {
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 64<<20))
	if err != nil {
		return nil, err
	}
	if res.StatusCode < 300 {
		return b, nil
	}
	return nil, failure(res, b)
}

// failure reads the code and message of all protocols.
func failure(res *http.Response, b []byte) error {
	e := &Error{Status: res.StatusCode, RequestID: res.Header.Get("x-amzn-RequestId")}
	if e.RequestID == "" {
		e.RequestID = res.Header.Get("x-amz-request-id")
	}
	var j struct {
		Type     string `json:"__type"`
		Message  string `json:"message"`
		Message2 string `json:"Message"`
	}
	if json.Unmarshal(b, &j) == nil {
		e.Code, e.Message = j.Type, j.Message
		if e.Message == "" {
			e.Message = j.Message2
		}
		return e
	}
	d := xml.NewDecoder(bytes.NewReader(b))
	var at string
	for {
		t, err := d.Token()
		if err != nil {
			break
		}
		switch x := t.(type) {
		case xml.StartElement:
			at = x.Name.Local
		case xml.CharData:
			switch at {
			case "Code":
				e.Code += string(x)
			case "Message":
				e.Message += string(x)
			case "RequestID", "RequestId":
				if e.RequestID == "" {
					e.RequestID = string(x)
				}
			}
		case xml.EndElement:
			at = ""
		}
	}
	return e
}

// Explanation is what cloister:Explain answers.
type Explanation struct {
	Subject, Summary string
	Allowed          bool
	Findings         []struct{ RequestId, Call, Step, Layer, Rule, Text, Change string }
}

// Explain asks why a request or a job ended as it did.
func (c *Client) Explain(ctx context.Context, subject string) (*Explanation, error) {
	var out Explanation
	err := c.JSON(ctx, "cloister", "Cloister_20261101.Explain", map[string]string{"Subject": subject}, &out)
	return &out, err
}

// Print writes an explanation for people.
func (e *Explanation) Print(w io.Writer, indent string) {
	fmt.Fprintf(w, "%s%s\n", indent, e.Summary)
	last := ""
	for _, f := range e.Findings {
		if f.Call != "" && f.Call != last {
			fmt.Fprintf(w, "%s  %s\n", indent, f.Call)
			last = f.Call
		}
		if f.Text != "" {
			where := f.Layer
			if f.Rule != "" {
				where += ", " + f.Rule
			}
			fmt.Fprintf(w, "%s    [%s] %s\n", indent, where, f.Text)
		}
		if f.Change != "" {
			fmt.Fprintf(w, "%s    what would change it: %s\n", indent, f.Change)
		}
	}
}

// Trusting makes an HTTP client that trusts the certificates of a PEM file beside the system's; path may be empty.
func Trusting(path string) (*http.Client, error) {
	hc := &http.Client{Timeout: time.Minute}
	if path == "" {
		return hc, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the CA bundle: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("no certificate in the CA bundle %s", path)
	}
	hc.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	return hc, nil
}
