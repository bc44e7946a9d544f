package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
)

// onDisk reads all that lies in the blob directory.
func (h *host) onDisk() (out []byte) {
	h.t.Helper()
	err := filepath.WalkDir(filepath.Join(h.dir, "blobs", "data"), func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		out = append(out, b...)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

// row reads an object's row.
func (h *host) row(bucket, key string) (o Object) {
	h.t.Helper()
	err := h.ledger.View(context.Background(), func(v store.View) error {
		it, err := objects.List(v, store.Query{AnyScope: true, Prefix: objectID(bucket, key), Limit: 1})
		if err == nil {
			o = it[0].Value
		}
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return o
}

func (h *host) sealed(key string, body []byte, w wish) (*shape.PutObjectOutput, error) {
	h.t.Helper()
	return ask1[shape.PutObjectOutput](h, "PutObject", &shape.PutObjectRequest{Bucket: ptr("docs"), Key: &key, Body: bytes.NewReader(body),
		ServerSideEncryption: w.mode, SSEKMSKeyId: w.key, SSEKMSEncryptionContext: w.context, BucketKeyEnabled: w.bucketKey})
}

const secret = "the sentence that must not lie in clear "

// Whatever a request says or does not say, its bytes are sealed, come back whole and in ranges, and the answers name the seal.
func TestSealed(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	body := repeat(secret, 200000)
	pairs := base64.StdEncoding.EncodeToString([]byte(`{"team":"red"}`))
	object := `{"aws:s3:arn":"arn:aws:s3:::docs/`
	for _, c := range []struct {
		name           string
		w              wish
		mode, key      string
		wrote, read    string
		md5, bucketKey bool
	}{
		{name: "plain", mode: sseS3, md5: true},
		{name: "s3", w: wish{mode: ptr(sseS3)}, mode: sseS3, md5: true},
		{name: "managed", w: wish{mode: ptr(sseKMS)}, mode: sseKMS, key: "arn:aws:kms:us-east-1:111122223333:key/aws-s3",
			wrote: "GenerateDataKey " + object + `managed"}`, read: "Decrypt " + object + `managed"}`},
		{name: "id", w: wish{mode: ptr(sseKMS), key: ptr(testKey[len(testKey)-36:])}, mode: sseKMS, key: testKey,
			wrote: "GenerateDataKey " + object + `id"}`, read: "Decrypt " + object + `id"}`},
		{name: "context", w: wish{mode: ptr(sseKMS), key: ptr(testKey), context: &pairs}, mode: sseKMS, key: testKey,
			wrote: "GenerateDataKey " + object + `context","team":"red"}`, read: "Decrypt " + object + `context","team":"red"}`},
		{name: "bucketkey", w: wish{mode: ptr(sseKMS), key: ptr(testKey), bucketKey: ptr(true)}, mode: sseKMS, key: testKey, bucketKey: true,
			wrote: `GenerateDataKey {"aws:s3:arn":"arn:aws:s3:::docs"}`, read: `Decrypt {"aws:s3:arn":"arn:aws:s3:::docs"}`},
	} {
		put, err := h.sealed(c.name, body, c.w)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		asked := h.keys.take()
		get, got, err := h.get(&shape.GetObjectRequest{Bucket: ptr("docs"), Key: &c.name})
		if err != nil || !bytes.Equal(got, body) || asked != c.wrote || h.keys.take() != c.read {
			t.Errorf("%s: %d bytes, %v; asked %q", c.name, len(got), err, asked)
			continue
		}
		head := must[shape.HeadObjectOutput](h, "HeadObject", &shape.HeadObjectRequest{Bucket: ptr("docs"), Key: &c.name})
		if asked := h.keys.take(); asked != "" {
			t.Errorf("%s: HEAD asked %s", c.name, asked)
		}
		for what, s := range map[string]struct {
			mode, key *string
			bucketKey *bool
		}{"put": {put.ServerSideEncryption, put.SSEKMSKeyId, put.BucketKeyEnabled}, "get": {get.ServerSideEncryption, get.SSEKMSKeyId, get.BucketKeyEnabled},
			"head": {head.ServerSideEncryption, head.SSEKMSKeyId, head.BucketKeyEnabled}} {
			if str(s.mode) != c.mode || str(s.key) != c.key || (s.bucketKey != nil) != c.bucketKey {
				t.Errorf("%s: %s says %v %v %v", c.name, what, str(s.mode), str(s.key), s.bucketKey)
			}
		}
		if (*put.ETag == *quoted(fmt.Sprintf("%x", md5.Sum(body)))) != c.md5 || *get.ETag != *put.ETag {
			t.Errorf("%s: entity tags %s, %s", c.name, *put.ETag, *get.ETag)
		}
		for _, r := range [][2]int{{0, 1}, {65535, 65537}, {65536, 131072}, {199999, 200000}, {10, 199990}} {
			text := "bytes=" + strconv.Itoa(r[0]) + "-" + strconv.Itoa(r[1]-1)
			if _, part, err := h.get(&shape.GetObjectRequest{Bucket: ptr("docs"), Key: &c.name, Range: &text}); err != nil || !bytes.Equal(part, body[r[0]:r[1]]) {
				t.Errorf("%s %s: %d bytes, %v", c.name, text, len(part), err)
			}
		}
		h.keys.take()
		must[shape.HeadObjectOutput](h, "HeadObject", &shape.HeadObjectRequest{Bucket: ptr("docs"), Key: &c.name, ChecksumMode: ptr("ENABLED")})
		if asked := h.keys.take(); asked != c.read {
			t.Errorf("%s: HEAD with checksums asked %q", c.name, asked)
		}
	}
	if _, err := h.sealed("empty", nil, wish{mode: ptr(sseKMS)}); err != nil {
		t.Error(err)
	}
	if got, err := h.fetch("docs", "empty"); err != nil || len(got) != 0 {
		t.Errorf("empty: %d bytes, %v", len(got), err)
	}
	if bytes.Contains(h.onDisk(), []byte(secret)) {
		t.Error("bytes lie in clear")
	}
	ledger, err := os.ReadFile(filepath.Join(h.dir, "ledger.db"))
	if err != nil || bytes.Contains(ledger, []byte(secret)) {
		t.Error("the ledger has bytes of objects")
	}
}

// A multipart upload has one data key, its parts salts of their own, and every part asks as AWS says.
func TestSealedParts(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	up := must[shape.CreateMultipartUploadOutput](h, "CreateMultipartUpload", &shape.CreateMultipartUploadRequest{Bucket: ptr("docs"), Key: ptr("big"),
		ServerSideEncryption: ptr(sseKMS), SSEKMSKeyId: ptr(testKey)})
	at := ` {"aws:s3:arn":"arn:aws:s3:::docs/big"}`
	if asked := h.keys.take(); asked != "GenerateDataKey"+at || *up.ServerSideEncryption != sseKMS || *up.SSEKMSKeyId != testKey {
		t.Errorf("create: %q, %v", asked, up)
	}
	first, second := repeat(secret, minPart+7), repeat("another "+secret, 100001)
	var list []shape.CompletedPart
	for n, b := range [][]byte{first, first, second} {
		p := must[shape.UploadPartOutput](h, "UploadPart", &shape.UploadPartRequest{Bucket: ptr("docs"), Key: ptr("big"), UploadId: up.UploadId, PartNumber: ptr(int64(max(1, n))), Body: bytes.NewReader(b)})
		if asked := h.keys.take(); asked != "Decrypt"+at || *p.ServerSideEncryption != sseKMS || *p.SSEKMSKeyId != testKey {
			t.Errorf("part: %q, %v", asked, p)
		}
		if n > 0 {
			list = append(list, shape.CompletedPart{PartNumber: ptr(int64(n)), ETag: p.ETag, ChecksumCRC64NVME: p.ChecksumCRC64NVME})
		}
	}
	done := must[shape.CompleteMultipartUploadOutput](h, "CompleteMultipartUpload", &shape.CompleteMultipartUploadRequest{Bucket: ptr("docs"), Key: ptr("big"), UploadId: up.UploadId,
		MultipartUpload: &shape.CompletedMultipartUpload{Parts: list}})
	if asked := h.keys.take(); asked != "Decrypt"+at || *done.ServerSideEncryption != sseKMS { // checksums were given
		t.Errorf("complete: %q, %v", asked, done)
	}
	whole := append(bytes.Clone(first), second...)
	for _, r := range [][2]int{{0, len(whole)}, {minPart, minPart + 20}, {minPart + 7, minPart + 8}, {len(whole) - 70000, len(whole)}} {
		text := "bytes=" + strconv.Itoa(r[0]) + "-" + strconv.Itoa(r[1]-1)
		if _, got, err := h.get(&shape.GetObjectRequest{Bucket: ptr("docs"), Key: ptr("big"), Range: &text}); err != nil || !bytes.Equal(got, whole[r[0]:r[1]]) {
			t.Errorf("%s: %d bytes, %v", text, len(got), err)
		}
	}
	if _, got, err := h.get(&shape.GetObjectRequest{Bucket: ptr("docs"), Key: ptr("big"), PartNumber: ptr(int64(2))}); err != nil || !bytes.Equal(got, second) {
		t.Errorf("part 2: %d bytes, %v", len(got), err)
	}
	if bytes.Contains(h.onDisk(), []byte(secret)) {
		t.Error("parts lie in clear")
	}
}

// A blob that takes the place of another, whole as it is for the disk, is found by the seal and never served.
func TestSubstituted(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	h.put("docs", "a", repeat("mine ", 300000))
	h.put("docs", "b", repeat("other ", 300000))
	a, b := h.row("docs", "a").Blob, h.row("docs", "b").Blob
	var theirs []byte
	f, err := h.blobs.Open(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	if theirs, err = io.ReadAll(f); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	for name, content := range map[string][]byte{"another's": theirs, "short": theirs[:1000], "clear": repeat("mine ", 300000)} {
		if err := errors.Join(h.blobs.Remove(t.Context(), a), h.blobs.Write(t.Context(), a, func(w io.Writer) error { _, err := w.Write(content); return err })); err != nil {
			t.Fatal(err)
		}
		_, err := ask1[shape.GetObjectOutput](h, "GetObject", &shape.GetObjectRequest{Bucket: ptr("docs"), Key: ptr("a")})
		if fault.From(err).Kind != fault.Internal || !strings.Contains(err.Error(), "segment") {
			t.Errorf("%s bytes: %v", name, err)
		}
	}
	// A row that takes over another's seal opens nothing either.
	err = h.ledger.Update(t.Context(), func(tx store.Tx) error {
		it, err := objects.List(tx, store.Query{AnyScope: true, Prefix: objectID("docs", "b"), Limit: 1})
		if err != nil {
			return err
		}
		it[0].Value.Seal = h.row("docs", "a").Seal
		return objects.Save(tx, &it[0])
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.fetch("docs", "b"); err == nil || !strings.Contains(err.Error(), "cannot open the data key") {
		t.Errorf("another's seal: %v", err)
	}
}

// Objects of before there were seals stay readable.
func TestClearOnesStay(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	h.service.clear = true
	h.put("docs", "old", repeat(secret, 100000))
	h.upload("docs", "old-parts", repeat(secret, minPart+5))
	h.service.clear = false
	for key, n := range map[string]int{"old": 100000, "old-parts": minPart + 5} {
		out, got, err := h.get(&shape.GetObjectRequest{Bucket: ptr("docs"), Key: &key})
		if err != nil || !bytes.Equal(got, repeat(secret, n)) || out.ServerSideEncryption != nil {
			t.Errorf("%s: %d bytes, %v", key, len(got), err)
		}
	}
}

// What KMS refuses is told as S3 tells it, and stops reads at once, of objects under a bucket key too.
func TestKMSRefuses(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	for key, bucketKey := range map[string]*bool{"a": nil, "b": ptr(true)} {
		if _, err := h.sealed(key, []byte("x"), wish{mode: ptr(sseKMS), key: ptr(testKey), bucketKey: bucketKey}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		refusal error
		code    string
		status  int
	}{
		{fault.New("DisabledException", "%s is disabled.", testKey), "KMS.DisabledException", 400},
		{fault.New("KMSInvalidStateException", "%s is pending deletion.", testKey), "KMS.KMSInvalidStateException", 400},
		{fault.New("NotFoundException", "Key '%s' does not exist", testKey), "KMS.NotFoundException", 400},
		{fault.Of(fault.AccessDenied, "User: u is not authorized to perform: kms:Decrypt on resource: k"), "AccessDenied", 0},
		{fault.Of(fault.Invalid, "1 validation error detected"), "InvalidArgument", 400},
		{fault.Of(fault.Unavailable, "full"), "Unavailable", 0},
		{fault.New("InvalidCiphertextException", ""), "Internal", 0},
	} {
		h.keys.set("", c.refusal)
		for _, key := range []string{"a", "b"} {
			_, err := h.fetch("docs", key)
			if f := fault.From(err); f.Code != c.code && f.Kind.String() != c.code || f.Status != c.status {
				t.Errorf("read %s: %v, want %s", key, err, c.code)
			}
			_, err = h.sealed(key, []byte("y"), wish{mode: ptr(sseKMS), key: ptr(testKey)})
			if f := fault.From(err); f.Code != c.code && f.Kind.String() != c.code {
				t.Errorf("write %s: %v, want %s", key, err, c.code)
			}
		}
		h.keys.set("", nil)
		for _, key := range []string{"a", "b"} {
			if got, err := h.fetch("docs", key); err != nil || string(got) != "x" {
				t.Errorf("after %s: %q, %v", c.code, got, err)
			}
		}
	}
	for name, who := range map[string]*identity.Principal{"nobody": {Kind: identity.Anonymous}, "none": nil} {
		c := h.call("GetObject")
		c.Caller = who
		_, _, err := h.run(t.Context(), c, &shape.GetObjectRequest{Bucket: ptr("docs"), Key: ptr("a")})
		if f := refuses(t, name, err, "InvalidArgument", 400); !strings.Contains(f.Message, "require AWS Signature Version 4") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A bucket-level key serves one requester, bucket, key and context for a minute; KMS is asked for every read all the same.
func TestBucketKeys(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	h.bucket("more")
	write := func(bucket, access string, w wish) string {
		t.Helper()
		c := h.call("PutObject")
		c.Caller = &identity.Principal{Kind: identity.User, Account: "111122223333", ARN: "arn:aws:iam::111122223333:user/ann", ID: "AIDAANN", AccessKey: access}
		_, _, err := h.run(t.Context(), c, &shape.PutObjectRequest{Bucket: &bucket, Key: ptr("k"), Body: strings.NewReader(secret), ServerSideEncryption: ptr(sseKMS), SSEKMSKeyId: w.key, SSEKMSEncryptionContext: w.context, BucketKeyEnabled: ptr(true)})
		if err != nil {
			t.Fatal(err)
		}
		return h.keys.take()
	}
	const asked = `GenerateDataKey {"aws:s3:arn":"arn:aws:s3:::docs"}`
	same := wish{key: ptr(testKey)}
	if a, b := write("docs", "AKIA1", same), write("docs", "AKIA1", same); a != asked || b != "" {
		t.Errorf("first %q, second %q", a, b)
	}
	for i := range 2 {
		if got, err := h.fetch("docs", "k"); err != nil || string(got) != secret || h.keys.take() == "" {
			t.Errorf("read %d: %q, %v", i, got, err)
		}
	}
	for name, got := range map[string]string{"another session": write("docs", "ASIA2", same), "another key": write("docs", "AKIA1", wish{}),
		"another context": write("docs", "AKIA1", wish{key: ptr(testKey), context: ptr(base64.StdEncoding.EncodeToString([]byte(`{"a":"b"}`)))}), "another bucket": write("more", "AKIA1", same)} {
		if !strings.HasPrefix(got, "GenerateDataKey") {
			t.Errorf("%s was not asked for", name)
		}
	}
	h.clock.now = h.clock.now.Add(bucketKeyLife)
	if got := write("docs", "AKIA1", same); got != asked {
		t.Errorf("after its time: %q", got)
	}
	h.keys.set("Decrypt", fault.New("DisabledException", "off"))
	_, _ = h.fetch("docs", "k")
	h.keys.set("", nil)
	h.keys.take()
	if got := write("docs", "AKIA1", same); got != asked {
		t.Errorf("after a refusal: %q", got)
	}
	// A key that is disabled stops writers at once, though they hold a data key of it.
	h.keys.set("", fault.New("DisabledException", "%s is disabled.", testKey))
	c := h.call("PutObject")
	c.Caller = &identity.Principal{Kind: identity.User, Account: "111122223333", ARN: "arn:aws:iam::111122223333:user/ann", ID: "AIDAANN", AccessKey: "AKIA1"}
	_, _, err := h.run(t.Context(), c, &shape.PutObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), Body: strings.NewReader(secret), ServerSideEncryption: ptr(sseKMS), SSEKMSKeyId: ptr(testKey), BucketKeyEnabled: ptr(true)})
	refuses(t, "a writer under a disabled key", err, "KMS.DisabledException", 400)
}

// What a request may say of encryption, and what S3 says to the rest.
func TestWishes(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	b64 := func(s string) *string { return ptr(base64.StdEncoding.EncodeToString([]byte(s))) }
	for _, c := range []struct {
		name string
		w    wish
		code string
	}{
		{"unknown mode", wish{mode: ptr("AES512")}, "InvalidArgument"},
		{"dual layer", wish{mode: ptr(sseDSSE)}, "NotHonoured"},
		{"key without a mode", wish{key: ptr(testKey)}, "InvalidArgument"},
		{"key with AES256", wish{mode: ptr(sseS3), key: ptr(testKey)}, "InvalidArgument"},
		{"context with AES256", wish{mode: ptr(sseS3), context: b64(`{"a":"b"}`)}, "InvalidArgument"},
		{"context that is no base64", wish{mode: ptr(sseKMS), context: ptr("{}")}, "InvalidArgument"},
		{"context that is no map", wish{mode: ptr(sseKMS), context: b64(`["a"]`)}, "InvalidArgument"},
		{"context of nothing", wish{mode: ptr(sseKMS), context: b64(`null`)}, "InvalidArgument"},
		{"context with numbers", wish{mode: ptr(sseKMS), context: b64(`{"a":1}`)}, "InvalidArgument"},
		{"context of another object", wish{mode: ptr(sseKMS), context: b64(`{"aws:s3:arn":"arn:aws:s3:::docs/other"}`)}, "InvalidArgument"},
		{"key that is not there", wish{mode: ptr(sseKMS), key: ptr("nobody")}, "KMS.NotFoundException"},
	} {
		_, err := h.sealed("k", []byte("x"), c.w)
		if f := fault.From(err); f.Code != c.code && f.Kind.String() != c.code {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	_, err := ask1[shape.PutObjectOutput](h, "PutObject", &shape.PutObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), SSECustomerAlgorithm: ptr("AES256")})
	refuses(t, "SSE-C", err, "AccessDenied", 0)
	if n := h.files(); n != 0 {
		t.Errorf("%d blobs of refused requests", n)
	}
	_, qs, _ := h.run(t.Context(), h.call("PutObject"), &shape.PutObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), ServerSideEncryption: ptr(sseKMS), SSEKMSKeyId: ptr("k-1"), SSECustomerAlgorithm: ptr("AES256")})
	k := qs[0].Keys
	if k["s3:x-amz-server-side-encryption"][0] != sseKMS || k["s3:x-amz-server-side-encryption-aws-kms-key-id"][0] != "arn:aws:kms:us-east-1:111122223333:key/k-1" ||
		k["s3:x-amz-server-side-encryption-customer-algorithm"][0] != "AES256" {
		t.Errorf("keys %v", k)
	}
}

// A bucket's default encryption holds for what does not say otherwise; without one it is AES256.
func TestDefaultEncryption(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	get := func() *shape.ServerSideEncryptionRule {
		out := must[shape.GetBucketEncryptionOutput](h, "GetBucketEncryption", &shape.GetBucketEncryptionRequest{Bucket: ptr("docs")})
		return &out.ServerSideEncryptionConfiguration.Rules[0]
	}
	set := func(r ...shape.ServerSideEncryptionRule) error {
		_, err := ask1[shape.PutBucketEncryptionOutput](h, "PutBucketEncryption", &shape.PutBucketEncryptionRequest{Bucket: ptr("docs"), ServerSideEncryptionConfiguration: &shape.ServerSideEncryptionConfiguration{Rules: r}})
		return err
	}
	rule := func(mode string, key *string) shape.ServerSideEncryptionRule {
		return shape.ServerSideEncryptionRule{ApplyServerSideEncryptionByDefault: &shape.ServerSideEncryptionByDefault{SSEAlgorithm: &mode, KMSMasterKeyID: key}}
	}
	if r := get(); *r.ApplyServerSideEncryptionByDefault.SSEAlgorithm != sseS3 || *r.BucketKeyEnabled {
		t.Errorf("a new bucket has %+v", r)
	}
	kms := rule(sseKMS, ptr(testKey))
	kms.BucketKeyEnabled = ptr(true)
	if err := set(kms); err != nil {
		t.Fatal(err)
	}
	if r := get(); *r.ApplyServerSideEncryptionByDefault.KMSMasterKeyID != testKey || !*r.BucketKeyEnabled {
		t.Errorf("it has %+v", r)
	}
	for name, c := range map[string]struct {
		w         wish
		mode, key string
		bucketKey bool
	}{
		"nothing":          {wish{}, sseKMS, testKey, true},
		"aes":              {wish{mode: ptr(sseS3)}, sseS3, "", false},
		"kms without key":  {wish{mode: ptr(sseKMS)}, sseKMS, "arn:aws:kms:us-east-1:111122223333:key/aws-s3", true},
		"no bucket key":    {wish{bucketKey: ptr(false)}, sseKMS, testKey, false},
		"kms, bucket key-": {wish{mode: ptr(sseKMS), key: ptr(testKey), bucketKey: ptr(false)}, sseKMS, testKey, false},
	} {
		out, err := h.sealed("k", []byte("x"), c.w)
		if err != nil || *out.ServerSideEncryption != c.mode || str(out.SSEKMSKeyId) != c.key || (out.BucketKeyEnabled != nil) != c.bucketKey {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
	}
	for name, c := range map[string]struct {
		code string
		r    []shape.ServerSideEncryptionRule
	}{
		"no rule": {"MalformedXML", nil}, "two": {"MalformedXML", []shape.ServerSideEncryptionRule{kms, kms}}, "empty": {"MalformedXML", []shape.ServerSideEncryptionRule{{}}},
		"unknown": {"MalformedXML", []shape.ServerSideEncryptionRule{rule("rot13", nil)}}, "aes with a key": {"InvalidArgument", []shape.ServerSideEncryptionRule{rule(sseS3, ptr(testKey))}},
	} {
		refuses(t, name, set(c.r...), c.code, 400)
	}
	open := rule(sseS3, nil)
	open.BlockedEncryptionTypes = &shape.BlockedEncryptionTypes{EncryptionType: []string{"NONE"}}
	refuses(t, "SSE-C", set(open), "NotHonoured", 0)
	must[shape.DeleteBucketEncryptionOutput](h, "DeleteBucketEncryption", &shape.DeleteBucketEncryptionRequest{Bucket: ptr("docs")})
	if r := get(); *r.ApplyServerSideEncryptionByDefault.SSEAlgorithm != sseS3 {
		t.Errorf("after deletion %+v", r)
	}
}

// A body that breaks off or is not what was claimed leaves nothing that opens, under KMS too.
func TestBrokenBodies(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	for name, in := range map[string]*shape.PutObjectRequest{
		"broken off": {Body: io.MultiReader(bytes.NewReader(repeat("x", 130000)), failing{})},
		"too short":  {Body: bytes.NewReader(repeat("x", 10)), ContentLength: ptr(int64(11))},
		"another":    {Body: bytes.NewReader(repeat("x", 10)), ChecksumCRC32: ptr("AAAAAA==")},
		"other md5":  {Body: bytes.NewReader(repeat("x", 10)), ContentMD5: ptr("AAAAAAAAAAAAAAAAAAAAAA==")},
	} {
		in.Bucket, in.Key, in.ServerSideEncryption = ptr("docs"), ptr("k"), ptr(sseKMS)
		if _, err := ask1[shape.PutObjectOutput](h, "PutObject", in); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if n := h.files(); n != 0 {
		t.Errorf("%d blobs are left", n)
	}
}

func BenchmarkPut8MiB(b *testing.B) { benchmark(b, http.MethodPut) }

func BenchmarkGet8MiB(b *testing.B) { benchmark(b, http.MethodGet) }

// benchmark compares bytes in clear, under the root of trust and under a KMS key in one run, over a connection as a client has it.
// What KMS itself takes is not in it.
func benchmark(b *testing.B, method string) {
	body := repeat("0123456789abcdef", 8<<20)
	for _, mode := range []string{"clear", sseS3, sseKMS} {
		b.Run(strings.ReplaceAll(mode, ":", "-"), func(b *testing.B) {
			h := start(b)
			h.bucket("docs")
			w := wish{mode: ptr(mode)}
			if h.service.clear = mode == "clear"; h.service.clear {
				w = wish{}
			}
			if _, err := h.sealed("k", body, w); err != nil {
				b.Fatal(err)
			}
			s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPut {
					if _, err := ask1[shape.PutObjectOutput](h, "PutObject", &shape.PutObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), Body: r.Body, ServerSideEncryption: w.mode}); err != nil {
						http.Error(rw, err.Error(), 500)
					}
					return
				}
				out, err := ask1[shape.GetObjectOutput](h, "GetObject", &shape.GetObjectRequest{Bucket: ptr("docs"), Key: ptr("k")})
				if err != nil {
					http.Error(rw, err.Error(), 500)
					return
				}
				rw.Header().Set("Content-Length", strconv.Itoa(len(body)))
				_, _ = io.Copy(rw, out.Body)
				_ = out.Body.Close()
			}))
			defer s.Close()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				req, err := http.NewRequestWithContext(b.Context(), method, s.URL, nil)
				if err != nil {
					b.Fatal(err)
				}
				if method == http.MethodPut {
					req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
				}
				res, err := s.Client().Do(req)
				if err != nil {
					b.Fatal(err)
				}
				n, err := io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
				if err != nil || res.StatusCode != 200 || method == http.MethodGet && n != int64(len(body)) {
					b.Fatal(res.Status, n, err)
				}
			}
		})
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
