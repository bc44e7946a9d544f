package s3

import (
	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
)

// Encryption is a bucket's default encryption. Key is as its owner wrote it (id, ARN or alias; empty: the managed key): KMS finds it
// for whoever writes, in the writer's account if it is no ARN (S3 API Reference, ServerSideEncryptionByDefault).
type Encryption struct {
	Mode      string
	Key       string `json:",omitempty"`
	BucketKey bool   `json:",omitempty"`
}

// encryption is the bucket's own default, else what every bucket has since January 2023 (S3 User Guide, "Default encryption FAQ").
func (b Bucket) encryption() Encryption {
	if b.Encryption != nil {
		return *b.Encryption
	}
	return Encryption{Mode: sseS3}
}

func (s *Service) putBucketEncryption() api.Rower {
	const rule = "ServerSideEncryptionConfiguration.Rules."
	return api.Op[shape.PutBucketEncryptionRequest, shape.PutBucketEncryptionOutput]{
		Name: "PutBucketEncryption",
		Honours: []string{"Bucket", "ExpectedBucketOwner", "ContentMD5", "ChecksumAlgorithm", rule + "ApplyServerSideEncryptionByDefault.SSEAlgorithm",
			rule + "ApplyServerSideEncryptionByDefault.KMSMasterKeyID", rule + "BucketKeyEnabled", rule + "BlockedEncryptionTypes.EncryptionType"},
		Questions: onBucket("s3:PutEncryptionConfiguration", func(in *shape.PutBucketEncryptionRequest) (_, _ *string) {
			return in.Bucket, in.ExpectedBucketOwner
		}),
		Act: func(c *api.Call, tx store.Tx, in *shape.PutBucketEncryptionRequest) (*shape.PutBucketEncryptionOutput, error) {
			b, err := find(c, tx, in.Bucket, in.ExpectedBucketOwner)
			if err != nil {
				return nil, err
			}
			c.Touch(bucketARN(c, b.ID))
			e, err := readEncryption(in.ServerSideEncryptionConfiguration)
			if err != nil {
				return nil, err
			}
			b.Value.Encryption = e
			return &shape.PutBucketEncryptionOutput{}, buckets.Save(tx, &b)
		},
	}
}

// readEncryption takes the one rule that a configuration has.
func readEncryption(in *shape.ServerSideEncryptionConfiguration) (*Encryption, error) {
	if in == nil || len(in.Rules) != 1 || in.Rules[0].ApplyServerSideEncryptionByDefault == nil {
		return nil, malformedXML()
	}
	r := in.Rules[0]
	d := r.ApplyServerSideEncryptionByDefault
	e := &Encryption{Mode: str(d.SSEAlgorithm), Key: str(d.KMSMasterKeyID), BucketKey: r.BucketKeyEnabled != nil && *r.BucketKeyEnabled}
	switch {
	case e.Mode == sseDSSE:
		return nil, &fault.Fault{Kind: fault.NotHonoured, Param: "SSEAlgorithm", Message: "Dual-layer encryption (aws:kms:dsse) is not honoured: use aws:kms."}
	case e.Mode != sseS3 && e.Mode != sseKMS:
		return nil, malformedXML()
	case e.Mode == sseS3 && d.KMSMasterKeyID != nil:
		return nil, fault.New("InvalidArgument", "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse").
			With(400).Field("ArgumentName", "ApplyServerSideEncryptionByDefault")
	}
	if t := r.BlockedEncryptionTypes; t != nil {
		for _, kind := range t.EncryptionType {
			switch kind {
			case "SSE-C":
			case "NONE": // would open the bucket to SSE-C, which nothing here can do
				return nil, &fault.Fault{Kind: fault.NotHonoured, Param: "BlockedEncryptionTypes", Message: "SSE-C cannot be unblocked: it is refused for every bucket."}
			default:
				return nil, malformedXML()
			}
		}
	}
	return e, nil
}

func (s *Service) getBucketEncryption() api.Rower {
	return api.Op[shape.GetBucketEncryptionRequest, shape.GetBucketEncryptionOutput]{
		Name:    "GetBucketEncryption",
		Honours: []string{"Bucket", "ExpectedBucketOwner"},
		Questions: onBucket("s3:GetEncryptionConfiguration", func(in *shape.GetBucketEncryptionRequest) (_, _ *string) {
			return in.Bucket, in.ExpectedBucketOwner
		}),
		View: func(c *api.Call, v store.View, in *shape.GetBucketEncryptionRequest) (*shape.GetBucketEncryptionOutput, error) {
			b, err := find(c, v, in.Bucket, in.ExpectedBucketOwner)
			if err != nil {
				return nil, err
			}
			c.Touch(bucketARN(c, b.ID))
			e := b.Value.encryption()
			return &shape.GetBucketEncryptionOutput{ServerSideEncryptionConfiguration: &shape.ServerSideEncryptionConfiguration{Rules: []shape.ServerSideEncryptionRule{{
				ApplyServerSideEncryptionByDefault: &shape.ServerSideEncryptionByDefault{SSEAlgorithm: ptr(e.Mode), KMSMasterKeyID: opt(e.Key)},
				BucketKeyEnabled:                   ptr(e.BucketKey),
				BlockedEncryptionTypes:             &shape.BlockedEncryptionTypes{EncryptionType: []string{"SSE-C"}}}}}}, nil
		},
	}
}

func (s *Service) deleteBucketEncryption() api.Rower {
	return api.Op[shape.DeleteBucketEncryptionRequest, shape.DeleteBucketEncryptionOutput]{
		Name:    "DeleteBucketEncryption",
		Honours: []string{"Bucket", "ExpectedBucketOwner"},
		Questions: onBucket("s3:PutEncryptionConfiguration", func(in *shape.DeleteBucketEncryptionRequest) (_, _ *string) {
			return in.Bucket, in.ExpectedBucketOwner
		}),
		Act: func(c *api.Call, tx store.Tx, in *shape.DeleteBucketEncryptionRequest) (*shape.DeleteBucketEncryptionOutput, error) {
			b, err := find(c, tx, in.Bucket, in.ExpectedBucketOwner)
			if err != nil {
				return nil, err
			}
			c.Touch(bucketARN(c, b.ID))
			b.Value.Encryption = nil
			return &shape.DeleteBucketEncryptionOutput{}, buckets.Save(tx, &b)
		},
	}
}
