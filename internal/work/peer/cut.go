package peer

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// Object is one of the input's, as it was listed.
type Object struct {
	Key, Tag string
	Size     int64 // bytes
	Input    int   // of the job
}

// Sizes of a shard. Its description must fit into one message.
const (
	leastShard = 256 << 10
	mostShard  = 8 << 20
	mostNames  = 512 << 10
)

// Cut divides the input among n instances, into shards of about one size. Objects of lines are cut where they are longer than that;
// others stay whole.
func Cut(list []Object, lines bool, n int) []Shard {
	var total int64
	for _, o := range list {
		total += o.Size
	}
	return cut(list, lines, min(max(total/int64(n*8), leastShard), mostShard))
}

func cut(list []Object, lines bool, size int64) (out []Shard) {
	var s Shard
	var bytes, names int64
	end := func() {
		if len(s.Parts) > 0 {
			s.Number = len(out)
			out = append(out, s)
		}
		s, bytes, names = Shard{}, 0, 0
	}
	for i, o := range list {
		if lines && o.Size > 2*size {
			end()
			for from := int64(0); from < o.Size; from += size {
				to := from + size
				if o.Size-to < size/2 { // no crumb at the end
					to = o.Size
				}
				s.Parts = []Part{{Object: i, Key: o.Key, Tag: o.Tag, Size: o.Size, From: from, To: to, Input: o.Input}}
				end()
				if to == o.Size {
					break
				}
			}
			continue
		}
		s.Parts = append(s.Parts, Part{Object: i, Key: o.Key, Tag: o.Tag, Size: o.Size, Input: o.Input})
		bytes, names = bytes+o.Size, names+6*int64(len(o.Key)+len(o.Tag))+128 // a character may be six in JSON
		if bytes >= size || names >= mostNames {
			end()
		}
	}
	end()
	return out
}

// Window gives the lines that begin in [from, to) of an object. r begins at byte from-1, or at 0 where from is 0. Lines end with LF,
// CR or CRLF. A line belongs to the part in which it begins, however far it reaches.
func Window(r io.Reader, from, to int64) io.Reader {
	return &lineWindow{in: bufio.NewReaderSize(r, 64<<10), pos: max(from-1, 0), to: to, skip: from > 0}
}

type lineWindow struct {
	in   *bufio.Reader
	pos  int64 // of the next byte
	to   int64
	skip bool // to where the first line begins
	cr   bool // the last byte was the CR that ends what is wanted
	end  bool
}

// Read satisfies io.Reader.
func (w *lineWindow) Read(p []byte) (int, error) {
	for w.skip {
		if w.pos >= w.to { // a line that begins now is another part's
			w.end, w.skip = true, false
			break
		}
		b, err := w.more()
		if err != nil {
			return 0, err
		}
		i := bytes.IndexAny(b, "\r\n")
		if i < 0 {
			w.drop(len(b))
			continue
		}
		cr := b[i] == '\r'
		w.drop(i + 1)
		if err := w.feed(cr, func() { w.drop(1) }); err != nil {
			return 0, err
		}
		w.skip = false
		w.end = w.pos >= w.to
	}
	if w.end {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	if w.cr { // an LF behind it belongs to it
		w.cr, w.end = false, true
		n := 0
		if err := w.feed(true, func() { p[0], n = '\n', 1; w.drop(1) }); err != nil {
			return 0, err
		}
		if n == 0 {
			return 0, io.EOF
		}
		return n, nil
	}
	b, err := w.more()
	if err != nil {
		return 0, err
	}
	b = b[:min(len(b), len(p))]
	if free := w.to - 1 - w.pos; free < int64(len(b)) { // byte to-1 may end the last line
		from := max(free, 0)
		if i := bytes.IndexAny(b[from:], "\r\n"); i >= 0 {
			i += int(from)
			w.cr, w.end = b[i] == '\r', b[i] == '\n'
			b = b[:i+1]
		}
	}
	n := copy(p, b)
	w.drop(n)
	return n, nil
}

// feed calls f when an LF follows a CR.
func (w *lineWindow) feed(cr bool, f func()) error {
	if !cr {
		return nil
	}
	b, err := w.more()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil && b[0] == '\n' {
		f()
	}
	return err
}

// more gives what is buffered, at least a byte.
func (w *lineWindow) more() ([]byte, error) {
	if _, err := w.in.Peek(1); err != nil {
		return nil, err
	}
	return w.in.Peek(w.in.Buffered())
}

func (w *lineWindow) drop(n int) {
	_, _ = w.in.Discard(n)
	w.pos += int64(n)
}
