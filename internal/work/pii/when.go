package pii

import (
	"regexp"
	"strconv"
	"strings"
)

const (
	months   = `(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)`
	weekdays = `(?:(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?)`
	day      = `(?:3[01]|[0-2]?\d)(?:st|nd|rd|th)?`
	year     = `(?:1[5-9]|20)\d{2}`
	meridiem = `(?:a\.m\.|p\.m\.|[aApP][mM]\b)`
)

var (
	byMonth   = shape(months + `\b\.?,? ` + year + `\b|` + months + `\b\.? ` + day + `(?: ?[-–] ?` + day + `)?(?:,? ` + year + `)?`)
	byDay     = shape(day + `(?: of)? ` + months + `\b(?:\.?,? ` + year + `)?`)
	iso       = shape(`\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?|\d{4}/\d{2}/\d{2}`)
	slashes   = shape(`(\d{1,2})([/.-])(\d{1,2})[/.-](\d{4}|\d{2})`)
	clock     = shape(`\d{1,2}(?::[0-5]\d){0,2} ?` + meridiem + `|\d{1,2}(?::[0-5]\d)? ?[-–] ?\d{1,2}(?::[0-5]\d)? ?` + meridiem + `|(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?|\d{1,2} o['’]clock`)
	decade    = shape(`(?:1[5-9]|20)\d0s`)
	plainYear = shape(`(?:1[89]|20)\d{2}`)
	ofWeek    = shape(weekdays + `(?:,? ` + months + `\b\.? ` + day + `(?:,? ` + year + `)?|,? ` + day + `(?: of)? ` + months + `(?:,? ` + year + `)?)?`)
	onlyMonth = shape(`(?:January|February|April|June|July|August|September|October|November|December)\b`)
	sinceThen = regexp.MustCompile(`\b(?:in|since|by|until|till|from|before|after|during|year|of|early|late|mid|summer|spring|autumn|fall|winter|around|circa|through)[ -]$`)
	inMonth   = regexp.MustCompile(`\b(?:in|since|by|until|last|next|this|of|from|early|late|mid|during|every)[ -]$`)
	expires   = shape(months + `\b\.? 20\d{2}`)
)

// calendar finds what begins with the name of a month or of a day.
func (d *doc) calendar(i, end int, may bit) {
	c := d.s[i]
	if may&(mayExpires|mayByMonth|mayOfWeek|mayOnlyMonth) == 0 || end-i < 3 || end-i > 11 || strings.IndexByte("JFMASONDTW", c) < 0 {
		return
	}
	rest := d.s[i:min(len(d.s), i+48)]
	try := func(re *regexp.Regexp, score float64) bool {
		l := re.FindStringIndex(rest)
		if l == nil || alnum(d.at(i+l[1])) {
			return false
		}
		d.add(date, i, i+l[1], score)
		return true
	}
	if l := expires.FindStringIndex(rest); l != nil && !alnum(d.at(i+l[1])) {
		if near := d.labelled(i); len(near) > 0 && near[0].kind == expiry && has(d.around(i, 120), "card", "visa", "mastercard", "amex", "cvv", "cvc") {
			d.add(expiry, i, i+l[1], .97)
			return
		}
	}
	if try(byMonth, .96) || try(ofWeek, .965) {
		return
	}
	if inMonth.MatchString(d.low[max(0, i-12):i]) {
		try(onlyMonth, .85)
	}
}

// when finds dates and times that begin with a digit.
func (d *doc) when(i int, may bit) {
	if may&(mayISO|mayByDay|maySlashes|mayClock|mayDecade|mayPlainYear) == 0 {
		return
	}
	rest := d.s[i:min(len(d.s), i+48)]
	if p := d.before(i); i > 1 && strings.IndexByte("-./:", p) >= 0 && digit(d.s[i-2]) || d.thousands(i-1) || p == '$' || p == '-' && alnum(d.at(i-2)) {
		return
	}
	open := func(n int) bool { // nothing of the same number follows
		q := d.at(i + n)
		return !(alnum(q) && d.s[i+n-1] != '.') && !(strings.IndexByte("-/:", q) >= 0 && q != 0 && digit(d.at(i+n+1))) && !(q == '.' && digit(d.at(i+n+1)))
	}
	if l := d.find(may&mayISO, iso, rest); l != nil && open(l[1]) {
		if m, _ := strconv.Atoi(rest[5:7]); m >= 1 && m <= 12 {
			d.add(date, i, i+l[1], .97)
			return
		}
	}
	if l := d.find(may&mayByDay, byDay, rest); l != nil && open(l[1]) {
		d.add(date, i, i+l[1], .96)
		return
	}
	called := func() bool {
		near := d.labelled(i)
		return len(near) > 0 && near[0].kind == nothing && near[0].gap < 15
	}
	if m := d.parts(may&maySlashes, slashes, rest); m != nil && open(m[1]) {
		a, _ := strconv.Atoi(rest[m[2]:m[3]])
		b, _ := strconv.Atoi(rest[m[6]:m[7]])
		dots := rest[m[4]:m[5]] == "." && m[9]-m[8] == 2
		if (a >= 1 && a <= 12 && b >= 1 && b <= 31 || a >= 1 && a <= 31 && b >= 1 && b <= 12) && !dots && !called() {
			d.add(date, i, i+m[1], .94)
			return
		}
	}
	if l := d.find(may&mayClock, clock, rest); l != nil && open(l[1]) && !called() && !has(d.low[max(0, i-20):i], "ratio", "scale", "verse", "odds") {
		d.add(date, i, i+l[1], .93)
		return
	}
	if l := d.find(may&mayDecade, decade, rest); l != nil && open(l[1]) {
		begin := i
		if strings.HasSuffix(d.low[:i], "the ") {
			begin -= 4
		}
		d.add(date, begin, i+l[1], .95)
		return
	}
	if l := d.find(may&mayPlainYear, plainYear, rest); l != nil && open(l[1]) && sinceThen.MatchString(d.low[max(0, i-12):i]) && !strings.HasPrefix(d.low[i+l[1]:], " people") {
		d.add(date, i, i+l[1], .85)
	}
}

var (
	ageUnit  = shape(`(\d{1,3}(?:[ -](?:years?|yrs?|months?|weeks?|days?)))(?:,? old\b|,? of age\b)`)
	ageJoin  = shape(`\d{1,3}-(?:year|month|week|day)s?-olds?\b`)
	ageShort = shape(`(\d{1,3}) ?(?:y/o|yo|y\.o\.)(?:\W|$)`)
	ageSaid  = regexp.MustCompile(`\b(?:aged?|age of|age is|age was|turned|turns|turning) ?[:=]? ?$`)
	things   = []string{"bridge", "building", "house", "company", "server", "whisky", "whiskey", "car", "truck", "tree", "wine", "firm", "church", "system", "software", "laptop", "warranty", "contract", "policy", "tradition", "law", "account", "mortgage",
		"bond", "loan", "cheese", "port", "rum", "scotch", "business", "organization", "city", "university", "school", "castle", "machine", "engine", "battery", "roof", "code", "bug", "file", "record", "wall"}
)

// said says whether a bare number between these is what somebody says of a person's age: "I'm 29," and "she is 31".
func said(before, after string) bool {
	is := false
	for _, s := range []string{"i'm ", "i’m ", "i am ", "she is ", "he is ", "she's ", "he's "} {
		if rest, ok := strings.CutSuffix(before, s); ok && (rest == "" || !alnum(rest[len(rest)-1])) {
			is = true
		}
	}
	if !is {
		return false
	}
	after = after[:min(len(after), 5)]
	return after == "" || strings.IndexByte(",.;!?\n)", after[0]) >= 0 && (len(after) < 2 || !digit(after[1])) || strings.HasPrefix(after, " and") || strings.HasPrefix(after, " now")
}

// old finds ages of persons.
func (d *doc) old(i int, may bit) {
	rest := d.s[i:min(len(d.s), i+32)]
	if p := d.before(i); p == '-' || p == '.' || p == '$' {
		return
	}
	thing := func(from, to int) bool { return has(d.low[max(0, from):min(len(d.low), to)], things...) }
	if l := d.find(may&mayAgeJoin, ageJoin, rest); l != nil {
		if !thing(i+l[1], i+l[1]+20) {
			d.add(age, i, i+l[1], .95)
		}
		return
	}
	if m := d.parts(may&mayAgeUnit, ageUnit, rest); m != nil {
		if !thing(i-40, i) {
			d.add(age, i, i+m[3], .95)
		}
		return
	}
	if m := d.parts(may&mayAgeShort, ageShort, rest); m != nil {
		d.add(age, i, i+m[3], .9)
		return
	}
	n := 0
	for digit(d.at(i + n)) {
		n++
	}
	v, err := strconv.Atoi(d.s[i : i+n])
	if err != nil || v < 1 || v > 115 || alnum(d.at(i+n)) || d.at(i+n) == '.' && digit(d.at(i+n+1)) || d.at(i+n) == '%' {
		return
	}
	before := d.low[max(0, i-14):i]
	if said(before, d.low[i+n:]) && v > 1 {
		d.add(age, i, i+n, .8)
		return
	}
	if !strings.Contains(before, "age") && !strings.Contains(before, "turn") || !ageSaid.MatchString(before) || thing(i-40, i) {
		return
	}
	if strings.Contains(before, "turn") && strings.HasPrefix(d.low[i+n:], " ") && !has(d.low[i+n:min(len(d.low), i+n+8)], "in", "on", "last", "this", "next", "years", "yesterday", "today", "and") {
		return
	}
	d.add(age, i, i+n, .9)
}
