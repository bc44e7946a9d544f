package token

import "strings"

// longest is the length in bytes of the longest abbreviation.
const longest = 6

// What an abbreviation says about what follows.
const (
	before = 1 // a name or a number: Mr. Dr. Nr.
	after  = 2 // anything, a new sentence too: Inc. etc.
)

// abbreviation looks a lower-case word without its dot up: before, after, or 0 for a word that is none.
func abbreviation(w string) int {
	switch w {
	case "mr", "mrs", "ms", "dr", "prof", "st", "gen", "sen", "rep", "gov", "lt", "col", "sgt", "capt", "cmdr", "maj", "rev", "hon", "pres", "messrs", "mme", "mlle",
		"sr", "sra", "srta", "dra", "sig", "dott", "ing", "hr", "fr", "frl", "nr", "num", "núm", "no", "vs", "fig", "art", "pp", "vol", "ed", "eds", "cf", "bzw", "ca",
		"approx", "mt", "ft", "phil", "av", "bd", "str", "tel", "zzgl", "inkl", "abs", "exc", "exmo", "ud", "uds":
		return before
	case "inc", "ltd", "corp", "co", "jr", "bros", "etc", "al", "jan", "feb", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec",
		"tue", "tues", "wed", "thu", "thur", "thurs", "ave", "blvd", "rd", "dept", "univ", "assn", "cie", "usw", "ecc", "ltda", "vgl", "bzgl":
		return after
	}
	return 0
}

// starter says whether w, with a capital, begins sentences more often than it stands behind an abbreviation within one.
func starter(w string) bool {
	switch strings.ToLower(w) {
	case "the", "a", "an", "he", "she", "it", "they", "we", "i", "you", "this", "that", "these", "those", "in", "on", "at", "but", "and", "if", "when", "while", "after", "before",
		"there", "however", "for", "as", "his", "her", "its", "their", "our", "my", "your", "what", "who", "how", "why", "where", "some", "many", "most", "since", "although",
		"der", "die", "das", "ein", "eine", "er", "sie", "es", "wir", "ich", "und", "aber", "im", "le", "la", "les", "il", "elle", "ils", "nous", "je", "mais", "dans", "un", "une",
		"el", "los", "las", "una", "pero", "en", "lo", "gli", "ma", "os", "ele", "ela", "mas", "no", "yes", "please", "let", "thanks", "so", "then", "not":
		return true
	}
	return false
}

// month says whether w names one in German, where a day's number has a dot.
func month(w string) bool {
	switch strings.ToLower(w) {
	case "januar", "jänner", "februar", "märz", "april", "mai", "juni", "juli", "august", "september", "oktober", "november", "dezember", "jahrhundert", "jahrhunderts":
		return true
	}
	return false
}
