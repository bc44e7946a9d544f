package lint

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cloister/internal/core/policy"
)

// Any text has findings with places inside it, in order, and none when the engine takes a text only by refusing it.
func FuzzCheck(f *testing.F) {
	files, _ := filepath.Glob(filepath.Join("..", "testdata", "seeds", "*"))
	for _, name := range append(files, filepath.Join("testdata", "blog-policies.json")) {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), uint8(0))
		f.Add(string(text), uint8(policy.Endpoint))
	}
	for _, s := range []string{
		`{"PolicyDocument":"{\"Statement\":[{\"Effect\":\"Allow\",\"NotAction\":[\"a:b\",\"\\u00e4\"]}]}"}`,
		`{"Policy":"{\ud83d\ude00"}`, `{"Policy":"{\ud83d"}`, `{"Policy":"{}"}{`,
		`{"Statement":{"Effect":"Allow","Principal":{"AWS":["*",1]},"Action":"s3:*","Resource":"arn:aws:s3:::${a*?","Condition":{"Null":{"aws:SourceVpc":[true,"x"]},"ForAllValues:":{"a":1}}}}`,
		`{"Statement":[{"Effect":"Deny","NotPrincipal":"*","Action":["*","kms:?*"],"Resource":"**","Condition":{"StringEqualsIfExists":{"kms:EncryptionContext:":"${","aws:TagKeys":"a*"}}}]}`,
		"\ufeff{}", "", "{", "[{},{}]", "{},{},", "null",
	} {
		for k := range uint8(policy.Endpoint) + 1 {
			f.Add(s, k)
		}
	}
	f.Fuzz(func(t *testing.T, text string, kind uint8) {
		k := policy.Kind(kind % uint8(policy.Endpoint+1))
		got := Check([]byte(text), k)
		lines := strings.Split(text, "\n")
		for i, g := range got {
			if g.Line < 1 || g.Line > len(lines) || g.Column < 1 || g.Column > len(lines[g.Line-1])+1 {
				t.Fatalf("finding %d stands at %d:%d of %q", i, g.Line, g.Column, text)
			}
			if g.Severity != Error && g.Severity != Warning || g.Text == "" {
				t.Fatalf("finding %d says %+v", i, g)
			}
			if i > 0 && (g.Line < got[i-1].Line || g.Line == got[i-1].Line && g.Column < got[i-1].Column) {
				t.Fatalf("finding %d comes before finding %d", i, i-1)
			}
		}
		if again := Check([]byte(text), k); !slices.Equal(got, again) {
			t.Fatalf("two answers about %q", text)
		}
		if k != policy.None {
			if _, err := policy.Parse([]byte(text), k); err != nil && len(got) == 0 && len(split(text)) == 1 && !split(text)[0].wrapped {
				t.Fatalf("nothing is said of %q: %v", text, err)
			}
		}
	})
}

// The largest documents that people may hand in, built to be slow. No clock here: a quadratic rule would hold up the test
// run for minutes.
func TestLarge(t *testing.T) {
	var cond, res, act []string
	for i := range 10_000 {
		cond = append(cond, `"aws:RequestTag/k`+strings.Repeat("x", i%7)+string(rune('a'+i%26))+itoa(i)+`":"v*"`)
	}
	for i := range 500 {
		res = append(res, `"arn:aws:s3:::b/*a*a*a*b`+itoa(i)+`"`)
		act = append(act, `"s3:Get*`+strings.Repeat("?", i%5)+`","comprehend:Detectt`+itoa(i)+`"`)
	}
	for name, text := range map[string]string{
		"conditions": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*","ec2:*"],"Resource":"arn:aws:s3:::b/*","Condition":{"StringEquals":{` + strings.Join(cond, ",") + `}}}]}`,
		"resources":  `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetBucket*","Resource":[` + strings.Join(res, ",") + `]}]}`,
		"actions":    `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":[` + strings.Join(act, ",") + `],"Resource":"arn:aws:s3:::b/*"}]}`,
	} {
		if got := Check([]byte(text), policy.Identity); len(got) == 0 {
			t.Errorf("%s: nothing is said of %d bytes", name, len(text))
		}
	}
}

func itoa(i int) string {
	if i < 10 {
		return string(rune('0' + i))
	}
	return itoa(i/10) + string(rune('0'+i%10))
}
