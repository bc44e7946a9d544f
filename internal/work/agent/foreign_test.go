package agent

import (
	"io"
	"strings"
	"testing"

	"cloister/internal/core/job"
	"cloister/internal/work/analyse"
)

// splitter redacts by breaking lines where it should not.
type splitter struct{}

func (splitter) Analyse(text []byte) (any, error) {
	return map[string]string{"Redacted": strings.NewReplacer("|", "\n", "/", `\n`).Replace(string(text))}, nil
}

// TestForeignLines: a program that is not ours can't make one redacted line two: each behind it would stand for another document.
func TestForeignLines(t *testing.T) {
	s := scene(t, "pii-entities-detection", map[string]string{"in/a.txt": "one\ntwo|three\nfour/five\n"})
	s.task.Setup.PII, s.task.Foreign = &job.PII{Mode: "ONLY_REDACTION"}, true
	s.kinds = map[string]analyse.Kind{"pii-entities-detection": {Engine: func(job.Setup, io.Reader) (analyse.Engine, error) { return splitter{}, nil }}}
	if r := s.run(); r.Err != nil {
		t.Fatalf("%+v", r.Err)
	}
	want := "one\n" + `{"ErrorCode":"INTERNAL_ERROR","ErrorMessage":"The document could not be analyzed.","File":"a.txt","Line":1}` + "\nfour\\nfive\n"
	if got := s.delivered()["a.txt.out"]; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
