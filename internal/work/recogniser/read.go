package recogniser

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"cloister/internal/work/analyse"
)

// begin looks at an object's first bytes: a mark of UTF-8 is passed over, what is no plain text is refused. It says whether the
// object is empty.
func begin(name string, r *bufio.Reader) (bool, error) {
	head, err := r.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	switch {
	case len(head) == 0:
		return true, nil
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		_, err := r.Discard(3)
		return len(head) == 3, err
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")), bytes.HasPrefix(head, []byte("\x00\x00\xfe\xff")):
		return false, analyse.Refuse(invalid, "%s is UTF-16 or UTF-32. Training data must be UTF-8.", quote(name))
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return false, analyse.Refuse(invalid, "%s is compressed with gzip. Training data must be plain text.", quote(name))
	case bytes.IndexByte(head, 0) >= 0:
		return false, analyse.Refuse(invalid, "%s is no text in UTF-8: it begins with NUL characters.", quote(name))
	}
	return false, nil
}

// lines reads lines that end in LF, CR or CRLF. Of a line longer than most the rest is passed over.
type lines struct {
	r    *bufio.Reader
	most int
	buf  []byte
}

// next gives a line without its end; long says that it was cut. The last line needs no end.
func (l *lines) next() (line []byte, long bool, err error) {
	l.buf = l.buf[:0]
	begun := false
	for {
		b, err := l.r.ReadByte()
		switch {
		case errors.Is(err, io.EOF) && begun:
			return l.buf, long, nil
		case err != nil:
			return nil, false, err
		case b == '\r':
			if n, err := l.r.Peek(1); err == nil && n[0] == '\n' {
				if _, err := l.r.Discard(1); err != nil {
					return nil, false, err
				}
			}
			return l.buf, long, nil
		case b == '\n':
			return l.buf, long, nil
		}
		begun = true
		if len(l.buf) == l.most {
			long = true
			continue
		}
		l.buf = append(l.buf, b)
	}
}

// flaw says what makes a document unusable, or nothing.
func flaw(text []byte) string {
	switch {
	case !utf8.Valid(text):
		return "a document that is not UTF-8"
	case bytes.IndexByte(text, 0) >= 0:
		return "a document with NUL characters"
	}
	return ""
}

// read takes an object of documents.
func (c *corpus) read(name, format string, in *bufio.Reader) error {
	empty, err := begin(name, in)
	if err != nil || empty {
		return err
	}
	file := c.file(name)
	var bad faults
	if format == "ONE_DOC_PER_FILE" {
		text, err := io.ReadAll(io.LimitReader(in, documentMax+1))
		if err != nil {
			return err
		}
		switch why := flaw(text); {
		case len(text) > documentMax:
			return analyse.Refuse(invalid, "The document %s is longer than %d bytes.", quote(name), documentMax)
		case why != "":
			return analyse.Refuse(invalid, "%s cannot be used: %s.", quote(name), why)
		}
		return c.add(string(text), file, 0, nil)
	}
	l := &lines{r: in, most: documentMax}
	for n := int32(0); ; n++ {
		text, long, err := l.next()
		if errors.Is(err, io.EOF) {
			return bad.refusal(name, "line")
		}
		if err != nil {
			return err
		}
		why := ""
		if long {
			bad.add(int(n), "a document of more than %d bytes", documentMax)
			continue
		} else if why = flaw(text); why != "" {
			bad.add(int(n), "%s", why)
			continue
		}
		if len(bytes.TrimSpace(text)) == 0 || len(bad.kinds) > 0 {
			continue // a blank line is no document but counts
		}
		if err := c.add(string(text), file, n, nil); err != nil {
			return err
		}
	}
}

// rows reads a CSV file with a header.
type rows struct {
	in     *lines
	line   int // that was read last, from 1
	column map[string]int
	text   []string
}

// open reads the header. Names of columns are compared without blanks at their ends and without case.
func (t *rows) open(name string, wanted, optional []string) error {
	cells, why, err := t.cells()
	if errors.Is(err, io.EOF) {
		return analyse.Refuse(invalid, "%s has no rows.", quote(name))
	}
	if err != nil {
		return err
	}
	t.column = map[string]int{}
	for i, c := range cells {
		t.column[strings.ToLower(c)] = i
	}
	known := len(wanted)
	for _, w := range wanted {
		if _, ok := t.column[strings.ToLower(w)]; !ok || why != "" {
			return analyse.Refuse(invalid, "The first row of %s must be the header with the columns %s. It is %s.", quote(name), strings.Join(append(wanted, optional...), ", "), quote(strings.Join(cells, ",")))
		}
	}
	for _, o := range optional {
		if _, ok := t.column[strings.ToLower(o)]; ok {
			known++
		}
	}
	if len(cells) != known {
		return analyse.Refuse(invalid, "%s has %d columns in its header; known are %s.", quote(name), len(cells), strings.Join(append(wanted, optional...), ", "))
	}
	return nil
}

// next gives the next row that is not blank, or what is wrong with it.
func (t *rows) next() (why string, err error) {
	for {
		t.text, why, err = t.cells()
		if err != nil || why != "" || len(t.text) > 1 || t.text[0] != "" {
			break
		}
	}
	if err == nil && why == "" && len(t.text) != len(t.column) {
		why = "another number of columns than the header has"
	}
	return why, err
}

// get gives a cell of the row; "" for a column that is not there.
func (t *rows) get(column string) string {
	if i, ok := t.column[strings.ToLower(column)]; ok {
		return t.text[i]
	}
	return ""
}

// cells reads a row as RFC 4180 has it, but that no cell holds a line break, and that blanks around cells don't count.
func (t *rows) cells() (out []string, why string, err error) {
	line, long, err := t.in.next()
	if err != nil {
		return nil, "", err
	}
	t.line++
	switch {
	case long:
		return []string{""}, "a row of more than 32768 bytes", nil
	case !utf8.Valid(line):
		return []string{""}, "a row that is not UTF-8", nil
	case bytes.IndexByte(line, 0) >= 0:
		return []string{""}, "a row with NUL characters", nil
	}
	rest := string(line)
	for {
		rest = strings.TrimLeft(rest, " \t")
		if !strings.HasPrefix(rest, `"`) {
			cell, after, more := strings.Cut(rest, ",")
			out = append(out, strings.TrimSpace(cell))
			if !more {
				return out, "", nil
			}
			rest = after
			continue
		}
		var cell strings.Builder
		rest = rest[1:]
		for {
			head, after, ok := strings.Cut(rest, `"`)
			if !ok {
				return out, "quotes that are not closed", nil
			}
			cell.WriteString(head)
			rest = after
			if !strings.HasPrefix(rest, `"`) {
				break
			}
			cell.WriteByte('"')
			rest = rest[1:]
		}
		out = append(out, strings.TrimSpace(cell.String()))
		rest = strings.TrimLeft(rest, " \t")
		if rest == "" {
			return out, "", nil
		}
		if rest[0] != ',' {
			return out, "text after closing quotes", nil
		}
		rest = rest[1:]
	}
}
