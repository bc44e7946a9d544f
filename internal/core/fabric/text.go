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
	case PortRanges:
		typ, flags = "inet_service", " flags interval;"
	case Addresses:
		typ = "ipv4_addr"
	case Names:
		typ = "ifname"
	case Services:
		typ = "ipv4_addr . inet_proto . inet_service"
	case Boxes:
		typ, flags = "ipv4_addr . inet_proto . inet_service", " flags interval;"
	case MarkLinks:
		typ = "mark . ifname"
	case MarkAddrs:
		typ = "mark . ipv4_addr"
	case Verdicts:
		word, typ = "map", "ifname : verdict"
	case AddrVerdicts:
		word, typ = "map", "ipv4_addr : verdict"
	case MarkVerdicts:
		word, typ = "map", "mark : verdict"
	case LinkMarks:
		word, typ = "map", "ifname : mark"
	case Marks:
		word, typ = "map", "ifname . ipv4_addr : mark"
	case AddrMarks:
		word, typ = "map", "ipv4_addr : mark"
	case AddrPairs:
		word, typ = "map", "ipv4_addr : ipv4_addr"
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
	case Names:
		return fmt.Sprintf("%q", e.Link)
	case Services:
		return fmt.Sprintf("%s . %d . %d", e.Addr, e.Proto, e.Port)
	case MarkLinks:
		return fmt.Sprintf("%d . %q", e.Mark, e.Link)
	case MarkAddrs:
		return fmt.Sprintf("%d . %s", e.Mark, e.Addr)
	case AddrVerdicts:
		return fmt.Sprintf("%s : jump %s", e.Addr, e.Jump)
	case MarkVerdicts:
		return fmt.Sprintf("%d : jump %s", e.Mark, e.Jump)
	case LinkMarks:
		return fmt.Sprintf("%q : %d", e.Link, e.Mark)
	case Marks:
		return fmt.Sprintf("%q . %s : %d", e.Link, e.Addr, e.Mark)
	case AddrMarks:
		return fmt.Sprintf("%s : %d", e.Addr, e.Mark)
	case AddrPairs:
		return fmt.Sprintf("%s : %s", e.Addr, e.To)
	case PortRanges:
		if e.Port == e.Last {
			return fmt.Sprint(e.Port)
		}
		return fmt.Sprintf("%d-%d", e.Port, e.Last)
	case Boxes:
		return fmt.Sprintf("%s . %d . %s", e.Prefix, e.Proto, e.text(PortRanges))
	}
	return fmt.Sprintf("%q : jump %s", e.Link, e.Jump)
}

func (c Chain) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "  chain %s {\n", c.Name)
	if c.Hook != "" {
		policy, kind := "accept", "filter"
		if c.Drop {
			policy = "drop"
		}
		if c.NAT {
			kind = "nat"
		}
		fmt.Fprintf(&b, "    type %s hook %s priority %d; policy %s;\n", kind, c.Hook, c.Priority, policy)
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
	if r.Mark != 0 && r.Verdict != Catch {
		parts = append(parts, fmt.Sprintf("meta mark set %d", r.Mark))
	}
	if r.Log != "" {
		parts = append(parts, fmt.Sprintf("log prefix %q group %d", LogPrefix+string(r.Log), LogGroup))
	}
	parts = append(parts, r.verdict())
	if r.Comment != "" {
		parts = append(parts, fmt.Sprintf("comment %q", r.Comment))
	}
	return strings.Join(parts, " ")
}

func (r Rule) verdict() string {
	switch r.Verdict {
	case Accept:
		return "accept"
	case Drop:
		return "drop"
	case Jump:
		return "jump " + r.Target
	case Goto:
		return "goto " + r.Target
	case LookupIn:
		return "iifname vmap @" + r.Target
	case LookupOut:
		return "oifname vmap @" + r.Target
	case LookupMark:
		return "meta mark vmap @" + r.Target
	case LookupDst:
		return "ip daddr vmap @" + r.Target
	case MarkPort:
		return "meta mark set iifname . ip saddr map @" + r.Target + " accept"
	case MarkSrc:
		return "meta mark set ip saddr map @" + r.Target
	case MarkDst:
		return "meta mark set ip daddr map @" + r.Target
	case MarkLinkOut:
		return "meta mark set oifname map @" + r.Target
	case TranslateSrc:
		return "snat to ip saddr map @" + r.Target
	case TranslateDst:
		return "dnat to ip daddr map @" + r.Target
	case Masquerade:
		return "snat to " + r.To.String()
	case Catch:
		return fmt.Sprintf("tproxy to :%d meta mark set %d accept", r.Port, r.Mark)
	}
	return fmt.Sprintf("verdict %d", r.Verdict) // nft refuses it
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
	case LinksIn:
		return "iifname " + not + "@" + m.Set
	case LinksOut:
		return "oifname " + not + "@" + m.Set
	case MarkOut:
		return "meta mark . oifname " + not + "@" + m.Set
	case MarkAddr:
		return "meta mark . ip daddr " + not + "@" + m.Set
	case Marked:
		return fmt.Sprintf("meta mark %s%d", not, m.Mark)
	case DstServ:
		return "ip daddr . ip protocol . th dport @" + m.Set
	case SrcServ:
		return "ip saddr . ip protocol . th dport @" + m.Set
	case IsProto:
		return fmt.Sprintf("ip protocol %d", m.Proto)
	case DstPort:
		if m.From == m.To {
			return fmt.Sprintf("th dport %d", m.From)
		}
		return fmt.Sprintf("th dport %d-%d", m.From, m.To)
	case DstPorts:
		return "th dport @" + m.Set
	case ICMPType:
		return fmt.Sprintf("@th,0,8 %d", m.From)
	case ICMPCode:
		return fmt.Sprintf("@th,8,8 %d", m.From)
	case CtFlow:
		return "ct state established,related"
	case CtRelated:
		return "ct state related"
	case CtEnd:
		end := [...]string{"original ip saddr", "original ip daddr", "reply ip saddr", "reply ip daddr"}
		return "iifname . ct " + end[m.From%4] + " @" + m.Set
	case CtInvalid:
		return "ct state invalid"
	}
	if m.Op == LocalSrc {
		return "fib saddr type local"
	}
	return "fib daddr type local"
}
