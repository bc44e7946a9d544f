package topic

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"cloister/internal/core/job"
	"cloister/internal/work/analyse"
	"cloister/internal/work/mesh"
	"cloister/internal/work/mesh/meshtest"
)

// together has n instances find topics, each given all files, and gives what the first one wrote.
func together(h *meshtest.Hall, n int, s job.Setup, change func(*Learner), files ...[2]string) (res Result, out map[string][]byte, errs []error) {
	out = map[string][]byte{}
	errs = h.Run(func(m *mesh.Mesh) error {
		l, err := Learn(s)
		if err != nil {
			return err
		}
		if n > 1 {
			l.Join(m)
		}
		if change != nil {
			change(l)
		}
		for _, f := range files {
			if err := l.Take(job.Object{Role: job.Documents, Name: f[0]}, strings.NewReader(f[1])); err != nil {
				return err
			}
		}
		raw := map[string]*bytes.Buffer{}
		got, err := l.Finish(func(name string) io.Writer { raw[name] = new(bytes.Buffer); return raw[name] })
		if err != nil {
			return err
		}
		if m.Index > 0 {
			if got != nil || len(raw) > 0 {
				return fmt.Errorf("instance %d gave %v and %d files", m.Index, got, len(raw))
			}
			return nil
		}
		res = got.(Result)
		for name, b := range raw {
			out[name] = b.Bytes()
		}
		return nil
	})
	return res, out, errs
}

// TestTogether: several instances find the themes, list every document in its place, and find the same again.
func TestTogether(t *testing.T) {
	text := stories(240, 25)
	text[7], text[100] = "", "\xff"
	files := [][2]string{{"a.txt", strings.Join(text[:150], "\n")}, {"b.txt", strings.Join(text[150:], "\r\n")}}
	s := job.Setup{Topics: 4, Format: "ONE_DOC_PER_LINE"}
	for _, c := range []struct{ n, large int }{{1, large}, {2, large}, {4, 100}} {
		change := func(l *Learner) { l.large = c.large }
		n := c.n
		res, out, errs := together(meshtest.New(n), n, s, change, files...)
		if err := errors.Join(errs...); err != nil || res.NumberOfDocuments != 239 || res.NumberOfDocumentsLeftOut != 1 {
			t.Fatalf("%d instances: %+v, %v", n, res, err)
		}
		if n == 2 {
			_, again, _ := together(meshtest.New(n), n, s, change, files...)
			for name := range out {
				if !bytes.Equal(out[name], again[name]) {
					t.Errorf("%d instances give another %s the second time", n, name)
				}
			}
		}
		rec, err := csv.NewReader(bytes.NewReader(out["doc-topics.csv"])).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		themes, at, good := map[string]int{}, 0, 0
		names := map[string]bool{}
		for _, row := range rec[1:] {
			if names[row[0]] {
				continue // a lesser topic
			}
			names[row[0]] = true
			var line int
			if _, err := fmt.Sscanf(row[0][6:], "%d", &line); err != nil || !strings.HasPrefix(row[0], "a.txt:") && !strings.HasPrefix(row[0], "b.txt:") {
				t.Fatal(row)
			}
			if row[0][0] == 'b' {
				line += 150
			}
			if line < at || len(row[2]) != 11 {
				t.Fatalf("%d instances: %v comes after line %d", n, row, at)
			}
			at = line
			if themes[row[1]] == 0 {
				themes[row[1]] = line%4 + 1
			}
			if themes[row[1]] == line%4+1 {
				good++
			}
		}
		if len(names) != 238 || good < 230 || bytes.Count(out["topic-terms.csv"], []byte("\n")) != 41 {
			t.Errorf("%d instances: %d documents, %d of the right theme, %d terms", n, len(names), good, bytes.Count(out["topic-terms.csv"], []byte("\n")))
		}
	}
}

// TestTogetherRoom: what one instance can't hold, two can; what two can't, both refuse at the same document.
func TestTogetherRoom(t *testing.T) {
	docs := strings.Join(stories(100, 20), "\n")
	for _, c := range []struct {
		n, before int
		fits      bool
	}{{1, wordsMax - 1500, false}, {2, wordsMax - 1500, true}, {2, wordsMax - 500, false}} {
		_, _, errs := together(meshtest.New(c.n), c.n, job.Setup{Topics: 2, Format: "ONE_DOC_PER_LINE"}, func(l *Learner) {
			for i := range l.c.sizes {
				l.c.sizes[i] = c.before
			}
			l.large = 1 << 30
		}, [2]string{"a", docs})
		var r *analyse.Refusal
		for i, err := range errs {
			if fits := err == nil; fits != c.fits || !fits && (!errors.As(err, &r) || r.Code != "INPUT_LIMIT_EXCEEDED" || err.Error() != errs[0].Error()) {
				t.Errorf("%+v: instance %d: %v", c, i, err)
			}
		}
	}
}

// TestTogetherStrangers: whatever another instance says, this one ends.
func TestTogetherStrangers(t *testing.T) {
	dice := rand.New(rand.NewPCG(3, 4))
	failed := 0
	const rounds = 8
	for range rounds {
		h := meshtest.New(2)
		from, at, whole, said := dice.IntN(2), []int{0, 1, 2, 3, 50, 300, -1}[dice.IntN(7)], dice.IntN(2) == 0, 0
		h.Spoil = func(i int, b []byte) []byte {
			if i != from {
				return b
			}
			if said++; at >= 0 && said-1 != at || at < 0 && len(b) < 1000 || len(b) == 0 {
				return b
			}
			b = bytes.Clone(b)
			if whole {
				for i := range b {
					b[i] = byte(dice.Uint32())
				}
			} else {
				b[dice.IntN(len(b))] ^= 0x85
			}
			return b
		}
		if _, _, errs := together(h, 2, job.Setup{Topics: 4, Format: "ONE_DOC_PER_LINE"}, nil, [2]string{"a", strings.Join(stories(40, 12), "\n")}); errors.Join(errs...) != nil {
			failed++
		}
	}
	if failed < rounds/4 {
		t.Errorf("only %d of %d were noticed", failed, rounds)
	}
}

// TestQualityTogether prints how well the topics of several instances agree with labels that they do not see.
func TestQualityTogether(t *testing.T) {
	dir := os.Getenv("CLOISTER_DATA")
	if dir == "" {
		t.Skip("CLOISTER_DATA names no folder with crossner and banking77: nothing to measure on")
	}
	for _, x := range []struct {
		name   string
		topics int
		load   func(t *testing.T, dir string) (labels, text []string)
	}{{"crossner domains", 5, domains}, {"crossner domains", 10, domains}, {"banking77", 10, banking}, {"banking77", 77, banking}} {
		labels, text := x.load(t, dir)
		for _, n := range []int{1, 2, 4} {
			begun := time.Now()
			_, out, errs := together(meshtest.New(n), n, job.Setup{Topics: x.topics, Format: "ONE_DOC_PER_LINE"}, nil, [2]string{"x", strings.Join(text, "\n")})
			if err := errors.Join(errs...); err != nil {
				t.Fatal(err)
			}
			t.Logf("%s, %d documents, %d topics, %d instances: purity %.3f (%.1f s)", x.name, len(text), x.topics, n, purity(t, out["doc-topics.csv"], labels), time.Since(begun).Seconds())
		}
	}
}

// purity counts each document of one file under its largest topic, which comes first.
func purity(t *testing.T, docs []byte, labels []string) float64 {
	rec, err := csv.NewReader(bytes.NewReader(docs)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	by, seen := map[string]map[string]int{}, map[string]bool{}
	for _, row := range rec[1:] {
		if seen[row[0]] {
			continue
		}
		seen[row[0]] = true
		var line int
		if _, err := fmt.Sscanf(row[0], "x:%d", &line); err != nil {
			t.Fatal(err)
		}
		if by[row[1]] == nil {
			by[row[1]] = map[string]int{}
		}
		by[row[1]][labels[line]]++
	}
	sum := 0
	for _, of := range by {
		most := 0
		for _, n := range of {
			most = max(most, n)
		}
		sum += most
	}
	return float64(sum) / float64(len(seen))
}
