package s3

import (
	"errors"
	"strconv"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	"cloister/internal/core/policy"
	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
)

// compile reads a new bucket policy and binds its principals. All refusals are S3's MalformedPolicy.
func (s *Service) compile(c *api.Call, v store.View, bucket, text string) (string, error) {
	d, err := policy.Parse([]byte(text), policy.Bucket)
	if err != nil {
		return "", refused(err)
	}
	for _, r := range d.Resources() {
		if !within(r, bucketARN(c, bucket)) {
			return "", malformed("Policy has invalid resource")
		}
	}
	for _, id := range d.UniqueIDs() { // of who is gone, or of nobody
		if _, ok := s.principals.RenderPrincipal(v, id); !ok {
			return "", malformed("Invalid principal in policy")
		}
	}
	bound, err := d.Bind(func(arn string) (string, bool) { return s.principals.ResolvePrincipal(v, arn) })
	if err != nil {
		return "", refused(err)
	}
	return string(bound), nil
}

// within reports whether a resource pattern speaks of the bucket or its objects alone, as far as its letters say.
func within(pattern, bucket string) bool {
	rest, ok := strings.CutPrefix(pattern, bucket)
	return ok && (rest == "" || rest[0] == '/' || rest[0] == '*')
}

func refused(err error) error {
	var se *policy.SyntaxError
	if !errors.As(err, &se) {
		return err
	}
	f := malformed(se.Message)
	f.Cause = err
	if se.Hint != "" {
		f = f.Field("Detail", se.Hint+" (line "+strconv.Itoa(se.Line)+", column "+strconv.Itoa(se.Column)+")")
	}
	return f
}

func malformed(message string) *fault.Fault {
	return (&fault.Fault{Code: "MalformedPolicy", Message: message}).With(400)
}

// ownPolicy finds the bucket for an operation that only its own account may do, whatever the policy says.
func ownPolicy(c *api.Call, v store.View, name, expectedOwner *string) (store.Item[Bucket], error) {
	b, err := find(c, v, name, expectedOwner)
	if err == nil && b.Value.Owner != c.Account {
		return b, fault.New("MethodNotAllowed", "The specified method is not allowed against this resource.").With(405)
	}
	return b, err
}

// onPolicy is onBucket, but the bucket's own policy does not bind the root user of the account that has it: else a policy that denies
// everybody could never be taken back (S3 API Reference, PutBucketPolicy). Endpoints and service control policies bind root still.
func onPolicy[I any](action string, of func(*I) (bucket, expectedOwner *string)) func(*api.Call, store.View, *I) ([]api.Question, error) {
	ask := onBucket(action, of)
	return func(c *api.Call, v store.View, in *I) ([]api.Question, error) {
		qs, err := ask(c, v, in)
		for i := range qs {
			if c.Caller.Kind == identity.Root && qs[i].Owner == c.Caller.Account {
				qs[i].Policy = nil
			}
		}
		return qs, err
	}
}

func noPolicy(bucket string) error {
	return fault.New("NoSuchBucketPolicy", "The bucket policy does not exist").With(404).Field("BucketName", bucket)
}

func (s *Service) putBucketPolicy() api.Rower {
	return api.Op[shape.PutBucketPolicyRequest, shape.PutBucketPolicyOutput]{
		Name:    "PutBucketPolicy",
		Honours: []string{"Bucket", "ExpectedBucketOwner", "Policy", "ContentMD5", "ChecksumAlgorithm"}, // the last two are the wire's
		Questions: onPolicy("s3:PutBucketPolicy", func(in *shape.PutBucketPolicyRequest) (_, _ *string) {
			return in.Bucket, in.ExpectedBucketOwner
		}),
		Act: func(c *api.Call, tx store.Tx, in *shape.PutBucketPolicyRequest) (*shape.PutBucketPolicyOutput, error) {
			b, err := ownPolicy(c, tx, in.Bucket, in.ExpectedBucketOwner)
			if err != nil {
				return nil, err
			}
			c.Touch(bucketARN(c, b.ID))
			if b.Value.Policy, err = s.compile(c, tx, b.ID, str(in.Policy)); err != nil {
				return nil, err
			}
			if err := permit(c, b, b.Value.Policy); err != nil {
				return nil, err
			}
			return &shape.PutBucketPolicyOutput{}, buckets.Save(tx, &b)
		},
	}
}

func (s *Service) getBucketPolicy() api.Rower {
	return api.Op[shape.GetBucketPolicyRequest, shape.GetBucketPolicyOutput]{
		Name:    "GetBucketPolicy",
		Honours: []string{"Bucket", "ExpectedBucketOwner"},
		Questions: onPolicy("s3:GetBucketPolicy", func(in *shape.GetBucketPolicyRequest) (_, _ *string) {
			return in.Bucket, in.ExpectedBucketOwner
		}),
		View: func(c *api.Call, v store.View, in *shape.GetBucketPolicyRequest) (*shape.GetBucketPolicyOutput, error) {
			b, err := ownPolicy(c, v, in.Bucket, in.ExpectedBucketOwner)
			if err != nil {
				return nil, err
			}
			c.Touch(bucketARN(c, b.ID))
			if b.Value.Policy == "" {
				return nil, noPolicy(b.ID)
			}
			d, err := policy.Read([]byte(b.Value.Policy), policy.Bucket)
			if err != nil {
				return nil, err
			}
			text := d.Unbind(func(id string) (string, bool) { return s.principals.RenderPrincipal(v, id) })
			return &shape.GetBucketPolicyOutput{Policy: ptr(string(text))}, nil
		},
	}
}

func (s *Service) deleteBucketPolicy() api.Rower {
	return api.Op[shape.DeleteBucketPolicyRequest, shape.DeleteBucketPolicyOutput]{
		Name:    "DeleteBucketPolicy",
		Honours: []string{"Bucket", "ExpectedBucketOwner"},
		Questions: onPolicy("s3:DeleteBucketPolicy", func(in *shape.DeleteBucketPolicyRequest) (_, _ *string) {
			return in.Bucket, in.ExpectedBucketOwner
		}),
		Act: func(c *api.Call, tx store.Tx, in *shape.DeleteBucketPolicyRequest) (*shape.DeleteBucketPolicyOutput, error) {
			b, err := ownPolicy(c, tx, in.Bucket, in.ExpectedBucketOwner)
			if err != nil {
				return nil, err
			}
			c.Touch(bucketARN(c, b.ID))
			b.Value.Policy = ""
			return &shape.DeleteBucketPolicyOutput{}, buckets.Save(tx, &b)
		},
	}
}
