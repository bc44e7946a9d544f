package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"

	"cloister/internal/work/entity"
)

// Sizes of the word vectors and their clusters.
const (
	dims     = 48
	window   = 3
	negative = 5
	passes   = 4
	rarest   = 4 // words that occur more rarely have no vector
	fine     = 600
	coarse   = 80
)

// cluster puts words that stand in like places into one of fine and one of coarse clusters: vectors by skip-grams with negative
// samples (Mikolov et al. 2013), then k-means.
func cluster(text [][]string, words map[uint64]*entity.Word) {
	count := map[string]int{}
	for _, s := range text {
		for i := range s {
			count[folded(s[i])]++
		}
	}
	var vocabulary []string
	for w, n := range count {
		if n >= rarest {
			vocabulary = append(vocabulary, w)
		}
	}
	sort.Slice(vocabulary, func(i, j int) bool {
		a, b := vocabulary[i], vocabulary[j]
		return count[a] > count[b] || count[a] == count[b] && a < b
	})
	number := map[string]int32{}
	all := 0
	for i, w := range vocabulary {
		number[w] = int32(i)
		all += count[w]
	}
	v := vectors(text, vocabulary, number, count, all)
	for i := range vocabulary {
		unit(v[i*dims : (i+1)*dims])
	}
	narrow, broad := means(v, fine, 11), means(v, coarse, 12)
	for i, s := range vocabulary {
		x := w(words, s)
		x.Fine, x.Coarse = uint16(narrow[i]+1), uint16(broad[i]+1)
	}
}

// folded is how a word is counted: in small letters, its digits alike.
func folded(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return '0'
		}
		return r
	}, strings.ToLower(s))
}

func vectors(text [][]string, vocabulary []string, number map[string]int32, count map[string]int, all int) []float32 {
	rng := rand.New(rand.NewPCG(1, 5))
	n := len(vocabulary)
	in, out := make([]float32, n*dims), make([]float32, 2*window*n*dims)
	for i := range in {
		in[i] = (rng.Float32() - 0.5) / dims
	}
	var draw []int32 // words by frequency to the power of 3/4
	for i, w := range vocabulary {
		for range 1 + int(math.Pow(float64(count[w]), 0.75)/4) {
			draw = append(draw, int32(i))
		}
	}
	keep := make([]float32, n)
	for i, w := range vocabulary {
		f := float64(count[w]) / float64(all)
		keep[i] = float32(math.Min(1, math.Sqrt(3e-4/f)+3e-4/f))
	}
	var ids []int32
	grad := make([]float32, dims)
	steps, done := passes*len(text), 0
	for range passes {
		for _, s := range text {
			rate := float32(0.04 * math.Max(0.02, 1-float64(done)/float64(steps)))
			done++
			ids = ids[:0]
			for _, w := range s {
				if k, ok := number[folded(w)]; ok && rng.Float32() < keep[k] {
					ids = append(ids, k)
				}
			}
			for i, a := range ids {
				va := in[int(a)*dims : int(a+1)*dims]
				for j := max(0, i-window); j <= min(len(ids)-1, i+window); j++ {
					if i == j {
						continue
					}
					place := j - i + window // words at different places are different contexts
					if place > window {
						place--
					}
					clear(grad)
					for k := range negative + 1 {
						b, target := ids[j], float32(1)
						if k > 0 {
							b, target = draw[rng.IntN(len(draw))], 0
						}
						vb := out[(place*n+int(b))*dims : (place*n+int(b)+1)*dims]
						var dot float32
						for d := range va {
							dot += va[d] * vb[d]
						}
						g := rate * (target - sigmoid(dot))
						for d := range va {
							grad[d] += g * vb[d]
							vb[d] += g * va[d]
						}
					}
					for d := range va {
						va[d] += grad[d]
					}
				}
			}
		}
	}
	return in
}

func sigmoid(x float32) float32 { return float32(1 / (1 + math.Exp(-float64(max(-15, min(15, x)))))) }

func unit(v []float32) {
	var s float32
	for _, x := range v {
		s += x * x
	}
	s = float32(math.Sqrt(float64(s))) + 1e-9
	for i := range v {
		v[i] /= s
	}
}

// means gives each vector's cluster of k. The centres are found on the most frequent words, which come first.
func means(v []float32, k int, seed uint64) []int {
	rng := rand.New(rand.NewPCG(seed, 6))
	n := len(v) / dims
	used := min(n, 20000)
	centre := make([]float32, k*dims)
	for c, i := range rng.Perm(used)[:k] {
		copy(centre[c*dims:(c+1)*dims], v[i*dims:(i+1)*dims])
	}
	out := make([]int, n)
	assign := func(m int) {
		for i := range m {
			x := v[i*dims : (i+1)*dims]
			best, at := float32(-2), 0
			for c := range k {
				var dot float32
				for d, y := range centre[c*dims : (c+1)*dims] {
					dot += x[d] * y
				}
				if dot > best {
					best, at = dot, c
				}
			}
			out[i] = at
		}
	}
	for range 12 {
		assign(used)
		old := slices.Clone(centre)
		clear(centre)
		for i := range used {
			c := out[i]
			for d := range dims {
				centre[c*dims+d] += v[i*dims+d]
			}
		}
		for c := range k {
			row := centre[c*dims : (c+1)*dims]
			if slices.Max(row) == 0 && slices.Min(row) == 0 {
				copy(row, old[c*dims:(c+1)*dims])
			}
			unit(row)
		}
	}
	assign(n)
	return out
}
