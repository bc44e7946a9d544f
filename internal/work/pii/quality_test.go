package pii

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cloister/internal/core/job"
	"cloister/internal/work/entity"
)

var marked = regexp.MustCompile(`\{\{([A-Z_]+):(.*?)\}\}`)

// sentence is a text and what is to be found in it.
type sentence struct {
	text string
	want []span
}

func load(t testing.TB, file string) (out []sentence) {
	raw, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimRight(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		var s sentence
		at := 0
		for _, m := range marked.FindAllStringSubmatchIndex(line, -1) {
			s.text += line[at:m[0]]
			b := len(s.text)
			s.text += line[m[4]:m[5]]
			kind := line[m[2]:m[3]]
			if !slices.Contains(Types, kind) {
				t.Fatalf("%s: no type", kind)
			}
			s.want = append(s.want, span{kind: kind, begin: b, end: len(s.text)})
			at = m[1]
		}
		s.text += line[at:]
		out = append(out, s)
	}
	return out
}

// loose are the types without a form of their own, which grammars guess.
var loose = []string{name, address, date}

type tally struct{ right, found, wanted int }

func (x tally) String() string {
	return fmt.Sprintf("wanted %3d, found %3d: precision %.3f, recall %.3f", x.wanted, x.found, float64(x.right)/float64(max(1, x.found)), float64(x.right)/float64(max(1, x.wanted)))
}

// score counts exact spans of the right type; told is told of each that is not.
func score(t testing.TB, file string, told func(format string, a ...any)) (byKind map[string]*tally, structured tally) {
	m, err := entity.Open()
	if err != nil {
		t.Fatal(err)
	}
	e, err := Open(job.Setup{Language: "en"}, People(m.NewDetector()))
	if err != nil {
		t.Fatal(err)
	}
	byKind = map[string]*tally{}
	of := func(kind string) *tally {
		if byKind[kind] == nil {
			byKind[kind] = new(tally)
		}
		return byKind[kind]
	}
	for _, s := range load(t, file) {
		got := e.find(s.text)
		same := func(a, b span) bool { return a.kind == b.kind && a.begin == b.begin && a.end == b.end }
		for _, w := range s.want {
			of(w.kind).wanted++
			if slices.ContainsFunc(got, func(g span) bool { return same(g, w) }) {
				of(w.kind).right++
			} else {
				told("missed %s %q in %q", w.kind, s.text[w.begin:w.end], s.text)
			}
		}
		for _, g := range got {
			of(g.kind).found++
			if !slices.ContainsFunc(s.want, func(w span) bool { return same(g, w) }) {
				told("wrong %s %q (%.2f) in %q", g.kind, s.text[g.begin:g.end], g.score, s.text)
			}
		}
	}
	for k, x := range byKind {
		if !slices.Contains(loose, k) {
			structured.right, structured.found, structured.wanted = structured.right+x.right, structured.found+x.found, structured.wanted+x.wanted
		}
	}
	return byKind, structured
}

// TestQuality prints precision and recall of each type on the committed sentences: those that the rules were written with, and two sets that were
// written afterwards.
func TestQuality(t *testing.T) {
	for file, gate := range map[string][2]float64{"sentences.txt": {.9, .95}, "second.txt": {.9, .95}, "third.txt": {.95, .95}} {
		t.Run(file, func(t *testing.T) {
			byKind, structured := score(t, file, t.Logf)
			for _, k := range Types {
				if x := byKind[k]; x != nil {
					t.Logf("%-40s %s", k, x)
				} else if file == "sentences.txt" {
					t.Errorf("%s: no sentence", k)
				}
			}
			t.Logf("%-40s %s", "all but "+strings.Join(loose, ", "), structured)
			if p, r := float64(structured.right)/float64(structured.found), float64(structured.right)/float64(structured.wanted); p < gate[0] || r < gate[1] {
				t.Errorf("precision %.3f, recall %.3f of what has a form; %v are demanded", p, r, gate)
			}
		})
	}
}

// persons are CrossNER's labels of persons.
var persons = []string{"person", "researcher", "scientist", "politician", "writer", "musicalartist"}

// TestQualityOnText counts what is found in encyclopaedic sentences and bank queries of $CLOISTER_DATA. Neither has personal data with a form, but
// dates, web addresses and ages, so what else is found there is wrong.
func TestQualityOnText(t *testing.T) {
	dir := os.Getenv("CLOISTER_DATA")
	if dir == "" {
		t.Skip("CLOISTER_DATA names no folder with crossner and banking77: nothing to measure on")
	}
	m, err := entity.Open()
	if err != nil {
		t.Fatal(err)
	}
	both, _ := Open(job.Setup{}, People(m.NewDetector()))
	alone, _ := Open(job.Setup{}, nil)
	count := map[string]int{}
	lines := 0
	see := func(text string, got []span) {
		lines++
		for _, g := range got {
			if count[g.kind]++; !slices.Contains(loose, g.kind) && g.kind != url && g.kind != age {
				t.Logf("%s %q (%.2f) in %q", g.kind, text[g.begin:g.end], g.score, text)
			}
		}
	}
	files, _ := filepath.Glob(filepath.Join(dir, "crossner", "*", "dev.txt"))
	var grammar, full tally
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for block := range strings.SplitSeq(string(raw), "\n\n") {
			var text string
			var want []span
			for row := range strings.Lines(block) {
				w := strings.Fields(row)
				if len(w) < 2 {
					continue
				}
				if text != "" {
					text += " "
				}
				b := len(text)
				text += w[0]
				switch mark, kind, _ := strings.Cut(w[len(w)-1], "-"); {
				case !slices.Contains(persons, kind):
				case mark == "B":
					want = append(want, span{kind: name, begin: b, end: len(text)})
				case len(want) > 0:
					want[len(want)-1].end = len(text)
				}
			}
			for e, x := range map[*Engine]*tally{both: &full, alone: &grammar} {
				got := e.find(text)
				x.wanted += len(want)
				for _, g := range got {
					if g.kind != name {
						continue
					}
					x.found++
					if slices.ContainsFunc(want, func(w span) bool { return w.begin == g.begin && w.end == g.end }) {
						x.right++
					}
				}
				if e == both {
					see(text, got)
				}
			}
		}
	}
	t.Logf("names, CrossNER dev, grammar alone: %s", grammar)
	t.Logf("names, CrossNER dev, with the engine of entities: %s", full)
	if raw, err := os.ReadFile(filepath.Join(dir, "banking77", "test.csv")); err == nil {
		for line := range strings.Lines(string(raw)) {
			text := strings.TrimSpace(line)
			see(text, both.find(text))
		}
	}
	t.Logf("found in %d texts: %v", lines, count)
}
