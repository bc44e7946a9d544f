package language

import (
	"cmp"
	"math"
	"slices"
	"unicode/utf8"
)

const (
	windowMin = 250  // letters (by heft) after which the end of a sentence closes a window
	windowMax = 600  // letters after which any word does
	seenSize  = 4096 // slots for a window's n-grams: more than its 2*windowMax letters can make, at most two each

	// temperature divides scores before the softmax: weights are 14 to 19 to a nat, and neighbouring n-grams repeat one
	// another's evidence. tools/langgen tunes the table for this value; docs/models/language.md has the calibration.
	temperature = 40

	kanaBonus = 400  // for ja, when at least one in twelve of a window's Japanese or Chinese letters is kana
	scoreMin  = 0.02 // languages below it are left out, but never the best
)

// priorOf weighs a language before its text is seen: it decides between languages that the text does not tell apart.
// English, and the other languages that Comprehend analyses, are the likelier ones; simplified Chinese comes before
// traditional, since a few characters that both share would else be a toss.
func priorOf(code string) float64 {
	switch code {
	case "en", "zh":
		return math.Log(4)
	case "es", "fr", "de", "it", "pt", "ar", "hi", "ja", "ko":
		return math.Log(2)
	}
	return 0
}

// Scorer scores one text that comes in pieces, in constant memory. It is not safe for concurrent use.
type Scorer struct {
	model   *model
	cutter  cutter
	carry   [utf8.UTFMax]byte // the beginning of a code point whose rest is in the next piece
	carried int

	// The window: a stretch of text that is judged as a whole.
	score   []int32
	letters [scriptCount]int
	kana    int
	total   int
	seen    [seenSize]uint64 // key | window number << keyBits
	window  uint64

	mass  []float64 // per code, over closed windows
	heard int       // letters in closed windows
}

func newScorer(m *model) *Scorer {
	s := &Scorer{model: m, score: make([]int32, len(m.rows)), mass: make([]float64, len(m.codes)), window: 1}
	s.cutter.yield, s.cutter.letters = s.gram, s.letter
	return s
}

// Reset forgets the text.
func (s *Scorer) Reset() {
	s.cutter.word.n, s.cutter.marks, s.carried, s.heard = 0, 0, 0, 0
	clear(s.mass)
	s.clearWindow()
}

// Add takes the next piece of the text; a code point may be cut between two pieces.
func (s *Scorer) Add(piece []byte) {
	for s.carried > 0 && len(piece) > 0 {
		s.carry[s.carried] = piece[0]
		s.carried++
		piece = piece[1:]
		s.spendCarry(false)
	}
	for len(piece) > 0 {
		r, size := rune(piece[0]), 1
		if r >= utf8.RuneSelf {
			if !utf8.FullRune(piece) {
				s.carried = copy(s.carry[:], piece)
				return
			}
			r, size = utf8.DecodeRune(piece)
		}
		s.rune(r)
		piece = piece[size:]
	}
}

// spendCarry decodes what stands in carry, when it is whole or nothing more can come.
func (s *Scorer) spendCarry(finish bool) {
	for s.carried > 0 && (finish || utf8.FullRune(s.carry[:s.carried])) {
		r, size := utf8.DecodeRune(s.carry[:s.carried])
		s.rune(r)
		s.carried = copy(s.carry[:], s.carry[size:s.carried])
	}
}

func (s *Scorer) addString(text string) {
	for _, r := range text {
		s.rune(r)
	}
}

func (s *Scorer) rune(r rune) {
	if !s.cutter.rune(r) && s.total < 2*windowMax {
		return
	}
	if s.total >= windowMax || s.total >= windowMin && closes(r) {
		s.cutter.end()
		s.closeWindow()
	}
}

// closes tells the marks that end a sentence.
func closes(r rune) bool {
	switch r {
	case '.', '!', '?', '\n', '\r', '。', '！', '？', '।', '؟', '۔', '።', '։':
		return true
	}
	return false
}

func (s *Scorer) letter(script Script, r rune) {
	n := heft(script, r)
	s.letters[script] += n
	s.total += n
	if script == Han && kana(r) {
		s.kana += n
	}
}

// gram adds an n-gram's weights, once a window.
func (s *Scorer) gram(_ Script, k Key) {
	mark := uint64(k) | s.window<<keyBits
	at := hash(k) >> (64 - 12)
	for s.seen[at]>>keyBits == s.window {
		if s.seen[at] == mark {
			return
		}
		at = (at + 1) & (seenSize - 1)
	}
	s.seen[at] = mark
	for _, e := range s.model.lookup(k) {
		s.score[e.Row] += int32(e.Weight)
	}
}

// closeWindow turns the window's scores into probabilities and adds them, weighed by letters, to the text's.
func (s *Scorer) closeWindow() {
	for script, n := range s.letters {
		switch {
		case n == 0 || Script(script) == Unknown:
		case alone[script] != "":
			s.mass[s.model.aloneOf[script]] += float64(n)
		default:
			s.share(Script(script), n)
		}
	}
	s.heard += s.total
	s.clearWindow()
}

// share divides n letters of a script among its languages by softmax.
func (s *Scorer) share(script Script, n int) {
	rows := s.model.rowsOf[script]
	var logits [256]float64
	best := math.Inf(-1)
	for i, row := range rows {
		x := float64(s.score[row])*2/temperature + s.model.prior[row]
		if script == Han && s.kana*12 >= n && s.model.rows[row].Code == "ja" {
			x += kanaBonus * 2 / temperature
		}
		logits[i] = x
		best = max(best, x)
	}
	var sum float64
	for i := range rows {
		logits[i] = math.Exp(logits[i] - best)
		sum += logits[i]
	}
	for i, row := range rows {
		s.mass[s.model.codeOf[row]] += float64(n) * logits[i] / sum
	}
}

func (s *Scorer) clearWindow() {
	clear(s.score)
	clear(s.letters[:])
	s.kana, s.total = 0, 0
	if s.window++; s.window >= 1<<(64-keyBits) {
		clear(s.seen[:])
		s.window = 1
	}
}

// Result ends the text and returns its languages as Detect does. Call Reset before the next text.
func (s *Scorer) Result() []Language {
	s.spendCarry(true)
	s.cutter.end()
	s.closeWindow()
	var ranked [256]Language
	n, best := 0, 0.0
	for _, m := range s.mass {
		best = max(best, m)
	}
	if best == 0 {
		return []Language{}
	}
	for i, m := range s.mass {
		if p := m / float64(s.heard); p >= scoreMin || m == best {
			ranked[n] = Language{Code: s.model.codes[i], Score: p}
			n++
		}
	}
	out := slices.Clone(ranked[:n])
	slices.SortStableFunc(out, func(a, b Language) int { return cmp.Compare(b.Score, a.Score) })
	return out
}
