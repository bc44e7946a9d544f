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
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"cloister/internal/work/crf"
	"cloister/internal/work/entity"
	"cloister/internal/work/vector"
)

type config struct {
	data, text, leave        string
	out, check               string
	augment                  augment
	options                  crf.Options
	clusters                 bool
	lexiconFile              string
	tweets, netRate, netDrop float64
	errors                   string
	members                  int
}

func main() {
	log.SetFlags(0)
	c := config{options: crf.Usual()}
	c.options.Epochs, c.options.Rate, c.options.Dropout = 6, 0.03, 0.3
	flag.StringVar(&c.data, "data", "", "folder with wikigold, wnut17, btc, crossner, goemotions")
	flag.StringVar(&c.text, "text", "", "folder filled by fetch.sh")
	flag.StringVar(&c.out, "out", "", "folder to write entity.crf, entity.net and lexicon.bin to; empty: only measure")
	flag.StringVar(&c.check, "check", "", "folder whose entity.crf, entity.net and lexicon.bin must be those that would be written")
	flag.StringVar(&c.leave, "leave", "", "sets to leave out and measure on, one model each: wikigold,crossner-politics,btc,wnut17")
	flag.Float64Var(&c.augment.lower, "lower", 0.1, "share of sentences learned in small letters too")
	flag.Float64Var(&c.augment.upper, "upper", 0.05, "share of sentences learned in capitals too")
	flag.Float64Var(&c.augment.names, "names", 0.3, "share of sentences learned with other names too")
	flag.Float64Var(&c.augment.houses, "houses", 0.3, "share of sentences learned with other names of organisations too")
	flag.IntVar(&c.options.Epochs, "epochs", c.options.Epochs, "passes")
	flag.Float64Var(&c.options.Rate, "rate", c.options.Rate, "step")
	flag.Float64Var(&c.options.Decay, "decay", c.options.Decay, "pull to 0")
	flag.Float64Var(&c.options.Dropout, "dropout", c.options.Dropout, "share of features dropped in a step")
	flag.UintVar(&c.options.Bits, "bits", c.options.Bits, "hash bits")
	flag.BoolVar(&c.clusters, "clusters", true, "learn word clusters from the text")
	flag.StringVar(&c.lexiconFile, "lexicon", "", "a lexicon.bin that is kept: it is not made anew")
	flag.Float64Var(&c.tweets, "tweets", 0.4, "share of the tweets that is learned from")
	flag.Float64Var(&c.netRate, "net", 0.02, "step of the net over vectors")
	flag.Float64Var(&c.netDrop, "netdrop", 0.3, "share of the net's hidden units dropped in a step")
	flag.IntVar(&c.members, "members", 2, "models that are trained apart and joined to one")
	flag.StringVar(&c.errors, "errors", "", "file to write errors to")
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
	if c.lexiconFile != "" {
		raw, err := os.ReadFile(c.lexiconFile)
		if err != nil {
			return err
		}
		file.Write(raw)
	} else if err := lex.Write(&file); err != nil {
		return err
	}
	ready, err := entity.ReadLexicon(&file)
	if err != nil {
		return err
	}
	labels := crf.NewLabels(learned)
	x := &entity.Extractor{Lexicon: ready, Vectors: vector.Open(), Bits: c.options.Bits}
	for _, set := range strings.Split(c.leave, ",") {
		if set == "" {
			continue
		}
		test, rest := split(all, strings.Split(set, "+")...)
		began := time.Now()
		m := c.joined(rest, labels, x, names)
		fmt.Printf("%s (%d sentences; trained on %d in %.0fs)\n", set, len(test), len(rest), time.Since(began).Seconds())
		for _, one := range strings.Split(set, "+") {
			in, _ := split(test, one)
			fmt.Println(one)
			measure(m, x, in, c.errors)
		}
	}
	if c.out == "" && c.check == "" {
		return nil
	}
	m := c.joined(all, labels, x, names)
	files := map[string]func(io.Writer) error{"entity.net": m.nets.Write, "entity.crf": func(w io.Writer) error { return m.Write(w, 2) }}
	if c.lexiconFile == "" {
		files["lexicon.bin"] = lex.Write
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := c.deliver(name, files[name]); err != nil {
			return err
		}
	}
	return nil
}

// deliver writes a file of the model, or holds it to the one that is there.
func (c *config) deliver(name string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	if c.check != "" {
		there, err := os.ReadFile(filepath.Join(c.check, name))
		if err != nil {
			return err
		}
		if !bytes.Equal(there, b.Bytes()) {
			return fmt.Errorf("%s of %s is not what this recipe writes", name, c.check)
		}
		fmt.Println(name, "is what this recipe writes")
	}
	if c.out == "" {
		return nil
	}
	return os.WriteFile(filepath.Join(c.out, name), b.Bytes(), 0o644)
}

// model is what is trained.
type model struct {
	*crf.Model
	nets entity.Nets
}

// joined trains the members, each from its own seed, and joins them: their scores' means are the model's.
func (c *config) joined(data []sentence, labels crf.Labels, x *entity.Extractor, names *namer) model {
	all := make([]model, c.members)
	var wg sync.WaitGroup
	for i := range all {
		one, own := *c, &entity.Extractor{Lexicon: x.Lexicon, Vectors: x.Vectors, Bits: x.Bits}
		one.options.Seed += uint64(i)
		wg.Go(func() { all[i] = one.train(data, labels, own, names) })
	}
	wg.Wait()
	var m model
	crfs := make([]*crf.Model, len(all))
	for i, one := range all {
		crfs[i], m.nets = one.Model, append(m.nets, one.nets...)
	}
	m.Model = crf.Mean(crfs)
	return m
}

func (c *config) train(data []sentence, labels crf.Labels, x *entity.Extractor, names *namer) model {
	rng := rand.New(rand.NewPCG(c.options.Seed, 9))
	data = slices.DeleteFunc(slices.Clone(data), func(s sentence) bool { return s.set == "btc" && rng.Float64() >= c.tweets })
	all := featured(augmented(data, c.augment, names, c.options.Seed), labels, x)
	all.t = newTeacher(labels, c.netRate, c.netDrop, c.options.Seed)
	m := crf.Train(labels, all, c.options)
	return model{m, entity.Nets{all.t.ready(x.Vectors)}}
}

// lexicon builds it from the lists and the text. No labelled set is looked at.
func (c *config) lexicon() (*entity.Builder, *namer, error) {
	lex, words := entity.NewBuilder(), map[uint64]*entity.Word{}
	names, err := readLists(filepath.Join(c.text, "lists.tsv"), lex, words)
	if err != nil {
		return nil, nil, err
	}
	if c.lexiconFile != "" {
		return lex, names, nil
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
