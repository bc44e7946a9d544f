package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

// kinds maps WordNet's lexicographer files to the types of targeted sentiment; files that are not here have none.
var kinds = map[string]string{
	"06": "COMMERCIAL_ITEM", // artifact
	"07": "ATTRIBUTE",       // attribute
	"11": "EVENT",
	"13": "COMMERCIAL_ITEM", // food
	"14": "ORGANIZATION",    // group
	"15": "LOCATION",
	"18": "PERSON",
	"21": "ATTRIBUTE", // possession: price, cost
	"23": "QUANTITY",
	"26": "ATTRIBUTE", // state
	"28": "DATE",      // time
}

// nouns writes each single-word noun of WordNet with the type of its usual sense and the share of its senses, each weighing half of the one before, that
// have it, in tenths. A line is "TYPE tenths word word ...".
func nouns(dict, out string) error {
	file := map[string]string{}
	if err := lines(dict+"/data.noun", func(p []string) { file[p[0]] = p[1] }); err != nil {
		return err
	}
	rows := map[string][]string{}
	err := lines(dict+"/index.noun", func(p []string) {
		n, err := strconv.Atoi(p[2])
		if err != nil || strings.Trim(p[0], "abcdefghijklmnopqrstuvwxyz") != "" || len(p[0]) < 3 {
			return
		}
		offs := p[len(p)-n:]
		kind := kinds[file[offs[0]]]
		if kind == "" {
			return
		}
		same, all, w := 0.0, 0.0, 1.0
		for _, o := range offs {
			if kinds[file[o]] == kind {
				same += w
			}
			all += w
			w /= 2
		}
		key := fmt.Sprintf("%s %d", kind, int(10*same/all))
		rows[key] = append(rows[key], p[0])
	})
	if err != nil {
		return err
	}
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	for _, k := range slices.Sorted(maps.Keys(rows)) {
		slices.Sort(rows[k])
		if _, err := fmt.Fprintln(z, k, strings.Join(rows[k], " ")); err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(out, b.Bytes(), 0o644)
}

// lines calls f with the fields of each line that is not of the licence.
func lines(path string, f func([]string)) error {
	r, err := os.Open(path)
	if err != nil {
		return err
	}
	defer r.Close()
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		if t := sc.Text(); t != "" && t[0] != ' ' {
			f(strings.Fields(t))
		}
	}
	return sc.Err()
}
