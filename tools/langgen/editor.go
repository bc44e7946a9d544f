package main

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"cloister/internal/work/language"
)

// edited lists the languages into which iD, OpenStreetMap's editor, is translated far enough to tell something: its files are named by the code, but for
// those that editor names.
var edited = strings.Fields(`af ar be bg bn bs ca cs cy da de eo es et eu fa fi fr ga gl he hr hu id is it ja kk ku lb lt lv mg mk ms nl no pl pt ro ru
	sk sl sq sr sv tl tr uk ur vi zh zh-TW`)

// markup is what stands in the editor's texts beside words: tags, names of values, links and signs of keys.
var markup = regexp.MustCompile("<[^>]*>|\\{[^}]*\\}|\\]\\([^)]*\\)|https?://\\S*|`[^`]*`")

// editor names the files of iD that are in a row's language.
func (s source) editor() []string {
	switch {
	case !slices.Contains(edited, s.code):
		return nil
	case s.code == "pt":
		return []string{"pt", "pt-BR"}
	case s.code == "zh":
		return []string{"zh-CN"}
	case s.code == "ku" && s.script == language.Arabic:
		return []string{"ckb"}
	case s.code == "ku":
		return nil
	case s.cldr == "nn":
		return []string{"nn"}
	}
	return []string{s.code}
}

// readEditor takes the texts of iD that are translated: those that are not the English ones.
func readEditor(dir, name string) ([]string, error) {
	english, err := readLocale(dir + "/en.min.json")
	if err != nil {
		return nil, err
	}
	texts, err := readLocale(dir + "/" + name + ".min.json")
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, at := range slices.Sorted(maps.Keys(texts)) { // in order: the tuning draws by number
		if text := texts[at]; text != english[at] && !strings.Contains(at, "/languageNames/") && !strings.Contains(at, "/scriptNames/") {
			lines = append(lines, markup.ReplaceAllString(text, " "))
		}
	}
	return lines, nil
}

// readLocale gives the texts of a file by their paths in it.
func readLocale(path string) (map[string]string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var doc map[string]any // the language's name -> its texts
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, texts := range doc {
		walk("", texts, out)
	}
	return out, nil
}

func walk(at string, v any, out map[string]string) {
	switch v := v.(type) {
	case string:
		out[at] = v
	case map[string]any:
		for name, member := range v {
			walk(at+"/"+name, member, out)
		}
	}
}
