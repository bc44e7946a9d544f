package syntax

import (
	"strings"

	"cloister/internal/work/token"
)

// repair corrects tags that their neighbours rule out. Each rule is an error that was seen in sentences of ours.
func (m *model) repair(ts []Token) {
	at := func(i int) string {
		if i < 0 || i >= len(ts) {
			return ""
		}
		return ts[i].Tag
	}
	low := func(i int) string {
		if i < 0 || i >= len(ts) {
			return ""
		}
		return strings.ToLower(ts[i].Text)
	}
	for i := range ts {
		t := &ts[i]
		prev, next := at(i-1), at(i+1)
		w := low(i)
		switch {
		case t.Tag == "'" && i > 0 && !t.Spaced && strings.HasSuffix(low(i-1), "s") && noun(prev) && i+1 < len(ts) && ts[i+1].Spaced && (nominal(next) || next == "VBG" || next == "VBN"):
			t.Tag, t.Score = "POS", .9 // the companies' shares
		case t.Tag == "'" && i > 0 && t.Spaced && i+1 < len(ts) && ts[i+1].Spaced && strings.HasSuffix(low(i-1), "s") && noun(prev) && nominal(next):
			t.Tag, t.Score = "POS", .8 // the same, with blanks around each token
		case t.Tag == "'":
			t.Tag = "''"
		case (w == "'s" || w == "’s") && t.Tag == "VBZ" && noun(prev) && (noun(next) || next == "JJ" || next == "JJS" || next == "CD") && !aux(at(i+2)):
			t.Tag = "POS"
		case (w == "'s" || w == "’s") && t.Tag == "POS" && (prev == "PRP" || prev == "EX" || prev == "WP" || prev == "WRB" || low(i-1) == "that" || low(i-1) == "here" || low(i-1) == "let"):
			t.Tag = "VBZ"
		case (w == "'s" || w == "’s") && t.Tag == "POS" && (next == "DT" || next == "VBG" && at(i+2) != "NN" && at(i+2) != "NNS" || next == "RB" && at(i+2) != "JJ" || next == "IN"):
			t.Tag = "VBZ"
		case w == "that" && t.Tag == "DT" && (next == "NNS" || next == "NNP" || next == "NNPS" || next == "DT" || next == "PRP" || next == "PRP$" || next == "EX" || next == "CD"):
			t.Tag = "IN"
		case w == "that" && t.Tag == "IN" && noun(prev) && (verb(next) || next == "MD"):
			t.Tag = "WDT"
		case (w == "her") && t.Tag == "PRP" && (noun(next) || next == "JJ"):
			t.Tag = "PRP$"
		case w == "her" && t.Tag == "PRP$" && !nominal(next) && next != "VBN" && next != "VBG" && next != "RB" && next != "RBS" && next != "''" && next != "``":
			t.Tag = "PRP"
		case (t.Tag == "VB" || t.Tag == "VBP") && (prev == "DT" && low(i-1) != "that" && low(i-1) != "those" && low(i-1) != "these" && low(i-1) != "all" && low(i-1) != "some" && low(i-1) != "both" && low(i-1) != "each" || prev == "PRP$" || prev == "POS"):
			t.Tag = "NN"
			if strings.HasSuffix(w, "s") && !strings.HasSuffix(w, "ss") {
				t.Tag = "NNS"
			}
		case t.Tag == "VBZ" && strings.HasSuffix(w, "s") && w != "is" && w != "has" && w != "does" && w != "was" && (prev == "DT" && low(i-1) != "that" && low(i-1) != "this" && low(i-1) != "each" && low(i-1) != "another" && low(i-1) != "neither" || prev == "PRP$" || prev == "POS" && !verb(next) && next != "DT" || prev == "JJ" && nominal(at(i-2)) && !verb(next) && next != "DT" && next != "PRP" && next != "PRP$"):
			t.Tag = "NNS"
		case (t.Tag == "NN" || t.Tag == "JJ") && prev == "TO" && (next == "DT" || next == "PRP$" || next == "PRP") && t.Kind == token.Word && !strings.HasSuffix(w, "ing"):
			t.Tag = "VB"
		case (t.Tag == "NN" || t.Tag == "VBP") && prev == "MD" && t.Kind == token.Word && w != "%":
			t.Tag = "VB"
		case t.Tag == "VBD" && (prev == "VBZ" || prev == "VBD" || prev == "VBP" || prev == "VB") && aux2(low(i-1)) && w != "had" && w != "did" && w != "was" && w != "were":
			t.Tag = "VBN"
		case t.Tag == "VBG" && i == 0 && (next == "VBZ" || next == "VBD" || next == "MD"):
			t.Tag = "NN" // Flooding has damaged roads
		case t.Tag == "NNS" && (prev == "PRP" || prev == "RB" && at(i-2) == "PRP") && !object(low(i-1)) && !object(low(i-2)) && strings.Contains(" "+m.lexicon[w]+" ", " VBZ "):
			t.Tag = "VBZ" // it never crashes
		case (w == "next" || w == "last") && (t.Tag == "IN" || t.Tag == "RB" || t.Tag == "VB" || t.Tag == "VBP") && timely(low(i+1)):
			t.Tag = "JJ"
		case t.Tag == "NN" && prev == "TO" && low(i-2) == "not" && strings.Contains(" "+m.lexicon[w]+" ", " VB "):
			t.Tag = "VB" // not to plant crops
		case t.Tag == "VBG" && (next == "." || next == ",") && prev != "VBZ" && prev != "VBP" && prev != "VBD" && prev != "VBN" && prev != "VB" && strings.HasPrefix(m.lexicon[w], "NN"):
			t.Tag = "NN"
		case (t.Tag == "RBS" || t.Tag == "RBR") && (w == "most" || w == "more" || w == "less" || w == "least") && (next == "NNS" || next == "NN"):
			t.Tag = "JJ" + t.Tag[2:]
		case t.Tag == "JJR" && (prev == "NN" || prev == "NNP") && strings.HasSuffix(w, "er") && w != "other" && w != "higher" && w != "lower" && w != "later" && w != "earlier" && w != "easier" && (next == "IN" || next == "." || next == "," || next == "VBZ" || next == "VBD" || next == "MD"):
			t.Tag = "NN" // a vacuum cleaner
		case w == "last" && prev == "TO" && next != "NN":
			t.Tag = "VB"
		case t.Tag == "VBD" && prev == "DT" && (noun(next) || next == "JJ") && !quantifier(low(i-1)):
			t.Tag = "VBN"
		case t.Tag == "VBN" && prev == "PRP" && low(i-1) != "it" && low(i-1) != "them" && low(i-1) != "him" && w != "been" && w != "done" && w != "gone" && strings.HasSuffix(w, "ed"):
			t.Tag = "VBD"
		case t.Tag == "POS" && i == 0:
			t.Tag = "''"
		case t.Tag == "RB" && w == "no" && (noun(next) || next == "JJ"):
			t.Tag = "DT"
		case t.Tag == "NN" && t.Kind == token.Word && i > 0 && mid(t.Text) && !opens(ts[i-1].Text) && prev == "NNP":
			t.Tag = "NNP"
		}
	}
	m.finite(ts)
}

// finite gives a sentence without a finite verb one, if a word may be it: the retailer plans to close shops.
func (m *model) finite(ts []Token) {
	best := -1
	for i := range ts {
		switch ts[i].Tag {
		case "VBD", "VBZ", "VBP", "MD":
			return
		case "VBN", "NNS", "NN", "JJ":
			if best >= 0 || i == 0 || i+1 == len(ts) || !noun(ts[i-1].Tag) && ts[i-1].Tag != "PRP" || ts[i].Text != strings.ToLower(ts[i].Text) {
				continue
			}
			next := ts[i+1].Tag
			if ts[i].Tag == "NNS" && next == "." && strings.HasPrefix(m.lexicon[ts[i].Text], "VBZ") && ts[i-1].Tag == "NN" {
				best = i
				ts[i].Tag = "VBZ" // the service sucks
				continue
			}
			tags := " " + m.lexicon[ts[i].Text] + " "
			if next != "DT" && next != "PRP$" && next != "TO" && next != "IN" && next != "PRP" && next != "CD" && next != "$" && next != "RB" && next != "NNS" {
				continue
			}
			switch {
			case ts[i].Tag == "VBN" && strings.Contains(tags, " VBD "):
				best = i
				ts[i].Tag = "VBD"
			case ts[i].Tag == "NNS" && strings.Contains(tags, " VBZ ") && ts[i-1].Tag != "NNS" && (next != "IN" || ts[i+1].Text != "of" && ts[i+1].Text != "in"):
				best = i
				ts[i].Tag = "VBZ"
			case ts[i].Tag == "NN" && strings.Contains(tags, " VBP ") && ts[i-1].Tag == "NNS" && next != "IN" && next != "NNS":
				best = i
				ts[i].Tag = "VBP"
			}
		}
	}
}

// timely says whether w is a stretch of time that "next" and "last" stand before.
func timely(w string) bool {
	switch w {
	case "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "week", "month", "year", "quarter", "spring", "summer", "fall", "autumn", "winter", "january", "february", "march",
		"april", "may", "june", "july", "august", "september", "october", "november", "december", "night", "decade", "season", "weekend":
		return true
	}
	return false
}

// object says whether a pronoun is no subject: it gave us problems.
func object(w string) bool {
	switch w {
	case "me", "him", "them", "us", "you", "her":
		return true
	}
	return false
}

func quantifier(w string) bool {
	switch w {
	case "both", "all", "each", "some", "any", "many", "that", "this", "these", "those":
		return true
	}
	return false
}

// mid says whether w is written like a name: a capital, then small letters.
func mid(w string) bool {
	return len(w) > 1 && w[0] >= 'A' && w[0] <= 'Z' && w[1] >= 'a' && w[1] <= 'z'
}

func noun(t string) bool { return strings.HasPrefix(t, "NN") }

func verb(t string) bool { return strings.HasPrefix(t, "VB") }

func nominal(t string) bool { return noun(t) || strings.HasPrefix(t, "JJ") || t == "CD" || t == "$" }

func aux(t string) bool { return t == "MD" || t == "VBZ" || t == "VBP" || t == "VBD" }

func aux2(w string) bool {
	switch w {
	case "is", "are", "was", "were", "be", "been", "being", "has", "have", "had", "'s", "'ve", "'re", "’s", "’ve", "’re":
		return true
	}
	return false
}
