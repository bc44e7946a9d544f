package entity

// quantity gives the end of an amount that begins at piece i, and its score; i itself if there is none.
func (g *grammar) quantity(i int) (int, float64) {
	switch {
	case g.is(i, money) && g.is(i+1, number|hyphened):
		j := g.amount(i + 1)
		return g.skip(j, "usd", "cad", "aud"), sure
	case g.word(i, "us", "u.s.", "can", "a", "hk") && g.is(i+1, money) && g.touches(i+1) && g.is(i+2, number|hyphened):
		return g.amount(i + 2), sure
	case g.word(i, "eur", "usd", "gbp", "chf", "jpy") && g.is(i+1, number):
		return g.amount(i + 1), sure
	case g.is(i, hyphened):
		return i + 1, likely
	case !g.is(i, number|scale):
		return i, 0
	}
	if g.is(i, scale) && !g.word(i+1, "of") && !g.is(i+1, unit|coin) {
		return i, 0
	}
	j := g.amount(i)
	switch {
	case g.is(j, percent):
		return g.points(j + 1), sure
	case g.word(j, "per") && g.word(j+1, "cent"):
		return g.points(j + 2), sure
	case g.word(j, "u.s.", "us", "canadian", "australian", "british") && g.is(j+1, coin):
		return j + 2, sure
	case g.is(j, coin|money):
		return j + 1, sure
	case g.word(j, "square", "cubic", "nautical", "light", "metric") && g.is(j+1, unit):
		return j + 2, sure
	case g.is(j, unit):
		j++
		if g.touches(j) && g.word(j, "/") && g.is(j+1, unit) {
			return j + 2, likely
		}
		if g.word(j, "old") || g.word(j, "per") && g.is(j+1, unit) {
			j = g.skip(j, "per") + 1 // 5 years old, 5 miles per hour
		}
		return j, likely
	}
	if g.label(i) {
		return i, 0
	}
	return j, maybe
}

// points goes on over "percentage points".
func (g *grammar) points(j int) int { return g.skip(j, "points", "point") }

// amount gives the end of the number at i: 12  1,000.5 million  two hundred and five  5 to 10.
func (g *grammar) amount(i int) int {
	j := i + 1
	for g.is(j, scale) || g.is(j-1, scale) && g.is(j, number) || g.word(j-1, "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety") && g.is(j, number) ||
		g.is(j-1, scale) && g.word(j, "and") && g.is(j+1, number) && !g.is(j+1, year) {
		j = g.skip(j, "and") + 1
	}
	if g.word(j, "to", "–", "-", "or") && g.is(j+1, number) && !g.is(j+1, year) && g.is(j+2, unit|percent|coin|scale) {
		return g.amount(j + 1)
	}
	return j
}

// label says whether the number at i names something and counts nothing: the item of a list, page 5, a lone "one".
func (g *grammar) label(i int) bool {
	if g.word(i, "one", "half", "zero") {
		return true
	}
	if i == 0 && g.word(1, ".", ")", ":") {
		return true
	}
	if g.word(i-1, "page", "pages", "chapter", "section", "figure", "table", "no.", "number", "#", "version", "v", "room", "route", "highway", "step", "part", "volume", "vol.", "episode", "level", "p.", "pp.", "=", "/", "-", "_", "(") {
		return true
	}
	if g.upper(i-1) && i > 1 || g.is(i-1, number) { // Windows 98; columns of a table
		return true
	}
	if g.touches(i) && i > 0 && g.ps[i-1].Text != "," && g.ps[i-1].Text != "(" || i+1 < len(g.ps) && g.touches(i+1) && g.word(i+1, "/", "-", "_", "=") {
		return true
	}
	return false
}
