package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
)

// own gives a result, an object on one line, without the members that say which document it is of: an analyser that one document has taken
// over must not speak for another.
func own(result []byte) ([]byte, error) {
	if !json.Valid(result) {
		return nil, errors.New("no JSON")
	}
	result = bytes.TrimSpace(result)
	if result[0] != '{' {
		return nil, errors.New("no object")
	}
	if harmless(result) {
		return result, nil
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(result, &m); err != nil {
		return nil, err
	}
	for k := range m {
		if strings.EqualFold(k, "File") || strings.EqualFold(k, "Line") {
			delete(m, k)
		}
	}
	return json.Marshal(m)
}

// harmless says of an object whose syntax is right that it has no blanks between its tokens, no name of a member with an escape or beyond ASCII, and
// none that is File or Line in whatever case. It says so of what engines write; for the rest, own decides.
func harmless(b []byte) bool {
	depth := 0
	name := true // a string at depth 1 would be one
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case ',':
			name = depth == 1
		case ':':
			name = false
		case ' ', '\n', '\r', '\t':
			return false
		case '"':
			start := i + 1
			plain := true
			for i++; b[i] != '"'; i++ {
				plain = plain && b[i] != '\\' && b[i] < 0x80
				if b[i] == '\\' {
					i++
				}
			}
			if name && depth == 1 && (!plain || i-start == 4 && (bytes.EqualFold(b[start:i], []byte("File")) || bytes.EqualFold(b[start:i], []byte("Line")))) {
				return false
			}
		}
	}
	return true
}
