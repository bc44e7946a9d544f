package topic

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"cloister/internal/core/job"
	"cloister/internal/work/analyse"
)

// themes are words of four subjects, one of them German.
var themes = [][]string{
	strings.Fields("oven flour butter sugar dough bake recipe kitchen yeast bread cake cream pastry"),
	strings.Fields("engine wheel brake tyre gearbox driver clutch exhaust motor garage fuel piston axle"),
	strings.Fields("violin orchestra conductor symphony melody concert piano rehearsal opera quartet choir"),
	strings.Fields("Garten Blume Rose Tulpe Erde Gärtner Hecke Rasen Dünger Beet Strauch Gießkanne Zwiebel"),
}

// stories gives n documents, each of one theme (its number modulo four) with a few stop words.
func stories(n, words int) (out []string) {
	rng := rand.New(rand.NewPCG(5, 6))
	for i := range n {
		th := themes[i%len(themes)]
		var w []string
		for j := range words {
			w = append(w, th[rng.IntN(len(th))])
			if stop := []string{"the", "with", "and", "from"}; i%4 != 3 && j%2 == 0 {
				w = append(w, stop[rng.IntN(4)])
			}
			if stop := []string{"und", "die", "nicht", "auch", "eine"}; i%4 == 3 {
				w = append(w, stop[rng.IntN(5)])
			}
		}
		out = append(out, strings.Join(w, " ")+".")
	}
	return out
}

// run learns from files; one without a name says what a large corpus is.
func run(t testing.TB, s job.Setup, files ...[2]string) (Result, map[string][][]string, error) {
	t.Helper()
	l, err := Learn(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f[0] == "" {
			l.large, _ = strconv.Atoi(f[1])
			continue
		}
		if err := l.Take(job.Object{Role: job.Documents, Name: f[0]}, strings.NewReader(f[1])); err != nil {
			return Result{}, nil, err
		}
	}
	raw := map[string]*bytes.Buffer{}
	res, err := l.Finish(func(name string) io.Writer { raw[name] = new(bytes.Buffer); return raw[name] })
	if err != nil {
		return Result{}, nil, err
	}
	out := map[string][][]string{}
	for name, b := range raw {
		rec, err := csv.NewReader(b).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		out[name] = rec
	}
	return res.(Result), out, nil
}

func TestTopics(t *testing.T) {
	res, files, err := run(t, job.Setup{Topics: 4, Format: "ONE_DOC_PER_LINE"}, [2]string{"a, b.txt", strings.Join(stories(200, 30), "\n")})
	if err != nil || res.NumberOfDocuments != 200 || res.NumberOfDocumentsLeftOut != 0 {
		t.Fatal(res, err)
	}
	terms, docs := files["topic-terms.csv"], files["doc-topics.csv"]
	if strings.Join(terms[0], ",") != "topic,term,weight" || len(terms) != 41 || terms[1][0] != "000" || terms[40][0] != "003" {
		t.Fatal(terms[0], len(terms))
	}
	theme := func(word string) int {
		for i, th := range themes {
			for _, w := range th {
				if strings.EqualFold(w, word) {
					return i
				}
			}
		}
		return -1
	}
	of := map[string]int{} // topic -> theme
	for _, row := range terms[1:] {
		key := row[0] // doc-topics.csv writes it the same (Developer Guide, "Topic modeling")
		th := theme(row[1])
		if was, ok := of[key]; th < 0 || ok && was != th {
			t.Errorf("topic %s mixes: %s", row[0], row[1])
		}
		of[key] = th
	}
	if strings.Join(docs[0], ",") != "docname,topic,proportion" {
		t.Error(docs[0])
	}
	sum := map[string]float64{}
	best := map[string]string{}
	for _, row := range docs[1:] {
		x, err := strconv.ParseFloat(row[2], 64)
		if err != nil || x <= 0 || x > 1 {
			t.Fatal(row)
		}
		if sum[row[0]] += x; best[row[0]] == "" {
			best[row[0]] = row[1]
		}
	}
	for i := range 200 {
		name := fmt.Sprintf("a, b.txt:%d", i)
		if of[best[name]] != i%4 || math.Abs(sum[name]-1) > .05 {
			t.Errorf("%s: topic %s, %f in all", name, best[name], sum[name])
		}
	}
}

// The same corpus gives the same files, with one core and with more, whole or in parts.
func TestReproducible(t *testing.T) {
	text := strings.Join(stories(100, 20), "\n")
	for _, large := range []int{1 << 30, 1000} {
		var first string
		for _, n := range []int{1, 2} {
			was := runtime.GOMAXPROCS(n)
			_, files, err := run(t, job.Setup{Topics: 3, Format: "ONE_DOC_PER_LINE"}, [2]string{"x", text}, [2]string{"", strconv.Itoa(large)})
			runtime.GOMAXPROCS(was)
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(files); first == "" {
				first = got
			} else if got != first {
				t.Errorf("large from %d words, %d cores: another result", large, n)
			}
		}
	}
}

func TestDocuments(t *testing.T) {
	s := stories(8, 20)
	for _, x := range []struct {
		name, format string
		limit        int64
		files        [][2]string
		docs, left   int
		named        []string // among the documents with topics
	}{
		{"files", "ONE_DOC_PER_FILE", 0, [][2]string{{"a", s[0] + "\n" + s[4]}, {"b", s[1]}, {"empty", ""}}, 3, 0, []string{"a", "b"}},
		{"line ends", "ONE_DOC_PER_LINE", 0, [][2]string{{"f", s[0] + "\r\n" + s[1] + "\r" + s[2] + "\n\n" + s[4]}}, 5, 0, []string{"f:0", "f:1", "f:2", "f:4"}},
		{"no end of line, a mark", "ONE_DOC_PER_LINE", 0, [][2]string{{"f", "\xef\xbb\xbf" + s[0]}, {"g", s[1] + "\n"}}, 2, 0, []string{"f:0", "g:0"}},
		{"latin-1", "ONE_DOC_PER_LINE", 0, [][2]string{{"f", s[0] + "\ncaf\xe9 oven flour\n" + s[1]}}, 2, 1, []string{"f:0", "f:2"}},
		{"too long", "ONE_DOC_PER_FILE", 600, [][2]string{{"f", s[0]}, {"g", strings.Repeat("oven ", 200)}, {"h", s[1]}}, 2, 1, []string{"f", "h"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			res, files, err := run(t, job.Setup{Topics: 2, Format: x.format, Limit: x.limit}, x.files...)
			if err != nil || res.NumberOfDocuments != x.docs || res.NumberOfDocumentsLeftOut != x.left {
				t.Fatal(res, err)
			}
			var names []string
			for _, row := range files["doc-topics.csv"][1:] {
				if len(names) == 0 || names[len(names)-1] != row[0] {
					names = append(names, row[0])
				}
			}
			if strings.Join(names, " ") != strings.Join(x.named, " ") {
				t.Errorf("%q", names)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	var r *analyse.Refusal
	for _, text := range []string{"", "the and with", "12 34 !!"} {
		if _, _, err := run(t, job.Setup{}, [2]string{"x", text}); !errors.As(err, &r) || r.Code != "NO_INPUT_FOUND" {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := Learn(job.Setup{Topics: 101}); err == nil {
		t.Error("101 topics: taken")
	}
	l, err := Learn(job.Setup{})
	if err != nil {
		t.Fatal(err)
	}
	l.c.docs = make([]document, documentsMax)
	if err := l.Take(job.Object{Name: "x"}, strings.NewReader("oven")); !errors.As(err, &r) || r.Code != "INPUT_LIMIT_EXCEEDED" {
		t.Error(err)
	}
	l.c.docs, l.c.sizes[0] = nil, wordsMax
	if err := l.Take(job.Object{Name: "x"}, strings.NewReader("oven")); !errors.As(err, &r) || r.Code != "INPUT_LIMIT_EXCEEDED" {
		t.Error(err)
	}
}

// Of too many different words the rare ones are forgotten, the frequent ones are not.
func TestPrune(t *testing.T) {
	c := newCorpus()
	put := func(s string) {
		for w := range strings.FieldsSeq(s) {
			c.word([]byte(w))
		}
		c.end(0, 0)
	}
	put("oven flour")
	put("oven flour")
	for i := range vocabularyMax {
		c.ids[fmt.Sprint("rare", i)] = uint32(len(c.df))
		c.df, c.seen, c.flags = append(c.df, 1), append(c.seen, 1), append(c.flags, 0)
	}
	put("oven butter")
	if len(c.ids) > 10 || c.ids["oven"] != 0 {
		t.Errorf("%d words, oven %d", len(c.ids), c.ids["oven"])
	}
	if _, ok := c.ids["butter"]; !ok {
		t.Error("the word that was read is forgotten")
	}
}

func FuzzTake(f *testing.F) {
	f.Add("oven flour\r\nbutter\xff\n\rGärten ÄÖ", true)
	f.Fuzz(func(t *testing.T, text string, lines bool) {
		s := job.Setup{Topics: 2, Limit: 300}
		if lines {
			s.Format = "ONE_DOC_PER_LINE"
		}
		var r *analyse.Refusal
		if _, _, err := run(t, s, [2]string{"x", text}); err != nil && !errors.As(err, &r) {
			t.Fatal(err)
		}
	})
}

func BenchmarkTopics(b *testing.B) {
	text := strings.Join(stories(10_000, 40), "\n")
	for b.Loop() {
		if _, _, err := run(b, job.Setup{Topics: 20, Format: "ONE_DOC_PER_LINE"}, [2]string{"x", text}); err != nil {
			b.Fatal(err)
		}
	}
}
