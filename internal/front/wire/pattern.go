package wire

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// The models' patterns are Java's. Most are RE2 once escapes are rewritten; those that are not are written by hand here, and a
// test fails when a model brings a new one.

// matches reports whether s is wholly of the pattern. A pattern that cannot be compiled matches nothing: closed, not open.
func (l *loaded) matches(pattern, s string) bool {
	if m, ok := l.match.Load(pattern); ok {
		return m.(func(string) bool)(s)
	}
	m, err := compile(pattern)
	if err != nil {
		m = func(string) bool { return false }
	}
	l.match.Store(pattern, m)
	return m(s)
}

// compile makes a matcher of a Java pattern.
func compile(pattern string) (func(string) bool, error) {
	if m := byHand(pattern); m != nil {
		return m, nil
	}
	re, err := regexp.Compile(`\A(?:` + toRE2(pattern) + `)\z`)
	if err != nil {
		return nil, fmt.Errorf("cannot compile pattern %q: %w", pattern, err)
	}
	return re.MatchString, nil
}

// toRE2 rewrites \uXXXX, \p{ASCII} and \p{Alnum}, which RE2 writes differently.
func toRE2(p string) string {
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		if p[i] != '\\' || i+1 == len(p) {
			b.WriteByte(p[i])
			continue
		}
		switch rest := p[i:]; {
		case rest[1] == 'u' && len(rest) >= 6:
			b.WriteString(`\x{` + rest[2:6] + `}`)
			i += 5
		case strings.HasPrefix(rest, `\p{ASCII}`):
			b.WriteString(`[\x00-\x7F]`)
			i += len(`\p{ASCII}`) - 1
		case strings.HasPrefix(rest, `\p{Alnum}`): // in a class, as all its uses are
			b.WriteString(`[:alnum:]`)
			i += len(`\p{Alnum}`) - 1
		default:
			b.WriteString(rest[:2])
			i++
		}
	}
	return b.String()
}

// byHand gives a matcher for what RE2 cannot express: lookaround, surrogate ranges, repetition above 1000.
func byHand(pattern string) func(string) bool {
	switch pattern {
	case `[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*`: // cloudtrail PartitionKey*, sagemaker Athena*: any character but controls
		return func(s string) bool {
			for _, r := range s {
				if r < ' ' && r != '\t' || r == 0xFFFE || r == 0xFFFF {
					return false
				}
			}
			return utf8.ValidString(s)
		}
	case `^(?![^\n\r\t,]*\\n|\\r|\\t)[^\n\r\t,]+$`: // comprehend EntityTypeName: nor may it write \n anywhere, or begin with \r or \t
		return func(s string) bool {
			return s != "" && !strings.ContainsAny(s, "\n\r\t,") && !strings.Contains(s, `\n`) &&
				!strings.HasPrefix(s, `\r`) && !strings.HasPrefix(s, `\t`)
		}
	case `^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`: // iam accountAliasType
		re := regexp.MustCompile(`\A[a-z0-9][a-z0-9-]{1,61}[a-z0-9]\z`)
		return func(s string) bool { return re.MatchString(s) && !strings.Contains(s, "--") }
	case `(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z\-]*\/)?([a-zA-Z0-9]([a-zA-Z0-9-]){0,62})(?<!-)`: // sagemaker ArnOrName
		re := regexp.MustCompile(`\A(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z\-]*/)?[a-zA-Z0-9][a-zA-Z0-9-]{0,62}\z`)
		return func(s string) bool { return re.MatchString(s) && !strings.HasSuffix(s, "-") }
	case `arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]{9,16}:[0-9]{12}:model-package/[\S]{1,2048}`:
		return longName("model-package/")
	case `arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]{9,16}:[0-9]{12}:model-package-group/[\S]{1,2048}`:
		return longName("model-package-group/")
	}
	return nil
}

func longName(kind string) func(string) bool {
	re := regexp.MustCompile(`\Aarn:aws[a-z\-]*:sagemaker:[a-z0-9\-]{9,16}:[0-9]{12}:` + kind + `(\S+)\z`)
	return func(s string) bool {
		m := re.FindStringSubmatch(s)
		return m != nil && utf8.RuneCountInString(m[1]) <= 2048
	}
}
