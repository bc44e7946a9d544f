package s3

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
)

const maxKey = 1024 // bytes of UTF-8

func checkKey(key string) error {
	switch {
	case key == "" || !utf8.ValidString(key):
		return fault.New("InvalidURI", "Couldn't parse the specified URI.").With(400)
	case len(key) > maxKey:
		return fault.New("KeyTooLongError", "Your key is too long").With(400).Field("MaxSizeAllowed", "1024")
	}
	return nil
}

func objectID(bucket, key string) string { return bucket + "\x00" + key }

func noKey(key string) *fault.Fault {
	return fault.New("NoSuchKey", "The specified key does not exist.").With(404).Field("Key", key)
}

// checkClass takes the one class there is and tells the others of S3 from nonsense.
func checkClass(class *string) error {
	switch str(class) {
	case "", "STANDARD":
		return nil
	case "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER", "DEEP_ARCHIVE", "OUTPOSTS", "GLACIER_IR", "SNOW", "EXPRESS_ONEZONE", "FSX_OPENZFS", "FSX_ONTAP":
		return &fault.Fault{Kind: fault.NotHonoured, Param: "StorageClass", Message: "StorageClass " + *class + " is not honoured: the one storage class here is STANDARD."}
	}
	return fault.New("InvalidStorageClass", "The storage class you specified is not valid").With(400).Field("StorageClassRequested", *class)
}

// checkACL takes the one canned ACL that changes nothing where the bucket's owner owns every object. Source: S3 User Guide,
// "Controlling ownership of objects", bucket owner enforced.
func checkACL(acl *string) error {
	if a := str(acl); a != "" && a != "bucket-owner-full-control" {
		return fault.New("AccessControlListNotSupported", "The bucket does not allow ACLs").With(400)
	}
	return nil
}

// makeHead gathers what goes with the bytes; user metadata is limited to 2 KiB of names and values.
func makeHead(contentType, cache, disposition, encoding, language, expires, redirect *string, meta map[string]string) (Head, error) {
	if to := str(redirect); to != "" && !strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "http://") && !strings.HasPrefix(to, "https://") {
		return Head{}, fault.New("InvalidRedirectLocation", "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.").With(400)
	}
	h := Head{Redirect: str(redirect), ContentType: str(contentType), CacheControl: str(cache), ContentDisposition: str(disposition), ContentLanguage: str(language), Expires: str(expires)}
	if h.ContentType == "" {
		h.ContentType = "binary/octet-stream"
	}
	var codings []string // aws-chunked was for the way alone
	for _, e := range strings.Split(str(encoding), ",") {
		if e = strings.TrimSpace(e); e != "" && !strings.EqualFold(e, "aws-chunked") {
			codings = append(codings, e)
		}
	}
	h.ContentEncoding = strings.Join(codings, ",")
	size := 0
	for k, v := range meta {
		if h.Meta == nil {
			h.Meta = map[string]string{}
		}
		size += len(k) + len(v)
		h.Meta[strings.ToLower(k)] = v
	}
	if size > 2048 {
		return h, fault.New("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size").With(400).Field("MaxSizeAllowed", "2048")
	}
	return h, nil
}

// condition is what a write demands of the object that is there.
type condition struct{ ifMatch, ifNoneMatch *string }

func (w condition) keys() map[string][]string {
	k := map[string][]string{}
	if w.ifMatch != nil {
		k["s3:if-match"] = []string{*w.ifMatch}
	}
	if w.ifNoneMatch != nil {
		k["s3:if-none-match"] = []string{*w.ifNoneMatch}
	}
	return k
}

// reads reports whether an If-Match of a write or deletion tells of what is there, so that s3:GetObject is asked for beside it. Source: S3
// User Guide, "Enforce conditional deletes on Amazon S3 buckets": with an entity tag, and not with a star.
func reads(ifMatch *string) bool { return ifMatch != nil && strings.TrimSpace(*ifMatch) != "*" }

func (w condition) check() error {
	if w.ifMatch != nil && w.ifNoneMatch != nil {
		return fault.New("NotImplemented", "A header you provided implies functionality that is not implemented").With(501).
			Field("Header", "If-Match,If-None-Match").Field("additionalMessage", "Multiple conditional request headers present in the request")
	}
	if w.ifNoneMatch != nil && *w.ifNoneMatch != "*" {
		return fault.New("NotImplemented", "A header you provided implies functionality that is not implemented").With(501).
			Field("Header", "If-None-Match").Field("additionalMessage", "If-None-Match with a specific ETag is not supported on writes")
	}
	return nil
}

// hold checks the condition against what is there; old is nil when nothing is.
func (w condition) hold(key string, old *Object) error {
	switch {
	case w.ifNoneMatch != nil && old != nil:
		return unmet("If-None-Match")
	case w.ifMatch != nil && old == nil:
		return noKey(key)
	case w.ifMatch != nil && !matches(*w.ifMatch, old.ETag):
		return unmet("If-Match")
	}
	return nil
}

func unmet(header string) error {
	return fault.New("PreconditionFailed", "At least one of the pre-conditions you specified did not hold").With(412).Field("Condition", header)
}

// matches reports whether a list of entity tags names etag.
func matches(list, etag string) bool {
	for _, t := range strings.Split(list, ",") {
		t = strings.TrimPrefix(strings.TrimSpace(t), "W/")
		if t == "*" || strings.Trim(t, `"`) == etag {
			return true
		}
	}
	return false
}

// enter reads the bucket for a stream row and checks, before any byte is taken, what can be checked then.
func enter(ctx context.Context, c *api.Call, name, expectedOwner *string, f func(store.View, store.Item[Bucket], store.Scope) error) (b store.Item[Bucket], sc store.Scope, err error) {
	err = c.Read(ctx, func(v store.View) (err error) {
		if b, err = find(c, v, name, expectedOwner); err != nil {
			return err
		}
		sc = home(c.Partition, b.Value)
		if f != nil {
			return f(v, b, sc)
		}
		return nil
	})
	return b, sc, err
}

func (s *Service) putObject() api.Rower {
	return api.Op[shape.PutObjectRequest, shape.PutObjectOutput]{
		Name: "PutObject",
		Honours: append([]string{"Bucket", "Key", "Body", "ExpectedBucketOwner", "ContentLength", "ContentMD5", "ContentType", "CacheControl", "ContentDisposition",
			"ContentEncoding", "ContentLanguage", "Expires", "Metadata.*", "Metadata", "WebsiteRedirectLocation", "ChecksumAlgorithm", "IfMatch", "IfNoneMatch", "StorageClass", "ACL", "ServerSideEncryption", "SSEKMSKeyId", "SSEKMSEncryptionContext",
			"BucketKeyEnabled", "SSECustomerAlgorithm", "SSECustomerKey", "SSECustomerKeyMD5",
			"Tagging", "ObjectLockMode", "ObjectLockRetainUntilDate", "ObjectLockLegalHoldStatus"}, sumMembers("")...),
		Anonymous: true,
		Questions: bringing(onObjectBy(s.find, "s3:PutObject", func(in *shape.PutObjectRequest) (_, _, _ *string) { return in.Bucket, in.Key, in.ExpectedBucketOwner },
			func(c *api.Call, in *shape.PutObjectRequest) map[string][]string {
				k := condition{in.IfMatch, in.IfNoneMatch}.keys()
				if in.StorageClass != nil {
					k["s3:x-amz-storage-class"] = []string{*in.StorageClass}
				}
				if in.ACL != nil {
					k["s3:x-amz-acl"] = []string{*in.ACL}
				}
				return putWish(in).keys(c, k)
			})),
		Look:   s.lookPut,
		Stream: s.put,
	}
}

func putWish(in *shape.PutObjectRequest) wish {
	return wish{in.ServerSideEncryption, in.SSEKMSKeyId, in.SSEKMSEncryptionContext, in.BucketKeyEnabled,
		[]*string{in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5}}
}

// incoming is an object that is put: what can be said of it before a byte is taken.
type incoming struct {
	b     store.Item[Bucket]
	sc    store.Scope
	head  Head
	extra extras
	claim claim
	when  condition
}

// lookPut leaves in c.Found what is checked of a request and, on the snapshot that allowed it, of the bucket.
func (s *Service) lookPut(c *api.Call, v store.View, in *shape.PutObjectRequest) error {
	key := str(in.Key)
	if err := errors.Join(checkKey(key), checkClass(in.StorageClass), checkACL(in.ACL)); err != nil {
		return err
	}
	head, err := makeHead(in.ContentType, in.CacheControl, in.ContentDisposition, in.ContentEncoding, in.ContentLanguage, in.Expires, in.WebsiteRedirectLocation, in.Metadata)
	if err != nil {
		return err
	}
	x, err := readExtras(c.Time, in.Tagging, in.ObjectLockMode, in.ObjectLockRetainUntilDate, in.ObjectLockLegalHoldStatus)
	if err != nil {
		return err
	}
	cl := claim{length: in.ContentLength, md5: in.ContentMD5, algorithm: in.ChecksumAlgorithm,
		sums: sumsOf(in)}
	if x.lock != (Lock{}) && cl.md5 == nil && cl.sent() == "" {
		return fault.New("InvalidRequest", "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters").With(400)
	}
	w := condition{in.IfMatch, in.IfNoneMatch}
	if err := w.check(); err != nil {
		return err
	}
	b, err := s.find(c, v, in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return err
	}
	if err := x.fit(b); err != nil {
		return err
	}
	sc := home(c.Partition, b.Value)
	old, err := current(v, sc, objectID(b.ID, key))
	if err != nil {
		return err
	}
	c.Found = &incoming{b, sc, head, x, cl, w}
	return w.hold(key, valueOf(old))
}

func (s *Service) put(ctx context.Context, c *api.Call, in *shape.PutObjectRequest) (*shape.PutObjectOutput, error) {
	n := c.Found.(*incoming)
	b, sc, key, cl := n.b, n.sc, str(in.Key), n.claim
	c.Touch(objectARN(c, b.ID, key))
	p, err := putWish(in).plan(b.Value)
	if err != nil {
		return nil, err
	}
	blob := c.Dice.Hex(32)
	seal, dataKey, err := s.newKey(ctx, c, spot{b, key, blob}, p)
	if err != nil {
		return nil, err
	}
	l := newLock(c, blob, dataKey)
	seal.Salt = l.salt
	cl.opaque = seal.opaque(c)
	d, err := s.receive(ctx, in.Body, cl, l)
	if err != nil {
		return nil, err
	}
	out := &shape.PutObjectOutput{ETag: quoted(d.etag()), ChecksumType: ptr(d.sum.Type)}
	d.sum.place(out)
	seal.show(&out.ServerSideEncryption, &out.SSEKMSKeyId, &out.SSEKMSEncryptionContext, &out.BucketKeyEnabled)
	var t trash
	_, err = c.Commit(ctx, func(tx store.Tx) (any, error) {
		t = trash{}
		if err := again(tx, &b); err != nil {
			return nil, err
		}
		o := Object{Size: d.size, ETag: d.etag(), Modified: seconds(tx), Blob: blob, Sum: d.sum, Head: n.head, Seal: seal}
		if err := n.extra.onto(tx, &b, &o); err != nil {
			return nil, err
		}
		if err := replace(c, tx, b, sc, key, n.when, &o, &t); err != nil {
			return nil, err
		}
		out.VersionId = given(o)
		out.Expiration, err = expiry(tx, b, sc, key, &o)
		return out, err
	})
	if err != nil {
		s.forsake(ctx, c, blob)
		return nil, full(err)
	}
	s.empty(ctx, t)
	return out, nil
}
