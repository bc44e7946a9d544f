package lint

import (
	"strings"

	"cloister/internal/core/policy"
)

// document looks at a document as a whole.
func (c *checker) document(root *node) {
	if c.kind != policy.Endpoint || len(c.list) == 0 {
		return
	}
	for i := range c.list {
		if c.list[i].allow {
			return
		}
	}
	c.say(Error, root.get("Statement"), "an endpoint policy with nothing but Deny blocks every call through the endpoint",
		"add the statement that allows what the Deny leaves: {\"Effect\": \"Allow\", \"Principal\": \"*\", \"Action\": \"*\", \"Resource\": \"*\"}")
}

// breadth looks at elements that say more than they seem to.
func (c *checker) breadth(s *statement) {
	if !s.allow {
		return
	}
	if s.notAction != nil {
		c.say(Warning, s.notAction, "Allow with NotAction allows every action but those listed, of every service and of those to come",
			"list the actions to allow in Action, or use Deny")
	}
	if s.notResource != nil {
		c.say(Warning, s.notResource, "Allow with NotResource allows the actions on every resource but those listed",
			"list the resources to allow in Resource, or use Deny")
	}
}

// principals looks at for whom a statement speaks.
func (c *checker) principals(s *statement) {
	if s.principal == nil || s.not {
		return
	}
	if s.principal.kind == '"' {
		c.principal(s, "AWS", s.principal)
		return
	}
	for _, m := range s.principal.members {
		for _, v := range m.value.list() {
			c.principal(s, m.name, v)
		}
	}
}

func (c *checker) principal(s *statement, typ string, v *node) {
	switch {
	case typ == "AWS" && v.text == "*":
		if !s.allow || len(s.conditions) > 0 || c.kind == policy.Endpoint {
			return
		}
		who := "anybody, in any account and without credentials where the service takes such calls"
		if c.kind == policy.Trust {
			who = "anybody in any account whose own policies allow the call"
		}
		c.say(Warning, v, "Principal \"*\" without a condition allows "+who, "name the principals, or add a condition such as aws:PrincipalOrgID, aws:PrincipalArn or aws:SourceVpce")
	case typ == "AWS" && c.kind == policy.Endpoint:
		if account(v.text) && gateway(s) {
			c.say(Warning, v, "a gateway endpoint reads an account as principal as its root user alone, not as its users and roles",
				"write \"Principal\": \"*\" with a condition on aws:PrincipalAccount or aws:PrincipalArn")
		}
	case typ == "Service" && c.kind == policy.Trust && s.allow:
		// EC2 assumes an instance's role for the instance itself, without these keys.
		if v.text == "ec2.amazonaws.com" || s.has("aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourceorgpaths") {
			return
		}
		c.say(Warning, v, v.text+" may assume the role on behalf of any account: the statement has neither aws:SourceAccount nor aws:SourceArn",
			"add {\"StringEquals\": {\"aws:SourceAccount\": \"ACCOUNT\"}}")
	}
}

// has reports whether a condition uses one of the keys, given in lower case.
func (s *statement) has(keys ...string) bool {
	for i := range s.conditions {
		for _, k := range keys {
			if strings.EqualFold(s.conditions[i].key.text, k) {
				return true
			}
		}
	}
	return false
}

// account reports whether a principal is an account: its id, or the ARN of its root.
func account(p string) bool {
	if strings.HasPrefix(p, "arn:") && strings.HasSuffix(p, ":root") {
		return true
	}
	return len(p) == 12 && strings.Trim(p, "0123456789") == ""
}

// gateway reports whether a statement is about the services that have gateway endpoints.
func gateway(s *statement) bool {
	for _, a := range s.actions {
		prefix, _, _ := strings.Cut(strings.ToLower(a.text), ":")
		if prefix == "s3" || prefix == "dynamodb" || prefix == "*" {
			return true
		}
	}
	return false
}
