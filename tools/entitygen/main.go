// Command entitygen writes the model of internal/work/entity. It reads the folder of labelled sets named by -data and the folder
// that fetch.sh fills, and its output depends on nothing else.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cloister/internal/work/crf"
	"cloister/internal/work/entity"
)

type config struct {
	data, text, out, leave string
	augment                augment
	options                crf.Options
	clusters               bool
}

func main() {
	log.SetFlags(0)
	c := config{options: crf.Usual()}
	c.options.Epochs, c.options.Rate, c.options.Dropout = 6, 0.03, 0.3
	flag.StringVar(&c.data, "data", "", "folder with wikigold, wnut17, btc, crossner, goemotions")
	flag.StringVar(&c.text, "text", "", "folder filled by fetch.sh")
	flag.StringVar(&c.out, "out", "", "folder to write entity.crf and lexicon.bin to; empty: only measure")
	flag.StringVar(&c.leave, "leave", "", "sets to leave out and measure on, one model each: wikigold,crossner-politics,btc,wnut17")
	flag.Float64Var(&c.augment.lower, "lower", 0.1, "share of sentences learned in small letters too")
	flag.Float64Var(&c.augment.upper, "upper", 0.05, "share of sentences learned in capitals too")
	flag.Float64Var(&c.augment.names, "names", 0.3, "share of sentences learned with other names too")
	flag.IntVar(&c.options.Epochs, "epochs", c.options.Epochs, "passes")
	flag.Float64Var(&c.options.Rate, "rate", c.options.Rate, "step")
	flag.Float64Var(&c.options.Decay, "decay", c.options.Decay, "pull to 0")
	flag.Float64Var(&c.options.Dropout, "dropout", c.options.Dropout, "share of features dropped in a step")
	flag.UintVar(&c.options.Bits, "bits", c.options.Bits, "hash bits")
	flag.BoolVar(&c.clusters, "clusters", true, "learn word clusters from the text")
	flag.Parse()
	if err := c.run(); err != nil {
		log.Fatal(err)
	}
}

func (c *config) run() error {
	all, err := load(c.data)
	if err != nil {
		return err
	}
	lex, names, err := c.lexicon()
	if err != nil {
		return err
	}
	var file bytes.Buffer
	if err := lex.Write(&file); err != nil {
		return err
	}
	ready, err := entity.ReadLexicon(&file)
	if err != nil {
		return err
	}
	labels := crf.NewLabels(learned)
	x := &entity.Extractor{Lexicon: ready, Bits: c.options.Bits}
	for _, set := range strings.Split(c.leave, ",") {
		if set == "" {
			continue
		}
		test, rest := split(all, set)
		began := time.Now()
		m := c.train(rest, labels, x, names)
		fmt.Printf("%s (%d sentences; trained on %d in %.0fs)\n", set, len(test), len(rest), time.Since(began).Seconds())
		measure(m, x, test)
	}
	if c.out == "" {
		return nil
	}
	m := c.train(all, labels, x, names)
	if err := write(filepath.Join(c.out, "lexicon.bin"), lex.Write); err != nil {
		return err
	}
	return write(filepath.Join(c.out, "entity.crf"), func(w io.Writer) error { return m.Write(w, 2) })
}

func write(path string, f func(io.Writer) error) error {
	o, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := f(o); err != nil {
		return err
	}
	return o.Close()
}

func (c *config) train(data []sentence, labels crf.Labels, x *entity.Extractor, names *namer) *crf.Model {
	return crf.Train(labels, featured(augmented(data, c.augment, names, c.options.Seed), labels, x), c.options)
}

// lexicon builds it from the lists and the text. No labelled set is looked at.
func (c *config) lexicon() (*entity.Builder, *namer, error) {
	lex, words := entity.NewBuilder(), map[uint64]*entity.Word{}
	names, err := readLists(filepath.Join(c.text, "lists.tsv"), lex, words)
	if err != nil {
		return nil, nil, err
	}
	text, err := texts(c.text, c.data)
	if err != nil {
		return nil, nil, err
	}
	n := 0
	for _, s := range text {
		n += len(s)
	}
	fmt.Printf("%d words of text\n", n)
	cases(text, words)
	if c.clusters {
		cluster(text, words)
	}
	for _, k := range slices.Sorted(maps.Keys(words)) { // in one order: two words may share a place
		lex.AddWord(k, *words[k])
	}
	return lex, names, nil
}
