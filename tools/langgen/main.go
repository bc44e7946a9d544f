// Command langgen writes internal/work/language/table.bin. It only reads the folder named by -data, which
// tools/langgen/fetch.sh fills, and its output depends on nothing else.
package main

import (
	"flag"
	"fmt"
	"log"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"sort"

	"cloister/internal/work/language"
)

func main() {
	data := flag.String("data", "", "folder filled by fetch.sh")
	out := flag.String("out", "internal/work/language/table.bin", "table to write")
	held := flag.String("heldout", "", "folder to write the held-out sentences to, CODE.txt each")
	size := flag.String("size", "medium", "which of Nito-ELD's sizes: small, medium, large")
	keep := flag.Int("keep", 8000, "n-grams kept of a row that is estimated from text")
	keepWhole := flag.Int("words", 2000, "whole words kept of a row")
	mix := flag.Bool("mix", true, "let text add n-grams to the rows that Nito-ELD has")
	t := tuning{seed: 1}
	flag.IntVar(&t.epochs, "epochs", 3, "passes of discriminative tuning; 0 for none")
	flag.IntVar(&t.samples, "samples", 3000, "texts per row and pass")
	flag.Float64Var(&t.rate, "rate", 8, "step of the tuning, in weight units")
	flag.Float64Var(&t.pull, "pull", 0.0005, "pull of a weight towards its start")
	samples := flag.String("cld2", "", "folder to write CLD2's test to, CODE.txt each, and nothing else")
	flag.Parse()
	if *samples != "" {
		if err := writeSamples(*data+"/cld/package/deps/cld/internal/unittest_data.h", *samples); err != nil {
			log.Fatal(err)
		}
		return
	}
	if err := run(*data, *out, *held, *size, *keep, *keepWhole, *mix, t); err != nil {
		log.Fatal(err)
	}
}

func run(data, out, held, size string, keep, keepWhole int, mix bool, t tuning) error {
	eld, err := readELD(data+"/node_modules/eld", size)
	if err != nil {
		return err
	}
	corpora := make([]corpus, len(sources))
	shares := make([]map[language.Key]float64, len(sources))
	spread := map[language.Script]map[language.Key]float64{}
	for i, s := range sources {
		c, err := s.read(data, rand.New(rand.NewPCG(t.seed, uint64(i))))
		if err != nil {
			return err
		}
		corpora[i] = c
		if held != "" {
			if err := c.writeHeldOut(held, s); err != nil {
				return err
			}
		}
		shares[i] = c.shares(s.script)
		if spread[s.script] == nil {
			spread[s.script] = map[language.Key]float64{}
		}
		for k, v := range shares[i] {
			spread[s.script][k] += v
		}
	}
	law := fit(eld, shares, spread)
	fmt.Printf("weight = %.1f + %.2f ln share + %.2f ln (share / sum of shares)\n", law[0], law[1], law[2])
	rows := make([]language.Row, len(sources))
	weights := map[language.Key][]entry{}
	for i, s := range sources {
		rows[i] = language.Row{Code: s.code, Script: s.script}
		taken := map[language.Key]bool{}
		if s.eld != "" {
			for k, columns := range eld {
				if w, ok := columns[s.eld]; ok {
					weights[k] = append(weights[k], entry{i, float64(w), float64(w)})
					taken[k] = true
				}
			}
		}
		n := len(taken)
		if s.eld == "" || mix {
			n += estimate(i, s.script == language.Han, shares[i], spread[s.script], taken, law, keep, keepWhole, weights)
		}
		n += absent(i, s.script, shares[i], spread[s.script], weights)
		fmt.Printf("%s/%d: %d of %d\n", s.code, s.script, n, len(shares[i]))
	}
	if t.epochs > 0 {
		fmt.Println("loss of each epoch:", t.tune(corpora, weights))
	}
	packed := make(map[language.Key][]language.Entry, len(weights))
	for k, es := range weights {
		sort.Slice(es, func(a, b int) bool { return es[a].row < es[b].row })
		for _, e := range es {
			w := half(e.weight)
			if c := corpora[e.row]; !c.figured && len(c.made) > 0 && sources[e.row].code != level {
				w = int8(math.Round(max(-127, min(127, float64(w)*besideFigured))))
			}
			packed[k] = append(packed[k], language.Entry{Row: uint8(e.row), Weight: w})
		}
	}
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	if err := language.Encode(f, rows, packed); err != nil {
		return err
	}
	return f.Close()
}

// besideFigured raises the rows without lingua-go's figures: all that is known of their n-grams comes from declarations, screens and word lists, so that
// general text has fewer of theirs than of a neighbour's with figures.
const besideFigured = 1.05

// level is the language that is not raised: its neighbours are Spanish and Portuguese, whose screens were taken for it.
const level = "gl"

// half stores a weight in steps of two.
func half(w float64) int8 { return int8(math.Round(max(-254, min(254, w)) / 2)) }

// estimate gives a row that Nito-ELD lacks the weights that its law would give.
func estimate(row int, han bool, share, spread map[language.Key]float64, taken map[language.Key]bool, law [3]float64, keep, keepWhole int, weights map[language.Key][]entry) int {
	lift := 1.0 // an n-gram that a thin text lacks scores nothing, so those that it has are raised
	if slices.Contains(thin, sources[row].code) {
		lift = thinLift
	}
	var grams, wholes, letters []weighed
	for _, k := range slices.Sorted(maps.Keys(share)) {
		v := share[k]
		w := law[0] + law[1]*math.Log(v) + law[2]*math.Log(v/spread[k])
		switch {
		case taken[k]:
		case k.Whole():
			if w *= besides; w > 10 {
				wholes = append(wholes, weighed{k, w, v})
			}
		case k.Letter() && !han:
			if w *= besides; w > 10 {
				letters = append(letters, weighed{k, w, v})
			}
		case w > 20:
			grams = append(grams, weighed{k, w, v})
		}
	}
	all := slices.Concat(letters, commonest(grams, keep), commonest(wholes, keepWhole))
	for _, e := range all {
		weights[e.key] = append(weights[e.key], entry{row, e.weight * lift, e.weight * lift})
	}
	return len(all)
}

// absent speaks against a row for each letter of its script that its text never has: such a letter may stand in a
// name, but hardly more than that in Latin script, and less elsewhere.
func absent(row int, script language.Script, share, spread map[language.Key]float64, weights map[language.Key][]entry) (n int) {
	against := map[language.Script]float64{language.Latin: -40, language.Cyrillic: -100, language.Arabic: -60, language.Bengali: -60}[script]
	if against == 0 {
		return 0
	}
	for _, k := range slices.Sorted(maps.Keys(spread)) {
		if k.Letter() && share[k] < spread[k]/50 && spread[k] > 1e-3 {
			weights[k] = append(weights[k], entry{row, against, against})
			n++
		}
	}
	return n
}

// weighed is an n-gram with its weight in a row and its share of the row's text.
type weighed struct {
	key    language.Key
	weight float64
	share  float64
}

// thin lists the languages estimated from hardly more than the Declaration.
var thin = []string{"ceb", "ilo", "mg", "tt"}

const thinLift = 1.3

// besides lessens the weight of letters and whole words, since n-grams speak for the same text.
const besides = 0.5

func commonest(all []weighed, keep int) []weighed {
	sort.Slice(all, func(a, b int) bool {
		if all[a].share != all[b].share {
			return all[a].share > all[b].share
		}
		return all[a].key < all[b].key
	})
	return all[:min(len(all), keep)]
}

// fit finds, by least squares over n-grams that Nito-ELD weighs and our text of the same language has, how its weights
// depend on an n-gram's share of the text and on its share among languages.
func fit(eld eldTable, shares []map[language.Key]float64, spread map[language.Script]map[language.Key]float64) [3]float64 {
	var a [3][4]float64
	for i, s := range sources {
		if s.eld == "" {
			continue
		}
		for _, k := range slices.Sorted(maps.Keys(shares[i])) { // in order: sums of floats depend on it
			v := shares[i][k]
			w, ok := eld[k][s.eld]
			if !ok || v < 2e-4 {
				continue
			}
			x := [4]float64{1, math.Log(v), math.Log(v / spread[s.script][k]), float64(w)}
			for r := range 3 {
				for c := range 4 {
					a[r][c] += x[r] * x[c]
				}
			}
		}
	}
	for p := range 3 {
		for r := range 3 {
			if r == p {
				continue
			}
			f := a[r][p] / a[p][p]
			for c := range 4 {
				a[r][c] -= f * a[p][c]
			}
		}
	}
	return [3]float64{a[0][3] / a[0][0], a[1][3] / a[1][1], a[2][3] / a[2][2]}
}

// entry is a weight of a row while it is worked on.
type entry struct {
	row           int
	weight, start float64
}
