package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"cloister/internal/work/crf"
	"cloister/internal/work/entity"
)

type score struct{ hit, found, gold int }

func (s score) String() string {
	p, r := float64(s.hit)/float64(max(s.found, 1)), float64(s.hit)/float64(max(s.gold, 1))
	return fmt.Sprintf("P=%.3f R=%.3f F1=%.3f n=%d", p, r, 2*p*r/max(p+r, 1e-9), s.gold)
}

// measure prints exact-span figures over people, places and organisations at some thresholds, then by type.
func measure(m model, x *entity.Extractor, test []sentence, errors string) {
	types := m.Labels.Types()
	core := types[:3]
	least := []float64{0.3, 0.35, 0.4, 0.45, 0.5}
	sums := make([]score, len(least))
	byType := map[string]*score{}
	for _, t := range types {
		byType[t] = &score{}
	}
	var bins [10]score
	var l crf.Lattice
	var boost []float32
	var e entity.Echo
	run := func(s *sentence) {
		x.Sentence(s.pieces)
		boost = m.nets.Boost(x, boost)
		entity.Address(x, s.pieces, m.Labels, boost)
		m.Run(&l, x.Feats, x.Offs, boost)
	}
	first := 0 // of the document
	for i := range test {
		if i == 0 || test[i].doc != test[i-1].doc || test[i].set != test[i-1].set {
			e.Reset(m.Labels)
			first = i
			for _, s := range test[i:] {
				if s.doc != test[i].doc || s.set != test[i].set {
					break
				}
				run(&s)
				e.Add(x, &l)
			}
		}
		if !e.Again(i-first, m.Model, &l) {
			run(&test[i])
		}
		gold := test[i].spans()
		if errors != "" {
			complain(errors, &test[i], gold, l.Spans(0.33, 12), types)
		}
		for j, at := range least {
			for _, g := range gold {
				if slices.Contains(core, g.kind) {
					sums[j].gold++
				}
				if at == 0.4 && byType[g.kind] != nil {
					byType[g.kind].gold++
				}
			}
			for _, s := range l.Spans(at, 12) {
				hit := slices.Contains(gold, span{s.Begin, s.End, types[s.Type]})
				if test[i].gold[s.Begin] == "?" || !slices.Contains(core, types[s.Type]) && at != 0.4 {
					continue
				}
				if s.Type < 3 {
					sums[j].found++
					if hit {
						sums[j].hit++
					}
				}
				if at == 0.4 {
					byType[types[s.Type]].found++
					if hit {
						byType[types[s.Type]].hit++
					}
				}
				if at == 0.3 && s.Type < 3 {
					b := &bins[min(9, int(s.Score*10))]
					b.found++
					if hit {
						b.hit++
					}
				}
			}
		}
	}
	for j, at := range least {
		fmt.Printf("  at %.2f %v\n", at, sums[j])
	}
	for _, t := range types {
		fmt.Printf("  %-16s %v\n", t, *byType[t])
	}
	for i, b := range bins {
		if b.found > 0 {
			fmt.Printf("  [%.1f %d %.2f]", float64(i)/10, b.found, float64(b.hit)/float64(b.found))
		}
	}
	fmt.Println()
}

// complain appends the errors of a sentence to a file.
func complain(path string, s *sentence, gold []span, found []crf.Span, types []string) {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	words := func(a, b int) string {
		var w []string
		for _, p := range s.pieces[max(a, 0):min(b, len(s.pieces))] {
			w = append(w, p.Text)
		}
		return strings.Join(w, " ")
	}
	for _, g := range gold {
		if !slices.ContainsFunc(found, func(o crf.Span) bool { return o.Begin == g.begin && o.End == g.end && types[o.Type] == g.kind }) {
			fmt.Fprintf(f, "%s MISS %s [%s] | %s | %s\n", s.set, g.kind, words(g.begin, g.end), words(g.begin-4, g.begin), words(g.end, g.end+4))
		}
	}
	for _, o := range found {
		if !slices.Contains(gold, span{o.Begin, o.End, types[o.Type]}) {
			fmt.Fprintf(f, "%s WRONG %s %.2f [%s] | %s | %s\n", s.set, types[o.Type], o.Score, words(o.Begin, o.End), words(o.Begin-4, o.Begin), words(o.End, o.End+4))
		}
	}
}
