package whole_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cloister/internal/driver/image/imagetest"
)

// stranger is a static program that is not ours. CLOISTER_STRANGER names one that was built already.
var stranger = sync.OnceValues(func() ([]byte, error) {
	path := os.Getenv("CLOISTER_STRANGER")
	if path == "" {
		dir, err := ground()
		if err != nil {
			return nil, err
		}
		path = filepath.Join(dir, "stranger")
		cmd := exec.Command("go", "build", "-o", path, "cloister/test/stranger")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("cannot build the stranger: %w: %s", err, out)
		}
	}
	return os.ReadFile(path)
})

// imaged writes an OCI layout of that program and gives its path and the image's digest.
func imaged(t *testing.T, config dict, more ...imagetest.File) (string, string) {
	t.Helper()
	bin, err := stranger()
	if err != nil {
		t.Fatal(err)
	}
	root, err := ground()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(root, "image-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	ds, err := imagetest.Layout(dir, imagetest.Image{Config: config, Layers: [][]byte{imagetest.Layer(imagetest.File{Name: "stranger", Body: string(bin), Mode: 0o755}), imagetest.Layer(more...)}})
	if err != nil {
		t.Fatal(err)
	}
	return dir, ds[0]
}

// TestImage: an image finds entities, in a job in a VPC and at once; explain and the log name it; what it gets wrong is one document's error.
func TestImage(t *testing.T) {
	t.Parallel()
	dir, digest := imaged(t, dict{"Entrypoint": []string{"/stranger"}, "User": "1000:1000", "Labels": dict{"cloister.languages": "en,de"}})
	h := open(t, "-analyser", "entities-detection="+dir, "-analyser-memory", "268435456", "-instance-bytes", "100")
	s := siteIn(t, h)
	input := []string{"Der schöne harbour.", "nothing", "#shape", "#beyond", "#rights", "#loud harbour", "#fork"}
	s.put(s.bucket, "in/d.txt", []byte(strings.Join(input, "\n")+"\n"))
	s.put(s.bucket, "in/e.txt", []byte("A harbour.\n")) // for an instance of its own
	s.must("ec2", "AuthorizeSecurityGroupIngress", "GroupId", s.group, "IpPermissions.1.IpProtocol", "-1", "IpPermissions.1.Groups.1.GroupId", s.group)
	out, err := s.call("StartEntitiesDetectionJob", s.input(dict{"LanguageCode": "de"}))
	if err != nil {
		t.Fatal(err)
	}
	p := s.ended("EntitiesDetectionJob", out["JobId"].(string))
	arn := p["JobArn"].(string)
	if p["JobStatus"] != "COMPLETED" {
		t.Fatalf("%v\n%s", p, s.why(arn))
	}
	var d properties
	d.OutputDataConfig.S3Uri = p["OutputDataConfig"].(dict)["S3Uri"].(string)
	lines := s.result(d)
	broken := `{"ErrorCode":"INTERNAL_ERROR","ErrorMessage":"The document could not be analyzed.","File":"d.txt","Line":%d}`
	want := []string{`{"Entities":[{"Score":0.9,"Type":"PLACE","Text":"harbour","BeginOffset":11,"EndOffset":18}],"File":"d.txt","Line":0}`, `{"Entities":[],"File":"d.txt","Line":1}`,
		fmt.Sprintf(broken, 2), fmt.Sprintf(broken, 3), fmt.Sprintf(broken, 4),
		`{"Entities":[{"Score":0.9,"Type":"PLACE","Text":"harbour","BeginOffset":6,"EndOffset":13}],"File":"d.txt","Line":5}`}
	if len(lines) != 8 {
		t.Fatalf("%q", lines)
	}
	for i, w := range want {
		if lines[i] != w {
			t.Errorf("%s, want %s", lines[i], w)
		}
	}
	if !strings.Contains(lines[6], `"Type":"FORKS"`) { // its limit ended it, and the job went on
		t.Error(lines[6])
	}
	holds(t, s.why(arn), "[analyser, "+digest+"]", "this image is the job's analyser")
	b, err := os.ReadFile(h.log)
	if err != nil {
		t.Fatal(err)
	}
	holds(t, string(b), digest, "an image analyses")
	if strings.Contains(string(b), "SECRET") {
		t.Error("what an image said of a document is in the log")
	}
	// Another kind, and the same with a model of its own, are the built-in engines'.
	if p := s.finish(s.start(nil)); p.JobStatus != "COMPLETED" || !strings.Contains(s.why(p.JobArn), "the job's analyser is the built-in engine") {
		t.Errorf("%+v\n%s", p, s.why(p.JobArn))
	}
	// At once.
	ask := func(text, language string) (dict, error) {
		return s.call("DetectEntities", dict{"Text": text, "LanguageCode": language})
	}
	if out, err = ask("Ein harbour.", "de"); err != nil || encode(t, out) != `{"Entities":[{"BeginOffset":4,"EndOffset":11,"Score":0.9,"Text":"harbour","Type":"PLACE"}]}` {
		t.Errorf("%v, %v", out, err)
	}
	_, err = ask("x", "fr")
	s.refused(err, 400, "UnsupportedLanguageException", "en and de")
	_, err = ask("#language", "de")
	s.refused(err, 400, "UnsupportedLanguageException", "nothing but harbours")
	for _, bad := range []string{"#shape", "#beyond", "#rights", "#exit", "#garbage", "#twice", "#flood", "#eat"} {
		_, err = ask(bad, "en")
		s.refused(err, 500, "InternalServerException")
	}
	// An answer that comes too late is nobody's.
	if _, err = ask("#late", "en"); err != nil {
		t.Error(err)
	}
	<-time.After(300 * time.Millisecond)
	if out, err = ask("A harbour.", "en"); err != nil || len(out["Entities"].([]any)) != 1 {
		t.Errorf("%v, %v", out, err)
	}
	out, err = s.call("BatchDetectEntities", dict{"TextList": []string{"a harbour", "#shape"}, "LanguageCode": "en"})
	if err != nil || len(out["ResultList"].([]any)) != 1 || len(out["ErrorList"].([]any)) != 1 {
		t.Errorf("%v, %v", out, err)
	}
	if out, err = ask("A harbour.", "en"); err != nil { // none of them is in the way of the next
		t.Errorf("%v, %v", out, err)
	}
	if out, err = s.call("DetectKeyPhrases", dict{"Text": english, "LanguageCode": "en"}); err != nil {
		t.Errorf("the built-in engine of another kind: %v, %v", out, err)
	}
}

// TestImageBreaks: a job whose image breaks on a document fails, says so and leaves nothing; one whose image hangs can be killed with its daemon.
func TestImageBreaks(t *testing.T) {
	t.Parallel()
	dir, digest := imaged(t, dict{"Entrypoint": []string{"stranger"}, "Env": []string{"PATH=/"}, "WorkingDir": "/made/here"})
	h := open(t, "-analyser", "entities-detection="+dir, "-analyser-memory", "268435456")
	s := siteIn(t, h)
	start := func(text string) string {
		t.Helper()
		s.put(s.bucket, "in/d.txt", []byte("A harbour.\n"+text+"\nA harbour.\n"))
		out, err := s.call("StartEntitiesDetectionJob", s.input(dict{"LanguageCode": "en"}))
		if err != nil {
			t.Fatal(err)
		}
		return out["JobId"].(string)
	}
	for _, text := range []string{"#exit", "#garbage", "#twice", "#flood", "#eat"} {
		p := s.ended("EntitiesDetectionJob", start(text))
		if p["JobStatus"] != "FAILED" || !strings.HasPrefix(p["Message"].(string), "INTERNAL_ERROR: ") {
			t.Errorf("%s: %v", text, p)
		}
		holds(t, s.why(p["JobArn"].(string)), "[analyser, "+digest+"]")
		s.nothingLeft()
	}
	if list, err := s.Object(t.Context(), http.MethodGet, s.bucket, "", nil, nil); err != nil || strings.Contains(string(list), "output.tar.gz") {
		t.Errorf("a job that failed delivered: %s, %v", list, err)
	}
	b, err := os.ReadFile(h.log)
	if err != nil {
		t.Fatal(err)
	}
	holds(t, string(b), "an image's program ended", "exit status 3")
	id := start("#hang")
	until(t, time.Minute, "the analyser to run", func() bool { return len(strangers(h)) > 0 })
	if _, err := s.call("DetectEntities", dict{"Text": "A harbour.", "LanguageCode": "en"}); err != nil { // beside it
		t.Error(err)
	}
	if p := s.job("EntitiesDetectionJob", id); p["JobStatus"] != "IN_PROGRESS" {
		t.Errorf("%v", p)
	}
	if err := h.end(); err != nil { // the daemon's end is the hanging one's
		t.Error(err)
	}
	if left := strangers(h); len(left) > 0 {
		t.Errorf("%v are left", left)
	}
}

// strangers are the processes of a house's images.
func strangers(h *house) []string {
	var out []string
	if h.cmd == nil {
		return nil
	}
	for pid := range tree(h.cmd.Process.Pid) {
		if cmd, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); strings.HasPrefix(string(cmd), "stranger\x00") || strings.HasPrefix(string(cmd), "/stranger\x00") {
			out = append(out, string(cmd))
		}
	}
	return out
}

// TestImageRefused: what can't analyse ends the start, and says why.
func TestImageRefused(t *testing.T) {
	t.Parallel()
	bin := program(t)
	good, _ := imaged(t, dict{"Entrypoint": []string{"/stranger"}})
	silent, _ := imaged(t, dict{"Entrypoint": []string{"/stranger", "who"}})
	missing, _ := imaged(t, dict{"Entrypoint": []string{"/python3", "analyser.py"}})
	hostile, _ := imaged(t, dict{"Entrypoint": []string{"/stranger"}}, imagetest.File{Name: "../../x", Body: "x"})
	for _, x := range []struct{ flag, want string }{
		{"nonsense=" + good, "there is no such kind; images can do dominant-language-detection, entities-detection"},
		{"entity-recognizer=" + good, "what is trained here is used here"},
		{"document-classification=" + good, "what is trained here is used here"},
		{"topics-detection=" + good, "a whole corpus"},
		{"entities-detection=" + good + "-not", "no such file"},
		{"entities-detection=" + good + ":v9", "no image in it has the tag v9"},
		{"entities-detection=" + missing, "cannot become /python3: no such file"},
		{"entities-detection=" + silent, "it ended without an answer, with status 0"},
		{"entities-detection=" + hostile, "it leads out of the image"},
		{"sentiment-detection=" + good, "what it answers is no result: "},
	} {
		h, err := found(bin)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.serve("-analyser", x.flag); err == nil {
			t.Errorf("%s: the daemon serves", x.flag)
			_ = h.end()
		}
		holds(t, h.tail(), x.want)
		if left, err := os.ReadDir(filepath.Join(h.data, "images")); err == nil && strings.Contains(x.flag, hostile) && len(left) > 0 {
			t.Errorf("a refused image left %v", left)
		}
		_ = os.RemoveAll(h.dir)
	}
}

// TestImageKept: an image that is there is not unpacked again; one that is used no more goes.
func TestImageKept(t *testing.T) {
	t.Parallel()
	one, first := imaged(t, dict{"Entrypoint": []string{"/stranger"}})
	two, second := imaged(t, dict{"Entrypoint": []string{"/stranger"}, "Labels": dict{"a": "b"}})
	h := open(t, "-analyser", "entities-detection="+one)
	at := func(digest string) string {
		return filepath.Join(h.data, "images", strings.TrimPrefix(digest, "sha256:"))
	}
	again := func(args ...string) {
		t.Helper()
		if err := h.end(); err != nil {
			t.Fatal(err)
		}
		if err := h.serve(args...); err != nil {
			t.Fatal(err)
		}
	}
	was, err := os.Stat(at(first))
	if err != nil {
		t.Fatal(err)
	}
	again("-analyser", "entities-detection="+one+"@"+first)
	if is, err := os.Stat(at(first)); err != nil || !os.SameFile(was, is) {
		t.Errorf("it was unpacked again: %v", err)
	}
	again("-analyser", "entities-detection="+two)
	if _, err := os.Stat(at(first)); err == nil {
		t.Error("an image that is used no more is there")
	}
	if _, err := os.Stat(at(second)); err != nil {
		t.Error(err)
	}
	again()
	if _, err := os.Stat(filepath.Join(h.data, "images")); err == nil {
		t.Error("images that are used no more are there")
	}
}
