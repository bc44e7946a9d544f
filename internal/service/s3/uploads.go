package s3

import (
	"strings"

	"cloister/internal/api"
	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
)

func (s *Service) listParts() api.Rower {
	return api.Op[shape.ListPartsRequest, shape.ListPartsOutput]{
		Name:      "ListParts",
		Anonymous: true,
		Honours:   []string{"Bucket", "Key", "ExpectedBucketOwner", "UploadId", "MaxParts", "PartNumberMarker"},
		Questions: onObject("s3:ListMultipartUploadParts", func(in *shape.ListPartsRequest) (_, _, _ *string) {
			return in.Bucket, in.Key, in.ExpectedBucketOwner
		}, nil),
		View: func(c *api.Call, v store.View, in *shape.ListPartsRequest) (*shape.ListPartsOutput, error) {
			b, err := find(c, v, in.Bucket, in.ExpectedBucketOwner)
			if err != nil {
				return nil, err
			}
			sc, key, id := home(c.Partition, b.Value), str(in.Key), str(in.UploadId)
			c.Touch(objectARN(c, b.ID, key))
			u, err := inProgress(v, sc, b.ID, key, id)
			if err != nil {
				return nil, err
			}
			n, err := pageSize(in.MaxParts, "max-parts")
			if err != nil {
				return nil, err
			}
			var after int64
			if in.PartNumberMarker != nil {
				after = min(max(*in.PartNumberMarker, 0), maxParts)
			}
			rows, err := parts.List(v, store.Query{Scope: sc, Prefix: id + "/", After: partID(id, after), Limit: n + 1})
			if err != nil {
				return nil, err
			}
			out := &shape.ListPartsOutput{Bucket: ptr(b.ID), Key: ptr(key), UploadId: &id, MaxParts: ptr(int64(n)), PartNumberMarker: ptr(after),
				NextPartNumberMarker: ptr(after), IsTruncated: ptr(n > 0 && len(rows) > n), StorageClass: ptr("STANDARD"), Initiator: initiator(u.Value),
				Owner: owner(c, b), ChecksumAlgorithm: opt(u.Value.Algorithm), ChecksumType: opt(u.Value.Type)}
			for _, r := range rows[:min(n, len(rows))] {
				p := r.Value
				one := shape.Part{PartNumber: ptr(p.Number), Size: ptr(p.Size), ETag: quoted(p.ETag), LastModified: ptr(p.Modified)}
				if u.Value.Algorithm != "" {
					p.Sum.place(&one)
				}
				out.Parts = append(out.Parts, one)
				out.NextPartNumberMarker = one.PartNumber
			}
			return out, nil
		},
	}
}

func owner(c *api.Call, b store.Item[Bucket]) *shape.Owner {
	return &shape.Owner{ID: ptr(canonical(c.Partition, b.Value.Owner))}
}

func initiator(u Upload) *shape.Initiator {
	return &shape.Initiator{ID: ptr(u.Initiator), DisplayName: ptr(u.Initiator[strings.LastIndexByte(u.Initiator, '/')+1:])}
}

// keyOfUpload cuts an upload's row id behind the bucket: key, NUL, upload id, which holds no NUL.
func keyOfUpload(id string) string { return id[:strings.LastIndexByte(id, 0)] }

func (s *Service) listMultipartUploads() api.Rower {
	return api.Op[shape.ListMultipartUploadsRequest, shape.ListMultipartUploadsOutput]{
		Name:      "ListMultipartUploads",
		Anonymous: true,
		Honours:   []string{"Bucket", "ExpectedBucketOwner", "Prefix", "Delimiter", "EncodingType", "MaxUploads", "KeyMarker", "UploadIdMarker"},
		Questions: onBucket("s3:ListBucketMultipartUploads", func(in *shape.ListMultipartUploadsRequest) (_, _ *string) {
			return in.Bucket, in.ExpectedBucketOwner
		}),
		View: func(c *api.Call, v store.View, in *shape.ListMultipartUploadsRequest) (*shape.ListMultipartUploadsOutput, error) {
			b, err := find(c, v, in.Bucket, in.ExpectedBucketOwner)
			if err != nil {
				return nil, err
			}
			n, err := pageSize(in.MaxUploads, "max-uploads")
			if err != nil {
				return nil, err
			}
			e, err := readCoding(in.EncodingType)
			if err != nil {
				return nil, err
			}
			c.Touch(bucketARN(c, b.ID))
			prefix, delimiter := str(in.Prefix), str(in.Delimiter)
			after := ""
			if key := str(in.KeyMarker); key != "" {
				if after = marker(key, prefix, delimiter); after == key {
					after = key + "\x00" + beyond // all uploads of that key
					if in.UploadIdMarker != nil {
						after = key + "\x00" + *in.UploadIdMarker
					}
				}
			}
			p, err := walk(uploads, v, listing{home(c.Partition, b.Value), b.ID, prefix, delimiter, after, n}, keyOfUpload)
			if err != nil {
				return nil, err
			}
			out := &shape.ListMultipartUploadsOutput{Bucket: ptr(b.ID), KeyMarker: e.text(str(in.KeyMarker)), UploadIdMarker: ptr(str(in.UploadIdMarker)),
				Prefix: e.text(prefix), Delimiter: e.maybe(opt(delimiter)), MaxUploads: ptr(int64(n)), IsTruncated: ptr(p.more), EncodingType: in.EncodingType,
				CommonPrefixes: e.common(p.prefixes)}
			for _, u := range p.items {
				key := keyOfUpload(u.ID)
				out.Uploads = append(out.Uploads, shape.MultipartUpload{Key: e.text(key), UploadId: ptr(u.ID[len(key)+1:]), Initiated: ptr(u.Value.Initiated),
					StorageClass: ptr("STANDARD"), Initiator: initiator(u.Value), Owner: owner(c, b),
					ChecksumAlgorithm: opt(u.Value.Algorithm), ChecksumType: opt(u.Value.Type)})
			}
			if p.more {
				if common, ok := strings.CutSuffix(p.last, beyond); ok {
					out.NextKeyMarker = e.text(common)
				} else {
					key := keyOfUpload(p.last)
					out.NextKeyMarker, out.NextUploadIdMarker = e.text(key), ptr(p.last[len(key)+1:])
				}
			}
			return out, nil
		},
	}
}
