package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cloister/internal/core/identity"
)

func TestNames(t *testing.T) {
	for k := None; k <= Endpoint; k++ {
		if got, ok := KindOf(k.String()); !ok || got != k {
			t.Errorf("%s is read as %s", k, got)
		}
	}
	if k, ok := KindOf(""); !ok || k != None {
		t.Error("no name is None")
	}
	if _, ok := KindOf("Bucket"); ok || Kind(99).String() != "kind?" || Layer(99).String() != "layer?" {
		t.Error("unknown names")
	}
	if got := fmt.Sprint(ImplicitlyDenied, ExplicitlyDenied, Allowed); got != "ImplicitlyDenied ExplicitlyDenied Allowed" {
		t.Error(got)
	}
	if a, b := Endpoint.article(), Bucket.article(); a != "an endpoint" || b != "a bucket" {
		t.Error(a, b)
	}
}

func TestDocument(t *testing.T) {
	d := source(t, Bucket, `{"Sid":"One","Effect":"Allow","Principal":"*","Action":["s3:GetObject","S3:Put*"],"Resource":["arn:aws:s3:::b/*"]}`,
		`{"Effect":"Deny","Principal":"*","NotAction":"s3:ListBucket","NotResource":"arn:aws:s3:::c"}`).Doc
	if d.Version() != "2012-10-17" || d.Len() != 2 || d.Sid(0) != "One" || d.Sid(1) != "" || d.Sid(2) != "" || d.Sid(-1) != "" {
		t.Errorf("%+v", d)
	}
	if got := d.Resources(); !slices.Equal(got, []string{"arn:aws:s3:::b/*", "arn:aws:s3:::c"}) {
		t.Error(got)
	}
	if got := d.Actions(); !slices.Equal(got, []string{"s3:GetObject", "S3:Put*", "s3:ListBucket"}) {
		t.Error(got)
	}
	old, err := Read([]byte(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`), Identity)
	if err != nil || old.Version() != "2008-10-17" {
		t.Error("no Version is the language of 2008")
	}
}

// A source whose document is not there says nothing, neither Allow nor Deny.
func TestSourceWithoutDocument(t *testing.T) {
	req := &Request{Principal: who(t, "alice"), Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k"}
	v, reasons := Explain(req, &Sets{Identity: []Source{{Name: "gone"}}})
	if v.Decision != ImplicitlyDenied || v.Layer != LayerIdentity {
		t.Errorf("%+v %v", v, reasons)
	}
	if v := Decide(req, &Sets{Identity: append(all(t, Identity), Source{})}); !v.Allowed() {
		t.Errorf("%+v", v)
	}
}

// An account is of one partition: the root of the same number in another one is somebody else, and what is no partition names nobody.
func TestPartitionOfAnAccount(t *testing.T) {
	for root, want := range map[string]bool{"aws": true, "aws-cn": false} {
		trust := source(t, Trust, stmt("Allow", "sts:AssumeRole", "", `{"AWS":"arn:`+root+`:iam::`+acct+`:root"}`, ""))
		req := &Request{Principal: who(t, "alice"), Action: "sts:AssumeRole", Resource: "arn:aws:iam::111122223333:role/R", ResourceAccount: acct}
		if v := Decide(req, &Sets{Identity: all(t, Identity), ResourceKind: Trust, Resource: trust}); v.Allowed() != want {
			t.Errorf("%s: %+v", root, v)
		}
	}
	text := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:xyz:iam::111122223333:root"},"Action":"sts:AssumeRole"}]}`
	if _, err := Parse([]byte(text), Trust); err == nil {
		t.Error("a root of no partition is taken")
	}
}

// Federated web identities and S3's canonical users are principals too.
func TestOtherPrincipals(t *testing.T) {
	const provider = "arn:aws:iam::111122223333:oidc-provider/id.example.com"
	trust := source(t, Trust, stmt("Allow", "sts:AssumeRoleWithWebIdentity", "", `{"Federated":"`+provider+`"}`, ""))
	for _, c := range []struct {
		p    *identity.Principal
		want bool
	}{
		{&identity.Principal{Kind: identity.Federated, ARN: provider}, true},
		{&identity.Principal{Kind: identity.Federated, Service: provider}, true},
		{&identity.Principal{Kind: identity.Federated, ARN: provider + "x"}, false},
		{&identity.Principal{Kind: identity.Federated, ARN: provider, Account: acct}, false},
		{&identity.Principal{Kind: identity.Service, ARN: provider}, false},
	} {
		req := &Request{Principal: c.p, Action: "sts:AssumeRoleWithWebIdentity", Resource: "arn:aws:iam::111122223333:role/R", ResourceAccount: acct}
		if v := Decide(req, &Sets{ResourceKind: Trust, Resource: trust}); v.Allowed() != c.want {
			t.Errorf("%+v: %+v", c.p, v)
		}
	}
	bucket := source(t, Bucket, stmt("Allow", "s3:GetObject", "*", `{"CanonicalUser":"79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"}`, ""))
	for id, want := range map[string]bool{"79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be": true, "other": false, "": false} {
		req := &Request{Principal: who(t, "alice"), Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", ResourceAccount: other, CanonicalUser: id}
		if v := Decide(req, &Sets{Identity: all(t, Identity), ResourceKind: Bucket, Resource: bucket}); v.Allowed() != want {
			t.Errorf("canonical user %q: %+v", id, v)
		}
	}
	for v, want := range map[string]bool{"AROAEXAMPLEEXAMPLE01": true, "AIDAEXAMPLEEXAMPLE01": true, "AROAEXAMPLEexample01": false, "AROASHORT": false, "AKIAEXAMPLEEXAMPLE01": false} {
		if isUniqueID(v) != want {
			t.Error(v)
		}
	}
}

func TestGrantsElsewhere(t *testing.T) {
	grant := Grant{Name: "grant 1f3c", Grantee: "arn:aws:iam::111122223333:role/app/Job", Operations: []string{"Decrypt"}}
	key := "arn:aws:kms:us-west-2:444455556666:key/1"
	for _, c := range []struct {
		name, who string
		grantee   string
		identity  []Source
		want      Decision
		layer     Layer
	}{
		{"a foreign key's grant and identity", "session", grant.Grantee, all(t, Identity), Allowed, LayerGrant},
		{"a foreign key's grant alone", "session", grant.Grantee, nil, ImplicitlyDenied, LayerIdentity},
		{"a service", "service", "comprehend.amazonaws.com", nil, Allowed, LayerGrant},
		{"another service", "service", "sagemaker.amazonaws.com", nil, ImplicitlyDenied, LayerResource},
	} {
		g := grant
		g.Grantee = c.grantee
		req := &Request{Principal: who(t, c.who), Action: "kms:Decrypt", Resource: key, ResourceAccount: other}
		v, reasons := Explain(req, &Sets{Identity: c.identity, ResourceKind: Key, Grants: []Grant{{Name: "other"}, g}, Resource: source(t, Key, allow("kms:*", "*", `{"AWS":"444455556666"}`))})
		if v.Decision != c.want || v.Layer != c.layer || v.Allowed() && reasons[0].Source != "grant 1f3c" {
			t.Errorf("%s: %+v\n%v", c.name, v, reasons)
		}
	}
}

// Every sentence that an explanation can hold, and the same through JSON.
func TestSentences(t *testing.T) {
	const obj, key = "arn:aws:s3:::b/k", "arn:aws:kms:us-west-2:111122223333:key/1"
	named := func(s *Source, name string) *Source { s.Name = name; return s }
	get := func(who *identity.Principal) *Request {
		return &Request{Principal: who, Action: "s3:GetObject", Resource: obj, ResourceAccount: acct}
	}
	old, err := Read([]byte(`{"Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/${aws:username}"}]}`), Identity)
	if err != nil {
		t.Fatal(err)
	}
	tagged := get(who(t, "alice"))
	tagged.Context.Set("aws:username", "alice")
	for _, c := range []struct {
		req  *Request
		sets Sets
		want string // one of the lines
	}{
		{&Request{Principal: who(t, "alice"), Action: "sts:GetCallerIdentity", Resource: "*"}, Sets{}, "allowed: sts:GetCallerIdentity needs no permission"},
		{get(who(t, "root")), Sets{}, "allowed: arn:aws:iam::111122223333:root is the root user of its account, which nothing here denies"},
		{get(who(t, "alice")), Sets{Identity: all(t, Identity)}, "allowed: statement 0 of identity policy (identity-based policy) decides s3:GetObject on arn:aws:s3:::b/k for arn:aws:iam::111122223333:user/alice"},
		{get(who(t, "alice")), Sets{Identity: []Source{*named(source(t, Identity, `{"Sid":"Read","Effect":"Allow","Action":"s3:*","Resource":"*"}`), "inline policy p")}},
			"statement 0 (Read) of inline policy p allows s3:GetObject on arn:aws:s3:::b/k"},
		{get(who(t, "alice")), Sets{}, "the identity-based policies: there are none"},
		{get(who(t, "alice")), Sets{}, "denied: no identity-based policy allows s3:GetObject on arn:aws:s3:::b/k for arn:aws:iam::111122223333:user/alice"},
		{get(nil), Sets{ResourceKind: Bucket}, "denied: no resource-based policy allows s3:GetObject on arn:aws:s3:::b/k for anonymous"},
		{get(&identity.Principal{Kind: identity.Service, Service: "comprehend.amazonaws.com"}), Sets{ResourceKind: Bucket}, "denied: no resource-based policy allows s3:GetObject on arn:aws:s3:::b/k for comprehend.amazonaws.com"},
		{get(who(t, "alice")), Sets{Identity: append(none(t, Identity), none(t, Identity)...)}, "the identity-based policies: no statement is about s3:GetObject"},
		{get(who(t, "alice")), Sets{Identity: none(t, Identity)}, "identity policy: no statement is about s3:GetObject"},
		{get(who(t, "alice")), Sets{Identity: all(t, Identity), SCP: [][]Source{all(t, SCP), append(none(t, SCP), none(t, SCP)...)}}, "level 2 of the service control policies: no statement is about s3:GetObject"},
		{get(who(t, "alice")), Sets{Identity: all(t, Identity), Boundary: []Source{*source(t, Boundary, allow("s3:*", "arn:aws:s3:::c/*", ""))}}, "the permissions boundary: no Allow matches s3:GetObject on arn:aws:s3:::b/k"},
		{get(who(t, "alice")), Sets{Identity: all(t, Identity), Session: []Source{}}, "the session policies: there are none"},
		{get(who(t, "alice")), Sets{Identity: []Source{*source(t, Identity, `{"Effect":"Allow","Action":"*","NotResource":["arn:aws:s3:::b/*","arn:aws:s3:::c"]}`)}},
			`statement 0 of identity policy (Allow) does not apply: NotResource ["arn:aws:s3:::b/*", "arn:aws:s3:::c"] does not take in arn:aws:s3:::b/k`},
		{tagged, Sets{Identity: []Source{{Doc: old}}}, `statement 0 of identity policy (Allow) does not apply: Resource "arn:aws:s3:::b/${aws:username}" does not take in arn:aws:s3:::b/k; arn:aws:s3:::b/${aws:username} is plain text without "Version": "2012-10-17"`},
		{tagged, Sets{Identity: []Source{*source(t, Identity, allow("*", "arn:aws:s3:::b/${aws:username}", ""))}},
			`statement 0 of identity policy (Allow) does not apply: Resource "arn:aws:s3:::b/${aws:username}" does not take in arn:aws:s3:::b/k; ${aws:username} is "alice"`},
		{get(who(t, "alice")), Sets{ResourceKind: Bucket, Resource: source(t, Bucket, allow("s3:*", "*", `{"AWS":"111122223333"}`))},
			"statement 0 of bucket policy leaves s3:GetObject to the policies of account 111122223333"},
		{get(who(t, "alice")), Sets{Identity: all(t, Identity), Endpoint: source(t, Endpoint, allow("s3:*", "*", `{"AWS":"111122223333"}`)), EndpointGateway: true},
			`statement 0 of endpoint policy (Allow) does not apply: Principal "111122223333" does not take in arn:aws:iam::111122223333:user/alice; in a gateway endpoint's policy an account means its root user alone`},
		{get(who(t, "alice")), Sets{ResourceKind: Bucket, Resource: source(t, Bucket, `{"Effect":"Deny","NotPrincipal":{"AWS":["111122223333","arn:aws:iam::111122223333:user/alice"]},"Action":"*","Resource":"*"}`)},
			`statement 0 of bucket policy (Deny) does not apply: NotPrincipal ["111122223333", "arn:aws:iam::111122223333:user/alice"] does not take in arn:aws:iam::111122223333:user/alice`},
		{&Request{Principal: who(t, "session"), Action: "kms:Decrypt", Resource: key, ResourceAccount: acct},
			Sets{ResourceKind: Key, Grants: []Grant{{Name: "grant 1f3c", Grantee: "AROAJOBJOBJOBJOBJOB0", Operations: []string{"Decrypt"}}}},
			"allowed: grant 1f3c on the key gives kms:Decrypt on " + key + " to arn:aws:sts::111122223333:assumed-role/Job/s1"},
		{&Request{Principal: who(t, "alice"), Action: "kms:Decrypt", Resource: key, ResourceAccount: acct}, Sets{Identity: all(t, Identity), ResourceKind: Key},
			"the resource has no policy, and its kind (key) allows nobody without one"},
		{&Request{Principal: who(t, "alice"), Action: "iam:PassRole", Resource: "arn:aws:iam::111122223333:role/aws-service-role/x/AWSServiceRoleForX", ResourceAccount: acct},
			Sets{Identity: all(t, Identity)}, "denied: a service-linked role can't be passed"},
		{&Request{Principal: who(t, "alice"), Action: "iam:PassRole", Resource: "arn:aws:iam::111122223333:role/aws-service-role/x/AWSServiceRoleForX", ResourceAccount: acct},
			Sets{Identity: all(t, Identity)}, "pass a role of your own"},
		{&Request{Principal: who(t, "alice"), Action: "iam:PassRole", Resource: "arn:aws:iam::111122223333:role/aws-service-role/x/AWSServiceRoleForX", ResourceAccount: acct},
			Sets{Identity: all(t, Identity), SCP: [][]Source{none(t, SCP)}}, "to allow it, a service control policy needs a statement that allows iam:PassRole on arn:aws:iam::111122223333:role/aws-service-role/x/AWSServiceRoleForX"},
	} {
		_, reasons := Explain(c.req, &c.sets)
		var lines []string
		for _, r := range reasons {
			lines = append(lines, r.String())
		}
		if !slices.Contains(lines, c.want) {
			t.Errorf("want %s\ngot  %s", c.want, strings.Join(lines, "\n     "))
		}
		b, err := json.Marshal(reasons)
		if err != nil {
			t.Fatal(err)
		}
		var again []Reason
		if err := json.Unmarshal(b, &again); err != nil {
			t.Fatal(err)
		}
		for i := range again {
			a, r := again[i], reasons[i]
			if a.Text != lines[i] || a.String() != lines[i] || a.Kind != r.Kind || a.Statement != r.Statement || a.Layer != r.Layer || !slices.Equal(a.Expected, r.Expected) {
				t.Errorf("through JSON: %+v", a)
			}
		}
	}
}

func TestContextOfManyKeys(t *testing.T) {
	var c Context
	for i := range 500 {
		c.Set(fmt.Sprintf("k:Key%d", i), fmt.Sprint(i))
		c.Add(fmt.Sprintf("aws:RequestTag/T%d", i), fmt.Sprint(i))
	}
	c.Set("aws:SourceVpc", "vpc-1")
	for i := range 500 {
		if got := c.Get(fmt.Sprintf("K:KEY%d", i)); len(got) != 1 || got[0] != fmt.Sprint(i) {
			t.Fatalf("key %d: %v", i, got)
		}
		if i%2 == 0 {
			c.Set(fmt.Sprintf("k:key%d", i))
		}
	}
	if c.Len() != 751 || c.Get("k:Key2") != nil || c.Get("aws:sourceVPC")[0] != "vpc-1" || c.Get("aws:SourceIp") != nil || len(c.Get("k:Key3")) != 1 {
		t.Errorf("%d keys", c.Len())
	}
	// the Kelvin sign folds to k, and a key longer than any known one is no other
	c.Set("aws:To\u212aenIssueTime", "x")
	if got := c.Get("aws:TokenIssueTime"); len(got) != 1 {
		t.Error(got)
	}
	if c.Get("aws:SourceVpc"+strings.Repeat("x", 80)) != nil {
		t.Error("a prefix is no name")
	}
	if (&Context{}).Get("k:none") != nil {
		t.Error("the empty context has no keys")
	}
}
