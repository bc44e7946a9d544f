package entity_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestQuality prints exact-span figures over people, places and organisations on labelled files *.conll in the folder entities of
// $CLOISTER_DATA: a word a line with its BIO or IO label last (PER, LOC, ORG; others are passed over), a blank line between
// sentences. The built-in model has seen the sets of its card, so that files of these measure nothing. It judges nothing.
func TestQuality(t *testing.T) {
	dir := os.Getenv("CLOISTER_DATA")
	paths, err := filepath.Glob(filepath.Join(dir, "entities", "*.conll"))
	if dir == "" || err != nil || len(paths) == 0 {
		t.Skip("CLOISTER_DATA names no folder with entities/*.conll: nothing unseen to measure; tools/entitygen -leave measures models that have not seen a set")
	}
	d := open(t)
	for _, p := range paths {
		raw, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		var hit, found, gold int
		for block := range strings.SplitSeq(strings.ReplaceAll(string(raw), "\r", ""), "\n\n") {
			text, spans := sentence(block)
			gold += len(spans)
			for _, e := range d.Find(text) {
				s := goldSpan{e.BeginOffset, e.EndOffset, e.Type}
				if e.Type != "PERSON" && e.Type != "LOCATION" && e.Type != "ORGANIZATION" {
					continue
				}
				found++
				if slices.Contains(spans, s) {
					hit++
				}
			}
		}
		p1, r := float64(hit)/float64(max(found, 1)), float64(hit)/float64(max(gold, 1))
		t.Logf("%s: P %.3f R %.3f F1 %.3f of %d", filepath.Base(p), p1, r, 2*p1*r/max(p1+r, 1e-9), gold)
	}
}

type goldSpan struct {
	begin, end int
	kind       string
}

// sentence joins the words of a block by blanks.
func sentence(block string) (text string, spans []goldSpan) {
	at, last := 0, ""
	for line := range strings.Lines(block) {
		f := strings.Fields(line)
		if len(f) < 2 || strings.HasPrefix(line, "# ") {
			continue
		}
		if text != "" {
			text += " "
			at++
		}
		text += f[0]
		end := at + utf8.RuneCountInString(f[0])
		label := f[len(f)-1]
		var kind string
		if len(label) > 2 {
			kind = map[string]string{"PER": "PERSON", "LOC": "LOCATION", "ORG": "ORGANIZATION"}[label[2:]]
		}
		switch {
		case kind == "":
		case label[0] == 'B' || kind != last:
			spans = append(spans, goldSpan{at, end, kind})
		default:
			spans[len(spans)-1].end = end
		}
		at, last = end, kind
	}
	return text, spans
}
