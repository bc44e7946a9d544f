package entity

import (
	"slices"
	"unicode"
	"unicode/utf8"

	"cloister/internal/work/crf"
	"cloister/internal/work/token"
	"cloister/internal/work/vector"
)

// Extractor turns the pieces of a sentence into features. It is not for two goroutines; its lexicon and vectors may be nil.
type Extractor struct {
	Lexicon *Lexicon
	Vectors *vector.Table
	Bits    uint

	at    []attr
	n     int    // pieces of the last sentence
	sc    uint64 // its case
	view  View
	Feats []uint32 // of the last sentence
	Offs  []int32  // where each piece's features begin, and the end
}

// case classes of a word
const (
	caseNone  = iota // a sign
	caseLower        // word
	caseTitle        // Word
	caseUpper        // WORD
	caseOne          // W
	caseMixed        // iPod
	caseDigit        // 12
	caseAlnum        // 3rd
	caseOther        // addresses, handles
)

// sentence cases
const (
	plain   = iota
	shouted // HARDLY A SMALL LETTER
	titled  // Hardly a Word Without a Capital
	small   // no capital at all
)

// attr is what one piece tells by itself, hashed.
type attr struct {
	form, low, shape, short uint64
	pre, suf                [4]uint64
	class                   uint64
	fine, coarse, bin       uint64 // of the lexicon: word clusters, and how often it is written with a capital
	common                  uint64
	run, at                 int       // length of the run of capitals that it stands in, and its place there
	far                     [3]uint64 // of a chain of runs joined by small words: last word of the first run, the joint, last word of all
	place                   uint64    // in the chain: 0 none, 1 first run, 2 joint, 3 behind
	listed                  []uint64
	word                    vector.Word
	near                    [vector.Levels]uint64 // its clusters and 1, the finest first; 0: it has none
	noun, end               int                   // of a chain: places of the last word of its first run, and of its last word
}

const (
	offset = 14695981039346656037
	prime  = 1099511628211
)

func hashString(s string) uint64 {
	h := uint64(offset)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * prime
	}
	return finish(h)
}

func finish(h uint64) uint64 {
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	h ^= h >> 32
	return h
}

// Sentence computes the features of a sentence into Feats and Offs.
func (x *Extractor) Sentence(ps []Piece) {
	x.Feats, x.Offs, x.n = x.Feats[:0], append(x.Offs[:0], 0), len(ps)
	if len(ps) == 0 {
		return
	}
	sc := sentenceCase(ps)
	x.sc = sc
	x.at = slices.Grow(x.at[:0], len(ps)+4)[:len(ps)+4]
	for i := range x.at { // two places of nothing on each side
		switch {
		case i < 2:
			x.at[i] = attr{form: 11, low: 11, shape: 11, listed: x.at[i].listed[:0]}
		case i >= len(ps)+2:
			x.at[i] = attr{form: 13, low: 13, shape: 13, listed: x.at[i].listed[:0]}
		default:
			x.at[i].fill(ps[i-2], sc)
		}
	}
	if x.Lexicon != nil {
		x.Lexicon.mark(ps, x.at[2:len(ps)+2], sc)
	}
	x.runs(ps, sc)
	if x.Vectors != nil {
		x.find(ps)
	}
	for i := range ps {
		x.piece(i, len(ps), sc)
		if x.Vectors != nil {
			x.company(i, len(ps), sc)
		}
		x.Offs = append(x.Offs, int32(len(x.Feats)))
	}
}

func sentenceCase(ps []Piece) uint64 {
	var lower, title, upper int
	for _, p := range ps {
		if p.Kind != token.Word || len(p.Text) < 2 || p.Text[0] == '\'' {
			continue
		}
		switch class(p) {
		case caseLower:
			lower++
		case caseTitle, caseMixed:
			title++
		case caseUpper:
			upper++
		}
	}
	all := lower + title + upper
	switch {
	case upper >= 2 && upper*10 >= all*7:
		return shouted
	case title >= 4 && (title+upper)*10 >= all*8:
		return titled
	case all > 0 && title+upper == 0:
		return small
	}
	return plain
}

func class(p Piece) uint64 {
	switch p.Kind {
	case token.Address, token.Handle:
		return caseOther
	case token.Number:
		return caseDigit
	case token.Punct, token.Symbol:
		return caseNone
	}
	var up, low, digit, n int
	first := false
	for i, r := range p.Text {
		switch {
		case unicode.IsUpper(r):
			up++
			first = first || i == 0
		case unicode.IsLower(r):
			low++
		case unicode.IsDigit(r):
			digit++
		}
		n++
	}
	switch {
	case up+low == 0 && digit > 0:
		return caseDigit
	case digit > 0:
		return caseAlnum
	case up == 0:
		return caseLower
	case up == 1 && low == 0:
		return caseOne
	case low == 0:
		return caseUpper
	case first && up == 1:
		return caseTitle
	}
	return caseMixed
}

func (a *attr) fill(p Piece, sc uint64) {
	*a = attr{listed: a.listed[:0], class: class(p)}
	h, s := uint64(offset), uint64(offset)
	short := uint64(offset)
	var last rune
	same, n := 0, 0
	var tail [4]rune
	for _, r := range p.Text {
		l := r
		k := r
		switch {
		case r >= 'a' && r <= 'z':
			k = 'x'
		case r >= 'A' && r <= 'Z':
			l, k = r|0x20, 'X'
		case r >= '0' && r <= '9':
			k = 'd'
			l = '0'
		case r == '’':
			l, k = '\'', '\''
		case r < utf8.RuneSelf:
		case unicode.IsUpper(r):
			l, k = unicode.ToLower(r), 'X'
		case unicode.IsLetter(r):
			k = 'x'
		default:
			k = 'o'
		}
		h = (h ^ uint64(l)) * prime
		if n < 4 {
			a.pre[n] = finish(h)
		}
		if k != last {
			short = (short ^ uint64(k)) * prime
			same = 0
		}
		same++
		if same <= 4 {
			s = (s ^ uint64(k)) * prime
		}
		last = k
		tail[n&3] = l
		n++
	}
	a.low, a.shape, a.short = finish(h), finish(s), finish(short)
	t := uint64(offset)
	for k := range min(n, 4) {
		t = (t ^ uint64(tail[(n-1-k)&3])) * prime
		a.suf[k] = finish(t)
	}
	a.form = hashString(p.Text)
	if sc == shouted && (a.class == caseUpper || a.class == caseOne) {
		a.form, a.shape, a.short = a.low, 17, 17
	}
}

// runs finds the runs of words with a capital.
func (x *Extractor) runs(ps []Piece, sc uint64) {
	n := len(ps)
	if sc == shouted || sc == small {
		return
	}
	for i := 2; i < n+2; {
		j := i
		for j < n+2 && capital(x.at[j].class) {
			j++
		}
		for k := i; k < j; k++ {
			x.at[k].run, x.at[k].at = j-i, k-i
		}
		i = max(j, i+1)
	}
	x.chains(ps)
}

// chains finds runs that small words join: Bank of America, Society for the Study of Birds.
func (x *Extractor) chains(ps []Piece) {
	n := len(ps)
	for i := 2; i < n+2; {
		if x.at[i].run == 0 {
			i++
			continue
		}
		first := i + x.at[i].run
		end := first
		for end < n+2 {
			k := end
			for k < n+2 && k-end < 2 && joint(ps[k-2].Text) {
				k++
			}
			if k == end || k == n+2 || x.at[k].run == 0 {
				break
			}
			end = k + x.at[k].run
		}
		if end > first {
			far := [3]uint64{x.at[first-1].low, x.at[first].low, x.at[end-1].low}
			for k := i; k < end; k++ {
				x.at[k].far, x.at[k].noun, x.at[k].end = far, first-1, end-1
				switch {
				case k < first:
					x.at[k].place = 1
				case x.at[k].run == 0:
					x.at[k].place = 2
				default:
					x.at[k].place = 3
				}
			}
		}
		i = end
	}
}

// joint says whether w joins words of one name.
func joint(w string) bool {
	switch w {
	case "of", "for", "the", "and", "&", "de", "del", "la", "on", "in":
		return true
	}
	return false
}

func capital(class uint64) bool { return class >= caseTitle && class <= caseMixed }

// piece adds the features of piece i of n.
func (x *Extractor) piece(i, n int, sc uint64) {
	a := x.at[i+2]
	p1, p2, n1, n2 := &x.at[i+1], &x.at[i], &x.at[i+3], &x.at[i+4]
	k := uint64(0)
	add := func(v, w uint64) {
		k++
		h := (v+k*0x9e3779b97f4a7c15)*0xff51afd7ed558ccd ^ (w+k)*0xc4ceb9fe1a85ec53
		x.Feats = append(x.Feats, crf.Bucket(finish(h), x.Bits))
	}
	first := uint64(0)
	if i == 0 || p1.class == caseNone && p2.low == 11 {
		first = 1
	}
	add(sc, 0)
	add(a.form, 0)
	add(a.low, 0)
	add(a.low, a.class<<2|sc)
	add(p1.low, 0)
	add(n1.low, 0)
	add(p2.low, 0)
	add(n2.low, 0)
	add(p1.low, a.low)
	add(a.low, n1.low)
	add(p1.low, n1.low)
	add(p2.low, p1.low)
	add(n1.low, n2.low)
	for j := range 4 {
		add(a.pre[j], 0)
		add(a.suf[j], 0)
	}
	add(a.suf[2], a.class)
	add(p1.suf[2], 0)
	add(n1.suf[2], 0)
	add(a.shape, sc)
	add(a.short, first)
	add(p1.shape, 0)
	add(n1.shape, 0)
	add(p1.short, a.short)
	add(a.short, n1.short)
	add(p1.short+3*n1.short, a.short)
	add(a.class<<4|first<<3|sc, p1.class<<4|n1.class)
	add(a.class<<4|sc, p2.class<<8|p1.class<<4|n1.class)
	add(p1.low, a.short)
	add(a.short, n1.low)
	add(p1.low+5*n1.low, a.short)
	if a.run > 0 {
		before, after := x.at[i+2-a.at-1].low, x.at[min(i+2-a.at+a.run, n+2)].low
		head, tail := x.at[i+2-a.at].low, x.at[i+2-a.at+a.run-1].low
		where := uint64(min(a.at, 2))<<4 | uint64(min(a.run, 5))
		add(where, first)
		add(before, where)
		add(after, where)
		add(head, uint64(min(a.at, 2)))
		add(tail, uint64(min(a.run-a.at, 3)))
		add(head, tail)
		add(before, after)
	} else {
		k += 7
	}
	if a.place > 0 {
		add(a.far[0]+3*a.far[1], a.place)
		add(a.far[0], a.place)
		add(a.far[2], a.place)
		add(a.far[1], a.place)
	} else {
		k += 4
	}
	if x.Lexicon == nil {
		return
	}
	add(a.fine, 0)
	add(a.coarse, 0)
	add(p1.fine, 0)
	add(n1.fine, 0)
	add(p2.coarse, 1)
	add(n2.coarse, 1)
	add(p1.coarse, a.coarse)
	add(a.coarse, n1.coarse)
	add(p1.coarse, a.short)
	add(a.short, n1.coarse)
	add(p1.coarse+7*n1.coarse, a.short)
	add(p2.coarse+7*p1.coarse, a.short)
	add(a.bin, a.class<<4|first<<3|sc)
	add(a.bin<<8|p1.bin<<4|n1.bin, a.class)
	add(a.common, a.class<<4|first<<3|sc)
	for _, v := range a.listed {
		add(v, 0)
		k--
		add(v, 7+(a.class<<4|sc))
		k--
	}
	k++
	for _, v := range p1.listed {
		add(v, a.class)
		k--
	}
	k++
	for _, v := range n1.listed {
		add(v, a.class)
		k--
	}
}
