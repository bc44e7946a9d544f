package main

import (
	"math/rand/v2"
	"strings"
	"unicode"
	"unicode/utf8"

	"cloister/internal/work/crf"
	"cloister/internal/work/entity"
	"cloister/internal/work/token"
)

// corpus holds computed features.
type corpus struct {
	feats [][]uint32
	offs  [][]int32
	masks [][]uint64
	views [][]*entity.View
	t     *teacher
	boost []float32
}

func (c *corpus) Len() int { return len(c.feats) }

func (c *corpus) At(i int, e *crf.Example) {
	e.Feats, e.Offs, e.Labels = c.feats[i], c.offs[i], c.masks[i]
	c.boost = c.t.boost(c.views[i], c.boost)
	e.Boost, e.Learn = c.boost, c.t.learn
}

func featured(data []sentence, labels crf.Labels, x *entity.Extractor) *corpus {
	c := &corpus{}
	for i := range data {
		x.Sentence(data[i].pieces)
		c.feats = append(c.feats, append([]uint32(nil), x.Feats...))
		c.offs = append(c.offs, append([]int32(nil), x.Offs...))
		c.masks = append(c.masks, data[i].masks(labels))
		c.views = append(c.views, see(x))
	}
	return c
}

// shares of the sentences of which a changed copy is learned too.
type augment struct{ lower, upper, names, houses float64 }

// augmented adds copies: in small letters, in capitals, and with other names of people and organisations.
func augmented(data []sentence, a augment, names *namer, seed uint64) []sentence {
	rng := rand.New(rand.NewPCG(seed, 3))
	out := append([]sentence(nil), data...)
	for _, s := range data {
		if rng.Float64() < a.lower {
			out = append(out, s.changed(strings.ToLower))
		}
		if rng.Float64() < a.upper {
			out = append(out, s.changed(strings.ToUpper))
		}
		if rng.Float64() < a.names {
			if n, ok := names.rename(s, rng); ok {
				out = append(out, n)
			}
		}
		if rng.Float64() < a.houses {
			if n, ok := names.rehouse(s, rng); ok {
				out = append(out, n)
			}
		}
	}
	return out
}

func (s sentence) changed(f func(string) string) sentence {
	c := s
	c.pieces = make([]entity.Piece, len(s.pieces))
	for i, p := range s.pieces {
		if p.Kind == token.Word {
			p.Text = f(p.Text)
		}
		c.pieces[i] = p
	}
	return c
}

// namer knows names of people and cities to put in others' place.
type namer struct{ first, last, city []string }

// rename puts other names for people and, now and then, cities.
func (n *namer) rename(s sentence, rng *rand.Rand) (sentence, bool) {
	out := sentence{set: s.set}
	changed := false
	at := 0
	for _, sp := range s.spans() {
		out.pieces = append(out.pieces, s.pieces[at:sp.begin]...)
		out.gold = append(out.gold, s.gold[at:sp.begin]...)
		at = sp.end
		old := s.pieces[sp.begin:sp.end]
		var words []string
		switch {
		case sp.kind == "PERSON" && capital(old):
			first, last := n.first[rng.IntN(len(n.first))], n.last[rng.IntN(len(n.last))]
			switch len(old) {
			case 1:
				words = []string{first}
				if rng.IntN(2) == 0 {
					words[0] = last
				}
			default:
				words = []string{first, last}
				if rng.IntN(5) == 0 {
					words = []string{first, string([]rune(last)[:1]) + ".", last}
				}
			}
		case sp.kind == "LOCATION" && len(old) == 1 && capital(old) && rng.IntN(2) == 0:
			words = strings.Fields(n.city[rng.IntN(len(n.city))])
		}
		if words == nil {
			out.pieces = append(out.pieces, old...)
			out.gold = append(out.gold, s.gold[sp.begin:sp.end]...)
			continue
		}
		changed = true
		g := "B-" + sp.kind
		for _, w := range words {
			out.pieces = append(out.pieces, entity.Piece{Text: w, Kind: token.Word})
			out.gold = append(out.gold, g)
			g = "I-" + sp.kind
		}
	}
	out.pieces = append(out.pieces, s.pieces[at:]...)
	out.gold = append(out.gold, s.gold[at:]...)
	return out, changed
}

func capital(ps []entity.Piece) bool {
	for _, p := range ps {
		r, n := utf8.DecodeRuneInString(p.Text)
		if !unicode.IsUpper(r) || n == len(p.Text) || strings.ToUpper(p.Text) == p.Text {
			return false
		}
	}
	return true
}
