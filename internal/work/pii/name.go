package pii

import (
	"cmp"
	_ "embed"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// givenNames are first names of English-speaking countries; a question mark stands behind those that are words or places, too.
//
//go:embed names.txt
var givenNames string

// firstNames says of each name whether it is a name alone.
var firstNames = func() map[string]bool {
	out := map[string]bool{}
	for line := range strings.Lines(givenNames) {
		n := strings.TrimSpace(line)
		bare := strings.TrimSuffix(n, "?")
		out[bare] = bare == n
	}
	return out
}()

func set(words string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(words) {
		out[w] = true
	}
	return out
}

var (
	titles    = set("Mr Mrs Ms Miss Mx Dr Prof Professor Sir Madam Dame Lord Lady Rev Reverend Father Sister Hon Judge Justice President Senator Governor Mayor Captain Capt Major Colonel Col General Gen Sergeant Sgt Lieutenant Lt Officer Detective Nurse Doctor Chancellor Minister")
	greetings = set("Hello Hi Hey Dear Regards Sincerely Cheers Thanks Greetings Welcome Goodbye Bye Attn Attention")
	noNames   = set("Customer Customers Sir Madam Team All Everyone Friend Friends World There Support Service Client User Admin Manager Colleague Colleagues Folks Guys Both Valued Member Members Guest Student Students Parents Applicant Hiring Again Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May June July August September October November December English French Spanish German American British Canadian Indian Chinese I The And To For From Patient Caller Employee Tenant Driver Taxpayer")
	houses    = set("Inc LLC Ltd Corp Corporation Organization Organisation Foundation University College School Hospital Bank Institute Company Co Group Center Centre Clinic Church Street St Avenue Ave Road Rd Lane Drive Boulevard Blvd Court Park Bridge Airport Station Museum Theatre Theater Hotel Restaurant Spa Services Service Solutions Systems Technologies Partners Associates Association Society Trust Fund Library Stadium Award Prize Act Law County City River Lake Mount Mountain Island Islands Beach Valley Hall House Tower Building Plaza Square Insurance Financial Industries Holdings Press Times Post News Airlines Motors Studios Records Entertainment Sons Brothers Financials Code License Licence")
)

// capital is a word that begins with a capital letter.
type capital struct {
	begin, end int
	text       string
	initial    bool // one letter and a full stop
}

// names finds names of persons: first names of the list, and capitalised words behind a title, a greeting or "my name is".
func (d *doc) names() {
	var run []capital
	flush := func() {
		if len(run) > 0 {
			d.person(run)
		}
		run = run[:0]
	}
	for i := 0; i < len(d.s); {
		r, n := utf8.DecodeRuneInString(d.s[i:])
		if !unicode.IsLetter(r) {
			i += n
			continue
		}
		begin := i
		for i < len(d.s) {
			r, n := utf8.DecodeRuneInString(d.s[i:])
			if !unicode.IsLetter(r) && !unicode.IsMark(r) && !((r == '\'' || r == '’' || r == '-') && i+n < len(d.s) && alnum(d.s[i+n]) && !strings.HasPrefix(d.s[i+n:], "s ")) && !unicode.IsDigit(r) && r != '_' {
				break
			}
			i += n
		}
		first, k := utf8.DecodeRuneInString(d.s[begin:i])
		text := d.s[begin:i]
		if !unicode.IsUpper(first) || strings.ContainsAny(text, "0123456789_") || d.before(begin) == '@' || d.at(i) == '@' || d.before(begin) == '.' && alnum(d.at(begin-2)) && !upper(d.at(begin-2)) {
			flush()
			continue
		}
		c := capital{begin: begin, end: i, text: text}
		if len(text) == k && d.at(i) == '.' {
			c.initial, c.end = true, i+1
		}
		if len(run) > 0 {
			gap := d.s[run[len(run)-1].end:begin]
			if gap != " " && !(gap == ". " && titles[run[len(run)-1].text]) {
				flush()
			}
		}
		run = append(run, c)
	}
	flush()
}

// person decides about a run of capitalised words.
func (d *doc) person(run []capital) {
	for _, c := range run {
		if houses[c.text] {
			return
		}
	}
	cue := 0.0
	for len(run) > 0 {
		switch t := run[0].text; {
		case titles[t]:
			cue = .95
		case greetings[t]:
			cue = .92
		case noNames[t] && len(run) > 1:
			cue = 0
		default:
			d.decide(run, cue)
			return
		}
		run = run[1:]
	}
}

func (d *doc) decide(run []capital, cue float64) {
	if noNames[run[0].text] || run[0].initial {
		return
	}
	before := d.low[max(0, run[0].begin-24):run[0].begin]
	if cue == 0 {
		for _, s := range []string{"my name is ", "name is ", "name: ", "i am ", "i'm ", "named ", "signed, ", "regards, ", "sincerely, ", "thanks, ", "hello, ", "hi, ", "spoke with ", "spoke to ", "regards,\n", "sincerely,\n", "cheers,\n", "attn: ", "cardholder ", "patient "} {
			if strings.HasSuffix(before, s) {
				cue = .9
				if s == "i am " || s == "i'm " {
					cue = .8
				}
				break
			}
		}
	}
	strong, known := firstNames[run[0].text]
	most := 1
	for most < len(run) && most < 4 && !noNames[run[most].text] && !titles[run[most].text] {
		most++
	}
	for most > 1 && run[most-1].initial {
		most--
	}
	score := 0.0
	switch {
	case cue > 0 && utf8.RuneCountInString(run[0].text) > 1 && strings.ToUpper(run[0].text) != run[0].text:
		score = cue
		if known {
			score = max(score, .96)
		}
	case strong && most > 1:
		score = .94
	case strong:
		score = .8
	case known && most > 1 && (firstNames[run[1].text] || run[1].initial || strings.ToUpper(run[1].text) != run[1].text):
		score = .75
	}
	if score > 0 {
		d.out = append(d.out, span{kind: name, begin: run[0].begin, end: run[most-1].end, score: score, guess: cue == 0})
	}
}

// sure is the score from which another engine's finds count.
const sure = .5

// judge takes what another engine says of names. It adds persons, and takes back those that were guessed from the list alone where it is
// sure of a place or an organization.
func (d *doc) judge(more []Span) {
	var other []Span
	for _, n := range more {
		switch {
		case n.Other && n.Score > .7:
			other = append(other, n)
		case !n.Other && n.Score >= sure:
			d.add(name, n.Begin, n.End, n.Score*.93)
		}
	}
	if len(other) == 0 {
		return
	}
	d.out = slices.DeleteFunc(d.out, func(x span) bool {
		if x.kind != name || !x.guess {
			return false
		}
		i, _ := slices.BinarySearchFunc(other, x.end, func(n Span, end int) int { return cmp.Compare(n.Begin, end) })
		return i > 0 && other[i-1].End > x.begin
	})
}
