// Command syntaxgen writes internal/work/syntax/lexicon.gz from the folder that fetch.sh fills. Its output depends on nothing else.
package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"flag"
	"log"
	"os"
	"slices"
	"strings"
	"unicode"
)

// penn are the tags that the tagger knows; others of the package are mixtures and slips.
const penn = " EX NNPS WP$ TO FW JJR VBN CC NNP VBZ VBD POS RB CD NN JJ RBS MD VB RP WRB RBR IN PRP$ SYM DT VBP PDT JJS WDT UH VBG NNS WP PRP "

func main() {
	data := flag.String("data", "", "folder filled by fetch.sh")
	out := flag.String("out", "internal/work/syntax/lexicon.gz", "lexicon to write")
	flag.Parse()
	if err := run(*data, *out); err != nil {
		log.Fatal(err)
	}
}

func run(data, out string) error {
	f, err := os.Open(data + "/brill.tsv")
	if err != nil {
		return err
	}
	defer f.Close()
	var lines []string
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		word, tags, _ := strings.Cut(sc.Text(), "\t")
		if strings.IndexFunc(word, unicode.IsLetter) < 0 || strings.ContainsAny(word, " \t") {
			continue
		}
		var keep []string
		for t := range strings.FieldsSeq(tags) {
			if strings.Contains(penn, " "+t+" ") {
				keep = append(keep, t)
			}
		}
		if len(keep) > 0 {
			lines = append(lines, word+" "+strings.Join(keep, " "))
		}
	}
	if err := sc.Err(); err != nil {
		return err
	}
	slices.Sort(lines)
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write([]byte(strings.Join(lines, "\n") + "\n")); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(out, b.Bytes(), 0o644)
}
