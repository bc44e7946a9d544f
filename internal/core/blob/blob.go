// Package blob is the form in which bytes lie under an id, in whatever store keeps them: records that carry their own checksum. No
// byte leaves a Reader that was not checked against the blob's id and its own place in it.
//
// A blob is a head, then records. The head is magic (8 bytes), block size (uint32, big endian), CRC32C of both and the id (uint32). A
// record is up to 256 KiB of data and its CRC32C (uint32), taken over id, block number, a byte that is 1 in the last record, and the
// data: so a block of another blob, a block in the wrong place and a blob cut at a block's end are found too. An empty blob has one
// empty record. Only the last record is short, so the stored length gives the blob's.
package blob

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
)

// The form's sizes in bytes. Buffer holds the head and one record.
const (
	Block  = 256 << 10
	sumLen = 4
	Record = Block + sumLen
	magic  = "CLBLOB1\n"
	Head   = len(magic) + 4 + sumLen
)

// Buffer is what reading or writing a blob needs, whatever the blob's size.
type Buffer [Head + Record]byte

func table() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) } // cached by the library

// Corrupt says which part of which blob differs from what was written.
type Corrupt struct {
	ID    string
	Block int64 // number of the block, from 0; -1 is the head or the length
}

// Error names blob and block.
func (c *Corrupt) Error() string {
	if c.Block < 0 {
		return fmt.Sprintf("blob %s is damaged: its head or length is not what was written", c.ID)
	}
	return fmt.Sprintf("blob %s is damaged: block %d (bytes %d to %d) does not match its checksum", c.ID, c.Block, c.Block*Block, (c.Block+1)*Block-1)
}

// Check keeps ids to 32..64 lower-case hex digits: an id is a name in every store.
func Check(id string) error {
	ok := len(id) >= 32 && len(id) <= 64
	for i := 0; ok && i < len(id); i++ {
		ok = id[i] >= '0' && id[i] <= '9' || id[i] >= 'a' && id[i] <= 'f'
	}
	if !ok {
		return fmt.Errorf("cannot use %q as a blob id: want 32 to 64 lower-case hex digits", id)
	}
	return nil
}

func headOf(id string) (h [Head]byte) {
	b := binary.BigEndian.AppendUint32(append(h[:0], magic...), Block)
	binary.BigEndian.AppendUint32(b, crc32.Update(crc32.Checksum(b, table()), table(), []byte(id)))
	return h
}

func sum(id string, n int64, last bool, data []byte) uint32 {
	var pre [64 + 9]byte
	b := binary.BigEndian.AppendUint64(append(pre[:0], id...), uint64(n))
	if last {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	return crc32.Update(crc32.Checksum(b, table()), table(), data)
}

// Writer cuts what comes into records and gives them to out, the head with the first. A full block waits until more comes, for only
// then it is known not to be the last. It is not for concurrent use.
type Writer struct {
	out io.Writer
	id  string
	buf *Buffer
	n   int
	num int64
	err error
}

// NewWriter makes the writer of the blob id over buf, which is its own until Finish.
func NewWriter(out io.Writer, id string, buf *Buffer) *Writer {
	return &Writer{out: out, id: id, buf: buf}
}

// Write takes p; an error stays.
func (w *Writer) Write(p []byte) (int, error) {
	done := 0
	for w.err == nil && done < len(p) {
		if w.n == Block {
			w.flush(false)
			continue
		}
		c := copy(w.buf[Head+w.n:Head+Block], p[done:])
		w.n += c
		done += c
	}
	return done, w.err
}

// Finish writes the last record, unless an earlier Write failed.
func (w *Writer) Finish() error {
	if w.err == nil {
		w.flush(true)
	}
	return w.err
}

func (w *Writer) flush(last bool) {
	from := Head
	if w.num == 0 {
		h := headOf(w.id)
		from -= copy(w.buf[:], h[:])
	}
	end := Head + w.n
	binary.BigEndian.PutUint32(w.buf[end:], sum(w.id, w.num, last, w.buf[Head:end]))
	_, w.err = w.out.Write(w.buf[from : end+sumLen])
	w.n, w.num = 0, w.num+1
}

// Source is a stored blob.
type Source interface {
	io.ReaderAt
	io.Closer
}

// Reader reads a blob. It is not for concurrent use.
type Reader struct {
	src  Source
	id   string
	size int64
	pos  int64
	buf  *Buffer
	have int64 // number of the block in buf, checked; -1: none
	give func(*Buffer)
}

// Open reads the head of a blob of stored bytes in all; *Corrupt if head or length are not what was written. The reader closes src and
// hands buf to give when it is closed; on an error both remain the caller's.
func Open(src Source, id string, stored int64, buf *Buffer, give func(*Buffer)) (*Reader, error) {
	r := &Reader{src: src, id: id, buf: buf, have: -1, give: give}
	body := stored - int64(Head)
	rest := body % Record
	if body < sumLen || rest != 0 && rest < sumLen || rest == sumLen && body > Record {
		return nil, &Corrupt{id, -1}
	}
	r.size = body - (body+Record-1)/Record*sumLen
	first := Head
	if body <= Record { // all of a small one at once
		first += int(body)
	}
	if _, err := src.ReadAt(buf[:first], 0); errors.Is(err, io.EOF) {
		return nil, &Corrupt{id, -1}
	} else if err != nil {
		return nil, fmt.Errorf("cannot read blob %s: %w", id, err)
	}
	if h := headOf(id); string(buf[:Head]) != string(h[:]) {
		return nil, &Corrupt{id, -1}
	}
	if body <= Record && r.holds(0) {
		r.have = 0 // else the first Read says what is wrong
	}
	return r, nil
}

// Size is the number of bytes that were written.
func (r *Reader) Size() int64 { return r.size }

// Read gives checked bytes only; *Corrupt at the first block that does not hold.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	b, err := r.rest()
	n := copy(p, b)
	r.pos += int64(n)
	return n, err
}

// WriteTo gives w all that is left, block by block and without a copy.
func (r *Reader) WriteTo(w io.Writer) (done int64, err error) {
	for {
		b, err := r.rest()
		if errors.Is(err, io.EOF) {
			return done, nil
		} else if err != nil {
			return done, err
		}
		n, err := w.Write(b)
		r.pos += int64(n)
		done += int64(n)
		if err != nil {
			return done, err
		}
	}
}

// rest is what is left of the block at the position; io.EOF behind the last one.
func (r *Reader) rest() ([]byte, error) {
	if r.buf == nil {
		return nil, fs.ErrClosed
	}
	num := r.pos / Block
	if r.pos >= r.size {
		if r.size == 0 && r.have != 0 { // the empty record of an empty blob is checked as well
			if err := r.load(0); err != nil {
				return nil, err
			}
		}
		return nil, io.EOF
	}
	if num != r.have {
		if err := r.load(num); err != nil {
			return nil, err
		}
	}
	return r.buf[Head:][r.pos-num*Block : r.length(num)], nil
}

func (r *Reader) length(num int64) int64 { return min(Block, r.size-num*Block) }

func (r *Reader) load(num int64) error {
	r.have = -1
	if _, err := r.src.ReadAt(r.buf[Head:][:r.length(num)+sumLen], int64(Head)+num*Record); errors.Is(err, io.EOF) {
		return &Corrupt{r.id, num} // shorter than when it was opened
	} else if err != nil {
		return fmt.Errorf("cannot read block %d of blob %s: %w", num, r.id, err)
	}
	if !r.holds(num) {
		return &Corrupt{r.id, num}
	}
	r.have = num
	return nil
}

func (r *Reader) holds(num int64) bool {
	n := r.length(num)
	b := r.buf[Head:]
	return sum(r.id, num, (num+1)*Block >= r.size, b[:n]) == binary.BigEndian.Uint32(b[n:n+sumLen])
}

// Seek sets the next position, as io.Seeker says; past the end is allowed and reads EOF.
func (r *Reader) Seek(off int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		off += r.pos
	case io.SeekEnd:
		off += r.size
	}
	if off < 0 {
		return 0, fmt.Errorf("cannot seek blob %s to %d", r.id, off)
	}
	r.pos = off
	return off, nil
}

// Close gives source and buffer back.
func (r *Reader) Close() error {
	if r.buf == nil {
		return fs.ErrClosed
	}
	r.give(r.buf)
	r.buf = nil
	return r.src.Close()
}
