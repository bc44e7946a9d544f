package policy

import (
	"errors"
	"strings"
	"testing"
)

// body is a statement that the kind takes, without its braces.
func body(k Kind) string {
	switch k {
	case Trust:
		return `"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"`
	case Bucket:
		return `"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"`
	case Key, Model, Endpoint:
		return `"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:Decrypt","Resource":"*"`
	}
	return `"Effect":"Allow","Action":"s3:GetObject","Resource":"*"`
}

// Each kind refuses in the words and with the code of the service that saves it.
func TestRefusalsByKind(t *testing.T) {
	const syntax, legacy = "Syntax errors in policy.", "The policy failed legacy parsing"
	plain := []Kind{Identity, Boundary, Session, SCP}
	hung := []Kind{Key, Model, Endpoint}
	whole := func(s string) func(Kind) string { return func(Kind) string { return s } }
	one := func(s string) func(Kind) string {
		return func(k Kind) string { return `{"Version":"2012-10-17","Statement":[{` + s + `,` + body(k) + `}]}` }
	}
	swap := func(old, new string) func(Kind) string {
		return func(k Kind) string {
			s := `{"Version":"2012-10-17","Statement":[{"Sid":"a",` + body(k) + `}]}`
			if !strings.Contains(s, old) {
				t.Fatalf("%s has no %s", s, old)
			}
			return strings.Replace(s, old, new, 1)
		}
	}
	for _, c := range []struct {
		name                        string
		text                        func(Kind) string
		plain, hung, trust, buckets string // messages; empty: taken, or not asked
	}{
		{"no JSON", whole(`nope`), syntax, syntax, "This policy contains invalid Json", "Policies must be valid JSON and the first byte must be '{'"},
		{"broken JSON", whole(`{"Statement":[}`), syntax, syntax, "This policy contains invalid Json", "This policy contains invalid Json"},
		{"no statement", whole(`{"Version":"2012-10-17"}`), syntax, syntax, "Could not parse the policy: Statement is empty!", "Missing required field Statement"},
		{"empty statement", whole(`{"Version":"2012-10-17","Statement":[]}`), syntax, syntax, "Could not parse the policy: Statement is empty!", "Could not parse the policy: Statement is empty!"},
		{"version", swap("2012-10-17", "2012-10-18"), syntax, syntax, "The policy must contain a valid version string", "The policy must contain a valid version string"},
		{"no effect", swap(`"Effect":"Allow",`, ""), syntax, syntax, "Missing required field Effect", "Missing required field Effect"},
		{"effect's case", swap(`"Allow"`, `"allow"`), legacy, legacy, "Invalid effect: allow", "Invalid effect: allow"},
		{"effect", swap(`"Allow"`, `"Permit"`), syntax, syntax, "Invalid effect: Permit", "Invalid effect: Permit"},
		{"unknown element", one(`"Actoin":"x"`), syntax, syntax, syntax, "Invalid policy syntax."},
		{"unknown operator", one(`"Condition":{"StringIs":{"aws:SourceVpc":"b"}}`), syntax, syntax, "Invalid Condition type : StringIs", "Invalid Condition type : StringIs"},
		{"date", one(`"Condition":{"DateLessThan":{"aws:CurrentTime":"soon"}}`), legacy, legacy, syntax, "Invalid policy syntax."},
		{"twin sids", func(k Kind) string {
			return `{"Statement":[{"Sid":"a",` + body(k) + `},{"Sid":"a",` + body(k) + `}]}`
		}, "Statement IDs (SID) in a single policy must be unique.", "Statement IDs (SID) in a single policy must be unique.", "The Statement Ids in the policy are not unique", "The Statement Ids in the policy are not unique"},
		{"sid with a space", one(`"Sid":"a b"`), "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*", "", syntax, ""},
		{"id", func(k Kind) string { return `{"Id":"x","Statement":{` + body(k) + `}}` }, syntax, "", "", ""},
		{"principal", func(k Kind) string {
			if k.hasPrincipal() {
				return `{"Statement":{` + strings.Replace(body(k), `"Principal":{"AWS":"111122223333"},`, "", 1) + `}}`
			}
			return `{"Statement":{"Principal":"*",` + body(k) + `}}`
		}, "Policy document should not specify a principal.", syntax, "Missing required field Principal", "Missing required field Principal"},
		{"no action", func(k Kind) string {
			s := body(k)
			i := strings.Index(s, `"Action"`)
			rest := s[i:]
			j := strings.IndexByte(rest, ',')
			if j < 0 {
				return `{"Statement":{` + strings.TrimSuffix(s[:i], ",") + `}}`
			}
			return `{"Statement":{` + s[:i] + rest[j+1:] + `}}`
		}, "Policy statement must contain actions.", "Policy statement must contain actions.", "Missing required field Action", "Missing required field Action"},
	} {
		check := func(want string, kinds ...Kind) {
			t.Helper()
			for _, k := range kinds {
				text := c.text(k)
				_, err := Parse([]byte(text), k)
				var se *SyntaxError
				if !errors.As(err, &se) {
					if want != "" {
						t.Errorf("%s: %s policy %s was taken", c.name, k, text)
					}
					continue
				}
				code := map[Kind]string{Bucket: "MalformedPolicy", Key: "MalformedPolicyDocumentException", SCP: "MalformedPolicyDocumentException",
					Endpoint: "InvalidPolicyDocument", Model: "InvalidRequestException"}[k]
				if code == "" {
					code = "MalformedPolicyDocument"
				}
				if se.Message != want || se.Code != code {
					t.Errorf("%s: %s policy %s:\n got %s %v\nwant %s %s", c.name, k, text, se.Code, se, code, want)
				}
			}
		}
		check(c.plain, plain...)
		check(c.hung, hung...)
		check(c.trust, Trust)
		check(c.buckets, Bucket)
	}
}

// The sizes that Parse holds itself to; identity policies are summed up by the service.
func TestSizes(t *testing.T) {
	filled := func(k Kind, size int, with string) string { // of exactly size units by the kind's own count
		text := func(n int) string {
			return `{"Version":"2012-10-17","Statement":[{` + body(k) + `,"Condition":{"StringEquals":{"aws:SourceVpc":"` + strings.Repeat(with, n) + `"}}}]}`
		}
		unit := sizeOf(k, text(1)) - sizeOf(k, text(0))
		return text((size - sizeOf(k, text(0))) / unit)
	}
	for k, limit := range map[Kind]struct {
		size          int
		code, message string
	}{
		Trust:    {2048, "LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048"},
		SCP:      {5120, "MalformedPolicyDocumentException", "Policy document exceeds the maximum size of 5120 characters"},
		Bucket:   {20480, "MalformedPolicy", "Normalized policy document exceeds the maximum allowed size of 20480 bytes"},
		Key:      {32768, "MalformedPolicyDocumentException", "Policy document exceeds the maximum size of 32768 characters"},
		Endpoint: {20480, "InvalidPolicyDocument", "Policy document exceeds the maximum size of 20480 characters"},
	} {
		fits := filled(k, limit.size, "x")
		if n := sizeOf(k, fits); n != limit.size {
			t.Fatalf("%s: %d", k, n)
		}
		if _, err := Parse([]byte(fits), k); err != nil {
			t.Errorf("%s of %d: %v", k, limit.size, err)
		}
		_, err := Parse([]byte(filled(k, limit.size+1, "x")), k)
		var se *SyntaxError
		if !errors.As(err, &se) || se.Code != limit.code || se.Message != limit.message || se.Hint == "" {
			t.Errorf("%s: %+v", k, err)
		}
		_, err = Parse([]byte(" {\n\t"+fits[1:]), k) // white space counts in endpoint policies alone
		if (err != nil) != (k == Endpoint) {
			t.Errorf("%s with white space: %v", k, err)
		}
		if _, err := Read([]byte(filled(k, limit.size+1, "x")), k); err != nil {
			t.Errorf("%s was saved before: %v", k, err)
		}
		// characters of two bytes
		wide, bytes := filled(k, limit.size, "\u00e9"), k == Bucket || k == Key || k == Endpoint
		if _, err := Parse([]byte(wide), k); err != nil || (len(wide) <= limit.size) != bytes {
			t.Errorf("%s of wide characters: %d bytes, %v", k, len(wide), err)
		}
	}
	for _, k := range []Kind{Identity, Boundary, Session, Model} {
		if _, err := Parse([]byte(filled(k, 30000, "x")), k); err != nil {
			t.Errorf("%s: %v", k, err)
		}
	}
	if n := Size("{ \"a b\\\" \" :\n\"\u00e9\" }"); n != len(`{"a b\" ":"e"}`) {
		t.Error(n)
	}
}
