package pii

import (
	"math/bits"
	"regexp"
	"slices"
	"strings"
)

// scan tries the rules at each word.
func (d *doc) scan() {
	for i := 0; i < len(d.s); i++ {
		c := d.s[i]
		if !alnum(c) && strings.IndexByte("+(*#", c) < 0 && c != '@' && !strings.HasPrefix(d.s[i:], "•") {
			continue
		}
		if p := d.before(i); i > 0 && (alnum(p) || p == '_' || p == '*' && c == '*' || p == '+' || p == '#' && c == '#') && c != '@' {
			continue
		}
		end := i
		numbers, capitals := 0, 0
		for end < len(d.s) && (alnum(d.s[end]) || d.s[end] == '_') && end-i < 128 {
			if digit(d.s[end]) {
				numbers++
			} else if upper(d.s[end]) {
				capitals++
			}
			end++
		}
		if c == '@' {
			d.handle(i)
			continue
		}
		may := bit(d.shapes.ask(d.s[i:min(len(d.s), i+160)]))
		d.web(i, end, may)
		if letter(c) {
			d.calendar(i, end, may)
		}
		d.place(i, end, numbers, may)
		short := end-i <= 3 && capitals == end-i && (d.at(end) == ' ' || d.at(end) == '-') && (digit(d.at(end+1)) || upper(d.at(end+1)))
		hidden := strings.IndexByte("Xx*#+(", c) >= 0 || c >= 0x80
		hex := end-i <= 4 && (d.at(end) == ':' || d.at(end) == '-' || d.at(end) == '.')
		if numbers > 0 || short || hidden || hex || capitals >= 8 && capitals == end-i {
			d.number(i)
		}
		if digit(c) {
			d.when(i, may)
			d.old(i, may)
		}
		if (numbers > 0 || hex) && may&mayHost != 0 {
			d.host(i)
		}
	}
	d.secrets()
}

// number tries the rules of numbers at i.
func (d *doc) number(i int) {
	rest := d.s[i:min(len(d.s), i+48)]
	var around []near
	looked, own := false, false // own: a label names one of the kinds
	from := len(d.out)
	for may := d.numbers.ask(rest); may != 0; may &= may - 1 {
		r := &rules[bits.TrailingZeros64(may)]
		loc := r.re.FindStringIndex(rest)
		if loc == nil {
			continue
		}
		end := i + loc[1]
		for end > i && !d.alone(i, end) { // a shape may have taken a word of what follows
			p := strings.LastIndexByte(d.s[i:end], ' ')
			if p <= 0 {
				end = i
				break
			}
			end = i + p
			if l := r.re.FindStringIndex(d.s[i:end]); l == nil || l[1] != end-i {
				end = i
			}
		}
		if end == i {
			continue
		}
		if !looked {
			around, looked = d.labelled(i), true
		}
		s := d.s[i:end]
		first, gap, mine := nothing, -1, -1
		for _, n := range around {
			if gap < 0 {
				first, gap = n.kind, n.gap
			}
			if n.kind == r.kind {
				mine = n.gap
				break
			}
		}
		switch {
		case mine >= 0 && (mine == gap || d.passes(r.kind, around)):
			if x := r.said(s); x > 0 {
				own = own || mine < 20
				d.add(r.kind, i, end, x-float64(mine)/2000)
				continue
			}
		case d.named(end, r.kind):
			if x := r.said(s); x > 0 {
				own = true
				d.add(r.kind, i, end, x-.02)
				continue
			}
		case gap >= 0 && first == nothing && gap < 30 && r.kind != ibanNumber && r.kind != accessKey && r.kind != mac:
			continue // it is called something else
		}
		if x := r.free(s); x > 0 {
			d.out = append(d.out, span{kind: r.kind, begin: i, end: end, score: x, guess: true})
		}
	}
	if own { // what is called by its name is not guessed at
		kept := slices.DeleteFunc(d.out[from:], func(x span) bool { return x.guess && x.score < .97 })
		d.out = d.out[:from+len(kept)]
	}
	d.lastFour(i)
}

var follows = shape(`[)"]*,? ?(?:\(|(?:is|was|are) (?:my|the|his|her|its|your|their|our) |as (?:my|the|your) |for (?:my|the) )(?:[a-z']+ )?(pin|swift code|bic code|cvv2|cvc2|routing|account|checking|savings|nhs number|itin|cvv|cvc|security code|ssn|social security number|social|swift|bic|routing number|account number|bank account|sin|phone number|passport number|driver's license|license plate|iban|card number|credit card)\b`)

// named says whether what follows calls the number before it by its kind: "7731 is my PIN".
func (d *doc) named(end int, kind string) bool {
	rest := d.low[end:min(len(d.low), end+40)]
	if bit(d.shapes.ask(rest))&mayFollow == 0 {
		return false
	}
	m := follows.FindStringSubmatch(rest)
	if m == nil {
		return false
	}
	for i := range labels {
		if labels[i].phrase == m[1] && labels[i].kind != nothing {
			return labels[i].kind == kind
		}
	}
	return false
}

// passes says whether the labels before a place, until the one of the kind, are words that may stand between: "card ... exp", "account ... routing".
func (d *doc) passes(kind string, around []near) bool {
	for _, n := range around {
		if n.kind == kind {
			return true
		}
		switch {
		case kind == expiry && n.kind == card, kind == card && n.kind == account, kind == phone && n.kind == nothing && n.phrase == "extension":
		case kind == driver && n.kind == plate:
		case kind == nhsNumber && n.kind == nothing, kind == utr && n.kind == nothing:
		case kind == itinNumber && n.kind == utr, kind == utr && n.kind == itinNumber:
		default:
			return false
		}
	}
	return false
}

var (
	ending = regexp.MustCompile(`(?:ending|ends|ended)(?: in| with)?(?: the)?(?: digits)?:? ?[x*#.]*$`)
	last   = regexp.MustCompile(`last (?:four|4)\b[^.;\n]{0,40}$`)
)

// lastFour takes four digits that are all that is told of a number.
func (d *doc) lastFour(i int) {
	skip := 0
	for strings.IndexByte("Xx*#", d.at(i+skip)) >= 0 && d.at(i+skip) != 0 && skip < 6 {
		skip++
	}
	b, e := i+skip, i+skip+4
	if e > len(d.s) || len(digits(d.s[b:e])) != 4 || alnum(d.at(e)) || d.at(e) == '-' && digit(d.at(e+1)) {
		return
	}
	before := d.low[max(0, i-reach):i]
	if skip == 0 && !ending.MatchString(before) && !last.MatchString(before) {
		return
	}
	if skip > 2 {
		return // masks that count digits: a rule has them
	}
	for _, n := range d.labelled(i) {
		switch n.kind {
		case card, account, routing, ssnNumber:
			d.add(n.kind, b, e, .94)
			return
		}
	}
}

var (
	link     = shape(`(?i:https?|ftp|sftp|ftps)://[^\s<>"“”{}|\\^]+|(?i:www)\.[A-Za-z0-9-]+\.[^\s<>"“”{}|\\^]+`)
	domain   = shape(`(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+(?:com|org|net|edu|gov|mil|io|dev|app|info|biz|ai|co\.uk|org\.uk|ac\.uk|co|eu|uk|de|fr|es|nl|ch|ca|com\.au|com\.br|co\.in|co\.jp|example)\b(?:/[^\s<>"“”{}|\\^]*)?`)
	mailbox  = shape(`[A-Za-z0-9](?:[A-Za-z0-9._%+'-]*[A-Za-z0-9_%+-])?@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,24}\b`)
	tag      = shape(`@[A-Za-z_][A-Za-z0-9_.]*[A-Za-z0-9_]`)
	hostLike = shape(`[0-9A-Fa-f:]*:[0-9A-Fa-f:.]+|\d{1,3}(?:\.\d{1,3}){3}`)
)

// web finds addresses of mail and the web.
func (d *doc) web(i, end int, may bit) {
	if p := d.before(i); p == '@' || p == '.' && i > 1 && alnum(d.s[i-2]) || p == '/' && i > 1 && d.s[i-2] != ' ' || p == '-' && i > 1 && alnum(d.s[i-2]) {
		return
	}
	if may&(mayMailbox|mayLink|mayDomain) == 0 || i < d.lastLink {
		return // what lies in an address belongs to it
	}
	if d.blank < i {
		d.blank = next(d.s, i, " \n\t\r")
	}
	word := d.s[i:min(d.blank, i+2048)]
	if may&mayMailbox != 0 && d.posted(i) {
		if l := mailbox.FindStringIndex(word[:min(len(word), 320)]); l != nil {
			d.add(email, i, i+l[1], .998)
			d.lastMail = d.local // a shorter one at the same sign would say the same
			return
		}
		if d.local-i < 60 { // long enough was what was tried behind the sign
			d.lastMail = d.local
		}
	}
	if d.scheme < i {
		if d.scheme = strings.Index(d.s[i:], "://"); d.scheme < 0 {
			d.scheme = len(d.s)
		} else {
			d.scheme += i
		}
	}
	if d.scheme+3 <= i+len(word) || strings.HasPrefix(d.low[i:min(len(d.low), i+4)], "www.") {
		if may&mayLink == 0 {
			return
		}
		if l := link.FindStringIndex(word); l != nil {
			d.lastLink = i + trim(word[:l[1]])
			d.add(url, i, d.lastLink, .998)
		}
		return
	}
	if may&mayDomain != 0 && (d.at(end) == '.' || d.at(end) == '-') {
		if l := domain.FindStringIndex(word); l != nil {
			n := trim(word[:l[1]])
			if c := d.at(i + n); c != '.' || !alnum(d.at(i+n+1)) {
				d.add(url, i, i+n, .95)
			}
		}
	}
}

// posted says whether what may stand before the sign of a mail address leads from i to such a sign, at which none was found or missed.
func (d *doc) posted(i int) bool {
	if d.local < i {
		for d.local = i; d.local < len(d.s) && (letter(d.s[d.local]) || digit(d.s[d.local]) || strings.IndexByte("._%+'-", d.s[d.local]) >= 0); {
			d.local++
		}
	}
	return d.at(d.local) == '@' && d.local != d.lastMail
}

// next gives the place of the first of signs from i on, or the end.
func next(s string, i int, signs string) int {
	if p := strings.IndexAny(s[i:], signs); p >= 0 {
		return i + p
	}
	return len(s)
}

// trim gives the length of an address without the signs of the sentence behind it.
func trim(s string) int {
	n := len(s)
	surplus := strings.Count(s, ")") - strings.Count(s, "(")
	bracket := strings.Contains(s, "[")
	for n > 0 {
		switch c := s[n-1]; {
		case c == ')' && surplus > 0:
			surplus--
			n--
			continue
		case strings.IndexByte(".,;:!?'*", c) >= 0, c == ']' && !bracket, c == '>':
			n--
			continue
		}
		break
	}
	return n
}

// handle takes @name.
func (d *doc) handle(i int) {
	if p := d.before(i); alnum(p) || p == '.' || p == '/' || p == '@' {
		return
	}
	l := tag.FindStringIndex(d.s[i:min(len(d.s), i+40)])
	if l == nil || l[1] < 4 || d.at(i+l[1]) == '(' || has(d.low[max(0, i-40):i], "decorator", "annotation", "annotated", "annotate") {
		return
	}
	d.add(username, i, i+l[1], .85)
}

// host finds addresses of the Internet Protocol.
func (d *doc) host(i int) {
	if p := d.before(i); p == '.' || p == ':' && i > 1 && alnum(d.s[i-2]) || p == '-' {
		return
	}
	l := hostLike.FindStringIndex(d.s[i:min(len(d.s), i+46)])
	if l == nil {
		return
	}
	n := l[1]
	for n > 0 && (d.s[i+n-1] == '.' || d.s[i+n-1] == ':' && d.s[i+n-2] != ':') {
		n--
	}
	if !ipScore(d.s[i:i+n]) || alnum(d.at(i+n)) || d.at(i+n) == '.' && digit(d.at(i+n+1)) {
		return
	}
	if x := d.labelled(i); len(x) > 0 && x[0].kind == nothing && x[0].gap < 20 && x[0].phrase != "port" {
		return
	}
	d.add(ip, i, i+n, .97)
}

// secrets finds secret access keys: forty characters of base64 with the disorder of a key.
func (d *doc) secrets() {
	begin := -1
	for i := 0; i <= len(d.s); i++ {
		if c := d.at(i); i < len(d.s) && (letter(c) || digit(c) || c == '/' || c == '+') {
			if begin < 0 {
				begin = i
			}
			continue
		}
		if begin >= 0 && i-begin == 40 {
			s := d.s[begin:i]
			if hasUpper(s, 3) && hasDigits(s, 1) && strings.ContainsAny(s, "abcdefghijklmnopqrstuvwxyz") && entropy(s) > 4 && !hexOnly(s) {
				d.add(secretKey, begin, i, .98)
			}
		}
		begin = -1
	}
}

func hexOnly(s string) bool { return strings.Trim(s, "0123456789abcdefABCDEF") == "" }

var (
	secretSaid = shape(`(?:password|passwd|passphrase|pass ?code|pwd|pw)\b( for \S{1,32}(?: ?:| is) |"?\s*(?::|=|\bis\b|\bwas\b|\bto\b|\bas\b)?\s*:?\s*)(["'“‘]?)(\S{3,64})`)
	// a server's log of who came in, or did not
	cameIn   = shape(`(?:failed|accepted) (?:password|publickey|keyboard-interactive(?:/pam)?|none)( for (?:invalid user )?)()([a-z0-9][a-z0-9._-]{0,40})`)
	userSaid = shape(`(?:user[ _-]?name|user[ _-]?id|log[ -]?in name|log[ -]?in(?: id)?|screen ?name|nick ?name|handle|user)\b("?\s*(?::|=|\bis\b|\bwas\b|\bas\b)?\s*:?\s*)(["'“‘]?)(@?[a-z0-9][a-z0-9._-]{1,40})`)
)

// stated are the words with which such a phrase begins.
var stated = []struct {
	kind, word string
	re         *regexp.Regexp
}{{password, "pass", secretSaid}, {password, "pw", secretSaid}, {username, "failed", cameIn}, {username, "accepted", cameIn}, {username, "user", userSaid}, {username, "log", userSaid}, {username, "screen", userSaid}, {username, "nick", userSaid}, {username, "handle", userSaid}}

// stated finds passwords and user names behind the words that say so.
func (d *doc) stated() {
	for _, x := range stated {
		for at := 0; ; {
			p := strings.Index(d.low[at:], x.word)
			if p < 0 {
				break
			}
			p, at = at+p, at+p+len(x.word)
			if alnum(d.before(p)) {
				continue
			}
			m := x.re.FindStringSubmatchIndex(d.low[p:min(len(d.low), p+160)])
			if m == nil {
				continue
			}
			for i := range m {
				m[i] += p
			}
			link, b, e := strings.Trim(d.low[m[2]:m[3]], " \""), m[6], m[7]
			quoted := m[4] < m[5]
			if quoted {
				if q := strings.IndexAny(d.s[b:e], `"'”’`); q > 0 {
					e = b + q
				}
			}
			for e > b && strings.IndexByte(".,;)\"'", d.s[e-1]) >= 0 {
				e--
			}
			v := d.s[b:e]
			if len(v) < 3 || common(strings.ToLower(v)) || m[2] == m[3] {
				continue
			}
			marked := strings.ContainsAny(v, "0123456789") || strings.ContainsAny(v, "_#$%&*!@^~") || hasUpper(v[1:], 1) && strings.ToUpper(v) != v || strings.ContainsAny(v, "-.")
			strict := strings.ContainsAny(link, ":=") || quoted || x.re == cameIn
			plain := d.low[m[0]:m[1]]
			switch {
			case strict:
				d.add(x.kind, b, e, .95)
			case link != "" && marked:
				d.add(x.kind, b, e, .92)
			case link == "" && strings.ContainsAny(v, "0123456789") && strings.ContainsAny(strings.ToLower(v), "abcdefghijklmnopqrstuvwxyz"):
				d.add(x.kind, b, e, .85)
			case link == "is" && !strings.HasPrefix(plain, "user ") && (e == len(d.s) || strings.IndexByte(".,;\n", d.s[e]) >= 0) && (x.kind == username || strings.Contains(d.low[max(0, m[0]-10):m[0]], "my ")):
				d.add(x.kind, b, e, .7)
			}
		}
	}
}

// common are words that may follow "password is" without being one.
func common(s string) bool {
	return strings.Contains(" incorrect wrong invalid missing required needed empty expired weak strong correct valid too not never always also only case-sensitive sensitive used stored sent reset changed change "+
		"protected set unknown secret secure safe long short the a an your my his her their our this that you are was were has have been being same different ready here there below above hidden encrypted hashed field "+
		"please must should can cannot may will shall in on at by for from with and or but if when once after before nil null none true false optional unique taken available already about what who how why where it its "+
		"forgotten lost leaked compromised recommended mandatory displayed shown blank locked disabled enabled complex simple good bad ", " "+s+" ")
}
