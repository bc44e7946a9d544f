package disk

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
)

// A blob's file is a head, then records. The head is magic (8 bytes), block size (uint32, big endian), CRC32C of both and the id
// (uint32). A record is up to 256 KiB of data and its CRC32C (uint32), taken over id, block number, a byte that is 1 in the last
// record, and the data: so a block of another blob, a block in the wrong place and a file cut at a block's end are found too. An
// empty blob has one empty record. Only the last record is short, so the file's length gives the blob's.
const (
	block  = 256 << 10
	sumLen = 4
	record = block + sumLen
	magic  = "CLBLOB1\n"
	head   = len(magic) + 4 + sumLen
)

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
	return fmt.Sprintf("blob %s is damaged: block %d (bytes %d to %d) does not match its checksum", c.ID, c.Block, c.Block*block, (c.Block+1)*block-1)
}

func headOf(id string) []byte {
	b := binary.BigEndian.AppendUint32([]byte(magic), block)
	return binary.BigEndian.AppendUint32(b, crc32.Update(crc32.Checksum(b, table()), table(), []byte(id)))
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

// writer cuts what comes into records. A full block waits until more comes, for only then it is known not to be the last.
type writer struct {
	ctx context.Context
	f   *os.File
	id  string
	buf *[record]byte
	n   int
	num int64
	err error
}

func (w *writer) begin() error {
	_, err := w.f.Write(headOf(w.id))
	return err
}

// Write takes p; an error stays.
func (w *writer) Write(p []byte) (int, error) {
	done := 0
	for w.err == nil && done < len(p) {
		if w.n == block {
			w.err = w.flush(false)
			continue
		}
		c := copy(w.buf[w.n:block], p[done:])
		w.n += c
		done += c
	}
	return done, w.err
}

func (w *writer) end() error { return w.flush(true) }

func (w *writer) flush(last bool) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	s := sum(w.id, w.num, last, w.buf[:w.n])
	binary.BigEndian.PutUint32(w.buf[w.n:], s)
	_, err := w.f.Write(w.buf[:w.n+sumLen])
	w.n, w.num = 0, w.num+1
	return err
}

// Reader reads a blob. It is not for concurrent use.
type Reader struct {
	d    *Disk
	f    *os.File
	id   string
	size int64
	pos  int64
	buf  *[record]byte
	have int64 // number of the block in buf, checked; -1: none
}

func (r *Reader) begin() error {
	st, err := r.f.Stat()
	if err != nil {
		return fmt.Errorf("cannot read blob %s: %w", r.id, err)
	}
	var h [head]byte
	if _, err := r.f.ReadAt(h[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("cannot read blob %s: %w", r.id, err)
	}
	body := st.Size() - int64(head)
	rest := body % record
	if string(h[:]) != string(headOf(r.id)) || body < sumLen || rest != 0 && rest < sumLen || rest == sumLen && body > record {
		return &Corrupt{r.id, -1}
	}
	r.size = body - (body+record-1)/record*sumLen
	return nil
}

// Size is the number of bytes that were written.
func (r *Reader) Size() int64 { return r.size }

// Read gives checked bytes only; *Corrupt at the first block that does not hold.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if r.pos >= r.size {
		// The empty record of an empty blob is checked as well.
		if r.size == 0 && r.have != 0 {
			if err := r.load(0); err != nil {
				return 0, err
			}
		}
		return 0, io.EOF
	}
	num := r.pos / block
	if num != r.have {
		if err := r.load(num); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.buf[r.pos-num*block:r.length(num)])
	r.pos += int64(n)
	return n, nil
}

func (r *Reader) length(num int64) int64 { return min(block, r.size-num*block) }

func (r *Reader) load(num int64) error {
	if r.f == nil {
		return os.ErrClosed
	}
	if r.buf == nil {
		r.buf = r.d.bufs.Get().(*[record]byte)
	}
	n := r.length(num)
	r.have = -1
	if _, err := r.f.ReadAt(r.buf[:n+sumLen], int64(head)+num*record); errors.Is(err, io.EOF) {
		return &Corrupt{r.id, num} // shorter than when it was opened
	} else if err != nil {
		return fmt.Errorf("cannot read block %d of blob %s: %w", num, r.id, err)
	}
	if sum(r.id, num, (num+1)*block >= r.size, r.buf[:n]) != binary.BigEndian.Uint32(r.buf[n:n+sumLen]) {
		return &Corrupt{r.id, num}
	}
	r.have = num
	return nil
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

// Close gives file and buffer back.
func (r *Reader) Close() error {
	if r.f == nil {
		return os.ErrClosed
	}
	if r.buf != nil {
		r.d.bufs.Put(r.buf)
		r.buf = nil
	}
	err := r.f.Close()
	r.f = nil
	return err
}
