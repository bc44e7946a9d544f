package s3

import (
	"context"
	"fmt"
	"os"
	"testing"

	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
)

// crowd makes n objects in ten folders: rows like the one that is put, whose bytes nobody reads here.
func (h *host) crowd(bucket string, n int) {
	h.t.Helper()
	h.bucket(bucket)
	h.put(bucket, "0/000000", []byte("x"))
	for from := 1; from < n; from += 10000 {
		err := h.ledger.Update(context.Background(), func(tx store.Tx) error {
			all, err := objects.List(tx, store.Query{AnyScope: true, Prefix: objectID(bucket, "0/000000"), Limit: 1})
			if err != nil || len(all) != 1 {
				return fmt.Errorf("%d rows: %w", len(all), err)
			}
			for i := from; i < min(n, from+10000); i++ {
				o := all[0].Value
				o.Blob = fmt.Sprintf("%032x", i)
				if err := objects.Create(tx, all[0].Scope, objectID(bucket, fmt.Sprintf("%d/%06d", i%10, i)), &o); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			h.t.Fatal(err)
		}
	}
}

// walk reads all pages and gives the keys, in the order in which they came.
func (h *host) walk(in shape.ListObjectsV2Request) (keys, folders []string) {
	h.t.Helper()
	for {
		page := must[shape.ListObjectsV2Output](h, "ListObjectsV2", &in)
		for _, o := range page.Contents {
			keys = append(keys, *o.Key)
		}
		for _, p := range page.CommonPrefixes {
			folders = append(folders, *p.Prefix)
		}
		if !*page.IsTruncated {
			return keys, folders
		}
		in.ContinuationToken = page.NextContinuationToken
	}
}

// A listing of many keys (100,000 with CLOISTER_LONG) has each once, in order, and folders stand for what is in them.
func TestManyKeys(t *testing.T) {
	n := 6000
	if os.Getenv("CLOISTER_LONG") != "" {
		n = 100_000
	}
	h := start(t)
	h.crowd("many", n)
	keys, _ := h.walk(shape.ListObjectsV2Request{Bucket: ptr("many")})
	if len(keys) != n {
		t.Fatalf("%d keys of %d", len(keys), n)
	}
	for i, k := range keys[1:] {
		if keys[i] >= k {
			t.Fatalf("%q comes before %q", keys[i], k)
		}
	}
	if keys, folders := h.walk(shape.ListObjectsV2Request{Bucket: ptr("many"), Delimiter: ptr("/"), MaxKeys: ptr(int64(3))}); len(keys) != 0 || len(folders) != 10 {
		t.Errorf("%d keys and folders %v", len(keys), folders)
	}
	if keys, _ := h.walk(shape.ListObjectsV2Request{Bucket: ptr("many"), Prefix: ptr("7/"), StartAfter: ptr("7/000107")}); len(keys) != n/10-11 {
		t.Errorf("%d keys behind one of a folder", len(keys))
	}
}

// BenchmarkList100k reads a bucket of 100,000 keys, page by page.
func BenchmarkList100k(b *testing.B) {
	h := start(b)
	h.crowd("many", 100_000)
	for b.Loop() {
		if keys, _ := h.walk(shape.ListObjectsV2Request{Bucket: ptr("many")}); len(keys) != 100_000 {
			b.Fatal(len(keys))
		}
	}
}
