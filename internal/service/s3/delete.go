package s3

import (
	"context"
	"errors"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
)

func (s *Service) deleteObject() api.Rower {
	return api.Op[shape.DeleteObjectRequest, shape.DeleteObjectOutput]{
		Name:      "DeleteObject",
		Honours:   []string{"Bucket", "Key", "ExpectedBucketOwner", "IfMatch", "BypassGovernanceRetention", "VersionId"},
		Anonymous: true,
		Questions: func(c *api.Call, v store.View, in *shape.DeleteObjectRequest) ([]api.Question, error) {
			qs, err := onObject("s3:DeleteObject", func(in *shape.DeleteObjectRequest) (_, _, _ *string) {
				return in.Bucket, in.Key, in.ExpectedBucketOwner
			}, func(_ *api.Call, in *shape.DeleteObjectRequest) map[string][]string {
				return condition{ifMatch: in.IfMatch}.keys()
			})(c, v, in)
			if yes(in.BypassGovernanceRetention) && len(qs) > 0 {
				bypass := qs[0]
				bypass.Action, bypass.Keys = "s3:BypassGovernanceRetention", nil
				qs = append(qs, bypass)
			}
			return qs, err
		},
		Stream: func(ctx context.Context, c *api.Call, in *shape.DeleteObjectRequest) (*shape.DeleteObjectOutput, error) {
			if err := checkKey(str(in.Key)); err != nil {
				return nil, err
			}
			out := &shape.DeleteObjectOutput{}
			var t trash
			_, err := c.Commit(ctx, func(tx store.Tx) (any, error) {
				t = trash{}
				b, err := find(c, tx, in.Bucket, in.ExpectedBucketOwner)
				if err != nil {
					return nil, err
				}
				c.Touch(objectARN(c, b.ID, *in.Key))
				d, err := erase(c, tx, b, *in.Key, in.VersionId, yes(in.BypassGovernanceRetention), condition{ifMatch: in.IfMatch}, &t)
				*out = shape.DeleteObjectOutput{VersionId: opt(d.version), DeleteMarker: opt(d.marker)}
				return out, err
			})
			if err != nil {
				return nil, full(err)
			}
			s.empty(ctx, t)
			return out, nil
		},
	}
}

// erase deletes what is visible, or the version that was named.
func erase(c *api.Call, tx store.Tx, b store.Item[Bucket], key string, id *string, bypass bool, w condition, t *trash) (deleted, error) {
	if id == nil {
		return remove(c, tx, b, home(c.Partition, b.Value), key, w, t)
	}
	return expunge(tx, b, home(c.Partition, b.Value), key, *id, bypass, w, t)
}

func (s *Service) deleteObjects() api.Rower {
	return api.Op[shape.DeleteObjectsRequest, shape.DeleteObjectsOutput]{
		Name: "DeleteObjects",
		// Not for anybody: S3 refuses who signs nothing as a whole, and not object by object.
		Honours: []string{"Bucket", "ExpectedBucketOwner", "ChecksumAlgorithm", "Delete.Quiet", "Delete.Objects.Key", "Delete.Objects.ETag", "Delete.Objects.VersionId", "BypassGovernanceRetention"},
		// Each key is asked about on its own in the row: one refusal is an entry of the answer, not the answer.
		Questions: func(c *api.Call, v store.View, in *shape.DeleteObjectsRequest) ([]api.Question, error) {
			_, err := find(c, v, in.Bucket, in.ExpectedBucketOwner)
			return []api.Question{}, err
		},
		Stream: s.deleteMany,
	}
}

func (s *Service) deleteMany(ctx context.Context, c *api.Call, in *shape.DeleteObjectsRequest) (*shape.DeleteObjectsOutput, error) {
	if in.Delete == nil || len(in.Delete.Objects) == 0 || len(in.Delete.Objects) > 1000 {
		return nil, fault.New("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema").With(400)
	}
	refused := make([]error, len(in.Delete.Objects))
	b, _, err := enter(ctx, c, in.Bucket, in.ExpectedBucketOwner, nil)
	if err != nil {
		return nil, err
	}
	for _, o := range in.Delete.Objects {
		c.Touch(objectARN(c, b.ID, str(o.Key)))
	}
	// In the transaction that deletes: the call may have waited for it, and what it was allowed may have changed.
	judge := func(tx store.Tx) error {
		for i, o := range in.Delete.Objects {
			if refused[i] = checkKey(str(o.Key)); refused[i] != nil {
				continue
			}
			qs := []api.Question{ask(b, "s3:DeleteObject", objectARN(c, b.ID, *o.Key), condition{ifMatch: o.ETag}.keys())}
			if reads(o.ETag) {
				qs = append(qs, ask(b, "s3:GetObject", objectARN(c, b.ID, *o.Key), nil))
			}
			if o.VersionId != nil {
				ofVersion(qs, *o.VersionId)
			}
			if yes(in.BypassGovernanceRetention) {
				qs = append(qs, ask(b, "s3:BypassGovernanceRetention", objectARN(c, b.ID, *o.Key), nil))
			}
			if err := ownTags(c, tx, b, *o.Key, o.VersionId, qs); err != nil {
				return err
			}
			for _, q := range qs {
				if refused[i] == nil {
					refused[i] = c.May(tx, q)
				}
			}
		}
		return nil
	}
	out := &shape.DeleteObjectsOutput{}
	var t trash
	_, err = c.Commit(ctx, func(tx store.Tx) (any, error) {
		t, *out = trash{}, shape.DeleteObjectsOutput{}
		if err := again(tx, &b); err != nil {
			return nil, err
		}
		if err := judge(tx); err != nil {
			return nil, err
		}
		for i, o := range in.Delete.Objects {
			err := refused[i]
			var d deleted
			if err == nil {
				d, err = erase(c, tx, b, *o.Key, o.VersionId, yes(in.BypassGovernanceRetention), condition{ifMatch: o.ETag}, &t)
			}
			var f *fault.Fault
			switch {
			case err == nil && (in.Delete.Quiet == nil || !*in.Delete.Quiet):
				one := shape.DeletedObject{Key: o.Key, VersionId: o.VersionId}
				if d.marker {
					one.DeleteMarker, one.DeleteMarkerVersionId = ptr(true), ptr(d.version)
				}
				out.Deleted = append(out.Deleted, one)
			case err == nil:
			case !errors.As(err, &f):
				return nil, err
			default:
				code := f.Code
				if code == "" {
					code = f.Kind.String() // AccessDenied is the one kind that comes here
				}
				out.Errors = append(out.Errors, shape.Error{Key: o.Key, VersionId: o.VersionId, Code: ptr(code), Message: ptr(f.Message)})
			}
		}
		return out, nil
	})
	if err != nil {
		return nil, full(err)
	}
	s.empty(ctx, t)
	return out, nil
}
