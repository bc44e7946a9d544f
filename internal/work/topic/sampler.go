package topic

import (
	"cmp"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"cloister/internal/work/mesh"
)

// The sampling: its seed, its prior for words, and how often every word is visited.
const (
	seedOne, seedTwo = 1, 2
	beta             = .05
	sweepsMost       = 400
	sweepsLeast      = 40
	effort           = 3e9     // words * (topics + 10) * sweeps
	every            = 10      // sweeps between two fits
	kept             = 5       // samples that the topics are the mean of
	apart            = 6       // sweeps between those
	chains           = 4       // beginnings of which the likeliest is followed
	early            = .2      // of the sweeps, before that is decided
	shards           = 2       // parts of a large corpus that are sampled at the same time, whatever the machine
	large            = 300_000 // words
)

// model is topics, the largest first.
type model struct {
	k     int
	words int
	phi   []float32 // word*k+topic: P(word | topic)
	alpha []float64
	p     []float64 // of words
	size  []float64 // share of all words, by topic
}

// sampler holds the topic of each word of this instance's share. Counts are of all instances.
type sampler struct {
	t     *texts
	mesh  *mesh.Mesh
	k     int
	was   []int32 // nkw and nk before a sweep; nil of one that is alone
	z     []uint8
	nkw   []int32 // word*k+topic
	nk    []int32
	alpha []float64
}

// newSampler gives every word a topic by chance.
func newSampler(m *mesh.Mesh, t *texts, k int, rng *rand.Rand) (*sampler, error) {
	s := &sampler{t: t, mesh: m, k: k, z: make([]uint8, len(t.word)), nkw: make([]int32, len(t.names)*k), nk: make([]int32, k), alpha: make([]float64, k)}
	for i := range s.alpha {
		s.alpha[i] = .1
	}
	for i, w := range t.word {
		z := rng.IntN(k)
		s.z[i] = uint8(z)
		s.nkw[int(w)*k+z]++
		s.nk[z]++
	}
	if m.Count > 1 {
		s.was = make([]int32, len(s.nkw)+k)
	}
	return s, s.share()
}

// share adds what all instances changed since was was noted.
func (s *sampler) share() error {
	if s.was == nil {
		return nil
	}
	at := 0
	for _, all := range [][]int32{s.nkw, s.nk} {
		was := s.was[at : at+len(all)]
		at += len(all)
		for j, n := range was {
			all[j] -= n
		}
		if err := mesh.Sum(s.mesh, all); err != nil {
			return err
		}
		for j, n := range was {
			all[j] += n
		}
	}
	return nil
}

// rngs gives each part of a sampling its own chance.
func rngs(instance, chain, parts int) []*rand.Rand {
	out := make([]*rand.Rand, parts)
	for i := range out {
		out[i] = rand.New(rand.NewPCG(uint64(seedOne+chain), seedTwo+uint64(instance)<<32+uint64(i)))
	}
	return out
}

// step visits every word once. Instances do so at the same time, each with the counts of before (approximate distributed LDA).
func (s *sampler) step(r []*rand.Rand) error {
	if s.was != nil {
		copy(s.was[copy(s.was, s.nkw):], s.nk)
	}
	if len(r) == 1 {
		s.sweep(0, len(s.t.from)-1, s.nkw, s.nk, r[0])
	} else {
		s.together(r)
	}
	return s.share()
}

// learn finds k topics of texts that have all words in all instances. A share of large words or more is sampled in parts. A small corpus is begun several
// times, for the sampler may stay where it began.
func learn(mm *mesh.Mesh, t *texts, all, k, large int) (*model, error) {
	parts, starts := 1, 1
	if len(t.word) >= large {
		parts = shards
	}
	sweeps := int(max(sweepsLeast, min(sweepsMost, effort*float64(mm.Count)/float64(all*(k+10)))))
	if sweeps == sweepsMost {
		starts = chains
	}
	first := int(early * float64(sweeps))
	var s *sampler
	var chance []*rand.Rand
	top := math.Inf(-1)
	for c := range starts {
		r := rngs(mm.Index, c, parts)
		x, err := newSampler(mm, t, k, r[0])
		for i := 0; i < first && err == nil; i++ {
			if err = x.step(r); err == nil && i > first/2 && i%every == 0 {
				err = x.fit()
			}
		}
		if err != nil {
			return nil, err
		}
		l, err := x.likelihood()
		if err != nil {
			return nil, err
		}
		if l > top || s == nil {
			top, s, chance = l, x, r
		}
	}
	m := &model{k: k, words: len(t.names), phi: make([]float32, len(t.names)*k)}
	samples := 0
	for i := first; i < sweeps; i++ {
		if err := s.step(chance); err != nil {
			return nil, err
		}
		if i%every == 0 {
			if err := s.fit(); err != nil {
				return nil, err
			}
		}
		if left := sweeps - 1 - i; left%apart == 0 && left/apart < kept {
			samples++
			for j := range m.phi {
				m.phi[j] += float32((float64(s.nkw[j]) + beta) / (float64(s.nk[j%k]) + beta*float64(len(t.names))))
			}
		}
	}
	for j := range m.phi {
		m.phi[j] /= float32(samples)
	}
	m.finish(s, all)
	return m, nil
}

// likelihood is the logarithm of the probability of all words and their topics, but for what all chains share.
func (s *sampler) likelihood() (float64, error) {
	table := make([]float64, 1<<12) // of lgamma(n+beta)-lgamma(beta)
	for n := 1; n < len(table); n++ {
		table[n] = table[n-1] + math.Log(float64(n-1)+beta)
	}
	base, _ := math.Lgamma(beta)
	sum := 0.0
	for _, n := range s.nkw {
		if int(n) < len(table) {
			sum += table[n]
		} else {
			g, _ := math.Lgamma(float64(n) + beta)
			sum += g - base
		}
	}
	for _, n := range s.nk {
		g, _ := math.Lgamma(float64(n) + beta*float64(len(s.t.names)))
		sum -= g
	}
	total := 0.0
	for _, a := range s.alpha {
		total += a
	}
	ofWords := sum
	if s.was != nil {
		sum = 0
	}
	nd := make([]int, s.k)
	for d := range len(s.t.from) - 1 {
		z := s.z[s.t.from[d]:s.t.from[d+1]]
		clear(nd)
		for i, j := range z {
			sum += math.Log((float64(nd[j]) + s.alpha[j]) / (float64(i) + total))
			nd[j]++
		}
	}
	if s.was == nil {
		return sum, nil
	}
	millionths := []int64{int64(sum * 1e6)}
	err := mesh.Sum(s.mesh, millionths)
	return ofWords + float64(millionths[0])/1e6, err
}

// finish orders the topics by size and notes what else is needed.
func (m *model) finish(s *sampler, words int) {
	order := make([]int, m.k)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(s.nk[b], s.nk[a]) })
	row := make([]float32, m.k)
	for w := range m.words {
		phi := m.phi[w*m.k : (w+1)*m.k]
		copy(row, phi)
		for i, k := range order {
			phi[i] = row[k]
		}
	}
	all := float64(words)
	for _, k := range order {
		m.alpha = append(m.alpha, s.alpha[k])
		m.size = append(m.size, float64(s.nk[k])/all)
	}
	m.p = make([]float64, m.words)
	if s.was != nil { // the words are not all here; their counts are
		for j, n := range s.nkw {
			m.p[j/m.k] += float64(n) / all
		}
		return
	}
	for _, w := range s.t.word {
		m.p[w] += 1 / all
	}
}

// sweep visits the words of documents from to to.
func (s *sampler) sweep(from, to int, nkw, nk []int32, rng *rand.Rand) {
	k := s.k
	nd := make([]int32, k)
	p := make([]float64, k)
	inv := make([]float64, k)
	vb := beta * float64(len(s.t.names))
	for j := range inv {
		inv[j] = 1 / (float64(nk[j]) + vb)
	}
	for d := from; d < to; d++ {
		words := s.t.word[s.t.from[d]:s.t.from[d+1]]
		z := s.z[s.t.from[d]:s.t.from[d+1]]
		clear(nd)
		for _, j := range z {
			nd[j]++
		}
		for i, w := range words {
			row := nkw[int(w)*k : int(w)*k+k]
			old := int(z[i])
			row[old]--
			nk[old]--
			nd[old]--
			inv[old] = 1 / (float64(nk[old]) + vb)
			sum := 0.0
			for j, n := range row {
				sum += (float64(n) + beta) * inv[j] * (float64(nd[j]) + s.alpha[j])
				p[j] = sum
			}
			u := rng.Float64() * sum
			now := 0
			for now < k-1 && p[now] < u {
				now++
			}
			z[i] = uint8(now)
			row[now]++
			nk[now]++
			nd[now]++
			inv[now] = 1 / (float64(nk[now]) + vb)
		}
	}
}

// together sweeps all parts, each with the counts of before, and adds up what they changed (approximate distributed LDA). The parts are the
// same on every machine, so that the result is, too.
func (s *sampler) together(parts []*rand.Rand) {
	docs := len(s.t.from) - 1
	nkw, nk := make([][]int32, len(parts)), make([][]int32, len(parts))
	run := func(i int) {
		nkw[i], nk[i] = slices.Clone(s.nkw), slices.Clone(s.nk)
		s.sweep(docs*i/len(parts), docs*(i+1)/len(parts), nkw[i], nk[i], parts[i])
	}
	if runtime.GOMAXPROCS(0) > 1 {
		var wg sync.WaitGroup
		for i := range parts {
			wg.Go(func() { run(i) })
		}
		wg.Wait()
	} else {
		for i := range parts {
			run(i)
		}
	}
	merge := func(all []int32, parts [][]int32) {
		for j, was := range all {
			for _, p := range parts {
				all[j] += p[j] - was
			}
		}
	}
	merge(s.nkw, nkw)
	merge(s.nk, nk)
}

// fit moves the prior of topics towards what the documents have (Minka's fixed point; Wallach, "Rethinking LDA", 2009).
func (s *sampler) fit() error {
	const most = 1000 // a document's words of one topic, beyond which they count as so many
	counts := make([]int, s.k*(most+1))
	lengths := make([]int, most+1)
	nd := make([]int, s.k)
	for d := range len(s.t.from) - 1 {
		z := s.z[s.t.from[d]:s.t.from[d+1]]
		if len(z) == 0 {
			continue
		}
		clear(nd)
		for _, j := range z {
			nd[j]++
		}
		for j, n := range nd {
			counts[j*(most+1)+min(n, most)]++
		}
		lengths[min(len(z), most)]++
	}
	for _, x := range [][]int{counts, lengths} {
		if err := mesh.Sum(s.mesh, x); err != nil {
			return err
		}
	}
	for range 3 {
		sum := 0.0
		for _, a := range s.alpha {
			sum += a
		}
		below, step := 0.0, 0.0
		for n := 1; n <= most; n++ {
			step += 1 / (float64(n-1) + sum)
			below += float64(lengths[n]) * step
		}
		if below == 0 {
			return nil
		}
		for j := range s.alpha {
			above, step := 0.0, 0.0
			for n := 1; n <= most; n++ {
				step += 1 / (float64(n-1) + s.alpha[j])
				above += float64(counts[j*(most+1)+n]) * step
			}
			s.alpha[j] = min(10, max(.001, s.alpha[j]*above/below))
		}
	}
	return nil
}

// fold gives the shares of topics in a document, the topics being what they are: the mode that expectation and maximisation find.
func (m *model) fold(words []uint32) []float64 {
	theta, next := make([]float64, m.k), make([]float64, m.k)
	total := 0.0
	for _, a := range m.alpha {
		total += a
	}
	for j, a := range m.alpha {
		theta[j] = a / total
	}
	for range 30 {
		copy(next, m.alpha)
		for _, w := range words {
			row := m.phi[int(w)*m.k : (int(w)+1)*m.k]
			sum := 0.0
			for j, p := range row {
				sum += float64(p) * theta[j]
			}
			if sum == 0 {
				continue
			}
			for j, p := range row {
				next[j] += float64(p) * theta[j] / sum
			}
		}
		moved := 0.0
		for j, x := range next {
			x /= total + float64(len(words))
			moved += math.Abs(x - theta[j])
			theta[j] = x
		}
		if moved < 1e-4 {
			break
		}
	}
	return theta
}

// term is a word of a topic.
type term struct {
	word   int
	weight float64
}

// lambda weighs how often a topic has a word against how much more often than all texts do (Sievert and Shirley, "LDAvis", 2014).
const lambda = .7

// terms gives the n words that tell most about topic k.
func (m *model) terms(k, n int) []term {
	type rated struct {
		term
		rate float64
	}
	var all []rated
	for w := range m.words {
		p := float64(m.phi[w*m.k+k])
		all = append(all, rated{term{w, p}, lambda*math.Log(p) + (1-lambda)*math.Log(p/max(1e-12, m.p[w]))})
	}
	slices.SortFunc(all, func(a, b rated) int { return cmp.Or(cmp.Compare(b.rate, a.rate), cmp.Compare(a.word, b.word)) })
	var out []term
	for _, x := range all[:min(n, len(all))] {
		out = append(out, x.term)
	}
	return out
}
