package language

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Key is an n-gram: up to four bytes of a word, lowest first, and whether it begins or ends the word. The bytes are
// UTF-8, but one byte a character in Devanagari and Bengali. Two other kinds are a letter by itself and a whole word.
type Key uint64

const (
	first   Key = 1 << 32 // begins the word
	last    Key = 1 << 33 // ends the word
	single  Key = 1 << 34 // a letter by itself, bits 0-20; with first, a hashed word, bits 0-31
	keyBits     = 35

	// Features are byte 4-grams at every third byte and the last four bytes, words cut at 70 bytes, each n-gram once:
	// the scheme of Nito-ELD, because the table's figures were counted so.
	gramLen, stride, wordMax = 4, 3, 70

	// Words of these lengths in bytes are features of their own; shorter ones are n-grams already.
	wholeMin, wholeMax = 5, 24
)

// word collects the bytes of one word.
type word struct {
	bytes  [wordMax]byte
	n      int
	script Script
}

// add appends the lower-case letter r. A word over wordMax bytes is cut.
func (w *word) add(r rune) {
	if w.script == Devanagari || w.script == Bengali {
		if w.n < wordMax {
			w.bytes[w.n] = 0x80 | byte(r&0x7F)
			w.n++
		}
		return
	}
	if w.n+utf8.UTFMax <= wordMax {
		w.n += utf8.EncodeRune(w.bytes[w.n:], r)
	}
}

// grams calls yield with the word's n-grams in order.
func (w *word) grams(yield func(Key)) {
	b := w.bytes[:w.n]
	at := 0
	for ; at+gramLen < len(b); at += stride {
		k := pack(b[at : at+gramLen])
		if at == 0 {
			k |= first
		}
		yield(k)
	}
	tail := b[max(0, len(b)-gramLen):]
	k := pack(tail) | last
	if at == 0 {
		k |= first
	}
	yield(k)
	if len(b) >= wholeMin && len(b) <= wholeMax {
		yield(whole(b))
	}
}

// whole is the key of a word as such: an FNV-1a hash, so that the table holds no words.
func whole(b []byte) Key {
	h := uint32(2166136261)
	for _, c := range b {
		h = (h ^ uint32(c)) * 16777619
	}
	return Key(h) | single | first
}

// Whole tells the keys of words as such.
func (k Key) Whole() bool { return k&(single|first) == single|first }

func pack(b []byte) Key {
	var k Key
	for i, c := range b {
		k |= Key(c) << (8 * i)
	}
	return k
}

// letter is the key of one letter: of a Han character, or of any other beyond ASCII, whose presence tells much.
func letter(r rune) Key { return Key(r) | single }

// special tells the letters that only some languages of their script use: those outside the basic Latin, Russian and
// Arabic alphabets. Hebrew and the scripts of India have none that would help.
func special(r rune) bool {
	switch {
	case r < 0x80, r >= 'а' && r <= 'я', r >= 0x0590 && r <= 0x0600, r >= 'ا' && r <= 'ي', r >= 0x0900 && r <= 0x097F:
		return false
	}
	return true
}

// Letter tells the keys of letters.
func (k Key) Letter() bool { return k&(single|first) == single }

// apostrophe tells the marks that stay inside or before a word, as in "don't" and "l’eau".
func apostrophe(r rune) bool { return r == '\'' || r == '`' || r == '’' }

// Grams calls yield with every n-gram of text in order, repeated ones too. tools/langgen counts with it, so table and
// engine cannot disagree.
func Grams(text string, yield func(Script, Key)) {
	c := cutter{yield: yield}
	for _, r := range text {
		c.rune(r)
	}
	c.end()
}

// cutter cuts a stream of code points into words and these into n-grams.
type cutter struct {
	word    word
	marks   int // apostrophes seen since the last letter
	mark    rune
	yield   func(Script, Key)
	letters func(Script, rune) // may be nil
}

// compose joins a mark to the letter before it, as text from macOS and from pages of PDF has them apart, and reports whether there is such a letter.
// What has no joined form in Unicode stays apart: the table's figures were counted so.
func (c *cutter) compose(mark rune) bool {
	w := &c.word
	if w.n == 0 || w.n+utf8.UTFMax > wordMax || c.marks > 0 {
		return false
	}
	_, size := utf8.DecodeLastRune(w.bytes[:w.n])
	var apart, joined [4 * utf8.UTFMax]byte
	n := copy(apart[:], w.bytes[w.n-size:w.n])
	out := norm.NFC.Append(joined[:0], apart[:n+utf8.EncodeRune(apart[n:], mark)]...)
	r, whole := utf8.DecodeRune(out)
	if whole != len(out) || scriptOf(r) != w.script {
		return false
	}
	w.n -= size
	w.add(r)
	if special(r) {
		c.yield(w.script, letter(r))
	}
	return true
}

// rune takes one code point and reports whether it ended a word or stood between words.
func (c *cutter) rune(r rune) (between bool) {
	script, lower := NoScript, r
	if r < 0x80 {
		if lower |= 0x20; lower >= 'a' && lower <= 'z' {
			script = Latin
		}
	} else if script = scriptOf(r); script != NoScript {
		lower = unicode.ToLower(r)
	}
	if script == NoScript {
		if r >= 0x0300 && r <= 0x036F && c.compose(r) {
			return false
		}
		if apostrophe(r) && c.marks < 3 {
			c.marks, c.mark = c.marks+1, r
			return false
		}
		c.end()
		return true
	}
	if c.letters != nil {
		c.letters(script, r)
	}
	if alone[script] != "" || script == Unknown {
		c.end()
		return false
	}
	if script == Han {
		c.end()
		if !kana(r) {
			c.yield(Han, letter(r))
		}
		return false
	}
	if c.word.n > 0 && c.word.script != script {
		c.end()
	}
	c.word.script = script
	for ; c.marks > 0; c.marks-- {
		c.word.add(c.mark)
	}
	c.word.add(lower)
	if special(lower) {
		c.yield(script, letter(lower))
	}
	return false
}

// end closes the word, if one is open.
func (c *cutter) end() {
	c.marks = 0
	if c.word.n > 0 {
		c.word.grams(func(k Key) { c.yield(c.word.script, k) })
		c.word.n = 0
	}
}

// MakeKey is the key of up to four bytes that begin or end a word.
func MakeKey(b []byte, begins, ends bool) Key {
	k := pack(b)
	if begins {
		k |= first
	}
	if ends {
		k |= last
	}
	return k
}
