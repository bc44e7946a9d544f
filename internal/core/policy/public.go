package policy

import "strings"

// fixing are the condition keys whose fixed values keep a grant to everybody from being public. Source: Amazon S3 User Guide, "Blocking
// public access", the meaning of public; that aws:PrincipalAccount, aws:PrincipalArn and aws:PrincipalOrgPaths count as the principals
// that it speaks of is our reading.
var fixing = map[string]bool{
	"aws:principalorgid": true, "aws:principalorgpaths": true, "aws:principalaccount": true, "aws:principalarn": true,
	"aws:sourceip": true, "aws:sourcearn": true, "aws:sourcevpc": true, "aws:sourcevpce": true, "aws:sourceowner": true,
	"aws:sourceaccount": true, "aws:userid": true, "s3:dataaccesspointarn": true, "s3:dataaccesspointaccount": true,
}

// Public reports whether some Allow is for everybody, without a condition that holds it to fixed principals, networks or resources.
func (d *Document) Public() bool {
	for i := range d.statements {
		if d.statements[i].public() {
			return true
		}
	}
	return false
}

func (s *statement) public() bool {
	if !s.allow {
		return false
	}
	all := s.notPrincipal // everybody but a few
	for j := range s.principals {
		all = all || s.principals[j].kind == everybody
	}
	for i := range s.conditions {
		all = all && !s.conditions[i].fixes()
	}
	return all
}

// fixes reports whether a condition can hold for those alone whom its values name. One that holds of a request without the key (a
// negation, IfExists, ForAllValues) does not, nor does a value with a wildcard, or a network wider than /8 (IPv6: /32).
func (c *condition) fixes() bool {
	key := strings.ToLower(c.key)
	if !fixing[key] || c.op.negated || c.op.family == nullFamily || c.ifExists || c.set == forAll {
		return false
	}
	for _, v := range c.written {
		if c.op.family == ipFamily {
			p, ok := parsePrefix(v)
			if ok && (p.Addr().Is4() && p.Bits() < 8 || p.Addr().Is6() && p.Bits() < 32) {
				return false
			}
			continue
		}
		if key == "s3:dataaccesspointarn" { // its account must be fixed, the access point need not
			v = strings.TrimSuffix(v, "*")
		}
		if key == "aws:principalorgpaths" && strings.HasPrefix(v, "o-") { // below an organization that is named
			v, _, _ = strings.Cut(v, "/")
		}
		if strings.ContainsAny(v, "*?$") {
			return false
		}
	}
	return true
}
