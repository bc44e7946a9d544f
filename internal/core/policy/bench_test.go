package policy

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// world makes a caller with six policies of ten statements each and 25 context keys: most statements are about other
// actions, as in real accounts, unless all is set.
func world(t testing.TB, all bool) (*Request, *Sets) {
	req := &Request{Principal: who(t, "session"), Action: "s3:GetObject", Resource: "arn:aws:s3:::documents-bucket/2026/11/report-0001.txt", ResourceAccount: acct}
	req.Context = NewContext(25)
	for i := range 17 {
		req.Context.Set(fmt.Sprintf("aws:PrincipalTag/tag%d", i), "value")
	}
	req.Context.Set(KeySourceVpc, "vpc-0123456789abcdef0")
	req.Context.Set(KeySourceVpce, "vpce-0123456789abcdef0")
	req.Context.Set(KeyVpcSourceIP, "10.0.1.17")
	req.Context.Set(KeyCurrentTime, "2026-11-22T01:41:11Z")
	req.Context.Set(KeyPrincipalArn, req.Principal.RoleARN)
	req.Context.Set(KeySecureTransport, "true")
	req.Context.Set(KeyPrincipalAccount, acct)
	req.Context.Set(KeyResourceAccount, acct)
	doc := func(kind Kind, n int, principal string) Source {
		s := make([]string, 0, 10)
		for i := range 9 {
			action := fmt.Sprintf("comprehend:Start%dJob", n*9+i)
			if all {
				action = "s3:Get*"
			}
			s = append(s, stmt("Allow", action, fmt.Sprintf("arn:aws:s3:::other-%d-bucket/*", i), principal,
				`{"StringEquals":{"aws:SourceVpc":"vpc-9"},"IpAddress":{"aws:VpcSourceIp":"10.0.0.0/16"}}`))
		}
		s = append(s, stmt("Allow", "s3:*", "arn:aws:s3:::documents-*/*", principal, `{"StringEquals":{"aws:SourceVpc":"vpc-0123456789abcdef0"},"Bool":{"aws:SecureTransport":"true"},"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/app/*"}}`))
		return *source(t, kind, s...)
	}
	bucket, endpoint := doc(Bucket, 4, `{"AWS":"111122223333"}`), doc(Endpoint, 5, `"*"`)
	return req, &Sets{Identity: []Source{doc(Identity, 0, ""), doc(Identity, 1, "")}, Boundary: []Source{doc(Boundary, 2, "")},
		SCP: [][]Source{{doc(SCP, 3, "")}}, Resource: &bucket, ResourceKind: Bucket, Endpoint: &endpoint, EndpointGateway: true}
}

func TestDecideAllocatesNothing(t *testing.T) {
	for _, all := range []bool{false, true} {
		req, sets := world(t, all)
		if v := Decide(req, sets); !v.Allowed() || v.Layer != LayerIdentity {
			t.Fatalf("%+v", v)
		}
		if n := testing.AllocsPerRun(200, func() { Decide(req, sets) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	for _, c := range []struct {
		name string
		all  bool
	}{{"indexed", false}, {"every-statement-about-the-action", true}} {
		b.Run(c.name, func(b *testing.B) {
			req, sets := world(b, c.all)
			b.ReportAllocs()
			for b.Loop() {
				if !Decide(req, sets).Allowed() {
					b.Fatal("denied")
				}
			}
		})
	}
}

func BenchmarkExplain(b *testing.B) {
	for _, c := range []struct{ name, vpc string }{{"allowed", "vpc-0123456789abcdef0"}, {"refused", "vpc-0fedcba9876543210"}} {
		b.Run(c.name, func(b *testing.B) {
			req, sets := world(b, false)
			req.Context.Set(KeySourceVpc, c.vpc)
			b.ReportAllocs()
			for b.Loop() {
				Explain(req, sets)
			}
		})
	}
}

func BenchmarkContext(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		c := NewContext(25)
		for _, k := range [...]string{KeySourceVpc, KeySourceVpce, KeyVpcSourceIP, KeyCurrentTime, KeyPrincipalArn, KeySecureTransport, KeyUserid, KeyEpochTime,
			KeyRequestedRegion, KeyPrincipalType, KeyPrincipalAccount, KeyViaAWSService, KeyPrincipalIsAWSService, KeyResourceAccount} {
			c.Set(k, "value")
		}
	}
}

func BenchmarkParse6kB(b *testing.B) {
	s := make([]string, 20)
	for i := range s {
		s[i] = stmt("Allow", fmt.Sprintf("comprehend:Start%dJob", i), "arn:aws:s3:::documents-*/*", "",
			`{"StringEquals":{"aws:SourceVpc":["vpc-0123456789abcdef0","vpc-0123456789abcdef1"]},"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/app/*"}}`)
	}
	text := []byte(`{"Version":"2012-10-17","Statement":[` + strings.Join(s, ",") + `]}`)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(text, Identity); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCacheGet(b *testing.B) {
	text, err := os.ReadFile("testdata/seeds/customization-role-mended.identity.json")
	if err != nil {
		b.Fatal(err)
	}
	var c Cache
	s := string(text)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Get(s, Identity); err != nil {
			b.Fatal(err)
		}
	}
}
