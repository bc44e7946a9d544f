package sts_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	"cloister/internal/core/policy"
	iamshape "cloister/internal/shape/iam"
	shape "cloister/internal/shape/sts"
	"cloister/internal/store"
)

const (
	getAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`
	bucket = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"%s"},"Action":"s3:GetObject","Resource":"*"}]}`
	object = "arn:aws:s3:::b/k"
)

// may asks the engine as the gate would, with a bucket policy if one is given.
func (h *house) may(p *identity.Principal, action, bucketPolicy string) bool {
	h.Helper()
	var ok bool
	_ = h.store.View(context.Background(), func(v store.View) error {
		q := api.Question{Action: action, Resource: object}
		if bucketPolicy != "" {
			q.Policy = &api.ResourcePolicy{Kind: "bucket", Name: "bucket policy", Text: bucketPolicy}
		}
		ok = h.allowed(v, &api.Call{Caller: p}, q)
		return nil
	})
	return ok
}

func TestSessionToken(t *testing.T) {
	h := build(t)
	ada := h.user(home, "ada")
	do[iamshape.TagUserOutput](h, h.root(home), "TagUser", &iamshape.TagUserRequest{UserName: ptr("ada"), Tags: []iamshape.Tag{{Key: ptr("team"), Value: ptr("x")}}})
	out := do[shape.GetSessionTokenResponse](h, ada, "GetSessionToken", &shape.GetSessionTokenRequest{}).Credentials
	if !out.Expiration.Equal(h.now.Add(12*time.Hour)) || !strings.HasPrefix(*out.AccessKeyId, "ASIA") {
		t.Errorf("answers %+v", out)
	}
	p := h.bearer(out)
	if p.Kind != identity.User || p.ARN != ada.ARN || p.ID != ada.ID || p.Name != "ada" || p.IssuedAt.IsZero() || p.AccessKey != *out.AccessKeyId || p.Tags["team"] != "x" {
		t.Errorf("speaks for %+v", p)
	}
	if !h.may(p, "s3:GetObject", "") {
		t.Error("the user's policies do not hold")
	}
	if who := do[shape.GetCallerIdentityResponse](h, p, "GetCallerIdentity", &shape.GetCallerIdentityRequest{}); *who.Arn != ada.ARN {
		t.Errorf("is %s", *who.Arn)
	}
	role := h.role("Data", `"Principal":{"AWS":"`+ada.ARN+`"},"Action":"sts:AssumeRole"`)
	do[shape.AssumeRoleResponse](h, p, "AssumeRole", ask(role))

	for _, op := range []string{"GetSessionToken", "GetFederationToken", "GetAccessKeyInfo"} {
		_, err := h.call(p, op, "", map[string]any{"GetSessionToken": &shape.GetSessionTokenRequest{},
			"GetFederationToken": &shape.GetFederationTokenRequest{Name: ptr("bob")}, "GetAccessKeyInfo": &shape.GetAccessKeyInfoRequest{AccessKeyId: ptr("AKIA")}}[op])
		h.kind(err, fault.AccessDenied)
		if f := fault.From(err); f.Message != "Cannot call "+op+" with session credentials" {
			t.Errorf("%s: %s", op, f.Message)
		}
	}
	_, err := h.call(p, "ListUsers", "", &iamshape.ListUsersRequest{})
	h.kind(err, fault.BadToken)

	do[iamshape.DeleteUserPolicyOutput](h, h.root(home), "DeleteUserPolicy", &iamshape.DeleteUserPolicyRequest{UserName: ptr("ada"), PolicyName: ptr("all")})
	if h.may(p, "s3:GetObject", "") {
		t.Error("a policy that was taken away still holds")
	}
	do[iamshape.DeleteUserOutput](h, h.root(home), "DeleteUser", &iamshape.DeleteUserRequest{UserName: ptr("ada")})
	_ = h.store.View(context.Background(), func(v store.View) error {
		_, err := h.iam.Credential(v, *out.AccessKeyId, *out.SessionToken, h.now)
		h.kind(err, fault.UnknownKey)
		return nil
	})
}

func TestSessionLength(t *testing.T) {
	h := build(t)
	ada := h.user(home, "ada")
	comprehend := &identity.Principal{Kind: identity.Service, Partition: "aws", Service: "comprehend.amazonaws.com"}
	for _, c := range []struct {
		who     *identity.Principal
		seconds *int64
		want    time.Duration // 0: refused
	}{
		{ada, nil, 12 * time.Hour},
		{ada, ptr(int64(900)), 15 * time.Minute},
		{ada, ptr(int64(129600)), 36 * time.Hour},
		{ada, ptr(int64(899)), 0},
		{ada, ptr(int64(129601)), 0},
		{h.root(home), nil, time.Hour},
		{h.root(home), ptr(int64(900)), 15 * time.Minute},
		{h.root(home), ptr(int64(129600)), time.Hour},
		{comprehend, nil, 0},
	} {
		out, err := h.call(c.who, "GetSessionToken", "", &shape.GetSessionTokenRequest{DurationSeconds: c.seconds})
		if (err == nil) != (c.want > 0) {
			t.Errorf("%s for %v: %v", c.who.ARN, c.seconds, err)
			continue
		}
		if err != nil {
			continue
		}
		if e := out.(*shape.GetSessionTokenResponse).Credentials; !e.Expiration.Equal(h.now.Add(c.want)) || h.bearer(e).Kind != c.who.Kind {
			t.Errorf("%s for %v: until %v", c.who.ARN, c.seconds, e.Expiration)
		}
	}
}

func TestFederationToken(t *testing.T) {
	h := build(t)
	ada := h.user(home, "ada")
	const bob = "arn:aws:sts::111122223333:federated-user/bob"
	open := func(who *identity.Principal, in *shape.GetFederationTokenRequest) *identity.Principal {
		t.Helper()
		in.Name = ptr("bob")
		out := do[shape.GetFederationTokenResponse](h, who, "GetFederationToken", in)
		if *out.FederatedUser.Arn != bob || *out.FederatedUser.FederatedUserId != home+":bob" {
			t.Errorf("answers %+v", out.FederatedUser)
		}
		return h.bearer(out.Credentials)
	}
	bare := open(ada, &shape.GetFederationTokenRequest{})
	full := open(ada, &shape.GetFederationTokenRequest{Policy: ptr(getAll), Tags: []shape.Tag{{Key: ptr("team"), Value: ptr("y")}}})
	root := open(h.root(home), &shape.GetFederationTokenRequest{Policy: ptr(getAll)})
	if full.Kind != identity.Federated || full.ARN != bob || full.ID != home+":bob" || full.RoleARN != ada.ARN || full.UniqueID != ada.UniqueID || full.Tags["team"] != "y" {
		t.Errorf("speaks for %+v", full)
	}
	if root.UniqueID != "" || root.RoleARN != "arn:aws:iam::111122223333:root" {
		t.Errorf("speaks for %+v", root)
	}
	byName, byIssuer := strings.Replace(bucket, "%s", bob, 1), strings.Replace(bucket, "%s", ada.UniqueID, 1)
	for _, c := range []struct {
		name   string
		who    *identity.Principal
		action string
		bucket string
		want   bool
	}{
		{"no policy passed allows nothing", bare, "s3:GetObject", "", false},
		{"but a bucket policy that names the federated user", bare, "s3:GetObject", byName, true},
		{"and one that names the issuer is limited by the session", bare, "s3:GetObject", byIssuer, false},
		{"the passed policy and the issuer's meet", full, "s3:GetObject", "", true},
		{"what was not passed stays shut", full, "s3:PutObject", "", false},
		{"one that names the issuer, within the session", full, "s3:GetObject", byIssuer, true},
		{"of root, what was passed", root, "s3:GetObject", "", true},
		{"of root, nothing more", root, "s3:PutObject", "", false},
	} {
		if got := h.may(c.who, c.action, c.bucket); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	if who := do[shape.GetCallerIdentityResponse](h, full, "GetCallerIdentity", &shape.GetCallerIdentityRequest{}); *who.Arn != bob || *who.UserId != home+":bob" {
		t.Errorf("is %+v", who)
	}
	role := h.role("Data", `"Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"`)
	_, err := h.call(full, "AssumeRole", "", ask(role))
	h.kind(err, fault.AccessDenied)
	_, err = h.call(full, "ListUsers", "", &iamshape.ListUsersRequest{})
	h.kind(err, fault.BadToken)
	_, err = h.call(ada, "GetFederationToken", "", &shape.GetFederationTokenRequest{Name: ptr("bob"), Policy: ptr("{")})
	h.says(err, "MalformedPolicyDocument", "")

	do[iamshape.DeleteUserPolicyOutput](h, h.root(home), "DeleteUserPolicy", &iamshape.DeleteUserPolicyRequest{UserName: ptr("ada"), PolicyName: ptr("all")})
	if h.may(full, "s3:GetObject", "") {
		t.Error("more than its issuer may")
	}
	_, err = h.call(ada, "GetFederationToken", "", &shape.GetFederationTokenRequest{Name: ptr("bob")})
	h.kind(err, fault.AccessDenied)
	do[iamshape.PutUserPolicyOutput](h, h.root(home), "PutUserPolicy", &iamshape.PutUserPolicyRequest{UserName: ptr("ada"), PolicyName: ptr("one"),
		PolicyDocument: ptr(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:GetFederationToken","Resource":"` + bob + `"}]}`)})
	open(ada, &shape.GetFederationTokenRequest{})
	_, err = h.call(ada, "GetFederationToken", "", &shape.GetFederationTokenRequest{Name: ptr("eve")})
	h.kind(err, fault.AccessDenied)
	_, err = h.call(ada, "GetFederationToken", "", &shape.GetFederationTokenRequest{Name: ptr("bob"), Tags: []shape.Tag{{Key: ptr("team"), Value: ptr("y")}}})
	h.kind(err, fault.AccessDenied) // sts:TagSession is another action
}

func TestAuthorizationMessage(t *testing.T) {
	h := build(t)
	ada, far := h.user(home, "ada"), h.user(foreign, "far")
	doc, err := policy.Read([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},
		{"Sid":"NoVpc","Effect":"Deny","Action":"ec2:CreateVpc","Resource":["*"]}]}`), policy.Identity)
	if err != nil {
		t.Fatal(err)
	}
	ctx := policy.NewContext(1)
	ctx.Set("ec2:Region", "us-east-1")
	req := &policy.Request{Principal: ada, Action: "ec2:CreateVpc", Resource: "arn:aws:ec2:us-east-1:111122223333:vpc/*", Context: ctx}
	b, err := h.iam.Refusal(req, policy.Decide(req, &policy.Sets{Identity: []policy.Source{{Doc: doc}}}))
	if err != nil {
		t.Fatal(err)
	}
	text, err := h.iam.Encode(home, b)
	if err != nil || strings.Contains(text, "CreateVpc") {
		t.Fatal(text, err)
	}
	in := &shape.DecodeAuthorizationMessageRequest{EncodedMessage: &text}
	out := do[shape.DecodeAuthorizationMessageResponse](h, ada, "DecodeAuthorizationMessage", in)
	const want = `{"allowed":false,"explicitDeny":true,"matchedStatements":{"items":[{"statementId":"NoVpc","effect":"DENY","actions":{"items":[{"value":"ec2:CreateVpc"}]},"resources":{"items":[{"value":"*"}]}}]},"failures":{"items":[]},` +
		`"context":{"principal":{"id":"ID","name":"ada","arn":"arn:aws:iam::111122223333:user/ada"},"action":"ec2:CreateVpc","resource":"arn:aws:ec2:us-east-1:111122223333:vpc/*","conditions":{"items":[{"key":"ec2:Region","values":{"items":[{"value":"us-east-1"}]}}]}}}`
	if got := strings.Replace(*out.DecodedMessage, ada.ID, "ID", 1); got != want || !json.Valid([]byte(got)) {
		t.Errorf("decodes to\n%s, want\n%s", got, want)
	}
	for _, c := range []struct {
		who  *identity.Principal
		text string
	}{{far, text}, {ada, text[:len(text)-2]}, {ada, "no base64!"}, {ada, "AAAA"}} {
		_, err := h.call(c.who, "DecodeAuthorizationMessage", "", &shape.DecodeAuthorizationMessageRequest{EncodedMessage: &c.text})
		h.says(err, "InvalidAuthorizationMessageException", "Message is not valid")
	}
	long := strings.Repeat(string(b), 30)
	if text, err = h.iam.Encode(home, []byte(long)); err != nil || len(text) > 10240 {
		t.Errorf("%d characters of a long one: %v", len(text), err)
	}
	if out := do[shape.DecodeAuthorizationMessageResponse](h, ada, "DecodeAuthorizationMessage", in); *out.DecodedMessage != long {
		t.Error("a long one changed on its way")
	}
	do[iamshape.DeleteUserPolicyOutput](h, h.root(home), "DeleteUserPolicy", &iamshape.DeleteUserPolicyRequest{UserName: ptr("ada"), PolicyName: ptr("all")})
	_, err = h.call(ada, "DecodeAuthorizationMessage", "", in)
	h.kind(err, fault.AccessDenied)
}
