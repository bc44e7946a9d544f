package policy

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestResource(t *testing.T) {
	for _, c := range []struct {
		pattern, resource string
		want              bool
	}{
		{"*", "*", true},
		{"*", "arn:aws:s3:::b", true},
		{"**", "*", true},
		{"arn:aws:s3:::b", "*", false},
		{"arn:*:*:*:*:*", "*", false},
		{"arn:aws:s3:::b/*", "arn:aws:s3:::b/", true},
		{"arn:aws:s3:::b/*", "arn:aws:s3:::b", false},
		{"arn:aws:s3:::b/*", "arn:aws:s3:::b/a:b/c\n.d", true},
		{"arn:aws:s3:::B/*", "arn:aws:s3:::b/a", false},
		{"arn:aws:s3:::b/?", "arn:aws:s3:::b/\u65e5", true},
		{"arn:aws:s3:::b.c", "arn:aws:s3:::bxc", false},
		{"arn:aws:s3:*", "arn:aws:s3:::b/k", true},
		{"arn:aws:s3", "arn:aws:s3:::b/k", true},
		{"arn:aws:ec2:*:*:*/*", "arn:aws:ec2:us-east-1:1:security-group/sg-1", true},
		{"arn:aws:ec2:*:*:security-group*/*", "arn:aws:ec2:us-east-1:1:security-group-rule/sgr-1", true},
		{"arn:aws:ec2:*:*:instance/*", "arn:aws:ec2:us-east-1:1:security-group/sg-1", false},
		{"arn:aws:logs:*:log-group:g:log-stream:s", "arn:aws:logs:r:1:log-group:g:log-stream:s", true},
		{"arn:aws:logs:us-*-1:1:log-group:g", "arn:aws:logs:us-west:2-1:1:log-group:g", false},
		{"arn:aws:logs:*-1:1:g", "arn:aws:logs:us-east-1:1:g", true},
		{"arn:aws:logs:*-1:1:g", "arn:aws:logs:us:x-1:1:g", false},
		{"arn:aws:logs:u?-1:1:g", "arn:aws:logs:u:-1:1:g", false},
		{"arn:aws:iam::*:role/*Comprehend*", "arn:aws:iam::111122223333:role/app/MyComprehendRole", true},
		{"arn:aws:iam::*:role/*Comprehend*", "arn:aws:iam::111122223333:user/Comprehend", false},
		{"", "*", false},
		{"arn*", "*", false},
	} {
		p := compileResource(c.pattern, true, true)
		if got := p.match(c.resource, &Context{}); got != c.want {
			t.Errorf("%q on %q: %v", c.pattern, c.resource, got)
		}
	}
}

func TestResourceVariables(t *testing.T) {
	ctx := contextOf(keys{"aws:username": {"a*"}, "aws:PrincipalTag/r": {"us-east-1"}})
	for _, c := range []struct {
		pattern, resource string
		want              bool
	}{
		{"arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::b/a*/x", true},
		{"arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::b/abc/x", false},
		{"arn:aws:s3:::b/${none:x}*", "arn:aws:s3:::b/anything", false},
		{"arn:aws:s3:::b/${*}", "arn:aws:s3:::b/*", true},
		{"arn:aws:s3:::b/${*}", "arn:aws:s3:::b/x", false},
		{"arn:aws:ec2:${aws:PrincipalTag/r}:1:x", "arn:aws:ec2:us-east-1:1:x", false}, // only in the sixth part
	} {
		p := compileResource(c.pattern, true, true)
		if got := p.match(c.resource, ctx); got != c.want {
			t.Errorf("%q on %q: %v", c.pattern, c.resource, got)
		}
	}
}

// law says what a pattern takes. Plain text has no tokens.
func law(p *pattern, s string, c *Context) bool {
	if p.shape == exact {
		return s == p.text
	}
	return slow(p.tokens, s, c)
}

// slow tries every way to spread the stars.
func slow(toks []token, s string, c *Context) bool {
	if len(toks) == 0 {
		return s == ""
	}
	switch t := toks[0]; t.kind {
	case literal:
		return strings.HasPrefix(s, t.text) && slow(toks[1:], s[len(t.text):], c)
	case variable:
		v, _ := t.ref.resolve(c)
		return strings.HasPrefix(s, v) && slow(toks[1:], s[len(v):], c)
	case one, onePart:
		return s != "" && (t.kind == one || s[0] != ':') && slow(toks[1:], s[width(s):], c)
	default:
		for i := 0; ; {
			if slow(toks[1:], s[i:], c) {
				return true
			}
			if i == len(s) || t.kind == starPart && s[i] == ':' {
				return false
			}
			i += width(s[i:])
		}
	}
}

func TestGlobAgainstItsLaw(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	draw := func(alphabet string, n int) string {
		a := []rune(alphabet)
		b := make([]rune, r.IntN(n))
		for i := range b {
			b[i] = a[r.IntN(len(a))]
		}
		return string(b)
	}
	hits := 0
	for range 60000 {
		pat, s := draw("ab:\u00e9*?*:", 12), draw("ab:\u00e9:a", 12)
		for _, x := range []syntax{{wild: true}, {wild: true, arn: true}, {wild: true, arn: true, cross: true}} {
			p := compilePattern(pat, x)
			want := law(&p, s, &Context{})
			if got := p.match(s, &Context{}); got != want {
				t.Fatalf("%+v %q on %q: %v, the law says %v", x, pat, s, got, want)
			}
			if want {
				hits++
			}
		}
	}
	if hits < 1000 {
		t.Errorf("only %d matches: the draw proves little", hits)
	}
}

// A matcher that tries every way to spread forty stars would not live to see the end of this test.
func TestGlobTime(t *testing.T) {
	p := compilePattern(strings.Repeat("*a", 40)+"b", syntax{wild: true})
	s := strings.Repeat("a", 20000)
	if p.match(s, &Context{}) {
		t.Error("must not match")
	}
	if foldGlob(strings.Repeat("*a", 40)+"b", s) {
		t.Error("must not match")
	}
}

func TestActions(t *testing.T) {
	for _, c := range []struct {
		pattern, action string
		want            bool
	}{
		{"*", "s3:GetObject", true},
		{"s3:*", "S3:GetObject", true},
		{"S3:get?bject", "s3:GetObject", true},
		{"s3:Get*Acl", "s3:GetObjectAcl", true},
		{"s3:Get*Acl", "s3:GetObjectAclX", false},
		{"s3:GetObject", "s3:getobject", true},
		{"s3:GetObject", "s3:GetObjects", false},
		{"s3:*", "s3x:GetObject", false},
		{"s3:", "s3:GetObject", false},
		{"*:GetObject", "s3:GetObject", true},
	} {
		d, err := Read([]byte(`{"Statement":{"Effect":"Allow","Action":["zz:None",`+quote(c.pattern)+`],"Resource":"*"}}`), Identity)
		if err != nil {
			t.Fatal(err)
		}
		var a action
		a.set(c.action)
		cur := d.concerning(&a)
		if got := cur.next() == 0; got != c.want {
			t.Errorf("%q on %q: %v", c.pattern, c.action, got)
		}
		n, err := Read([]byte(`{"Statement":{"Effect":"Allow","NotAction":[`+quote(c.pattern)+`],"Resource":"*"}}`), Identity)
		if err != nil {
			t.Fatal(err)
		}
		if cur := n.concerning(&a); (cur.next() == 0) == c.want {
			t.Errorf("NotAction %q on %q", c.pattern, c.action)
		}
	}
}

func TestInstant(t *testing.T) {
	for in, want := range map[string]int64{"1970-01-01": 0, "0": 0, "1969-12-31T23:59:59Z": -1, "2000-03-01": 951868800, "2024-02-29T12:30:15+02:00": 1709202615,
		"9999-12-31T23:59:59Z": 253402300799, "2026-01-01T00:00": 1767225600} {
		got, ok := parseInstant(in)
		if !ok || got.sec != want {
			t.Errorf("%s: %d, %v", in, got.sec, ok)
		}
		if len(in) == 20 {
			if std, err := time.Parse(time.RFC3339, in); err != nil || std.Unix() != got.sec {
				t.Errorf("%s: %v", in, std)
			}
		}
	}
	for _, bad := range []string{"", "2026-13", "2026-00-01", "2026-02-30", "2026-01-01T24:00Z", "2026-01-01T", "2026-01-01T00:00:00.Z", "2026-1-1", "12abc",
		"2026-01-01T00:00+25:00", "2026-01-01T00:60Z", "2026-01-01T00-00Z", "2026-01-01T00:00:61Z", "2026-01-01T00:00:1Z", "2026-01-01T00:00+01:60", "2026-01-01T00:00+01:0", "2026-04-31", "2026.01.01", "2026-01-01T00:00Zx", "99999999999999999999"} {
		if _, ok := parseInstant(bad); ok {
			t.Errorf("%q was taken", bad)
		}
	}
	if a, _ := parseInstant("-0.5"); a.sec != -1 || a.nano != 5e8 {
		t.Errorf("-0.5: %+v", a)
	}
}
