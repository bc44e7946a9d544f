package s3

import (
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
)

func (h *host) pass(d time.Duration) {
	h.clock.mu.Lock()
	defer h.clock.mu.Unlock()
	h.clock.now = h.clock.now.Add(d)
}

func (h *host) lockedBucket(name string) {
	h.t.Helper()
	must[shape.CreateBucketOutput](h, "CreateBucket", &shape.CreateBucketRequest{Bucket: &name, ObjectLockEnabledForBucket: ptr(true)})
}

func (h *host) retain(id *string, mode string, until time.Time, bypass bool) error {
	_, err := ask1[shape.PutObjectRetentionOutput](h, "PutObjectRetention", &shape.PutObjectRetentionRequest{Bucket: ptr("docs"), Key: ptr("k"), VersionId: id,
		Retention: &shape.ObjectLockRetention{Mode: &mode, RetainUntilDate: &until}, BypassGovernanceRetention: &bypass})
	return err
}

func (h *host) erase(id *string, bypass bool) error {
	_, err := ask1[shape.DeleteObjectOutput](h, "DeleteObject", &shape.DeleteObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), VersionId: id, BypassGovernanceRetention: &bypass})
	return err
}

// What is locked cannot be deleted by any way, until its time has come.
func TestLockedVersionStays(t *testing.T) {
	for _, x := range []struct {
		mode           string
		hold           bool
		plain, bypass  bool // may be deleted while it is locked
		later          bool // when the time is over
		shorter, other bool // with the right to bypass
	}{
		{governance, false, false, true, true, true, true},
		{compliance, false, false, false, true, false, false},
		{"", true, false, false, false, false, false},
		{governance, true, false, false, false, true, true},
	} {
		name := fmt.Sprint(x.mode, " hold ", x.hold)
		h := start(t)
		h.lockedBucket("docs")
		id := h.put("docs", "k", []byte("kept")).VersionId
		until := h.clock.Now().Add(48 * time.Hour)
		if x.mode != "" {
			if err := h.retain(id, x.mode, until, false); err != nil {
				t.Fatal(err)
			}
			if err := h.retain(id, x.mode, until.Add(time.Hour), false); err != nil {
				t.Errorf("%s: made longer: %v", name, err)
			}
			if err := h.retain(id, x.mode, until, false); !fault.Is(err, "AccessDenied") {
				t.Errorf("%s: made shorter: %v", name, err)
			}
			if err := h.retain(id, x.mode, until, true); (err == nil) != x.shorter {
				t.Errorf("%s: made shorter with bypass: %v", name, err)
			}
			if x.mode == compliance {
				if err := h.retain(id, governance, until.Add(time.Hour), true); !fault.Is(err, "AccessDenied") {
					t.Errorf("%s: weakened: %v", name, err)
				}
			}
			_, err := ask1[shape.PutObjectRetentionOutput](h, "PutObjectRetention", &shape.PutObjectRetentionRequest{Bucket: ptr("docs"), Key: ptr("k"), VersionId: id,
				Retention: &shape.ObjectLockRetention{}})
			refuses(t, name+": taken away", err, "AccessDenied", 403)
		}
		if x.hold {
			must[shape.PutObjectLegalHoldOutput](h, "PutObjectLegalHold", &shape.PutObjectLegalHoldRequest{Bucket: ptr("docs"), Key: ptr("k"), VersionId: id,
				LegalHold: &shape.ObjectLockLegalHold{Status: ptr(on)}})
		}
		refuses(t, name, h.erase(id, false), "AccessDenied", 403)
		many := must[shape.DeleteObjectsOutput](h, "DeleteObjects", &shape.DeleteObjectsRequest{Bucket: ptr("docs"),
			Delete: &shape.Delete{Objects: []shape.ObjectIdentifier{{Key: ptr("k"), VersionId: id}}}})
		if len(many.Errors) != 1 || *many.Errors[0].Code != "AccessDenied" || *many.Errors[0].VersionId != *id {
			t.Errorf("%s: among many: %+v", name, many)
		}
		// Hidden and written over it lives on.
		if err := h.erase(nil, false); err != nil {
			t.Errorf("%s: a marker over it: %v", name, err)
		}
		h.put("docs", "k", []byte("newer"))
		if _, err := ask1[shape.PutBucketVersioningOutput](h, "PutBucketVersioning", &shape.PutBucketVersioningRequest{Bucket: ptr("docs"),
			VersioningConfiguration: &shape.VersioningConfiguration{Status: ptr(suspended)}}); !fault.Is(err, "InvalidBucketState") {
			t.Errorf("%s: suspended: %v", name, err)
		}
		_, err := ask1[shape.DeleteBucketOutput](h, "DeleteBucket", &shape.DeleteBucketRequest{Bucket: ptr("docs")})
		refuses(t, name+": the bucket", err, "BucketNotEmpty", 409)
		if _, b, err := h.get(&shape.GetObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), VersionId: id}); err != nil || string(b) != "kept" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
		if !x.bypass {
			refuses(t, name+" with bypass", h.erase(id, true), "AccessDenied", 403)
			h.pass(50 * time.Hour)
			if err := h.erase(id, false); (err == nil) != x.later {
				t.Errorf("%s: later: %v", name, err)
			}
		} else if err := h.erase(id, true); err != nil {
			t.Errorf("%s with bypass: %v", name, err)
		}
		h.close()
	}
}

// Who may not bypass is refused though the header is set; the right is asked for by name.
func TestBypassIsAskedFor(t *testing.T) {
	h := start(t)
	h.lockedBucket("docs")
	id := h.put("docs", "k", []byte("kept")).VersionId
	if err := h.retain(id, governance, h.clock.Now().Add(time.Hour), false); err != nil {
		t.Fatal(err)
	}
	_, qs, err := h.run(t.Context(), h.call("DeleteObject"), &shape.DeleteObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), VersionId: ptr("x"), BypassGovernanceRetention: ptr(true)})
	refuses(t, "no version id", err, "InvalidArgument", 400)
	if got := written(qs); !slices.Equal(got, []string{"s3:DeleteObjectVersion docs/k 111122223333 s3:versionid=x", "s3:BypassGovernanceRetention docs/k 111122223333"}) {
		t.Errorf("asks %q", got)
	}
	h.may = func(q api.Question) error {
		if q.Action == "s3:BypassGovernanceRetention" {
			return fault.Of(fault.AccessDenied, "no")
		}
		return nil
	}
	many := must[shape.DeleteObjectsOutput](h, "DeleteObjects", &shape.DeleteObjectsRequest{Bucket: ptr("docs"), BypassGovernanceRetention: ptr(true),
		Delete: &shape.Delete{Objects: []shape.ObjectIdentifier{{Key: ptr("k"), VersionId: id}}}})
	if len(many.Errors) != 1 || *many.Errors[0].Code != "AccessDenied" {
		t.Errorf("%+v", many)
	}
}

func TestLockHeadersAndDefaults(t *testing.T) {
	h := start(t)
	h.bucket("plain")
	h.lockedBucket("docs")
	sum := md5.Sum(nil)
	digest := base64.StdEncoding.EncodeToString(sum[:])
	future, past := h.clock.Now().Add(time.Hour), h.clock.Now().Add(-time.Hour)
	for _, x := range []struct {
		bucket     string
		mode, hold *string
		until      *time.Time
		md5        *string
		code       string
	}{
		{"plain", ptr(governance), nil, &future, &digest, "InvalidRequest"},
		{"plain", nil, ptr(on), nil, &digest, "InvalidRequest"},
		{"docs", ptr(governance), nil, nil, &digest, "InvalidArgument"},
		{"docs", nil, nil, &future, &digest, "InvalidArgument"},
		{"docs", ptr("LOOSE"), nil, &future, &digest, "InvalidArgument"},
		{"docs", ptr(compliance), nil, &past, &digest, "InvalidArgument"},
		{"docs", nil, ptr("MAYBE"), nil, &digest, "InvalidArgument"},
		{"docs", nil, ptr(on), nil, nil, "InvalidRequest"},
	} {
		_, err := ask1[shape.PutObjectOutput](h, "PutObject", &shape.PutObjectRequest{Bucket: &x.bucket, Key: ptr("k"), ObjectLockMode: x.mode, ObjectLockRetainUntilDate: x.until,
			ObjectLockLegalHoldStatus: x.hold, ContentMD5: x.md5})
		refuses(t, fmt.Sprintf("%+v", x), err, x.code, 400)
	}
	head := func(key string) *shape.HeadObjectOutput {
		return must[shape.HeadObjectOutput](h, "HeadObject", &shape.HeadObjectRequest{Bucket: ptr("docs"), Key: &key})
	}
	must[shape.PutObjectOutput](h, "PutObject", &shape.PutObjectRequest{Bucket: ptr("docs"), Key: ptr("own"), ObjectLockMode: ptr(compliance), ObjectLockRetainUntilDate: &future,
		ObjectLockLegalHoldStatus: ptr(on), ContentMD5: &digest})
	if o := head("own"); str(o.ObjectLockMode) != compliance || !o.ObjectLockRetainUntilDate.Equal(future) || str(o.ObjectLockLegalHoldStatus) != on {
		t.Errorf("own lock: %+v", o)
	}
	must[shape.PutObjectLockConfigurationOutput](h, "PutObjectLockConfiguration", &shape.PutObjectLockConfigurationRequest{Bucket: ptr("docs"),
		ObjectLockConfiguration: &shape.ObjectLockConfiguration{ObjectLockEnabled: ptr(enabled), Rule: &shape.ObjectLockRule{DefaultRetention: &shape.DefaultRetention{Mode: ptr(governance), Days: ptr(int64(3))}}}})
	h.put("docs", "default", nil)
	h.upload("docs", "parts", []byte("x"))
	for _, key := range []string{"default", "parts"} {
		if o := head(key); str(o.ObjectLockMode) != governance || !o.ObjectLockRetainUntilDate.Equal(h.clock.Now().AddDate(0, 0, 3)) {
			t.Errorf("%s: %+v", key, o)
		}
	}
	conf := must[shape.GetObjectLockConfigurationOutput](h, "GetObjectLockConfiguration", &shape.GetObjectLockConfigurationRequest{Bucket: ptr("docs")})
	if d := conf.ObjectLockConfiguration.Rule.DefaultRetention; *d.Mode != governance || *d.Days != 3 || d.Years != nil {
		t.Errorf("%+v", d)
	}
	_, err := ask1[shape.GetObjectLockConfigurationOutput](h, "GetObjectLockConfiguration", &shape.GetObjectLockConfigurationRequest{Bucket: ptr("plain")})
	refuses(t, "no configuration", err, "ObjectLockConfigurationNotFoundError", 404)
	_, err = ask1[shape.PutObjectLockConfigurationOutput](h, "PutObjectLockConfiguration", &shape.PutObjectLockConfigurationRequest{Bucket: ptr("plain"),
		ObjectLockConfiguration: &shape.ObjectLockConfiguration{ObjectLockEnabled: ptr(enabled)}})
	refuses(t, "without versions", err, "InvalidBucketState", 409)
}

func TestObjectTags(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	h.versioning("docs", enabled)
	one := must[shape.PutObjectOutput](h, "PutObject", &shape.PutObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), Tagging: ptr("class=secret&note=a%20b"), Body: strings.NewReader("1")})
	h.put("docs", "k", []byte("2"))
	tags := func(id *string) map[string]string {
		out := must[shape.GetObjectTaggingOutput](h, "GetObjectTagging", &shape.GetObjectTaggingRequest{Bucket: ptr("docs"), Key: ptr("k"), VersionId: id})
		m := map[string]string{}
		for _, x := range out.TagSet {
			m[*x.Key] = *x.Value
		}
		return m
	}
	if got := tags(one.VersionId); !maps.Equal(got, map[string]string{"class": "secret", "note": "a b"}) {
		t.Errorf("tags of the older version: %v", got)
	}
	if got := tags(nil); len(got) != 0 {
		t.Errorf("tags of the newer version: %v", got)
	}
	out := must[shape.PutObjectTaggingOutput](h, "PutObjectTagging", &shape.PutObjectTaggingRequest{Bucket: ptr("docs"), Key: ptr("k"),
		Tagging: &shape.Tagging{TagSet: []shape.Tag{{Key: ptr("class"), Value: ptr("open")}}}})
	if *out.VersionId == *one.VersionId || !maps.Equal(tags(nil), map[string]string{"class": "open"}) {
		t.Errorf("%v on %s", tags(nil), *out.VersionId)
	}
	get := must[shape.HeadObjectOutput](h, "HeadObject", &shape.HeadObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), VersionId: one.VersionId})
	if get.TagCount == nil || *get.TagCount != 2 {
		t.Errorf("tag count %v", get.TagCount)
	}
	// A policy can speak of the tags that are there, of the version that is meant.
	for _, x := range []struct {
		name string
		in   any
		want []string
	}{
		{"GetObject", &shape.GetObjectRequest{Bucket: ptr("docs"), Key: ptr("k")}, []string{"s3:GetObject docs/k 111122223333 s3:ExistingObjectTag/class=open"}},
		{"GetObject", &shape.GetObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), VersionId: one.VersionId}, []string{
			"s3:GetObjectVersion docs/k 111122223333 s3:ExistingObjectTag/class=secret s3:ExistingObjectTag/note=a b s3:versionid=" + *one.VersionId}},
		{"GetObject", &shape.GetObjectRequest{Bucket: ptr("docs"), Key: ptr("none")}, []string{"s3:GetObject docs/none 111122223333"}},
		{"GetObject", &shape.GetObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), VersionId: ptr("?")}, []string{"s3:GetObjectVersion docs/k 111122223333 s3:versionid=?"}},
		{"DeleteObjectTagging", &shape.DeleteObjectTaggingRequest{Bucket: ptr("docs"), Key: ptr("k")}, []string{"s3:DeleteObjectTagging docs/k 111122223333 s3:ExistingObjectTag/class=open"}},
		{"PutObject", &shape.PutObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), Tagging: ptr("a=1")}, []string{"s3:PutObject docs/k 111122223333 s3:RequestObjectTag/a=1 s3:RequestObjectTagKeys=a",
			"s3:PutObjectTagging docs/k 111122223333 s3:RequestObjectTag/a=1 s3:RequestObjectTagKeys=a"}},
		{"CopyObject", &shape.CopyObjectRequest{Bucket: ptr("docs"), Key: ptr("c"), CopySource: ptr("docs/k")}, []string{"s3:PutObject docs/c 111122223333 s3:x-amz-copy-source=docs/k",
			"s3:GetObject docs/k 111122223333 s3:ExistingObjectTag/class=open", "s3:GetObjectTagging docs/k 111122223333 s3:ExistingObjectTag/class=open",
			"s3:PutObjectTagging docs/c 111122223333 s3:RequestObjectTag/class=open s3:RequestObjectTagKeys=class"}},
	} {
		var qs []api.Question
		if err := h.ledger.View(t.Context(), func(v store.View) (err error) {
			qs, err = h.rows[x.name].Questions(h.call(x.name), v, x.in)
			return err
		}); err != nil {
			t.Errorf("%s: %v", x.name, err)
		}
		if got := written(qs); !slices.Equal(got, x.want) {
			t.Errorf("%s asks\n%s\nwant\n%s", x.name, strings.Join(got, "\n"), strings.Join(x.want, "\n"))
		}
	}
	must[shape.DeleteObjectTaggingOutput](h, "DeleteObjectTagging", &shape.DeleteObjectTaggingRequest{Bucket: ptr("docs"), Key: ptr("k")})
	if got := tags(nil); len(got) != 0 {
		t.Errorf("deleted: %v", got)
	}
	long := string(repeat("k", 129))
	many := make([]shape.Tag, 11)
	for i := range many {
		many[i] = shape.Tag{Key: ptr(fmt.Sprint("k", i)), Value: ptr("")}
	}
	for _, x := range []struct {
		set  []shape.Tag
		code string
	}{
		{[]shape.Tag{{Key: &long, Value: ptr("")}}, "InvalidTag"}, {[]shape.Tag{{Key: ptr("k"), Value: ptr(long + long)}}, "InvalidTag"},
		{[]shape.Tag{{Key: ptr("a!b"), Value: ptr("")}}, "InvalidTag"}, {[]shape.Tag{{Key: ptr("aws:x"), Value: ptr("")}}, "InvalidTag"},
		{[]shape.Tag{{Key: ptr("a"), Value: ptr("1")}, {Key: ptr("a"), Value: ptr("2")}}, "InvalidTag"}, {many, "BadRequest"},
	} {
		_, err := ask1[shape.PutObjectTaggingOutput](h, "PutObjectTagging", &shape.PutObjectTaggingRequest{Bucket: ptr("docs"), Key: ptr("k"), Tagging: &shape.Tagging{TagSet: x.set}})
		refuses(t, str(x.set[0].Key), err, x.code, 400)
	}
	for header, code := range map[string]string{"a=1&a=2": "InvalidArgument", "a=%zz": "InvalidArgument", "a=b;c": "InvalidArgument", "a!=1": "InvalidTag"} {
		_, err := ask1[shape.PutObjectOutput](h, "PutObject", &shape.PutObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), Tagging: &header})
		refuses(t, header, err, code, 400)
	}
}

func TestGetObjectAttributes(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	h.put("docs", "k", []byte("abc"))
	all := []string{"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"}
	in := &shape.GetObjectAttributesRequest{Bucket: ptr("docs"), Key: ptr("k"), ObjectAttributes: all}
	o := must[shape.GetObjectAttributesOutput](h, "GetObjectAttributes", in)
	if *o.ETag != "900150983cd24fb0d6963f7d28e17f72" || *o.ObjectSize != 3 || *o.StorageClass != "STANDARD" || o.ObjectParts != nil || o.Checksum.ChecksumCRC64NVME == nil {
		t.Errorf("%+v", o)
	}
	h.upload("docs", "big", repeat("a", minPart), repeat("b", minPart), []byte("c"))
	var got []int64
	in = &shape.GetObjectAttributesRequest{Bucket: ptr("docs"), Key: ptr("big"), ObjectAttributes: []string{"ObjectParts"}, MaxParts: ptr(int64(2))}
	for {
		o := must[shape.GetObjectAttributesOutput](h, "GetObjectAttributes", in)
		if o.ETag != nil || *o.ObjectParts.TotalPartsCount != 3 {
			t.Errorf("%+v", o)
		}
		for _, p := range o.ObjectParts.Parts {
			got = append(got, *p.Size)
		}
		if !*o.ObjectParts.IsTruncated {
			break
		}
		in.PartNumberMarker = o.ObjectParts.NextPartNumberMarker
	}
	if !slices.Equal(got, []int64{minPart, minPart, 1}) {
		t.Errorf("parts %v", got)
	}
	for attr, code := range map[string]string{"": "InvalidRequest", "Colour": "InvalidArgument"} {
		in := &shape.GetObjectAttributesRequest{Bucket: ptr("docs"), Key: ptr("k")}
		if attr != "" {
			in.ObjectAttributes = []string{attr}
		}
		_, err := ask1[shape.GetObjectAttributesOutput](h, "GetObjectAttributes", in)
		refuses(t, "attribute "+attr, err, code, 400)
	}
}
