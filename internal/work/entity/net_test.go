package entity

import (
	"bytes"
	"math"
	"testing"

	"cloister/internal/work/token"
	"cloister/internal/work/vector"
)

// sentence computes the features of a text.
func sentence(x *Extractor, text string) []Piece {
	ps := Pieces(text, token.Split(text), nil)
	x.Sentence(ps)
	return ps
}

func small3() *Net {
	n := &Net{Labels: 3, In: make([]float32, Inputs*Hidden), Out: make([]float32, Hidden*3)}
	for i := range n.In {
		n.In[i] = float32(i%255-127) / 127 / 4
	}
	for i := range n.Out {
		n.Out[i] = float32(i%11-5) / 5
	}
	return n
}

// TestBoost holds the sums by codes to those by vectors.
func TestBoost(t *testing.T) {
	table := vector.Open()
	x := &Extractor{Vectors: table, Bits: 18}
	n := small3()
	n.Ready(table)
	ps := sentence(x, "The Bank of England met James Carter, an economist.")
	got := Nets{n}.Boost(x, nil)
	silent := 0
	for i := range ps {
		want := make([]float64, 3)
		var v View
		if x.View(i, &v) {
			var h [Hidden]float64
			for k, w := range v.Words {
				if w == (vector.Word{}) {
					continue
				}
				for d, y := range w.Vector() {
					for j := range h {
						h[j] += float64(y * n.In[(k*vector.Dims+d)*Hidden+j])
					}
				}
			}
			for _, m := range v.Marks {
				for j := range h {
					h[j] += float64(n.In[(Views*vector.Dims+int(m))*Hidden+j])
				}
			}
			for j := range h {
				for k := range want {
					want[k] += float64(Bend(float32(h[j])) * n.Out[j*3+k])
				}
			}
		} else {
			silent++
		}
		for k, w := range want {
			if math.Abs(float64(got[i*3+k])-w) > 1e-3 {
				t.Errorf("%s: label %d has %g, not %g", ps[i].Text, k, got[i*3+k], w)
			}
		}
	}
	if silent != 5 { // met , an economist .
		t.Errorf("silent at %d pieces", silent)
	}
}

func TestNetFile(t *testing.T) {
	table := vector.Open()
	n := small3()
	var file bytes.Buffer
	if err := n.Write(&file); err != nil {
		t.Fatal(err)
	}
	raw := file.Bytes()
	m, err := ReadNet(bytes.NewReader(raw), table)
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range n.In {
		if math.Abs(float64(x-m.In[i])) > 0.01 {
			t.Fatalf("weight %d is %g, not %g", i, m.In[i], x)
		}
	}
	for _, bad := range [][]byte{nil, []byte("net1"), raw[:len(raw)/2]} {
		if _, err := ReadNet(bytes.NewReader(bad), table); err == nil {
			t.Errorf("%d bytes are a net", len(bad))
		}
	}
}

// TestNets: scores of several nets are their means, in memory and from their file.
func TestNets(t *testing.T) {
	table := vector.Open()
	one, other := small3(), small3()
	for i := range other.Out {
		other.Out[i] = -other.Out[i] / 2
	}
	one.Ready(table)
	other.Ready(table)
	var file bytes.Buffer
	if err := (Nets{one, other}).Write(&file); err != nil {
		t.Fatal(err)
	}
	raw := file.Bytes()
	read, err := ReadNets(raw, table)
	if err != nil || len(read) != 2 {
		t.Fatalf("%d nets, %v", len(read), err)
	}
	x := &Extractor{Vectors: table, Bits: 18}
	sentence(x, "The Bank of England met James Carter, an economist.")
	alone, both, again := Nets{one}.Boost(x, nil), Nets{one, other}.Boost(x, nil), read.Boost(x, nil)
	for i, y := range alone { // the other one says half of the opposite
		if math.Abs(float64(both[i]-y/4)) > 1e-3 {
			t.Errorf("score %d of both is %g, and of one %g", i, both[i], y)
		}
		if math.Abs(float64(both[i]-again[i])) > 0.1+math.Abs(float64(y))/10 {
			t.Errorf("score %d is %g, and from the file %g", i, both[i], again[i])
		}
	}
	for cut := range 20 {
		if _, err := ReadNets(raw[:len(raw)*cut/20], table); err == nil {
			t.Errorf("nets cut at %d of 20 were read", cut)
		}
	}
	for _, bad := range [][]byte{[]byte("nets\x00"), append(bytes.Clone(raw), 0)} {
		if _, err := ReadNets(bad, table); err == nil {
			t.Errorf("%d bytes are nets", len(bad))
		}
	}
}

// TestPlain: without vectors features are those of models that were trained before there were any.
func TestPlain(t *testing.T) {
	lexicon, err := OpenLexicon()
	if err != nil {
		t.Fatal(err)
	}
	old, now := &Extractor{Lexicon: lexicon, Bits: 18}, &Extractor{Lexicon: lexicon, Vectors: vector.Open(), Bits: 18}
	ps := sentence(old, "The Bank of England met James Carter, an economist from Berlin.")
	sentence(now, "The Bank of England met James Carter, an economist from Berlin.")
	for i := range ps {
		a, b := old.Feats[old.Offs[i]:old.Offs[i+1]], now.Feats[now.Offs[i]:now.Offs[i+1]]
		if len(b) <= len(a) {
			t.Fatalf("%s has %d features without vectors and %d with", ps[i].Text, len(a), len(b))
		}
		for k, f := range a {
			if b[k] != f {
				t.Fatalf("%s: feature %d differs", ps[i].Text, k)
			}
		}
	}
	if Features(nil) == Features(vector.Open()) {
		t.Error("features with vectors and without have one sum")
	}
}
