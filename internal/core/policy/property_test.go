package policy

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"cloister/internal/core/identity"
)

// draw makes random questions out of small alphabets, so that matches are frequent.
type draw struct{ *rand.Rand }

func (r draw) of(s ...string) string { return s[r.IntN(len(s))] }

func (r draw) statement(kind Kind, effect string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"Effect":%q`, effect)
	b.WriteString(`,` + r.of(`"Action"`, `"Action"`, `"Action"`, `"NotAction"`) + `:` + quote(r.of("*", "s3:*", "s3:GetObject", "s3:Get*", "kms:Decrypt", "ec2:*", "sts:*")))
	b.WriteString(`,` + r.of(`"Resource"`, `"Resource"`, `"NotResource"`) + `:` + quote(r.of("*", "arn:aws:s3:::b/*", "arn:aws:s3:::b/${aws:username}", "arn:aws:s3:::c/*", "arn:aws:*")))
	if kind.hasPrincipal() {
		who := r.of(`"*"`, `{"AWS":"111122223333"}`, `{"AWS":"arn:aws:iam::111122223333:user/alice"}`, `{"AWS":"arn:aws:iam::111122223333:role/app/Job"}`,
			`{"AWS":"arn:aws:sts::111122223333:assumed-role/Job/s1"}`, `{"Service":"comprehend.amazonaws.com"}`, `{"AWS":"444455556666"}`)
		element := "Principal"
		if effect == "Deny" && r.IntN(5) == 0 {
			element = "NotPrincipal"
		}
		fmt.Fprintf(&b, `,%q:%s`, element, who)
	}
	if r.IntN(2) == 0 {
		op := operators[r.IntN(len(operators))]
		name, value := op.name, r.of("a", "alice", "*", "10", "true", "2026-01-01", "10.0.0.0/8", "arn:aws:s3:::b/*", "${aws:username}", "QQ==")
		if op.family != nullFamily {
			name = r.of("", "", "ForAllValues:", "ForAnyValue:") + name + r.of("", "", "IfExists")
		}
		fmt.Fprintf(&b, `,"Condition":{%q:{%q:%q}}`, name, r.of("aws:username", "aws:SourceIp", "aws:TagKeys", "aws:SourceVpc", "k:n"), value)
	}
	return b.String() + "}"
}

func (r draw) source(t testing.TB, kind Kind) *Source {
	s := make([]string, 1+r.IntN(3))
	for i := range s {
		s[i] = r.statement(kind, r.of("Allow", "Allow", "Deny"))
	}
	return source(t, kind, s...)
}

func (r draw) question(t testing.TB) (*Request, *Sets) {
	req := &Request{Principal: who(t, r.of("alice", "session", "root", "service", "anonymous", "federated", "linked")),
		Action: r.of("s3:GetObject", "s3:PutObject", "kms:Decrypt", "sts:AssumeRole"), Resource: r.of("arn:aws:s3:::b/alice", "arn:aws:s3:::c/k", "*"),
		ResourceAccount: r.of(acct, acct, other)}
	for _, k := range []string{"aws:username", "aws:SourceIp", "aws:SourceVpc", "k:n"} {
		if r.IntN(3) > 0 {
			req.Context.Set(k, r.of("a", "alice", "10", "10.1.1.1", "true", "2026"))
		}
	}
	if r.IntN(2) == 0 {
		req.Context.Set("aws:TagKeys", "a", r.of("a", "b"))
	}
	sets := &Sets{Identity: []Source{*r.source(t, Identity), *r.source(t, Identity)}, ResourceKind: []Kind{None, Bucket, Key, Trust, Model}[r.IntN(5)], EndpointGateway: r.IntN(2) == 0}
	if r.IntN(3) == 0 {
		sets.Boundary = []Source{*r.source(t, Boundary)}
	}
	if r.IntN(3) == 0 {
		sets.Session = []Source{*r.source(t, Session)}
	}
	if r.IntN(3) == 0 {
		sets.SCP = [][]Source{{*r.source(t, SCP)}, all(t, SCP)}
	}
	if r.IntN(3) == 0 {
		sets.Endpoint = r.source(t, Endpoint)
	}
	if sets.ResourceKind != None && r.IntN(4) > 0 {
		sets.Resource = r.source(t, sets.ResourceKind)
	}
	return req, sets
}

// add appends a document of one statement to a layer, as a copy.
func add(sets *Sets, layer int, s func(Kind) *Source) *Sets {
	c := *sets
	switch layer {
	case 0:
		c.Identity = append(append([]Source{}, c.Identity...), *s(Identity))
	case 1:
		c.Boundary = append(append([]Source{}, c.Boundary...), *s(Boundary))
	case 2:
		c.SCP = append(append([][]Source{}, c.SCP...), []Source{*s(SCP)})
	case 3:
		if c.Session == nil {
			return nil // a first session policy limits: another law
		}
		c.Session = append(append([]Source{}, c.Session...), *s(Session))
	}
	return &c
}

// A Deny never allows; an Allow is never lost to anything but a Deny, a limit or a gap; an explicit Deny wins; Explain
// and Decide agree.
func TestLaws(t *testing.T) {
	r := draw{rand.New(rand.NewPCG(7, 11))}
	count := map[Decision]int{}
	for range 6000 {
		req, sets := r.question(t)
		v := Decide(req, sets)
		count[v.Decision]++
		ev, reasons := Explain(req, sets)
		if v != ev {
			t.Fatalf("Explain says %+v, Decide %+v", ev, v)
		}
		matchedDeny := false
		for _, x := range reasons {
			matchedDeny = matchedDeny || x.Kind == "matched" && x.Effect == "Deny"
		}
		if matchedDeny != (v.Decision == ExplicitlyDenied && v.Source != nil) {
			t.Fatalf("a Deny matched: %v, decided %+v\n%v", matchedDeny, v, reasons)
		}
		if v.Allowed() && v.Source != nil {
			doc := v.Source.Doc
			if !doc.statements[v.Statement].allow {
				t.Fatalf("allowed by a Deny: %+v", v)
			}
		}
		for layer := range 4 {
			text := r.statement(Identity, "Deny")
			only := add(sets, layer, func(k Kind) *Source {
				if k == SCP { // a level without an Allow denies all
					return source(t, k, allow("*", "*", ""), text)
				}
				return source(t, k, text)
			})
			if only == nil {
				continue
			}
			if w := Decide(req, only); w.Allowed() && !v.Allowed() {
				t.Fatalf("a Deny allows: %s in layer %d turned %+v into %+v", text, layer, v, w)
			}
			hard := add(sets, layer, func(k Kind) *Source { return source(t, k, allow("*", "*", ""), deny("*", "*", "")) })
			bound := ownPolicies(req.caller()) && !(layer == 1 && req.caller().Kind == identity.Root) && !(layer == 2 && !scpBinds(req))
			if w := Decide(req, hard); bound && w.Decision != ExplicitlyDenied {
				t.Fatalf("Deny * in layer %d: %+v", layer, w)
			}
		}
	}
	for d := ImplicitlyDenied; d <= Allowed; d++ {
		if count[d] < 100 {
			t.Errorf("%s only %d times: the draw proves little", d, count[d])
		}
	}
}
