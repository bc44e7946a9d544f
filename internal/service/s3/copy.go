package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"strconv"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
)

// copied is what a copy demands of its source.
type copied struct {
	bucket, key, versionID    string
	expectedOwner             *string
	ifMatch, ifNoneMatch      *string
	ifModified, ifNotModified *time.Time
	ranged                    *string
	destination               string // row of the object that the copy becomes; of a part none
	changes                   bool   // the copy is to differ from its source by more than its place
}

// look finds the source and the bytes that are meant.
func (q *copied) look(s *Service, c *api.Call, v store.View) (*found, error) {
	b, err := findAnywhere(c, v, &q.bucket, q.expectedOwner)
	if err != nil {
		return nil, err
	}
	f, err := s.lookIn(c, v, b, &shape.GetObjectRequest{Key: &q.key, VersionId: opt(q.versionID), IfMatch: q.ifMatch, IfNoneMatch: q.ifNoneMatch,
		IfModifiedSince: q.ifModified, IfUnmodifiedSince: q.ifNotModified}, true)
	switch {
	case fault.Is(err, "NotModified"): // S3 API Reference, CopyObject: a condition that does not hold is 412, whichever it is
		if q.ifNoneMatch != nil {
			return nil, unmet("x-amz-copy-source-If-None-Match")
		}
		return nil, unmet("x-amz-copy-source-If-Modified-Since")
	case q.versionID != "" && fault.Is(err, "MethodNotAllowed"):
		return nil, fault.New("InvalidRequest", "The source of a copy request may not specifically refer to a delete marker by version id.").With(400)
	case err != nil:
		return nil, err
	case f.o.Seal.Mode == sseKMS && b.Value.Region != c.Region:
		return nil, &fault.Fault{Kind: fault.NotHonoured, Param: "CopySource", Message: "The source lies under a KMS key of another region, which is not asked from here: copy it within its region first."}
	}
	if q.ranged != nil {
		if err := q.cut(f); err != nil {
			return nil, err
		}
	}
	if f.n > maxPut {
		return nil, fault.New("InvalidRequest", "The specified copy source is larger than the maximum allowable size for a copy source: %d", int64(maxPut)).With(400)
	}
	if q.destination == objectID(b.ID, q.key) && !q.changes {
		cur, err := current(v, home(c.Partition, b.Value), q.destination)
		if err != nil {
			return nil, err
		}
		if cur != nil && idOf(cur.Value) == idOf(f.o) { // an older version may become the newest by this
			return nil, fault.New("InvalidRequest", "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.").With(400)
		}
	}
	return f, nil
}

// cut takes the range of a part: both ends, within the source.
func (q *copied) cut(f *found) error {
	m := regexp.MustCompile(`^bytes=(\d{1,18})-(\d{1,18})$`).FindStringSubmatch(*q.ranged)
	bad := func(format string, args ...any) error {
		return fault.New("InvalidArgument", format, args...).With(400).Field("ArgumentName", "x-amz-copy-source-range").Field("ArgumentValue", *q.ranged)
	}
	const form = "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy"
	if m == nil {
		return bad(form)
	}
	first, errF := strconv.ParseInt(m[1], 10, 64)
	last, errL := strconv.ParseInt(m[2], 10, 64)
	if errF != nil || errL != nil || last < first {
		return bad(form)
	}
	if last >= f.o.Size {
		return bad("Range specified is not valid for source object of size: %d", f.o.Size)
	}
	f.from, f.n = first, last-first+1
	return nil
}

// reader keeps what went wrong with a source apart from what a client does.
type reader struct {
	io.ReadCloser
	err error
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

// told is the error of a copy: the source's own before what receiving made of it.
func (r *reader) told(f *found, err error) error {
	if r.err != nil {
		return fmt.Errorf("cannot copy %q in %s: %w", f.key, f.bucket.ID, r.err)
	}
	return err
}

// directive reads COPY or REPLACE.
func directive(value *string, name, message string) (replace bool, err error) {
	switch str(value) {
	case "", "COPY":
		return false, nil
	case "REPLACE":
		return true, nil
	}
	return false, fault.New("InvalidArgument", "%s", message).With(400).Field("ArgumentName", name).Field("ArgumentValue", *value)
}

func (s *Service) copyObject() api.Rower {
	return api.Op[shape.CopyObjectRequest, shape.CopyObjectOutput]{
		Name: "CopyObject",
		Honours: []string{"Bucket", "Key", "ExpectedBucketOwner", "CopySource", "ExpectedSourceBucketOwner", "CopySourceIfMatch", "CopySourceIfNoneMatch",
			"CopySourceIfModifiedSince", "CopySourceIfUnmodifiedSince", "IfMatch", "IfNoneMatch", "ContentType", "CacheControl", "ContentDisposition", "ContentEncoding",
			"ContentLanguage", "Expires", "Metadata", "Metadata.*", "WebsiteRedirectLocation", "MetadataDirective", "ChecksumAlgorithm", "StorageClass", "ACL",
			"Tagging", "TaggingDirective", "ObjectLockMode", "ObjectLockRetainUntilDate", "ObjectLockLegalHoldStatus",
			"ServerSideEncryption", "SSEKMSKeyId", "SSEKMSEncryptionContext", "BucketKeyEnabled", "SSECustomerAlgorithm", "SSECustomerKey", "SSECustomerKeyMD5"},
		Questions: asks[shape.CopyObjectRequest]("CopyObject"),
		Stream:    s.copy,
	}
}

func (s *Service) copy(ctx context.Context, c *api.Call, in *shape.CopyObjectRequest) (*shape.CopyObjectOutput, error) {
	key := str(in.Key)
	w := condition{in.IfMatch, in.IfNoneMatch}
	cl := claim{algorithm: in.ChecksumAlgorithm}
	anew, errM := directive(in.MetadataDirective, "x-amz-metadata-directive", "Unknown metadata directive.")
	retag, errT := directive(in.TaggingDirective, "x-amz-tagging-directive", "Unknown tagging directive.")
	x, errX := readExtras(c.Time, in.Tagging, in.ObjectLockMode, in.ObjectLockRetainUntilDate, in.ObjectLockLegalHoldStatus)
	if err := errors.Join(checkKey(key), checkClass(in.StorageClass), checkACL(in.ACL), w.check(), cl.check(), errM, errT, errX); err != nil {
		return nil, err
	}
	head, err := makeHead(in.ContentType, in.CacheControl, in.ContentDisposition, in.ContentEncoding, in.ContentLanguage, in.Expires, in.WebsiteRedirectLocation, in.Metadata)
	if err != nil {
		return nil, err
	}
	wanted := wish{in.ServerSideEncryption, in.SSEKMSKeyId, in.SSEKMSEncryptionContext, in.BucketKeyEnabled,
		[]*string{in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5}}
	b, sc, err := enter(ctx, c, in.Bucket, in.ExpectedBucketOwner, func(v store.View, b store.Item[Bucket], sc store.Scope) error {
		old, err := current(v, sc, objectID(b.ID, key))
		return errors.Join(err, x.fit(b), w.hold(key, valueOf(old)))
	})
	if err != nil {
		return nil, err
	}
	p, err := wanted.plan(b.Value)
	if err != nil {
		return nil, err
	}
	q := copied{expectedOwner: in.ExpectedSourceBucketOwner, ifMatch: in.CopySourceIfMatch, ifNoneMatch: in.CopySourceIfNoneMatch,
		ifModified: in.CopySourceIfModifiedSince, ifNotModified: in.CopySourceIfUnmodifiedSince, destination: objectID(b.ID, key), changes: anew || wanted.said() || in.WebsiteRedirectLocation != nil}
	q.bucket, q.key, q.versionID, _ = source(in.CopySource)
	c.Touch(objectARN(c, b.ID, key), objectARN(c, q.bucket, q.key))
	f, body, err := s.open(ctx, c, nil, func(v store.View) (*found, error) { return q.look(s, c, v) })
	if err != nil {
		return nil, err
	}
	defer body.Close()
	if cl.algorithm == nil {
		cl.want = f.o.Sum.Algorithm // a copy keeps the kind of checksum; it is of the whole, as the copy is no multipart object
	}
	blob := c.Dice.Hex(32)
	seal, dataKey, err := s.newKey(ctx, c, spot{b, key, blob}, p)
	if err != nil {
		return nil, err
	}
	l := newLock(c, blob, dataKey)
	seal.Salt, cl.opaque, cl.length = l.salt, seal.opaque(c), &f.n
	from := &reader{ReadCloser: body}
	d, err := s.receive(ctx, from, cl, l)
	if err != nil {
		return nil, from.told(f, err)
	}
	if !anew { // S3 API Reference, CopyObject, x-amz-website-redirect-location: it is the object's own and not copied
		redirect := head.Redirect
		head = f.o.Head
		head.Redirect = redirect
	}
	if !retag { // the row asked for them: what is asked of a source is in asked.go
		x.tags = maps.Clone(f.o.Tags)
	}
	out := &shape.CopyObjectOutput{CopySourceVersionId: shown(f.bucket, f.o)}
	seal.show(&out.ServerSideEncryption, &out.SSEKMSKeyId, &out.SSEKMSEncryptionContext, &out.BucketKeyEnabled)
	var t trash
	_, err = c.Commit(ctx, func(tx store.Tx) (any, error) {
		t = trash{}
		if err := again(tx, &b); err != nil {
			return nil, err
		}
		o := Object{Size: d.size, ETag: d.etag(), Modified: seconds(tx), Blob: blob, Sum: d.sum, Head: head, Seal: seal}
		if err := x.onto(tx, &b, &o); err != nil {
			return nil, err
		}
		if err := replace(c, tx, b, sc, key, w, &o, &t); err != nil {
			return nil, err
		}
		r := &shape.CopyObjectResult{ETag: quoted(o.ETag), LastModified: &o.Modified, ChecksumType: opt(o.Sum.Type)}
		o.Sum.place(r)
		out.CopyObjectResult, out.VersionId = r, given(o)
		return out, nil
	})
	if err != nil {
		s.forsake(ctx, c, blob)
		return nil, full(err)
	}
	s.empty(ctx, t)
	return out, nil
}

func (s *Service) uploadPartCopy() api.Rower {
	return api.Op[shape.UploadPartCopyRequest, shape.UploadPartCopyOutput]{
		Name: "UploadPartCopy",
		Honours: []string{"Bucket", "Key", "ExpectedBucketOwner", "PartNumber", "UploadId", "CopySource", "CopySourceRange", "ExpectedSourceBucketOwner", "CopySourceIfMatch",
			"CopySourceIfNoneMatch", "CopySourceIfModifiedSince", "CopySourceIfUnmodifiedSince"},
		Questions: asks[shape.UploadPartCopyRequest]("UploadPartCopy"),
		Stream:    s.copyPart,
	}
}

func (s *Service) copyPart(ctx context.Context, c *api.Call, in *shape.UploadPartCopyRequest) (*shape.UploadPartCopyOutput, error) {
	to := newPart{key: str(in.Key), upload: str(in.UploadId)}
	if err := checkKey(to.key); err != nil {
		return nil, err
	}
	if in.PartNumber == nil || *in.PartNumber < 1 || *in.PartNumber > maxParts {
		return nil, badPartNumber()
	}
	to.number = *in.PartNumber
	var cl claim
	var err error
	to.b, to.sc, err = enter(ctx, c, in.Bucket, in.ExpectedBucketOwner, func(v store.View, b store.Item[Bucket], sc store.Scope) error {
		u, err := inProgress(v, sc, b.ID, to.key, to.upload)
		cl.want, to.seal = u.Value.Algorithm, u.Value.Seal
		return err
	})
	if err != nil {
		return nil, err
	}
	q := copied{expectedOwner: in.ExpectedSourceBucketOwner, ifMatch: in.CopySourceIfMatch, ifNoneMatch: in.CopySourceIfNoneMatch,
		ifModified: in.CopySourceIfModifiedSince, ifNotModified: in.CopySourceIfUnmodifiedSince, ranged: in.CopySourceRange}
	q.bucket, q.key, q.versionID, _ = source(in.CopySource)
	c.Touch(objectARN(c, to.b.ID, to.key), objectARN(c, q.bucket, q.key))
	f, body, err := s.open(ctx, c, nil, func(v store.View) (*found, error) { return q.look(s, c, v) })
	if err != nil {
		return nil, err
	}
	defer body.Close()
	cl.length = &f.n
	out := &shape.UploadPartCopyOutput{CopySourceVersionId: shown(f.bucket, f.o)}
	to.seal.show(&out.ServerSideEncryption, &out.SSEKMSKeyId, nil, &out.BucketKeyEnabled)
	from := &reader{ReadCloser: body}
	err = s.addPart(ctx, c, to, from, cl, func(p Part) any {
		r := &shape.CopyPartResult{ETag: quoted(p.ETag), LastModified: &p.Modified}
		if cl.want != "" {
			p.Sum.place(r)
		}
		out.CopyPartResult = r
		return out
	})
	if err != nil {
		return nil, from.told(f, err)
	}
	return out, nil
}
