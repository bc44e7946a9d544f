package main

import (
	"math"
	"sort"
)

// centred takes the mean of the words from each vector and makes its length 1.
func centred(v []float32) {
	mean := make([]float64, source)
	n := len(v) / source
	for i, x := range v {
		mean[i%source] += float64(x)
	}
	for i := range v {
		v[i] -= float32(mean[i%source] / float64(n))
	}
	for i := range n {
		unit(v[i*source : (i+1)*source])
	}
}

func unit(v []float32) {
	var s float64
	for _, x := range v {
		s += float64(x) * float64(x)
	}
	s = math.Sqrt(s) + 1e-12
	for i := range v {
		v[i] = float32(float64(v[i]) / s)
	}
}

// rotated gives the vectors along the axes of their greatest variance, the greatest first, cut to dims; and the variance of each axis.
func rotated(v []float32, dims int) (out []float32, variance []float64) {
	n := len(v) / source
	m := make([][]float64, source)
	for i := range m {
		m[i] = make([]float64, source)
	}
	for k := range n {
		x := v[k*source : (k+1)*source]
		for i := range source {
			for j := i; j < source; j++ {
				m[i][j] += float64(x[i]) * float64(x[j])
			}
		}
	}
	for i := range source {
		for j := i; j < source; j++ {
			m[i][j] /= float64(n)
			m[j][i] = m[i][j]
		}
	}
	values, axes := jacobi(m)
	out = make([]float32, n*dims)
	for k := range n {
		x := v[k*source : (k+1)*source]
		for d := range dims {
			var s float64
			for i, y := range x {
				s += float64(y) * axes[d][i]
			}
			out[k*dims+d] = float32(s)
		}
	}
	return out, values
}

// jacobi gives the eigenvalues of a symmetric matrix, the greatest first, and their vectors. A vector's greatest member is positive.
func jacobi(a [][]float64) (values []float64, vectors [][]float64) {
	n := len(a)
	v := make([][]float64, n)
	for i := range v {
		v[i] = make([]float64, n)
		v[i][i] = 1
	}
	for range 30 {
		var off float64
		for p := range n {
			for q := p + 1; q < n; q++ {
				off += a[p][q] * a[p][q]
				if a[p][q] == 0 {
					continue
				}
				t := (a[q][q] - a[p][p]) / (2 * a[p][q])
				t = math.Copysign(1, t) / (math.Abs(t) + math.Sqrt(t*t+1))
				c := 1 / math.Sqrt(t*t+1)
				s := t * c
				for k := range n {
					x, y := a[k][p], a[k][q]
					a[k][p], a[k][q] = c*x-s*y, s*x+c*y
				}
				for k := range n {
					x, y := a[p][k], a[q][k]
					a[p][k], a[q][k] = c*x-s*y, s*x+c*y
					x, y = v[p][k], v[q][k]
					v[p][k], v[q][k] = c*x-s*y, s*x+c*y
				}
			}
		}
		if off < 1e-20 {
			break
		}
	}
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	sort.Slice(order, func(i, j int) bool { return a[order[i]][order[i]] > a[order[j]][order[j]] })
	for _, i := range order {
		far := 0.0
		for _, x := range v[i] {
			if math.Abs(x) > math.Abs(far) {
				far = x
			}
		}
		if far < 0 {
			for k := range v[i] {
				v[i][k] = -v[i][k]
			}
		}
		values, vectors = append(values, a[i][i]), append(vectors, v[i])
	}
	return values, vectors
}
