package policy

import "strconv"

// Warning is something that can be saved and yet hardly does what its author means.
type Warning struct {
	Statement int
	Sid       string
	Text      string
}

// Warnings looks at the conditions for the known traps: a set of values without a set operator, ForAllValues in an Allow
// that a missing key satisfies, a negated operator in an Allow that a missing key satisfies, and variables that the
// language of 2008 reads as plain text. Source: IAM User Guide, "Multivalued context keys" and "Version".
func (d *Document) Warnings() []Warning {
	var out []Warning
	for i := range d.statements {
		s := &d.statements[i]
		say := func(t string) { out = append(out, Warning{i, s.sid, "statement " + strconv.Itoa(i) + ": " + t}) }
		for j := range s.conditions {
			c := &s.conditions[j]
			switch {
			case multivalued(c.lower) && c.set == single && c.op.family != nullFamily:
				say(c.key + " holds a set of values: " + c.name + " without ForAllValues or ForAnyValue never matches")
			case s.allow && c.set == forAll && !s.demands(c.lower):
				say(c.name + " on " + c.key + " is also true when the key is missing: add {\"Null\": {\"" + c.key + "\": \"false\"}}")
			case s.allow && c.op.negated && c.set == single && !c.ifExists && !s.demands(c.lower):
				say(c.name + " on " + c.key + " is also true when the key is missing: add {\"Null\": {\"" + c.key + "\": \"false\"}}")
			}
			for k := range c.values {
				if d.version != "2012-10-17" && holdsVariable(c.values[k].pat.raw) {
					say(strconv.Quote(c.values[k].pat.raw) + " is plain text without \"Version\": \"2012-10-17\"")
				}
			}
		}
		for j := range s.resources {
			if d.version != "2012-10-17" && holdsVariable(s.resources[j].raw) {
				say(strconv.Quote(s.resources[j].raw) + " is plain text without \"Version\": \"2012-10-17\"")
			}
		}
	}
	return out
}

// demands reports whether the statement wants the key to be present.
func (s *statement) demands(lower string) bool {
	for i := range s.conditions {
		c := &s.conditions[i]
		if c.lower == lower && c.op.family == nullFamily && len(c.values) == 1 && c.values[0].ok && !c.values[0].truth {
			return true
		}
	}
	return false
}

func holdsVariable(s string) bool {
	for i := 0; i+2 < len(s); i++ {
		if s[i] == '$' && s[i+1] == '{' {
			return closeVariable(s, i+2) > 0
		}
	}
	return false
}
