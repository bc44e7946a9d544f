// Package bucket keeps blobs, bytes under an id, in a bucket of an S3-compatible store. A blob's bytes carry their own checksums
// (core/blob), so that what the store gives back is checked here whatever the store promises, and it is there whole or not at all.
//
// Layout: PREFIX/cloister.json says whose store this is; PREFIX/blobs/ID holds a blob. One Cloister owns a prefix: another one would
// take its blobs for what a crash left behind.
package bucket

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"cloister/internal/core/blob"
	"cloister/internal/store"
)

// Bucket is a store of blobs. It is safe for concurrent use.
type Bucket struct {
	place Place
	api   *awss3.Client
	bufs  sync.Pool // *blob.Buffer
	parts sync.Pool // *[]byte of partSize

	mu     sync.Mutex
	held   map[string]int  // readers
	doomed map[string]bool // removed while it was held
	fresh  map[string]bool // begun since New; nil once the sweep is done

	sweeping sync.Mutex
	swept    string // where the sweep stands
	page     int32  // blobs that it asks about at a time
}

// New makes the client; nothing is asked of the store yet, but credentials that lie in files are read now.
func New(ctx context.Context, p Place) (*Bucket, error) {
	api, err := p.client(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot use the object store %s: %w", p, err)
	}
	return &Bucket{place: p, api: api, held: map[string]int{}, doomed: map[string]bool{}, page: 1000, fresh: map[string]bool{},
		bufs: sync.Pool{New: func() any { return new(blob.Buffer) }}, parts: sync.Pool{New: func() any { return new([]byte) }}}, nil
}

// owner is what lies in cloister.json.
type owner struct{ Store string }

// Claim checks that the prefix belongs to the store of this name, and takes it when it is empty. It is the first question to the
// store, so it also says whether bucket and credentials hold.
func (b *Bucket) Claim(ctx context.Context, name string) error {
	if err := b.claim(ctx, name); err != nil {
		return fmt.Errorf("cannot use the object store %s: %w", b.place, err)
	}
	return nil
}

func (b *Bucket) claim(ctx context.Context, name string) error {
	got, err := b.owner(ctx)
	if errors.Is(err, store.ErrNotFound) {
		l, err := b.api.ListObjectsV2(ctx, &awss3.ListObjectsV2Input{Bucket: &b.place.Bucket, Prefix: aws.String(b.place.Prefix), MaxKeys: aws.Int32(1)})
		if err != nil {
			return trouble(err)
		}
		if len(l.Contents) > 0 {
			return fmt.Errorf("it holds %q and is no Cloister's; name an empty prefix", *l.Contents[0].Key)
		}
		text, err := json.Marshal(owner{name})
		if err != nil {
			return err
		}
		// Of two that start at once one wins: by the condition where the store knows it, else whoever is read back.
		_, perr := b.api.PutObject(ctx, &awss3.PutObjectInput{Bucket: &b.place.Bucket, Key: b.ownerKey(), Body: bytes.NewReader(text), IfNoneMatch: aws.String("*")})
		if got, err = b.owner(ctx); err != nil {
			return errors.Join(trouble(perr), err)
		}
	} else if err != nil {
		return err
	}
	if got != name {
		return errors.New("it belongs to another Cloister, or to an earlier one whose ledger is lost; name an empty prefix")
	}
	return nil
}

func (b *Bucket) ownerKey() *string { return aws.String(b.place.Prefix + "cloister.json") }

func (b *Bucket) owner(ctx context.Context) (string, error) {
	out, err := b.api.GetObject(ctx, &awss3.GetObjectInput{Bucket: &b.place.Bucket, Key: b.ownerKey()})
	if err != nil {
		return "", trouble(err)
	}
	defer func() { _ = out.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(out.Body, 1<<10))
	if err != nil {
		return "", trouble(err)
	}
	var o owner
	if err := json.Unmarshal(text, &o); err != nil || o.Store == "" {
		return "", errors.New("its cloister.json cannot be read")
	}
	return o.Store, nil
}

// Close does nothing: readers that are open stay readable.
func (b *Bucket) Close() error { return nil }

func (b *Bucket) key(id string) *string { return aws.String(b.place.Prefix + "blobs/" + id) }

// Write makes the blob id from what fill writes. When Write returns nil the store has acknowledged all of it; on any error, also one of
// fill's (returned as it is, maybe wrapped), nothing is left under the id, but for what a store that has gone away cannot be told to
// forget: the next sweep does. store.ErrFull when the store says that it is full, store.ErrAway when it cannot be reached. Memory: one
// block and at most flying+1 parts, whatever the size.
func (b *Bucket) Write(ctx context.Context, id string, fill func(io.Writer) error) (err error) {
	if err := blob.Check(id); err != nil {
		return err
	}
	b.mu.Lock()
	if b.fresh != nil {
		b.fresh[id] = true
	}
	b.mu.Unlock()
	u := b.begin(ctx, b.key(id))
	defer func() {
		if err != nil {
			u.abandon()
			err = fmt.Errorf("cannot write blob %s: %w", id, err)
		}
		u.end()
	}()
	buf := b.bufs.Get().(*blob.Buffer)
	defer b.bufs.Put(buf)
	w := blob.NewWriter(u, id, buf)
	if err = fill(w); err != nil {
		return err
	}
	if err = w.Finish(); err != nil { // also what fill may have swallowed
		return err
	}
	return u.finish()
}

// Open reads the blob id; store.ErrNotFound if there is none, *blob.Corrupt if its head is not what was written, store.ErrAway when the
// store cannot be reached. Each block is checked before any of it is given out.
func (b *Bucket) Open(ctx context.Context, id string) (_ io.ReadSeekCloser, err error) {
	if err := blob.Check(id); err != nil {
		return nil, err
	}
	b.mu.Lock()
	b.held[id]++
	b.mu.Unlock()
	s := &source{ctx: ctx, b: b, id: id}
	buf := b.bufs.Get().(*blob.Buffer)
	give := func(buf *blob.Buffer) { b.bufs.Put(buf) }
	defer func() {
		if err != nil {
			give(buf)
			_ = s.Close()
		}
	}()
	if err := s.open(0, int64(blob.Head)+4*blob.Record); err != nil {
		return nil, fmt.Errorf("cannot read blob %s: %w", id, err)
	}
	return blob.Open(s, id, s.size, buf, give)
}

// Remove deletes the blob id; it is no error if there is none. While somebody reads the blob it stays, and goes with its last reader:
// a store forgets at once.
func (b *Bucket) Remove(ctx context.Context, id string) error {
	if err := blob.Check(id); err != nil {
		return err
	}
	b.mu.Lock()
	if b.held[id] > 0 {
		b.doomed[id] = true
		b.mu.Unlock()
		return nil
	}
	b.mu.Unlock()
	return b.remove(ctx, id)
}

func (b *Bucket) remove(ctx context.Context, id string) error {
	_, err := b.api.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: &b.place.Bucket, Key: b.key(id)})
	if err = trouble(err); err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("cannot remove blob %s: %w", id, err)
	}
	return nil
}

// let ends one reader's hold.
func (b *Bucket) let(id string) {
	b.mu.Lock()
	b.held[id]--
	gone := b.held[id] == 0
	if gone {
		delete(b.held, id)
	}
	gone = gone && b.doomed[id]
	if gone {
		delete(b.doomed, id)
	}
	b.mu.Unlock()
	if gone {
		ctx, cancel := context.WithTimeout(context.Background(), tidy)
		defer cancel()
		_ = b.remove(ctx, id) // else the next sweep does
	}
}

// tidy is how long a store may take over what nobody waits for.
const tidy = 10 * time.Second

// Sweep removes every blob that is not among those known gives back and that was not begun by this Bucket, and ends uploads that
// nobody will finish. It asks about a page of blobs at a time, and may run while others write. After an error it goes on, when it is
// called again, where it stood.
func (b *Bucket) Sweep(ctx context.Context, known func(ids []string) (map[string]bool, error)) (removed int, err error) {
	b.sweeping.Lock()
	defer b.sweeping.Unlock()
	prefix := b.place.Prefix + "blobs/"
	for {
		in := &awss3.ListObjectsV2Input{Bucket: &b.place.Bucket, Prefix: &prefix, MaxKeys: &b.page}
		if b.swept != "" {
			in.StartAfter = &b.swept
		}
		page, err := b.api.ListObjectsV2(ctx, in)
		if err != nil {
			return removed, fmt.Errorf("cannot sweep: %w", trouble(err))
		}
		var ids []string
		for _, o := range page.Contents {
			if id, ok := strings.CutPrefix(aws.ToString(o.Key), prefix); ok && blob.Check(id) == nil && !b.ours(id) {
				ids = append(ids, id)
			}
		}
		have, err := known(ids)
		if err != nil {
			return removed, fmt.Errorf("cannot sweep: %w", err)
		}
		for _, id := range ids {
			if have[id] {
				continue
			}
			if err := b.remove(ctx, id); err != nil {
				return removed, fmt.Errorf("cannot sweep: %w", err)
			}
			removed++
		}
		if n := len(page.Contents); n > 0 {
			b.swept = aws.ToString(page.Contents[n-1].Key)
		}
		if !aws.ToBool(page.IsTruncated) || len(page.Contents) == 0 {
			break
		}
	}
	if err := b.sweepUploads(ctx, prefix); err != nil {
		return removed, fmt.Errorf("cannot sweep: %w", err)
	}
	b.mu.Lock()
	b.fresh = nil
	b.mu.Unlock()
	b.swept = ""
	return removed, nil
}

// ours says whether this process began to write the blob: its row may still be to come.
func (b *Bucket) ours(id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.fresh[id]
}

func (b *Bucket) sweepUploads(ctx context.Context, prefix string) error {
	in := &awss3.ListMultipartUploadsInput{Bucket: &b.place.Bucket, Prefix: &prefix}
	for {
		page, err := b.api.ListMultipartUploads(ctx, in)
		if err != nil {
			return trouble(err)
		}
		for _, u := range page.Uploads {
			id, ok := strings.CutPrefix(aws.ToString(u.Key), prefix)
			if !ok || blob.Check(id) != nil || b.ours(id) {
				continue
			}
			_, err := b.api.AbortMultipartUpload(ctx, &awss3.AbortMultipartUploadInput{Bucket: &b.place.Bucket, Key: u.Key, UploadId: u.UploadId})
			if err = trouble(err); err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		if !aws.ToBool(page.IsTruncated) || len(page.Uploads) == 0 {
			return nil
		}
		in.KeyMarker, in.UploadIdMarker = page.NextKeyMarker, page.NextUploadIdMarker
	}
}
