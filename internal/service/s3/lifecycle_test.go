package s3

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cloister/internal/core/fault"
	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
	"cloister/internal/world"
)

func (h *host) rules(rules ...shape.LifecycleRule) error {
	for i := range rules {
		if rules[i].Status == nil {
			rules[i].Status = ptr(enabled)
		}
		if rules[i].Filter == nil && rules[i].Prefix == nil {
			rules[i].Filter = &shape.LifecycleRuleFilter{}
		}
	}
	_, err := ask1[shape.PutBucketLifecycleConfigurationOutput](h, "PutBucketLifecycleConfiguration", &shape.PutBucketLifecycleConfigurationRequest{Bucket: ptr("docs"),
		LifecycleConfiguration: &shape.BucketLifecycleConfiguration{Rules: rules}})
	return err
}

// tend does what the rules say now, and gives how much went.
func (h *host) tend() int {
	h.t.Helper()
	var ruled []store.Key
	if err := h.ledger.View(h.t.Context(), func(v store.View) (err error) { ruled, err = h.service.Ruled(v); return err }); err != nil {
		h.t.Fatal(err)
	}
	total := 0
	for _, k := range ruled {
		n, err := h.service.Tend(h.t.Context(), h.ledger, world.Real{}, k)
		if err != nil {
			h.t.Fatal(err)
		}
		total += n
	}
	return total
}

func (h *host) listed() (out []string) {
	h.t.Helper()
	for _, o := range must[shape.ListObjectsV2Output](h, "ListObjectsV2", &shape.ListObjectsV2Request{Bucket: ptr("docs")}).Contents {
		out = append(out, *o.Key)
	}
	return out
}

func expiration(days int64) *shape.LifecycleExpiration {
	return &shape.LifecycleExpiration{Days: &days}
}

// The clock of these tests begins on 17 May 2026 at noon: three days later, at the next midnight, is 21 May.
func TestExpire(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	h.put("docs", "tmp/a", repeat("x", 10))
	h.put("docs", "tmp/big", repeat("x", 1000))
	h.put("docs", "keep/a", nil)
	must[shape.PutObjectOutput](h, "PutObject", &shape.PutObjectRequest{Bucket: ptr("docs"), Key: ptr("keep/tagged"), Tagging: ptr("class=scratch&more=1")})
	h.begin("docs", "tmp/upload")
	if err := h.rules(
		shape.LifecycleRule{ID: ptr("small"), Filter: &shape.LifecycleRuleFilter{And: &shape.LifecycleRuleAndOperator{Prefix: ptr("tmp/"), ObjectSizeLessThan: ptr(int64(100))}}, Expiration: expiration(3)},
		shape.LifecycleRule{ID: ptr("tagged"), Filter: &shape.LifecycleRuleFilter{Tag: &shape.Tag{Key: ptr("class"), Value: ptr("scratch")}}, Expiration: expiration(5)},
		shape.LifecycleRule{ID: ptr("off"), Status: ptr("Disabled"), Expiration: expiration(1)},
		shape.LifecycleRule{ID: ptr("parts"), AbortIncompleteMultipartUpload: &shape.AbortIncompleteMultipartUpload{DaysAfterInitiation: ptr(int64(7))}},
	); err != nil {
		t.Fatal(err)
	}
	head := must[shape.HeadObjectOutput](h, "HeadObject", &shape.HeadObjectRequest{Bucket: ptr("docs"), Key: ptr("tmp/a")})
	if want := `expiry-date="Thu, 21 May 2026 00:00:00 GMT", rule-id="small"`; str(head.Expiration) != want {
		t.Errorf("expiration %q, want %q", str(head.Expiration), want)
	}
	if head := must[shape.HeadObjectOutput](h, "HeadObject", &shape.HeadObjectRequest{Bucket: ptr("docs"), Key: ptr("tmp/big")}); head.Expiration != nil {
		t.Errorf("no rule takes it: %q", *head.Expiration)
	}
	for _, x := range []struct {
		pass time.Duration
		n    int
		left []string
	}{
		{84*time.Hour - time.Second, 0, []string{"keep/a", "keep/tagged", "tmp/a", "tmp/big"}}, // a second too early
		{2 * time.Second, 1, []string{"keep/a", "keep/tagged", "tmp/big"}},
		{48 * time.Hour, 1, []string{"keep/a", "tmp/big"}},
		{48 * time.Hour, 1, []string{"keep/a", "tmp/big"}}, // the upload
		{1000 * time.Hour, 0, []string{"keep/a", "tmp/big"}},
	} {
		h.pass(x.pass)
		if n := h.tend(); n != x.n || !slices.Equal(h.listed(), x.left) {
			t.Errorf("%v: %d went, %q are left; want %d, %q", h.clock.Now(), n, h.listed(), x.n, x.left)
		}
	}
	if n := h.files(); n != 2 {
		t.Errorf("%d blobs", n)
	}
	err := h.ledger.View(t.Context(), func(v store.View) error {
		ev, err := v.Trail(store.TrailQuery{Name: "ExpireObject"})
		if len(ev) != 2 || ev[0].Caller.InvokedBy != "lifecycle.s3.amazonaws.com" || !strings.Contains(string(ev[0].Additional), `"ruleId":"small"`) {
			t.Errorf("events %+v", ev)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestExpireVersions(t *testing.T) {
	h := start(t)
	h.lockedBucket("docs")
	var ids []string
	for range 5 {
		ids = append(ids, *h.put("docs", "k", []byte("x")).VersionId)
		h.pass(24 * time.Hour)
	}
	if err := h.retain(&ids[0], compliance, h.clock.Now().Add(1000*time.Hour), false); err != nil {
		t.Fatal(err)
	}
	left := func() (out []string) {
		p := h.versions(&shape.ListObjectVersionsRequest{Bucket: ptr("docs")})
		for _, v := range p.Versions {
			out = append(out, fmt.Sprint(slices.Index(ids, *v.VersionId)))
		}
		for range p.DeleteMarkers {
			out = append(out, "marker")
		}
		return out
	}
	if err := h.rules(shape.LifecycleRule{ID: ptr("old"), NoncurrentVersionExpiration: &shape.NoncurrentVersionExpiration{NoncurrentDays: ptr(int64(1)), NewerNoncurrentVersions: ptr(int64(1))}}); err != nil {
		t.Fatal(err)
	}
	h.pass(96 * time.Hour)
	h.tend()
	// One noncurrent version is kept by the rule, the oldest by its lock.
	if got := left(); !slices.Equal(got, []string{"4", "3", "0"}) {
		t.Errorf("left: %v", got)
	}
	if err := h.rules(shape.LifecycleRule{ID: ptr("all"), Expiration: expiration(1), NoncurrentVersionExpiration: &shape.NoncurrentVersionExpiration{NoncurrentDays: ptr(int64(1))}}); err != nil {
		t.Fatal(err)
	}
	h.tend()
	if got := left(); !slices.Equal(got, []string{"4", "0", "marker"}) { // what was visible became noncurrent just now
		t.Errorf("hidden: %v", got)
	}
	h.pass(100 * time.Hour)
	h.tend()
	if got := left(); !slices.Equal(got, []string{"0", "marker"}) {
		t.Errorf("the locked one: %v", got)
	}
	h.pass(2000 * time.Hour)
	h.tend() // the version
	h.tend() // the marker that has nothing behind it now
	if got := left(); len(got) != 0 || h.files() != 0 {
		t.Errorf("%v, %d blobs", got, h.files())
	}
}

// More than a page of versions, with null versions at the borders.
func TestExpireManyPages(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	sc := store.Scope{Partition: "aws", Account: "111122223333", Region: "us-east-1"}
	h.versioning("docs", enabled)
	err := h.ledger.Update(t.Context(), func(tx store.Tx) error {
		for i := range int64(3*wardPage + 7) {
			o := Object{Made: 1e15 + i, Modified: time.UnixMicro(1e15), Marker: true, Version: newVersion(world.Real{}, 1e15+i)}
			if i == 2*wardPage+7 { // the last of the first page
				o.Version, o.Null = "", objectID("docs", "k")
			}
			if err := versions.Create(tx, sc, versionRow("docs", "k", o.Made), &o); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.rules(shape.LifecycleRule{NoncurrentVersionExpiration: &shape.NoncurrentVersionExpiration{NoncurrentDays: ptr(int64(1)), NewerNoncurrentVersions: ptr(int64(100))}}); err != nil {
		t.Fatal(err)
	}
	if n := h.tend(); n != 3*wardPage+7-101 {
		t.Errorf("%d went", n)
	}
	if n := h.tend(); n != 0 {
		t.Errorf("%d more went", n)
	}
}

func TestLifecycleRules(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	_, err := ask1[shape.GetBucketLifecycleConfigurationOutput](h, "GetBucketLifecycleConfiguration", &shape.GetBucketLifecycleConfigurationRequest{Bucket: ptr("docs")})
	refuses(t, "none", err, "NoSuchLifecycleConfiguration", 404)
	tag := &shape.Tag{Key: ptr("k"), Value: ptr("v")}
	noon := time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC)
	for _, x := range []struct {
		name, code string
		rules      []shape.LifecycleRule
	}{
		{"no rules", "MalformedXML", nil},
		{"no action", "InvalidRequest", []shape.LifecycleRule{{}}},
		{"status", "MalformedXML", []shape.LifecycleRule{{Status: ptr("On"), Expiration: expiration(1)}}},
		{"same id", "InvalidArgument", []shape.LifecycleRule{{ID: ptr("a"), Expiration: expiration(1)}, {ID: ptr("a"), Expiration: expiration(2)}}},
		{"long id", "InvalidArgument", []shape.LifecycleRule{{ID: ptr(string(repeat("i", 256))), Expiration: expiration(1)}}},
		{"zero days", "InvalidArgument", []shape.LifecycleRule{{Expiration: expiration(0)}}},
		{"days and date", "MalformedXML", []shape.LifecycleRule{{Expiration: &shape.LifecycleExpiration{Days: ptr(int64(1)), Date: &noon}}}},
		{"noon", "InvalidArgument", []shape.LifecycleRule{{Expiration: &shape.LifecycleExpiration{Date: &noon}}}},
		{"prefix and filter", "MalformedXML", []shape.LifecycleRule{{Prefix: ptr(""), Filter: &shape.LifecycleRuleFilter{}, Expiration: expiration(1)}}},
		{"two conditions without And", "MalformedXML", []shape.LifecycleRule{{Filter: &shape.LifecycleRuleFilter{Prefix: ptr("p"), Tag: tag}, Expiration: expiration(1)}}},
		{"And of one", "MalformedXML", []shape.LifecycleRule{{Filter: &shape.LifecycleRuleFilter{And: &shape.LifecycleRuleAndOperator{Prefix: ptr("p")}}, Expiration: expiration(1)}}},
		{"marker with tag", "InvalidRequest", []shape.LifecycleRule{{Filter: &shape.LifecycleRuleFilter{Tag: tag}, Expiration: &shape.LifecycleExpiration{ExpiredObjectDeleteMarker: ptr(true)}}}},
		{"uploads with tag", "InvalidRequest", []shape.LifecycleRule{{Filter: &shape.LifecycleRuleFilter{Tag: tag}, AbortIncompleteMultipartUpload: &shape.AbortIncompleteMultipartUpload{DaysAfterInitiation: ptr(int64(1))}}}},
		{"noncurrent without days", "MalformedXML", []shape.LifecycleRule{{NoncurrentVersionExpiration: &shape.NoncurrentVersionExpiration{NewerNoncurrentVersions: ptr(int64(1))}}}},
		{"too many newer", "InvalidArgument", []shape.LifecycleRule{{NoncurrentVersionExpiration: &shape.NoncurrentVersionExpiration{NoncurrentDays: ptr(int64(1)), NewerNoncurrentVersions: ptr(int64(101))}}}},
	} {
		refuses(t, x.name, h.rules(x.rules...), x.code, 400)
	}
	if err := h.rules(shape.LifecycleRule{Prefix: ptr("old/"), Expiration: expiration(30)}); err != nil {
		t.Fatal(err)
	}
	got := must[shape.GetBucketLifecycleConfigurationOutput](h, "GetBucketLifecycleConfiguration", &shape.GetBucketLifecycleConfigurationRequest{Bucket: ptr("docs")})
	if r := got.Rules[0]; str(r.Prefix) != "old/" || *r.Expiration.Days != 30 || str(r.ID) == "" || r.Filter != nil {
		t.Errorf("%+v", r)
	}
	must[shape.DeleteBucketLifecycleOutput](h, "DeleteBucketLifecycle", &shape.DeleteBucketLifecycleRequest{Bucket: ptr("docs")})
	if _, err := ask1[shape.GetBucketLifecycleConfigurationOutput](h, "GetBucketLifecycleConfiguration", &shape.GetBucketLifecycleConfigurationRequest{Bucket: ptr("docs")}); !fault.Is(err, "NoSuchLifecycleConfiguration") {
		t.Error(err)
	}
	h.pass(10000 * time.Hour)
	if n := h.tend(); n != 0 {
		t.Errorf("%d went by rules that are gone", n)
	}
}
