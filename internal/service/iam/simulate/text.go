package simulate

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	shape "cloister/internal/shape/iam"
)

// span is where a statement stands in its text, in bytes.
type span struct{ from, to int }

// spans finds the statements of a document that compiles.
func spans(text string) []span {
	d := json.NewDecoder(strings.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil
		}
		if name != "Statement" {
			var skip json.RawMessage
			if d.Decode(&skip) != nil {
				return nil
			}
			continue
		}
		var whole json.RawMessage
		if d.Decode(&whole) != nil {
			return nil
		}
		end := int(d.InputOffset())
		start := end - len(whole)
		if whole[0] == '{' {
			return []span{{start, end}}
		}
		return elements(string(whole), start)
	}
	return nil
}

func elements(list string, at int) []span {
	d := json.NewDecoder(strings.NewReader(list))
	if _, err := d.Token(); err != nil {
		return nil
	}
	var out []span
	for d.More() {
		var one json.RawMessage
		if d.Decode(&one) != nil {
			return out
		}
		end := int(d.InputOffset())
		out = append(out, span{at + end - len(one), at + end})
	}
	return out
}

// position counts lines and columns from 1.
func position(text string, off int) *shape.Position {
	before := text[:off]
	line := int64(strings.Count(before, "\n") + 1)
	column := int64(off - strings.LastIndexByte(before, '\n'))
	return &shape.Position{Line: &line, Column: &column}
}

// Keys lists the condition keys that documents name, in conditions and as variables, each once whatever its case, sorted.
func Keys(texts []string) []string {
	found := map[string]string{}
	add := func(k string) {
		if low := strings.ToLower(k); found[low] == "" {
			found[low] = k
		}
	}
	for _, t := range texts {
		var doc struct {
			Version   string
			Statement json.RawMessage
		}
		if json.Unmarshal([]byte(t), &doc) != nil {
			continue
		}
		type body struct {
			Resource, NotResource any
			Condition             map[string]map[string]any
		}
		var all []body
		if json.Unmarshal(doc.Statement, &all) != nil {
			all = make([]body, 1)
			_ = json.Unmarshal(doc.Statement, &all[0]) // of a shape that the grammar has taken
		}
		vars := doc.Version == "2012-10-17" // the language of 2008 has none
		for _, s := range all {
			for _, keys := range s.Condition {
				for k, v := range keys {
					add(k)
					variables(v, vars, add)
				}
			}
			variables(s.Resource, vars, add)
			variables(s.NotResource, vars, add)
		}
	}
	return slices.Sorted(maps.Values(found))
}

// variables finds ${key} and ${key, 'default'} in a string or a list of them. ${*}, ${?} and ${$} are plain characters.
func variables(v any, on bool, add func(string)) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			variables(e, on, add)
		}
	case string:
		for on {
			_, rest, ok := strings.Cut(v, "${")
			if !ok {
				return
			}
			name, after, ok := strings.Cut(rest, "}")
			if !ok {
				return
			}
			name, _, _ = strings.Cut(name, ",")
			if name = strings.TrimSpace(name); strings.Contains(name, ":") {
				add(name)
			}
			v = after
		}
	}
}
