package pii

import (
	"regexp"
	"strings"
	"testing"
)

// TestSieveDeniesNothing asks all expressions at every place of the sentences, and the sieve.
func TestSieveDeniesNothing(t *testing.T) {
	for _, file := range []string{"sentences.txt", "second.txt", "third.txt"} {
		for _, s := range load(t, file) {
			for i := range s.text {
				demand(t, newOnce, s.text[i:min(len(s.text), i+48)])
			}
		}
	}
}

var newOnce = newSieves()

func demand(t *testing.T, by *sieves, text string) {
	t.Helper()
	see := func(s *sieve, k int, re *regexp.Regexp) {
		if re.MatchString(text) && s.ask(text)>>k&1 == 0 {
			t.Errorf("%q: denied to %s", text, re)
		}
	}
	for k := range rules {
		see(by.numbers, k, rules[k].re)
	}
	for k, re := range shapes {
		see(by.shapes, k, re)
	}
}

// TestSieveForgets sees that the automaton's size has a bound, and that what is forgotten is made again.
func TestSieveForgets(t *testing.T) {
	s := newSieve(regexp.MustCompile(`^(?:[ab]*a[ab]{14}c)`)) // 2^15 states
	text := []byte(strings.Repeat("a", 60))
	most := 0
	for n := range 1 << 15 {
		for i := range 16 {
			text[i] = 'a' + byte(n>>i&1)
		}
		s.ask(string(text[:17]))
		most = max(most, len(s.states))
	}
	if most > statesMax+1 || most < statesMax/2 {
		t.Errorf("%d states at most", most)
	}
	if s.ask(strings.Repeat("a", 30)+"c") != 1 {
		t.Error("denied after it forgot")
	}
}

func FuzzSieve(f *testing.F) {
	for _, s := range []string{"4111 1111 1111 1111", "12 Main St, Boise, ID 83702", "Ma\u212aes ſt", "\xff\xfe12", "••••1234"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) < 200 {
			demand(t, newOnce, s)
		}
	})
}
