package token

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Sentence is the tokens [Begin, End) of one sentence.
type Sentence struct{ Begin, End int }

// LongestSentence is the number of tokens at which a sentence is cut: what has no full stop for so long is a list or a table.
const LongestSentence = 400

// shortLine is the length in code points below which a line that ends without a full stop is a heading or an item, and not
// wrapped text. Mail is wrapped at 60 and more.
const shortLine = 48

// Sentences gives the sentences of a text whose tokens are given. Together they are all tokens, in their order.
func Sentences(text string, tokens []Token) []Sentence {
	var out []Sentence
	begin, line := 0, 0
	for i := range tokens {
		if i > 0 && tokens[i].Gap >= Line && i != begin {
			length := tokens[i-1].To - tokens[line].From
			line = i
			if tokens[i].Gap == Paragraph || newline(text, tokens, i, length) {
				out, begin = append(out, Sentence{begin, i}), i
			}
		} else if i == begin {
			line = i
		}
		if i > begin && ends(text, tokens, begin, i) || i-begin >= LongestSentence {
			out, begin = append(out, Sentence{begin, i}), i
		}
	}
	if begin < len(tokens) {
		out = append(out, Sentence{begin, len(tokens)})
	}
	return out
}

// newline says whether a sentence ends with a line of that length before token i.
func newline(text string, tokens []Token, i int, length int32) bool {
	r, _ := utf8.DecodeRuneInString(tokens[i].In(text))
	if tokens[i].Kind == Symbol || r == '-' || r == '*' || r == '>' || r == '•' || r == '=' || r == '_' { // an item, a quote, a rule
		return true
	}
	return length < shortLine && !unicode.IsLower(r)
}

// ends says whether a sentence ends before token i.
func ends(text string, tokens []Token, begin, i int) bool {
	j := i - 1
	for j > begin && closing(tokens[j].In(text)) && tokens[j].Gap == None {
		j--
	}
	last := tokens[j].In(text)
	next := tokens[i].In(text)
	r, _ := utf8.DecodeRuneInString(next)
	switch last {
	case "。", "！", "？", "｡":
		return true
	}
	if last[0] == '!' || last[0] == '?' || last == "…" || len(last) > 1 && last[0] == '.' {
		return !unicode.IsLower(r) && !(closing(next) && tokens[i].Gap == None) && r != ',' && r != ';' && r != '.' && (tokens[i].Gap != None || unicode.IsUpper(r))
	}
	if last == "." {
		if unicode.IsLower(r) || closing(next) && tokens[i].Gap == None || r == ',' || r == ';' || r == ':' {
			return false
		}
		if j > begin && tokens[j-1].Kind == Number && tokens[j].Gap == None && tokens[j-1].End-tokens[j-1].Begin <= 2 {
			return j-1 > begin && !month(next) // "3. Oktober", and "1." that opens an item
		}
		return tokens[i].Gap != None || unicode.IsUpper(r)
	}
	if !strings.HasSuffix(last, ".") || tokens[j].Kind != Word || unicode.IsLower(r) || tokens[i].Kind != Word {
		return false
	}
	switch abbreviation(strings.ToLower(strings.TrimSuffix(last, "."))) {
	case before: // Mr. X: a name follows
		return false
	case after:
		return starter(next)
	}
	if strings.Count(last, ".") == 1 && utf8.RuneCountInString(last) == 2 { // J. Smith; plan B. The
		return starter(next) && i-1 > begin && !strings.HasSuffix(tokens[i-2].In(text), ".")
	}
	return starter(next)
}

func closing(w string) bool {
	switch w {
	case ")", "]", "}", "\"", "”", "’", "'", "''", "»", "›":
		return true
	}
	return false
}
