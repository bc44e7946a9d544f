package s3

import (
	"encoding/json"
	"errors"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/policy"
	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
)

// Access is what a bucket says of who may reach it, beside its policy.
type Access struct {
	Block *Block `json:",omitempty"` // the bucket's own Block Public Access; nil: taken away
	Above Block  `json:",omitzero"`  // the account's, kept with each of its buckets
	CORS  []Rule `json:",omitempty"`
}

// Block is Block Public Access. There are no ACLs here, so the first two hold by themselves.
type Block struct{ PublicACLs, IgnoreACLs, PublicPolicy, Restrict bool }

// shut is what new buckets have, as on AWS since April 2023 (S3 User Guide, "Default settings for new S3 buckets FAQ").
func shut() *Block { return &Block{true, true, true, true} }

// effective is what the account and the bucket together block.
func (a *Access) effective() Block {
	b := a.Above
	if a.Block != nil {
		b.PublicACLs, b.IgnoreACLs = b.PublicACLs || a.Block.PublicACLs, b.IgnoreACLs || a.Block.IgnoreACLs
		b.PublicPolicy, b.Restrict = b.PublicPolicy || a.Block.PublicPolicy, b.Restrict || a.Block.Restrict
	}
	return b
}

// accounts keeps what an account blocks for all its buckets; the id is "block" in the account's scope.
var accounts = store.Table[Block]{Kind: "s3-account-block"}

// AccountBlock is an account's Block Public Access, in the order of Block's fields; not ok when it has none.
func (s *Service) AccountBlock(v store.View, partition, account string) (flags [4]bool, ok bool, err error) {
	it, err := accounts.Get(v, store.Scope{Partition: partition, Account: account}, "block")
	if errors.Is(err, store.ErrNotFound) {
		return flags, false, nil
	}
	b := it.Value
	return [4]bool{b.PublicACLs, b.IgnoreACLs, b.PublicPolicy, b.Restrict}, err == nil, err
}

// BlockAccount changes an account's Block Public Access, nil takes it away; it binds the account's buckets in the same transaction.
func (s *Service) BlockAccount(tx store.Tx, partition, account string, flags *[4]bool) error {
	sc, to := store.Scope{Partition: partition, Account: account}, Block{}
	if err := accounts.Delete(tx, sc, "block"); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if flags != nil {
		to = Block{flags[0], flags[1], flags[2], flags[3]}
		if err := accounts.Create(tx, sc, "block", &to); err != nil {
			return err
		}
	}
	of, err := buckets.List(tx, store.Query{Scope: store.Scope{Partition: partition}, Term: store.Term{Name: "owner", Value: account}})
	for i := range of {
		of[i].Value.Access.Above = to
		if err == nil {
			err = buckets.Save(tx, &of[i])
		}
	}
	return err
}

// public reports whether a bucket's policy is public by AWS's definition.
func public(text string) (bool, error) {
	if text == "" {
		return false, nil
	}
	d, err := policy.Read([]byte(text), policy.Bucket)
	if err != nil {
		return false, err
	}
	return d.Public(), nil
}

// restriction closes a bucket with a public policy to everybody but its own account and AWS's services, whomever the policy names (S3
// User Guide, "Blocking public access", RestrictPublicBuckets).
func restriction(owner string) json.RawMessage {
	return json.RawMessage(`{"Sid":"RestrictPublicBuckets","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":{` +
		`"StringNotEquals":{"aws:PrincipalAccount":"` + owner + `"},"Bool":{"aws:PrincipalIsAWSService":"false"}}}`)
}

// policyOf is the policy that binds calls on a bucket: its own, and the restriction where that holds.
func policyOf(b store.Item[Bucket]) *api.ResourcePolicy {
	text := b.Value.Policy
	if text == "" {
		return nil
	}
	if k := b.Value.bound; k != nil && k.text == text && k.restrict == b.Value.Access.effective().Restrict {
		return k.policy
	}
	p := &api.ResourcePolicy{Kind: "bucket", Name: "bucket policy of " + b.ID, Text: text}
	if !b.Value.Access.effective().Restrict {
		return p
	}
	if is, err := public(text); err == nil && !is { // one that cannot be read is refused where it is decided
		return p
	}
	var d map[string]json.RawMessage
	var statements []json.RawMessage
	if json.Unmarshal([]byte(text), &d) != nil {
		return p
	}
	if json.Unmarshal(d["Statement"], &statements) != nil {
		statements = []json.RawMessage{d["Statement"]}
	}
	d["Statement"], _ = json.Marshal(append(statements, restriction(b.Value.Owner)))
	joined, _ := json.Marshal(d)
	p.Name, p.Text = "bucket policy of "+b.ID+" under Block Public Access", string(joined)
	return p
}

// bound is a policy that binds calls, and of what it was made.
type bound struct {
	text     string
	restrict bool
	policy   *api.ResourcePolicy
}

// permit refuses a new policy that is public where public policies are blocked.
func permit(c *api.Call, b store.Item[Bucket], text string) error {
	if !b.Value.Access.effective().PublicPolicy {
		return nil
	}
	is, err := public(text)
	if err == nil && is {
		return fault.Of(fault.AccessDenied, "User: %s is not authorized to perform: s3:PutBucketPolicy on resource: %q because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.",
			c.Caller.ARN, bucketARN(c, b.ID))
	}
	return err
}

// onBucketRow makes a row whose questions are the sheet's, about the bucket that it names.
func onBucketRow[I, O any](name string, honours []string, view func(*api.Call, store.Item[Bucket], *I) (*O, error), act func(*api.Call, *store.Item[Bucket], *I) error) api.Rower {
	op := api.Op[I, O]{Name: name, Honours: append([]string{"Bucket", "ExpectedBucketOwner"}, honours...)}
	ask := questions(name)
	op.Questions = func(c *api.Call, v store.View, in *I) ([]api.Question, error) { return ask(c, v, in) }
	if view != nil {
		op.View = func(c *api.Call, v store.View, in *I) (*O, error) {
			b, err := find(c, v, member(in, "Bucket"), member(in, "ExpectedBucketOwner"))
			if err != nil {
				return nil, err
			}
			c.Touch(bucketARN(c, b.ID))
			return view(c, b, in)
		}
		return op
	}
	op.Act = func(c *api.Call, tx store.Tx, in *I) (*O, error) {
		b, err := find(c, tx, member(in, "Bucket"), member(in, "ExpectedBucketOwner"))
		if err != nil {
			return nil, err
		}
		c.Touch(bucketARN(c, b.ID))
		if err := act(c, &b, in); err != nil {
			return nil, err
		}
		return new(O), buckets.Save(tx, &b)
	}
	return op
}

// access are the rows of who may reach a bucket.
func (s *Service) access() []api.Rower {
	type item = store.Item[Bucket]
	return append([]api.Rower{
		onBucketRow("GetBucketPolicyStatus", nil, func(_ *api.Call, b item, _ *shape.GetBucketPolicyStatusRequest) (*shape.GetBucketPolicyStatusOutput, error) {
			if b.Value.Policy == "" {
				return nil, noPolicy(b.ID)
			}
			is, err := public(b.Value.Policy)
			return &shape.GetBucketPolicyStatusOutput{PolicyStatus: &shape.PolicyStatus{IsPublic: &is}}, err
		}, nil),
		onBucketRow("GetPublicAccessBlock", nil, func(_ *api.Call, b item, _ *shape.GetPublicAccessBlockRequest) (*shape.GetPublicAccessBlockOutput, error) {
			k := b.Value.Access.Block
			if k == nil {
				return nil, fault.New("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found").With(404).Field("BucketName", b.ID)
			}
			return &shape.GetPublicAccessBlockOutput{PublicAccessBlockConfiguration: &shape.PublicAccessBlockConfiguration{
				BlockPublicAcls: &k.PublicACLs, IgnorePublicAcls: &k.IgnoreACLs, BlockPublicPolicy: &k.PublicPolicy, RestrictPublicBuckets: &k.Restrict}}, nil
		}, nil),
		onBucketRow[shape.PutPublicAccessBlockRequest, shape.PutPublicAccessBlockOutput]("PutPublicAccessBlock",
			[]string{"PublicAccessBlockConfiguration.*", "ContentMD5", "ChecksumAlgorithm"}, nil, func(_ *api.Call, b *item, in *shape.PutPublicAccessBlockRequest) error {
				p := in.PublicAccessBlockConfiguration
				b.Value.Access.Block = &Block{yes(p.BlockPublicAcls), yes(p.IgnorePublicAcls), yes(p.BlockPublicPolicy), yes(p.RestrictPublicBuckets)}
				return nil
			}),
		onBucketRow[shape.DeletePublicAccessBlockRequest, shape.DeletePublicAccessBlockOutput]("DeletePublicAccessBlock", nil, nil,
			func(_ *api.Call, b *item, _ *shape.DeletePublicAccessBlockRequest) error {
				b.Value.Access.Block = nil
				return nil
			}),
	}, append(s.ownership(), append(s.cors(), s.configurations()...)...)...)
}

func yes(p *bool) bool { return p != nil && *p }
