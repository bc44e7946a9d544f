package s3control

import (
	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/s3control"
	"cloister/internal/store"
)

// blocks are the rows of an account's Block Public Access, which binds all its buckets.
func blocks(b Buckets) []api.Rower {
	own := func(c *api.Call, account *string) error {
		if account == nil || *account != c.Account {
			return fault.Of(fault.AccessDenied, "Access Denied")
		}
		return nil
	}
	return []api.Rower{
		api.Op[shape.GetPublicAccessBlockRequest, shape.GetPublicAccessBlockOutput]{
			Name: "GetPublicAccessBlock", Honours: []string{"AccountId"}, Questions: asked[shape.GetPublicAccessBlockRequest](b, "GetPublicAccessBlock"),
			View: func(c *api.Call, v store.View, in *shape.GetPublicAccessBlockRequest) (*shape.GetPublicAccessBlockOutput, error) {
				if err := own(c, in.AccountId); err != nil {
					return nil, err
				}
				flags, ok, err := b.AccountBlock(v, c.Partition, c.Account)
				if err != nil {
					return nil, err
				}
				if !ok {
					return nil, fault.New("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found").With(404)
				}
				return &shape.GetPublicAccessBlockOutput{PublicAccessBlockConfiguration: &shape.PublicAccessBlockConfiguration{
					BlockPublicAcls: &flags[0], IgnorePublicAcls: &flags[1], BlockPublicPolicy: &flags[2], RestrictPublicBuckets: &flags[3]}}, nil
			},
		},
		api.Op[shape.PutPublicAccessBlockRequest, shape.PutPublicAccessBlockOutput]{
			Name: "PutPublicAccessBlock", Honours: []string{"AccountId", "PublicAccessBlockConfiguration.*"}, Questions: asked[shape.PutPublicAccessBlockRequest](b, "PutPublicAccessBlock"),
			Act: func(c *api.Call, tx store.Tx, in *shape.PutPublicAccessBlockRequest) (*shape.PutPublicAccessBlockOutput, error) {
				if err := own(c, in.AccountId); err != nil {
					return nil, err
				}
				p, yes := in.PublicAccessBlockConfiguration, func(b *bool) bool { return b != nil && *b }
				flags := [4]bool{yes(p.BlockPublicAcls), yes(p.IgnorePublicAcls), yes(p.BlockPublicPolicy), yes(p.RestrictPublicBuckets)}
				return &shape.PutPublicAccessBlockOutput{}, b.BlockAccount(tx, c.Partition, c.Account, &flags)
			},
		},
		api.Op[shape.DeletePublicAccessBlockRequest, shape.DeletePublicAccessBlockOutput]{
			Name: "DeletePublicAccessBlock", Honours: []string{"AccountId"}, Questions: asked[shape.DeletePublicAccessBlockRequest](b, "DeletePublicAccessBlock"),
			Act: func(c *api.Call, tx store.Tx, in *shape.DeletePublicAccessBlockRequest) (*shape.DeletePublicAccessBlockOutput, error) {
				if err := own(c, in.AccountId); err != nil {
					return nil, err
				}
				return &shape.DeletePublicAccessBlockOutput{}, b.BlockAccount(tx, c.Partition, c.Account, nil)
			},
		},
	}
}

func asked[I any](b Buckets, operation string) func(*api.Call, store.View, *I) ([]api.Question, error) {
	ask := questions(b, operation)
	return func(c *api.Call, v store.View, in *I) ([]api.Question, error) { return ask(c, v, in) }
}
