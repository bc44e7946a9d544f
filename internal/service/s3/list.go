package s3

import (
	"encoding/base64"
	"strconv"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
)

// beyond sorts after every key that begins with what stands before it: no UTF-8 holds this byte.
const beyond = "\xff"

// listing is a walk over the rows of a bucket in key order.
type listing struct {
	scope             store.Scope
	bucket            string
	prefix, delimiter string
	after             string // position, exclusive: the rest of a row's id, or a common prefix with beyond behind it
	max               int
}

// page is what a walk gives. Items and prefixes count together towards max.
type page[T any] struct {
	items    []store.Item[T] // ids without the bucket
	prefixes []string
	last     string // position to go on from
	more     bool
}

// walk lists rows, rolling up those whose key holds the delimiter behind the prefix. It jumps over what it rolled up.
func walk[T any](t store.Table[T], v store.View, l listing, keyOf func(id string) string) (p page[T], err error) {
	base := l.bucket + "\x00"
	p.last = l.after
	if l.max == 0 {
		return p, nil
	}
	// With a delimiter a batch may fall into one common prefix: small ones there, growing ones where nothing is rolled up.
	batch := 16
	for {
		n := l.max - len(p.items) - len(p.prefixes) + 1
		if l.delimiter != "" {
			n = min(max(n, 16), batch)
		}
		q := store.Query{Scope: l.scope, Prefix: base + l.prefix, Limit: n}
		if p.last != "" {
			q.After = base + p.last
		}
		rows, err := t.List(v, q)
		if err != nil {
			return p, err
		}
		for _, it := range rows {
			it.ID = it.ID[len(base):]
			key := keyOf(it.ID)
			if it.ID <= p.last || !strings.HasPrefix(key, l.prefix) {
				continue // rolled up; or the prefix reaches beyond an upload's key
			}
			if len(p.items)+len(p.prefixes) == l.max {
				p.more = true
				return p, nil
			}
			if l.delimiter != "" {
				if i := strings.Index(key[len(l.prefix):], l.delimiter); i >= 0 {
					common := key[:len(l.prefix)+i+len(l.delimiter)]
					p.prefixes = append(p.prefixes, common)
					p.last = common + beyond
					continue
				}
			}
			p.items = append(p.items, it)
			p.last = it.ID
		}
		if len(rows) < n {
			return p, nil
		}
		if strings.HasSuffix(p.last, beyond) {
			batch = max(batch/2, 16)
		} else {
			batch = min(batch*2, 512)
		}
	}
}

func itself(id string) string { return id }

// marker is where a listing begins after a key that may be a common prefix of the page before.
func marker(key, prefix, delimiter string) string {
	if delimiter != "" && strings.HasPrefix(key, prefix) && strings.HasSuffix(key, delimiter) && strings.Index(key[len(prefix):], delimiter) == len(key)-len(prefix)-len(delimiter) {
		return key + beyond
	}
	return key
}

// makeToken hides a position from whoever might build on its form.
func makeToken(position string) string {
	return base64.RawURLEncoding.EncodeToString([]byte("1" + position))
}

func readToken(t *string) (string, error) {
	if t == nil {
		return "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(*t)
	if err != nil || len(b) < 2 || b[0] != '1' {
		return "", fault.New("InvalidArgument", "The continuation token provided is incorrect").With(400).Field("ArgumentName", "continuation-token")
	}
	return string(b[1:]), nil
}

// pageSize reads max-keys and its kin: 1000 at most, which is also the default.
func pageSize(n *int64, name string) (int, error) {
	switch {
	case n == nil || *n > 1000:
		return 1000, nil
	case *n < 0:
		return 0, fault.New("InvalidArgument", "Argument %s must be an integer between 0 and 2147483647", name).With(400).Field("ArgumentName", name)
	}
	return int(*n), nil
}

// coder writes keys as encoding-type asks: "url" percent-encodes what XML or a client might not bear.
type coder bool

func readCoding(t *string) (coder, error) {
	if t != nil && *t != "url" {
		return false, fault.New("InvalidArgument", "Invalid Encoding Method specified in Request").With(400).Field("ArgumentName", "encoding-type").Field("ArgumentValue", *t)
	}
	return t != nil, nil
}

func (e coder) text(s string) *string {
	if !e {
		return &s
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.*/", c) >= 0 {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]}) // a blank too: some clients do not read "+"
		}
	}
	return ptr(b.String())
}

func (e coder) maybe(s *string) *string {
	if s == nil {
		return nil
	}
	return e.text(*s)
}

func (e coder) contents(c *api.Call, b store.Item[Bucket], items []store.Item[Object], owner bool) []shape.Object {
	out := make([]shape.Object, len(items))
	for i, it := range items {
		o := &it.Value
		out[i] = shape.Object{Key: e.text(it.ID), Size: ptr(o.Size), ETag: quoted(o.ETag), LastModified: ptr(o.Modified), StorageClass: ptr("STANDARD"),
			ChecksumType: opt(o.Sum.Type)}
		if o.Sum.Algorithm != "" {
			out[i].ChecksumAlgorithm = []string{o.Sum.Algorithm}
		}
		if owner {
			out[i].Owner = &shape.Owner{ID: ptr(canonical(c.Partition, b.Value.Owner))}
		}
	}
	return out
}

func (e coder) common(ps []string) []shape.CommonPrefix {
	var out []shape.CommonPrefix
	for _, p := range ps {
		out = append(out, shape.CommonPrefix{Prefix: e.text(p)})
	}
	return out
}

// listKeys are the condition keys of s3:ListBucket; what the request leaves out is absent.
func listKeys(prefix, delimiter *string, max *int64) map[string][]string {
	k := map[string][]string{}
	if prefix != nil {
		k["s3:prefix"] = []string{*prefix}
	}
	if delimiter != nil {
		k["s3:delimiter"] = []string{*delimiter}
	}
	if max != nil {
		k["s3:max-keys"] = []string{strconv.FormatInt(*max, 10)}
	}
	return k
}

func (s *Service) listObjectsV2() api.Rower {
	return api.Op[shape.ListObjectsV2Request, shape.ListObjectsV2Output]{
		Name:      "ListObjectsV2",
		Honours:   []string{"Bucket", "ExpectedBucketOwner", "Prefix", "Delimiter", "EncodingType", "MaxKeys", "ContinuationToken", "FetchOwner", "StartAfter"},
		Anonymous: true,
		Questions: func(c *api.Call, v store.View, in *shape.ListObjectsV2Request) ([]api.Question, error) {
			b, err := find(c, v, in.Bucket, in.ExpectedBucketOwner)
			if err != nil {
				return nil, err
			}
			return []api.Question{ask(b, "s3:ListBucket", bucketARN(c, b.ID), listKeys(in.Prefix, in.Delimiter, in.MaxKeys))}, nil
		},
		View: func(c *api.Call, v store.View, in *shape.ListObjectsV2Request) (*shape.ListObjectsV2Output, error) {
			b, err := find(c, v, in.Bucket, in.ExpectedBucketOwner)
			if err != nil {
				return nil, err
			}
			n, err := pageSize(in.MaxKeys, "max-keys")
			if err != nil {
				return nil, err
			}
			e, err := readCoding(in.EncodingType)
			if err != nil {
				return nil, err
			}
			after, err := readToken(in.ContinuationToken)
			if err != nil {
				return nil, err
			}
			if in.ContinuationToken == nil {
				after = marker(str(in.StartAfter), str(in.Prefix), str(in.Delimiter)) // a prefix that is named is past
			}
			c.Touch(bucketARN(c, b.ID))
			p, err := walk(objects, v, listing{home(c.Partition, b.Value), b.ID, str(in.Prefix), str(in.Delimiter), after, n}, itself)
			if err != nil {
				return nil, err
			}
			out := &shape.ListObjectsV2Output{Name: ptr(b.ID), Prefix: e.text(str(in.Prefix)), Delimiter: e.maybe(opt(str(in.Delimiter))), MaxKeys: ptr(int64(n)),
				EncodingType: in.EncodingType, ContinuationToken: in.ContinuationToken, StartAfter: e.maybe(opt(str(in.StartAfter))), IsTruncated: ptr(p.more),
				KeyCount:       ptr(int64(len(p.items) + len(p.prefixes))),
				Contents:       e.contents(c, b, p.items, in.FetchOwner != nil && *in.FetchOwner),
				CommonPrefixes: e.common(p.prefixes)}
			if p.more {
				out.NextContinuationToken = ptr(makeToken(p.last))
			}
			return out, nil
		},
	}
}

func (s *Service) listObjects() api.Rower {
	return api.Op[shape.ListObjectsRequest, shape.ListObjectsOutput]{
		Name:      "ListObjects",
		Honours:   []string{"Bucket", "ExpectedBucketOwner", "Prefix", "Delimiter", "EncodingType", "MaxKeys", "Marker"},
		Anonymous: true,
		Questions: func(c *api.Call, v store.View, in *shape.ListObjectsRequest) ([]api.Question, error) {
			b, err := find(c, v, in.Bucket, in.ExpectedBucketOwner)
			if err != nil {
				return nil, err
			}
			return []api.Question{ask(b, "s3:ListBucket", bucketARN(c, b.ID), listKeys(in.Prefix, in.Delimiter, in.MaxKeys))}, nil
		},
		View: func(c *api.Call, v store.View, in *shape.ListObjectsRequest) (*shape.ListObjectsOutput, error) {
			b, err := find(c, v, in.Bucket, in.ExpectedBucketOwner)
			if err != nil {
				return nil, err
			}
			n, err := pageSize(in.MaxKeys, "max-keys")
			if err != nil {
				return nil, err
			}
			e, err := readCoding(in.EncodingType)
			if err != nil {
				return nil, err
			}
			c.Touch(bucketARN(c, b.ID))
			prefix, delimiter := str(in.Prefix), str(in.Delimiter)
			p, err := walk(objects, v, listing{home(c.Partition, b.Value), b.ID, prefix, delimiter, marker(str(in.Marker), prefix, delimiter), n}, itself)
			if err != nil {
				return nil, err
			}
			out := &shape.ListObjectsOutput{Name: ptr(b.ID), Prefix: e.text(prefix), Delimiter: e.maybe(opt(delimiter)), MaxKeys: ptr(int64(n)),
				EncodingType: in.EncodingType, Marker: e.text(str(in.Marker)), IsTruncated: ptr(p.more),
				Contents: e.contents(c, b, p.items, true), CommonPrefixes: e.common(p.prefixes)}
			if p.more && delimiter != "" { // without a delimiter the client goes on from the last key
				out.NextMarker = e.text(strings.TrimSuffix(p.last, beyond))
			}
			return out, nil
		},
	}
}
