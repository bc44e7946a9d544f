package syntax

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestQuality prints the accuracy of Penn tags on $CLOISTER_DATA/conll2000/test.txt (word, tag, chunk by blanks), of sentences
// that are cut into the same tokens. It judges nothing: the gate is TestSpeech.
func TestQuality(t *testing.T) {
	path := filepath.Join(os.Getenv("CLOISTER_DATA"), "conll2000", "test.txt")
	raw, err := os.ReadFile(path)
	if os.Getenv("CLOISTER_DATA") == "" || err != nil {
		t.Skipf("no %s: no accuracy to measure", path)
	}
	g := tagger(t)
	right, all, skipped, sum := 0, 0, 0, 0.0
	for block := range strings.SplitSeq(strings.TrimSpace(string(raw)), "\n\n") {
		var words, tags []string
		for line := range strings.Lines(block) {
			if f := strings.Fields(line); len(f) > 1 {
				words, tags = append(words, f[0]), append(tags, f[1])
			}
		}
		var got []Token
		g.Sentences(strings.Join(words, " "), func(ts []Token) bool { got = append(got, ts...); return true })
		same := len(got) == len(words)
		for i := 0; same && i < len(got); i++ {
			same = got[i].Text == words[i]
		}
		if !same {
			skipped++
			continue
		}
		for i := range got {
			all++
			sum += got[i].Score
			if got[i].Tag == tags[i] {
				right++
			}
		}
	}
	t.Logf("Penn tags: %.4f of %d right, mean score %.4f; %d sentences cut otherwise", float64(right)/float64(all), all, sum/float64(all), skipped)
}
