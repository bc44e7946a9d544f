package daemon

import (
	"slices"
	"testing"
)

// TestLabelled: a label that names no language ends the start, instead of an image that is asked about none.
func TestLabelled(t *testing.T) {
	for label, want := range map[string][]string{"": {"*"}, "en": {"en"}, "en,de, zh-TW": {"en", "de", "zh-TW"}, ",": nil, " ": nil, "en;de": nil, "*": nil, "e": nil, "en\x1b[2J": nil} {
		got, err := labelled(label)
		if !slices.Equal(got, want) || (err == nil) != (want != nil) {
			t.Errorf("%q: %q, %v", label, got, err)
		}
	}
}

// TestSurroundings: what the image says is said once.
func TestSurroundings(t *testing.T) {
	got := surroundings([]string{"PATH=/a", "HOME=/root", "PATH=/b", "odd", "=x", "EMPTY="}, "HOME=/tmp", "HOSTNAME=analyser")
	if want := []string{"PATH=/a", "HOME=/root", "EMPTY=", "HOSTNAME=analyser"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
