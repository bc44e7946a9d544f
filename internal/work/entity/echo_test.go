package entity

import (
	"testing"

	"cloister/internal/work/crf"
	"cloister/internal/work/token"
)

// signs is a corpus of single tokens: feature 1 is of type A always, 2 is of any type or none.
type signs struct{}

func (signs) Len() int { return 400 }

func (signs) At(i int, e *crf.Example) {
	label := uint64(1) << 1
	if i%2 == 0 {
		label = 1 << [...]int{0, 0, 1, 3}[i/2%4]
	}
	e.Feats, e.Offs, e.Labels = append(e.Feats[:0], uint32(2-i%2)), append(e.Offs[:0], 0, 1), append(e.Labels[:0], label)
}

func TestEcho(t *testing.T) {
	o := crf.Usual()
	o.Bits, o.Dropout = 4, 0
	labels := crf.NewLabels([]string{"A", "B"})
	m := crf.Train(labels, signs{}, o)
	x := &Extractor{Bits: 4}
	var l crf.Lattice
	var e Echo
	add := func(word string, sign uint32) float32 {
		x.Sentence([]Piece{{Text: word, Kind: token.Word}})
		m.Run(&l, []uint32{sign}, []int32{0, 1}, nil)
		e.Add(x, &l)
		return l.Label(0, 1)
	}
	e.Reset(labels)
	sure := add("Eldame", 1)
	doubt := add("Eldame", 2)
	if sure < 0.9 || doubt > 0.5 {
		t.Fatalf("of type A alone: %v and %v", sure, doubt)
	}
	if !e.Again(1, m, &l) || l.Label(0, 1) < doubt+0.1 {
		t.Errorf("a name that is sure elsewhere: %v from %v", l.Label(0, 1), doubt)
	}
	if !e.Again(0, m, &l) || l.Label(0, 1) < 0.7 {
		t.Errorf("a sure name, in doubt elsewhere: %v from %v", l.Label(0, 1), sure)
	}
	add("Orvin", 2)
	add("eldame", 2)
	for i, why := range []string{2: "another name", 3: "a word in small letters"} {
		if why != "" && e.Again(i, m, &l) {
			t.Errorf("%s heard", why)
		}
	}
	e.Reset(labels)
	add("Eldame", 2)
	if e.Again(0, m, &l) {
		t.Error("the document before was heard")
	}
}
