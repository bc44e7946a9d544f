package s3

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
)

// TestManyParts completes an upload of as many parts as there may be. The first and the last are real; those between are rows like the
// first's, whose bytes nobody reads here.
func TestManyParts(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	id := h.begin("docs", "great")
	first, last := repeat("first", minPart), repeat("last", 11)
	list := []shape.CompletedPart{h.part("docs", "great", id, 1, first)}
	err := h.ledger.Update(context.Background(), func(tx store.Tx) error {
		ps, err := parts.List(tx, store.Query{AnyScope: true, Prefix: id + "/"})
		if err != nil || len(ps) != 1 {
			return fmt.Errorf("%d parts: %w", len(ps), err)
		}
		for n := int64(2); n < maxParts; n++ {
			p := ps[0].Value
			p.Number, p.Blob = n, fmt.Sprintf("%032x", n)
			if err := parts.Create(tx, ps[0].Scope, partID(id, n), &p); err != nil {
				return err
			}
			list = append(list, shape.CompletedPart{PartNumber: ptr(n), ETag: list[0].ETag})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	list = append(list, h.part("docs", "great", id, maxParts, last))
	if _, err := ask1[shape.UploadPartOutput](h, "UploadPart", &shape.UploadPartRequest{Bucket: ptr("docs"), Key: ptr("great"), UploadId: &id, PartNumber: ptr(int64(maxParts + 1)), Body: bytes.NewReader(last)}); err == nil {
		t.Error("a part too many was taken")
	}
	seen, marker := 0, (*int64)(nil)
	for {
		page := must[shape.ListPartsOutput](h, "ListParts", &shape.ListPartsRequest{Bucket: ptr("docs"), Key: ptr("great"), UploadId: &id, PartNumberMarker: marker})
		for _, p := range page.Parts {
			if seen++; *p.PartNumber != int64(seen) {
				t.Fatalf("part %d is listed as number %d", *p.PartNumber, seen)
			}
		}
		if !*page.IsTruncated {
			break
		}
		marker = page.NextPartNumberMarker
	}
	if seen != maxParts {
		t.Errorf("%d parts are listed", seen)
	}
	swapped := append([]shape.CompletedPart{}, list...)
	swapped[5000], swapped[5001] = swapped[5001], swapped[5000]
	_, err = h.finish("docs", "great", id, swapped...)
	refuses(t, "two parts swapped", err, "InvalidPartOrder", 400)
	_, err = h.finish("docs", "great", id, append(list, shape.CompletedPart{PartNumber: ptr(int64(maxParts + 1)), ETag: list[0].ETag})...)
	refuses(t, "a part too many", err, "MalformedXML", 400)
	out, err := h.finish("docs", "great", id, list...)
	if err != nil {
		t.Fatal(err)
	}
	size := int64(minPart)*(maxParts-1) + int64(len(last))
	head := must[shape.HeadObjectOutput](h, "HeadObject", &shape.HeadObjectRequest{Bucket: ptr("docs"), Key: ptr("great"), PartNumber: ptr(int64(maxParts))})
	if tag := *out.ETag; tag != *head.ETag || !bytes.HasSuffix([]byte(tag), []byte(`-10000"`)) || *head.PartsCount != maxParts || *head.ContentLength != int64(len(last)) {
		t.Errorf("%s: %+v", tag, head)
	}
	get, b, err := h.get(&shape.GetObjectRequest{Bucket: ptr("docs"), Key: ptr("great"), Range: ptr("bytes=-11")})
	if err != nil || !bytes.Equal(b, last) || *get.ContentRange != fmt.Sprintf("bytes %d-%d/%d", size-11, size-1, size) {
		t.Errorf("the end: %q %v", b, err)
	}
	if _, b, err = h.get(&shape.GetObjectRequest{Bucket: ptr("docs"), Key: ptr("great"), Range: ptr("bytes=0-99")}); err != nil || !bytes.Equal(b, first[:100]) {
		t.Errorf("the beginning: %q %v", b, err)
	}
	must[shape.DeleteObjectOutput](h, "DeleteObject", &shape.DeleteObjectRequest{Bucket: ptr("docs"), Key: ptr("great")})
	if n := h.files(); n != 0 {
		t.Errorf("%d blobs are left", n)
	}
}
