package kms

import (
	"errors"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/policy"
	"cloister/internal/store"
)

// defaultPolicy delegates to IAM. Source: KMS Developer Guide, "Default key policy".
func defaultPolicy(partition, account string) string {
	return `{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "arn:` + partition + `:iam::` + account + `:root"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}`
}

// compile reads a new key policy, binds its principals and sees that the caller can change it again.
func (s *Service) compile(c *api.Call, v store.View, arn, text string, bypass bool) (string, error) {
	if len(text) > policy.MaxKey {
		return "", fault.New("LimitExceededException", "The key policy has %d bytes; it may have %d.", len(text), policy.MaxKey)
	}
	d, err := policy.Parse([]byte(text), policy.Key)
	if err != nil {
		return "", malformed(err)
	}
	for _, id := range d.UniqueIDs() { // of who is gone, or of nobody
		if _, ok := s.principals.RenderPrincipal(v, id); !ok {
			return "", strangers()
		}
	}
	missing := false
	bound, err := d.Bind(func(arn string) (string, bool) {
		id, ok := s.principals.ResolvePrincipal(v, arn)
		missing = missing || !ok
		return id, ok
	})
	switch {
	case missing:
		return "", strangers()
	case err != nil:
		return "", malformed(err)
	}
	if bypass {
		return string(bound), nil
	}
	return string(bound), s.changeable(c, v, arn, string(bound))
}

// changeable is the lock-out check: the policy itself must let the caller, or the caller's account, put another. Source: KMS Developer Guide,
// "Default key policy", and CreateKey's BypassPolicyLockoutSafetyCheck.
func (s *Service) changeable(c *api.Call, v store.View, arn, text string) error {
	d, err := policy.Read([]byte(text), policy.Key)
	if err != nil {
		return err
	}
	all, err := policy.Read([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`), policy.Identity)
	if err != nil {
		return err
	}
	ctx := policy.NewContext(4)
	ctx.Set(policy.KeyPrincipalArn, c.Caller.PrincipalARN())
	ctx.Set(policy.KeyPrincipalAccount, c.Caller.Account)
	ctx.Set("kms:CallerAccount", c.Caller.Account)
	r := &policy.Request{Principal: c.Caller, Action: "kms:PutKeyPolicy", Resource: arn, ResourceAccount: c.Account, Context: ctx}
	sets := &policy.Sets{Identity: []policy.Source{{Name: "everything", Owner: c.Account, Doc: all}}, Resource: &policy.Source{Name: "the new policy", Owner: c.Account, Doc: d}, ResourceKind: policy.Key}
	if policy.Decide(r, sets).Allowed() {
		return nil
	}
	// A condition may hold of this very call.
	q := api.Question{Action: "kms:PutKeyPolicy", Resource: arn, Owner: c.Account, Keys: map[string][]string{"kms:CallerAccount": {c.Caller.Account}},
		Policy: &api.ResourcePolicy{Kind: "key", Name: "the new policy", Text: text}}
	if c.May != nil && c.May(v, q) == nil {
		return nil
	}
	return fault.New("MalformedPolicyDocumentException", "The new key policy will not allow you to update the key policy in the future.")
}

func strangers() error {
	return fault.New("MalformedPolicyDocumentException", "Policy contains a statement with one or more invalid principals.")
}

func malformed(err error) error {
	var se *policy.SyntaxError
	if !errors.As(err, &se) {
		return err
	}
	f := fault.New("MalformedPolicyDocumentException", "%s", se.Error())
	f.Cause = err
	return f
}
