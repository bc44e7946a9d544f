package recogniser_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"cloister/internal/core/job"
	"cloister/internal/work/recogniser"
)

// TestQuality prints the learning curve of a recogniser on CrossNER in $CLOISTER_DATA: with the labels of the set, as a user's
// corpus has them, learned from the first lines of a domain's training file and tested on its test file. It judges nothing.
func TestQuality(t *testing.T) {
	dir := os.Getenv("CLOISTER_DATA")
	if dir == "" {
		t.Skip("CLOISTER_DATA names no folder with crossner: no curve to measure")
	}
	part := "test"
	if p := os.Getenv("CLOISTER_PART"); p != "" {
		part = p // dev, to choose options by
	}
	for _, domain := range []string{"music", "science", "ai"} {
		train, test := conll(t, filepath.Join(dir, "crossner", domain, "train.txt")), conll(t, filepath.Join(dir, "crossner", domain, part+".txt"))
		if len(train) == 0 || len(test) == 0 {
			t.Skip("no crossner in CLOISTER_DATA")
		}
		if part == "test" { // the development part is data to train with
			train = append(train, conll(t, filepath.Join(dir, "crossner", domain, "dev.txt"))...)
		}
		for _, n := range []int{100, 200, 400, len(train)} {
			if n > len(train) {
				continue
			}
			learned := slices.Clone(train[:n])
			types := frequent(learned)
			s := setup(types...)
			s.Training.Tested = true
			began := time.Now()
			got, model, err := teach(t, s, append(files("", learned, types), files(job.Test, test, types)...)...)
			if err != nil {
				t.Errorf("%s, %d sentences: %v", domain, n, err)
				continue
			}
			took := time.Since(began)
			e, err := recogniser.Open(bytes.NewReader(model))
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%-8s %4d sentences: all labels F1 %.3f; its %2d types F1 %.3f (%.1fs, model %d KB)", domain, n, all(e, test), len(types), got.EvaluationMetrics.F1Score/100, took.Seconds(), len(model)>>10)
		}
	}
}

// all is the F1 over all labels of a set, also those too rare to be taught.
func all(e *recogniser.Engine, test []labelled) float64 {
	var hit, found, gold int
	for _, s := range test {
		gold += len(s.spans)
		for _, x := range e.Find(s.text) {
			found++
			if slices.Contains(s.spans, labelledSpan{x.BeginOffset, x.EndOffset, x.Type}) {
				hit++
			}
		}
	}
	return 2 * float64(hit) / float64(max(found+gold, 1))
}

type labelled struct {
	text  string
	spans []labelledSpan
}

type labelledSpan struct {
	begin, end int
	kind       string
}

func conll(t *testing.T, path string) (out []labelled) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("%v", err)
	}
	var s labelled
	at := 0
	for line := range strings.Lines(string(raw) + "\n") {
		f := strings.Fields(line)
		if len(f) < 2 {
			if s.text != "" {
				out = append(out, s)
			}
			s, at = labelled{}, 0
			continue
		}
		if s.text != "" {
			s.text += " "
			at++
		}
		s.text += f[0]
		end := at + utf8.RuneCountInString(f[0])
		switch {
		case strings.HasPrefix(f[1], "B-"):
			s.spans = append(s.spans, labelledSpan{at, end, strings.ToUpper(f[1][2:])})
		case strings.HasPrefix(f[1], "I-"):
			s.spans[len(s.spans)-1].end = end
		}
		at = end
	}
	return out
}

// frequent gives the types with annotations enough to be taught.
func frequent(in []labelled) []string {
	n := map[string]int{}
	for _, s := range in {
		for _, x := range s.spans {
			n[x.kind]++
		}
	}
	var out []string
	for k, c := range n {
		if c >= 25 {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

func files(prefix string, in []labelled, types []string) []object {
	var docs, notes strings.Builder
	notes.WriteString("File,Line,Begin Offset,End Offset,Type\n")
	for i, s := range in {
		docs.WriteString(s.text + "\n")
		for _, x := range s.spans {
			if slices.Contains(types, x.kind) {
				fmt.Fprintf(&notes, "d.txt,%d,%d,%d,%s\n", i, x.begin, x.end, x.kind)
			}
		}
	}
	return []object{{prefix + job.Annotations, "a.csv", notes.String()}, {prefix + job.Documents, "d.txt", docs.String()}}
}
