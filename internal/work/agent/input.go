package agent

import (
	"bufio"
	"errors"
	"io"
)

// document is one unit of input. Text is nil when it is over the limit.
type document struct {
	file   string
	line   int // -1: the whole file
	text   []byte
	runes  int   // in the text, where results are held to them
	long   bool  // over the limit
	bad    bool  // not UTF-8
	most   int64 // bytes that it may have, 0: as its kind says
	inner  bool  // of a stretch that does not begin its file
	begins bool  // no document: a file begins, whose results have this place
	place  string
}

// lines cuts r at LF, CR or CRLF (never at U+2028) and hands each line to f, numbered from 0. A line over limit bytes is
// handed on without its text: however long it is, limit bytes are held at most. The last line needs no end.
func lines(r io.Reader, limit int64, f func(n int, text []byte, long bool) error) error {
	br := bufio.NewReaderSize(r, 256<<10)
	var (
		line []byte
		n    int
		long bool
		any  bool // the line has begun
	)
	end := func() error {
		text := line
		if long {
			text = nil
		}
		err := f(n, text, long)
		line, long, any, n = line[:0], false, false, n+1
		return err
	}
	for {
		// A slice of what is buffered, without copying.
		if _, err := br.Peek(1); err != nil {
			if errors.Is(err, io.EOF) {
				if any {
					return end()
				}
				return nil
			}
			return err
		}
		chunk, _ := br.Peek(br.Buffered())
		i := 0
		for i < len(chunk) && chunk[i] != '\n' && chunk[i] != '\r' {
			i++
		}
		if i > 0 {
			any = true
			if !long {
				if int64(len(line)+i) > limit {
					long, line = true, line[:0]
				} else {
					line = append(line, chunk[:i]...)
				}
			}
		}
		if i == len(chunk) {
			_, _ = br.Discard(i)
			continue
		}
		cr := chunk[i] == '\r'
		_, _ = br.Discard(i + 1)
		if err := end(); err != nil {
			return err
		}
		if cr {
			if next, err := br.Peek(1); err == nil && next[0] == '\n' {
				_, _ = br.Discard(1)
			}
		}
	}
}

// whole reads r as one document of at most limit bytes.
func whole(r io.Reader, limit int64) (text []byte, long bool, err error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, false, err
	}
	if int64(len(b)) > limit {
		return nil, true, nil
	}
	return b, false, nil
}
