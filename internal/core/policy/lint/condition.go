package lint

import (
	"slices"
	"strconv"
	"strings"

	"cloister/internal/core/action"
)

// conditions finds conditions that can never hold, always hold, or compare what is not alike.
func (c *checker) conditions(s *statement) {
	for i := range s.conditions {
		x := &s.conditions[i]
		if _, ok := action.CanonicalKey(x.key.text); !ok {
			c.unknownKey(s, x)
			continue
		}
		c.presence(s, x)
		c.types(x)
		c.sets(x)
		c.wildcards(x)
	}
	c.exclusive(s)
}

func (c *checker) unknownKey(s *statement, x *condition) {
	vendor, _, _ := strings.Cut(strings.ToLower(x.key.text), ":")
	if strings.Contains(vendor, ".") || vendor == "saml" {
		return // the key of an identity provider: any issuer's name is one
	}
	candidates := action.GlobalKeys()
	if vendor != "aws" {
		candidates = action.Keys(vendor)
	} else {
		candidates = append(candidates, "aws:TagKeys", "aws:RequestTag/${TagKey}", "aws:ResourceTag/${TagKey}")
	}
	hint := meant(nearest(x.key.text, candidates))
	text := "there is no condition key " + x.key.text + ": it is never present"
	if vendor != "aws" && !action.Whole(vendor) {
		c.say(Warning, x.key, "no known condition key is called "+x.key.text+": it is never present here", hint)
		return
	}
	if x.whenMissing() {
		c.say(Warning, x.key, text+" and "+x.op.name+" always holds", hint)
		return
	}
	c.say(Error, x.key, text+" and the statement never "+s.verb(), hint)
}

func (s *statement) verb() string {
	if s.allow {
		return "allows"
	}
	return "denies"
}

// presence finds keys that are never in a request for the statement's actions.
func (c *checker) presence(s *statement, x *condition) {
	if action.Global(x.key.text) || len(s.entries) == 0 {
		return
	}
	key, _ := action.CanonicalKey(x.key.text)
	dead := !x.whenMissing()
	var lacking []string // exact names, and patterns of which no action has the key
	var some []string    // "3 of the 9 actions that X matches, for example Y"
	held := false
	for i, without := range s.lack(key) {
		e := s.entries[i]
		switch {
		case e.blind && len(e.matched) == 0:
			held = true
		case len(without) == 0:
			held = held || len(e.matched) > 0
		case len(without) == len(e.matched) && !(e.blind && !e.exact):
			lacking = append(lacking, e.node.text)
		default:
			held = true
			if !strings.HasSuffix(e.node.text, ":*") {
				some = append(some, strconv.Itoa(len(without))+" of the "+strconv.Itoa(len(e.matched))+" actions that "+e.node.text+
					" matches, such as "+without[0])
			}
		}
	}
	never := x.key.text + " is never in a request for "
	switch {
	case len(lacking) > 0 && dead:
		hint := "no action of the statement has this key"
		if held {
			hint = "allow " + them(lacking) + " in another statement, without this key"
			if !s.allow {
				hint = "deny " + them(lacking) + " in another statement, without this key"
			}
		}
		c.say(Error, x.key, never+enumerate(lacking)+": the statement never "+s.verb()+" "+them(lacking), hint)
	case len(lacking) > 0 && !x.op.ifExists && (x.op.null() || !s.allow):
		c.say(Warning, x.key, never+enumerate(lacking)+": "+x.op.name+" always holds for "+them(lacking), "")
	}
	if dead && s.allow && len(some) > 0 {
		c.say(Warning, x.key, never+enumerate(some)+": the statement never allows those", "")
	}
	if dead && s.allow && len(lacking) == 0 {
		c.partial(s, x, key)
	}
}

// lack gives of each entry the actions that lack a key.
func (s *statement) lack(key string) [][]string {
	if out, ok := s.without[key]; ok {
		return out
	}
	out := make([][]string, len(s.entries))
	for i, e := range s.entries {
		for j := range e.matched {
			if !supports(&e.matched[j], s, key) {
				out[i] = append(out[i], e.matched[j].Name)
			}
		}
	}
	if s.without == nil {
		s.without = map[string][][]string{}
	}
	s.without[key] = out
	return out
}

// partial finds keys that an action has on one of its resources and not on another that each call also has.
func (c *checker) partial(s *statement, x *condition, key string) {
	for _, e := range s.entries {
		if !e.exact || len(e.matched) == 0 || slices.Contains(e.matched[0].Keys, key) {
			continue
		}
		var with, without []string
		for _, t := range e.matched[0].Resources {
			switch {
			case !reaches(s, t.ARN):
			case slices.Contains(t.Keys, key):
				with = append(with, t.Name)
			case t.Required && !c.covered(s, &e.matched[0], t.ARN):
				without = append(without, t.Name)
			}
		}
		if len(with) > 0 && len(without) > 0 {
			c.say(Warning, x.key, x.key.text+" belongs to "+strings.Join(with, ", ")+" only: "+e.node.text+" is also asked for on "+
				strings.Join(without, ", ")+", which this statement never allows", "allow the action on "+strings.Join(without, ", ")+" in a statement of its own")
		}
	}
}

// covered reports whether another statement allows an action on a type of resource.
func (c *checker) covered(s *statement, a *action.Action, arn string) bool {
	for i := range c.list {
		o := &c.list[i]
		if o.index == s.index || !o.allow || !reaches(o, arn) {
			continue
		}
		for _, e := range o.entries {
			if e.node.text == "*" || slices.ContainsFunc(e.matched, func(m action.Action) bool { return m.Name == a.Name }) {
				return true
			}
		}
	}
	return false
}

func enumerate(list []string) string {
	const most = 4
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return strings.Join(list[:most], ", ") + " and " + strconv.Itoa(len(list)-most) + " more"
}

func them(list []string) string {
	if len(list) == 1 {
		return "it"
	}
	return "them"
}

// reaches reports whether a resource of the statement can be of a type.
func reaches(s *statement, arn string) bool {
	if len(s.resources) == 0 {
		return true // NotResource, or a trust policy
	}
	if yes, ok := s.reached[arn]; ok {
		return yes
	}
	yes := slices.ContainsFunc(s.resources, func(r *node) bool { return strings.Trim(r.text, "*") == "" || overlap(r.text, arn) })
	if s.reached == nil {
		s.reached = map[string]bool{}
	}
	s.reached[arn] = yes
	return yes
}

// supports reports whether a request for the action on one of the statement's resources can have the key.
func supports(a *action.Action, s *statement, key string) bool {
	if !a.Complete || slices.Contains(a.Keys, key) {
		return true
	}
	reached := false
	for _, t := range a.Resources {
		if slices.Contains(t.Keys, key) && reaches(s, t.ARN) {
			return true
		}
		reached = reached || reaches(s, t.ARN)
	}
	// An action that acts on none of the resources is the concern of another rule.
	return len(a.Resources) > 0 && !reached
}

// types finds operators that compare what the key never holds. A tag's or a context's value can be anything.
func (c *checker) types(x *condition) {
	typ, _, _ := action.KeyType(x.key.text)
	typ = strings.TrimPrefix(typ, "ArrayOf")
	name, _ := action.CanonicalKey(x.key.text)
	family := x.op.family()
	if typ == "" || strings.Contains(name, "${") || family == "Null" || family == "Binary" {
		return
	}
	holds := map[string]string{"String": "a string", "ARN": "an ARN", "Bool": "true or false", "Date": "a date", "IPAddress": "an address",
		"Numeric": "a number"}[typ]
	use := map[string]string{"String": "StringEquals or StringLike", "ARN": "ArnEquals or ArnLike", "Bool": "Bool", "Date": "DateLessThan or DateGreaterThan",
		"IPAddress": "IpAddress or NotIpAddress", "Numeric": "NumericLessThan and the like"}[typ]
	say := func(severity string) {
		c.say(severity, x.key, x.key.text+" holds "+holds+", which "+x.op.name+" does not compare", "use "+use)
	}
	switch own := map[string]string{"Arn": "ARN", "Ip": "IPAddress"}[family]; {
	case own == typ || family == typ:
	case family == "Date" && typ == "Numeric" || family == "Numeric" && typ == "Date": // epoch seconds are both
	case family == "String" && (typ == "ARN" || typ == "Bool"): // compared as text, as many policies do
	case family == "String" || family == "Arn" && typ == "String":
		say(Warning) // as text it may match, by chance
	default:
		say(Error)
	}
}

// sets finds operators for sets on keys with one value. The reverse is the engine's own warning; a test holds its list of
// keys to the reference.
func (c *checker) sets(x *condition) {
	if _, multi, _ := action.KeyType(x.key.text); !multi && x.op.set != "" {
		c.say(Warning, x.key, x.key.text+" holds one value: "+x.op.set+" is for keys that hold a set", "write "+strings.TrimPrefix(x.op.name, x.op.set+":"))
	}
}

// wildcards finds patterns under operators that compare letter by letter.
func (c *checker) wildcards(x *condition) {
	if !strings.HasPrefix(x.op.base, "stringequals") && !strings.HasPrefix(x.op.base, "stringnotequals") {
		return
	}
	like := "StringLike"
	if x.op.negated() {
		like = "StringNotLike"
	}
	for _, v := range x.values {
		s := v.text
		for {
			i := strings.Index(s, "${")
			j := strings.IndexByte(s[max(i, 0):], '}')
			if i < 0 || j < 0 {
				break
			}
			s = s[:i] + s[i+j+1:]
		}
		if v.kind == '"' && strings.ContainsAny(s, "*?") {
			c.say(Warning, v, x.op.name+" takes the wildcard in "+quote(v.text)+" as a letter", "did you mean "+like+"?")
		}
	}
}

// exclusive finds an address outside and an endpoint in one statement: a call has one or the other. Source: IAM User
// Guide, aws:SourceIp, aws:SourceVpc, aws:SourceVpce, aws:VpcSourceIp.
func (c *checker) exclusive(s *statement) {
	var outside, inside *condition
	for i := range s.conditions {
		x := &s.conditions[i]
		if x.whenMissing() {
			continue
		}
		switch strings.ToLower(x.key.text) {
		case "aws:sourceip":
			outside = x
		case "aws:sourcevpc", "aws:sourcevpce", "aws:vpcsourceip":
			inside = x
		}
	}
	if outside != nil && inside != nil {
		c.say(Error, outside.key, outside.key.text+" is absent when a call comes through an endpoint, and "+inside.key.text+
			" is present only then: the statement never "+s.verb(), "use aws:VpcSourceIp for addresses inside a VPC")
	}
}
