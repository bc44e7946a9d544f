package s3

import (
	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
)

// enforced refuses every setting of Object Ownership but the one that buckets have here, and by default on AWS.
func enforced(ownership *string) error {
	switch str(ownership) {
	case "", "BucketOwnerEnforced":
		return nil
	case "BucketOwnerPreferred", "ObjectWriter":
		return fault.Of(fault.NotImplemented, "Object Ownership is BucketOwnerEnforced for every bucket: Cloister has no ACLs that %s would turn on.", *ownership)
	}
	return fault.New("InvalidArgument", "Invalid x-amz-object-ownership header: %s", *ownership).With(400)
}

// noACLs is what S3 says of ACLs on a bucket whose owner owns everything (S3 User Guide, "Controlling ownership of objects").
func noACLs() *fault.Fault {
	return fault.New("AccessControlListNotSupported", "The bucket does not allow ACLs").With(400)
}

// checkCreateACL takes no ACL with a new bucket but the one that says what holds anyway.
func checkCreateACL(in *shape.CreateBucketRequest) error {
	if in.ACL != nil && *in.ACL != "private" || in.GrantFullControl != nil || in.GrantRead != nil || in.GrantReadACP != nil || in.GrantWrite != nil || in.GrantWriteACP != nil {
		return fault.New("InvalidBucketAclWithObjectOwnership", "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting").With(400)
	}
	return nil
}

// owned is the ACL that every bucket and object reads as: its owner may do everything.
func owned(c *api.Call, account string) (*shape.Owner, []shape.Grant) {
	id := canonical(c.Partition, account)
	return &shape.Owner{ID: &id}, []shape.Grant{{Grantee: &shape.Grantee{ID: &id, Type: ptr("CanonicalUser")}, Permission: ptr("FULL_CONTROL")}}
}

// ownership are the rows of who owns what: the bucket's account everything, for ever.
func (s *Service) ownership() []api.Rower {
	type item = store.Item[Bucket]
	acls := []string{"ACL", "AccessControlPolicy.*", "GrantFullControl", "GrantRead", "GrantReadACP", "GrantWrite", "GrantWriteACP", "ContentMD5", "ChecksumAlgorithm"}
	return []api.Rower{
		onBucketRow("GetBucketOwnershipControls", nil, func(_ *api.Call, _ item, _ *shape.GetBucketOwnershipControlsRequest) (*shape.GetBucketOwnershipControlsOutput, error) {
			return &shape.GetBucketOwnershipControlsOutput{OwnershipControls: &shape.OwnershipControls{Rules: []shape.OwnershipControlsRule{{ObjectOwnership: ptr("BucketOwnerEnforced")}}}}, nil
		}, nil),
		onBucketRow[shape.PutBucketOwnershipControlsRequest, shape.PutBucketOwnershipControlsOutput]("PutBucketOwnershipControls",
			[]string{"OwnershipControls.*", "ContentMD5", "ChecksumAlgorithm"}, nil, func(_ *api.Call, _ *item, in *shape.PutBucketOwnershipControlsRequest) error {
				if in.OwnershipControls == nil || len(in.OwnershipControls.Rules) != 1 || str(in.OwnershipControls.Rules[0].ObjectOwnership) == "" {
					return badXML()
				}
				if err := enforced(in.OwnershipControls.Rules[0].ObjectOwnership); !fault.Is(err, "InvalidArgument") {
					return err
				}
				return badXML()
			}),
		onBucketRow[shape.DeleteBucketOwnershipControlsRequest, shape.DeleteBucketOwnershipControlsOutput]("DeleteBucketOwnershipControls", nil, nil,
			func(*api.Call, *item, *shape.DeleteBucketOwnershipControlsRequest) error {
				return fault.Of(fault.NotImplemented, "Object Ownership is BucketOwnerEnforced for every bucket: without it ACLs would count, which Cloister has none of.")
			}),
		onBucketRow("GetBucketAcl", nil, func(c *api.Call, b item, _ *shape.GetBucketAclRequest) (*shape.GetBucketAclOutput, error) {
			o, g := owned(c, b.Value.Owner)
			return &shape.GetBucketAclOutput{Owner: o, Grants: g}, nil
		}, nil),
		onBucketRow[shape.PutBucketAclRequest, shape.PutBucketAclOutput]("PutBucketAcl", acls, nil,
			func(*api.Call, *item, *shape.PutBucketAclRequest) error { return noACLs() }),
		onBucketRow[shape.PutObjectAclRequest, shape.PutObjectAclOutput]("PutObjectAcl", append([]string{"Key", "VersionId"}, acls...), nil,
			func(*api.Call, *item, *shape.PutObjectAclRequest) error { return noACLs() }),
		getObjectACL(),
	}
}

func getObjectACL() api.Rower {
	ask := questions("GetObjectAcl")
	return api.Op[shape.GetObjectAclRequest, shape.GetObjectAclOutput]{
		Name: "GetObjectAcl", Honours: []string{"Bucket", "Key", "VersionId", "ExpectedBucketOwner"},
		Questions: func(c *api.Call, v store.View, in *shape.GetObjectAclRequest) ([]api.Question, error) {
			return ask(c, v, in)
		},
		View: func(c *api.Call, v store.View, in *shape.GetObjectAclRequest) (*shape.GetObjectAclOutput, error) {
			b, err := find(c, v, in.Bucket, in.ExpectedBucketOwner)
			if err != nil {
				return nil, err
			}
			if _, err := locate(c, v, b, str(in.Key), in.VersionId); err != nil {
				return nil, err
			}
			c.Touch(objectARN(c, b.ID, str(in.Key)))
			owner, grants := owned(c, b.Value.Owner)
			return &shape.GetObjectAclOutput{Owner: owner, Grants: grants}, nil
		},
	}
}

func badXML() error {
	return fault.New("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema").With(400)
}
