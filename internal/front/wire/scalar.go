package wire

import (
	"encoding/base64"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"cloister/internal/core/fault"
	"cloister/internal/shape/model"
)

func malformed(format string, args ...any) *fault.Fault {
	return fault.Of(fault.Malformed, format, args...)
}

// unknown refuses a member that the model does not know: a newer client may mean something by it.
func unknown(path string) *fault.Fault {
	f := fault.Of(fault.NotHonoured, "The member %s is not known to this operation and is not honoured.", printable(path))
	f.Param = printable(path)
	return f
}

// parseTime reads a timestamp. Years outside 1..9999 are refused: they cannot be written again.
func parseTime(s, format string) (time.Time, *fault.Fault) {
	switch format {
	case "unixTimestamp":
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return epoch(f)
		}
		return time.Time{}, malformed("%s is not a timestamp", quote(s))
	case "rfc822":
		for _, l := range []string{http.TimeFormat, "Mon, 02 Jan 2006 15:04:05.999 GMT", time.RFC1123Z, "Mon, 2 Jan 2006 15:04:05 GMT", time.RFC850, time.ANSIC} {
			if t, err := time.Parse(l, s); err == nil {
				return t.UTC(), nil
			}
		}
	}
	for _, l := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999", "20060102T150405Z", "2006-01-02"} {
		if t, err := time.Parse(l, s); err == nil {
			return t.UTC(), nil
		}
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && format != "rfc822" { // some clients send the epoch here
		return epoch(f)
	}
	return time.Time{}, malformed("%s is not a timestamp", quote(s))
}

// epoch takes seconds since 1970, rounded to the millisecond.
func epoch(f float64) (time.Time, *fault.Fault) {
	if !(f > -62135596800 && f < 253402300800) {
		return time.Time{}, malformed("The timestamp is out of range")
	}
	return time.UnixMilli(int64(math.Round(f * 1e3))).UTC(), nil
}

func formatTime(t time.Time, format string) string {
	t = t.UTC()
	switch format {
	case "unixTimestamp":
		return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', -1, 64)
	case "rfc822":
		return t.Format(http.TimeFormat)
	}
	if t.Nanosecond() == 0 {
		return t.Format("2006-01-02T15:04:05Z")
	}
	return t.Format("2006-01-02T15:04:05.000Z")
}

func quote(s string) string { return "'" + printable(s) + "'" }

// inRange checks what the type holds: integer is 32 bits wide, long 64.
func inRange(typ string, n int64) bool {
	return typ == "long" || n >= math.MinInt32 && n <= math.MaxInt32
}

// fromText reads a leaf from form, XML, header or path text; times is the place's default timestamp format.
func fromText(r *model.Ref, s, times string) (any, *fault.Fault) {
	switch r.Shape.Type {
	case "string":
		return s, nil
	case "boolean":
		switch strings.ToLower(strings.TrimSpace(s)) {
		case "true", "1":
			return true, nil
		case "false", "0":
			return false, nil
		}
		return nil, malformed("Invalid value %s for boolean %s", quote(s), r.Name)
	case "integer", "long":
		n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
		if err != nil || !inRange(r.Shape.Type, n) {
			return nil, malformed("Invalid value %s for %s %s", quote(s), r.Shape.Type, r.Name)
		}
		return n, nil
	case "float", "double":
		switch s {
		case "NaN":
			return math.NaN(), nil
		case "Infinity":
			return math.Inf(1), nil
		case "-Infinity":
			return math.Inf(-1), nil
		}
		f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			return nil, malformed("Invalid value %s for number %s", quote(s), r.Name)
		}
		return f, nil
	case "timestamp":
		return timed(parseTime(strings.TrimSpace(s), r.TimeFormat(times)))
	case "blob":
		return bytesOf(r, s)
	}
	return nil, malformed("A value stands where %s, a %s, belongs", r.Name, r.Shape.Type)
}

func timed(t time.Time, f *fault.Fault) (any, *fault.Fault) {
	if f != nil {
		return nil, f
	}
	return t, nil
}

func bytesOf(r *model.Ref, s string) (any, *fault.Fault) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, malformed("The value of %s is not base64", r.Name)
	}
	return b, nil
}

func floatText(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// toText writes a leaf for XML, headers and messages.
func toText(r *model.Ref, v any, times string) string {
	switch x := v.(type) {
	case string:
		return x
	case bool:
		return strconv.FormatBool(x)
	case int64:
		return strconv.FormatInt(x, 10)
	case float64:
		return floatText(x)
	case time.Time:
		return formatTime(x, r.TimeFormat(times))
	case []byte:
		return base64.StdEncoding.EncodeToString(x)
	}
	return fmt.Sprint(v)
}
