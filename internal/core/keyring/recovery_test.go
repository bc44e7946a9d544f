package keyring

import (
	"bytes"
	"strings"
	"testing"
)

func TestRecovery(t *testing.T) {
	for range 20 {
		key := some(MasterSize)
		text, err := Recovery(key)
		if err != nil || len(text) != 14*5-1 {
			t.Fatalf("%d characters, %v", len(text), err)
		}
		for _, way := range []string{text, strings.ToLower(text), strings.ReplaceAll(text, "-", " "), strings.ReplaceAll(text, "-", ""), "  " + text + "\n"} {
			if got, err := ReadRecovery(way); err != nil || !bytes.Equal(got, key) {
				t.Errorf("%v", err)
			}
		}
		bad := 0
		for i := range text {
			if text[i] == '-' {
				continue
			}
			c := byte('A')
			if text[i] == 'A' {
				c = 'B'
			}
			if _, err := ReadRecovery(text[:i] + string(c) + text[i+1:]); err == nil {
				bad++
			} else if strings.Contains(err.Error(), text[:4]) {
				t.Error("the error quotes the key")
			}
		}
		if bad > 0 {
			t.Errorf("%d wrong characters were not found", bad)
		}
	}
	for _, text := range []string{"", "AAAA", strings.Repeat("A", 55), strings.Repeat("A", 57), strings.Repeat("1", 56)} {
		if _, err := ReadRecovery(text); err == nil {
			t.Errorf("%q was read", text)
		}
	}
	if _, err := Recovery(some(31)); err == nil {
		t.Error("a short key was written")
	}
}
