// Package peer lets the instances of one job share its work: the first one hands out shards of the input, all do them, and what they
// found is put together in the input's order. It trusts nobody but the holders of keys that were made for this job: what is sent
// between instances goes through TLS 1.3 with both ends pinned.
package peer

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"cloister/internal/core/job"
)

// Shard is a stretch of the input. Shards are numbered in its order.
type Shard struct {
	Number int
	Parts  []Part
}

// Part is an object, or the lines of it that begin from byte From on and before byte To.
type Part struct {
	Object   int    // its place in the listing
	Input    int    `json:",omitempty"` // of the job, that it was listed for
	Key      string // of the object
	Tag      string // its ETag when it was listed
	Size     int64  // of the object, bytes
	From, To int64  // both 0: the whole object
}

// Whole says whether the part is all of its object.
func (p Part) Whole() bool { return p.From == 0 && p.To == 0 }

// Record is what came of one document.
type Record struct {
	Part int    // of the shard
	Line int    // counted from the part's beginning; -1: the document is the object
	Kind byte   // whatever Do gives and Take understands
	Body []byte // likewise; valid until the callback returns
}

// Do works on a shard and gives its records in order. A Failure whose Cause is "internal" may be this instance's own: another one
// tries. A call whose context has ended may return anything.
type Do func(ctx context.Context, s Shard, emit func(Record) error) *job.Failure

// Limits of patience and size.
const (
	joinLimit   = 10 * time.Second // of an instance, to reach the first one
	dialLimit   = 5 * time.Second  // of one attempt
	absentLimit = time.Minute      // of the first one, with the others
	beatEvery   = 5 * time.Second
	silence     = 30 * time.Second // a peer that says nothing for so long is lost
	patience    = time.Minute      // a shard that the merge waits for is given to another instance after this
	recordMax   = 256 << 20        // bytes of one record
	tries       = 3                // of one shard
	ahead       = 2                // shards that a peer is given before the first is done
	window      = 8                // shards for each instance that may be done before those in front of them
)

var errRecord = errors.New("peer: no record")

// appendRecord writes a record behind b. Form: kind; part, line + 1 and length as uvarints; body.
func appendRecord(b []byte, r Record) []byte {
	b = append(b, r.Kind)
	b = binary.AppendUvarint(b, uint64(r.Part))
	b = binary.AppendUvarint(b, uint64(r.Line+1))
	b = binary.AppendUvarint(b, uint64(len(r.Body)))
	return append(b, r.Body...)
}

// records reads what appendRecord wrote, of a shard with so many parts.
func records(r io.Reader, parts int, take func(Record) error) error {
	in := bufio.NewReaderSize(r, 64<<10)
	var body []byte
	last := 0
	for {
		kind, err := in.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var n [3]uint64
		for i := range n {
			if n[i], err = binary.ReadUvarint(in); err != nil {
				return fmt.Errorf("%w: %v", errRecord, err)
			}
		}
		if n[0] >= uint64(parts) || int(n[0]) < last || n[1] > 1<<40 || n[2] > recordMax {
			return errRecord
		}
		last = int(n[0])
		if uint64(cap(body)) < n[2] {
			body = make([]byte, n[2])
		}
		body = body[:n[2]]
		if _, err := io.ReadFull(in, body); err != nil {
			return fmt.Errorf("%w: %v", errRecord, err)
		}
		if err := take(Record{Part: last, Line: int(n[1]) - 1, Kind: kind, Body: body}); err != nil {
			return err
		}
	}
}
