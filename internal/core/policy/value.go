package policy

import (
	"encoding/base64"
	"net/netip"
	"strconv"
	"strings"
)

// The typed values of conditions. All readers take text without allocating and refuse trailing junk.

func itoa(n int) string { return strconv.Itoa(n) }

// decimal is a number kept as digits: exact at any size.
type decimal struct {
	negative    bool
	whole, frac string // without leading and trailing zeros
}

func parseDecimal(s string) (d decimal, ok bool) {
	if s != "" && (s[0] == '-' || s[0] == '+') {
		d.negative = s[0] == '-'
		s = s[1:]
	}
	whole, frac, point := strings.Cut(s, ".")
	if !digits(whole) || !digits(frac) || whole == "" && frac == "" || point && frac == "" {
		return d, false
	}
	d.whole, d.frac = strings.TrimLeft(whole, "0"), strings.TrimRight(frac, "0")
	if d.whole == "" && d.frac == "" {
		d.negative = false
	}
	return d, true
}

func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func (d decimal) compare(e decimal) int {
	if d.negative != e.negative {
		if d.negative {
			return -1
		}
		return 1
	}
	r := len(d.whole) - len(e.whole)
	if r == 0 {
		r = strings.Compare(d.whole, e.whole)
	}
	if r == 0 {
		r = strings.Compare(d.frac, e.frac)
	}
	if d.negative {
		r = -r
	}
	return r
}

// instant is a point in time: epoch seconds and nanoseconds.
type instant struct{ sec, nano int64 }

func (a instant) compare(b instant) int {
	switch {
	case a.sec < b.sec || a.sec == b.sec && a.nano < b.nano:
		return -1
	case a == b:
		return 0
	}
	return 1
}

// parseInstant reads epoch seconds or a W3C date: YYYY, YYYY-MM, YYYY-MM-DD, YYYY-MM-DDThh:mm[:ss[.f]] and a zone
// (Z, +hh:mm, -hh:mm). Four digits are a year. A time without a zone is UTC: our reading, the W3C note wants a zone.
func parseInstant(s string) (t instant, ok bool) {
	if d, isNumber := parseDecimal(s); isNumber && !(len(s) == 4 && digits(s)) {
		if len(d.whole) > 15 {
			return t, false
		}
		for _, c := range []byte(d.whole) {
			t.sec = t.sec*10 + int64(c-'0')
		}
		t.nano = fraction(d.frac)
		if d.negative {
			t.sec, t.nano = -t.sec, -t.nano
			if t.nano < 0 {
				t.sec, t.nano = t.sec-1, t.nano+1e9
			}
		}
		return t, true
	}
	year, s, ok := take(s, 4)
	if !ok {
		return t, false
	}
	month, day, hour, minute, second, zone := 1, 1, 0, 0, 0, 0
	if s != "" {
		if month, s, ok = takeAfter(s, '-'); !ok || month < 1 || month > 12 {
			return t, false
		}
	}
	if s != "" {
		if day, s, ok = takeAfter(s, '-'); !ok || day < 1 || day > monthDays(year, month) {
			return t, false
		}
	}
	if s != "" {
		if hour, s, ok = takeAfter(s, 'T'); !ok || hour > 23 {
			return t, false
		}
		if minute, s, ok = takeAfter(s, ':'); !ok || minute > 59 {
			return t, false
		}
		if s != "" && s[0] == ':' {
			if second, s, ok = takeAfter(s, ':'); !ok || second > 60 {
				return t, false
			}
			if s != "" && s[0] == '.' {
				n := 1
				for n < len(s) && '0' <= s[n] && s[n] <= '9' {
					n++
				}
				if n == 1 {
					return t, false
				}
				t.nano, s = fraction(s[1:n]), s[n:]
			}
		}
		if zone, ok = parseZone(s); !ok {
			return t, false
		}
	}
	t.sec = civilDays(year, month, day)*86400 + int64(hour*3600+minute*60+second-zone)
	return t, true
}

func take(s string, n int) (int, string, bool) {
	if len(s) < n || !digits(s[:n]) {
		return 0, s, false
	}
	v := 0
	for i := range n {
		v = v*10 + int(s[i]-'0')
	}
	return v, s[n:], true
}

func takeAfter(s string, sep byte) (int, string, bool) {
	if s == "" || lowerByte(s[0]) != lowerByte(sep) {
		return 0, s, false
	}
	return take(s[1:], 2)
}

func parseZone(s string) (seconds int, ok bool) {
	if s == "" || s == "Z" || s == "z" {
		return 0, true
	}
	if s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	h, rest, ok := take(s[1:], 2)
	if !ok || h > 23 {
		return 0, false
	}
	rest = strings.TrimPrefix(rest, ":")
	m, rest, ok := take(rest, 2)
	if !ok || rest != "" || m > 59 {
		return 0, false
	}
	if s[0] == '-' {
		return -(h*3600 + m*60), true
	}
	return h*3600 + m*60, true
}

func fraction(s string) int64 {
	n := int64(0)
	for i := range 9 {
		n *= 10
		if i < len(s) {
			n += int64(s[i] - '0')
		}
	}
	return n
}

func monthDays(y, m int) int {
	switch m {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// civilDays counts days since 1970-01-01 in the Gregorian calendar; years begin in March here, so that a leap day comes last.
func civilDays(y, m, d int) int64 {
	if m <= 2 {
		y--
		m += 12
	}
	return int64(365*y+y/4-y/100+y/400+(153*(m-3)+2)/5+d-1) - 719468
}

// parsePrefix reads a CIDR block or an address, which is a block of one. Host bits are masked.
func parsePrefix(s string) (netip.Prefix, bool) {
	if strings.IndexByte(s, '/') < 0 {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			return netip.Prefix{}, false
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, false
	}
	return p.Masked(), true
}

func parseBool(s string) (v, ok bool) {
	switch {
	case s == "true" || strings.EqualFold(s, "true"):
		return true, true
	case s == "false" || strings.EqualFold(s, "false"):
		return false, true
	}
	return false, false
}

// parseBinary reads base64 with or without padding.
func parseBinary(s string, buf []byte) ([]byte, bool) {
	s = strings.TrimRight(s, "=")
	if n := base64.RawStdEncoding.DecodedLen(len(s)); n > len(buf) {
		buf = make([]byte, n)
	}
	n, err := base64.RawStdEncoding.Decode(buf, []byte(s))
	return buf[:n], err == nil
}
