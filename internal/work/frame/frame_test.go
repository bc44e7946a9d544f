package frame

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	var b bytes.Buffer
	in := [][]byte{[]byte("one"), {}, bytes.Repeat([]byte("x"), Max)}
	for _, p := range in {
		if err := Write(&b, Document, p); err != nil {
			t.Fatal(err)
		}
	}
	var buf []byte
	for i, p := range in {
		k, got, err := Read(&b, buf)
		if err != nil || k != Document || !bytes.Equal(got, p) {
			t.Fatalf("frame %d: kind %q, %d bytes, %v", i, k, len(got), err)
		}
		buf = got
	}
	if _, _, err := Read(&b, buf); !errors.Is(err, io.EOF) {
		t.Fatalf("after the last frame: %v, want EOF", err)
	}
}

func TestRefusesHostileFrames(t *testing.T) {
	if err := Write(io.Discard, Result, make([]byte, Max+1)); !errors.Is(err, ErrTooLong) {
		t.Errorf("writing too much: %v", err)
	}
	for name, raw := range map[string]string{
		"huge length":  "D\xff\xff\xff\xff",
		"unknown kind": "Z\x00\x00\x00\x00",
		"cut short":    "D\x00\x00\x00\x09abc",
	} {
		if _, _, err := Read(bytes.NewReader([]byte(raw)), nil); err == nil || errors.Is(err, io.EOF) && name != "cut short" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
