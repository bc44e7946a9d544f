package analyse

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"cloister/internal/core/job"
	"cloister/internal/work/frame"
)

type fragile struct{ left []string }

func (f *fragile) Analyse(text []byte) (any, error) {
	switch {
	case bytes.HasPrefix(text, []byte("panic")):
		return f.left[len(text)], nil
	case bytes.HasPrefix(text, []byte("error")):
		return nil, errors.New("something internal")
	}
	return map[string]string{"Text": string(text)}, nil
}

func (f *fragile) Take(o job.Object, r io.Reader) error {
	b, err := io.ReadAll(r)
	f.left = append(f.left, string(b))
	return err
}

func (f *fragile) Finish(create func(string) io.Writer) (any, error) {
	_, _ = io.WriteString(create("half"), "some")
	return f.left[len(f.left)], nil
}

func kinds() map[string]Kind {
	return map[string]Kind{"e": {Engine: func(job.Setup, io.Reader) (Engine, error) { return &fragile{}, nil }}, "l": {Learner: func(job.Setup) (Learner, error) { return &fragile{}, nil }}}
}

func input(kind string, frames ...string) *bytes.Buffer {
	var in bytes.Buffer
	setup, _ := json.Marshal(job.Setup{Kind: kind, Limit: 100})
	_ = frame.Write(&in, frame.Setup, setup)
	for _, f := range frames {
		_ = frame.Write(&in, frame.Kind(f[0]), []byte(f[1:]))
	}
	return &in
}

// said are the frames that came back, the kind before each.
func said(t *testing.T, out *bytes.Buffer) string {
	t.Helper()
	var all []string
	for r := frame.NewReader(out); ; {
		k, err := r.Next()
		if errors.Is(err, io.EOF) {
			return strings.Join(all, " ")
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := r.All(nil, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(k)+string(b))
	}
}

const broken = `E{"ErrorCode":"INTERNAL_ERROR","ErrorMessage":"The document could not be analyzed."}`

// An engine that breaks on one document goes on with the next, and tells nobody what it broke on.
func TestAnEngineThatBreaks(t *testing.T) {
	var out bytes.Buffer
	if err := Serve(kinds(), input("e", "Da", "Dpanic on a secret", "Derror", "Db"), &out); err != nil {
		t.Fatal(err)
	}
	if got, want := said(t, &out), `R{"Text":"a"} `+broken+" "+broken+` R{"Text":"b"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestALearnerThatBreaks(t *testing.T) {
	var out bytes.Buffer
	if err := Serve(kinds(), input("l", "O{}", "Babc"), &out); err != nil {
		t.Fatal(err)
	}
	if got, want := said(t, &out), "Fhalf Bsome "+broken; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestWhatIsNoInput(t *testing.T) {
	for name, in := range map[string]*bytes.Buffer{
		"nothing":         {},
		"no such kind":    input("x"),
		"no setup":        bytes.NewBuffer([]byte("D\x00\x00\x00\x00")),
		"an object":       input("e", "O{}"),
		"a document":      input("l", "Da"),
		"too long":        input("e", "D"+strings.Repeat("x", 101)),
		"no content":      input("l", "O{}", "O{}"),
		"half an object":  bytes.NewBuffer(append(input("l").Bytes(), 'O')),
		"half a document": bytes.NewBuffer(append(input("e").Bytes(), 'D', 0, 0, 0, 9, 'x')),
	} {
		if err := Serve(kinds(), in, io.Discard); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
