package sentiment

import (
	"math"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

func judge(t testing.TB) *Judge {
	j, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	return j
}

type review struct {
	text string
	good bool
}

// reviews reads testdata/reviews.txt; fresh are those that only measure.
func reviews(t testing.TB) (developed, fresh []review) {
	raw, err := os.ReadFile("testdata/reviews.txt")
	if err != nil {
		t.Fatal(err)
	}
	out := &developed
	for line := range strings.Lines(string(raw)) {
		sign, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch sign {
		case "---":
			out = &fresh
		case "+", "-":
			*out = append(*out, review{text, sign == "+"})
		}
	}
	return developed, fresh
}

// blind reads testdata/blind.txt by domain, and in the order of the file.
func blind(t testing.TB) (domains []string, rs map[string][]review, all []review) {
	raw, err := os.ReadFile("testdata/blind.txt")
	if err != nil {
		t.Fatal(err)
	}
	rs = map[string][]review{}
	for line := range strings.Lines(string(raw)) {
		switch sign, text, _ := strings.Cut(strings.TrimSpace(line), " "); sign {
		case "==":
			domains = append(domains, text)
		case "+", "-":
			r := review{text, sign == "+"}
			d := domains[len(domains)-1]
			rs[d], all = append(rs[d], r), append(all, r)
		}
	}
	return domains, rs, all
}

func accuracy(j *Judge, rs []review) (two, named float64) {
	for _, r := range rs {
		got := j.Judge(r.text)
		if (got.SentimentScore.Positive >= got.SentimentScore.Negative) == r.good {
			two++
		}
		if got.Sentiment == "POSITIVE" && r.good || got.Sentiment == "NEGATIVE" && !r.good {
			named++
		}
	}
	n := float64(len(rs))
	return two / n, named / n
}

// TestReviews holds what was measured on sentences written for it, less a little.
func TestReviews(t *testing.T) {
	j := judge(t)
	developed, fresh := reviews(t)
	_, _, unseen := blind(t)
	for _, c := range []struct {
		name  string
		rs    []review
		floor float64
	}{{"sentences whose misses were looked at", developed, .84}, {"sentences that only measure", fresh, .75}, {"blind sentences", unseen, .58}} {
		two, named := accuracy(j, c.rs)
		t.Logf("%s: %d, the better of positive and negative right in %.3f, named so %.3f", c.name, len(c.rs), two, named)
		if two < c.floor {
			t.Errorf("%s: %.3f right, floor %.2f", c.name, two, c.floor)
		}
	}
}

func TestMixed(t *testing.T) {
	j := judge(t)
	for text, want := range map[string]string{
		"The food was delicious but the service was terrible.": "MIXED",
		"I love the camera. I hate the battery, it is awful.":  "MIXED",
		"Great hotel and lovely staff.":                        "POSITIVE",
		"This is the worst purchase I have ever made.":         "NEGATIVE",
		"The train leaves at nine.":                            "NEUTRAL",
		"It is not bad at all.":                                "",
		"I am not happy with this.":                            "NEGATIVE",
		"I don't hate it.":                                     "",
		"":                                                     "NEUTRAL",
		"\x00\x00":                                             "NEUTRAL",
	} {
		if got := j.Judge(text); want != "" && got.Sentiment != want {
			t.Errorf("%q: %+v, want %s", text, got, want)
		}
	}
}

// TestNegation holds that a negation turns a word.
func TestNegation(t *testing.T) {
	j := judge(t)
	for _, w := range []string{"good", "great", "happy", "helpful", "delicious", "reliable"} {
		a, b := j.Judge("It is "+w+"."), j.Judge("It is not "+w+".")
		if a.SentimentScore.Positive <= b.SentimentScore.Positive || a.SentimentScore.Negative >= b.SentimentScore.Negative {
			t.Errorf("%s: %+v, negated %+v", w, a, b)
		}
	}
}

// TestLong holds that a long document is what most of its sentences say.
func TestLong(t *testing.T) {
	j := judge(t)
	good := strings.Repeat("We had a wonderful time and the staff were friendly. The room was lovely. ", 20)
	bad := strings.Repeat("The room was dirty and the food was awful. We hated it. ", 20)
	plain := "We arrived on Monday. The hotel has ninety rooms. "
	for text, want := range map[string]string{
		plain + good + "The lift was awful. " + plain: "POSITIVE",
		plain + bad + "The view was lovely. " + plain: "NEGATIVE",
		good + bad:                "MIXED",
		strings.Repeat(plain, 40): "NEUTRAL",
	} {
		if got := j.Judge(text); got.Sentiment != want {
			t.Errorf("%.40q (%d bytes): %+v, want %s", text, len(text), got, want)
		}
	}
}

func check(t testing.TB, j *Judge, text string) {
	r := j.Judge(text)
	s := r.SentimentScore
	if sum := s.Mixed + s.Negative + s.Neutral + s.Positive; math.Abs(sum-1) > 1e-9 || math.IsNaN(sum) || min(s.Mixed, s.Negative, s.Neutral, s.Positive) < 0 {
		t.Fatalf("%q: scores %+v", text, s)
	}
	if r != j.Judge(text) {
		t.Fatalf("%q: not the same twice", text)
	}
}

func TestHostile(t *testing.T) {
	j := judge(t)
	for _, s := range []string{"", "\x00", "not", "not not not", "but", "a but b but c", "!!!!", "😀😀😡", "e\u0301", "日本語の文", "never_better", "_", "__", "not only",
		strings.Repeat("a", 1<<20), strings.Repeat("good ", 50_000), strings.Repeat("but ", 50_000), strings.Repeat("good but bad ", 20_000), strings.Repeat("🙂", 50_000)} {
		check(t, j, s)
	}
}

func FuzzJudge(f *testing.F) {
	j := judge(f)
	f.Add("The food was great, but the service wasn't!!! 😀")
	f.Fuzz(func(t *testing.T, text string) {
		if utf8.ValidString(text) {
			check(t, j, text)
		}
	})
}

func BenchmarkJudge(b *testing.B) {
	j := judge(b)
	developed, _ := reviews(b)
	bytes := 0
	for _, r := range developed {
		bytes += len(r.text)
	}
	b.SetBytes(int64(bytes))
	for b.Loop() {
		for _, r := range developed {
			j.Judge(r.text)
		}
	}
	b.ReportMetric(float64(len(developed)*b.N)/b.Elapsed().Seconds(), "docs/s")
}
