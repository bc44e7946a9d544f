package job

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Lengths of what is told, in bytes.
const (
	codeMax    = 64
	MessageMax = 2000
)

// NoSpace is told of a job for which the disk was too full.
const NoSpace = "The host has no space left for what the job makes."

// Plain makes text of what a process said that may be anything: valid UTF-8 of at most n bytes on one line, without characters that steer a
// terminal or turn the direction of writing.
func Plain(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s[:min(len(s), n+utf8.UTFMax)], "\uFFFD"))
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// others begin codes that speak of what no analyser can know: only the agent and the runner say them.
var others = []string{"HOST_", "INPUT_CHANGED", "INSUFFICIENT_", "INVALID_DATA_ACCESS_", "INVALID_VPC_", "KMS_", "MODEL_", "NO_READ_", "NO_WRITE_", "VPC_"}

// Refused is what may be told of an analyser's refusal. A code that is none, or not an analyser's to say, becomes INTERNAL_ERROR with a sentence
// of ours: an analyser that a document has taken over must not ask the user for more rights.
func Refused(code, message string) (string, string) {
	word := code != "" && len(code) <= codeMax && strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
	if !word || slices.ContainsFunc(others, func(o string) bool { return strings.HasPrefix(code, o) }) {
		return "INTERNAL_ERROR", "The document could not be analyzed."
	}
	return code, Plain(message, MessageMax)
}
