package fabric

import (
	"fmt"
	"strings"
)

// Text writes the ruleset as nft would read it. It is for golden tests and for eyes; a driver speaks netlink.
func (r Ruleset) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "table ip %s {\n", r.Table)
	for _, s := range r.Sets {
		b.WriteString(s.text())
	}
	for _, c := range r.Chains {
		b.WriteString(c.text())
	}
	b.WriteString("}\n")
	return b.String()
}

func (s Set) text() string {
	word, typ, flags := "set", "", ""
	switch s.Kind {
	case Intervals:
		typ, flags = "ipv4_addr", " flags interval;"
	case Addresses:
		typ = "ipv4_addr"
	case Links:
		typ = "ifname . ipv4_addr"
	case Services:
		typ = "ipv4_addr . inet_proto . inet_service"
	case Verdicts:
		word, typ = "map", "ifname : verdict"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "  %s %s { type %s;%s", word, s.Name, typ, flags)
	if len(s.Elems) > 0 {
		parts := make([]string, len(s.Elems))
		for i, e := range s.Elems {
			parts[i] = e.text(s.Kind)
		}
		fmt.Fprintf(&b, " elements = { %s };", strings.Join(parts, ", "))
	}
	b.WriteString(" }\n")
	return b.String()
}

func (e Elem) text(k SetKind) string {
	switch k {
	case Intervals:
		return e.Prefix.String()
	case Addresses:
		return e.Addr.String()
	case Links:
		return fmt.Sprintf("%q . %s", e.Link, e.Addr)
	case Services:
		return fmt.Sprintf("%s . %d . %d", e.Addr, e.Proto, e.Port)
	}
	return fmt.Sprintf("%q : jump %s", e.Link, e.Jump)
}

func (c Chain) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "  chain %s {\n", c.Name)
	if c.Hook != "" {
		policy := "accept"
		if c.Drop {
			policy = "drop"
		}
		fmt.Fprintf(&b, "    type filter hook %s priority %d; policy %s;\n", c.Hook, c.Priority, policy)
	}
	for _, r := range c.Rules {
		fmt.Fprintf(&b, "    %s\n", r.Text())
	}
	b.WriteString("  }\n")
	return b.String()
}

// Text writes one rule.
func (r Rule) Text() string {
	var parts []string
	for _, m := range r.Matches {
		parts = append(parts, m.text())
	}
	if r.Log != "" {
		parts = append(parts, fmt.Sprintf("log prefix %q group %d", LogPrefix+string(r.Log), LogGroup))
	}
	parts = append(parts, map[Verdict]string{Accept: "accept", Drop: "drop", Jump: "jump " + r.Target, Goto: "goto " + r.Target,
		LookupIn: "iifname vmap @" + r.Target, LookupOut: "oifname vmap @" + r.Target}[r.Verdict])
	if r.Comment != "" {
		parts = append(parts, fmt.Sprintf("comment %q", r.Comment))
	}
	return strings.Join(parts, " ")
}

func (m Match) text() string {
	not := ""
	if m.Not {
		not = "!= "
	}
	switch m.Op {
	case LinkIn:
		return fmt.Sprintf("iifname %q", m.Link)
	case LinkOut:
		return fmt.Sprintf("oifname %q", m.Link)
	case SrcIn:
		return "ip saddr " + not + m.Prefix.String()
	case DstIn:
		return "ip daddr " + not + m.Prefix.String()
	case SrcSet:
		return "ip saddr " + not + "@" + m.Set
	case DstSet:
		return "ip daddr " + not + "@" + m.Set
	case LinkSrc:
		return "iifname . ip saddr @" + m.Set
	case DstServ:
		return "ip daddr . ip protocol . th dport @" + m.Set
	case IsProto:
		return fmt.Sprintf("ip protocol %d", m.Proto)
	case DstPort:
		if m.From == m.To {
			return fmt.Sprintf("th dport %d", m.From)
		}
		return fmt.Sprintf("th dport %d-%d", m.From, m.To)
	case ICMPType:
		return fmt.Sprintf("@th,0,8 %d", m.From)
	case ICMPCode:
		return fmt.Sprintf("@th,8,8 %d", m.From)
	case CtFlow:
		return "ct state established,related"
	case CtInvalid:
		return "ct state invalid"
	}
	return "fib daddr type local"
}
