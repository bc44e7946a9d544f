package recogniser_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"cloister/internal/core/job"
	"cloister/internal/work/analyse"
	"cloister/internal/work/entity"
	"cloister/internal/work/recogniser"
)

// object is one of a corpus.
type object struct{ role, name, text string }

// teach gives the result and the model of a training.
func teach(t testing.TB, s job.Setup, in ...object) (recogniser.Result, []byte, error) {
	t.Helper()
	l, err := recogniser.Learn(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range in {
		if err := l.Take(job.Object{Role: o.role, Name: o.name, Attributes: []string{"ner"}}, strings.NewReader(o.text)); err != nil {
			return recogniser.Result{}, nil, err
		}
	}
	var model bytes.Buffer
	out, err := l.Finish(func(name string) io.Writer {
		if name != analyse.ModelFile {
			t.Errorf("file %q", name)
		}
		return &model
	})
	if err != nil {
		return recogniser.Result{}, nil, err
	}
	return out.(recogniser.Result), model.Bytes(), nil
}

func setup(types ...string) job.Setup {
	return job.Setup{Kind: "entity-recognizer", Language: "en", Training: &job.Training{Types: types, Format: "ONE_DOC_PER_LINE"}}
}

// corpus writes lines about engines and engineers, and their annotations. Each name is made of syllables by number.
func corpus(n int) (lines, notes string) {
	syllables := []string{"Ka", "lo", "Mi", "ren", "Zu", "tas", "Or", "vin", "El", "dam"}
	name := func(i int) string {
		return syllables[i%5*2] + syllables[i/5%5*2+1] + " " + syllables[i/3%5*2] + syllables[i/7%5*2+1] + "é"
	}
	forms := []string{"%s is an engineer who repairs the engine %s in our hall.", "Yesterday %s looked at engine %s again 👍 and left.", "Ask %s whether the engine %s is ready for delivery."}
	var a, b strings.Builder
	b.WriteString("File, Line, Begin Offset, End Offset, Type\n")
	for i := range n {
		form := forms[i%3]
		who, what := name(i), fmt.Sprintf("KX-%d", 100+i*37%800)
		head, mid, _ := strings.Cut(form, "%s")
		mid, tail, _ := strings.Cut(mid, "%s")
		at := utf8.RuneCountInString(head)
		fmt.Fprintf(&b, "docs.txt, %d, %d, %d, ENGINEER\n", 2*i, at, at+utf8.RuneCountInString(who))
		at += utf8.RuneCountInString(who + mid)
		fmt.Fprintf(&b, "docs.txt, %d, %d, %d, ENGINE\n", 2*i, at, at+len(what))
		a.WriteString(head + who + mid + what + tail + "\n")
		a.WriteString("Nothing of note has happened in the hall since then.\r\n")
	}
	return a.String(), b.String()
}

func TestLearnsAnnotations(t *testing.T) {
	docs, notes := corpus(60)
	for _, order := range [][]object{
		{{job.Annotations, "notes.csv", notes}, {job.Documents, "docs.txt", docs}},
		{{job.Documents, "docs.txt", "\ufeff" + docs}, {job.Annotations, "notes.csv", "\ufeff" + notes}},
	} {
		got, model, err := teach(t, setup("ENGINE", "ENGINEER"), order...)
		if err != nil {
			t.Fatal(err)
		}
		if got.NumberOfTrainedDocuments != 108 || got.NumberOfTestDocuments != 12 || got.EvaluationMetrics.F1Score < 90 || len(got.EntityTypes) != 2 || got.EntityTypes[0].Type != "ENGINE" || got.EntityTypes[0].NumberOfTrainMentions < 40 {
			t.Errorf("result %+v", got)
		}
		e, err := recogniser.Open(bytes.NewReader(model))
		if err != nil {
			t.Fatal(err)
		}
		found := e.Find("Zoë said: Orvin Eldamé is an engineer who repairs the engine KX-999 in our hall.")
		if len(found) != 2 || found[0].Text != "Orvin Eldamé" || found[0].Type != "ENGINEER" || found[0].BeginOffset != 10 || found[0].EndOffset != 22 || found[1].Text != "KX-999" || found[1].Score < 0.5 || found[1].Score > 1 {
			t.Errorf("found %+v", found)
		}
		_, again, err := teach(t, setup("ENGINE", "ENGINEER"), order...)
		if err != nil || !bytes.Equal(model, again) {
			t.Errorf("training twice gives two models: %v", err)
		}
		for _, cut := range []int{0, 3, 7, 100, len(model) - 1} {
			if _, err := recogniser.Open(bytes.NewReader(model[:cut])); err == nil {
				t.Errorf("a model cut at %d was opened", cut)
			}
		}
		other := bytes.Clone(model)
		other[4] ^= 1
		if _, err := recogniser.Open(bytes.NewReader(other)); err == nil || !strings.Contains(err.Error(), "another release") {
			t.Errorf("a model of another release: %v", err)
		}
	}
}

// Sums in models that were trained by earlier releases, which must stay readable: with word vectors, and without (those of other
// languages than English, and all that were trained before there were vectors).
const (
	before      = 0x07933685
	plainBefore = 0xa7774e72
)

func TestEarlierModels(t *testing.T) {
	docs, notes := corpus(60)
	for language, want := range map[string]bool{"en": false, "de": true} {
		s := setup("ENGINE", "ENGINEER")
		s.Language = language
		_, model, err := teach(t, s, object{job.Annotations, "notes.csv", notes}, object{job.Documents, "docs.txt", docs})
		if err != nil {
			t.Fatal(err)
		}
		if got := binary.LittleEndian.Uint32(model[4:]) == entity.Features(nil); got != want {
			t.Errorf("a model of language %s is plain: %v", language, got)
		}
		old := uint32(before)
		if want {
			old = plainBefore
		}
		for _, m := range [][]byte{model, slices.Concat(model[:4], binary.LittleEndian.AppendUint32(nil, old), model[8:])} {
			e, err := recogniser.Open(bytes.NewReader(m))
			if err != nil {
				t.Fatal(err)
			}
			if found := e.Find("Orvin Eldamé is an engineer who repairs the engine KX-999 in our hall."); len(found) != 2 {
				t.Errorf("language %s: found %+v", language, found)
			}
		}
	}
}

func TestLearnsList(t *testing.T) {
	docs, _ := corpus(250)
	list := "Type, Text\n"
	for i := range 800 {
		list += fmt.Sprintf("ENGINE, \"KX-%d\"\n", 100+i)
	}
	got, model, err := teach(t, setup("ENGINE"), object{job.EntityList, "list.csv", list}, object{job.Documents, "docs.txt", docs})
	if err != nil || got.EntityTypes[0].NumberOfTrainMentions < 200 {
		t.Fatalf("result %+v, %v", got, err)
	}
	e, err := recogniser.Open(bytes.NewReader(model))
	if err != nil {
		t.Fatal(err)
	}
	if found := e.Find("Ask her whether the engine ZZ-12 is ready for delivery."); len(found) != 1 || found[0].Text != "ZZ-12" {
		t.Errorf("an engine that is not listed: %+v", found)
	}
}

func manifest(t *testing.T, n int, change func(i int, row map[string]any)) string {
	t.Helper()
	var b strings.Builder
	for i := range n {
		row := map[string]any{"source": fmt.Sprintf("The engine KX-%d is ready.", 100+i), "ner": map[string]any{"annotations": map[string]any{"entities": []any{
			map[string]any{"startOffset": 11, "endOffset": 17, "label": "ENGINE"}}, "labels": []any{}}}}
		if change != nil {
			change(i, row)
		}
		if err := json.NewEncoder(&b).Encode(row); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestLearnsManifest(t *testing.T) {
	s := setup("ENGINE")
	s.Training.Manifest, s.Training.Tested = true, true
	got, _, err := teach(t, s, object{job.Manifest, "a.jsonl", manifest(t, 40, nil)}, object{job.Test + job.Manifest, "b.jsonl", manifest(t, 7, nil)})
	if err != nil || got.NumberOfTrainedDocuments != 40 || got.NumberOfTestDocuments != 7 || got.EvaluationMetrics.F1Score != 100 {
		t.Errorf("result %+v, %v", got, err)
	}
}

func TestOneDocumentPerFile(t *testing.T) {
	s := setup("ENGINE")
	s.Training.Format = "ONE_DOC_PER_FILE"
	in := []object{}
	notes := "File,Begin Offset,End Offset,Type\n"
	for i := range 30 {
		name := fmt.Sprintf("d%d.txt", i)
		in = append(in, object{job.Documents, name, fmt.Sprintf("Notes\n\nThe engine KX-%d is ready.\n", 100+i)})
		notes += name + ",18,24,ENGINE\n"
	}
	got, _, err := teach(t, s, append(in, object{job.Annotations, "n.csv", notes})...)
	if err != nil || got.EvaluationMetrics.F1Score != 100 {
		t.Errorf("result %+v, %v", got, err)
	}
}

func TestRefusals(t *testing.T) {
	docs, notes := corpus(30)
	header := "File,Line,Begin Offset,End Offset,Type\n"
	both := func(n, d string) []object {
		return []object{{job.Annotations, "n.csv", n}, {job.Documents, "docs.txt", d}}
	}
	for _, c := range []struct {
		name string
		in   []object
		want string
	}{
		{"no documents", []object{{job.Annotations, "n.csv", notes}}, `"docs.txt", which is none of the documents (rows 2, 3, 4, 5, 6 and 55 more)`},
		{"nothing", nil, "NO_INPUT_FOUND"},
		{"empty annotations", both("", docs), `"n.csv" is empty`},
		{"UTF-16", both("\xff\xfeF\x00", docs), "UTF-16"},
		{"gzip", both(notes, "\x1f\x8b\x08\x00"), "gzip"},
		{"NUL first", both(notes, "a\x00b"), "NUL"},
		{"NUL later", both(notes, "first line\nabc\x00d\n"), "NUL characters (line 1)"},
		{"not UTF-8", both(notes, "fine line\n\xc3\x28 broken\n"), "not UTF-8 (line 1)"},
		{"no header", both("docs.txt,0,1,2,ENGINE\n", docs), "must be the header"},
		{"other columns", both("File,Line,Begin,End,Type\n", docs), "must be the header"},
		{"one more column", both("File,Line,Begin Offset,End Offset,Type,Score\n", docs), "6 columns"},
		{"open quotes", both(header+"\"docs.txt,0,1,2,ENGINE\n", docs), "quotes that are not closed (row 2)"},
		{"after quotes", both(header+"\"docs.txt\"x,0,1,2,ENGINE\n", docs), "text after closing quotes (row 2)"},
		{"few columns", both(header+"docs.txt,0,1\n", docs), "another number of columns than the header has (row 2)"},
		{"no numbers", both(header+"docs.txt,0,a,2,ENGINE\ndocs.txt,x,1,2,ENGINE\ndocs.txt,0,-1,2,ENGINE\n", docs), "offsets that are no numbers from 0 on (rows 2, 4); a Line that is no number from 0 on (row 3)"},
		{"empty span", both(header+"docs.txt,0,2,2,ENGINE\n", docs), "not after the Begin Offset (row 2)"},
		{"unknown type", both(header+"docs.txt,0,1,2,CAR\n", docs), `the type "CAR", which is none of EntityTypes (row 2)`},
		{"unknown file", both(header+"dogs.txt,0,1,2,ENGINE\n", docs), `"dogs.txt", which is none of the documents (row 2)`},
		{"unknown line", both(header+"docs.txt,600,1,2,ENGINE\n", docs), `a Line that "docs.txt" has not`},
		{"outside", both(header+"docs.txt,0,1,2000,ENGINE\n", docs), "offsets outside of the text (row 2)"},
		{"overlap", both(header+"docs.txt,0,1,5,ENGINE\ndocs.txt,0,4,7,ENGINEER\n", docs), `line 0 of "docs.txt" has annotations that overlap`},
		{"twice", both(header+"docs.txt,0,1,5,ENGINE\ndocs.txt,0,1,5,ENGINE\n", docs), "the same annotation twice"},
		{"few", both(header+"docs.txt,0,1,5,ENGINE\n", docs), "at least 25 annotations. 2 of 2 have fewer: ENGINE has 1, ENGINEER has 0"},
		{"long document", both(notes, strings.Repeat("x", 5001)+"\n"), "a document of more than 5000 bytes (line 0)"},
		{"long row", both(header+strings.Repeat("x", 1<<20)+"\n", docs), "a row of more than 32768 bytes (row 2)"},
		{"few documents", both(header+"docs.txt,0,1,5,ENGINE\n", "only one line\n"), "1 documents"},
		{"two files of a name", append(both(notes, docs), object{job.Documents, "docs.txt", docs}), "of which there are several"},
		{"list: few", []object{{job.EntityList, "l.csv", "Text,Type\nKX-100,ENGINE\n"}, {job.Documents, "docs.txt", docs}}, "at least 200 matches of the entity list in the documents. 2 of 2 have fewer: ENGINE has 1"},
		{"list: columns", []object{{job.EntityList, "l.csv", "KX-100,ENGINE\n"}}, "must be the header with the columns Text, Type"},
		{"list: two types", []object{{job.EntityList, "l.csv", "Text,Type\na,ENGINE\na,ENGINEER\n"}}, "listed with two types (row 3)"},
		{"list: empty", []object{{job.EntityList, "l.csv", "Text,Type\n,ENGINE\n"}}, "an empty Text (row 2)"},
		{"manifest: no JSON", []object{{job.Manifest, "m", "{\n"}}, "no JSON object (line 1)"},
		{"manifest: reference", []object{{job.Manifest, "m", `{"source-ref":"s3://b/k","ner":{}}` + "\n"}}, "source-ref, where source must hold the text itself (line 1)"},
		{"manifest: attribute", []object{{job.Manifest, "m", `{"source":"abc","other":{}}` + "\n"}}, "none of the attributes named (line 1)"},
		{"manifest: type", []object{{job.Manifest, "m", `{"source":"abc","ner":{"annotations":{"entities":[{"startOffset":0,"endOffset":1,"label":"CAR"}]}}}` + "\n"}}, `the type "CAR"`},
		{"manifest: outside", []object{{job.Manifest, "m", `{"source":"abc","ner":{"annotations":{"entities":[{"startOffset":0,"endOffset":4,"label":"ENGINE"}]}}}` + "\n"}}, "offsets outside of the text"},
		{"test lacks a type", append(both(notes, docs), object{job.Test + job.Documents, "t.txt", "an engine here\n"}, object{job.Test + job.Annotations, "n.csv", header + "t.txt,0,3,9,ENGINE\n"}), "It lacks 1 of 2: ENGINEER"},
	} {
		_, _, err := teach(t, setup("ENGINE", "ENGINEER"), c.in...)
		var r *analyse.Refusal
		if !errors.As(err, &r) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\n got %v\nwant %s", c.name, err, c.want)
		}
	}
}

func TestSetupsRefused(t *testing.T) {
	many := make([]string, 26)
	for i := range many {
		many[i] = fmt.Sprintf("T%d", i)
	}
	japanese := setup("A")
	japanese.Language = "ja"
	for _, s := range []job.Setup{setup(), setup(many...), setup("A,B"), japanese} {
		if _, err := recogniser.Learn(s); err == nil {
			t.Errorf("%+v was taken", s)
		}
	}
}

func FuzzAnnotations(f *testing.F) {
	docs, notes := corpus(30)
	f.Add(notes, docs)
	f.Add("File,Line,Begin Offset,End Offset,Type\n\"docs.txt\",0,\"1\",2,ENGINE\r\n\r", "a\r\rb\x00")
	f.Fuzz(func(t *testing.T, notes, docs string) {
		if len(notes)+len(docs) > 1<<14 {
			return
		}
		_, _, err := teach(t, setup("ENGINE", "ENGINEER"), object{job.Annotations, "n.csv", notes}, object{job.Documents, "docs.txt", docs})
		var r *analyse.Refusal
		if err != nil && !errors.As(err, &r) {
			t.Fatal(err)
		}
	})
}

// FuzzOpen: a model may come from another account. Whatever its bytes, it is refused or answers.
func FuzzOpen(f *testing.F) {
	docs, notes := corpus(30)
	_, b, err := teach(f, setup("ENGINE", "ENGINEER"), object{job.Annotations, "n.csv", notes}, object{job.Documents, "docs.txt", docs})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, "Ada built the engine.")
	f.Add(b[:len(b)/2], "")
	f.Fuzz(func(t *testing.T, model []byte, text string) {
		e, err := recogniser.Open(bytes.NewReader(model))
		if err != nil || len(text) > 1000 {
			return
		}
		n := utf8.RuneCountInString(text)
		for _, x := range e.Find(text) {
			if x.Score < 0 || x.Score > 1 || x.BeginOffset < 0 || x.EndOffset <= x.BeginOffset || x.EndOffset > n || x.Type == "" {
				t.Fatalf("%+v of %d", x, n)
			}
		}
	})
}

// TestManyOverlaps: what is wrong with many files is counted, and told of the first ones.
func TestManyOverlaps(t *testing.T) {
	const files = 2000
	s := setup("A")
	s.Training.Format = "ONE_DOC_PER_FILE"
	var notes strings.Builder
	notes.WriteString("File,Begin Offset,End Offset,Type\n")
	all := []object{{}}
	for i := range files {
		name := fmt.Sprintf("%d.txt", i)
		all = append(all, object{job.Documents, name, "some text"})
		fmt.Fprintf(&notes, "%s,0,4,A\n%s,2,5,A\n", name, name)
	}
	all[0] = object{job.Annotations, "n.csv", notes.String()}
	_, _, err := teach(t, s, all...)
	var r *analyse.Refusal
	if !errors.As(err, &r) || !strings.Contains(r.Message, fmt.Sprintf("and %d more", files-10)) {
		t.Errorf("%v", err)
	}
}

func BenchmarkTrain(b *testing.B) {
	docs, notes := corpus(1000)
	for b.Loop() {
		if _, _, err := teach(b, setup("ENGINE", "ENGINEER"), object{job.Annotations, "n.csv", notes}, object{job.Documents, "docs.txt", docs}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*2000/b.Elapsed().Seconds(), "documents/s")
}
