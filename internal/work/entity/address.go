package entity

import (
	"strings"

	"cloister/internal/work/crf"
)

// firm is how much a form of address speaks for a person behind it. The texts that the model learned from have few; 2 and 4 are
// alike on those that it had not seen.
const firm = 3

// Address adds to scores, of x's last sentence by piece and label: who is called Mr or Dr is a person.
func Address(x *Extractor, ps []Piece, labels crf.Labels, scores []float32) {
	person := labels.Index("B-PERSON")
	for i := 1; i < len(ps); i++ {
		before := i - 1
		if ps[before].Text == "." && before > 0 {
			before--
		}
		called := capital(x.at[before+2].class) && honorific(ps[before].Text) && !strings.EqualFold(ps[before].Text, "miss") // Miss World is none
		if c := x.at[i+2].class; called && (c == caseTitle || c == caseMixed || c == caseOne) {
			scores[i*len(labels)+person] += firm
			scores[i*len(labels)+person+1] += firm
		}
	}
}
