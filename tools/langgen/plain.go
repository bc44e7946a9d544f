package main

import (
	"strings"
	"unicode"
)

// plainWeight is the weight of a text without its accents, in parts of the text's own; plainShare is how many of the texts that the tuning draws lose theirs.
const (
	plainWeight = 0.1
	plainShare  = 0.1
)

// plainer writes Latin letters as people do who type without accents.
var plainer = func() *strings.Replacer {
	var pairs []string
	for plain, letters := range map[string]string{
		"a": "áàâäãåāăąǎạảấầẩẫậắằẳẵặ", "ae": "æ", "c": "çćčċĉ", "d": "ďđð", "e": "éèêëēėęěẹẻẽếềểễệə", "g": "ğģġĝ", "h": "ħĥ",
		"i": "íìîïīįıĩịỉ", "j": "ĵ", "k": "ķ", "l": "łľļĺ", "n": "ñńňņ", "o": "óòôöõøōőơọỏốồổỗộớờởỡợ", "oe": "œ", "r": "řŕ",
		"s": "śšşșŝṣ", "ss": "ß", "t": "ťțţ", "th": "þ", "u": "úùûüūůűųŭũưụủứừửữự", "w": "ŵ", "y": "ýÿŷỳỵỷỹ", "z": "źżž",
	} {
		for _, r := range letters {
			pairs = append(pairs, string(r), plain)
			if upper := unicode.ToUpper(r); upper > unicode.MaxASCII {
				pairs = append(pairs, string(upper), plain)
			}
		}
	}
	return strings.NewReplacer(pairs...)
}()

// plain gives the lines that have accents without them.
func plain(lines []string) []string {
	var out []string
	for _, l := range lines {
		if p := plainer.Replace(l); p != l {
			out = append(out, p)
		}
	}
	return out
}
