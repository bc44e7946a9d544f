package sqlite

import (
	"fmt"
	"strings"
	"testing"
)

// Of two bounds on one side SQLite seeks by one alone: a page deep in a bucket stepped over all before it.
func TestBetweenHasOneBoundOnEachSide(t *testing.T) {
	for _, x := range []struct{ prefix, after, before, want string }{
		{"", "", "", ""},
		{"b/", "", "", "id >= b/ and id < b0"},
		{"b/", "b/k", "", "id > b/k and id < b0"},
		{"b/", "a", "", "id >= b/ and id < b0"}, // the prefix is narrower
		{"b/", "b/", "", "id > b/ and id < b0"},
		{"b/", "b/k", "b/m", "id > b/k and id < b/m"},
		{"b/", "", "z", "id >= b/ and id < b0"},
		{"", "a", "z", "id > a and id < z"},
		{"\xff", "", "", "id >= \xff"},
		{"\xff", "", "\xffa", "id >= \xff and id < \xffa"},
	} {
		var c clause
		c.between("id", x.prefix, x.after, x.before)
		if got := fmt.Sprintf(strings.ReplaceAll(strings.Join(c.text, " and "), "?", "%s"), c.args...); got != x.want {
			t.Errorf("%+v: %q", x, got)
		}
	}
}
