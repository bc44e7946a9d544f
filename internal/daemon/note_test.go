package daemon

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"testing"
)

// What an analyser says is never logged: only that it said something, and where in our own sources it broke.
func TestAnalysersWordsAreNotLogged(t *testing.T) {
	said := "panic: cannot cut \"the patient Ann Lee\" [recovered]\n\tpanic: runtime error: slice bounds out of range [Ann Lee]\n\ngoroutine 1 [running]:\n" +
		"cloister/internal/work/token.cut({0xc000, 0x4}, \"Ann Lee\")\n\t/home/x/cloister/internal/work/token/word.go:44 +0x1b Ann Lee\n" +
		"Ann Lee\n" + strings.Repeat("Ann Lee ", 100_000) + "\ncannot take a document: Ann Lee\n" + strings.Repeat("Ann Lee\n", 10_000)
	for name, want := range map[string]string{"hint": "lines=10009", "note": "the patient"} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			s := &sandbox{&Daemon{log: slog.New(slog.NewTextHandler(&log, nil))}}
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			go func() { _, _ = w.WriteString(said); w.Close() }()
			if name == "note" {
				s.note("j", r)
			} else {
				s.hint("j", r)
			}
			got := log.String()
			if !strings.Contains(got, want) || len(got) > 60_000 {
				t.Errorf("%d bytes: %.500s", len(got), got)
			}
			if name == "note" {
				return
			}
			if strings.Contains(got, "Ann") || strings.Contains(got, "patient") {
				t.Errorf("a document's text is in the log: %s", got)
			}
			for _, where := range []string{"internal/work/token/word.go:44", "cannot take a document", "panic"} {
				if !strings.Contains(got, where) {
					t.Errorf("%s is not in the log: %s", where, got)
				}
			}
		})
	}
}
