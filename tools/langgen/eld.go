package main

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"

	"cloister/internal/work/language"
)

// eldFloor is what Nito-ELD takes off every stored weight to keep its file small.
const eldFloor = 53

// eldTable is Nito-ELD's weights: n-gram -> column -> weight with the floor put back.
type eldTable map[language.Key]map[string]int

var (
	eldQuoted = regexp.MustCompile(`'((?:[^'\\]|\\.)*)'`)
	eldColumn = regexp.MustCompile(`(\d+):'(\w+)'`)
	eldEntry  = regexp.MustCompile(`(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([\w$\x{80}-\x{10FFFF}]+)):\{([\d:,]*)\}`)
)

// readELD reads the npm package eld: src/dictionary.js spells bytes as characters, src/ngrams/SIZE.js has the weights.
func readELD(dir, size string) (eldTable, error) {
	spelling, err := os.ReadFile(dir + "/src/dictionary.js")
	if err != nil {
		return nil, err
	}
	_, list, _ := strings.Cut(string(spelling), "dictionary = [")
	byteOf := map[rune]byte{}
	for i, m := range eldQuoted.FindAllStringSubmatch(list, -1) {
		if r := []rune(strings.ReplaceAll(m[1], `\`, "")); len(r) == 1 && r[0] != ' ' {
			byteOf[r[0]] = byte(i)
		}
	}
	raw, err := os.ReadFile(dir + "/src/ngrams/" + size + ".js")
	if err != nil {
		return nil, err
	}
	head, body, ok := strings.Cut(string(raw), "ngrams:{")
	if !ok {
		return nil, fmt.Errorf("cannot read %s.js: no ngrams", size)
	}
	column := map[string]string{}
	for _, m := range eldColumn.FindAllStringSubmatch(head, -1) {
		column[m[1]] = m[2]
	}
	out := eldTable{}
	for _, m := range eldEntry.FindAllStringSubmatch(body, -1) {
		spelled := m[1] + m[2] + m[3]
		key, err := eldKey(strings.ReplaceAll(spelled, `\`, ""), byteOf)
		if err != nil {
			return nil, err
		}
		out[key] = map[string]int{}
		for pair := range strings.SplitSeq(m[4], ",") {
			c, w, _ := strings.Cut(pair, ":")
			weight, err := strconv.Atoi(w)
			if err != nil || column[c] == "" {
				return nil, fmt.Errorf("cannot read weight %q of %q", pair, spelled)
			}
			out[key][column[c]] = weight + eldFloor
		}
	}
	return out, nil
}

func eldKey(spelled string, byteOf map[rune]byte) (language.Key, error) {
	begins, ends := strings.HasPrefix(spelled, " "), strings.HasSuffix(spelled, " ")
	var b []byte
	for _, r := range strings.Trim(spelled, " ") {
		c, ok := byteOf[r]
		if !ok {
			return 0, fmt.Errorf("cannot read n-gram %q: no byte is spelled %q", spelled, r)
		}
		b = append(b, c)
	}
	if len(b) == 0 || len(b) > 4 {
		return 0, fmt.Errorf("cannot read n-gram %q: %d bytes", spelled, len(b))
	}
	return language.MakeKey(b, begins, ends), nil
}
