package bucket

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"cloister/internal/core/blob"
	"cloister/internal/store"
)

// window is how much of a blob one request asks for, in bytes: whole records. A reader that stops early wastes at most one.
const window = 64 * blob.Record

// tries is how often a body that breaks off is asked for again.
const tries = 3

// source is a stored blob that is read in the order of its bytes, mostly.
type source struct {
	ctx  context.Context
	b    *Bucket
	id   string
	size int64 // as the store has it
	body io.ReadCloser
	at   int64 // where the body stands
	end  int64 // where it ends
}

// open asks for n bytes from off; the first time it learns the size.
func (s *source) open(off, n int64) error {
	s.shut()
	out, err := s.b.api.GetObject(s.ctx, &awss3.GetObjectInput{Bucket: &s.b.place.Bucket, Key: s.b.key(s.id),
		Range: aws.String(fmt.Sprintf("bytes=%d-%d", off, off+n-1))})
	if err != nil {
		if refusal(err) == "InvalidRange" { // it is shorter than any blob
			return &blob.Corrupt{ID: s.id, Block: -1}
		}
		return trouble(err)
	}
	length := aws.ToInt64(out.ContentLength)
	first, total, err := ranged(aws.ToString(out.ContentRange), length)
	if err != nil || first != off || s.size != 0 && total != s.size {
		_ = out.Body.Close()
		return fmt.Errorf("%w: it answered a range from %d with %q", store.ErrAway, off, aws.ToString(out.ContentRange))
	}
	s.size, s.body, s.at, s.end = total, out.Body, off, off+length
	return nil
}

// ranged reads "bytes a-b/total"; a store that sends the whole sends none.
func ranged(text string, length int64) (first, total int64, err error) {
	if text == "" {
		return 0, length, nil
	}
	span, all, _ := strings.Cut(strings.TrimPrefix(text, "bytes "), "/")
	from, _, _ := strings.Cut(span, "-")
	first, err = strconv.ParseInt(from, 10, 64)
	if err == nil {
		total, err = strconv.ParseInt(all, 10, 64)
	}
	return first, total, err
}

// ReadAt fills p from off; io.EOF only where the blob ends, store.ErrAway when the store breaks off again and again.
func (s *source) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > s.size {
		return 0, io.EOF
	}
	var err error
	for range tries {
		if s.body == nil || off != s.at || off+int64(len(p)) > s.end {
			if err = s.open(off, max(window, int64(len(p)))); err != nil {
				return 0, err // the client has tried again by itself
			}
		}
		var n int
		if n, err = io.ReadFull(s.body, p); err == nil {
			s.at += int64(n)
			return n, nil
		}
		s.shut()
		if s.ctx.Err() != nil {
			return 0, s.ctx.Err()
		}
	}
	return 0, fmt.Errorf("%w: %v", store.ErrAway, err) // not %w: an end of the body is no end of the blob
}

func (s *source) shut() {
	if s.body != nil {
		_ = s.body.Close()
		s.body = nil
	}
}

// Close ends the reading and the hold on the blob.
func (s *source) Close() error {
	s.shut()
	s.b.let(s.id)
	return nil
}
