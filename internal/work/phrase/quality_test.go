package phrase

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"cloister/internal/work/syntax"
)

// TestQuality prints F1 over exact spans on $CLOISTER_DATA/conll2000/test.txt (word, tag, chunk by blanks; a blank line ends a sentence), if it is there,
// and on our own sentences. It judges nothing: the gate is TestNews.
func TestQuality(t *testing.T) {
	f := finder(t)
	developed, fresh := bracketed(t, "testdata/news.txt")
	for name, ws := range map[string][]want{"own sentences, developed with": developed, "own sentences, written to measure": fresh} {
		s := measure(t, f, ws, false)
		t.Logf("%s: %d phrases, F1 %.3f", name, s.wanted, s.f1())
	}
	path := filepath.Join(os.Getenv("CLOISTER_DATA"), "conll2000", "test.txt")
	raw, err := os.ReadFile(path)
	if os.Getenv("CLOISTER_DATA") == "" || err != nil {
		t.Logf("no %s: nothing more to measure", path)
		return
	}
	var base, aws tally
	var bins [10]struct{ n, right int }
	for block := range strings.SplitSeq(strings.TrimSpace(string(raw)), "\n\n") {
		text, gold, lone := conll(block)
		compare := func(s *tally, want [][2]int, chunks func([]syntax.Token) []Span, scored bool) {
			s.wanted += len(want)
			f.tagger.Sentences(text, func(ts []syntax.Token) bool {
				for _, c := range chunks(ts) {
					s.found++
					ok := slices.Contains(want, [2]int{ts[c.Begin].From, ts[c.End-1].To})
					if ok {
						s.right++
					}
					if scored {
						b := &bins[min(9, int(c.Score*10))]
						b.n++
						if ok {
							b.right++
						}
					}
				}
				return true
			})
		}
		compare(&base, gold, Base, false)
		compare(&aws, whole(text, gold, lone), Chunks, true)
	}
	for name, s := range map[string]tally{"CoNLL-2000 as it is (possessives split, pronouns in)": base, "CoNLL-2000 in AWS's form (possessives whole, pronouns out)": aws} {
		t.Logf("%s: %d phrases, P %.3f R %.3f F1 %.3f", name, s.wanted, float64(s.right)/float64(s.found), float64(s.right)/float64(s.wanted), s.f1())
	}
	for i, b := range bins {
		if b.n > 0 {
			t.Logf("score %.1f-%.1f: %d phrases, %.3f right", float64(i)/10, float64(i+1)/10, b.n, float64(b.right)/float64(b.n))
		}
	}
}

// conll gives a sentence's text, its noun phrases, and which of them are pronouns alone.
func conll(block string) (text string, spans [][2]int, lone map[[2]int]bool) {
	lone = map[[2]int]bool{}
	n, begin, end, pronouns := 0, -1, 0, true
	flush := func() {
		if begin >= 0 {
			k := [2]int{begin, end}
			spans = append(spans, k)
			lone[k] = pronouns
		}
		begin, pronouns = -1, true
	}
	for line := range strings.SplitSeq(block, "\n") {
		f := strings.Fields(line)
		if len(f) < 3 {
			continue
		}
		if text != "" {
			text += " "
			n++
		}
		if f[2] != "I-NP" {
			flush()
		}
		if f[2] == "B-NP" {
			begin = n
		}
		text += f[0]
		n += utf8.RuneCountInString(f[0])
		switch f[1] {
		case "PRP", "WP", "WDT", "EX", "DT", "WP$", "PRP$":
		default:
			pronouns = false
		}
		end = n
	}
	flush()
	return text, spans, lone
}

// whole joins phrases that a possessive continues and leaves lone pronouns out.
func whole(text string, spans [][2]int, lone map[[2]int]bool) (out [][2]int) {
	runes := []rune(text)
	for _, s := range spans {
		if n := len(out); n > 0 && runes[s[0]] == '\'' && out[n-1][1]+1 == s[0] {
			out[n-1][1] = s[1]
			continue
		}
		if !lone[s] {
			out = append(out, s)
		}
	}
	return out
}
