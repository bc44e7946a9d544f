package recogniser

import (
	"math/rand/v2"
	"strings"

	"cloister/internal/work/crf"
	"cloister/internal/work/entity"
	"cloister/internal/work/mesh"
	"cloister/internal/work/token"
)

// sentence is where one of a document lies: bytes [begin, end), the first being code point from.
type sentence struct {
	document   int32
	begin, end int32
	from       int32
	pieces     int32
	labelled   bool
}

// sentences satisfies crf.Corpus. It holds no features: they are computed when they are asked for, so that memory does not grow
// with the text.
type sentences struct {
	documents []document
	all       []sentence
	x         entity.Extractor
	ps        []entity.Piece
}

func (s *sentences) Len() int { return len(s.all) }

func (s *sentences) At(i int, e *crf.Example) {
	at := s.all[i]
	d := &s.documents[at.document]
	text := d.text[at.begin:at.end]
	s.ps = entity.Pieces(text, token.Split(text), s.ps[:0])
	s.x.Sentence(s.ps)
	e.Feats, e.Offs, e.Labels = s.x.Feats, s.x.Offs, e.Labels[:0]
	m, begun := 0, false
	for _, p := range s.ps {
		from, to := p.From+at.from, p.To+at.from
		for m < len(d.mentions) && d.mentions[m].end <= from {
			m, begun = m+1, false
		}
		label := 0
		if m < len(d.mentions) && d.mentions[m].begin < to {
			label = int(2*d.mentions[m].kind) + 1
			if begun {
				label++
			}
			begun = true
		}
		e.Labels = append(e.Labels, 1<<label)
	}
}

// Budgets of a training, of each instance: pieces seen in one pass, and in all of them. They keep the longest training near two minutes.
const (
	passMax   = 1_500_000
	piecesMax = 6_000_000
)

// learn trains an engine on labelled documents.
func (l *Learner) learn(train []document) (*Engine, error) {
	labels := crf.NewLabels(l.types)
	o := crf.Usual()
	o.Bits, o.Rate, o.Dropout = 18, 0.05, 0.3
	if len(labels) <= 17 {
		o.Bits = 19
	}
	s := &sentences{documents: train, x: entity.Extractor{Lexicon: l.lexicon, Vectors: l.vectors, Bits: o.Bits}}
	pieces := s.index()
	if pieces > passMax {
		pieces = s.thin(pieces)
	}
	sum := []int{pieces}
	if err := mesh.Sum(l.mesh, sum); err != nil {
		return nil, err
	}
	o.Epochs = max(2, min(20, piecesMax/max(sum[0]/l.mesh.Count, 1)))
	m, err := crf.TrainTogether(l.mesh, labels, s, o)
	if err != nil {
		return nil, err
	}
	return newEngine(m, l.lexicon, l.vectors), nil
}

// index finds the sentences. It gives the number of their pieces.
func (s *sentences) index() int {
	sum := 0
	for i, d := range s.documents {
		tokens := token.Split(d.text)
		m := 0
		for _, x := range token.Sentences(d.text, tokens) {
			a, b := tokens[x.Begin], tokens[x.End-1]
			for m < len(d.mentions) && d.mentions[m].end <= a.From {
				m++
			}
			n := int32(x.End - x.Begin)
			s.all = append(s.all, sentence{int32(i), a.Begin, b.End, a.From, n, m < len(d.mentions) && d.mentions[m].begin < b.To})
			sum += int(n)
		}
	}
	return sum
}

// thin leaves sentences out, those without an entity first, by a fixed seed.
func (s *sentences) thin(pieces int) int {
	rng := rand.New(rand.NewPCG(2, uint64(len(s.all)))) //nolint:gosec // not for secrets: the choice must repeat
	labelled := 0
	for _, x := range s.all {
		if x.labelled {
			labelled += int(x.pieces)
		}
	}
	keep := [2]float64{float64(passMax-min(labelled, passMax)) / float64(max(pieces-labelled, 1)), min(1, float64(passMax)/float64(max(labelled, 1)))}
	var out []sentence
	sum := 0
	for _, x := range s.all {
		k := keep[0]
		if x.labelled {
			k = keep[1]
		}
		if rng.Float64() < k {
			out = append(out, x)
			sum += int(x.pieces)
		}
	}
	s.all = out
	return sum
}

// match labels documents by the entity list: the longest entries first, from left to right, as whole words.
func (l *Learner) match() {
	type entry struct{ kind, pieces int32 }
	entries := map[string]entry{}
	longest := map[string]int32{} // by first piece
	var key strings.Builder
	join := func(ps []entity.Piece) string {
		key.Reset()
		for _, p := range ps {
			key.WriteString(p.Text)
			key.WriteByte(0)
		}
		return key.String()
	}
	var ps []entity.Piece
	for text, kind := range l.list {
		ps = entity.Pieces(text, token.Split(text), ps[:0])
		if len(ps) == 0 {
			continue
		}
		n := int32(len(ps))
		entries[strings.Clone(join(ps))] = entry{kind, n}
		longest[ps[0].Text] = max(longest[ps[0].Text], n)
	}
	for i := range l.train.documents {
		d := &l.train.documents[i]
		ps = entity.Pieces(d.text, token.Split(d.text), ps[:0])
		d.mentions = d.mentions[:0]
		for j := 0; j < len(ps); {
			step := 1
			for n := min(int(longest[ps[j].Text]), len(ps)-j); n > 0; n-- {
				if e, ok := entries[join(ps[j:j+n])]; ok {
					d.mentions = append(d.mentions, mention{ps[j].From, ps[j+n-1].To, e.kind})
					step = n
					break
				}
			}
			j += step
		}
	}
}
