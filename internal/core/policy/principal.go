package policy

import (
	"strings"

	"cloister/internal/core/identity"
)

// class says how a resource policy named the caller; it decides which other policies still limit.
type class uint8

const (
	unnamed      class = iota
	namedAccount       // the account: it delegates to the account's own policies and grants nothing by itself
	namedRole          // the role of the caller's session, or the user of a federated one
	namedDirect        // the very user or session, the service, or everybody
)

type principalKind uint8

const (
	everybody principalKind = iota
	wholeAccount
	byARN
	byID // AIDA..., AROA...: what a user's or role's ARN became when the policy was saved
	byService
	byFederation
	byCanonical
)

// principalRef is one principal of a statement. off and end are its string in the text, quotes included.
type principalRef struct {
	kind     principalKind
	typ      string // "AWS", "Service", ...; empty for the bare "*"
	part     string // of an ARN: its partition
	value    string // what is compared: for wholeAccount the account's id
	shown    string
	off, end int
}

// principalOf reads a principal's value. The result is false for text that can't name anybody; it then names nobody.
func principalOf(typ, v string) (principalRef, bool) {
	r := principalRef{typ: typ, value: v, shown: v, kind: byARN}
	switch typ {
	case "Service":
		r.kind = byService
		return r, strings.Contains(v, ".") && !strings.ContainsAny(v, "*?")
	case "Federated":
		r.kind = byFederation
		return r, v != "" && !strings.ContainsAny(v, "*?")
	case "CanonicalUser":
		r.kind = byCanonical
		return r, v != "" && !strings.ContainsAny(v, "*?")
	}
	switch {
	case v == "*":
		r.kind = everybody
		return r, true
	case len(v) == 12 && digits(v):
		r.kind = wholeAccount
		return r, true
	case isUniqueID(v):
		r.kind = byID
		return r, true
	}
	account, rest, ok := iamPrincipal(v)
	if ok {
		r.part = strings.SplitN(v, ":", 3)[1]
	}
	if ok && rest == "root" {
		r.kind, r.value = wholeAccount, account
		return r, true
	}
	return r, ok
}

// iamPrincipal splits the ARN of an account's root, a user, a role, a session or a federated user.
func iamPrincipal(v string) (account, rest string, ok bool) {
	p := strings.SplitN(v, ":", 6)
	if len(p) != 6 || p[0] != "arn" || p[1] != "aws" && !strings.HasPrefix(p[1], "aws-") || p[3] != "" || len(p[4]) != 12 || !digits(p[4]) || strings.ContainsAny(v, "*?") {
		return "", "", false
	}
	kind, name, _ := strings.Cut(p[5], "/")
	switch p[2] {
	case "iam":
		ok = p[5] == "root" || (kind == "user" || kind == "role") && name != ""
	case "sts":
		role, session, _ := strings.Cut(name, "/")
		ok = kind == "assumed-role" && role != "" && session != "" || kind == "federated-user" && name != ""
	}
	return p[4], p[5], ok
}

// isUniqueID takes AIDA... and AROA... as IAM makes them.
func isUniqueID(v string) bool {
	if len(v) < 16 || len(v) > 128 || !strings.HasPrefix(v, "AIDA") && !strings.HasPrefix(v, "AROA") {
		return false
	}
	for i := 0; i < len(v); i++ {
		if (v[i] < 'A' || v[i] > 'Z') && (v[i] < '0' || v[i] > '9') {
			return false
		}
	}
	return true
}

// class says how r names p. rootOnly is the law of gateway endpoints: an account means its root user.
func (r *principalRef) class(p *identity.Principal, canonical string, rootOnly bool) class {
	switch r.kind {
	case everybody:
		return namedDirect
	case wholeAccount:
		if p.Account != "" && p.Account == r.value && (r.part == "" || r.part == p.Partition) && (!rootOnly || p.Kind == identity.Root) {
			return namedAccount
		}
	case byARN:
		switch {
		case p.ARN == "" || r.value == "":
		case r.value == p.ARN && p.Kind != identity.Service:
			return namedDirect
		case r.value == p.RoleARN && (p.Kind == identity.Session || p.Kind == identity.Federated):
			return namedRole
		}
	case byID:
		if p.UniqueID == r.value {
			if p.Kind == identity.User {
				return namedDirect
			}
			return namedRole
		}
	case byService:
		if p.Kind == identity.Service && p.Service == r.value {
			return namedDirect
		}
	case byFederation:
		if p.Kind == identity.Federated && p.Account == "" && (p.ARN == r.value || p.Service == r.value) {
			return namedDirect
		}
	case byCanonical:
		if canonical != "" && canonical == r.value {
			return namedAccount
		}
	}
	return unnamed
}

// classify gives the strongest way in which any of the principals names p.
func classify(refs []principalRef, p *identity.Principal, canonical string, rootOnly bool) class {
	best := unnamed
	for i := range refs {
		best = max(best, refs[i].class(p, canonical, rootOnly))
	}
	return best
}

// spared reports whether a Deny with NotPrincipal leaves p alone. The guide says that AWS may check account, role and
// session in turn, so we spare only a caller whose whole chain is listed.
func spared(refs []principalRef, p *identity.Principal, canonical string) bool {
	var account, role, self bool
	for i := range refs {
		switch r := &refs[i]; r.class(p, canonical, false) {
		case namedDirect:
			if r.kind == everybody {
				return true
			}
			self = true
		case namedRole:
			role = true
		case namedAccount:
			account = true
		}
	}
	switch p.Kind {
	case identity.User:
		return account && self
	case identity.Session:
		return account && role && self
	case identity.Federated:
		return self && (p.Account == "" || account && role)
	case identity.Root:
		return account
	}
	return self
}
