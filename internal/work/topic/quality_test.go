package topic

import (
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cloister/internal/core/job"
)

// TestQuality prints how well topics agree with labels that the sampler does not see, on the sets of $CLOISTER_DATA: purity, normalised mutual
// information (each document counted under its largest topic), and NPMI coherence of the ten terms of a topic. It judges nothing.
func TestQuality(t *testing.T) {
	dir := os.Getenv("CLOISTER_DATA")
	if dir == "" {
		t.Skip("CLOISTER_DATA names no folder with crossner and banking77: nothing to measure on")
	}
	for _, x := range []struct {
		name   string
		topics []int
		load   func(t *testing.T, dir string) (labels, text []string)
	}{{"crossner domains", []int{5, 10, 20}, domains}, {"banking77", []int{10, 77}, banking}} {
		labels, text := x.load(t, dir)
		for _, k := range x.topics {
			begun := time.Now()
			l, err := Learn(job.Setup{Topics: k, Format: "ONE_DOC_PER_LINE"})
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Take(job.Object{Role: job.Documents, Name: "x"}, strings.NewReader(strings.Join(text, "\n"))); err != nil {
				t.Fatal(err)
			}
			m, c := sampled(t, l)
			took := time.Since(begun)
			purity, nmi := agreement(m, c, labels)
			t.Logf("%s, %d documents, %d labels, %d topics: purity %.3f, NMI %.3f, NPMI %.3f, %d words of %d, %.1f s", x.name, len(text), different(labels), k, purity, nmi, coherence(m, c), len(c.word), len(c.names), took.Seconds())
			if k <= 10 {
				for j := range k {
					var w []string
					for _, x := range m.terms(j, termsOfTopic) {
						w = append(w, c.names[x.word])
					}
					t.Logf("  %03d %.2f %s", j, m.size[j], strings.Join(w, " "))
				}
			}
		}
	}
}

func sampled(t *testing.T, l *Learner) (*model, *texts) {
	c := l.c.compile()
	m, err := learn(l.c.mesh, c, len(c.word), l.topics, l.large)
	if err != nil {
		t.Fatal(err)
	}
	return m, c
}

func different(s []string) int { return len(slices.Compact(slices.Sorted(slices.Values(s)))) }

func agreement(m *model, c *texts, labels []string) (purity, nmi float64) {
	by := make([]map[string]float64, m.k)
	all := map[string]float64{}
	n := 0.0
	for d, label := range labels {
		s := m.shares(c.word[c.from[d]:c.from[d+1]])
		if len(s) == 0 {
			continue
		}
		k := s[0].topic
		if by[k] == nil {
			by[k] = map[string]float64{}
		}
		by[k][label]++
		all[label]++
		n++
	}
	hk, hy, mi := 0.0, 0.0, 0.0
	for _, of := range by {
		sum, top := 0.0, 0.0
		for _, x := range of {
			sum, top = sum+x, max(top, x)
		}
		purity += top / n
		if sum > 0 {
			hk -= sum / n * math.Log(sum/n)
		}
		for y, x := range of {
			mi += x / n * math.Log(x*n/(sum*all[y]))
		}
	}
	for _, x := range all {
		hy -= x / n * math.Log(x/n)
	}
	return purity, 2 * mi / (hk + hy)
}

func coherence(m *model, c *texts) float64 {
	docs := make([]map[uint32]bool, len(c.from)-1)
	for d := range docs {
		docs[d] = map[uint32]bool{}
		for _, w := range c.word[c.from[d]:c.from[d+1]] {
			docs[d][w] = true
		}
	}
	n, total, pairs := float64(len(docs)), 0.0, 0.0
	for k := range m.k {
		terms := m.terms(k, termsOfTopic)
		for i, a := range terms {
			for _, b := range terms[i+1:] {
				both := 0.0
				for _, d := range docs {
					if d[uint32(a.word)] && d[uint32(b.word)] {
						both++
					}
				}
				pairs++
				if both == 0 {
					total--
					continue
				}
				p := both / n
				total += math.Log(p*n*n/(float64(c.df[a.word])*float64(c.df[b.word]))) / -math.Log(p)
			}
		}
	}
	return total / pairs
}

func domains(t *testing.T, dir string) (labels, text []string) {
	files, err := filepath.Glob(filepath.Join(dir, "crossner", "*", "[td]*.txt"))
	if err != nil || len(files) == 0 {
		t.Skip("no crossner")
	}
	for _, p := range files {
		if filepath.Base(p) == "test.txt" {
			continue
		}
		raw, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for block := range strings.SplitSeq(string(raw), "\n\n") {
			var words []string
			for row := range strings.Lines(block) {
				if f := strings.Fields(row); len(f) > 0 {
					words = append(words, f[0])
				}
			}
			if len(words) > 0 {
				labels, text = append(labels, filepath.Base(filepath.Dir(p))), append(text, strings.Join(words, " "))
			}
		}
	}
	return labels, text
}

func banking(t *testing.T, dir string) (labels, text []string) {
	f, err := os.Open(filepath.Join(dir, "banking77", "train.csv"))
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	rec, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rec[1:] {
		labels, text = append(labels, r[1]), append(text, strings.ReplaceAll(r[0], "\n", " "))
	}
	return labels, text
}
