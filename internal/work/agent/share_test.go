package agent

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"cloister/internal/core/job"
	"cloister/internal/work/analyse"
	"cloister/internal/work/objects"
)

func tagOf(b string) string { return fmt.Sprintf(`"%x"`, sha256.Sum256([]byte(b))) }

// Range satisfies Store, as S3 does.
func (s *shelf) Range(ctx context.Context, bucket, key, tag string, from, to int64) (io.ReadCloser, error) {
	body, err := s.Get(ctx, bucket, key)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	size := int64(len(b))
	switch {
	case tagOf(string(b)) != tag:
		return nil, &objects.Error{Status: 412, Code: "PreconditionFailed", RequestID: "req-412"}
	case to == 0:
		from, to = 0, size
	case from >= size || from >= to:
		return nil, &objects.Error{Status: 416, Code: "InvalidRange"}
	}
	return io.NopCloser(bytes.NewReader(b[from:min(to, size)])), nil
}

// one is an instance: agent and analyser, joined by pipes.
func (s *set) one(t *testing.T, task job.Task, heard *heard, reports io.Writer) {
	file := func(name string) *os.File {
		f, err := os.Create(filepath.Join(t.TempDir(), name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	docs, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	from, results, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = analyse.Serve(s.kinds, docs, results)
		docs.Close()
		results.Close()
	}()
	pieces := file("pieces")
	if err := work(t.Context(), s.stop, Ports{Reports: reports, To: to, From: from, Scratch: file("scratch"), Model: func() *os.File { return s.sealed }, Pieces: func() *os.File { return pieces }, heard: heard}, &task, s.shelf); err != nil {
		t.Error(err)
	}
	from.Close()
	to.Close()
	<-ended
	if raw, err := os.ReadFile(pieces.Name()); err != nil || bytes.Contains(raw, []byte("secret")) {
		t.Errorf("the pieces show a document (%v)", err)
	}
}

// crew runs the job with so many instances at most, as a runner does, and gives the last report and how many there were.
func (s *set) crew(t *testing.T, share job.Share) (last job.Report, n int) {
	t.Helper()
	r, w := io.Pipe()
	h := newHeard()
	task := s.task
	task.Share = share
	n = 1
	var all sync.WaitGroup
	go func() {
		s.one(t, task, h, w)
		w.Close()
	}()
	for in := bufio.NewScanner(r); in.Scan(); {
		last = job.Report{}
		if err := json.Unmarshal(in.Bytes(), &last); err != nil {
			t.Fatal(err)
		}
		if last.Instances == 0 {
			continue
		}
		n = last.Instances
		ln, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		at := netip.MustParseAddrPort(ln.Addr().String())
		ln.Close()
		first := job.Group{Leader: at, From: []netip.Addr{at.Addr()}, Seed: make([]byte, 32), Peers: map[int][]byte{}}
		for i := 1; i < n; i++ {
			other := s.task
			if other.Kind.Corpus {
				other.Artifact = nil
			}
			seed := bytes.Repeat([]byte{byte(i)}, 32)
			other.Group = &job.Group{Instance: i, Leader: at, Seed: seed, Peers: map[int][]byte{0: ed25519.NewKeyFromSeed(first.Seed).Public().(ed25519.PublicKey)}}
			first.Peers[i] = ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
			all.Go(func() { s.one(t, other, nil, io.Discard) })
		}
		h.group <- first
	}
	all.Wait()
	return last, n
}

func TestSharedAsAlone(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 1))
	long := func(n int, word string) string {
		var b strings.Builder
		for b.Len() < n {
			b.WriteString(strings.Repeat(word+" ", dice.IntN(40)) + []string{"\n", "\r\n", "\r"}[dice.IntN(3)])
		}
		return b.String()
	}
	input := map[string]string{
		"in/a": "\xef\xbb\xbffirst\n" + long(2<<20, "secret secret secret"), "in/b": "", "in/c": "one\nrefuse", "in/d": long(600<<10, "more more more more") + "\xff\n" + long(2<<20, "ignored ignored ignored"),
		"in/e": "\xef\xbb\xbf" + strings.Repeat("x", 3<<20) + "\n" + long(1<<20, "after after after"), "in/f": long(5000, "f"),
		"in/g": strings.Repeat("\ufefflike a signature"+strings.Repeat(", and more", 8)+"\n", 7_000), "in/z": "",
	}
	for i := range 100 {
		input[fmt.Sprintf("in/m/%03d", i)] = long(dice.IntN(9000), "small")
	}
	for _, kind := range []string{"entities-detection", "targeted-sentiment-detection", "pii-entities-detection"} {
		for _, format := range []string{perLine, "ONE_DOC_PER_FILE"} {
			var want map[string]string
			var alone job.Report
			for _, most := range []int{1, 2, 4} {
				if kind != "entities-detection" && (format != perLine || most == 2) {
					continue // the layouts differ behind what is shared
				}
				s := scene(t, kind, input)
				s.task.Inputs[0].Format = format
				if kind == "pii-entities-detection" {
					s.task.Setup.PII = &job.PII{Mode: "ONLY_OFFSETS"}
				}
				r, n := s.crew(t, job.Share{Max: most, Bytes: 1 << 20})
				if r.Err != nil || n != most {
					t.Fatalf("%s %s: %d instances, %+v", kind, format, n, r.Err)
				}
				got := s.delivered()
				if most == 1 {
					want, alone = got, r
					continue
				}
				if r.Documents != alone.Documents || r.Failed != alone.Failed || len(got) != len(want) {
					t.Errorf("%s %s, %d instances: %d documents, %d failed, %d files; alone %d, %d, %d", kind, format, most, r.Documents, r.Failed, len(got), alone.Documents, alone.Failed, len(want))
				}
				for name, w := range want {
					if got[name] != w {
						t.Errorf("%s %s, %d instances: %s differs: %d bytes, want %d", kind, format, most, name, len(got[name]), len(w))
					}
				}
			}
		}
	}
}

func TestShareOfALittle(t *testing.T) {
	for name, c := range map[string]struct {
		share job.Share
		input map[string]string
		want  int
	}{
		"little input":       {job.Share{Max: 4, Bytes: 1 << 20}, map[string]string{"in/a": "b"}, 1},
		"one great document": {job.Share{Max: 4, Bytes: 1 << 20}, map[string]string{"in/a": strings.Repeat("x", 8<<20)}, 1},
		"no share":           {job.Share{}, map[string]string{"in/a": strings.Repeat("x", 8<<20)}, 1},
	} {
		s := scene(t, "document-classification", c.input)
		s.task.Inputs[0].Format = "ONE_DOC_PER_FILE"
		if r, n := s.crew(t, c.share); n != c.want || r.Err != nil {
			t.Errorf("%s: %d instances, %+v", name, n, r.Err)
		}
	}
}

func TestSharedFailures(t *testing.T) {
	text := strings.Repeat("a secret"+strings.Repeat(" of it", 12)+"\n", 40_000)
	for name, c := range map[string]struct {
		change func(*set)
		code   string
		cause  string
	}{
		"an object that is replaced":        {func(s *set) { s.shelf.swapped = "in/b" }, "INPUT_CHANGED", "changed"},
		"an object that is deleted":         {func(s *set) { s.shelf.gone = "in/b" }, "NO_INPUT_FOUND", "missing"},
		"more documents than may be":        {func(s *set) { s.task.Kind.Limits.Documents = 50_000 }, "INPUT_LIMIT_EXCEEDED", "limit"},
		"more documents than may be, alone": {func(s *set) { s.task.Kind.Limits.Documents, s.alone = 50_000, true }, "INPUT_LIMIT_EXCEEDED", "limit"},
		"no way to write":                   {func(s *set) { s.shelf.refused = "out/1-X-j/output" }, "NO_WRITE_ACCESS_TO_OUTPUT", "denied"},
		"an analyser that ends": {func(s *set) {
			s.kinds = map[string]analyse.Kind{s.task.Kind.Name: {Engine: func(job.Setup, io.Reader) (analyse.Engine, error) { return nil, io.ErrUnexpectedEOF }}}
		}, "INTERNAL_ERROR", "internal"},
	} {
		s := scene(t, "entities-detection", map[string]string{"in/a": text, "in/b": text})
		c.change(s)
		want := 3
		if s.alone {
			want = 1
		}
		r, n := s.crew(t, job.Share{Max: want, Bytes: 1 << 20})
		if r.Err == nil || r.Err.Code != c.code || r.Err.Cause != c.cause || n != want || len(s.delivered()) != 0 {
			t.Errorf("%s: %d instances, %+v, %d files", name, n, r.Err, len(s.delivered()))
		}
	}
}
