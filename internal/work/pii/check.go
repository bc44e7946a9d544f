package pii

import (
	"math"
	"strings"
)

// digits gives the digits of s alone.
func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}

// luhn is ISO/IEC 7812's check digit.
func luhn(s string) bool {
	sum := 0
	for i := range len(s) {
		n := int(s[len(s)-1-i] - '0')
		if i%2 == 1 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return len(s) > 0 && sum%10 == 0
}

// issuer says whether a card's first digits are of a known network and its length is that network's.
func issuer(s string) bool {
	n := len(s)
	p := func(k int) int {
		v := 0
		for i := range k {
			v = v*10 + int(s[i]-'0')
		}
		return v
	}
	if n < 13 || n > 19 {
		return false
	}
	switch two, three, four := p(2), p(3), p(4); {
	case s[0] == '4':
		return n == 13 || n == 16 || n == 19
	case two >= 51 && two <= 55, four >= 2221 && four <= 2720:
		return n == 16
	case two == 34, two == 37:
		return n == 15
	case four == 6011, two == 65, three >= 644 && three <= 649, two == 62, four >= 3528 && four <= 3589:
		return n >= 16
	case three >= 300 && three <= 305, two == 36, two == 38, two == 39:
		return n >= 14
	}
	return false
}

// ibanLength is the length of each country's number (SWIFT's IBAN registry).
var ibanLength = map[string]int{"AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28, "CH": 21, "CR": 22, "CY": 28,
	"CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21,
	"HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24,
	"ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18, "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SE": 24,
	"SI": 19, "SK": 24, "SM": 27, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20}

// iban checks length and ISO 7064's mod 97.
func iban(s string) bool {
	if len(s) < 5 || ibanLength[s[:2]] != len(s) {
		return false
	}
	m := 0
	for _, c := range s[4:] + s[:4] {
		switch {
		case c >= '0' && c <= '9':
			m = (m*10 + int(c-'0')) % 97
		case c >= 'A' && c <= 'Z':
			m = (m*100 + int(c-'A') + 10) % 97
		default:
			return false
		}
	}
	return m == 1
}

// aba is the check digit of a US routing number (3-7-1), and its first two digits are of a Federal Reserve district.
func aba(s string) bool {
	if len(s) != 9 {
		return false
	}
	sum := 0
	for i := range 9 {
		sum += int(s[i]-'0') * [3]int{3, 7, 1}[i%3]
	}
	p := int(s[0]-'0')*10 + int(s[1]-'0')
	return sum%10 == 0 && (p <= 12 || p >= 21 && p <= 32 || p >= 61 && p <= 72 || p == 80)
}

// vin is the check digit of a vehicle number (49 CFR 565), demanded in North America.
func vin(s string) bool {
	const values, weights = "0123456789.ABCDEFGH..JKLMN.P.R..STUVWXYZ", "8765432A098765432"
	if len(s) != 17 {
		return false
	}
	sum := 0
	for i := range 17 {
		v := strings.IndexByte(values, s[i])
		w := int(weights[i] - '0')
		if weights[i] == 'A' {
			w = 10
		}
		sum += v % 10 * w
	}
	want := byte('0' + sum%11)
	if sum%11 == 10 {
		want = 'X'
	}
	return s[8] == want
}

// nhs is the check digit of an NHS number (mod 11).
func nhs(s string) bool {
	if len(s) != 10 {
		return false
	}
	sum := 0
	for i := range 9 {
		sum += int(s[i]-'0') * (10 - i)
	}
	return (11-sum%11)%11 == int(s[9]-'0')
}

// verhoeff is the check digit of an Aadhaar number: a walk through the dihedral group of ten elements.
func verhoeff(s string) bool {
	turn := [10]int{1, 5, 7, 6, 2, 8, 3, 0, 9, 4}
	c := 0
	for i := range len(s) {
		v := int(s[len(s)-1-i] - '0')
		for range i % 8 {
			v = turn[v]
		}
		c = dihedral(c, v)
	}
	return c == 0
}

func dihedral(a, b int) int {
	switch {
	case a < 5 && b < 5:
		return (a + b) % 5
	case a < 5:
		return (a+b)%5 + 5
	case b < 5:
		return (a-b)%5 + 5
	}
	return (a - b + 5) % 5
}

// ssn says whether a number can have been issued.
func ssn(s string) bool {
	return len(s) == 9 && s[:3] != "000" && s[:3] != "666" && s[0] != '9' && s[3:5] != "00" && s[5:] != "0000"
}

// itin says whether a number is of the ranges that the IRS issues.
func itin(s string) bool {
	if len(s) != 9 || s[0] != '9' {
		return false
	}
	g := int(s[3]-'0')*10 + int(s[4]-'0')
	return g >= 50 && g <= 65 || g >= 70 && g <= 88 || g >= 90 && g <= 92 || g >= 94
}

// entropy is Shannon's, in bits for each byte.
func entropy(s string) float64 {
	var n [256]float64
	for i := range len(s) {
		n[s[i]]++
	}
	e := 0.0
	for _, k := range n {
		if k > 0 {
			p := k / float64(len(s))
			e -= p * math.Log2(p)
		}
	}
	return e
}
