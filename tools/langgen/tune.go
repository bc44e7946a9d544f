package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"cloister/internal/work/language"
)

// tuning moves the weights so that rows of one script are told apart: softmax regression over short texts by
// stochastic gradient, pulled towards the weights it starts from. It adds no n-gram to a row.
type tuning struct {
	seed    uint64
	epochs  int
	samples int     // texts per row and epoch
	rate    float64 // in weight units
	pull    float64 // share of the way back to the start, per use of a weight
}

// sample is a text as a set of n-grams.
type sample struct {
	row  int
	keys []language.Key
}

const temperature = 40 // as in the engine

// tune changes weights in place and returns the mean loss of each epoch.
func (t tuning) tune(corpora []corpus, weights map[language.Key][]entry) []float64 {
	rng := rand.New(rand.NewPCG(t.seed, 1))
	rowsOf := map[language.Script][]int{}
	for i, s := range sources {
		rowsOf[s.script] = append(rowsOf[s.script], i)
	}
	var losses []float64
	score, p := make([]float64, len(sources)), make([]float64, len(sources))
	for epoch := range t.epochs {
		var all []sample
		for i := range sources {
			all = append(all, draw(rng, i, corpora[i], t.samples)...)
		}
		rng.Shuffle(len(all), func(a, b int) { all[a], all[b] = all[b], all[a] })
		rate := t.rate / (1 + float64(epoch))
		var loss float64
		for _, x := range all {
			clear(score)
			for _, k := range x.keys {
				for _, e := range weights[k] {
					score[e.row] += e.weight
				}
			}
			rows := rowsOf[sources[x.row].script]
			mine := softmax(rows, score, p, sources[x.row].code)
			loss -= math.Log(max(mine, 1e-9))
			if mine > 0.995 {
				continue
			}
			for _, k := range x.keys {
				es := weights[k]
				for j := range es {
					e := &es[j]
					if sources[e.row].script != sources[x.row].script {
						continue
					}
					g := p[e.row]
					if sources[e.row].code == sources[x.row].code {
						g -= p[e.row] / mine
					}
					e.weight -= rate*g + t.pull*math.Abs(g)*(e.weight-e.start)
				}
			}
		}
		losses = append(losses, loss/float64(len(all)))
	}
	return losses
}

// softmax fills p for the rows and returns the probability of a code.
func softmax(rows []int, score, p []float64, code string) (mine float64) {
	best := math.Inf(-1)
	for _, r := range rows {
		best = max(best, score[r])
	}
	var sum float64
	for _, r := range rows {
		p[r] = math.Exp((score[r] - best) / temperature)
		sum += p[r]
	}
	for _, r := range rows {
		p[r] /= sum
		if sources[r].code == code {
			mine += p[r]
		}
	}
	return mine
}

// draw takes texts of a row: half of them the first words, two and more, of a made line, where there are such; else lines of running text two times in
// three (one to three of them), or up to eight words of the list.
func draw(rng *rand.Rand, row int, c corpus, n int) []sample {
	var running, words []string
	for _, p := range c.parts {
		if p.weight == wordWeight {
			words = append(words, p.lines...)
		} else {
			running = append(running, p.lines...)
		}
	}
	out := make([]sample, 0, n)
	for range n {
		from, pieces := running, 1+rng.IntN(3)
		made := len(c.made) > 0 && rng.Float64() < madeShare
		if made {
			from, pieces = c.made, 1
		} else if len(words) > 0 && rng.IntN(3) == 0 || len(running) == 0 {
			from, pieces = words, 1+rng.IntN(8)
		}
		if len(from) == 0 {
			break
		}
		x := sample{row: row}
		bare := sources[row].script == language.Latin && rng.Float64() < plainShare
		for range pieces {
			line := from[rng.IntN(len(from))]
			if made {
				words := strings.Fields(line)
				line = strings.Join(words[:2+rng.IntN(len(words)-1)], " ")
			}
			if bare {
				line = plainer.Replace(line)
			}
			language.Grams(line, func(s language.Script, k language.Key) {
				if s == sources[row].script {
					x.keys = append(x.keys, k)
				}
			})
		}
		slices.Sort(x.keys)
		x.keys = slices.Compact(x.keys)
		out = append(out, x)
	}
	return out
}
