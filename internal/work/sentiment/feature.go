package sentiment

import (
	"math"
	"strings"
	"unicode"

	"cloister/internal/work/token"
	"cloister/internal/work/vector"
)

// Buckets is the number of features: hashed ones, and those of the vectors.
const (
	Buckets = hashed + 2*vector.Dims
	hashed  = 1 << 19
)

// Feature is one hashed feature of a clause and its weight.
type Feature struct {
	Bucket uint32
	Value  float32
}

// Words is a text cut for the features: one text, one clause or one sentence.
type Words struct {
	word   []string // lower case, letters repeated at most twice
	scope  []int    // 0, or the distance to the negation that reaches the word
	loud   []bool   // in capitals, as few are
	review bool     // known to be of a review
	seen   *Seen    // by vectors, once they are asked
}

// fold gives the key of a token: lower case, no letter more than twice in a row.
func fold(w string) string {
	w = strings.ToLower(strings.ReplaceAll(w, "’", "'"))
	run, last := 0, rune(-1)
	cut := false
	for _, r := range w {
		if r == last {
			run++
			cut = cut || run > 1 && unicode.IsLetter(r)
		} else {
			run = 0
		}
		last = r
	}
	if !cut {
		return w
	}
	var b strings.Builder
	run, last = 0, -1
	for _, r := range w {
		if r == last {
			run++
		} else {
			run = 0
		}
		last = r
		if run < 2 || !unicode.IsLetter(r) {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// negation says whether w turns what follows.
func negation(w string) bool {
	switch w {
	case "not", "n't", "no", "never", "cannot", "cant", "dont", "doesnt", "didnt", "isnt", "wasnt", "wont", "wouldnt", "couldnt", "shouldnt", "arent", "aint", "havent",
		"hasnt", "hadnt", "werent", "nor", "neither", "nothing", "none", "nobody", "without", "hardly", "barely", "scarcely", "lacks", "lacked", "lacking", "rarely", "seldom", "fails", "failed", "nowhere", "avoid", "lack":
		return true
	}
	return false
}

// reach is the number of words behind a negation that it turns.
const reach = 4

// cut prepares tokens of text.
func cut(text string, ts []token.Token) *Words {
	w := &Words{word: make([]string, 0, len(ts)), scope: make([]int, 0, len(ts)), loud: make([]bool, 0, len(ts))}
	far := 0
	for _, t := range ts {
		raw := t.In(text)
		k := fold(raw)
		if t.Kind == token.Number {
			k = "0"
		}
		if t.Kind == token.Punct {
			k = sign(k)
		}
		loud := t.Kind == token.Word && len(raw) > 2 && strings.ToUpper(raw) == raw && k != raw
		switch {
		case negation(k):
			w.word, w.scope, w.loud = append(w.word, k), append(w.scope, 0), append(w.loud, loud)
			far = 1
			continue
		case t.Kind == token.Punct && k != "'" && k != "\"" && k != "-" || k == "but" || k == "however" || k == "although" || k == "because":
			far = 0
		case k == "only" && far == 1: // not only
			far = 0
		}
		w.word, w.scope, w.loud = append(w.word, k), append(w.scope, far), append(w.loud, loud)
		if far > 0 {
			if far++; far > reach {
				far = 0
			}
		}
	}
	return w
}

// sign folds runs of signs.
func sign(w string) string {
	switch {
	case len(w) > 1 && strings.Trim(w, "!") == "":
		return "!!"
	case len(w) > 1 && strings.Trim(w, "?") == "":
		return "??"
	case len(w) > 1 && strings.Trim(w, "!?") == "":
		return "?!"
	case len(w) > 1 && strings.Trim(w, ".") == "" || w == "…":
		return "..."
	}
	return w
}

// hash is FNV-1a over parts, folded to a bucket.
func hash(parts ...string) uint32 {
	h := uint64(14695981039346656037)
	for _, p := range parts {
		for i := 0; i < len(p); i++ {
			h = (h ^ uint64(p[i])) * 1099511628211
		}
		h = (h ^ 1) * 1099511628211
	}
	h ^= h >> 31
	return uint32(h % hashed)
}

// Features gives the hashed features of words: what is said, and what the lexicon says of it.
func (l *Lexicon) Features(dst []Feature, w *Words) []Feature { return l.Felt(l.Said(dst, w), w) }

// Said gives the features of the words themselves.
func (l *Lexicon) Said(dst []Feature, w *Words) []Feature {
	begin := len(dst)
	for i, a := range w.word {
		p := ""
		if w.scope[i] > 0 {
			p = "~"
			dst = append(dst, Feature{hash("n", a), 1})
		}
		dst = append(dst, Feature{hash("u", a), 1})
		if i+1 < len(w.word) {
			dst = append(dst, Feature{hash("b", p+a, w.word[i+1]), .8})
		}
		if i+2 < len(w.word) {
			dst = append(dst, Feature{hash("s", a, w.word[i+2]), .4})
		}
	}
	if n := len(w.word); n > 0 {
		dst = append(dst, Feature{hash("first", w.word[0]), .5}, Feature{hash("last", w.word[n-1]), .5})
	}
	norm(dst[begin:], 1)
	begin = len(dst)
	for _, a := range w.word {
		if len(a) < 4 || a[0] < 'a' || len(a) > 24 {
			continue
		}
		x := "<" + a + ">"
		for n := 4; n <= 5; n++ {
			for j := 0; j+n <= len(x); j++ {
				dst = append(dst, Feature{hash("c", x[j:j+n]), 1})
			}
		}
	}
	norm(dst[begin:], .5)
	return dst
}

// norm gives features the length size.
func norm(fs []Feature, size float64) {
	sum := 0.0
	for _, f := range fs {
		sum += float64(f.Value) * float64(f.Value)
	}
	if sum == 0 {
		return
	}
	k := float32(size / math.Sqrt(sum))
	for i := range fs {
		fs[i].Value *= k
	}
}
