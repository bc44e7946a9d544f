package envelope

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func some(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

type place struct{ key, salt, info []byte }

func fresh() place { return place{some(KeySize), some(SaltSize), []byte("object")} }

func (p place) writer(t testing.TB, w io.Writer) *Writer {
	t.Helper()
	x, err := NewWriter(w, p.key, p.salt, p.info)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func (p place) seal(t testing.TB, d []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := p.writer(t, &out)
	if n, err := w.Write(d); n != len(d) || err != nil {
		t.Fatal(n, err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// opened reads all of a stream.
func (p place) opened(e []byte, size int64) ([]byte, error) {
	r, err := NewReader(bytes.NewReader(e), size, p.key, p.salt, p.info)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

const full = Segment + Tag

var sizes = []int{0, 1, Segment - 1, Segment, Segment + 1, 2 * Segment, 3*Segment + 7}

func TestRoundTripAndSize(t *testing.T) {
	for _, n := range sizes {
		p, d := fresh(), some(n)
		e := p.seal(t, d)
		if int64(len(e)) != SealedSize(int64(n)) {
			t.Errorf("%d: sealed %d, formula %d", n, len(e), SealedSize(int64(n)))
		}
		if got := PlainSize(SealedSize(int64(n))); got != int64(n) {
			t.Errorf("%d: the inverse gives %d", n, got)
		}
		if got, err := p.opened(e, int64(n)); err != nil || !bytes.Equal(got, d) {
			t.Errorf("%d: %d bytes, %v", n, len(got), err)
		}
		// However the bytes come in, the stream is the same.
		ways := map[string]func(w *Writer) (int64, error){
			"ReadFrom": func(w *Writer) (int64, error) { return w.ReadFrom(bytes.NewReader(d)) },
			"half":     func(w *Writer) (int64, error) { return w.ReadFrom(iotest.HalfReader(bytes.NewReader(d))) },
			"dataErr":  func(w *Writer) (int64, error) { return w.ReadFrom(iotest.DataErrReader(bytes.NewReader(d))) },
			"io.Copy":  func(w *Writer) (int64, error) { return io.Copy(struct{ io.Writer }{w}, bytes.NewReader(d)) },
			"two parts": func(w *Writer) (int64, error) {
				return io.Copy(w, io.MultiReader(bytes.NewReader(d[:n/2]), bytes.NewReader(d[n/2:])))
			},
			"pieces": func(w *Writer) (int64, error) {
				total := 0
				for i := 0; i < n; i += 1777 {
					k, err := w.Write(d[i:min(n, i+1777)])
					if total += k; err != nil {
						return int64(total), err
					}
				}
				return int64(total), nil
			},
			"mixed": func(w *Writer) (int64, error) {
				k, err := w.Write(d[:n/3])
				if err != nil {
					return 0, err
				}
				m, err := w.ReadFrom(bytes.NewReader(d[n/3 : n/2]))
				if err != nil {
					return 0, err
				}
				l, err := w.Write(d[n/2:])
				return int64(k) + m + int64(l), err
			},
		}
		for name, f := range ways {
			var out bytes.Buffer
			w := p.writer(t, &out)
			if k, err := f(w); k != int64(n) || err != nil {
				t.Errorf("%d, %s: %d, %v", n, name, k, err)
			}
			if err := errors.Join(w.Close(), w.Close()); err != nil || !bytes.Equal(out.Bytes(), e) {
				t.Errorf("%d, %s: other bytes, %v", n, name, err)
			}
			if _, err := w.Write([]byte{1}); err == nil {
				t.Errorf("%s: written after the end", name)
			}
		}
	}
}

func TestReads(t *testing.T) {
	p, d := fresh(), some(3*Segment+7)
	e := p.seal(t, d)
	r, err := NewReader(bytes.NewReader(e), int64(len(d)), p.key, p.salt, p.info)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := iotest.TestReader(r, d); err != nil {
		t.Error(err)
	}
	for _, off := range []int{0, 1, Segment - 1, Segment, 2*Segment + 5, len(d) - 1, len(d), len(d) + 1} {
		for _, n := range []int{1, 2, Segment - 1, Segment, Segment + 1, 3 * Segment} {
			if _, err := r.Seek(int64(off), io.SeekStart); err != nil {
				t.Fatal(err)
			}
			want := d[min(off, len(d)):min(off+n, len(d))]
			var out bytes.Buffer
			if _, err := io.CopyN(&out, r, int64(n)); !bytes.Equal(out.Bytes(), want) || err != nil && !errors.Is(err, io.EOF) {
				t.Errorf("%d+%d: %d bytes, %v", off, n, out.Len(), err)
			}
		}
		for _, whole := range []bool{false, true} {
			if _, err := r.Seek(int64(off), io.SeekStart); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			var err error
			if whole {
				_, err = r.WriteTo(&out)
			} else {
				_, err = out.ReadFrom(struct{ io.Reader }{r})
			}
			if err != nil || !bytes.Equal(out.Bytes(), d[min(off, len(d)):]) {
				t.Errorf("from %d: %d bytes, %v", off, out.Len(), err)
			}
		}
	}
	if _, err := r.Seek(-1, io.SeekStart); err == nil {
		t.Error("sought before the beginning")
	}
	if _, err := r.Seek(0, 7); err == nil {
		t.Error("sought from nowhere")
	}
	r.Close()
	if _, err := r.Read(make([]byte, 1)); err == nil {
		t.Error("read after Close")
	}
	if _, err := r.WriteTo(io.Discard); err == nil {
		t.Error("written after Close")
	}
}

// Only the segments that a range touches are read: the others may as well be gone.
func TestWindow(t *testing.T) {
	p, d := fresh(), some(4*Segment)
	e := p.seal(t, d)
	clear(e[:full])
	clear(e[2*full:])
	r, err := NewReader(bytes.NewReader(e), int64(len(d)), p.key, p.salt, p.info)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	_, _ = r.Seek(Segment+5, io.SeekStart)
	got := make([]byte, Segment-5)
	if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, d[Segment+5:2*Segment]) {
		t.Error(err)
	}
	for _, off := range []int64{0, 1, 2 * Segment, 3*Segment + 1} {
		_, _ = r.Seek(off, io.SeekStart)
		big := bytes.Repeat([]byte{0xaa}, Segment)
		if n, err := r.Read(big); n != 0 || !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), fmt.Sprintf("segment %d of 4", off/Segment)) {
			t.Errorf("at %d: %d bytes, %v", off, n, err)
		}
		if n, err := r.WriteTo(io.Discard); n != 0 || !errors.Is(err, ErrDamaged) {
			t.Errorf("at %d: %d bytes, %v", off, n, err)
		}
	}
}

func TestTampering(t *testing.T) {
	p, d := fresh(), some(3*Segment)
	e := p.seal(t, d)
	small := p.seal(t, d[:5]) // nobody may do this: two streams of one salt. Even so they do not mix.
	other := func(change func(*place)) place {
		q := place{bytes.Clone(p.key), bytes.Clone(p.salt), bytes.Clone(p.info)}
		change(&q)
		return q
	}
	swapped := append(append(bytes.Clone(e[full:2*full]), e[:full]...), e[2*full:]...)
	for name, c := range map[string]struct {
		p    place
		e    []byte
		size int64
	}{
		"cut at a segment":             {p, e[:2*full], 2 * Segment},
		"cut, size kept":               {p, e[:2*full], 3 * Segment},
		"cut in a segment":             {p, e[:2*full+100], 2*Segment + 100 - Tag},
		"cut by a byte":                {p, e[:3*full-1], 3*Segment - 1},
		"emptied":                      {p, nil, 0},
		"a tag given as the empty":     {p, e[3*full-Tag:], 0},
		"lengthened by a segment":      {p, append(bytes.Clone(e), e[:full]...), 4 * Segment},
		"lengthened, size kept":        {p, append(bytes.Clone(e), 0), 3 * Segment},
		"lengthened by the last again": {p, append(bytes.Clone(e), e[2*full:]...), 4 * Segment},
		"lengthened by an empty":       {p, append(bytes.Clone(e), make([]byte, Tag)...), 3 * Segment},
		"segments swapped":             {p, swapped, 3 * Segment},
		"the end of another":           {p, append(bytes.Clone(e[:full]), small...), Segment + 5},
		"the beginning alone":          {p, e[:full], Segment},
		"the end alone":                {p, e[2*full:], Segment},
		"other info":                   {other(func(q *place) { q.info = []byte("objecu") }), e, 3 * Segment},
		"other salt":                   {other(func(q *place) { q.salt[0]++ }), e, 3 * Segment},
		"other key":                    {other(func(q *place) { q.key[0]++ }), e, 3 * Segment},
	} {
		got, err := c.p.opened(c.e, c.size)
		if !errors.Is(err, ErrDamaged) || !bytes.HasPrefix(d, got) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	for i := 0; i < len(e); i += 4999 {
		for bit := range 8 {
			e[i] ^= 1 << bit
			got, err := p.opened(e, 3*Segment)
			if !errors.Is(err, ErrDamaged) || len(got) != i/full*Segment {
				t.Fatalf("byte %d, bit %d: %d bytes, %v", i, bit, len(got), err)
			}
			e[i] ^= 1 << bit
		}
	}
	for i := range small {
		small[i] ^= 1
		if got, err := p.opened(small, 5); !errors.Is(err, ErrDamaged) || len(got) != 0 {
			t.Fatalf("byte %d: %q, %v", i, got, err)
		}
		small[i] ^= 1
	}
}

// What the caller hands over is cleared when its segment does not authenticate.
func TestNothingUnauthenticated(t *testing.T) {
	p, d := fresh(), some(Segment)
	e := p.seal(t, d)
	e[len(e)-1] ^= 1
	r, err := NewReader(bytes.NewReader(e), Segment, p.key, p.salt, p.info)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got := make([]byte, Segment)
	if n, err := r.Read(got); n != 0 || !errors.Is(err, ErrDamaged) {
		t.Errorf("%d bytes, %v", n, err)
	}
	if bytes.Contains(got, d[:16]) || bytes.Contains(r.buf[:], d[:16]) {
		t.Error("plaintext of a broken segment is left")
	}
}

// The true size decides which segment is the last: a wrong one never gives more than whole segments that are right.
func TestWrongSize(t *testing.T) {
	p, d := fresh(), some(2*Segment+10)
	e := p.seal(t, d)
	for _, size := range []int64{0, 10, Segment, 2 * Segment, 2*Segment + 9, 2*Segment + 11, 3 * Segment, 2*Segment + 10 + Segment} {
		if got, err := p.opened(e, size); !errors.Is(err, ErrDamaged) || len(got) > 0 {
			t.Errorf("%d: %d bytes, %v", size, len(got), err)
		}
	}
	for _, size := range []int64{-1, MaxSize + 1} {
		if _, err := p.opened(e, size); err == nil {
			t.Errorf("%d was taken", size)
		}
	}
}

// A client that goes away must not leave an object that opens: net/http reports it as io.ErrUnexpectedEOF, which is also what
// io.ReadFull makes of a clean short end.
func TestBrokenSource(t *testing.T) {
	p := fresh()
	for _, n := range sizes {
		for _, cause := range []error{io.ErrUnexpectedEOF, errors.New("connection reset"), fmt.Errorf("wrapped: %w", io.EOF)} {
			var out bytes.Buffer
			w := p.writer(t, &out)
			r := io.MultiReader(bytes.NewReader(some(n)), iotest.ErrReader(cause))
			if k, err := w.ReadFrom(r); !errors.Is(err, cause) || k != int64(n) {
				t.Errorf("%d: sealed %d, %v", n, k, err)
			}
			if err := w.Close(); !errors.Is(err, cause) {
				t.Errorf("%d: closed, %v", n, err)
			}
			if err := w.Close(); !errors.Is(err, cause) {
				t.Errorf("%d: closed at the second try, %v", n, err)
			}
			unfinished(t, p, out.Bytes())
		}
	}
	w := p.writer(t, io.Discard)
	if _, err := w.ReadFrom(struct{ io.Reader }{stuck{}}); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a reader that gives nothing: %v", err)
	}
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

// unfinished says that what was written opens at no size that its length allows.
func unfinished(t *testing.T, p place, e []byte) {
	t.Helper()
	for k := int64(0); k <= int64(len(e))/full+1; k++ {
		size := int64(len(e)) - k*Tag
		if size < 0 || size > 0 && segments(size) != k || size == 0 && k > 1 {
			continue
		}
		if _, err := p.opened(e, size); !errors.Is(err, ErrDamaged) {
			t.Errorf("%d bytes of an unfinished stream open as %d", len(e), size)
		}
	}
}

func TestNeverClosed(t *testing.T) {
	p := fresh()
	for _, n := range sizes {
		var out bytes.Buffer
		w := p.writer(t, &out)
		if _, err := w.Write(some(n)); err != nil {
			t.Fatal(err)
		}
		unfinished(t, p, out.Bytes())
		w.Discard()
		before := out.Len()
		if err := w.Close(); err != nil || out.Len() != before {
			t.Errorf("%d: Close after Discard wrote %d bytes, %v", n, out.Len()-before, err)
		}
		if _, err := w.Write([]byte{1}); err == nil {
			t.Error("written after Discard")
		}
		unfinished(t, p, out.Bytes())
	}
}

// brittle takes n bytes and then fails, or says that it took less.
type brittle struct {
	n     int
	short bool
}

var errFull = errors.New("no space left")

func (b *brittle) Write(p []byte) (int, error) {
	if b.n -= len(p); b.n >= 0 {
		return len(p), nil
	}
	if b.short {
		return len(p) - 1, nil
	}
	return 0, errFull
}

func TestBrokenSink(t *testing.T) {
	for _, at := range []int{0, full, 2 * full} {
		for _, short := range []bool{false, true} {
			want := errFull
			if short {
				want = io.ErrShortWrite
			}
			w := fresh().writer(t, &brittle{at, short})
			_, err := w.Write(some(3*Segment + 1))
			if at < 3*full && !errors.Is(err, want) {
				t.Errorf("at %d: %v", at, err)
			}
			if _, err := w.ReadFrom(bytes.NewReader(some(10))); !errors.Is(err, want) {
				t.Errorf("at %d: went on, %v", at, err)
			}
			if err := w.Close(); !errors.Is(err, want) {
				t.Errorf("at %d: closed, %v", at, err)
			}
		}
	}
	w := fresh().writer(t, &brittle{full, false})
	if _, err := w.Write(some(Segment + 1)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); !errors.Is(err, errFull) {
		t.Errorf("the last segment is lost: %v", err)
	}
}

// A disk that fails to read is not a damaged object, and reading goes on when it does again.
func TestBrokenDisk(t *testing.T) {
	p, d := fresh(), some(2*Segment)
	f := &flaky{Reader: bytes.NewReader(p.seal(t, d))}
	r, err := NewReader(f, int64(len(d)), p.key, p.salt, p.info)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	f.err = errors.New("input/output error")
	if _, err := r.Read(make([]byte, 10)); !errors.Is(err, f.err) || errors.Is(err, ErrDamaged) {
		t.Errorf("got %v", err)
	}
	f.err = nil
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, d) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

type flaky struct {
	*bytes.Reader
	err error
}

func (f *flaky) Read(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return f.Reader.Read(p)
}

// Parts of k x 64 KiB followed by any last part: the size of the whole follows from its plaintext size alone.
func TestSealedSize(t *testing.T) {
	for n, want := range map[int64]int64{0: 16, 1: 17, 64 << 10: 64<<10 + 16, 64<<10 + 1: 64<<10 + 33, 8 << 20: 8<<20 + 2048, 5 << 30: 5<<30 + 81920*16} {
		if got := SealedSize(n); got != want {
			t.Errorf("%d: %d, want %d", n, got, want)
		}
	}
	for _, last := range []int64{1, 1000, Segment, 5*Segment + 1} {
		if SealedSize(80*Segment)+SealedSize(last) != SealedSize(80*Segment+last) {
			t.Error("aligned parts:", last)
		}
	}
}

func TestSizesOfKeys(t *testing.T) {
	for _, p := range []place{{some(31), some(32), nil}, {some(33), some(32), nil}, {some(32), some(31), nil}, {some(32), nil, nil}, {}} {
		if _, err := NewWriter(io.Discard, p.key, p.salt, p.info); err == nil {
			t.Errorf("key %d, salt %d: taken", len(p.key), len(p.salt))
		}
		if _, err := NewReader(bytes.NewReader(make([]byte, Tag)), 0, p.key, p.salt, p.info); err == nil {
			t.Errorf("key %d, salt %d: taken", len(p.key), len(p.salt))
		}
	}
}

// Streams outlive programs: this one was made once and must open for ever.
func TestFormatStays(t *testing.T) {
	p := place{bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32), []byte("place")}
	const want = "f585d49c33615aaa04e31a710a7e1341f903ac6b2922"
	if got := hex.EncodeToString(p.seal(t, []byte("secret"))); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Nobody's plaintext waits in the pool.
func TestReleased(t *testing.T) {
	w := fresh().writer(t, io.Discard)
	b := w.held
	_, _ = w.Write(bytes.Repeat([]byte("secret"), 100))
	_ = w.Close()
	if bytes.Contains(b[:], []byte("secret")) {
		t.Error("the Writer left plaintext")
	}
	p := fresh()
	e := p.seal(t, bytes.Repeat([]byte("secret"), 100))
	r, err := NewReader(bytes.NewReader(e), 600, p.key, p.salt, p.info)
	if err != nil {
		t.Fatal(err)
	}
	b = r.buf
	_, _ = r.Read(make([]byte, 1))
	r.Close()
	if bytes.Contains(b[:], []byte("secret")) {
		t.Error("the Reader left plaintext")
	}
}

func FuzzReader(f *testing.F) {
	p := place{bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32), []byte("place")}
	d := bytes.Repeat([]byte("0123456789abcdef"), Segment/16+1)
	e := p.seal(f, d)
	f.Add(uint32(0), byte(0), int32(0), uint32(0), uint32(10))
	f.Add(uint32(70000), byte(1), int32(0), uint32(0), uint32(1<<20))
	f.Add(uint32(0), byte(0), int32(-16), uint32(5), uint32(1))
	f.Fuzz(func(t *testing.T, at uint32, flip byte, more int32, off, n uint32) {
		bad := bytes.Clone(e)
		bad[int(at)%len(bad)] ^= flip
		size := int64(len(d)) + int64(more)
		if k := SealedSize(max(0, size)); k <= int64(len(bad)) { // the attacker makes the lengths fit
			bad = bad[:k]
		}
		r, err := NewReader(bytes.NewReader(bad), size, p.key, p.salt, p.info)
		if err != nil {
			return
		}
		defer r.Close()
		if _, err := r.Seek(int64(off), io.SeekStart); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(io.LimitReader(r, int64(n)))
		if len(got) > 0 && !bytes.HasPrefix(d[off:], got) {
			t.Fatalf("wrong bytes at %d: %x, %v", off, got[:min(len(got), 32)], err)
		}
		if err == nil && flip != 0 && int64(n) >= size && off == 0 {
			t.Fatalf("byte %d does not matter", at)
		}
	})
}

func BenchmarkCopy(b *testing.B) { // what any server does at least
	for _, n := range []int{64 << 10, 8 << 20} {
		from, to := some(n), make([]byte, n)
		b.Run(fmt.Sprintf("%dKiB", n>>10), func(b *testing.B) {
			b.SetBytes(int64(n))
			for b.Loop() {
				copy(to, from)
			}
		})
	}
}

func BenchmarkSeal(b *testing.B) {
	p := fresh()
	for _, n := range []int{64 << 10, 8 << 20} {
		d := some(n)
		b.Run(fmt.Sprintf("%dKiB", n>>10), func(b *testing.B) {
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				w, _ := NewWriter(io.Discard, p.key, p.salt, p.info)
				if _, err := w.ReadFrom(bytes.NewReader(d)); err != nil {
					b.Fatal(err)
				}
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	p := fresh()
	for _, n := range []int{64 << 10, 8 << 20} {
		e := p.seal(b, some(n))
		for name, f := range map[string]func(*Reader) (int64, error){
			"WriteTo": func(r *Reader) (int64, error) { return r.WriteTo(io.Discard) },
			"Read32K": func(r *Reader) (int64, error) {
				return io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r}, make([]byte, 32<<10))
			},
		} {
			b.Run(fmt.Sprintf("%dKiB/%s", n>>10, name), func(b *testing.B) {
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					r, err := NewReader(bytes.NewReader(e), int64(n), p.key, p.salt, p.info)
					if err != nil {
						b.Fatal(err)
					}
					if k, err := f(r); err != nil || k != int64(n) {
						b.Fatal(k, err)
					}
					r.Close()
				}
			})
		}
	}
}
