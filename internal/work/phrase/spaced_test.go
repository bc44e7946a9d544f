package phrase

import (
	"slices"
	"strings"
	"testing"

	"cloister/internal/work/token"
)

// TestSpaced holds that text with blanks around each token, as treebanks and transcripts have it, gives the same phrases.
func TestSpaced(t *testing.T) {
	f := finder(t)
	developed, fresh := bracketed(t, "testdata/news.txt")
	differ, all := 0, 0
	squeeze := func(ps []Phrase) (out []string) {
		for _, p := range ps {
			out = append(out, strings.ReplaceAll(p.Text, " ", ""))
		}
		return out
	}
	for _, w := range append(developed, fresh...) {
		var words []string
		for _, k := range token.Split(w.text) {
			words = append(words, k.In(w.text))
		}
		spaced := strings.Join(words, " ")
		all++
		if a, b := squeeze(f.Find(w.text)), squeeze(f.Find(spaced)); !slices.Equal(a, b) {
			differ++
			t.Logf("%s\n  %q\n  %q", spaced, a, b)
		}
	}
	if differ > all/50 {
		t.Errorf("%d of %d sentences differ", differ, all)
	}
}
