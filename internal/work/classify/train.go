package classify

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"cloister/internal/work/mesh"
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

// trainer holds float weights; 8 bytes for each, 16 at the first of several instances.
type trainer struct {
	settings
	c       *corpus
	mesh    *mesh.Mesh
	k       int
	docs    []int // of this instance's share
	all     int   // documents of all instances
	effort  float64
	index   index
	idf     []float32
	weights *mesh.Rows // features, by class
	biases  *mesh.Rows // one row
	workers int
}

// newTrainer begins a training with docs, of which each instance of m takes its own; the corpus has the features of those.
func newTrainer(c *corpus, m *mesh.Mesh, docs []int, s settings) (*trainer, error) {
	t := &trainer{settings: s, c: c, mesh: m, k: len(c.names), docs: docs, all: len(docs), effort: c.features(docs), workers: c.workers}
	if m.Count > 1 {
		t.docs = nil
		for _, d := range docs {
			if m.Owns(d) {
				t.docs = append(t.docs, d)
			}
		}
	}
	df := make([]uint32, buckets)
	for _, d := range t.docs {
		c.each(d, func(b uint32, _ uint16) { df[b]++ })
	}
	if err := mesh.Sum(m, df); err != nil {
		return nil, err
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
	t.weights, t.biases = mesh.NewRows(m, t.index.n, t.k), mesh.NewRows(m, 1, t.k)
	return t, nil
}

// vector reads text d.
func (t *trainer) vector(d int, v *vector) {
	v.reset()
	t.c.each(d, func(b uint32, n uint16) { v.add(&t.index, t.idf, b, n) })
	v.norm(&t.index)
}

// logits as model.logits.
func (t *trainer) logits(v *vector, z []float32) {
	copy(z, t.biases.W)
	k := t.k
	w := t.weights.W
	for i, id := range v.id {
		f := v.v[i]
		row := w[int(id)*k : int(id)*k+k]
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

// mixes is how often an epoch the instances put together what they learnt: as often as pays, for it costs bytes for every weight.
func (t *trainer) mixes() int {
	if t.mesh.Count == 1 {
		return 1
	}
	work := t.effort * float64(t.k) / float64(t.mesh.Count)
	return int(max(mixesLeast, min(mixesMost, work/(mixCost*float64(len(t.weights.W))))))
}

const (
	mixesLeast = 4 // with one, four instances were half a point worse on banking77
	mixesMost  = 16
	mixCost    = 20 // multiplications that last as long as mixing one weight, and some more: it is to take the lesser part of the time
)

// run goes over the texts, in an order that the seed says alone.
func (t *trainer) run() error {
	order := slices.Clone(t.docs)
	rng := rand.New(rand.NewPCG(7, 11+uint64(t.mesh.Index)))
	mixes := t.mixes()
	slots := make([]slot, batch)
	for i := range slots {
		slots[i].z = make([]float32, t.k)
	}
	for ep := range t.epochs {
		rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		rate := t.rate * (1 - 0.9*float32(ep)/float32(t.epochs))
		for i := range mixes {
			t.pass(order[len(order)*i/mixes:len(order)*(i+1)/mixes], slots, rate)
			if t.mesh.Count > 1 {
				t.biases.Touched[0] = true
				if err := t.mesh.Mix(t.weights, t.biases); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (t *trainer) pass(order []int, slots []slot, rate float32) {
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
		bias, g := t.biases.W, t.biases.G
		for i := range part {
			s := &slots[i]
			for j, k := range s.class {
				d := s.err[j]
				g[k] += d * d
				bias[k] += rate * d / float32(math.Sqrt(float64(g[k])+1e-6))
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
		w, g := t.weights.W[at:at+t.k], t.weights.G[at:at+t.k]
		if t.weights.Touched != nil {
			t.weights.Touched[s.v.id[i]] = true
		}
		v := s.v.v[i]
		for j, k := range s.class {
			d := s.err[j] * v
			g[k] += d * d
			w[k] += rate * d / sqrt(g[k]+1e-8)
		}
	}
}

func sqrt(x float32) float32 { return float32(math.Sqrt(float64(x))) }
