package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cloister/internal/work/crf"
	"cloister/internal/work/entity"
	"cloister/internal/work/token"
)

// sentence is one labelled sentence: gold holds B-T, I-T and O with the types below, "MISC" for one of the four rarer types, or "?" for
// what its set does not say.
type sentence struct {
	pieces []entity.Piece
	gold   []string
	set    string
	doc    int // number of its document within all sets; sentences of sets without documents have one each
}

// learned are the types that the model learns; DATE and QUANTITY are rules.
var learned = []string{"PERSON", "LOCATION", "ORGANIZATION", "COMMERCIAL_ITEM", "EVENT", "TITLE", "OTHER"}

// rare are the types that MISC may be.
var rare = []string{"COMMERCIAL_ITEM", "EVENT", "TITLE", "OTHER"}

// silent are the types that a set does not label: its O may be one of them.
var silent = map[string][]string{
	"btc":    rare,
	"wnut17": {"EVENT", "OTHER"},
}

// types maps the labels of the sets to ours. A concept (an algorithm, a genre) is no entity of AWS's list; the model may take it for
// one of OTHER or for none.
var types = map[string]string{
	"per": "PERSON", "person": "PERSON", "politician": "PERSON", "writer": "PERSON", "musicalartist": "PERSON", "scientist": "PERSON", "researcher": "PERSON",
	"loc": "LOCATION", "location": "LOCATION", "country": "LOCATION",
	"org": "ORGANIZATION", "organisation": "ORGANIZATION", "corporation": "ORGANIZATION", "group": "ORGANIZATION", "politicalparty": "ORGANIZATION", "band": "ORGANIZATION",
	"university": "ORGANIZATION", "magazine": "ORGANIZATION",
	"product": "COMMERCIAL_ITEM",
	"event":   "EVENT", "election": "EVENT", "conference": "EVENT",
	"book": "TITLE", "poem": "TITLE", "album": "TITLE", "song": "TITLE", "creative-work": "TITLE", "academicjournal": "TITLE",
	"award": "OTHER", "programlang": "OTHER", "astronomicalobject": "OTHER",
	"misc":  "MISC",
	"field": "concept", "task": "concept", "algorithm": "concept", "metrics": "concept", "literarygenre": "concept", "musicgenre": "concept", "musicalinstrument": "concept",
	"chemicalcompound": "concept", "protein": "concept", "enzyme": "concept", "discipline": "concept", "chemicalelement": "concept", "theory": "concept",
}

// load reads the sets that are used.
func load(dir string) ([]sentence, error) {
	files := []struct{ set, glob string }{{"wikigold", "wikigold/*.txt"}, {"wnut17", "wnut17/*.conll"}, {"btc", "btc/*.conll"}}
	for _, d := range []string{"ai", "literature", "music", "politics", "science"} {
		files = append(files, struct{ set, glob string }{"crossner-" + d, "crossner/" + d + "/*.txt"})
	}
	var out []sentence
	for _, f := range files {
		paths, err := filepath.Glob(filepath.Join(dir, f.glob))
		if err != nil || len(paths) == 0 {
			return nil, fmt.Errorf("no %s in %s", f.glob, dir)
		}
		for _, p := range paths {
			s, err := read(p, f.set)
			if err != nil {
				return nil, err
			}
			out = append(out, s...)
		}
	}
	return out, nil
}

func read(path, set string) ([]sentence, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []sentence
	var rows []row
	doc, marked := 0, false
	end := func() error {
		if !marked {
			doc++
		}
		s := sentence{set: set, doc: doc}
		last := "O" // IO labels become BIO
		for _, r := range joined(rows) {
			gold, err := label(r.label, last)
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			last = r.label
			s.add(r.word, gold)
		}
		if len(s.pieces) > 0 {
			out = append(out, s)
		}
		rows = rows[:0]
		return nil
	}
	in := bufio.NewScanner(f)
	for in.Scan() {
		fields := strings.Fields(in.Text())
		if len(fields) == 0 || fields[0] == "-DOCSTART-" {
			if err := end(); err != nil {
				return nil, err
			}
			if len(fields) > 0 {
				marked = true
				doc++
			}
			continue
		}
		if len(fields) > 1 {
			rows = append(rows, row{fields[0], fields[len(fields)-1]})
		}
	}
	if err := end(); err != nil {
		return nil, err
	}
	return out, in.Err()
}

// row is a line of a set.
type row struct{ word, label string }

// joined puts together what the Broad Twitter Corpus cuts and no text does: @ and the name behind it, and U . S .
func joined(rows []row) []row {
	var out []row
	for i := 0; i < len(rows); i++ {
		r := rows[i]
		letter := func(j int) bool {
			return j+1 < len(rows) && len(rows[j].word) == 1 && rows[j].word >= "A" && rows[j].word <= "Z" && rows[j+1].word == "."
		}
		switch {
		case r.word == "@" && i+1 < len(rows):
			i++
			r.word += rows[i].word
		case letter(i) && letter(i+2):
			for r.word = ""; letter(i); i += 2 {
				r.word += rows[i].word + "."
			}
			i--
		}
		out = append(out, r)
	}
	return out
}

// label turns a set's label into ours.
func label(raw, last string) (string, error) {
	if raw == "O" || len(raw) < 3 {
		return "O", nil
	}
	t, ok := types[strings.ToLower(raw[2:])]
	if !ok {
		return "", fmt.Errorf("unknown label %q", raw)
	}
	if t == "concept" {
		return "concept", nil
	}
	if raw[0] == 'B' || last == "O" || len(last) < 3 || last[2:] != raw[2:] {
		return "B-" + t, nil
	}
	return "I-" + t, nil
}

var quotes = strings.NewReplacer("``", "\"", "''", "\"", "-LRB-", "(", "-RRB-", ")", "\u00b4", "'")

// add appends a word of a set, cut as the engine cuts text.
func (s *sentence) add(word, gold string) {
	word = quotes.Replace(word)
	n := len(s.pieces)
	s.pieces = entity.Pieces(word, token.Split(word), s.pieces)
	for i := n; i < len(s.pieces); i++ {
		g := gold
		if i > n && strings.HasPrefix(g, "B-") {
			g = "I-" + g[2:]
		}
		if s.pieces[i].Kind == token.Handle {
			g = "?"
		}
		s.gold = append(s.gold, g)
	}
}

// masks gives the labels that each piece may have.
func (s *sentence) masks(labels crf.Labels) []uint64 {
	bit := func(l string) uint64 { return 1 << labels.Index(l) }
	none := bit("O")
	for _, t := range silent[s.set] {
		none |= bit("B-"+t) | bit("I-"+t)
	}
	out := make([]uint64, len(s.gold))
	for i, g := range s.gold {
		switch {
		case g == "O":
			out[i] = none
		case g == "?":
			out[i] = 1<<len(labels) - 1
		case g == "concept":
			out[i] = bit("O") | bit("B-OTHER") | bit("I-OTHER")
		case strings.HasSuffix(g, "-MISC"):
			for _, t := range rare {
				out[i] |= bit(g[:2] + t)
			}
		default:
			out[i] = bit(g)
		}
	}
	return out
}

// span is a labelled stretch of pieces.
type span struct {
	begin, end int
	kind       string
}

// spans reads them off the gold labels.
func (s *sentence) spans() []span {
	var out []span
	for i := 0; i < len(s.gold); i++ {
		if !strings.HasPrefix(s.gold[i], "B-") {
			continue
		}
		j := i + 1
		for j < len(s.gold) && s.gold[j] == "I-"+s.gold[i][2:] {
			j++
		}
		out = append(out, span{i, j, s.gold[i][2:]})
	}
	return out
}

// split parts the sentences of the named sets from the others.
func split(all []sentence, sets ...string) (in, rest []sentence) {
	for _, s := range all {
		if slices.Contains(sets, s.set) {
			in = append(in, s)
		} else {
			rest = append(rest, s)
		}
	}
	return in, rest
}
