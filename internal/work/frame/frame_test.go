package frame

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

func TestRoundTrip(t *testing.T) {
	in := [][]byte{[]byte("one"), {}, bytes.Repeat([]byte("x"), Max), bytes.Repeat([]byte("y"), Max+1), bytes.Repeat([]byte("z"), 5*Max), bytes.Repeat([]byte("p"), piece)}
	send := map[string]func(w io.Writer, p []byte) error{
		"at once": func(w io.Writer, p []byte) error { return Write(w, Document, p) },
		"streamed": func(w io.Writer, p []byte) error {
			s := Stream(w, Document)
			for len(p) > 0 {
				n, err := s.Write(p[:min(len(p), 100_001)])
				if err != nil {
					return err
				}
				p = p[n:]
			}
			return s.Close()
		},
	}
	for name, write := range send {
		var b bytes.Buffer
		for _, p := range in {
			if err := write(&b, p); err != nil {
				t.Fatal(err)
			}
		}
		r := NewReader(iotest.HalfReader(&b))
		var buf []byte
		for i, p := range in {
			k, err := r.Next()
			if err != nil || k != Document {
				t.Fatalf("%s: payload %d: kind %q, %v", name, i, k, err)
			}
			if i == 3 {
				continue // Next passes over what was not read
			}
			if buf, err = r.All(buf, int64(len(p))); err != nil || !bytes.Equal(buf, p) {
				t.Fatalf("%s: payload %d: %d bytes, %v", name, i, len(buf), err)
			}
		}
		if _, err := r.Next(); !errors.Is(err, io.EOF) {
			t.Fatalf("%s: after the last: %v, want EOF", name, err)
		}
	}
}

func TestLimit(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, Document, make([]byte, Max+10)); err != nil {
		t.Fatal(err)
	}
	r := NewReader(&b)
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.All(nil, Max+9); !errors.Is(err, ErrTooLong) {
		t.Errorf("one byte over the limit: %v", err)
	}
}

func TestRefusesHostileFrames(t *testing.T) {
	for name, raw := range map[string]string{
		"huge length":           "D\x7f\xff\xff\xff",
		"unknown kind":          "Z\x00\x00\x00\x00",
		"cut short":             "D\x00\x00\x00\x09abc",
		"a rest of nothing":     "C\x00\x00\x00\x01a",
		"no rest":               "D\x80\x00\x00\x01a",
		"another instead of it": "D\x80\x00\x00\x01aD\x00\x00\x00\x01b",
	} {
		r := NewReader(bytes.NewReader([]byte(raw)))
		_, err := r.Next()
		if err == nil {
			_, err = r.All(nil, 1<<20)
		}
		if err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
