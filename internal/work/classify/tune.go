package classify

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"runtime"
	"slices"

	"cloister/internal/work/mesh"
)

// candidates are the settings among which texts decide that the training did not see.
var candidates = []settings{
	{pieces: true, rate: .15},
	{pieces: true, rate: .06},
	{pieces: false, rate: .25},
	{pieces: false, rate: .1},
}

const (
	epochs   = 12
	rounds   = 3        // of a training that must be short
	room     = 32 << 20 // weights: 256 MiB while training
	mixed    = 20 << 20 // weights of several instances: 320 MiB at the first one
	trial    = 8000     // texts that candidates are compared with, at most
	trialSum = 24 << 20 // bytes of their features
	small    = 2000     // texts; with fewer, each text is held out once
	folds    = 4
	effort   = 120e9 // multiplications of a training
)

func workers() int { return max(1, min(4, runtime.GOMAXPROCS(0))) }

// split divides texts into a part to learn from and one to test with: a tenth of each class, equal texts on one side. The order of
// the texts does not matter, only their features.
func (c *corpus) split(docs []int, part int) (train, test []int) {
	by := make([][]int, len(c.names))
	for _, d := range docs {
		k := int32(0)
		if !c.multi { // the labels of one text are not independent: all are split at once
			k = c.labels(d)[0]
		}
		by[k] = append(by[k], d)
	}
	for _, of := range by {
		slices.SortStableFunc(of, func(a, b int) int {
			x, y := c.at[a].sum, c.at[b].sum
			switch {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return 0
		})
		n := (len(of) + part/2) / part
		for n > 0 && n < len(of) && n < len(of)/5 && c.at[of[n]].sum == c.at[of[n-1]].sum {
			n++
		}
		test, train = append(test, of[:n]...), append(train, of[n:]...)
	}
	slices.Sort(train)
	slices.Sort(test)
	return train, test
}

// sample takes at most n texts of at most size bytes of features in all, spread evenly.
func (c *corpus) sample(docs []int, n int, size int64) []int {
	var all int64
	for _, d := range docs {
		all += int64(c.at[d].n)
	}
	keep := min(1, float64(n)/float64(len(docs)), float64(size)/float64(all))
	var out []int
	have := 0.0
	for _, d := range docs {
		if have += keep; have >= 1 {
			have--
			out = append(out, d)
		}
	}
	return out
}

// length is how many epochs a training of so much can take.
func (c *corpus) length(docs []int, instances int) int {
	return int(max(rounds, min(epochs, effort*float64(instances)/(c.features(docs)*float64(len(c.names)+8)))))
}

// features is how many the texts have, roughly.
func (c *corpus) features(docs []int) (sum float64) {
	for _, d := range docs {
		sum += float64(c.at[d].n) / 2 // a feature takes about two bytes
	}
	return sum
}

// outcome is what a trained model says of texts that it has not seen.
type outcome struct {
	z     [][]float32 // sums by class
	label [][]int32
}

func (o *outcome) add(t *trainer, docs []int) { // of which this instance has the features
	var v vector
	for _, d := range docs {
		t.vector(d, &v)
		z := make([]float32, t.k)
		t.logits(&v, z)
		o.z, o.label = append(o.z, z), append(o.label, t.c.labels(d))
	}
}

// verdict is what came of a candidate.
type verdict struct {
	tried        bool
	score        float64
	slope, shift float32
}

// tune compares the candidates and calibrates the best: z*slope+shift becomes a probability. Of several instances each tries some candidates, with the
// same texts as one would.
func (c *corpus) tune(docs []int) (best settings, slope, shift float32, err error) {
	docs = c.sample(docs, trial, trialSum)
	give, err := c.borrow(docs)
	if err != nil {
		return best, 0, 0, err
	}
	defer give()
	type part struct{ train, test []int }
	var parts []part
	if len(docs) >= small {
		train, test := c.split(docs, 5)
		parts = append(parts, part{train, test})
	} else {
		for f := range folds {
			var p part
			for i, d := range c.shuffled(docs) {
				if i%folds == f {
					p.test = append(p.test, d)
				} else {
					p.train = append(p.train, d)
				}
			}
			parts = append(parts, p)
		}
	}
	verdicts := make([]verdict, len(candidates))
	for i, s := range candidates {
		if s.pieces && !c.hasher.pieces || !c.mesh.Owns(i) {
			continue
		}
		s.epochs, s.room = c.length(docs, 1), room
		if c.mesh.Count > 1 {
			s.room = mixed
		}
		var o outcome
		for _, p := range parts {
			if len(p.train) == 0 || len(p.test) == 0 {
				continue
			}
			t, err := newTrainer(c, mesh.Alone(), p.train, s)
			if err == nil {
				err = t.run()
			}
			if err != nil {
				return best, 0, 0, err
			}
			o.add(t, p.test)
		}
		a, b, loss := o.calibrate(c.multi)
		verdicts[i] = verdict{true, o.right(c.multi) - loss/10, a, b}
	}
	i, v, err := c.choose(verdicts)
	if err != nil || !v.tried {
		return best, 0, 0, err
	}
	return candidates[i], v.slope, v.shift, nil
}

// choose takes the best of all instances' verdicts.
func (c *corpus) choose(all []verdict) (best int, v verdict, err error) {
	put := func(w *bufio.Writer, i int) {
		b := binary.AppendUvarint(nil, uint64(i))
		for _, x := range []float64{all[i].score, float64(all[i].slope), float64(all[i].shift)} {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		}
		_, _ = w.Write(b)
	}
	get := func(r *bufio.Reader) (int, error) {
		i, err := binary.ReadUvarint(r)
		var x [3]float64
		if err == nil {
			err = binary.Read(r, binary.LittleEndian, &x)
		}
		if err != nil || i >= uint64(len(all)) || !(x[0] >= -1e9 && x[0] <= 2 && x[1] >= .01 && x[1] <= 100 && x[2] >= -100 && x[2] <= 100) {
			return 0, errors.Join(errStrange, err)
		}
		all[i] = verdict{true, x[0], float32(x[1]), float32(x[2])}
		return int(i), nil
	}
	err = c.mesh.Meet(mesh.Meeting{
		Give: func(w *bufio.Writer) {
			for i := range all {
				if all[i].tried {
					put(w, i)
				}
			}
		},
		Hear: func(_ int, r *bufio.Reader) error {
			for {
				if _, err := r.Peek(1); errors.Is(err, io.EOF) {
					return nil
				}
				if _, err := get(r); err != nil {
					return err
				}
			}
		},
		Answer: func(w *bufio.Writer) { put(w, top(all)) },
		Take: func(r *bufio.Reader) (err error) {
			best, err = get(r)
			return err
		},
	})
	if c.mesh.Index == 0 {
		best = top(all)
	}
	return best, all[best], err
}

// top is the first of the best.
func top(all []verdict) (best int) {
	most := math.Inf(-1)
	for i, v := range all {
		if v.tried && v.score > most {
			best, most = i, v.score
		}
	}
	return best
}

// shuffled orders texts by class and features, so that every fold has a share of each.
func (c *corpus) shuffled(docs []int) []int {
	out := slices.Clone(docs)
	slices.SortStableFunc(out, func(a, b int) int {
		if x, y := c.labels(a)[0], c.labels(b)[0]; x != y {
			return int(x - y)
		}
		switch x, y := c.at[a].sum, c.at[b].sum; {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	return out
}

// right is the share of texts whose class is found, or the micro F1 of labels.
func (o *outcome) right(multi bool) float64 {
	if len(o.z) == 0 {
		return 0
	}
	var hit, said, truth float64
	for i, z := range o.z {
		if !multi {
			hit += b2f(int32(argmax(z)) == o.label[i][0])
			continue
		}
		for k, x := range z {
			is := slices.Contains(o.label[i], int32(k))
			said, truth = said+b2f(x > 0), truth+b2f(is)
			hit += b2f(x > 0 && is)
		}
	}
	if multi {
		return 2 * hit / max(1, said+truth)
	}
	return hit / float64(len(o.z))
}

func b2f(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func argmax(z []float32) int {
	best := 0
	for k := range z {
		if z[k] > z[best] {
			best = k
		}
	}
	return best
}

// calibrate finds slope and shift with the least loss (mean negative log-likelihood), near 1 and 0 where few texts speak.
func (o *outcome) calibrate(multi bool) (slope, shift float32, loss float64) {
	try := func(a, b float32) float64 {
		m := model{slope: a, shift: b, multi: multi}
		buf := make([]float32, 0, 1000)
		sum := 0.0
		for i, z := range o.z {
			buf = append(buf[:0], z...)
			m.probabilities(buf)
			for k, p := range buf {
				is := slices.Contains(o.label[i], int32(k))
				switch {
				case is:
					sum -= math.Log(max(1e-9, float64(p)))
				case multi:
					sum -= math.Log(max(1e-9, 1-float64(p)))
				}
			}
		}
		l := math.Log(float64(a))
		return (sum + l*l + float64(b*b)/4) / float64(max(1, len(o.z)))
	}
	slope, shift, loss = 1, 0, try(1, 0)
	for step := float32(.5); step > .02; step /= 2 {
		for moved := true; moved; {
			moved = false
			for _, d := range [][2]float32{{1 + step, 0}, {1 / (1 + step), 0}, {1, step}, {1, -step}} {
				if d[1] != 0 && !multi {
					continue // a softmax does not see a shift
				}
				a, b := slope*d[0], shift+d[1]
				if a < .05 || a > 20 || b < -10 || b > 10 {
					continue
				}
				if l := try(a, b); l < loss-1e-6 {
					slope, shift, loss, moved = a, b, l, true
				}
			}
		}
	}
	return slope, shift, loss
}
