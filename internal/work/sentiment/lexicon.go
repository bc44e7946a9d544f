package sentiment

import (
	"math"
	"strings"

	"cloister/internal/work/vector"
)

// Lexicon holds the valence of words in tenths, -40 to 40, and of words that WordNet alone leads to.
type Lexicon struct {
	Known, Guessed map[string]int8
	opens          map[string]bool // first words of phrases
	sense          *Sense
}

// booster gives the change that a word makes to the strength of the next valence.
func booster(w string) float64 {
	switch w {
	case "very", "really", "so", "extremely", "absolutely", "totally", "completely", "incredibly", "amazingly", "super", "highly", "deeply", "truly", "utterly", "such", "too", "most", "more",
		"especially", "particularly", "insanely", "ridiculously", "fucking", "freaking", "damn", "hella", "quite", "purely", "thoroughly", "entirely", "exceptionally", "remarkably":
		return .3
	case "somewhat", "slightly", "kinda", "sorta", "barely", "hardly", "almost", "fairly", "partly", "little", "marginally", "less", "occasionally", "mildly":
		return -.3
	}
	return 0
}

// valence is what the lexicon says of word i with what stands before it; guessed tells that WordNet or the vectors alone know it.
func (l *Lexicon) valence(w *Words, i int) (v float64, guessed bool) {
	k, ok := l.Known[w.word[i]]
	v = float64(k) / 10
	if !ok {
		guessed = true
		v = l.see(w).Guess[i]
		if k, ok := l.Guessed[w.word[i]]; ok {
			if v == 0 {
				v = float64(k) / 10
			} else {
				v = (v + float64(k)/10) / 2
			}
		}
	}
	if v == 0 || negation(w.word[i]) {
		return 0, false
	}
	if w.loud[i] {
		v += math.Copysign(.7, v)
	}
	for d := 1; d <= 3 && i-d >= 0; d++ {
		if b := booster(w.word[i-d]); b != 0 {
			v += b * (1 - .1*float64(d-1)) * math.Copysign(1, v)
		}
	}
	if w.scope[i] > 0 {
		v *= -.74
	}
	return v, guessed
}

// see asks the vectors once.
func (l *Lexicon) see(w *Words) *Seen {
	if w.seen == nil {
		w.seen = l.sense.See(w, func(k string) bool { _, ok := l.Known[k]; return !ok })
	}
	return w.seen
}

// phrase is the valence of the longest phrase that begins at word i, and its length in words. A phrase with a negation of its own is not turned by one.
func (l *Lexicon) phrase(w *Words, i int) (float64, int) {
	if !l.opens[w.word[i]] {
		return 0, 0
	}
	for n := min(5, len(w.word)-i); n > 1; n-- {
		if v, ok := l.Known[strings.Join(w.word[i:i+n], "_")]; ok {
			x := float64(v) / 10
			if w.scope[i] > 0 && x > 0 {
				x *= -.74
			}
			return x, n
		}
	}
	return 0, 0
}

// sums are the lexicon's view of words.
type sums struct {
	pos, neg, guess, tail, best, worst float64
	nPos, nNeg                         int
}

func (l *Lexicon) sums(w *Words) (s sums) {
	skip := 0
	for i := range w.word {
		if w.word[i] == "but" || w.word[i] == "however" {
			s.tail = 0
			s.pos, s.neg = s.pos*.5, s.neg*.5
			continue
		}
		if i < skip {
			continue
		}
		v, n := l.phrase(w, i)
		guessed := false
		if n > 0 {
			skip = i + n
		} else {
			v, guessed = l.valence(w, i)
		}
		if v == 0 {
			continue
		}
		if guessed {
			s.guess += v
			continue
		}
		s.tail += v
		if v > 0 {
			s.pos += v
			s.nPos++
		} else {
			s.neg -= v
			s.nNeg++
		}
		s.best, s.worst = max(s.best, v), min(s.worst, v)
	}
	return s
}

func squash(x float64) float64 { return x / math.Sqrt(x*x+15) }

// Felt adds the view of the lexicon and of the vectors. The lexicon's is steps that are reached, so that a linear model can bend it, once for
// talk and once for reviews, in the shares in which the text is likely to be either: "slow" and "predictable" tell more in a review.
func (l *Lexicon) Felt(dst []Feature, w *Words) []Feature {
	begin := len(dst)
	dst = l.steps(dst, w)
	seen := l.see(w)
	review := float32(1)
	if !w.review {
		review = float32(l.sense.Review(seen))
	}
	for i, end := begin, len(dst); i < end; i++ {
		f := dst[i]
		dst[i].Value *= 1 - review
		dst = append(dst, Feature{f.Bucket ^ asReview, f.Value * review})
	}
	for n := range seen.Sums {
		for d, x := range seen.Sums[n] {
			dst = append(dst, Feature{uint32(hashed + n*vector.Dims + d), vectorSize * x})
		}
	}
	return append(dst, Feature{hash("bias"), 1})
}

const (
	asReview   = 0x2aaaa // what tells a feature of reviews from the one of talk
	vectorSize = .5
)

func (l *Lexicon) steps(dst []Feature, w *Words) []Feature {
	s := l.sums(w)
	bang := 0.0
	for _, k := range w.word {
		if k == "!" || k == "!!" {
			bang += .3
		}
	}
	total := s.pos - s.neg
	if total != 0 {
		total += math.Copysign(min(bang, 1), total)
	}
	steps := func(name string, x, from, to, by, value float64) {
		n := 0
		for y := from; y <= to && n < 64; y += by {
			if x >= y {
				dst = append(dst, Feature{hash("l", name, letter(n)), float32(value)})
			}
			n++
		}
	}
	steps("sum", squash(total), -.9, .91, .15, .25)
	steps("all", squash(total+s.guess), -.9, .91, .15, .25)
	steps("guess", squash(2*s.guess), -.8, .81, .2, .2)
	steps("tail", squash(s.tail), -.8, .81, .2, .2)
	steps("pos", squash(s.pos), .1, .95, .15, .25)
	steps("neg", squash(s.neg), .1, .95, .15, .25)
	steps("best", s.best, .5, 3.6, .5, .2)
	steps("worst", -s.worst, .5, 3.6, .5, .2)
	n := float64(len(w.word))
	steps("dense", total/(n+3), -.6, .61, .1, .2)
	steps("long", math.Log2(n+1), 1, 7, 1, .15)
	if s.nPos > 0 && s.nNeg > 0 {
		dst = append(dst, Feature{hash("l", "both"), .5})
	}
	if s.nPos == 0 && s.nNeg == 0 && s.guess == 0 {
		dst = append(dst, Feature{hash("l", "none"), .5})
	}
	return append(dst, Feature{hash("l", "genre"), 1})
}

func letter(n int) string { return string(rune('A' + n)) }

// parse reads the lexicon's form: a line of words for each valence in tenths, "3.1 word word", guessed ones behind a bar.
func parse(text string, s *Sense) *Lexicon {
	l := &Lexicon{map[string]int8{}, map[string]int8{}, map[string]bool{}, s}
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		f := strings.Split(line, "\t")
		v := int8(atoi(f[0]))
		into := l.Known
		for _, w := range f[1:] {
			if w == "|" {
				into = l.Guessed
				continue
			}
			into[w] = v
			if first, _, ok := strings.Cut(w, "_"); ok && first != "" {
				l.opens[first] = true
			}
		}
	}
	return l
}

func atoi(s string) int {
	n, sign := 0, 1
	for _, r := range s {
		if r == '-' {
			sign = -1
		} else {
			n = 10*n + int(r-'0')
		}
	}
	return sign * n
}
