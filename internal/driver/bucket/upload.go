package bucket

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"cloister/internal/store"
)

const (
	partSize = 8 << 20 // bytes; of at most 10,000 parts, 78 GiB
	flying   = 2       // parts on their way at once
)

// upload sends what is written to it: in one request what fits a part, as a multipart upload what does not.
type upload struct {
	b      *Bucket
	key    *string
	asked  context.Context // of who waits
	ctx    context.Context // of the requests
	cancel context.CancelFunc

	part []byte // being filled
	size int64
	sent bool // something may lie under the key

	id    *string // of the multipart upload, once there is one
	slots chan struct{}
	wg    sync.WaitGroup
	mu    sync.Mutex
	done  []types.CompletedPart
	err   error // of a part
}

func (b *Bucket) begin(ctx context.Context, key *string) *upload {
	u := &upload{b: b, key: key, asked: ctx, part: b.buffer(), slots: make(chan struct{}, flying)}
	u.ctx, u.cancel = context.WithCancel(ctx)
	return u
}

func (b *Bucket) buffer() []byte { return (*b.parts.Get().(*[]byte))[:0] }

func (b *Bucket) give(p []byte) { b.parts.Put(&p) }

// Write takes p; a part that failed is told at the next one.
func (u *upload) Write(p []byte) (int, error) {
	if err := u.asked.Err(); err != nil {
		return 0, err
	}
	done := 0
	for done < len(p) {
		if len(u.part) == partSize {
			if err := u.send(); err != nil {
				return done, err
			}
		}
		n := min(len(p)-done, partSize-len(u.part))
		u.part = append(u.part, p[done:done+n]...)
		done += n
		u.size += int64(n)
	}
	return done, nil
}

// send puts the part on its way, and waits while too many are.
func (u *upload) send() error {
	if u.id == nil {
		out, err := u.b.api.CreateMultipartUpload(u.ctx, &awss3.CreateMultipartUploadInput{Bucket: &u.b.place.Bucket, Key: u.key,
			ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c, ContentType: aws.String("application/octet-stream")})
		if err != nil {
			return trouble(err)
		}
		u.id = out.UploadId
	}
	u.slots <- struct{}{}
	u.mu.Lock()
	err := u.err
	n := int32(len(u.done)) + 1 //nolint:gosec // at most 10,000
	sum := castagnoli(u.part)
	u.done = append(u.done, types.CompletedPart{PartNumber: &n, ChecksumCRC32C: sum})
	u.mu.Unlock()
	if err != nil {
		<-u.slots
		return err
	}
	part := u.part
	u.part = u.b.buffer()
	u.wg.Add(1)
	go func() {
		defer u.wg.Done()
		out, err := u.b.api.UploadPart(u.ctx, &awss3.UploadPartInput{Bucket: &u.b.place.Bucket, Key: u.key, UploadId: u.id, PartNumber: &n,
			Body: bytes.NewReader(part), ContentLength: aws.Int64(int64(len(part))), ChecksumCRC32C: sum})
		u.b.give(part)
		u.mu.Lock()
		if err == nil {
			u.done[n-1].ETag = out.ETag
		} else if u.err == nil {
			u.err = trouble(err)
		}
		u.mu.Unlock()
		<-u.slots
	}()
	return nil
}

// castagnoli is a checksum as S3 writes it: the store checks what arrives.
func castagnoli(p []byte) *string {
	sum := crc32.Checksum(p, crc32.MakeTable(crc32.Castagnoli))
	return aws.String(base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum)))
}

// finish makes what was written appear under the key.
func (u *upload) finish() error {
	if err := u.asked.Err(); err != nil {
		return err
	}
	if u.id == nil {
		u.sent = true
		_, err := u.b.api.PutObject(u.ctx, &awss3.PutObjectInput{Bucket: &u.b.place.Bucket, Key: u.key, Body: bytes.NewReader(u.part),
			ContentLength: aws.Int64(int64(len(u.part))), ContentType: aws.String("application/octet-stream"), ChecksumCRC32C: castagnoli(u.part)})
		return trouble(err)
	}
	if err := u.send(); err != nil {
		return err
	}
	u.wg.Wait()
	if u.err != nil {
		return u.err
	}
	u.sent = true
	_, err := u.b.api.CompleteMultipartUpload(u.ctx, &awss3.CompleteMultipartUploadInput{Bucket: &u.b.place.Bucket, Key: u.key, UploadId: u.id,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: u.done}})
	if err = trouble(err); errors.Is(err, store.ErrNotFound) {
		// A second attempt whose first came through finds no upload any more: then the object is there.
		if h, herr := u.b.api.HeadObject(u.ctx, &awss3.HeadObjectInput{Bucket: &u.b.place.Bucket, Key: u.key}); herr == nil && aws.ToInt64(h.ContentLength) == u.size {
			return nil
		}
	}
	return err
}

// abandon takes back what may have reached the store, also when who asked has gone.
func (u *upload) abandon() {
	u.cancel()
	u.wg.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(u.asked), tidy)
	defer cancel()
	if u.id != nil {
		_, _ = u.b.api.AbortMultipartUpload(ctx, &awss3.AbortMultipartUploadInput{Bucket: &u.b.place.Bucket, Key: u.key, UploadId: u.id})
	}
	if u.sent {
		_, _ = u.b.api.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: &u.b.place.Bucket, Key: u.key})
	}
}

// end gives back what the upload holds.
func (u *upload) end() {
	u.cancel()
	u.wg.Wait()
	u.b.give(u.part)
}
