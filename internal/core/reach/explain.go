package reach

import (
	"net/netip"
	"slices"
	"strings"

	"cloister/internal/core/fabric"
	"cloister/internal/core/job"
	"cloister/internal/core/vpc"
)

// Explain says why an interface cannot reach a service ("s3") over the network: every wall on the way, with what would
// change it. No reasons: packets arrive, and what refuses then is a policy. An unattached interface is judged as if
// something sat on it, so that the question can be asked before a job starts and after it ended.
func Explain(s vpc.Snapshot, eni, service string) []job.Reason {
	at := slices.IndexFunc(s.Interfaces, func(i vpc.Interface) bool { return i.ID == eni })
	if at < 0 {
		return []job.Reason{{Layer: "network", Rule: eni, Text: "the network interface " + eni + " does not exist in " + s.VPC.ID}}
	}
	if service != "s3" {
		return []job.Reason{{Layer: "endpoint", Rule: s.VPC.ID, Text: "no endpoint of " + s.VPC.ID + " can lead to " + service + ": only s3 is reached through a VPC"}}
	}
	s.Interfaces = slices.Clone(s.Interfaces)
	if s.Interfaces[at].Attachment == nil {
		s.Interfaces[at].Attachment = &vpc.Attachment{}
	}
	i := s.Interfaces[at]
	name := "com.amazonaws." + s.VPC.Region + "." + service
	var out []job.Reason
	if !s.VPC.DNSSupport {
		out = append(out, job.Reason{Layer: "dns", Rule: s.VPC.ID, Text: "DNS support of " + s.VPC.ID + " is off: names of " + service + " do not resolve",
			Change: "ModifyVpcAttribute " + s.VPC.ID + " EnableDnsSupport=true"})
	}
	m := Index(Only(fabric.Draw(s, 0)))
	if to, ok := named(s, name); ok { // private DNS leads past gateways and prefix lists
		t := m.Trace(Flow{From: eni, Dst: to, Proto: vpc.TCP, Port: fabric.PortHTTPS})
		for _, h := range t.Hops {
			if h.Verdict == Drop {
				out = append(out, job.Reason{Layer: "network", Rule: h.Rule, Text: h.Text, Change: h.Change})
			}
		}
		return out
	}
	// The route and the group are two walls: each is told even when the other one already refused.
	https := m.Trace(Flow{From: eni, Dst: vpc.S3Addr, Proto: vpc.TCP, Port: fabric.PortHTTPS})
	http := m.Trace(Flow{From: eni, Dst: vpc.S3Addr, Proto: vpc.TCP, Port: fabric.PortHTTP})
	if refused(https, Route) {
		out = append(out, routeReason(s, i, name))
	}
	if refused(https, Egress) && refused(http, Egress) {
		groups := strings.Join(i.Groups, ",")
		if groups == "" {
			groups = i.ID
		}
		out = append(out, job.Reason{Layer: "security-group", Rule: groups,
			Text:   "no egress rule of " + groups + " admits tcp 443 or tcp 80 to " + vpc.S3PrefixList(s.VPC.Region) + " (" + vpc.S3Prefix.String() + ")",
			Change: "AuthorizeSecurityGroupEgress " + groups + ": tcp 443 to prefix list " + vpc.S3PrefixList(s.VPC.Region)})
	}
	if len(out) == 0 && https.Verdict == Drop && http.Verdict == Drop {
		out = append(out, job.Reason{Layer: "network", Rule: https.Deciding.Rule, Text: https.Deciding.Text, Change: https.Deciding.Change})
	}
	return out
}

// named is an address of the interface endpoint whose private DNS has a service's names.
func named(s vpc.Snapshot, service string) (netip.Addr, bool) {
	for _, e := range s.Endpoints {
		if e.Service != service || !e.Answers(&s.VPC) {
			continue
		}
		for _, i := range s.Interfaces {
			if slices.Contains(e.Interfaces, i.ID) && len(i.Addrs) > 0 {
				return i.Addrs[0], true
			}
		}
	}
	return netip.Addr{}, false
}

func refused(t Result, h Hop) bool {
	return slices.ContainsFunc(t.Hops, func(s Step) bool { return s.Hop == h && s.Verdict == Drop })
}

// routeReason says which of the three things is missing: the endpoint, its route table, or the subnet's route table itself.
func routeReason(s vpc.Snapshot, i vpc.Interface, service string) job.Reason {
	t, ok := fabric.RouteTable(s, i.Subnet)
	if !ok {
		return job.Reason{Layer: "route-table", Rule: i.Subnet, Text: "subnet " + i.Subnet + " has no route table", Change: "AssociateRouteTable for " + i.Subnet}
	}
	how := "it is associated with " + i.Subnet
	if t.Main && !slices.ContainsFunc(t.Associations, func(a vpc.Association) bool { return a.Subnet == i.Subnet }) {
		how = "it is the main route table of " + s.VPC.ID + ", and " + i.Subnet + " has no other"
	}
	var ends []string
	for _, e := range s.Endpoints {
		if e.Type == "Gateway" && e.Service == service {
			ends = append(ends, e.ID)
		}
	}
	slices.Sort(ends)
	if len(ends) == 0 {
		return job.Reason{Layer: "endpoint", Rule: s.VPC.ID, Text: s.VPC.ID + " has no gateway endpoint for " + service + ", so route table " + t.ID + " has no route to it",
			Change: "CreateVpcEndpoint in " + s.VPC.ID + " for " + service + " with RouteTableIds " + t.ID}
	}
	return job.Reason{Layer: "route-table", Rule: t.ID, Text: "route table " + t.ID + " has no route to " + service + " (" + how + ")",
		Change: "ModifyVpcEndpoint " + ends[0] + " AddRouteTableIds " + t.ID}
}
