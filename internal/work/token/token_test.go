package token_test

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"cloister/internal/work/token"
)

func words(s string) string {
	var out []string
	for _, t := range token.Split(s) {
		out = append(out, t.In(s))
	}
	return strings.Join(out, "|")
}

func TestSplit(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{" \x00\n\t", ""},
		{"We do n't; she ca n’t. N'T", "We|do|n't|;|she|ca|n’t|.|N'T"},
		{"Mr. O'Brien's well-known U.S. office isn't cheap.", "Mr.|O'Brien|'s|well-known|U.S.|office|is|n't|cheap|."},
		{"John 's and players' hats", "John|'s|and|players|'|hats"},
		{"It cost $1,000.50 (or 12%) at 12:30 on 01/02/2003...", "It|cost|$|1,000.50|(|or|12|%|)|at|12:30|on|01/02/2003|..."},
		{"AT&T, R&D and C++ & C#", "AT&T|,|R&D|and|C++|&|C#"},
		{"See https://example.com/a_(b)?q=1. Or www.example.org, x.", "See|https://example.com/a_(b)?q=1|.|Or|www.example.org|,|x|."},
		{"(http://example.com/x)", "(|http://example.com/x|)"},
		{"write to ana.maria+x@mail.example.com, now", "write|to|ana.maria+x@mail.example.com|,|now"},
		{"@jane_doe loves #Berlin :-) # 5", "@jane_doe|loves|#Berlin|:-)|#|5"},
		{"L'homme d'hiver et L'Oréal; c'est dell'arte", "L'|homme|d'|hiver|et|L'Oréal|;|c'|est|dell'|arte"},
		{"the end.The next, amazon.com too", "the|end|.|The|next|,|amazon.com|too"},
		{"No. 5, but no. Plan B.", "No.|5|,|but|no|.|Plan|B."},
		{"“Really?!” she said—twice", "“|Really|?!|”|she|said|—|twice"},
		{"naïve café e\u0301", "naïve|café|e\u0301"},
		{"東京 is big", "東|京|is|big"},
		{"👩‍👩‍👧 ok ❤️", "👩‍👩‍👧|ok|❤️"},
		{"a\xffb", "a|\xff|b"},
		{"a\x00b", "a|b"},
	} {
		if got := words(c.in); got != c.want {
			t.Errorf("Split(%q)\n got %s\nwant %s", c.in, got, c.want)
		}
	}
}

func TestOffsetsAreCodePoints(t *testing.T) {
	s := "Zoë 👍 paid €5"
	got := token.Split(s)
	for _, x := range got {
		if string([]rune(s)[x.From:x.To]) != x.In(s) {
			t.Errorf("points [%d,%d) are not %q", x.From, x.To, x.In(s))
		}
	}
	if last := got[len(got)-1]; last.From != 12 || last.Kind != token.Number || got[1].Kind != token.Symbol {
		t.Errorf("got %+v", got)
	}
}

func TestSentences(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"Dr. Ana Ruiz met J. R. Smith at 5 p.m. in the U.S. capital. She left! Why? \"Who knows.\" He slept.",
			"Dr. Ana Ruiz met J. R. Smith at 5 p.m. in the U.S. capital.¶She left!¶Why?¶\"Who knows.\"¶He slept."},
		{"He works at Acme Inc. The firm is old.", "He works at Acme Inc.¶The firm is old."},
		{"OVERVIEW\nThis text is wrapped at some sixty characters, as mail often\nis, and goes on.\n\nNext one\n- item one\n- item two",
			"OVERVIEW¶This text is wrapped at some sixty characters, as mail often\nis, and goes on.¶Next one¶- item one¶- item two"},
		{"Am 3. Oktober 1990 war es so weit. Danach nicht.", "Am 3. Oktober 1990 war es so weit.¶Danach nicht."},
		{"Wait... what? Yes… No", "Wait... what?¶Yes…¶No"},
		{"It costs 3.50 or so (e.g. Tuesdays). ok", "It costs 3.50 or so (e.g. Tuesdays). ok"},
		{"one\r\n\r\ntwo\r\nthree", "one¶two\r\nthree"},
	} {
		var out []string
		ts := token.Split(c.in)
		for _, x := range token.Sentences(c.in, ts) {
			out = append(out, c.in[ts[x.Begin].Begin:ts[x.End-1].End])
		}
		if got := strings.Join(out, "¶"); got != c.want {
			t.Errorf("Sentences(%q)\n got %s\nwant %s", c.in, got, c.want)
		}
	}
}

func TestHuge(t *testing.T) {
	for _, s := range []string{strings.Repeat("a", 1<<20), strings.Repeat("é", 1<<19), strings.Repeat("(", 1<<18), strings.Repeat("a@", 1<<18), "http://" + strings.Repeat(")", 1<<18),
		strings.Repeat("!", 1<<18), strings.Repeat("a ", 1<<18), strings.Repeat("\xff", 1<<16)} {
		check(t, s)
	}
}

// TestRuns: a run that is cut again and again is not looked at to its end each time.
func TestRuns(t *testing.T) {
	const size = 1 << 20
	begin := time.Now()
	token.Split(strings.Repeat("a ", size/2))
	plain := time.Since(begin)
	for _, s := range []string{"http://", "www.x", "http://a.b/c?", ".", "-", "_", "!?", "@", "@a", "#_", "😀\u200d", "\u00a9\u0301"} {
		begin := time.Now()
		check(t, strings.Repeat(s, size/len(s)))
		if d := time.Since(begin); d > 10*plain+time.Second {
			t.Errorf("%d bytes of %q took %v, of words %v", size, s, d, plain)
		}
	}
}

// check holds the laws of Split and Sentences to a text.
func check(t *testing.T, s string) {
	t.Helper()
	ts := token.Split(s)
	end, point := 0, 0
	for _, x := range ts {
		b, e := int(x.Begin), int(x.End)
		if b < end || e <= b || e > len(s) || e-b > token.Max {
			t.Fatalf("token [%d,%d) after %d of %d", b, e, end, len(s))
		}
		for _, r := range s[end:b] {
			if !unicode.IsSpace(r) && !unicode.IsControl(r) && !unicode.Is(unicode.Cf, r) {
				t.Fatalf("%q stands between tokens", r)
			}
		}
		point += utf8.RuneCountInString(s[end:b])
		if int(x.From) != point {
			t.Fatalf("token at byte %d begins at point %d, not %d", b, x.From, point)
		}
		point += utf8.RuneCountInString(s[b:e])
		if int(x.To) != point {
			t.Fatalf("token at byte %d ends at point %d, not %d", b, x.To, point)
		}
		end = e
	}
	next := 0
	for _, x := range token.Sentences(s, ts) {
		if x.Begin != next || x.End <= x.Begin {
			t.Fatalf("sentence [%d,%d) after %d", x.Begin, x.End, next)
		}
		next = x.End
	}
	if next != len(ts) {
		t.Fatalf("sentences end at token %d of %d", next, len(ts))
	}
}

func FuzzSplit(f *testing.F) {
	for _, s := range []string{"", "Mr. O'Brien's U.S. office.", "a@b.co http://x.y/(z) @n #t :-)", "\x00\u200d’s n't 1.2.3", "。！？\r\n\r\nI.", "it's.\u00ad'"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { check(t, s) })
}

func BenchmarkSplit(b *testing.B) {
	s := strings.Repeat("Dr. Ana Ruiz met the well-known U.S. senator at 5 p.m. in New York City, didn't she? It cost $1,000.50. ", 100)
	b.SetBytes(int64(len(s)))
	for b.Loop() {
		token.Sentences(s, token.Split(s))
	}
}
