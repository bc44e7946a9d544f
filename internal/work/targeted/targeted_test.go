package targeted

import (
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

func engine(t testing.TB) *Engine {
	e, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestExample holds what AWS shows for a text of like form (awscli/examples/comprehend/detect-targeted-sentiment.rst).
func TestExample(t *testing.T) {
	want := "I/PERSON/NEUTRAL February/DATE/NEGATIVE July/DATE/POSITIVE weather/"
	var got []string
	for _, x := range engine(t).Find("I do not enjoy February because it is too dark but July is the perfect time") {
		for _, m := range x.Mentions {
			got = append(got, m.Text+"/"+m.Type+"/"+m.MentionSentiment.Sentiment)
		}
	}
	if s := strings.Join(got, " "); s != strings.TrimSuffix(want, " weather/") {
		t.Errorf("%s", s)
	}
}

type target struct {
	begin, end int
	group      byte
	feeling    string
}

// marked reads a file of testdata.
func marked(t testing.TB, name string) (texts []string, targets [][]target) {
	raw, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		text := ""
		var ts []target
		for line != "" {
			head, rest, ok := strings.Cut(line, "[")
			text += head
			if !ok {
				break
			}
			inner, after, _ := strings.Cut(rest, "]")
			words, mark, _ := strings.Cut(inner, "|")
			n := utf8.RuneCountInString(text)
			text += words
			ts = append(ts, target{n, n + utf8.RuneCountInString(words), mark[0], map[byte]string{'+': "POSITIVE", '-': "NEGATIVE", '0': "NEUTRAL", '~': "MIXED"}[mark[1]]})
			line = after
		}
		texts, targets = append(texts, text), append(targets, ts)
	}
	return texts, targets
}

// TestReviews holds what was measured on texts written for it, less a little.
func TestReviews(t *testing.T) { measure(t, "reviews.txt", .95, .85, .9, .05) }

// TestBlind holds what was measured on texts whose nouns were looked at after the first measurement, less a little.
func TestBlind(t *testing.T) { measure(t, "blind.txt", .83, .66, .8, .08) }

// measure wants shares of the targets found, of their sentiments right, of pronouns that join the right thing, and at most a share of opposites.
func measure(t *testing.T, name string, wantFound, wantFelt, wantJoined, opposed float64) {
	e := engine(t)
	texts, targets := marked(t, name)
	all, found, felt, opposite, pronouns, joined := 0, 0, 0, 0, 0, 0
	for i, text := range texts {
		type place struct {
			entity int
			m      Mention
		}
		at := map[int]place{}
		for k, x := range e.Find(text) {
			for _, m := range x.Mentions {
				at[m.BeginOffset] = place{k, m}
			}
		}
		first := map[byte]int{}
		for _, w := range targets[i] {
			all++
			p, ok := at[w.begin]
			if !ok || p.m.EndOffset != w.end {
				t.Logf("%s: %d-%d is not found", text, w.begin, w.end)
				continue
			}
			found++
			switch got := p.m.MentionSentiment.Sentiment; {
			case got == w.feeling:
				felt++
			case got == "POSITIVE" && w.feeling == "NEGATIVE" || got == "NEGATIVE" && w.feeling == "POSITIVE":
				opposite++
				fallthrough
			default:
				t.Logf("%s: %s is %s, want %s", text, p.m.Text, got, w.feeling)
			}
			if person(strings.ToLower(p.m.Text)) != "" {
				pronouns++
				if g, ok := first[w.group]; ok && g == p.entity {
					joined++
				} else {
					t.Logf("%s: %s at %d joins something else", text, p.m.Text, w.begin)
				}
			} else if _, ok := first[w.group]; !ok {
				first[w.group] = p.entity
			}
		}
	}
	t.Logf("%d targets, %d found, sentiment right in %d, the opposite in %d; %d pronouns, %d join the right thing", all, found, felt, opposite, pronouns, joined)
	if float64(found) < wantFound*float64(all) || float64(felt) < wantFelt*float64(found) || float64(joined) < wantJoined*float64(pronouns) || float64(opposite) > opposed*float64(found) {
		t.Error("below the floor")
	}
}

// TestQuality prints what TestReviews holds; no public set of targeted sentiment with a suitable licence was at hand.
func TestQuality(t *testing.T) {
	TestReviews(t)
	TestBlind(t)
}

func check(t testing.TB, e *Engine, text string) {
	runes := []rune(text)
	for _, x := range e.Find(text) {
		if len(x.Mentions) == 0 || len(x.DescriptiveMentionIndex) != 1 || x.DescriptiveMentionIndex[0] >= len(x.Mentions) {
			t.Fatalf("%q: entity %+v", text, x)
		}
		for _, m := range x.Mentions {
			if m.BeginOffset < 0 || m.EndOffset <= m.BeginOffset || string(runes[m.BeginOffset:m.EndOffset]) != m.Text {
				t.Fatalf("%q does not stand at %d-%d", m.Text, m.BeginOffset, m.EndOffset)
			}
			if m.Type == "" || m.MentionSentiment.Sentiment == "" || !(m.Score > 0 && m.Score <= 1) || !(m.GroupScore > 0 && m.GroupScore <= 1) {
				t.Fatalf("%+v", m)
			}
		}
	}
}

func TestHostile(t *testing.T) {
	e := engine(t)
	for _, s := range []string{"", "\x00", "it", "it it it", "he", "Mr. he", "the of and but", "e\u0301 phone", "👩‍👩‍👧 phone 😡", "日本語の文", "Anna", "It's", "a,b and c, but d; e", "July 5, 1994",
		strings.Repeat("x", 1<<20), strings.Repeat("it is bad and ", 3_000), strings.Repeat("phone ", 5_000), strings.Repeat("Anna Berg and ", 3_000), strings.Repeat("but ", 10_000)} {
		check(t, e, s)
	}
}

func FuzzFind(f *testing.F) {
	e := engine(f)
	f.Add("I love my phone, but its battery died on Monday. It was John Smith's. He's sad 😡")
	f.Fuzz(func(t *testing.T, text string) {
		if utf8.ValidString(text) {
			check(t, e, text)
		}
	})
}

func BenchmarkFind(b *testing.B) {
	e := engine(b)
	texts, _ := marked(b, "reviews.txt")
	n := 0
	for _, s := range texts {
		n += len(s)
	}
	b.SetBytes(int64(n))
	for b.Loop() {
		for _, s := range texts {
			e.Find(s)
		}
	}
	b.ReportMetric(float64(len(texts)*b.N)/b.Elapsed().Seconds(), "docs/s")
}
