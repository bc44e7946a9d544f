package wire

import (
	"testing"

	"cloister/internal/shape/model"
)

// Every pattern of the models compiles or is written by hand.
func TestPatternsCompile(t *testing.T) {
	n, hand := 0, 0
	for _, s := range model.Services() {
		m, err := model.Load(s.Name)
		if err != nil {
			t.Fatal(err)
		}
		for _, sh := range m.Shapes {
			if sh.Pattern == "" {
				continue
			}
			n++
			if byHand(sh.Pattern) != nil {
				hand++
			}
			if _, err := compile(sh.Pattern); err != nil {
				t.Errorf("%s.%s: %v", s.Name, sh.Name, err)
			}
		}
	}
	if n != 297 || hand != 8 {
		t.Errorf("%d patterns, %d by hand; want 297 and 8 (the ninth, \\p{Alnum}, is rewritten)", n, hand)
	}
}

func TestPatternsByHand(t *testing.T) {
	const surrogates = `[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*`
	const entity = `^(?![^\n\r\t,]*\\n|\\r|\\t)[^\n\r\t,]+$`
	const alias = `^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`
	const arnOrName = `(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z\-]*\/)?([a-zA-Z0-9]([a-zA-Z0-9-]){0,62})(?<!-)`
	const pack = `arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]{9,16}:[0-9]{12}:model-package/[\S]{1,2048}`
	const lambda = `arn:[\p{Alnum}\-]+:lambda:[\p{Alnum}\-]+:[0-9]{12}:function:.*`
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{surrogates, "", true}, {surrogates, "a\tb\U0001F600", true}, {surrogates, "a\nb", false},
		{entity, "PERSON", true}, {entity, "", false}, {entity, "a,b", false}, {entity, `a\nb`, false}, {entity, `\rx`, false}, {entity, `x\r`, true}, {entity, "a\tb", false},
		{alias, "a-b", true}, {alias, "a--b", false}, {alias, "-ab", false}, {alias, "ab", false}, {alias, "abc-", false},
		{arnOrName, "job-1", true}, {arnOrName, "job-", false}, {arnOrName, "arn:aws:sagemaker:us-east-1:123456789012:training-job/x", true},
		{pack, "arn:aws:sagemaker:us-east-1:123456789012:model-package/x", true}, {pack, "arn:aws:sagemaker:us-east-1:123456789012:model-package/", false},
		{lambda, "arn:aws:lambda:us-east-1:123456789012:function:f", true}, {lambda, "arn:a_s:lambda:us-east-1:123456789012:function:f", false},
		{`\p{ASCII}+`, "abc", true}, {`\p{ASCII}+`, "é", false}, {`a|ab`, "ab", true}, {`a\\u0020`, `a\u0020`, true},
	} {
		m, err := compile(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := m(c.s); got != c.want {
			t.Errorf("%q on %q: %v", c.pattern, c.s, got)
		}
	}
}
