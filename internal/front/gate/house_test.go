package gate

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	"cloister/internal/core/policy"
	"cloister/internal/core/sigv4"
	"cloister/internal/core/trail"
	"cloister/internal/driver/sqlite"
	"cloister/internal/front/wire"
	"cloister/internal/shape/ec2"
	"cloister/internal/shape/s3"
	"cloister/internal/store"
	"cloister/internal/world"
)

const account = "111122223333"

// people is a directory of one user.
type people struct {
	policy string
	used   []string
}

func (p *people) Credential(_ store.View, key, token string, _ time.Time) (api.Credential, error) {
	if key != "AKIAALICE" || token != "" {
		return api.Credential{}, fault.Of(fault.UnknownKey, "")
	}
	return api.Credential{Secret: "secret", Principal: identity.Principal{Kind: identity.User, Partition: "aws", Account: account,
		ARN: "arn:aws:iam::" + account + ":user/alice", ID: "AIDAALICE", UniqueID: "AIDAALICE", Name: "alice", AccessKey: key}}, nil
}

func (p *people) Issued(_ store.View, key string) (bool, error) {
	return key == "AKIAALICE" || key == "AKIAGONE", nil
}

func (p *people) Policies(_ store.View, who *identity.Principal) (api.PolicySets, error) {
	if who.Kind != identity.User {
		return api.PolicySets{}, nil
	}
	return api.PolicySets{Identity: []api.NamedPolicy{{Name: "inline policy P of user alice", Owner: account, Text: p.policy}}}, nil
}

func (p *people) Refusal(r *policy.Request, v policy.Verdict) ([]byte, error) {
	return []byte(r.Action + " " + v.Decision.String()), nil
}

func (p *people) Encode(account string, b []byte) (string, error) {
	return account + "/" + string(b), nil
}

// Unnoted is true of the first call alone.
func (p *people) Unnoted(_ store.View, who *identity.Principal) (bool, error) {
	return who.Kind == identity.User && p.used == nil, nil
}

func (p *people) Used(_ store.Tx, who *identity.Principal, service, region string) error {
	p.used = append(p.used, who.AccessKey+" "+service+" "+region)
	return nil
}

type thing struct{ Name string }

var things = store.Table[thing]{Kind: "thing"}

type house struct {
	t     *testing.T
	gate  *Gate
	store *sqlite.Store
	who   *people
	path  *api.Path
	log   *strings.Builder
	acted int
}

func open(t *testing.T, change func(*Config)) *house {
	t.Helper()
	st, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "l.db"), world.Real{}.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	h := &house{t: t, store: st, who: &people{policy: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`}, log: &strings.Builder{}}
	c := Config{Registry: wire.Open(), Store: st, World: world.Real{}, Directory: h.who, Partition: "aws", Region: "us-east-1", Account: account,
		Log: slog.New(slog.NewJSONHandler(h.log, nil)),
		Path: func(_ store.View, _ *api.Origin, service string) (*api.Path, *fault.Fault) {
			if h.path == nil {
				return nil, fault.Of(fault.Unavailable, "no endpoint leads to %s", service)
			}
			return h.path, nil
		},
		Rows: append(api.Rows("ec2",
			api.Op[ec2.CreateVpcRequest, ec2.CreateVpcResult]{Name: "CreateVpc", Honours: []string{"CidrBlock", "TagSpecifications.*"},
				Questions: func(c *api.Call, _ store.View, _ *ec2.CreateVpcRequest) ([]api.Question, error) {
					return []api.Question{{Action: "ec2:CreateVpc", Resource: c.ARN("ec2", "vpc/*")}}, nil
				},
				Act: func(c *api.Call, tx store.Tx, in *ec2.CreateVpcRequest) (*ec2.CreateVpcResult, error) {
					h.acted++
					id := "vpc-1"
					c.Touch(c.ARN("ec2", "vpc/"+id))
					if *in.CidrBlock == "10.9.0.0/16" {
						panic("a row that breaks")
					}
					return &ec2.CreateVpcResult{Vpc: &ec2.Vpc{VpcId: &id}}, things.Create(tx, c.Scope(), id, &thing{id})
				}},
			api.Op[ec2.DescribeVpcsRequest, ec2.DescribeVpcsResult]{Name: "DescribeVpcs",
				Questions: func(c *api.Call, _ store.View, _ *ec2.DescribeVpcsRequest) ([]api.Question, error) {
					return []api.Question{{Action: "ec2:DescribeVpcs", Resource: "*"}}, nil
				},
				View: func(c *api.Call, v store.View, _ *ec2.DescribeVpcsRequest) (*ec2.DescribeVpcsResult, error) {
					return &ec2.DescribeVpcsResult{Vpcs: []ec2.Vpc{}}, nil
				}},
			api.Op[ec2.DescribeSubnetsRequest, ec2.DescribeSubnetsResult]{Name: "DescribeSubnets", // not built
				Questions: func(c *api.Call, _ store.View, _ *ec2.DescribeSubnetsRequest) ([]api.Question, error) {
					return []api.Question{{Action: "ec2:DescribeSubnets", Resource: "*"}}, nil
				}},
		), api.Rows("s3", api.Op[s3.GetObjectRequest, s3.GetObjectOutput]{Name: "GetObject", Anonymous: true, ReadOnly: true, Honours: []string{"Bucket", "Key"},
			Questions: func(c *api.Call, _ store.View, in *s3.GetObjectRequest) ([]api.Question, error) {
				if strings.HasPrefix(*in.Bucket, "missing") {
					return []api.Question{{Action: "s3:GetObject", Resource: "arn:aws:s3:::" + *in.Bucket + "/" + *in.Key}}, fault.New("NoSuchBucket", "no bucket").With(404)
				}
				return []api.Question{{Action: "s3:GetObject", Resource: "arn:aws:s3:::" + *in.Bucket + "/" + *in.Key, Owner: account,
					Policy: &api.ResourcePolicy{Kind: "bucket", Name: "bucket policy", Text: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::open/*"}]}`}}}, nil
			},
			Stream: func(_ context.Context, c *api.Call, in *s3.GetObjectRequest) (*s3.GetObjectOutput, error) {
				return &s3.GetObjectOutput{Body: io.NopCloser(strings.NewReader("bytes of " + *in.Bucket))}, nil
			}})...),
	}
	if change != nil {
		change(&c)
	}
	if h.gate, err = New(c); err != nil {
		t.Fatal(err)
	}
	return h
}

var outside = api.Origin{Door: api.Public, Peer: netip.MustParseAddrPort("127.0.0.1:50000"), Loopback: true}
var inside = api.Origin{Door: api.InVPC, Peer: netip.MustParseAddrPort("10.0.0.5:50000"), Account: account, Region: "us-east-1", VPC: "vpc-1", Interface: "eni-1"}

func (h *house) send(o api.Origin, req *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.gate.ServeHTTP(w, req.WithContext(WithOrigin(req.Context(), &o)))
	return w
}

func sign(req *http.Request, service, body, secret string) *http.Request {
	r := &sigv4.Request{Method: req.Method, Path: req.URL.EscapedPath(), RawQuery: req.URL.RawQuery, Host: req.Host, Header: req.Header}
	sigv4.Sign(r, sigv4.Credentials{AccessKey: "AKIAALICE", Secret: secret}, "us-east-1", service, sigv4.Hash([]byte(body)), time.Now())
	return req
}

func form(action string, more url.Values) *http.Request {
	v := url.Values{"Action": {action}, "Version": {"2016-11-15"}}
	for k, x := range more {
		v[k] = x
	}
	body := v.Encode()
	req := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:4566/", strings.NewReader(body))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return sign(req, "ec2", body, "secret")
}

func get(host, path string, signed bool) *http.Request {
	req := httptest.NewRequest(http.MethodGet, "http://"+host+path, nil)
	if signed {
		sign(req, "s3", "", "secret")
	}
	return req
}

func (h *house) events() []trail.Event {
	h.t.Helper()
	var out []trail.Event
	if err := h.store.View(h.t.Context(), func(v store.View) (err error) { out, err = v.Trail(store.TrailQuery{}); return err }); err != nil {
		h.t.Fatal(err)
	}
	return out
}
