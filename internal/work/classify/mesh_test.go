package classify

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"cloister/internal/core/job"
	"cloister/internal/work/analyse"
	"cloister/internal/work/mesh"
	"cloister/internal/work/mesh/meshtest"
)

// lesson is what one instance gave.
type lesson struct {
	result any
	files  map[string]*bytes.Buffer
}

// together trains n instances, each of which is given all objects.
func together(h *meshtest.Hall, n int, s job.Setup, give func(*Learner) error) ([]lesson, []error) {
	out := make([]lesson, n)
	errs := h.Run(func(m *mesh.Mesh) error {
		l, err := Learn(s)
		if err != nil {
			return err
		}
		l.Join(m)
		if err := give(l); err != nil {
			return err
		}
		x := lesson{files: map[string]*bytes.Buffer{}}
		x.result, err = l.Finish(func(name string) io.Writer { x.files[name] = new(bytes.Buffer); return x.files[name] })
		out[m.Index] = x
		return err
	})
	return out, errs
}

// same trains n instances; the first one's files and result are given.
func same(t testing.TB, n int, s job.Setup, give func(*Learner) error) (Result, map[string]*bytes.Buffer) {
	t.Helper()
	out, errs := together(meshtest.New(n), n, s, give)
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	for i, x := range out[1:] {
		if x.result != nil || len(x.files) > 0 {
			t.Errorf("instance %d gave %v and %d files", i+1, x.result, len(x.files))
		}
	}
	return out[0].result.(Result), out[0].files
}

func labelled(rows []row) func(*Learner) error {
	return func(l *Learner) error { return take(l, job.Labels, string(asCSV(rows))) }
}

// TestTogether: several instances learn what one learns, the same every time, and count the same test documents.
func TestTogether(t *testing.T) {
	rows := sentences(40)
	for mode, several := range map[string][]int{"MULTI_CLASS": {2}, "MULTI_LABEL": {4}} {
		s := job.Setup{Training: &job.Training{Mode: mode}}
		want, _ := same(t, 1, s, labelled(rows))
		for _, n := range several {
			got, files := same(t, n, s, labelled(rows))
			again, others := got, files
			if n == 2 {
				again, others = same(t, n, s, labelled(rows))
			}
			if again != got || !bytes.Equal(others[analyse.ModelFile].Bytes(), files[analyse.ModelFile].Bytes()) || !bytes.Equal(others["confusion_matrix.json"].Bytes(), files["confusion_matrix.json"].Bytes()) {
				t.Errorf("%s: %d instances come to %+v and then to %+v", mode, n, got, again)
			}
			if got.NumberOfTrainedDocuments != want.NumberOfTrainedDocuments || got.NumberOfTestDocuments != want.NumberOfTestDocuments || got.NumberOfLabels != 3 ||
				math.Abs(got.EvaluationMetrics.Accuracy-want.EvaluationMetrics.Accuracy) > .1 {
				t.Errorf("%s: %d instances: %+v, alone %+v", mode, n, got, want)
			}
			e, err := Open(job.Setup{}, files[analyse.ModelFile])
			if err != nil {
				t.Fatal(err)
			}
			if r, err := e.Analyse([]byte("the courier left my parcel")); err != nil || !strings.Contains(fmt.Sprint(r), "[{SHIPPING") {
				t.Errorf("%s: %d instances: %v, %v", mode, n, r, err)
			}
		}
	}
}

// TestTogetherRoom: a training that is too large for one fits into several; all of them forget pieces of words, or refuse, at the same document.
func TestTogetherRoom(t *testing.T) {
	rows := sentences(2000)
	for _, c := range []struct {
		n      int
		room   int64
		pieces bool
		fits   bool
	}{{1, 2500 << 10, false, true}, {4, 2500 << 10, true, true}, {2, 1500 << 10, false, true}, {1, 1 << 20, false, false}, {4, 512 << 10, false, false}} {
		var sizes, texts []int64
		errs := meshtest.New(c.n).Run(func(m *mesh.Mesh) error {
			l, err := Learn(job.Setup{})
			if err != nil {
				return err
			}
			if c.n > 1 {
				l.Join(m)
			}
			l.c.room = c.room
			err = labelled(rows)(l)
			if l.c.hasher.pieces != c.pieces {
				err = errors.Join(err, fmt.Errorf("pieces of words: %v", l.c.hasher.pieces))
			}
			all := make([]int64, 2*c.n)
			all[m.Index], all[c.n+m.Index] = l.c.size(), int64(l.c.len())
			if serr := mesh.Sum(m, all); m.Index == 0 {
				sizes, texts = all[:c.n], all[c.n:]
				err = errors.Join(err, serr)
			}
			return err
		})
		var r *analyse.Refusal
		if fits := errors.Join(errs...) == nil; fits != c.fits || !fits && (!errors.As(errs[0], &r) || r.Code != tooLarge) {
			t.Errorf("%+v: %v", c, errs)
		}
		if slices.Min(sizes) != slices.Max(sizes) || slices.Min(texts) != slices.Max(texts) {
			t.Errorf("%+v: the instances count %d bytes, %d texts", c, sizes, texts)
		}
	}
}

// TestTogetherRefuses: all instances refuse with one sentence.
func TestTogetherRefuses(t *testing.T) {
	rows := append(sentences(20), row{"LONELY", "only one"})
	_, errs := together(meshtest.New(3), 3, job.Setup{}, labelled(rows))
	for i, err := range errs {
		if err == nil || err.Error() != errs[0].Error() || !strings.Contains(err.Error(), `"LONELY" (1)`) {
			t.Errorf("instance %d: %v", i, err)
		}
	}
}

// TestTogetherStrangers: whatever another instance says, this one ends, with a model or with an error.
func TestTogetherStrangers(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	failed := 0
	for range 5 {
		h := meshtest.New(2)
		from, at, kind, said := dice.IntN(2), dice.IntN(8), dice.IntN(3), 0
		h.Spoil = func(i int, b []byte) []byte {
			if i != from {
				return b
			}
			if said++; said-1 != at || len(b) == 0 {
				return b
			}
			b = bytes.Clone(b)
			switch kind {
			case 0:
				return b[:dice.IntN(len(b))]
			case 1:
				b[dice.IntN(len(b))] ^= byte(1 + dice.IntN(255))
			default:
				for i := range b {
					b[i] = byte(dice.Uint32())
				}
			}
			return b
		}
		out, errs := together(h, 2, job.Setup{}, labelled(sentences(20)))
		if errors.Join(errs...) != nil {
			failed++
		} else if _, err := Open(job.Setup{}, out[0].files[analyse.ModelFile]); err != nil {
			t.Errorf("a model that cannot be read: %v", err)
		}
	}
	if failed < 2 {
		t.Errorf("only %d of 5 were noticed", failed)
	}
}

// TestQualityTogether prints what several instances make of a set, each of its share.
func TestQualityTogether(t *testing.T) {
	dir := dataDir(t)
	for _, x := range []struct {
		name  string
		multi bool
		load  func(t *testing.T, dir string) (train, test []row)
	}{{"banking77", false, banking}, {"goemotions, one label", false, emotionsOne}, {"crossner domains", false, domains}, {"goemotions, labels", true, emotions}} {
		t.Run(x.name, func(t *testing.T) {
			train, test := x.load(t, dir)
			mode := "MULTI_CLASS"
			if x.multi {
				mode = "MULTI_LABEL"
			}
			for _, n := range []int{1, 2, 4} {
				res, files := same(t, n, job.Setup{Training: &job.Training{Mode: mode}}, func(l *Learner) error {
					err := l.Take(job.Object{Role: job.Labels, Name: "x.csv"}, bytes.NewReader(asCSV(train)))
					if err == nil {
						err = l.Take(job.Object{Role: job.Test + job.Labels, Name: "x.csv"}, bytes.NewReader(asCSV(test)))
					}
					return err
				})
				m := res.EvaluationMetrics
				t.Logf("%d instances: accuracy %.4f, macro F1 %.4f, micro F1 %.4f; model %d KiB", n, m.Accuracy, m.F1Score, m.MicroF1Score, files[analyse.ModelFile].Len()>>10)
			}
		})
	}
}
