package syntax

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func tagger(t testing.TB) *Tagger {
	g, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func speech(g *Tagger, text string) string {
	var out []string
	g.Sentences(text, func(ts []Token) bool {
		for i := range ts {
			out = append(out, ts[i].Text+"/"+Speech(ts, i))
		}
		return true
	})
	return strings.Join(out, " ")
}

// The first four are what AWS's own examples show: awscli/examples/comprehend/detect-syntax.rst, batch-detect-syntax.rst.
func TestSpeech(t *testing.T) {
	g := tagger(t)
	for _, want := range []string{
		"It/PRON is/VERB a/DET beautiful/ADJ day/NOUN in/ADP Seattle/PROPN ./PUNCT",
		"It/PRON is/VERB a/DET beautiful/ADJ day/NOUN ./PUNCT",
		"Can/AUX you/PRON please/INTJ pass/VERB the/DET salt/NOUN ?/PUNCT",
		"Please/INTJ pay/VERB the/DET bill/NOUN before/ADP the/DET 31st/NOUN ./PUNCT",
		"She/PRON has/AUX n't/PART seen/VERB two/NUM of/ADP them/PRON because/SCONJ they/PRON were/AUX hidden/VERB ./PUNCT",
		"The/DET firm/NOUN 's/PART new/ADJ office/NOUN opened/VERB quickly/ADV and/CCONJ cheaply/ADV ./PUNCT",
		"Hello/INTJ ,/PUNCT Anna/PROPN and/CCONJ Li/PROPN want/VERB to/PART go/VERB to/ADP Oslo/PROPN ./PUNCT",
		"That/PRON cost/VERB $/SYM 5/NUM ./PUNCT",
	} {
		var text strings.Builder
		for i, f := range strings.Fields(want) {
			w, _, _ := strings.Cut(f, "/")
			if i > 0 && w != "," && w != "." && w != "?" && w != "n't" && w != "'s" && !strings.HasSuffix(text.String(), "$") {
				text.WriteByte(' ')
			}
			text.WriteString(w)
		}
		if got := speech(g, text.String()); got != want {
			t.Errorf("%s\n got %s\nwant %s", text.String(), got, want)
		}
	}
}

// TestScores holds that a score is a probability and no constant.
func TestScores(t *testing.T) {
	seen := map[float64]bool{}
	tagger(t).Sentences("The fast cut and run plan set back the light green saw that they saw.", func(ts []Token) bool {
		for _, k := range ts {
			if k.Score <= 0 || k.Score > 1 {
				t.Errorf("%s has score %v", k.Text, k.Score)
			}
			seen[k.Score] = true
		}
		return true
	})
	if len(seen) < 6 {
		t.Errorf("%d different scores", len(seen))
	}
}

// hostile texts break offsets, memory or time if anything does.
var hostile = []string{
	"", " ", "\x00", "a\x00b", "e\u0301 \u0301", "👩‍👩‍👧‍👦 is here 🇩🇪.", "日本語の文です。", "\ufeffThe cat", "''''''", "' ' s 's", "``", "$$$ % 5%", "...!?!",
	strings.Repeat("a", 70_000), strings.Repeat("🙂", 20_000), strings.Repeat("(", 20_000), strings.Repeat("the ", 20_000), strings.Repeat("\n\n", 20_000), strings.Repeat("a,", 20_000),
}

func check(t testing.TB, g *Tagger, text string) {
	runes := []rune(text)
	at := 0
	g.Sentences(text, func(ts []Token) bool {
		for i, k := range ts {
			if k.From < at || k.To <= k.From || string(runes[k.From:k.To]) != k.Text || text[k.Begin:k.End] != k.Text {
				t.Fatalf("%q does not stand at %d-%d", k.Text, k.From, k.To)
			}
			if Speech(ts, i) == "" || k.Tag == "" {
				t.Fatalf("%q has no tag", k.Text)
			}
			at = k.To
		}
		return true
	})
}

func TestHostile(t *testing.T) {
	g := tagger(t)
	for _, text := range hostile {
		check(t, g, text)
	}
}

func FuzzSentences(f *testing.F) {
	g := tagger(f)
	for _, text := range hostile {
		if len(text) < 100 {
			f.Add(text)
		}
	}
	f.Add("The firm's shares (NYSE: X) fell 5% to $3.10 — don't panic.")
	f.Fuzz(func(t *testing.T, text string) {
		if utf8.ValidString(text) {
			check(t, g, text)
		}
	})
}

func BenchmarkSentences(b *testing.B) {
	g := tagger(b)
	text := strings.Repeat("The company's third-quarter profit, hurt by higher costs, fell to $1.2 billion from $1.5 billion a year earlier. Analysts had expected more. ", 500)
	b.SetBytes(int64(len(text)))
	n := 0
	for b.Loop() {
		g.Sentences(text, func(ts []Token) bool { n += len(ts); return true })
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "tokens/s")
}

func Example() {
	g, err := Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	g.Sentences("Dogs bark.", func(ts []Token) bool { fmt.Println(ts[0].Text, ts[0].Tag, Speech(ts, 0)); return true })
	// Output: Dogs NNS NOUN
}
