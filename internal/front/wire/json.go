package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"cloister/internal/core/fault"
	"cloister/internal/shape/model"
)

// decodeJSON reads a body of a shape. Unknown members are refused, unless they are null.
func decodeJSON(r *model.Ref, body []byte) (any, *fault.Fault) {
	if !utf8.Valid(body) {
		return nil, malformed("The body is not UTF-8")
	}
	if deeper(body, maxDepth) {
		return nil, malformed("The body nests deeper than %d levels", maxDepth)
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, malformed("The body is not JSON")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, malformed("Something stands behind the JSON body")
	}
	if v == nil {
		return tree{}, nil
	}
	return fromJSON(r, v, "")
}

// deeper reports whether arrays and objects nest deeper than limit. It counts outside strings and checks nothing else.
func deeper(b []byte, limit int) bool {
	depth, in := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case in && c == '\\':
			i++
		case c == '"':
			in = !in
		case in:
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

func fromJSON(r *model.Ref, v any, path string) (any, *fault.Fault) {
	t := r.Shape
	if v == nil {
		return nil, nil
	}
	switch t.Type {
	case "structure":
		if t.Document {
			return plain(v), nil
		}
		m, ok := v.(map[string]any)
		if !ok {
			return nil, mismatch(r, v)
		}
		return structJSON(t, m, path)
	case "list":
		l, ok := v.([]any)
		if !ok {
			return nil, mismatch(r, v)
		}
		out := make([]any, 0, len(l))
		for _, x := range l {
			if x == nil {
				return nil, malformed("A list element of %s is null", r.Name)
			}
			y, f := fromJSON(t.Element, x, path)
			if f != nil {
				return nil, f
			}
			out = append(out, y)
		}
		return out, nil
	case "map":
		m, ok := v.(map[string]any)
		if !ok {
			return nil, mismatch(r, v)
		}
		out := make(tree, len(m))
		for k, x := range m {
			if x == nil {
				return nil, malformed("A value of %s is null", r.Name)
			}
			y, f := fromJSON(t.Value, x, path)
			if f != nil {
				return nil, f
			}
			out[k] = y
		}
		return out, nil
	case "string":
		switch x := v.(type) {
		case string:
			return x, nil
		case json.Number: // AWS's parsers take a number for a string
			return x.String(), nil
		}
	case "boolean":
		if b, ok := v.(bool); ok {
			return b, nil
		}
	case "integer", "long":
		if n, ok := v.(json.Number); ok {
			return wholeNumber(r, n)
		}
	case "float", "double":
		switch n := v.(type) {
		case json.Number:
			f, err := n.Float64()
			if err != nil {
				return nil, malformed("The number of %s is out of range", r.Name)
			}
			return f, nil
		case string:
			return fromText(r, n, "")
		}
	case "timestamp":
		switch n := v.(type) {
		case json.Number:
			f, err := n.Float64()
			if err != nil {
				return nil, malformed("The timestamp of %s is out of range", r.Name)
			}
			return timed(epoch(f))
		case string:
			return timed(parseTime(n, r.TimeFormat("iso8601")))
		}
	case "blob":
		if s, ok := v.(string); ok {
			return bytesOf(r, s)
		}
	}
	return nil, mismatch(r, v)
}

func structJSON(t *model.Shape, m map[string]any, path string) (any, *fault.Fault) {
	out := make(tree, len(m))
	for k, x := range m {
		if x == nil {
			continue
		}
		f := t.ByWire[k]
		if f == nil {
			if k == "__type" { // some clients tag unions and structures with their type
				continue
			}
			return nil, unknown(path + k)
		}
		y, bad := fromJSON(f, x, path+k+".")
		if bad != nil {
			return nil, bad
		}
		out[f.Name] = y
	}
	return out, nil
}

// wholeNumber takes 5, 5.0 and 5e0, as AWS's parsers do.
func wholeNumber(r *model.Ref, n json.Number) (any, *fault.Fault) {
	i, err := n.Int64()
	if err != nil {
		f, err := n.Float64()
		if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
			return nil, malformed("The value of %s is not a whole number in range", r.Name)
		}
		i = int64(f)
	}
	if !inRange(r.Shape.Type, i) {
		return nil, malformed("The value of %s is out of the range of an integer", r.Name)
	}
	return i, nil
}

func mismatch(r *model.Ref, v any) *fault.Fault {
	kind := "STRUCTURE"
	switch x := v.(type) {
	case string:
		kind = "STRING_VALUE"
	case json.Number:
		kind = "NUMBER_VALUE"
	case bool:
		kind = "FALSE_VALUE"
		if x {
			kind = "TRUE_VALUE"
		}
	case []any:
		kind = "LIST"
	}
	name := r.Name
	if name == "" {
		name = "a member"
	}
	return malformed("%s of %s can not be converted to %s", kind, name, r.Shape.Type)
}

// plain turns a document's numbers into int64 or float64.
func plain(v any) any {
	switch x := v.(type) {
	case json.Number:
		if i, err := x.Int64(); err == nil {
			return i
		}
		f, _ := x.Float64() // out of range gives an infinity, which JSON cannot write: kept as the largest number
		return math.Max(-math.MaxFloat64, math.Min(math.MaxFloat64, f))
	case map[string]any:
		for k := range x {
			x[k] = plain(x[k])
		}
	case []any:
		for i := range x {
			x[i] = plain(x[i])
		}
	}
	return v
}

// appendJSON writes v by its shape; members with an HTTP location are left out.
func appendJSON(b []byte, r *model.Ref, v any) []byte {
	t := r.Shape
	if t.Document {
		return appendDocument(b, v)
	}
	switch x := v.(type) {
	case nil:
		return append(b, "null"...)
	case map[string]any:
		b = append(b, '{')
		first := true
		sep := func(k string) {
			if !first {
				b = append(b, ',')
			}
			first = false
			b = append(appendString(b, k), ':')
		}
		if t.Type == "map" {
			for _, k := range sortedKeys(x) {
				sep(k)
				b = appendJSON(b, t.Value, x[k])
			}
			return append(b, '}')
		}
		for _, f := range t.Members {
			if y := x[f.Name]; y != nil && f.Location == "" {
				sep(f.Wire())
				b = appendJSON(b, f, y)
			}
		}
		return append(b, '}')
	case []any:
		b = append(b, '[')
		for i, y := range x {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, t.Element, y)
		}
		return append(b, ']')
	case string:
		return appendString(b, x)
	case bool:
		return strconv.AppendBool(b, x)
	case int64:
		return strconv.AppendInt(b, x, 10)
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return appendString(b, floatText(x))
		}
		return strconv.AppendFloat(b, x, 'g', -1, 64)
	case time.Time:
		format := r.TimeFormat("unixTimestamp")
		if s := formatTime(x, format); format != "unixTimestamp" {
			return appendString(b, s)
		} else {
			return append(b, s...)
		}
	case []byte:
		return appendString(b, base64.StdEncoding.EncodeToString(x))
	}
	return append(b, "null"...)
}

func appendDocument(b []byte, v any) []byte {
	j, err := json.Marshal(v)
	if err != nil {
		return append(b, "null"...)
	}
	return append(b, j...)
}

// appendString writes a JSON string; < > & stay as they are, invalid UTF-8 becomes U+FFFD.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' && c != 0x7f {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\n':
				b = append(b, '\\', 'n')
			case '\r':
				b = append(b, '\\', 'r')
			case '\t':
				b = append(b, '\\', 't')
			default:
				b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			}
			i++
			start = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			b = append(append(b, s[start:i]...), "\uFFFD"...)
			i++
			start = i
			continue
		}
		i += n
	}
	return append(append(b, s[start:]...), '"')
}
