package agent

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestLines(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"empty":                  {"", ""},
		"no end":                 {"a", "0:a"},
		"LF":                     {"a\nb\n", "0:a 1:b"},
		"CR":                     {"a\rb", "0:a 1:b"},
		"CRLF":                   {"a\r\nb\r\n", "0:a 1:b"},
		"blank lines count":      {"a\n\n\nb", "0:a 1: 2: 3:b"},
		"U+2028 is no end":       {"a\u2028b\nc", "0:a\u2028b 1:c"},
		"long lines lose text":   {"12345678\n123456789\n1", "0:12345678 1:LONG 2:1"},
		"a long last line":       {strings.Repeat("x", 1<<20), "0:LONG"},
		"long over many buffers": {strings.Repeat("x", 3<<20) + "\r\nok", "0:LONG 1:ok"},
	} {
		for way, r := range map[string]io.Reader{"whole": strings.NewReader(c.in), "halves": iotest.HalfReader(strings.NewReader(c.in))} {
			var got []string
			err := lines(r, 8, func(n int, text []byte, long bool) error {
				s := string(text)
				if long {
					s = "LONG"
				}
				got = append(got, fmt.Sprintf("%d:%s", n, s))
				return nil
			})
			if s := strings.Join(got, " "); err != nil || s != c.want {
				t.Errorf("%s (%s): got %q, want %q, %v", name, way, s, c.want, err)
			}
		}
	}
}

func TestLinesOneByteAtATime(t *testing.T) {
	var got []string
	err := lines(iotest.OneByteReader(strings.NewReader("a\r\nbb\rc\n\nd")), 8, func(n int, text []byte, long bool) error {
		got = append(got, fmt.Sprintf("%d:%s", n, text))
		return nil
	})
	if s := strings.Join(got, " "); err != nil || s != "0:a 1:bb 2:c 3: 4:d" {
		t.Errorf("got %q, %v", s, err)
	}
}
