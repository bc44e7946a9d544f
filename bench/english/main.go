// Command english sets the house's engines for English beside named peers on like work, in one run, and prints the ratios: tags beside prose, sentiment
// beside govader. It judges nothing: a slow machine slows both.
//
// Alike: the same text, built from sentences of this file; one goroutine; models opened before the clock starts; contenders take turns within each round,
// and the best round counts.
//
// Not alike, and how it leans: ours also looks each word up in a lexicon, gives a probability and counts code points; prose gives neither. govader looks words up
// in a lexicon alone; ours also has a classifier over words, pairs and pieces of words, judges clauses, and gives probabilities.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/jdkato/prose/v3"
	"github.com/jonreiter/govader"

	"cloister/internal/work/phrase"
	"cloister/internal/work/sentiment"
	"cloister/internal/work/syntax"
	"cloister/internal/work/targeted"
)

const rounds = 7

var sentences = []string{
	"The company's third-quarter profit, hurt by higher costs, fell to $1.2 billion from $1.5 billion a year earlier.",
	"We had a wonderful time, but the service was slow and nobody apologised.",
	"Rescue workers pulled three survivors from the rubble late on Sunday, officials said.",
	"I don't think this phone is worth half of what they ask for it!",
	"Maria Duarte, an analyst in New York, does not expect any major changes before next spring.",
	"The screen is gorgeous, the battery lasts two days, and it fits into any pocket.",
}

type contender struct {
	name string
	work func() error
	best time.Duration
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "cannot compare:", err)
		os.Exit(1)
	}
}

func run() error {
	runtime.GOMAXPROCS(2) // one for the engine, one for the collector
	tagger, err := syntax.Open()
	if err != nil {
		return err
	}
	finder, err := phrase.Open()
	if err != nil {
		return err
	}
	judge, err := sentiment.Open()
	if err != nil {
		return err
	}
	engine, err := targeted.Open()
	if err != nil {
		return err
	}
	vader := govader.NewSentimentIntensityAnalyzer()
	long := strings.Repeat(strings.Join(sentences, " ")+" ", 60)
	var short []string
	for range 100 {
		short = append(short, sentences...)
	}
	each := func(f func(string)) func() error {
		return func() error {
			for _, s := range short {
				f(s)
			}
			return nil
		}
	}
	for _, c := range []struct {
		title string
		size  int
		list  []*contender
	}{
		{"tokens, sentences and tags of one text", len(long), []*contender{
			{name: "prose", work: func() error {
				_, err := prose.NewDocument(long, prose.WithExtraction(false))
				return err
			}},
			{name: "ours, syntax", work: func() error {
				tagger.Sentences(long, func([]syntax.Token) bool { return true })
				return nil
			}},
			{name: "ours, key phrases", work: func() error { finder.Find(long); return nil }},
		}},
		{"sentiment of short texts", len(strings.Join(short, "")), []*contender{
			{name: "govader", work: each(func(s string) { vader.PolarityScores(s) })},
			{name: "ours", work: each(func(s string) { judge.Judge(s) })},
			{name: "ours, targeted", work: each(func(s string) { engine.Find(s) })},
		}},
	} {
		if err := compare(c.title, c.size, c.list); err != nil {
			return err
		}
	}
	return nil
}

func compare(title string, size int, list []*contender) error {
	for range rounds {
		for _, c := range list {
			t := time.Now()
			if err := c.work(); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			if d := time.Since(t); c.best == 0 || d < c.best {
				c.best = d
			}
		}
	}
	fmt.Printf("\n%s (%d bytes)\n", title, size)
	for _, c := range list {
		fmt.Printf("  %-18s %8.2f MB/s  %5.2f x %s\n", c.name, float64(size)/1e6/c.best.Seconds(), list[0].best.Seconds()/c.best.Seconds(), list[0].name)
	}
	return nil
}
