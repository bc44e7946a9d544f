package classify

import (
	"math"
	"math/bits"
	"slices"
)

// model is a trained classifier: one weight for each class and each feature that it knows.
type model struct {
	labels []string
	multi  bool // labels are independent of one another
	pieces bool // features are pieces of words, too
	index  index
	idf    []float32 // by feature
	scale  []float32 // by feature: what a weight of 1 is worth
	weight []int8    // feature*len(labels)+label
	bias   []float32 // by label
	slope  float32   // of the calibration
	shift  float32
}

// index numbers the buckets that are features, ascending.
type index struct {
	bits []uint64
	rank []uint32 // features before each word of bits
	n    int
}

// newIndex numbers the bits that are set.
func newIndex(set []uint64) index {
	x := index{bits: set, rank: make([]uint32, len(set))}
	for i, w := range set {
		x.rank[i] = uint32(x.n)
		x.n += bits.OnesCount64(w)
	}
	return x
}

// find gives a bucket's number, or -1.
func (x *index) find(bucket uint32) int {
	w := x.bits[bucket>>6]
	bit := uint64(1) << (bucket & 63)
	if w&bit == 0 {
		return -1
	}
	return int(x.rank[bucket>>6]) + bits.OnesCount64(w&(bit-1))
}

// vector is a text as a model sees it: its features, ascending, and what they weigh.
type vector struct {
	id []int32
	v  []float32
}

func (v *vector) reset() { v.id, v.v = v.id[:0], v.v[:0] }

func (v *vector) add(x *index, idf []float32, bucket uint32, n uint16) {
	if i := x.find(bucket); i >= 0 {
		v.id = append(v.id, int32(i))
		v.v = append(v.v, tf(n)*idf[i])
	}
}

// norm brings words and pieces to the same length, so that the many pieces of a long text do not drown its words.
func (v *vector) norm(x *index) {
	at, _ := slices.BinarySearch(v.id, int32(x.rank[space/64]))
	unit(v.v[:at])
	unit(v.v[at:])
}

func unit(v []float32) {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if sum == 0 {
		return
	}
	q := float32(1 / math.Sqrt(sum))
	for i := range v {
		v[i] *= q
	}
}

// logits writes the sums of a text into z, before calibration.
func (m *model) logits(v *vector, z []float32) {
	copy(z, m.bias)
	k := len(z)
	for i, id := range v.id {
		f := m.scale[id] * v.v[i]
		row := m.weight[int(id)*k : int(id)*k+k]
		for j, w := range row {
			z[j] += f * float32(w)
		}
	}
}

// probabilities calibrates and turns sums into probabilities, in place.
func (m *model) probabilities(z []float32) {
	for i := range z {
		z[i] = z[i]*m.slope + m.shift
	}
	if m.multi {
		sigmoid(z)
	} else {
		softmax(z)
	}
}

func sigmoid(z []float32) {
	for i, x := range z {
		z[i] = float32(1 / (1 + math.Exp(-float64(x))))
	}
}

func softmax(z []float32) {
	top := z[0]
	for _, x := range z {
		top = max(top, x)
	}
	var sum float32
	for i, x := range z {
		z[i] = float32(math.Exp(float64(x - top)))
		sum += z[i]
	}
	for i := range z {
		z[i] /= sum
	}
}
