package s3

import (
	"encoding/json"
	"strings"
	"testing"

	"cloister/internal/core/identity"
	"cloister/internal/core/policy"
	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
)

const everybody = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::docs/*"}}`

// Source: S3 User Guide, "Blocking public access": what a new bucket has, what it refuses, and what taking it away allows.
func TestBlockPublicAccess(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	in := &shape.GetPublicAccessBlockRequest{Bucket: ptr("docs")}
	set := func() error {
		_, err := ask1[shape.PutBucketPolicyOutput](h, "PutBucketPolicy", &shape.PutBucketPolicyRequest{Bucket: ptr("docs"), Policy: ptr(everybody)})
		return err
	}
	got := must[shape.GetPublicAccessBlockOutput](h, "GetPublicAccessBlock", in).PublicAccessBlockConfiguration
	if !*got.BlockPublicAcls || !*got.IgnorePublicAcls || !*got.BlockPublicPolicy || !*got.RestrictPublicBuckets {
		t.Errorf("a new bucket blocks %+v", got)
	}
	if f := refuses(t, "a public policy", set(), "AccessDenied", 0); !strings.Contains(f.Message, "BlockPublicPolicy") {
		t.Errorf("the refusal does not name the rule: %s", f.Message)
	}
	must[shape.DeletePublicAccessBlockOutput](h, "DeletePublicAccessBlock", &shape.DeletePublicAccessBlockRequest{Bucket: ptr("docs")})
	_, err := ask1[shape.GetPublicAccessBlockOutput](h, "GetPublicAccessBlock", in)
	refuses(t, "the block that is gone", err, "NoSuchPublicAccessBlockConfiguration", 404)
	_, err = ask1[shape.GetBucketPolicyStatusOutput](h, "GetBucketPolicyStatus", &shape.GetBucketPolicyStatusRequest{Bucket: ptr("docs")})
	refuses(t, "the status of no policy", err, "NoSuchBucketPolicy", 404)
	if err := set(); err != nil {
		t.Fatal(err)
	}
	if s := must[shape.GetBucketPolicyStatusOutput](h, "GetBucketPolicyStatus", &shape.GetBucketPolicyStatusRequest{Bucket: ptr("docs")}); !*s.PolicyStatus.IsPublic {
		t.Error("a policy for everybody is not public")
	}

	// The account's block binds the bucket that has none, and one made afterwards.
	change := func(flags *[4]bool) {
		if err := h.ledger.Update(t.Context(), func(tx store.Tx) error { return h.service.BlockAccount(tx, "aws", h.call("").Account, flags) }); err != nil {
			t.Fatal(err)
		}
	}
	change(&[4]bool{2: true})
	refuses(t, "a public policy under the account's block", set(), "AccessDenied", 0)
	change(&[4]bool{3: true})
	reach := func(who *identity.Principal, owner string) policy.Decision {
		t.Helper()
		var d policy.Decision
		if err := h.ledger.View(t.Context(), func(v store.View) error {
			b, err := buckets.Get(v, store.Scope{Partition: "aws"}, "docs")
			if err != nil {
				return err
			}
			p := policyOf(b)
			doc, err := policy.Read([]byte(p.Text), policy.Bucket)
			if err != nil {
				return err
			}
			ctx := policy.NewContext(4)
			ctx.Set("aws:PrincipalIsAWSService", "false")
			if who.Account != "" {
				ctx.Set("aws:PrincipalAccount", who.Account)
			}
			d = policy.Decide(&policy.Request{Principal: who, Action: "s3:GetObject", Resource: "arn:aws:s3:::docs/k", ResourceAccount: owner, Context: ctx},
				&policy.Sets{Resource: &policy.Source{Name: p.Name, Owner: owner, Doc: doc}, ResourceKind: policy.Bucket}).Decision
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return d
	}
	owner := h.call("").Account
	nobody := &identity.Principal{Kind: identity.Anonymous, Partition: "aws"}
	own := &identity.Principal{Kind: identity.User, Partition: "aws", Account: owner, ARN: "arn:aws:iam::" + owner + ":user/a"}
	if reach(nobody, owner) == policy.Allowed || reach(own, owner) != policy.Allowed {
		t.Error("RestrictPublicBuckets does not hold to the bucket's own account")
	}
	change(nil)
	if reach(nobody, owner) != policy.Allowed {
		t.Error("the restriction stays when it is taken away")
	}
	if !json.Valid([]byte(restriction(owner))) {
		t.Error("the restriction is no JSON")
	}
}

func TestOwnership(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	h.put("docs", "k", []byte("x"))
	acl := must[shape.GetBucketAclOutput](h, "GetBucketAcl", &shape.GetBucketAclRequest{Bucket: ptr("docs")})
	if len(acl.Grants) != 1 || *acl.Grants[0].Permission != "FULL_CONTROL" || *acl.Grants[0].Grantee.ID != *acl.Owner.ID {
		t.Errorf("the ACL of a bucket reads %+v", acl)
	}
	if o := must[shape.GetObjectAclOutput](h, "GetObjectAcl", &shape.GetObjectAclRequest{Bucket: ptr("docs"), Key: ptr("k")}); *o.Owner.ID != *acl.Owner.ID {
		t.Errorf("the ACL of an object reads %+v", o)
	}
	_, err := ask1[shape.GetObjectAclOutput](h, "GetObjectAcl", &shape.GetObjectAclRequest{Bucket: ptr("docs"), Key: ptr("none")})
	refuses(t, "the ACL of nothing", err, "NoSuchKey", 404)
	_, err = ask1[shape.PutBucketAclOutput](h, "PutBucketAcl", &shape.PutBucketAclRequest{Bucket: ptr("docs"), ACL: ptr("public-read")})
	refuses(t, "an ACL", err, "AccessControlListNotSupported", 400)
	_, err = ask1[shape.CreateBucketOutput](h, "CreateBucket", &shape.CreateBucketRequest{Bucket: ptr("more"), ACL: ptr("public-read")})
	refuses(t, "a bucket with an ACL", err, "InvalidBucketAclWithObjectOwnership", 400)
	for setting, code := range map[string]string{"BucketOwnerEnforced": "", "ObjectWriter": "NotImplemented"} {
		_, err := ask1[shape.PutBucketOwnershipControlsOutput](h, "PutBucketOwnershipControls", &shape.PutBucketOwnershipControlsRequest{Bucket: ptr("docs"),
			OwnershipControls: &shape.OwnershipControls{Rules: []shape.OwnershipControlsRule{{ObjectOwnership: ptr(setting)}}}})
		if (err == nil) != (code == "") {
			t.Errorf("%s: %v", setting, err)
		}
	}
}

// Source: S3 User Guide, "Using cross-origin resource sharing (CORS)", with its examples.
func TestSharing(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	must[shape.PutBucketCorsOutput](h, "PutBucketCors", &shape.PutBucketCorsRequest{Bucket: ptr("docs"), CORSConfiguration: &shape.CORSConfiguration{CORSRules: []shape.CORSRule{
		{AllowedOrigins: []string{"http://*.example.com"}, AllowedMethods: []string{"PUT", "POST"}, AllowedHeaders: []string{"x-amz-*"}, ExposeHeaders: []string{"etag"}, MaxAgeSeconds: ptr(int64(30))},
		{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}}}}})
	for _, x := range []struct {
		bucket, origin, method string
		headers                []string
		preflight              bool
		code, allowed          string
	}{
		{"docs", "http://www.example.com", "PUT", []string{"X-Amz-Meta-A"}, true, "", "http://www.example.com"},
		{"docs", "http://www.example.com", "PUT", []string{"authorization"}, true, "AccessForbidden", ""},
		{"docs", "http://.example.co", "PUT", nil, true, "AccessForbidden", ""},
		{"docs", "http://other.org", "GET", nil, true, "", "*"},
		{"docs", "http://other.org", "DELETE", nil, true, "AccessForbidden", ""},
		{"docs", "http://other.org", "PUT", nil, false, "", ""},
		{"docs", "http://other.org", "GET", nil, false, "", "*"},
		{"none", "http://other.org", "GET", nil, true, "NoSuchBucket", ""},
		{"none", "http://other.org", "GET", nil, false, "", ""},
		{"docs", "", "GET", nil, true, "BadRequest", ""},
	} {
		if err := h.ledger.View(t.Context(), func(v store.View) error {
			out, f := h.service.Shared(v, "aws", x.bucket, x.origin, x.method, x.headers, x.preflight)
			if (f != nil) != (x.code != "") || f != nil && f.Code != x.code || out["Access-Control-Allow-Origin"] != x.allowed {
				t.Errorf("%+v: %v, %v", x, out, f)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}
