package main

import (
	"fmt"
	"iter"
	"strings"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
)

// cedar writes a statement in Cedar. Keys lose their colons and slashes.
func (s statement) cedar() string {
	principal, action := "principal", fmt.Sprintf("action == Action::%q", s.action)
	if s.account {
		principal = fmt.Sprintf("principal in Account::%q", account)
	}
	if strings.Contains(s.action, "*") {
		action = fmt.Sprintf("action in Action::%q", s.action)
	}
	when := []string{fmt.Sprintf("resource.arn like %q", s.resource), fmt.Sprintf("context has aws_SourceVpc && context.aws_SourceVpc == %q", s.vpc)}
	if s.block != "" {
		when = append(when, fmt.Sprintf("context has aws_VpcSourceIp && context.aws_VpcSourceIp.isInRange(ip(%q))", s.block))
	}
	if s.role != "" {
		when = append(when, fmt.Sprintf("context has aws_PrincipalArn && context.aws_PrincipalArn like %q", s.role), "context has aws_SecureTransport && context.aws_SecureTransport")
	}
	return fmt.Sprintf("permit (%s, %s, resource) when { %s };\n", principal, action, strings.Join(when, " && "))
}

// inOrder walks over a set as a slice: a PolicySet is a map, whose walk would cost more than its policies.
type inOrder struct {
	ids []cedar.PolicyID
	all []*cedar.Policy
}

func (o inOrder) All() iter.Seq2[cedar.PolicyID, *cedar.Policy] {
	return func(yield func(cedar.PolicyID, *cedar.Policy) bool) {
		for i, p := range o.all {
			if !yield(o.ids[i], p) {
				return
			}
		}
	}
}

func cedarSet(layers ...layer) (inOrder, error) {
	var text strings.Builder
	for _, l := range layers {
		for _, s := range l.statements {
			text.WriteString(s.cedar())
		}
	}
	set, err := cedar.NewPolicySetFromBytes("bench.cedar", []byte(text.String()))
	if err != nil {
		return inOrder{}, err
	}
	var o inOrder
	n := 0
	for range set.All() {
		n++
	}
	for i := range n {
		id := cedar.PolicyID(fmt.Sprintf("policy%d", i))
		p := set.Get(id)
		if p == nil {
			return o, fmt.Errorf("no %s", id)
		}
		o.ids, o.all = append(o.ids, id), append(o.all, p)
	}
	return o, nil
}

func cedarOn(layers []layer, questions []request) (one, six func(int) bool, err error) {
	whole, err := cedarSet(layers...)
	if err != nil {
		return nil, nil, err
	}
	sets := make([]inOrder, len(layers))
	for i, l := range layers {
		if sets[i], err = cedarSet(l); err != nil {
			return nil, nil, err
		}
	}
	user, group := types.NewEntityUID("Session", session), types.NewEntityUID("Account", account)
	get := types.NewEntityUID("Action", "s3:GetObject")
	entities := types.EntityMap{
		user: {UID: user, Parents: types.NewEntityUIDSet(group)},
		get:  {UID: get, Parents: types.NewEntityUIDSet(types.NewEntityUID("Action", "s3:*"), types.NewEntityUID("Action", "s3:Get*"))},
	}
	reqs := make([]cedar.Request, len(questions))
	for i, q := range questions {
		object := types.NewEntityUID("Object", types.String(q.resource))
		entities[object] = types.Entity{UID: object, Attributes: types.NewRecord(types.RecordMap{"arn": types.String(q.resource)})}
		ctx := types.RecordMap{}
		for k, v := range q.keys() {
			ctx[types.String(strings.NewReplacer(":", "_", "/", "_").Replace(k))] = types.String(v)
		}
		ip, err := types.ParseIPAddr(string(ctx["aws_VpcSourceIp"].(types.String)))
		if err != nil {
			return nil, nil, err
		}
		ctx["aws_VpcSourceIp"], ctx["aws_SecureTransport"] = ip, types.Boolean(true)
		reqs[i] = cedar.Request{Principal: user, Action: get, Resource: object, Context: types.NewRecord(ctx)}
	}
	one = func(i int) bool {
		d, _ := cedar.Authorize(whole, entities, reqs[i])
		return d == cedar.Allow
	}
	six = func(i int) bool {
		for _, s := range sets[1:] { // of the two identity policies one is enough; asking five favours Cedar
			if d, _ := cedar.Authorize(s, entities, reqs[i]); d != cedar.Allow {
				return false
			}
		}
		return true
	}
	return one, six, nil
}

func compileCedar(text []byte) error {
	_, err := cedar.NewPolicySetFromBytes("bench.cedar", text)
	return err
}

// sixKilobytes is one policy of about that size in our language, and the same in Cedar.
func sixKilobytes() (ours, theirs []byte) {
	l := layer{name: "identity"}
	for i := 0; len(ours) < 5900; i++ {
		l.statements = append(l.statements, statement{action: fmt.Sprintf("comprehend:Start%dJob", i), resource: "arn:aws:s3:::documents-*/*", vpc: vpc, role: "arn:aws:iam::*:role/app/*"})
		ours, _ = iamText(l)
	}
	for _, s := range l.statements {
		theirs = append(theirs, s.cedar()...)
	}
	return ours, theirs
}
