package s3

import (
	"fmt"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
)

// getObjectAttributes tells what is asked for alone. Parts are told of objects that were uploaded in parts (S3 API Reference,
// GetObjectAttributes).
func (s *Service) getObjectAttributes() api.Rower {
	return api.Op[shape.GetObjectAttributesRequest, shape.GetObjectAttributesOutput]{
		Name:      "GetObjectAttributes",
		Anonymous: true,
		Honours:   []string{"Bucket", "Key", "VersionId", "ExpectedBucketOwner", "MaxParts", "PartNumberMarker", "ObjectAttributes"},
		Questions: asks[shape.GetObjectAttributesRequest]("GetObjectAttributes"),
		View: func(c *api.Call, v store.View, in *shape.GetObjectAttributesRequest) (*shape.GetObjectAttributesOutput, error) {
			if len(in.ObjectAttributes) == 0 {
				return nil, fault.New("InvalidRequest", "The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty").With(400)
			}
			for _, a := range in.ObjectAttributes {
				switch a {
				case "ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize":
				default:
					return nil, fault.New("InvalidArgument", "Invalid attribute name specified.").With(400).
						Field("ArgumentName", "x-amz-object-attributes").Field("ArgumentValue", a)
				}
			}
			b, o, err := inspect(c, v, in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner)
			if err != nil {
				return nil, err
			}
			out := &shape.GetObjectAttributesOutput{LastModified: ptr(o.Modified), VersionId: shown(b, o)}
			for _, a := range in.ObjectAttributes {
				switch a {
				case "ETag":
					out.ETag = ptr(o.ETag) // here alone without quotes
				case "StorageClass":
					out.StorageClass = ptr("STANDARD")
				case "ObjectSize":
					out.ObjectSize = ptr(o.Size)
				case "Checksum":
					if o.Sum.Value != "" {
						out.Checksum = &shape.Checksum{ChecksumType: opt(o.Sum.Type)}
						o.Sum.place(out.Checksum)
					}
				case "ObjectParts":
					if out.ObjectParts, err = attributeParts(v, home(c.Partition, b.Value), o, in); err != nil {
						return nil, err
					}
				}
			}
			return out, nil
		},
	}
}

func attributeParts(v store.View, sc store.Scope, o Object, in *shape.GetObjectAttributesRequest) (*shape.GetObjectAttributesParts, error) {
	if o.Upload == "" {
		return nil, nil
	}
	n, err := pageSize(in.MaxParts, "max-parts")
	if err != nil {
		return nil, err
	}
	m, err := manifests.Get(v, sc, o.Upload)
	if err != nil {
		return nil, fmt.Errorf("cannot read the parts of %s: %w", o.Upload, err)
	}
	var after int64
	if in.PartNumberMarker != nil {
		after = *in.PartNumberMarker
	}
	out := &shape.GetObjectAttributesParts{TotalPartsCount: ptr(int64(len(m.Value.Parts))), PartNumberMarker: ptr(after), NextPartNumberMarker: ptr(after),
		MaxParts: ptr(int64(n)), IsTruncated: ptr(false)}
	for _, p := range m.Value.Parts {
		if p.Number <= after {
			continue
		}
		if len(out.Parts) == n {
			out.IsTruncated = ptr(n > 0)
			break
		}
		one := shape.ObjectPart{PartNumber: ptr(p.Number), Size: ptr(p.Size)}
		p.Sum.place(&one)
		out.Parts = append(out.Parts, one)
		out.NextPartNumberMarker = one.PartNumber
	}
	return out, nil
}
