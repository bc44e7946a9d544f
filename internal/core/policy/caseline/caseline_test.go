package caseline

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"cloister/internal/core/identity"
	"cloister/internal/core/policy"
)

func TestCases(t *testing.T) {
	f, err := os.Open("../testdata/cases.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	n := 0
	for sc.Scan() {
		n++
		var l Line
		if err := json.Unmarshal(sc.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		line := bytes.Clone(sc.Bytes())
		t.Run(l.Name, func(t *testing.T) {
			out, err := EvalLine(line)
			if err != nil {
				t.Fatal(err)
			}
			var a answer
			if err := json.Unmarshal(out, &a); err != nil {
				t.Fatalf("%s: %v", out, err)
			}
			if a.Decision != l.Expect {
				t.Errorf("%s (%s): want %s, got %s\n%s", l.Name, l.Confidence, l.Expect, a.Decision, strings.Join(a.Reasons, "\n"))
			}
			if len(a.Reasons) == 0 {
				t.Error("no reasons")
			}
			again, _ := EvalLine(line)
			if !bytes.Equal(out, again) {
				t.Errorf("two answers:\n%s\n%s", out, again)
			}
		})
	}
	if err := sc.Err(); err != nil || n < 54 {
		t.Fatalf("read %d cases: %v", n, err)
	}
}

func TestMalformedLines(t *testing.T) {
	const request = `"request":{"principal":"arn:aws:iam::111122223333:user/a","action":"s3:GetObject","resource":{"resource":"*"},"context":{}}`
	for name, line := range map[string]string{
		"not JSON":           `{`,
		"empty":              ``,
		"two":                `{} {}`,
		"no request":         `{"policies":{}}`,
		"no policies":        `{` + request + `}`,
		"unknown set":        `{` + request + `,"policies":{"rcp":[]}}`,
		"no action":          `{"request":{"principal":"*","resource":{"resource":"*"}},"policies":{}}`,
		"bad principal":      strings.Replace(`{`+request+`,"policies":{}}`, "user/a", "group/a", 1),
		"bad service":        strings.Replace(`{`+request+`,"policies":{}}`, "arn:aws:iam::111122223333:user/a", "me", 1),
		"bad session":        strings.Replace(`{`+request+`,"policies":{}}`, "iam::111122223333:user/a", "sts::111122223333:assumed-role/r", 1),
		"bad context":        strings.Replace(`{`+request+`,"policies":{}}`, `"context":{}`, `"context":{"a":{}}`, 1),
		"policy twice a key": `{` + request + `,"policies":{"identity":[{"Statement":[{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}]}]}}`,
		"policy operator":    `{` + request + `,"policies":{"identity":[{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringIs":{"a:b":"c"}}}]}]}}`,
		"null in context":    strings.Replace(`{`+request+`,"policies":{}}`, `"context":{}`, `"context":{"a":[null]}`, 1),
		"two boundaries":     `{` + request + `,"policies":{"boundary":[{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}},{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}]}}`,
		"two endpoints":      `{` + request + `,"policies":{"endpoint":[{"Statement":[]},{"Statement":[]}]}}`,
		"two good endpoints": `{` + request + `,"policies":{"endpoint":[{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}},{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			out, err := EvalLine([]byte(line))
			var m map[string]string
			if err == nil || json.Unmarshal(out, &m) != nil || m["error"] == "" || len(m) != 1 {
				t.Fatalf("%s: %v", out, err)
			}
		})
	}
}

// A resource that follows no rule of its own has a plain resource policy, and numbers and booleans are text.
func TestPlainResource(t *testing.T) {
	line := `{"request":{"principal":"arn:aws:iam::111122223333:user/a","action":"comprehend:ImportModel","resource":{"resource":"arn:aws:comprehend:us-west-2:111122223333:document-classifier/c"},
		"context":{"k:n":[1.50,true],"k:one":7}},"policies":{"resource":{"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/a"},"Action":"comprehend:*","Resource":"*",
		"Condition":{"ForAllValues:StringEquals":{"k:n":["1.50","true"]},"NumericEquals":{"k:one":"7.0"}}}}}}`
	out, err := EvalLine([]byte(line))
	if err != nil || !strings.HasPrefix(string(out), `{"decision":"Allowed","reasons":["allowed: statement 0 of resource policy (resource-based policy) decides`) {
		t.Errorf("%s %v", out, err)
	}
}

func TestPrincipal(t *testing.T) {
	for _, c := range []struct {
		arn, context string
		kind         identity.Kind
		account      string
		role, id     string
	}{
		{"arn:aws:iam::111122223333:root", "", identity.Root, "111122223333", "", ""},
		{"arn:aws:iam::111122223333:user/team/alice", "", identity.User, "111122223333", "", ""},
		{"arn:aws:sts::111122223333:assumed-role/Job/s", "", identity.Session, "111122223333", "arn:aws:iam::111122223333:role/Job", ""},
		{"arn:aws:sts::111122223333:assumed-role/Job/s", "arn:aws:iam::111122223333:role/app/Job", identity.Session, "111122223333", "arn:aws:iam::111122223333:role/app/Job", ""},
		{"arn:aws:sts::111122223333:assumed-role/Job/s", "arn:aws:iam::111122223333:role/app/Other", identity.Session, "111122223333", "arn:aws:iam::111122223333:role/Job", ""},
		{"arn:aws:sts::111122223333:federated-user/bob", "", identity.Federated, "111122223333", "", ""},
		{"comprehend.amazonaws.com", "", identity.Service, "", "", ""},
		{"*", "", identity.Anonymous, "", "", ""},
	} {
		ctx := policy.NewContext(1)
		if c.context != "" {
			ctx.Set(policy.KeyPrincipalArn, c.context)
		}
		p, err := Principal(c.arn, &ctx)
		if err != nil || p.Kind != c.kind || p.Account != c.account || p.RoleARN != c.role {
			t.Errorf("%s: %+v, %v", c.arn, p, err)
		}
	}
}
