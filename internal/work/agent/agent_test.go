package agent

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"cloister/internal/core/envelope"
	"cloister/internal/core/job"
	"cloister/internal/work/analyse"
	"cloister/internal/work/frame"
	"cloister/internal/work/objects"
)

// shelf is a bucket in memory: in/... is read, the rest was written.
type shelf struct {
	mu      sync.Mutex
	objects map[string]string
	gone    string // this key was deleted after it was listed
	swapped string // this key was replaced after it was listed
	torn    string // the bytes of this key end in an error
	refused string // nothing may be put under this prefix
}

func (s *shelf) List(_ context.Context, bucket, prefix string, f func(objects.Object) error) error {
	var keys []string
	for k := range s.objects {
		if strings.HasPrefix(k, prefix) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		o := objects.Object{Key: k, Size: int64(len(s.objects[k])), Tag: tagOf(s.objects[k])}
		if k == s.swapped {
			o.Tag = tagOf("another")
		}
		if err := f(o); err != nil {
			return err
		}
	}
	return nil
}

func (s *shelf) Get(_ context.Context, bucket, key string) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.objects[key]
	if !ok || key == s.gone {
		return nil, &objects.Error{Status: 404, Code: "NoSuchKey", RequestID: "req-404"}
	}
	if key == s.torn {
		return io.NopCloser(io.MultiReader(strings.NewReader(b[:len(b)/2]), iotest.ErrReader(io.ErrUnexpectedEOF))), nil
	}
	return io.NopCloser(strings.NewReader(b)), nil
}

func (s *shelf) Put(_ context.Context, bucket, key, _ string, body io.Reader) error {
	b, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refused != "" && strings.HasPrefix(key, s.refused) {
		return &objects.Error{Status: 403, Code: "AccessDenied", RequestID: "req-put"}
	}
	s.objects[key] = string(b)
	return nil
}

// parrot says what it was given; upper-cased where it redacts.
type parrot struct{ redacts bool }

func (p parrot) Analyse(text []byte) (any, error) {
	switch {
	case bytes.HasPrefix(text, []byte("%PDF-")): // what follows is the result
		return json.RawMessage(text[5:]), nil
	case p.redacts:
		return map[string]string{"Redacted": strings.ToUpper(string(text))}, nil
	case string(text) == "refuse":
		return nil, analyse.Refuse("TEXT_REFUSED", "No.")
	}
	if string(text) == "secret" {
		return map[string]any{"Text": string(text), "File": "forged", "Line": 99, "LINE": 98}, nil
	}
	return map[string]any{"Text": string(text)}, nil
}

// pupil notes what it was taught.
type pupil struct {
	notes strings.Builder
	does  string // refuse | two models | path | no model | quit
	block chan struct{}
}

func (p *pupil) Take(o job.Object, r io.Reader) error {
	if p.does == "refuse" {
		return analyse.Refuse("BAD_ROWS", "Row 1 of %s is bad.", o.Name)
	}
	b, err := io.ReadAll(r)
	fmt.Fprintf(&p.notes, "%s %s %v %d %q\n", o.Role, o.Name, o.Attributes, len(b), b[:min(len(b), 20)])
	return err
}

func (p *pupil) Finish(create func(string) io.Writer) (any, error) {
	if p.block != nil {
		<-p.block
	}
	_, _ = io.WriteString(create("notes.txt"), p.notes.String())
	switch p.does {
	case "two models":
		create(analyse.ModelFile).Write([]byte("a"))
	case "path":
		create("output/../../x")
	}
	if p.does != "no model" {
		_, _ = create(analyse.ModelFile).Write(bytes.Repeat([]byte("model "), 50_000))
	}
	_, _ = io.WriteString(create("output/empty.csv"), "")
	return map[string]int{"NumberOfLabels": 2}, nil
}

type set struct {
	t      testing.TB
	task   job.Task
	shelf  *shelf
	kinds  map[string]analyse.Kind
	stop   context.Context
	model  string   // path of the sealed model
	alone  bool     // by one instance
	sealed *os.File // of a crew's model
}

func scene(t testing.TB, kind string, objects map[string]string) *set {
	k, ok := job.Kinds()[kind]
	if !ok {
		t.Fatal(kind)
	}
	s := &set{t: t, shelf: &shelf{objects: map[string]string{}}, stop: context.Background(), model: filepath.Join(t.TempDir(), "model")}
	for n, b := range objects {
		s.shelf.objects[n] = b
	}
	s.task = job.Task{Job: "j", Kind: k, Setup: job.Setup{Kind: kind, Limit: k.Limits.Document}, Inputs: []job.Input{{Role: job.Documents, URI: "s3://b/in/", Format: perLine}},
		OutputURI: "s3://b/out/1-X-j/output/output.tar.gz"}
	if k.Layout == job.Objects {
		s.task.OutputURI = "s3://b/out/1-X-j/output/"
	}
	s.kinds = map[string]analyse.Kind{kind: {Engine: func(s job.Setup, model io.Reader) (analyse.Engine, error) {
		if model != nil {
			if b, err := io.ReadAll(model); err != nil || string(b) != "the model" {
				return nil, fmt.Errorf("model %q, %w", b, err)
			}
		}
		return parrot{s.PII != nil && s.PII.Mode == "ONLY_REDACTION"}, nil
	}}}
	return s
}

func (s *set) learner(p *pupil) {
	s.kinds = map[string]analyse.Kind{s.task.Kind.Name: {Learner: func(job.Setup) (analyse.Learner, error) { return p, nil }}}
}

// run runs agent and analyser, joined by pipes, and gives the last report.
func (s *set) run() job.Report {
	s.t.Helper()
	docs, to, err := os.Pipe()
	if err != nil {
		s.t.Fatal(err)
	}
	from, results, err := os.Pipe()
	if err != nil {
		s.t.Fatal(err)
	}
	scratch, err := os.Create(filepath.Join(s.t.TempDir(), "scratch"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer scratch.Close()
	model, err := os.OpenFile(s.model, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer model.Close()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = analyse.Serve(s.kinds, docs, results)
		docs.Close()
		results.Close()
	}()
	var out bytes.Buffer
	err = work(s.t.Context(), s.stop, Ports{Reports: &out, To: to, From: from, Scratch: scratch, Model: func() *os.File { return model }}, &s.task, s.shelf)
	if err != nil {
		s.t.Fatal(err)
	}
	from.Close()
	to.Close()
	for _, p := range s.learners() {
		if p.block != nil {
			close(p.block)
		}
	}
	<-ended
	raw, err := os.ReadFile(scratch.Name())
	if err != nil || bytes.Contains(raw, []byte("secret")) {
		s.t.Errorf("the scratch shows a document (%v)", err)
	}
	var last job.Report
	for sc := bufio.NewScanner(&out); sc.Scan(); {
		last = job.Report{}
		if err := json.Unmarshal(sc.Bytes(), &last); err != nil {
			s.t.Fatal(err)
		}
	}
	if !last.Final {
		s.t.Fatal("no last report")
	}
	return last
}

func (s *set) learners() []*pupil {
	if k := s.kinds[s.task.Kind.Name]; k.Learner != nil {
		l, _ := k.Learner(job.Setup{})
		return []*pupil{l.(*pupil)}
	}
	return nil
}

// delivered gives the files of the archive, or the objects, by name.
func (s *set) delivered() map[string]string {
	s.t.Helper()
	out := map[string]string{}
	const folder = "out/1-X-j/output/"
	for k, b := range s.shelf.objects {
		name, ok := strings.CutPrefix(k, folder)
		if !ok {
			continue
		}
		if name != "output.tar.gz" {
			out[name] = b
			continue
		}
		gz, err := gzip.NewReader(strings.NewReader(b))
		if err != nil {
			s.t.Fatal(err)
		}
		for tr := tar.NewReader(gz); ; {
			h, err := tr.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				s.t.Fatal(err)
			}
			b, err := io.ReadAll(tr)
			if err != nil {
				s.t.Fatal(err)
			}
			out[h.Name] = string(b)
		}
	}
	return out
}

func same(t *testing.T, got, want map[string]string) {
	t.Helper()
	for k, w := range want {
		if got[k] != w {
			t.Errorf("%s is %q, want %q", k, got[k], w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d files, want %d: %q", len(got), len(want), got)
	}
}

func TestLayouts(t *testing.T) {
	two := map[string]string{"in/a.txt": "secret\nrefuse\n", "in/sub/a.txt": "other", "in/sub/": "", "in/sub/" + accessFile: "", "in/empty": "", "in/../x": "q"}
	const refused = `{"ErrorCode":"TEXT_REFUSED","ErrorMessage":"No.","File":"a.txt","Line":1}` + "\n"
	for name, c := range map[string]struct {
		kind   string
		change func(*job.Task)
		want   map[string]string
	}{
		"one member, lines": {"entities-detection", nil, map[string]string{"output": `{"Text":"q","File":"x","Line":0}` + "\n" + `{"Text":"secret","File":"a.txt","Line":0}` + "\n" + refused +
			`{"Text":"other","File":"a.txt","Line":0}` + "\n"}},
		"one member, files": {"entities-detection", func(t *job.Task) { t.Inputs[0].Format, t.Inputs[0].URI = "ONE_DOC_PER_FILE", "s3://b/in/a.txt" },
			map[string]string{"output": `{"Text":"secret\nrefuse\n","File":"a.txt"}` + "\n"}},
		"lines are strings": {"document-classification", func(t *job.Task) { t.Inputs[0].URI = "s3://b/in/sub/a" },
			map[string]string{"predictions.jsonl": `{"Text":"other","File":"a.txt","Line":"0"}` + "\n"}},
		"by file": {"targeted-sentiment-detection", nil, map[string]string{"a.txt.out": `{"Text":"secret","File":"a.txt","Line":0}` + "\n" + refused,
			"sub/a.txt.out": `{"Text":"other","File":"a.txt","Line":0}` + "\n", "empty.out": "", "_/x.out": `{"Text":"q","File":"x","Line":0}` + "\n"}},
		"objects": {"pii-entities-detection", func(t *job.Task) { t.Setup.PII = &job.PII{Mode: "ONLY_OFFSETS"} }, map[string]string{
			"a.txt.out": `{"Text":"secret","File":"a.txt","Line":0}` + "\n" + refused, "sub/a.txt.out": `{"Text":"other","File":"a.txt","Line":0}` + "\n", "empty.out": "",
			"../x.out": `{"Text":"q","File":"x","Line":0}` + "\n"}},
		"redacted lines": {"pii-entities-detection", func(t *job.Task) { t.Setup.PII = &job.PII{Mode: "ONLY_REDACTION"} }, map[string]string{
			"a.txt.out": "SECRET\nREFUSE\n", "sub/a.txt.out": "OTHER\n", "empty.out": "", "../x.out": "Q\n"}},
		"redacted files": {"pii-entities-detection", func(t *job.Task) {
			t.Setup.PII, t.Inputs[0].Format = &job.PII{Mode: "ONLY_REDACTION"}, "ONE_DOC_PER_FILE"
		}, map[string]string{"a.txt.out": "SECRET\nREFUSE\n", "sub/a.txt.out": "OTHER", "empty.out": "", "../x.out": "Q"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := scene(t, c.kind, two)
			if c.change != nil {
				c.change(&s.task)
			}
			if r := s.run(); r.Err != nil || r.Stopped {
				t.Fatalf("%+v, %+v", r, r.Err)
			}
			same(t, s.delivered(), c.want)
			if _, ok := s.shelf.objects["out/1-X-j/"+accessFile]; !ok {
				t.Error("the way out was not tried first")
			}
		})
	}
}

// What comes is whatever bytes somebody put there.
func TestHostileInput(t *testing.T) {
	const kind = "key-phrases-detection"
	limit := int(job.Kinds()[kind].Limits.Document)
	const (
		encoding = `{"ErrorCode":"UNSUPPORTED_ENCODING","ErrorMessage":"Document is not in UTF-8 format and all subsequent lines are ignored.","File":"d"`
		size     = `{"ErrorCode":"DOCUMENT_SIZE_EXCEEDED","ErrorMessage":"Document size exceeds maximum size limit 1048576 bytes.","File":"d"`
	)
	var zipped bytes.Buffer
	gz := gzip.NewWriter(&zipped)
	_, _ = gz.Write([]byte("words"))
	gz.Close()
	for name, c := range map[string]struct {
		body        string
		lines, file string // lines of output, joined by |, for either format
	}{
		"empty":           {"", "", `{"Text":"","File":"d"}`},
		"a signature":     {"\ufeffa\n\ufeffb", `{"Text":"a","File":"d","Line":0}|{"Text":"` + "\ufeff" + `b","File":"d","Line":1}`, `{"Text":"a\n` + "\ufeff" + `b","File":"d"}`},
		"UTF-16, marked":  {"\xff\xfea\x00\n\x00", encoding + `,"Line":0}`, encoding + `}`},
		"UTF-16, bare":    {"a\x00", `{"Text":"a\u0000","File":"d","Line":0}`, `{"Text":"a\u0000","File":"d"}`},
		"NULs":            {"\x00\x00\nb", `{"Text":"\u0000\u0000","File":"d","Line":0}|{"Text":"b","File":"d","Line":1}`, `{"Text":"\u0000\u0000\nb","File":"d"}`},
		"gzip":            {zipped.String(), encoding + `,"Line":0}`, encoding + `}`},
		"bad in between":  {"a\n\xc3\x28\nc", `{"Text":"a","File":"d","Line":0}|` + encoding + `,"Line":1}`, encoding + `}`},
		"a surrogate":     {"\xed\xa0\x80", encoding + `,"Line":0}`, encoding + `}`},
		"long, then more": {strings.Repeat("é", limit/2) + "x\nb", size + `,"Line":0}|{"Text":"b","File":"d","Line":1}`, size + `}`},
		"long and bad":    {strings.Repeat("\xff", limit+1), size + `,"Line":0}`, size + `}`},
	} {
		for format, want := range map[string]string{perLine: c.lines, "ONE_DOC_PER_FILE": c.file} {
			s := scene(t, kind, map[string]string{"in/d": c.body})
			s.task.Inputs[0].Format = format
			r := s.run()
			got := strings.ReplaceAll(strings.TrimSuffix(s.delivered()["output"], "\n"), "\n", "|")
			if got != want || r.Err != nil {
				t.Errorf("%s, %s: got %.200s, want %.200s, %+v", name, format, got, want, r.Err)
			}
		}
	}
}

func TestFailures(t *testing.T) {
	for name, c := range map[string]struct {
		kind   string
		change func(*set)
		code   string
		says   string
		early  bool // before anything was read
	}{
		"no input":           {"topics-detection", func(s *set) { s.task.Inputs[0].URI = "s3://b/none/" }, "NO_INPUT_FOUND", "s3://b/none/", true},
		"output refused":     {"entities-detection", func(s *set) { s.shelf.refused = "out/" }, "NO_WRITE_ACCESS_TO_OUTPUT", "", true},
		"vanished":           {"entities-detection", func(s *set) { s.shelf.gone = "in/2" }, "NO_INPUT_FOUND", "s3://b/in/2 was listed", false},
		"vanished, corpus":   {"document-classifier", func(s *set) { s.shelf.gone = "in/2" }, "NO_INPUT_FOUND", "s3://b/in/2 was listed", false},
		"torn":               {"entities-detection", func(s *set) { s.shelf.torn = "in/2" }, "INTERNAL_ERROR", "read the input object s3://b/in/2.", false},
		"torn, corpus":       {"document-classifier", func(s *set) { s.shelf.torn = "in/2" }, "INTERNAL_ERROR", "read the input object s3://b/in/2.", false},
		"too many":           {"entities-detection", func(s *set) { s.task.Kind.Limits.Documents = 4 }, "INPUT_LIMIT_EXCEEDED", "more than 4 documents", false},
		"too large":          {"entities-detection", func(s *set) { s.task.Kind.Limits.Total = 9 }, "INPUT_LIMIT_EXCEEDED", "exceeds 9 bytes", true},
		"a learner refuses":  {"document-classifier", func(s *set) { s.learner(&pupil{does: "refuse"}); s.shelf.objects["in/1"] = strings.Repeat("x", 5<<20) }, "BAD_ROWS", "Row 1 of 1 is bad.", false},
		"two models":         {"document-classifier", func(s *set) { s.learner(&pupil{does: "two models"}) }, "INTERNAL_ERROR", "", false},
		"no model":           {"document-classifier", func(s *set) { s.learner(&pupil{does: "no model"}) }, "INTERNAL_ERROR", "wrote no model", false},
		"a path":             {"document-classifier", func(s *set) { s.learner(&pupil{does: "path"}) }, "INTERNAL_ERROR", "", false},
		"no engine":          {"entities-detection", func(s *set) { s.kinds = nil }, "INTERNAL_ERROR", "could not be analyzed", false},
		"no engine, corpus":  {"document-classifier", func(s *set) { s.kinds = nil }, "INTERNAL_ERROR", "could not be analyzed", false},
		"no model announced": {"entities-detection", func(s *set) { s.task.Setup.Model = true }, "INTERNAL_ERROR", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := scene(t, c.kind, map[string]string{"in/1": "a\nb\nc\n", "in/2": "d\ne\n"})
			if s.task.Kind.Corpus {
				s.learner(&pupil{})
				s.task.Artifact = &job.Artifact{Key: make([]byte, 32), Salt: make([]byte, 32), Write: true}
			}
			c.change(s)
			r := s.run()
			if r.Err == nil || r.Err.Code != c.code || !strings.Contains(r.Err.Message, c.says) && !strings.Contains(r.Err.Detail, c.says) {
				t.Fatalf("%+v", r.Err)
			}
			if len(s.delivered()) != 0 {
				t.Errorf("a failed job delivered %q", s.delivered())
			}
			if c.early && r.Documents != 0 || r.Artifact != 0 || r.Result != nil {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestCorpus(t *testing.T) {
	long := strings.Repeat("\xffraw bytes\n", 300_000)
	s := scene(t, "document-classifier", map[string]string{"in/1.csv": "a,b\n", "in/2.csv": long, "test/1.csv": "c"})
	s.task.Inputs = []job.Input{{Role: job.Labels, URI: "s3://b/in/"}, {Role: job.Test + job.Labels, URI: "s3://b/test/1.csv", Attributes: []string{"x"}}}
	key, salt := make([]byte, 32), make([]byte, 32)
	_, _ = rand.Read(key)
	_, _ = rand.Read(salt)
	s.task.Artifact = &job.Artifact{Key: bytes.Clone(key), Salt: salt, Info: []byte("m"), Write: true}
	s.learner(&pupil{})
	r := s.run()
	if r.Err != nil || string(r.Result) != `{"NumberOfLabels":2}` {
		t.Fatalf("%+v, %+v", r, r.Err)
	}
	same(t, s.delivered(), map[string]string{"output/empty.csv": "", "notes.txt": fmt.Sprintf("labels 1.csv [] 4 \"a,b\\n\"\nlabels 2.csv [] %d %q\ntest-labels 1.csv [x] 1 \"c\"\n", len(long), long[:20])})
	f, err := os.Open(s.model)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	raw, _ := os.ReadFile(s.model)
	if int64(len(raw)) != r.Artifact || bytes.Contains(raw, []byte("model ")) {
		t.Errorf("%d bytes of %d, or in clear", len(raw), r.Artifact)
	}
	m, err := envelope.NewReader(f, envelope.PlainSize(r.Artifact), key, salt, []byte("m"))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(m); err != nil || string(b) != strings.Repeat("model ", 50_000) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

// A training that delivers nothing but its model writes nothing to S3.
func TestNoOutput(t *testing.T) {
	s := scene(t, "document-classifier", map[string]string{"in/1.csv": "a,b\n"})
	s.task.OutputURI = ""
	s.task.Artifact = &job.Artifact{Key: make([]byte, 32), Salt: make([]byte, 32), Write: true}
	s.learner(&pupil{})
	if r := s.run(); r.Err != nil || r.Artifact == 0 || len(s.shelf.objects) != 1 {
		t.Errorf("%+v, %+v, %d objects", r, r.Err, len(s.shelf.objects))
	}
}

func TestModelIsOpenedForTheAnalyser(t *testing.T) {
	for name, spoil := range map[string]func([]byte) []byte{"whole": nil, "changed": func(b []byte) []byte { b[3] ^= 1; return b }} {
		s := scene(t, "entities-detection", map[string]string{"in/1": "a"})
		var sealed bytes.Buffer
		key, salt := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
		w, err := envelope.NewWriter(&sealed, key, salt, []byte("m"))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(w, "the model")
		w.Close()
		b := sealed.Bytes()
		if spoil != nil {
			b = spoil(b)
		}
		if err := os.WriteFile(s.model, b, 0o600); err != nil {
			t.Fatal(err)
		}
		s.task.Setup.Model, s.task.Artifact = true, &job.Artifact{Key: key, Salt: salt, Info: []byte("m"), Size: int64(len(b))}
		if r := s.run(); (r.Err != nil) != (spoil != nil) {
			t.Errorf("%s: %+v", name, r.Err)
		}
	}
}

func TestStop(t *testing.T) {
	stop, cancel := context.WithCancel(t.Context())
	cancel()
	s := scene(t, "pii-entities-detection", map[string]string{"in/1": "a"})
	s.stop = stop
	if r := s.run(); r.Err != nil || !r.Stopped || r.Documents != 0 {
		t.Errorf("%+v", r)
	}
	s = scene(t, "document-classifier", map[string]string{"in/1": "a"})
	s.task.Artifact = &job.Artifact{Key: make([]byte, 32), Salt: make([]byte, 32), Write: true}
	s.learner(&pupil{block: make(chan struct{})})
	stop, cancel = context.WithCancel(t.Context())
	s.stop = stop
	go cancel()
	if r := s.run(); r.Err != nil || !r.Stopped || r.Artifact != 0 || r.Result != nil || len(s.delivered()) != 0 {
		t.Errorf("%+v, %q", r, s.delivered())
	}
}

// Many small objects keep their order though several are fetched at once.
func TestManyObjects(t *testing.T) {
	in := map[string]string{}
	for i := range 500 {
		in[fmt.Sprintf("in/%03d", i)] = fmt.Sprint(i)
	}
	in["in/250"] = strings.Repeat(" ", small) + "\n250" // this one is streamed
	s := scene(t, "entities-detection", in)
	if r := s.run(); r.Err != nil || r.Documents != 501 {
		t.Fatalf("%+v, %+v", r, r.Err)
	}
	last := -1
	for l := range strings.Lines(s.delivered()["output"]) {
		var x struct {
			File, Text string
			Line       int
		}
		if err := json.Unmarshal([]byte(l), &x); err != nil {
			t.Fatal(err)
		}
		if strings.TrimSpace(x.Text) == "" {
			continue
		}
		if last++; x.Text != fmt.Sprint(last) || x.File != fmt.Sprintf("%03d", last) {
			t.Fatalf("%s after %d", l, last)
		}
	}
	if last != 499 {
		t.Error(last)
	}
}

// An analyser that a document has taken over can't forge what is not its own.
func TestForgedResults(t *testing.T) {
	for name, f := range map[string]func(io.Writer){
		"no JSON":       func(w io.Writer) { _ = frame.Write(w, frame.Result, []byte("null")) },
		"another frame": func(w io.Writer) { _ = frame.Write(w, frame.Content, []byte("{}")) },
	} {
		var out bytes.Buffer
		f(&out)
		s, err := os.Create(filepath.Join(t.TempDir(), "s"))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		set := scene(t, "entities-detection", map[string]string{"in/1": "a"})
		var reports bytes.Buffer
		docs, to := io.Pipe()
		go func() { _, _ = io.Copy(io.Discard, docs) }()
		if err := work(t.Context(), t.Context(), Ports{Reports: &reports, To: to, From: &out, Scratch: s}, &set.task, set.shelf); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(reports.String(), "INTERNAL_ERROR") {
			t.Errorf("%s: %s", name, reports.String())
		}
	}
}

// own never lets through what a reader could take for another document's, or for another line.
func FuzzOwn(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":1}`, `{"File":1}`, `{"a":{"File":1}}`, `{"\u0046ile":1}`, `{"a":"\",\"File\":1"}`, "{\"a\":\n1}", `{"a":["b",{"Line":2}],"lInE":3}`, `[]`, `null`, `{"a":"b","Line"`, ` {"ſile":1} `} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var want map[string]json.RawMessage
		bad := json.Unmarshal(b, &want)
		got, err := own(b)
		if (bad != nil || want == nil) != (err != nil) {
			t.Fatalf("%q: %v, %v", b, bad, err)
		}
		if err != nil {
			return
		}
		var m map[string]json.RawMessage
		if err := json.Unmarshal(got, &m); err != nil || bytes.ContainsAny(got, "\n\r") || got[0] != '{' || got[len(got)-1] != '}' || (len(m) == 0) != (len(got) == 2) {
			t.Fatalf("%q: %q, %v", b, got, err)
		}
		for k := range m {
			if strings.EqualFold(k, "File") || strings.EqualFold(k, "Line") {
				t.Fatalf("%q: %q", b, got)
			}
			delete(want, k)
		}
		for k := range want {
			if !strings.EqualFold(k, "File") && !strings.EqualFold(k, "Line") {
				t.Fatalf("%q lost %q", b, k)
			}
		}
	})
}
