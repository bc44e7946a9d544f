package ec2

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// flatten brings the members of the old, flat form into the list; nil when neither is given.
func flatten(perms []shape.IpPermission, proto *string, from, to *int64, cidr *string) []shape.IpPermission {
	if proto == nil && from == nil && to == nil && cidr == nil {
		return perms
	}
	p := shape.IpPermission{IpProtocol: proto, FromPort: from, ToPort: to}
	if cidr != nil {
		p.IpRanges = []shape.IpRange{{CidrIp: cidr}}
	}
	return append(slices.Clone(perms), p)
}

// parseRules reads permissions as rules without ids: one for each peer. A rule that is named twice is refused.
func parseRules(c *api.Call, v store.View, g *vpc.Group, egress bool, perms []shape.IpPermission) ([]vpc.Rule, error) {
	if len(perms) == 0 {
		return nil, missing("ipPermissions")
	}
	var out []vpc.Rule
	for _, p := range perms {
		base, err := parseService(p)
		if err != nil {
			return nil, err
		}
		base.Egress = egress
		if len(p.IpRanges)+len(p.PrefixListIds)+len(p.UserIdGroupPairs) == 0 {
			return nil, fault.New("MissingParameter", "Source group missing: a rule needs a CIDR block, a security group or a prefix list.")
		}
		add := func(about *string, set func(*vpc.Rule)) error {
			r := base
			r.Description = deref(about)
			set(&r)
			if err := describable(r.Description); err != nil {
				return err
			}
			if slices.ContainsFunc(out, func(o vpc.Rule) bool { return same(o, r) }) {
				return invalid("The same permission must not appear multiple times")
			}
			out = append(out, r)
			return nil
		}
		for _, x := range p.IpRanges {
			cidr, perr := netip.ParsePrefix(deref(x.CidrIp))
			if perr != nil || !cidr.Addr().Is4() {
				return nil, invalid("CIDR block %s is malformed", deref(x.CidrIp))
			}
			if err := add(x.Description, func(r *vpc.Rule) { r.CIDR = cidr.Masked() }); err != nil {
				return nil, err
			}
		}
		for _, x := range p.PrefixListIds {
			list := deref(x.PrefixListId)
			if _, err := prefixesOf(c, v, list); err != nil {
				return nil, err
			}
			if err := add(x.Description, func(r *vpc.Rule) { r.PrefixList = list }); err != nil {
				return nil, err
			}
		}
		for _, x := range p.UserIdGroupPairs {
			id, err := aGroup.id(x.GroupId, "groupId")
			if err != nil {
				return nil, err
			}
			owner := c.Account
			if x.UserId != nil {
				owner = *x.UserId
			}
			other, err := rows.Groups.Get(v, c.Scope(), id)
			if err != nil && !absent(err) {
				return nil, err
			}
			if absent(err) || owner != c.Account || other.Value.VPC != g.VPC { // one of a peered VPC may be named too
				ok, perr := beside(c, v, g.VPC, id, owner)
				switch {
				case perr != nil:
					return nil, perr
				case !ok && (absent(err) || owner != c.Account):
					return nil, aGroup.none(id)
				case !ok:
					return nil, apart("Security groups %s and %s", g.ID, id)
				}
			}
			if err := add(x.Description, func(r *vpc.Rule) { r.Group, r.GroupOwner = id, owner }); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

const ruleText = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789. _-:/()#,@[]+=&;{}!$*"

// describable refuses the description of a rule that EC2 would not take.
func describable(text string) error {
	if len(text) > 255 || strings.IndexFunc(text, func(r rune) bool { return !strings.ContainsRune(ruleText, r) }) >= 0 {
		return invalid("Invalid rule description. Valid descriptions are strings less than 256 characters from the following set: a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*")
	}
	return nil
}

// parseService reads protocol and ports. All protocols take no ports; TCP and UDP need both.
func parseService(p shape.IpPermission) (vpc.Rule, error) {
	r := vpc.Rule{From: -1, To: -1}
	name := strings.ToLower(deref(p.IpProtocol))
	switch name {
	case "":
		return r, missing("ipProtocol")
	case "-1", "all":
		r.Proto = vpc.Any
		return r, nil
	case "tcp":
		r.Proto = vpc.TCP
	case "udp":
		r.Proto = vpc.UDP
	case "icmp":
		r.Proto = vpc.ICMP
	case "icmpv6":
		return r, notBuilt("IPv6 is not available: a rule cannot name the protocol icmpv6.")
	default:
		n, err := strconv.Atoi(name)
		if err != nil || n < 0 || n > 255 {
			return r, invalid("Invalid value '%s' for IP protocol. Unknown protocol.", name)
		}
		if n == 58 {
			return r, notBuilt("IPv6 is not available: a rule cannot name the protocol icmpv6.")
		}
		r.Proto = vpc.Proto(n)
	}
	if !ported(r.Proto) {
		return r, nil
	}
	if p.FromPort == nil || p.ToPort == nil {
		return r, invalid("Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.")
	}
	from, to := *p.FromPort, *p.ToPort
	if r.Proto == vpc.ICMP {
		if from < -1 || from > 255 || to < -1 || to > 255 || from == -1 && to != -1 {
			return r, invalid("ICMP type (%d) or code (%d) out of range", from, to)
		}
		r.From, r.To = int(from), int(to)
		return r, nil
	}
	if from == -1 && to == -1 {
		from, to = 0, 65535
	}
	for _, port := range []int64{from, to} {
		if port < 0 || port > 65535 {
			return r, invalid("TCP/UDP port (%d) out of range", port)
		}
	}
	if from > to {
		return r, invalid("Invalid TCP/UDP port range (%d:%d)", from, to)
	}
	r.From, r.To = int(from), int(to)
	return r, nil
}

// ported reports whether a protocol's rules have ports, or a type and a code.
func ported(p vpc.Proto) bool { return p == vpc.TCP || p == vpc.UDP || p == vpc.ICMP }

// same compares rules without id and description.
func same(a, b vpc.Rule) bool {
	a.ID, b.ID, a.Description, b.Description = "", "", "", ""
	return a == b
}

// spelled is a rule in the words of AWS's refusals.
func spelled(r vpc.Rule) string {
	peer := cmp.Or(r.Group, r.PrefixList)
	if peer == "" {
		peer = r.CIDR.String()
	}
	name := strings.ToUpper(protoName(r.Proto))
	if r.Proto == vpc.Any {
		return "peer: " + peer + ", ALL, ALLOW"
	}
	return "peer: " + peer + ", " + name + ", from port: " + itoa(r.From) + ", to port: " + itoa(r.To) + ", ALLOW"
}

func protoName(p vpc.Proto) string {
	switch p {
	case vpc.TCP:
		return "tcp"
	case vpc.UDP:
		return "udp"
	case vpc.ICMP:
		return "icmp"
	}
	return itoa(int(p))
}

func itoa(n int) string { return strconv.Itoa(n) }
