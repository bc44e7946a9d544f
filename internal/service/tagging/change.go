package tagging

import (
	"context"
	"maps"
	"slices"
	"strings"

	"cloister/internal/api"
	"cloister/internal/api/ask"
	"cloister/internal/core/arn"
	"cloister/internal/core/fault"
	"cloister/internal/shape/cloudtrail"
	"cloister/internal/shape/comprehend"
	"cloister/internal/shape/ec2"
	"cloister/internal/shape/iam"
	"cloister/internal/shape/kms"
	"cloister/internal/shape/logs"
	"cloister/internal/shape/s3"
	shape "cloister/internal/shape/tagging"
)

func tagResources() api.Rower {
	return api.Op[shape.TagResourcesInput, shape.TagResourcesOutput]{
		Name: "TagResources", Honours: []string{"ResourceARNList", "Tags"}, Questions: ask.Ask[shape.TagResourcesInput](sheet, "TagResources"),
		Stream: func(ctx context.Context, c *api.Call, in *shape.TagResourcesInput) (*shape.TagResourcesOutput, error) {
			failed, err := forEach(ctx, c, in.ResourceARNList, change{set: in.Tags})
			return &shape.TagResourcesOutput{FailedResourcesMap: failed}, err
		},
	}
}

func untagResources() api.Rower {
	return api.Op[shape.UntagResourcesInput, shape.UntagResourcesOutput]{
		Name: "UntagResources", Honours: []string{"ResourceARNList", "TagKeys"}, Questions: ask.Ask[shape.UntagResourcesInput](sheet, "UntagResources"),
		Stream: func(ctx context.Context, c *api.Call, in *shape.UntagResourcesInput) (*shape.UntagResourcesOutput, error) {
			failed, err := forEach(ctx, c, in.ResourceARNList, change{remove: in.TagKeys})
			return &shape.UntagResourcesOutput{FailedResourcesMap: failed}, err
		},
	}
}

// change is what happens to the tags of each resource: one of both.
type change struct {
	set    map[string]string
	remove []string
}

// forEach asks each resource's service as the caller. What one refuses stands in the answer, and stops no other.
func forEach(ctx context.Context, c *api.Call, resources []string, x change) (map[string]shape.FailureInfo, error) {
	failed := map[string]shape.FailureInfo{}
	for _, r := range resources {
		a, err := arn.Parse(r)
		if err != nil {
			return nil, invalid("%s is not a valid ARN.", r)
		}
		if err = x.apply(ctx, c, r, a); err != nil {
			failed[r] = failure(err)
			continue
		}
		c.Touch(r)
	}
	return failed, nil
}

// failure tells of one resource. Source: API reference, FailureInfo: the codes are those of common errors, else InternalServiceException
// or InvalidParameterException; the message is the service's.
func failure(err error) shape.FailureInfo {
	f := fault.From(err)
	code, status := "InvalidParameterException", int64(400)
	switch f.Kind {
	case fault.Internal, fault.Unavailable:
		code, status = "InternalServiceException", 500
	case fault.AccessDenied:
		code, status = "AccessDeniedException", 403
	case fault.Throttled:
		code = "ThrottledException"
	}
	return shape.FailureInfo{StatusCode: &status, ErrorCode: &code, ErrorMessage: &f.Message}
}

// apply asks the service that a resource is of.
func (x change) apply(ctx context.Context, c *api.Call, resource string, a arn.ARN) error {
	ask := func(operation string, in any) error {
		_, err := c.Forward(ctx, a.Service, operation, in)
		return err
	}
	if a.Partition != c.Partition || a.Account != "" && a.Account != c.Account || a.Region != "" && a.Region != c.Region {
		return invalid("%s is not a resource of this account and region.", resource)
	}
	set := x.set != nil
	_, id, _ := strings.Cut(a.Resource, "/")
	switch service, kind := typeOf(resource); {
	case service == "s3" && kind == "bucket":
		return x.bucket(ctx, c, a.Resource)
	case service == "ec2" && set:
		return ask("CreateTags", &ec2.CreateTagsRequest{Resources: []string{id}, Tags: listed(x.set, func(k, v *string) ec2.Tag { return ec2.Tag{Key: k, Value: v} })})
	case service == "ec2":
		return ask("DeleteTags", &ec2.DeleteTagsRequest{Resources: []string{id}, Tags: keyed(x.remove, func(k *string) ec2.Tag { return ec2.Tag{Key: k} })})
	case service == "kms" && set:
		return ask("TagResource", &kms.TagResourceRequest{KeyId: &resource, Tags: listed(x.set, func(k, v *string) kms.Tag { return kms.Tag{TagKey: k, TagValue: v} })})
	case service == "kms":
		return ask("UntagResource", &kms.UntagResourceRequest{KeyId: &resource, TagKeys: x.remove})
	case service == "logs" && set:
		return ask("TagResource", &logs.TagResourceRequest{ResourceArn: &resource, Tags: x.set})
	case service == "logs":
		return ask("UntagResource", &logs.UntagResourceRequest{ResourceArn: &resource, TagKeys: x.remove})
	case service == "cloudtrail" && set:
		return ask("AddTags", &cloudtrail.AddTagsRequest{ResourceId: &resource, TagsList: listed(x.set, func(k, v *string) cloudtrail.Tag { return cloudtrail.Tag{Key: k, Value: v} })})
	case service == "cloudtrail":
		return ask("RemoveTags", &cloudtrail.RemoveTagsRequest{ResourceId: &resource, TagsList: keyed(x.remove, func(k *string) cloudtrail.Tag { return cloudtrail.Tag{Key: k} })})
	case service == "comprehend" && set:
		return ask("TagResource", &comprehend.TagResourceRequest{ResourceArn: &resource, Tags: listed(x.set, func(k, v *string) comprehend.Tag { return comprehend.Tag{Key: k, Value: v} })})
	case service == "comprehend":
		return ask("UntagResource", &comprehend.UntagResourceRequest{ResourceArn: &resource, TagKeys: x.remove})
	case service == "iam" && kind == "policy" && set:
		return ask("TagPolicy", &iam.TagPolicyRequest{PolicyArn: &resource, Tags: listed(x.set, func(k, v *string) iam.Tag { return iam.Tag{Key: k, Value: v} })})
	case service == "iam" && kind == "policy":
		return ask("UntagPolicy", &iam.UntagPolicyRequest{PolicyArn: &resource, TagKeys: x.remove})
	case service == "iam" && kind == "instance-profile" && set:
		id = id[strings.LastIndexByte(id, '/')+1:]
		return ask("TagInstanceProfile", &iam.TagInstanceProfileRequest{InstanceProfileName: &id, Tags: listed(x.set, func(k, v *string) iam.Tag { return iam.Tag{Key: k, Value: v} })})
	case service == "iam" && kind == "instance-profile":
		id = id[strings.LastIndexByte(id, '/')+1:]
		return ask("UntagInstanceProfile", &iam.UntagInstanceProfileRequest{InstanceProfileName: &id, TagKeys: x.remove})
	}
	return invalid("Resources like %s are not supported by the Resource Groups Tagging API here.", resource)
}

// bucket changes the tags of a bucket, which S3 only takes as a whole.
func (x change) bucket(ctx context.Context, c *api.Call, name string) error {
	all := map[string]string{}
	out, err := c.Forward(ctx, "s3", "GetBucketTagging", &s3.GetBucketTaggingRequest{Bucket: &name})
	if err != nil && !fault.Is(err, "NoSuchTagSet") {
		return err
	}
	if o, ok := out.(*s3.GetBucketTaggingOutput); ok && o != nil {
		for _, t := range o.TagSet {
			all[deref(t.Key)] = deref(t.Value)
		}
	}
	maps.Copy(all, x.set)
	for _, k := range x.remove {
		delete(all, k)
	}
	if len(all) == 0 {
		_, err = c.Forward(ctx, "s3", "DeleteBucketTagging", &s3.DeleteBucketTaggingRequest{Bucket: &name})
		return err
	}
	_, err = c.Forward(ctx, "s3", "PutBucketTagging", &s3.PutBucketTaggingRequest{Bucket: &name, Tagging: &s3.Tagging{TagSet: listed(all, func(k, v *string) s3.Tag { return s3.Tag{Key: k, Value: v} })}})
	return err
}

// listed makes a service's own tags of a map.
func listed[T any](tags map[string]string, f func(k, v *string) T) []T {
	var out []T
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, f(new(k), new(tags[k])))
	}
	return out
}

func keyed[T any](keys []string, f func(k *string) T) []T {
	var out []T
	for _, k := range keys {
		out = append(out, f(new(k)))
	}
	return out
}
