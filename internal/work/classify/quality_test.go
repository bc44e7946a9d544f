package classify

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloister/internal/core/job"
	"cloister/internal/work/analyse"
)

// row is a labelled text; several labels are joined by |.
type row struct{ label, text string }

// TestQuality trains on the sets of $CLOISTER_DATA and prints what the classifier says of texts it has not seen, beside C++ fastText where
// that is installed (Debian package fasttext). It judges nothing.
func TestQuality(t *testing.T) {
	dir := dataDir(t)
	for _, x := range []struct {
		name  string
		multi bool
		load  func(t *testing.T, dir string) (train, test []row)
	}{{"banking77", false, banking}, {"goemotions, one label", false, emotionsOne}, {"crossner domains", false, domains}, {"goemotions, labels", true, emotions}} {
		t.Run(x.name, func(t *testing.T) {
			train, test := x.load(t, dir)
			measure(t, train, test, x.multi)
			if !x.multi {
				fastText(t, train, test)
			}
		})
	}
}

func dataDir(t *testing.T) string {
	dir := os.Getenv("CLOISTER_DATA")
	if dir == "" {
		t.Skip("CLOISTER_DATA names no folder with banking77, goemotions and crossner: no accuracy to measure")
	}
	return dir
}

func measure(t *testing.T, train, test []row, multi bool) {
	mode := "MULTI_CLASS"
	if multi {
		mode = "MULTI_LABEL"
	}
	l, err := Learn(job.Setup{Training: &job.Training{Mode: mode}})
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	for _, part := range []struct {
		role string
		rows []row
	}{{job.Labels, train}, {job.Test + job.Labels, test}} {
		if err := l.Take(job.Object{Role: part.role, Name: "x.csv"}, bytes.NewReader(asCSV(part.rows))); err != nil {
			t.Fatal(err)
		}
	}
	files := map[string]*bytes.Buffer{}
	res, err := l.Finish(func(name string) io.Writer { files[name] = new(bytes.Buffer); return files[name] })
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(begun)
	m := res.(Result).EvaluationMetrics
	model := files[analyse.ModelFile]
	size := model.Len()
	e, err := Open(job.Setup{}, model)
	if err != nil {
		t.Fatal(err)
	}
	begun = time.Now()
	var bins [10]struct {
		n, hit int
		sum    float64
	}
	for _, r := range test {
		got, err := e.Analyse([]byte(r.text))
		if err != nil {
			t.Fatal(err)
		}
		var all []Class
		if multi {
			all = got.(struct{ Labels []Class }).Labels
		} else {
			all = got.(struct{ Classes []Class }).Classes[:1]
		}
		for _, c := range all {
			b := &bins[min(9, int(c.Score*10))]
			b.n, b.sum = b.n+1, b.sum+c.Score
			if strings.Contains("|"+r.label+"|", "|"+c.Name+"|") {
				b.hit++
			}
		}
	}
	speed := float64(len(test)) / time.Since(begun).Seconds()
	gap, n := 0.0, 0
	for _, b := range bins {
		if b.n > 0 {
			gap += math.Abs(b.sum - float64(b.hit))
			n += b.n
		}
	}
	t.Logf("train %d, test %d, labels %d: accuracy %.4f, macro F1 %.4f, micro F1 %.4f, Hamming %.4f; scores are off by %.3f (expected calibration error); trained in %.1f s, %.0f docs/s, model %d KiB, %s",
		len(train), len(test), res.(Result).NumberOfLabels, m.Accuracy, m.F1Score, m.MicroF1Score, m.HammingLoss, gap/float64(n), took.Seconds(), speed, size>>10, kind(e.m))
}

func kind(m *model) string {
	if m.pieces {
		return "words and pieces"
	}
	return "words"
}

func asCSV(rows []row) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	for _, r := range rows {
		_ = w.Write([]string{r.label, r.text})
	}
	w.Flush()
	return b.Bytes()
}

func fastText(t *testing.T, train, test []row) {
	bin, err := exec.LookPath("fasttext")
	if err != nil {
		t.Log("fasttext is not installed: nothing to compare with")
		return
	}
	dir := t.TempDir()
	put := func(name string, rows []row) string {
		var b strings.Builder
		for _, r := range rows {
			fmt.Fprintf(&b, "__label__%s %s\n", strings.ReplaceAll(r.label, " ", "_"), strings.ToLower(strings.Join(strings.Fields(r.text), " ")))
		}
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	a, b, m := put("train", train), put("test", test), filepath.Join(dir, "m")
	begun := time.Now()
	if o, err := exec.Command(bin, "supervised", "-input", a, "-output", m, "-epoch", "25", "-lr", "0.5", "-wordNgrams", "2", "-dim", "50", "-thread", "2",
		"-minn", "3", "-maxn", "5").CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, o)
	}
	took := time.Since(begun)
	o, err := exec.Command(bin, "test", m+".bin", b).CombinedOutput()
	if err != nil {
		t.Fatalf("%v %s", err, o)
	}
	t.Logf("C++ fastText: %s, trained in %.1f s", strings.Join(strings.Fields(string(o)), " "), took.Seconds())
}

func banking(t *testing.T, dir string) (train, test []row) {
	load := func(name string) (out []row) {
		f, err := os.Open(filepath.Join(dir, "banking77", name))
		if err != nil {
			t.Skip(err)
		}
		defer f.Close()
		rec, err := csv.NewReader(f).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rec[1:] {
			out = append(out, row{r[1], r[0]})
		}
		return out
	}
	return load("train.csv"), load("test.csv")
}

func emotions(t *testing.T, dir string) (train, test []row) {
	load := func(name string) (out []row) {
		b, err := os.ReadFile(filepath.Join(dir, "goemotions", name))
		if err != nil {
			t.Skip(err)
		}
		for l := range strings.Lines(string(b)) {
			if f := strings.Split(l, "\t"); len(f) > 1 && strings.TrimSpace(f[0]) != "" {
				out = append(out, row{"e" + strings.ReplaceAll(f[1], ",", "|e"), f[0]})
			}
		}
		return out
	}
	return load("train.tsv"), load("dev.tsv")
}

func emotionsOne(t *testing.T, dir string) (train, test []row) {
	one := func(rows []row) (out []row) {
		for _, r := range rows {
			if !strings.Contains(r.label, "|") {
				out = append(out, r)
			}
		}
		return out
	}
	train, test = emotions(t, dir)
	return one(train), one(test)
}

// domains makes each sentence of CrossNER a document of its domain; dev is the test.
func domains(t *testing.T, dir string) (train, test []row) {
	load := func(name string) (out []row) {
		files, err := filepath.Glob(filepath.Join(dir, "crossner", "*", name))
		if err != nil || len(files) == 0 {
			t.Skip("no crossner")
		}
		for _, p := range files {
			f, err := os.Open(p)
			if err != nil {
				t.Fatal(err)
			}
			var words []string
			in := bufio.NewScanner(f)
			for more := true; more; {
				more = in.Scan()
				w := strings.Fields(in.Text())
				if len(w) > 0 && more {
					words = append(words, w[0])
				} else if len(words) > 0 {
					out = append(out, row{filepath.Base(filepath.Dir(p)), strings.Join(words, " ")})
					words = nil
				}
			}
			f.Close()
		}
		return out
	}
	return load("train.txt"), load("dev.txt")
}
