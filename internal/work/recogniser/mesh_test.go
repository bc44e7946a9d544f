package recogniser_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"cloister/internal/core/job"
	"cloister/internal/work/mesh"
	"cloister/internal/work/mesh/meshtest"
	"cloister/internal/work/recogniser"
)

// together has n instances learn, each given all objects, and gives what the first one made.
func together(t testing.TB, h *meshtest.Hall, n int, s job.Setup, in ...object) (out recogniser.Result, model []byte, errs []error) {
	t.Helper()
	errs = h.Run(func(m *mesh.Mesh) error {
		l, err := recogniser.Learn(s)
		if err != nil {
			return err
		}
		if n > 1 {
			l.Join(m)
		}
		for _, o := range in {
			if err := l.Take(job.Object{Role: o.role, Name: o.name, Attributes: []string{"ner"}}, strings.NewReader(o.text)); err != nil {
				return err
			}
		}
		var b bytes.Buffer
		got, err := l.Finish(func(string) io.Writer { return &b })
		if m.Index == 0 && err == nil {
			out, model = got.(recogniser.Result), b.Bytes()
		} else if b.Len() > 0 || got != nil {
			err = errors.Join(err, fmt.Errorf("instance %d gave %v and %d bytes", m.Index, got, b.Len()))
		}
		return err
	})
	return out, model, errs
}

// TestTogether: several instances learn what one learns, from annotations and from a list, the same every time.
func TestTogether(t *testing.T) {
	docs, notes := corpus(120)
	list := "Text, Type\n"
	for i := range 120 {
		list += fmt.Sprintf("KX-%d, ENGINE\n", 100+i*37%800)
	}
	for name, c := range map[string]struct {
		s  job.Setup
		in []object
		ns []int
	}{
		"annotations": {setup("ENGINE", "ENGINEER"), []object{{job.Annotations, "notes.csv", notes}, {job.Documents, "docs.txt", docs}}, []int{1, 2, 2, 4}},
		"a list":      {setup("ENGINE"), []object{{job.EntityList, "list.csv", list}, {job.Documents, "docs.txt", strings.Repeat(docs, 2)}}, []int{1, 3}},
	} {
		made := map[int][]byte{}
		var alone recogniser.Result
		for _, n := range c.ns {
			got, model, errs := together(t, meshtest.New(n), n, c.s, c.in...)
			if err := errors.Join(errs...); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if n == 1 {
				alone = got
			}
			if made[n] != nil && !bytes.Equal(made[n], model) {
				t.Errorf("%s: %d instances made two models", name, n)
			}
			made[n] = model
			for i := range got.EntityTypes {
				if got.EntityTypes[i].NumberOfTrainMentions != alone.EntityTypes[i].NumberOfTrainMentions || got.EntityTypes[i].EvaluationMetrics == nil {
					t.Errorf("%s: %d instances: %+v, alone %+v", name, n, got, alone)
				}
			}
			if got.NumberOfTrainedDocuments != alone.NumberOfTrainedDocuments || got.NumberOfTestDocuments != alone.NumberOfTestDocuments || got.EvaluationMetrics.F1Score < 90 {
				t.Errorf("%s: %d instances: %+v, alone %+v", name, n, got, alone)
			}
			e, err := recogniser.Open(bytes.NewReader(model))
			if err != nil {
				t.Fatal(err)
			}
			if found := e.Find("Ask somebody whether the engine KX-999 is ready for delivery."); !strings.Contains(fmt.Sprintf("%+v", found), "KX-999") {
				t.Errorf("%s: %d instances: %+v", name, n, found)
			}
		}
		if reflect.DeepEqual(made[1], made[c.ns[1]]) {
			t.Errorf("%s: the shares were not shared", name)
		}
	}
}

// TestTogetherRefuses: all instances refuse with one sentence; what makes no sense from another one ends the training.
func TestTogetherRefuses(t *testing.T) {
	docs, notes := corpus(60)
	_, _, errs := together(t, meshtest.New(3), 3, setup("ENGINE", "ENGINEER"), object{job.Annotations, "notes.csv", notes + "docs.txt, 1, 3, 4000, ENGINE\n"}, object{job.Documents, "docs.txt", docs})
	for i, err := range errs {
		if err == nil || err.Error() != errs[0].Error() || !strings.Contains(err.Error(), "offsets outside of the text") {
			t.Errorf("instance %d: %v", i, err)
		}
	}
	for at := range 3 {
		h, said := meshtest.New(2), 0
		h.Spoil = func(from int, b []byte) []byte {
			if from == 1 {
				if said++; said > at {
					return bytes.Repeat([]byte{0x7f}, len(b))
				}
			}
			return b
		}
		if _, _, errs := together(t, h, 2, setup("ENGINE", "ENGINEER"), object{job.Annotations, "notes.csv", notes}, object{job.Documents, "docs.txt", docs}); errs[0] == nil || errs[1] == nil {
			t.Errorf("garbage after %d: %v", at, errs)
		}
	}
}

// TestQualityTogether prints what several instances make of a set, each of its share.
func TestQualityTogether(t *testing.T) {
	dir := os.Getenv("CLOISTER_DATA")
	if dir == "" {
		t.Skip("CLOISTER_DATA names no folder with crossner: nothing to measure on")
	}
	for _, domain := range []string{"music", "science"} {
		train, test := conll(t, filepath.Join(dir, "crossner", domain, "train.txt")), conll(t, filepath.Join(dir, "crossner", domain, "test.txt"))
		train = append(train, conll(t, filepath.Join(dir, "crossner", domain, "dev.txt"))...)
		if len(train) == 0 || len(test) == 0 {
			t.Skip("no crossner in CLOISTER_DATA")
		}
		types := frequent(train)
		s := setup(types...)
		s.Training.Tested = true
		for _, n := range []int{1, 2, 4} {
			began := time.Now()
			got, _, errs := together(t, meshtest.New(n), n, s, append(files("", train, types), files(job.Test, test, types)...)...)
			if err := errors.Join(errs...); err != nil {
				t.Fatal(err)
			}
			t.Logf("%s, %d sentences, %d instances: F1 %.3f (%.1fs)", domain, len(train), n, got.EvaluationMetrics.F1Score/100, time.Since(began).Seconds())
		}
	}
}
