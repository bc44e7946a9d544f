package peer

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

// linesOf cuts as the agent does: at LF, CR or CRLF; the last line needs no end.
func linesOf(s string) (out []string) {
	for s != "" {
		i := strings.IndexAny(s, "\r\n")
		if i < 0 {
			return append(out, s)
		}
		out = append(out, s[:i])
		if strings.HasPrefix(s[i:], "\r\n") {
			i++
		}
		s = s[i+1:]
	}
	return out
}

func TestWindows(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	alphabets := []string{"\r\n", "a\n", "ab\r\n", "a\r", "abcdefgh\n"}
	for range 6000 {
		from := alphabets[dice.IntN(len(alphabets))]
		text := make([]byte, dice.IntN(40))
		for i := range text {
			text[i] = from[dice.IntN(len(from))]
		}
		var got, cuts []string
		all := ""
		for at := 0; at < len(text); {
			to := min(at+1+dice.IntN(12), len(text))
			var r io.Reader = strings.NewReader(string(text[max(at-1, 0):]))
			switch dice.IntN(3) {
			case 0:
				r = iotest.OneByteReader(r)
			case 1:
				r = iotest.DataErrReader(r)
			}
			w := Window(r, int64(at), int64(to))
			if dice.IntN(2) == 0 {
				w = iotest.OneByteReader(w)
			}
			b, err := io.ReadAll(w)
			if err != nil {
				t.Fatalf("%q [%d,%d): %v", text, at, to, err)
			}
			got, all = append(got, linesOf(string(b))...), all+string(b)
			cuts = append(cuts, fmt.Sprintf("[%d,%d)=%q", at, to, b))
			at = to
		}
		if want := linesOf(string(text)); all != string(text) || strings.Join(got, "|") != strings.Join(want, "|") || len(got) != len(want) {
			t.Fatalf("%q gives %q, want %q: %v", text, got, want, cuts)
		}
	}
}

// A line of many parts' length belongs to the first; the others end without reading on for ever.
func TestWindowOfALongLine(t *testing.T) {
	text := strings.Repeat("x", 1<<20) + "\nend"
	read := &counter{r: strings.NewReader(text[99999:])}
	b, err := io.ReadAll(Window(read, 100000, 200000))
	if err != nil || len(b) != 0 || read.n > 300000 {
		t.Errorf("%d bytes given, %d read, %v", len(b), read.n, err)
	}
	b, err = io.ReadAll(Window(strings.NewReader(text), 0, 100000))
	if err != nil || len(b) != 1<<20+1 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	_, err = io.ReadAll(Window(iotest.TimeoutReader(strings.NewReader(text)), 0, 100000))
	if err == nil {
		t.Error("an error of the source is lost")
	}
}

type counter struct {
	r io.Reader
	n int
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

func TestCut(t *testing.T) {
	dice := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		var list []Object
		for i := range dice.IntN(30) {
			list = append(list, Object{Key: fmt.Sprint("k", i), Tag: "t", Size: int64(dice.IntN(3000)) * int64(dice.IntN(2))})
		}
		lines := dice.IntN(2) == 0
		size := int64(100 + dice.IntN(500))
		at, in := 0, int64(0) // of the input
		for i, s := range cut(list, lines, size) {
			var sum int64
			if s.Number != i || len(s.Parts) == 0 {
				t.Fatalf("shard %d is %+v", i, s)
			}
			for _, p := range s.Parts {
				if p.Object != at || p.Key != list[at].Key || p.Tag != "t" || p.From != in || p.Size != list[at].Size {
					t.Fatalf("want object %d from %d, got %+v", at, in, p)
				}
				if p.Whole() || p.To == p.Size {
					at, in = at+1, 0
				} else {
					in = p.To
				}
				if !p.Whole() {
					sum += p.To - p.From
				}
			}
			if sum > 3*size/2 || !lines && sum > 0 {
				t.Fatalf("a shard of %d bytes, size %d, lines %v", sum, size, lines)
			}
		}
		if at != len(list) {
			t.Fatalf("%d of %d objects", at, len(list))
		}
	}
	var many []Object
	for i := range 3000 {
		many = append(many, Object{Key: strings.Repeat("k", 1000) + fmt.Sprint(i), Size: 1})
	}
	if n := len(Cut(many, false, 2)); n < 30 {
		t.Errorf("%d shards of 3,000 long names", n)
	}
}
