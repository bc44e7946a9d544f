package entity

import (
	"strings"

	"cloister/internal/work/crf"
	"cloister/internal/work/token"
	"cloister/internal/work/vector"
)

// find looks the pieces up among the words that have vectors. Of an unknown word with a hyphen the last part is taken.
func (x *Extractor) find(ps []Piece) {
	for i, p := range ps {
		if p.Kind == token.Address || p.Kind == token.Handle {
			continue
		}
		w, ok := x.Vectors.Find(p.Text)
		if !ok && p.Kind == token.Word {
			if at := strings.LastIndexByte(p.Text, '-'); at > 0 {
				w, ok = x.Vectors.Find(p.Text[at+1:])
			} else if s := strings.TrimRight(p.Text, "."); s != "" && s != p.Text {
				w, ok = x.Vectors.Find(s)
			}
		}
		if !ok {
			continue
		}
		a := &x.at[i+2]
		a.word = w
		for level := range vector.Levels {
			a.near[level] = uint64(w.Cluster(level)) + 1
		}
	}
}

// company adds what the clusters of piece i of n and its neighbours tell. What it adds is apart from what piece adds, so that models
// trained before there were clusters of vectors still find theirs.
func (x *Extractor) company(i, n int, sc uint64) {
	a := &x.at[i+2]
	p1, p2, n1, n2 := &x.at[i+1], &x.at[i], &x.at[i+3], &x.at[i+4]
	k := uint64(1 << 20)
	add := func(v, w uint64) {
		k++
		h := (v+k*0x9e3779b97f4a7c15)*0xff51afd7ed558ccd ^ (w+k)*0xc4ceb9fe1a85ec53
		x.Feats = append(x.Feats, crf.Bucket(finish(h), x.Bits))
	}
	first := uint64(0)
	if i == 0 || p1.class == caseNone && p2.low == 11 {
		first = 1
	}
	how := a.class<<4 | first<<3 | sc
	add(a.near[0], 0)
	add(a.near[1], 0)
	add(a.near[2], a.class)
	add(a.near[3], how)
	add(a.near[1], how)
	for level := range vector.Levels {
		add(p1.near[level], 0)
		add(n1.near[level], 0)
	}
	add(p2.near[2], 1)
	add(n2.near[2], 1)
	add(p1.near[3]<<8|a.near[3], a.class)
	add(a.near[3]<<8|n1.near[3], a.class)
	add(p1.near[2]<<12|a.near[2], 0)
	add(a.near[2]<<12|n1.near[2], 0)
	add(p1.near[2], a.short)
	add(n1.near[2], a.short)
	add(p1.near[3]<<8|n1.near[3], a.short)
	add(p2.near[3]<<8|p1.near[3], a.short)
	add(n1.near[3]<<8|n2.near[3], a.short)
	if a.run > 0 {
		head, tail := i+2-a.at, i+2-a.at+a.run-1
		before, after := &x.at[head-1], &x.at[min(tail+1, n+2)]
		where := uint64(min(a.at, 2))<<4 | uint64(min(a.run, 4))
		h, t := &x.at[head], &x.at[tail]
		add(h.near[1], uint64(min(a.at, 2)))
		add(t.near[1], uint64(min(a.run-a.at, 3)))
		add(h.near[3], where)
		add(t.near[2], where)
		add(h.near[3]<<8|t.near[3], where)
		add(before.near[1], where)
		add(after.near[1], where)
		add(before.near[2]<<12|t.near[3], 0)
		add(after.near[2]<<12|t.near[3], 0)
		add(before.near[3]<<8|after.near[3], where)
	} else {
		k += 10
	}
	if a.place > 0 {
		noun, last := &x.at[a.noun], &x.at[a.end]
		add(a.far[1]+3*a.near[3], a.place)
		add(noun.near[1], a.far[1]+a.place)
		add(noun.near[2], a.place)
		add(noun.near[2]<<12|last.near[2], a.place)
		add(last.near[2], a.far[1]+a.place)
		add(noun.near[3]<<8|last.near[3], a.far[1]+a.place)
	}
}
