package language

import "unicode"

// Script is a writing system as the engine sees it: the candidates for a word are the languages of its script.
type Script uint8

// The scripts. NoScript separates words; Unknown is a letter of a script that no supported language uses.
const (
	NoScript Script = iota
	Unknown
	Latin
	Cyrillic
	Arabic
	Devanagari
	Bengali
	Hebrew
	Han // with kana: one run of Japanese mixes them
	Hangul
	Greek
	Armenian
	Georgian
	Gurmukhi
	Gujarati
	Oriya
	Tamil
	Telugu
	Kannada
	Malayalam
	Sinhala
	Thai
	Lao
	Khmer
	Myanmar
	Ethiopic
	scriptCount
)

// alone names the only language of Comprehend's list that is written in a script.
var alone = [scriptCount]string{
	Hangul: "ko", Greek: "el", Armenian: "hy", Georgian: "ka", Gurmukhi: "pa", Gujarati: "gu", Oriya: "or", Tamil: "ta",
	Telugu: "te", Kannada: "kn", Malayalam: "ml", Sinhala: "si", Thai: "th", Lao: "lo", Khmer: "km", Myanmar: "my",
	Ethiopic: "am",
}

// block is a range of code points in one script.
type block struct {
	first, last rune
	script      Script
}

// blocks follow Unicode's block table; ranges between them are unknown or no letters. Sorted.
var blocks = [...]block{
	{0x0041, 0x02AF, Latin}, {0x0370, 0x03FF, Greek}, {0x0400, 0x052F, Cyrillic},
	{0x0530, 0x058F, Armenian}, {0x0590, 0x05FF, Hebrew}, {0x0600, 0x06FF, Arabic}, {0x0750, 0x077F, Arabic},
	{0x08A0, 0x08FF, Arabic}, {0x0900, 0x097F, Devanagari}, {0x0980, 0x09FF, Bengali}, {0x0A00, 0x0A7F, Gurmukhi},
	{0x0A80, 0x0AFF, Gujarati}, {0x0B00, 0x0B7F, Oriya}, {0x0B80, 0x0BFF, Tamil}, {0x0C00, 0x0C7F, Telugu},
	{0x0C80, 0x0CFF, Kannada}, {0x0D00, 0x0D7F, Malayalam}, {0x0D80, 0x0DFF, Sinhala}, {0x0E00, 0x0E7F, Thai},
	{0x0E80, 0x0EFF, Lao}, {0x1000, 0x109F, Myanmar}, {0x10A0, 0x10FF, Georgian}, {0x1100, 0x11FF, Hangul},
	{0x1200, 0x139F, Ethiopic}, {0x1780, 0x17FF, Khmer}, {0x1C80, 0x1C8F, Cyrillic}, {0x1C90, 0x1CBF, Georgian},
	{0x1E00, 0x1EFF, Latin}, {0x1F00, 0x1FFF, Greek}, {0x2C60, 0x2C7F, Latin}, {0x2DE0, 0x2DFF, Cyrillic},
	{0x3005, 0x3007, Han}, {0x3040, 0x30FF, Han}, {0x3130, 0x318F, Hangul}, {0x31F0, 0x31FF, Han},
	{0x3400, 0x9FFF, Han}, {0xA640, 0xA69F, Cyrillic}, {0xA720, 0xA7FF, Latin}, {0xAC00, 0xD7FF, Hangul},
	{0xF900, 0xFAFF, Han}, {0xFB00, 0xFB06, Latin}, {0xFB1D, 0xFB4F, Hebrew}, {0xFB50, 0xFDFF, Arabic},
	{0xFE70, 0xFEFF, Arabic}, {0xFF21, 0xFF5A, Latin}, {0xFF66, 0xFF9F, Han}, {0x20000, 0x323AF, Han},
}

// scriptOf says in which script r is a letter. Marks are letters only in scripts that spell vowels with them and
// whose words are cut here (Devanagari, Bengali); elsewhere they separate, as in the data the table comes from.
func scriptOf(r rune) Script {
	lo, hi := 0, len(blocks)
	for lo < hi {
		mid := (lo + hi) / 2
		if blocks[mid].last < r {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	script := Unknown
	if lo < len(blocks) && blocks[lo].first <= r {
		script = blocks[lo].script
	}
	if unicode.IsLetter(r) {
		return script
	}
	if (script == Devanagari || script == Bengali) && unicode.IsMark(r) {
		return script
	}
	return NoScript
}

// kana tells the letters that only Japanese uses.
func kana(r rune) bool {
	return r >= 0x3041 && r <= 0x30FF || r >= 0x31F0 && r <= 0x31FF || r >= 0xFF66 && r <= 0xFF9F
}

// heft is how many Latin letters one letter of a script stands for when the shares of a mixed text are weighed. Latin
// names, addresses and quotations stand in texts of every script, the reverse is rare: so any other letter counts
// twice; a Han character is a word of about two syllables, kana and Hangul are syllables.
func heft(s Script, r rune) int {
	switch {
	case s == Latin:
		return 1
	case s == Han && !kana(r):
		return 4
	case s == Han || s == Hangul:
		return 3
	}
	return 2
}
