package lint

import (
	"strconv"
	"strings"

	"cloister/internal/core/action"
	"cloister/internal/core/policy"
)

// resources finds actions that none of the statement's resources can be the resource of, and resources that none of its
// actions acts on.
func (c *checker) resources(s *statement) {
	if len(s.entries) == 0 || len(s.resources) == 0 || c.kind == policy.Trust || c.refused && c.kind == policy.Bucket {
		return
	}
	taken := make([]bool, len(s.resources))
	fit, blind := false, false
	for _, e := range s.entries {
		blind = blind || e.blind || len(e.matched) == 0
		fits := e.blind || len(e.matched) == 0
		for i := range e.matched {
			for j, r := range s.resources {
				if taken[j] && fits {
					continue
				}
				if acts(&e.matched[i], r.text) {
					taken[j], fits = true, true
				}
			}
		}
		fit = fit || fits
		if !fits {
			c.misfit(s, e)
		}
	}
	for j, r := range s.resources {
		if fit && !blind && !taken[j] {
			c.say(Warning, r, "no action of this statement acts on "+r.text, "")
		}
	}
}

func (c *checker) misfit(s *statement, e entry) {
	if !e.exact {
		c.say(Error, e.node, "none of the "+strconv.Itoa(len(e.matched))+" actions that "+e.node.text+" matches acts on a resource of this statement", "")
		return
	}
	a := &e.matched[0]
	if a.WildcardOnly {
		c.say(Error, e.node, a.Name+" has no resources of its own: it is asked for on \"*\", which no resource of this statement matches",
			"give it a statement with \"Resource\": \"*\"")
		return
	}
	var names, arns []string
	for _, t := range a.Resources {
		names, arns = append(names, t.Name), append(arns, t.ARN)
	}
	hint := "use a resource like " + arns[len(arns)-1]
	if r := s.resources[0].text; strings.HasPrefix(r, "arn:aws:s3:::") {
		bucket, _, object := strings.Cut(r, "/")
		switch last := names[len(names)-1]; {
		case last == "object" && !object:
			hint = "write " + r + "/*"
		case last == "bucket" && object:
			hint = "write " + bucket
		}
	}
	c.say(Error, e.node, a.Name+" acts on "+strings.Join(names, ", ")+": no resource of this statement is one", hint)
}

// acts reports whether an action can be asked for on a resource that the pattern matches.
func acts(a *action.Action, pattern string) bool {
	switch {
	case strings.Trim(pattern, "*") == "" || !a.Complete:
		return true
	case a.WildcardOnly:
		// S3 asks for the list of all buckets on this name; see the NotAction and home-directory pages of the IAM guide.
		return a.Name == "s3:ListAllMyBuckets" && overlap(pattern, "arn:aws:s3:::${All}")
	}
	for _, t := range a.Resources {
		if overlap(pattern, t.ARN) {
			return true
		}
	}
	return !action.Whole(a.Service()) && !typed(a.Service(), pattern)
}

// typed reports whether the table knows the type of a resource.
func typed(service, pattern string) bool {
	for _, t := range action.Types(service) {
		if overlap(pattern, t.ARN) {
			return true
		}
	}
	return false
}

// overlap reports whether some ARN fits both an element of Resource and a template. A bucket's name has no slash; what
// else fills a template is not judged.
func overlap(pattern, template string) bool {
	if len(pattern) > 2048 {
		return true
	}
	t := pieces(template, true)
	row, next := make([]bool, len(t)+1), make([]bool, len(t)+1)
	skip := func(row []bool) { // the template's own stars may stand for nothing
		for j := range t {
			if row[j] && t[j] >= wild {
				row[j+1] = true
			}
		}
	}
	row[0] = true
	skip(row)
	for _, p := range pieces(pattern, false) {
		clear(next)
		for j := range row {
			if !row[j] {
				continue
			}
			if p == wild {
				for k := j; k <= len(t); k++ { // it takes any part of the template
					next[k] = true
				}
				break
			}
			if j < len(t) && fits(p, t[j]) {
				if next[j+1] = true; t[j] >= wild {
					next[j] = true
				}
			}
		}
		skip(next)
		row, next = next, row
	}
	return row[len(t)]
}

// Pieces of a pattern: a byte, or one of these.
const (
	single  = 256 + iota
	wild    // any text
	segment // any text without a slash: a bucket's name
	field   // any text without a colon: a part of an ARN, or an id
)

// colons reports whether names of a template's service hold colons: object keys, log groups with ":*", model ids.
func colons(template string) bool {
	for _, service := range [...]string{"s3", "logs", "bedrock"} {
		if strings.HasPrefix(template, "arn:${Partition}:"+service+":") {
			return true
		}
	}
	return false
}

func fits(p, t int) bool {
	return t == wild || t == segment && p != '/' || t == field && p != ':' || p == t || p == single && t < single
}

// pieces takes a pattern or a template apart; a variable stands for any text.
func pieces(s string, template bool) []int {
	var out []int
	parts, free := 1, colons(s)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '$' && strings.HasPrefix(s[i:], "${") && strings.IndexByte(s[i:], '}') > 0:
			end := i + strings.IndexByte(s[i:], '}')
			p := wild
			switch {
			case template && s[i:end+1] == "${BucketName}":
				p = segment
			case template && (parts < 6 || !free):
				p = field
			}
			out = append(out, p)
			i = end
		case c == '*' && !template:
			out = append(out, wild)
		case c == '?' && !template:
			out = append(out, single)
		default:
			if c == ':' {
				parts++
			}
			out = append(out, int(c))
		}
	}
	return out
}
