package s3

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/s3"
)

func (h *host) copy(in *shape.CopyObjectRequest) (*shape.CopyObjectOutput, error) {
	h.t.Helper()
	return ask1[shape.CopyObjectOutput](h, "CopyObject", in)
}

// A copy has the bytes, the metadata that the directive says, and a seal of its own; the source is opened as a reader's, the copy sealed
// as a writer's.
func TestCopy(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	h.bucket("more")
	body := repeat(secret, 150000)
	must[shape.PutObjectOutput](h, "PutObject", &shape.PutObjectRequest{Bucket: ptr("docs"), Key: ptr("a b"), Body: bytes.NewReader(body), ContentType: ptr("text/plain"),
		Metadata: map[string]string{"who": "ann"}, ChecksumAlgorithm: ptr("CRC32C"), ServerSideEncryption: ptr(sseKMS), SSEKMSKeyId: ptr(testKey)})
	h.upload("docs", "parts", repeat("x", minPart), body)
	h.keys.take()
	for _, c := range []struct {
		name, source      string
		in                shape.CopyObjectRequest
		mode, asked       string
		contentType, meta string
		sum               string
		want              []byte
	}{
		{name: "plain", source: "docs/a%20b", mode: sseS3, asked: `Decrypt {"aws:s3:arn":"arn:aws:s3:::docs/a b"}`, contentType: "text/plain", meta: "ann", sum: "CRC32C", want: body},
		{name: "slash", source: "/docs/a%20b", in: shape.CopyObjectRequest{Metadata: map[string]string{"who": "ignored"}}, mode: sseS3, asked: `Decrypt {"aws:s3:arn":"arn:aws:s3:::docs/a b"}`,
			contentType: "text/plain", meta: "ann", sum: "CRC32C", want: body},
		{name: "replace", source: "docs/a%20b", in: shape.CopyObjectRequest{MetadataDirective: ptr("REPLACE"), Metadata: map[string]string{"who": "bob"}, ChecksumAlgorithm: ptr("SHA256")}, mode: sseS3,
			asked: `Decrypt {"aws:s3:arn":"arn:aws:s3:::docs/a b"}`, contentType: "binary/octet-stream", meta: "bob", sum: "SHA256", want: body},
		{name: "kms to kms", source: "docs/a%20b", in: shape.CopyObjectRequest{ServerSideEncryption: ptr(sseKMS)}, mode: sseKMS,
			asked:       `Decrypt {"aws:s3:arn":"arn:aws:s3:::docs/a b"} GenerateDataKey {"aws:s3:arn":"arn:aws:s3:::more/kms to kms"}`,
			contentType: "text/plain", meta: "ann", sum: "CRC32C", want: body},
		{name: "of parts", source: "docs/parts", mode: sseS3, contentType: "binary/octet-stream", sum: standing, want: append(repeat("x", minPart), body...)},
	} {
		c.in.Bucket, c.in.Key, c.in.CopySource = ptr("more"), &c.name, &c.source
		out, err := h.copy(&c.in)
		if asked := h.keys.take(); err != nil || asked != c.asked {
			t.Errorf("%s: %v, asked %q", c.name, err, asked)
			continue
		}
		get, got, err := h.get(&shape.GetObjectRequest{Bucket: ptr("more"), Key: &c.name, ChecksumMode: ptr("ENABLED")})
		if err != nil || !bytes.Equal(got, c.want) || *get.ETag != *out.CopyObjectResult.ETag || str(get.ContentType) != c.contentType || get.Metadata["who"] != c.meta ||
			*get.ServerSideEncryption != c.mode || *out.ServerSideEncryption != c.mode || *get.ChecksumType != fullObject || get.PartsCount != nil {
			t.Errorf("%s: %d bytes, %v, %+v", c.name, len(got), err, get)
		}
		if o := h.row("more", c.name); o.Sum.Algorithm != c.sum || o.Parts != 0 {
			t.Errorf("%s: %+v", c.name, o)
		}
		h.keys.take()
	}
}

// What a copy may not be, and what is demanded of its source.
func TestCopyRefused(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	put := h.put("docs", "a", []byte("bytes"))
	later, sooner := h.clock.now.Add(time.Hour), h.clock.now.Add(-time.Hour)
	for _, c := range []struct {
		name   string
		in     shape.CopyObjectRequest
		code   string
		status int
	}{
		{"onto itself", shape.CopyObjectRequest{Key: ptr("a")}, "InvalidRequest", 400},
		{"onto itself, metadata", shape.CopyObjectRequest{Key: ptr("a"), MetadataDirective: ptr("REPLACE")}, "", 0},
		{"onto itself, encryption", shape.CopyObjectRequest{Key: ptr("a"), ServerSideEncryption: ptr(sseKMS)}, "", 0},
		{"directive", shape.CopyObjectRequest{MetadataDirective: ptr("KEEP")}, "InvalidArgument", 400},
		{"algorithm", shape.CopyObjectRequest{ChecksumAlgorithm: ptr("MD4")}, "InvalidRequest", 400},
		{"SSE-C", shape.CopyObjectRequest{SSECustomerAlgorithm: ptr("AES256")}, "AccessDenied", 0},
		{"no source", shape.CopyObjectRequest{CopySource: ptr("docs/none")}, "NoSuchKey", 404},
		{"no source bucket", shape.CopyObjectRequest{CopySource: ptr("nowhere/a")}, "NoSuchBucket", 404},
		{"no version", shape.CopyObjectRequest{CopySource: ptr("docs/a?versionId=" + string(repeat("A", 32)))}, "NoSuchVersion", 404},
		{"other owner", shape.CopyObjectRequest{ExpectedSourceBucketOwner: ptr("999900001111")}, "AccessDenied", 0},
		{"if match", shape.CopyObjectRequest{CopySourceIfMatch: ptr("other")}, "PreconditionFailed", 412},
		{"if none match", shape.CopyObjectRequest{CopySourceIfNoneMatch: put.ETag}, "PreconditionFailed", 412},
		{"if modified", shape.CopyObjectRequest{CopySourceIfModifiedSince: &later}, "PreconditionFailed", 412},
		{"if unmodified", shape.CopyObjectRequest{CopySourceIfUnmodifiedSince: &sooner}, "PreconditionFailed", 412},
		{"destination exists", shape.CopyObjectRequest{Key: ptr("b"), IfNoneMatch: ptr("*")}, "", 0},
		{"destination exists still", shape.CopyObjectRequest{Key: ptr("b"), IfNoneMatch: ptr("*")}, "PreconditionFailed", 412},
	} {
		c.in.Bucket = ptr("docs")
		if c.in.Key == nil {
			c.in.Key = ptr("k")
		}
		if c.in.CopySource == nil {
			c.in.CopySource = ptr("docs/a")
		}
		put.ETag = quoted(h.row("docs", "a").ETag)
		if c.name == "if none match" {
			c.in.CopySourceIfNoneMatch = put.ETag
		}
		_, err := h.copy(&c.in)
		if c.code == "" && err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if c.code != "" {
			refuses(t, c.name, err, c.code, c.status)
		}
	}
	if got, err := h.fetch("docs", "a"); err != nil || string(got) != "bytes" {
		t.Errorf("%q, %v", got, err)
	}
	if n := h.files(); n != 2 {
		t.Errorf("%d blobs, want those of a and b", n)
	}
	// KMS refuses the reader, or the writer: nothing is made.
	if _, err := h.sealed("secret", []byte("x"), wish{mode: ptr(sseKMS), key: ptr(testKey)}); err != nil {
		t.Fatal(err)
	}
	for operation, in := range map[string]*shape.CopyObjectRequest{"Decrypt": {CopySource: ptr("docs/secret")}, "GenerateDataKey": {CopySource: ptr("docs/a"), ServerSideEncryption: ptr(sseKMS)}} {
		h.keys.set(operation, fault.New("DisabledException", "off"))
		in.Bucket, in.Key = ptr("docs"), ptr("refused")
		if operation == "GenerateDataKey" { // the source must be readable
			in.CopySource = ptr("docs/b")
		}
		_, err := h.copy(in)
		refuses(t, operation, err, "KMS.DisabledException", 400)
	}
	h.keys.set("", nil)
	if _, err := h.fetch("docs", "refused"); err == nil {
		t.Error("a refused copy is there")
	}
	// A source that is damaged is our fault, not the client's body.
	h.put("docs", "torn", repeat("y", 300000))
	_ = h.blobs.Remove(t.Context(), h.row("docs", "torn").Blob)
	_, err := h.copy(&shape.CopyObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), CopySource: ptr("docs/torn")})
	if fault.From(err).Kind != fault.Internal {
		t.Errorf("a torn source: %v", err)
	}
}

// An older version becomes the newest by a copy, in a bucket with versions.
func TestCopyVersions(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	must[shape.PutBucketVersioningOutput](h, "PutBucketVersioning", &shape.PutBucketVersioningRequest{Bucket: ptr("docs"), VersioningConfiguration: &shape.VersioningConfiguration{Status: ptr(enabled)}})
	first := h.put("docs", "k", []byte("first"))
	second := h.put("docs", "k", []byte("second"))
	out, err := h.copy(&shape.CopyObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), CopySource: ptr("docs/k?versionId=" + *first.VersionId)})
	if err != nil || *out.CopySourceVersionId != *first.VersionId || *out.VersionId == *first.VersionId || *out.VersionId == *second.VersionId {
		t.Fatalf("%+v, %v", out, err)
	}
	if got, err := h.fetch("docs", "k"); err != nil || string(got) != "first" {
		t.Errorf("%q, %v", got, err)
	}
	_, err = h.copy(&shape.CopyObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), CopySource: ptr("docs/k?versionId=" + *out.VersionId)})
	refuses(t, "the newest onto itself", err, "InvalidRequest", 400)
	gone := must[shape.DeleteObjectOutput](h, "DeleteObject", &shape.DeleteObjectRequest{Bucket: ptr("docs"), Key: ptr("k")})
	_, err = h.copy(&shape.CopyObjectRequest{Bucket: ptr("docs"), Key: ptr("k2"), CopySource: ptr("docs/k?versionId=" + *gone.VersionId)})
	refuses(t, "a delete marker", err, "InvalidRequest", 400)
	_, err = h.copy(&shape.CopyObjectRequest{Bucket: ptr("docs"), Key: ptr("k2"), CopySource: ptr("docs/k")})
	refuses(t, "a deleted object", err, "NoSuchKey", 404)
}

// Parts are copied whole and in ranges.
func TestCopyParts(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	body := append(repeat("0123456789", minPart), repeat("abc", 100000)...)
	if _, err := h.sealed("from", body, wish{mode: ptr(sseKMS), key: ptr(testKey)}); err != nil {
		t.Fatal(err)
	}
	h.keys.take()
	id := h.begin("docs", "big")
	part := func(n int64, r *string) (*shape.UploadPartCopyOutput, error) {
		return ask1[shape.UploadPartCopyOutput](h, "UploadPartCopy", &shape.UploadPartCopyRequest{Bucket: ptr("docs"), Key: ptr("big"), UploadId: &id, PartNumber: &n, CopySource: ptr("docs/from"), CopySourceRange: r})
	}
	for _, r := range []string{"bytes=0-5542880", "bytes=5-4", "bytes=1-", "bytes=-5", "byte=0-1", "bytes=0-1,3-4", "bytes=a-b", "bytes=0-99999999999999999999"} {
		_, err := part(1, &r)
		refuses(t, r, err, "InvalidArgument", 400)
	}
	_, err := part(0, nil)
	refuses(t, "number", err, "InvalidArgument", 400)
	one, err := part(1, nil)
	two, err2 := part(2, ptr("bytes=65530-70000"))
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	if asked := h.keys.take(); asked != `Decrypt {"aws:s3:arn":"arn:aws:s3:::docs/from"} Decrypt {"aws:s3:arn":"arn:aws:s3:::docs/from"}` {
		t.Errorf("asked %s", asked)
	}
	done, err := h.finish("docs", "big", id, shape.CompletedPart{PartNumber: ptr(int64(1)), ETag: one.CopyPartResult.ETag}, shape.CompletedPart{PartNumber: ptr(int64(2)), ETag: two.CopyPartResult.ETag})
	if err != nil || *done.ServerSideEncryption != sseS3 {
		t.Fatal(done, err)
	}
	if got, err := h.fetch("docs", "big"); err != nil || !bytes.Equal(got, append(bytes.Clone(body), body[65530:70001]...)) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// A copy asks about both objects.
func TestCopyAsks(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	h.put("docs", "a", []byte("x"))
	var qs []api.Question
	_, qs, err := h.run(t.Context(), h.call("CopyObject"), &shape.CopyObjectRequest{Bucket: ptr("docs"), Key: ptr("b"), CopySource: ptr("docs/a"), ServerSideEncryption: ptr(sseKMS), SSEKMSKeyId: ptr(testKey)})
	if err != nil || len(qs) != 2 || qs[0].Action != "s3:PutObject" || qs[1].Action != "s3:GetObject" || qs[1].Resource != "arn:aws:s3:::docs/a" ||
		qs[0].Keys["s3:x-amz-server-side-encryption"][0] != sseKMS || qs[0].Keys["s3:x-amz-server-side-encryption-aws-kms-key-id"][0] != testKey {
		t.Errorf("%+v, %v", qs, err)
	}
}

// Tags come along, or are replaced; what reads and writes them is asked for.
func TestCopyTags(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	must[shape.PutObjectOutput](h, "PutObject", &shape.PutObjectRequest{Bucket: ptr("docs"), Key: ptr("a"), Body: bytes.NewReader(nil), Tagging: ptr("team=red")})
	for _, c := range []struct {
		directive, tagging *string
		want, asked        string
	}{
		{nil, nil, "red", "s3:PutObject s3:GetObject s3:GetObjectTagging s3:PutObjectTagging"},
		{ptr("COPY"), nil, "red", "s3:PutObject s3:GetObject s3:GetObjectTagging s3:PutObjectTagging"},
		{ptr("REPLACE"), ptr("team=blue"), "blue", "s3:PutObject s3:GetObject s3:PutObjectTagging"},
		{ptr("REPLACE"), nil, "", "s3:PutObject s3:GetObject"},
	} {
		_, qs, err := h.run(t.Context(), h.call("CopyObject"), &shape.CopyObjectRequest{Bucket: ptr("docs"), Key: ptr("b"), CopySource: ptr("docs/a"), TaggingDirective: c.directive, Tagging: c.tagging})
		var asked []string
		for _, q := range qs {
			asked = append(asked, q.Action)
		}
		slices.Sort(asked)
		want := strings.Fields(c.asked)
		slices.Sort(want)
		if got := h.row("docs", "b").Tags["team"]; err != nil || got != c.want || !slices.Equal(asked, want) {
			t.Errorf("%v %v: %q, %v; asked %v", str(c.directive), str(c.tagging), got, err, asked)
		}
	}
	_, err := h.copy(&shape.CopyObjectRequest{Bucket: ptr("docs"), Key: ptr("b"), CopySource: ptr("docs/a"), TaggingDirective: ptr("KEEP")})
	refuses(t, "directive", err, "InvalidArgument", 400)
	for _, source := range []string{"docs", "docs/", "docs/%ZZ", "192.168.1.1/a", "/", "docs/a?version=1"} {
		_, err := h.copy(&shape.CopyObjectRequest{Bucket: ptr("docs"), Key: ptr("b"), CopySource: &source})
		refuses(t, source, err, "InvalidArgument", 400)
	}
}
