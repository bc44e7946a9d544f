package main

import (
	"fmt"
	"os"
	"strings"

	"cloister/internal/work/sentiment"
)

// written reads sentences of reviews that this project wrote: +, - or 0, a blank, the sentence.
func written(paths ...string) (out []example, err error) {
	for _, p := range paths {
		raw, err := os.ReadFile(p)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(raw)) {
			sign, text, _ := strings.Cut(strings.TrimSpace(line), " ")
			switch sign {
			case "+":
				out = append(out, example{text: text, class: sentiment.Positive})
			case "-":
				out = append(out, example{text: text, class: sentiment.Negative})
			case "0":
				out = append(out, example{text: text, class: sentiment.Neutral})
			case "", "#", "---":
			default:
				return nil, fmt.Errorf("%s: %q", p, line)
			}
		}
	}
	return out, nil
}

// marked reads texts, a tab and 1 for good or 0 for bad.
func marked(path string) (out []example, err error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(raw)) {
		text, mark, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "\t")
		switch {
		case ok && mark == "1":
			out = append(out, example{text: text, class: sentiment.Positive})
		case ok && mark == "0":
			out = append(out, example{text: text, class: sentiment.Negative})
		default:
			return nil, fmt.Errorf("%s: %q", path, line)
		}
	}
	return out, nil
}

// apart leaves the pairs of sentences out whose number has the remainder fold by 5.
func apart(set []example, fold int) (rest, held []example) {
	for i, e := range set {
		if fold >= 0 && i/2%5 == fold%5 {
			if e.class != sentiment.Neutral {
				held = append(held, e)
			}
		} else {
			rest = append(rest, e)
		}
	}
	return rest, held
}

// twoWay reports how often the better of positive and negative is right, how often it is also the best score, and how often NEUTRAL is.
func twoWay(name string, set []example, j *sentiment.Judge) {
	right, named, neutral := 0.0, 0.0, 0.0
	for _, e := range set {
		r := j.Judge(e.text)
		if (r.SentimentScore.Positive >= r.SentimentScore.Negative) == (e.class == sentiment.Positive) {
			right++
		}
		switch r.Sentiment {
		case []string{"POSITIVE", "NEGATIVE"}[e.class]:
			named++
		case "NEUTRAL":
			neutral++
		}
	}
	n := float64(max(1, len(set)))
	fmt.Printf("%s: %d, two-way %.3f, named %.3f, NEUTRAL %.3f\n", name, len(set), right/n, named/n, neutral/n)
}
