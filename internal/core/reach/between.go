package reach

import (
	"fmt"
	"slices"
	"strings"

	"cloister/internal/core/fabric"
	"cloister/internal/core/job"
	"cloister/internal/core/vpc"
)

// Between says why one interface of a job cannot connect to another one on a TCP port: every wall on the way and back, with what would
// change it. No reasons: packets arrive. Interfaces that nothing sits on are judged as in Explain.
func Between(s vpc.Snapshot, from, to string, port uint16) []job.Reason {
	s.Interfaces = slices.Clone(s.Interfaces)
	ends := [2]*vpc.Interface{}
	for n, id := range []string{from, to} {
		at := slices.IndexFunc(s.Interfaces, func(i vpc.Interface) bool { return i.ID == id })
		if at < 0 || len(s.Interfaces[at].Addrs) == 0 {
			return []job.Reason{{Layer: "network", Rule: id, Text: "the network interface " + id + " does not exist in " + s.VPC.ID}}
		}
		if s.Interfaces[at].Attachment == nil {
			s.Interfaces[at].Attachment = &vpc.Attachment{}
		}
		ends[n] = &s.Interfaces[at]
	}
	t := Index(Only(fabric.Draw(s, 0))).Trace(Flow{From: from, Dst: ends[1].Addrs[0], Proto: vpc.TCP, Port: port})
	var out []job.Reason
	for _, h := range t.Hops {
		if h.Verdict != Drop {
			continue
		}
		r := job.Reason{Layer: "network", Rule: h.Rule, Text: h.Text, Change: h.Change}
		switch {
		case h.Hop == ACLIn || h.Hop == ACLOut:
			r.Layer = "network-acl"
		case h.Hop == Ingress && len(ends[1].Groups) > 0:
			r = members(ends[1].Groups, "in", "from", "AuthorizeSecurityGroupIngress", port, ends)
		case h.Hop == Egress && len(ends[0].Groups) > 0:
			r = members(ends[0].Groups, "e", "to", "AuthorizeSecurityGroupEgress", port, ends)
		}
		out = append(out, r)
	}
	return out
}

// members is the rule that is missing: a group's for its own members. One group is enough.
func members(groups []string, way, word, call string, port uint16, ends [2]*vpc.Interface) job.Reason {
	return job.Reason{Layer: "security-group", Rule: strings.Join(groups, ","),
		Text: fmt.Sprintf("no %sgress rule of %s admits tcp %d %s members of the same group: %s (%s) cannot connect to %s (%s)", way, strings.Join(groups, ","), port, word,
			ends[0].ID, ends[0].Addrs[0], ends[1].ID, ends[1].Addrs[0]),
		Change: fmt.Sprintf("%s %s: tcp %d %s %s itself", call, groups[0], port, word, groups[0])}
}
