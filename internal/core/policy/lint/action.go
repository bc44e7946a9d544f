package lint

import (
	"strconv"
	"strings"

	"cloister/internal/core/action"
)

// entry is an element of Action and the actions that it matches.
type entry struct {
	node    *node
	matched []action.Action
	exact   bool // a name without wildcards
	blind   bool // it may match actions of which the table says nothing
}

// actions finds names that match nothing.
func (c *checker) actions(s *statement) {
	for _, n := range s.actions {
		s.entries = append(s.entries, c.entry(n))
	}
	for _, n := range texts(s.notAction) {
		c.entry(n)
	}
}

func (c *checker) entry(n *node) entry {
	e := entry{node: n, exact: !strings.ContainsAny(n.text, "*?")}
	if n.text == "*" {
		e.blind = true
		return e
	}
	prefix, _, colon := strings.Cut(n.text, ":")
	if !colon || strings.ContainsAny(prefix, "*?") {
		e.blind = true // refused by the engine
		return e
	}
	if strings.EqualFold(prefix, "cloister") { // our own service, which no reference of AWS's lists
		e.blind = true
		return e
	}
	e.matched = action.Matching(n.text)
	known := action.Keys(prefix) != nil || len(action.Matching(prefix+":*")) > 0
	e.blind = !action.Whole(prefix) && (!e.exact || len(e.matched) == 0)
	switch {
	case !known:
		c.say(Warning, n, "no service here has the prefix "+quote(prefix)+": nothing ever asks for "+n.text, meant(nearest(strings.ToLower(prefix), action.Services())))
	case len(e.matched) > 0:
	case action.Whole(prefix):
		c.say(Error, n, n.text+" matches no action of "+strings.ToLower(prefix), meant(nearestAction(n.text)))
	default:
		c.say(Warning, n, n.text+" matches no known action of "+strings.ToLower(prefix), meant(nearestAction(n.text)))
	}
	return e
}

func quote(s string) string { return strconv.Quote(s) }

func meant(s string) string {
	if s == "" {
		return ""
	}
	return "did you mean " + s + "?"
}

// nearestAction is the action whose name differs least, in the same service.
func nearestAction(name string) string {
	prefix, _, _ := strings.Cut(name, ":")
	var all []string
	for _, a := range action.Matching(prefix + ":*") {
		all = append(all, a.Name)
	}
	return nearest(strings.TrimRight(name, "*?"), all)
}

// nearest is the candidate that differs least from a name, ignoring case; empty when all differ in more than a fifth.
func nearest(name string, candidates []string) string {
	best, found := 1+len(name)/5, ""
	if len(name) > 200 {
		return ""
	}
	low := strings.ToLower(name)
	for _, c := range candidates {
		if d := distance(low, strings.ToLower(c), best); d < best || d == best && found == "" {
			best, found = d, c
		}
	}
	return found
}

// distance counts the letters to insert, delete, replace or swap; more than limit is limit+1.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	before, row, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next[0] = i + 1
		least := next[0]
		for j := range len(b) {
			d := row[j]
			if a[i] != b[j] {
				d++
			}
			d = min(d, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				d = min(d, before[j-1]+1)
			}
			next[j+1] = d
			least = min(least, d)
		}
		if least > limit {
			return limit + 1
		}
		before, row, next = row, next, before
	}
	return row[len(b)]
}
