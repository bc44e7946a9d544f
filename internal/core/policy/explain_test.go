package policy

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

func TestMessage(t *testing.T) {
	const obj = "arn:aws:s3:::b/k"
	for _, c := range []struct {
		who, action, resource, owner string
		v                            Verdict
		want                         string
	}{
		{"alice", "comprehend:CreateDocumentClassifier", "arn:aws:comprehend:us-west-2:111122223333:document-classifier/x", acct, missing(ImplicitlyDenied, LayerIdentity),
			"User: arn:aws:iam::111122223333:user/alice is not authorized to perform: comprehend:CreateDocumentClassifier on resource: arn:aws:comprehend:us-west-2:111122223333:document-classifier/x because no identity-based policy allows the comprehend:CreateDocumentClassifier action"},
		{"session", "s3:GetObject", obj, acct, missing(ImplicitlyDenied, LayerEndpoint),
			`User: arn:aws:sts::111122223333:assumed-role/Job/s1 is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::b/k" because no VPC endpoint policy allows the s3:GetObject action`},
		{"session", "s3:GetObject", obj, acct, Verdict{Decision: ExplicitlyDenied, Layer: LayerResource, Statement: 0},
			`User: arn:aws:sts::111122223333:assumed-role/Job/s1 is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::b/k" with an explicit deny in a resource-based policy`},
		{"session", "s3:GetObject", obj, other, missing(ImplicitlyDenied, LayerResource), "Access Denied"},
		{"anonymous", "s3:GetObject", obj, acct, missing(ImplicitlyDenied, LayerResource), "Access Denied"},
		{"alice", "ec2:CreateNetworkInterface", "arn:x", acct, Verdict{Decision: ExplicitlyDenied, Layer: LayerIdentity, Statement: 3},
			"You are not authorized to perform this operation. User: arn:aws:iam::111122223333:user/alice is not authorized to perform: ec2:CreateNetworkInterface on resource: arn:x with an explicit deny in an identity-based policy"},
		{"alice", "iam:PassRole", "r", acct, missing(ExplicitlyDenied, LayerSCP),
			"User: arn:aws:iam::111122223333:user/alice is not authorized to perform: iam:PassRole on resource: r because no service control policy allows the iam:PassRole action"},
		{"alice", "kms:Decrypt", "r", acct, Verdict{Decision: ExplicitlyDenied, Layer: LayerBoundary},
			"User: arn:aws:iam::111122223333:user/alice is not authorized to perform: kms:Decrypt on resource: r with an explicit deny in a permissions boundary"},
		// Of another account's key neither its name nor whether it is there is told.
		{"alice", "kms:Decrypt", "r", other, Verdict{Decision: ExplicitlyDenied, Layer: LayerResource, Statement: 0},
			"User: arn:aws:iam::111122223333:user/alice is not authorized to perform: kms:Decrypt on this resource because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access"},
		{"alice", "kms:Decrypt", "r", other, missing(ImplicitlyDenied, LayerIdentity),
			"User: arn:aws:iam::111122223333:user/alice is not authorized to perform: kms:Decrypt on this resource because no identity-based policy allows the kms:Decrypt action"},
		{"service", "sts:AssumeRole", "r", acct, missing(ImplicitlyDenied, LayerTrust),
			"User: comprehend.amazonaws.com is not authorized to perform: sts:AssumeRole on resource: r because no role trust policy allows the sts:AssumeRole action"},
		{"alice", "sts:AssumeRole", "r", acct, Verdict{Decision: ExplicitlyDenied, Layer: LayerTrust},
			"User: arn:aws:iam::111122223333:user/alice is not authorized to perform: sts:AssumeRole on resource: r with an explicit deny in the role trust policy"},
		{"anonymous", "sts:AssumeRoleWithWebIdentity", "", acct, missing(ImplicitlyDenied, LayerSession),
			"User: anonymous is not authorized to perform: sts:AssumeRoleWithWebIdentity because no session policy allows the sts:AssumeRoleWithWebIdentity action"},
		{"alice", "comprehend:DetectSentiment", "*", acct, missing(ImplicitlyDenied, LayerIdentity), // no resource: none is named
			"User: arn:aws:iam::111122223333:user/alice is not authorized to perform: comprehend:DetectSentiment because no identity-based policy allows the comprehend:DetectSentiment action"},
		{"alice", "s3:ListAllMyBuckets", "arn:aws:s3:::*", acct, missing(ImplicitlyDenied, LayerIdentity),
			"User: arn:aws:iam::111122223333:user/alice is not authorized to perform: s3:ListAllMyBuckets because no identity-based policy allows the s3:ListAllMyBuckets action"},
		{"alice", "s3:GetObject", obj, acct, Verdict{Decision: Allowed}, ""},
		{"nameless service", "sts:AssumeRole", "r", acct, missing(ImplicitlyDenied, LayerTrust),
			"User: comprehend.amazonaws.com is not authorized to perform: sts:AssumeRole on resource: r because no role trust policy allows the sts:AssumeRole action"},
	} {
		if got := Message(&Request{Principal: who(t, c.who), Action: c.action, Resource: c.resource, ResourceAccount: c.owner}, c.v); got != c.want {
			t.Errorf("\n got %s\nwant %s", got, c.want)
		}
	}
}

// An explanation names every statement that has to do with the action, and what failed in it.
func TestExplain(t *testing.T) {
	req := &Request{Principal: who(t, "session"), Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", ResourceAccount: acct}
	req.Context.Set("aws:SourceVpc", "vpc-1")
	req.Context.Set("aws:TagKeys", "a", "b")
	inline := source(t, Identity,
		stmt("Allow", "s3:GetObject", "arn:aws:s3:::c/*", "", ""),
		stmt("Allow", "s3:Get*", "*", "", `{"StringEquals":{"aws:SourceVpc":["vpc-2","vpc-3"],"aws:SourceVpce":"vpce-1"}}`),
		stmt("Allow", "ec2:*", "*", "", ""),
		stmt("Allow", "s3:*", "*", "", `{"StringLike":{"aws:SourceVpc":"${aws:PrincipalTag/vpc}"}}`),
		stmt("Deny", "s3:*", "*", "", `{"Null":{"aws:SourceVpc":"true"}}`),
		stmt("Allow", "s3:*", "*", "", `{"StringEquals":{"aws:TagKeys":"a"}}`),
		stmt("Deny", "s3:*", "*", "", `{"Null":{"aws:SourceIp":"false"}}`))
	inline.Name = "inline policy X of role Job"
	sets := &Sets{Identity: []Source{*inline}, ResourceKind: Bucket, Session: []Source{*source(t, Session, allow("ec2:*", "*", ""))},
		Resource: source(t, Bucket, stmt("Allow", "s3:GetObject", "arn:aws:s3:::b/*", `{"AWS":"444455556666"}`, ""), stmt("Deny", "s3:GetObject", "arn:aws:s3:::b/*", `"*"`, `{"StringNotEquals":{"aws:SourceVpc":"vpc-9"}}`))}
	v, reasons := Explain(req, sets)
	if v.Decision != ExplicitlyDenied || v.Source != sets.Resource || v.Statement != 1 {
		t.Errorf("%+v", v)
	}
	var text []string
	for _, r := range reasons {
		if r.String() == "" || r.Kind == "" {
			t.Errorf("%+v", r)
		}
		text = append(text, r.String())
	}
	want := []string{
		"denied: statement 1 of bucket policy (resource-based policy) decides s3:GetObject on arn:aws:s3:::b/k for arn:aws:sts::111122223333:assumed-role/Job/s1",
		"session policy: no statement is about s3:GetObject",
		`statement 0 of inline policy X of role Job (Allow) does not apply: Resource "arn:aws:s3:::c/*" does not take in arn:aws:s3:::b/k`,
		`statement 1 of inline policy X of role Job (Allow) does not apply: condition StringEquals aws:SourceVpc ["vpc-2", "vpc-3"] fails: aws:SourceVpc is "vpc-1"`,
		`statement 1 of inline policy X of role Job (Allow) does not apply: condition StringEquals aws:SourceVpce "vpce-1" fails: aws:SourceVpce is missing from the request`,
		`statement 3 of inline policy X of role Job (Allow) does not apply: condition StringLike aws:SourceVpc "${aws:PrincipalTag/vpc}" fails: aws:SourceVpc is "vpc-1"; ${aws:PrincipalTag/vpc} holds a variable without a value`,
		`statement 4 of inline policy X of role Job (Deny) does not apply: condition Null aws:SourceVpc "true" wants aws:SourceVpc to be missing; it is "vpc-1"`,
		`statement 5 of inline policy X of role Job (Allow) does not apply: condition StringEquals aws:TagKeys "a" fails: aws:TagKeys holds a set ["a", "b"] and needs ForAllValues or ForAnyValue`,
		`statement 6 of inline policy X of role Job (Deny) does not apply: condition Null aws:SourceIp "false" wants aws:SourceIp to be present; it is missing`,
		"the identity-based policies: no Allow matches s3:GetObject on arn:aws:s3:::b/k",
		`statement 0 of bucket policy (Allow) does not apply: Principal "444455556666" does not take in arn:aws:sts::111122223333:assumed-role/Job/s1`,
		"statement 1 of bucket policy denies s3:GetObject on arn:aws:s3:::b/k",
		"the resource-based policy: no Allow matches s3:GetObject on arn:aws:s3:::b/k",
		"to allow it, statement 1 of bucket policy must no longer match: an explicit deny wins over every allow",
	}
	if got := strings.Join(text, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\n\nwant\n%s", got, strings.Join(want, "\n"))
	}
	// without the Deny and with a session policy that allows, the near miss is named
	sets.Resource, sets.Session = nil, nil
	_, reasons = Explain(req, sets)
	var changes []string
	for _, r := range reasons {
		if r.Kind == "change" {
			changes = append(changes, r.String())
		}
	}
	if got := strings.Join(changes, "\n"); !strings.Contains(got, "statement 0 of inline policy X of role Job would allow it but for its resource") ||
		!strings.Contains(got, "statement 3 of inline policy X of role Job would allow it but for its condition aws:SourceVpc") {
		t.Error(got)
	}
}

func TestBind(t *testing.T) {
	const text = `{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Principal": {"AWS": ["arn:aws:iam::111122223333:role/app/Job", "arn:aws:iam::111122223333:root",
    "arn:aws:iam::111122223333:user/al\u0069ce", "arn:aws:sts::111122223333:assumed-role/Job/s1"], "Service": "comprehend.amazonaws.com"}},
  {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*", "Principal": {"AWS": "arn:aws:iam::111122223333:role/app/Job"}} ] }`
	d, err := Parse([]byte(text), Bucket)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{"arn:aws:iam::111122223333:role/app/Job": "AROAJOBJOBJOBJOBJOB0", "arn:aws:iam::111122223333:user/alice": "AIDAALICEALICEALICE0"}
	arns := map[string]string{}
	for a, id := range ids {
		arns[id] = a
	}
	if p := d.Principals(); len(p) != 2 || ids[p[0]] == "" || ids[p[1]] == "" {
		t.Errorf("principals: %v", p)
	}
	find := func(m map[string]string) func(string) (string, bool) {
		return func(k string) (string, bool) { v, ok := m[k]; return v, ok }
	}
	bound, err := d.Bind(find(ids))
	if err != nil {
		t.Fatal(err)
	}
	b, err := Parse(bound, Bucket)
	if err != nil {
		t.Fatal(err)
	}
	if u := b.UniqueIDs(); len(u) != 2 || len(b.Principals()) != 0 || strings.Count(string(bound), "AROAJOBJOBJOBJOBJOB0") != 2 {
		t.Errorf("%s", bound)
	}
	if got := string(b.Unbind(find(arns))); got != strings.Replace(text, `al\u0069ce`, "alice", 1) {
		t.Errorf("%s", got)
	}
	delete(arns, "AROAJOBJOBJOBJOBJOB0") // the role is gone: readers see the bare id
	if got := string(b.Unbind(find(arns))); strings.Count(got, "AROAJOBJOBJOBJOBJOB0") != 2 {
		t.Errorf("%s", got)
	}
	// a new role of the same name doesn't get the old one's grant
	again := who(t, "session")
	again.UniqueID = "AROANEWNEWNEWNEWNEW0"
	sets := &Sets{ResourceKind: Bucket, Resource: &Source{Name: "bucket policy", Doc: b}}
	req := &Request{Principal: again, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", ResourceAccount: acct}
	again.ARN = "arn:aws:sts::111122223333:assumed-role/Job/s2"
	if Decide(req, sets).Allowed() {
		t.Error("the grant came back with a new role")
	}
	req.Principal.UniqueID = "AROAJOBJOBJOBJOBJOB0"
	if !Decide(req, sets).Allowed() {
		t.Error("the old role lost its grant")
	}
	delete(ids, "arn:aws:iam::111122223333:user/alice")
	_, err = d.Bind(find(ids))
	var se *SyntaxError
	if !errors.As(err, &se) || se.Code != "MalformedPolicy" || se.Line != 3 {
		t.Errorf("%+v", err)
	}
	tr, err := Parse([]byte(`{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"arn:aws:iam::111122223333:user/gone"}}}`), Trust)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tr.Bind(find(ids)); err == nil || !strings.HasPrefix(err.Error(), `Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:user/gone"`) {
		t.Error(err)
	}
	if d.Public() || !source(t, Bucket, allow("*", "*", `"*"`)).Doc.Public() {
		t.Error("Public")
	}
}

func TestCache(t *testing.T) {
	c := &Cache{Size: 4}
	text := func(i int) string {
		return fmt.Sprintf(`{"Statement":{"Effect":"Allow","Action":"s3:A%d","Resource":"*"}}`, i)
	}
	first, err := c.Get(text(0), Identity)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := c.Get(text(0), Identity); again != first {
		t.Error("compiled twice")
	}
	if as, err := c.Get(text(0), SCP); err != nil || as == first || as.Kind() != SCP {
		t.Error("the kind belongs to the key")
	}
	if _, err := c.Get(`{`, Identity); err == nil {
		t.Error("malformed text")
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 200 {
				d, err := c.Get(text(i%(7+g)), Identity)
				if err != nil || d.Actions()[0] != fmt.Sprintf("s3:A%d", i%(7+g)) {
					t.Errorf("%v %v", d, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if n := len(c.young) + len(c.old); n > 8 {
		t.Errorf("%d documents kept", n)
	}
	var zero Cache // keeps a thousand, and what is asked for again outlives them
	first, err = zero.Get(text(0), Identity)
	for i := 1; i <= 1500 && err == nil; i++ {
		_, err = zero.Get(text(i), Identity)
		if again, _ := zero.Get(text(0), Identity); again != first {
			t.Fatalf("compiled again after %d others", i)
		}
	}
	if n := len(zero.young) + len(zero.old); err != nil || n < 1024 || n > 2048 {
		t.Errorf("%d documents kept, %v", n, err)
	}
}

func TestWarnings(t *testing.T) {
	for _, c := range []struct {
		version, effect, condition string
		want                       int
	}{
		{"2012-10-17", "Allow", `{"StringEquals":{"comprehend:VpcSubnets":"subnet-a"}}`, 1},
		{"2012-10-17", "Allow", `{"ForAllValues:StringEquals":{"comprehend:VpcSubnets":"subnet-a"}}`, 1},
		{"2012-10-17", "Allow", `{"ForAllValues:StringEquals":{"comprehend:VpcSubnets":"subnet-a"},"Null":{"Comprehend:VpcSubnets":"false"}}`, 0},
		{"2012-10-17", "Deny", `{"ForAllValues:StringEquals":{"aws:TagKeys":"a"}}`, 0},
		{"2012-10-17", "Allow", `{"StringNotEquals":{"aws:SourceVpc":"vpc-1"}}`, 1},
		{"2012-10-17", "Deny", `{"StringNotEquals":{"aws:SourceVpc":"vpc-1"}}`, 0},
		{"2012-10-17", "Allow", `{"StringEquals":{"aws:SourceVpc":"${aws:PrincipalTag/vpc}"}}`, 0},
		{"2008-10-17", "Allow", `{"StringEquals":{"aws:SourceVpc":"${aws:PrincipalTag/vpc}"}}`, 1},
		{"2008-10-17", "Allow", `{},"Resource":"arn:aws:s3:::b/${aws:username}","Sid":"x"`, 1},
	} {
		condition := `"Condition":` + c.condition
		if !strings.Contains(condition, "Resource") {
			condition += `,"Resource":"*"`
		}
		d, err := Parse(fmt.Appendf(nil, `{"Version":%q,"Statement":{"Effect":%q,"Action":"s3:*",%s}}`, c.version, c.effect, condition), Identity)
		if err != nil {
			t.Fatal(err)
		}
		if w := d.Warnings(); len(w) != c.want {
			t.Errorf("%s %s %s: %v", c.version, c.effect, c.condition, w)
		}
	}
}
