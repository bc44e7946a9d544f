package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
)

// seconds is the time of a transaction as S3 keeps it: Last-Modified has no fraction, and conditions compare with it.
func seconds(v store.View) time.Time { return v.Now().UTC().Truncate(time.Second) }

// found is an object on its way to an answer.
type found struct {
	bucket  store.Item[Bucket]
	key     string
	o       Object
	parts   []Part // of a multipart object, if they are needed
	from, n int64  // the bytes to be sent
	partial bool
	part    *Part // when one part was asked for
	count   int64 // parts, when one was asked for
	// What only who may read it is told of.
	tags            int64
	retention, hold bool
	expiration      *string
}

// look reads the object's row, checks the conditions and decides which bytes are meant. A missing object is NoSuchKey for who may
// list the bucket; for the others it is the refusal to list, so that they learn nothing.
func (s *Service) look(c *api.Call, v store.View, in *shape.GetObjectRequest, body bool) (*found, error) {
	b, err := s.find(c, v, in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	return s.lookIn(c, v, b, in, body)
}

// lookIn is look in a bucket that was found already.
func (s *Service) lookIn(c *api.Call, v store.View, b store.Item[Bucket], in *shape.GetObjectRequest, body bool) (*found, error) {
	f := &found{key: str(in.Key), bucket: b}
	sc := home(c.Partition, b.Value)
	it, err := locate(c, v, b, f.key, in.VersionId)
	if err != nil {
		return nil, err
	}
	f.o = it.Value
	if err := fresh(in, &f.o); err != nil {
		return nil, err
	}
	if f.o.Upload != "" && (body || in.PartNumber != nil) {
		m, err := manifests.Get(v, sc, f.o.Upload)
		if err != nil {
			return nil, fmt.Errorf("cannot read the parts of %q in %s: %w", f.key, b.ID, err)
		}
		f.parts = m.Value.Parts
	}
	f.n = f.o.Size
	f.tell(c, v)
	if !it.past {
		if f.expiration, err = expiry(v, b, sc, f.key, &f.o); err != nil {
			return nil, err
		}
	}
	return f, f.cut(in)
}

// tell decides which headers about tags and locks the caller may see (S3 API Reference, GetObject).
func (f *found) tell(c *api.Call, v store.View) {
	may := func(action string) bool {
		return c.May(v, ask(f.bucket, action, objectARN(c, f.bucket.ID, f.key), nil)) == nil
	}
	if len(f.o.Tags) > 0 && may("s3:GetObjectTagging") {
		f.tags = int64(len(f.o.Tags))
	}
	f.retention = f.o.Lock.Mode != "" && may("s3:GetObjectRetention")
	f.hold = f.o.Lock.Hold != "" && may("s3:GetObjectLegalHold")
}

// locate finds what is visible, or the version that was named. What is not there is told to who may list.
func locate(c *api.Call, v store.View, b store.Item[Bucket], key string, id *string) (*version, error) {
	sc := home(c.Partition, b.Value)
	if id != nil {
		it, err := pick(v, b, sc, key, *id)
		if err != nil {
			return nil, err
		}
		if it == nil {
			if err := c.May(v, ask(b, "s3:ListBucketVersions", bucketARN(c, b.ID), nil)); err != nil {
				return nil, err
			}
			return nil, noVersion(key, *id)
		}
		if it.Value.Marker {
			return nil, isMarker(it.Value)
		}
		return it, nil
	}
	it, err := current(v, sc, objectID(b.ID, key))
	if err != nil {
		return nil, err
	}
	if it != nil {
		return &version{*it, false}, nil
	}
	if err := c.May(v, ask(b, "s3:ListBucket", bucketARN(c, b.ID), nil)); err != nil {
		return nil, err
	}
	if b.Value.Versioning != "" {
		top, err := newestPast(v, sc, b.ID, key)
		if err != nil {
			return nil, err
		}
		if top != nil { // a delete marker: anything else would be visible
			return nil, noKey(key).Field("x-amz-delete-marker", "true").Field("x-amz-version-id", idOf(top.Value))
		}
	}
	return nil, noKey(key)
}

// spot is where the object's data key opens.
func (f *found) spot() spot {
	name := f.o.Blob
	if f.o.Upload != "" {
		name = f.o.Upload
	}
	return spot{f.bucket, f.key, name}
}

// fresh applies the conditions in the order of RFC 9110, section 13.2.2.
func fresh(in *shape.GetObjectRequest, o *Object) error {
	switch {
	case in.IfMatch != nil && !matches(*in.IfMatch, o.ETag):
		return unmet("If-Match")
	case in.IfMatch == nil && in.IfUnmodifiedSince != nil && o.Modified.After(*in.IfUnmodifiedSince):
		return unmet("If-Unmodified-Since")
	case in.IfNoneMatch != nil && matches(*in.IfNoneMatch, o.ETag),
		in.IfNoneMatch == nil && in.IfModifiedSince != nil && !o.Modified.After(*in.IfModifiedSince):
		return fault.New("NotModified", "Not Modified").With(304).Field("ETag", `"`+o.ETag+`"`)
	}
	return nil
}

// cut sets the stretch that Range or PartNumber ask for.
func (f *found) cut(in *shape.GetObjectRequest) error {
	if in.PartNumber == nil {
		return f.cutRange(str(in.Range))
	}
	n := *in.PartNumber
	if in.Range != nil {
		return fault.New("InvalidRequest", "Cannot specify both Range header and partNumber query parameter").With(400)
	}
	if n < 1 || n > maxParts {
		return badPartNumber()
	}
	f.partial = true
	if f.o.Upload == "" {
		if n == 1 {
			return nil
		}
		return fault.New("InvalidPartNumber", "The requested partnumber is not satisfiable").With(416)
	}
	if n > int64(len(f.parts)) {
		return fault.New("InvalidPartNumber", "The requested partnumber is not satisfiable").With(416).Field("ActualPartCount", strconv.Itoa(len(f.parts)))
	}
	for _, p := range f.parts[:n-1] {
		f.from += p.Size
	}
	f.part, f.count = &f.parts[n-1], int64(len(f.parts))
	f.n = f.part.Size
	return nil
}

// cutRange reads "bytes=a-b", "bytes=a-" and "bytes=-n". Anything else, several ranges too, means the whole, as S3 has it.
func (f *found) cutRange(text string) error {
	spec, ok := strings.CutPrefix(text, "bytes=")
	first, last, dash := strings.Cut(spec, "-")
	if !ok || !dash {
		return nil
	}
	from, errF := strconv.ParseUint(first, 10, 63)
	to, errT := strconv.ParseUint(last, 10, 63)
	size := uint64(f.o.Size)
	switch {
	case first == "" && errT == nil: // the last n
		if to == 0 || size == 0 {
			return f.beyond(text)
		}
		from, to = size-min(to, size), size-1
	case errF == nil && last == "":
		to = max(size, 1) - 1
	case errF != nil || errT != nil || to < from:
		return nil //nolint:nilerr // a range that cannot be read is no range
	}
	if from >= size {
		return f.beyond(text)
	}
	f.partial, f.from, f.n = true, int64(from), int64(min(to, size-1)-from+1)
	return nil
}

func (f *found) beyond(text string) error {
	return fault.New("InvalidRange", "The requested range is not satisfiable").With(416).
		Field("RangeRequested", text).Field("ActualObjectSize", strconv.FormatInt(f.o.Size, 10))
}

// pieces are the blobs' stretches that make the bytes.
func (f *found) pieces() []piece {
	if f.n == 0 {
		return nil
	}
	if f.o.Upload == "" {
		return []piece{{f.o.Blob, f.from, f.n, f.o.Size, f.o.Seal.Salt}}
	}
	var out []piece
	at, end := int64(0), f.from+f.n
	for _, p := range f.parts {
		from, to := max(f.from, at), min(end, at+p.Size)
		if from < to {
			out = append(out, piece{p.Blob, from - at, to - from, p.Size, p.Salt})
		}
		at += p.Size
	}
	return out
}

func (f *found) answer(in *shape.GetObjectRequest) *shape.GetObjectOutput {
	h := &f.o.Head
	out := &shape.GetObjectOutput{
		AcceptRanges: ptr("bytes"), LastModified: ptr(f.o.Modified), ContentLength: ptr(f.n), ETag: quoted(f.o.ETag), Metadata: h.Meta,
		ContentType: either(in.ResponseContentType, h.ContentType), CacheControl: either(in.ResponseCacheControl, h.CacheControl),
		ContentDisposition: either(in.ResponseContentDisposition, h.ContentDisposition), ContentEncoding: either(in.ResponseContentEncoding, h.ContentEncoding),
		ContentLanguage: either(in.ResponseContentLanguage, h.ContentLanguage), Expires: opt(h.Expires), WebsiteRedirectLocation: opt(h.Redirect), PartsCount: opt(f.count),
		VersionId: shown(f.bucket, f.o), TagCount: opt(f.tags), Expiration: f.expiration,
	}
	if f.retention {
		out.ObjectLockMode, out.ObjectLockRetainUntilDate = ptr(f.o.Lock.Mode), ptr(f.o.Lock.Until)
	}
	if f.hold {
		out.ObjectLockLegalHoldStatus = ptr(f.o.Lock.Hold)
	}
	f.o.Seal.show(&out.ServerSideEncryption, &out.SSEKMSKeyId, nil, &out.BucketKeyEnabled)
	if in.ResponseExpires != nil {
		out.Expires = ptr(in.ResponseExpires.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"))
	}
	if f.partial {
		out.ContentRange = ptr(fmt.Sprintf("bytes %d-%d/%d", f.from, f.from+f.n-1, f.o.Size))
		if f.n == 0 {
			out.ContentRange = nil
		}
	}
	if str(in.ChecksumMode) == "ENABLED" {
		sum := f.o.Sum
		if f.part != nil && f.part.Sum.Algorithm != sum.Algorithm {
			sum = Sum{} // the client's own of the way here: the object is not known by it
		} else if f.part != nil {
			sum = Sum{f.part.Sum.Algorithm, f.o.Sum.Type, f.part.Sum.Value}
		} else if f.n != f.o.Size {
			sum = Sum{} // of a range there is none
		}
		out.ChecksumType = opt(sum.Type)
		sum.place(out)
	}
	return out
}

func either(override *string, own string) *string {
	if override != nil {
		return override
	}
	return opt(own)
}

func readHonours() []string {
	return []string{"Bucket", "Key", "ExpectedBucketOwner", "Range", "PartNumber", "IfMatch", "IfNoneMatch", "IfModifiedSince", "IfUnmodifiedSince",
		"ResponseCacheControl", "ResponseContentDisposition", "ResponseContentEncoding", "ResponseContentLanguage", "ResponseContentType", "ResponseExpires", "ChecksumMode", "VersionId"}
}

func (s *Service) getObject() api.Rower {
	return api.Op[shape.GetObjectRequest, shape.GetObjectOutput]{
		Name:      "GetObject",
		Honours:   readHonours(),
		Anonymous: true,
		ReadOnly:  true,
		Questions: onObjectBy(s.find, "s3:GetObject", func(in *shape.GetObjectRequest) (_, _, _ *string) { return in.Bucket, in.Key, in.ExpectedBucketOwner }, nil),
		Look:      func(c *api.Call, v store.View, in *shape.GetObjectRequest) error { return s.lookFirst(c, v, in, true) },
		Stream:    s.get,
	}
}

// lookFirst leaves in c.Found what look finds.
func (s *Service) lookFirst(c *api.Call, v store.View, in *shape.GetObjectRequest, body bool) error {
	if err := checkResponse(c, in); err != nil {
		return err
	}
	c.Touch(objectARN(c, str(in.Bucket), str(in.Key)))
	f, err := s.look(c, v, in, body)
	if err == nil {
		c.Found = f
	}
	return err
}

func (s *Service) get(ctx context.Context, c *api.Call, in *shape.GetObjectRequest) (*shape.GetObjectOutput, error) {
	first, _ := c.Found.(*found)
	f, body, err := s.open(ctx, c, first, func(v store.View) (*found, error) { return s.look(c, v, in, true) })
	if err != nil {
		return nil, err
	}
	out := f.answer(in)
	out.Body = body
	return out, nil
}

// open opens the bytes that look finds, or has found first (nil: has not). The object may be replaced between the row and the bytes; then
// the newer one is the answer.
func (s *Service) open(ctx context.Context, c *api.Call, f *found, look func(store.View) (*found, error)) (*found, io.ReadCloser, error) {
	var last error
	for i := range 5 {
		read := func() error {
			return c.Read(ctx, func(v store.View) (err error) { f, err = look(v); return err })
		}
		if i > 0 || f == nil {
			if err := read(); err != nil {
				return nil, nil, err
			}
		}
		pin := f.o.Upload
		if pin != "" {
			// Held first, read again then: who replaces it from now on sees that it is held.
			s.pins.hold(pin)
			if err := read(); err != nil || f.o.Upload != pin {
				s.let(ctx, pin)
				if err != nil {
					return nil, nil, err
				}
				continue
			}
		}
		dataKey, err := s.openKey(ctx, c, f.spot(), f.o.Seal)
		if err != nil {
			if pin != "" {
				s.let(ctx, pin)
			}
			return nil, nil, err
		}
		body, err := s.read(ctx, pin, f.pieces(), dataKey)
		if err == nil {
			return f, body, nil
		}
		if last = err; !errors.Is(err, store.ErrNotFound) {
			break
		}
	}
	return nil, nil, fmt.Errorf("cannot read %q in %s: %w", f.key, f.bucket.ID, last)
}

func (s *Service) let(ctx context.Context, pin string) {
	for _, id := range s.pins.release(pin) {
		_ = s.blobs.Remove(context.WithoutCancel(ctx), id)
	}
}

// checkResponse: an anonymous caller may not choose response headers (GetObject, "Overriding response header values").
func checkResponse(c *api.Call, in *shape.GetObjectRequest) error {
	overrides := in.ResponseCacheControl != nil || in.ResponseContentDisposition != nil || in.ResponseContentEncoding != nil ||
		in.ResponseContentLanguage != nil || in.ResponseContentType != nil || in.ResponseExpires != nil
	if overrides && c.Account == "" {
		return fault.New("InvalidRequest", "Request specific response headers cannot be used for anonymous GET requests.").With(400)
	}
	if n := in.PartNumber; n != nil && (*n < 1 || *n > maxParts) {
		return badPartNumber()
	}
	return checkKey(str(in.Key))
}

func (s *Service) headObject() api.Rower {
	return api.Op[shape.HeadObjectRequest, shape.HeadObjectOutput]{
		Name:      "HeadObject",
		Honours:   readHonours(),
		Anonymous: true,
		Questions: onObjectBy(s.find, "s3:GetObject", func(in *shape.HeadObjectRequest) (_, _, _ *string) { return in.Bucket, in.Key, in.ExpectedBucketOwner }, nil),
		ReadOnly:  true,
		Look: func(c *api.Call, v store.View, in *shape.HeadObjectRequest) error {
			get := shape.GetObjectRequest(*in)
			return s.lookFirst(c, v, &get, false)
		},
		Stream: func(ctx context.Context, c *api.Call, in *shape.HeadObjectRequest) (*shape.HeadObjectOutput, error) {
			get, f := shape.GetObjectRequest(*in), c.Found.(*found)
			if str(in.ChecksumMode) == "ENABLED" && f.o.Sum.Value != "" && f.o.Seal.Mode == sseKMS { // S3 API Reference, HeadObject, ChecksumMode
				if _, err := s.openKey(ctx, c, f.spot(), f.o.Seal); err != nil {
					return nil, err
				}
			}
			o := f.answer(&get)
			return &shape.HeadObjectOutput{AcceptRanges: o.AcceptRanges, LastModified: o.LastModified, ContentLength: o.ContentLength, ETag: o.ETag,
				Metadata: o.Metadata, ContentType: o.ContentType, CacheControl: o.CacheControl, ContentDisposition: o.ContentDisposition,
				ContentEncoding: o.ContentEncoding, ContentLanguage: o.ContentLanguage, Expires: o.Expires, ContentRange: o.ContentRange,
				WebsiteRedirectLocation: o.WebsiteRedirectLocation, PartsCount: o.PartsCount, ChecksumType: o.ChecksumType, VersionId: o.VersionId, TagCount: o.TagCount, Expiration: o.Expiration,
				ObjectLockMode: o.ObjectLockMode, ObjectLockRetainUntilDate: o.ObjectLockRetainUntilDate, ObjectLockLegalHoldStatus: o.ObjectLockLegalHoldStatus,
				ChecksumCRC32: o.ChecksumCRC32, ChecksumCRC32C: o.ChecksumCRC32C,
				ChecksumCRC64NVME: o.ChecksumCRC64NVME, ChecksumSHA1: o.ChecksumSHA1, ChecksumSHA256: o.ChecksumSHA256,
				ChecksumSHA512: o.ChecksumSHA512, ChecksumMD5: o.ChecksumMD5, ChecksumXXHASH64: o.ChecksumXXHASH64, ChecksumXXHASH3: o.ChecksumXXHASH3,
				ChecksumXXHASH128:    o.ChecksumXXHASH128,
				ServerSideEncryption: o.ServerSideEncryption, SSEKMSKeyId: o.SSEKMSKeyId, BucketKeyEnabled: o.BucketKeyEnabled}, nil
		},
	}
}
