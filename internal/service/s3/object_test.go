package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/checksum"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
)

func TestPutGetHeadDelete(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	for _, n := range []int{0, 1, 70000, 600000} {
		body := repeat("Guten Tag, Welt. ", n)
		in := &shape.PutObjectRequest{Bucket: ptr("docs"), Key: ptr("a/b c+ü"), Body: bytes.NewReader(body), ContentLength: ptr(int64(n)), ContentType: ptr("text/plain"),
			CacheControl: ptr("no-store"), ContentEncoding: ptr("aws-chunked,gzip"), ContentLanguage: ptr("de"), ContentDisposition: ptr("inline"), Expires: ptr("never"),
			Metadata: map[string]string{"Source": "Unit Test"}}
		put := must[shape.PutObjectOutput](h, "PutObject", in)
		sum := md5.Sum(body)
		if want := fmt.Sprintf("%q", fmt.Sprintf("%x", sum)); *put.ETag != want {
			t.Errorf("ETag %s, want %s", *put.ETag, want)
		}
		out, got, err := h.get(&shape.GetObjectRequest{Bucket: ptr("docs"), Key: ptr("a/b c+ü"), ChecksumMode: ptr("ENABLED")})
		if err != nil || !bytes.Equal(got, body) {
			t.Fatalf("%d bytes: got %d, %v", n, len(got), err)
		}
		if *out.ContentLength != int64(n) || *out.ContentType != "text/plain" || *out.ContentEncoding != "gzip" || *out.ContentLanguage != "de" || *out.Expires != "never" ||
			*out.ContentDisposition != "inline" || *out.CacheControl != "no-store" || out.Metadata["source"] != "Unit Test" || *out.ChecksumCRC64NVME != *put.ChecksumCRC64NVME {
			t.Errorf("headers came back otherwise: %+v", out)
		}
		if !out.LastModified.Equal(h.clock.Now().Truncate(time.Second)) {
			t.Errorf("Last-Modified %v", out.LastModified)
		}
		head := must[shape.HeadObjectOutput](h, "HeadObject", &shape.HeadObjectRequest{Bucket: ptr("docs"), Key: ptr("a/b c+ü")})
		if *head.ETag != *put.ETag || *head.ContentLength != int64(n) || head.ChecksumCRC64NVME != nil {
			t.Errorf("head: %+v", head)
		}
	}
	if n := h.files(); n != 1 {
		t.Errorf("%d blobs after four writes of one key", n)
	}
	for range 2 {
		must[shape.DeleteObjectOutput](h, "DeleteObject", &shape.DeleteObjectRequest{Bucket: ptr("docs"), Key: ptr("a/b c+ü")})
	}
	if _, err := h.fetch("docs", "a/b c+ü"); !fault.Is(err, "NoSuchKey") {
		t.Errorf("deleted: %v", err)
	}
	if n := h.files(); n != 0 {
		t.Errorf("%d blobs are left", n)
	}
}

func TestEventInTheSameTransaction(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	h.put("docs", "k", []byte("x"))
	err := h.ledger.View(t.Context(), func(v store.View) error {
		ev, err := v.Trail(store.TrailQuery{Name: "PutObject"})
		if len(ev) != 1 || !slices.Equal(ev[0].Resources, []string{"arn:aws:s3:::docs/k"}) {
			t.Errorf("events: %+v", ev)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A body that is not what was claimed leaves what was there, and no bytes of its own.
func TestBrokenPut(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	h.put("docs", "k", []byte("before"))
	other := md5.Sum([]byte("other"))
	sum := sha256.Sum256([]byte("other"))
	tampered := fault.Of(fault.BodyMismatch, "the signed hash differs")
	cases := []struct {
		name   string
		change func(*shape.PutObjectRequest)
		code   string
		status int
	}{
		{"md5", func(in *shape.PutObjectRequest) { in.ContentMD5 = ptr(base64.StdEncoding.EncodeToString(other[:])) }, "BadDigest", 400},
		{"malformed md5", func(in *shape.PutObjectRequest) { in.ContentMD5 = ptr("c2hvcnQ=") }, "InvalidDigest", 400},
		{"sha256", func(in *shape.PutObjectRequest) { in.ChecksumSHA256 = ptr(base64.StdEncoding.EncodeToString(sum[:])) }, "BadDigest", 400},
		{"malformed crc32", func(in *shape.PutObjectRequest) { in.ChecksumCRC32 = ptr("AAA=") }, "InvalidRequest", 400},
		{"two checksums", func(in *shape.PutObjectRequest) {
			in.ChecksumCRC32, in.ChecksumCRC32C = ptr("AAAAAA=="), ptr("AAAAAA==")
		}, "InvalidRequest", 400},
		{"too short", func(in *shape.PutObjectRequest) { in.ContentLength = ptr(int64(100)) }, "IncompleteBody", 400},
		{"too large", func(in *shape.PutObjectRequest) { in.ContentLength = ptr(int64(5<<30 + 1)) }, "EntityTooLarge", 400},
		{"client leaves", func(in *shape.PutObjectRequest) {
			in.Body = io.MultiReader(bytes.NewReader(repeat("x", 900000)), iotest.ErrReader(io.ErrUnexpectedEOF))
		}, "IncompleteBody", 400},
		{"tampered", func(in *shape.PutObjectRequest) {
			in.Body = io.MultiReader(strings.NewReader("after"), iotest.ErrReader(tampered))
		}, "BodyMismatch", 0},
		{"class", func(in *shape.PutObjectRequest) { in.StorageClass = ptr("GLACIER") }, "NotHonoured", 0},
		{"nonsense class", func(in *shape.PutObjectRequest) { in.StorageClass = ptr("ICE") }, "InvalidStorageClass", 400},
		{"metadata", func(in *shape.PutObjectRequest) { in.Metadata = map[string]string{"k": string(repeat("v", 2048))} }, "MetadataTooLarge", 400},
		{"if-none-match", func(in *shape.PutObjectRequest) { in.IfNoneMatch = ptr("*") }, "PreconditionFailed", 412},
		{"if-none-match etag", func(in *shape.PutObjectRequest) { in.IfNoneMatch = ptr(`"x"`) }, "NotImplemented", 501},
		{"if-match", func(in *shape.PutObjectRequest) { in.IfMatch = ptr(`"x"`) }, "PreconditionFailed", 412},
		{"long key", func(in *shape.PutObjectRequest) { in.Key = ptr(string(repeat("é", 1026))) }, "KeyTooLongError", 400},
		{"bad utf-8", func(in *shape.PutObjectRequest) { in.Key = ptr("a\xff") }, "InvalidURI", 400},
		{"no bucket", func(in *shape.PutObjectRequest) { in.Bucket = ptr("nowhere") }, "NoSuchBucket", 404},
		{"another's bucket", func(in *shape.PutObjectRequest) { in.ExpectedBucketOwner = ptr("999900001111") }, "AccessDenied", 0},
	}
	for _, c := range cases {
		in := &shape.PutObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), Body: strings.NewReader("after")}
		c.change(in)
		_, err := ask1[shape.PutObjectOutput](h, "PutObject", in)
		refuses(t, c.name, err, c.code, c.status)
		if b, err := h.fetch("docs", "k"); err != nil || string(b) != "before" {
			t.Errorf("%s: now it is %q, %v", c.name, b, err)
		}
		if n := h.files(); n != 1 {
			t.Errorf("%s: %d blobs", c.name, n)
		}
	}
}

func TestChecksums(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	// Check values of "123456789" from the CRC catalogue, the others from their standards' tools.
	// Sums of "123456789": core/checksum's tests have their sources.
	want := map[string]string{"CRC32": "y/Q5Jg==", "CRC32C": "4waSgw==", "CRC64NVME": "rosUhgp5mIg=", "SHA1": "98O8HYCOBHMq32eZZczDTKeuNEE=", "SHA256": "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
		"SHA512": "2eZ2LdHI6vbWGzxhkvxAjU1tXxF20MKRabwk5xw/J0rSf81YEbMT1oH35V7ALXPUmclUVba1u1A6z1dPuo/+hQ==", "MD5": "JfnnlDI7RTiF9RgfG2JNCw==",
		"XXHASH64": "jLhB20DmroM=", "XXHASH3": "ctyxi2ehff8=", "XXHASH128": "MxGUd+3l3NXpcWQnaB1YYA=="}
	for _, alg := range checksum.Names() {
		in := &shape.PutObjectRequest{Bucket: ptr("docs"), Key: &alg, Body: strings.NewReader("123456789"), ChecksumAlgorithm: &alg}
		out := must[shape.PutObjectOutput](h, "PutObject", in)
		get, _, err := h.get(&shape.GetObjectRequest{Bucket: ptr("docs"), Key: &alg, ChecksumMode: ptr("ENABLED")})
		if err != nil {
			t.Fatal(err)
		}
		head := must[shape.HeadObjectOutput](h, "HeadObject", &shape.HeadObjectRequest{Bucket: ptr("docs"), Key: &alg, ChecksumMode: ptr("ENABLED")})
		for what, got := range map[string][]named{"put": sumsOf(out), "get": sumsOf(get), "head": sumsOf(head)} {
			if len(got) != 1 || got[0] != (named{alg, want[alg]}) {
				t.Errorf("%s answers %v, want %s %s", what, got, alg, want[alg])
			}
		}
		wrong := &shape.PutObjectRequest{Bucket: ptr("docs"), Key: &alg, Body: strings.NewReader("12345678"), ChecksumAlgorithm: &alg}
		Sum{Algorithm: alg, Value: want[alg]}.place(wrong)
		_, err = ask1[shape.PutObjectOutput](h, "PutObject", wrong)
		refuses(t, "other bytes than "+alg+" says", err, "BadDigest", 400)
	}
}

// Ranges of an object of one blob and of one in parts, against slices of the bytes.
func TestRange(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	plain := repeat("0123456789abcdef", 700000)
	h.put("docs", "plain", plain)
	multi := append(append(repeat("A1", minPart), repeat("B22", minPart+3)...), repeat("C", 17)...)
	h.upload("docs", "multi", multi[:minPart], multi[minPart:2*minPart+3], multi[2*minPart+3:])
	for key, body := range map[string][]byte{"plain": plain, "multi": multi} {
		size := len(body)
		cases := []struct {
			text     string
			from, to int // to exclusive; -1: the whole, -2: refused
		}{
			{"bytes=0-0", 0, 1}, {"bytes=5-9", 5, 10}, {"bytes=5-", 5, size}, {"bytes=-5", size - 5, size}, {"bytes=0-99999999999", 0, size},
			{"bytes=-99999999999", 0, size}, {fmt.Sprintf("bytes=%d-", size-1), size - 1, size}, {fmt.Sprintf("bytes=%d-", size), 0, -2}, {"bytes=-0", 0, -2},
			{"bytes=9-5", 0, -1}, {"bytes=a-b", 0, -1}, {"lines=1-2", 0, -1}, {"bytes=0-1,3-4", 0, -1}, {"bytes=5", 0, -1},
			{fmt.Sprintf("bytes=%d-%d", 262143, 262145), 262143, 262146}, {fmt.Sprintf("bytes=%d-%d", size-100, size+100), size - 100, size},
		}
		if key == "multi" {
			cases = append(cases, struct {
				text     string
				from, to int
			}{fmt.Sprintf("bytes=%d-%d", minPart-2, 2*minPart+5), minPart - 2, 2*minPart + 6})
		}
		for _, c := range cases {
			out, got, err := h.get(&shape.GetObjectRequest{Bucket: ptr("docs"), Key: &key, Range: &c.text})
			switch {
			case c.to == -2:
				f := refuses(t, key+" "+c.text, err, "InvalidRange", 416)
				if f.Fields["ActualObjectSize"] != fmt.Sprint(size) {
					t.Errorf("fields %v", f.Fields)
				}
			case err != nil:
				t.Errorf("%s %s: %v", key, c.text, err)
			case c.to == -1:
				if out.ContentRange != nil || !bytes.Equal(got, body) {
					t.Errorf("%s %s: %d bytes, want all", key, c.text, len(got))
				}
			case !bytes.Equal(got, body[c.from:c.to]) || str(out.ContentRange) != fmt.Sprintf("bytes %d-%d/%d", c.from, c.to-1, size) || *out.ContentLength != int64(c.to-c.from):
				t.Errorf("%s %s: %d bytes, %s", key, c.text, len(got), str(out.ContentRange))
			}
		}
	}
	out, got, err := h.get(&shape.GetObjectRequest{Bucket: ptr("docs"), Key: ptr("multi"), PartNumber: ptr(int64(2))})
	if err != nil || *out.PartsCount != 3 || !bytes.Equal(got, multi[minPart:2*minPart+3]) {
		t.Errorf("part 2: %d bytes, %v", len(got), err)
	}
	_, _, err = h.get(&shape.GetObjectRequest{Bucket: ptr("docs"), Key: ptr("multi"), PartNumber: ptr(int64(4))})
	refuses(t, "part 4", err, "InvalidPartNumber", 416)
	h.put("docs", "empty", nil)
	_, _, err = h.get(&shape.GetObjectRequest{Bucket: ptr("docs"), Key: ptr("empty"), Range: ptr("bytes=0-")})
	refuses(t, "range of nothing", err, "InvalidRange", 416)
}

func TestConditionsOnRead(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	etag := *h.put("docs", "k", []byte("x")).ETag
	at := h.clock.Now().Truncate(time.Second)
	before, after := at.Add(-time.Hour), at.Add(time.Hour)
	wrong := ptr(`"feed"`)
	cases := []struct {
		name string
		in   shape.GetObjectRequest
		code string
	}{
		{"match", shape.GetObjectRequest{IfMatch: &etag}, ""},
		{"match without quotes", shape.GetObjectRequest{IfMatch: ptr(strings.Trim(etag, `"`))}, ""},
		{"match in a list", shape.GetObjectRequest{IfMatch: ptr(`"a", ` + etag)}, ""},
		{"no match", shape.GetObjectRequest{IfMatch: wrong}, "PreconditionFailed"},
		{"match wins over unmodified", shape.GetObjectRequest{IfMatch: &etag, IfUnmodifiedSince: &before}, ""},
		{"modified meanwhile", shape.GetObjectRequest{IfUnmodifiedSince: &before}, "PreconditionFailed"},
		{"unmodified", shape.GetObjectRequest{IfUnmodifiedSince: &at}, ""},
		{"none match", shape.GetObjectRequest{IfNoneMatch: wrong}, ""},
		{"cached", shape.GetObjectRequest{IfNoneMatch: &etag}, "NotModified"},
		{"none match wins over modified", shape.GetObjectRequest{IfNoneMatch: wrong, IfModifiedSince: &after}, ""},
		{"not modified", shape.GetObjectRequest{IfModifiedSince: &at}, "NotModified"},
		{"modified", shape.GetObjectRequest{IfModifiedSince: &before}, ""},
	}
	for _, c := range cases {
		c.in.Bucket, c.in.Key = ptr("docs"), ptr("k")
		_, _, err := h.get(&c.in)
		if c.code == "" && err != nil || c.code != "" && !fault.Is(err, c.code) {
			t.Errorf("%s: %v, want %q", c.name, err, c.code)
		}
		head := shape.HeadObjectRequest(c.in)
		_, err = ask1[shape.HeadObjectOutput](h, "HeadObject", &head)
		if c.code == "" && err != nil || c.code != "" && !fault.Is(err, c.code) {
			t.Errorf("head, %s: %v, want %q", c.name, err, c.code)
		}
	}
	out, _, err := h.get(&shape.GetObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), ResponseContentType: ptr("text/html"), ResponseExpires: &at})
	if err != nil || *out.ContentType != "text/html" || *out.Expires != "Sun, 17 May 2026 12:00:00 GMT" {
		t.Errorf("overrides: %+v, %v", out, err)
	}
	anon := h.call("GetObject")
	anon.Account = ""
	_, _, err = h.run(t.Context(), anon, &shape.GetObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), ResponseContentType: ptr("text/html")})
	refuses(t, "anonymous override", err, "InvalidRequest", 400)
}

// Who may not list learns nothing about what is missing.
func TestMissingObject(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	for _, name := range []string{"GetObject", "HeadObject"} {
		ask := func() error {
			var in any = &shape.GetObjectRequest{Bucket: ptr("docs"), Key: ptr("nothing")}
			if name == "HeadObject" {
				in = &shape.HeadObjectRequest{Bucket: ptr("docs"), Key: ptr("nothing")}
			}
			_, _, err := h.run(t.Context(), h.call(name), in)
			return err
		}
		h.may = nil
		refuses(t, name, ask(), "NoSuchKey", 404)
		h.may = func(q api.Question) error {
			if q.Action != "s3:ListBucket" || q.Resource != "arn:aws:s3:::docs" || q.Owner != "111122223333" {
				t.Errorf("asked %+v", q)
			}
			return fault.Of(fault.AccessDenied, "no")
		}
		refuses(t, name, ask(), "AccessDenied", 0)
	}
}

func TestDeleteObjects(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	for _, k := range []string{"a", "b", "secret"} {
		h.put("docs", k, []byte(k))
	}
	h.may = func(q api.Question) error {
		if strings.HasSuffix(q.Resource, "/secret") {
			return fault.Of(fault.AccessDenied, "not that one")
		}
		return nil
	}
	list := func(keys ...string) *shape.Delete {
		d := &shape.Delete{}
		for _, k := range keys {
			d.Objects = append(d.Objects, shape.ObjectIdentifier{Key: &k})
		}
		return d
	}
	out := must[shape.DeleteObjectsOutput](h, "DeleteObjects", &shape.DeleteObjectsRequest{Bucket: ptr("docs"), Delete: list("a", "nothing", "secret")})
	if len(out.Deleted) != 2 || len(out.Errors) != 1 || *out.Errors[0].Key != "secret" || *out.Errors[0].Code != "AccessDenied" {
		t.Errorf("%+v", out)
	}
	if n := h.files(); n != 2 {
		t.Errorf("%d blobs", n)
	}
	quiet := list("b")
	quiet.Quiet = ptr(true)
	if out := must[shape.DeleteObjectsOutput](h, "DeleteObjects", &shape.DeleteObjectsRequest{Bucket: ptr("docs"), Delete: quiet}); len(out.Deleted) != 0 {
		t.Errorf("quiet: %+v", out)
	}
	for _, d := range []*shape.Delete{nil, list(), list(make([]string, 1001)...)} {
		_, err := ask1[shape.DeleteObjectsOutput](h, "DeleteObjects", &shape.DeleteObjectsRequest{Bucket: ptr("docs"), Delete: d})
		refuses(t, "bad list", err, "MalformedXML", 400)
	}
}

// Damage on the disk is found before a byte of it leaves, and before the answer if it is at the beginning.
func TestDamage(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	body := repeat("abcdefg", 600000)
	h.put("docs", "k", body)
	flip := func(at int64) {
		err := filepath.WalkDir(filepath.Join(h.dir, "blobs", "data"), func(p string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			b[at] ^= 4
			return os.WriteFile(p, b, 0o600)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	flip(500000)
	got, err := h.fetch("docs", "k")
	if err == nil || !strings.Contains(err.Error(), "damaged: block 1 ") || len(got) < 128<<10 || len(got) > 256<<10 || !bytes.HasPrefix(body, got) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	flip(100)
	_, err = ask1[shape.GetObjectOutput](h, "GetObject", &shape.GetObjectRequest{Bucket: ptr("docs"), Key: ptr("k")})
	if fault.From(err).Kind != fault.Internal || !strings.Contains(err.Error(), `cannot read "k" in docs`) {
		t.Errorf("damage at the beginning: %v", err)
	}
}

// Readers of an object that is replaced or deleted under them read what they began, in one blob and in many.
func TestReadWhileReplaced(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	first, second := repeat("x", minPart), repeat("y", 1000)
	h.upload("docs", "multi", first, second)
	h.put("docs", "plain", first)
	open := map[string]io.ReadCloser{}
	for _, k := range []string{"multi", "plain"} {
		open[k] = must[shape.GetObjectOutput](h, "GetObject", &shape.GetObjectRequest{Bucket: ptr("docs"), Key: &k}).Body
		h.put("docs", k, []byte("new"))
	}
	for k, want := range map[string][]byte{"multi": append(first, second...), "plain": first} {
		if b, err := io.ReadAll(open[k]); err != nil || !bytes.Equal(b, want) {
			t.Errorf("%s: %d bytes, %v", k, len(b), err)
		}
		_ = open[k].Close()
		if b, err := h.fetch("docs", k); err != nil || string(b) != "new" {
			t.Errorf("%s: %q, %v", k, b, err)
		}
	}
	if n := h.files(); n != 2 {
		t.Errorf("%d blobs are left, want 2", n)
	}
}

// A restart keeps objects and sweeps what no row knows.
func TestRestart(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	h.put("docs", "k", []byte("kept"))
	h.upload("docs", "multi", repeat("m", minPart), []byte("end"))
	id := h.begin("docs", "open")
	h.part("docs", "open", id, 1, []byte("part"))
	if err := h.blobs.Write(t.Context(), strings.Repeat("ab", 16), func(w io.Writer) error { return nil }); err != nil {
		t.Fatal(err)
	}
	h.close()
	h.open()
	var n int
	err := h.ledger.View(t.Context(), func(v store.View) (err error) {
		n, err = h.blobs.Sweep(func(id string) (bool, error) { return Known(v, id) })
		return err
	})
	if n != 1 || err != nil {
		t.Errorf("swept %d, %v", n, err)
	}
	if b, err := h.fetch("docs", "k"); err != nil || string(b) != "kept" {
		t.Errorf("%q, %v", b, err)
	}
	if b, err := h.fetch("docs", "multi"); err != nil || len(b) != minPart+3 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

// A commit that fails leaves neither row nor blob; one that is only said to have failed keeps its blob.
func TestFailedCommit(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	boom := errors.New("boom")
	for _, really := range []bool{true, false} {
		c := h.call("PutObject")
		c.Read = h.ledger.View
		c.Commit = func(ctx context.Context, f func(store.Tx) (any, error)) (any, error) {
			return nil, errors.Join(boom, h.ledger.Update(ctx, func(tx store.Tx) error {
				_, err := f(tx)
				if really {
					err = errors.Join(err, boom)
				}
				return err
			}))
		}
		_, err := h.looked(c, &shape.PutObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), Body: strings.NewReader("x")})
		if !errors.Is(err, boom) {
			t.Fatal(err)
		}
		_, err = h.fetch("docs", "k")
		if want := map[bool]int{true: 0, false: 1}[really]; h.files() != want || (err == nil) == really {
			t.Errorf("really failed %v: %d blobs, %v", really, h.files(), err)
		}
	}
}

// TestCannedACL: the owner of the bucket owns every object, so that the one ACL that says so changes nothing, and others are refused.
// Log delivery sends it, and policies ask for it.
func TestCannedACL(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	in := func(acl *string) *shape.PutObjectRequest {
		return &shape.PutObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), ACL: acl, Body: strings.NewReader("x")}
	}
	must[shape.PutObjectOutput](h, "PutObject", in(ptr("bucket-owner-full-control")))
	_, err := ask1[shape.PutObjectOutput](h, "PutObject", in(ptr("public-read")))
	refuses(t, "public", err, "AccessControlListNotSupported", 400)
	for _, acl := range []*string{nil, ptr("bucket-owner-full-control")} {
		var qs []api.Question
		if err := h.ledger.View(t.Context(), func(v store.View) (e error) {
			qs, e = h.rows["PutObject"].Questions(h.call("PutObject"), v, in(acl))
			return e
		}); err != nil {
			t.Fatal(err)
		}
		if got := qs[0].Keys["s3:x-amz-acl"]; (acl == nil) != (got == nil) || acl != nil && got[0] != *acl {
			t.Errorf("%v", got)
		}
	}
}
