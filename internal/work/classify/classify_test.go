package classify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"cloister/internal/core/job"
	"cloister/internal/work/analyse"
)

// subjects and endings make sentences of three classes, in two languages.
var subjects = map[string][]string{
	"BILLING":  {"the invoice shows a wrong amount", "my card was charged twice", "please refund the payment", "la factura tiene un importe erróneo", "quiero el reembolso del pago"},
	"SHIPPING": {"the parcel has not arrived", "the courier left the box in the rain", "tracking says delivered", "el paquete no ha llegado", "el envío llegó roto"},
	"ACCOUNT":  {"I cannot sign in", "reset my password", "the login page is blank", "no puedo entrar en mi cuenta", "cambiar la contraseña"},
}

var endings = []string{"since Monday", "again", "for the third time", "and nobody answers", "desde ayer", "as I wrote before", "although I asked", "this week", "por favor", "in the new app", "on my phone", "thanks"}

func sentences(n int) (out []row) {
	for _, class := range []string{"SHIPPING", "BILLING", "ACCOUNT"} {
		for i := range n {
			s := subjects[class]
			out = append(out, row{class, s[i%len(s)] + " " + endings[i*7%len(endings)] + " " + endings[(i*5+i/3)%len(endings)] + fmt.Sprint(" ", i)})
		}
	}
	return out
}

func learn(t *testing.T, mode string) *Learner {
	t.Helper()
	l, err := Learn(job.Setup{Training: &job.Training{Mode: mode}})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func take(l *Learner, role, body string, attributes ...string) error {
	return l.Take(job.Object{Role: role, Name: "data.csv", Attributes: attributes}, strings.NewReader(body))
}

func finish(l *Learner) (res Result, files map[string]*bytes.Buffer, err error) {
	files = map[string]*bytes.Buffer{}
	got, err := l.Finish(func(name string) io.Writer { files[name] = new(bytes.Buffer); return files[name] })
	if err == nil {
		res = got.(Result)
	}
	return res, files, err
}

func TestLearnAndTell(t *testing.T) {
	l := learn(t, "MULTI_CLASS")
	if err := take(l, job.Labels, string(asCSV(sentences(40)))); err != nil {
		t.Fatal(err)
	}
	res, files, err := finish(l)
	if err != nil {
		t.Fatal(err)
	}
	if res.NumberOfLabels != 3 || res.NumberOfTrainedDocuments != 108 || res.NumberOfTestDocuments != 12 || res.EvaluationMetrics.Accuracy < .9 {
		t.Fatalf("%+v", res)
	}
	var matrix struct {
		Type   string
		Cells  [][]int  `json:"confusion_matrix"`
		Labels []string `json:"labels"`
		All    []string `json:"all_labels"`
	}
	if err := json.Unmarshal(files["confusion_matrix.json"].Bytes(), &matrix); err != nil {
		t.Fatal(err)
	}
	if matrix.Type != "multi_class" || len(matrix.Cells) != 3 || strings.Join(matrix.All, " ") != "ACCOUNT BILLING SHIPPING" || matrix.Cells[0][0]+matrix.Cells[0][1]+matrix.Cells[0][2] != 4 {
		t.Fatalf("%+v", matrix)
	}
	e, err := Open(job.Setup{}, files[analyse.ModelFile])
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{"where is my parcel": "SHIPPING", "you charged my card for nothing": "BILLING", "la contraseña no vale": "ACCOUNT"} {
		got := told(t, e, text)
		if got[0].Name != want || len(got) != 3 || got[0].Score < got[1].Score || math.Abs(got[0].Score+got[1].Score+got[2].Score-1) > 1e-4 {
			t.Errorf("%s: %+v", text, got)
		}
	}
	for _, s := range told(t, e, "") {
		if s.Score < .1 { // nothing is known of it: near what the classes' frequencies are
			t.Errorf("empty: %+v", s)
		}
	}
}

func told(t *testing.T, e *Engine, text string) []Class {
	t.Helper()
	got, err := e.Analyse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return got.(struct{ Classes []Class }).Classes
}

func TestLabels(t *testing.T) {
	l := learn(t, "MULTI_LABEL")
	var b strings.Builder
	for i := range 120 {
		var names, text []string
		for k, class := range []string{"BILLING", "SHIPPING", "ACCOUNT"} {
			if (i+1)>>k&1 == 1 || k == i%3 {
				names, text = append(names, class), append(text, subjects[class][i%5])
			}
		}
		fmt.Fprintf(&b, "%s,%s %s\n", strings.Join(names, "|"), strings.Join(text, " and "), endings[i%12])
	}
	if err := take(l, job.Labels, b.String()); err != nil {
		t.Fatal(err)
	}
	res, files, err := finish(l)
	if err != nil {
		t.Fatal(err)
	}
	if m := res.EvaluationMetrics; res.NumberOfTestDocuments != 12 || m.MicroF1Score < .9 || m.HammingLoss > .1 {
		t.Fatalf("%+v", res)
	}
	if s := files["confusion_matrix.json"].String(); !strings.HasPrefix(s, `{"type":"multi_label","confusion_matrix":[[[`) {
		t.Error(s)
	}
	e, err := Open(job.Setup{}, files[analyse.ModelFile])
	if err != nil {
		t.Fatal(err)
	}
	got, _ := e.Analyse([]byte("my card was charged twice and the parcel has not arrived"))
	labels := got.(struct{ Labels []Class }).Labels
	if len(labels) < 2 || labels[0].Score < .5 || labels[1].Score < .5 || labels[0].Name == "ACCOUNT" || labels[1].Name == "ACCOUNT" {
		t.Errorf("%+v", labels)
	}
}

// The same documents give the same bytes, however many share the work.
func TestReproducible(t *testing.T) {
	var first []byte
	for _, n := range []int{1, 2, 3} {
		l := learn(t, "MULTI_CLASS")
		l.c.workers = n
		if err := take(l, job.Labels, string(asCSV(sentences(30)))); err != nil {
			t.Fatal(err)
		}
		_, files, err := finish(l)
		if err != nil {
			t.Fatal(err)
		}
		b := files[analyse.ModelFile].Bytes()
		if first == nil {
			first = b
		}
		if !bytes.Equal(first, b) {
			t.Errorf("%d workers: another model", n)
		}
	}
}

func TestManifest(t *testing.T) {
	l := learn(t, "MULTI_CLASS")
	var b strings.Builder
	for _, r := range sentences(12) {
		j, _ := json.Marshal(map[string]any{"source": r.text, "kind": 0, "kind-metadata": map[string]any{"class-name": r.label, "confidence": .9}})
		b.Write(append(j, '\n'))
	}
	if err := take(l, job.Manifest, b.String(), "other", "kind"); err != nil {
		t.Fatal(err)
	}
	if err := take(l, job.Test+job.Manifest, b.String(), "kind"); err != nil {
		t.Fatal(err)
	}
	res, _, err := finish(l)
	if err != nil || res.NumberOfTrainedDocuments != 36 || res.NumberOfTestDocuments != 36 {
		t.Fatalf("%+v %v", res, err)
	}
	l = learn(t, "MULTI_LABEL")
	if err := take(l, job.Manifest, `{"source":"a film","g":[3,8],"g-metadata":{"class-map":{"3":"comedy","8":"drama"}}}`, "g"); err != nil {
		t.Fatal(err)
	}
	if l.c.sort(); strings.Join(l.c.names, " ") != "comedy drama" || len(l.c.labels(0)) != 2 {
		t.Errorf("%v %v", l.c.names, l.c.labels(0))
	}
}

// wide has a row of each number of columns above two.
func wide(rows int) string {
	var b strings.Builder
	for i := range rows {
		b.WriteString(strings.Repeat(",", 2+i) + "\n")
	}
	return b.String()
}

// What cannot be learnt from is refused with rows and counts.
func TestRefusals(t *testing.T) {
	ten := strings.Repeat("A,one two\n", 10)
	for _, x := range []struct{ name, mode, role, body, attribute, want string }{
		{"empty", "", job.Labels, "", "", `INVALID_TRAINING_DATA: "data.csv" is empty.`},
		{"blank lines", "", job.Labels, "\n\r\n\r", "", `"data.csv" has no rows`},
		{"columns", "", job.Labels, "A,b\nA\nA,b,c\nA,d,e\n", "", `has 4 rows, of which cannot be used: 1 with 1 columns instead of 2 (label and text) (row 2); 2 with 3 columns instead of 2 (label and text) (rows 3, 4)`},
		{"all numbers of columns", "", job.Labels, wide(1500), "", "(row 20); 1480 with other faults (rows 21, 22, 23, 24, 25, ...)."},
		{"open quotes", "", job.Labels, "A,b\nA,\"never closed\nB,c\n", "", "The quotes of row 2"},
		{"after quotes", "", job.Labels, "A,\"b\"c\n", "", "1 with text after closing quotes (row 1)"},
		{"utf-16", "", job.Labels, "\xff\xfeA\x00,\x00b\x00", "", "is UTF-16"},
		{"utf-16 without a mark", "", job.Labels, "A\x00,\x00b\x00", "", "begins with NUL"},
		{"gzip", "", job.Labels, "\x1f\x8b\x08\x00", "", "compressed with gzip"},
		{"latin-1", "", job.Labels, "A,caf\xe9\n", "", "1 with bytes that are not UTF-8 (row 1)"},
		{"NUL", "", job.Labels, "A,b\x00c\n", "", "1 with a NUL character"},
		{"empty text", "", job.Labels, strings.Repeat("A,\" \"\n", 7), "", "7 with an empty document (rows 1, 2, 3, 4, 5, ...)"},
		{"empty label", "MULTI_LABEL", job.Labels, "A||B,text\n", "", "1 with an empty label"},
		{"long label", "", job.Labels, strings.Repeat("é", 5001) + ",b\n", "", "a label of more than 5000 characters"},
		{"control", "", job.Labels, "A\tB,b\n", "", "control characters in a label"},
		{"one class", "", job.Labels, ten, "", `only one of the classes: all 10 documents are of "A"`},
		{"few", "", job.Labels, ten + "B,three\nC,four\nC,five\n", "", `at least 10 documents. 2 of 3 have fewer: "B" (1), "C" (2)`},
		{"few in all", "MULTI_LABEL", job.Labels, strings.Repeat("A|B,one two\n", 49), "", "at least 50 documents; the training data has 49"},
		{"many classes", "", job.Labels, many(1001), "", "more than 1000 different classes"},
		{"many labels", "MULTI_LABEL", job.Labels, many(101), "", "more than 100 different labels"},
		{"long line", "", job.Labels, "A," + strings.Repeat("word ", 3<<20), "", "Row 1 of \"data.csv\" is longer than 10485760 bytes"},
		{"long document", "", job.Labels, "A," + strings.Repeat("x", DocumentMax+1) + "\n", "", "a document of more than 10485760 bytes"},
		{"no json", "", job.Manifest, "A,b\n", "k", "1 with no JSON object (row 1)"},
		{"elsewhere", "", job.Manifest, `{"source-ref":"s3://other/file.txt","k":0}`, "k", "1 with source-ref"},
		{"unlabelled", "", job.Manifest, `{"source":"text"}`, "k", "no class-name"},
		{"of the other mode", "MULTI_LABEL", job.Manifest, `{"source":"text","k":0,"k-metadata":{"class-name":"A"}}`, "k", "no class-map"},
		{"nothing", "", "", "", "", "NO_INPUT_FOUND"},
	} {
		t.Run(x.name, func(t *testing.T) {
			l := learn(t, x.mode)
			var err error
			if x.role != "" {
				err = take(l, x.role, x.body, x.attribute)
			}
			if err == nil {
				_, _, err = finish(l)
			}
			var r *analyse.Refusal
			if !errors.As(err, &r) || !strings.Contains(err.Error(), x.want) {
				t.Errorf("%v\nwant ... %s", err, x.want)
			}
		})
	}
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "L%d,text\n", i)
	}
	return b.String()
}

func TestTestDataMustFit(t *testing.T) {
	for _, x := range []struct{ test, want string }{
		{"BILLING,the invoice\n", `lacks 2 of 3: "ACCOUNT", "SHIPPING"`},
		{"OTHER,the invoice\n", `1 of the classes that the training data lacks: "OTHER"`},
	} {
		l := learn(t, "")
		for role, body := range map[string]string{job.Labels: string(asCSV(sentences(10))), job.Test + job.Labels: x.test} {
			if err := take(l, role, body); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := finish(l); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Error(err)
		}
	}
}

// A mark of UTF-8 belongs to no label, folders' own objects are passed over, and all that RFC 4180 allows is read.
func TestTable(t *testing.T) {
	l := learn(t, "")
	if err := l.Take(job.Object{Role: job.Labels}, strings.NewReader("")); err != nil {
		t.Fatal(err)
	}
	if err := take(l, job.Labels, "\xef\xbb\xbfA,plain\r\n\"A\",\"with, comma\"\rB,\"two\nlines\"\nB,\"said \"\"no\"\"\"\n\nB,5\" pipe\nA,last"); err != nil {
		t.Fatal(err)
	}
	if strings.Join(l.c.names, " ") != "A B" || l.c.len() != 6 {
		t.Errorf("%q %d", l.c.names, l.c.len())
	}
}

// What does not fit as pieces of words is kept as words, what does not fit as words is refused.
func TestRoom(t *testing.T) {
	l := learn(t, "")
	l.c.room = 3 << 20
	var b strings.Builder
	for i := range 4000 {
		fmt.Fprintf(&b, "%c,", 'A'+i%2)
		for j := range 40 {
			fmt.Fprintf(&b, "wörter%d ", (i*131+j*977)%5000)
		}
		b.WriteByte('\n')
	}
	if err := take(l, job.Labels, b.String()); err != nil {
		t.Fatal(err)
	}
	if l.c.hasher.pieces || l.c.size() > l.c.room {
		t.Fatalf("pieces are still kept: %d bytes", l.c.size())
	}
	n := 0
	l.c.each(0, func(b uint32, _ uint16) {
		n++
		if b >= space {
			t.Fatal("a piece is left")
		}
	})
	if n < 70 || n > 80 { // 40 words, 40 pairs
		t.Errorf("%d features", n)
	}
	var r *analyse.Refusal
	for range 10 {
		if err := take(l, job.Labels, b.String()); errors.As(err, &r) {
			break
		}
	}
	if r == nil || r.Code != tooLarge {
		t.Errorf("%v", r)
	}
}

// The figures of scikit-learn's definitions for the table of AWS's guide (5 of 7 right), and for labels counted by hand.
func TestMetrics(t *testing.T) {
	m := newTrials(4, false)
	for _, p := range [][2]int32{{1, 1}, {0, 1}, {2, 3}, {3, 3}, {2, 2}, {1, 1}, {3, 3}} {
		m.add([]int32{p[0]}, []int32{p[1]})
	}
	got := m.metrics()
	near(t, "accuracy", got.Accuracy, 5./7)
	near(t, "precision", got.Precision, (0+2./3+1+2./3)/4)
	near(t, "recall", got.Recall, (0+1+.5+1)/4)
	near(t, "F1", got.F1Score, (0+.8+2./3+.8)/4)
	near(t, "micro F1", got.MicroF1Score, 5./7)
	near(t, "Hamming", got.HammingLoss, 2./7)
	m = newTrials(3, true)
	m.add([]int32{0, 1}, []int32{0})
	m.add([]int32{2}, []int32{2})
	m.add([]int32{1}, []int32{1, 2})
	got = m.metrics()
	near(t, "accuracy", got.Accuracy, 1./3)
	near(t, "micro precision", got.MicroPrecision, .75)
	near(t, "micro recall", got.MicroRecall, .75)
	near(t, "Hamming", got.HammingLoss, 2./9)
	var b strings.Builder
	if err := m.confusion([]string{"a", "b", "c"}, &b); err != nil || strings.TrimSpace(b.String()) != `{"type":"multi_label","confusion_matrix":[[[2,0],[0,1]],[[1,0],[1,1]],[[1,1],[0,1]]],"labels":["a","b","c"],"all_labels":["a","b","c"]}` {
		t.Error(b.String(), err)
	}
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9 {
		t.Errorf("%s %v, want %v", what, got, want)
	}
}

func smallModel(t testing.TB, multi bool) []byte {
	mode := "MULTI_CLASS"
	if multi {
		mode = "MULTI_LABEL"
	}
	l, err := Learn(job.Setup{Training: &job.Training{Mode: mode}})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Take(job.Object{Role: job.Labels, Name: "x"}, bytes.NewReader(asCSV(sentences(20)))); err != nil {
		t.Fatal(err)
	}
	_, files, err := finish(l)
	if err != nil {
		t.Fatal(err)
	}
	return files[analyse.ModelFile].Bytes()
}

// A model that was cut, lengthened or changed is no model.
func TestBrokenModels(t *testing.T) {
	good := smallModel(t, false)
	if _, err := read(bytes.NewReader(good)); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, len(magic), len(magic) + 3, len(good) / 2, len(good) - 1} {
		if _, err := read(bytes.NewReader(good[:n])); !errors.Is(err, errModel) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if _, err := read(bytes.NewReader(append(bytes.Clone(good), 0))); !errors.Is(err, errModel) {
		t.Error("longer")
	}
	for i := 0; i < len(good); i += 97 {
		b := bytes.Clone(good)
		b[i] ^= 0x40
		if _, err := read(bytes.NewReader(b)); err == nil {
			t.Errorf("byte %d changed: taken", i)
		}
	}
	if _, err := Open(job.Setup{}, nil); err == nil {
		t.Error("no model: opened")
	}
}

func FuzzModel(f *testing.F) {
	f.Add(smallModel(f, false)[:4000])
	f.Add([]byte(magic + "\x02\x02\x01a\x01b"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := read(bytes.NewReader(b))
		if (err == nil) != (m != nil) {
			t.Fatal(err)
		}
	})
}

func FuzzTake(f *testing.F) {
	f.Add("A,b\n\"A|B\",\"c\"\"\n\"\r", true)
	f.Add(`{"source":"x","k-metadata":{"class-name":"A"}}`, false)
	f.Fuzz(func(t *testing.T, body string, table bool) {
		l, _ := Learn(job.Setup{Limit: 1000, Training: &job.Training{Mode: "MULTI_LABEL"}})
		role := job.Manifest
		if table {
			role = job.Labels
		}
		err := take(l, role, body, "k")
		var r *analyse.Refusal
		if err != nil && !errors.As(err, &r) {
			t.Fatal(err)
		}
	})
}

func BenchmarkClassify(b *testing.B) {
	e, err := Open(job.Setup{}, bytes.NewReader(smallModel(b, false)))
	if err != nil {
		b.Fatal(err)
	}
	text := []byte(strings.Repeat("The courier left the parcel at the wrong door and nobody answers. ", 10))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := e.Analyse(text); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTrain trains 20,000 documents of a hundred words, whose goal is two minutes on two cores.
func BenchmarkTrain(b *testing.B) {
	var rows []row
	for _, r := range sentences(20000 / 3) {
		for i := range 8 {
			r.text += " " + endings[(len(rows)*(i+3)+i)%len(endings)] + fmt.Sprint(" word", (len(rows)*(i+7))%9000)
		}
		rows = append(rows, r)
	}
	csv := asCSV(rows)
	for b.Loop() {
		l, _ := Learn(job.Setup{})
		if err := l.Take(job.Object{Role: job.Labels, Name: "x"}, bytes.NewReader(csv)); err != nil {
			b.Fatal(err)
		}
		if _, _, err := finish(l); err != nil {
			b.Fatal(err)
		}
	}
}
