package phrase

import (
	"strings"

	"cloister/internal/work/token"
)

// breaks says whether a new phrase begins at j although a noun or number stands before it: the company | last year.
func (c *chunker) breaks(i, j int) bool {
	w, t := c.low(j), c.tag(j)
	prev := c.tag(j - 1)
	switch w {
	case "last", "next", "this", "earlier", "later", "late", "early":
		return noun(prev) || prev == "CD"
	case "yesterday", "today", "tomorrow", "tonight":
		return c.tag(j+1) != "POS" || noun(prev)
	case "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday":
		return (prev == "NN" || prev == "NNS" || prev == "NNP" && !weekdayLead(c.low(j-1))) && c.tag(j-1) != "POS" && !(c.tag(i) == "DT" && noun(c.tag(j+1))) && !weekdayLead(c.low(j-1)) || prev == "CD"
	case "mr.", "mrs.", "ms.", "dr.", "sen.", "rep.", "gov.":
		return prev == "NNS" || prev == "CD"
	case "such":
		return true
	case "tens", "dozens", "hundreds", "thousands", "millions", "billions", "lots":
		return noun(prev) && c.low(j+1) == "of"
	case "more", "less", "most", "much", "many":
		return noun(prev)
	}
	if t == "JJ" && (w == "due" || w == "able" || w == "likely" || w == "available" || w == "unable" || w == "ready" || w == "willing" || w == "subject" || w == "worth" || w == "aware") {
		return true
	}
	if t == "CD" && prev == "NNS" && c.ts[j-1].Kind == token.Word && !noun(c.tag(j+1)) && c.tag(i) != "CD" {
		return !named(c.low(j - 1))
	}
	if t == "NNP" && prev == "NNS" && c.tag(j-1) == "NNS" && i < j-1 && c.tag(i) != "NNP" && c.tag(i) != "NNS" && c.tag(j+1) != "NNS" && c.tag(j+1) != "NN" {
		return true // the shares Apple sold
	}
	return false
}

// degree says whether an adverb may begin a phrase: it measures the adjective behind it.
func degree(w string) bool {
	switch w {
	case "very", "most", "more", "less", "least", "quite", "rather", "pretty", "once", "long", "well", "better", "ever", "far", "much", "still", "almost", "just", "even", "about", "over", "some", "as-yet":
		return true
	}
	return strings.HasSuffix(w, "ly") && w != "only" && w != "early" && w != "reportedly" && w != "allegedly" && w != "previously" && w != "recently" && w != "usually" && w != "generally" && w != "finally" && w != "actually"
}

// named says whether a plural stands before the numbers that name things: pages 10.
func named(w string) bool {
	switch w {
	case "pages", "sections", "chapters", "articles", "numbers", "windows", "levels", "nos.":
		return true
	}
	return false
}

// weekdayLead says whether w stands before weekdays inside one phrase.
func weekdayLead(w string) bool {
	switch w {
	case "black", "good", "easter", "super", "ash", "cyber", "late", "early", "last", "next", "this", "every", "each":
		return true
	}
	return false
}

// participle says whether the participle at j modifies a noun behind it, in a phrase that begins at i.
func (c *chunker) participle(i, j int) bool {
	next := c.tag(j + 1)
	if !noun(next) && !adjective(next) && !(next == "VBN" && noun(c.tag(j+2))) && !(next == "CC" && (c.tag(j+2) == "VBN" || adjective(c.tag(j+2))) && noun(c.tag(j+3)) && j > i) && !(next == "CD" && (noun(c.tag(j+2)) || c.tag(j+2) == "CD" && noun(c.tag(j+3))) && j > i) {
		return false
	}
	if adjective(next) && !c.leads(j+1) {
		return false
	}
	w, t := c.low(j), c.tag(j)
	if j > i { // behind a determiner or another modifier
		if w := c.low(j - 1); (w == "both" || w == "all" || w == "each") && strings.HasPrefix(c.tag(j-2), "VB") {
			return false // have both expressed interest
		}
		if t == "VBD" && (c.low(j-1) == "both" || c.low(j-1) == "all" || c.low(j-1) == "each" || c.low(j-1) == "some" || c.low(j-1) == "many" || c.low(j-1) == "few") {
			return false
		}
		return t != "VBD" || c.tag(j-1) == "DT" || c.tag(j-1) == "PRP$" || adjective(c.tag(j-1))
	}
	if modifier(w) {
		p := c.tag(j - 1)
		return t != "VBG" || !auxiliary(c.low(j-1)) && !(p == "RB" && j > 1 && auxiliary(c.low(j-2)))
	}
	p := c.tag(j - 1)
	switch t {
	case "VBN":
		switch p {
		case "IN":
			switch c.low(j - 1) {
			case "as", "than", "if", "although", "though", "because", "while", "that", "whether", "once", "unless", "until", "since", "when":
				return false
			}
			return true
		case "VB", "VBG", "CC", "":
			if p == "VB" && auxiliary(c.low(j-1)) {
				return false // would have cut costs
			}
			return p != "CC" || adjective(c.tag(j-2)) || noun(c.tag(j-2))
		case "VBD", "VBZ", "VBP":
			return !auxiliary(c.low(j - 1))
		case "TO":
			return true
		}
	case "VBD":
		return p == "IN" && c.low(j-1) != "that" && c.low(j-1) != "because" && c.low(j-1) != "as" && c.low(j-1) != "than" && c.low(j-1) != "if" && c.low(j-1) != "while" && c.low(j-1) != "since" && c.low(j-1) != "after" && c.low(j-1) != "before"
	}
	return false
}

func auxiliary(w string) bool {
	switch w {
	case "is", "are", "was", "were", "be", "been", "being", "has", "have", "had", "'s", "'ve", "'re", "’s", "’ve", "’re", "got", "gets", "get", "became", "remains", "remained":
		return true
	}
	return false
}

// modifier says whether a participle is used as an adjective before nouns more than as a verb with an object.
func modifier(w string) bool {
	switch w {
	case "rising", "falling", "growing", "declining", "soaring", "leading", "remaining", "existing", "operating", "continuing", "pending",
		"outstanding", "coming", "surrounding", "emerging", "working", "living", "underlying", "winning", "missing", "developing", "ongoing", "increasing",
		"slowing", "misleading", "sagging", "surging", "shrinking", "mounting", "competing", "neighboring", "neighbouring", "following", "lasting", "opening", "closing", "resulting",
		"united", "limited", "combined", "related", "advanced", "continued", "improved", "revised", "estimated", "proposed", "planned", "increased", "reduced", "alleged",
		"so-called", "unidentified", "unnamed", "mixed", "fixed", "registered", "retired", "experienced", "detailed", "organized", "organised", "armed", "unspecified",
		"renewed", "repeated", "widespread", "added", "expected", "projected", "scheduled", "adjusted", "unemployed", "preferred", "used", "troubled", "depressed", "disappointing",
		"interested", "certified", "convicted", "elected", "appointed", "suspected", "unexpected", "unprecedented", "sophisticated":
		return true
	}
	return false
}

// bare gives the end of a phrase of a determiner without a noun: the poor, some of, all; or 0.
func (c *chunker) bare(i, j int) int {
	last := c.low(j - 1)
	t := c.tag(i)
	k := j
	for adjective(c.tag(k)) || strings.HasPrefix(c.tag(k), "RB") && adjective(c.tag(k+1)) {
		k++
	}
	if k > j && (last == "the" || t == "PRP$" || t == "POS") && c.tag(k-1) != "JJR" {
		return k
	}
	if t == "DT" && k > j && (last == "a" || last == "an") && (c.low(k-1) == "few" || c.low(k-1) == "little" || c.low(k-1) == "many") {
		return k
	}
	if t != "DT" || k > j {
		return 0
	}
	switch last {
	case "all", "both", "some", "each", "any", "another", "neither", "either", "half", "this", "that", "these", "those", "none":
		if t == "DT" && j == i+1 && (last == "this" || last == "that" || last == "these" || last == "those" || c.low(j) == "of" || c.tag(j) != "VB") {
			return j
		}
	}
	return 0
}

// pronoun says whether a part is no key phrase: pronouns, and determiners alone.
func (c *chunker) pronoun(p Span) bool {
	for i := p.Begin; i < p.End; i++ {
		switch c.tag(i) {
		case "PRP", "EX", "WP", "WDT", "DT", "PDT", "WP$", "POS", "''", "``":
		default:
			return false
		}
	}
	return c.low(p.End) != "of" || p.End-p.Begin > 1 || strings.HasPrefix(c.tag(p.Begin), "PRP") || c.tag(p.Begin) == "WP" || c.low(p.Begin) == "that" || c.low(p.Begin) == "those"
}

// extend joins single nouns that are coordinated without a modifier of their own: oil and gas prices, the men and women.
func (c *chunker) extend(i, end int) int {
	if !noun(c.tag(end - 1)) {
		return end
	}
	det := c.tag(i) == "DT" || c.tag(i) == "PRP$" || c.tag(i) == "POS"
	single := end-i == 1 || det && end-i == 2
	if !single {
		return end
	}
	e := end
	if c.tag(e) == "," { // a list: lawyers, accountants and executives
		for noun(c.tag(e+1)) && c.tag(e) == "," && kind(c.tag(e+1)) == kind(c.tag(end-1)) && !det {
			e += 2
		}
		if e == end || !(c.tag(e) == "CC" || c.tag(e) == "," && c.tag(e+1) == "CC") {
			return end
		}
		if c.tag(e) == "," {
			e++
		}
	}
	if c.tag(e) != "CC" || c.low(e) != "and" && c.low(e) != "or" || !noun(c.tag(e+1)) && c.low(e+1) != "chief" || c.low(e+1) != "chief" && kind(c.tag(e+1)) != kind(c.tag(end-1)) {
		return end
	}
	if fraction(c.low(e + 1)) {
		return end // cash and one-half of the price
	}
	k := e + 1
	if c.low(k) == "chief" {
		k++
		if w := c.low(k); w == "operating" || w == "executive" || w == "financial" {
			k++
		}
	}
	for noun(c.tag(k)) && !c.breaks(e+1, k) {
		k++
	}
	if c.tag(k) == "CD" || c.tag(k) == "POS" || c.tag(k) == "CC" && noun(c.tag(k+1)) {
		return end
	}
	right := k - e - 1
	switch {
	case right == 1:
		return k
	case kind(c.tag(end-1)) == 1: // two names, the second longer
		return end
	case c.low(e+1) == "chief" || c.low(end-1) == "chairman" || c.low(end-1) == "president":
		return k // chairman and chief executive officer
	case c.tag(end-1) == "NN" && right == 2:
		return k // oil and gas prices
	}
	return end
}

// kind tells names from other nouns.
func kind(t string) int {
	if strings.HasPrefix(t, "NNP") {
		return 1
	}
	return 0
}
