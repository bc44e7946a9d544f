package pii

import "strings"

const (
	ways = `(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Place|Pl|Square|Sq|Terrace|Ter|Way|Parkway|Pkwy|Highway|Hwy|Circle|Cir|Trail|Trl|Alley|Close|Crescent|Cres|Gardens|Grove|Mews|Row|Hill|Plaza|Loop|Pike|Turnpike|Broadway|Walk|Quay|Esplanade|Expressway)`
	side = `(?:NE|NW|SE|SW|N|S|E|W|North|South|East|West)\b\.?`
	word = `[A-Z][A-Za-z'’-]*\b\.?`
	unit = `(?:,? (?:(?:Apt|Apartment|Suite|Ste|Unit|Floor|Fl|Room|Rm|Flat|Building|Bldg)\b\.? ?#?[A-Za-z0-9-]{1,6}|#[A-Za-z0-9-]{1,6}|\d{1,3}(?:st|nd|rd|th) Floor))`
	// states of the USA, provinces of Canada
	state   = `(?:A[LKZRSB]|BC|C[AOT]|D[EC]|FL|GA|GU|HI|I[DLNA]|K[SY]|LA|M[EDAINSOBTP]|N[EVHJMYCDBLSTU]|O[HKRN]|P[AREW]|QC|RI|S[CDK]|T[NX]|UT|V[TAI]|W[AVIY]|YT)\b`
	named   = `(?:Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii|Idaho|Illinois|Indiana|Iowa|Kansas|Kentucky|Louisiana|Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi|Missouri|Montana|Nebraska|Nevada|New Hampshire|New Jersey|New Mexico|New York|North Carolina|North Dakota|Ohio|Oklahoma|Oregon|Pennsylvania|Rhode Island|South Carolina|South Dakota|Tennessee|Texas|Utah|Vermont|Virginia|Washington|West Virginia|Wisconsin|Wyoming|Ontario|Quebec|British Columbia|Alberta)`
	zip     = `(?:\d{5}(?:-\d{4})?\b|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b|[A-Z]\d[A-Z] ?\d[A-Z]\d\b)`
	country = `(?:USA|U\.S\.A\.|UK|United States(?: of America)?|United Kingdom|England|Scotland|Wales|Canada|Australia|Ireland|Germany|France|India)\b`
	town    = `[A-Z][A-Za-z'’-]*\b(?:\.? [A-Z][A-Za-z'’-]*\b){0,2}`
	tail    = unit + `?(?:,? ` + zip + `|, ` + state + `(?:,? ` + zip + `)?|(?:, ` + town + `){1,2}(?:,? (?:` + state + `|` + named + `))?(?:,? ` + zip + `)?)?(?:, ` + country + `)?`
)

var (
	street = shape(`(?:(?:Suite|Ste|Apartment|Apt|Flat|Unit)\b\.? #?[A-Za-z0-9-]{1,6}, )?\d{1,6}[A-Za-z]?(?:-\d{1,4})?(?:½)?,? (?:` + side + ` )?(?:(?:` + word + `|\d{1,3}(?:st|nd|rd|th)) ){1,4}?` + ways + `\b\.?(?: ` + side + `)?` + tail)
	box    = shape(`(?:P\.? ?O\.? ?|Post Office )Box \d{1,6}` + tail)
	rooms  = shape(`(?:Suite|Apartment|Apt\.?|Unit) #?\d{1,5}[A-Z]?, Building \d{1,5}`)
	cities = shape(town + `,? ` + state + ` \d{5}(?:-\d{4})?\b`)
	post   = shape(`[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}\b`)
)

// place finds addresses: a street with its number, a post box, a town with state and code, a British code.
func (d *doc) place(i, end, numbers int, may bit) {
	c := d.s[i]
	if may&(mayStreet|mayBox|mayRooms|mayCities|mayPost) == 0 || !digit(c) && !upper(c) || i > 1 && strings.IndexByte("-./,:", d.s[i-1]) >= 0 && digit(d.s[i-2]) || d.before(i) == '$' || d.before(i) == '#' {
		return
	}
	rest := d.s[i:min(len(d.s), i+160)]
	if digit(c) {
		if end-i <= 7 && (d.at(end) == ' ' || d.at(end) == '-' || d.at(end) == ',') {
			d.take(i, d.find(may&mayStreet, street, rest), .96)
		}
		return
	}
	switch {
	case c == 'P' && (end-i <= 2 || strings.HasPrefix(rest, "Post")):
		d.take(i, d.find(may&mayBox, box, rest), .96)
	case (c == 'S' || c == 'A' || c == 'U' || c == 'F') && may&mayStreet != 0:
		d.take(i, d.find(may&mayStreet, street, rest), .965)
	case c == 'S' || c == 'A' || c == 'U':
		d.take(i, d.find(may&mayRooms, rooms, rest), .9)
	}
	if numbers == 0 && (d.at(end) == ',' || d.at(end) == ' ') && strings.ContainsAny(rest[:min(len(rest), 64)], "0123456789") {
		if l := d.find(may&mayCities, cities, rest); l != nil {
			d.take(i, l, .9)
		}
	}
	if numbers > 0 && end-i <= 4 && d.at(end) == ' ' {
		near := d.labelled(i)
		if len(near) == 0 || near[0].kind != plate && near[0].kind != nothing {
			d.take(i, d.find(may&mayPost, post, rest), .7)
		}
	}
}

// take adds an address, without the sign that ends its sentence.
func (d *doc) take(i int, l []int, score float64) {
	if l == nil {
		return
	}
	e := i + l[1]
	if e < len(d.s) && alnum(d.s[e]) {
		return
	}
	if d.s[e-1] == '.' && (e == len(d.s) || d.s[e] == '\n') {
		e--
	}
	d.add(address, i, e, score)
}
