package entity

// date gives the end of a date or time that begins at piece i, and its score; i itself if there is none.
func (g *grammar) date(i int) (int, float64) {
	best, score := i, 0.0
	for _, rule := range []func(int) (int, float64){g.calendarDate, g.clockTime, g.relative, g.period} {
		if end, s := rule(i); end > best {
			best, score = end, s
		}
	}
	if best > i { // 5 May 2004 at 12:30
		if j := g.skip(g.skip(best, ","), "at"); g.is(best-1, year|dayNum|dayOrd|full|weekday|now) {
			if end, _ := g.clockTime(j); end > j {
				best = end
			}
		}
	}
	return best, score
}

// calendarDate is a day, a month or a year by name or number.
func (g *grammar) calendarDate(i int) (int, float64) {
	var j int
	if g.is(i, full) {
		return g.through(i+1, full), likely
	}
	named := g.is(i, weekday) && (!g.is(i, doubt) || g.word(i+1, ",") && (g.is(i+2, dayNum|month)) || g.is(i+1, dayNum|month) || g.word(i-1, "on"))
	if named {
		j = i + 1
		k := g.skip(g.skip(j, ","), "the")
		if end := g.dayMonth(k); end > k {
			return end, sure
		}
		if g.is(j, moment) {
			j++
		}
		return j, likely
	}
	if end := g.dayMonth(i); end > i {
		return end, sure
	}
	k := i
	if g.is(i, part) && g.is(i+1, month|year|decade|weekday) {
		k = i + 1
		k = g.skip(k, "-")
	}
	if g.is(k, month) {
		j = g.skip(g.skip(k+1, ","), "of")
		if g.is(j, year) {
			return j + 1, sure
		}
		if !g.is(k, doubt) || k > i || g.word(i-1, "in", "of", "since", "until", "till", "by", "during", "from", "last", "next", "this", "through", "between", "before", "after", "late", "early", "mid") {
			return k + 1, likely
		}
		return i, 0
	}
	if g.is(k, decade) {
		return g.through(k+1, decade), likely
	}
	if g.is(k, year) && (k > i || g.yearly(k)) {
		end := g.through(k+1, year)
		if g.word(end, "bc", "ad", "bce", "ce", "b.c.", "a.d.") {
			end++
		}
		return end, likely
	}
	if g.is(i, feast) {
		j = g.skip(i+1, "eve", "day")
		if g.is(j, year) {
			j++
		}
		return j, maybe
	}
	return i, 0
}

// through goes on over a range: 1990 – 1995.
func (g *grammar) through(end int, s sort) int {
	if g.word(end, "–", "-", "—", "--") && g.is(end+1, s) {
		return end + 2
	}
	return end
}

// yearly says whether the four digits at i are a year and not a count.
func (g *grammar) yearly(i int) bool {
	if g.is(i-1, money) || g.is(i+1, percent|unit|coin|scale) || g.word(i-1, "#", "no.", "number", "room", "route", "highway") {
		return false
	}
	if g.word(i-1, "in", "since", "until", "till", "by", "from", "to", "during", "between", "and", "before", "after", "circa", "c.", "ca.", "(", "around", "of", "–", "-", "through", "year", "early", "late", "mid", "for", "throughout", "fiscal", "born", "b.", "d.", "©") ||
		g.word(i+1, ")", "–", "-", ",") {
		return true
	}
	n := atoi(g.ps[i].Text)
	return n >= 1900 && n < 2050
}

// dayMonth is a day and a month in either order, with the year if it is there; i if there is none.
func (g *grammar) dayMonth(i int) int {
	var end int
	switch {
	case g.is(i, month) && g.is(i+1, dayNum|dayOrd) && !(g.is(i, doubt) && !g.upper(i)):
		end = i + 2
		if g.word(end, "–", "-", "to") && g.is(end+1, dayNum|dayOrd) { // June 5 – 7
			end += 2
		}
	case g.is(i, dayNum|dayOrd) && g.is(g.skip(i+1, "of", "."), month):
		end = g.skip(i+1, "of", ".") + 1
	case g.is(i, dayNum) && g.word(i+1, "–", "-") && g.is(i+2, dayNum) && g.is(i+3, month):
		end = i + 4
	default:
		return i
	}
	if k := g.skip(g.skip(end, ","), "of"); g.is(k, year) {
		end = k + 1
	} else if g.word(end, "'", "’") && g.is(end+1, dayNum) && g.touches(end+1) { // '04
		end += 2
	}
	return end
}

// clockTime is a time of the day.
func (g *grammar) clockTime(i int) (int, float64) {
	var end int
	var score float64
	switch {
	case g.is(i, clock):
		end, score = i+1, maybe
		if g.is(end, am) {
			end, score = end+1, sure
		}
	case g.is(i, clockAm):
		end, score = i+1, sure
	case g.is(i, dayNum) && g.is(i+1, am) && !g.word(i+1, "am") || g.is(i, dayNum) && g.word(i+1, "am") && !g.word(i-1, "i"):
		end, score = i+2, sure
	case g.word(i, "noon", "midnight"):
		return i + 1, maybe
	default:
		return i, 0
	}
	if g.is(end, zone) && g.upper(end) {
		end++
	}
	if g.word(end, "–", "-", "to") { // 5 p.m. to 7 p.m.
		if g.is(end+1, clock|clockAm) || g.is(end+1, dayNum) && g.is(end+2, am) {
			if e, _ := g.clockTime(end + 1); e > end+1 {
				end = e
			}
		}
	}
	return end, score
}

// relative is a date as seen from another one: yesterday, last week, two years ago.
func (g *grammar) relative(i int) (int, float64) {
	switch {
	case g.is(i, now):
		if g.is(i+1, moment) {
			return i + 2, sure
		}
		return i + 1, sure
	case g.is(i, which) && !g.word(i, "that", "same", "each", "every") || g.word(i, "the") && g.word(i+1, "following", "previous", "next", "past", "last", "same") && g.is(i+2, span1|season|moment):
		j := i + 1
		if g.word(i, "the") {
			j++
		}
		k := j
		if g.is(k, number|scale) && g.is(k+1, span1) { // the past two years
			return k + 2, likely
		}
		if g.is(k, part) {
			k++
		}
		if g.is(k, span1|weekday|month|season|moment) && !(g.word(i, "following") && i > 0 && !g.word(i-1, "the")) {
			if g.is(k, weekday) && g.is(k+1, moment) {
				k++
			}
			return k + 1, likely
		}
	case g.is(i, number) || g.word(i, "a", "an", "several", "few", "many", "some"):
		j := i + 1
		j = g.skip(j, "few", "couple")
		j = g.skip(j, "of")
		for g.is(j, scale) {
			j++
		}
		if g.is(j, span1) && g.word(j+1, "ago", "earlier", "later") {
			return j + 2, likely
		}
	}
	return i, 0
}

// period is a named stretch of time: the 19th century, summer 2004.
func (g *grammar) period(i int) (int, float64) {
	j := i
	if g.is(j, part) {
		j = g.skip(j+1, "-")
	}
	switch {
	case g.is(j, ordinal) && g.word(j+1, "century", "centuries", "millennium"):
		j += 2
		if g.word(j, "bc", "ad", "bce", "ce", "b.c.", "a.d.") {
			j++
		}
		return j, likely
	case g.is(j, season):
		k := g.skip(j+1, "of")
		if g.is(k, year) {
			return k + 1, likely
		}
	case g.is(j, ordinal) && g.word(j+1, "quarter") && g.word(j+2, "of") && g.is(j+3, year):
		return j + 4, likely
	}
	return i, 0
}
