package entry

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"cloister/internal/core/job"
	"cloister/internal/work/analyse"
)

// hostile are texts that no person writes, by what they are full of. Each makes n bytes, give or take a few.
var hostile = []struct {
	name string
	make func(n int) string
}{
	{"no blanks", again("abcdefghij")}, {"one letter", again("a")}, {"brackets", again("(")}, {"closing brackets", again(")")}, {"nested brackets", func(n int) string {
		return strings.Repeat("([{", n/6) + strings.Repeat("}])", n/6)
	}},
	{"quotes", again(`"`)}, {"apostrophes", again("'")}, {"quoted words", again(`"a" 'b' `)}, {"line ends", again("\n")}, {"carriage returns", again("\r")}, {"blanks", again(" ")}, {"one-letter words", again("a b c ")},
	{"one-letter sentences", again("A. ")}, {"digits", again("1234567890")}, {"digit words", again("1 2 3 ")}, {"four digits", again("4111 ")}, {"dashed digits", again("555-12-")}, {"dotted digits", again("1.")},
	{"colons", again("ab:")}, {"NULs", again("\x00")}, {"combining marks", again("e\u0301\u0323\u0308")}, {"marks alone", again("\u0301")}, {"right to left", again("\u202eשלום عليكم ")}, {"joined emoji", again("👩\u200d👩\u200d👧\u200d👦")},
	{"joiners alone", again("\u200d")}, {"zero width", again("\u200b\ufeff")}, {"beyond planes", again("\U0010ffff\uffff\ufffd")}, {"and and", again("and ")}, {"commas", again(",")}, {"a, b, c", again("cat, dog, ")}, {"dashes", again("-")},
	{"dashed words", again("well-")}, {"full stops", again(".")}, {"abbreviations", again("U.S.A.")}, {"capitals", again("ACME CORP BUYS LONDON BANK ")}, {"capital words", again("John Smith Paris ")}, {"one long name", again("Anna Maria ")},
	{"addresses", again("http://a.b/c?d=e&f=")}, {"schemes", again("http://")}, {"mailboxes", again("a@b.")}, {"at signs", again("@")}, {"handles", again("@abc ")}, {"www", again("www.")}, {"domains", again("a.com.")}, {"CSV", again("a,1,\"x, y\",2020-01-02,4111111111111111\n")},
	{"base64", noise("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")}, {"hex", noise("0123456789abcdef")}, {"letters at random", noise("abcdefghijklmnopqrstuvwxyz   ")}, {"words with digits", again("password: x1 pin 1234 ")}, {"labels", again("ssn pin cvv account ")},
	{"users", again("user=")}, {"passwords", again("password ")}, {"dates", again("12/11/2020 May 5 ")}, {"clock", again("12:30:")}, {"ordinals", again("1st of ")}, {"streets", again("12 Main Street ")}, {"houses", again("12 ")}, {"quantities", again("two hundred and ")},
	{"money", again("$1,000")}, {"pronouns", again("he she it they ")}, {"it is good", again("it is good but ")}, {"not", again("not ")}, {"people said", again("Ann said she liked it. ")}, {"new people", func(n int) string {
		var b strings.Builder
		for i := 0; b.Len() < n; i++ {
			fmt.Fprintf(&b, "The %s of %s was bad. ", strings.ToUpper(word(i)[:1])+word(i)[1:], word(i*7+3))
		}
		return b.String()
	}},
	{"of the", again("the cat of ")}, {"possessives", again("dog's ")}, {"verbs", again("is was were ")}, {"Chinese", again("我们在北京大学学习")}, {"Japanese", again("これはペンです。")}, {"Thai", again("สวัสดีครับ")}, {"all scripts", again("aбγא你あเ한 ")},
	{"words of 1,000", again(strings.Repeat("x", 1000) + " ")}, {"exclamations", again("!?")}, {"ellipses", again("...")}, {"tags", again("<a>")}, {"backslashes", again(`\`)}, {"percents", again("%41")}, {"JSON", again(`{"a":[`)},
}

func again(s string) func(int) string {
	return func(n int) string { return strings.Repeat(s, n/len(s)+1) }
}

func noise(of string) func(int) string {
	return func(n int) string {
		r := rand.New(rand.NewPCG(1, 2))
		b := make([]byte, n)
		for i := range b {
			b[i] = of[r.IntN(len(of))]
		}
		return string(b)
	}
}

// word makes the i-th of many words.
func word(i int) string {
	s := "b"
	for i++; i > 0; i /= 5 {
		s += string("aeiou"[i%5]) + string("nrtls"[i%5])
	}
	return s
}

// readers are the engines that read documents without a model of the user's.
var readers = []string{"dominant-language-detection", "key-phrases-detection", "syntax-detection", "entities-detection", "pii-entities-detection", "sentiment-detection", "targeted-sentiment-detection"}

// TestHostileTexts gives each engine texts that no person writes. What it says must lie within the text, and what it takes of memory must
// grow as the text does: four times the text, at most six times the bytes.
func TestHostileTexts(t *testing.T) {
	if testing.Short() { // the race detector makes this ten times as long, and has nothing to see in one goroutine
		t.Skip("long")
	}
	for _, kind := range readers {
		e, err := kinds[kind].Engine(job.Setup{Kind: kind}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range hostile {
			small, large := []byte(h.make(4<<10)), []byte(h.make(16<<10))
			a, b := uint64(0), uint64(0)
			for range 2 { // the first prepares what is kept between texts
				a, _ = cost(e, small)
				var res any
				b, res = cost(e, large)
				within(t, kind+", "+h.name, string(large), res)
			}
			if b > 6*a+64<<10 {
				t.Errorf("%s, %s: %d bytes for %d, %d for %d", kind, h.name, a, len(small), b, len(large))
			}
		}
	}
}

// cost gives the bytes that an analysis allocates.
func cost(e analyse.Engine, text []byte) (uint64, any) {
	var a, b runtime.MemStats
	runtime.ReadMemStats(&a)
	res, err := e.Analyse(text)
	runtime.ReadMemStats(&b)
	if err != nil {
		return 0, err
	}
	return b.TotalAlloc - a.TotalAlloc, res
}

// within looks at all offsets, texts and scores of a result.
func within(t *testing.T, name, text string, res any) {
	t.Helper()
	j, err := json.Marshal(res)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var v any
	if err := json.Unmarshal(j, &v); err != nil {
		t.Fatal(err)
	}
	runes := []rune(text)
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, x := range v {
				walk(x)
			}
		case map[string]any:
			for k, x := range v {
				if f, ok := x.(float64); ok && strings.HasSuffix(k, "Score") && (f < 0 || f > 1) {
					t.Fatalf("%s: %s is %v", name, k, f)
				}
				walk(x)
			}
			from, ok := v["BeginOffset"].(float64)
			if !ok {
				return
			}
			to := v["EndOffset"].(float64)
			if from < 0 || to <= from || int(to) > len(runes) {
				t.Fatalf("%s: from %v to %v of %d", name, from, to, len(runes))
			}
			if said, ok := v["Text"].(string); ok && said != string(runes[int(from):int(to)]) {
				t.Fatalf("%s: %q at %v, where %q stands", name, said, from, string(runes[int(from):int(to)]))
			}
		}
	}
	walk(v)
}

// BenchmarkHostileTexts prints what a byte of such texts costs of the processor: of 16 KB, and of sixteen times as much where documents may be so large.
// Where time grows with the square of the text, the second is the larger one by far.
func BenchmarkHostileTexts(b *testing.B) {
	for _, kind := range readers {
		e, err := kinds[kind].Engine(job.Setup{Kind: kind}, nil)
		if err != nil {
			b.Fatal(err)
		}
		sizes := []int{16 << 10, 256 << 10}
		if strings.Contains(kind, "sentiment") || strings.Contains(kind, "syntax") {
			sizes = []int{2 << 10, 8 << 10}
		}
		for _, h := range hostile {
			b.Run(kind+"/"+strings.ReplaceAll(h.name, " ", "_"), func(b *testing.B) {
				var per [2]float64
				for i, n := range sizes {
					text := []byte(h.make(n))
					at := used()
					for range b.N {
						if _, err := e.Analyse(text); err != nil {
							b.Fatal(err)
						}
					}
					per[i] = float64((used() - at).Nanoseconds()) / float64(b.N) / float64(len(text))
				}
				b.ReportMetric(per[0], "ns/byte")
				b.ReportMetric(per[1], "ns/byte-large")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// used is the processor's time that this process has taken.
func used() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
