package classify

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"cloister/internal/work/analyse"
)

// table reads rows of two columns as RFC 4180 has them: fields may stand in quotes, and then hold commas, line breaks and doubled
// quotes. A quote within a field that does not begin with one is an ordinary character. Lines end in LF, CR or CRLF.
type table struct {
	r    *bufio.Reader
	most int // bytes of a row
	row  int // that was read last, from 1
	cell [2][]byte
}

var (
	errLong = errors.New("row too long")
	errOpen = errors.New("quotes not closed")
)

// next reads a row that is not empty. It gives how many columns there are and whether quotes are as they must be.
func (t *table) next() (columns int, quoted bool, err error) {
	for {
		columns, quoted, err = t.read()
		if err != nil || columns > 1 || len(t.cell[0]) > 0 {
			return columns, quoted, err
		}
	}
}

func (t *table) read() (columns int, good bool, err error) {
	t.cell[0], t.cell[1] = t.cell[0][:0], t.cell[1][:0]
	size, col := 0, 0
	inside, closed, begun := false, false, false // within quotes; after them; within the field
	good = true
	t.row++
	for {
		b, err := t.r.ReadByte()
		if errors.Is(err, io.EOF) {
			switch {
			case inside:
				return 0, false, errOpen
			case size == 0:
				return 0, true, io.EOF
			}
			return col + 1, good, nil
		}
		if err != nil {
			return 0, false, err
		}
		if size++; size > t.most {
			return 0, false, errLong
		}
		switch {
		case inside && b == '"':
			if n, err := t.r.Peek(1); err == nil && n[0] == '"' {
				if _, err := t.r.Discard(1); err != nil {
					return 0, false, err
				}
				t.put(col, b)
			} else {
				inside, closed = false, true
			}
		case inside:
			t.put(col, b)
		case b == ',':
			col++
			closed, begun = false, false
		case b == '\n' || b == '\r':
			if b == '\r' {
				if n, err := t.r.Peek(1); err == nil && n[0] == '\n' {
					if _, err := t.r.Discard(1); err != nil {
						return 0, false, err
					}
				}
			}
			return col + 1, good, nil
		case b == '"' && !begun && !closed:
			inside, begun = true, true
		default:
			good = good && !closed
			begun = true
			t.put(col, b)
		}
	}
}

func (t *table) put(col int, b byte) {
	if col < len(t.cell) {
		t.cell[col] = append(t.cell[col], b)
	}
}

// begin looks at an object's first bytes: a mark of UTF-8 is passed over, what is no text is refused.
func begin(name string, r *bufio.Reader) error {
	head, err := r.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch {
	case len(head) == 0:
		return analyse.Refuse(invalid, "%s is empty.", quote(name))
	case bytes.HasPrefix(head, []byte{0xef, 0xbb, 0xbf}):
		_, err := r.Discard(3)
		return err
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}), bytes.HasPrefix(head, []byte{0xfe, 0xff}), bytes.HasPrefix(head, []byte{0, 0, 0xfe, 0xff}):
		return analyse.Refuse(invalid, "%s is UTF-16 or UTF-32. Training data must be UTF-8.", quote(name))
	case len(head) > 1 && (head[0] == 0 || head[1] == 0):
		return analyse.Refuse(invalid, "%s is no text in UTF-8: it begins with NUL characters.", quote(name))
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return analyse.Refuse(invalid, "%s is compressed with gzip. Training data must be plain text.", quote(name))
	}
	return nil
}
