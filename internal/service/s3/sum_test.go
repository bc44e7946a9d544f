package s3

import (
	"strings"
	"testing"

	"cloister/internal/core/checksum"
	shape "cloister/internal/shape/s3"
)

// An upload of checksums of the parts' checksums, in each algorithm: what it wants of each part and of the whole. Source: S3 User Guide,
// "Checking object integrity", composite checksums; S3 API Reference, CompleteMultipartUpload.
func TestCompositeSums(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	for _, alg := range checksum.Names() {
		up, err := ask1[shape.CreateMultipartUploadOutput](h, "CreateMultipartUpload", &shape.CreateMultipartUploadRequest{Bucket: ptr("docs"), Key: &alg, ChecksumAlgorithm: &alg, ChecksumType: ptr(composite)})
		if alg == standing {
			refuses(t, alg, err, "InvalidRequest", 400)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		part := func(n int64, body string, with *string) (*shape.UploadPartOutput, error) {
			return ask1[shape.UploadPartOutput](h, "UploadPart", &shape.UploadPartRequest{Bucket: ptr("docs"), Key: &alg, UploadId: up.UploadId, PartNumber: &n, Body: strings.NewReader(body), ChecksumAlgorithm: with})
		}
		_, err = part(1, "x", nil)
		if f := refuses(t, alg+" without its sum", err, "InvalidRequest", 400); !strings.HasSuffix(f.Message, "expected checksum Type: "+strings.ToLower(alg)+", actual checksum Type: null") {
			t.Error(f)
		}
		out, err := part(1, "x", &alg)
		if err != nil {
			t.Fatal(err)
		}
		own := sumsOf(out)[0].value
		complete := func(part string, of string, whole string) error {
			done := &shape.CompleteMultipartUploadRequest{Bucket: ptr("docs"), Key: &alg, UploadId: up.UploadId}
			p := shape.CompletedPart{PartNumber: ptr(int64(1)), ETag: out.ETag}
			Sum{Algorithm: of, Value: part}.place(&p)
			done.MultipartUpload = &shape.CompletedMultipartUpload{Parts: []shape.CompletedPart{p}}
			Sum{Algorithm: alg, Value: whole}.place(done)
			_, err := ask1[shape.CompleteMultipartUploadOutput](h, "CompleteMultipartUpload", done)
			return err
		}
		other, foreign := "SHA1", "98O8HYCOBHMq32eZZczDTKeuNEE="
		if alg == other {
			other, foreign = "CRC32", "y/Q5Jg=="
		}
		for _, c := range []struct {
			what, part, of, whole, code string
		}{
			{"no sum of the part", "", alg, "", "InvalidRequest"},
			{"no base64", "zz!", alg, "", "InvalidArgument"},
			{"another kind of sum", foreign, other, "", "BadDigest"},
			{"a wrong whole", own, alg, own + "-2", "BadDigest"},
			{"a count that is none", own, alg, own + "-two", "InvalidRequest"},
			{"a whole that is no sum", own, alg, "zz", "InvalidRequest"},
		} {
			refuses(t, alg+", "+c.what, complete(c.part, c.of, c.whole), c.code, 400)
		}
		if err := complete(own, alg, ""); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
	}
}

// An upload that was begun without an algorithm has CRC64NVME of the whole, whatever its parts came with (S3 API Reference,
// CompleteMultipartUpload, ChecksumCRC64NVME), and a part of it is not told by another's sum.
func TestStandingSum(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	id := h.begin("docs", "k")
	a, b := repeat("a", minPart), []byte("end")
	var ps []shape.CompletedPart
	for i, x := range []struct {
		body []byte
		with *string
	}{{a, ptr("CRC32")}, {b, nil}} {
		out := must[shape.UploadPartOutput](h, "UploadPart", &shape.UploadPartRequest{Bucket: ptr("docs"), Key: ptr("k"), UploadId: &id, PartNumber: ptr(int64(i + 1)), Body: strings.NewReader(string(x.body)), ChecksumAlgorithm: x.with})
		ps = append(ps, shape.CompletedPart{PartNumber: ptr(int64(i + 1)), ETag: out.ETag})
	}
	out, err := h.finish("docs", "k", id, ps...)
	if err != nil {
		t.Fatal(err)
	}
	whole := must[shape.PutObjectOutput](h, "PutObject", &shape.PutObjectRequest{Bucket: ptr("docs"), Key: ptr("whole"), Body: strings.NewReader(string(a) + string(b))})
	if str(out.ChecksumCRC64NVME) != *whole.ChecksumCRC64NVME || str(out.ChecksumType) != fullObject {
		t.Errorf("%v %v, want %s", str(out.ChecksumCRC64NVME), str(out.ChecksumType), *whole.ChecksumCRC64NVME)
	}
	get, _, err := h.get(&shape.GetObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), PartNumber: ptr(int64(1)), ChecksumMode: ptr("ENABLED")})
	if err != nil || len(sumsOf(get)) != 0 {
		t.Errorf("the part answers %v, %v", sumsOf(get), err)
	}
}

// Tags of a bucket from its beginning, a redirect that stays with its object, and conditions that exclude each other.
func TestBroughtAlong(t *testing.T) {
	h := start(t)
	create := func(name string, tags ...shape.Tag) error {
		_, err := ask1[shape.CreateBucketOutput](h, "CreateBucket", &shape.CreateBucketRequest{Bucket: &name, CreateBucketConfiguration: &shape.CreateBucketConfiguration{Tags: tags}})
		return err
	}
	refuses(t, "a letter that no tag has", create("docs", shape.Tag{Key: ptr("a*"), Value: ptr("1")}), "InvalidTag", 400)
	refuses(t, "a key twice", create("docs", shape.Tag{Key: ptr("a")}, shape.Tag{Key: ptr("a")}), "InvalidTag", 400)
	refuses(t, "too many", create("docs", make([]shape.Tag, 51)...), "BadRequest", 400)
	if err := create("docs", shape.Tag{Key: ptr("team"), Value: ptr("blue")}); err != nil {
		t.Fatal(err)
	}
	if got := must[shape.GetBucketTaggingOutput](h, "GetBucketTagging", &shape.GetBucketTaggingRequest{Bucket: ptr("docs")}); len(got.TagSet) != 1 || *got.TagSet[0].Value != "blue" {
		t.Errorf("%+v", got.TagSet)
	}
	put := func(to *string) error {
		_, err := ask1[shape.PutObjectOutput](h, "PutObject", &shape.PutObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), Body: strings.NewReader("x"), WebsiteRedirectLocation: to})
		return err
	}
	refuses(t, "a redirect to nowhere", put(ptr("elsewhere")), "InvalidRedirectLocation", 400)
	if err := put(ptr("/there")); err != nil {
		t.Fatal(err)
	}
	must[shape.CopyObjectOutput](h, "CopyObject", &shape.CopyObjectRequest{Bucket: ptr("docs"), Key: ptr("copy"), CopySource: ptr("docs/k")})
	for key, want := range map[string]string{"k": "/there", "copy": ""} { // S3 API Reference, CopyObject, x-amz-website-redirect-location
		if got := must[shape.HeadObjectOutput](h, "HeadObject", &shape.HeadObjectRequest{Bucket: ptr("docs"), Key: &key}); str(got.WebsiteRedirectLocation) != want {
			t.Errorf("%s leads to %q", key, str(got.WebsiteRedirectLocation))
		}
	}
	_, err := ask1[shape.PutObjectOutput](h, "PutObject", &shape.PutObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), Body: strings.NewReader("x"), IfMatch: ptr("*"), IfNoneMatch: ptr("*")})
	refuses(t, "both conditions", err, "NotImplemented", 501)
}
