package job

import (
	"strings"
	"testing"
)

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"as it is: 12 €":          "as it is: 12 €",
		"two\nlines\r\x1b[2Jgone": "two lines  [2Jgo",
		"a\u202eb\u2028c\u0085d":  "a b c d",
		"\xff":                    "\uFFFD",
		"12345678901234567890":    "1234567890123456",
		"123456789012345€":        "123456789012345",
	} {
		if got := Plain(in, 16); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, x := range []struct{ code, message, want string }{
		{"DOCUMENT_SIZE_EXCEEDED", "too\x00long", "DOCUMENT_SIZE_EXCEEDED: too long"},
		{"", "x", "INTERNAL_ERROR: The document could not be analyzed."},
		{"NO_READ_ACCESS_TO_INPUT", "Give the role s3:*.", "INTERNAL_ERROR: The document could not be analyzed."},
		{"KMS_KEY_DISABLED", "x", "INTERNAL_ERROR: The document could not be analyzed."},
		{"A: B", "x", "INTERNAL_ERROR: The document could not be analyzed."},
		{strings.Repeat("A", 65), "x", "INTERNAL_ERROR: The document could not be analyzed."},
	} {
		if code, message := Refused(x.code, x.message); code+": "+message != x.want {
			t.Errorf("%s: %s: %s, want %s", x.code, code, message, x.want)
		}
	}
}
