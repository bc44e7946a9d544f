package main

import (
	"math/rand/v2"
	"slices"
	"strings"

	"cloister/internal/work/entity"
	"cloister/internal/work/token"
)

// Names of organisations are put together from these: what they do or are, and what they are called by beside names of people and
// places.
var (
	trades = strings.Split("Inc.|Corp.|Ltd.|LLC|Co.|Company|Corporation|Group|Holdings|Partners|Capital|Financial|Financial Services|Bank|Savings Bank|Credit Union|Insurance|Investments|"+
		"Technologies|Systems|Software|Networks|Media|Communications|Electronics|Energy|Oil|Power|Airlines|Airways|Railway|Motors|Steel|Foods|Pharmaceuticals|Laboratories|Records|Pictures|Studios|Press|"+
		"Publishing|Books|Times|Post|Herald|Magazine|News|Foundation|Trust|Institute|Association|Society|Federation|League|Union|Council|Committee|Commission|Agency|Authority|Department|Police Department|"+
		"Fire Department|Ministry of Defence|Ministry of Health|University|State University|College|Law School|High School|Elementary School|Academy|Hospital|Medical Center|Clinic|Dental|Veterinary Clinic|"+
		"Church|Museum|Library|Orchestra|Band|Choir|Theatre Company|Club|FC|United|City Council|Rovers|Party|Front|Liberation Army|Army|Brigade|Regiment|Restaurant|Grill|Pizza|Cafe|Bakery|Hotel|Inn|Spa|Salon|"+
		"Auto Repair|Auto Sales|Plumbing|Roofing|Realty|Law Firm|Consulting|Services|Solutions|Supply|Stores|Market|Pharmacy|Fitness|Research Center|Research Council|Cricket Club|Football Club", "|")
	styles = strings.Split("Global|National|International|American|British|European|Asian|Royal|General|Advanced|Pacific|Atlantic|Northern|Southern|Eastern|Western|Central|Premier|First|Golden|Green|Blue|Red|Silver|"+
		"Star|Sun|Mountain|River|Lake|Summit|Eagle|Lion|Liberty|Pioneer|Heritage|Community|People's|Democratic|Social|Conservative|Free|New|Modern|Digital|Micro|Inter|Family|Quality|Express|Sunrise|Crown|Union|Federal", "|")
	fields = strings.Split("Defence|Health|Education|Justice|Foreign Affairs|Science|Technology|Fine Arts|Public Health|Human Rights|Economic Research|Medicine|Music|Engineering|Labour|Agriculture|Trade|Commerce", "|")
	bodies = strings.Split("Ministry|Department|Institute|Academy|School|College|Office|Center|Board|Council|Association|Society|Committee", "|")
)

func pick(l []string, rng *rand.Rand) string { return l[rng.IntN(len(l))] }

// house gives the name of an organisation that likely does not exist.
func (n *namer) house(rng *rand.Rand) string {
	trade := pick(trades, rng)
	switch rng.IntN(12) {
	case 0, 1:
		return pick(n.last, rng) + " " + trade
	case 2:
		return pick(n.last, rng) + " & " + pick(n.last, rng)
	case 3:
		return pick(n.last, rng) + " and " + pick(n.last, rng) + " " + trade
	case 4, 5:
		return pick(n.city, rng) + " " + trade
	case 6:
		return "University of " + pick(n.city, rng)
	case 7:
		return pick(bodies, rng) + " of " + pick(fields, rng)
	case 8:
		return pick(n.first, rng) + "'s " + trade
	case 9:
		return pick(n.city, rng) + " " + pick(styles, rng) + " " + trade
	case 10:
		return pick(bodies, rng) + " for " + pick(fields, rng)
	}
	return pick(styles, rng) + " " + trade
}

// letters gives an abbreviation.
func letters(rng *rand.Rand) string {
	b := make([]byte, 2+rng.IntN(4))
	for i := range b {
		b[i] = "ABCDEFGHILMNOPRSTUW"[rng.IntN(19)]
	}
	return string(b)
}

// rehouse puts other names of organisations in place of those of two pieces and more, and now and then of abbreviations.
func (n *namer) rehouse(s sentence, rng *rand.Rand) (sentence, bool) {
	out := sentence{set: s.set}
	at := 0
	changed := false
	for _, sp := range s.spans() {
		old := s.pieces[sp.begin:sp.end]
		if sp.kind != "ORGANIZATION" {
			continue
		}
		var name string
		switch {
		case len(old) > 1 && !slices.ContainsFunc(old, func(p entity.Piece) bool { return strings.ToLower(p.Text) == p.Text && len(p.Text) > 3 }):
			name = n.house(rng)
		case len(old) == 1 && len(old[0].Text) > 1 && strings.ToUpper(old[0].Text) == old[0].Text && old[0].Kind == token.Word:
			name = letters(rng)
		default:
			continue
		}
		out.pieces = append(out.pieces, s.pieces[at:sp.begin]...)
		out.gold = append(out.gold, s.gold[at:sp.begin]...)
		at = sp.end
		changed = true
		g := "B-ORGANIZATION"
		for _, p := range entity.Pieces(name, token.Split(name), nil) {
			out.pieces = append(out.pieces, p)
			out.gold = append(out.gold, g)
			g = "I-ORGANIZATION"
		}
	}
	out.pieces = append(out.pieces, s.pieces[at:]...)
	out.gold = append(out.gold, s.gold[at:]...)
	return out, changed
}
