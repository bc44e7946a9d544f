package main

import (
	"fmt"
	"math"
	"math/rand"
	"os"
	"strconv"
	"strings"

	"cloister/internal/work/sentiment"
)

type example struct {
	text     string
	class    int
	features []sentiment.Feature
	said     int // of them are words; the rest is the lexicon's and the vectors'
}

// goEmotions maps 27 emotions to four classes: both kinds in one comment make it mixed, neither makes it neutral.
func goEmotions(dir, part string) ([]example, error) {
	names, err := os.ReadFile(dir + "/labels.txt")
	if err != nil {
		return nil, err
	}
	labels := strings.Fields(string(names))
	raw, err := os.ReadFile(dir + "/" + part + ".tsv")
	if err != nil {
		return nil, err
	}
	const good = " admiration amusement approval caring desire excitement gratitude joy love optimism pride relief "
	const bad = " anger annoyance disappointment disapproval disgust embarrassment fear grief nervousness remorse sadness "
	var out []example
	for line := range strings.Lines(string(raw)) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(f) < 2 {
			continue
		}
		pos, neg := false, false
		for k := range strings.SplitSeq(f[1], ",") {
			i, err := strconv.Atoi(k)
			if err != nil || i >= len(labels) {
				return nil, fmt.Errorf("label %q", k)
			}
			pos = pos || strings.Contains(good, " "+labels[i]+" ")
			neg = neg || strings.Contains(bad, " "+labels[i]+" ")
		}
		class := sentiment.Neutral
		switch {
		case pos && neg:
			class = sentiment.Mixed
		case pos:
			class = sentiment.Positive
		case neg:
			class = sentiment.Negative
		}
		out = append(out, example{text: f[0], class: class})
	}
	return out, nil
}

type tuning struct {
	epochs      int
	rate, decay float64
	drop, mute  float64
	own         int
}

const seed = 1

// train fits a softmax regression by AdaGrad and gives the mean of its weights over the second half of the passes.
func (t tuning) train(set []example) []float32 {
	const k = sentiment.Classes
	w, g, mean := make([]float32, sentiment.Buckets*k), make([]float32, sentiment.Buckets*k), make([]float32, sentiment.Buckets*k)
	rng := rand.New(rand.NewSource(seed))
	means := 0
	for e := range t.epochs {
		loss := 0.0
		for _, i := range rng.Perm(len(set)) {
			x := set[i]
			mask := rng.Uint64()
			if rng.Float64() < t.mute {
				x.features, x.said = x.features[x.said:], 0
			}
			keep := func(i int, b uint32) bool {
				if i >= x.said {
					return true
				}
				h := (uint64(b)*0x9e3779b97f4a7c15 ^ mask) * 0xbf58476d1ce4e5b9
				return float64(h>>40)/(1<<24) >= t.drop
			}
			var z [k]float64
			for i, f := range x.features {
				if keep(i, f.Bucket) {
					for c := range z {
						z[c] += float64(f.Value) * float64(w[int(f.Bucket)*k+c])
					}
				}
			}
			p := softmax(z)
			loss -= math.Log(p[x.class])
			p[x.class]--
			for i, f := range x.features {
				if !keep(i, f.Bucket) {
					continue
				}
				for c := range p {
					j := int(f.Bucket)*k + c
					d := float32(p[c])*f.Value + float32(t.decay)*w[j]
					g[j] += d * d
					w[j] -= float32(t.rate) * d / float32(math.Sqrt(float64(g[j])+1e-6))
				}
			}
		}
		fmt.Printf("pass %d: loss %.4f\n", e+1, loss/float64(len(set)))
		if e >= t.epochs/2 {
			means++
			for j := range w {
				mean[j] += w[j]
			}
		}
	}
	for j := range mean {
		mean[j] /= float32(means)
	}
	return mean
}

func softmax(z [sentiment.Classes]float64) (p [sentiment.Classes]float64) {
	top, sum := math.Inf(-1), 0.0
	for _, v := range z {
		top = max(top, v)
	}
	for c := range z {
		p[c] = math.Exp(z[c] - top)
		sum += p[c]
	}
	for c := range p {
		p[c] /= sum
	}
	return p
}

func score(w []float32, fs []sentiment.Feature) (z [sentiment.Classes]float64) {
	for _, f := range fs {
		for c := range z {
			z[c] += float64(f.Value) * float64(w[int(f.Bucket)*sentiment.Classes+c])
		}
	}
	return z
}

// quantise gives each weight eight bits; the largest thousandth is cut.
func quantise(w []float32) *sentiment.Model {
	m := &sentiment.Model{Weight: make([]int8, len(w)), Scale: 1.0 / 32}
	for i, x := range w {
		q := math.Round(float64(x / m.Scale))
		m.Weight[i] = int8(max(-127, min(127, q)))
	}
	return m
}

func report(name string, set []example, f func([]sentiment.Feature) [sentiment.Classes]float64) {
	right, loss := 0, 0.0
	var tp, found, want [sentiment.Classes]int
	for _, x := range set {
		p := softmax(f(x.features))
		best := 0
		for c := range p {
			if p[c] > p[best] {
				best = c
			}
		}
		found[best]++
		want[x.class]++
		if best == x.class {
			right++
			tp[best]++
		}
		loss -= math.Log(p[x.class])
	}
	fmt.Printf("%s: accuracy %.4f loss %.4f", name, float64(right)/float64(len(set)), loss/float64(len(set)))
	for c := range tp {
		fmt.Printf(" F1[%d] %.3f", c, 2*float64(tp[c])/float64(max(1, found[c]+want[c])))
	}
	fmt.Println()
}
