package recogniser

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"unicode/utf8"

	"cloister/internal/core/job"
	"cloister/internal/work/analyse"
)

// annotation is a row of an annotation file. It is matched to its document when all objects are read.
type annotation struct {
	object, file string // the annotation file, and the file that it speaks of
	row          int
	line         int32
	mention
}

// annotations takes a file of them. Source: Developer Guide, "Plain-text annotation files".
func (l *Learner) annotations(c *corpus, name string, in *bufio.Reader) error {
	t, err := table(name, in, []string{"File", "Begin Offset", "End Offset", "Type"}, []string{"Line"})
	if err != nil {
		return err
	}
	var bad faults
	file := ""
	for {
		why, err := t.next()
		if errors.Is(err, io.EOF) {
			return bad.refusal(name, "row")
		}
		if err != nil {
			return err
		}
		if why != "" {
			bad.add(t.line, "%s", why)
			continue
		}
		a := annotation{object: name, row: t.line}
		if f := t.get("File"); f != file {
			file = f // one string for all rows of a file
		}
		a.file = file
		line := t.get("Line")
		if line == "" && l.setup.Format == "ONE_DOC_PER_FILE" {
			line = "0"
		}
		n, err1 := strconv.ParseInt(line, 10, 32)
		b, err2 := strconv.ParseInt(t.get("Begin Offset"), 10, 32)
		e, err3 := strconv.ParseInt(t.get("End Offset"), 10, 32)
		a.line, a.begin, a.end, a.kind = int32(n), int32(b), int32(e), int32(slices.Index(l.types, t.get("Type")))
		switch {
		case err1 != nil || n < 0:
			bad.add(t.line, "a Line that is no number from 0 on")
		case err2 != nil || err3 != nil || b < 0:
			bad.add(t.line, "offsets that are no numbers from 0 on")
		case e <= b:
			bad.add(t.line, "an End Offset that is not after the Begin Offset")
		case a.kind < 0:
			bad.add(t.line, "the type %s, which is none of EntityTypes", quote(t.get("Type")))
		case len(c.notes) == annotationsMax:
			return analyse.Refuse(tooLarge, "The training data has more than %d annotations.", annotationsMax)
		case len(bad.kinds) == 0:
			c.notes = append(c.notes, a)
		}
	}
}

func table(name string, in *bufio.Reader, wanted, optional []string) (*rows, error) {
	empty, err := begin(name, in)
	if err != nil {
		return nil, err
	}
	if empty {
		return nil, analyse.Refuse(invalid, "%s is empty.", quote(name))
	}
	t := &rows{in: &lines{r: in, most: rowMax}}
	return t, t.open(name, wanted, optional)
}

// entries takes an entity list. Source: Developer Guide, "Entity lists (plain text only)".
func (l *Learner) entries(name string, in *bufio.Reader) error {
	t, err := table(name, in, []string{"Text", "Type"}, nil)
	if err != nil {
		return err
	}
	var bad faults
	for {
		why, err := t.next()
		if errors.Is(err, io.EOF) {
			return bad.refusal(name, "row")
		}
		if err != nil {
			return err
		}
		if why != "" {
			bad.add(t.line, "%s", why)
			continue
		}
		text, kind := t.get("Text"), slices.Index(l.types, t.get("Type"))
		old, known := l.list[text]
		switch {
		case text == "":
			bad.add(t.line, "an empty Text")
		case kind < 0:
			bad.add(t.line, "the type %s, which is none of EntityTypes", quote(t.get("Type")))
		case known && int(old) != kind:
			bad.add(t.line, "a Text that is listed with two types")
		case len(l.list) == entriesMax && !known:
			return analyse.Refuse(tooLarge, "The entity list has more than %d entries.", entriesMax)
		case len(bad.kinds) == 0:
			if l.listed += int64(len(text)); l.listed > 64<<20 {
				return analyse.Refuse(tooLarge, "The entity list has more than %d MiB of text.", 64)
			}
			l.list[text] = int32(kind)
		}
	}
}

// manifest takes an augmented manifest. Source: Developer Guide, "PDF annotation files", the form for plain text.
func (l *Learner) manifest(c *corpus, o job.Object, in *bufio.Reader) error {
	empty, err := begin(o.Name, in)
	if err != nil {
		return err
	}
	if empty {
		return analyse.Refuse(invalid, "%s is empty.", quote(o.Name))
	}
	file := c.file(o.Name)
	var bad faults
	text := &lines{r: in, most: manifestMax}
	for n := 1; ; n++ {
		line, long, err := text.next()
		if errors.Is(err, io.EOF) {
			return bad.refusal(o.Name, "line")
		}
		if err != nil {
			return err
		}
		if long {
			bad.add(n, "a line of more than %d bytes", manifestMax)
			continue
		}
		if len(line) == 0 {
			continue
		}
		source, found, why := l.labelled(line, o.Attributes)
		if why != "" {
			bad.add(n, "%s", why)
			continue
		}
		if len(bad.kinds) > 0 {
			continue
		}
		if err := c.add(source, file, int32(n), found); err != nil {
			return err
		}
	}
}

// manifestMax bounds a line of a manifest, in bytes: a document, and what a labelling job says of it.
const manifestMax = 1 << 20

// labelled reads one line of a manifest: its text and mentions, or what is wrong with it.
func (l *Learner) labelled(line []byte, attributes []string) (string, []mention, string) {
	var row map[string]json.RawMessage
	if json.Unmarshal(line, &row) != nil || row == nil {
		return "", nil, "a line that is no JSON object"
	}
	var source string
	raw, ok := row["source"]
	if _, ref := row["source-ref"]; !ok && ref {
		return "", nil, "source-ref, where source must hold the text itself"
	}
	if !ok || json.Unmarshal(raw, &source) != nil {
		return "", nil, "no source that is a text"
	}
	if why := flaw([]byte(source)); why != "" {
		return "", nil, why
	}
	if len(source) > documentMax {
		return "", nil, "a document of more than 5000 bytes"
	}
	var out []mention
	there := false
	points := int32(utf8.RuneCountInString(source))
	for _, a := range attributes {
		raw, ok := row[a]
		if !ok {
			continue
		}
		there = true
		var labels struct {
			Annotations struct {
				Entities []struct {
					StartOffset, EndOffset *int32
					Label                  string
				}
			}
		}
		if json.Unmarshal(raw, &labels) != nil {
			return "", nil, "labels that are none of a text-span labelling job"
		}
		for _, e := range labels.Annotations.Entities {
			kind := slices.Index(l.types, e.Label)
			switch {
			case kind < 0:
				return "", nil, "the type " + quote(e.Label) + ", which is none of EntityTypes"
			case e.StartOffset == nil || e.EndOffset == nil || *e.StartOffset < 0 || *e.EndOffset <= *e.StartOffset || *e.EndOffset > points:
				return "", nil, "offsets outside of the text"
			}
			out = append(out, mention{*e.StartOffset, *e.EndOffset, int32(kind)})
		}
	}
	if !there && len(attributes) > 0 {
		return "", nil, "none of the attributes named"
	}
	if why := settle(&out); why != "" {
		return "", nil, why
	}
	return source, out, ""
}

// settle sorts mentions and says whether two of them overlap.
func settle(m *[]mention) string {
	slices.SortFunc(*m, func(a, b mention) int { return int(a.begin - b.begin) })
	for i := 1; i < len(*m); i++ {
		a, b := (*m)[i-1], (*m)[i]
		switch {
		case a == b:
			return "the same annotation twice"
		case b.begin < a.end:
			return "annotations that overlap"
		}
	}
	return ""
}
