package policy

import "testing"

// aws:PrincipalArn is the role, and a trust policy that names a service can bind the job that it acts for.
func TestTrapPrincipalAndSource(t *testing.T) {
	trust := source(t, Trust, stmt("Allow", "sts:AssumeRole", "", `{"Service":"comprehend.amazonaws.com"}`,
		`{"StringEquals":{"aws:SourceAccount":"111122223333"},"ArnEquals":{"aws:SourceArn":"arn:aws:comprehend:us-west-2:111122223333:pii-entities-detection-job/*"}}`))
	for _, c := range []struct {
		account, arn string
		want         bool
	}{
		{acct, "arn:aws:comprehend:us-west-2:111122223333:pii-entities-detection-job/1", true},
		{acct, "arn:aws:comprehend:us-west-2:111122223333:entities-detection-job/1", false},
		{other, "arn:aws:comprehend:us-west-2:444455556666:pii-entities-detection-job/1", false},
		{acct, "", false},
	} {
		req := &Request{Principal: who(t, "service"), Action: "sts:AssumeRole", Resource: "arn:aws:iam::111122223333:role/Data", ResourceAccount: acct}
		req.Context.Set(KeySourceAccount, c.account)
		if c.arn != "" {
			req.Context.Set(KeySourceArn, c.arn)
		}
		if v := Decide(req, &Sets{ResourceKind: Trust, Resource: trust}); v.Allowed() != c.want {
			t.Errorf("%s %s: %+v", c.account, c.arn, v)
		}
	}
	bucket := source(t, Bucket, stmt("Allow", "s3:GetObject", "*", `"*"`, `{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/app/Job"}}`))
	req := &Request{Principal: who(t, "session"), Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", ResourceAccount: acct}
	req.Context.Set(KeyPrincipalArn, req.Principal.PrincipalARN())
	if !Decide(req, &Sets{ResourceKind: Bucket, Resource: bucket}).Allowed() {
		t.Error("aws:PrincipalArn must be the role's ARN with its path")
	}
}
