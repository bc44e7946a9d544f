package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestVerbs: what cannot be meant is answered by the usage of the whole command, before anybody is asked.
func TestVerbs(t *testing.T) {
	for _, c := range []struct {
		command string
		verbs   []verb
		args    []string
		status  int
	}{
		{"org", orgVerbs(), nil, 2},
		{"org", orgVerbs(), []string{"found"}, 2},
		{"org", orgVerbs(), []string{"invite"}, 2},
		{"org", orgVerbs(), []string{"show", "-nonsense"}, 2},
		{"org", orgVerbs(), []string{"show", "-h"}, 0},
		{"scp", scpVerbs(), []string{"attach", "NoS3"}, 2},
		{"scp", scpVerbs(), []string{"put", "a", "b", "c"}, 2},
	} {
		var out, told bytes.Buffer
		if got := verbMain(c.command, c.verbs, c.args, &out, &told); got != c.status || out.Len() > 0 {
			t.Errorf("%s %q: status %d, printed %q", c.command, c.args, got, out.String())
		}
		if c.status == 2 && !strings.Contains(told.String(), "cloister "+c.command+" "+c.verbs[len(c.verbs)-1].name) {
			t.Errorf("%s %q: told %q", c.command, c.args, told.String())
		}
	}
}
