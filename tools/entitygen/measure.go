package main

import (
	"fmt"
	"slices"

	"cloister/internal/work/crf"
	"cloister/internal/work/entity"
)

type score struct{ hit, found, gold int }

func (s score) String() string {
	p, r := float64(s.hit)/float64(max(s.found, 1)), float64(s.hit)/float64(max(s.gold, 1))
	return fmt.Sprintf("P=%.3f R=%.3f F1=%.3f n=%d", p, r, 2*p*r/max(p+r, 1e-9), s.gold)
}

// measure prints exact-span figures over people, places and organisations at some thresholds, then by type.
func measure(m *crf.Model, x *entity.Extractor, test []sentence) {
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
	for i := range test {
		x.Sentence(test[i].pieces)
		m.Run(&l, x.Feats, x.Offs, nil)
		gold := test[i].spans()
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
