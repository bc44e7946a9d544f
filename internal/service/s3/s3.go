// Package s3 is Amazon S3: buckets, objects, multipart uploads and bucket policies. The index is rows of the ledger and the bytes are
// blobs; an object is there when its row is, so bytes are written and synced first and what a row let go of is removed after its commit.
//
// A bucket is owned by its account for ever (BucketOwnerEnforced): there are no ACLs and one storage class. Every object
// is sealed: under a key of its own that the root of trust wraps (SSE-S3), or that KMS wraps for the caller (SSE-KMS).
package s3

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"sync"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/keyring"
	"cloister/internal/store"
)

// Blobs keeps bytes under ids of 32 to 64 lower-case hex digits.
type Blobs interface {
	// Write is durable when it returns nil, and leaves nothing on any error; store.ErrFull when the disk is, store.ErrAway when a store
	// elsewhere does not answer (Open too).
	Write(ctx context.Context, id string, fill func(io.Writer) error) error
	// Open reads a blob and gives out checked bytes only; store.ErrNotFound if there is none.
	Open(ctx context.Context, id string) (io.ReadSeekCloser, error)
	// Remove deletes a blob; it is no error if there is none. Whoever reads it reads on.
	Remove(ctx context.Context, id string) error
}

// Principals binds the principals of a policy to unique ids, so that a grant dies with its user or role.
type Principals interface {
	// ResolvePrincipal gives the unique id (AIDA..., AROA...) behind a user's or role's ARN.
	ResolvePrincipal(v store.View, arn string) (id string, ok bool)
	// RenderPrincipal is its inverse; not ok when the principal is gone.
	RenderPrincipal(v store.View, id string) (arn string, ok bool)
}

// Keys tells what the ledger says of KMS keys, to nobody in particular.
type Keys interface {
	// Usable says whether the key of the ARN is there and may be used at that time.
	Usable(v store.View, arn string, now time.Time) (bool, error)
}

// Service answers the S3 operations.
type Service struct {
	blobs      Blobs
	principals Principals
	sealer     keyring.Sealer
	keys       Keys
	bucketKeys bucketKeys
	pins       pins
	buffers    sync.Pool                                 // *[]byte of 64 KiB
	clear      bool                                      // new bytes lie in clear: for comparison alone
	known      store.Memo[[2]string, store.Item[Bucket]] // by partition and name
}

// New makes the service over its bytes; root is the root of trust.
func New(b Blobs, p Principals, root keyring.Sealer, k Keys) *Service {
	return &Service{blobs: b, principals: p, sealer: root, keys: k, pins: pins{held: map[string]int{}, doomed: map[string][]string{}}}
}

// Operations is the table.
func (s *Service) Operations() []api.Operation {
	built := api.Rows("s3",
		s.createBucket(), s.deleteBucket(), s.headBucket(), s.listBuckets(), s.getBucketLocation(),
		s.putBucketPolicy(), s.getBucketPolicy(), s.deleteBucketPolicy(),
		s.putBucketEncryption(), s.getBucketEncryption(), s.deleteBucketEncryption(),
		s.putBucketTagging(), s.getBucketTagging(), s.deleteBucketTagging(),
		s.putBucketVersioning(), s.getBucketVersioning(),
		s.putObject(), s.getObject(), s.headObject(), s.deleteObject(), s.deleteObjects(),
		s.getObjectAttributes(), s.putObjectTagging(), s.getObjectTagging(), s.deleteObjectTagging(),
		s.putBucketLifecycleConfiguration(), s.getBucketLifecycleConfiguration(), s.deleteBucketLifecycle(),
		s.putObjectLockConfiguration(), s.getObjectLockConfiguration(),
		s.putObjectRetention(), s.getObjectRetention(), s.putObjectLegalHold(), s.getObjectLegalHold(),
		s.listObjectsV2(), s.listObjects(), s.listObjectVersions(),
		s.createMultipartUpload(), s.uploadPart(), s.completeMultipartUpload(), s.abortMultipartUpload(),
		s.listParts(), s.listMultipartUploads(), s.copyObject(), s.uploadPartCopy(),
	)
	built = append(built, api.Rows("s3", s.access()...)...)
	return append(built, rest(built)...)
}

// Bucket is a row in the partition's scope; the id is the name.
type Bucket struct {
	ID      string // of this bucket, apart from an earlier one of its name
	Owner   string // account
	Region  string
	Created time.Time
	Policy  string `json:",omitempty"` // principals bound to unique ids
	Access  Access `json:",omitzero"`

	Versioning string      `json:",omitempty"` // Enabled | Suspended; empty: never turned on
	Lock       *BucketLock `json:",omitempty"` // nil: no Object Lock
	Tagged     bool        `json:",omitempty"` // an object of it had tags once
	Ruled      bool        `json:",omitempty"` // it has lifecycle rules

	Encryption *Encryption `json:",omitempty"` // nil: as every bucket

	bound *bound // what policyOf makes of it, where the row is kept
}

// Head is what a client gives along with the bytes and gets back with them.
type Head struct {
	ContentType        string            `json:",omitempty"`
	CacheControl       string            `json:",omitempty"`
	ContentDisposition string            `json:",omitempty"`
	ContentEncoding    string            `json:",omitempty"`
	ContentLanguage    string            `json:",omitempty"`
	Expires            string            `json:",omitempty"`
	Redirect           string            `json:",omitempty"` // where a website would send those who ask; no copy takes it over
	Meta               map[string]string `json:",omitempty"` // x-amz-meta-*, lower-case names
}

// Object is a row in its bucket's account and region; the id is bucket, NUL, key. Versions that are not the one which clients see, and
// delete markers, are rows of a table of their own (versionRow), so that a listing is one scan of this one.
type Object struct {
	Size     int64
	ETag     string // without quotes
	Modified time.Time
	Blob     string `json:",omitempty"` // one of Blob
	Upload   string `json:",omitempty"` // and Upload, whose manifest lists the blobs
	Parts    int    `json:",omitempty"`
	Sum      Sum    `json:",omitzero"`
	Head     Head   `json:",omitzero"`
	Seal     Seal   `json:",omitzero"`

	Version string            `json:",omitempty"` // version id; empty: the null version
	Made    int64             `json:",omitempty"` // microseconds of Unix time, rising from version to version of a key; 0: as Modified says
	Marker  bool              `json:",omitempty"` // a delete marker: without bytes, among the versions alone
	Null    string            `json:",omitempty"` // of the null version among the versions: its objectID
	Tags    map[string]string `json:",omitempty"`
	Lock    Lock              `json:",omitzero"`
}

// Seal says under which key the bytes lie. The zero value is bytes in clear, of before there were keys.
type Seal struct {
	Mode      string `json:",omitempty"` // AES256 | aws:kms | aws:kms:dsse
	Key       string `json:",omitempty"` // aws:kms: the key's ARN
	Wrapped   []byte `json:",omitempty"` // the data key: under the root of trust (AES256), or as KMS wrapped it
	Context   string `json:",omitempty"` // aws:kms: the client's encryption context, base64 of JSON
	BucketKey bool   `json:",omitempty"`
	Salt      []byte `json:",omitempty"` // of the bytes of Blob; parts have salts of their own
}

// Upload is a multipart upload in progress; the id is bucket, NUL, key, NUL, upload id.
type Upload struct {
	Initiated time.Time
	Initiator string // ARN
	Algorithm string `json:",omitempty"` // what the client chose; empty: nothing
	Type      string `json:",omitempty"`
	Head      Head   `json:",omitzero"`
	Seal      Seal   `json:",omitzero"`

	Tags map[string]string `json:",omitempty"`
	Lock Lock              `json:",omitzero"`
}

// Part is a part of an upload; the id is upload id, slash, number in five digits. In a manifest it is a part of the object.
type Part struct {
	Number   int64
	Size     int64
	ETag     string
	Modified time.Time
	Blob     string
	Sum      Sum    `json:",omitzero"`  // of the upload's algorithm; if it has none of the client's, or CRC64NVME
	Standing string `json:",omitempty"` // CRC64NVME, where the upload has no algorithm and Sum is of another: of these the object's is made
	Salt     []byte `json:",omitempty"`
}

// Manifest lists the parts of a multipart object; the id is the upload's.
type Manifest struct{ Parts []Part }

var (
	buckets = store.Table[Bucket]{Kind: "s3-bucket", Terms: func(b *Bucket) []store.Term {
		return []store.Term{{Name: "owner", Value: b.Owner}}
	}}
	objects = store.Table[Object]{Kind: "s3-object", Terms: func(o *Object) []store.Term { return blobTerms(o.Blob) }}
	// versions holds what is not visible without a version's id: older versions and delete markers. The ids are versionRow's.
	versions = store.Table[Object]{Kind: "s3-version", Terms: func(o *Object) []store.Term {
		t := blobTerms(o.Blob)
		if o.Null != "" {
			t = append(t, store.Term{Name: "null", Value: o.Null, Unique: true})
		}
		return t
	}}
	uploads = store.Table[Upload]{Kind: "s3-upload"}
	parts   = store.Table[Part]{Kind: "s3-part", Terms: func(p *Part) []store.Term { return blobTerms(p.Blob) }}

	manifests = store.Table[Manifest]{Kind: "s3-manifest", Terms: func(m *Manifest) []store.Term {
		var ids []string
		for _, p := range m.Parts {
			ids = append(ids, p.Blob)
		}
		return blobTerms(ids...)
	}}
)

func blobTerms(ids ...string) []store.Term {
	var t []store.Term
	for _, id := range ids {
		if id != "" {
			t = append(t, store.Term{Name: "blob", Value: id, Unique: true})
		}
	}
	return t
}

// Known says whether a row of the ledger holds the blob: what the sweep at start asks before it removes one.
func Known(v store.View, id string) (bool, error) {
	for _, kind := range []string{objects.Kind, versions.Kind, manifests.Kind, parts.Kind} {
		rs, err := v.List(store.Query{Kind: kind, AnyScope: true, Term: store.Term{Name: "blob", Value: id}, Limit: 1})
		if err != nil || len(rs) > 0 {
			return len(rs) > 0, err
		}
	}
	return false, nil
}

// Any says whether the ledger knows of any bytes.
func Any(v store.View) (bool, error) {
	for _, kind := range []string{objects.Kind, versions.Kind, manifests.Kind, parts.Kind} {
		rs, err := v.List(store.Query{Kind: kind, AnyScope: true, Limit: 1})
		if err != nil || len(rs) > 0 {
			return len(rs) > 0, err
		}
	}
	return false, nil
}

// Home is the scope of what lies in a bucket.
func home(partition string, b Bucket) store.Scope {
	return store.Scope{Partition: partition, Account: b.Owner, Region: b.Region}
}

func land(c *api.Call) store.Scope { return store.Scope{Partition: c.Partition} }

// find reads a bucket and checks that the request may speak to it here: NoSuchBucket, PermanentRedirect, AccessDenied.
func find(c *api.Call, v store.View, name, expectedOwner *string) (store.Item[Bucket], error) {
	b, err := findAnywhere(c, v, name, expectedOwner)
	return here(c, b, err)
}

// find is the function of that name for rows that read, which are many. Nobody may change what it gives.
func (s *Service) find(c *api.Call, v store.View, name, expectedOwner *string) (store.Item[Bucket], error) {
	b, err := s.known.Get(v, [2]string{c.Partition, str(name)}, func(v store.View) (store.Item[Bucket], error) {
		b, err := buckets.Get(v, land(c), str(name))
		if err == nil && b.Value.Policy != "" {
			b.Value.bound = &bound{b.Value.Policy, b.Value.Access.effective().Restrict, policyOf(b)}
		}
		return b, err
	})
	b, err = expected(b, err, name, expectedOwner)
	return here(c, b, err)
}

// here refuses a bucket of another region.
func here(c *api.Call, b store.Item[Bucket], err error) (store.Item[Bucket], error) {
	if err == nil && b.Value.Region != c.Region {
		host := b.ID + ".s3." + b.Value.Region + ".amazonaws.com"
		return b, fault.New("PermanentRedirect", "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.").
			With(301).Field("Endpoint", host).Field("Bucket", b.ID).Field("x-amz-bucket-region", b.Value.Region)
	}
	return b, err
}

func findAnywhere(c *api.Call, v store.View, name, expectedOwner *string) (store.Item[Bucket], error) {
	b, err := buckets.Get(v, land(c), str(name))
	return expected(b, err, name, expectedOwner)
}

// expected refuses a bucket that is not there, or not whose the request says.
func expected(b store.Item[Bucket], err error, name, expectedOwner *string) (store.Item[Bucket], error) {
	if errors.Is(err, store.ErrNotFound) {
		return b, noBucket(str(name))
	}
	if err == nil && expectedOwner != nil && *expectedOwner != b.Value.Owner {
		return b, fault.Of(fault.AccessDenied, "Access Denied")
	}
	return b, err
}

func noBucket(name string) error {
	return fault.New("NoSuchBucket", "The specified bucket does not exist").With(404).Field("BucketName", name)
}

// again reads the bucket anew inside the transaction that writes: the one that was asked about must still be there, and what it demands
// of a write may have changed.
func again(tx store.View, b *store.Item[Bucket]) error {
	now, err := buckets.Get(tx, b.Scope, b.ID)
	if errors.Is(err, store.ErrNotFound) || err == nil && now.Value.ID != b.Value.ID {
		return noBucket(b.ID)
	}
	if err == nil {
		*b = now
	}
	return err
}

func bucketARN(c *api.Call, bucket string) string { return "arn:" + c.Partition + ":s3:::" + bucket }

func objectARN(c *api.Call, bucket, key string) string { return bucketARN(c, bucket) + "/" + key }

// ask makes the question about a bucket's resource; its policy comes along.
func ask(b store.Item[Bucket], action, resource string, keys map[string][]string) api.Question {
	q := api.Question{Action: action, Resource: resource, Owner: b.Value.Owner, Keys: keys}
	q.Policy = policyOf(b)
	return q
}

// onBucket asks one action about the bucket that the input names.
func onBucket[I any](action string, of func(*I) (bucket, expectedOwner *string)) func(*api.Call, store.View, *I) ([]api.Question, error) {
	return func(c *api.Call, v store.View, in *I) ([]api.Question, error) {
		name, expected := of(in)
		b, err := find(c, v, name, expected)
		if err != nil { // the path to it may forbid to ask even so
			return []api.Question{{Action: action, Resource: bucketARN(c, str(name))}}, err
		}
		return []api.Question{ask(b, action, bucketARN(c, b.ID), nil)}, nil
	}
}

// onObject asks one action about the object that the input names.
func onObject[I any](action string, of func(*I) (bucket, key, expectedOwner *string), keys func(*api.Call, *I) map[string][]string) func(*api.Call, store.View, *I) ([]api.Question, error) {
	return onObjectBy(find, action, of, keys)
}

// finder is find.
type finder func(c *api.Call, v store.View, name, expectedOwner *string) (store.Item[Bucket], error)

func onObjectBy[I any](find finder, action string, of func(*I) (bucket, key, expectedOwner *string), keys func(*api.Call, *I) map[string][]string) func(*api.Call, store.View, *I) ([]api.Question, error) {
	return func(c *api.Call, v store.View, in *I) ([]api.Question, error) {
		name, key, expected := of(in)
		b, err := find(c, v, name, expected)
		if err != nil {
			return []api.Question{{Action: action, Resource: objectARN(c, str(name), str(key))}}, err
		}
		qs := []api.Question{ask(b, action, objectARN(c, b.ID, str(key)), nil)}
		if keys != nil {
			qs[0].Keys = keys(c, in)
		}
		if (action == "s3:PutObject" || action == "s3:DeleteObject") && reads(member(in, "IfMatch")) {
			qs = append(qs, ask(b, "s3:GetObject", qs[0].Resource, nil))
		}
		if id := member(in, "VersionId"); id != nil {
			ofVersion(qs, *id)
		}
		return qs, ownTags(c, v, b, str(key), member(in, "VersionId"), qs)
	}
}

// canonical is the canonical user id of an account: 64 hex digits that say nothing.
func canonical(partition, account string) string {
	h := sha256.Sum256([]byte("cloister canonical user\x00" + partition + "\x00" + account))
	return hex.EncodeToString(h[:])
}

func str(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

func ptr[T any](v T) *T { return &v }

// opt is nil for the zero value: a header that is not there.
func opt[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func quoted(etag string) *string { return ptr(`"` + etag + `"`) }

// BucketOf tells whose a bucket is, and its policy (nil: none), for services that ask about buckets. Faults: NoSuchBucket.
func (s *Service) BucketOf(c *api.Call, v store.View, name string) (account string, policy *api.ResourcePolicy, err error) {
	b, err := findAnywhere(c, v, &name, nil)
	if err != nil {
		return "", nil, err
	}
	q := ask(b, "", "", nil)
	return q.Owner, q.Policy, nil
}
