package s3

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"

	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
	"cloister/internal/world"
)

// seed writes rows without bytes: listings read rows alone.
func (h *host) seed(bucket string, keys ...string) {
	h.t.Helper()
	err := h.ledger.Update(h.t.Context(), func(tx store.Tx) error {
		b, err := buckets.Get(tx, store.Scope{Partition: "aws"}, bucket)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if err := objects.Create(tx, home("aws", b.Value), objectID(bucket, k), &Object{Size: int64(len(k)), ETag: "e", Modified: seconds(tx)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// naive lists by the definition: filter, roll up, sort, cut.
func naive(keys []string, prefix, delimiter, after string) []string {
	seen := map[string]bool{}
	var out []string
	for _, k := range keys {
		if !strings.HasPrefix(k, prefix) || k <= after {
			continue
		}
		e := "key:" + k
		if delimiter != "" {
			if i := strings.Index(k[len(prefix):], delimiter); i >= 0 {
				e = "pre:" + k[:len(prefix)+i+len(delimiter)]
			}
		}
		if e == "pre:"+after { // a prefix is behind what names it, like a key
			continue
		}
		if !seen[e] {
			seen[e] = true
			out = append(out, e)
		}
	}
	slices.Sort(out)
	return out
}

// pages lists to the end, and checks what each page says of itself.
func (h *host) pages(bucket, prefix, delimiter, after string, size int64) []string {
	h.t.Helper()
	var out []string
	in := &shape.ListObjectsV2Request{Bucket: &bucket, Prefix: opt(prefix), Delimiter: opt(delimiter), StartAfter: opt(after), MaxKeys: &size}
	for {
		p := must[shape.ListObjectsV2Output](h, "ListObjectsV2", in)
		n := len(p.Contents) + len(p.CommonPrefixes)
		if int64(n) != *p.KeyCount || int64(n) > size || *p.IsTruncated && (int64(n) != size || p.NextContinuationToken == nil) || !*p.IsTruncated && p.NextContinuationToken != nil {
			h.t.Fatalf("page of %d for %d: truncated %v", n, size, *p.IsTruncated)
		}
		for _, o := range p.Contents {
			out = append(out, "key:"+*o.Key)
		}
		for _, c := range p.CommonPrefixes {
			out = append(out, "pre:"+*c.Prefix)
		}
		if !*p.IsTruncated {
			slices.Sort(out)
			return out
		}
		in.ContinuationToken = p.NextContinuationToken
	}
}

// Random keys over a small alphabet, random questions, against the definition.
func TestListAgainstModel(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	h.bucket("docs2") // a neighbour whose keys must never show
	h.seed("docs2", "a", "/", "zz")
	rnd := rand.New(rand.NewPCG(7, 8))
	word := func(max int) string {
		var b strings.Builder
		for range rnd.IntN(max) {
			b.WriteString([]string{"a", "b", "/", "-", "é", "\x01", "\U0010FFFF", " ", "%", "//"}[rnd.IntN(10)])
		}
		return b.String()
	}
	set := map[string]bool{}
	for len(set) < 400 {
		if k := word(7); k != "" {
			set[k] = true
		}
	}
	var keys []string
	for k := range set {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	h.seed("docs", keys...)
	for range 250 {
		prefix, after, size := word(3), "", int64(1+rnd.IntN(60))
		delimiter := []string{"", "/", "a", "//", "é"}[rnd.IntN(5)]
		if rnd.IntN(2) == 0 {
			after = word(4)
		}
		got, want := h.pages("docs", prefix, delimiter, after, size), naive(keys, prefix, delimiter, after)
		if !slices.Equal(got, want) {
			t.Fatalf("prefix %q, delimiter %q, after %q, pages of %d:\n got %q\nwant %q", prefix, delimiter, after, size, got, want)
		}
	}
	// The first version pages by markers that may be common prefixes.
	for range 60 {
		prefix, delimiter, size := word(3), []string{"", "/", "a"}[rnd.IntN(3)], int64(1+rnd.IntN(20))
		var got []string
		in := &shape.ListObjectsRequest{Bucket: ptr("docs"), Prefix: &prefix, Delimiter: opt(delimiter), MaxKeys: &size}
		for {
			p := must[shape.ListObjectsOutput](h, "ListObjects", in)
			for _, o := range p.Contents {
				got = append(got, "key:"+*o.Key)
				in.Marker = o.Key
			}
			for _, c := range p.CommonPrefixes {
				got = append(got, "pre:"+*c.Prefix)
			}
			if !*p.IsTruncated {
				break
			}
			if p.NextMarker != nil {
				in.Marker = p.NextMarker
			}
		}
		slices.Sort(got)
		if want := naive(keys, prefix, delimiter, ""); !slices.Equal(got, want) {
			t.Fatalf("v1, prefix %q, delimiter %q, pages of %d:\n got %q\nwant %q", prefix, delimiter, size, got, want)
		}
	}
}

func TestListTenThousand(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	var keys []string
	for i := range 10000 {
		keys = append(keys, fmt.Sprintf("year=%d/day=%03d/part-%05d", 2020+i%5, i%300, i))
	}
	h.seed("docs", keys...)
	got := h.pages("docs", "", "", "", 1000)
	if len(got) != 10000 || !slices.IsSorted(got) {
		t.Errorf("%d keys", len(got))
	}
	if got := h.pages("docs", "", "/", "", 1000); !slices.Equal(got, []string{"pre:year=2020/", "pre:year=2021/", "pre:year=2022/", "pre:year=2023/", "pre:year=2024/"}) {
		t.Errorf("%q", got)
	}
	if got := h.pages("docs", "year=2021/", "/", "year=2021/day=150/", 7); len(got) != len(naive(keys, "year=2021/", "/", "year=2021/day=150/")) {
		t.Errorf("%d days", len(got))
	}
}

func TestListDetails(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	odd := []string{"a b", "a+b", "a%b", "ä/ö", "new\nline", "nul\x00", "q?x=1&y", `"quoted"<xml>`}
	for _, k := range odd {
		h.put("docs", k, []byte(k))
	}
	out := must[shape.ListObjectsV2Output](h, "ListObjectsV2", &shape.ListObjectsV2Request{Bucket: ptr("docs"), EncodingType: ptr("url"), FetchOwner: ptr(true)})
	var keys []string
	for _, o := range out.Contents {
		k, err := url.PathUnescape(*o.Key)
		if err != nil || strings.ContainsAny(*o.Key, " +\n\x00<") {
			t.Errorf("%q: %v", *o.Key, err)
		}
		keys = append(keys, k)
		if o.Owner == nil || *o.Owner.ID != canonical("aws", "111122223333") || *o.Size != int64(len(k)) || *o.StorageClass != "STANDARD" {
			t.Errorf("%+v", o)
		}
		if b, err := h.fetch("docs", k); err != nil || string(b) != k {
			t.Errorf("%q: %q, %v", k, b, err)
		}
	}
	slices.Sort(odd)
	if !slices.Equal(keys, odd) {
		t.Errorf("%q", keys)
	}
	none := must[shape.ListObjectsV2Output](h, "ListObjectsV2", &shape.ListObjectsV2Request{Bucket: ptr("docs"), MaxKeys: ptr(int64(0))})
	if *none.KeyCount != 0 || *none.IsTruncated || none.Contents == nil {
		t.Errorf("%+v", none)
	}
	for name, in := range map[string]*shape.ListObjectsV2Request{
		"negative": {MaxKeys: ptr(int64(-1))}, "token": {ContinuationToken: ptr("!")}, "empty token": {ContinuationToken: ptr("")}, "encoding": {EncodingType: ptr("rot13")},
	} {
		in.Bucket = ptr("docs")
		_, err := ask1[shape.ListObjectsV2Output](h, "ListObjectsV2", in)
		refuses(t, name, err, "InvalidArgument", 400)
	}
}

// FuzzWalk compares one page walk with the definition for arbitrary keys.
func FuzzWalk(f *testing.F) {
	f.Add("a/b\na/c\nb", "", "/", "", 1)
	f.Add("a\x00b\na\n\xc3\xa9/x", "a", "é", "a", 3)
	f.Fuzz(func(t *testing.T, text, prefix, delimiter, after string, max int) {
		set := map[string]bool{}
		var keys []string
		for _, k := range strings.Split(strings.ToValidUTF8(text, "?"), "\n") {
			if k != "" && !set[k] {
				set[k] = true
				keys = append(keys, k)
			}
		}
		slices.Sort(keys)
		max = 1 + max&7
		v := memory{keys: keys}
		var got []string
		for pos := after; ; {
			p, err := walk(objects, v, listing{bucket: "b", prefix: prefix, delimiter: delimiter, after: pos, max: max}, itself)
			if err != nil {
				t.Fatal(err)
			}
			for _, it := range p.items {
				got = append(got, "key:"+it.ID)
			}
			for _, c := range p.prefixes {
				got = append(got, "pre:"+c)
			}
			if !p.more {
				break
			}
			pos = p.last
		}
		slices.Sort(got)
		if want := naive(keys, prefix, delimiter, after); !slices.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

// memory is a view of object rows in bucket b: the fuzzer's pace needs one without a disk.
type memory struct {
	store.View
	keys []string
}

func (m memory) List(q store.Query) (out []store.Row, err error) {
	for _, k := range m.keys {
		id := "b\x00" + k
		if strings.HasPrefix(id, q.Prefix) && (q.After == "" || id > q.After) && (q.Limit == 0 || len(out) < q.Limit) {
			out = append(out, store.Row{Key: store.Key{Kind: q.Kind, ID: id}, Value: []byte("{}")})
		}
	}
	return out, nil
}

func BenchmarkPut(b *testing.B) { bench(b, true) }
func BenchmarkGet(b *testing.B) { bench(b, false) }

func bench(b *testing.B, put bool) {
	for _, n := range []int{64 << 10, 8 << 20} {
		b.Run(fmt.Sprint(n>>10, "KiB"), func(b *testing.B) {
			h := start(b)
			h.bucket("docs")
			body := repeat("0123456789", n)
			h.put("docs", "k", body)
			b.SetBytes(int64(n))
			for b.Loop() {
				if put {
					h.put("docs", "k", body)
				} else if _, err := h.fetch("docs", "k"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkList(b *testing.B) {
	h := start(b)
	h.bucket("docs")
	for i := range 10 {
		var keys []string
		for j := range 1000 {
			keys = append(keys, fmt.Sprintf("%d/%04d", i, j))
		}
		h.seed("docs", keys...)
	}
	for _, delimiter := range []string{"", "/"} {
		b.Run("delimiter"+delimiter, func(b *testing.B) {
			for b.Loop() {
				must[shape.ListObjectsV2Output](h, "ListObjectsV2", &shape.ListObjectsV2Request{Bucket: ptr("docs"), Delimiter: opt(delimiter)})
			}
		})
	}
}

// A page of versions costs the same wherever it lies among 100,000 keys.
func BenchmarkListVersions(b *testing.B) {
	h := start(b)
	h.bucket("docs")
	h.versioning("docs", enabled)
	for i := range 100 {
		err := h.ledger.Update(b.Context(), func(tx store.Tx) error {
			sc := store.Scope{Partition: "aws", Account: "111122223333", Region: "us-east-1"}
			for j := range 1000 {
				key, made := fmt.Sprintf("%02d/%04d", i, j), int64(1e15+i)
				m := Object{Marker: true, Made: made + 1, Version: newVersion(world.Real{}, made+1), Modified: h.clock.Now()}
				o := Object{Made: made, Version: newVersion(world.Real{}, made), Modified: h.clock.Now()}
				if err := errors.Join(versions.Create(tx, sc, versionRow("docs", key, made+1), &m), versions.Create(tx, sc, versionRow("docs", key, made), &o)); err != nil {
					return err
				}
				if j%2 == 0 {
					o.Made += 2
					if err := objects.Create(tx, sc, objectID("docs", key), &o); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	for _, x := range []struct{ name, delimiter, after string }{{"first", "", ""}, {"last", "", "98"}, {"folders", "/", ""}} {
		b.Run(x.name, func(b *testing.B) {
			for b.Loop() {
				h.versions(&shape.ListObjectVersionsRequest{Bucket: ptr("docs"), Delimiter: opt(x.delimiter), KeyMarker: opt(x.after)})
			}
		})
	}
}
