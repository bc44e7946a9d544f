package language

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// TestQuality prints accuracies on labelled files CODE.txt, one text a line, in the folders lingua_test, heldout and
// cld2 of $CLOISTER_DATA, as they are, cut short, and without their accents. It judges nothing: the gate is TestOurSentences.
func TestQuality(t *testing.T) {
	dir := os.Getenv("CLOISTER_DATA")
	if dir == "" {
		t.Skip("CLOISTER_DATA names no folder with lingua_test or heldout: no accuracy to measure")
	}
	for _, set := range []string{"lingua_test", "heldout", "cld2"} {
		t.Run(set, func(t *testing.T) { quality(t, filepath.Join(dir, set)) })
	}
}

func quality(t *testing.T, dir string) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Skipf("no CODE.txt in %s", dir)
	}
	d := open(t)
	known := map[string]bool{}
	for _, c := range d.Codes() {
		known[c] = true
	}
	cuts := []struct {
		words int // 0: the whole line
		bare  bool
	}{{0, false}, {5, false}, {2, false}, {1, false}, {0, true}, {5, true}}
	var right, all [6]int
	var bins [10]struct {
		n, right int
		sum      float64
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".txt")
		want := name
		if name == "nb" || name == "nn" {
			want = "no"
		}
		if !known[want] {
			continue
		}
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		wrong, ok, n := map[string]int{}, 0, 0
		for line := range strings.Lines(string(raw)) {
			line = strings.TrimSpace(line)
			if line == "" {
				continue
			}
			latin := 0
			for _, r := range line {
				if scriptOf(r) == Latin {
					latin += utf8.RuneLen(r)
				}
			}
			for i, cut := range cuts {
				text := line
				if cut.words > 0 {
					fields := strings.Fields(line)
					text = strings.Join(fields[:min(cut.words, len(fields))], " ")
				}
				if cut.bare {
					with := text
					if text = bare(text); text == with || latin*2 < len(line) {
						continue
					}
				}
				got := d.Detect(text)
				hit := len(got) > 0 && (got[0].Code == want || want == "zh" && got[0].Code == "zh-TW")
				all[i]++
				if hit {
					right[i]++
				}
				if i < 2 && len(got) > 0 {
					b := &bins[min(9, int(got[0].Score*10))]
					b.n, b.sum = b.n+1, b.sum+got[0].Score
					if hit {
						b.right++
					}
				}
				if i == 0 {
					n++
					if hit {
						ok++
					} else if len(got) > 0 {
						wrong[got[0].Code]++
					}
				}
			}
		}
		t.Logf("%-5s %.3f %v", name, float64(ok)/float64(n), wrong)
	}
	for i, cut := range cuts {
		t.Logf("first %d words (0: whole line), accents off %v: %.4f of %d", cut.words, cut.bare, float64(right[i])/float64(all[i]), all[i])
	}
	for i, b := range bins {
		if b.n > 0 {
			t.Logf("score %.1f-%.1f: n %d, mean %.3f, right %.3f", float64(i)/10, float64(i+1)/10, b.n, b.sum/float64(b.n), float64(b.right)/float64(b.n))
		}
	}
}

// bare takes the accents off Latin letters, and writes the letters that have none to take off as people do.
func bare(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(text))
	return strings.NewReplacer("ø", "o", "Ø", "O", "ł", "l", "Ł", "L", "đ", "d", "Đ", "D", "ß", "ss", "æ", "ae", "œ", "oe", "ı", "i", "ð", "d", "þ", "th",
		"ə", "e", "Ə", "E", "ħ", "h").Replace(text)
}
