package peer

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"cloister/internal/core/job"
)

// The messages. The first instance sends Tasks and one End; the others send Results, pieces of a stream of records, and one Done for
// each task, in the order of the tasks. Both say Alive when they have nothing else to say. Form: kind; length, 4 bytes big endian; payload.
const (
	msgTask   = 'T' // JSON of Shard
	msgEnd    = 'X'
	msgResult = 'R'
	msgDone   = 'D' // JSON of done
	msgAlive  = 'A'
)

// The messages of learners. The first instance begins with one Enrol and as many Tasks, which name all of the input. Whoever speaks sends Says,
// pieces of a stream, and one Said; another instance speaks again when it was answered, and ends with Done. The first ends with End.
const (
	msgEnrol = 'J' // JSON of enrolment
	msgSay   = 'G'
	msgSaid  = 'g'
)

// messageMax bounds a payload, in bytes.
const messageMax = 1 << 20

type done struct {
	Shard   int
	Failure *job.Failure `json:",omitempty"`
}

var errMessage = errors.New("peer: a message out of order")

// link is one connection. One goroutine receives, any may send.
type link struct {
	conn    net.Conn
	in      *bufio.Reader
	buf     []byte
	silence time.Duration

	mu  sync.Mutex
	out *bufio.Writer
}

func newLink(c net.Conn, silence time.Duration) *link {
	return &link{conn: c, in: bufio.NewReaderSize(c, 64<<10), out: bufio.NewWriterSize(c, 64<<10), silence: silence}
}

func (l *link) send(kind byte, p []byte) error {
	if len(p) > messageMax {
		return errMessage
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.conn.SetWriteDeadline(time.Now().Add(l.silence))
	var h [5]byte
	h[0] = kind
	binary.BigEndian.PutUint32(h[1:], uint32(len(p)))
	if _, err := l.out.Write(h[:]); err != nil {
		return err
	}
	if _, err := l.out.Write(p); err != nil {
		return err
	}
	return l.out.Flush()
}

func (l *link) sendJSON(kind byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return l.send(kind, b)
}

// receive gives the next message that says something. Its payload is valid until the next call.
func (l *link) receive() (byte, []byte, error) {
	for {
		_ = l.conn.SetReadDeadline(time.Now().Add(l.silence))
		var h [5]byte
		if _, err := io.ReadFull(l.in, h[:]); err != nil {
			return 0, nil, err
		}
		n := binary.BigEndian.Uint32(h[1:])
		if n > messageMax {
			return 0, nil, fmt.Errorf("%w: %d bytes", errMessage, n)
		}
		if uint32(cap(l.buf)) < n {
			l.buf = make([]byte, n)
		}
		l.buf = l.buf[:n]
		if _, err := io.ReadFull(l.in, l.buf); err != nil {
			return 0, nil, err
		}
		if h[0] != msgAlive {
			return h[0], l.buf, nil
		}
	}
}

// beat says that this end lives until ctx ends. Then the connection is closed, which ends all that wait on it.
func (l *link) beat(ctx context.Context, every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	defer l.conn.Close()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			if l.send(msgAlive, nil) != nil {
				return
			}
		}
	}
}
