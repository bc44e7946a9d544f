package entity

import (
	"unicode"
	"unicode/utf8"

	"cloister/internal/work/token"
)

// Piece is what gets a label: a token, or a part of one that holds a name and more ("London-based" is three).
type Piece struct {
	Text     string
	Begin    int32 // byte
	From, To int32 // code points
	Kind     token.Kind
}

// Pieces gives the pieces of some tokens.
func Pieces(text string, tokens []token.Token, out []Piece) []Piece {
	for _, t := range tokens {
		w := t.In(text)
		if t.Kind != token.Word {
			out = append(out, Piece{w, t.Begin, t.From, t.To, t.Kind})
			continue
		}
		begin, from := t.Begin, t.From
		for {
			at := seam(w)
			if at == 0 {
				break
			}
			n := int32(utf8.RuneCountInString(w[:at]))
			out = append(out, Piece{w[:at], begin, from, from + n, token.Word}, Piece{w[at : at+1], begin + int32(at), from + n, from + n + 1, token.Punct})
			w, begin, from = w[at+1:], begin+int32(at)+1, from+n+1
		}
		out = append(out, Piece{w, begin, from, t.To, token.Word})
	}
	return out
}

// seam is the place of the hyphen that parts a name from a common word, or 0: London-based, but not Jean-Paul or e-mail.
func seam(w string) int {
	for i := 1; i+1 < len(w); i++ {
		if w[i] != '-' {
			continue
		}
		first, _ := utf8.DecodeRuneInString(w)
		next, _ := utf8.DecodeRuneInString(w[i+1:])
		if i > 1 && unicode.IsUpper(first) && unicode.IsLower(next) && len(w)-i > 3 {
			return i
		}
	}
	return 0
}
