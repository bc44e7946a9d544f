package phrase

import (
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

type want struct {
	text  string
	spans [][2]int
}

// bracketed reads the sentences of testdata/news.txt; fresh are those that only measure.
func bracketed(t testing.TB, file string) (developed, fresh []want) {
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	out := &developed
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "---":
			out = &fresh
			continue
		case line == "" || line[0] == '#':
			continue
		}
		var w want
		n, begin := 0, 0
		for _, r := range line {
			switch r {
			case '[':
				begin = n
			case ']':
				w.spans = append(w.spans, [2]int{begin, n})
			default:
				w.text += string(r)
				n++
			}
		}
		*out = append(*out, w)
	}
	return developed, fresh
}

func finder(t testing.TB) *Finder {
	f, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// tally counts phrases that are right, found and wanted.
type tally struct{ right, found, wanted int }

func (s tally) f1() float64 { return 2 * float64(s.right) / float64(s.found+s.wanted) }

func measure(t testing.TB, f *Finder, ws []want, show bool) (s tally) {
	for _, w := range ws {
		var wrong []string
		hit := 0
		for _, p := range f.Find(w.text) {
			if slices.Contains(w.spans, [2]int{p.BeginOffset, p.EndOffset}) {
				hit++
			} else {
				wrong = append(wrong, p.Text)
			}
			s.found++
		}
		s.right += hit
		s.wanted += len(w.spans)
		if show && (len(wrong) > 0 || hit < len(w.spans)) {
			t.Logf("%s\n  wrong %q, missed %d", w.text, wrong, len(w.spans)-hit)
		}
	}
	return s
}

func TestNews(t *testing.T) {
	f := finder(t)
	developed, fresh := bracketed(t, "testdata/news.txt")
	for _, c := range []struct {
		name  string
		ws    []want
		floor float64
	}{{"sentences that the rules were developed with", developed, .97}, {"sentences written to measure", fresh, .97}} {
		s := measure(t, f, c.ws, testing.Verbose())
		t.Logf("%s: %d sentences, %d phrases, P %.3f R %.3f F1 %.3f", c.name, len(c.ws), s.wanted, float64(s.right)/float64(s.found), float64(s.right)/float64(s.wanted), s.f1())
		if s.f1() < c.floor {
			t.Errorf("%s: F1 %.3f is below %.2f", c.name, s.f1(), c.floor)
		}
	}
}

// What AWS's example shows (awscli/examples/comprehend/start-key-phrases-detection-job.rst) for texts like these, in words of ours.
func TestForm(t *testing.T) {
	f := finder(t)
	for _, c := range []struct {
		text string
		want []string
	}{
		{"Hello Mei Lin, I am Tom.", []string{"Mei Lin", "Tom"}},
		{"Dear Ada, based on your travel settings we will charge your card on the due date.", []string{"Dear Ada", "your travel settings", "your card", "the due date"}},
		{"It has a minimum fee of $17.80 that is due by June 21st.", []string{"a minimum fee", "$17.80", "June 21st"}},
		{"Send notes to Moonlight Inn, 45 Elm St, Springfield or to Bo at bo@example.com.", []string{"notes", "Moonlight Inn", "45 Elm St", "Springfield", "Bo", "bo@example.com"}},
		{"your bank account number XXXXXX2222", []string{"your bank account number XXXXXX2222"}},
		{"The company's shares fell, and that hurt us.", []string{"The company's shares"}},
		{"I saw it.", nil},
		{"", nil},
	} {
		var got []string
		for _, p := range f.Find(c.text) {
			got = append(got, p.Text)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}

func check(t testing.TB, f *Finder, text string) {
	runes, at := []rune(text), 0
	for _, p := range f.Find(text) {
		if p.BeginOffset < at || p.EndOffset <= p.BeginOffset || string(runes[p.BeginOffset:p.EndOffset]) != p.Text || !(p.Score > 0 && p.Score <= 1) {
			t.Fatalf("%+v does not stand there", p)
		}
		at = p.EndOffset
	}
}

func TestHostile(t *testing.T) {
	f := finder(t)
	for _, s := range []string{"\x00", "e\u0301tude house", "👩‍👩‍👧‍👦 and the 🐈 sat", "日本語", "''s", "about", "more than", "the", "at least", "the ``", "5 to", "between 5 and", "a, b and", "worth", "July 5,", "Example,",
		strings.Repeat("x", 1<<20), strings.Repeat("the of ", 50_000), strings.Repeat("a, ", 50_000), strings.Repeat("big ", 50_000), strings.Repeat("5 to ", 50_000)} {
		check(t, f, s)
	}
}

func FuzzFind(f *testing.F) {
	g := finder(f)
	f.Add("The firm's so-called \"junk\" bonds, up 5% to $3.10 — about half of them, don't.")
	f.Add("July 5, 1994 between 5 and 10 men and women, oil, gas and coal, Example, Inc.")
	f.Fuzz(func(t *testing.T, text string) {
		if utf8.ValidString(text) {
			check(t, g, text)
		}
	})
}

func BenchmarkFind(b *testing.B) {
	f := finder(b)
	developed, _ := bracketed(b, "testdata/news.txt")
	var text strings.Builder
	for _, w := range developed {
		text.WriteString(w.text + " ")
	}
	doc := text.String()
	b.SetBytes(int64(len(doc)))
	for b.Loop() {
		f.Find(doc)
	}
	b.ReportMetric(float64(len(developed))*float64(b.N)/b.Elapsed().Seconds(), "sentences/s")
}
