package classify

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
)

// settings of a training.
type settings struct {
	pieces bool
	epochs int
	rate   float32
	room   int // weights at most
}

// batch is how many texts are judged by the same weights. Only between batches do weights change, so that texts of one batch can be
// judged in parallel and the result does not depend on how many do it.
const batch = 16

// blind is the error below which a text teaches a class nothing.
const blind = 0.002

// trainer holds float weights; 8 bytes for each.
type trainer struct {
	settings
	c       *corpus
	k       int
	index   index
	idf     []float32
	w, g    []float32
	bias    []float32
	gb      []float32
	workers int
}

func newTrainer(c *corpus, docs []int, s settings) *trainer {
	t := &trainer{settings: s, c: c, k: len(c.names), workers: c.workers}
	df := make([]uint32, buckets)
	for _, d := range docs {
		c.each(d, func(b uint32, _ uint16) { df[b]++ })
	}
	top := uint32(buckets)
	if !s.pieces || !c.hasher.pieces {
		top = space
	}
	least := uint32(1)
	histogram := make([]int, 1<<16)
	for _, n := range df[:top] {
		if n > 0 {
			histogram[min(int(n), len(histogram)-1)]++
		}
	}
	kept := 0
	for n := len(histogram) - 1; n >= int(least); n-- { // what is rarest goes where there is no room for all
		if kept += histogram[n]; kept*t.k > s.room {
			least = uint32(n + 1)
			break
		}
	}
	set := make([]uint64, buckets/64)
	for b, n := range df[:top] {
		if n >= least {
			set[b/64] |= 1 << (b % 64)
		}
	}
	t.index = newIndex(set)
	t.idf = make([]float32, t.index.n)
	for b, n := range df {
		if i := t.index.find(uint32(b)); i >= 0 {
			t.idf[i] = float32(math.Log(float64(1+len(docs))/float64(1+n)) + 1)
		}
	}
	t.w, t.g = make([]float32, t.index.n*t.k), make([]float32, t.index.n*t.k)
	t.bias, t.gb = make([]float32, t.k), make([]float32, t.k)
	return t
}

// vector reads text d.
func (t *trainer) vector(d int, v *vector) {
	v.reset()
	t.c.each(d, func(b uint32, n uint16) { v.add(&t.index, t.idf, b, n) })
	v.norm(&t.index)
}

// logits as model.logits.
func (t *trainer) logits(v *vector, z []float32) {
	copy(z, t.bias)
	k := t.k
	for i, id := range v.id {
		f := v.v[i]
		row := t.w[int(id)*k : int(id)*k+k]
		for j, w := range row {
			z[j] += f * w
		}
	}
}

// slot is one text of a batch: its features and the errors of the classes that it can teach.
type slot struct {
	v     vector
	z     []float32
	class []int32
	err   []float32
}

// run goes over the texts, in an order that the seed says alone.
func (t *trainer) run(docs []int) {
	order := slices.Clone(docs)
	rng := rand.New(rand.NewPCG(7, 11))
	slots := make([]slot, batch)
	for i := range slots {
		slots[i].z = make([]float32, t.k)
	}
	for ep := range t.epochs {
		rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		rate := t.rate * (1 - 0.9*float32(ep)/float32(t.epochs))
		for from := 0; from < len(order); from += batch {
			part := order[from:min(from+batch, len(order))]
			t.parallel(func(w int) {
				for i := w; i < len(part); i += t.workers {
					t.judge(part[i], &slots[i])
				}
			})
			t.parallel(func(w int) {
				lo, hi := int32(t.index.n*w/t.workers), int32(t.index.n*(w+1)/t.workers)
				for i := range part {
					t.learn(&slots[i], lo, hi, rate)
				}
			})
			for i := range part {
				s := &slots[i]
				for j, k := range s.class {
					d := s.err[j]
					t.gb[k] += d * d
					t.bias[k] += rate * d / float32(math.Sqrt(float64(t.gb[k])+1e-6))
				}
			}
		}
	}
}

func (t *trainer) parallel(f func(worker int)) {
	if t.workers == 1 {
		f(0)
		return
	}
	var wg sync.WaitGroup
	for w := 1; w < t.workers; w++ {
		wg.Go(func() { f(w) })
	}
	f(0)
	wg.Wait()
}

// judge finds by how much each class is wrong about text d.
func (t *trainer) judge(d int, s *slot) {
	t.vector(d, &s.v)
	t.logits(&s.v, s.z)
	if t.c.multi {
		sigmoid(s.z)
	} else {
		softmax(s.z)
	}
	s.class, s.err = s.class[:0], s.err[:0]
	labels := t.c.labels(d)
	for k, p := range s.z {
		e := -p
		if len(labels) > 0 && labels[0] == int32(k) {
			e, labels = 1-p, labels[1:]
		}
		if e > blind || e < -blind {
			s.class, s.err = append(s.class, int32(k)), append(s.err, e)
		}
	}
}

// learn moves the weights of features lo to hi (AdaGrad).
func (t *trainer) learn(s *slot, lo, hi int32, rate float32) {
	i, _ := slices.BinarySearch(s.v.id, lo)
	for ; i < len(s.v.id) && s.v.id[i] < hi; i++ {
		at := int(s.v.id[i]) * t.k
		w, g := t.w[at:at+t.k], t.g[at:at+t.k]
		v := s.v.v[i]
		for j, k := range s.class {
			d := s.err[j] * v
			g[k] += d * d
			w[k] += rate * d / sqrt(g[k]+1e-8)
		}
	}
}

func sqrt(x float32) float32 { return float32(math.Sqrt(float64(x))) }
