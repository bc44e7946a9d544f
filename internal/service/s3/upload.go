package s3

import (
	"context"
	"crypto/md5" //nolint:gosec // an ETag is MD5 by S3's contract
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/checksum"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
)

func uploadID(bucket, key, id string) string { return objectID(bucket, key) + "\x00" + id }

func partID(upload string, n int64) string { return fmt.Sprintf("%s/%05d", upload, n) }

func badPartNumber() error {
	return fault.New("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive").With(400).Field("ArgumentName", "partNumber")
}

// inProgress reads an upload; NoSuchUpload if it is unknown, aborted, completed, or of another key.
func inProgress(v store.View, sc store.Scope, bucket, key, id string) (store.Item[Upload], error) {
	var u store.Item[Upload]
	var err error
	none := strings.Contains(id, "\x00") // no id has it; else key and id could spell another key's upload
	if !none {
		u, err = uploads.Get(v, sc, uploadID(bucket, key, id))
	}
	if none || errors.Is(err, store.ErrNotFound) {
		return u, fault.New("NoSuchUpload", "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.").
			With(404).Field("UploadId", id)
	}
	return u, err
}

// sumKind decides whether an upload's checksum is of the whole or of its parts' checksums.
func sumKind(algorithm, kind string) (string, error) {
	switch {
	case algorithm == "" && kind != "":
		return "", fault.New("InvalidRequest", "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.").With(400)
	case algorithm == "":
		return "", nil
	case checksum.New(algorithm) == nil:
		return "", unknownAlgorithm()
	case kind == "" && algorithm == standing:
		return fullObject, nil
	case kind == "":
		return composite, nil
	case kind == fullObject && !checksum.Joins(algorithm), kind == composite && algorithm == standing:
		return "", fault.New("InvalidRequest", "The %s checksum type cannot be used with the %s checksum algorithm.", kind, strings.ToLower(algorithm)).With(400)
	case kind != fullObject && kind != composite:
		return "", fault.New("InvalidRequest", "Value for x-amz-checksum-type header is invalid.").With(400)
	}
	return kind, nil
}

func (s *Service) createMultipartUpload() api.Rower {
	return api.Op[shape.CreateMultipartUploadRequest, shape.CreateMultipartUploadOutput]{
		Name: "CreateMultipartUpload",
		Honours: []string{"Bucket", "Key", "ExpectedBucketOwner", "ContentType", "CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage",
			"Expires", "Metadata", "Metadata.*", "WebsiteRedirectLocation", "StorageClass", "ACL", "ChecksumAlgorithm", "ChecksumType", "ServerSideEncryption", "SSEKMSKeyId", "SSEKMSEncryptionContext",
			"BucketKeyEnabled", "SSECustomerAlgorithm", "SSECustomerKey", "SSECustomerKeyMD5",
			"Tagging", "ObjectLockMode", "ObjectLockRetainUntilDate", "ObjectLockLegalHoldStatus"},
		Questions: bringing(onObject("s3:PutObject", func(in *shape.CreateMultipartUploadRequest) (_, _, _ *string) {
			return in.Bucket, in.Key, in.ExpectedBucketOwner
		}, func(c *api.Call, in *shape.CreateMultipartUploadRequest) map[string][]string {
			k := map[string][]string{}
			if in.StorageClass != nil {
				k["s3:x-amz-storage-class"] = []string{*in.StorageClass}
			}
			if in.ACL != nil {
				k["s3:x-amz-acl"] = []string{*in.ACL}
			}
			return createWish(in).keys(c, k)
		})),
		Stream: s.create,
	}
}

func createWish(in *shape.CreateMultipartUploadRequest) wish {
	return wish{in.ServerSideEncryption, in.SSEKMSKeyId, in.SSEKMSEncryptionContext, in.BucketKeyEnabled,
		[]*string{in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5}}
}

func (s *Service) create(ctx context.Context, c *api.Call, in *shape.CreateMultipartUploadRequest) (*shape.CreateMultipartUploadOutput, error) {
	if err := errors.Join(checkKey(str(in.Key)), checkClass(in.StorageClass), checkACL(in.ACL)); err != nil {
		return nil, err
	}
	x, err := readExtras(c.Time, in.Tagging, in.ObjectLockMode, in.ObjectLockRetainUntilDate, in.ObjectLockLegalHoldStatus)
	if err != nil {
		return nil, err
	}
	b, sc, err := enter(ctx, c, in.Bucket, in.ExpectedBucketOwner, func(_ store.View, b store.Item[Bucket], _ store.Scope) error { return x.fit(b) })
	if err != nil {
		return nil, err
	}
	c.Touch(objectARN(c, b.ID, *in.Key))
	u := Upload{Algorithm: str(in.ChecksumAlgorithm), Tags: x.tags, Lock: x.lock}
	if c.Caller != nil {
		u.Initiator = c.Caller.ARN
	}
	if u.Type, err = sumKind(u.Algorithm, str(in.ChecksumType)); err != nil {
		return nil, err
	}
	u.Head, err = makeHead(in.ContentType, in.CacheControl, in.ContentDisposition, in.ContentEncoding, in.ContentLanguage, in.Expires, in.WebsiteRedirectLocation, in.Metadata)
	if err != nil {
		return nil, err
	}
	p, err := createWish(in).plan(b.Value)
	if err != nil {
		return nil, err
	}
	id := c.Dice.Hex(64)
	if u.Seal, _, err = s.newKey(ctx, c, spot{b, *in.Key, id}, p); err != nil {
		return nil, err
	}
	out := &shape.CreateMultipartUploadOutput{Bucket: in.Bucket, Key: in.Key, UploadId: &id, ChecksumAlgorithm: in.ChecksumAlgorithm, ChecksumType: opt(u.Type)}
	u.Seal.show(&out.ServerSideEncryption, &out.SSEKMSKeyId, &out.SSEKMSEncryptionContext, &out.BucketKeyEnabled)
	_, err = c.Commit(ctx, func(tx store.Tx) (any, error) {
		if err := again(tx, &b); err != nil {
			return nil, err
		}
		u.Initiated = seconds(tx)
		return out, uploads.Create(tx, sc, uploadID(b.ID, *in.Key, id), &u)
	})
	if err != nil {
		return nil, full(err)
	}
	return out, nil
}

func (s *Service) uploadPart() api.Rower {
	return api.Op[shape.UploadPartRequest, shape.UploadPartOutput]{
		Name:      "UploadPart",
		Anonymous: true,
		Honours: append([]string{"Bucket", "Key", "ExpectedBucketOwner", "Body", "PartNumber", "UploadId", "ContentLength", "ContentMD5", "ChecksumAlgorithm"},
			sumMembers("")...),
		Questions: onObject("s3:PutObject", func(in *shape.UploadPartRequest) (_, _, _ *string) {
			return in.Bucket, in.Key, in.ExpectedBucketOwner
		}, nil),
		Stream: s.putPart,
	}
}

func (s *Service) putPart(ctx context.Context, c *api.Call, in *shape.UploadPartRequest) (*shape.UploadPartOutput, error) {
	key, id := str(in.Key), str(in.UploadId)
	if err := checkKey(key); err != nil {
		return nil, err
	}
	if in.PartNumber == nil || *in.PartNumber < 1 || *in.PartNumber > maxParts {
		return nil, badPartNumber()
	}
	cl := claim{length: in.ContentLength, md5: in.ContentMD5, algorithm: in.ChecksumAlgorithm,
		sums: sumsOf(in)}
	var seal Seal
	b, sc, err := enter(ctx, c, in.Bucket, in.ExpectedBucketOwner, func(v store.View, b store.Item[Bucket], sc store.Scope) error {
		u, err := inProgress(v, sc, b.ID, key, id)
		cl.want, cl.demanded, seal = u.Value.Algorithm, u.Value.Type == composite, u.Value.Seal
		return err
	})
	if err != nil {
		return nil, err
	}
	c.Touch(objectARN(c, b.ID, key))
	out := &shape.UploadPartOutput{}
	seal.show(&out.ServerSideEncryption, &out.SSEKMSKeyId, nil, &out.BucketKeyEnabled)
	return out, s.addPart(ctx, c, newPart{b: b, sc: sc, key: key, upload: id, number: *in.PartNumber, seal: seal}, in.Body, cl, func(p Part) any {
		out.ETag = quoted(p.ETag)
		p.Sum.place(out)
		return out
	})
}

// newPart says where a part goes that comes.
type newPart struct {
	b           store.Item[Bucket]
	sc          store.Scope
	key, upload string
	number      int64
	seal        Seal // the upload's
}

// addPart takes a part's bytes and writes its row; answer makes the answer of it.
func (s *Service) addPart(ctx context.Context, c *api.Call, to newPart, body io.Reader, cl claim, answer func(Part) any) error {
	dataKey, err := s.openKey(ctx, c, spot{to.b, to.key, to.upload}, to.seal)
	if err != nil {
		return err
	}
	l := newLock(c, c.Dice.Hex(32), dataKey)
	cl.opaque, cl.standing = to.seal.opaque(c), cl.want == ""
	d, err := s.receive(ctx, body, cl, l)
	if err != nil {
		return err
	}
	var t trash
	_, err = c.Commit(ctx, func(tx store.Tx) (any, error) {
		t = trash{}
		if err := again(tx, &to.b); err != nil {
			return nil, err
		}
		if _, err := inProgress(tx, to.sc, to.b.ID, to.key, to.upload); err != nil {
			return nil, err
		}
		p := Part{Number: to.number, Size: d.size, ETag: d.etag(), Modified: seconds(tx), Blob: l.blob, Sum: d.sum, Standing: d.also, Salt: l.salt}
		out := answer(p)
		old, err := parts.Get(tx, to.sc, partID(to.upload, p.Number))
		if errors.Is(err, store.ErrNotFound) {
			return out, parts.Create(tx, to.sc, partID(to.upload, p.Number), &p)
		} else if err != nil {
			return nil, err
		}
		t.blobs = append(t.blobs, old.Value.Blob)
		old.Value = p
		return out, parts.Save(tx, &old)
	})
	if err != nil {
		s.forsake(ctx, c, l.blob)
		return full(err)
	}
	s.empty(ctx, t)
	return nil
}

func (s *Service) abortMultipartUpload() api.Rower {
	return api.Op[shape.AbortMultipartUploadRequest, shape.AbortMultipartUploadOutput]{
		Name:      "AbortMultipartUpload",
		Anonymous: true,
		Honours:   []string{"Bucket", "Key", "ExpectedBucketOwner", "UploadId"},
		Questions: onObject("s3:AbortMultipartUpload", func(in *shape.AbortMultipartUploadRequest) (_, _, _ *string) {
			return in.Bucket, in.Key, in.ExpectedBucketOwner
		}, nil),
		Stream: func(ctx context.Context, c *api.Call, in *shape.AbortMultipartUploadRequest) (*shape.AbortMultipartUploadOutput, error) {
			out := &shape.AbortMultipartUploadOutput{}
			var t trash
			_, err := c.Commit(ctx, func(tx store.Tx) (any, error) {
				t = trash{}
				b, err := find(c, tx, in.Bucket, in.ExpectedBucketOwner)
				if err != nil {
					return nil, err
				}
				sc := home(c.Partition, b.Value)
				c.Touch(objectARN(c, b.ID, str(in.Key)))
				u, err := inProgress(tx, sc, b.ID, str(in.Key), str(in.UploadId))
				if err != nil {
					return nil, err
				}
				return out, t.upload(tx, sc, u.ID, str(in.UploadId), nil)
			})
			if err != nil {
				return nil, full(err)
			}
			s.empty(ctx, t)
			return out, nil
		},
	}
}

// gather finds the listed parts among those uploaded and checks order, entity tags, checksums and sizes.
func gather(v store.View, sc store.Scope, id string, u Upload, list []shape.CompletedPart) ([]Part, error) {
	if len(list) == 0 || len(list) > maxParts {
		return nil, malformedXML()
	}
	rows, err := parts.List(v, store.Query{Scope: sc, Prefix: id + "/"})
	if err != nil {
		return nil, err
	}
	have := make(map[int64]Part, len(rows))
	for _, r := range rows {
		have[r.Value.Number] = r.Value
	}
	out := make([]Part, 0, len(list))
	last := int64(0)
	for _, l := range list {
		switch {
		case l.PartNumber == nil || l.ETag == nil:
			return nil, malformedXML()
		case *l.PartNumber < 1:
			return nil, fault.New("InvalidArgument", "PartNumber must be >= 1").With(400).
				Field("ArgumentName", "PartNumber").Field("ArgumentValue", strconv.FormatInt(*l.PartNumber, 10))
		}
		if *l.PartNumber <= last {
			return nil, fault.New("InvalidPartOrder", "The list of parts was not in ascending order. Parts must be ordered by part number.").With(400).Field("UploadId", id)
		}
		last = *l.PartNumber
		p, ok := have[last]
		alg, value, err := u.partSum(&l)
		if err != nil {
			return nil, err
		}
		if ok && alg != "" && u.Algorithm != "" && alg != u.Algorithm {
			return nil, fault.New("BadDigest", "The %s you specified for part %d did not match what we received.", strings.ToLower(alg), last).With(400)
		}
		if !ok || strings.Trim(str(l.ETag), `"`) != p.ETag || alg != "" && (alg != p.Sum.Algorithm || value != p.Sum.Value) {
			return nil, fault.New("InvalidPart", "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.").
				With(400).Field("UploadId", id).Field("PartNumber", strconv.FormatInt(last, 10)).Field("ETag", str(l.ETag))
		}
		if n := len(out); n > 0 && out[n-1].Size < minPart {
			return nil, fault.New("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size").With(400).
				Field("ProposedSize", strconv.FormatInt(out[n-1].Size, 10)).Field("MinSizeAllowed", strconv.Itoa(minPart)).
				Field("PartNumber", strconv.FormatInt(out[n-1].Number, 10)).Field("ETag", out[n-1].ETag)
		}
		out = append(out, p)
	}
	return out, nil
}

// partSum is the checksum that a completion gives for a part. An upload of checksums of the parts' checksums wants each of them. Source: S3
// User Guide, "Checking object integrity", composite checksums.
func (u Upload) partSum(l *shape.CompletedPart) (algorithm, value string, err error) {
	given := sumsOf(l)
	all := ""
	for _, g := range given {
		all += g.algorithm + ":" + g.value + ";"
	}
	switch {
	case len(given) == 0 && u.Type == composite:
		return "", "", fault.New("InvalidRequest", "The upload was created using a %s checksum. The complete request must include the checksum for each part. It was missing for part %d in the request.",
			strings.ToLower(u.Algorithm), *l.PartNumber).With(400)
	case len(given) == 0:
		return "", "", nil
	case len(given) == 1 && wellFormed(given[0].algorithm, given[0].value):
		return given[0].algorithm, given[0].value, nil
	case len(given) == 1:
		all = given[0].value
	}
	return "", "", fault.New("InvalidArgument", "Invalid Base64 or multiple checksums present in request").With(400).
		Field("ArgumentName", "Checksum").Field("ArgumentValue", all)
}

// assemble makes the object of the parts.
func assemble(id string, u Upload, ps []Part) (Object, error) {
	o := Object{Upload: id, Parts: len(ps), Head: u.Head, Seal: u.Seal}
	h := md5.New() //nolint:gosec // ETag
	same := true   // all parts carry the checksum that the object is to have
	algorithm, kind := u.Algorithm, u.Type
	if algorithm == "" {
		algorithm, kind = standing, fullObject
	}
	summed := make([]Part, 0, len(ps))
	for _, p := range ps {
		o.Size += p.Size
		b, err := hex.DecodeString(p.ETag)
		if err != nil {
			return o, err
		}
		_, _ = h.Write(b)
		if p.Standing != "" && u.Algorithm == "" {
			p.Sum = Sum{standing, fullObject, p.Standing}
		}
		same = same && p.Sum.Algorithm == algorithm
		summed = append(summed, p)
	}
	o.ETag = hex.EncodeToString(h.Sum(nil)) + "-" + strconv.Itoa(len(ps))
	var err error
	if same {
		o.Sum, err = joined(algorithm, kind, summed)
	}
	return o, err
}

func (s *Service) completeMultipartUpload() api.Rower {
	return api.Op[shape.CompleteMultipartUploadRequest, shape.CompleteMultipartUploadOutput]{
		Name:      "CompleteMultipartUpload",
		Anonymous: true,
		Honours: slices.Concat([]string{"Bucket", "Key", "ExpectedBucketOwner", "UploadId", "MpuObjectSize", "IfMatch", "IfNoneMatch", "ChecksumType",
			"MultipartUpload.Parts.ETag", "MultipartUpload.Parts.PartNumber"}, sumMembers(""), sumMembers("MultipartUpload.Parts.")),
		Questions: onObject("s3:PutObject", func(in *shape.CompleteMultipartUploadRequest) (_, _, _ *string) {
			return in.Bucket, in.Key, in.ExpectedBucketOwner
		}, func(_ *api.Call, in *shape.CompleteMultipartUploadRequest) map[string][]string {
			return condition{in.IfMatch, in.IfNoneMatch}.keys()
		}),
		Stream: s.complete,
	}
}

func (s *Service) complete(ctx context.Context, c *api.Call, in *shape.CompleteMultipartUploadRequest) (*shape.CompleteMultipartUploadOutput, error) {
	key, id := str(in.Key), str(in.UploadId)
	w := condition{in.IfMatch, in.IfNoneMatch}
	if err := errors.Join(checkKey(key), w.check(), sensible(in)); err != nil {
		return nil, err
	}
	var list []shape.CompletedPart
	if in.MultipartUpload != nil {
		list = in.MultipartUpload.Parts
	}
	if err := s.openForSums(ctx, c, in, key, id, list); err != nil {
		return nil, err
	}
	out := &shape.CompleteMultipartUploadOutput{}
	var t trash
	_, err := c.Commit(ctx, func(tx store.Tx) (any, error) {
		t = trash{}
		b, err := find(c, tx, in.Bucket, in.ExpectedBucketOwner)
		if err != nil {
			return nil, err
		}
		sc := home(c.Partition, b.Value)
		c.Touch(objectARN(c, b.ID, key))
		u, err := inProgress(tx, sc, b.ID, key, id)
		if err != nil {
			// A retry whose first answer got lost: the object is there already.
			if old, gone := current(tx, sc, objectID(b.ID, key)); gone == nil && old != nil && old.Value.Upload == id {
				*out = completed(c, b, key, old.Value)
				return out, nil
			}
			return nil, err
		}
		ps, err := gather(tx, sc, id, u.Value, list)
		if err != nil {
			return nil, err
		}
		o, err := assemble(id, u.Value, ps)
		if err != nil {
			return nil, err
		}
		if err := promised(in, o); err != nil {
			return nil, err
		}
		o.Modified = seconds(tx)
		keep := make(map[string]bool, len(ps))
		for _, p := range ps {
			keep[p.Blob] = true
		}
		if err := t.upload(tx, sc, u.ID, id, keep); err != nil {
			return nil, err
		}
		if err := manifests.Create(tx, sc, id, &Manifest{ps}); err != nil {
			return nil, err
		}
		if err := (extras{u.Value.Tags, u.Value.Lock}).onto(tx, &b, &o); err != nil {
			return nil, err
		}
		if err := replace(c, tx, b, sc, key, w, &o, &t); err != nil {
			return nil, err
		}
		*out = completed(c, b, key, o)
		out.Expiration, err = expiry(tx, b, sc, key, &o)
		return out, err
	})
	if err != nil {
		return nil, full(err)
	}
	s.empty(ctx, t)
	return out, nil
}

// openForSums asks KMS for the upload's data key where the request carries checksums: S3 demands kms:Decrypt then (S3 API Reference,
// CompleteMultipartUpload, "Permissions").
func (s *Service) openForSums(ctx context.Context, c *api.Call, in *shape.CompleteMultipartUploadRequest, key, id string, list []shape.CompletedPart) error {
	if len(sumsOf(in)) == 0 && !slices.ContainsFunc(list, func(p shape.CompletedPart) bool { return len(sumsOf(&p)) > 0 }) {
		return nil
	}
	var seal Seal
	b, _, err := enter(ctx, c, in.Bucket, in.ExpectedBucketOwner, func(v store.View, b store.Item[Bucket], sc store.Scope) error {
		u, err := inProgress(v, sc, b.ID, key, id)
		if fault.Is(err, "NoSuchUpload") { // it may be complete already
			return nil
		}
		seal = u.Value.Seal
		return err
	})
	if err != nil || seal.Mode != sseKMS {
		return err
	}
	_, err = s.openKey(ctx, c, spot{b, key, id}, seal)
	return err
}

// sensible checks what a completion says of the object before any part is looked at.
func sensible(in *shape.CompleteMultipartUploadRequest) error {
	alg, value, err := chosen(sumsOf(in))
	if err != nil {
		return err
	}
	if in.MpuObjectSize != nil && *in.MpuObjectSize < 0 {
		return fault.New("InvalidRequest", "Value for x-amz-mp-object-size header is less than zero: '%d'", *in.MpuObjectSize).With(400)
	}
	bare, count, ofParts := strings.Cut(value, "-")
	n, bad := strconv.Atoi(count)
	if alg != "" && (!wellFormed(alg, bare) || ofParts && (bad != nil || n < 1)) {
		return badSumHeader(alg)
	}
	return nil
}

// promised checks the object against what the request says of it.
func promised(in *shape.CompleteMultipartUploadRequest, o Object) error {
	if in.MpuObjectSize != nil && *in.MpuObjectSize != o.Size {
		return fault.New("InvalidRequest", "The provided 'x-amz-mp-object-size' header value %d does not match what was computed: %d", *in.MpuObjectSize, o.Size).With(400)
	}
	if in.ChecksumType != nil && *in.ChecksumType != o.Sum.Type {
		return fault.New("InvalidRequest", "The upload was created using the %s checksum mode. The complete request must use the same checksum mode.", o.Sum.Type).With(400)
	}
	alg, value, err := chosen(sumsOf(in))
	if err != nil || alg == "" {
		return err
	}
	bare, _, _ := strings.Cut(o.Sum.Value, "-")
	if alg != o.Sum.Algorithm || value != o.Sum.Value && value != bare {
		return badSum(alg)
	}
	return nil
}

func completed(c *api.Call, b store.Item[Bucket], key string, o Object) shape.CompleteMultipartUploadOutput {
	bucket := b.ID
	scheme := "http://"
	if c.TLS {
		scheme = "https://"
	}
	out := shape.CompleteMultipartUploadOutput{Bucket: ptr(bucket), Key: ptr(key), ETag: quoted(o.ETag), ChecksumType: opt(o.Sum.Type), VersionId: given(o),
		Location: ptr(scheme + c.Host + "/" + bucket + "/" + *coder(true).text(key))}
	if strings.HasPrefix(c.Host, bucket+".") {
		out.Location = ptr(scheme + c.Host + "/" + *coder(true).text(key))
	}
	o.Sum.place(&out)
	o.Seal.show(&out.ServerSideEncryption, &out.SSEKMSKeyId, nil, &out.BucketKeyEnabled)
	return out
}
