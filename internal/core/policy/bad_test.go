package policy

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// A policy of 20 kB, every statement of which is about the action, is read and decides like any other.
func TestLargePolicy(t *testing.T) {
	var s []string
	for i := 0; len(strings.Join(s, ","))+200 < MaxBucket; i++ {
		s = append(s, stmt("Deny", "s3:Get*", fmt.Sprintf("arn:aws:s3:::b/%d/*", i), `"*"`, `{"StringNotEquals":{"aws:SourceVpc":"vpc-1"}}`))
	}
	last := len(s)
	s = append(s, stmt("Allow", "s3:*", "arn:aws:s3:::b/*", `"*"`, ""))
	text := `{"Version":"2012-10-17","Statement":[` + strings.Join(s, ",") + `]}`
	d, err := Parse([]byte(text), Bucket)
	if err != nil || len(text) < 20000 || len(text) > MaxBucket {
		t.Fatal(len(text), err)
	}
	sets := &Sets{ResourceKind: Bucket, Resource: &Source{Name: "bucket policy", Doc: d}}
	for resource, want := range map[string]int{"arn:aws:s3:::b/x/k": last, "arn:aws:s3:::b/0/k": 0, fmt.Sprintf("arn:aws:s3:::b/%d/k", last-1): last - 1} {
		req := &Request{Principal: who(t, "alice"), Action: "s3:GetObject", Resource: resource, ResourceAccount: acct}
		v, reasons := Explain(req, sets)
		if v.Statement != want || v.Allowed() != (want == last) || len(reasons) < last {
			t.Errorf("%s: %+v, %d reasons", resource, v, len(reasons))
		}
	}
}

// Ten thousand conditions in one statement are all asked; the last one decides.
func TestTenThousandConditions(t *testing.T) {
	const n = 10_000
	list := make([]string, n)
	ctx := NewContext(n)
	for i := range list {
		list[i] = fmt.Sprintf(`"aws:RequestTag/k%d":"v%d"`, i, i)
		ctx.Set(fmt.Sprintf("aws:requesttag/K%d", i), fmt.Sprintf("v%d", i))
	}
	text := func(more string) string {
		return `{"Statement":{"Effect":"Allow","Action":"ec2:*","Resource":"*","Condition":{"StringEquals":{` + strings.Join(list, ",") + more + `}}}}`
	}
	d, err := Parse([]byte(text("")), Identity)
	if err != nil {
		t.Fatal(err)
	}
	req := &Request{Principal: who(t, "alice"), Action: "ec2:RunInstances", Resource: "*", Context: ctx}
	sets := &Sets{Identity: []Source{{Name: "p", Doc: d}}}
	if v := Decide(req, sets); !v.Allowed() {
		t.Errorf("%+v", v)
	}
	req.Context.Set(fmt.Sprintf("aws:RequestTag/k%d", n-1), "other")
	v, reasons := Explain(req, sets)
	if v.Allowed() || !strings.Contains(fmt.Sprint(reasons), "would allow it but for its condition aws:RequestTag/k9999") {
		t.Errorf("%+v %v", v, reasons)
	}
	// a key that stands twice is found, though the object is large, and told with both places
	for more, first := range map[string]string{`,"aws:RequestTag/k7":"x"`: `"aws:RequestTag/k7"`, `,"\u0061ws:RequestTag/k9998":"x"`: `"aws:RequestTag/k9998"`} {
		twice := text(more)
		var se *SyntaxError
		if _, err := Parse([]byte(twice), Identity); !errors.As(err, &se) || se.Offset != strings.LastIndex(twice, more)+1 ||
			!strings.Contains(se.Hint, fmt.Sprintf("the first is at line 1, column %d:", strings.Index(twice, first)+1)) {
			t.Errorf("%s: %v", more, err)
		}
	}
	var se *SyntaxError // the same key in another case
	if _, err := Parse([]byte(text(`,"AWS:requesttag/K5":"x"`)), Identity); !errors.As(err, &se) || !strings.Contains(se.Hint, "condition keys ignore case") {
		t.Error(err)
	}
}

// A naive matcher tries every way to spread forty stars and would not live to see the end of this test; ours goes over the
// text a few times. Everywhere a pattern can stand.
func TestSlowPatterns(t *testing.T) {
	stars, long := strings.Repeat("*a", 40)+"b", strings.Repeat("a", 20_000)
	d, err := Read([]byte(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":`+quote("s3:"+stars)+`,"Resource":"*"},
		{"Effect":"Allow","Action":`+quote("?"+stars)+`,"Resource":"*"},
		{"Effect":"Allow","Action":"s3:*","Resource":`+quote("arn:aws:s3:::"+stars)+`},
		{"Effect":"Allow","Action":"s3:*","Resource":`+quote("arn:aws:"+stars+":*:*:"+stars)+`},
		{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringLike":{"k:x":`+quote(stars)+`}}},
		{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringLike":{"k:x":`+quote("*${k:y}"+stars)+`}}},
		{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"ArnLike":{"k:arn":`+quote("arn:aws:"+stars+":*:*:"+stars)+`}}},
		{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"ForAnyValue:StringLike":{"k:x":["`+strings.Repeat(stars+`","`, 20)+stars+`"]}}}]}`), Identity)
	if err != nil {
		t.Fatal(err)
	}
	req := &Request{Principal: who(t, "alice"), Action: "s3:" + long, Resource: "arn:aws:s3:::" + long,
		Context: *contextOf(keys{"k:x": {long}, "k:y": {"aa"}, "k:arn": {"arn:aws:" + long + ":r:1:" + long}})}
	if v, reasons := Explain(req, &Sets{Identity: []Source{{Name: "p", Doc: d}}}); v.Allowed() {
		t.Errorf("%+v %v", v, reasons)
	}
	req.Resource += "b" // and it does match where it should
	if v := Decide(req, &Sets{Identity: []Source{{Name: "p", Doc: d}}}); v.Statement != 2 {
		t.Errorf("%+v", v)
	}
}

// Nesting is refused where it becomes too deep, before it can exhaust a stack.
func TestDeepJSON(t *testing.T) {
	for open, closed := range map[string]string{"[": "]", `{"a":`: "}", `[{"b":`: "}]"} {
		for _, end := range []string{strings.Repeat(closed, 10_000), ""} {
			text := `{"Version":"2012-10-17",` + "\n" + `"Statement":` + strings.Repeat(open, 10_000) + end
			for _, read := range []func([]byte, Kind) (*Document, error){Parse, Read} {
				_, err := read([]byte(text), Identity)
				var se *SyntaxError
				if !errors.As(err, &se) || se.Hint != "nested too deeply" || se.Line != 2 || se.Offset > 40+maxDepth*len(open) || se.Column != se.Offset-24 {
					t.Errorf("%q: %v", open, err)
				}
			}
		}
	}
	// what AWS has is shallow: forty levels are enough, and are taken
	deep := `{"Statement":` + strings.Repeat("[", maxDepth-1) + strings.Repeat("]", maxDepth-1) + `}`
	var se *SyntaxError
	if _, err := Parse([]byte(deep), Identity); !errors.As(err, &se) || strings.Contains(se.Hint, "deeply") {
		t.Error(err)
	}
}

// Invalid UTF-8 is refused where it stands; the column counts characters.
func TestInvalidUTF8(t *testing.T) {
	for _, bad := range []string{"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80"} {
		text := `{"Version":"2012-10-17","Statement":[{"Sid":"\u00e9\u65e5` + "\u00e9\u65e5" + bad + `","Effect":"Allow","Action":"*","Resource":"*"}]}`
		at := strings.Index(text, bad)
		for k := Identity; k <= Endpoint; k++ {
			_, err := Parse([]byte(text), k)
			var se *SyntaxError
			if !errors.As(err, &se) || se.Hint != "not valid UTF-8" || se.Offset != at || se.Column != 1+utf8.RuneCountInString(text[:at]) {
				t.Errorf("%q as %s: %v", bad, k, err)
			}
		}
	}
	// a replacement character is a character
	if _, err := Parse([]byte(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b/`+"\ufffd"+`"}}`), Identity); err != nil {
		t.Error(err)
	}
}

// An unknown operator is refused, saved or not; an unknown key is kept as it was written, and is always missing.
func TestUnknown(t *testing.T) {
	for _, name := range []string{"StringIs", "StringEqual", "Equals", "ForAllValues:", "ForAnyValue:ForAllValues:StringEquals", "NullIfExists", "", "aws:SourceVpc"} {
		text := `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{` + quote(name) + `:{"aws:SourceVpc":"x"}}}}`
		for _, read := range []func([]byte, Kind) (*Document, error){Parse, Read} {
			var se *SyntaxError
			if _, err := read([]byte(text), Identity); !errors.As(err, &se) || se.Offset != strings.Index(text, quote(name)+":{") || se.Hint == "" {
				t.Errorf("%q: %v", name, err)
			}
		}
	}
	const text = `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"comprehend:NoSuchKey":"x"}}}}`
	d, err := Parse([]byte(text), Identity)
	if err != nil || d.Text() != text {
		t.Fatal(err)
	}
	req := &Request{Principal: who(t, "alice"), Action: "comprehend:DetectSentiment", Resource: "*"}
	v, reasons := Explain(req, &Sets{Identity: []Source{{Name: "p", Doc: d}}})
	if v.Allowed() || !strings.Contains(fmt.Sprint(reasons), "comprehend:NoSuchKey is missing from the request") {
		t.Errorf("%+v %v", v, reasons)
	}
}
