package wire

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"cloister/internal/core/fault"
	"cloister/internal/shape/model"
)

// violation is a constraint that a member breaks.
type violation struct {
	member     *model.Ref // nil for the elements of a list or map
	top        *model.Ref // the input's own member that it lies in
	path       string     // AWS's: inputDataConfig.s3Uri, tags.1.member.key
	value      string     // 'x', null, or empty when it may not be shown
	constraint string
	missing    bool
}

// shown is the value as a sentence takes it.
func (v *violation) shown() string {
	if v.value == "" {
		return ""
	}
	return " " + v.value
}

// Validate holds the input against the model's constraints: required, length, range, pattern, enum. The fault says all
// violations in AWS's words; Param is the first one's path. Source of the wording: answers of AWS's service framework.
func (o *Operation) Validate(in any) *fault.Fault {
	if o.op.Input == nil {
		return nil
	}
	t, err := spread(o.op.Input, o.New(), in)
	if err != nil {
		return fault.From(err)
	}
	c := check{l: o.Service.load()}
	c.structure(o.op.Input.Shape, t, "", nil)
	if len(c.found) == 0 {
		return nil
	}
	switch o.Service.family() {
	case ec2Family:
		return invalidEC2(c.found)
	case s3Family:
		return invalidS3(c.found)
	}
	f := fault.Of(fault.Invalid, "%s", sentence(c.found))
	f.Param = c.found[0].path
	return f
}

// maxViolations and maxShown bound the message: AWS's are bounded by the size of its answers.
const (
	maxViolations = 50
	maxShown      = 2048
)

type check struct {
	l     *loaded
	found []violation
}

func (c *check) add(v violation) {
	if len(c.found) < maxViolations {
		c.found = append(c.found, v)
	}
}

func (c *check) structure(s *model.Shape, t tree, path string, top *model.Ref) {
	for _, n := range s.Required {
		f := s.ByName[n]
		if t[n] == nil && f != nil && !f.Streaming {
			at := top
			if at == nil {
				at = f
			}
			c.add(violation{f, at, path + lowerCamel(n), "null", "Member must not be null", true})
		}
	}
	for _, f := range s.Members {
		if v := t[f.Name]; v != nil {
			at := top
			if at == nil {
				at = f
			}
			c.member(f, v, path+lowerCamel(f.Name), at)
		}
	}
}

func (c *check) member(r *model.Ref, v any, path string, top *model.Ref) {
	if broken := c.broken(r.Shape, v); len(broken) > 0 {
		for _, b := range broken {
			c.add(violation{r, top, path, show(r, v), b, false})
		}
		return
	}
	switch x := v.(type) {
	case map[string]any:
		if r.Shape.Type == "map" {
			c.dict(r, x, path, top)
		} else if !r.Shape.Document {
			c.structure(r.Shape, x, path+".", top)
		}
	case []any:
		if r.Shape.Type != "list" {
			return
		}
		e := r.Shape.Element
		for i, y := range x {
			switch {
			case e.Shape.Type == "structure" && !e.Shape.Document:
				s, _ := y.(tree)
				c.structure(e.Shape, s, path+"."+strconv.Itoa(i+1)+".member.", top)
			case e.Shape.Type == "list", e.Shape.Type == "map":
				c.member(e, y, path+"."+strconv.Itoa(i+1)+".member", top)
			case len(c.broken(e.Shape, y)) > 0: // one violation for the whole list, which names every constraint
				c.add(violation{nil, top, path, show(r, v), "Member must satisfy constraint: [" + strings.Join(every(e.Shape), ", ") + "]", false})
				return
			}
		}
	}
}

func (c *check) dict(r *model.Ref, x tree, path string, top *model.Ref) {
	k, v := r.Shape.Key.Shape, r.Shape.Value
	for _, key := range sortedKeys(x) {
		if len(c.broken(k, key)) > 0 {
			c.add(violation{nil, top, path, show(r, x), "Map keys must satisfy constraint: [" + strings.Join(every(k), ", ") + "]", false})
			return
		}
		switch {
		case v.Shape.Type == "structure" || v.Shape.Type == "list" || v.Shape.Type == "map":
			c.member(v, x[key], path+"."+key+".member", top)
		case len(c.broken(v.Shape, x[key])) > 0:
			c.add(violation{nil, top, path, show(r, x), "Map value must satisfy constraint: [" + strings.Join(every(v.Shape), ", ") + "]", false})
			return
		}
	}
}

// size is what min and max hold for: characters, bytes, elements, or the number itself.
func size(t *model.Shape, v any) (n float64, length, ok bool) {
	switch x := v.(type) {
	case string:
		return float64(utf8.RuneCountInString(x)), true, true
	case []byte:
		return float64(len(x)), true, true
	case []any:
		return float64(len(x)), true, true
	case map[string]any:
		return float64(len(x)), true, t.Type == "map"
	case int64:
		return float64(x), false, true
	case float64:
		return x, false, true
	}
	return 0, false, false
}

// broken lists the constraints of t that v breaks.
func (c *check) broken(t *model.Shape, v any) []string {
	var out []string
	n, length, ok := size(t, v)
	if ok && t.Max != nil && !(n <= *t.Max) {
		out = append(out, bound(length, "less", *t.Max))
	}
	if ok && t.Min != nil && !(n >= *t.Min) {
		out = append(out, bound(length, "greater", *t.Min))
	}
	s, isText := v.(string)
	if isText && t.Pattern != "" && !c.l.matches(t.Pattern, s) {
		out = append(out, "Member must satisfy regular expression pattern: "+t.Pattern)
	}
	if isText && len(t.Enum) > 0 && !contains(t.Enum, s) {
		out = append(out, "Member must satisfy enum value set: ["+strings.Join(t.Enum, ", ")+"]")
	}
	return out
}

// every lists all constraints of t, broken or not.
func every(t *model.Shape) []string {
	var out []string
	length := t.Type == "string" || t.Type == "list" || t.Type == "map" || t.Type == "blob"
	if t.Max != nil {
		out = append(out, bound(length, "less", *t.Max))
	}
	if t.Min != nil {
		out = append(out, bound(length, "greater", *t.Min))
	}
	if t.Pattern != "" {
		out = append(out, "Member must satisfy regular expression pattern: "+t.Pattern)
	}
	if len(t.Enum) > 0 {
		out = append(out, "Member must satisfy enum value set: ["+strings.Join(t.Enum, ", ")+"]")
	}
	return out
}

func contains(l []string, s string) bool {
	for _, x := range l {
		if x == s {
			return true
		}
	}
	return false
}

func bound(length bool, side string, n float64) string {
	what := "value"
	if length {
		what = "length"
	}
	return "Member must have " + what + " " + side + " than or equal to " + strconv.FormatFloat(n, 'f', -1, 64)
}

// show prints a value as AWS's Java does, in quotes; empty when anything in it is a secret or a blob.
func show(r *model.Ref, v any) string {
	s, ok := text(r, v)
	if !ok {
		return ""
	}
	if len(s) > maxShown {
		s = strings.ToValidUTF8(s[:maxShown], "") + "..."
	}
	return "'" + s + "'"
}

func text(r *model.Ref, v any) (string, bool) {
	if secret(r) || r.Shape.Document {
		return "", false
	}
	var parts []string
	part := func(name string, f *model.Ref, x any) bool {
		s, ok := text(f, x)
		parts = append(parts, name+s)
		return ok
	}
	switch x := v.(type) {
	case []byte:
		return "", false
	case []any:
		for _, y := range x {
			if !part("", r.Shape.Element, y) {
				return "", false
			}
		}
		return "[" + strings.Join(parts, ", ") + "]", true
	case map[string]any:
		if r.Shape.Type == "map" {
			for _, k := range sortedKeys(x) {
				if !part(k+"=", r.Shape.Value, x[k]) {
					return "", false
				}
			}
			return "{" + strings.Join(parts, ", ") + "}", true
		}
		for _, f := range r.Shape.Members {
			if y := x[f.Name]; y != nil && !part(lowerCamel(f.Name)+"=", f, y) {
				return "", false
			}
		}
		return r.Shape.Name + "(" + strings.Join(parts, ", ") + ")", true
	case nil:
		return "null", true
	}
	return toText(r, v, "iso8601"), leaf(v)
}

// sentence is the framework's message.
func sentence(vs []violation) string {
	parts := make([]string, len(vs))
	for i, v := range vs {
		parts[i] = "Value" + v.shown() + " at '" + v.path + "' failed to satisfy constraint: " + v.constraint
	}
	plural := "s"
	if len(vs) == 1 {
		plural = ""
	}
	return strconv.Itoa(len(vs)) + " validation error" + plural + " detected: " + strings.Join(parts, "; ")
}

// invalidEC2 says the first missing parameter, else the first wrong one, as EC2 does.
func invalidEC2(vs []violation) *fault.Fault {
	for _, v := range vs {
		if v.missing {
			f := fault.New("MissingParameter", "The request must contain the parameter %s", form{ec2: true}.name(v.member)).With(400)
			f.Param = v.path
			return f
		}
	}
	v := vs[0]
	why := v.constraint
	if _, n, ok := strings.Cut(why, "greater than or equal to "); ok {
		why = "Expecting a value greater than or equal to " + n + "."
	} else if _, n, ok := strings.Cut(why, "less than or equal to "); ok {
		why = "Expecting a value less than or equal to " + n + "."
	}
	f := fault.New("InvalidParameterValue", "Value (%s) for parameter %s is invalid. %s", strings.Trim(v.value, "'"), v.path, why).With(400)
	f.Param = v.path
	return f
}

// invalidS3 tells arguments (path, parameters, headers) from the XML body.
func invalidS3(vs []violation) *fault.Fault {
	v := vs[0]
	var f *fault.Fault
	switch {
	case v.top.Location != "" && s3Words(&v) != nil:
		f = s3Words(&v)
	case v.top.Location != "":
		f = fault.New("InvalidArgument", "Value%s at '%s' is invalid: %s", v.shown(), v.path, v.constraint).
			Field("ArgumentName", v.top.Wire()).Field("ArgumentValue", strings.Trim(v.value, "'"))
	case v.missing && v.member == v.top:
		f = fault.New("MissingRequestBodyError", "Request Body is empty")
	case v.member != nil && v.member.Name == "LocationConstraint":
		f = fault.New("InvalidLocationConstraint", "The specified location-constraint is not valid").Field("LocationConstraint", strings.Trim(v.value, "'"))
	default:
		f = fault.New("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
	}
	f.Status, f.Param = 400, v.path
	return f
}
