package s3

import (
	"errors"
	"strconv"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
)

// cursor walks one of the two tables in batches.
type cursor struct {
	table store.Table[Object]
	keyOf func(id string) string
	query store.Query
	base  int // letters of an id that are the bucket's
	rows  []store.Item[Object]
	end   bool
}

// peek gives the key and the row that come next; ok is false at the end.
func (c *cursor) peek(v store.View) (key string, row *store.Item[Object], ok bool, err error) {
	if len(c.rows) == 0 && !c.end {
		if c.rows, err = c.table.List(v, c.query); err != nil {
			return "", nil, false, err
		}
		c.end = len(c.rows) < c.query.Limit
		if n := len(c.rows); n > 0 {
			c.query.After = c.rows[n-1].ID
			c.query.Limit = min(c.query.Limit*2, 512)
		}
	}
	if len(c.rows) == 0 {
		return "", nil, false, nil
	}
	return c.keyOf(c.rows[0].ID[c.base:]), &c.rows[0], true, nil
}

// skip goes to what sorts behind a row's id.
func (c *cursor) skip(after string) {
	for i := range c.rows {
		if c.rows[i].ID > after {
			c.rows = c.rows[i:]
			return
		}
	}
	c.rows = nil
	if !c.end && after > c.query.After {
		c.query.After, c.query.Limit = after, 16
	}
}

// kin is one entry of a listing of versions.
type kin struct {
	key    string
	o      Object
	latest bool
}

// versionPage is what a walk over versions gives; lastKey and lastID are where to go on, lastID empty behind a common prefix.
type versionPage struct {
	items           []kin
	prefixes        []string
	lastKey, lastID string
	more            bool
}

// walkVersions merges what is visible and what is not: key by key, the newest version first.
func walkVersions(v store.View, l listing, b store.Item[Bucket], keyMarker string, idMarker *string) (p versionPage, err error) {
	if l.max == 0 {
		return p, nil
	}
	stem := l.bucket + "\x00"
	n := min(l.max+1, 512)
	if l.delimiter != "" {
		n = 16
	}
	now := &cursor{table: objects, keyOf: itself, base: len(stem), query: store.Query{Scope: l.scope, Prefix: stem + l.prefix, Limit: n}}
	past := &cursor{table: versions, keyOf: keyOfVersion, base: len(stem), query: store.Query{Scope: l.scope, Limit: n,
		Prefix: stem + strings.ReplaceAll(l.prefix, "\x00", "\x00\xff")}}
	known := "" // the key of which something newer was seen
	if keyMarker != "" {
		if after := marker(keyMarker, l.prefix, l.delimiter); after != keyMarker {
			now.query.After, past.query.After = stem+after, stem+strings.ReplaceAll(keyMarker, "\x00", "\x00\xff")+beyond
		} else if err := resume(v, l, b, now, past, keyMarker, idMarker); err != nil {
			return p, err
		}
	}
	for {
		key, row, ok, err := now.peek(v)
		if err != nil {
			return p, err
		}
		pastKey, pastRow, pastOK, err := past.peek(v)
		if err != nil {
			return p, err
		}
		from := now
		if !ok || pastOK && pastKey < key {
			key, row, from, ok = pastKey, pastRow, past, pastOK
		}
		if !ok {
			return p, nil
		}
		if !strings.HasPrefix(key, l.prefix) { // the prefix of a row reaches beyond the key
			from.rows = from.rows[1:]
			continue
		}
		if len(p.items)+len(p.prefixes) == l.max {
			p.more = true
			return p, nil
		}
		if l.delimiter != "" {
			if i := strings.Index(key[len(l.prefix):], l.delimiter); i >= 0 {
				common := key[:len(l.prefix)+i+len(l.delimiter)]
				p.prefixes = append(p.prefixes, common)
				p.lastKey, p.lastID = common, ""
				now.skip(stem + common + beyond)
				past.skip(stem + strings.ReplaceAll(common, "\x00", "\x00\xff") + beyond)
				continue
			}
		}
		latest := from == now
		if from == past && known != key {
			latest = true // what is visible would have come before
			if key == keyMarker {
				if latest, err = newestOf(v, l, key, row.ID); err != nil {
					return p, err
				}
			}
		}
		known = key
		p.items = append(p.items, kin{key, row.Value, latest})
		p.lastKey, p.lastID = key, idOf(row.Value)
		from.rows = from.rows[1:]
	}
}

// resume puts both cursors behind the version that the markers name, or behind all versions of the key.
func resume(v store.View, l listing, b store.Item[Bucket], now, past *cursor, key string, id *string) error {
	now.query.After = objectID(l.bucket, key)
	past.query.After = versionStem(l.bucket, key) + "g"
	if id == nil {
		return nil
	}
	if made, ok := madeOf(*id); ok {
		past.query.After = versionRow(l.bucket, key, made)
		return nil
	}
	it, err := pick(v, b, l.scope, key, *id)
	switch {
	case err != nil:
		return err
	case it != nil:
		past.query.After = versionRow(l.bucket, key, it.Value.made())
	case *id == null: // deleted since the page before: better twice than not at all
		past.query.After = versionStem(l.bucket, key)
	}
	return nil
}

// newestOf reports whether a row among the versions is the newest of its key: nothing is visible, and no row comes before it.
func newestOf(v store.View, l listing, key, row string) (bool, error) {
	if _, err := objects.Get(v, l.scope, objectID(l.bucket, key)); !errors.Is(err, store.ErrNotFound) {
		return false, err
	}
	top, err := newestPast(v, l.scope, l.bucket, key)
	return top != nil && top.ID == row, err
}

func (s *Service) listObjectVersions() api.Rower {
	return api.Op[shape.ListObjectVersionsRequest, shape.ListObjectVersionsOutput]{
		Name:      "ListObjectVersions",
		Honours:   []string{"Bucket", "ExpectedBucketOwner", "Prefix", "Delimiter", "EncodingType", "MaxKeys", "KeyMarker", "VersionIdMarker"},
		Questions: asks[shape.ListObjectVersionsRequest]("ListObjectVersions"),
		Anonymous: true,
		View: func(c *api.Call, v store.View, in *shape.ListObjectVersionsRequest) (*shape.ListObjectVersionsOutput, error) {
			b, err := find(c, v, in.Bucket, in.ExpectedBucketOwner)
			if err != nil {
				return nil, err
			}
			if in.MaxKeys != nil && *in.MaxKeys < 0 { // S3 has a sentence of its own here
				return nil, fault.New("InvalidArgument", "max-keys cannot be negative").With(400).
					Field("ArgumentName", "max-keys").Field("ArgumentValue", strconv.FormatInt(*in.MaxKeys, 10))
			}
			n, err := pageSize(in.MaxKeys, "max-keys")
			if err != nil {
				return nil, err
			}
			e, err := readCoding(in.EncodingType)
			if err != nil {
				return nil, err
			}
			id := opt(str(in.VersionIdMarker))
			if id != nil && str(in.KeyMarker) == "" {
				return nil, fault.New("InvalidArgument", "A version-id marker cannot be specified without a key marker.").With(400).
					Field("ArgumentName", "version-id-marker").Field("ArgumentValue", *id)
			}
			c.Touch(bucketARN(c, b.ID))
			l := listing{scope: home(c.Partition, b.Value), bucket: b.ID, prefix: str(in.Prefix), delimiter: str(in.Delimiter), max: n}
			p, err := walkVersions(v, l, b, str(in.KeyMarker), id)
			if err != nil {
				return nil, err
			}
			out := &shape.ListObjectVersionsOutput{Name: ptr(b.ID), Prefix: e.text(l.prefix), Delimiter: e.maybe(opt(l.delimiter)), MaxKeys: ptr(int64(n)),
				EncodingType: in.EncodingType, KeyMarker: e.text(str(in.KeyMarker)), VersionIdMarker: ptr(str(in.VersionIdMarker)), IsTruncated: ptr(p.more),
				CommonPrefixes: e.common(p.prefixes)}
			for i := range p.items {
				k := &p.items[i]
				if k.o.Marker {
					out.DeleteMarkers = append(out.DeleteMarkers, shape.DeleteMarkerEntry{Key: e.text(k.key), VersionId: ptr(idOf(k.o)), IsLatest: ptr(k.latest),
						LastModified: ptr(k.o.Modified), Owner: owner(c, b)})
					continue
				}
				one := shape.ObjectVersion{Key: e.text(k.key), VersionId: ptr(idOf(k.o)), IsLatest: ptr(k.latest), LastModified: ptr(k.o.Modified), Size: ptr(k.o.Size),
					ETag: quoted(k.o.ETag), StorageClass: ptr("STANDARD"), Owner: owner(c, b), ChecksumType: opt(k.o.Sum.Type)}
				if k.o.Sum.Algorithm != "" {
					one.ChecksumAlgorithm = []string{k.o.Sum.Algorithm}
				}
				out.Versions = append(out.Versions, one)
			}
			if p.more {
				out.NextKeyMarker, out.NextVersionIdMarker = e.text(p.lastKey), opt(p.lastID)
			}
			return out, nil
		},
	}
}
