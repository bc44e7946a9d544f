package language

import (
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
)

func open(t testing.TB) *Detector {
	t.Helper()
	d, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// comprehend is the list of codes in Comprehend's guide.
const comprehend = `af am ar as az ba be bn bs bg ca ceb cs cv cy da de el en eo et eu fa fi fr gd ga gl gu ht he ha
hi hr hu hy ilo id is it jv ja kn ka kk km ky ko ku lo la lv lt lb ml mt mr mk mg mn ms my ne new nl no or om pa pl
pt ps qu ro ru sa si sk sl sd so es sq sr su sw sv ta tt te tg tl th tk tr ug uk ur uz vi yi yo zh zh-TW`

func TestCodesAreComprehends(t *testing.T) {
	known := strings.Fields(comprehend)
	codes := open(t).Codes()
	for _, c := range codes {
		if !slices.Contains(known, c) {
			t.Errorf("%q is not on Comprehend's list", c)
		}
	}
	if !slices.IsSorted(codes) {
		t.Error("codes are not sorted")
	}
	var missing []string
	for _, c := range known {
		if !slices.Contains(codes, c) {
			missing = append(missing, c)
		}
	}
	if want := []string{"new"}; !reflect.DeepEqual(missing, want) {
		t.Errorf("not produced: %v, the model card says %v", missing, want)
	}
}

// sentences reads our own labelled sentences.
func sentences(t testing.TB) [][2]string {
	t.Helper()
	raw, err := os.ReadFile("testdata/sentences.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var out [][2]string
	for line := range strings.Lines(string(raw)) {
		code, text, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if !ok {
			t.Fatalf("line without a tab: %q", line)
		}
		out = append(out, [2]string{code, text})
	}
	return out
}

func TestOurSentences(t *testing.T) {
	d := open(t)
	all, right := 0, 0
	perCode := map[string]int{}
	for _, s := range sentences(t) {
		got := d.Detect(s[1])
		all++
		if _, ok := perCode[s[0]]; !ok {
			perCode[s[0]] = 0
		}
		if len(got) > 0 && got[0].Code == s[0] {
			right++
			perCode[s[0]]++
		} else {
			t.Logf("%s is taken for %v: %s", s[0], got, s[1])
		}
	}
	for code, n := range perCode {
		if n < 2 && code != "tt" { // thin: the model card says so
			t.Errorf("%s: %d of 3 sentences right, want at least 2", code, n)
		}
	}
	if share := float64(right) / float64(all); share < 0.98 {
		t.Errorf("%.3f of %d sentences right, want .98", share, all)
	}
}

func TestNoLanguage(t *testing.T) {
	d := open(t)
	for name, text := range map[string]string{
		"empty": "", "digits": "12 345,67", "emoji": "🙂🎉", "blanks": " \t\n", "apostrophes": "'''", "not UTF-8": "\xff\xfe\x80",
		"unknown script": "ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ",
	} {
		if got := d.Detect(text); got == nil || len(got) != 0 {
			t.Errorf("%s: got %v, want an empty slice", name, got)
		}
	}
}

// TestMarksApart holds that text whose accents stand apart from their letters has the language that it has when they are joined.
func TestMarksApart(t *testing.T) {
	d := open(t)
	accented := []string{"cs", "fr", "is", "pt", "ro", "ru", "tr", "vi"}
	for _, s := range sentences(t) {
		if !slices.Contains(accented, s[0]) {
			continue
		}
		joined, apart := d.Detect(norm.NFC.String(s[1])), d.Detect(norm.NFD.String(s[1]))
		if len(apart) == 0 || apart[0].Code != joined[0].Code || math.Abs(apart[0].Score-joined[0].Score) > 0.02 {
			t.Errorf("%s: %v joined, %v apart: %s", s[0], joined, apart, s[1])
		}
	}
}

func TestMixedText(t *testing.T) {
	d := open(t)
	tests := []struct {
		name, text string
		want       []string
	}{
		{"two scripts", "Please send us the signed contract as soon as you can. Пожалуйста, пришлите нам подписанный договор.", []string{"en", "ru"}},
		{"two paragraphs of one script", strings.Repeat("The meeting was moved to Thursday because the director is travelling this week. ", 5) +
			strings.Repeat("Die Besprechung wurde auf Donnerstag verschoben, weil der Direktor diese Woche verreist ist. ", 5), []string{"de", "en"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var codes []string
			sum := 0.0
			for _, l := range d.Detect(tt.text) {
				sum += l.Score
				if l.Score > 0.2 {
					codes = append(codes, l.Code)
				}
			}
			slices.Sort(codes)
			if !reflect.DeepEqual(codes, tt.want) {
				t.Errorf("got %v, want %v", codes, tt.want)
			}
			if sum > 1+1e-9 {
				t.Errorf("scores sum to %v", sum)
			}
		})
	}
}

// However a text is cut into pieces, the result is that of the whole, bit for bit.
func TestPiecesGiveTheWhole(t *testing.T) {
	d := open(t)
	var b strings.Builder
	for _, s := range sentences(t) {
		b.WriteString(s[1] + "\xf0\x9f ")
	}
	text := b.String()
	want := d.Detect(text)
	for _, size := range []int{1, 2, 3, 7, 1000, len(text)} {
		s := d.NewScorer()
		for piece := range slices.Chunk([]byte(text), size) {
			s.Add(piece)
		}
		if got := s.Result(); !reflect.DeepEqual(got, want) {
			t.Errorf("pieces of %d bytes: got %v, want %v", size, got, want)
		}
	}
}

func TestScorerStartsAfresh(t *testing.T) {
	d := open(t)
	s := d.NewScorer()
	text := "Wir haben das Dokument gelesen."
	s.Add([]byte(text))
	first := s.Result()
	s.Reset()
	s.Add([]byte("Мы прочитали документ. \xd0"))
	s.Result()
	s.Reset()
	s.Add([]byte(text))
	if again := s.Result(); !reflect.DeepEqual(first, again) {
		t.Errorf("after Reset: got %v, want %v", again, first)
	}
}

func TestDetectorServesMany(t *testing.T) {
	d := open(t)
	all := sentences(t)
	want := make([][]Language, len(all))
	for i, s := range all {
		want[i] = d.Detect(s[1])
	}
	for range 4 {
		t.Run("at once", func(t *testing.T) {
			t.Parallel()
			for i, s := range all {
				if got := d.Detect(s[1]); !reflect.DeepEqual(got, want[i]) {
					t.Errorf("%q: got %v, want %v", s[1], got, want[i])
				}
			}
		})
	}
}

func TestBrokenTableIsRefused(t *testing.T) {
	for name, b := range map[string][]byte{
		"empty": nil, "other file": []byte("PK"), "cut": table[:len(table)/2], "header only": []byte(magic),
	} {
		if _, err := decode(b); err == nil {
			t.Errorf("%s: decoded", name)
		}
	}
}

func FuzzDetect(f *testing.F) {
	d := open(f)
	for _, s := range sentences(f) {
		f.Add(s[1])
	}
	f.Add(strings.Repeat("a b c d e f g h ", 200))
	f.Add("\xff''\xe4\xb8")
	f.Fuzz(func(t *testing.T, text string) {
		sum := 0.0
		for i, l := range d.Detect(text) {
			if !(l.Score > 0 && l.Score <= 1) || math.IsNaN(l.Score) || i > 0 && l.Code == "" {
				t.Fatalf("%q: %v", text, l)
			}
			sum += l.Score
		}
		if sum > 1+1e-6 {
			t.Fatalf("%q: scores sum to %v", text, sum)
		}
	})
}

func BenchmarkDetect(b *testing.B) {
	d := open(b)
	all := sentences(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		d.Detect(all[i%len(all)][1])
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "docs/s")
}

func BenchmarkMegabyte(b *testing.B) {
	d := open(b)
	piece := []byte(strings.Repeat("The report covers every quarter, and the board approved it in June. ", 60))
	s := d.NewScorer()
	b.SetBytes(1 << 20)
	b.ReportAllocs()
	for b.Loop() {
		s.Reset()
		for n := 0; n < 1<<20; n += len(piece) {
			s.Add(piece)
		}
		s.Result()
	}
}

func BenchmarkOpen(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		open(b)
	}
}
