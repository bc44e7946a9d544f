// Package s3control is Amazon S3 Control's table of operations: an account's public access block, and tags by ARN. Tags are
// not built yet, and authorised. It knows buckets by what the service that keeps them tells.
package s3control

import (
	"maps"
	"reflect"
	"strings"

	"cloister/internal/api"
	"cloister/internal/api/ask"
	"cloister/internal/store"
)

// Buckets tells whose a bucket is, and its policy (nil: none). There may be none of that name: NoSuchBucket.
type Buckets interface {
	BucketOf(c *api.Call, v store.View, name string) (account string, policy *api.ResourcePolicy, err error)
	// AccountBlock gives an account's Block Public Access, in the order BlockPublicAcls, IgnorePublicAcls, BlockPublicPolicy,
	// RestrictPublicBuckets; not ok when it has none.
	AccountBlock(v store.View, partition, account string) (flags [4]bool, ok bool, err error)
	// BlockAccount sets it, or takes it away (nil).
	BlockAccount(tx store.Tx, partition, account string, flags *[4]bool) error
}

// Rows is the service's table.
func Rows(b Buckets) []api.Operation {
	built := api.Rows("s3control", blocks(b)...)
	out := sheet.Rest(built...)
	for i := range out {
		out[i].Questions = questions(b, out[i].Name)
	}
	return append(built, out...)
}

// sheet: the actions are those of the service s3.
var sheet = &ask.Sheet{
	Service: "s3control", Tags: "Tags", TagKeys: "TagKeys",
	Operations: map[string]string{
		"DeletePublicAccessBlock": "",
		"GetPublicAccessBlock":    "",
		"PutPublicAccessBlock":    "",
		"ListTagsForResource":     "=ResourceArn",
		"TagResource":             "=ResourceArn",
		"UntagResource":           "=ResourceArn",
	},
}

// questions are the sheet's, with whose it is that the call would change: the account that it names, the bucket's.
func questions(b Buckets, operation string) func(*api.Call, store.View, any) ([]api.Question, error) {
	f := sheet.Questions(operation)
	return func(c *api.Call, v store.View, in any) ([]api.Question, error) {
		qs, err := f(c, v, in)
		if err != nil {
			return nil, err
		}
		for i := range qs {
			q := &qs[i]
			// A bucket's tags are keys once it says so (PutBucketAbac), which none can here.
			maps.DeleteFunc(q.Keys, func(k string, _ []string) bool { return strings.HasPrefix(k, "aws:ResourceTag/") })
			if name, ok := strings.CutPrefix(q.Resource, "arn:"+c.Partition+":s3:::"); ok {
				name, _, _ = strings.Cut(name, "/")
				if q.Owner, q.Policy, err = b.BucketOf(c, v, name); err != nil {
					return qs, err
				}
			} else if p, ok := reflect.ValueOf(in).Elem().FieldByName("AccountId").Interface().(*string); ok && p != nil && q.Resource == "*" {
				q.Owner = *p
			}
		}
		return qs, nil
	}
}
