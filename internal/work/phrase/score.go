package phrase

import "cloister/internal/work/syntax"

// score is the probability of the least sure tag. The rules add no doubt of their own, so it is a little too high: see the card.
func score(ts []syntax.Token) float64 {
	weak := 1.0
	for i := range ts {
		weak = min(weak, ts[i].Score)
	}
	return weak
}
