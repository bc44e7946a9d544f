package classify

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"cloister/internal/core/job"
	"cloister/internal/work/analyse"
	"cloister/internal/work/mesh"
)

// Learner trains a classifier. It satisfies analyse.Learner.
type Learner struct {
	setup     job.Training
	delimiter string
	limit     int
	c         *corpus
}

// Learn begins a training.
func Learn(s job.Setup) (*Learner, error) {
	t := job.Training{}
	if s.Training != nil {
		t = *s.Training
	}
	l := &Learner{setup: t, delimiter: t.Delimiter, limit: DocumentMax}
	switch t.Mode {
	case "", "MULTI_CLASS":
	case "MULTI_LABEL":
		if l.delimiter == "" {
			l.delimiter = "|"
		}
	default:
		return nil, fmt.Errorf("cannot train: mode %q", t.Mode)
	}
	if s.Limit > 0 && s.Limit < DocumentMax {
		l.limit = int(s.Limit)
	}
	l.c = newCorpus(t.Mode == "MULTI_LABEL")
	return l, nil
}

// Join makes it one of several that learn together. It satisfies analyse.Joiner.
func (l *Learner) Join(m *mesh.Mesh) { l.c.join(m) }

// Take reads one object of labels or one manifest.
func (l *Learner) Take(o job.Object, r io.Reader) error {
	in := bufio.NewReaderSize(r, 64<<10)
	role, test := strings.CutPrefix(o.Role, job.Test)
	if role != job.Labels && role != job.Manifest {
		return fmt.Errorf("cannot train with an object of role %q", o.Role)
	}
	if o.Name == "" { // a folder's own object
		if _, err := in.Peek(1); errors.Is(err, io.EOF) {
			return nil
		}
	}
	if err := begin(o.Name, in); err != nil {
		return err
	}
	if role == job.Manifest {
		return l.manifest(o, in, test)
	}
	return l.table(o, in, test)
}

func (l *Learner) table(o job.Object, in *bufio.Reader, test bool) error {
	t := &table{r: in, most: l.limit + labelMax*4}
	var bad faults
	rows := 0
	for {
		columns, quoted, err := t.next()
		switch {
		case errors.Is(err, io.EOF):
			if rows == 0 {
				return analyse.Refuse(invalid, "%s has no rows.", quote(o.Name))
			}
			return bad.refusal(o.Name, rows)
		case errors.Is(err, errLong):
			return analyse.Refuse(invalid, "Row %d of %s is longer than %d bytes, the limit of a document.", t.row, quote(o.Name), l.limit)
		case errors.Is(err, errOpen):
			return analyse.Refuse(invalid, "The quotes of row %d of %s are not closed.", t.row, quote(o.Name))
		case err != nil:
			return err
		}
		rows++
		what := ""
		names, why := l.split(string(t.cell[0]))
		switch {
		case columns != 2:
			what = fmt.Sprintf("%d columns instead of 2 (label and text)", columns)
		case !quoted:
			what = "text after closing quotes"
		case why != "":
			what = why
		case len(t.cell[1]) > l.limit:
			what = fmt.Sprintf("a document of more than %d bytes", l.limit)
		default:
			what = flaw(t.cell[1])
		}
		if what != "" {
			bad.add(t.row, what)
			continue
		}
		if len(bad.what) > 0 {
			continue // only what is wrong is still looked for
		}
		if err := l.c.add(names, t.cell[1], test); err != nil {
			return err
		}
	}
}

// split gives the labels of a row, or what is wrong with them.
func (l *Learner) split(cell string) ([]string, string) {
	names := []string{cell}
	if l.c.multi {
		names = strings.Split(cell, l.delimiter)
	}
	for _, s := range names {
		if why := flawed(s); why != "" {
			return nil, why
		}
	}
	return names, ""
}

// manifest reads an augmented manifest: one JSON object a line.
func (l *Learner) manifest(o job.Object, in *bufio.Reader, test bool) error {
	var bad faults
	rows, row := 0, 0
	var buf []byte
	most := l.limit*2 + labelMax*4*labelsMax // escapes need room
	for {
		var err error
		buf, err = line(in, buf[:0], most)
		row++
		if errors.Is(err, errLong) {
			return analyse.Refuse(invalid, "Row %d of %s is longer than a document and its labels may be.", row, quote(o.Name))
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if text := bytes.TrimSpace(buf); len(text) > 0 {
			rows++
			source, names, why := l.entry(text, o.Attributes)
			switch {
			case why != "":
				bad.add(row, why)
			case len(bad.what) == 0:
				if err := l.c.add(names, []byte(source), test); err != nil {
					return err
				}
			}
		}
		if err != nil {
			if rows == 0 {
				return analyse.Refuse(invalid, "%s has no rows.", quote(o.Name))
			}
			return bad.refusal(o.Name, rows)
		}
	}
}

// line reads to a line feed or the end.
func line(in *bufio.Reader, buf []byte, most int) ([]byte, error) {
	for {
		part, err := in.ReadSlice('\n')
		if len(buf)+len(part) > most {
			return buf, errLong
		}
		buf = append(buf, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return buf, err
		}
	}
}

// entry reads one row of a manifest: its text, its labels, or what is wrong. Of several attributes, those that are there count.
func (l *Learner) entry(text []byte, attributes []string) (string, []string, string) {
	var row map[string]json.RawMessage
	if !json.Valid(text) || json.Unmarshal(text, &row) != nil {
		return "", nil, "no JSON object"
	}
	var source string
	if raw, ok := row["source"]; !ok {
		if _, ref := row["source-ref"]; ref {
			return "", nil, "source-ref, where source must hold the text itself"
		}
		return "", nil, "no source"
	} else if json.Unmarshal(raw, &source) != nil {
		return "", nil, "a source that is no string"
	}
	if why := flaw([]byte(source)); why != "" {
		return "", nil, why
	}
	if len(source) > l.limit {
		return "", nil, fmt.Sprintf("a document of more than %d bytes", l.limit)
	}
	var names []string
	for _, a := range attributes {
		raw, ok := row[a+"-metadata"]
		if !ok {
			continue
		}
		var meta struct {
			Class string            `json:"class-name"`
			Map   map[string]string `json:"class-map"`
		}
		if json.Unmarshal(raw, &meta) != nil {
			return "", nil, "metadata that is none of a labelling job"
		}
		if !l.c.multi && meta.Class != "" {
			names = append(names, meta.Class)
		}
		if l.c.multi {
			for _, s := range meta.Map {
				names = append(names, s)
			}
		}
	}
	for _, s := range names {
		if why := flawed(s); why != "" {
			return "", nil, why
		}
	}
	switch {
	case len(names) == 0 && l.c.multi:
		return "", nil, "no class-map of the attributes named"
	case len(names) == 0:
		return "", nil, "no class-name of the attributes named"
	case !l.c.multi:
		for _, s := range names[1:] {
			if s != names[0] {
				return "", nil, "two classes"
			}
		}
		names = names[:1]
	}
	return source, names, ""
}
