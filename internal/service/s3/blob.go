package s3

import (
	"bufio"
	"context"
	"errors"
	"io"
	"sync"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/store"
)

// pins keeps the blobs of a multipart object while somebody reads it: they are opened one after the other, so unlike a single
// blob's they would vanish under the reader.
type pins struct {
	mu     sync.Mutex
	held   map[string]int      // manifest id -> readers
	doomed map[string][]string // manifest id -> blobs to remove when the last reader leaves
}

func (p *pins) hold(id string) { p.mu.Lock(); p.held[id]++; p.mu.Unlock() }

// release gives the blobs that may be removed now.
func (p *pins) release(id string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held[id]--; p.held[id] > 0 {
		return nil
	}
	delete(p.held, id)
	d := p.doomed[id]
	delete(p.doomed, id)
	return d
}

// doom says which of the blobs may be removed now: none while the manifest is held.
func (p *pins) doom(id string, blobs []string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held[id] > 0 {
		p.doomed[id] = blobs
		return nil
	}
	return blobs
}

// trash is what a transaction let go of, to be removed once it is committed.
type trash struct {
	blobs     []string
	manifests map[string][]string
}

// object lets go of an object's bytes inside the transaction.
func (t *trash) object(tx store.Tx, sc store.Scope, o Object) error {
	if o.Upload == "" {
		t.blobs = append(t.blobs, o.Blob)
		return nil
	}
	m, err := manifests.Get(tx, sc, o.Upload)
	if err != nil {
		return err
	}
	if t.manifests == nil {
		t.manifests = map[string][]string{}
	}
	for _, p := range m.Value.Parts {
		t.manifests[o.Upload] = append(t.manifests[o.Upload], p.Blob)
	}
	return manifests.Delete(tx, sc, o.Upload)
}

// upload deletes an upload with its parts, all but the blobs in keep.
func (t *trash) upload(tx store.Tx, sc store.Scope, row, id string, keep map[string]bool) error {
	ps, err := parts.List(tx, store.Query{Scope: sc, Prefix: id + "/"})
	if err != nil {
		return err
	}
	for _, p := range ps {
		if !keep[p.Value.Blob] {
			t.blobs = append(t.blobs, p.Value.Blob)
		}
		if err := parts.Delete(tx, sc, p.ID); err != nil {
			return err
		}
	}
	return uploads.Delete(tx, sc, row)
}

// empty removes the bytes after the commit. A blob that stays, since a removal failed, is an orphan that the next start sweeps.
func (s *Service) empty(ctx context.Context, t trash) {
	ctx = context.WithoutCancel(ctx)
	for id, blobs := range t.manifests {
		t.blobs = append(t.blobs, s.pins.doom(id, blobs)...)
	}
	for _, id := range t.blobs {
		_ = s.blobs.Remove(ctx, id)
	}
}

// forsake removes a blob whose commit failed, unless the ledger says that it did not fail after all.
func (s *Service) forsake(ctx context.Context, c *api.Call, id string) {
	ctx = context.WithoutCancel(ctx)
	keep := true
	err := c.Read(ctx, func(v store.View) (err error) { keep, err = Known(v, id); return err })
	if err == nil && !keep {
		_ = s.blobs.Remove(ctx, id)
	}
}

func (s *Service) buffer() *[]byte {
	if b, ok := s.buffers.Get().(*[]byte); ok {
		return b
	}
	return ptr(make([]byte, 64<<10))
}

// receive writes a body into a new blob, hashes it on the way and keeps it only if it is what the client claims: the last segment is
// sealed after that.
func (s *Service) receive(ctx context.Context, body io.Reader, cl claim, l lock) (got digest, err error) {
	if err := cl.check(); err != nil {
		return got, err
	}
	if body == nil {
		body = eof{}
	}
	h := cl.hasher()
	var broken error // of the client's side
	err = s.blobs.Write(ctx, l.blob, func(w io.Writer) error {
		var seal io.WriteCloser
		if l.key != nil {
			if seal, err = l.sealed(w); err != nil {
				return err
			}
			w = seal
		}
		buf, used := s.buffer(), 0
		defer func() { clear((*buf)[:used]); s.buffers.Put(buf) }()
		for {
			n, err := body.Read(*buf)
			used = max(used, n)
			if n > 0 {
				h.write((*buf)[:n])
				if h.size > maxPut {
					broken = fault.New("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size").With(400)
					return broken
				}
				if _, err := w.Write((*buf)[:n]); err != nil {
					return err
				}
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				broken = bodyFault(err)
				return broken
			}
		}
		if got, broken = h.verify(cl); broken != nil || seal == nil {
			return broken
		}
		return seal.Close()
	})
	switch {
	case broken != nil:
		return got, broken
	case err != nil:
		return got, full(err)
	}
	return got, nil
}

func bodyFault(err error) error {
	var f *fault.Fault
	if errors.As(err, &f) {
		return f
	}
	return &fault.Fault{Code: "IncompleteBody", Status: 400, Cause: err,
		Message: "You did not provide the number of bytes specified by the Content-Length HTTP header."}
}

// full says in the client's words that there is no space.
func full(err error) error {
	if errors.Is(err, store.ErrFull) {
		return &fault.Fault{Kind: fault.Unavailable, Cause: err,
			Message: "The object store has no space left. Nothing was written and nothing was lost; make space and try again."}
	}
	return err
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// piece is a stretch of a blob.
type piece struct {
	blob   string
	off, n int64
	size   int64 // of the whole blob, opened
	salt   []byte
}

// stream reads pieces one after the other.
type stream struct {
	ctx    context.Context
	s      *Service
	pieces []piece
	key    []byte // nil: bytes in clear
	cur    io.ReadSeekCloser
	pin    string
}

// read opens the pieces; the first bytes are checked before it returns, so that damage there is still a clean answer.
func (s *Service) read(ctx context.Context, pin string, ps []piece, key []byte) (io.ReadCloser, error) {
	r := &stream{ctx: ctx, s: s, pieces: ps, pin: pin, key: key}
	b := bufio.NewReaderSize(r, 512)
	if _, err := b.Peek(1); err != nil && err != io.EOF {
		_ = r.Close()
		return nil, err
	}
	return checked{b, r}, nil
}

// checked is a body whose first bytes were read ahead. It is copied by stream.WriteTo.
type checked struct {
	*bufio.Reader
	io.Closer
}

// WriteTo writes what is left, a segment at a time.
func (r *stream) WriteTo(w io.Writer) (total int64, err error) {
	buf, used := r.s.buffer(), 0
	defer func() { clear((*buf)[:used]); r.s.buffers.Put(buf) }()
	for {
		n, err := r.Read(*buf)
		used = max(used, n)
		if n > 0 {
			m, err := w.Write((*buf)[:n])
			if total += int64(m); err != nil {
				return total, err
			}
		}
		if err == io.EOF { //nolint:errorlint // only io.EOF itself is the end
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

// Read gives checked bytes; an error in the midst must break the connection.
func (r *stream) Read(p []byte) (int, error) {
	for len(r.pieces) > 0 {
		at := &r.pieces[0]
		if r.cur == nil {
			f, err := r.s.blobs.Open(r.ctx, at.blob)
			if err != nil {
				return 0, err
			}
			if r.key != nil {
				f, err = at.opened(f, r.key)
				if err != nil {
					return 0, err
				}
			}
			r.cur = f
			if _, err := f.Seek(at.off, io.SeekStart); err != nil {
				return 0, err
			}
		}
		n, err := r.cur.Read(p[:min(int64(len(p)), at.n)])
		at.n -= int64(n)
		if errors.Is(err, io.EOF) && at.n > 0 {
			return n, io.ErrUnexpectedEOF // the blob is shorter than its row says
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return n, err
		}
		if at.n == 0 {
			err := r.cur.Close()
			r.cur, r.pieces = nil, r.pieces[1:]
			if err != nil {
				return n, err
			}
		}
		if n > 0 {
			return n, nil
		}
	}
	return 0, io.EOF
}

// Close ends the reading, also in its midst.
func (r *stream) Close() error {
	if r.cur != nil {
		_ = r.cur.Close()
		r.cur = nil
	}
	r.pieces = nil
	if r.pin != "" {
		for _, id := range r.s.pins.release(r.pin) {
			_ = r.s.blobs.Remove(context.WithoutCancel(r.ctx), id)
		}
		r.pin = ""
	}
	return nil
}
