package main

import (
	"math/rand/v2"
	"sync"
)

// means finds k centres of the vectors in v, each counted weight times (nil: once), by Lloyd's rounds from centres drawn by a fixed seed.
func means(v []float32, dims, k, rounds int, weight []float32, seed uint64) []float32 {
	n := len(v) / dims
	rng := rand.New(rand.NewPCG(seed, 8))
	centre := make([]float32, k*dims)
	for c, i := range rng.Perm(n)[:k] {
		copy(centre[c*dims:(c+1)*dims], v[i*dims:(i+1)*dims])
	}
	sum, count := make([]float64, k*dims), make([]float64, k)
	for range rounds {
		at := assign(v, dims, centre)
		clear(sum)
		clear(count)
		for i, c := range at {
			w := 1.0
			if weight != nil {
				w = float64(weight[i])
			}
			count[c] += w
			for d, x := range v[i*dims : (i+1)*dims] {
				sum[int(c)*dims+d] += w * float64(x)
			}
		}
		for c := range k {
			if count[c] == 0 { // begins again from a word
				copy(centre[c*dims:(c+1)*dims], v[rng.IntN(n)*dims:][:dims])
				continue
			}
			for d := range dims {
				centre[c*dims+d] = float32(sum[c*dims+d] / count[c])
			}
		}
	}
	return centre
}

// assign gives the nearest centre of each vector.
func assign(v []float32, dims int, centre []float32) []int32 {
	n, k := len(v)/dims, len(centre)/dims
	half := make([]float32, k)
	for c := range k {
		for _, x := range centre[c*dims : (c+1)*dims] {
			half[c] += x * x / 2
		}
	}
	out := make([]int32, n)
	var wait sync.WaitGroup
	const chunk = 8192
	for from := 0; from < n; from += chunk {
		wait.Go(func() {
			for i := from; i < min(from+chunk, n); i++ {
				out[i] = nearest(v[i*dims:(i+1)*dims], centre, half)
			}
		})
	}
	wait.Wait()
	return out
}

func nearest(x, centre, half []float32) int32 {
	best, at := float32(-1e30), 0
	dims := len(x)
	for c, h := range half {
		row := centre[c*dims:][:dims]
		var a, b, s, t float32
		i := 0
		for ; i+4 <= dims; i += 4 {
			a += x[i] * row[i]
			b += x[i+1] * row[i+1]
			s += x[i+2] * row[i+2]
			t += x[i+3] * row[i+3]
		}
		for ; i < dims; i++ {
			a += x[i] * row[i]
		}
		if dot := a + b + s + t - h; dot > best {
			best, at = dot, c
		}
	}
	return int32(at)
}
