package policy

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// The corpus below testdata/fuzz holds what people and attackers paste: the seeds' mistakes, duplicate keys, deep nesting,
// invalid UTF-8, patterns that are slow for a naive matcher, huge numbers, variables in documents of 2008.

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/seeds/*")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for k := Identity; k <= Endpoint; k++ {
			d, err := Parse(b, k)
			if err != nil {
				var se *SyntaxError
				if !errors.As(err, &se) || se.Code == "" || se.Message == "" || se.Offset < 0 || se.Offset > len(b) || se.Line < 1 || se.Column < 1 {
					t.Fatalf("%#v", err)
				}
				continue
			}
			lenient, err := Read(b, k)
			if err != nil || lenient.Len() != d.Len() {
				t.Fatalf("Parse takes what Read refuses: %v", err)
			}
			if !utf8.Valid(b) {
				t.Fatalf("invalid UTF-8 was taken: %q", b)
			}
			if got := d.Unbind(func(string) (string, bool) { return "", false }); string(got) != string(b) {
				t.Fatalf("%s became %s", b, got)
			}
			bound, err := d.Bind(func(string) (string, bool) { return "AROAEXAMPLEEXAMPLE01", true })
			if err != nil {
				t.Fatal(err)
			}
			if again, err := Read(bound, k); err != nil || len(again.Principals()) != 0 {
				t.Fatalf("%s bound is %s: %v", b, bound, err)
			}
		}
	})
}

func FuzzDecide(f *testing.F) {
	f.Fuzz(func(t *testing.T, text, action, resource, value string) {
		d, err := Read([]byte(text), Identity)
		if err != nil {
			return
		}
		req := &Request{Principal: who(t, "alice"), Action: action, Resource: resource}
		req.Context.Set("aws:username", value)
		req.Context.Set("k:n", value)
		sets := &Sets{Identity: []Source{{Name: "p", Doc: d}}}
		v, reasons := Explain(req, sets)
		if v != Decide(req, sets) || len(reasons) == 0 {
			t.Fatal("Explain and Decide differ")
		}
		sets.Identity = append(sets.Identity, *source(t, Identity, deny("*", "*", "")))
		if w := Decide(req, sets); v.Layer != LayerNone && w.Decision != ExplicitlyDenied {
			t.Fatalf("Deny * is overruled: %+v", w)
		}
	})
}

// FuzzPattern holds the matchers to their law, which tries every way to spread the stars.
func FuzzPattern(f *testing.F) {
	f.Fuzz(func(t *testing.T, pat, s, value string) {
		if len(pat) > 4096 || len(s) > 4096 || !utf8.ValidString(pat) {
			return // a document of invalid UTF-8 is refused, so that a literal never begins within a character
		}
		ctx := contextOf(keys{"k:v": {value}})
		resource := compileResource(pat, true, true)
		if pat != "" && strings.Trim(pat, "*") != "" && resource.match("*", ctx) {
			t.Fatalf("%q takes the bare star", pat)
		}
		for _, x := range []syntax{{}, {wild: true}, {wild: true, vars: true}, {wild: true, vars: true, arn: true}, {wild: true, vars: true, arn: true, cross: true, varTail: true}} {
			p := compilePattern(pat, x)
			got := p.match(s, ctx)
			if !x.vars && !x.wild && got != (pat == s) {
				t.Fatalf("%q as plain text on %q: %v", pat, s, got)
			}
			if strings.Count(pat, "*") > 4 || len(p.tokens) > 9 || len(s) > 24 || len(value) > 24 {
				continue // the law takes exponential time
			}
			if want := p.resolvable(ctx) && law(&p, s, ctx); got != want {
				t.Fatalf("%+v %q on %q with %q: %v, the law says %v", x, pat, s, value, got, want)
			}
		}
		if got := foldGlob(strings.ToLower(pat), s); ascii(pat) && ascii(s) && len(pat) < 10 && strings.Count(pat, "*") < 5 && len(s) < 24 {
			p := compilePattern(strings.ToLower(pat), syntax{wild: true})
			if want := law(&p, strings.ToLower(s), ctx); got != want {
				t.Fatalf("action %q on %q: %v, the law says %v", pat, s, got, want)
			}
		}
	})
}

func ascii(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// FuzzValue reads two values as every type there is, and compares them.
func FuzzValue(f *testing.F) {
	f.Fuzz(func(t *testing.T, a, b string) {
		da, okA := parseDecimal(a)
		db, okB := parseDecimal(b)
		if okA && okB && (da.compare(db) != -db.compare(da) && sign(da.compare(db)) != -sign(db.compare(da)) || da.compare(da) != 0) {
			t.Fatalf("%q and %q don't compare", a, b)
		}
		ta, okA := parseInstant(a)
		tb, okB := parseInstant(b)
		if okA && okB && ta.compare(tb) != -tb.compare(ta) {
			t.Fatalf("%q and %q don't compare", a, b)
		}
		if std, err := time.Parse(time.RFC3339, a); err == nil && okA && (std.Unix() != ta.sec || int64(std.Nanosecond()) != ta.nano) {
			t.Fatalf("%q is %+v, not %v", a, ta, std)
		}
		if p, ok := parsePrefix(a); ok {
			if again, ok := parsePrefix(p.String()); !ok || again != p {
				t.Fatalf("%q is %v and %v", a, p, again)
			}
		}
		for i := range operators {
			c := &condition{op: operators[i], keyName: nameKey("k:n")}
			o, ok := c.read(a, true)
			c.values = []operand{o}
			ctx := contextOf(keys{"k:n": {b}, "aws:username": {b}})
			if got := c.holds(ctx); !ok && got && !c.op.negated {
				t.Fatalf("%s takes %q though it can't read %q", c.op.name, b, a)
			}
			if missing := c.holds(&Context{}); missing != c.op.negated && c.op.family != nullFamily {
				t.Fatalf("%s on a missing key: %v", c.op.name, missing)
			}
			if ok {
				opposite := *c
				opposite.op.negated = !c.op.negated
				if c.op.family != nullFamily && opposite.holds(ctx) == c.holds(ctx) {
					t.Fatalf("%s and its negation agree on %q and %q", c.op.name, a, b)
				}
			}
		}
	})
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}
