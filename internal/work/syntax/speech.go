package syntax

import (
	"strings"

	"cloister/internal/work/token"
)

// Speech gives AWS's tag of token i of a tagged sentence: ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM O PART PRON PROPN PUNCT SCONJ SYM VERB
// (CONJ, which the model also lists, is not given). As in AWS's examples, "is" is a VERB unless a verb follows, "before" an ADP, "please" an INTJ and
// "31st" a NOUN: github.com/aws/aws-cli, awscli/examples/comprehend/detect-syntax.rst and batch-detect-syntax.rst.
func Speech(ts []Token, i int) string {
	t := ts[i]
	w := strings.ToLower(t.Text)
	switch t.Tag {
	case "NN", "NNS":
		return "NOUN"
	case "NNP", "NNPS":
		return "PROPN"
	case "JJ", "JJR", "JJS":
		if w == "such" {
			return "DET"
		}
		return "ADJ"
	case "RB", "RBR", "RBS", "WRB":
		switch {
		case w == "n't" || w == "n’t" || w == "not":
			return "PART"
		case w == "please":
			return "INTJ"
		}
		return "ADV"
	case "DT", "PDT":
		if i+1 < len(ts) && (verb(ts[i+1].Tag) || ts[i+1].Tag == "MD" || ts[i+1].Tag == "." || ts[i+1].Tag == ",") {
			switch w {
			case "this", "that", "these", "those", "all", "some", "both", "another", "any", "each", "either", "neither":
				return "PRON"
			}
		}
		if i+1 == len(ts) {
			return "PRON"
		}
		return "DET"
	case "WDT":
		if i+1 < len(ts) && noun(ts[i+1].Tag) && (w == "what" || w == "which" || w == "whichever" || w == "whatever") {
			return "DET"
		}
		return "PRON"
	case "PRP", "PRP$", "WP", "WP$", "EX":
		return "PRON"
	case "CC":
		return "CCONJ"
	case "IN":
		return conjunction(ts, i, w)
	case "TO":
		if i+1 < len(ts) && (ts[i+1].Tag == "VB" || i+2 < len(ts) && ts[i+1].Tag == "RB" && ts[i+2].Tag == "VB") {
			return "PART"
		}
		return "ADP"
	case "RP":
		return "ADP"
	case "POS":
		return "PART"
	case "MD":
		return "AUX"
	case "VB", "VBD", "VBG", "VBN", "VBP", "VBZ":
		if w == "please" {
			return "INTJ"
		}
		if helps(ts, i, w) {
			return "AUX"
		}
		return "VERB"
	case "CD":
		if len(w) > 2 && ordinal(w) {
			return "NOUN"
		}
		return "NUM"
	case "UH":
		return "INTJ"
	case "$", "#", "SYM":
		return "SYM"
	case "FW", "LS":
		return "O"
	}
	if t.Kind == token.Symbol {
		return "SYM"
	}
	return "PUNCT"
}

func ordinal(w string) bool {
	digits := strings.TrimRight(w, "stndrh")
	switch w[len(digits):] {
	case "st", "nd", "rd", "th":
		return strings.Trim(digits, "0123456789") == ""
	}
	return false
}

// conjunction tells words that join clauses from prepositions: a clause has a subject and a verb soon after.
func conjunction(ts []Token, i int, w string) string {
	switch w {
	case "if", "because", "although", "though", "whether", "unless", "while", "whereas", "whilst", "lest":
		return "SCONJ"
	case "that":
		return "SCONJ"
	case "since", "until", "once", "after", "before", "as", "than", "so":
	default:
		return "ADP"
	}
	for j := i + 1; j < len(ts) && j < i+8; j++ {
		switch t := ts[j].Tag; {
		case t == "VBD" || t == "VBZ" || t == "VBP" || t == "MD":
			if j > i+1 {
				return "SCONJ"
			}
			return "ADP"
		case t == "," || t == "." || t == ":" || t == "IN" || t == "CC" || t == "TO":
			return "ADP"
		}
	}
	return "ADP"
}

// helps says whether a form of be, have, do or get stands before the verb that it helps.
func helps(ts []Token, i int, w string) bool {
	participle := false
	switch w {
	case "be", "is", "am", "are", "was", "were", "been", "being", "'s", "'re", "'m", "’s", "’re", "’m", "ai":
		participle = true
	case "have", "has", "had", "having", "'ve", "’ve", "'d", "’d":
	case "do", "does", "did":
	default:
		return false
	}
	subject := false // are you coming: the subject stands between
	for j := i + 1; j < len(ts) && j < i+7; j++ {
		switch t := ts[j].Tag; {
		case t == "VBN" || t == "VBG" && participle:
			return true
		case t == "VB":
			return w == "do" || w == "does" || w == "did"
		case t == "RB":
		case (t == "PRP" || t == "DT" || t == "PRP$" || noun(t) || t == "EX") && (i == 0 || ts[i-1].Tag == "WRB" || ts[i-1].Tag == "WP"):
			subject = true
		case t == "VBD" && !subject && !participle && w != "do":
			return true
		default:
			return false
		}
	}
	return false
}
