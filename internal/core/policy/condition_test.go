package policy

import (
	"encoding/json"
	"fmt"
	"testing"
)

// conditionOf makes the only condition of a one-condition document.
func conditionOf(t *testing.T, version, op, key string, value any) *condition {
	t.Helper()
	v, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	d, err := Read(fmt.Appendf(nil, `{"Version":%q,"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{%q:{%q:%s}}}}`, version, op, key, v), Identity)
	if err != nil {
		t.Fatal(err)
	}
	return &d.statements[0].conditions[0]
}

type keys = map[string][]string

func contextOf(k keys) *Context {
	c := Context{}
	c = c.With(k)
	return &c
}

func TestOperators(t *testing.T) {
	type list = []string
	for _, c := range []struct {
		op    string
		value any
		got   []string // of the key k:x; nil: missing
		want  bool
	}{
		{"StringEquals", "a", list{"a"}, true},
		{"StringEquals", "a", list{"A"}, false},
		{"StringEquals", "a*", list{"abc"}, false},
		{"StringEquals", list{"b", "a"}, list{"a"}, true},
		{"StringEquals", list{}, list{"a"}, false},
		{"StringNotEquals", list{}, list{"a"}, true},
		{"StringEquals", "", list{""}, true},
		{"StringEquals", "a", nil, false},
		{"StringNotEquals", "a", list{"a"}, false},
		{"StringNotEquals", "a", list{"b"}, true},
		{"StringNotEquals", list{"a", "b"}, list{"b"}, false},
		{"StringNotEquals", "a", nil, true},
		{"StringEqualsIgnoreCase", "stra\u00dfe-K", list{"STRA\u00dfE-\u212a"}, true},
		{"StringEqualsIgnoreCase", "a", list{"b"}, false},
		{"StringNotEqualsIgnoreCase", "A", list{"a"}, false},
		{"StringNotEqualsIgnoreCase", "A", nil, true},
		{"StringLike", "a*c?e", list{"abbbcde"}, true},
		{"StringLike", "a*c?e", list{"abbbce"}, false},
		{"StringLike", "*", list{""}, true},
		{"StringLike", "?", list{"\u65e5"}, true},
		{"StringLike", "*??", list{"\u65e5"}, false},
		{"StringNotLike", list{"x*", "a*"}, list{"abc"}, false},
		{"StringNotLike", list{"x*", "y*"}, list{"abc"}, true},
		{"NumericEquals", "10", list{"10.0"}, true},
		{"NumericEquals", 10, list{"010"}, true},
		{"NumericEquals", 1e3, list{"1000"}, true},
		{"NumericEquals", "12", list{"12abc"}, false},
		{"NumericNotEquals", "12", list{"12abc"}, true},
		{"NumericEquals", "9007199254740993", list{"9007199254740992"}, false},
		{"NumericEquals", "-0", list{"0"}, true},
		{"NumericNotEquals", "1", list{"2"}, true},
		{"NumericNotEquals", "1", nil, true},
		{"NumericLessThan", "10", list{"9.99"}, true},
		{"NumericLessThan", "10", list{"10"}, false},
		{"NumericLessThan", "10", list{"-11"}, true},
		{"NumericLessThan", "-10", list{"-11"}, true},
		{"NumericLessThan", "-10", list{"1"}, false},
		{"NumericGreaterThan", "-10", list{"1"}, true},
		{"NumericLessThanEquals", "10", list{"10"}, true},
		{"NumericGreaterThan", "9", list{"10"}, true},
		{"NumericGreaterThan", "9", list{"9"}, false},
		{"NumericGreaterThanEquals", "0.5", list{"0.50"}, true},
		{"NumericGreaterThan", "9", nil, false},
		{"DateEquals", "2026-01-01T00:00:00Z", list{"1767225600"}, true},
		{"DateEquals", "2026", list{"2026-01-01"}, true},
		{"DateEquals", "2026-01", list{"2025-12-31T23:00:00-01:00"}, true},
		{"DateNotEquals", "2026-01-01", list{"2026-01-01T00:00:00.5Z"}, true},
		{"DateNotEquals", "2026-01-01", nil, true},
		{"DateLessThan", "2026-01-01T00:00:00Z", list{"2026-01-01T00:59:59+01:00"}, true},
		{"DateLessThanEquals", "1767225600", list{"2026-01-01"}, true},
		{"DateGreaterThan", "2020-01-01T00:00:00Z", list{"1767225600"}, true},
		{"DateGreaterThan", "2020-01-01T00:00:00Z", list{"soon"}, false},
		{"DateGreaterThanEquals", "2024-02-29", list{"2024-02-29T00:00Z"}, true},
		{"DateEquals", "2023-02-29", list{"2023-03-01"}, false},
		{"DateEquals", "2026-04-30", list{"2026-04-30T00:00:00Z"}, true},
		{"DateEquals", "2026-04-31", list{"2026-05-01"}, false},
		{"Bool", "true", list{"true"}, true},
		{"Bool", true, list{"TRUE"}, true},
		{"Bool", "false", list{"true"}, false},
		{"Bool", "false", nil, false},
		{"Bool", "yes", list{"yes"}, false},
		{"BinaryEquals", "QmluYXJ5", list{"QmluYXJ5"}, true},
		{"BinaryEquals", "QQ==", list{"QQ"}, true},
		{"BinaryEquals", "QQ==", list{"Qg=="}, false},
		{"BinaryEquals", "QQ==", list{"%%"}, false},
		{"IpAddress", "10.0.0.0/8", list{"10.1.2.3"}, true},
		{"IpAddress", "10.0.0.1", list{"10.0.0.1"}, true},
		{"IpAddress", "10.0.0.1", list{"10.0.0.2"}, false},
		{"IpAddress", "10.9.9.9/8", list{"10.1.2.3"}, true},
		{"IpAddress", "10.0.0.0/8", list{"::ffff:10.1.2.3"}, true},
		{"IpAddress", "2001:db8::/32", list{"2001:DB8:0::1"}, true},
		{"IpAddress", "2001:db8::1", list{"2001:db8:0:0:0:0:0:1"}, true},
		{"IpAddress", "0.0.0.0/0", list{"2001:db8::1"}, false},
		{"IpAddress", "10.0.0.0/8", list{"10.0.0.0/7"}, false},
		{"IpAddress", "10.0.0.0/8", nil, false},
		{"NotIpAddress", "10.0.0.0/8", list{"2001:db8::1"}, true},
		{"NotIpAddress", "10.0.0.0/8", list{"10.1.1.1"}, false},
		{"NotIpAddress", "10.0.0.0/8", nil, true},
		{"ArnEquals", "arn:aws:ec2:*:1:subnet/s-?", list{"arn:aws:ec2:us-west-2:1:subnet/s-1"}, true},
		{"ArnLike", "arn:aws:ec2:*:subnet/s-1", list{"arn:aws:ec2:us-west-2:1:subnet/s-1"}, false},
		{"ArnLike", "arn:aws:x:*:1:a/*", list{"arn:aws:x:r:2:s:1:a/b"}, false},
		{"ArnLike", "arn:aws:x:r:1:*", list{"arn:aws:x:r:1:a:b/c"}, true},
		{"ArnLike", "arn:aws:x:r:1:a", list{"ARN:aws:x:r:1:a"}, false},
		{"ArnLike", "*", list{"arn:aws:x:r:1:a"}, false},
		{"ArnNotEquals", "arn:aws:x:r:1:a", list{"alias/x"}, true},
		{"ArnNotLike", "arn:aws:x:r:1:*", list{"arn:aws:x:r:1:a"}, false},
		{"ArnNotLike", "arn:aws:x:r:1:*", nil, true},
		{"Null", "true", nil, true},
		{"Null", "true", list{"a"}, false},
		{"Null", "true", list{""}, false},
		{"Null", false, list{"a"}, true},
		{"Null", "false", nil, false},
		{"StringEqualsIfExists", "a", nil, true},
		{"StringEqualsIfExists", "a", list{"b"}, false},
		{"StringNotEqualsIfExists", "a", nil, true},
		{"BoolIfExists", "false", nil, true},
		{"ForAllValues:StringEquals", list{"a", "b"}, list{"a", "b", "a"}, true},
		{"ForAllValues:StringEquals", list{"a"}, list{"a", "b"}, false},
		{"ForAllValues:StringEquals", list{"a"}, nil, true},
		{"ForAllValues:StringNotEquals", list{"a"}, list{"b", "c"}, true},
		{"ForAllValues:StringNotEquals", list{"a"}, list{"b", "a"}, false},
		{"ForAnyValue:StringEquals", list{"a"}, list{"b", "a"}, true},
		{"ForAnyValue:StringEquals", list{"a"}, list{"b"}, false},
		{"ForAnyValue:StringEquals", list{"a"}, nil, false},
		{"ForAnyValue:StringNotEquals", list{"a"}, nil, false},
		{"ForAnyValue:StringNotEquals", list{"a", "b"}, list{"a", "c"}, true},
		{"ForAnyValue:StringNotEquals", list{"a", "b"}, list{"a", "b"}, false},
		{"ForAnyValue:StringLikeIfExists", list{"a*"}, nil, true},
		{"ForAnyValue:StringLikeIfExists", list{"a*"}, list{"b"}, false},
		// a set of values needs a set operator, negated or not
		{"StringEquals", "a", list{"a", "a"}, false},
		{"StringNotEquals", "z", list{"a", "b"}, false},
	} {
		cond := conditionOf(t, "2012-10-17", c.op, "k:x", c.value)
		ctx := contextOf(keys{})
		if c.got != nil {
			ctx = contextOf(keys{"K:X": c.got})
		}
		if got := cond.holds(ctx); got != c.want {
			t.Errorf("%s %v on %v: %v, want %v", c.op, c.value, c.got, got, c.want)
		}
	}
}

// Every operator has a row above; a new one must get its own.
func TestNullTakesNoSuffix(t *testing.T) {
	for _, name := range []string{"NullIfExists", "ForAllValues:Null", "ForAnyValue:Null", "IfExists", "StringIs", "ForSomeValues:StringEquals",
		"ForAllValues:ForAnyValue:StringEquals", "StringEqualsIfExistsIfExists", ""} {
		if _, ok := parseOperator(name, true); ok {
			t.Errorf("%q was taken", name)
		}
	}
	if _, ok := parseOperator("stringequals", false); ok {
		t.Error("Parse must want the exact name")
	}
	if c, ok := parseOperator("forallvalues:stringlikeifexists", true); !ok || c.set != forAll || !c.ifExists || c.op.name != "StringLike" {
		t.Errorf("%+v", c)
	}
}

func TestVariables(t *testing.T) {
	ctx := keys{"aws:username": {"al*ce"}, "aws:PrincipalTag/Team": {"red"}, "aws:TagKeys": {"one"}, "aws:SourceArn": {"arn:aws:x:r:1:a/b"},
		"aws:PrincipalArn": {"arn:aws:x:r:1:a/b"}, "aws:SecureTransport": {"true"}, "k:dollar": {"${aws:username}"}, "k:empty": {""}}
	for _, c := range []struct {
		version, op, key, value string
		got                     string
		want                    bool
	}{
		{"2012-10-17", "StringEquals", "k:x", "${aws:username}", "al*ce", true},
		{"2012-10-17", "StringEquals", "k:x", "${AWS:UserName}", "al*ce", true},
		{"2012-10-17", "StringLike", "k:x", "${aws:username}", "alice", false},
		{"2012-10-17", "StringLike", "k:x", "*/${aws:username}/?", "home/al*ce/x", true},
		{"2008-10-17", "StringEquals", "k:x", "${aws:username}", "al*ce", false},
		{"2008-10-17", "StringEquals", "k:x", "${aws:username}", "${aws:username}", true},
		{"2008-10-17", "StringLike", "k:x", "${*}", "${anything}", true},
		{"2012-10-17", "StringEquals", "k:x", "a${*}b${?}c${$}{d}", "a*b?c${d}", true},
		{"2012-10-17", "StringLike", "k:x", "${*}", "abc", false},
		{"2012-10-17", "StringEquals", "k:x", "${aws:PrincipalTag/team}-1", "red-1", true},
		{"2012-10-17", "StringEquals", "k:x", "${aws:PrincipalTag/none}", "", false},
		{"2012-10-17", "StringNotEquals", "k:x", "${aws:PrincipalTag/none}", "x", true},
		{"2012-10-17", "StringEquals", "k:x", "${aws:PrincipalTag/none, 'a, }b'}", "a, }b", true},
		{"2012-10-17", "StringEquals", "k:x", "${aws:PrincipalTag/team, 'blue'}", "red", true},
		{"2012-10-17", "StringEquals", "k:x", "a${aws:PrincipalTag/none, ''}b", "ab", true},
		{"2012-10-17", "StringEquals", "k:x", "a${k:empty}b", "ab", true},
		{"2012-10-17", "StringEquals", "k:x", "${aws:PrincipalTag/none, blue}", "blue", false},
		{"2012-10-17", "StringEquals", "k:x", "${aws:TagKeys}", "one", false},
		{"2012-10-17", "StringEquals", "k:x", "${aws:username", "${aws:username", true},
		{"2012-10-17", "StringEquals", "k:x", "${}", "", false},
		{"2012-10-17", "StringEqualsIgnoreCase", "k:x", "X-${aws:PrincipalTag/team}", "x-RED", true},
		{"2012-10-17", "StringEqualsIgnoreCase", "k:x", "X-${aws:PrincipalTag/team}", "x-REDD", false},
		{"2012-10-17", "StringEqualsIgnoreCase", "k:x", "X-${aws:PrincipalTag/team}", "x-RE", false},
		{"2012-10-17", "StringEqualsIgnoreCase", "k:x", "${aws:PrincipalTag/none}", "red", false},
		{"2012-10-17", "ArnLike", "aws:SourceArn", "${aws:PrincipalArn}", "", true},
		{"2012-10-17", "ArnLike", "aws:SourceArn", "arn:aws:x:r:1:*/${aws:username}", "", false},
		{"2012-10-17", "ArnNotEquals", "aws:SourceArn", "${aws:PrincipalTag/none}", "", true},
		{"2012-10-17", "Bool", "k:x", "${aws:SecureTransport}", "true", true},
		{"2012-10-17", "Bool", "k:x", "${aws:username}", "true", false},
		{"2012-10-17", "StringEquals", "k:dollar", "${$}{aws:username}", "", true}, // a value is not expanded again
	} {
		cond := conditionOf(t, c.version, c.op, c.key, c.value)
		x := contextOf(ctx)
		if c.key == "k:x" {
			x.Set("k:x", c.got)
		}
		if got := cond.holds(x); got != c.want {
			t.Errorf("%s %s %q on %q: %v, want %v", c.version, c.op, c.value, c.got, got, c.want)
		}
	}
}

func TestContext(t *testing.T) {
	c := NewContext(4)
	c.Set("aws:SourceIp", "10.0.0.1")
	c.Set("AWS:sourceip", "10.0.0.2")
	if got := c.Get("aws:SourceIp"); len(got) != 1 || got[0] != "10.0.0.2" || c.Len() != 1 {
		t.Errorf("Set must replace: %v", got)
	}
	c.Set("aws:sourceIP")
	c.Set("aws:none")
	if c.Len() != 0 {
		t.Error("no values leave the key out")
	}
	// two tags whose keys differ in case alone: an Allow wants both to agree, a Deny is content with one
	d := c.With(keys{"aws:ResourceTag/EC2": {"a"}, "aws:ResourceTag/ec2": {"b"}, "aws:TagKeys": {"x"}})
	for _, x := range []struct {
		op, value       string
		inAllow, inDeny bool
	}{
		{"StringEquals", "a", false, true}, {"StringEquals", "b", false, true}, {"StringEquals", "c", false, false}, {"StringLike", "*", true, true},
		{"StringNotEquals", "a", false, true}, {"StringNotEquals", "c", true, true}, {"StringNotLike", "*", false, false},
	} {
		cond := conditionOf(t, "2012-10-17", x.op, "aws:resourcetag/Ec2", x.value)
		if got := cond.holds(&d); got != x.inAllow {
			t.Errorf("%s %s in an Allow: %v", x.op, x.value, got)
		}
		cond.deny = true
		if got := cond.holds(&d); got != x.inDeny {
			t.Errorf("%s %s in a Deny: %v", x.op, x.value, got)
		}
	}
	for _, effect := range []string{"Allow", "Deny"} {
		doc := source(t, Identity, stmt(effect, "s3:*", "*", "", `{"StringEquals":{"aws:ResourceTag/a":"1"}}`)).Doc
		if got := doc.statements[0].conditions[0].deny; got != (effect == "Deny") {
			t.Errorf("%s: deny is %v", effect, got)
		}
	}
	if c.Len() != 0 || d.Len() != 2 {
		t.Errorf("With must copy: %d, %d", c.Len(), d.Len())
	}
	if !Multivalued("Comprehend:VPCSubnets") || Multivalued("aws:SourceVpc") {
		t.Error("Multivalued")
	}
	var order []string
	d.All(func(n string, _ []string) { order = append(order, n) })
	if len(order) != 2 || order[1] != "aws:TagKeys" {
		t.Errorf("All: %v", order)
	}
	// a set of one is still a set
	if conditionOf(t, "2012-10-17", "StringEquals", "aws:TagKeys", "x").holds(&d) {
		t.Error("aws:TagKeys needs a set operator")
	}
}
