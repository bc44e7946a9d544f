package s3

import (
	"maps"
	"slices"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
)

// bucketTags reads tags that a bucket is to have. Source: AWS Billing User Guide, "User-defined tag restrictions".
func bucketTags(set []shape.Tag) (map[string]string, error) {
	if len(set) > 50 {
		return nil, fault.New("BadRequest", "Bucket tag count cannot be greater than 50").With(400)
	}
	return checkTags(set)
}

func (s *Service) putBucketTagging() api.Rower {
	return api.Op[shape.PutBucketTaggingRequest, shape.PutBucketTaggingOutput]{
		Name: "PutBucketTagging",
		// ContentMD5 and ChecksumAlgorithm speak of the body, which the wire verifies.
		Honours: []string{"Bucket", "ExpectedBucketOwner", "Tagging.TagSet.*", "ContentMD5", "ChecksumAlgorithm"},
		Questions: onBucket("s3:PutBucketTagging", func(in *shape.PutBucketTaggingRequest) (_, _ *string) {
			return in.Bucket, in.ExpectedBucketOwner
		}),
		Act: func(c *api.Call, tx store.Tx, in *shape.PutBucketTaggingRequest) (*shape.PutBucketTaggingOutput, error) {
			b, err := find(c, tx, in.Bucket, in.ExpectedBucketOwner)
			if err != nil {
				return nil, err
			}
			var set []shape.Tag
			if in.Tagging != nil {
				set = in.Tagging.TagSet
			}
			tags, err := bucketTags(set)
			if err != nil {
				return nil, err
			}
			c.Touch(bucketARN(c, b.ID))
			if err := tx.RemoveTags(bucketARN(c, b.ID), nil); err != nil {
				return nil, err
			}
			return &shape.PutBucketTaggingOutput{}, tx.SetTags(bucketARN(c, b.ID), home(c.Partition, b.Value), tags)
		},
	}
}

func (s *Service) getBucketTagging() api.Rower {
	return api.Op[shape.GetBucketTaggingRequest, shape.GetBucketTaggingOutput]{
		Name:    "GetBucketTagging",
		Honours: []string{"Bucket", "ExpectedBucketOwner"},
		Questions: onBucket("s3:GetBucketTagging", func(in *shape.GetBucketTaggingRequest) (_, _ *string) {
			return in.Bucket, in.ExpectedBucketOwner
		}),
		View: func(c *api.Call, v store.View, in *shape.GetBucketTaggingRequest) (*shape.GetBucketTaggingOutput, error) {
			b, err := find(c, v, in.Bucket, in.ExpectedBucketOwner)
			if err != nil {
				return nil, err
			}
			tags, err := v.Tags(bucketARN(c, b.ID))
			if err != nil {
				return nil, err
			}
			if len(tags) == 0 {
				return nil, fault.New("NoSuchTagSet", "The TagSet does not exist").With(404).Field("BucketName", b.ID)
			}
			out := &shape.GetBucketTaggingOutput{}
			for _, k := range slices.Sorted(maps.Keys(tags)) {
				out.TagSet = append(out.TagSet, shape.Tag{Key: ptr(k), Value: ptr(tags[k])})
			}
			return out, nil
		},
	}
}

func (s *Service) deleteBucketTagging() api.Rower {
	return api.Op[shape.DeleteBucketTaggingRequest, shape.DeleteBucketTaggingOutput]{
		Name:    "DeleteBucketTagging",
		Honours: []string{"Bucket", "ExpectedBucketOwner"},
		Questions: onBucket("s3:PutBucketTagging", func(in *shape.DeleteBucketTaggingRequest) (_, _ *string) {
			return in.Bucket, in.ExpectedBucketOwner
		}),
		Act: func(c *api.Call, tx store.Tx, in *shape.DeleteBucketTaggingRequest) (*shape.DeleteBucketTaggingOutput, error) {
			b, err := find(c, tx, in.Bucket, in.ExpectedBucketOwner)
			if err != nil {
				return nil, err
			}
			c.Touch(bucketARN(c, b.ID))
			return &shape.DeleteBucketTaggingOutput{}, tx.RemoveTags(bucketARN(c, b.ID), nil)
		},
	}
}
