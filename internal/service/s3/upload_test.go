package s3

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"hash/crc32"
	"hash/crc64"
	"math/rand/v2"
	"strings"
	"testing"

	"cloister/internal/core/checksum"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/s3"
)

func (h *host) begin(bucket, key string) string {
	h.t.Helper()
	return *must[shape.CreateMultipartUploadOutput](h, "CreateMultipartUpload", &shape.CreateMultipartUploadRequest{Bucket: &bucket, Key: &key}).UploadId
}

func (h *host) part(bucket, key, id string, n int64, body []byte) shape.CompletedPart {
	h.t.Helper()
	out := must[shape.UploadPartOutput](h, "UploadPart", &shape.UploadPartRequest{Bucket: &bucket, Key: &key, UploadId: &id, PartNumber: &n, Body: bytes.NewReader(body)})
	return shape.CompletedPart{PartNumber: &n, ETag: out.ETag}
}

func (h *host) finish(bucket, key, id string, ps ...shape.CompletedPart) (*shape.CompleteMultipartUploadOutput, error) {
	h.t.Helper()
	return ask1[shape.CompleteMultipartUploadOutput](h, "CompleteMultipartUpload", &shape.CompleteMultipartUploadRequest{Bucket: &bucket, Key: &key, UploadId: &id,
		MultipartUpload: &shape.CompletedMultipartUpload{Parts: ps}})
}

func (h *host) upload(bucket, key string, bodies ...[]byte) *shape.CompleteMultipartUploadOutput {
	h.t.Helper()
	id := h.begin(bucket, key)
	var ps []shape.CompletedPart
	for i, b := range bodies {
		ps = append(ps, h.part(bucket, key, id, int64(i+1), b))
	}
	out, err := h.finish(bucket, key, id, ps...)
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

func TestMultipart(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	h.put("docs", "big", []byte("old"))
	id := h.begin("docs", "big")
	a, b := repeat("a", minPart), repeat("b", 11)
	h.part("docs", "big", id, 3, repeat("wrong", minPart))
	p3 := h.part("docs", "big", id, 3, a) // replaces the first try
	p7 := h.part("docs", "big", id, 7, b)
	unused := h.part("docs", "big", id, 8, b)
	_ = unused
	if n := h.files(); n != 4 {
		t.Errorf("%d blobs, want old, 3, 7, 8", n)
	}
	parts := must[shape.ListPartsOutput](h, "ListParts", &shape.ListPartsRequest{Bucket: ptr("docs"), Key: ptr("big"), UploadId: &id, MaxParts: ptr(int64(2))})
	if len(parts.Parts) != 2 || !*parts.IsTruncated || *parts.NextPartNumberMarker != 7 || *parts.Parts[0].Size != minPart {
		t.Errorf("parts: %+v", parts)
	}
	parts = must[shape.ListPartsOutput](h, "ListParts", &shape.ListPartsRequest{Bucket: ptr("docs"), Key: ptr("big"), UploadId: &id, PartNumberMarker: parts.NextPartNumberMarker})
	if len(parts.Parts) != 1 || *parts.IsTruncated || *parts.Parts[0].PartNumber != 8 {
		t.Errorf("parts: %+v", parts)
	}
	if b, err := h.fetch("docs", "big"); err != nil || string(b) != "old" {
		t.Errorf("before the end: %q, %v", b, err)
	}
	out, err := h.finish("docs", "big", id, p3, p7)
	if err != nil {
		t.Fatal(err)
	}
	ha, hb := md5.Sum(a), md5.Sum(b)
	if want := fmt.Sprintf(`"%x-2"`, md5.Sum(append(ha[:], hb[:]...))); *out.ETag != want || *out.Location != "http://localhost:4566/docs/big" {
		t.Errorf("ETag %s, want %s; %s", *out.ETag, want, *out.Location)
	}
	if got, err := h.fetch("docs", "big"); err != nil || !bytes.Equal(got, append(a, b...)) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if n := h.files(); n != 2 {
		t.Errorf("%d blobs, want 2", n)
	}
	if again, err := h.finish("docs", "big", id, p3, p7); err != nil || *again.ETag != *out.ETag {
		t.Errorf("a retry: %v", err)
	}
	h.put("docs", "big", []byte("new"))
	if _, err := h.finish("docs", "big", id, p3, p7); !fault.Is(err, "NoSuchUpload") {
		t.Errorf("a retry after a later write: %v", err)
	}
	if n := h.files(); n != 1 {
		t.Errorf("%d blobs, want 1", n)
	}
}

func TestMultipartRefusals(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	id := h.begin("docs", "k")
	small := h.part("docs", "k", id, 1, []byte("small"))
	p2 := h.part("docs", "k", id, 2, []byte("end"))
	fake := shape.CompletedPart{PartNumber: ptr(int64(2)), ETag: ptr(`"feed"`)}
	absent := shape.CompletedPart{PartNumber: ptr(int64(5)), ETag: p2.ETag}
	zero := shape.CompletedPart{PartNumber: ptr(int64(0)), ETag: p2.ETag}
	for _, c := range []struct {
		name, code string
		parts      []shape.CompletedPart
	}{
		{"small", "EntityTooSmall", []shape.CompletedPart{small, p2}},
		{"order", "InvalidPartOrder", []shape.CompletedPart{p2, small}},
		{"twice", "InvalidPartOrder", []shape.CompletedPart{p2, p2}},
		{"etag", "InvalidPart", []shape.CompletedPart{fake}},
		{"absent", "InvalidPart", []shape.CompletedPart{absent}},
		{"zero", "InvalidArgument", []shape.CompletedPart{zero}},
		{"none", "MalformedXML", nil},
	} {
		_, err := h.finish("docs", "k", id, c.parts...)
		refuses(t, c.name, err, c.code, 400)
	}
	_, err := h.finish("docs", "other", id, p2)
	refuses(t, "other key", err, "NoSuchUpload", 404)
	hidden := must[shape.CreateMultipartUploadOutput](h, "CreateMultipartUpload", &shape.CreateMultipartUploadRequest{Bucket: ptr("docs"), Key: ptr("k\x00hidden")})
	_, err = ask1[shape.AbortMultipartUploadOutput](h, "AbortMultipartUpload", &shape.AbortMultipartUploadRequest{Bucket: ptr("docs"), Key: ptr("k"), UploadId: ptr("hidden\x00" + *hidden.UploadId)})
	refuses(t, "another key's upload, spelled by key and id together", err, "NoSuchUpload", 404)
	_, err = ask1[shape.CompleteMultipartUploadOutput](h, "CompleteMultipartUpload", &shape.CompleteMultipartUploadRequest{Bucket: ptr("docs"), Key: ptr("k"), UploadId: &id,
		MultipartUpload: &shape.CompletedMultipartUpload{Parts: []shape.CompletedPart{p2}}, MpuObjectSize: ptr(int64(99))})
	refuses(t, "size", err, "InvalidRequest", 400)
	for _, n := range []int64{0, -1, 10001} {
		_, err := ask1[shape.UploadPartOutput](h, "UploadPart", &shape.UploadPartRequest{Bucket: ptr("docs"), Key: ptr("k"), UploadId: &id, PartNumber: &n, Body: strings.NewReader("")})
		refuses(t, "part number", err, "InvalidArgument", 400)
	}
	must[shape.AbortMultipartUploadOutput](h, "AbortMultipartUpload", &shape.AbortMultipartUploadRequest{Bucket: ptr("docs"), Key: ptr("k"), UploadId: &id})
	if n := h.files(); n != 0 {
		t.Errorf("%d blobs after the abort", n)
	}
	_, err = ask1[shape.AbortMultipartUploadOutput](h, "AbortMultipartUpload", &shape.AbortMultipartUploadRequest{Bucket: ptr("docs"), Key: ptr("k"), UploadId: &id})
	refuses(t, "abort twice", err, "NoSuchUpload", 404)
	_, err = ask1[shape.UploadPartOutput](h, "UploadPart", &shape.UploadPartRequest{Bucket: ptr("docs"), Key: ptr("k"), UploadId: &id, PartNumber: ptr(int64(1)), Body: strings.NewReader("")})
	refuses(t, "part after abort", err, "NoSuchUpload", 404)
}

// The checksum of a multipart object: of the whole it equals that of a plain PUT, composite it ends with the number of parts.
func TestMultipartChecksums(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	bodies := [][]byte{repeat("one ", minPart), repeat("two ", minPart+1), []byte("three")}
	for _, c := range []struct{ alg, kind, want string }{
		{"CRC32", "FULL_OBJECT", "FULL_OBJECT"}, {"CRC32C", "FULL_OBJECT", "FULL_OBJECT"}, {"CRC64NVME", "", "FULL_OBJECT"}, {"", "", "FULL_OBJECT"},
		{"CRC32", "", "COMPOSITE"}, {"SHA256", "", "COMPOSITE"}, {"SHA1", "COMPOSITE", "COMPOSITE"},
	} {
		up := must[shape.CreateMultipartUploadOutput](h, "CreateMultipartUpload", &shape.CreateMultipartUploadRequest{Bucket: ptr("docs"), Key: ptr("k"), ChecksumAlgorithm: opt(c.alg), ChecksumType: opt(c.kind)})
		var ps []shape.CompletedPart
		var whole []byte
		for i, b := range bodies {
			out := must[shape.UploadPartOutput](h, "UploadPart", &shape.UploadPartRequest{Bucket: ptr("docs"), Key: ptr("k"), UploadId: up.UploadId, PartNumber: ptr(int64(i + 1)), Body: bytes.NewReader(b), ChecksumAlgorithm: opt(c.alg)})
			ps = append(ps, shape.CompletedPart{PartNumber: ptr(int64(i + 1)), ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32, ChecksumCRC32C: out.ChecksumCRC32C,
				ChecksumCRC64NVME: out.ChecksumCRC64NVME, ChecksumSHA1: out.ChecksumSHA1, ChecksumSHA256: out.ChecksumSHA256})
			whole = append(whole, b...)
		}
		done, err := h.finish("docs", "k", *up.UploadId, ps...)
		if err != nil {
			t.Fatal(err)
		}
		sums := func(v ...*string) string {
			s := ""
			for _, p := range v {
				s += str(p)
			}
			return s
		}
		got := sums(done.ChecksumCRC32, done.ChecksumCRC32C, done.ChecksumCRC64NVME, done.ChecksumSHA1, done.ChecksumSHA256)
		if *done.ChecksumType != c.want {
			t.Errorf("%s: type %s, want %s", c.alg, *done.ChecksumType, c.want)
		}
		if c.want == "COMPOSITE" {
			if !strings.HasSuffix(got, "-3") {
				t.Errorf("%s: %s", c.alg, got)
			}
			continue
		}
		put := must[shape.PutObjectOutput](h, "PutObject", &shape.PutObjectRequest{Bucket: ptr("docs"), Key: ptr("whole"), Body: bytes.NewReader(whole), ChecksumAlgorithm: opt(c.alg)})
		if want := sums(put.ChecksumCRC32, put.ChecksumCRC32C, put.ChecksumCRC64NVME); got != want {
			t.Errorf("%s: combined %s, of the whole %s", c.alg, got, want)
		}
	}
	for _, c := range [][2]string{{"SHA256", "FULL_OBJECT"}, {"CRC64NVME", "COMPOSITE"}, {"", "COMPOSITE"}, {"XXH3", ""}, {"CRC32", "HALF"}} {
		_, err := ask1[shape.CreateMultipartUploadOutput](h, "CreateMultipartUpload", &shape.CreateMultipartUploadRequest{Bucket: ptr("docs"), Key: ptr("k"), ChecksumAlgorithm: opt(c[0]), ChecksumType: opt(c[1])})
		refuses(t, c[0]+" "+c[1], err, "InvalidRequest", 400)
	}
}

// The combination of CRCs against the library, over random cuts.
func TestJoin(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		b := make([]byte, rnd.IntN(3000))
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		cut := rnd.IntN(len(b) + 1)
		one := func(alg string, sum func([]byte) uint64) {
			if got, want := ringOf(alg).join(sum(b[:cut]), sum(b[cut:]), int64(len(b)-cut)), sum(b); got != want {
				t.Fatalf("%s of %d+%d bytes: %x, want %x", alg, cut, len(b)-cut, got, want)
			}
		}
		one("CRC32", func(p []byte) uint64 { return uint64(crc32.ChecksumIEEE(p)) })
		one("CRC32C", func(p []byte) uint64 { return uint64(crc32.Checksum(p, crc32.MakeTable(crc32.Castagnoli))) })
		one("CRC64NVME", func(p []byte) uint64 { return crc64.Checksum(p, crc64.MakeTable(checksum.NVMe)) })
	}
}

func TestListMultipartUploads(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	count := map[string]int{"a/1": 2, "a/2": 1, "b": 3, "c/x/y": 1}
	for k, n := range count {
		for range n {
			h.begin("docs", k)
		}
	}
	for _, size := range []int64{1, 2, 3, 1000} {
		got := map[string]int{}
		in := &shape.ListMultipartUploadsRequest{Bucket: ptr("docs"), MaxUploads: &size}
		for {
			out := must[shape.ListMultipartUploadsOutput](h, "ListMultipartUploads", in)
			for _, u := range out.Uploads {
				got[*u.Key]++
			}
			if !*out.IsTruncated {
				break
			}
			in.KeyMarker, in.UploadIdMarker = out.NextKeyMarker, out.NextUploadIdMarker
		}
		if fmt.Sprint(got) != fmt.Sprint(count) {
			t.Errorf("pages of %d: %v", size, got)
		}
	}
	var seen []string
	in := &shape.ListMultipartUploadsRequest{Bucket: ptr("docs"), MaxUploads: ptr(int64(1)), Delimiter: ptr("/")}
	for {
		out := must[shape.ListMultipartUploadsOutput](h, "ListMultipartUploads", in)
		for _, u := range out.Uploads {
			seen = append(seen, *u.Key)
		}
		for _, p := range out.CommonPrefixes {
			seen = append(seen, *p.Prefix)
		}
		if !*out.IsTruncated {
			break
		}
		in.KeyMarker, in.UploadIdMarker = out.NextKeyMarker, out.NextUploadIdMarker
	}
	if fmt.Sprint(seen) != "[a/ b b b c/]" {
		t.Errorf("rolled up: %v", seen)
	}
	must[shape.DeleteBucketOutput](h, "DeleteBucket", &shape.DeleteBucketRequest{Bucket: ptr("docs")})
	if n := h.files(); n != 0 {
		t.Errorf("%d blobs", n)
	}
}

// BenchmarkSums is what each checksum of a body costs.
func BenchmarkSums(b *testing.B) {
	p := make([]byte, 1<<20)
	for _, a := range checksum.Names() {
		b.Run(a, func(b *testing.B) {
			h := checksum.New(a)
			b.SetBytes(int64(len(p)))
			for b.Loop() {
				_, _ = h.Write(p)
			}
		})
	}
}
