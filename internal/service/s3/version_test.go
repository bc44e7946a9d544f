package s3

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"cloister/internal/core/fault"
	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
)

func (h *host) versioning(bucket, status string) {
	h.t.Helper()
	must[shape.PutBucketVersioningOutput](h, "PutBucketVersioning", &shape.PutBucketVersioningRequest{Bucket: &bucket,
		VersioningConfiguration: &shape.VersioningConfiguration{Status: &status}})
}

func (h *host) versions(in *shape.ListObjectVersionsRequest) *shape.ListObjectVersionsOutput {
	h.t.Helper()
	return must[shape.ListObjectVersionsOutput](h, "ListObjectVersions", in)
}

// entry is a version as the User Guide describes it: "Using versioning in S3 buckets", "Working with objects in a
// versioning-suspended bucket", "Working with delete markers".
type entry struct {
	id, body string
	marker   bool
}

// model is what a bucket holds: of each key its versions, the newest first.
type model struct {
	status string
	keys   map[string][]entry
}

func (m *model) dropNull(key string) {
	m.keys[key] = slices.DeleteFunc(m.keys[key], func(e entry) bool { return e.id == null })
}

// add puts a version or a marker on top; id is what the service says.
func (m *model) add(key string, e entry) {
	if m.status != enabled {
		e.id = null
		m.dropNull(key)
	}
	m.keys[key] = append([]entry{e}, m.keys[key]...)
}

func (m *model) erase(key, id string) {
	m.keys[key] = slices.DeleteFunc(m.keys[key], func(e entry) bool { return e.id == id })
}

func (m *model) text() string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(m.keys)) {
		for i, e := range m.keys[k] {
			fmt.Fprintln(&b, k, e.id, e.marker, i == 0)
		}
	}
	return b.String()
}

// Random walks over few keys agree with the model: what the versions are, which is the latest, what a listing and a read show, and
// that there are as many blobs as versions with bytes.
func TestVersionsAgreeWithModel(t *testing.T) {
	for seed := range uint64(4) {
		h := start(t)
		h.bucket("docs")
		r := rand.New(rand.NewPCG(seed, 7)) //nolint:gosec // a walk that can be repeated
		m := &model{keys: map[string][]entry{}}
		keys := []string{"a", "a/b", "a/c", "b", "b\x00", "ü"}
		for step := range 60 {
			key := keys[r.IntN(len(keys))]
			h.clock.mu.Lock()
			h.clock.now = h.clock.now.Add(time.Duration(r.IntN(5)-2) * time.Microsecond) // it stands still and goes back too
			h.clock.mu.Unlock()
			what := ""
			switch n := r.IntN(20); {
			case n < 8:
				body := fmt.Sprint(seed, step)
				var id *string
				if n == 0 {
					out := h.upload("docs", key, []byte(body))
					id = out.VersionId
				} else {
					id = h.put("docs", key, []byte(body)).VersionId
				}
				what = "put " + key
				if (m.status != enabled) != (id == nil) {
					t.Fatalf("%s: version %v with versioning %q", what, id, m.status)
				}
				m.add(key, entry{str(id), body, false})
			case n < 12:
				what = "delete " + key
				out := must[shape.DeleteObjectOutput](h, "DeleteObject", &shape.DeleteObjectRequest{Bucket: ptr("docs"), Key: &key})
				if m.status == "" {
					delete(m.keys, key)
				} else {
					if out.DeleteMarker == nil || !*out.DeleteMarker {
						t.Fatalf("%s made no marker: %+v", what, out)
					}
					m.add(key, entry{*out.VersionId, "", true})
				}
			case n < 18:
				id := null
				was := false
				if es := m.keys[key]; len(es) > 0 && n > 12 {
					e := es[r.IntN(len(es))]
					id = e.id
				}
				for _, e := range m.keys[key] {
					was = was || e.id == id && e.marker
				}
				what = "delete " + key + " " + id
				var marker bool
				if n%2 == 0 {
					out := must[shape.DeleteObjectsOutput](h, "DeleteObjects", &shape.DeleteObjectsRequest{Bucket: ptr("docs"),
						Delete: &shape.Delete{Objects: []shape.ObjectIdentifier{{Key: &key, VersionId: &id}}}})
					marker = out.Deleted[0].DeleteMarker != nil
				} else {
					marker = must[shape.DeleteObjectOutput](h, "DeleteObject", &shape.DeleteObjectRequest{Bucket: ptr("docs"), Key: &key, VersionId: &id}).DeleteMarker != nil
				}
				if marker != was {
					t.Errorf("%s: marker %v, want %v", what, marker, was)
				}
				m.erase(key, id)
			default:
				status := []string{enabled, suspended}[r.IntN(2)]
				if r.IntN(3) > 0 || step < 5 {
					continue
				}
				what = status
				h.versioning("docs", status)
				m.status = status
			}
			agree(t, h, m, r, fmt.Sprintf("seed %d, step %d, %s", seed, step, what))
			if t.Failed() {
				return
			}
		}
		h.close()
	}
}

func agree(t *testing.T, h *host, m *model, r *rand.Rand, where string) {
	t.Helper()
	var got []string
	in := &shape.ListObjectVersionsRequest{Bucket: ptr("docs"), MaxKeys: ptr(int64(1 + r.IntN(5)))}
	for {
		p := h.versions(in)
		// Versions and markers come in two lists: their common order is that of the keys, and within a key one of time, which the
		// ids tell; the model's order is checked by reading without an id, below.
		for _, v := range p.Versions {
			got = append(got, fmt.Sprintln(*v.Key, *v.VersionId, false, *v.IsLatest))
		}
		for _, d := range p.DeleteMarkers {
			got = append(got, fmt.Sprintln(*d.Key, *d.VersionId, true, *d.IsLatest))
		}
		if !*p.IsTruncated {
			break
		}
		in.KeyMarker, in.VersionIdMarker = p.NextKeyMarker, p.NextVersionIdMarker
	}
	slices.Sort(got)
	want := strings.SplitAfter(m.text(), "\n")
	want = want[:len(want)-1]
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("%s: listed\n%swant\n%s", where, strings.Join(got, ""), strings.Join(want, ""))
	}
	bytesLeft := 0
	var visible []string
	for k, es := range m.keys {
		for _, e := range es {
			if e.marker {
				_, _, err := h.get(&shape.GetObjectRequest{Bucket: ptr("docs"), Key: ptr(k), VersionId: ptr(e.id)})
				if f := refuses(t, where, err, "MethodNotAllowed", 405); f.Fields["x-amz-delete-marker"] != "true" {
					t.Errorf("%s: %v", where, f.Fields)
				}
				continue
			}
			bytesLeft++
			if _, b, err := h.get(&shape.GetObjectRequest{Bucket: ptr("docs"), Key: ptr(k), VersionId: ptr(e.id)}); err != nil || string(b) != e.body {
				t.Errorf("%s: %q %s: %q, %v, want %q", where, k, e.id, b, err, e.body)
			}
		}
		b, err := h.fetch("docs", k)
		switch {
		case len(es) == 0:
			refuses(t, where, err, "NoSuchKey", 404)
		case es[0].marker:
			if f := refuses(t, where, err, "NoSuchKey", 404); f.Fields["x-amz-delete-marker"] != "true" || f.Fields["x-amz-version-id"] != es[0].id {
				t.Errorf("%s: %v", where, f.Fields)
			}
		default:
			visible = append(visible, k)
			if err != nil || string(b) != es[0].body {
				t.Errorf("%s: %q: %q, %v, want %q", where, k, b, err, es[0].body)
			}
		}
	}
	slices.Sort(visible)
	var listed []string
	for _, o := range must[shape.ListObjectsV2Output](h, "ListObjectsV2", &shape.ListObjectsV2Request{Bucket: ptr("docs")}).Contents {
		listed = append(listed, *o.Key)
	}
	if !slices.Equal(listed, visible) {
		t.Errorf("%s: listed %q, want %q", where, listed, visible)
	}
	if n := h.files(); n != bytesLeft {
		t.Errorf("%s: %d blobs for %d versions", where, n, bytesLeft)
	}
	if err := h.ledger.View(t.Context(), func(v store.View) error {
		gone, err := h.blobs.Sweep(func(id string) (bool, error) { return Known(v, id) })
		if gone != 0 {
			t.Errorf("%s: the sweep removed %d blobs", where, gone)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// Versions of a key come newest first, between others' keys, and pages may end anywhere.
func TestListObjectVersions(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	h.put("docs", "a/1", []byte("old"))
	h.versioning("docs", enabled)
	var want []string
	add := func(key, id string, marker bool) { want = append(want, fmt.Sprint(key, " ", id, " ", marker)) }
	var ids []string
	for i := range 3 {
		ids = append(ids, *h.put("docs", "a/1", []byte{byte(i)}).VersionId)
	}
	m := must[shape.DeleteObjectOutput](h, "DeleteObject", &shape.DeleteObjectRequest{Bucket: ptr("docs"), Key: ptr("a/2")})
	b := h.put("docs", "b", nil)
	add("a/1", ids[2], false)
	add("a/1", ids[1], false)
	add("a/1", ids[0], false)
	add("a/1", null, false)
	add("a/2", *m.VersionId, true)
	add("b", *b.VersionId, false)
	for max := int64(1); max <= 7; max++ {
		var got []string
		in := &shape.ListObjectVersionsRequest{Bucket: ptr("docs"), MaxKeys: &max}
		for {
			p := h.versions(in)
			if n := len(p.Versions) + len(p.DeleteMarkers); int64(n) > max {
				t.Fatalf("%d entries, at most %d were asked for", n, max)
			}
			for _, v := range p.Versions {
				got = append(got, fmt.Sprint(*v.Key, " ", *v.VersionId, " false"))
				if *v.IsLatest != (*v.VersionId == ids[2] || *v.Key == "b") {
					t.Errorf("%s %s: latest %v", *v.Key, *v.VersionId, *v.IsLatest)
				}
			}
			for _, d := range p.DeleteMarkers {
				i := len(got)
				for i > 0 && got[i-1] > *d.Key {
					i--
				}
				got = slices.Insert(got, i, fmt.Sprint(*d.Key, " ", *d.VersionId, " true"))
			}
			if !*p.IsTruncated {
				break
			}
			in.KeyMarker, in.VersionIdMarker = p.NextKeyMarker, p.NextVersionIdMarker
		}
		if !slices.Equal(got, want) {
			t.Errorf("pages of %d:\n%s\nwant\n%s", max, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	p := h.versions(&shape.ListObjectVersionsRequest{Bucket: ptr("docs"), Delimiter: ptr("/"), MaxKeys: ptr(int64(1))})
	if len(p.CommonPrefixes) != 1 || *p.CommonPrefixes[0].Prefix != "a/" || !*p.IsTruncated || *p.NextKeyMarker != "a/" || p.NextVersionIdMarker != nil {
		t.Errorf("first page with a delimiter: %+v", p)
	}
	p = h.versions(&shape.ListObjectVersionsRequest{Bucket: ptr("docs"), Delimiter: ptr("/"), KeyMarker: p.NextKeyMarker})
	if len(p.CommonPrefixes) != 0 || len(p.Versions) != 1 || *p.Versions[0].Key != "b" {
		t.Errorf("second page with a delimiter: %+v", p)
	}
	if p = h.versions(&shape.ListObjectVersionsRequest{Bucket: ptr("docs"), Prefix: ptr("a/"), KeyMarker: ptr("a/1")}); len(p.Versions) != 0 || len(p.DeleteMarkers) != 1 {
		t.Errorf("behind a key: %+v", p)
	}
	_, err := ask1[shape.ListObjectVersionsOutput](h, "ListObjectVersions", &shape.ListObjectVersionsRequest{Bucket: ptr("docs"), VersionIdMarker: ptr(null)})
	refuses(t, "version marker without key marker", err, "InvalidArgument", 400)
}

func TestVersionIDs(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	h.versioning("docs", enabled)
	one := h.put("docs", "k", []byte("one"))
	if id := *one.VersionId; len(id) != 32 {
		t.Errorf("version id %q", id)
	}
	head := must[shape.HeadObjectOutput](h, "HeadObject", &shape.HeadObjectRequest{Bucket: ptr("docs"), Key: ptr("k")})
	if *head.VersionId != *one.VersionId {
		t.Errorf("head says %q", *head.VersionId)
	}
	for _, x := range []struct {
		id, code string
		status   int
	}{
		{"invalid_versionId", "InvalidArgument", 400}, {"../../secret.txt", "InvalidArgument", 400}, {"", "InvalidArgument", 400},
		{"01BX5ZZKBKACTAV9WEVGEMMVRZ", "NoSuchVersion", 404}, {null, "NoSuchVersion", 404},
		{(*one.VersionId)[:31] + "A", "NoSuchVersion", 404}, // the right moment, another version
	} {
		_, _, err := h.get(&shape.GetObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), VersionId: &x.id})
		refuses(t, "get "+x.id, err, x.code, x.status)
		_, err = ask1[shape.DeleteObjectOutput](h, "DeleteObject", &shape.DeleteObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), VersionId: &x.id})
		if x.status == 404 && err != nil {
			t.Errorf("delete %s: %v", x.id, err)
		} else if x.status == 400 {
			refuses(t, "delete "+x.id, err, x.code, x.status)
		}
	}
	if b, err := h.fetch("docs", "k"); err != nil || string(b) != "one" {
		t.Errorf("%q, %v", b, err)
	}
	// Conditions speak of what is visible: a delete marker is nothing.
	must[shape.DeleteObjectOutput](h, "DeleteObject", &shape.DeleteObjectRequest{Bucket: ptr("docs"), Key: ptr("k")})
	_, err := ask1[shape.PutObjectOutput](h, "PutObject", &shape.PutObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), IfMatch: one.ETag, Body: bytes.NewReader(nil)})
	refuses(t, "if-match on a marker", err, "NoSuchKey", 404)
	must[shape.PutObjectOutput](h, "PutObject", &shape.PutObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), IfNoneMatch: ptr("*"), Body: strings.NewReader("two")})
	_, err = ask1[shape.PutObjectOutput](h, "PutObject", &shape.PutObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), IfNoneMatch: ptr("*"), Body: bytes.NewReader(nil)})
	refuses(t, "if-none-match", err, "PreconditionFailed", 412)
	_, err = ask1[shape.DeleteObjectOutput](h, "DeleteObject", &shape.DeleteObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), VersionId: one.VersionId, IfMatch: ptr(`"x"`)})
	refuses(t, "delete of a version if-match", err, "PreconditionFailed", 412)
	_, err = ask1[shape.DeleteBucketOutput](h, "DeleteBucket", &shape.DeleteBucketRequest{Bucket: ptr("docs")})
	refuses(t, "bucket with versions", err, "BucketNotEmpty", 409)
	for _, list := range []*shape.ListObjectVersionsOutput{h.versions(&shape.ListObjectVersionsRequest{Bucket: ptr("docs")})} {
		for _, v := range list.Versions {
			must[shape.DeleteObjectOutput](h, "DeleteObject", &shape.DeleteObjectRequest{Bucket: ptr("docs"), Key: v.Key, VersionId: v.VersionId})
		}
		_, err = ask1[shape.DeleteBucketOutput](h, "DeleteBucket", &shape.DeleteBucketRequest{Bucket: ptr("docs")})
		refuses(t, "bucket with a marker", err, "BucketNotEmpty", 409)
		for _, m := range list.DeleteMarkers {
			must[shape.DeleteObjectOutput](h, "DeleteObject", &shape.DeleteObjectRequest{Bucket: ptr("docs"), Key: m.Key, VersionId: m.VersionId})
		}
	}
	must[shape.DeleteBucketOutput](h, "DeleteBucket", &shape.DeleteBucketRequest{Bucket: ptr("docs")})
}

func TestPutBucketVersioning(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	get := func() string {
		return str(must[shape.GetBucketVersioningOutput](h, "GetBucketVersioning", &shape.GetBucketVersioningRequest{Bucket: ptr("docs")}).Status)
	}
	if s := get(); s != "" {
		t.Errorf("never set: %q", s)
	}
	for _, x := range []struct {
		conf   *shape.VersioningConfiguration
		code   string
		status int
	}{
		{nil, "MalformedXML", 400}, {&shape.VersioningConfiguration{}, "IllegalVersioningConfigurationException", 400},
		{&shape.VersioningConfiguration{Status: ptr("On")}, "MalformedXML", 400},
		{&shape.VersioningConfiguration{Status: ptr(enabled), MFADelete: ptr(enabled)}, "NotHonoured", 0},
	} {
		_, err := ask1[shape.PutBucketVersioningOutput](h, "PutBucketVersioning", &shape.PutBucketVersioningRequest{Bucket: ptr("docs"), VersioningConfiguration: x.conf})
		refuses(t, fmt.Sprintf("%+v", x.conf), err, x.code, x.status)
	}
	for _, s := range []string{suspended, enabled} {
		h.versioning("docs", s)
		if got := get(); got != s {
			t.Errorf("%q, want %q", got, s)
		}
	}
}

// A version that is read while it is deleted is read to its end or not at all.
func TestReadWhileVersionGoes(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	h.versioning("docs", enabled)
	body := repeat("version ", 900000)
	up := h.upload("docs", "k", body)
	h.put("docs", "k", []byte("newer"))
	out, err := ask1[shape.GetObjectOutput](h, "GetObject", &shape.GetObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), VersionId: up.VersionId})
	if err != nil {
		t.Fatal(err)
	}
	must[shape.DeleteObjectOutput](h, "DeleteObject", &shape.DeleteObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), VersionId: up.VersionId})
	got, err := io.ReadAll(out.Body)
	_ = out.Body.Close()
	if err != nil || !bytes.Equal(got, body) {
		t.Errorf("%d of %d bytes, %v", len(got), len(body), err)
	}
	if n := h.files(); n != 1 {
		t.Errorf("%d blobs are left", n)
	}
	if _, _, err := h.get(&shape.GetObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), VersionId: up.VersionId}); !fault.Is(err, "NoSuchVersion") {
		t.Error(err)
	}
}
