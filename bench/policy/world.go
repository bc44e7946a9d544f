package main

import (
	"fmt"
	"strings"
)

// statement is one permission, written in both languages.
type statement struct {
	action   string // s3:GetObject, or s3:* and s3:Get*, which are action groups in Cedar
	resource string // the ARN with stars
	account  bool   // named by account; else everybody
	vpc      string
	block    string // of the caller's address; or
	role     string // of the caller, with stars, over TLS
}

// layer is one policy of ten statements.
type layer struct {
	name       string // a policy.Kind
	principal  bool
	account    bool
	statements []statement
}

type world struct {
	name string
	all  bool // every statement is about the action
}

// layers are six policies of ten statements: nine that never match and, last, one that allows.
func (w world) layers() []layer {
	out := []layer{{name: "identity"}, {name: "identity"}, {name: "boundary"}, {name: "scp"}, {name: "bucket", principal: true, account: true}, {name: "endpoint", principal: true}}
	for n := range out {
		l := &out[n]
		for i := range 9 {
			s := statement{action: fmt.Sprintf("comprehend:Start%dJob", n*9+i), resource: fmt.Sprintf("arn:aws:s3:::other-%d-bucket/*", i), account: l.account, vpc: "vpc-9", block: "10.0.0.0/16"}
			if w.all {
				s.action = "s3:Get*"
			}
			l.statements = append(l.statements, s)
		}
		l.statements = append(l.statements, statement{action: "s3:*", resource: "arn:aws:s3:::documents-*/*", account: l.account, vpc: vpc, role: "arn:aws:iam::*:role/app/*"})
	}
	return out
}

const (
	account  = "111122223333"
	vpc      = "vpc-0123456789abcdef0"
	role     = "arn:aws:iam::" + account + ":role/app/Job"
	session  = "arn:aws:sts::" + account + ":assumed-role/Job/s1"
	requests = 64
)

// request is a question; one in four comes from a foreign VPC, one in four asks for a foreign bucket.
type request struct {
	resource, vpc string
	allowed       bool
}

func request64() []request {
	out := make([]request, requests)
	for i := range out {
		r := request{fmt.Sprintf("arn:aws:s3:::documents-bucket/2026/%02d/report-%04d.txt", i%12+1, i*37), vpc, true}
		switch i % 4 {
		case 1:
			r.vpc, r.allowed = "vpc-0fedcba9876543210", false
		case 3:
			r.resource, r.allowed = strings.Replace(r.resource, "documents", "archives", 1), false
		}
		out[i] = r
	}
	return out
}

// keys are the 25 condition keys of a request, in AWS's names.
func (r request) keys() map[string]string {
	m := map[string]string{"aws:SourceVpc": r.vpc, "aws:SourceVpce": "vpce-0123456789abcdef0", "aws:VpcSourceIp": "10.0.1.17", "aws:CurrentTime": "2026-11-22T01:41:11Z",
		"aws:PrincipalArn": role, "aws:SecureTransport": "true", "aws:PrincipalAccount": account, "aws:ResourceAccount": account}
	for i := range 25 - len(m) {
		m[fmt.Sprintf("aws:PrincipalTag/tag%d", i)] = "value"
	}
	return m
}

// contenders makes the engines ready and holds them to the same verdicts.
func (w world) contenders() ([]*contender, error) {
	layers, questions := w.layers(), request64()
	ours, explained, err := oursOn(layers, questions)
	if err != nil {
		return nil, err
	}
	one, six, err := cedarOn(layers, questions)
	if err != nil {
		return nil, err
	}
	list := []*contender{{name: "ours", allowed: ours}, {name: "ours, explained", allowed: explained}, {name: "cedar", allowed: one}, {name: "cedar, layers", allowed: six}}
	for _, c := range list {
		for i, q := range questions {
			if c.allowed(i) != q.allowed {
				return nil, fmt.Errorf("%s says allowed=%v of %s from %s", c.name, !q.allowed, q.resource, q.vpc)
			}
		}
	}
	return list, nil
}
