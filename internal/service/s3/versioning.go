package s3

import (
	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
)

func malformedXML() *fault.Fault {
	return fault.New("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema").With(400)
}

func (s *Service) putBucketVersioning() api.Rower {
	return api.Op[shape.PutBucketVersioningRequest, shape.PutBucketVersioningOutput]{
		Name: "PutBucketVersioning",
		// MFADelete Disabled is how it is; nobody here has a second factor, so that Enabled is refused.
		Honours:   []string{"Bucket", "ExpectedBucketOwner", "VersioningConfiguration.Status", "VersioningConfiguration.MFADelete", "ContentMD5", "ChecksumAlgorithm"},
		Questions: asks[shape.PutBucketVersioningRequest]("PutBucketVersioning"),
		Act: func(c *api.Call, tx store.Tx, in *shape.PutBucketVersioningRequest) (*shape.PutBucketVersioningOutput, error) {
			b, err := find(c, tx, in.Bucket, in.ExpectedBucketOwner)
			if err != nil {
				return nil, err
			}
			c.Touch(bucketARN(c, b.ID))
			if in.VersioningConfiguration == nil {
				return nil, malformedXML()
			}
			switch str(in.VersioningConfiguration.MFADelete) {
			case "", "Disabled":
			case enabled:
				return nil, &fault.Fault{Kind: fault.NotHonoured, Param: "MFADelete", Message: "MfaDelete is not honoured: there are no second factors here."}
			default:
				return nil, malformedXML()
			}
			switch status := str(in.VersioningConfiguration.Status); status {
			case enabled, suspended:
				if b.Value.Lock != nil && status != enabled {
					return nil, fault.New("InvalidBucketState", "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.").With(409)
				}
				b.Value.Versioning = status
			case "":
				return nil, fault.New("IllegalVersioningConfigurationException", "The Versioning element must be specified").With(400)
			default:
				return nil, malformedXML()
			}
			return &shape.PutBucketVersioningOutput{}, buckets.Save(tx, &b)
		},
	}
}

func (s *Service) getBucketVersioning() api.Rower {
	return api.Op[shape.GetBucketVersioningRequest, shape.GetBucketVersioningOutput]{
		Name:      "GetBucketVersioning",
		Honours:   []string{"Bucket", "ExpectedBucketOwner"},
		Questions: asks[shape.GetBucketVersioningRequest]("GetBucketVersioning"),
		View: func(c *api.Call, v store.View, in *shape.GetBucketVersioningRequest) (*shape.GetBucketVersioningOutput, error) {
			b, err := find(c, v, in.Bucket, in.ExpectedBucketOwner)
			if err != nil {
				return nil, err
			}
			c.Touch(bucketARN(c, b.ID))
			return &shape.GetBucketVersioningOutput{Status: opt(b.Value.Versioning)}, nil
		},
	}
}
