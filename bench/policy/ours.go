package main

import (
	"encoding/json"
	"fmt"

	"cloister/internal/core/identity"
	"cloister/internal/core/policy"
)

// iam writes a statement in the language of IAM.
func (s statement) iam(principal bool) map[string]any {
	cond := map[string]any{"StringEquals": map[string]any{"aws:SourceVpc": s.vpc}}
	if s.block != "" {
		cond["IpAddress"] = map[string]any{"aws:VpcSourceIp": s.block}
	}
	if s.role != "" {
		cond["ArnLike"] = map[string]any{"aws:PrincipalArn": s.role}
		cond["Bool"] = map[string]any{"aws:SecureTransport": "true"}
	}
	out := map[string]any{"Effect": "Allow", "Action": s.action, "Resource": s.resource, "Condition": cond}
	switch {
	case principal && s.account:
		out["Principal"] = map[string]string{"AWS": account}
	case principal:
		out["Principal"] = "*"
	}
	return out
}

func iamText(l layer) ([]byte, error) {
	var list []any
	for _, s := range l.statements {
		list = append(list, s.iam(l.principal))
	}
	return json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": list})
}

func oursOn(layers []layer, questions []request) (decide, explain func(int) bool, err error) {
	sets := &policy.Sets{ResourceKind: policy.Bucket, EndpointGateway: true}
	for i, l := range layers {
		text, err := iamText(l)
		if err != nil {
			return nil, nil, err
		}
		kind, ok := policy.KindOf(l.name)
		doc, err := policy.Read(text, kind)
		if err != nil || !ok {
			return nil, nil, fmt.Errorf("%s: %w", l.name, err)
		}
		src := policy.Source{Name: fmt.Sprintf("%s policy %d", l.name, i), Owner: account, Doc: doc}
		switch kind {
		case policy.Identity:
			sets.Identity = append(sets.Identity, src)
		case policy.Boundary:
			sets.Boundary = []policy.Source{src}
		case policy.SCP:
			sets.SCP = [][]policy.Source{{src}}
		case policy.Bucket:
			sets.Resource = &src
		case policy.Endpoint:
			sets.Endpoint = &src
		}
	}
	who := &identity.Principal{Kind: identity.Session, Partition: "aws", Account: account, ARN: session, RoleARN: role, Name: "Job", Session: "s1"}
	reqs := make([]policy.Request, len(questions))
	for i, q := range questions {
		ctx := policy.NewContext(25)
		for k, v := range q.keys() {
			ctx.Set(k, v)
		}
		reqs[i] = policy.Request{Principal: who, Action: "s3:GetObject", Resource: q.resource, ResourceAccount: account, Context: ctx}
	}
	decide = func(i int) bool { return policy.Decide(&reqs[i], sets).Allowed() }
	explain = func(i int) bool {
		v, reasons := policy.Explain(&reqs[i], sets)
		return v.Allowed() && len(reasons) > 0
	}
	return decide, explain, nil
}

func compileOurs(text []byte) error {
	_, err := policy.Parse(text, policy.Identity)
	return err
}
