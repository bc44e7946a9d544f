package caseline

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// Any line is answered with one line of JSON, which is an error exactly when err says so.
func FuzzEvalLine(f *testing.F) {
	text, err := os.ReadFile(filepath.Join("..", "testdata", "cases.jsonl"))
	if err != nil {
		f.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		out, err := EvalLine(line)
		var a struct {
			Decision, Error string
			Reasons         []string
		}
		if e := json.Unmarshal(out, &a); e != nil || bytes.IndexByte(out, '\n') >= 0 {
			t.Fatalf("%q: answered %q (%v)", line, out, e)
		}
		if (err != nil) != (a.Error != "") || (a.Decision == "") != (err != nil) || err == nil && len(a.Reasons) == 0 {
			t.Fatalf("%q: answered %q with %v", line, out, err)
		}
	})
}
