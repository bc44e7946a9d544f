package s3

import "cloister/internal/core/fault"

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
